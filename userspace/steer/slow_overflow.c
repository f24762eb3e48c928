/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow_overflow: an initial INVITE that one server refuses goes to the other (sip-error-codes-overflow).
 *
 * The refusal was taken out on its way; whoever sent it gets the ACK that the client would send, and the very INVITE goes to
 * the other server, both in the client's name. The dialog's entry leads there what follows, a CANCEL too. Once a call; whatever
 * stands in the way, the client gets the refusal as it was.
 * Source:  the guide, sip-error-codes-overflow; RFC 3261 §17.1.1.3.
 */
#include "steer/slow_own.h"

#include <arpa/inet.h>
#include <string.h>

#include "sys/clock.h"

struct refusal {
	const struct bt_slow *n;
	struct handed h;
	struct siptext m;
	struct bt_pool row;
};

/* ---- INVITEs -------------------------------------------------------------------------------------- */

static bool is_initial(const struct siptext *m)
{
	return !m->status && siptext_is(m->method, "INVITE");
}

void slow_keep(struct slow *s, const struct bt_slow *n)
{
	struct kept *kept = atomic_load(&s->kept);
	struct kept_invite *v = NULL;
	struct siptext m;
	struct handed h;

	if (kept && handed_udp(n, &h) && siptext_read(&m, h.text, h.len) && is_initial(&m))
		v = kept_put(kept, n->call_id, clock_now_ns(), h.text, h.len);
	if (!v) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	v->from = h.from;
	v->to = h.to;
	v->owner = n->owner;
	slow_counted(s, SLOW_KEPT);
}

/* ---- refusals ------------------------------------------------------------------------------------- */

static struct kept_end end_of(const uint8_t ip[16], uint16_t port)
{
	struct kept_end e = { .port = port };

	memcpy(&e.ip, ip, sizeof(e.ip));
	return e;
}

/* The call is over: what comes again passes in the data path. Nobody else changes an entry in this way; one lost is no harm. */
static void end_dialog(struct slow *s, const struct bt_slow *n)
{
	struct bt_dialog d;
	bool young;

	if (dp_dialog_get(s->dp, n->call_id, &d, &young) || d.server != n->server || d.state >= BT_D_CONFIRMED)
		return;
	d.state = BT_D_OVER;
	dp_dialog_set(s->dp, n->call_id, young, &d);
}

/* As the data path would have sent it on. */
static void give_back(struct slow *s, const struct refusal *r)
{
	const struct bt_pool_server *from = &r->row.server[r->n->server - 1];
	uint16_t port = r->h.from.port == ntohs(from->port) ? ntohs(r->row.port) : r->h.from.port;
	struct kept_end service = end_of(r->row.service, port);

	if (!slow_send(s, &service, &r->h.to, r->h.text, r->h.len))
		end_dialog(s, r->n);
}

/* Is it to this very INVITE? */
static bool answers(const struct siptext *m, const struct siptext *invite)
{
	struct siptext_via a, b;

	return siptext_via(m, 0, &a) && siptext_via(invite, 0, &b) && siptext_same(a.branch, b.branch) && m->cseq == invite->cseq &&
	       siptext_is(m->cseq_method, "INVITE") && m->status >= 300;
}

static void acknowledge(struct slow *s, const struct refusal *r, const struct siptext *invite)
{
	size_t n = siptext_ack(s->out, sizeof(s->out), invite, &r->m);

	if (n)
		slow_send(s, &r->h.to, &r->h.from, s->out, n);
	else
		slow_counted(s, SLOW_FAILED);
}

/* Not to one that is silent, that cannot be reached, or that is being drained. */
static bool may_take(const struct refusal *r, uint8_t server)
{
	uint64_t aim = r->row.aim;

	return !(r->row.flags & BT_POOL_SILENT(server)) && r->row.server[server - 1].ifindex &&
	       BT_AIM_DRAINING(aim) != server && !(BT_AIM_FLAGS(aim) & (BT_AIM_REJECT | BT_AIM_DRAINED));
}

/* The client's port for the service may be another than that of the first. */
static struct kept_end server_end(const struct refusal *r, const struct kept_invite *v, uint8_t server)
{
	const struct bt_pool_server *to = &r->row.server[server - 1];
	bool first = v->to.port == ntohs(r->row.port) || v->to.port == ntohs(r->row.server[r->n->server - 1].port);

	return end_of(to->ip, first ? ntohs(to->port) : v->to.port);
}

/* The entry first: what the client sends meanwhile must find the INVITE where it is. */
static bool to_server(struct slow *s, const struct refusal *r, struct kept_invite *v)
{
	uint8_t other = (uint8_t)(BT_SERVERS + 1 - r->n->server);
	struct kept_end to = server_end(r, v, other);
	struct bt_dialog was, now;
	bool young;

	if (!may_take(r, other) || dp_dialog_get(s->dp, v->call_id, &was, &young))
		return false;
	if (was.owner != r->n->owner || was.server != r->n->server || was.state >= BT_D_CONFIRMED)
		return false;
	now = was;
	now.server = other;
	now.epoch = r->row.server[other - 1].epoch;
	now.state = BT_D_NEW;
	if (dp_dialog_set(s->dp, v->call_id, young, &now))
		return false;
	if (slow_send(s, &v->from, &to, v->text, v->len)) {
		dp_dialog_set(s->dp, v->call_id, young, &was);
		return false;
	}
	v->now = other;
	return true;
}

/* The first refusal of it. */
static void lead_on(struct slow *s, const struct refusal *r, struct kept_invite *v, const struct siptext *invite)
{
	if (!to_server(s, r, v)) {
		v->now = KEPT_BACK;
		give_back(s, r);
		return;
	}
	v->server = r->n->server;
	slow_counted(s, SLOW_OVERFLOWED);
	acknowledge(s, r, invite);
}

static bool read_refusal(struct slow *s, const struct bt_slow *n, struct refusal *r)
{
	r->n = n;
	return n->owner && n->owner <= BT_POOLS_MAX && n->server && n->server <= BT_SERVERS && handed_udp(n, &r->h) &&
	       !dp_pool_get(s->dp, n->owner, &r->row);
}

void slow_overflow(struct slow *s, const struct bt_slow *n)
{
	struct kept *kept = atomic_load(&s->kept);
	struct kept_invite *v = kept ? kept_find(kept, n->call_id, clock_now_ns()) : NULL;
	struct siptext invite;
	struct refusal r;

	if (!read_refusal(s, n, &r)) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	if (!v || !siptext_read(&invite, v->text, v->len) || !siptext_read(&r.m, r.h.text, r.h.len) || !answers(&r.m, &invite)) {
		slow_counted(s, SLOW_NOT_KEPT);
		give_back(s, &r);
	} else if (v->now == KEPT_FIRST) {
		lead_on(s, &r, v, &invite);
	} else if (v->server == n->server) {	/* it did not hear the ACK */
		acknowledge(s, &r, &invite);
	} else {
		give_back(s, &r);
	}
}
