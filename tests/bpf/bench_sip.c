// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * bench_sip: what does the scanner alone cost, over a program that only passes?
 *
 * Prints one line `name ns` per message: the least of 15 runs of 4,000 repeats, less the least of `pass` in the same
 * rounds. What comes before and after in baton_steer: bench_xdp.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan.h"
#include "sip_texts.h"

#define RUNS	15
#define REPEAT	4000

static int case_of(const char *name, const char *text)
{
	uint32_t best = UINT32_MAX, base = UINT32_MAX, ns;
	struct sip_msg m = { .key = { 1, 2 }, .salt = 3 };

	for (int i = 0; i < RUNS; i++) {
		ns = scan_kernel("pass", text, strlen(text), &m, REPEAT);
		base = ns < base ? ns : base;
		ns = scan_kernel("scan", text, strlen(text), &m, REPEAT);
		best = ns < best ? ns : best;
	}
	printf("%-24s %d\n", name, (int)best - (int)base);
	return 0;
}

int main(void)
{
	scan_open();
	case_of("sip_invite_563", TEXT_INVITE);
	case_of("sip_call_id_after_800", TEXT_LATE);
	case_of("sip_1400_no_call_id", TEXT_NONE);
	case_of("sip_not_sip", "\x80\x12\x34 an RTP packet is no SIP, whatever comes behind its first byte");
	scan_close();
	return 0;
}
