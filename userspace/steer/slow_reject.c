/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow_reject: new INVITEs that are refused while a pair is being stopped (shutdown-sip-reject-code).
 *
 * Stateless: the same request gets the same answer, tag and all, as often as it comes. A first fragment is enough. The ACK goes to a
 * server as what belongs to no known dialog: nobody here knows it, and a server ignores the ACK to what it never said.
 * Source:  the guide, shutdown-sip-reject-code; RFC 3261 §8.2.6, §8.2.7, §18.2.2.
 */
#include "steer/slow_own.h"

#include <errno.h>
#include <string.h>

#define REJECT_ELSE	603	/* for a pool or group that was taken out of the configuration meanwhile */

static void tag_of(const struct slow *s, const struct siptext *m, char ret[SLOW_HEX])
{
	struct siptext_via via = { .branch = { "", 0 } };

	siptext_via(m, 0, &via);
	slow_hash(s, ret, (struct siptext_slice[]){ m->first[SIPTEXT_CALL_ID], m->first[SIPTEXT_FROM], via.branch }, 3);
}

int slow_answer(struct slow *s, const struct handed *h, const struct siptext *m, uint16_t status, const char *contact)
{
	const struct siptext_from from = { h->from.ip, h->from.port };
	struct kept_end back = h->from;
	struct siptext_via via;
	char tag[SLOW_HEX];
	size_t n;

	if (m->status || siptext_is(m->method, "ACK") || !siptext_via(m, 0, &via))
		return -EBADMSG;
	tag_of(s, m, tag);
	if (!via.wants_rport)
		back.port = via.port ? via.port : SIPTEXT_PORT;
	n = siptext_answer(s->out, sizeof(s->out), m, status, contact, tag, &from);
	return n ? slow_send(s, &h->to, &back, s->out, n) : -EMSGSIZE;
}

static uint16_t code_of(struct slow *s, const struct bt_slow *n, char contact[SLOW_CONTACT])
{
	uint32_t slot = n->owner & ~BT_OWNER_GROUP;
	uint16_t code = 0;
	struct slow_pool pool;
	struct bt_pool row;

	if (!(n->owner & BT_OWNER_GROUP) && !dp_pool_get(s->dp, slot, &row) && slow_pool_of(s, &row, &pool))
		code = pool.reject;
	pthread_mutex_lock(&s->lock);
	if (n->owner & BT_OWNER_GROUP && slot < BT_GROUPS_MAX)
		code = s->conf.group_reject[slot];
	memcpy(contact, s->conf.contact, SLOW_CONTACT);
	pthread_mutex_unlock(&s->lock);
	return code ? code : REJECT_ELSE;
}

void slow_reject(struct slow *s, const struct bt_slow *n)
{
	char contact[SLOW_CONTACT];
	uint16_t code = code_of(s, n, contact);
	struct siptext m;
	struct handed h;

	if (!handed_head(n, &h) || !siptext_read(&m, h.text, h.len) || m.status || !siptext_is(m.method, "INVITE")) {
		slow_counted(s, SLOW_MALFORMED);
		return;
	}
	if (!slow_answer(s, &h, &m, code, code <= 302 && contact[0] ? contact : NULL))
		slow_counted(s, SLOW_REJECTED);
}
