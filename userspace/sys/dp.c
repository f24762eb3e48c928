// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp: in which order do the programs and their maps come and go?
 *
 * New:   load, fill meta, pin every map and both programs, meta last: its pin is the commit. A directory
 *        without it is what a crash left and is made anew.
 * Found: take maps and programs as they are pinned. Nothing is loaded, so it takes no time that a
 *        lease would notice; dp_renew() looks for newer programs later.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "sys/thread.h"

#define ROUND_UP(n, to)	(((n) + (to) - 1) / (to) * (to))

/* Per thread, as libbpf's print hook has no argument to find a struct dp by. */
static _Thread_local char why[512], said[256];

/* The first warning names the cause; those that follow tell what failed in consequence. */
static int on_print(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	static const char prefix[] = "libbpf: ";
	size_t skip = sizeof(prefix) - 1;

	if (level != LIBBPF_WARN || said[0])
		return 0;
	vsnprintf(said, sizeof(said), fmt, ap);
	said[strcspn(said, "\n")] = '\0';
	if (!strncmp(said, prefix, skip))
		memmove(said, said + skip, strlen(said + skip) + 1);
	return 0;
}

void dp_hush(void)
{
	said[0] = '\0';
}

int dp_refuse(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	dp_hush();
	return err;
}

int dp_fail(int err, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	n = strlen(why);
	snprintf(why + n, sizeof(why) - n, ": %s", said[0] ? said : strerror(-err));
	dp_hush();
	return err;
}

const char *dp_why(const struct dp *dp)
{
	(void)dp;
	return why;
}

const struct dp_map_make dp_map_makes[DP_MAP__N] = {
#define DP_MAKE(name, value, entries) { #name, sizeof(value), entries },
	DP_MAPS(DP_MAKE)
#undef DP_MAKE
};

const struct dp_prog_make dp_prog_makes[DP_PROG__N] = {
	[DP_XDP] = { "baton_xdp", "baton_xdp", "prog-xdp", "next-xdp" },
	[DP_TC] = { "baton_tc", "baton_tc", "prog-tc", "next-tc" },
};

int dp_map_index(const char *name)
{
	for (int i = 0; i < DP_MAP__N; i++)
		if (!strcmp(name, dp_map_makes[i].name))
			return i;
	return -1;
}

int dp_map_check(const struct dp *dp, enum dp_map i, int fd)
{
	const struct dp_map_make *want = &dp_map_makes[i];
	struct bpf_map_info is = {};
	__u32 len = sizeof(is);

	if (bpf_obj_get_info_by_fd(fd, &is, &len) < 0)
		return dp_fail(-errno, "%s/%s", dp->dir, want->name);
	if (is.value_size == want->value_size && (is.max_entries == want->entries || i == DP_st_replay))
		return 0;	/* the ring is as long as it was made */
	return dp_refuse(-EPROTO, "%s/%s has %u values of %u bytes, not %u of %u; another build made it",
			 dp->dir, want->name, is.max_entries, is.value_size, want->entries, want->value_size);
}

/* ---- what is pinned ---------------------------------------------------------------------------- */

static int get_pinned(const struct dp *dp, const char *name)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dp->dir, name), fd;

	if (err)
		return dp_fail(err, "pin %s", name);
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return dp_refuse(-EPROTO, "%s is missing; another build made the pins", path);
	return fd < 0 ? dp_fail(-errno, "%s", path) : fd;
}

static int take_maps(struct dp *dp)
{
	int err = 0;

	for (int i = 0; i < DP_MAP__N && !err; i++) {
		dp->map[i] = get_pinned(dp, dp_map_makes[i].name);
		err = dp->map[i] < 0 ? dp->map[i] : dp_map_check(dp, i, dp->map[i]);
	}
	return err;
}

static int take_programs(struct dp *dp)
{
	int fd = 0;

	for (int i = 0; i < DP_PROG__N && fd >= 0; i++) {
		fd = get_pinned(dp, dp_prog_makes[i].pin);
		dp->prog[i] = fd;
	}
	return fd < 0 ? fd : 0;
}

