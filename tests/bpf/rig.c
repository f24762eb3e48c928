// SPDX-License-Identifier: GPL-2.0-or-later
#include "rig.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/siphash.h"

#define CPUS_MAX 64

static struct bpf_object *xdp, *tc;
static struct ring_buffer *ring;
static struct bt_event waiting;
static const char *const names[BT_GROUPS_MAX] = { "sip", "other" };

static const struct bt_node node = {
	.my_id = 1, .peer_id = 2, .pair_id = 7, .n_groups = 2, .n_paths = 3, .boot = RIG_BOOT,
	.key_in = { 0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL },
	.key_out = { 0xfeedfacecafebeefULL, 0x0123456789abcdefULL }, .interval_ns = RIG_INTERVAL_NS,
	.key_observe = { 0x1020304050607080ULL, 0x90a0b0c0d0e0f001ULL },
};

const struct bt_node *rig_node(void)
{
	return &node;
}

static int map_of(struct bpf_object *obj, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, name);

	CHECK(map, "no map %s", name);
	return bpf_map__fd(map);
}

int rig_map(const char *name)
{
	return map_of(xdp, name);
}

static void set(const char *map, const void *key, const void *value)
{
	int err = bpf_map_update_elem(rig_map(map), key, value, BPF_ANY);

	CHECK(!err, "%s: %s", map, strerror(errno));
}

static void get(const char *map, uint32_t i, void *ret)
{
	int err = bpf_map_lookup_elem(rig_map(map), &i, ret);

	CHECK(!err, "%s[%u]: %s", map, i, strerror(errno));
}

/* All of them; batond leaves out what no frame can come to. */
static void fill_stages(struct bpf_object *obj)
{
	static const char *const programs[BT_STAGE__N] = {
#define STAGE_PROGRAM(name, program) [BT_STAGE_##name] = #program,
		BT_STAGES(STAGE_PROGRAM)
#undef STAGE_PROGRAM
	};
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "stages");

	for (__u32 i = 0; map && i < BT_STAGE__N; i++) {
		int fd = bpf_program__fd(bpf_object__find_program_by_name(obj, programs[i]));

		CHECK(!bpf_map_update_elem(bpf_map__fd(map), &i, &fd, BPF_ANY), "stage %s: %s", programs[i], strerror(errno));
	}
}

static struct bpf_object *load(const char *which, struct bpf_object *maps)
{
	struct bpf_object *obj;
	struct bpf_map *map;
	char path[128];

	snprintf(path, sizeof(path), "build/bpf/baton_%s.bpf.o", which);
	obj = bpf_object__open(path);
	CHECK(obj, "%s: %s (run from the top, after make)", path, strerror(errno));
	bpf_object__for_each_map(map, obj) {
		struct bpf_map *same = maps ? bpf_object__find_map_by_name(maps, bpf_map__name(map)) : NULL;

		if (same && !bpf_map__is_internal(map))
			CHECK(!bpf_map__reuse_fd(map, bpf_map__fd(same)), "reuse %s", bpf_map__name(map));
	}
	map = bpf_object__find_map_by_name(obj, "st_replay");
	if (map)
		CHECK(!bpf_map__set_max_entries(map, RIG_REPLAY_SLOTS), "st_replay");
	CHECK(!bpf_object__load(obj), "%s does not load: %s", path, strerror(errno));
	fill_stages(obj);
	return obj;
}

struct bpf_object *rig_object(const char *which)
{
	return load(which, xdp);
}

static int keep_event(void *arg, void *data, size_t size)
{
	(void)arg;
	CHECK(size == sizeof(waiting), "event of %zu bytes", size);
	memcpy(&waiting, data, size);
	return -ECANCELED;	/* one at a time */
}

int rig_open(void **state)
{
	(void)state;
	xdp = load("xdp", NULL);
	tc = load("tc", xdp);
	ring = ring_buffer__new(rig_map("ev_ring"), keep_event, NULL, NULL);
	CHECK(ring, "ring: %s", strerror(errno));
	rig_reset();
	return 0;
}

int rig_close(void **state)
{
	(void)state;
	ring_buffer__free(ring);
	bpf_object__close(tc);
	bpf_object__close(xdp);
	return 0;
}

