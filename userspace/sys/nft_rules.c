/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nft_rules: what do our tables say?
 *
 *	set gated { type iface_index }                   interfaces where XDP and tc judge
 *	map vip4 { type ipv4_addr : verdict }            every VIP: goto group_NAME; vip6 likewise
 *	set ready_NAME, open_NAME { type ether_type; flags timeout }
 *	chain group_NAME {
 *		iif @gated meta protocol @ready_NAME accept
 *		oif @gated meta protocol @ready_NAME accept
 *		meta protocol @open_NAME accept
 *		drop
 *	}
 * and base chains that send there what bears a VIP. Sets belong to a table, so each has its own. The elements
 * are protocols, not VIPs: a refresh costs the same for a thousand VIPs as for one.
 * A ruleset saved with `nft list ruleset` loads again, but for neighbour discovery in nft before 1.0.9.
 */
#include "sys/nft_own.h"

#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/icmp6.h>
#include <net/if_arp.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_arp.h>
#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#define NAME_BYTES	(BT_NAME_MAX + 16)
#define ELEMENTS_MAX	128	/* in one message: its attributes are counted in 16 bits */
#define PRIO_RAW	(-300)
#define LOOPBACK	1	/* its number in every network namespace */

/* Type numbers of nft(8), which the kernel only keeps. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_ETHERTYPE = 10, TYPE_IFINDEX = 20 };
enum { HOST_ORDER = 1, NETWORK_ORDER = 2 };

const uint16_t nft_family[NFT_FAMILIES] = { NFPROTO_INET, NFPROTO_ARP, NFPROTO_NETDEV };

/* ---- sets ------------------------------------------------------------------------------------- */

struct kind {
	uint32_t type, len, flags, order;
};

static const struct kind
	kind_vip4 = { TYPE_IPADDR, 4, NFT_SET_MAP, NETWORK_ORDER },
	kind_vip6 = { TYPE_IP6ADDR, 16, NFT_SET_MAP, NETWORK_ORDER },
	kind_gated = { TYPE_IFINDEX, 4, 0, HOST_ORDER },
	kind_protocols = { TYPE_ETHERTYPE, 2, NFT_SET_TIMEOUT, NETWORK_ORDER };

static struct nftnl_set *named(uint16_t family, const char *name)
{
	struct nftnl_set *s = nftnl_set_alloc();

	nftnl_set_set_str(s, NFTNL_SET_TABLE, NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, name);
	nftnl_set_set_u32(s, NFTNL_SET_FAMILY, family);
	return s;
}

/* By this alone nft(8) knows which way round to print a key. */
static void tell_order(struct nftnl_set *s, uint32_t order)
{
	struct nftnl_udata_buf *u = nftnl_udata_buf_alloc(64);

	nftnl_udata_put_u32(u, NFTNL_UDATA_SET_KEYBYTEORDER, order);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(u), nftnl_udata_buf_len(u));
	nftnl_udata_buf_free(u);
}

static void put_set(struct nft *nft, uint16_t family, const char *name, const struct kind *k)
{
	struct nftnl_set *s = named(family, name);

	nftnl_set_set_u32(s, NFTNL_SET_ID, ++nft->sets);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, k->type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, k->len);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, k->flags);
	if (k->flags & NFT_SET_MAP) {
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, 0);
	}
	tell_order(s, k->order);
	nftnl_set_nlmsg_build_payload(nft_put(nft, NFT_MSG_NEWSET, family, NLM_F_CREATE), s);
	nftnl_set_free(s);
}

static struct nftnl_set_elem *put_key(struct nftnl_set *s, const void *key, uint32_t len)
{
	struct nftnl_set_elem *e = nftnl_set_elem_alloc();

	nftnl_set_elem_set(e, NFTNL_SET_ELEM_KEY, key, len);
	nftnl_set_elem_add(s, e);
	return e;
}

