/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse: is this message from the peer as it lives now, what does it tell, and what do we answer?
 *
 * Order: length, version, pair, MAC, freshness, range; then, and only then, anything is written
 *        (but for unauth_ns, which says that somebody with another key is there). A refused message
 *        changes nothing else.
 *
 * Whom to believe. A life of a host is a boot id, as long as its maps; a restarted controller goes
 * on with it. We keep the peer's believed boot, and a nonce of our own that has been believed by
 * nobody yet. What is asked of a message before it is believed:
 *
 *   1. it is for this life of ours: to_boot is our boot;
 *   2. it is of the peer's believed life: boot is the believed one; or of a new life, that shows
 *      with echo = our present nonce that it was sent after that nonce was made. Then that boot
 *      becomes the believed one, its windows start empty, what we had heard of each group is forgotten, and
 *      the nonce is renewed;
 *   3. its sequence number is new: one window per path for probes, one for answers.
 *
 * Why a retired life cannot come back: all it ever sent echoes nonces that were ours before the one
 * that was renewed when its successor was believed. Why a message of a life that *we* have left
 * behind is nothing worth: it names that life in to_boot, and the MAC covers it. So neither side
 * can be told by a late or replayed message what was true only before somebody lost his memory
 * (hole H9 of the protocol notes).
 *
 * How two hosts meet. Every authentic probe is answered, believed or not, with our boot and nonce;
 * the answer names the probe's boot, nonce and number, so it is worth something to its sender
 * alone. A sends a probe that knows nothing (to_boot 0, echo 0). B does not believe it, and
 * answers. The answer has to_boot = A's boot and echo = A's present nonce: A believes B, and its
 * next probe has B's boot and nonce: B believes A. One and a half round trips, started by either,
 * by both at once, or by only one whose controller lives: the other's kernel is enough. After one
 * reboots (A): B answers A's new probes without believing, A believes B, A's next probe is
 * believed. B's own probes still name A's old life; A must answer them too, though it may already
 * believe B (by an answer), or a B whose probes alone get through would never learn of A's new
 * life. So to_boot other than ours is no reason to stay silent to a probe; it is one to take
 * nothing in. After both reboot: as in the beginning.
 *
 * A late probe of a former life that echoes the
 * nonce of just then (made, sent, its host died, the new life not yet believed) can be believed
 * once; the new life's next probe echoes the renewed nonce and replaces it. It says nothing that
 * was not true when its number was made.
 *
 * What the answers to replays give away: an attacker with a recorded probe gets our state of now,
 * which is on the wire anyway, one frame for one frame. A replay of a believed life gets none.
 * The nonce need not be secret, only new: who could use a foreseen one cannot make a MAC.
 *
 * The answer's lease. An answer at our own number is told on as same_seq / same_path: the departure
 * of that probe is what a lease is counted from. Its two halves are written under the pair's lock,
 * so they belong together; a reader without lock reads path, seq, path, seq until they agree.
 *
 * Time:    boot clock, read once per pulse.
 * Source:  include/pulse_wire.h; design §4.1, §4.2; protocol notes H3, H9, H22, H23.
 */
#ifndef PULSE_H
#define PULSE_H

#include "event.h"
#include "gate.h"
#include "maps.h"
#include "pulse_wire.h"
#include "siphash.h"

#define PULSE_WORDS(groups) ((PULSE_HEAD_BYTES + (groups) * PULSE_GROUP_BYTES) / 8)
#define PULSE_WORDS_MAX	PULSE_WORDS(PULSE_GROUPS_MAX)
#define PULSE_TTL	64
#define PULSE_HASHED	(PULSE_HEAD_BYTES - 8)	/* of the head */

