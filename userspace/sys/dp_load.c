// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_load: how do object files become pinned maps and programs, and new programs work in place of old ones?
 *
 * Renewing: the new objects are loaded on the maps that are pinned, then every XDP link and tc filter is
 * given the new program in one step, then the programs' pins are renamed over the old ones. meta.programs is 0
 * meanwhile; if anything fails the old programs are put back. Program arrays belong to the entry that calls into
 * them: the new one brings its own, so that no frame sees half of either. The slots of stages that nobody wants stay empty.
 * Time:    the verifier takes tenths of a second: not for a thread that leases wait for.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "sys/clock.h"
#include "sys/file.h"

#define FNV_START	UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME	UINT64_C(0x100000001b3)

/* Both object files, opened. */
struct objects {
	struct bpf_object *obj[DP_PROG__N];
	uint64_t hash;		/* of both files; never 0 */
	uint32_t stages;	/* those of the entry that are loaded with it */
};

static const char *const stage_programs[BT_STAGE__N] = {
#define STAGE_PROGRAM(name, program) [BT_STAGE_##name] = #program,
	BT_STAGES(STAGE_PROGRAM)
#undef STAGE_PROGRAM
};

/* FNV-1a: tells one build from another, proves nothing. */
static uint64_t fold(uint64_t hash, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ data[i]) * FNV_PRIME;
	return hash;
}

/* Its length; @ret is to be freed. */
static ssize_t object_read(char **ret, int i, const char *dir)
{
	char name[64], path[PATH_MAX], *data = NULL;
	struct stat st = {};
	ssize_t n;
	int err;

	snprintf(name, sizeof(name), "%s.bpf.o", dp_prog_makes[i].object);
	err = dp_pin_path(path, dir, name);
	if (!err && (stat(path, &st) < 0 || !(data = malloc((size_t)st.st_size + 1))))
		err = -errno;
	n = err ? err : file_read(path, data, (size_t)st.st_size + 1);
	if (n < 0) {
		free(data);
		return dp_fail((int)n, "open %s/%s", dir, name);
	}
	*ret = data;
	return n;
}

static int object_open(struct objects *o, int i, const char *dir)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = dp_prog_makes[i].object);
	char *data;
	ssize_t n = object_read(&data, i, dir);

	if (n < 0)
		return (int)n;
	o->hash = fold(o->hash, (uint8_t *)data, (size_t)n);
	o->obj[i] = bpf_object__open_mem(data, (size_t)n, &opts);	/* keeps a copy of what it needs */
	n = o->obj[i] ? 0 : dp_fail(-errno, "open %s of %s", dp_prog_makes[i].object, dir);
	free(data);
	return (int)n;
}

static int check_stamp(const char *data, size_t n, const char *dir)
{
	const char *at = memmem(data, n, BT_STAMP_MARK, sizeof(BT_STAMP_MARK) - 1);
	struct bt_stamp stamp;

	if (!at || (size_t)(at - data) + sizeof(stamp) > n)
		return dp_refuse(-EPROTO, "%s: the objects there tell no ABI: another build's", dir);
	memcpy(&stamp, at, sizeof(stamp));
	if (stamp.abi == BT_ABI && stamp.layout == BT_LAYOUT_HASH)
		return 0;
	return dp_refuse(-EPROTO, "%s: the objects there are of ABI %u, layout %08x, the pins of ABI %u, layout %08x", dir,
			 stamp.abi, stamp.layout, BT_ABI, BT_LAYOUT_HASH);
}

int dp_objects_fit(const char *obj_dir)
{
	char *data;
	ssize_t n = object_read(&data, DP_XDP, obj_dir);

	if (n < 0)
		return (int)n;
	n = check_stamp(data, (size_t)n, obj_dir);
	free(data);
	return (int)n;
}

static int objects_open(struct objects *o, const char *dir)
{
	int err = 0;

	*o = (struct objects){ .hash = FNV_START };
	for (int i = 0; i < DP_PROG__N && !err; i++)
		err = object_open(o, i, dir);
	o->hash += !o->hash;
	return err;
}

static void objects_close(struct objects *o)
{
	for (int i = 0; i < DP_PROG__N; i++)
		bpf_object__close(o->obj[i]);
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
	    (is.max_entries != bpf_map__max_entries(map) && dp_map_index(bpf_map__name(map)) != DP_st_replay))
		return dp_refuse(-EPROTO, "%s/%s: type %u key %u value %u entries %u flags %#x is not what "
				 "the object declares; another build made it", dir, bpf_map__name(map),
				 is.type, is.key_size, is.value_size, is.max_entries, is.map_flags);
	if (bpf_map__reuse_fd(map, fd) < 0)
		return dp_fail(-errno, "%s/%s", dir, bpf_map__name(map));
	return 0;
}

