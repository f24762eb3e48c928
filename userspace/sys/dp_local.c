// SPDX-License-Identifier: GPL-2.0-or-later
#include "sys/dp_local.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <arpa/inet.h>

#include "sys/dp_own.h"

#define OBJECT		"baton_lookup"
#define LINK_PIN	DP_LOCAL_PINS "link"
#define LO_HANDLE	0xba70	/* hardly anybody else's place */
#define LO_PRIORITY	0xba70

/* Maps that only this object has; the others are dp.c's. */
enum own { OWN_SOCKS, OWN_ROW, OWN_SEEN, OWN_PROBE, OWN__N };

static const struct {
	const char *name, *pin;
} own[OWN__N] = {
	[OWN_SOCKS] = { "local_socks", DP_LOCAL_PINS "socks" },
	[OWN_ROW] = { "ct_local_row", DP_LOCAL_PINS "row" },
	[OWN_SEEN] = { "st_local", DP_LOCAL_PINS "seen" },
	[OWN_PROBE] = { "local_probe", DP_LOCAL_PINS "probe" },
};

struct dp_local {
	struct dp *dp;
	struct bpf_object *obj;
	int map[OWN__N];
	struct dp_view roles, rows, seen;
};

/* ---- loading ------------------------------------------------------------------------------------- */

static int pin_path(const struct dp *dp, const char *name, char path[PATH_MAX])
{
	int err = dp_pin_path(path, dp->dir, name);

	return err ? dp_fail(err, "pin %s", name) : 0;
}

/* A pin of another make is of another build: it is made anew. */
static int take_found(const struct dp *dp, struct bpf_map *map, const char *pin)
{
	struct bpf_map_info is = {};
	__u32 len = sizeof(is);
	char path[PATH_MAX];
	int err = pin_path(dp, pin, path), fd = err ? -1 : bpf_obj_get(path);

	if (fd < 0)
		return err;
	if (!bpf_obj_get_info_by_fd(fd, &is, &len) && is.type == bpf_map__type(map) && is.value_size == bpf_map__value_size(map) &&
	    is.max_entries == bpf_map__max_entries(map))
		err = bpf_map__reuse_fd(map, fd) < 0 ? dp_fail(-errno, "%s", path) : 0;
	else if (unlink(path))
		err = dp_fail(-errno, "unpin %s", path);
	close(fd);
	return err;
}

static int own_index(const char *name)
{
	for (int i = 0; i < OWN__N; i++)
		if (!strcmp(own[i].name, name))
			return i;
	return -1;
}

static int take_map(const struct dp *dp, struct bpf_map *map)
{
	const char *name = bpf_map__name(map);
	int mine = own_index(name), shared = dp_map_index(name);

	if (bpf_map__is_internal(map))
		return 0;
	if (mine >= 0)
		return take_found(dp, map, own[mine].pin);
	if (shared < 0)		/* declared by a header, used by none of its programs */
		return bpf_map__set_autocreate(map, false);
	return bpf_map__reuse_fd(map, dp->map[shared]) < 0 ? dp_fail(-errno, "map %s", name) : 0;
}

static int pin_own(struct dp_local *l)
{
	int err = 0;

	for (int i = 0; i < OWN__N && !err; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(l->obj, own[i].name);
		char path[PATH_MAX];

		l->map[i] = map ? bpf_map__fd(map) : -ENOENT;
		err = l->map[i] < 0 ? dp_refuse(-ENOENT, "%s has no map %s", OBJECT, own[i].name) : pin_path(l->dp, own[i].pin, path);
		if (!err && bpf_obj_pin(l->map[i], path) < 0 && errno != EEXIST)
			err = dp_fail(-errno, "pin %s", path);
	}
	return err;
}

static int load(struct dp_local *l, const char *obj_dir)
{
	char path[PATH_MAX];
	struct bpf_map *map;
	int err = dp_pin_path(path, obj_dir, OBJECT ".bpf.o");

	if (err)
		return dp_fail(err, "object %s", OBJECT);
	l->obj = bpf_object__open_file(path, NULL);
	if (!l->obj)
		return dp_fail(-errno, "open %s", path);
	bpf_object__for_each_map(map, l->obj)
		if (!err)
			err = take_map(l->dp, map);
	if (!err && bpf_object__load(l->obj) < 0)
		err = dp_fail(-errno, "load %s", OBJECT);
	return err ? err : pin_own(l);
}

