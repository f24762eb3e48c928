/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scan: the scanner twice, in the kernel through BPF_PROG_TEST_RUN, and as it compiles for the host. */
#ifndef TEST_SCAN_H
#define TEST_SCAN_H

#include <stdint.h>
#include <stddef.h>

#include "sip_scan.h"

void scan_open(void);		/* tests/bpf/sip_scan.bpf.c; ends the program with a sentence if that does not load */
void scan_close(void);
/* @m: key and salt go in, what was read comes out. Returns the nanoseconds of one of @repeat runs of @prog. */
uint32_t scan_kernel(const char *prog, const void *text, size_t len, struct sip_msg *m, int repeat);
/* sip_quick() of both; they return what it says. */
enum sip_quick scan_kernel_quick(const void *text, size_t len, struct sip_msg *m);
enum sip_quick scan_host_quick(const void *text, size_t len, struct sip_msg *m);
void scan_host(const void *text, size_t len, struct sip_msg *m);

#endif
