/* SPDX-License-Identifier: GPL-2.0 */
/* sip_scan: what tests and the program of tests/bpf/sip_scan.bpf.c agree on. */
#ifndef TEST_SIP_SCAN_H
#define TEST_SIP_SCAN_H

#include "bpf/sip_quick.h"

#define SCAN_OFF	42	/* as behind Ethernet, IPv4 and UDP */

struct scan_case {
	struct sip_msg msg;
	__u32 end;
	__u32 quick;	/* enum sip_quick */
};

#endif