static int view(struct dp_view *v, int fd, size_t size, uint32_t entries)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len = (((size + 7) & ~7ul) * entries + page - 1) / page * page;
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return dp_fail(-errno, "mmap of a map of %s", OBJECT);
	*v = (struct dp_view){ at, len };
	return 0;
}

static int map_views(struct dp_local *l)
{
	int err = view(&l->roles, l->dp->map[DP_ct_local], sizeof(struct bt_local), BT_GROUPS_MAX);

	if (!err)
		err = view(&l->rows, l->map[OWN_ROW], sizeof(struct bt_local_row), BT_LOCAL_ROWS);
	return err ? err : view(&l->seen, l->map[OWN_SEEN], sizeof(struct bt_local_seen), BT_GROUPS_MAX);
}

/* ---- attaching ----------------------------------------------------------------------------------- */

static int program(const struct dp_local *l, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(l->obj, name);

	return prog ? bpf_program__fd(prog) : dp_refuse(-ENOENT, "%s has no program %s", OBJECT, name);
}

/* In one step: the old program or the new one answers, never none. */
static int renew_link(const char *path, int prog)
{
	int fd = bpf_obj_get(path), err;

	if (fd < 0)
		return -errno;
	err = bpf_link_update(fd, prog, NULL) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static int make_link(const char *path, int prog)
{
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd, err = 0;

	if (netns < 0)
		return dp_fail(-errno, "/proc/self/ns/net");
	fd = bpf_link_create(prog, netns, BPF_SK_LOOKUP, NULL);
	if (fd < 0)
		err = dp_fail(-errno, "attach %s to this network namespace", OBJECT);
	else if (bpf_obj_pin(fd, path) < 0)
		err = dp_fail(-errno, "pin %s", path);
	if (fd >= 0)
		close(fd);
	close(netns);
	return err;
}

/* A link of a namespace that is gone cannot be given a program. */
static int attach_lookup(struct dp_local *l)
{
	int prog = program(l, OBJECT), err;
	char path[PATH_MAX];

	if (prog < 0)
		return prog;
	err = pin_path(l->dp, LINK_PIN, path);
	if (err || !renew_link(path, prog))
		return err;
	if (unlink(path) && errno != ENOENT)
		return dp_fail(-errno, "unpin %s", path);
	return make_link(path, prog);
}

static int attach_lo(struct dp_local *l)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("lo"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .flags = BPF_TC_F_REPLACE, .handle = LO_HANDLE, .priority = LO_PRIORITY);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return dp_fail(err, "interface lo: add qdisc clsact");
	dp_hush();
	opts.prog_fd = program(l, "baton_lo");
	if (opts.prog_fd < 0)
		return opts.prog_fd;
	err = bpf_tc_attach(&hook, &opts);
	return err ? dp_fail(err, "interface lo: tc filter on egress") : 0;
}

/* Of whoever was killed while it asked: what comes from there would be nobody's. */
static int end_probe(const struct dp_local *l)
{
	static const struct bt_local_probe none;
	__u32 zero = 0;

	return bpf_map_update_elem(l->map[OWN_PROBE], &zero, &none, BPF_ANY) < 0 ? dp_fail(-errno, "map %s", own[OWN_PROBE].name) : 0;
}

int dp_local_open(struct dp_local **ret, struct dp *dp, const char *obj_dir)
{
	struct dp_local *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return dp_fail(-ENOMEM, "data path");
	dp_hush();
	l->dp = dp;
	err = load(l, obj_dir);
	if (!err)
		err = end_probe(l);
	if (!err)
		err = map_views(l);
	if (!err)
		err = attach_lookup(l);
	if (!err)
		err = attach_lo(l);
	if (err) {
		dp_local_close(l);
		return err;
	}
	*ret = l;
	return 0;
}

static void unmap(struct dp_view *v)
{
	if (v->at)
		munmap(v->at, v->len);
}

