/* SPDX-License-Identifier: GPL-2.0 */
/* steering_abi: what steering.bpf.c is told before it is loaded; the same for both compilers. */
#ifndef BENCH_STEERING_ABI_H
#define BENCH_STEERING_ABI_H

#include <linux/types.h>

#define BENCH_HEADERS	42	/* Ethernet, IPv4, UDP */

struct bench_given {
	__u8 node_mac[6], server_mac[6];
	__u8 headers[BENCH_HEADERS];	/* of a generated frame */
	__u8 zero[2];
	__be32 own_ip;			/* who sends from elsewhere is a stranger */
	__u32 call_id_off;		/* in the frame: of its first eight characters */
};

#endif
