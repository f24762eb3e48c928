// SPDX-License-Identifier: GPL-2.0-or-later
#include "sys/dp_probe.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <bpf/bpf.h>
#include <net/ethernet.h>

#include "baton_abi.h"
#include "sys/clock.h"
#include "sys/inject.h"

#define FRAME_MAX	128
#define LOOK_NS		1000000

static const char nothing[] = "\r\n\r\n";	/* RFC 5626, 3.5.1: whoever gets it all the same does nothing */

static int put_before_the_stack(int pass, const struct dp_probe_way *way)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&way->to.ip);
	struct ether_header eth = { .ether_type = htons(v4 ? ETHERTYPE_IP : ETHERTYPE_IPV6) };
	uint8_t frame[FRAME_MAX];
	size_t len = inject_make(&way->from, &way->to, nothing, sizeof(nothing) - 1, frame + sizeof(eth), sizeof(frame) - sizeof(eth));
	struct xdp_md ctx = { .data_end = (uint32_t)(sizeof(eth) + len), .ingress_ifindex = way->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = ctx.data_end, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1, .batch_size = 1, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	memcpy(eth.ether_dhost, way->mac, sizeof(eth.ether_dhost));
	memcpy(eth.ether_shost, way->mac, sizeof(eth.ether_shost));
	memcpy(frame, &eth, sizeof(eth));
	return bpf_prog_test_run_opts(pass, &opts) < 0 ? -errno : 0;
}

/* Mostly at once: it has come in when the call returns. */
static int wait_seen(int map)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	uint64_t until = clock_now_ns() + DP_PROBE_NS;
	struct bt_local_probe is;
	uint32_t zero = 0;

	for (;;) {
		bool late = clock_now_ns() >= until;

		if (bpf_map_lookup_elem(map, &zero, &is) < 0)
			return -errno;
		if (is.seen || late)
			return is.seen > 0;
		nanosleep(&pause, NULL);
	}
}

int dp_probe_run(const struct dp_probe *p, const struct dp_probe_way *way)
{
	struct bt_local_probe asked = { .port = htons(way->from.port) };
	static const struct bt_local_probe none;
	uint32_t zero = 0;
	int seen;

	memcpy(asked.from, &way->from.ip, sizeof(asked.from));
	if (bpf_map_update_elem(p->map, &zero, &asked, BPF_ANY) < 0)
		return -errno;
	seen = put_before_the_stack(p->pass, way);
	if (!seen)
		seen = wait_seen(p->map);
	(void)bpf_map_update_elem(p->map, &zero, &none, BPF_ANY);
	return seen;
}