/* ---- loading ------------------------------------------------------------------------------------- */

static bool is_wanted(const struct objects *o, uint32_t stage)
{
	return o->stages >> stage & 1;
}

static struct bpf_program *stage_of(const struct objects *o, uint32_t stage)
{
	return bpf_object__find_program_by_name(o->obj[DP_XDP], stage_programs[stage]);
}

/* The verifier follows no stage that is not wanted. */
static int choose_stages(const struct objects *o)
{
	for (uint32_t i = 0; i < BT_STAGE__N; i++) {
		struct bpf_program *prog = stage_of(o, i);

		if (!prog)
			return dp_refuse(-ENOENT, "%s has no program %s", bpf_object__name(o->obj[DP_XDP]), stage_programs[i]);
		if (bpf_program__set_autoload(prog, is_wanted(o, i)) < 0)
			return dp_fail(-errno, "choose %s", stage_programs[i]);
	}
	return 0;
}

static struct bpf_map *array_of_stages(const struct objects *o)
{
	const char *name = dp_map_makes[DP_stages].name;
	struct bpf_map *map = bpf_object__find_map_by_name(o->obj[DP_XDP], name);

	if (!map)
		(void)dp_refuse(-ENOENT, "%s has no map %s", bpf_object__name(o->obj[DP_XDP]), name);
	return map;
}

static int enter_stages(const struct objects *o)
{
	struct bpf_map *map = array_of_stages(o);

	if (!map)
		return -ENOENT;
	for (uint32_t i = 0; i < BT_STAGE__N; i++) {
		int fd = is_wanted(o, i) ? bpf_program__fd(stage_of(o, i)) : -1;

		if (is_wanted(o, i) && bpf_map_update_elem(bpf_map__fd(map), &i, &fd, BPF_ANY) < 0)
			return dp_fail(-errno, "map %s, %s", bpf_map__name(map), stage_programs[i]);
	}
	return 0;
}

static int load_object(const struct objects *o, int i)
{
	int err = i == DP_XDP ? choose_stages(o) : 0;

	if (!err && bpf_object__load(o->obj[i]) < 0)
		err = dp_fail(-errno, "load %s", bpf_object__name(o->obj[i]));
	return err || i != DP_XDP ? err : enter_stages(o);
}

static int program_of(const struct objects *o, int i)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(o->obj[i], dp_prog_makes[i].name);

	return prog ? bpf_program__fd(prog) :
	       dp_refuse(-ENOENT, "%s has no program %s", bpf_object__name(o->obj[i]), dp_prog_makes[i].name);
}

static int pin(const struct dp *dp, int fd, const char *name)
{
	char path[PATH_MAX];
	int err = dp_pin_path(path, dp->dir, name);

	if (fd < 0)
		return fd;
	if (!err && bpf_obj_pin(fd, path) < 0)
		err = -errno;
	return err ? dp_fail(err, "pin %s/%s", dp->dir, name) : 0;
}

/* ---- from nothing ------------------------------------------------------------------------------ */

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

/* All but meta. A map of the second object that is pinned already is the first one's. */
static int pin_maps(const struct dp *dp, const struct bpf_object *obj, const struct bpf_object *pinned)
{
	const char *name;
	int err = 0;

	for (struct bpf_map *m = next_map(obj, NULL); m && !err; m = next_map(obj, m)) {
		name = bpf_map__name(m);
		if (dp_map_index(name) < 0)
			err = dp_refuse(-EPROTO, "%s has a map %s that batond does not know", bpf_object__name(obj), name);
		else if (strcmp(name, "meta") && !(pinned && bpf_object__find_map_by_name(pinned, name)))
			err = pin(dp, bpf_map__fd(m), name);
	}
	return err;
}