uint64_t rig_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec * RIG_SEC + t.tv_nsec;
}

__be32 rig_name_hash(uint32_t slot)
{
	static const __u64 zero[2];
	__u64 h = siphash(zero, names[slot], strlen(names[slot]));

	return htonl(h >> 32);
}

static void fill_groups(void)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct bt_group g = { .name_hash = rig_name_hash(i), .digest = htonl(RIG_DIGEST),
				      .health = PULSE_F_RUNNING | PULSE_F_VIP, .linger_ms = RIG_LINGER_MS };

		strcpy((char *)g.name, names[i]);
		set("cfg_group", &i, &g);
		set("cfg_gidx", &g.name_hash, &i);
	}
}

static void fill_vips(void)
{
	static const struct { const char *ip; struct bt_vip vip; } vips[] = {
		{ RIG_VIP4, { .group = 0, .index = RIG_V_SIP4 } }, { RIG_VIP6, { .group = 0,
				.index = RIG_V_SIP6 } },
		{ RIG_OTHER4, { .group = 1, .index = RIG_V_OTHER4 } }, { RIG_OTHER6, { .group = 1,
				.index = RIG_V_OTHER6 } },
	};
	struct in6_addr ip;

	for (size_t i = 0; i < sizeof(vips) / sizeof(vips[0]); i++) {
		packet_ip(vips[i].ip, &ip);
		if (strchr(vips[i].ip, ':'))
			set("cfg_vip6", &ip, &vips[i].vip);
		else
			set("cfg_vip4", ip.s6_addr + 12, &vips[i].vip);
	}
}

static void fill_node(void)
{
	static const char *const peers[] = { RIG_PEER4, RIG_PEER6, RIG_PEER4B };
	struct bt_node n = node;
	uint32_t zero = 0;

	n.pulse_port = htons(RIG_PORT);
	set("cfg_node", &zero, &n);
	for (uint32_t i = 0; i < 3; i++) {
		struct bt_path path = { .ifindex = 1 };
		struct in6_addr ip;

		packet_ip(peers[i], &ip);
		memcpy(path.peer, &ip, sizeof(path.peer));
		set("cfg_path", &i, &path);
	}
}

static void zero_array(const char *map, uint32_t entries)
{
	static uint8_t nothing[CPUS_MAX * 256];

	CHECK(libbpf_num_possible_cpus() <= CPUS_MAX, "more CPUs than this test knows");
	for (uint32_t i = 0; i < entries; i++)
		set(map, &i, nothing);
}

void rig_reset(void)
{
	struct bt_pair pair = { .nonce = RIG_NONCE };
	uint32_t zero = 0;

	zero_array("st_word", BT_GROUPS_MAX);
	zero_array("ct_lease", BT_GROUPS_MAX);
	zero_array("st_linger", BT_GROUPS_MAX);
	zero_array("st_heard", BT_GROUPS_MAX);
	zero_array("st_seen", BT_GROUPS_MAX);
	zero_array("st_listen", 4);
	zero_array("st_due", BT_GROUPS_MAX);
	zero_array("st_live", 8);
	zero_array("st_count", BT_X__N);
	zero_array("st_count_tc", BT_T__N);
	set("st_pair", &zero, &pair);
	fill_node();
	fill_groups();
	fill_vips();
	while (rig_event().kind)
		;
}

void rig_set_word(uint32_t slot, uint64_t word)
{
	set("st_word", &slot, &word);
}

void rig_set_lease(uint32_t slot, uint64_t until_ns)
{
	set("ct_lease", &slot, &until_ns);
}

void rig_set_linger(uint32_t slot, uint64_t until_ns)
{
	set("st_linger", &slot, &until_ns);
}

void rig_open_gate(uint32_t slot)
{
	rig_set_word(slot, BT_WORD(7, 1, BT_OPEN));
	rig_set_lease(slot, rig_now() + 60 * RIG_SEC);
}

uint64_t rig_word(uint32_t slot)
{
	uint64_t word;

	get("st_word", slot, &word);
	return word;
}

