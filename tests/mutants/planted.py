# SPDX-License-Identifier: GPL-2.0-or-later
"""planted: the planted bugs. Each is one rule of the protocol left out or turned round.

name, the hole of the protocol notes (H1 ...) or the rule it breaks, file, exact old text (once in the file),
new text, tests that should catch it, quickest first:

  unit:word     tests/unit/test_word             bpf:relay   tests/bpf/test_relay
  sys:fence     tests/sys/test_fence             sim:300     the simulation's regressions and seeds 1-300
  model:small   tests/model/run small            net:word    tests/net, -k word
  cluster:200   the simulation, -c 1-200          cluster:flip  the same, 100 seeds of one profile
"""

MUTANTS = []


def plant(name, hole, file, old, new, *tests):
    MUTANTS.append({"name": name, "hole": hole, "file": file, "old": old, "new": new, "tests": tests})


# ---- the table of the word ---------------------------------------------------------------------------

TABLE = "include/word_table.h"

plant("relay-reopens", "relay back to open at the same number", TABLE,
      "	X(OPEN,	 MINE,	  LEAVE,	   RELAY, SAME) \\\n",
      "	X(OPEN,	 MINE,	  LEAVE,	   RELAY, SAME) \\\n	X(RELAY, MINE,	  HEARD_LETGO,	   OPEN,  SAME) \\\n",
      "model:small", "unit:word")
plant("relay-reopens-by-controller", "relay back to open at the same number", TABLE,
      "	X(OPEN,	 MINE,	  LEAVE,	   RELAY, SAME) \\\n",
      "	X(OPEN,	 MINE,	  LEAVE,	   RELAY, SAME) \\\n	X(RELAY, MINE,	  OPEN_ALONE,	   OPEN,  SAME) \\\n",
      "unit:word")
plant("claim-shuts", "H20: a claim shuts instead of relay", TABLE,
      "X(OPEN,	 MINE,	  HEARD_HIGHER,	   RELAY, THE_PEERS)",
      "X(OPEN,	 MINE,	  HEARD_HIGHER,	   SHUT,  THE_PEERS)", "unit:word", "bpf:word")
plant("open-keeps-number", "armed opens at the peer's own number", TABLE,
      "X(ARMED, PEERS,	  HEARD_LETGO,	   OPEN,  NEXT)", "X(ARMED, PEERS,	  HEARD_LETGO,	   OPEN,  SAME)",
      "model:small", "unit:word")
plant("open-ignores-higher", "split brain does not end", TABLE,
      "	X(OPEN,	 MINE,	  HEARD_HIGHER,	   RELAY, THE_PEERS) \\\n", "", "unit:word")
plant("shut-opens", "a backup that is not armed opens", TABLE,
      "	X(ARMED, PEERS,	  HEARD_LETGO,	   OPEN,  NEXT) \\\n",
      "	X(ARMED, PEERS,	  HEARD_LETGO,	   OPEN,  NEXT) \\\n	X(SHUT,	 PEERS,	  HEARD_LETGO,	   OPEN,  NEXT) \\\n",
      "unit:word", "bpf:word")
plant("claim-keeps-number", "a claim that is not above", TABLE,
      "X(RELAY, MINE,	  CLAIM,	   ARMED, ABOVE)", "X(RELAY, MINE,	  CLAIM,	   ARMED, SAME)",
      "model:small", "unit:word")
plant("relay-cannot-claim", "nobody, for ever", TABLE, "	X(RELAY, MINE,	  CLAIM,	   ARMED, ABOVE) \\\n", "",
      "model:small", "unit:word")

# ---- the kernel: the word ----------------------------------------------------------------------------

plant("blind-store-kernel", "H3: a store instead of a compare-and-swap", "bpf/word.h",
      "	seen = __sync_val_compare_and_swap(word, own, to);\n	if (seen != own)\n		return seen;\n",
      "	seen = __sync_lock_test_and_set(word, to);\n	(void)seen;\n", "bpf:race")
plant("letgo-by-term", "acknowledgement by term only, no owner", "bpf/word.h",
      "	if (BT_WORD_NUMBER(heard) == BT_WORD_NUMBER(own) && !wants)",
      "	if (BT_WORD_TERM(heard) == BT_WORD_TERM(own) && !wants)", "bpf:word")
plant("higher-by-term", "H7: no owner in the number", "bpf/word.h",
      "	if (BT_WORD_NUMBER(heard) > BT_WORD_NUMBER(own) && wants)",
      "	if (BT_WORD_TERM(heard) > BT_WORD_TERM(own) && wants)", "bpf:word")
plant("claim-is-letgo", "a claim is taken for obedience", "bpf/word.h",
      "	bool wants = BT_WORD_MODE(heard) == BT_OPEN || claim;",
      "	bool wants = BT_WORD_MODE(heard) == BT_OPEN || (claim && 0);", "bpf:word")
plant("opens-without-lease", "a host whose controller is dead takes the role", "bpf/word.h",
      "	if (cause == WORD_HEARD_LETGO && !leased)\n		return own;\n", "	(void)leased;\n", "bpf:word")
plant("term-wraps", "terms used up", "bpf/word.h",
      "		if (BT_WORD_TERM(own) == 0xffffffff)\n			return own;\n", "", "bpf:word")
plant("linger-not-begun", "answers of the old server are lost", "bpf/word.h",
      "		linger_begin(slot, now);	/* before the store", "		(void)0;	/* before the store", "bpf:word")

# ---- the kernel: whom to believe ---------------------------------------------------------------------

PAIR = "bpf/pulse_pair.h"

plant("words-of-any-life-of-ours", "H9: no receiver's boot id", PAIR,
      "	bool to_us = m->head.to_boot == bpf_cpu_to_be64(boot);",
      "	bool to_us = m->head.to_boot == bpf_cpu_to_be64(boot) || m->head.to_boot;", "bpf:pulse")
plant("words-of-any-life-of-the-peer", "H9: no sender's boot id", PAIR,
      "	bool known = m->head.boot == bpf_cpu_to_be64(pair->peer_boot);", "	bool known = pair->peer_boot;", "bpf:pulse")
plant("no-nonce", "H9: a new boot id is believed at once", PAIR,
      "	bool proves = pair->nonce && m->head.echo == bpf_cpu_to_be64(pair->nonce);",
      "	bool proves = pair->nonce;", "bpf:pulse")
plant("nonce-never-renewed", "H9: a dead life comes back", PAIR, "	pair->nonce = nonce;\n", "	(void)nonce;\n", "bpf:pulse")
plant("told-to-strangers", "a word for a life whose predecessor is still believed", "bpf/pulse_group.h",
      "	if (!m->answer && m->believed)\n", "	if (!m->answer)\n", "bpf:pulse")
plant("taken-from-strangers", "a word of who still believes our former life", "bpf/pulse_group.h",
      "	if (m->believed && !(m->head.flags & bpf_htonl(PULSE_H_STRANGER)))", "	if (m->believed)", "bpf:pulse")