/* One message on its way through the stages. Offsets are from the start of the frame. */
struct pulse {
	struct pulse_head head;	/* as it came */
	__u64 now;
	__u64 nonce;		/* ours, after judging */
	__u64 heard_ns;		/* when we last believed the peer before this message */
	__u64 old_boot;
	__u32 at;		/* where the head lies */
	__u32 path;
	__u32 groups;
	__u32 answer;		/* it is one */
	__u32 believed;
	__u32 newest;		/* believed, and none newer came by this path */
	__u32 reborn;		/* first of a new life of the peer */
	__u32 zero;
};

static __always_inline struct bt_node *pulse_node(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&cfg_node, &zero);
}

static __always_inline void *packet_at(struct xdp_md *ctx, __u32 off, __u32 size)
{
	void *p = (void *)(long)ctx->data;

	barrier_var(off);	/* else a sum may be checked whole, added in parts: no bound to 6.1 */
	if (off > FRAME_REACH)
		return NULL;
	p += off;
	barrier_var(p);
	return p + size > (void *)(long)ctx->data_end ? NULL : p;
}

/*
 * SipHash of all after the mac field of the pulse at @at; 0 when it is not all there, which
 * pulse_length() has excluded. Functions that are not static are verified once by themselves,
 * however many ways lead to them: that keeps the verifier's work additive.
 */
__noinline __u64 pulse_mac(struct xdp_md *ctx, __u32 at, __u32 groups, __u64 k0, __u64 k1)
{
	struct siphash s = siphash_begin(k0, k1);
	__u64 *word = packet_at(ctx, at, PULSE_HEAD_BYTES);

	if (!word)
		return 0;
	for (int i = 1; i < PULSE_HEAD_BYTES / 8; i++)
		siphash_word(&s, word[i]);
	at += PULSE_HEAD_BYTES;
	for (__u32 i = 0; i < PULSE_GROUPS_MAX; i++, at += PULSE_GROUP_BYTES) {
		if (i >= groups)
			break;
		word = packet_at(ctx, at, PULSE_GROUP_BYTES);
		if (!word)
			return 0;
		for (int k = 0; k < PULSE_GROUP_BYTES / 8; k++)
			siphash_word(&s, word[k]);
	}
	return siphash_end(&s, 0, PULSE_HASHED + groups * PULSE_GROUP_BYTES);
}

static __always_inline bool path_is(const struct bt_path *path, __u32 ifindex,
				    const struct in6_addr *from)
{
	const __u32 *a = (const __u32 *)path->peer, *b = from->s6_addr32;

	return path->ifindex == ifindex && a[0] == b[0] && a[1] == b[1] && a[2] == b[2] &&
	       a[3] == b[3];
}

/* Index of the configured path from @from on @ifindex; BT_PATHS_MAX: none. */
static __always_inline __u32 pulse_path(__u32 ifindex, const struct in6_addr *from)
{
	struct bt_path *path;
	__u32 key;
	__u64 i;	/* beside the key and of 64 bits: 6.1 follows no narrower counter through the stack */

	for (i = 0; i < BT_PATHS_MAX; i++) {
		key = i;
		path = bpf_map_lookup_elem(&cfg_path, &key);
		if (path && ifindex && path_is(path, ifindex, from))
			break;
	}
	return i;
}

/* Of the source as the maps have it; IPv4 as v4-mapped. */
static __always_inline bool pulse_source(struct xdp_md *ctx, const struct frame *f,
					 struct in6_addr *from)
{
	struct ipv6hdr *ip6;
	struct iphdr *ip;

	if (f->h.kind == FRAME_IP6) {
		ip6 = packet_at(ctx, f->h.l3, sizeof(*ip6));
		if (ip6)
			*from = ip6->saddr;
		return ip6;
	}
	ip = packet_at(ctx, f->h.l3, sizeof(*ip));
	if (ip)
		*from = (struct in6_addr){ .s6_addr32 = { 0, 0, bpf_htonl(0xffff), ip->saddr } };
	return ip;
}

