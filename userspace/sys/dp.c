// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp: in which order do the programs and their maps come and go?
 *
 * New:   load, fill meta, pin every map, meta last: its pin is the commit. A directory without it
 *        is what a crash left and is made anew.
 * Found: compare every pinned map with the object's, load the programs on top of them.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>

#include "sys/clock.h"

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

/* The first map that is not of libbpf's own making (.rodata and the like) after @prev. */
static struct bpf_map *next_map(const struct bpf_object *obj, const struct bpf_map *prev)
{
	struct bpf_map *map = bpf_object__next_map(obj, prev);

	while (map && bpf_map__is_internal(map))
		map = bpf_object__next_map(obj, map);
	return map;
}

/* Put the map behind @fd in place of @map if both are of one make. */
static int take_map(struct bpf_map *map, int fd, const char *dir)
{
	struct bpf_map_info is = {};
	__u32 len = sizeof(is);

	if (bpf_obj_get_info_by_fd(fd, &is, &len) < 0)
		return dp_fail(-errno, "%s/%s", dir, bpf_map__name(map));
	if (is.type != bpf_map__type(map) || is.key_size != bpf_map__key_size(map) ||
	    is.value_size != bpf_map__value_size(map) || is.map_flags != bpf_map__map_flags(map) ||
	    is.max_entries != bpf_map__max_entries(map))
		return dp_refuse(-EPROTO, "%s/%s: type %u key %u value %u entries %u flags %#x is not what "
				 "the object declares; another build made it", dir, bpf_map__name(map),
				 is.type, is.key_size, is.value_size, is.max_entries, is.map_flags);
	if (bpf_map__reuse_fd(map, fd) < 0)
		return dp_fail(-errno, "%s/%s", dir, bpf_map__name(map));
	return 0;
}

static int take_pinned_map(struct bpf_map *map, const char *dir)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dir, bpf_map__name(map)), fd;

	if (err)
		return dp_fail(err, "pin of map %s", bpf_map__name(map));
	fd = bpf_obj_get(path);
	if (fd < 0 && errno == ENOENT)
		return dp_refuse(-EPROTO, "%s is missing; another build made the pins", path);
	if (fd < 0)
		return dp_fail(-errno, "%s", path);
	err = take_map(map, fd, dir);
	close(fd);
	return err;
}

static int take_pinned(struct bpf_object *obj, const char *dir)
{
	int err = 0;

	for (struct bpf_map *m = next_map(obj, NULL); m && !err; m = next_map(obj, m))
		err = take_pinned_map(m, dir);
	return err;
}

/* Both programs must see one word, one lease, one liveness table. */
static int share_maps(struct bpf_object *from, struct bpf_object *to)
{
	struct bpf_map *same;
	int err = 0;

	for (struct bpf_map *m = next_map(to, NULL); m && !err; m = next_map(to, m)) {
		same = bpf_object__find_map_by_name(from, bpf_map__name(m));
		if (same)
			err = take_map(m, bpf_map__fd(same), "object");
	}
	return err;
}

static int load(struct bpf_object *obj)
{
	return bpf_object__load(obj) < 0 ? dp_fail(-errno, "load %s", bpf_object__name(obj)) : 0;
}

static int pin_map(const struct dp *dp, int fd, const char *name)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dp->dir, name);

	if (!err && bpf_obj_pin(fd, path) < 0)
		err = -errno;
	return err ? dp_fail(err, "pin %s/%s", dp->dir, name) : 0;
}

/* All but meta. A map of the second object that is pinned already is the first one's. */
static int pin_maps(const struct dp *dp, const struct bpf_object *obj, const struct bpf_object *pinned)
{
	const char *name;
	int err = 0;

	for (struct bpf_map *m = next_map(obj, NULL); m && !err; m = next_map(obj, m)) {
		name = bpf_map__name(m);
		if (strcmp(name, "meta") && !(pinned && bpf_object__find_map_by_name(pinned, name)))
			err = pin_map(dp, bpf_map__fd(m), name);
	}
	return err;
}

static int commit_meta(const struct dp *dp, const char *version)
{
	struct bt_meta meta = {
		.magic = BT_MAGIC, .abi = BT_ABI, .layout = BT_LAYOUT_HASH, .loaded_ns = clock_now_ns(),
	};
	struct bpf_map *map = bpf_object__find_map_by_name(dp->xdp_obj, "meta");
	__u32 zero = 0;

	if (!map)
		return dp_refuse(-ENOENT, "%s has no map meta", bpf_object__name(dp->xdp_obj));
	strncpy((char *)meta.version, version, sizeof(meta.version) - 1);
	if (bpf_map_update_elem(bpf_map__fd(map), &zero, &meta, BPF_ANY) < 0)
		return dp_fail(-errno, "map meta");
	return pin_map(dp, bpf_map__fd(map), "meta");
}

static int make_new(struct dp *dp, const char *version)
{
	int err = dp_pins_discard(dp);

	if (!err)
		err = load(dp->xdp_obj);
	if (!err)
		err = share_maps(dp->xdp_obj, dp->tc_obj);
	if (!err)
		err = load(dp->tc_obj);
	if (!err)
		err = pin_maps(dp, dp->xdp_obj, NULL);
	if (!err)
		err = pin_maps(dp, dp->tc_obj, dp->xdp_obj);
	return err ? err : commit_meta(dp, version);
}