plant("same-number-again", "replay: an equal sequence number is new", PAIR,
      "	return seq > top || (age < PULSE_WINDOW && !(bits >> age & 1));",
      "	return seq >= top || (age < PULSE_WINDOW && !(bits >> age & 1));", "bpf:pulse")
plant("no-window", "replay: old sequence numbers are new", PAIR,
      "	return seq > top || (age < PULSE_WINDOW && !(bits >> age & 1));",
      "	return seq > top || age < PULSE_WINDOW || bits == 1;", "bpf:pulse")
plant("one-sequence-for-all-paths", "H22", PAIR,
      "	st = pair ? pair_path(pair, m->path) : NULL;\n	if (!st)\n		return BT_X_BROKEN;\n	fresh",
      "	st = pair ? pair_path(pair, 0) : NULL;\n	if (!st)\n		return BT_X_BROKEN;\n	fresh", "bpf:pulse")
plant("groups-by-position", "H23", "bpf/pulse_group.h",
      "	if (g && g->name_hash == hash)\n		return hint;", "	if (g && g->name_hash)\n		return hint;", "bpf:pulse")
plant("old-life-remembered", "H9: what the old life said stays", "bpf/pulse_group.h",
      "		h->at_ns = 0;\n		h->same_seq = 0;\n		h->word = 0;\n", "", "bpf:pulse")
plant("mac-unread", "G5: whoever knows the port is believed", "bpf/pulse.h",
      "	if (m->head.mac != bpf_cpu_to_be64(mac)) {", "	if (m->head.mac != bpf_cpu_to_be64(mac) && !m->head.mac) {",
      "bpf:pulse")
plant("reflection", "our own pulses come back", "bpf/pulse_check.h",
      "m->head.pair_id == node->pair_id && m->head.from == node->peer_id &&", "m->head.pair_id == node->pair_id &&",
      "bpf:pulse")
plant("word-unsound", "a peer open at our own number", "bpf/pulse_check.h",
      "	if (mode == BT_OPEN && owner != sender)\n		return false;\n", "", "bpf:pulse")
plant("confirms-any-number", "lease by an answer at another number", "bpf/pulse_group.h",
      "		heard_store(pair, h, &news, m->answer &&\n			    BT_WORD_NUMBER(own) == BT_WORD_NUMBER(news.word));",
      "		heard_store(pair, h, &news, m->answer);", "bpf:pulse")

# ---- the kernel: frames ------------------------------------------------------------------------------

RELAY = "bpf/relay.h"

plant("plain-mac-opens", "H1: armed opens on any frame with the peer's address", RELAY,
      "	if (m.sender == SENDER_LETGO && letgo_opens(&m))",
      "	if ((m.sender == SENDER_LETGO || m.sender == SENDER_PEER) && letgo_opens(&m))", "bpf:relay")
plant("help-opens", "H21: a helper's mark is taken for a let-go", RELAY,
      "	if (m.sender == SENDER_LETGO && letgo_opens(&m))",
      "	if ((m.sender == SENDER_LETGO || m.sender == SENDER_HELPER) && letgo_opens(&m))", "bpf:relay")
plant("mark-without-number", "H1: a mark of an earlier number opens", RELAY,
      "	struct mark_of of = { .kind = kind, .name_hash = name_hash, .number = number };",
      "	struct mark_of of = { .kind = kind, .name_hash = name_hash, .number = number & 0 };", "bpf:relay")
plant("mark-without-group", "a mark of another group opens", RELAY,
      "	struct mark_of of = { .kind = kind, .name_hash = name_hash, .number = number };",
      "	struct mark_of of = { .kind = kind, .name_hash = name_hash & 0, .number = number };", "bpf:relay")
plant("mark-without-boots", "H9: a mark of an earlier life opens", RELAY,
      "	of.boot = ours ? node->boot : peer_boot;\n	of.to_boot = ours ? peer_boot : node->boot;\n", "", "bpf:relay")
plant("mark-without-receiver", "H9: a mark for an earlier life of ours opens", RELAY,
      "	of.to_boot = ours ? peer_boot : node->boot;\n", "", "bpf:relay")
plant("mark-without-lease", "a mark opens a host whose controller is dead", RELAY,
      "	if (!m || !node || !m->leased)\n", "	if (!m || !node)\n", "bpf:relay")
plant("own-mark", "our own marks open us", RELAY,
      "	return mark_number(ours ? node->key_out : node->key_in, &of);", "	return mark_number(node->key_out, &of);", "bpf:relay")
plant("sent-on-again", "loops: what the peer sent on is sent on", RELAY,
      "	if (m->sender != SENDER_CLIENT)\n		return BT_X_VIP_SENT_ON;\n", "", "bpf:relay")
plant("help-sent-on-again", "loops: help is helped again", RELAY,
      "	if (m->sender != SENDER_CLIENT)\n		return BT_X_VIP_SENT_ON;\n",
      "	if (m->sender != SENDER_CLIENT && m->sender != SENDER_HELPER)\n		return BT_X_VIP_SENT_ON;\n", "bpf:relay")
plant("help-of-the-flooded", "flooded frames are multiplied", RELAY,
      "	if (m->my_mac && m->to != m->my_mac)\n		return BT_X_VIP_FLOODED;\n", "", "bpf:relay")
plant("relay-into-the-void", "H13: sent on where the peer is not heard", RELAY,
      "		m->peer_mac = newest > m->fresh_ns ? mark_read(st->peer_mac) : 0;",
      "		m->peer_mac = m->fresh_ns == 1 ? 0 : mark_read(st->peer_mac);", "bpf:relay")
plant("relay-over-another-path", "H13: not the interface the pulse lives on", RELAY,
      "path->ifindex != ifindex || !st->heard_ns", "path->ifindex - ifindex > 1000 || !st->heard_ns", "bpf:relay")
plant("help-to-nobody", "H21: help to a holder not heard open", RELAY,
      "	return BT_WORD_MODE(m->heard) == BT_OPEN && m->heard_ns > m->fresh_ns;", "	return m->heard_ns > m->fresh_ns;", "bpf:relay")
plant("help-at-a-short-silence", "a machine that stood still for 30 ms drops what its peer would have served", RELAY,
      "#define SEND_MIN_NS	250000000ULL", "#define SEND_MIN_NS	30000000ULL", "bpf:relay")
plant("fragments-follow-the-word", "H24", RELAY,
      "	if (h->later && fragment_is_ours(ctx, h, now))\n		return BT_X_VIP_FRAGMENT;\n", "", "bpf:relay")
plant("unleased-accepts", "G6: a gate open without a lease accepts", "bpf/gate.h",
      "		return gate->leased ? BT_X_VIP_ACCEPTED : BT_X_VIP_UNLEASED;", "		return BT_X_VIP_ACCEPTED;", "bpf:xdp")