static void send_elements(struct nft *nft, uint16_t type, uint16_t family, struct nftnl_set *s)
{
	uint16_t flags = type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0;

	nftnl_set_elems_nlmsg_build_payload(nft_put(nft, type, family, flags), s);
	nftnl_set_free(s);
}

static void put_gated(struct nft *nft, uint16_t family, const struct nft_plan *plan)
{
	struct nftnl_set *s = named(family, "gated");
	bool any = false;

	for (uint32_t i = 0; i < plan->n_doors; i++) {
		if (plan->door[i].gated)
			put_key(s, &plan->door[i].ifindex, sizeof(plan->door[i].ifindex));
		any |= plan->door[i].gated;
	}
	if (any)
		send_elements(nft, NFT_MSG_NEWSETELEM, family, s);
	else
		nftnl_set_free(s);
}

static void put_vip(struct nftnl_set *s, const struct nft_vip *vip, bool v4, const char *chain)
{
	struct nftnl_set_elem *e = put_key(s, vip->ip.s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16);

	nftnl_set_elem_set_u32(e, NFTNL_SET_ELEM_VERDICT, (uint32_t)NFT_GOTO);
	nftnl_set_elem_set_str(e, NFTNL_SET_ELEM_CHAIN, chain);
}

static void put_vips(struct nft *nft, uint16_t family, const struct nft_plan *plan, bool v4)
{
	const char *name = v4 ? "vip4" : "vip6";
	struct nftnl_set *s = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->n_vips; i++) {
		const struct nft_vip *vip = &plan->vip[i];
		char chain[NAME_BYTES];

		if (IN6_IS_ADDR_V4MAPPED(&vip->ip) != v4)
			continue;
		if (!s)
			s = named(family, name);
		snprintf(chain, sizeof(chain), "group_%s", plan->group[vip->group].name);
		put_vip(s, vip, v4, chain);
		if (++n % ELEMENTS_MAX == 0) {
			send_elements(nft, NFT_MSG_NEWSETELEM, family, s);
			s = NULL;
		}
	}
	if (s)
		send_elements(nft, NFT_MSG_NEWSETELEM, family, s);
}

/* ---- elements with a timeout -------------------------------------------------------------------- */

static void put_protocols(struct nft *nft, uint16_t type, uint16_t family, const char *name,
			  const struct nft_group *g, uint32_t ms)
{
	bool ip = family != NFPROTO_ARP, arp = family != NFPROTO_INET;
	const struct { uint16_t proto; bool wanted; } row[] = {
		{ ETHERTYPE_IP, ip && g->ip4 }, { ETHERTYPE_IPV6, ip && g->ip6 }, { ETHERTYPE_ARP, arp && g->ip4 },
	};
	struct nftnl_set *s = named(family, name);
	bool any = false;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint16_t key = htons(row[i].proto);
		struct nftnl_set_elem *e = row[i].wanted ? put_key(s, &key, sizeof(key)) : NULL;

		if (e && type == NFT_MSG_NEWSETELEM)
			nftnl_set_elem_set_u64(e, NFTNL_SET_ELEM_TIMEOUT, ms ? ms : 1);
		any |= e != NULL;
	}
	if (any)
		send_elements(nft, type, family, s);
	else
		nftnl_set_free(s);
}

/*
 * Add, delete, add: a delete alone fails where there is none, an add alone leaves the old timeout where
 * there is one. @fresh: the set was made in this batch.
 */
void nft_put_elements(struct nft *nft, const struct nft_group *g, uint32_t n_families, bool ready, bool fresh)
{
	uint32_t ms = ready ? g->ready_ms : g->open_ms;
	char name[NAME_BYTES];

	snprintf(name, sizeof(name), "%s_%s", ready ? "ready" : "open", g->name);
	for (uint32_t f = 0; f < n_families; f++) {
		if (!fresh) {
			put_protocols(nft, NFT_MSG_NEWSETELEM, nft_family[f], name, g, ms);
			put_protocols(nft, NFT_MSG_DELSETELEM, nft_family[f], name, g, ms);
		}
		if (ms)
			put_protocols(nft, NFT_MSG_NEWSETELEM, nft_family[f], name, g, ms);
	}
}

