/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * when: which of two moments comes first? Deadlines are put together by it.
 *
 * Pure. Time: whatever both are in; UINT64_MAX is never.
 */
#ifndef BATON_WHEN_H
#define BATON_WHEN_H

#include <stdint.h>

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

#endif
