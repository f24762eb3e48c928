// SPDX-License-Identifier: GPL-2.0-or-later
#include "sys/dp_own.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "sys/dp_replay.h"

#define HEAD	offsetof(struct bt_replay, frame)

static uint32_t wanted = 1;

void dp_replay_want(uint32_t slots)
{
	wanted = slots ? slots : 1;
}

uint32_t dp_replay_slots(const struct dp *dp)
{
	return dp->replay_slots;
}

/* Of an object that makes its maps anew. */
int dp_replay_size(struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, dp_map_makes[DP_st_replay].name);
	int err = map ? bpf_map__set_max_entries(map, wanted) : 0;

	return err ? dp_fail(err, "%u entries of st_replay", wanted) : 0;
}

static int view(struct dp_view *ret, int fd, size_t len, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at;

	len = (len + page - 1) / page * page;
	at = mmap(NULL, len, prot, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return dp_fail(-errno, "mmap of the replay ring");
	*ret = (struct dp_view){ at, len };
	return 0;
}

int dp_replay_open(struct dp *dp)
{
	struct bpf_map_info is = {};
	__u32 len = sizeof(is);
	int err;

	if (bpf_obj_get_info_by_fd(dp->map[DP_st_replay], &is, &len) < 0)
		return dp_fail(-errno, "map st_replay");
	err = view(&dp->replay, dp->map[DP_st_replay], (size_t)is.max_entries * sizeof(struct bt_replay), PROT_READ);
	if (!err)
		err = view(&dp->replay_at, dp->map[DP_st_replay_at], sizeof(struct bt_replay_at), PROT_READ | PROT_WRITE);
	dp->due = calloc((size_t)dp->n_cpus, sizeof(*dp->due));
	if (!err && !dp->due)
		err = dp_fail(-ENOMEM, "counters of %d CPUs", dp->n_cpus);
	dp->replay_slots = err ? 0 : is.max_entries;
	return err;
}

void dp_replay_close(struct dp *dp)
{
	if (dp->replay.at)
		munmap(dp->replay.at, dp->replay.len);
	if (dp->replay_at.at)
		munmap(dp->replay_at.at, dp->replay_at.len);
	free(dp->due);
	if (dp->pass > 0)
		close(dp->pass);
}

int dp_set_replay(struct dp *dp, uint64_t window_ns)
{
	struct bt_replay_own own = { .slots = window_ns ? dp->replay_slots : 0, .window_ns = window_ns };
	__u32 zero = 0;

	dp_hush();
	return bpf_map_update_elem(dp->map[DP_cfg_replay], &zero, &own, BPF_ANY) < 0 ? dp_fail(-errno, "set replay") : 0;
}

/* Nothing is sent while the way changes. */
int dp_set_receipt(struct dp *dp, uint32_t slot, const struct bt_receipt *way)
{
	static const struct bt_receipt none;

	dp_hush();
	if (bpf_map_update_elem(dp->map[DP_ct_receipt], &slot, &none, BPF_ANY) < 0 ||
	    bpf_map_update_elem(dp->map[DP_ct_receipt], &slot, way, BPF_ANY) < 0)
		return dp_fail(-errno, "set way of receipts");
	return 0;
}

void dp_replay_counts(const struct dp *dp, struct bt_replay_at *ret)
{
	const struct bt_replay_at *at = dp->replay_at.at;

	*ret = (struct bt_replay_at){
		.next = __atomic_load_n(&at->next, __ATOMIC_ACQUIRE), .kept = __atomic_load_n(&at->kept, __ATOMIC_RELAXED),
		.receipts = __atomic_load_n(&at->receipts, __ATOMIC_RELAXED),
		.too_long = __atomic_load_n(&at->too_long, __ATOMIC_RELAXED),
		.overrun = __atomic_load_n(&at->overrun, __ATOMIC_RELAXED),
	};
}

uint64_t dp_replay_next(const struct dp *dp)
{
	const struct bt_replay_at *at = dp->replay_at.at;

	return __atomic_load_n(&at->next, __ATOMIC_ACQUIRE);
}

uint64_t dp_replay_done(const struct dp *dp, uint32_t slot)
{
	const struct bt_replay_at *at = dp->replay_at.at;

	return __atomic_load_n(&at->done[slot], __ATOMIC_ACQUIRE);
}

void dp_replay_set_done(struct dp *dp, uint32_t slot, uint64_t number)
{
	struct bt_replay_at *at = dp->replay_at.at;

	__atomic_store_n(&at->done[slot], number, __ATOMIC_RELEASE);
}

/* Before and behind the copy the entry must have the same number: then nobody wrote to it meanwhile. */
static int copy(const struct dp *dp, uint64_t number, struct bt_replay *ret, size_t len)
{
	const struct bt_replay *e = (const struct bt_replay *)dp->replay.at + number % dp->replay_slots;
	uint64_t seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE);

	if (seq != number + 1)
		return seq > number + 1 ? -ENOENT : -EAGAIN;
	memcpy(ret, e, HEAD);
	if (len > HEAD && ret->len <= BT_REPLAY_FRAME)
		memcpy(ret->frame, e->frame, ret->len);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (__atomic_load_n(&e->seq, __ATOMIC_RELAXED) != number + 1)
		return -ENOENT;
	return ret->len <= BT_REPLAY_FRAME ? 0 : -EBADMSG;
}