/* ---- rules -------------------------------------------------------------------------------------- */

struct rule {
	struct nftnl_rule *r;
	uint16_t family;
};

static struct rule rule_begin(uint16_t family, const char *chain)
{
	struct rule rule = { nftnl_rule_alloc(), family };

	nftnl_rule_set_str(rule.r, NFTNL_RULE_TABLE, NFT_TABLE);
	nftnl_rule_set_str(rule.r, NFTNL_RULE_CHAIN, chain);
	nftnl_rule_set_u32(rule.r, NFTNL_RULE_FAMILY, family);
	return rule;
}

static void rule_end(struct nft *nft, struct rule rule)
{
	nftnl_rule_nlmsg_build_payload(nft_put(nft, NFT_MSG_NEWRULE, rule.family, NLM_F_CREATE | NLM_F_APPEND), rule.r);
	nftnl_rule_free(rule.r);
}

static void load_meta(struct rule rule, uint32_t key)
{
	struct nftnl_expr *e = nftnl_expr_alloc("meta");

	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	nftnl_rule_add_expr(rule.r, e);
}

static void load_bytes(struct rule rule, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nftnl_expr *e = nftnl_expr_alloc("payload");

	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	nftnl_rule_add_expr(rule.r, e);
}

static void must_be(struct rule rule, const void *data, uint32_t len)
{
	struct nftnl_expr *e = nftnl_expr_alloc("cmp");

	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, len);
	nftnl_rule_add_expr(rule.r, e);
}

static void must_be_in(struct rule rule, const char *set, bool is_map)
{
	struct nftnl_expr *e = nftnl_expr_alloc("lookup");

	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, set);
	if (is_map)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
	nftnl_rule_add_expr(rule.r, e);
}

static void then(struct rule rule, int verdict)
{
	struct nftnl_expr *e = nftnl_expr_alloc("immediate");

	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, (uint32_t)verdict);
	nftnl_rule_add_expr(rule.r, e);
}

/* In netdev a frame's protocol is asked for, in inet the family: each as nft(8) itself would write it. */
static void must_be_protocol(struct rule rule, uint16_t proto)
{
	uint16_t wire = htons(proto);
	uint8_t nfproto = proto == ETHERTYPE_IP ? NFPROTO_IPV4 : NFPROTO_IPV6;

	if (rule.family == NFPROTO_INET) {
		load_meta(rule, NFT_META_NFPROTO);
		must_be(rule, &nfproto, sizeof(nfproto));
	} else if (rule.family == NFPROTO_NETDEV) {
		load_meta(rule, NFT_META_PROTOCOL);
		must_be(rule, &wire, sizeof(wire));
	}
}

/* ip saddr vmap @vip4, and its like: the address that stands @offset bytes into the network header. */
static void put_address_rule(struct nft *nft, uint16_t family, const char *chain, uint16_t proto, uint32_t offset)
{
	bool v6 = proto == ETHERTYPE_IPV6;
	struct rule rule = rule_begin(family, chain);

	must_be_protocol(rule, proto);
	load_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, v6 ? 16 : 4);
	must_be_in(rule, v6 ? "vip6" : "vip4", true);
	rule_end(nft, rule);
}

/* Neighbour discovery: whom does the solicitation ask for, whom does the advertisement claim? */
static void put_nd_rule(struct nft *nft, uint16_t family, const char *chain, uint8_t type)
{
	struct rule rule = rule_begin(family, chain);
	uint8_t icmp6 = IPPROTO_ICMPV6;

	must_be_protocol(rule, ETHERTYPE_IPV6);
	load_meta(rule, NFT_META_L4PROTO);
	must_be(rule, &icmp6, sizeof(icmp6));
	load_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
	must_be(rule, &type, sizeof(type));
	load_bytes(rule, NFT_PAYLOAD_TRANSPORT_HEADER, sizeof(struct icmp6_hdr), 16);
	must_be_in(rule, "vip6", true);
	rule_end(nft, rule);
}

