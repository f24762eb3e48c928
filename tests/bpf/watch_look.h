/* SPDX-License-Identifier: GPL-2.0 */
/* watch_look: what the test and the program of tests/bpf/watch_look.bpf.c agree on. */
#ifndef TEST_WATCH_LOOK_H
#define TEST_WATCH_LOOK_H

#include <linux/types.h>

struct look_case {
	__u64 now;
	__u64 next;	/* when to look again, from now; 0: no more */
};

#endif