plant("unleased-sends", "G6: a gate open without a lease sends", "bpf/gate.h",
      "	return BT_WORD_MODE(gate->word) == BT_OPEN && gate->leased;", "	return BT_WORD_MODE(gate->word) == BT_OPEN;",
      "bpf:tc", "bpf:xdp")
plant("linger-for-ever", "H25: no deadline", "bpf/gate.h",
      " && until && now < READ_ONCE(*until);", " && until && READ_ONCE(*until);", "bpf:tc")
plant("linger-lets-requests-out", "H25: the old server's own requests leave", "bpf/baton_tc.bpf.c",
      "	if (!sip_is_response(kind))\n", "	if (!sip_is_response(kind) && kind == 77)\n", "bpf:tc")
plant("own-frames-leave", "a program on the holder is served by the peer", "bpf/baton_tc.bpf.c",
      "	if (goes_to_own(f))\n		return BT_T_VIP_OWN;\n", "", "bpf:tc")
plant("arp-claims-leave", "a host that holds nothing claims the VIP", "bpf/baton_tc.bpf.c",
      "	return open ? BT_T_ARP_SENT : BT_T_ARP_HELD;", "	return open || 1 ? BT_T_ARP_SENT : BT_T_ARP_HELD;", "bpf:tc")

# ---- the controller: judge, lease, detection -----------------------------------------------------------

JUDGE = "userspace/core/judge.c"

plant("open-unacknowledged", "H2: open without acknowledgement", JUDGE,
      "	if (may_open_alone(f))\n		return change(f, WORD_OPEN_ALONE, gone_why(f));",
      "	if (may_open_alone(f) || f->said.fresh)\n		return change(f, WORD_OPEN_ALONE, gone_why(f));", "unit:judge")
plant("unauthentic-is-gone", "two keys: claims although the VIP answers", JUDGE,
      "(f->peer == PEER_UNAUTHENTIC && vip_is_silent(f))", "(f->peer == PEER_UNAUTHENTIC)", "unit:judge")
plant("claim-before-disk", "H7: the term is used before it is on disk", JUDGE,
      "	else if (cause == WORD_CLAIM || cause == WORD_RENUMBER)\n		j.need_term = BT_WORD_TERM(next);\n", "",
      "unit:judge")
plant("arm-before-disk", "H7: armed at t while t+1 is not on disk", JUDGE,
      "		j.need_term = BT_WORD_TERM(next) + 1;", "		j.need_term = BT_WORD_TERM(next);", "unit:judge")
plant("nobody-steps-down", "H8: one-way heal", JUDGE,
      "	if (two_hold(f) && !p->hears_us)", "	if (two_hold(f) && !p->hears_us && f->stopping)", "unit:judge")
plant("hand-over-to-the-unready", "H14: to a peer that is not armed", JUDGE,
      "	if (!peer_armed_at(f))\n		return f->mute ? \"peer's controller is dead or stopped\" : \"peer is not armed\";\n", "", "unit:judge")
plant("hand-over-to-the-unleased", "H14: to a peer whose controller is dead", JUDGE,
      "	if (!f->said.leased)\n		return f->mute ? \"peer's controller is dead or stopped\" : \"peer's lease has ended\";\n", "", "unit:judge")
plant("hand-over-to-another-digest", "H14, H23: to a peer with other VIPs", JUDGE,
      "	if (!f->said.same_digest)\n		return \"peer has other VIPs", "	if (f->stopping && !f->said.same_digest)\n		return \"peer has other VIPs",
      "unit:judge")
plant("hand-over-elsewhere", "H13: to a peer not heard on the group's interface", JUDGE,
      "	return why || !f->said.elsewhere ? why : \"peer is not", "	return why || f->me ? why : \"peer is not", "unit:judge")
plant("pulled-back", "preemption: a host that let go takes the role back", JUDGE,
      "	if (f->asked && BT_WORD_MODE(f->word) != BT_RELAY && (f->peer", "	if (f->asked && (f->peer", "unit:judge")
plant("armed-with-another-digest", "H23: armed with other VIPs", JUDGE,
      "	if (f->said.known && !f->said.same_digest)\n		return (struct judgement){ .stuck",
      "	if (f->stopping && !f->said.same_digest)\n		return (struct judgement){ .stuck", "unit:judge")
plant("armed-while-ill", "arms without a healthy server", JUDGE,
      "	if (!f->running || !f->link_up || !f->settled)\n		return stay;\n", "	if (!f->running || !f->link_up)\n		return stay;\n", "unit:judge")
plant("fenced-claims", "a host fenced by hand takes the role", JUDGE,
      "	if (f->stopping || f->fenced)\n		return stay;\n	if (!may_serve(f))", "	if (f->stopping)\n		return stay;\n	if (!may_serve(f))",
      "unit:judge")
plant("lease-from-store", "H4: lease counted from the store, not from the probe", "userspace/core/lease.c",
      "	return f->answered_ns ? f->answered_ns + f->lease_ns : 0;", "	return f->answered_ns ? f->turn_ns + f->lease_ns : 0;", "unit:lease")
plant("armed-by-own-health", "H6: armed lease renewed on own health alone", "userspace/core/lease.c",
      "		return f->witness ? by_answer(f) : later(f->until_ns, by_answer(f));",
      "		return later(f->until_ns, f->turn_ns + f->lease_ns);", "unit:lease")
plant("armed-keeps-the-lock's-lease", "witness: armed, a lease that rested on the lock", "userspace/core/lease.c",
      "		return f->witness ? by_answer(f) : later(f->until_ns, by_answer(f));", "		return later(f->until_ns, by_answer(f));",
      "unit:arbiter")
plant("lease-revived", "H4: a stale lease is revived after a stop", "userspace/core/lease.c",
      "	if (ended && !f->peer_dead && f->heard_ns <= f->until_ns)", "	if (ended && 0)", "unit:lease")
plant("lease-of-the-shut", "a shut gate gets a lease", "userspace/core/lease.c",
      "	default:\n		return f->until_ns;", "	default:\n		return lease_open(f);", "unit:lease")
plant("blind-store-controller", "H3: a store instead of a compare-and-swap", "userspace/ha/group.c",
      "	if (!atomic_compare_exchange_strong(&dp_words(ha->dp)[g->slot], &was, next))\n		return false;",
      "	atomic_store(&dp_words(ha->dp)[g->slot], next);\n	if (!was && !next)\n		return false;", "sim:400")
plant("departure-of-the-newest", "H4: a lease counted from a later probe than was answered", "userspace/core/detect.c",
      "	return d->sent_ns[seq % DETECT_PROBES];", "	return d->sent_ns[d->newest_seq % DETECT_PROBES];", "unit:detect")