static void put_arp_request_rule(struct nft *nft, const char *chain)
{
	struct rule rule = rule_begin(NFPROTO_ARP, chain);
	uint16_t request = htons(ARPOP_REQUEST);

	load_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 6, sizeof(request));
	must_be(rule, &request, sizeof(request));
	load_bytes(rule, NFT_PAYLOAD_NETWORK_HEADER, 24, 4);
	must_be_in(rule, "vip4", true);
	rule_end(nft, rule);
}

static void put_loopback_rule(struct nft *nft, const char *chain, uint32_t key)
{
	struct rule rule = rule_begin(NFPROTO_INET, chain);
	uint32_t lo = LOOPBACK;

	load_meta(rule, key);
	must_be(rule, &lo, sizeof(lo));
	then(rule, NFT_RETURN);
	rule_end(nft, rule);
}

static void put_pass_rule(struct nft *nft, uint16_t family, const char *chain, uint32_t gated_key, const char *set)
{
	struct rule rule = rule_begin(family, chain);

	if (gated_key) {
		load_meta(rule, gated_key);
		must_be_in(rule, "gated", false);
	}
	load_meta(rule, NFT_META_PROTOCOL);
	must_be_in(rule, set, false);
	then(rule, NF_ACCEPT);
	rule_end(nft, rule);
}

/* ---- chains ------------------------------------------------------------------------------------- */

struct base {
	uint32_t hook;
	int32_t prio;
	const char *dev;	/* netdev only */
};

static void put_chain(struct nft *nft, uint16_t family, const char *name, const struct base *base)
{
	struct nftnl_chain *c = nftnl_chain_alloc();

	nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, NFT_TABLE);
	nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, name);
	if (base) {
		nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
		nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, base->hook);
		nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, base->prio);
		nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
		if (base->dev)
			nftnl_chain_set_str(c, NFTNL_CHAIN_DEV, base->dev);
	}
	nftnl_chain_nlmsg_build_payload(nft_put(nft, NFT_MSG_NEWCHAIN, family, NLM_F_CREATE), c);
	nftnl_chain_free(c);
}

static void put_group(struct nft *nft, uint16_t family, const struct nft_group *g)
{
	char ready[NAME_BYTES], open[NAME_BYTES], chain[NAME_BYTES];
	struct rule rule;

	snprintf(ready, sizeof(ready), "ready_%s", g->name);
	snprintf(open, sizeof(open), "open_%s", g->name);
	snprintf(chain, sizeof(chain), "group_%s", g->name);
	put_set(nft, family, ready, &kind_protocols);
	put_set(nft, family, open, &kind_protocols);
	put_chain(nft, family, chain, NULL);
	put_pass_rule(nft, family, chain, NFT_META_IIF, ready);
	put_pass_rule(nft, family, chain, NFT_META_OIF, ready);
	put_pass_rule(nft, family, chain, 0, open);
	rule = rule_begin(family, chain);
	then(rule, NF_DROP);
	rule_end(nft, rule);
}

static void put_inet(struct nft *nft)
{
	put_chain(nft, NFPROTO_INET, "in", &(struct base){ NF_INET_PRE_ROUTING, PRIO_RAW, NULL });
	put_loopback_rule(nft, "in", NFT_META_IIF);
	put_address_rule(nft, NFPROTO_INET, "in", ETHERTYPE_IP, 16);
	put_address_rule(nft, NFPROTO_INET, "in", ETHERTYPE_IPV6, 24);
	put_nd_rule(nft, NFPROTO_INET, "in", ND_NEIGHBOR_SOLICIT);
	put_chain(nft, NFPROTO_INET, "out", &(struct base){ NF_INET_LOCAL_OUT, PRIO_RAW, NULL });
	put_loopback_rule(nft, "out", NFT_META_OIF);
	put_address_rule(nft, NFPROTO_INET, "out", ETHERTYPE_IP, 12);
	put_address_rule(nft, NFPROTO_INET, "out", ETHERTYPE_IPV6, 8);
	put_nd_rule(nft, NFPROTO_INET, "out", ND_NEIGHBOR_ADVERT);
}

