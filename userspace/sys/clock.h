/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock: what time is it since boot? The only place that asks.
 *
 * CLOCK_BOOTTIME, because bpf_ktime_get_boot_ns() counts the same and leases are compared with it
 * on both sides of a map; it goes on during suspend. No wall clock: a step must not move a role.
 */
#ifndef BATON_CLOCK_H
#define BATON_CLOCK_H

#include <stdint.h>

#define NS_PER_US	UINT64_C(1000)
#define NS_PER_MS	UINT64_C(1000000)
#define NS_PER_S	UINT64_C(1000000000)

uint64_t clock_now_ns(void);

/* 0, or -EXDEV when a time namespace shifts our CLOCK_BOOTTIME against the kernel's (time_namespaces(7)). */
int clock_check(void);

#endif