/* Plain headers only, and exactly as long as its number of groups says. Fills head, at, groups. */
static __always_inline bool pulse_length(struct xdp_md *ctx, const struct frame *f, struct pulse *m)
{
	__u32 plain = f->h.kind == FRAME_IP4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	struct udphdr *udp = packet_at(ctx, f->h.l4, sizeof(*udp));
	struct pulse_head *head;
	__u32 len;

	if (f->h.fragment || f->h.l4 - f->h.l3 != plain || !udp ||
	    bpf_ntohs(udp->len) != f->h.end - f->h.l4)
		return false;
	m->at = f->h.l4 + sizeof(*udp);
	len = f->h.end - m->at;
	head = packet_at(ctx, m->at, sizeof(*head));
	if (!head || f->h.end < m->at)
		return false;
	m->head = *head;
	m->groups = m->head.n_groups;
	m->answer = m->head.type == PULSE_ANSWER;
	return m->groups <= PULSE_GROUPS_MAX &&
	       len == PULSE_HEAD_BYTES + m->groups * PULSE_GROUP_BYTES;
}

static __always_inline bool pulse_version(const struct pulse *m)
{
	return m->head.magic == bpf_htons(PULSE_MAGIC) && m->head.version == PULSE_VERSION &&
	       (m->head.type == PULSE_PROBE || m->head.type == PULSE_ANSWER);
}

static __always_inline bool pulse_pair(const struct pulse *m, const struct bt_node *node)
{
	return m->head.pair_id == node->pair_id && m->head.from == node->peer_id &&
	       m->head.to == node->my_id && m->head.from != m->head.to;
}

/* Could @owner's host have this word? @sender: the only one that may be open in it. */
static __always_inline bool word_is_sane(__u64 word, __u8 sender, __u8 other)
{
	__u8 owner = BT_WORD_OWNER(word), mode = BT_WORD_MODE(word);

	if (BT_WORD_REST(word) || mode >= BT_MODE__N)
		return false;
	if (!owner)
		return word == 0;
	if (mode == BT_OPEN && owner != sender)
		return false;
	return (owner == sender || owner == other) && BT_WORD_TERM(word);
}

static __always_inline bool pulse_group_in_range(struct xdp_md *ctx, __u32 off, __u32 from,
						 __u32 to)
{
	struct pulse_group *g = packet_at(ctx, off, sizeof(*g));

	return g && g->name_hash && !(bpf_ntohl(g->flags) & ~PULSE_F__ALL) &&
	       word_is_sane(bpf_be64_to_cpu(g->word), from, to) &&
	       word_is_sane(bpf_be64_to_cpu(g->echo), to, from);
}

static __always_inline bool pulse_range(struct xdp_md *ctx, const struct pulse *m)
{
	if (!m->groups || !m->head.seq || !m->head.boot || m->head.zero)
		return false;
	for (__u32 i = 0; i < PULSE_GROUPS_MAX; i++) {
		if (i >= m->groups)
			break;
		if (!pulse_group_in_range(ctx, m->at + PULSE_HEAD_BYTES + i * PULSE_GROUP_BYTES,
					  m->head.from, m->head.to))
			return false;
	}
	return true;
}

/* Is @seq new? Without changing anything. Numbers start from 1. */
static __always_inline bool window_is_new(__u64 top, __u64 bits, __u64 seq)
{
	__u64 age = top - seq;

	return seq > top || (age < PULSE_WINDOW && !(bits >> age & 1));
}

static __always_inline void window_add(__u64 *top, __u64 *bits, __u64 seq)
{
	__u64 step = seq - *top;

	if (seq <= *top) {
		*bits |= 1ULL << (*top - seq);
		return;
	}
	*bits = step < PULSE_WINDOW ? *bits << step | 1 : 1;
	*top = seq;
}