/* Answers for a VIP pass on the way in, as in XDP: whoever says that he has it must be heard. */
static void put_arp(struct nft *nft)
{
	put_chain(nft, NFPROTO_ARP, "in", &(struct base){ NF_ARP_IN, 0, NULL });
	put_arp_request_rule(nft, "in");
	put_chain(nft, NFPROTO_ARP, "out", &(struct base){ NF_ARP_OUT, 0, NULL });
	put_address_rule(nft, NFPROTO_ARP, "out", ETHERTYPE_ARP, 14);
}

/* The last door, for what was never in `inet output`: packet sockets. One chain each, as it goes with its device. */
static void put_egress(struct nft *nft, const struct nft_door *door)
{
	char chain[NAME_BYTES];

	snprintf(chain, sizeof(chain), "egress_%u", door->ifindex);
	put_chain(nft, NFPROTO_NETDEV, chain, &(struct base){ NF_NETDEV_EGRESS, 0, door->name });
	put_address_rule(nft, NFPROTO_NETDEV, chain, ETHERTYPE_IP, 12);
	put_address_rule(nft, NFPROTO_NETDEV, chain, ETHERTYPE_IPV6, 8);
	put_address_rule(nft, NFPROTO_NETDEV, chain, ETHERTYPE_ARP, 14);
	put_nd_rule(nft, NFPROTO_NETDEV, chain, ND_NEIGHBOR_ADVERT);
}

/* ---- tables ------------------------------------------------------------------------------------- */

static void put_table(struct nft *nft, uint16_t type, uint16_t family)
{
	struct nftnl_table *t = nftnl_table_alloc();
	uint16_t flags = type == NFT_MSG_NEWTABLE ? NLM_F_CREATE : 0;

	nftnl_table_set_str(t, NFTNL_TABLE_NAME, NFT_TABLE);
	nftnl_table_set_u32(t, NFTNL_TABLE_FAMILY, family);
	nftnl_table_nlmsg_build_payload(nft_put(nft, type, family, flags), t);
	nftnl_table_free(t);
}

/* Add, then delete: a delete alone fails where there is none. */
void nft_put_removal(struct nft *nft, uint32_t n_families)
{
	for (uint32_t f = 0; f < n_families; f++) {
		put_table(nft, NFT_MSG_NEWTABLE, nft_family[f]);
		put_table(nft, NFT_MSG_DELTABLE, nft_family[f]);
	}
}

static void put_common(struct nft *nft, const struct nft_plan *plan, uint16_t family)
{
	put_table(nft, NFT_MSG_NEWTABLE, family);
	put_set(nft, family, "gated", &kind_gated);
	put_gated(nft, family, plan);
	for (uint32_t i = 0; i < plan->n_groups; i++)
		put_group(nft, family, &plan->group[i]);
	put_set(nft, family, "vip4", &kind_vip4);
	put_vips(nft, family, plan, true);
	put_set(nft, family, "vip6", &kind_vip6);
	put_vips(nft, family, plan, false);
}

void nft_put_tables(struct nft *nft, const struct nft_plan *plan, uint32_t n_families)
{
	nft_put_removal(nft, n_families);
	for (uint32_t f = 0; f < n_families; f++)
		put_common(nft, plan, nft_family[f]);
	for (uint32_t i = 0; i < plan->n_groups; i++) {
		nft_put_elements(nft, &plan->group[i], n_families, true, true);
		nft_put_elements(nft, &plan->group[i], n_families, false, true);
	}
	put_inet(nft);
	put_arp(nft);
	for (uint32_t i = 0; i < plan->n_doors && n_families == NFT_FAMILIES; i++)
		put_egress(nft, &plan->door[i]);
}