plant("no-link-no-verdict", "H12: the only cable goes with the peer, and nobody takes over", "userspace/ha/facts.c",
      "	if (!facts_heard_ns(ha) && (!any_link(ha) || ha->turn_ns < ha->listening_ns + LISTEN_NS))",
      "	if (!any_link(ha) || (!facts_heard_ns(ha) && ha->turn_ns < ha->listening_ns + LISTEN_NS))", "net:only_cable")
plant("returned-link-claims", "H12: a silence as old as the link's loss is gone by", "userspace/ha/facts.c",
      "	return link_is_new(ha) ? PEER_UNKNOWN : PEER_DOWN;", "	return link_is_new(ha) ? PEER_DOWN : PEER_DOWN;", "net:switch_port")
plant("verdict-by-answers", "H12: own probes unanswered, the peer's not heeded", "userspace/core/detect.c",
      "		if (!sent || sent <= heard_ns)\n			break;", "		if (!sent || d->answered_seq >= seq)\n			break;\n		(void)heard_ns;", "unit:detect")
plant("verdict-of-the-late", "G3: who was late itself finds the other dead", "userspace/core/detect.c",
      "	if (!punctual)\n		d->streak_seq = seq + 1;", "	if (!punctual && !seq)\n		d->streak_seq = seq + 1;", "unit:detect")
plant("verdict-before-the-time", "G3: a silence shorter than was asked for", "userspace/core/detect.c",
      "	return later(at, heard_ns + time);", "	return at;", "unit:detect")
plant("last-probe-untimed", "G3: the last probe's answer may be under way", "userspace/core/detect.c",
      "d->sent_ns[last % DETECT_PROBES] + half);", "d->sent_ns[last % DETECT_PROBES]);", "unit:detect")
plant("a-probe-too-few", "G3: fewer probes unanswered than were asked for", "userspace/core/detect.c",
      "	uint64_t last = first + misses_now(d) - 1;", "	uint64_t last = first + misses_now(d) - 2;", "unit:detect")
plant("bunch-is-a-verdict", "G3: probes besides the schedule stand for beats", "userspace/core/detect.c",
      "	at = later(d->sent_ns[first % DETECT_PROBES] + time - half, d->sent_ns[last % DETECT_PROBES] + half);",
      "	at = d->sent_ns[last % DETECT_PROBES] + half;", "unit:detect")
plant("verdict-at-beats", "a host has been dead for half an interval longer than it must", "userspace/ha/pulse.c",
      "	return next < p->due_ns ? next : UINT64_MAX;", "	return next < p->due_ns && 0 ? next : UINT64_MAX;", "sim:100")
plant("no-ceiling", "H30: jitter switches detection off", "userspace/core/detect.c",
      "	return t < cap ? t : cap;", "	return t < cap ? t : t;", "unit:detect")
plant("term-jump", "H31: a rotten state file uses all terms up", "userspace/core/term_file.c",
      "	if (rec.reserved > TERM_JUMP_MAX || term > TERM_JUMP_MAX)\n		return -ERANGE;\n", "", "unit:term_file")
plant("term-file-unchecked", "H31: a half-written state file is read", "userspace/core/term_file.c",
      "	if (n != len || memcmp(again, text, len))\n		return -EBADMSG;\n", "", "unit:term_file")

# ---- arbiter: router and lock --------------------------------------------------------------------------

plant("deaf-host-claims", "H11: a deaf host takes all", JUDGE,
      "	return nothing_heard(f) && (f->arbiter != ARBITER_ROUTER || f->ear);", "	return nothing_heard(f);", "unit:arbiter")
plant("no-wait-after-the-claim", "witness: no wait of one lease", JUDGE,
      "	return f->lock_number == BT_WORD_NUMBER(f->word) &&\n	       f->claim_age_ns >= f->longest_lease_ns + f->longest_lease_ns / 10;",
      "	return f->lock_number == BT_WORD_NUMBER(f->word);", "unit:arbiter")
plant("no-lock-to-open", "H5, H6: witness mode opens alone without a lock", JUDGE,
      "	return f->lock_number == BT_WORD_NUMBER(f->word) &&\n	       f->claim_age_ns", "	return f->claim_age_ns", "unit:arbiter")
plant("no-lock-to-claim", "witness: a claim without the lock turns a healthy peer away", JUDGE,
      "(f->arbiter != ARBITER_ETCD || (f->lock_number && f->lock_number == number_to_claim(f)))", "true", "unit:arbiter")
plant("open-lease-beyond-the-lock", "witness: an open lease outlives the lock", "userspace/core/lease.c",
      "	return until < f->lock_until_ns ? until : f->lock_until_ns;", "	return f->lock_until_ns ? until : 0;", "unit:arbiter")
plant("open-lease-without-the-lock", "witness: an open lease on own health alone", "userspace/core/lease.c",
      "	if (f->witness)\n		return later(f->until_ns, later(by_answer(f), by_lock(f)));\n", "	(void)by_lock;\n", "unit:arbiter")
plant("lock-let-go-early", "witness: the lock is let go while a lease rests on it", "userspace/core/lease.c",
      "	return f->until_ns > f->turn_ns && f->until_ns > by_answer(f);", "	return f->until_ns > f->turn_ns && !by_answer(f);", "unit:arbiter")
plant("lock-let-go-unless-open", "witness: the same, by a host that has just let go", "userspace/core/lease.c",
      "	return f->until_ns > f->turn_ns && f->until_ns > by_answer(f);",
      "	return BT_WORD_MODE(f->word) == BT_OPEN && f->until_ns > f->turn_ns && f->until_ns > by_answer(f);", "unit:arbiter")
plant("lock-for-another-number", "witness: the lock of an earlier claim opens", "userspace/core/lock.c",
      "	return l->held == l->wanted && now_ns < l->until_ns ? l->held : 0;", "	return now_ns < l->until_ns ? l->wanted : 0;", "unit:lock")
plant("lock-for-ever", "witness: a lock that has ended", "userspace/core/lock.c",
      "	return l->held == l->wanted && now_ns < l->until_ns ? l->held : 0;", "	return l->held == l->wanted ? l->held + 0 * now_ns : 0;", "unit:lock")
plant("lock-counted-beyond", "witness: counted beyond etcd's own end", "userspace/core/lock.c",
      "	l->until_ns = a->sent_ns + a->ttl_s * S_NS / 10 * 9;", "	l->until_ns = a->sent_ns + a->ttl_s * S_NS / 10 * 12;", "unit:lock")

# ---- crash in the data path, the backstop --------------------------------------------------------------

CRASH = "bpf/crash.h"

plant("crash-to-the-unready", "H14: crash relay without a ready peer", CRASH,
      "	if (!node || !crash_can_leave(ctx, c, node, slot, own))\n		return CRASH_NONE;\n", "	if (!node || (!crash_can_leave(ctx, c, node, slot, own) && !node->boot))\n		return CRASH_NONE;\n", "bpf:crash")