/* The peer lives anew: nothing of its old life counts. When its host was heard stays. */
static __always_inline void pair_rebirth(struct bt_pair *pair, __u64 boot, __u64 nonce)
{
	for (int i = 0; i < BT_PATHS_MAX; i++) {
		pair->path[i].probe_top = 0;
		pair->path[i].probe_bits = 0;
		pair->path[i].answer_top = 0;
		pair->path[i].answer_bits = 0;
		pair->path[i].answer_ns = 0;
	}
	pair->peer_boot = boot;
	pair->nonce = nonce;
	pair->boots++;
}

static __always_inline __u64 pair_heard_ns(const struct bt_pair *pair)
{
	__u64 newest = 0;

	for (int i = 0; i < BT_PATHS_MAX; i++)
		if (pair->path[i].heard_ns > newest)
			newest = pair->path[i].heard_ns;
	return newest;
}

/* Believed: enter it in the books of its path. */
static __always_inline void pair_believe(struct bt_pair *pair, struct bt_path_st *st,
					 struct pulse *m)
{
	__u64 seq = bpf_be64_to_cpu(m->head.seq);

	m->newest = seq > (m->answer ? st->answer_top : st->probe_top);
	if (m->answer)
		window_add(&st->answer_top, &st->answer_bits, seq);
	else
		window_add(&st->probe_top, &st->probe_bits, seq);
	if (m->newest) {
		pair->peer_nonce = bpf_be64_to_cpu(m->head.nonce);
		st->peer_heard_ms = bpf_ntohl(m->head.heard_ms);
		if (m->answer)
			st->answer_ns = m->now;
	}
	st->heard_ns = m->now;
	m->believed = 1;
}

/*
 * Freshness and range, then the books; all under the lock, so that a message is judged by what the
 * one before it left. @fresh: a nonce to renew with, 0 when none was drawn.
 */
static __always_inline enum bt_xdp_exit pair_judge(struct bt_pair *pair, struct bt_path_st *st,
						   struct pulse *m,
						   __u64 boot, __u64 fresh, bool in_range)
{
	bool to_us = m->head.to_boot == bpf_cpu_to_be64(boot);
	bool known = m->head.boot == bpf_cpu_to_be64(pair->peer_boot);
	bool proves = pair->nonce && m->head.echo == bpf_cpu_to_be64(pair->nonce);
	__u64 seq = bpf_be64_to_cpu(m->head.seq);

	m->nonce = pair->nonce;
	m->old_boot = pair->peer_boot;
	m->heard_ns = pair_heard_ns(pair);
	if (!to_us || (!known && !(proves && fresh))) {
		if (m->answer)
			return BT_X_PULSE_BOOT;
		return in_range ? BT_X_PULSE_UNBELIEVED : BT_X_PULSE_RANGE;
	}
	if (known && !(m->answer ? window_is_new(st->answer_top, st->answer_bits, seq)
				 : window_is_new(st->probe_top, st->probe_bits, seq)))
		return BT_X_PULSE_REPLAY;
	if (!in_range)
		return BT_X_PULSE_RANGE;
	if (!known) {
		pair_rebirth(pair, bpf_be64_to_cpu(m->head.boot), fresh);
		m->reborn = 1;
		m->nonce = fresh;
	}
	pair_believe(pair, st, m);
	return m->answer ? BT_X_PULSE_HEARD : BT_X_PULSE_ANSWERED;
}

/* 0 only if it must not be drawn because the boot is the believed one. */
static __always_inline __u64 pulse_fresh_nonce(const struct bt_pair *pair, const struct pulse *m)
{
	__u64 nonce;

	if (m->head.boot == bpf_cpu_to_be64(READ_ONCE(pair->peer_boot)))
		return 0;
	nonce = (__u64)bpf_get_prandom_u32() << 32 | bpf_get_prandom_u32();
	return nonce ? nonce : 1;
}

/*
 * The books of path @i, NULL beyond the last. Bound and address are made here and not again where
 * they are used: 6.1 loses the bound of what was on the stack meanwhile.
 */