int dp_replay_get(const struct dp *dp, uint64_t number, struct bt_replay *ret)
{
	return copy(dp, number, ret, sizeof(*ret));
}

int dp_replay_look(const struct dp *dp, uint64_t number, struct bt_replay *ret)
{
	return copy(dp, number, ret, HEAD);
}

static bool is_generic(const struct dp *dp, uint32_t ifindex)
{
	for (uint32_t i = 0; i < BT_DOORS_MAX; i++)
		if (dp->generic[i] == ifindex)
			return true;
	return false;
}

void dp_replay_door(struct dp *dp, uint32_t ifindex, bool generic)
{
	if (is_generic(dp, ifindex) == generic)
		return;
	for (uint32_t i = 0; i < BT_DOORS_MAX; i++) {
		if (dp->generic[i] != (generic ? 0 : ifindex))
			continue;
		dp->generic[i] = generic ? ifindex : 0;
		return;
	}
}

int dp_pass_program(struct dp *dp)
{
	static const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = dp->pass > 0 ? dp->pass : bpf_prog_load(BPF_PROG_TYPE_XDP, "baton_pass", "GPL", insns, 2, NULL);

	if (fd > 0)
		dp->pass = fd;
	return fd;
}

/* What a program run here lets by still meets generic XDP in the stack: there our program must not have seen it twice. */
int dp_replay_inject(struct dp *dp, const struct bt_replay *e)
{
	int prog = is_generic(dp, e->ifindex) ? dp_pass_program(dp) : dp->prog[DP_XDP];
	struct xdp_md ctx = { .data_end = e->len, .ingress_ifindex = e->ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = e->frame, .data_size_in = e->len, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .repeat = 1, .batch_size = 1, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	dp_hush();
	return prog < 0 || bpf_prog_test_run_opts(prog, &opts) < 0 ? dp_fail(-errno, "frame put before the gate") : 0;
}

uint64_t dp_replay_unanswered(struct dp *dp, uint32_t slot)
{
	const volatile struct bt_seen *seen = &dp_seen(dp)[slot];
	uint64_t wants = seen->wants, finals = seen->finals;

	if (bpf_map_lookup_elem(dp->map[DP_st_due], &slot, dp->due) < 0)
		return 0;
	for (int i = 0; i < dp->n_cpus; i++) {
		wants += dp->due[i].wants;
		finals += dp->due[i].finals;
	}
	return wants > finals ? wants - finals : 0;
}