static int check_meta(const struct dp *dp, const struct bt_meta *meta, const char *version)
{
	if (meta->abi == BT_ABI && meta->layout == BT_LAYOUT_HASH)
		return 0;
	return dp_refuse(-EPROTO, "pins in %s were made by batond %.15s (ABI %u, layout %08x), this is %s "
			 "(ABI %u, layout %08x) and cannot go on with them; they serve until their lease ends. Start that "
			 "build again and stop it in order, or, when the peer serves, rm -r %s and start this one",
			 dp->dir, meta->version, meta->abi, meta->layout, version, BT_ABI, BT_LAYOUT_HASH, dp->dir);
}

static int find_or_make(struct dp *dp, const char *obj_dir, const char *version, uint32_t stages, bool *ret_found)
{
	struct bt_meta meta = {};
	int err = dp_pins_meta(dp, &meta);

	*ret_found = !err;
	if (err == -ENOENT)
		return dp_load_new(dp, obj_dir, version, stages);
	if (err)
		return dp_fail(err, "%s/meta is not a map of Baton's", dp->dir);
	return check_meta(dp, &meta, version);
}

static int map_view(struct dp_view *view, const struct dp *dp, enum dp_map map, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = ROUND_UP(ROUND_UP((size_t)dp_map_makes[map].value_size, 8) * dp_map_makes[map].entries, page);
	void *at = mmap(NULL, len, prot, MAP_SHARED, dp->map[map], 0);

	if (at == MAP_FAILED)
		return dp_fail(-errno, "mmap of map %s", dp_map_makes[map].name);
	*view = (struct dp_view){ at, len };
	return 0;
}

static int map_views(struct dp *dp)
{
	const int both = PROT_READ | PROT_WRITE;
	int err = map_view(&dp->word, dp, DP_st_word, both);

	if (!err)
		err = map_view(&dp->lease, dp, DP_ct_lease, both);
	if (!err)
		err = map_view(&dp->linger, dp, DP_st_linger, both);
	if (!err)
		err = map_view(&dp->drain, dp, DP_ct_drain, both);
	if (!err)
		err = map_view(&dp->rules, dp, DP_ct_rules, both);
	if (!err)
		err = map_view(&dp->watch, dp, DP_ct_watch, both);
	if (!err)	/* the kernel alone says what was heard */
		err = map_view(&dp->heard, dp, DP_st_heard, PROT_READ);
	if (!err)
		err = map_view(&dp->seen, dp, DP_st_seen, both);
	if (!err)
		err = map_view(&dp->steer, dp, DP_cfg_steer, both);
	if (!err)
		err = map_view(&dp->pools, dp, DP_cfg_pool, both);
	if (!err)
		err = map_view(&dp->pools_seen, dp, DP_st_pool_seen, PROT_READ);
	return err;
}

static int on_event(void *arg, void *data, size_t len)
{
	struct dp *dp = arg;

	if (len >= sizeof(struct bt_event))
		dp->event_fn(dp->event_arg, data);
	return 0;
}

/* All memory is got here, so that nothing on the event path can fail for want of it. */
static int make_room(struct dp *dp)
{
	dp->n_cpus = libbpf_num_possible_cpus();
	if (dp->n_cpus < 0)
		return dp_fail(dp->n_cpus, "number of CPUs");
	dp->per_cpu = calloc((size_t)dp->n_cpus, ROUND_UP(sizeof(struct bt_live), 8));
	if (!dp->per_cpu)
		return dp_fail(-ENOMEM, "counters of %d CPUs", dp->n_cpus);
	dp->ring = ring_buffer__new(dp->map[DP_ev_ring], on_event, dp, NULL);
	dp->trace = ring_buffer__new(dp->map[DP_ev_trace], dp_on_trace, dp, NULL);
	if (!dp->trace)
		return dp_fail(-errno, "map ev_trace");
	return dp->ring ? 0 : dp_fail(-errno, "map ev_ring");
}

static int take_parts(struct dp *dp)
{
	int err = take_maps(dp);

	if (!err)
		err = take_programs(dp);
	if (!err)
		err = map_views(dp);
	if (!err)
		err = make_room(dp);
	return err ? err : dp_replay_open(dp);
}

static struct dp *make_dp(void)
{
	struct dp *dp = calloc(1, sizeof(*dp));

