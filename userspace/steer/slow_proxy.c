/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow_proxy: requests that a pool's server sends to its own service are sent on by their Route or URI.
 *
 * A stateless proxy (RFC 3261 §16.11). Its Via names a port of this node's own, so answers come to a socket and need not be
 * told apart from others; the branch bears the service in whose name they go back, and a keyed sum of that and of what must
 * come back with it: whoever does not know an answer cannot have us send one. Names are asked for; until they are known
 * the request is lost, and comes again.
 * Source:  the guide, SIP Server is configured to use the proxy as its outbound proxy; RFC 3261 §16.6, §16.7, §16.11.
 */
#include "steer/slow_own.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"
#include "sys/udp.h"

#define NAME_KNOWN_NS	(60 * NS_PER_S)
#define NAME_NONE_NS	(5 * NS_PER_S)
#define BATCH		64	/* answers before frames are looked at again */

/* ---- the branch ----------------------------------------------------------------------------------- */

#define PLACE_HEX	36				/* an address and a port */
#define BRANCH_LEN	(sizeof(SIPTEXT_COOKIE) - 1 + SLOW_HEX - 1 + PLACE_HEX)

static void place_text(const struct kept_end *e, char ret[PLACE_HEX + 1])
{
	for (int i = 0; i < 16; i++)
		snprintf(ret + 2 * i, 3, "%02x", e->ip.s6_addr[i]);
	snprintf(ret + 32, 5, "%04x", e->port);
}

static bool place_of(const char *text, struct kept_end *ret)
{
	unsigned int n;

	for (int i = 0; i < 18; i++) {
		char two[3] = { text[2 * i], text[2 * i + 1], '\0' };

		if (!isxdigit((unsigned char)two[0]) || !isxdigit((unsigned char)two[1]) || sscanf(two, "%x", &n) != 1)
			return false;
		if (i < 16)
			ret->ip.s6_addr[i] = (uint8_t)n;
		else
			ret->port = (uint16_t)(ret->port << 8 | n);
	}
	return true;
}

/* The same for all of a transaction, CANCEL and ACK too. @below: the Via under ours. */
static void branch_text(const struct slow *s, const struct siptext *m, const struct siptext_via *below, const struct kept_end *service,
			const struct kept_end *back, char ret[BRANCH_LEN + 1])
{
	char place[PLACE_HEX + 1], where[PLACE_HEX + 1], cseq[12], hash[SLOW_HEX];
	struct siptext_slice branch = below->branch.at ? below->branch : (struct siptext_slice){ "", 0 };

	place_text(service, place);
	place_text(back, where);
	snprintf(cseq, sizeof(cseq), "%" PRIu32, m->cseq);
	slow_hash(s, hash, (struct siptext_slice[]){ { place, PLACE_HEX }, { where, PLACE_HEX }, { cseq, strlen(cseq) }, branch,
						       m->first[SIPTEXT_CALL_ID] }, 5);
	snprintf(ret, BRANCH_LEN + 1, SIPTEXT_COOKIE "%s%s", hash, place);
}

/* ---- on ------------------------------------------------------------------------------------------- */

static int write_via(struct slow *s, const struct kept_end *to, const char *branch, char *ret, size_t cap)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(&to->ip);
	const struct udp_addr at = { to->ip, to->port };
	char text[INET6_ADDRSTRLEN];
	struct in6_addr us;
	int i = v4 ? 0 : 1, err = s->asker[i] < 0 ? -EAFNOSUPPORT : udp_source(s->asker[i], &at, &us);

	if (err)
		return err;
	snprintf(ret, cap, v4 ? "SIP/2.0/UDP %s:%u;branch=%s" : "SIP/2.0/UDP [%s]:%u;branch=%s", conf_ip_text(&us, text),
		 s->own_port[i], branch);
	return 0;
}

int slow_pass_on(struct slow *s, const struct handed *h, const struct siptext *m, const struct kept_end *to, bool drop_route)
{
	const struct udp_addr at = { to->ip, to->port };
	const struct siptext_from from = { h->from.ip, h->from.port };
	char branch[BRANCH_LEN + 1], via[BRANCH_LEN + INET6_ADDRSTRLEN + 40];
	struct kept_end back = h->from;
	struct siptext_via below;
	size_t n;
	int err;

	if (!siptext_via(m, 0, &below))
		return -EBADMSG;
	if (!below.wants_rport)
		back.port = below.port ? below.port : SIPTEXT_PORT;
	branch_text(s, m, &below, &h->to, &back, branch);
	err = write_via(s, to, branch, via, sizeof(via));
	if (err)
		return err;
	n = siptext_pass_on(s->out, sizeof(s->out), m, via, drop_route, &from);
	return n ? udp_send(s->own[IN6_IS_ADDR_V4MAPPED(&to->ip) ? 0 : 1], &at, s->out, n) : -EMSGSIZE;
}

/* ---- where to ------------------------------------------------------------------------------------- */

static bool is_service(const struct siptext_uri *u, const struct kept_end *service)
{
	struct in6_addr ip;

	return siptext_ip(u->host, &ip) && !memcmp(&ip, &service->ip, sizeof(ip)) && (u->port ? u->port : SIPTEXT_PORT) == service->port;
}

static bool is_name(struct siptext_slice host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char)host.at[i]) && host.at[i] != '-' && host.at[i] != '.' && host.at[i] != '_')
			return false;
	return host.len && host.len < sizeof(((struct slow_name *)0)->text);
}