static int commit_meta(const struct dp *dp, const struct objects *o, const char *version)
{
	struct bt_meta meta = {
		.magic = BT_MAGIC, .abi = BT_ABI, .layout = BT_LAYOUT_HASH, .loaded_ns = clock_now_ns(), .programs = o->hash,
	};
	struct bpf_map *map = bpf_object__find_map_by_name(o->obj[DP_XDP], "meta");
	__u32 zero = 0;

	if (!map)
		return dp_refuse(-ENOENT, "%s has no map meta", bpf_object__name(o->obj[DP_XDP]));
	strncpy((char *)meta.version, version, sizeof(meta.version) - 1);
	if (bpf_map_update_elem(bpf_map__fd(map), &zero, &meta, BPF_ANY) < 0)
		return dp_fail(-errno, "map meta");
	return pin(dp, bpf_map__fd(map), "meta");
}

static int load_both(struct objects *o)
{
	int err = dp_replay_size(o->obj[DP_XDP]);

	if (!err)
		err = load_object(o, DP_XDP);
	if (!err)
		err = share_maps(o->obj[DP_XDP], o->obj[DP_TC]);
	return err ? err : load_object(o, DP_TC);
}

static int pin_both(const struct dp *dp, const struct objects *o)
{
	int err = pin_maps(dp, o->obj[DP_XDP], NULL);

	if (!err)
		err = pin_maps(dp, o->obj[DP_TC], o->obj[DP_XDP]);
	for (int i = 0; i < DP_PROG__N && !err; i++)
		err = pin(dp, program_of(o, i), dp_prog_makes[i].pin);
	return err;
}

int dp_load_new(struct dp *dp, const char *obj_dir, const char *version, uint32_t stages)
{
	struct objects o;
	int err = objects_open(&o, obj_dir);

	o.stages = stages;
	if (!err)
		err = dp_pins_discard(dp);
	if (!err)
		err = load_both(&o);
	if (!err)
		err = pin_both(dp, &o);
	if (!err)
		err = commit_meta(dp, &o, version);
	objects_close(&o);
	return err;
}

/* ---- in place of what works --------------------------------------------------------------------- */

static int take_ours(struct dp *dp, struct bpf_object *obj)
{
	int err = 0, i;

	for (struct bpf_map *m = next_map(obj, NULL); m && !err; m = next_map(obj, m)) {
		i = dp_map_index(bpf_map__name(m));
		if (i == DP_stages)
			continue;
		err = i < 0 ? dp_refuse(-EPROTO, "%s has a map %s that the pins have not", bpf_object__name(obj), bpf_map__name(m))
			    : take_map(m, dp->map[i], dp->dir);
	}
	return err;
}

static int note_programs(struct dp *dp, uint64_t hash)
{
	struct bt_meta meta;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(dp->map[DP_meta], &zero, &meta) < 0)
		return dp_fail(-errno, "map meta");
	meta.programs = hash;
	return bpf_map_update_elem(dp->map[DP_meta], &zero, &meta, BPF_ANY) < 0 ? dp_fail(-errno, "map meta") : 0;
}

/* Pinned beside the old ones first: from then on only renaming is left. */
static int pin_next(struct dp *dp, const int fd[DP_PROG__N], int stages)
{
	int err = dp_unpin(dp, DP_STAGES_NEXT);

	if (!err)
		err = pin(dp, stages, DP_STAGES_NEXT);
	for (int i = 0; i < DP_PROG__N && !err; i++) {
		err = dp_unpin(dp, dp_prog_makes[i].next);
		if (!err)
			err = pin(dp, fd[i], dp_prog_makes[i].next);
	}
	return err;
}

static int pin_rename(const struct dp *dp, const char *from_name, const char *to_name)
{
	char from[PATH_MAX], to[PATH_MAX];
	int err = dp_pin_path(from, dp->dir, from_name);

	if (!err)
		err = dp_pin_path(to, dp->dir, to_name);
	if (!err && rename(from, to) < 0)
		err = -errno;
	return err ? dp_fail(err, "pin the new programs") : 0;
}

/* Stages last: without a pin they would be empty once we are gone, and the new entry works already. */
static int pin_over(struct dp *dp)
{
	int err = 0;

	for (int i = 0; i < DP_PROG__N && !err; i++)
		err = pin_rename(dp, dp_prog_makes[i].next, dp_prog_makes[i].pin);
	return err ? err : pin_rename(dp, DP_STAGES_NEXT, dp_map_makes[DP_stages].name);
}

/* Its pin may have been renamed over already: an entry and stages of two builds must not be found together. */
static void pin_again(struct dp *dp, int fd, const char *name)
{
	(void)dp_unpin(dp, name);
	(void)pin(dp, fd, name);
}