	if (dp)
		dp->lock = dp->old_stages = -1;
	for (int i = 0; dp && i < DP_MAP__N; i++)
		dp->map[i] = -1;
	for (int i = 0; dp && i < DP_PROG__N; i++)
		dp->prog[i] = dp->old_prog[i] = -1;
	if (!dp || thread_mutex(&dp->attaching)) {
		free(dp);
		return NULL;
	}
	return dp;
}

int dp_open(struct dp **ret, const char *obj_dir, const char *pin_dir, const char *version, uint32_t stages, bool *ret_found)
{
	struct dp *dp = make_dp();
	bool found = false;
	int err;

	if (!dp)
		return dp_fail(-ENOMEM, "data path");
	dp_hush();
	libbpf_set_print(on_print);
	err = dp_pins_open(pin_dir);
	if (!err) {
		strcpy(dp->dir, pin_dir);	/* dp_pins_open() has measured it */
		dp->lock = dp_pins_lock(dp->dir);
		err = dp->lock < 0 ? dp->lock : find_or_make(dp, obj_dir, version, stages, &found);
	}
	if (!err)
		err = take_parts(dp);
	if (err) {
		dp_close(dp);
		return err;
	}
	*ret_found = found;
	*ret = dp;
	return 0;
}

static void unmap_view(struct dp_view *view)
{
	if (view->at)
		munmap(view->at, view->len);
	*view = (struct dp_view){};
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void dp_close(struct dp *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->trace);
	ring_buffer__free(dp->ring);
	free(dp->per_cpu);
	dp_replay_close(dp);
	unmap_view(&dp->pools_seen);
	unmap_view(&dp->pools);
	unmap_view(&dp->steer);
	unmap_view(&dp->heard);
	unmap_view(&dp->seen);
	unmap_view(&dp->rules);
	unmap_view(&dp->watch);
	unmap_view(&dp->drain);
	unmap_view(&dp->linger);
	unmap_view(&dp->lease);
	unmap_view(&dp->word);
	for (int i = 0; i < DP_MAP__N; i++)
		close_fd(dp->map[i]);
	for (int i = 0; i < DP_PROG__N; i++) {
		close_fd(dp->prog[i]);
		close_fd(dp->old_prog[i]);
	}
	close_fd(dp->old_stages);
	close_fd(dp->lock);
	free(dp);
}

static int detach_named(struct dp *dp, const char *name)
{
	uint32_t ifindex;

	return dp_link_name(name, &ifindex) ? dp_detach(dp, ifindex) : 0;
}

int dp_remove(struct dp *dp)
{
	int err = dp_pins_each(dp, detach_named);

	if (!err)
		err = dp_pins_discard(dp);
	if (!err && rmdir(dp->dir) < 0)
		err = dp_fail(-errno, "remove %s", dp->dir);
	return err;
}

_Atomic uint64_t *dp_words(struct dp *dp)
{
	return dp->word.at;
}

_Atomic uint64_t *dp_leases(struct dp *dp)
{
	return dp->lease.at;
}

_Atomic uint64_t *dp_lingers(struct dp *dp)
{
	return dp->linger.at;
}

volatile struct bt_drain *dp_drains(struct dp *dp)
{
	return dp->drain.at;
}

volatile struct bt_rules *dp_rules(struct dp *dp)
{
	return dp->rules.at;
}

void dp_set_drain(struct dp *dp, uint32_t slot, uint64_t word, uint64_t until_ns)
{
	volatile struct bt_drain *drain = &dp_drains(dp)[slot];

	if (drain->word != word) {
		__atomic_store_n(&drain->until_ns, 0, __ATOMIC_SEQ_CST);
		__atomic_store_n(&drain->word, word, __ATOMIC_SEQ_CST);
	}
	__atomic_store_n(&drain->until_ns, until_ns, __ATOMIC_SEQ_CST);
}

volatile struct bt_watch_own *dp_watch_own(struct dp *dp)
{
	return dp->watch.at;
}

const volatile struct bt_heard *dp_heard(struct dp *dp)
{
	return dp->heard.at;
}

const volatile struct bt_seen *dp_seen(struct dp *dp)
{
	return dp->seen.at;
}

void dp_forget_first(struct dp *dp, uint32_t slot)
{
	struct bt_seen *seen = dp->seen.at;

	__atomic_store_n(&seen[slot].first_ns, 0, __ATOMIC_SEQ_CST);
}