static __always_inline struct bt_path_st *pair_path(struct bt_pair *pair, __u32 i)
{
	struct bt_path_st *st;

	barrier_var(i);
	if (i >= BT_PATHS_MAX)
		return NULL;
	st = &pair->path[i];
	barrier_var(st);
	return st;
}

static __always_inline enum bt_xdp_exit pulse_judge(struct xdp_md *ctx, struct pulse *m,
						    const struct bt_node *node)
{
	bool in_range = pulse_range(ctx, m);
	struct bt_path_st *st;
	enum bt_xdp_exit exit;
	struct bt_pair *pair;
	__u32 zero = 0;
	__u64 fresh;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	st = pair ? pair_path(pair, m->path) : NULL;
	if (!st)
		return BT_X_BROKEN;
	fresh = pulse_fresh_nonce(pair, m);
	bpf_spin_lock(&pair->lock);
	exit = pair_judge(pair, st, m, node->boot, fresh, in_range);
	bpf_spin_unlock(&pair->lock);
	return exit;
}

/* What we had heard of the peer's groups was its old life's. */
static __always_inline void heard_forget(void)
{
	struct bt_heard *h;
	__u32 key;

	for (__u64 i = 0; i < BT_GROUPS_MAX; i++) {	/* 64 bits as in pulse_path() */
		key = i;
		h = bpf_map_lookup_elem(&st_heard, &key);
		if (!h)
			return;
		h->at_ns = 0;
		h->same_seq = 0;
		h->word = 0;
		h->echo = 0;
	}
}

/* Slot of the group called @hash; @hint is where it lies when both hosts list groups alike. */
static __always_inline __u32 group_slot(__be32 hash, __u32 hint)
{
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &hint);
	__u32 *slot;

	if (g && g->name_hash == hash)
		return hint;
	slot = bpf_map_lookup_elem(&cfg_gidx, &hash);
	return slot ? *slot : BT_GROUPS_MAX;
}

/* Let go for the peer: SIP responses to what we had accepted may still leave for a while. */
static __always_inline void linger_begin(__u32 slot, __u64 now)
{
	struct bt_group *g = bpf_map_lookup_elem(&cfg_group, &slot);
	__u64 *until = bpf_map_lookup_elem(&st_linger, &slot);

	if (g && until)
		*until = now + g->linger_ms * NS_PER_MS;
}

/*
 * Change our word by what the peer's says; returns our word as it then stands. If somebody else was
 * faster the decision is dropped: the next pulse makes it anew.
 */
static __always_inline __u64 word_hear(__u32 slot, __u64 *word, __u64 heard,
				       const struct bt_node *node,
				       bool leased, __u64 now)
{
	__u64 own = READ_ONCE(*word), to, seen;

	to = word_after(own, heard, node->my_id, node->peer_id, leased);
	if (to == own)
		return own;
	if (BT_WORD_MODE(own) == BT_OPEN)
		linger_begin(slot, now);	/* before the store: no response falls between */
	seen = __sync_val_compare_and_swap(word, own, to);
	if (seen != own)
		return seen;
	event_emit(BT_EV_WORD, slot, now, own, to, 0);
	return to;
}

/*
 * Keep what was told. Under the pair's lock only because two paths may bring two messages at once;
 * numbers only grow within a life, so a slower path's older news is known by a lower one.
 */
static __always_inline void heard_store(struct bt_pair *pair, struct bt_heard *h,
					const struct bt_heard *news,
					bool same)
{
	bpf_spin_lock(&pair->lock);
	if (!h->at_ns || BT_WORD_NUMBER(news->word) >= BT_WORD_NUMBER(h->word)) {
		h->word = news->word;
		h->echo = news->echo;
		h->lease_left_us = news->lease_left_us;
		h->resp_age_ms = news->resp_age_ms;
		h->flags = news->flags;
		h->digest = news->digest;
		h->requests = news->requests;
		if (same) {
			h->same_seq = 0;
			h->same_path = news->same_path;
			h->same_seq = news->same_seq;
		}
		/* An exchange orders all before it for readers on other CPUs: at_ns comes last. */
		__sync_lock_test_and_set(&h->at_ns, news->at_ns);
	}
	bpf_spin_unlock(&pair->lock);
}