/* Back to what worked: what failed is told by whoever calls, so it must not be overwritten here. */
static void put_back(struct dp *dp)
{
	const int old[DP_PROG__N] = { dp->prog[DP_XDP], dp->prog[DP_TC] };

	(void)dp_replace_all(dp, old);
	for (int i = 0; i < DP_PROG__N; i++) {
		(void)dp_unpin(dp, dp_prog_makes[i].next);
		pin_again(dp, old[i], dp_prog_makes[i].pin);
	}
	(void)dp_unpin(dp, DP_STAGES_NEXT);
	pin_again(dp, dp->map[DP_stages], dp_map_makes[DP_stages].name);
}

static int replace(struct dp *dp, const int fd[DP_PROG__N], int stages)
{
	char said[512];
	int err = pin_next(dp, fd, stages);

	if (!err)
		err = dp_replace_all(dp, fd);
	if (!err)
		err = pin_over(dp);
	if (!err)
		return 0;
	snprintf(said, sizeof(said), "%s", dp_why(dp));
	put_back(dp);
	return dp_refuse(err, "%s", said);
}

static void keep(struct dp *dp, const int fd[DP_PROG__N], int stages)
{
	if (dp->old_stages >= 0)
		close(dp->old_stages);
	dp->old_stages = dp->map[DP_stages];
	dp->map[DP_stages] = stages;
	for (int i = 0; i < DP_PROG__N; i++) {
		if (dp->old_prog[i] >= 0)
			close(dp->old_prog[i]);
		dp->old_prog[i] = dp->prog[i];
		dp->prog[i] = fd[i];
	}
}

/* The object closes its own. */
static int another(int fd, const char *what)
{
	int copy = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return fd >= 0 && copy < 0 ? dp_fail(-errno, "another descriptor of %s", what) : copy;
}

static int stages_of(const struct objects *o)
{
	struct bpf_map *map = array_of_stages(o);

	return map ? another(bpf_map__fd(map), bpf_map__name(map)) : -ENOENT;
}

static int put_in_place(struct dp *dp, const struct objects *o)
{
	int fd[DP_PROG__N] = { -1, -1 }, stages = stages_of(o), err = stages < 0 ? stages : 0;

	for (int i = 0; i < DP_PROG__N && !err; i++) {
		fd[i] = another(program_of(o, i), dp_prog_makes[i].name);
		err = fd[i] < 0 ? fd[i] : 0;
	}
	pthread_mutex_lock(&dp->attaching);
	if (!err)
		err = note_programs(dp, 0);
	if (!err)
		err = replace(dp, fd, stages);
	if (!err)
		keep(dp, fd, stages);
	pthread_mutex_unlock(&dp->attaching);
	for (int i = 0; i < DP_PROG__N && err; i++)
		if (fd[i] >= 0)
			close(fd[i]);
	if (err && stages >= 0)
		close(stages);
	return err ? err : note_programs(dp, o->hash);
}

uint32_t dp_stages(const struct dp *dp)
{
	uint32_t set = 0;
	__u32 id;

	for (uint32_t i = 0; i < BT_STAGE__N; i++)
		if (!bpf_map_lookup_elem(dp->map[DP_stages], &i, &id))
			set |= UINT32_C(1) << i;
	return set;
}

/* A renewal that was killed between links and pins: the entry that works finds its stages by this pin alone. */
static int left_over(const struct dp *dp)
{
	char path[PATH_MAX];

	return dp_pin_path(path, dp->dir, DP_STAGES_NEXT) ? -1 : bpf_obj_get(path);
}

/* What stands is never given up: a configuration that is read meanwhile may go by it. */
int dp_renew(struct dp *dp, const char *obj_dir, uint32_t stages, bool *ret_changed)
{
	uint32_t stand = dp_stages(dp);
	struct bt_meta meta = {};
	struct objects o;
	int err, left;

	dp_hush();
	left = left_over(dp);
	err = objects_open(&o, obj_dir);
	o.stages = stages | stand;
	if (!err)	/* whoever was not restarted since another build was installed finds that one's */
		err = dp_objects_fit(obj_dir);
	if (!err)
		err = dp_pins_meta(dp, &meta);
	*ret_changed = !err && (meta.programs != o.hash || stages & ~stand);
	for (int i = 0; i < DP_PROG__N && !err && *ret_changed; i++) {
		err = take_ours(dp, o.obj[i]);
		if (!err)
			err = load_object(&o, i);
	}
	if (!err && *ret_changed)
		err = put_in_place(dp, &o);
	objects_close(&o);
	if (left >= 0)
		close(left);
	return err;
}
