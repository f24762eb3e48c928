// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_tc: does our filter stand on an interface's way out?
 *
 * It needs no pin: clsact holds filter and program until somebody deletes them. Known by its place
 * (egress, preference 1, handle 1) and by the name that libbpf gives it, the program's, which a dump
 * shows to whoever has CAP_NET_ADMIN; looking a program up by its id would take CAP_SYS_ADMIN.
 * The clsact qdisc is shared with whoever else uses it, so it is made but never removed here.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "sys/nl.h"

#define TC_HANDLE	1
#define TC_PRIORITY	1
#define TC_PROGRAM	"baton_tc"
#define TCX_EGRESS	47	/* BPF_TCX_EGRESS: Debian 12 has no header with it */
#define TCX_MAX		16

struct filter {
	bool there;
	uint32_t prog_id;
	char name[64];		/* "baton_tc:[17]"; of another kind than bpf: the kind */
	bool behind;		/* another one is asked before it */
};

static void read_bpf(const struct nlattr *options, struct filter *f)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, options)
		if (mnl_attr_get_type(attr) == TCA_BPF_NAME)
			strncpy(f->name, mnl_attr_get_str(attr), sizeof(f->name) - 1);
		else if (mnl_attr_get_type(attr) == TCA_BPF_ID && mnl_attr_get_payload_len(attr) == sizeof(f->prog_id))
			f->prog_id = mnl_attr_get_u32(attr);
}

static int on_filter(const struct nlmsghdr *nlh, void *arg)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;
	struct filter *f = arg;

	if (nlh->nlmsg_type != RTM_NEWTFILTER || !tcm->tcm_handle)	/* 0: head of a preference */
		return MNL_CB_OK;
	if (tcm->tcm_handle != TC_HANDLE || TC_H_MAJ(tcm->tcm_info) >> 16 != TC_PRIORITY) {
		f->behind |= !f->there;	/* a dump has the order in which filters are asked */
		return MNL_CB_OK;
	}
	f->there = true;
	mnl_attr_for_each(attr, nlh, sizeof(*tcm))	/* TCA_KIND comes before TCA_OPTIONS */
		if (mnl_attr_get_type(attr) == TCA_KIND)
			strncpy(f->name, mnl_attr_get_str(attr), sizeof(f->name) - 1);
		else if (mnl_attr_get_type(attr) == TCA_OPTIONS)
			read_bpf(attr, f);
	return MNL_CB_OK;
}

static int dump_filters(struct nl *nl, uint32_t ifindex, struct filter *ret)
{
	uint8_t buf[256] = {};
	struct nlmsghdr *req = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(req, sizeof(*tcm));
	int err;

	req->nlmsg_type = RTM_GETTFILTER;
	tcm->tcm_ifindex = (int)ifindex;
	tcm->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS);
	do {
		*ret = (struct filter){};
		err = nl_dump(nl, req, on_filter, ret);
	} while (err == -EINTR);
	return err;
}

/* What stands at our place? */
static int find_filter(uint32_t ifindex, struct filter *ret)
{
	struct nl nl;
	int err = nl_open(&nl, NETLINK_ROUTE, 0);

	if (!err) {
		err = dump_filters(&nl, ifindex, ret);
		nl_close(&nl);
	}
	return err ? dp_fail(err, "interface %u: list tc filters", ifindex) : 0;
}

static bool is_ours(const struct filter *f)
{
	return !strncmp(f->name, TC_PROGRAM, strlen(TC_PROGRAM));
}

/* In one step for whoever runs the filters: the old one or the new one, never none. */
static int put_filter(uint32_t ifindex, int fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = fd, .flags = BPF_TC_F_REPLACE,
		    .handle = TC_HANDLE, .priority = TC_PRIORITY);
	int err = bpf_tc_attach(&hook, &opts);

	return err ? dp_fail(err, "interface %u: tc filter on egress", ifindex) : 0;
}

static uint32_t id_of(int fd)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) < 0 ? 0 : info.id;
}

static int make_clsact(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	int err = bpf_tc_hook_create(&hook);

	if (err && err != -EEXIST)
		return dp_fail(err, "interface %u: add qdisc clsact", ifindex);
	dp_hush();	/* that clsact was there already is nothing to report */
	return 0;
}

int dp_tc_attach(struct dp *dp, uint32_t ifindex)
{
	struct filter f;
	int err = make_clsact(ifindex);

	if (!err)
		err = find_filter(ifindex, &f);
	if (err)
		return err;
	if (f.there && !is_ours(&f))
		return dp_refuse(-EBUSY, "interface %u: tc filter %s stands at egress preference %u "
				 "handle %u and is not ours", ifindex, f.name, TC_PRIORITY, TC_HANDLE);
	if (f.there && f.prog_id && f.prog_id == id_of(dp->prog[DP_TC]))
		return 0;
	return put_filter(ifindex, dp->prog[DP_TC]);
}

int dp_tc_replace(uint32_t ifindex, int fd)
{
	struct filter f;
	int err = find_filter(ifindex, &f);

	return err || !f.there || !is_ours(&f) ? err : put_filter(ifindex, fd);
}

bool dp_tc_stands(uint32_t ifindex)
{
	struct filter f;

	return !find_filter(ifindex, &f) && f.there && is_ours(&f) && !f.behind;
}

int dp_tc_detach(uint32_t ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = TC_HANDLE, .priority = TC_PRIORITY);
	struct filter f;
	int err = find_filter(ifindex, &f);

	if (err || !f.there || !is_ours(&f))	/* gone with its interface, or somebody else's */
		return err;
	err = bpf_tc_detach(&hook, &opts);
	return err ? dp_fail(err, "interface %u: remove tc filter", ifindex) : 0;
}

int dp_tcx_before(uint32_t ifindex, char ret_name[DP_NAME_MAX])
{
	__u32 id[TCX_MAX], n = TCX_MAX, flags = 0;
	int err;

	ret_name[0] = '\0';
	if (!ifindex)
		return 0;
	err = bpf_prog_query((int)ifindex, (enum bpf_attach_type)TCX_EGRESS, 0, &flags, id, &n);
	if ((err && err != -ENOSPC) || !n)	/* ENOSPC: more than fit */
		return 0;
	dp_prog_name(id[0], ret_name);
	if (ret_name[0] == '?')
		snprintf(ret_name, DP_NAME_MAX, "id %u", id[0]);
	return (int)n;
}