plant("crash-over-another-path", "H13, H14: the peer is not heard on that interface", CRASH,
      " && path->ifindex == ctx->ingress_ifindex && st->heard_ns > after &&", " && path->ifindex + ctx->ingress_ifindex && st->heard_ns > after &&", "bpf:crash")
plant("crash-never-found", "H15: crash without a listener ever found", CRASH,
      " || !(l->found & c->bit))\n		return CRASH_NONE;", ")\n		return CRASH_NONE;", "bpf:crash")
plant("crash-found-at-another-number", "H15: found before, but not since opening", CRASH,
      "l->number != BT_WORD_NUMBER(own) || ", "", "bpf:crash")
plant("crash-at-once", "H15: one look-up in vain is enough", CRASH,
      "	if (!twice)\n		return CRASH_UNHEARD;\n", "	(void)twice;\n", "bpf:crash")
plant("crash-though-forbidden", "H15: listener = off", CRASH,
      "	if (!g || !(g->flags & BT_GROUP_LISTENER) || !seen ||", "	if (!g || !seen ||", "bpf:crash")
plant("crash-of-any-port", "H15: a stray frame to a closed port", CRASH,
      "		if (g->port[i].port == udp->dest && (tcp ? g->port[i].tcp : g->port[i].udp))",
      "		if (g->port[i].port && (tcp ? g->port[i].tcp : g->port[i].udp))", "bpf:crash")
plant("nft-refresh-without-delete", "H16: adding again does not extend before 6.12", "userspace/sys/nft_rules.c",
      "			put_protocols(nft, NFT_MSG_DELSETELEM, nft_family[f], name, g, ms);\n		}\n		if (ms)",
      "		}\n		if (ms)", "sys:nft")

# ---- a crash that keeps its sockets --------------------------------------------------------------------

plant("dump-not-looked-for", "a core dump is waited out", "userspace/health/crash.c",
      "	if (!g->dumping && proc_is_dumping(g->main) == 1 && lives(g)) {", "	if (!g->dumping && proc_is_dumping(g->main) == 7 && lives(g)) {", "sys:crash")
plant("dump-of-a-number-used-again", "a pid is believed without its pidfd", "userspace/health/crash.c",
      "	return g->process && g->process->src.fd >= 0 && !proc_has_ended(g->process->src.fd);", "	return g->process && g->process->src.fd >= 0;", "sys:crash")
plant("crash-told-by-anybody", "a message that is not the kernel's", "userspace/sys/procev.c",
      "	if (from_len < sizeof(from) || from.nl_pid ||", "	if (from_len < sizeof(from) ||", "sys:crash")
plant("worker-of-a-stranger", "any crash on the host is the server's", "userspace/health/crash.c",
      "		if (parent == g->main)\n			return true;\n", "		if (parent)\n			return true;\n", "sys:crash")
plant("worker-old-answer", "an answer to a question of before", "userspace/core/worker.c",
      "	if (heard->answered_to_ns >= w->since_ns)", "	if (heard->answered_to_ns + 1000000000 >= w->since_ns)", "unit:worker")
plant("worker-second-death-unasked", "the first answer covers a later death", "userspace/core/worker.c",
      "		w->more = true;", "		w->more = false;", "unit:worker")

# ---- the network monitors ------------------------------------------------------------------------------

NETWORK, PLACER, FAULT = "userspace/health/network.c", "userspace/ha/placer.c", "userspace/core/fault.c"

plant("fault-counts-each-look", "one fault seen three times is three", FAULT,
      "	return !f->bad || now_ns - f->bad_ns >= rule->apart_ns - rule->apart_ns / 4;", "	(void)rule;\n	(void)now_ns;\n	return true;", "unit:fault")
plant("fault-never-settles", "what flaps is told each time", FAULT,
      "	uint32_t doubled = f->times ? f->times - 1 : 0;", "	uint32_t doubled = f->times ? 0 : 0;", "unit:fault")
plant("nic-address-anywhere", "the right address on the wrong NIC", NETWORK,
      "!memcmp(&w->own[i], &a.ip, sizeof(a.ip)) && nic_has(&n->nic, w->nics, a.ifindex))", "!memcmp(&w->own[i], &a.ip, sizeof(a.ip)))", "sys:network")
plant("nic-address-by-period-only", "an address's loss waits for the period", NETWORK,
      "	else if (nic_has(&n->nic, UINT64_MAX, a.ifindex))\n		n->dirty = true;\n", "", "sys:network")
plant("management-any-family", "an IPv6 address serves a path of IPv4", NETWORK,
      " &&\n			    conf_is_v4(&a.ip) == conf_is_v4(&n->conf->paths[p].peer))", ")", "sys:network")
plant("management-is-the-sip-nic", "one NIC for all counts as a management NIC", NETWORK,
      "		if (w->paths[p] & w->nics)\n			w->paths[p] = 0;\n", "", "sys:network")
plant("vip-not-mended-at-once", "a VIP is put back at the period only", PLACER,
      "	s->news = false;\n	if (!*routine)\n		return news;", "	s->news = false;\n	if (!*routine && news)\n		s->at_once = 0;\n	if (!*routine)\n		return false;", "net:cannot_be_kept or touches")
plant("vip-never-given-up", "a VIP that cannot be kept is no trouble", PLACER,
      "	s->report.failed = s->fault.failed;", "	s->report.failed = false;", "net:cannot_be_kept")
plant("vip-of-another-length-left", "what somebody puts on the backup stays", PLACER,
      "	*err = note(r, vip_evict(&p->nl, s->vips, s->conf->n_vips), \"cannot remove\", vip_why());\n", "	(void)vip_evict;\n", "net:touches")
plant("port-missing-without-peer", "a container's port counts as one that could not be opened", "userspace/health/health.c",
      " && g->in.peer_fresh &&\n		       g->in.peer_flags & PULSE_F_PORTS;", ";", "net:only_one_host_can_open")

# ---- drain ---------------------------------------------------------------------------------------------

DRAIN, CALL_TABLE = "bpf/drain.h", "bpf/call_table.h"

plant("drain-keeps-any-number", "what is marked with another number is kept", DRAIN,
      "	return drain_read(group, now, BT_DRAIN_GRACE_NS) == BT_DRAIN(number, BT_DRAIN_MINE);",
      "	(void)number;\n	return BT_DRAIN_SIDE(drain_read(group, now, BT_DRAIN_GRACE_NS)) == BT_DRAIN_MINE;", "bpf:calls")
plant("drain-outlives-its-controller", "a drain of which batond says nothing more goes on", DRAIN,
      "	return drain && now < READ_ONCE(drain->until_ns) + grace_ns ? READ_ONCE(drain->word) : 0;",
      "	(void)now;\n	(void)grace_ns;\n	return drain ? READ_ONCE(drain->word) : 0;", "bpf:calls")
plant("drain-speaks-unleased", "a host that is open by its word and has no lease speaks as one that is drained", "bpf/baton_tc.bpf.c",
      "	if (BT_WORD_MODE(gate.word) != BT_OPEN && drain_keeps_any(vip->group, now))",
      "	if (drain_keeps_any(vip->group, now))", "bpf:calls")