static int take_over(struct dp *dp)
{
	int err = take_pinned(dp->xdp_obj, dp->dir);

	if (!err)
		err = take_pinned(dp->tc_obj, dp->dir);
	if (!err)
		err = load(dp->xdp_obj);
	return err ? err : load(dp->tc_obj);
}

static int check_meta(const struct dp *dp, const struct bt_meta *meta, const char *version)
{
	if (meta->abi == BT_ABI && meta->layout == BT_LAYOUT_HASH)
		return 0;
	return dp_refuse(-EPROTO, "pins in %s were made by batond %.15s (ABI %u, layout %08x), this is %s "
			 "(ABI %u, layout %08x); stop that batond in order, or remove the directory",
			 dp->dir, meta->version, meta->abi, meta->layout, version, BT_ABI, BT_LAYOUT_HASH);
}

static int find_or_make(struct dp *dp, const char *version, bool *ret_found)
{
	struct bt_meta meta = {};
	int err = dp_pins_meta(dp, &meta);

	*ret_found = !err;
	if (err == -ENOENT)
		return make_new(dp, version);
	if (err)
		return dp_fail(err, "%s/meta is not a map of Baton's", dp->dir);
	err = check_meta(dp, &meta, version);
	return err ? err : take_over(dp);
}

static int open_object(struct bpf_object **ret, const char *dir, const char *name)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dir, name);

	if (err)
		return dp_fail(err, "object %s", name);
	*ret = bpf_object__open_file(path, NULL);
	return *ret ? 0 : dp_fail(-errno, "open %s", path);
}

static int find_prog(int *ret_fd, const struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);

	if (!prog)
		return dp_refuse(-ENOENT, "%s has no program %s", bpf_object__name(obj), name);
	*ret_fd = bpf_program__fd(prog);
	return 0;
}

static int find_maps(struct dp *dp)
{
#define DP_NAME(name) #name,
	static const char *const names[DP_MAP__N] = { DP_MAPS(DP_NAME) };
#undef DP_NAME
	struct bpf_map *map;

	for (int i = 0; i < DP_MAP__N; i++) {
		map = bpf_object__find_map_by_name(dp->xdp_obj, names[i]);
		if (!map)
			map = bpf_object__find_map_by_name(dp->tc_obj, names[i]);
		if (!map)
			return dp_refuse(-ENOENT, "neither object has a map %s", names[i]);
		dp->map[i] = bpf_map__fd(map);
	}
	return 0;
}

static int map_view(struct dp_view *view, int fd, size_t value_size, int prot)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t len = ROUND_UP(ROUND_UP(value_size, 8) * BT_GROUPS_MAX, page);
	void *at = mmap(NULL, len, prot, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return dp_fail(-errno, "mmap of a map with values of %zu bytes", value_size);
	*view = (struct dp_view){ at, len };
	return 0;
}

static int map_views(struct dp *dp)
{
	int err = map_view(&dp->word, dp->map[DP_st_word], sizeof(__u64), PROT_READ | PROT_WRITE);

	if (!err)
		err = map_view(&dp->lease, dp->map[DP_ct_lease], sizeof(__u64), PROT_READ | PROT_WRITE);
	if (!err)
		err = map_view(&dp->linger, dp->map[DP_st_linger], sizeof(__u64), PROT_READ | PROT_WRITE);
	if (!err)	/* the kernel alone says what was heard */
		err = map_view(&dp->heard, dp->map[DP_st_heard], sizeof(struct bt_heard), PROT_READ);
	if (!err)
		err = map_view(&dp->seen, dp->map[DP_st_seen], sizeof(struct bt_seen), PROT_READ | PROT_WRITE);
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
	return dp->ring ? 0 : dp_fail(-errno, "map ev_ring");
}

static int find_parts(struct dp *dp)
{
	int err = find_prog(&dp->xdp_prog, dp->xdp_obj, "baton_xdp");

	if (!err)
		err = find_prog(&dp->tc_prog, dp->tc_obj, "baton_tc");
	if (!err)
		err = find_maps(dp);
	if (!err)
		err = map_views(dp);
	return err ? err : make_room(dp);
}

int dp_open(struct dp **ret, const char *obj_dir, const char *pin_dir, const char *version, bool *ret_found)
{
	struct dp *dp = calloc(1, sizeof(*dp));
	bool found = false;
	int err;

	if (!dp)
		return dp_fail(-ENOMEM, "data path");
	dp_hush();
	libbpf_set_print(on_print);
	err = dp_pins_open(pin_dir);
	if (!err) {
		strcpy(dp->dir, pin_dir);	/* dp_pins_open() has measured it */
		err = open_object(&dp->xdp_obj, obj_dir, "baton_xdp.bpf.o");
	}
	if (!err)
		err = open_object(&dp->tc_obj, obj_dir, "baton_tc.bpf.o");
	if (!err)
		err = find_or_make(dp, version, &found);
	if (!err)
		err = find_parts(dp);
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

void dp_close(struct dp *dp)
{
	if (!dp)
		return;
	ring_buffer__free(dp->ring);
	free(dp->per_cpu);
	unmap_view(&dp->heard);
	unmap_view(&dp->seen);
	unmap_view(&dp->linger);
	unmap_view(&dp->lease);
	unmap_view(&dp->word);
	bpf_object__close(dp->tc_obj);
	bpf_object__close(dp->xdp_obj);
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