/* Take one block of a believed message in. */
static __always_inline void group_take(const struct pulse *m, const struct pulse_group *g,
				       __u32 slot, __u64 *word, struct bt_heard *h,
				       const struct bt_node *node, bool leased)
{
	struct bt_heard news = {
		.word = bpf_be64_to_cpu(g->word), .echo = bpf_be64_to_cpu(g->echo), .at_ns = m->now,
		.same_seq = bpf_be64_to_cpu(m->head.seq), .same_path = m->path,
		.lease_left_us = bpf_ntohl(g->lease_left_us),
		.resp_age_ms = bpf_ntohl(g->resp_age_ms), .requests = bpf_ntohl(g->requests),
		.flags = bpf_ntohl(g->flags), .digest = g->digest,
	};
	struct bt_pair *pair;
	__u32 zero = 0;
	__u64 own;

	own = word_hear(slot, word, news.word, node, leased, m->now);
	pair = bpf_map_lookup_elem(&st_pair, &zero);
	if (pair && m->newest)
		heard_store(pair, h, &news, m->answer &&
			    BT_WORD_NUMBER(own) == BT_WORD_NUMBER(news.word));
}

/* @unit_ns since @then, at most one below PULSE_NEVER; a @then of another CPU may lie ahead. */
static __always_inline __u32 age_of(__u64 then, __u64 now, __u32 unit_ns)
{
	__u64 age = now - then;

	if (!then)
		return PULSE_NEVER;
	if (now <= then)
		return 0;
	if (age <= 0xffffffff)		/* nearly always; half the price of the other division */
		return (__u32)age / unit_ns;
	age /= unit_ns;
	return age < PULSE_NEVER ? age : PULSE_NEVER - 1;
}

/* All zero but the name: we have no such group. */
static __always_inline void group_tell_unknown(struct pulse_group *g)
{
	__be32 name_hash = g->name_hash;

	__builtin_memset(g, 0, sizeof(*g));
	g->name_hash = name_hash;
}

/* Our own state of the group, in place of the peer's. */
static __always_inline void group_tell(struct pulse_group *g, __u32 slot, __u64 word, __u64 lease,
				       const struct bt_heard *h, __u64 now)
{
	struct bt_group *cfg = bpf_map_lookup_elem(&cfg_group, &slot);
	struct bt_seen *seen = bpf_map_lookup_elem(&st_seen, &slot);
	__u32 flags = PULSE_F_KNOWN;

	if (!cfg || !seen)
		return group_tell_unknown(g);
	flags |= cfg->health & PULSE_F__ALL & ~PULSE_F_LEASED;
	if (now < lease)
		flags |= PULSE_F_LEASED;
	g->digest = cfg->digest;
	g->word = bpf_cpu_to_be64(word);
	g->echo = bpf_cpu_to_be64(h->word);
	g->lease_left_us = now < lease ? bpf_htonl(age_of(now, lease, 1000)) : 0;
	g->resp_age_ms = bpf_htonl(age_of(READ_ONCE(seen->response_ns), now, NS_PER_MS));
	g->flags = bpf_htonl(flags);
	g->requests = bpf_htonl(READ_ONCE(seen->requests));
}