plant("refused-is-a-dialog", "a flood of what our server refuses evicts known dialogs", CALL_TABLE,
      "	if (c->out && call_affirms(m))", "	if (c->out)", "bpf:calls")
plant("drain-of-one-side", "the old holder goes on when the new one has stopped sending back", "userspace/core/drain.c",
      "	if (!f->yours)\n		return go(DRAIN_OFF, \"ended-by-peer\");\n	if (f->empty)", "	if (f->empty)", "unit:drain")

# ---- cluster mode: the watchdog, and frames that both hosts hear ----------------------------------------

WATCH = "bpf/watch.h"

plant("watch-takes-late-looks", "a host that stood still finds the peer dead by what it did not hear", WATCH,
      "	timer->late++;\n	timer->fair_ns = now;\n", "	timer->late++;\n", "bpf:watch")
plant("watch-believes-nobody-asks", "two hosts whose controllers stand still are silent, and both live", WATCH,
      "	w.asks = watch_is_young(READ_ONCE(own->asked_ns), 2 * interval_ns, now);", "	w.asks = true;", "bpf:watch", "cluster:400")
plant("watch-by-one-path", "H12: silent on one path, alive on the other", WATCH,
      "		at = watch_later(at, watch_path(w, timer, own, &pair->path[i], i));",
      "		at = i ? at : watch_path(w, timer, own, &pair->path[i], i);", "bpf:watch", "cluster:150")
plant("watch-asks-never", "two hosts whose probers were late are silent, and both live", WATCH,
      "	if (w->asks && READ_ONCE(own->asking_ns[i]) + w->interval_ns < heard)\n", "	if (0)\n", "bpf:watch")
plant("watch-one-ear-for-all", "one path is cut, the other's receiver stands still: the peer is found dead", WATCH,
      "	if (!at && w->shown && heard <= w->shown + WATCH_TOGETHER * w->interval_ns)\n", "	if (!at && w->shown)\n", "bpf:watch")
plant("ear-shows-always", "a receiver that stands still is taken for a silent peer", "bpf/ear.h",
      "	if (heard + interval_ns / 2 < quiet)\n		return 0;\n", "", "bpf:watch")
plant("ear-of-slow-pulses", "the peer's pulse lies a hundred frames behind the client's that is said to show its silence", "bpf/ear.h",
      "	bool slow = interval_ns > EAR_INTERVAL_NS;", "	bool slow = !interval_ns;", "bpf:replay")
plant("ear-shows-at-once", "the peer's pulse lies behind the client's frame that is said to show its silence", "bpf/ear.h",
      "	return heard + EAR_BEHIND_NS > quiet ? heard + EAR_BEHIND_NS : quiet;", "	return quiet;", "bpf:watch")
plant("ear-of-any-queue", "another queue's frames say nothing of the one by which pulses come", "bpf/ear.h",
      " && READ_ONCE(ear->queue) == READ_ONCE(ctx->rx_queue_index) &&", " &&", "bpf:replay")
plant("ear-of-any-cpu", "behind RPS the CPU that takes the pulses stands still, and another hears clients", "bpf/ear.h",
      " &&\n	       READ_ONCE(ear->cpu) == bpf_get_smp_processor_id();", ";", "bpf:replay")
plant("watch-forgets-forgers", "a forger's noise is taken for silence", WATCH,
      "	if (w->unauth_ns)\n", "	if (0)\n", "bpf:watch")
plant("watch-opens-the-ill", "a host whose server is down opens by itself", WATCH,
      "	return g->flags & BT_GROUP_WATCH &&\n	       (g->health & (PULSE_F_RUNNING | PULSE_F_FENCED | PULSE_F_STOPPING)) == PULSE_F_RUNNING;",
      "	return g->flags & BT_GROUP_WATCH;", "bpf:watch")
plant("watch-gives-no-lease", "the gate opens and lets nothing in", WATCH,
      "	if (before < now + lease_ns)\n", "	if (0)\n", "bpf:watch", "cluster:flip")
plant("watch-is-deaf", "H11: opens although no router answers", WATCH,
      "	if (READ_ONCE(own->flags) & BT_WATCH_ROUTER &&", "	if (0 &&", "bpf:watch")
plant("watch-never-opens", "a host's death waits for the other's controller", WATCH,
      "	if (now >= at)\n", "	if (0)\n", "bpf:watch", "cluster:flip")
plant("watch-of-any-generation", "a timer of an earlier batond judges on", WATCH,
      "	if (!timer->generation || READ_ONCE(own->generation) != timer->generation || !interval_ns)",
      "	if (!timer->generation || !interval_ns)", "bpf:watch")
plant("watch-beside-a-lock", "the watchdog opens beside a lock", "userspace/ha/watch.c",
      "	return g->mode == MODE_CLUSTER && (conf->arbiter == ARBITER_NONE || conf->arbiter == ARBITER_ROUTER);",
      "	return conf && g->mode == MODE_CLUSTER;", "cluster:witness")
plant("found-dead-keeps-number", "the watchdog opens at the peer's own number", TABLE,
      "X(ARMED, PEERS,	  FOUND_DEAD,	   OPEN,  NEXT)", "X(ARMED, PEERS,	  FOUND_DEAD,	   OPEN,  SAME)",
      "model:small", "unit:word")
plant("twins-both-let-in", "H29: a frame around a move is answered twice", "bpf/cluster.h",
      "	if (what && twin_is_second(ctx, h, (now & ~1ULL) | twin_way(ctx, heard_by), what))", "	if (what == 7)",
      "bpf:cluster", "cluster:planned")
plant("cluster-relays-for-ever", "H29: the old holder doubles every frame", "bpf/relay.h",
      "	if (BT_WORD_MODE(m->word) == BT_RELAY && m->peer_mac && !peer_takes_in(m))",
      "	if (BT_WORD_MODE(m->word) == BT_RELAY && m->peer_mac)", "bpf:cluster", "cluster:planned")
plant("cluster-stops-relaying-at-once", "H29: what waited at the old holder is lost", "bpf/relay.h",
      "	return (__s64)(m->now - since) >= (__s64)BT_TWIN_NS;", "	return (void)since, true;", "bpf:cluster")
plant("cluster-address-kept", "the stack sees the address that both hosts hear: TCP drops it", "bpf/cluster.h",
      "	__builtin_memcpy(eth->h_dest, door->mac, ETH_ALEN);\n", "", "bpf:cluster")
plant("watch-has-no-patience", "nobody asks, and a gate is open beside a lease that still runs", WATCH,
      "		at = watch_later(at, w->newest + patience);\n", "		(void)0;\n", "bpf:watch", "cluster:restart")
