/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_look: are our tables still what we made?
 *
 * Everything that does not change by itself is summed up in one number: chains, rules with their handles, and the
 * constant sets. A rule that was taken out and put back has another handle, and counts as changed.
 */
#include "sys/nft_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>

#define TRIES	3	/* a dump that was torn by somebody's commit is asked again */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	for (const uint8_t *p = data; len--; p++)
		h = (h ^ *p) * UINT64_C(0x100000001b3);
	return h;
}

static bool is_ours(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0 && !strcmp(mnl_attr_get_str(attr), NFT_TABLE);
}

/* NFTA_CHAIN_TABLE, NFTA_RULE_TABLE and NFTA_SET_ELEM_LIST_TABLE are one number: 1. */
#define ATTR_TABLE	1

/* Elements come in any order: so they are added up, and so is everything else. */
static uint64_t hash_elements(const struct nlattr *list)
{
	const struct nlattr *elem;
	uint64_t sum = 0;

	mnl_attr_for_each_nested(elem, list)
		sum += hash(1, mnl_attr_get_payload(elem), mnl_attr_get_payload_len(elem));
	return sum;
}

static int on_message(const struct nlmsghdr *nlh, void *arg)
{
	uint16_t type = nlh->nlmsg_type & 0xff;
	const struct nlattr *attr;
	uint64_t *sum = arg, h = type, elements = 0;
	bool ours = false;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg)) {
		uint16_t what = mnl_attr_get_type(attr);

		if (what == ATTR_TABLE)
			ours = is_ours(attr);
		if (type == NFT_MSG_NEWCHAIN && (what == NFTA_CHAIN_USE || what == NFTA_CHAIN_COUNTERS))
			continue;
		if (type == NFT_MSG_NEWSETELEM && what == NFTA_SET_ELEM_LIST_ELEMENTS)
			elements = hash_elements(attr);
		else if (type != NFT_MSG_NEWSETELEM)
			h = hash(h, attr, attr->nla_len);
	}
	if (ours)
		*sum += type == NFT_MSG_NEWSETELEM ? elements : h;
	return MNL_CB_OK;
}

struct question {
	uint16_t type;
	uint16_t set_attr;
	const char *set;
};

static const struct question questions[] = {
	{ NFT_MSG_GETCHAIN, 0, NULL },
	{ NFT_MSG_GETRULE, 0, NULL },
	{ NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_SET, "gated" },
	{ NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_SET, "vip4" },
	{ NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_SET, "vip6" },
};

static int ask(struct nft *nft, uint16_t family, const struct question *q, uint64_t *ret)
{
	char buf[256];
	struct nlmsghdr *req;
	uint64_t sum = 0;
	int err = -EINTR;

	for (int i = 0; i < TRIES && err == -EINTR; i++) {
		req = nftnl_nlmsg_build_hdr(buf, q->type, family, 0, 0);
		if (q->type != NFT_MSG_GETCHAIN)	/* chains are told of every table */
			mnl_attr_put_strz(req, ATTR_TABLE, NFT_TABLE);
		if (q->set)
			mnl_attr_put_strz(req, q->set_attr, q->set);
		sum = 0;
		err = nl_dump(&nft->ask, req, on_message, &sum);
	}
	if (!err)
		*ret += sum;
	return err;
}

int nft_fingerprint(struct nft *nft, uint32_t n_families, uint64_t *ret)
{
	uint64_t sum = 0;
	int err = 0;

	for (uint32_t f = 0; f < n_families && !err; f++)
		for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]) && !err; i++)
			err = ask(nft, nft_family[f], &questions[i], &sum);
	if (err)
		snprintf(nft->why, sizeof(nft->why), "look at nftables tables baton: %s", strerror(-err));
	else
		*ret = sum;
	return err;
}
