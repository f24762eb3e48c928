// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_attach: which interface runs our programs, and how?
 *
 * XDP hangs on a bpf_link whose pin keeps it in place when the controller dies. A link found alive
 * is given the new program in one step and in its old mode, so no frame meets an empty hook and no
 * driver restarts its queues. The tc filter on the way out: dp_tc.c.
 */
#include "sys/dp_own.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/if_link.h>
#include <net/if.h>

#define LINKS_MAX	64	/* far more than interfaces can be configured */

/* "eth0", or "#7" when no interface has that number any more. */
static const char *name_of(uint32_t ifindex, char name[IF_NAMESIZE])
{
	if (!if_indextoname(ifindex, name))
		snprintf(name, IF_NAMESIZE, "#%u", ifindex);
	return name;
}

static int link_path(char path[PATH_MAX], const struct dp *dp, uint32_t ifindex)
{
	char name[32];

	snprintf(name, sizeof(name), "link-%u", ifindex);
	return dp_pin_path(path, dp->dir, name);
}

void dp_prog_name(__u32 id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	strcpy(name, "?");
	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
		memcpy(name, info.name, BPF_OBJ_NAME_LEN);
	if (fd >= 0)
		close(fd);
}

struct hook {
	enum dp_mode mode;
	__u32 prog_id;		/* 0: none, or one in each mode */
};

/* What does the interface itself say? */
static int read_hook(uint32_t ifindex, struct hook *ret)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, q);
	char name[IF_NAMESIZE];
	int err = bpf_xdp_query((int)ifindex, 0, &q);

	if (err)
		return dp_fail(err, "%s: query XDP", name_of(ifindex, name));
	*ret = (struct hook){ .prog_id = q.prog_id };
	if (q.attach_mode == XDP_ATTACHED_SKB)
		ret->mode = DP_GENERIC;
	else if (q.attach_mode != XDP_ATTACHED_NONE)
		ret->mode = DP_NATIVE;
	return 0;
}

/* Descriptor of the pinned link that sits on @ifindex, -ENOENT if none does; a dead one is unpinned. */
static int find_link(const struct dp *dp, uint32_t ifindex)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[PATH_MAX];
	int err = link_path(path, dp, ifindex), fd;

	if (err)
		return dp_fail(err, "pin of link %u", ifindex);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? -ENOENT : dp_fail(-errno, "%s", path);
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
	    info.xdp.ifindex == ifindex)
		return fd;
	close(fd);	/* the interface went away, and took the attachment with it */
	return unlink(path) < 0 ? dp_fail(-errno, "unpin %s", path) : -ENOENT;
}

static int check_free(uint32_t ifindex, const struct hook *hook)
{
	char name[IF_NAMESIZE], prog[BPF_OBJ_NAME_LEN];

	if (hook->mode == DP_OFF)
		return 0;
	dp_prog_name(hook->prog_id, prog);
	return dp_refuse(-EBUSY, "%s: XDP program %s (id %u) is attached and not ours; see bpftool net",
			 name_of(ifindex, name), prog, hook->prog_id);
}

/* The kernel gives a bare number here; its words go to a trace point alone. */
static const char *advice(int err, enum dp_mode mode)
{
	if (mode == DP_GENERIC)
		return "XDP is refused even in generic mode";
	switch (-err) {
	case EOPNOTSUPP:
		return "driver without native XDP, or LRO is on (ethtool -K IF lro off)";
	case ERANGE:
	case EINVAL:
	case E2BIG:
		return "MTU too big for native XDP (veth: that of the peer counts, 3506 at most), "
		       "or an offload in its way (ethtool -K IF lro off rx-gro-hw off)";
	case ENOMEM:
	case ENOSPC:
		return "too few queues or buffers (ethtool -l IF, ethtool -g IF)";
	case EPERM:
		return "needs CAP_NET_ADMIN and CAP_BPF";
	default:
		return "native XDP refused";
	}
}

static int create_link(struct dp *dp, uint32_t ifindex, enum dp_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == DP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
	char name[IF_NAMESIZE], path[PATH_MAX];
	int err = link_path(path, dp, ifindex), fd;

	if (err)
		return dp_fail(err, "pin of link %u", ifindex);
	fd = bpf_link_create(dp->prog[DP_XDP], (int)ifindex, BPF_XDP, &opts);
	if (fd < 0) {
		err = -errno;
		return dp_refuse(err, "%s: %s: %s", name_of(ifindex, name), advice(err, mode),
				 strerror(-err));
	}
	if (bpf_obj_pin(fd, path) < 0)	/* closing the unpinned link detaches it again */
		err = dp_fail(-errno, "pin %s", path);
	close(fd);
	return err;
}

/* Would generic XDP help, or is something else wrong? */
static bool is_about_native(int err)
{
	return err && err != -EBUSY && err != -EEXIST && err != -EPERM && err != -ENODEV &&
	       err != -ENAMETOOLONG;
}

static int attach_xdp_new(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any)
{
	int err = create_link(dp, ifindex, any ? DP_NATIVE : want);

	return any && is_about_native(err) ? create_link(dp, ifindex, DP_GENERIC) : err;
}

