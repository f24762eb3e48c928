/* SPDX-License-Identifier: GPL-2.0 */
/*
 * local_calls: two SIP servers stand on this host: which of them is this message for, and whose is its dialog?
 *
 * Both have one table of dialogs. Where in a pair an entry names the term and the host, here it names the turn and the server:
 * what began since the other became active is the active one's. While the one before it is drained,
 *
 *   a request that begins something	is the active one's, unless it repeats what is not over at the drained one
 *   what goes on			is the active one's if it began there in this turn; else the drained one's: nothing
 *					needs to be known of what was before
 *   what cannot be read		is the active one's
 *
 * What is the drained one's gets the port that stands for it: where a socket is chosen (baton_lookup) no dialog is seen.
 * Source:  design §4.7; include/baton_abi.h, BT_LOCAL().
 */
#ifndef LOCAL_CALLS_H
#define LOCAL_CALLS_H

#include "call_table.h"

/*
 * Of two servers: at whose turn does it count? @by: who sent it; 0: it came in, and the active one has what is not found to be
 * another's. False: the group has none. A function of its own: verified once.
 */
__noinline int local_call(struct call *c, __u32 by)
{
	__u32 group, active, drained;
	struct bt_local *own;
	__u64 aim;

	if (!c)
		return 0;
	group = c->group;
	own = bpf_map_lookup_elem(&ct_local, &group);
	aim = own ? READ_ONCE(own->aim) : 0;
	active = BT_LOCAL_ACTIVE(aim);
	drained = BT_LOCAL_DRAINED(aim);
	if (!active)
		return 0;
	c->host = by ? by : active;
	c->term = BT_LOCAL_TURN(aim) - (c->host != active);
	c->keeps = c->host != active && c->host == drained;
	c->notes_all = drained && drained != active && c->host == active;
	c->drained = drained;
	return 1;
}

/* Is a message that came in the drained server's? */
static __always_inline bool local_is_drained(const struct sip_msg *m, const struct call *c)
{
	struct bt_dialog *d;

	if (!c->drained || !call_is_told(m))
		return false;
	if (c->drained == c->host)
		return true;		/* it is active still */
	d = call_known(m->call_id);
	if (call_is_of(d, c->term, c->host))
		return false;
	if (call_goes_on(m))
		return true;
	return begins_what(m) != BT_D_NONE && call_is_of(d, c->term - 1, c->drained) && d->state != BT_D_OVER;
}

/* It is: count it there. */
static __always_inline void local_leave(struct call *c)
{
	if (c->drained == c->host)
		return;
	c->host = c->drained;
	c->term--;
	c->keeps = true;
}

/* The port that stands for the drained server, in place of the one that it came to. False: it has none. */
static __always_inline bool local_port(const struct bt_local_key *key, __u32 drained, __be16 *ret)
{
	struct bt_local_way *way = bpf_map_lookup_elem(&cfg_local, key);
	__u32 i = drained - 1;

	barrier_var(i);
	if (!way || !way->row || i >= BT_SERVERS)
		return false;
	*ret = way->own[i];
	return true;
}

#endif