/* Block @i: take it in if believed, answer in place if asked. 0, or -1 if it is not there. */
__noinline int pulse_group(struct xdp_md *ctx, struct pulse *m, __u32 i)
{
	struct bt_node *node = pulse_node();
	__u64 *word, *lease, until;
	struct pulse_group *g;
	struct bt_heard *h;
	__u32 slot;

	if (!m || !node || i >= PULSE_GROUPS_MAX)
		return -1;
	g = packet_at(ctx, m->at + PULSE_HEAD_BYTES + i * PULSE_GROUP_BYTES, sizeof(*g));
	if (!g)
		return -1;
	slot = group_slot(g->name_hash, i);
	word = bpf_map_lookup_elem(&st_word, &slot);
	lease = bpf_map_lookup_elem(&ct_lease, &slot);
	h = bpf_map_lookup_elem(&st_heard, &slot);
	if (!word || !lease || !h) {
		if (!m->answer)
			group_tell_unknown(g);
		return 0;
	}
	until = READ_ONCE(*lease);
	if (m->believed)
		group_take(m, g, slot, word, h, node, m->now < until);
	if (!m->answer)
		group_tell(g, slot, READ_ONCE(*word), until, h, m->now);
	return 0;
}

static __always_inline bool pulse_groups(struct xdp_md *ctx, struct pulse *m)
{
	for (__u32 i = 0; i < PULSE_GROUPS_MAX; i++) {
		if (i >= m->groups)
			break;
		if (pulse_group(ctx, m, i))
			return false;
	}
	return true;
}

static __always_inline __u16 csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Sum of the pulse, for the checksum that UDP over IPv6 must have. */
__noinline __u64 pulse_sum(struct xdp_md *ctx, __u32 off, __u32 words)
{
	__u64 sum = 0;
	__u32 *half;

	for (__u32 i = 0; i < PULSE_WORDS_MAX; i++) {
		if (i >= words)
			break;
		half = packet_at(ctx, off + i * 8, 8);
		if (!half)
			return 0;
		sum += (__u64)half[0] + half[1];
	}
	return sum;
}

static __always_inline bool answer_head(struct xdp_md *ctx, const struct pulse *m,
					const struct bt_node *node)
{
	struct pulse_head *head = packet_at(ctx, m->at, sizeof(*head));

	if (!head)
		return false;
	head->type = PULSE_ANSWER;
	head->from = node->my_id;
	head->to = node->peer_id;
	head->boot = bpf_cpu_to_be64(node->boot);
	head->to_boot = m->head.boot;
	head->nonce = bpf_cpu_to_be64(m->nonce);
	head->echo = m->head.nonce;
	head->heard_ms = m->believed ? 0 : bpf_htonl(age_of(m->heard_ns, m->now, NS_PER_MS));
	head->mac = bpf_cpu_to_be64(pulse_mac(ctx, m->at, m->groups, node->key_out[0],
					      node->key_out[1]));
	return true;
}

static __always_inline void swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
}

static __always_inline bool answer_ip4(struct xdp_md *ctx, __u32 l3)
{
	struct iphdr *ip = packet_at(ctx, l3, sizeof(*ip));
	__u32 sum = 0, *word = (void *)ip;
	__be32 addr;

	if (!ip)
		return false;
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->ttl = PULSE_TTL;
	ip->check = 0;
	for (int i = 0; i < 5; i++)
		sum += (word[i] & 0xffff) + (word[i] >> 16);
	ip->check = csum_fold(sum);
	return true;
}

/* UDP over IPv4 may go without a checksum; the MAC guards more. */
static __always_inline bool answer_udp(struct xdp_md *ctx, const struct pulse *m, __u64 pseudo,
				       bool v6)
{
	struct udphdr *udp = packet_at(ctx, m->at - sizeof(*udp), sizeof(*udp));
	__be16 port;

	if (!udp)
		return false;
	port = udp->source;
	udp->source = udp->dest;
	udp->dest = port;
	udp->check = 0;
	if (!v6)
		return true;
	pseudo += pulse_sum(ctx, m->at, PULSE_WORDS(m->groups));
	pseudo += (__u64)udp->source + udp->dest + udp->len;
	udp->check = csum_fold(pseudo);
	if (!udp->check)
		udp->check = 0xffff;
	return true;
}