/* Going from one mode to the other would leave the interface without a gate meanwhile. */
static int check_mode(uint32_t ifindex, enum dp_mode is, enum dp_mode want, bool any)
{
	char name[IF_NAMESIZE];

	if (any || is == want)
		return 0;
	return dp_refuse(-EBUSY, "%s: attached in %s mode; stop batond in order to change it",
			 name_of(ifindex, name), is == DP_GENERIC ? "generic" : "native");
}

static int update_link(int fd, uint32_t ifindex, int prog)
{
	char name[IF_NAMESIZE];

	if (bpf_link_update(fd, prog, NULL) < 0)
		return dp_fail(-errno, "%s: put the new program in place of the old",
			       name_of(ifindex, name));
	return 0;
}

static bool is_ours(const struct hook *hook, int prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return hook->prog_id && !bpf_obj_get_info_by_fd(prog, &info, &len) && info.id == hook->prog_id;
}

static int attach_xdp(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, bool *ret_new)
{
	int fd = find_link(dp, ifindex), err;
	struct hook hook;

	if (fd < 0 && fd != -ENOENT)
		return fd;
	err = read_hook(ifindex, &hook);
	if (!err)
		err = fd < 0 ? check_free(ifindex, &hook) : check_mode(ifindex, hook.mode, want, any);
	if (!err)
		err = fd < 0 ? attach_xdp_new(dp, ifindex, want, any) :
		      is_ours(&hook, dp->prog[DP_XDP]) ? 0 : update_link(fd, ifindex, dp->prog[DP_XDP]);
	if (!err)
		*ret_new = fd < 0;
	if (fd >= 0)
		close(fd);
	return err;
}

static int detach_xdp(struct dp *dp, uint32_t ifindex)
{
	char path[PATH_MAX];
	int fd = find_link(dp, ifindex), err = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	if (bpf_link_detach(fd) < 0)	/* at once; unpinning alone would do it some time later */
		err = dp_fail(-errno, "detach link %u", ifindex);
	close(fd);
	if (!err)
		err = link_path(path, dp, ifindex);
	if (!err && unlink(path) < 0)
		err = dp_fail(-errno, "unpin %s", path);
	return err;
}

static int attach_both(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode)
{
	struct hook hook = {};
	bool is_new = false;
	int err = attach_xdp(dp, ifindex, want, any, &is_new);

	if (err)
		return err;
	err = read_hook(ifindex, &hook);
	if (!err)
		err = dp_tc_attach(dp, ifindex);
	if (err && is_new)
		(void)detach_xdp(dp, ifindex);	/* half a data path guards nothing */
	if (err)
		return err;
	dp_replay_door(dp, ifindex, hook.mode == DP_GENERIC);
	*ret_mode = hook.mode;
	return 0;
}

int dp_attach(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode)
{
	int err;

	dp_hush();
	pthread_mutex_lock(&dp->attaching);
	err = attach_both(dp, ifindex, want, any, ret_mode);
	pthread_mutex_unlock(&dp->attaching);
	return err;
}

int dp_detach(struct dp *dp, uint32_t ifindex)
{
	int err;

	dp_hush();
	pthread_mutex_lock(&dp->attaching);
	err = dp_tc_detach(ifindex);
	if (!err)
		err = detach_xdp(dp, ifindex);
	pthread_mutex_unlock(&dp->attaching);
	return err;
}

/* ---- other programs in place of those that work ---------------------------------------------- */

static int replace_xdp(struct dp *dp, uint32_t ifindex, int prog)
{
	int link = find_link(dp, ifindex), err;

	if (link < 0)
		return link == -ENOENT ? 0 : link;	/* it went with its interface */
	err = update_link(link, ifindex, prog);
	close(link);
	return err;
}

/* Those that went with their interfaces are no longer pinned then. */
static int unpin_dead(struct dp *dp, const char *name)
{
	uint32_t ifindex;
	int fd = dp_link_name(name, &ifindex) ? find_link(dp, ifindex) : -ENOENT;

	if (fd >= 0)
		close(fd);
	return fd < 0 && fd != -ENOENT ? fd : 0;
}

static int listed(struct dp *dp, uint32_t *list, uint32_t max)
{
	int err = dp_pins_each(dp, unpin_dead);
	struct dirent *entry;
	uint32_t n = 0, one;
	DIR *d;

	if (err)
		return err;
	d = opendir(dp->dir);
	if (!d)
		return dp_fail(-errno, "pin-dir %s", dp->dir);
	for (; (entry = readdir(d)); n += dp_link_name(entry->d_name, &one))
		if (n < max && dp_link_name(entry->d_name, &one))
			list[n] = one;
	closedir(d);
	return n <= max ? (int)n : dp_refuse(-E2BIG, "pin-dir %s holds more than %u links", dp->dir, max);
}

int dp_replace_all(struct dp *dp, const int fd[DP_PROG__N])
{
	uint32_t ifindex[LINKS_MAX];
	int n = listed(dp, ifindex, LINKS_MAX), err = 0;

	for (int i = 0; i < n && !err; i++) {
		err = replace_xdp(dp, ifindex[i], fd[DP_XDP]);
		if (!err)
			err = dp_tc_replace(ifindex[i], fd[DP_TC]);
	}
	return n < 0 ? n : err;
}