plant("watch-forgets-the-peers-lease", "nobody asks, and the lease that the peer told of is longer than any other", WATCH,
      "	if (to == was || (!asks && watch_lease_runs(h, now)))", "	(void)asks;\n	if (to == was)", "bpf:watch", "cluster:restart")
plant("watch-of-any-group", "a group of mode takeover opens by itself", WATCH,
      "	return g->flags & BT_GROUP_WATCH &&\n", "	return\n", "bpf:watch")
plant("watch-asks-all-paths", "a path without a vote is judged like the others", WATCH,
      "	return READ_ONCE(own->votes) & 1u << i;", "	return own && i < BT_PATHS_MAX;", "bpf:watch")
plant("watch-votes-never-told", "a link that has just come back is silent: the peer is dead", "userspace/ha/watch.c",
      "	own->votes = facts_votes(ha);", "	own->votes = ~0u;", "cluster:network", "cluster:400")
plant("watch-in-any-mode", "a gate opens before the peer's frames are taken", "userspace/ha/watch.c",
      "	return g->mode == MODE_CLUSTER && (", "	return g && (", "sim:300")
plant("watch-without-clocks", "two clocks differ by a tenth", "userspace/ha/watch.c",
      "longest + longest / 10", "longest - longest / 10", "cluster:restart", "cluster:flip")
plant("watch-not-closed", "a watchdog opens what is being stopped", "userspace/ha/ha.c",
      "	watch_close(ha);\n", "", "cluster:controller", "cluster:200")
plant("watch-armed-while-stopping", "newer programs arm the watchdog of what is being stopped", "userspace/ha/watch.c",
      "any_wanted(ha) && !ha->stopping ? arm(ha) : 0", "any_wanted(ha) ? arm(ha) : 0", "cluster:controller", "sim:1")
plant("ended-by-the-turn", "H4: a lease that ended while its host was stopped in a turn lives again", "userspace/core/lease.c",
      "	bool ended = later(f->turn_ns, f->now_ns) >= f->until_ns;", "	bool ended = f->turn_ns >= f->until_ns;", "unit:lease")
plant("reload-takes-groups", "what is armed and leased belongs to another group", "userspace/ha/reload.c",
      "	if (!err && !same_shape(ha->conf, next)) {", "	if (!err && !same_shape(ha->conf, ha->conf)) {", "net:reload_neither")
plant("reload-takes-the-arbiter", "a gate is watched, or asks for a lock, by two rules at once", "userspace/core/opts.c",
      '	{ ARBITER("type", AT_RESTART, ', '	{ ARBITER("type", AT_ONCE, ', "net:reload_takes")
plant("found-dead-ignored", "the controller does not know what its kernel opened by", "userspace/ha/facts.c",
      "	if (!all_silent(ha) && !found_dead(ha))", "	(void)found_dead;\n	if (!all_silent(ha))", "cluster:flip", "cluster:200")
plant("found-dead-for-ever", "an old verdict of the kernel's outlives what is heard", "userspace/ha/facts.c",
      "	return ha->found_dead_ns && facts_heard_ns(ha) <= ha->found_dead_ns &&\n	       ha->turn_ns < ha->found_dead_ns + ha->conf->lease_ns;",
      "	return ha->found_dead_ns;", "cluster:flip", "cluster:200")
plant("asks-though-stopped", "whoever is stopped between looking and sending has asked nothing, and finds the peer dead",
      "userspace/core/detect.c", "	if (punctual && now_ns - a->newest_ns <= 2 * interval_ns)",
      "	(void)interval_ns;\n	if (punctual)", "unit:detect")
plant("restart-untold", "leaves for a restart before the peer knows how long its lease is", "userspace/ha/restart.c",
      "	       facts_answered_ns(ha, g) > ha->leaving_ns + ha->conf->pulse_interval_ns;", "	       ha->turn_ns > 0;", "cluster:restart")
plant("cluster-never-relays", "H29: what a host that has let go still gets is lost", "bpf/relay.h",
      "	if (BT_WORD_MODE(m->word) == BT_RELAY && m->peer_mac && !peer_takes_in(m))", "	if (0 && peer_takes_in(m))",
      "bpf:cluster", "cluster:planned")
plant("twins-for-ever", "what a client repeats half a second behind a move is lost", "bpf/cluster.h",
      "	return (__s64)(second - first) < (__s64)(window < TWIN_APART_NS ? window : TWIN_APART_NS);", "	return first && second && window;",
      "bpf:cluster")
plant("twins-by-time-alone", "who is heard late sends on for longer, and all that is answered twice", "bpf/cluster.h",
      "	return twin_peer_relays(group, now) ? TWIN_OTHER_WAY : TWIN_NONE;", "	return TWIN_NONE;", "bpf:cluster")
plant("twins-of-one-way", "what is sent twice while the old holder still sends on is lost", "bpf/cluster.h",
      "		return ((first ^ second) & 1) && (__s64)(second - first) <", "		return (__s64)(second - first) <", "bpf:cluster")
plant("both-say-who-has-it", "a host whose gate is not open answers ARP for the VIP", "bpf/conflict.h",
      "	if (asked && !group_is_open(who->target->group, now))\n", "	if (0)\n", "bpf:answer", "bpf:xdp")

# ---- replay ----------------------------------------------------------------------------------------------

REPLAY, RECEIPT, CORE_REPLAY = "bpf/replay.h", "bpf/receipt.h", "userspace/core/replay.c"

plant("replay-keeps-acks", "what begins nothing at a fresh server is replayed", REPLAY,
      "	if (kind >= BT_M__N || kind == BT_M_ACK || !replay_fits(len))", "	if (kind >= BT_M__N || !replay_fits(len))", "bpf:replay")
plant("replay-of-pieces", "a piece of a datagram is replayed", REPLAY,
      "	if (f->h.fragment || !replay_is_wanted(group))", "	if (!replay_is_wanted(group))", "bpf:replay")
plant("receipt-of-anybody", "whoever forges an answer has a request forgotten", REPLAY,
      "	return mark && mark == mark_read(eth->h_source);", "	return mark;", "bpf:replay")
plant("receipt-without-an-answer", "no clone left: what the peer is shown nobody got", RECEIPT,
      "	if (err)	/* a second answer", "	if (err > 2)	/* a second answer", "bpf:replay")
plant("receipt-of-who-says-so", "a program that sets the control block sends what it likes", RECEIPT,
      "	if (!way || !way->from || way->from != (", "	if (!way || !way->from || !(", "bpf:replay")
plant("receipt-of-a-request", "what our server asks is shown as an answer", RECEIPT,
      "	return vip->flags & BT_VIP_CLUSTER && sip_is_response(kind) &&", "	return vip->flags & BT_VIP_CLUSTER &&", "bpf:replay")
plant("replay-of-the-answered", "what was answered is answered twice", CORE_REPLAY,
      "	if (s->flags & SEAT_FINAL)\n", "	if (0)\n", "unit:replay")