static __always_inline bool answer_ip6(struct xdp_md *ctx, __u32 l3, __u64 *pseudo)
{
	struct ipv6hdr *ip = packet_at(ctx, l3, sizeof(*ip));
	struct in6_addr addr;

	if (!ip)
		return false;
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	ip->hop_limit = PULSE_TTL;
	*pseudo = (__u64)ip->payload_len + bpf_htons(IPPROTO_UDP);
	for (int i = 0; i < 4; i++)
		*pseudo += (__u64)ip->saddr.s6_addr32[i] + ip->daddr.s6_addr32[i];
	return true;
}

/* Turn the probe, its blocks already rewritten, into its answer. */
static __always_inline bool pulse_answer(struct xdp_md *ctx, const struct frame *f,
					 const struct pulse *m,
					 const struct bt_node *node)
{
	struct ethhdr *eth = packet_at(ctx, 0, sizeof(*eth));
	bool v6 = f->h.kind == FRAME_IP6;
	__u64 pseudo = 0;

	if (!eth || !answer_head(ctx, m, node))
		return false;
	swap_macs(eth);
	if (v6 ? !answer_ip6(ctx, f->h.l3, &pseudo) : !answer_ip4(ctx, f->h.l3))
		return false;
	return answer_udp(ctx, m, pseudo, v6);
}

/* The frame of a wrong MAC is all that is remembered of it. */
static __always_inline void pulse_unauthentic(const struct pulse *m)
{
	struct bt_path_st *st;
	struct bt_pair *pair;
	__u32 zero = 0;

	pair = bpf_map_lookup_elem(&st_pair, &zero);
	st = pair ? pair_path(pair, m->path) : NULL;
	if (st)
		st->unauth_ns = m->now;
}

static __always_inline enum bt_xdp_exit pulse_check(struct xdp_md *ctx, const struct frame *f,
						    struct pulse *m,
						    const struct bt_node *node)
{
	__u64 mac;

	if (!pulse_length(ctx, f, m))
		return BT_X_PULSE_LENGTH;
	if (!pulse_version(m))
		return BT_X_PULSE_VERSION;
	if (!node->my_id || !node->boot)
		return BT_X_BROKEN;
	if (!pulse_pair(m, node))
		return BT_X_PULSE_PAIR;
	m->now = bpf_ktime_get_boot_ns();
	mac = pulse_mac(ctx, m->at, m->groups, node->key_in[0], node->key_in[1]);
	if (m->head.mac != bpf_cpu_to_be64(mac)) {
		pulse_unauthentic(m);
		return BT_X_PULSE_MAC;
	}
	return pulse_judge(ctx, m, node);
}

/* A UDP datagram to the pulse port. @f as parsed, without its pointers. */
static __always_inline enum bt_xdp_exit pulse_in(struct xdp_md *ctx, const struct frame *f,
						 const struct bt_node *node)
{
	struct pulse m = {};
	struct in6_addr from;
	enum bt_xdp_exit exit;

	if (!pulse_source(ctx, f, &from))
		return BT_X_BROKEN;
	m.path = pulse_path(ctx->ingress_ifindex, &from);
	if (m.path >= BT_PATHS_MAX)
		return BT_X_PULSE_STRANGER;
	exit = pulse_check(ctx, f, &m, node);
	if (m.reborn) {
		heard_forget();
		event_emit(BT_EV_BOOT, 0, m.now, m.old_boot, bpf_be64_to_cpu(m.head.boot), 0);
	}
	if (!m.believed && exit != BT_X_PULSE_UNBELIEVED)
		return exit;
	if (!pulse_groups(ctx, &m))
		return BT_X_BROKEN;
	if (!m.answer && !pulse_answer(ctx, f, &m, node))
		return BT_X_BROKEN;
	return exit;
}

#endif
