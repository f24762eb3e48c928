/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tc: the very egress program, compiled for this machine. Its own symbols are made local (sim.mk): XDP has the same. */
#include "bpf/baton_tc.bpf.c"

#include "tests/sim/maps_list.h"

void sim_tc_learn(void);
int sim_tc_run(struct __sk_buff *skb);

void sim_tc_learn(void)
{
	MAPS_OF_TC(LEARN_MAP)
}

int sim_tc_run(struct __sk_buff *skb)
{
	return baton_tc(skb);
}