/* Sum over CPUs of @n u64 (the two time stamps of bt_live: the newest is near enough their sum here). */
static void get_sum(const char *map, uint32_t i, uint64_t *ret, size_t n)
{
	static uint64_t per_cpu[CPUS_MAX * 32];
	int cpus = libbpf_num_possible_cpus();

	get(map, i, per_cpu);
	memset(ret, 0, n * sizeof(*ret));
	for (int c = 0; c < cpus; c++)
		for (size_t k = 0; k < n; k++)
			ret[k] += per_cpu[c * n + k];
}

void rig_world(struct rig_world *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (uint32_t i = 0; i < BT_GROUPS_MAX; i++) {
		get("st_word", i, &ret->word[i]);
		get("ct_lease", i, &ret->lease[i]);
		get("st_linger", i, &ret->linger[i]);
		get("st_heard", i, &ret->heard[i]);
		get("st_seen", i, &ret->seen[i]);
	}
	for (uint32_t i = 0; i < 8; i++)
		get_sum("st_live", i, (uint64_t *)&ret->live[i], sizeof(ret->live[i]) / 8);
	get("st_pair", 0, &ret->pair);
}

const char *rig_world_diff(const struct rig_world *a, const struct rig_world *b)
{
#define DIFF(part) if (memcmp(&a->part, &b->part, sizeof(a->part))) return #part;
	DIFF(word) DIFF(lease) DIFF(linger) DIFF(heard) DIFF(seen) DIFF(live) DIFF(pair)
#undef DIFF
	return NULL;
}

const char *rig_xdp_name(uint32_t exit)
{
	static const char *const text[BT_X__N] = {
		"TOTAL",
#define NAME(name, verdict, what) #name,
		BT_XDP_EXITS(NAME)
#undef NAME
	};

	return exit < BT_X__N ? text[exit] : "?";
}

const char *rig_tc_name(uint32_t exit)
{
	static const char *const text[BT_T__N] = {
		"TOTAL",
#define NAME(name, verdict, what) #name,
		BT_TC_EXITS(NAME)
#undef NAME
	};

	return exit < BT_T__N ? text[exit] : "?";
}

/* Which exit moved between two readings of all counters: exactly one, by one frame, as the total did. */
static uint32_t moved(const uint64_t *before, const uint64_t *after, uint32_t n, uint32_t len)
{
	uint32_t exit = 0;

	CHECK(after[0] == before[0] + 1, "total moved by %d", (int)(after[0] - before[0]));
	CHECK(after[1] == before[1] + len, "total bytes moved by %d, not %u",
	      (int)(after[1] - before[1]), len);
	for (uint32_t i = 1; i < n; i++) {
		if (after[2 * i] == before[2 * i])
			continue;
		CHECK(after[2 * i] == before[2 * i] + 1 && !exit, "exits %u and %u moved", exit, i);
		CHECK(after[2 * i + 1] == before[2 * i + 1] + len, "bytes of exit %u", i);
		exit = i;
	}
	CHECK(exit, "no exit moved");
	return exit;
}

static void counts(const char *map, uint64_t *ret, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		get_sum(map, i, ret + 2 * i, 2);
}

int rig_prog(const char *which)
{
	struct bpf_program *prog;
	char name[32];

	snprintf(name, sizeof(name), "baton_%s", which);
	prog = bpf_object__find_program_by_name(strcmp(which, "tc") ? xdp : tc, name);
	CHECK(prog, "no program %s", name);
	return bpf_program__fd(prog);
}

uint32_t rig_run(int fd, const struct packet *in, struct packet *out)
{
	struct packet scratch = *in;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in->data, .data_size_in = in->len,
		    .data_out = scratch.data, .data_size_out = PACKET_MAX, .repeat = 1);
	int err = bpf_prog_test_run_opts(fd, &opts);

	CHECK(!err, "test run of %u bytes: %s", in->len, strerror(errno));
	scratch.len = opts.data_size_out;
	if (out)
		*out = scratch;
	return opts.retval;
}

