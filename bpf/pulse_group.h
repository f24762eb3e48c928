/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pulse_group: what does a believed pulse tell of each group, what does that make of our word, and what
 * do we tell in the answer?
 *
 * Source:  design §4.2; changes of the word: word.h.
 */
#ifndef PULSE_GROUP_H
#define PULSE_GROUP_H

#include "drain.h"
#include "pulse_check.h"
#include "word.h"

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
		h->unanswered = news->unanswered;
		h->accept_ns = news->accept_ns;
		if (same) {	/* 0 first, and written: else a reader may take the old path with the new number */
			WRITE_ONCE(h->same_seq, 0);
			WRITE_ONCE(h->same_path, news->same_path);
			WRITE_ONCE(h->same_seq, news->same_seq);
		}
		/* An exchange orders all before it for readers on other CPUs: at_ns comes last. */
		__sync_lock_test_and_set(&h->at_ns, news->at_ns);
	}
	bpf_spin_unlock(&pair->lock);
}

/* When that was, by our clock; before its beginning is as good as never. */
static __always_inline __u64 time_of(__u32 age_us, __u64 now)
{
	__u64 age = age_us * 1000ULL;

	return age_us != PULSE_NEVER && age < now ? now - age : 0;
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
		.unanswered = bpf_ntohl(g->unanswered),
		.accept_ns = time_of(bpf_ntohl(g->accept_age_us), m->now),
	};
	struct bt_pair *pair;
	__u32 zero = 0;
	__u64 own;

	own = word_hear(slot, word, news.word, node, leased, 0, m->now);
	pair = bpf_map_lookup_elem(&st_pair, &zero);
	if (pair && m->newest)
		heard_store(pair, h, &news, m->answer &&
			    BT_WORD_NUMBER(own) == BT_WORD_NUMBER(news.word));
}

/* All zero but the name: we have no such group. */
static __always_inline void group_tell_unknown(struct pulse_group *g)
{
	__be32 name_hash = g->name_hash;

	__builtin_memset(g, 0, sizeof(*g));
	g->name_hash = name_hash;
}

/* Both counts may lag, and each by itself. */
static __always_inline __u32 seen_unanswered(const struct bt_seen *seen)
{
	__s64 open = READ_ONCE(seen->wants) - READ_ONCE(seen->finals);

	return open < 0 ? 0 : open > 0xffffffffLL ? 0xffffffff : open;
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
	flags |= drain_flags(slot, cfg->health & PULSE_F__ALL & ~PULSE_F_LEASED, now);
	if (now < lease)
		flags |= PULSE_F_LEASED;
	g->digest = cfg->digest;
	g->word = bpf_cpu_to_be64(word);
	g->echo = bpf_cpu_to_be64(h->word);
	g->lease_left_us = now < lease ? bpf_htonl(age_of(now, lease, 1000)) : 0;
	g->resp_age_ms = bpf_htonl(age_of(READ_ONCE(seen->response_ns), now, NS_PER_MS));
	g->flags = bpf_htonl(flags);
	g->requests = bpf_htonl(READ_ONCE(seen->requests));
	g->accept_age_us = bpf_htonl(age_of(READ_ONCE(seen->accept_ns), now, 1000));
	g->unanswered = bpf_htonl(seen_unanswered(seen));
}

/*
 * Block @i: take it in if believed, answer in place if asked. 0, or -1 if it is not there.
 * Who is not yet believed is told nothing: see the essay in pulse.h.
 */
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
	if (m->believed && !(m->head.flags & bpf_htonl(PULSE_H_STRANGER)))
		group_take(m, g, slot, word, h, node, m->now < until);
	if (!m->answer && m->believed)
		group_tell(g, slot, READ_ONCE(*word), until, h, m->now);
	else if (!m->answer)
		group_tell_unknown(g);
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

#endif