static void forget_name(struct slow_name *n)
{
	if (n->asking)
		resolve_close(n->asking);
	memset(n, 0, sizeof(*n));
}

void slow_forget_names(struct slow *s)
{
	for (int i = 0; i < SLOW_NAMES; i++)
		forget_name(&s->name[i]);
}

/* Its row, or one that is free, or the oldest. */
static struct slow_name *name_row(struct slow *s, struct siptext_slice host)
{
	struct slow_name *oldest = &s->name[0];

	for (int i = 0; i < SLOW_NAMES; i++) {
		if (s->name[i].text[0] && siptext_is(host, s->name[i].text))
			return &s->name[i];
		if (s->name[i].at_ns < oldest->at_ns)
			oldest = &s->name[i];
	}
	return oldest;
}

static void ask_name(struct slow_name *n, struct siptext_slice host, uint64_t now_ns)
{
	forget_name(n);
	memcpy(n->text, host.at, host.len);
	n->at_ns = now_ns;
	n->result = resolve_start(&n->asking, n->text);
}

static void poll_name(struct slow_name *n, uint64_t now_ns)
{
	struct in6_addr found[RESOLVE_MAX];

	if (!n->asking)
		return;
	n->result = resolve_poll(n->asking, found);
	if (n->result == -EAGAIN)
		return;
	if (n->result > 0)
		n->ip = found[0];
	n->at_ns = now_ns;
	resolve_close(n->asking);
	n->asking = NULL;
}

/* 0; -EAGAIN: not known yet. */
static int ip_of_name(struct slow *s, struct siptext_slice host, struct in6_addr *ret)
{
	struct slow_name *n = name_row(s, host);
	uint64_t now_ns = clock_now_ns();

	if (!is_name(host))
		return -EINVAL;
	poll_name(n, now_ns);
	if (!siptext_is(host, n->text) || (!n->asking && now_ns - n->at_ns > (n->result > 0 ? NAME_KNOWN_NS : NAME_NONE_NS)))
		ask_name(n, host, now_ns);
	if (n->asking)
		return -EAGAIN;
	if (n->result <= 0)
		return n->result ? n->result : -ENOENT;
	*ret = n->ip;
	return 0;
}

/* The next Route that is not us, else the Request-URI. */
static int next_hop(struct slow *s, const struct handed *h, const struct siptext *m, struct kept_end *ret, bool *ret_drop)
{
	struct siptext_slice route;
	struct siptext_uri u;
	bool has = siptext_route(m, 0, &route);

	*ret_drop = has && siptext_uri(route, &u) && is_service(&u, &h->to);
	if (*ret_drop)
		has = siptext_route(m, 1, &route);
	if (!siptext_uri(has ? route : m->uri, &u) || !u.udp)
		return -EPROTONOSUPPORT;
	if (is_service(&u, &h->to))
		return -ELOOP;
	ret->port = u.port ? u.port : SIPTEXT_PORT;
	return siptext_ip(u.host, &ret->ip) ? 0 : ip_of_name(s, u.host, &ret->ip);
}

static uint16_t status_of(int err)
{
	return err == -ELOOP ? 482 : 503;
}

void slow_sent_on(struct slow *s, const struct bt_slow *n)
{
	struct kept_end to = { 0 };
	struct siptext m;
	struct handed h;
	bool drop;
	int err;

	if (!handed_udp(n, &h) || !siptext_read(&m, h.text, h.len) || m.status) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	if (!m.max_forwards) {
		slow_answer(s, &h, &m, 483, NULL);
		return;
	}
	err = next_hop(s, &h, &m, &to, &drop);
	if (err == -EAGAIN)
		return;
	if (!err)
		err = slow_pass_on(s, &h, &m, &to, drop);
	slow_counted(s, err ? SLOW_FAILED : SLOW_SENT_ON);
	if (err)
		slow_answer(s, &h, &m, status_of(err), NULL);
}

/* ---- back ----------------------------------------------------------------------------------------- */

static bool read_branch(const struct slow *s, const struct siptext *m, struct kept_end *ret_service, struct kept_end *ret_back)
{
	struct siptext_via own, below;
	char branch[BRANCH_LEN + 1];

	*ret_service = (struct kept_end){ 0 };
	if (!siptext_via(m, 0, &own) || !siptext_via(m, 1, &below) || own.branch.len != BRANCH_LEN ||
	    !place_of(own.branch.at + BRANCH_LEN - PLACE_HEX, ret_service) || !siptext_back(m, 1, &ret_back->ip, &ret_back->port))
		return false;
	branch_text(s, m, &below, ret_service, ret_back, branch);
	return !memcmp(own.branch.at, branch, BRANCH_LEN);
}

static void take_answer(struct slow *s, size_t len)
{
	struct kept_end service, back;
	struct siptext m;
	size_t n;

	if (!siptext_read(&m, s->in, len) || !m.status || !read_branch(s, &m, &service, &back)) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	n = siptext_pass_back(s->out, sizeof(s->out), &m);
	if (n)
		slow_send(s, &service, &back, s->out, n);
}

void slow_answers(struct slow *s, bool v4)
{
	struct udp_addr from;

	for (int i = 0; i < BATCH; i++) {
		ssize_t n = udp_recv(s->own[v4 ? 0 : 1], &from, s->in, sizeof(s->in));

		if (n < 0)
			return;
		take_answer(s, (size_t)n);
	}
}