void dp_local_close(struct dp_local *l)
{
	if (!l)
		return;
	unmap(&l->roles);
	unmap(&l->rows);
	unmap(&l->seen);
	bpf_object__close(l->obj);
	free(l);
}

int dp_local_remove(struct dp *dp)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("lo"), .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = LO_HANDLE, .priority = LO_PRIORITY);
	int err = dp_unpin(dp, LINK_PIN);

	for (int i = 0; i < OWN__N && !err; i++)
		err = dp_unpin(dp, own[i].pin);
	(void)bpf_tc_detach(&hook, &opts);	/* gone already: well, too */
	dp_hush();
	return err;
}

void dp_local_prober(struct dp_local *l, struct dp_probe *ret)
{
	*ret = (struct dp_probe){ .map = l->map[OWN_PROBE], .pass = dp_pass_program(l->dp) };
}

/* ---- what is written and read --------------------------------------------------------------------- */

int dp_local_set_way(struct dp_local *l, const struct in6_addr *ip, uint16_t port, uint8_t proto, const struct bt_local_way *way)
{
	struct bt_local_key key = { .port = htons(port), .proto = proto };

	memcpy(key.ip, ip, sizeof(key.ip));
	return bpf_map_update_elem(l->dp->map[DP_cfg_local], &key, way, BPF_ANY) < 0 ? dp_fail(-errno, "set port %u", port) : 0;
}

volatile struct bt_local *dp_local_roles(struct dp_local *l)
{
	return l->roles.at;
}

volatile struct bt_local_seen *dp_local_seen(struct dp_local *l)
{
	return l->seen.at;
}

int dp_local_place(struct dp_local *l, uint32_t row, uint32_t server, uint32_t i, int fd)
{
	__u32 place = BT_LOCAL_PLACE(row, server, i);
	__u64 value = (__u32)fd;

	return bpf_map_update_elem(l->map[OWN_SOCKS], &place, &value, BPF_ANY) < 0 ? -errno : 0;
}

/* The number first: nobody looks beyond it. */
int dp_local_end(struct dp_local *l, uint32_t row, uint32_t server, uint32_t i)
{
	volatile struct bt_local_row *rows = l->rows.at;

	rows[row].n[server - 1] = i;
	for (; i < BT_LOCAL_SOCKS; i++) {
		__u32 place = BT_LOCAL_PLACE(row, server, i);

		if (bpf_map_delete_elem(l->map[OWN_SOCKS], &place) < 0 && errno != ENOENT && errno != EINVAL)
			return -errno;
	}
	return 0;
}

bool dp_local_has_any(struct dp_local *l, uint32_t row, uint32_t server)
{
	const volatile struct bt_local_row *rows = l->rows.at;
	uint32_t n = rows[row].n[server - 1];
	__u64 cookie;

	for (uint32_t i = 0; i < n && i < BT_LOCAL_SOCKS; i++) {
		__u32 place = BT_LOCAL_PLACE(row, server, i);

		if (!bpf_map_lookup_elem(l->map[OWN_SOCKS], &place, &cookie))
			return true;
	}
	return false;
}

int dp_local_know(struct dp_local *l, uint64_t cookie, uint32_t server)
{
	__u32 value = server;
	int map = l->dp->map[DP_ct_local_sock];

	if (!server)
		return bpf_map_delete_elem(map, &cookie) < 0 && errno != ENOENT ? -errno : 0;
	return bpf_map_update_elem(map, &cookie, &value, BPF_ANY) < 0 ? -errno : 0;
}

int dp_local_counts(struct dp_local *l, struct bt_count ret[BT_L__N])
{
	const struct bt_count *cpu = l ? l->dp->per_cpu : NULL;

	memset(ret, 0, BT_L__N * sizeof(*ret));
	for (__u32 i = 0; i < BT_L__N && l; i++) {
		if (bpf_map_lookup_elem(l->dp->map[DP_st_local_count], &i, l->dp->per_cpu) < 0)
			return dp_fail(-errno, "counters of %s", OBJECT);
		for (int c = 0; c < l->dp->n_cpus; c++) {
			ret[i].packets += cpu[c].packets;
			ret[i].bytes += cpu[c].bytes;
		}
	}
	return 0;
}