uint32_t rig_xdp(const struct packet *in, struct packet *out, uint32_t *ret_verdict)
{
	static const uint32_t verdicts[BT_X__N] = {
#define VERDICT(name, verdict, text) [BT_X_##name] = verdict,
		BT_XDP_EXITS(VERDICT)
#undef VERDICT
	};
	uint64_t before[2 * BT_X__N], after[2 * BT_X__N];
	uint32_t verdict, exit;

	counts("st_count", before, BT_X__N);
	verdict = rig_run(rig_prog("xdp"), in, out);
	counts("st_count", after, BT_X__N);
	exit = moved(before, after, BT_X__N, in->len);
	CHECK(verdict == verdicts[exit], "verdict %u at %s", verdict, rig_xdp_name(exit));
	if (ret_verdict)
		*ret_verdict = verdict;
	return exit;
}

uint32_t rig_verdict(const struct packet *in, struct packet *out)
{
	return rig_run(rig_prog("xdp"), in, out);
}

void rig_xdp_counts(uint64_t ret[BT_X__N])
{
	uint64_t both[2 * BT_X__N];

	counts("st_count", both, BT_X__N);
	for (uint32_t i = 0; i < BT_X__N; i++)
		ret[i] = both[2 * i];
}

void rig_tc_counts(uint64_t ret[BT_T__N])
{
	uint64_t both[2 * BT_T__N];

	counts("st_count_tc", both, BT_T__N);
	for (uint32_t i = 0; i < BT_T__N; i++)
		ret[i] = both[2 * i];
}

void rig_local_counts(uint64_t ret[BT_L__N])
{
	uint64_t both[2 * BT_L__N];

	counts("st_local_count", both, BT_L__N);
	for (uint32_t i = 0; i < BT_L__N; i++)
		ret[i] = both[2 * i];
}

uint32_t rig_tc(const struct packet *in, int *ret_verdict)
{
	return rig_tc_frame(in, NULL, ret_verdict);
}

uint32_t rig_tc_frame(const struct packet *in, struct packet *out, int *ret_verdict)
{
	static const int verdicts[BT_T__N] = {
#define VERDICT(name, verdict, text) [BT_T_##name] = TC_ACT_##verdict,
		BT_TC_EXITS(VERDICT)
#undef VERDICT
	};
	uint64_t before[2 * BT_T__N], after[2 * BT_T__N];
	uint32_t exit;
	int verdict;

	counts("st_count_tc", before, BT_T__N);
	verdict = rig_run(rig_prog("tc"), in, out);
	counts("st_count_tc", after, BT_T__N);
	exit = moved(before, after, BT_T__N, in->len);
	CHECK(verdict == verdicts[exit], "verdict %d at %s", verdict, rig_tc_name(exit));
	if (ret_verdict)
		*ret_verdict = verdict;
	return exit;
}

struct bt_event rig_event(void)
{
	memset(&waiting, 0, sizeof(waiting));
	ring_buffer__consume(ring);
	return waiting;
}

struct rig_pulse rig_pulse(uint64_t seq)
{
	return (struct rig_pulse){
		.magic = PULSE_MAGIC, .version = PULSE_VERSION, .type = PULSE_PROBE, .pair_id = 7, .from = 2, .to = 1,
		.n_groups = 1, .seq = seq, .boot = RIG_PEER_BOOT, .to_boot = RIG_BOOT, .nonce = 0x77, .echo = RIG_NONCE,
		.heard_ms = 3, .key = { node.key_in[0], node.key_in[1] },
		.block = { { .name_hash = rig_name_hash(0), .digest = 0x0a0b0c0d,
			     .lease_left_us = 1000,
			     .resp_age_ms = 5, .flags = PULSE_F_KNOWN, .requests = 9,
			     .accept_age_us = 2000, .unanswered = 4 } },
	};
}

static void block_out(struct pulse_group *g, const struct rig_block *b)
{
	*g = (struct pulse_group){
		.name_hash = b->name_hash, .digest = htonl(b->digest), .word = htobe64(b->word),
		.echo = htobe64(b->echo), .lease_left_us = htonl(b->lease_left_us),
		.resp_age_ms = htonl(b->resp_age_ms), .flags = htonl(b->flags), .requests = htonl(b->requests),
		.accept_age_us = htonl(b->accept_age_us), .unanswered = htonl(b->unanswered),
	};
}