plant("replay-trying-is-an-answer", "a call that was only being tried is lost", CORE_REPLAY,
      "	if (m->status >= 200)\n", "	if (m->status >= 100)\n", "unit:replay")
plant("replay-of-the-cancelled", "a phone rings for whom nobody waits", CORE_REPLAY,
      "	if (row->invite && s->flags & SEAT_CANCELLED)\n", "	if (0)\n", "unit:replay")
plant("replay-of-repetitions", "one request is given twice", CORE_REPLAY,
      "	if (s->flags & SEAT_GIVEN)\n", "	if (0)\n", "unit:replay")
plant("replay-of-all-without-receipts", "what came before the last pulse was answered by then", CORE_REPLAY,
      "	return shown || row->at_ns > r->rule.pulse_ns ?", "	return shown || row->at_ns ?", "unit:replay")
plant("replay-by-the-next-batond", "who is killed in a replay has its heir give all once more", "userspace/ha/replay.c",
      "	dp_replay_set_done(r->dp, r->now.slot, r->next);	/* before", "	(void)0;	/* before", "sys:replay")
plant("replay-hours-later", "a controller that stood still replays what is long over", "userspace/ha/replay.c",
      "	if (r->done.late) {", "	if (0) {", "sys:replay")

# ---- who has it, and what is let in ----------------------------------------------------------------------

ANSWER, RULES = "bpf/answer.h", "bpf/rules.h"

plant("answer-names-the-interface", "clients send to one host what both must hear", ANSWER,
      "	ret->says = vip->flags & BT_VIP_CLUSTER ? mark_read(vip->mac) : ret->own;", "	ret->says = ret->own;", "bpf:answer")
plant("answer-leaves-from-the-clusters", "the switch learns the address that it must flood", ANSWER,
      "	mark_write(eth->h_dest, a->to);\n	mark_write(eth->h_source, a->own);\n	return true;",
      "	mark_write(eth->h_dest, a->to);\n	mark_write(eth->h_source, a->says);\n	return true;", "bpf:answer")
plant("answer-for-others", "what another host was asked is answered here", ANSWER,
      "	return mac & 1 || mac == a->own || mac == a->says;", "	return mac;", "bpf:answer")
plant("stack-claims-the-vip", "the stack says that the cluster's address is its own", "bpf/baton_tc.bpf.c",
      "	if (!(who->sender->flags & BT_VIP_CLUSTER))", "	if (who->sender)", "bpf:cluster")
plant("rules-name-all", "what no rule names is let in", RULES,
      "	return state == RULE_NONE && h->proto == IPPROTO_TCP && !begins ?", "	return state == RULE_NONE ?", "bpf:rules")
plant("rules-drain-ends-all", "a port's drain ends what goes on", RULES,
      "		return begins ? BT_X_VIP_RULE_DRAINS : BT_X_TOTAL;", "		return BT_X_VIP_RULE_DRAINS;", "bpf:rules")
plant("rules-half-a-header", "a SYN in two pieces begins a connection", RULES,
      "	if (!flags || h->end < h->l4 + RULES_FLAGS_AT + 1)\n		return true;", "	if (!flags)\n		return false;", "bpf:rules")

# ---- two servers on a host -------------------------------------------------------------------------------

LOCAL_CALLS, LOOKUP, SINGLE = "bpf/local_calls.h", "bpf/baton_lookup.bpf.c", "userspace/core/single.c"

plant("local-turn-of-the-other", "a turn's dialogs are counted with the next one's", LOCAL_CALLS,
      "	c->term = BT_LOCAL_TURN(aim) - (c->host != active);", "	c->term = BT_LOCAL_TURN(aim);", "bpf:local_calls")
plant("local-goes-on-elsewhere", "a drain moves calls that nothing is known of", LOCAL_CALLS,
      "	if (call_goes_on(m))\n		return true;\n", "", "bpf:local_calls")
plant("local-over-is-not-over", "a phone that calls again gets the server that is drained", LOCAL_CALLS,
      " && d->state != BT_D_OVER;", ";", "bpf:local_calls")
plant("local-standby-speaks", "the server that stands by asks in the VIP's name", "bpf/local.h",
      "	return !BT_LOCAL_ACTIVE(aim) || server == BT_LOCAL_ACTIVE(aim) || server == BT_LOCAL_DRAINED(aim);",
      "	return aim || server;", "bpf:local")
plant("local-drained-is-mute", "the drained server cannot end its calls", "bpf/local.h",
      " || server == BT_LOCAL_DRAINED(aim);", ";", "bpf:local", "bpf:local_calls")
plant("lookup-waits-for-its-controller", "a crash is answered when a controller has seen it", LOOKUP,
      "	if (sockets_of(filled, server) && give(ctx, BT_LOCAL_PLACE(row, other, 0), sockets_of(filled, other))) {",
      "	if (!filled && give(ctx, BT_LOCAL_PLACE(row, other, 0), 0)) {", "bpf:lookup")
plant("lookup-replaces-who-never-served", "a server without TCP is taken for one that died", LOOKUP,
      "	if (sockets_of(filled, server) && give(", "	if (give(", "bpf:lookup")
plant("lookup-another-door", "a port that stands for a server leads to it when it is not drained", LOOKUP,
      "	return way->stands_for == BT_LOCAL_ANY || way->stands_for == drained ? drained : 0;",
      "	return way->stands_for == BT_LOCAL_ANY ? drained : way->stands_for;", "bpf:lookup")
plant("single-without-patience", "two servers that are ill in turn throw the role about", SINGLE,
      "	return f->fell || of(f, f->active)->gone || (f->waited && f->since_ns >= SINGLE_SETTLE_NS);",
      "	return f->active;", "unit:single")
plant("single-deaf-to-the-kernel", "the kernel has moved on, the controller has not", SINGLE,
      "	ill = f->fell || !single_is_able(of(f, f->active));", "	ill = !single_is_able(of(f, f->active));", "unit:single")
plant("single-refuses-nothing", "a switchover to a server that does not run", SINGLE,
      "	if (!f->forced && single_refusal(f, f->asked))", "	if (0)", "unit:single")

# ---- work in the background ------------------------------------------------------------------------------

DEAL = "userspace/ha/deal.c"

plant("deal-goes-on", "who has let go of the VIPs announces them on", DEAL,
      "		if (atomic_load(&d->round) != round || !d->work(", "		if (!d->work(", "sys:deal")
plant("deal-drops-the-refused", "what a full queue refused is never announced", DEAL,
      "	d->left[share] = left;\n", "	d->left[share] = 0;\n", "sys:deal")
plant("background-forgets-who-hangs", "a thread that hangs has its memory taken away", "userspace/sys/background.c",
      "	b->running = pthread_clockjoin_np(b->thread, NULL, CLOCK_MONOTONIC, &until);",
      "	b->running = pthread_clockjoin_np(b->thread, NULL, CLOCK_MONOTONIC, &until) && 0;", "sys:background")
