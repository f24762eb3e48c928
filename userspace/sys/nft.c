/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/nft_own.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>

#include "sys/clock.h"

#define FIXED_BYTES	(128 * 1024)	/* all but the VIPs: three tables, 16 groups */
#define VIP_BYTES	(NFT_FAMILIES * 128)	/* one element of a verdict map in each table */
#define MESSAGE_MAX	32768

/* ---- one batch -------------------------------------------------------------------------------- */

/* The message put last has grown since; without room for one more the batch is refused as a whole. */
static void close_last(struct nft *nft)
{
	const struct nlmsghdr *last = (void *)(nft->buf + nft->len);

	if (nft->len + MESSAGE_MAX < nft->cap && last->nlmsg_len)
		nft->len += MNL_ALIGN(last->nlmsg_len);
}

static struct nlmsghdr *room(struct nft *nft)
{
	struct nlmsghdr *nlh;

	close_last(nft);
	nlh = (void *)(nft->buf + nft->len);
	nlh->nlmsg_len = 0;
	return nlh;
}

struct nlmsghdr *nft_put(struct nft *nft, uint16_t type, uint16_t family, uint16_t flags)
{
	char *at = (char *)room(nft);

	return nftnl_nlmsg_build_hdr(at, type, family, flags, ++nft->seq);
}

void nft_begin(struct nft *nft)
{
	nft->len = 0;
	nft->sets = 0;
	((struct nlmsghdr *)nft->buf)->nlmsg_len = 0;
	nft->first = ++nft->seq;
	nftnl_batch_begin(nft->buf, nft->first);
}

struct answer {
	uint32_t first, last;
	mnl_cb_t each;		/* what comes that is no acknowledgement */
	void *arg;
	bool done;
	int err;
};

/*
 * A batch is answered once it is committed or given up: each of its errors, then the acknowledgement of the
 * last message. An error of the first, the batch's own beginning, speaks of the whole, and may stand alone.
 */