static void block_in(struct rig_block *b, const struct pulse_group *g)
{
	*b = (struct rig_block){
		.name_hash = g->name_hash, .digest = ntohl(g->digest), .word = be64toh(g->word),
		.echo = be64toh(g->echo), .lease_left_us = ntohl(g->lease_left_us),
		.resp_age_ms = ntohl(g->resp_age_ms), .flags = ntohl(g->flags), .requests = ntohl(g->requests),
		.accept_age_us = ntohl(g->accept_age_us), .unanswered = ntohl(g->unanswered),
	};
}

static __u64 sign(const __u64 key[2], const void *msg, uint32_t len)
{
	return siphash(key, (const uint8_t *)msg + 8, len - 8);
}

void rig_frame(struct packet *p, const struct rig_pulse *m, uint32_t path, int vlans)
{
	static const char *const from[] = { RIG_PEER4, RIG_PEER6, RIG_PEER4B };
	struct {
		struct pulse_head head;
		struct pulse_group group[PULSE_GROUPS_MAX + 1];
	} msg = { .head = {
		.magic = htons(m->magic), .version = m->version, .type = m->type, .pair_id = m->pair_id,
		.from = m->from, .to = m->to, .n_groups = m->n_groups, .seq = htobe64(m->seq),
		.boot = htobe64(m->boot), .to_boot = htobe64(m->to_boot), .nonce = htobe64(m->nonce),
		.echo = htobe64(m->echo), .heard_ms = htonl(m->heard_ms), .flags = htonl(m->flags),
	} };
	uint32_t n = m->n_groups <= PULSE_GROUPS_MAX ? m->n_groups : PULSE_GROUPS_MAX + 1;
	uint32_t len = PULSE_HEAD_BYTES + n * PULSE_GROUP_BYTES;

	for (uint32_t i = 0; i < n; i++)
		block_out(&msg.group[i], &m->block[i]);
	msg.head.mac = htobe64(sign(m->key, &msg, len));
	packet_make(p, &(struct packet_spec){ .from = from[path],
					      .to = path == 1 ? RIG_US6 : RIG_US4, .vlans = vlans,
					      .sport = 4999, .dport = RIG_PORT, .payload = &msg, .payload_len = len });
}

bool rig_answer(const struct packet *p, struct rig_pulse *ret)
{
	struct {
		struct pulse_head head;
		struct pulse_group group[PULSE_GROUPS_MAX];
	} msg;
	const struct pulse_head *h = &msg.head;
	uint32_t len;

	memcpy(&msg, p->data + p->payload,
	       sizeof(msg));	/* out of the frame: it is not aligned there */
	len = PULSE_HEAD_BYTES + h->n_groups * PULSE_GROUP_BYTES;
	if (h->n_groups > PULSE_GROUPS_MAX || p->payload + len > p->len)
		return false;
	*ret = (struct rig_pulse){
		.magic = ntohs(h->magic), .version = h->version, .type = h->type, .pair_id = h->pair_id,
		.from = h->from, .to = h->to, .n_groups = h->n_groups, .seq = be64toh(h->seq),
		.boot = be64toh(h->boot), .to_boot = be64toh(h->to_boot), .nonce = be64toh(h->nonce),
		.echo = be64toh(h->echo), .heard_ms = ntohl(h->heard_ms), .flags = ntohl(h->flags),
	};
	for (uint32_t i = 0; i < h->n_groups; i++)
		block_in(&ret->block[i], &msg.group[i]);
	return be64toh(h->mac) == sign(node.key_out, h, len);
}

struct bt_pair rig_pair(void)
{
	struct bt_pair pair;

	get("st_pair", 0, &pair);
	return pair;
}

void rig_believe(void)
{
	struct rig_pulse m = rig_pulse(1);
	struct packet p;
	uint32_t exit;

	rig_frame(&p, &m, 0, 0);
	exit = rig_xdp(&p, NULL, NULL);
	CHECK(exit == BT_X_PULSE_ANSWERED, "the peer's first probe: %s", rig_xdp_name(exit));
	while (rig_event().kind)
		;
}