static int on_answer(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	struct answer *a = arg;

	if (nlh->nlmsg_seq < a->first || nlh->nlmsg_seq > a->last)
		return MNL_CB_OK;	/* the late answer to an earlier batch */
	if (nlh->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return a->each ? a->each(nlh, a->arg) : MNL_CB_OK;
	if (e->error && !a->err)
		a->err = e->error;
	if (nlh->nlmsg_seq == a->last || (nlh->nlmsg_seq == a->first && e->error))
		a->done = true;
	return MNL_CB_OK;
}

static int collect(struct nft *nft, struct answer *a)
{
	uint64_t end = clock_now_ns() + NFT_DEADLINE_MS * NS_PER_MS, now;
	struct pollfd pfd = { .fd = nl_fd(&nft->ask), .events = POLLIN };
	int err = 0;

	while (!a->done && (now = clock_now_ns()) < end && !err) {
		if (poll(&pfd, 1, (int)((end - now) / NS_PER_MS) + 1) < 0 && errno != EINTR)
			return -errno;
		err = nl_events(&nft->ask, on_answer, a);
		if (err == -EPERM)	/* a stranger's message, dropped */
			err = 0;
	}
	return a->done ? a->err : err ? err : -EAGAIN;
}

/* After -EAGAIN the answer may still come: only a new socket is in step again. */
static void reopen(struct nft *nft)
{
	struct nl fresh;

	if (nl_open(&fresh, NETLINK_NETFILTER, 0))
		return;
	nl_close(&nft->ask);
	nft->ask = fresh;
}

int nft_commit(struct nft *nft, const char *what)
{
	struct nlmsghdr *last = (void *)(nft->buf + nft->len);
	struct answer a = { .first = nft->first, .last = nft->seq };
	int err;

	last->nlmsg_flags |= NLM_F_ACK;
	nftnl_batch_end((char *)room(nft), ++nft->seq);
	close_last(nft);
	err = nft->len + MESSAGE_MAX >= nft->cap ? -EMSGSIZE : 0;
	if (!err && mnl_socket_sendto(nft->ask.sock, nft->buf, nft->len) < 0)
		err = -errno;
	if (!err)
		err = collect(nft, &a);
	if (err == -EAGAIN)
		reopen(nft);
	if (err)
		snprintf(nft->why, sizeof(nft->why), "%s: %s", what, strerror(-err));
	else if (!++nft->generation)	/* 0 is left out */
		nft->generation = 1;
	return err;
}

/* ---- what is asked for ------------------------------------------------------------------------- */

static int build(struct nft *nft, const struct nft_plan *plan, uint32_t n_families)
{
	int err;

	nft_begin(nft);
	nft_put_tables(nft, plan, n_families);
	err = nft_commit(nft, "make nftables tables baton");
	if (err)
		return err;
	nft->tables = n_families;
	return nft_fingerprint(nft, n_families, &nft->print);
}

int nft_build(struct nft *nft, const struct nft_plan *plan)
{
	int err = build(nft, plan, NFT_FAMILIES);

	return err == -EOPNOTSUPP ? build(nft, plan, NFT_FAMILIES - 1) : err;
}

int nft_refresh(struct nft *nft, const struct nft_plan *plan, uint32_t ready_mask, uint32_t open_mask)
{
	nft_begin(nft);
	for (uint32_t i = 0; i < plan->n_groups; i++) {
		if (ready_mask & 1u << i)
			nft_put_elements(nft, &plan->group[i], nft->tables, true, false);
		if (open_mask & 1u << i)
			nft_put_elements(nft, &plan->group[i], nft->tables, false, false);
	}
	return nft_commit(nft, "refresh nftables elements");
}

int nft_check(struct nft *nft)
{
	uint64_t print;
	int err = nft_fingerprint(nft, nft->tables, &print);

	if (!err && print != nft->print) {
		snprintf(nft->why, sizeof(nft->why), "somebody changed the nftables tables baton");
		err = -ESTALE;
	}
	return err;
}

int nft_remove(struct nft *nft)
{
	int err;

	nft_begin(nft);
	nft_put_removal(nft, NFT_FAMILIES);
	err = nft_commit(nft, "remove nftables tables baton");
	if (err != -EOPNOTSUPP)
		return err;
	nft_begin(nft);
	nft_put_removal(nft, NFT_FAMILIES - 1);
	return nft_commit(nft, "remove nftables tables baton");
}

bool nft_has_egress(const struct nft *nft)
{
	return nft->tables == NFT_FAMILIES;
}

/* ---- did anybody else change the ruleset? --------------------------------------------------------- */

static int on_generation(const struct nlmsghdr *nlh, void *arg)
{
	const struct nlattr *attr;
	uint32_t *ret = arg;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN))
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_GEN_ID && mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
			*ret = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

/* One number of the whole ruleset, one more at each commit; answered under RCU, whoever commits meanwhile. */
static int read_generation(struct nft *nft, uint32_t *ret)
{
	char buf[64];
	struct nlmsghdr *req = nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETGEN, AF_UNSPEC, NLM_F_ACK, ++nft->seq);
	struct answer a = { .first = nft->seq, .last = nft->seq, .each = on_generation, .arg = ret };
	int err = mnl_socket_sendto(nft->ask.sock, req, req->nlmsg_len) < 0 ? -errno : collect(nft, &a);

	if (err == -EAGAIN)
		reopen(nft);
	return err;
}

bool nft_changed(struct nft *nft)
{
	uint32_t is = 0;
	bool changed;

	if (read_generation(nft, &is))
		return true;	/* not known: look */
	changed = is != nft->generation;
	nft->generation = is;
	return changed;
}

const char *nft_why(const struct nft *nft)
{
	return nft->why;
}

int nft_open(struct nft **ret, uint32_t n_vips)
{
	struct nft *nft = calloc(1, sizeof(*nft));
	int err;

	if (!nft)
		return -ENOMEM;
	nft->cap = FIXED_BYTES + 2 * MESSAGE_MAX + (size_t)n_vips * VIP_BYTES;
	nft->buf = malloc(nft->cap);
	err = nft->buf ? nl_open(&nft->ask, NETLINK_NETFILTER, 0) : -ENOMEM;
	if (err) {
		nft_close(nft);
		return err;
	}
	*ret = nft;
	return 0;
}

void nft_close(struct nft *nft)
{
	if (!nft)
		return;
	nl_close(&nft->ask);
	free(nft->buf);
	free(nft);
}
