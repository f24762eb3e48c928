/* SPDX-License-Identifier: GPL-2.0 */
/*
 * baton_abi: everything the data path (bpf/) and batond agree on.
 * Included by both compilers; declares layouts and numbers, never code.
 *
 * Bytes:   __be* are network order, everything else is host order.
 * Time:    *_ns is CLOCK_BOOTTIME in nanoseconds, as bpf_ktime_get_boot_ns() counts;
 *          0 means never. No wall clock anywhere.
 * Index:   a group is known here by its slot 0..BT_GROUPS_MAX-1, on the wire by the
 *          hash of its name, never by position. Host id 0 means nobody.
 * Writers: one per map, named beside it; only st_word has several, and they change
 *          it by compare-and-swap alone (word_table.h).
 * Layout:  no compiler padding (asserted below by both compilers).
 * Change:  bump BT_ABI; a controller refuses pins made under another number.
 */
#ifndef BATON_ABI_H
#define BATON_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

#define BT_ABI		5
#define BT_MAGIC	0x4241544f4e0001ULL	/* "BATON", 0, 1 */

#define BT_GROUPS_MAX	16
#define BT_HOSTS	3	/* the sum of the two host ids, 1 and 2 */
#define BT_PATHS_MAX	4
#define BT_VIPS_MAX	1024
#define BT_NAME_MAX	32
#define BT_PORTS_MAX	8	/* sip-port entries of a group */
#define BT_NEIGH_MAX	4096
#define BT_FRAG_MAX	1024
#define BT_RING_BYTES	65536
#define BT_POOLS_MAX	64	/* slots 1..64 of maps that have one more: 0 is never a pool */
#define BT_SERVERS	2	/* of a pool, numbered 1 and 2; 0 is never a server */
#define BT_SERVICES_MAX	1024	/* addresses and ports of services and servers, each family */
#define BT_DIALOG_MAX	65536
#define BT_YOUNG_MAX	16384
#define BT_FOLLOW_MAX	8192	/* datagrams in pieces, on their way to servers or back */
#define BT_DOORS_MAX	64	/* interfaces whose own Ethernet address is known here */
#define BT_RULES_MAX	16	/* port rules of a group */
#define BT_REPLAY_FRAME	2016	/* bytes of a request that replay can keep; a longer one is not kept */
#define BT_TWIN_MAX	4096
#define BT_SLOW_FRAME	2048	/* bytes of a frame that userspace is given */
#define BT_SLOW_BYTES	(1 << 20)
#define BT_TRACE_BYTES	(1 << 18)

/*
 * The word, one aligned u64 per group: {term:32, owner:8, mode:8, 0:16}.
 * (term, owner) is its number; numbers compare as one integer.
 */
#define BT_WORD(term, owner, mode) \
	(((__u64)(__u32)(term) << 32) | ((__u64)(__u8)(owner) << 24) | ((__u64)(__u8)(mode) << 16))
#define BT_WORD_TERM(w)		((__u32)((w) >> 32))
#define BT_WORD_OWNER(w)	((__u8)((w) >> 24))
#define BT_WORD_MODE(w)		((__u8)((w) >> 16))
#define BT_WORD_NUMBER(w)	((w) >> 24)		/* 40 bits */
#define BT_WORD_REST(w)		((w) & 0xffffULL)	/* must be 0 */

enum bt_mode {
	BT_SHUT,	/* lets nothing in; also what a zeroed map says */
	BT_ARMED,	/* may be opened by the kernel; peer's number: backup, own number: claim */
	BT_OPEN,	/* lets VIP frames in while the lease lasts */
	BT_RELAY,	/* has let go: lets none in, the peer may open */
	BT_MODE__N
};

/*
 * Map meta, 1 entry. Writer: batond, before attaching, and when it has put other programs in place. The
 * first 40 bytes are the same under every ABI: they tell whose pins a build cannot go on with.
 */
struct bt_meta {
	__u64 magic;		/* BT_MAGIC */
	__u32 abi;		/* BT_ABI */
	__u32 layout;		/* BT_LAYOUT_HASH */
	__u64 loaded_ns;
	__u8  version[16];	/* of the batond that made the maps, NUL padded */
	__u64 programs;		/* hash of the object files whose programs work; 0: not known */
};

/* Map cfg_node, 1 entry, read-only for programs. Writer: batond. Holds keys: root only. */
struct bt_node {
	__u8  my_id;		/* 1 or 2, by order of the two names */
	__u8  peer_id;
	__u8  pair_id;
	__u8  n_groups;
	__be16 pulse_port;
	__u16 n_paths;
	__u64 boot;		/* this host's random boot id, made when the maps are made; never 0 */
	__u64 key_in[2];	/* SipHash keys, one per direction; host order words k0, k1 */
	__u64 key_out[2];
	__u64 interval_ns;	/* between two pulses: two of them old is still the present */
	__u64 key_observe[2];	/* of whoever steers to this pair, both ways: observe_wire.h */
};

/* Map cfg_path, BT_PATHS_MAX entries: where pulses may come from. Writer: batond. */
struct bt_path {
	__u32 ifindex;		/* 0: unused */
	__u32 flags;		/* BT_PATH_* */
	__u8  peer[16];		/* peer's address, IPv4 as v4-mapped IPv6 */
};

/* bt_path.flags: this network drops frames with a foreign source address, so none is marked. */
#define BT_PATH_FILTERED	(1u << 0)

/* Where a group's SIP server listens; a transport is one bit of bt_listen.found. */
struct bt_port {
	__be16 port;		/* 0: unused */
	__u8 udp, tcp;		/* 1: this transport is asked for */
};

/* bt_group.flags: the kernel may judge by the listening socket (`listener = auto`). */
#define BT_GROUP_LISTENER	(1u << 0)
/* This host's watchdog may open the gate when the peer is found dead (bt_watch). */
#define BT_GROUP_WATCH		(1u << 1)
/* While not open, SIP requests are kept for replay; while open, answers are shown to the peer (bt_receipt). */
#define BT_GROUP_REPLAY		(1u << 2)
/* `mode = cluster`: both hosts hear every frame, so what one does not take is not sent on to the other as a rule. */
#define BT_GROUP_CLUSTER	(1u << 3)

/* bt_group.tos: the byte in the low bits counts; 0, as in maps made before there was one: leave it as it is. */
#define BT_TOS_SET		(1u << 8)

/* Map cfg_group, BT_GROUPS_MAX entries. Writer: batond. */
struct bt_group {
	__be32 name_hash;	/* 0: unused. As on the wire, pulse_wire.h */
	__be32 digest;		/* of VIPs and settings that both hosts must share */
	__u32 health;		/* PULSE_F_*, what our pulses say of this group */
	__u32 linger_ms;	/* how long after letting go SIP responses may still leave */
	__u32 flags;		/* BT_GROUP_* */
	__u32 tos;		/* of SIP that leaves from its VIPs: BT_TOS_SET and the byte */
	struct bt_port port[BT_PORTS_MAX];
	__u8  name[BT_NAME_MAX];
};

/* Values of cfg_vip4 (key __be32) and cfg_vip6 (key 16 bytes). Writer: batond. */
struct bt_vip {
	__u16 group;		/* slot */
	__u16 index;		/* of this VIP in st_live */
	__u32 flags;		/* BT_VIP_* */
	__u8  mac[6];		/* BT_VIP_CLUSTER: the Ethernet address that both hosts hear; else 0 */
	__u8  zero[2];
};

/* bt_vip.flags: what the open gate let in goes to a further stage. */
#define BT_VIP_STEERED	(1u << 0)	/* `mode = proxy`: pools have services here */
#define BT_VIP_CALLS	(1u << 1)	/* its SIP is read for dialogs: drain, `baton calls` */
#define BT_VIP_CLUSTER	(1u << 2)	/* frames come to bt_vip.mac; what is let in gets the interface's own before the stack sees it */
#define BT_VIP_ANSWERED	(1u << 3)	/* the open gate itself answers ARP and NS, with bt_vip.mac or the interface's own: the address may be on both hosts */
#define BT_VIP_RULES	(1u << 4)	/* ports are let in by ct_rules */
#define BT_VIP_LOCAL	(1u << 5)	/* two servers of this host stand behind it: what leaves gets the VIP's port */

/* Map cfg_door, hash, key ifindex: an interface's own Ethernet address. Writer: batond. */
struct bt_door {
	__u8  mac[6];
	__u8  zero[2];
};

/*
 * Port rules. Map ct_rules, per group, mmapable. Writer: batond. The first rule that names a port and transport counts. UDP that none
 * names is not let in, of TCP nothing that begins there (bpf/rules.h). A zeroed map lets nothing begin.
 */
enum bt_rule_state { BT_RULE_STOPPED, BT_RULE_ENABLED, BT_RULE_DRAINING };

#define BT_RULE_UDP	(1u << 0)
#define BT_RULE_TCP	(1u << 1)

struct bt_rule {
	__u16 from, to;		/* host order, both included; from 0: unused */
	__u8  protos;		/* BT_RULE_UDP, BT_RULE_TCP */
	__u8  state;		/* enum bt_rule_state: what holds */
	__u8  hand;		/* the same: what operators want when this host has a role; for the next batond */
	__u8  zero;
};

struct bt_rules {
	struct bt_rule rule[BT_RULES_MAX];
};

/*
 * Map stages, a program array: where baton_xdp goes on by tail call. Each is verified by itself. Filled by whoever loads the
 * object, with those alone that a frame can come to; entering one that is missing counts as BROKEN. WATCH is entered by no frame:
 * batond runs it to arm the watchdog.
 */
#define BT_STAGES(X) \
	X(PULSE, baton_pulse) X(STEER, baton_steer) X(CALLS, baton_calls) X(CLUSTER, baton_cluster) X(ANSWER, baton_answer) \
	X(WATCH, baton_watch)

enum bt_stage_id {
#define BT_STAGE(name, program) BT_STAGE_##name,
	BT_STAGES(BT_STAGE)
#undef BT_STAGE
	BT_STAGE__N
};

/* Map st_stage, per CPU, 1 entry: what baton_xdp tells the stage it enters. Valid for that one frame. */
struct bt_stage {
	__u64 now_ns;		/* 0: no clock was read yet */
	__u32 group;		/* slot of the VIP's group; only if vip */
	__u16 vip;		/* 1 + index of the VIP it is for; 0: it is for none, no gate was asked */
	__u16 exit;		/* enum bt_xdp_exit that it has come to by then; only if vip */
};

/* Map st_word, u64 per group, mmapable. Writers: kernel and batond, compare-and-swap only. */
/* Map ct_lease, u64 per group, mmapable: gate open only while boot clock < value. Writers: batond; the watchdog, once, with
 * the store that opens. */
/* Map st_linger, u64 per group, mmapable: until then a host that has let go may still send SIP
 * responses, and TCP resets, from the VIP. Writer: whoever left open. */

/*
 * A planned move that leaves to the old holder what began with it (design §4.7, core/drain.h). Map ct_drain, per group,
 * mmapable. Writer: batond, which goes on saying so turn by turn: a drain whose controller stopped ends by itself, and
 * the kernel's own answers to pulses say so first.
 */
struct bt_drain {
	__u64 word;		/* BT_DRAIN(); 0: none */
	__u64 until_ns;		/* in force until then; what is under way is taken BT_DRAIN_GRACE_NS longer */
};

/* Of a word's shape: the number at which the new holder is open, and which side of it this host is. */
#define BT_DRAIN(number, side)	((__u64)(number) << 24 | (__u64)(side) << 16)
#define BT_DRAIN_SIDE(d)	((__u8)((d) >> 16))
#define BT_DRAIN_GRACE_NS	250000000ULL

enum bt_drain_side {
	BT_DRAIN_NONE,
	BT_DRAIN_MINE,		/* the peer holds the role, this host keeps what began here */
	BT_DRAIN_YOURS,		/* this host holds it, and sends back what began with the peer */
	BT_DRAIN_REFUSE,	/* this host holds it, and new INVITEs are refused: the pair is being stopped */
};

/*
 * What was heard of one group from the peer. Map st_heard, per group, mmapable. Writer: kernel, under the
 * lock of bt_pair; at_ns last. A reader without it takes a piece when at_ns, same_path and same_seq are the
 * same before and after.
 */
struct bt_heard {
	__u64 word;		/* the peer's, from the newest believed pulse */
	__u64 echo;		/* our word as the peer last heard it */
	__u64 at_ns;		/* when; 0: never in the peer's present life */
	__u64 same_seq;		/* newest probe of ours answered at our own number ... */
	__u32 same_path;	/* ... and the path it went by; seq 0: none yet */
	__u32 lease_left_us;	/* 0: ended */
	__u32 resp_age_ms;	/* since the peer's VIP last sent a SIP response; PULSE_NEVER */
	__u32 flags;		/* PULSE_F_* */
	__be32 digest;
	__u32 requests;		/* SIP requests seen for the group, wraps */
	__u32 unanswered;	/* of those it took, about so many still want a final response */
	__u32 zero;
	__u64 accept_ns;	/* when its gate last let a VIP frame in, by our clock; 0: never */
};

/* One heartbeat path, as the kernel saw it. Part of bt_pair. */
struct bt_path_st {
	__u64 heard_ns;		/* last believed message, probe or answer */
	__u64 probe_top;	/* newest sequence number of the peer's probes, */
	__u64 probe_bits;	/* bit i: top - i was seen */
	__u64 answer_top;	/* newest of our probes that was answered, */
	__u64 answer_bits;	/* bit i: the answer to top - i was seen */
	__u64 answer_ns;	/* when the answer to answer_top came */
	__u64 unauth_ns;	/* last frame of this pair-id with a wrong MAC */
	__u32 peer_heard_ms;	/* how long ago, the peer says, it last heard us; PULSE_NEVER */
	__u32 peer_flags;	/* PULSE_H_*, of its last message here */
	__u64 marked_ns;	/* last believed message whose source address was the peer's test mark */
	__u8  peer_mac[6];	/* source and destination of the last believed message that bore no mark: */
	__u8  my_mac[6];	/* where frames are sent on to, and who must be meant by those that are */
	__u32 zero;
};

/* Map st_pair, 1 entry, read with BPF_F_LOCK. Writer: kernel, but for nonce at creation. */
struct bt_pair {
	struct bpf_spin_lock lock;
	__u32 boots;		/* how many boot ids of the peer were believed */
	__u64 peer_boot;	/* the believed one; 0: none yet */
	__u64 nonce;		/* ours: a new boot id must echo it; renewed each time one is believed */
	__u64 peer_nonce;	/* what our probes must echo */
	struct bt_path_st path[BT_PATHS_MAX];
};

/*
 * One way out of the XDP program per row: name, verdict, what it means.
 * The sum over all rows equals BT_X_TOTAL, which every frame counts first.
 */
#define BT_XDP_EXITS(X) \
	X(NOT_OURS,	 XDP_PASS, "neither for a VIP nor a pulse") \
	X(TRUNCATED,	 XDP_PASS, "headers end early or cannot be followed; not a VIP's") \
	X(VIP_ACCEPTED,	 XDP_PASS, "for a VIP, gate open and leased") \
	X(VIP_UNHEARD,	 XDP_DROP, "for a VIP, gate open, but no socket of its server found: looked for once more, then the peer takes over") \
	X(VIP_SHUT,	 XDP_DROP, "for a VIP, gate shut") \
	X(VIP_ARMED,	 XDP_DROP, "for a VIP, gate armed, and no holder is heard on this interface") \
	X(VIP_TAKEN,	 XDP_PASS, "for a VIP, sent on by the peer with a mark that opened our gate") \
	X(VIP_RELAY,	 XDP_TX,   "for a VIP, gate has let go: sent on to the peer, marked") \
	X(VIP_RELAY_LOST, XDP_DROP, "for a VIP, gate has let go, and the peer is not heard on this interface") \
	X(VIP_HELPED,	 XDP_TX,   "for a VIP, gate armed: sent on to the holder, marked as help") \
	X(VIP_SENT_ON,	 XDP_DROP, "for a VIP, sent on once already and not for us") \
	X(VIP_FLOODED,	 XDP_DROP, "for a VIP, gate not open, and addressed to another MAC than ours") \
	X(VIP_KEPT,	 XDP_PASS, "for a VIP, gate not open: of a dialog or connection of this host, sent back by the new holder") \
	X(VIP_BACK,	 XDP_TX,   "for a VIP, gate open: of a dialog or connection of the old holder, which is drained: sent back, marked") \
	X(VIP_REFUSED,	 XDP_DROP, "for a VIP, gate open: new INVITE while the pair is being stopped or its port is drained, handed to userspace") \
	X(VIP_HEARD,	 XDP_DROP, "for a VIP of a cluster, gate not open: whoever holds it hears it too") \
	X(VIP_COPIED,	 XDP_DROP, "the same, SIP request: kept for replay") \
	X(VIP_TWIN,	 XDP_DROP, "for a VIP of a cluster: the other copy of this frame was let in") \
	X(VIP_RULED_OUT, XDP_DROP, "for a VIP, gate open: no port rule lets it in") \
	X(VIP_RULE_DRAINS, XDP_DROP, "for a VIP, gate open: begins a dialog or connection at a port that is drained") \
	X(VIP_FRAGMENT,	 XDP_PASS, "for a VIP, gate not open: later fragment of a datagram begun here") \
	X(VIP_UNLEASED,	 XDP_DROP, "for a VIP, gate open but the lease has ended") \
	X(VIP_MALFORMED, XDP_DROP, "for a VIP, but header lengths contradict the frame") \
	X(ARP_PASSED,	 XDP_PASS, "ARP or NS for a VIP, gate open") \
	X(ARP_ANSWERED,	 XDP_TX,   "ARP or NS for a VIP, gate open: answered here") \
	X(ARP_HELD_BACK, XDP_DROP, "ARP or NS for a VIP, gate not open") \
	X(ARP_CONFLICT,	 XDP_PASS, "another host claims a VIP that is open here") \
	X(PULSE_ANSWERED, XDP_TX,  "authentic probe, answered") \
	X(PULSE_HEARD,	 XDP_DROP, "authentic, taken in, nothing to be answered") \
	X(PULSE_UNBELIEVED, XDP_TX, "authentic probe of a boot id not yet proven, answered only") \
	X(PULSE_OBSERVED, XDP_TX, "question of a node that steers to this pair: answered, nothing taken in") \
	X(PULSE_STRANGER, XDP_PASS, "pulse port, but from no configured path") \
	X(PULSE_LENGTH,	 XDP_DROP, "pulse refused: length") \
	X(PULSE_VERSION, XDP_DROP, "pulse refused: magic, version or type") \
	X(PULSE_PAIR,	 XDP_DROP, "pulse refused: another pair-id, or not from peer to us") \
	X(PULSE_MAC,	 XDP_DROP, "pulse refused: MAC") \
	X(PULSE_BOOT,	 XDP_DROP, "pulse refused: boot id not proven, or meant for an earlier life of ours") \
	X(PULSE_REPLAY,	 XDP_DROP, "pulse refused: sequence number seen or too old") \
	X(PULSE_RANGE,	 XDP_DROP, "pulse refused: a field out of range") \
	X(RECEIPT,	 XDP_DROP, "copy of an answer that the holder gave: its request needs no replay") \
	X(STEERED,	 XDP_DROP, "taken up by the steering stage, which counts what became of it") \
	X(BROKEN,	 XDP_DROP, "a map of ours is missing or unfilled") \

enum bt_xdp_exit {
	BT_X_TOTAL,
#define BT_ENUM(name, verdict, text) BT_X_##name,
	BT_XDP_EXITS(BT_ENUM)
#undef BT_ENUM
	BT_X__N
};

/* The same for the tc program on egress; verdict names are TC_ACT_*, UNSPEC lets it go on. */
#define BT_TC_EXITS(X) \
	X(NOT_OURS,	 UNSPEC, "not from a VIP") \
	X(TRUNCATED,	 UNSPEC, "headers end early or cannot be followed; not a VIP's") \
	X(VIP_SENT,	 UNSPEC, "from a VIP, gate open and leased") \
	X(VIP_LINGER,	 UNSPEC, "SIP response from a VIP let go, or a later fragment of one, within its linger time") \
	X(VIP_RESET,	 UNSPEC, "TCP reset from a VIP let go, within its linger time: the client reconnects") \
	X(VIP_KEPT,	 UNSPEC, "from a VIP that the peer holds: of what began here and is left to this host") \
	X(VIP_OWN,	 SHOT,	 "to a VIP that this host holds: it has no business on the wire") \
	X(VIP_HELD,	 SHOT,	 "from a VIP, but this host may not send it") \
	X(RECEIPT_SENT,	 UNSPEC, "copy of an answer, for the host that would replay its request") \
	X(ARP_SENT,	 UNSPEC, "ARP or NA claiming a VIP, gate open and leased") \
	X(ARP_HELD,	 SHOT,	 "ARP or NA claiming a VIP, but this host may not, or not at that address") \

enum bt_tc_exit {
	BT_T_TOTAL,
#define BT_ENUM(name, verdict, text) BT_T_##name,
	BT_TC_EXITS(BT_ENUM)
#undef BT_ENUM
	BT_T__N
};

/* Maps st_count (XDP) and st_count_tc, per CPU, index: enum above. Writer: kernel. */
struct bt_count {
	__u64 packets;
	__u64 bytes;
};

/* SIP request methods that are told apart (RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086). */
#define BT_METHODS(X) \
	X(INVITE) X(ACK) X(BYE) X(CANCEL) X(OPTIONS) X(REGISTER) X(PRACK) X(SUBSCRIBE) \
	X(NOTIFY) X(PUBLISH) X(INFO) X(REFER) X(MESSAGE) X(UPDATE) X(OTHER)

enum bt_method {
#define BT_ENUM(name) BT_M_##name,
	BT_METHODS(BT_ENUM)
#undef BT_ENUM
	BT_M__N
};

enum bt_dir { BT_IN, BT_OUT, BT_DIR__N };

/*
 * Liveness of one VIP in one direction, judged by the first bytes of the payload alone.
 * Map st_live, per CPU, index: vip index * BT_DIR__N + direction. Writer: kernel.
 */
struct bt_live {
	__u64 request[BT_M__N];
	__u64 response[6];	/* [class - 1]: 1xx ... 6xx */
	__u64 keepalive;	/* CRLF or empty payload */
	__u64 other;		/* not SIP by its first bytes, fragments included */
	__u64 request_ns;	/* last one of any method */
	__u64 response_ns;
};

/*
 * What of a group both directions must know at once, for pulses. Map st_seen, per group, mmapable, a
 * cache line each. Writer: kernel; on each CPU at most once a millisecond, so it may lag by that.
 */
struct bt_seen {
	__u64 response_ns;	/* last SIP response that left from one of its VIPs; 0: none yet */
	__u64 requests;		/* SIP requests that came in */
	__u64 conflict_ns;	/* last BT_EV_CONFLICT, at most one a second */
	__u64 accept_ns;	/* last VIP frame that the open gate let in; may lag by BT_ACCEPT_LAG_NS */
	__u64 first_ns;		/* first since the gate opened; 0: none yet. Whoever opens zeroes it before */
	__u64 wants;		/* SIP requests that came in and want a final response: all but ACK */
	__u64 finals;		/* SIP final responses that left */
	__u64 asked_ns;		/* first SIP request that came in after response_ns; not above it: none yet */
};

#define BT_ACCEPT_LAG_NS	100000

/* What a CPU has not yet told to bt_seen. Map st_due, per CPU, per group. Writer: kernel. */
struct bt_due {
	__u64 requests;
	__u64 wants;
	__u64 finals;
	__u64 told_ns;
};

/*
 * Is there still a socket for what comes in? Map st_listen, per VIP, by its index: a server of one address
 * says nothing of another. Writer: kernel. A listener's absence
 * says something only after one was found at the present number.
 */
#define BT_LISTEN_MAX	BT_VIPS_MAX

struct bt_listen {
	__u64 number;		/* the word's, when `found` was noted */
	__u64 miss_ns;		/* a first look-up that found none; 0: the last one did */
	__u32 found;		/* bit 2 * i: UDP of port i, 2 * i + 1: TCP */
	__u32 zero;
};

/*
 * Who still sends VIP frames to a host that does not hold the VIP. Map st_neigh, LRU hash. Writer: kernel;
 * batond deletes.
 */
struct bt_neigh_key {
	__u8  mac[6];		/* the sender's, as the frame had it */
	__u16 group;		/* slot */
};

struct bt_neigh {
	__u64 packets;		/* sent on or dropped */
	__u64 last_ns;
	__u8  ip[16];		/* source of the last one, IPv4 as v4-mapped */
	__u8  vip[16];		/* its destination */
	__u32 ifindex;
	__u32 zero;
};

/*
 * Datagrams whose first fragment the open gate let in: value u64, until when, its lowest bit: BT_FRAG_BACK. Map st_frag,
 * LRU hash.
 */
#define BT_FRAG_BACK	1ULL	/* sent back to the old holder */
struct bt_frag_key {
	__u8  from[16];		/* IPv4 as v4-mapped */
	__u8  to[16];
	__be32 id;
	__u32 proto;
};

/* Ring ev_ring: advisory, the maps are the truth. Writer: kernel. */
enum bt_event_kind {
	BT_EV_WORD = 1,		/* the kernel changed a word: from, to; arg: enum word_cause, and BT_EV_BY_* */
	BT_EV_BOOT,		/* a new boot id of the peer is believed: from old, to new */
	BT_EV_CONFLICT,		/* another MAC claims a VIP open here: arg = MAC, its first byte highest of 48 bits */
};

#define BT_EV_BY_MARK	(1u << 8)	/* a marked frame showed it, not a pulse */
#define BT_EV_BY_LISTENER (1u << 9)	/* the server's socket was gone */
#define BT_EV_BY_WATCH	(1u << 10)	/* the watchdog found the peer dead */

struct bt_event {
	__u64 at_ns;
	__u32 kind;		/* enum bt_event_kind */
	__u32 group;		/* slot */
	__u64 from;
	__u64 to;
	__u64 arg;
};

/* ---- cluster mode: watchdog and replay ------------------------------------------------------------ */

/*
 * By what the watchdog judges. Map ct_watch, 1 entry, mmapable. Writer: batond, while it runs; what it last wrote holds on when it is
 * stopped. The watchdog judges only under the generation that its timer was armed with.
 */
struct bt_watch_own {
	__u64 generation;	/* 0: it judges nothing */
	__u64 interval_ns;	/* between two looks; one that comes later than half of it is late: bt_watch.fair_ns */
	__u64 detect_ns[BT_PATHS_MAX];	/* silence by which the peer is dead on a path, as the prober's report has it */
	__u64 lease_ns;		/* what a gate that it opens lives by until batond renews */
	__u64 router_ns;	/* BT_WATCH_ROUTER: when a router last answered; it must be later than the last pulse */
	__u64 asking_ns[BT_PATHS_MAX];	/* since then as many probes have left on time as that silence must be long; 0: not yet. The
					 * peer's kernel would have answered them ... */
	__u64 asked_ns;		/* ... while the newest, which left then, is young */
	__u64 patience_ns;	/* nobody asks: silence after which no lease of the peer's can run; 0: then no verdict */
	__u32 votes;		/* bit i: path i has a vote; none: no verdict */
	__u32 flags;		/* BT_WATCH_* */
};

#define BT_WATCH_ROUTER	(1u << 0)

/* The queue by which a path's pulses come, and the CPU that takes them from it; when a frame for a VIP was last met on it (bpf/ear.h). */
struct bt_ear {
	__u32 ifindex;		/* 0: none came yet */
	__u16 queue;
	__u16 cpu;
	__u64 heard_ns;
};

/*
 * Map st_watch, 1 entry. Writer: kernel. Never updated from userspace: that cancels the timer. Pinned: without a pin it ends with
 * its loader.
 */
struct bt_watch {
	struct bpf_timer timer;
	__u64 generation;	/* it was armed with; callbacks of an earlier one do nothing */
	__u64 due_ns;		/* when it should look next */
	__u64 fair_ns;		/* since when it has looked on time: silence before that is not counted, unless it is shown to be one */
	__u64 looks, late;	/* how often, and how often too late */
	struct bt_ear ear[BT_PATHS_MAX];
};

/* Map cfg_replay, 1 entry. Writer: batond. */
struct bt_replay_own {
	__u32 slots;		/* of st_replay; 0: nothing is kept */
	__u32 zero;
	__u64 window_ns;	/* what is younger when it is overwritten counts as lost */
};

/* Map st_replay_at, 1 entry, mmapable. Writer: kernel; `done` batond. */
struct bt_replay_at {
	__u64 next;		/* number of the next entry, from 0: it goes to slot next % slots */
	__u64 kept;
	__u64 receipts;
	__u64 too_long;		/* not kept: longer than BT_REPLAY_FRAME */
	__u64 overrun;		/* overwritten while younger than the window */
	__u64 done[BT_GROUPS_MAX];	/* what has a lower number is of before an opening: it is never replayed again */
};

enum bt_replay_kind { BT_REPLAY_REQUEST = 1, BT_REPLAY_RECEIPT };

/* Map st_replay, mmapable, as many slots as `replay-memory` has room for (at least 1). Writer: kernel; `seq` last. */
struct bt_replay {
	__u64 seq;		/* 1 + number of the entry; 0: none, or being written */
	__u64 at_ns;		/* when it came */
	__u32 ifindex;		/* by which interface */
	__u16 group;		/* slot */
	__u16 len;		/* of the frame */
	__u8  kind;		/* enum bt_replay_kind */
	__u8  zero[7];
	__u8  frame[BT_REPLAY_FRAME];	/* from its Ethernet header on */
};

/*
 * How the holder shows its answers to the peer: a copy of each SIP response that leaves over UDP from a VIP of a group with
 * BT_GROUP_REPLAY. Map ct_receipt, per group, mmapable. Writer: batond. The source address is the mark MARK_RECEIPT.
 */
struct bt_receipt {
	__u64 from;		/* mark_number(); 0: none are sent */
	__u64 to;		/* the peer's Ethernet address there, as mark_read() has it */
	__u32 ifindex;
	__u32 zero;
};

/*
 * Frames that came twice around a move in cluster mode: directly, and sent on by the old holder. Map st_twin, LRU hash, key u64 (SipHash
 * of the whole IP packet), value: when the first copy was let in; its lowest bit: it came directly. Writer: kernel.
 */
#define BT_TWIN_NS	5000000ULL	/* so long after an opening copies are looked for */

/* ---- steering: [pool] sections, design §4.7 ------------------------------------------------------ */

/* Map cfg_steer, 1 entry, mmapable. Writer: batond. All 0: nothing is steered. */
struct bt_steer {
	__u64 key[2];		/* SipHash keys of Call-IDs and connections; random, for the maps' life */
	__u32 tick_s;		/* boot clock in seconds, written each second: what bt_dialog.*_s are read from */
	__u32 n_pools;		/* 0: frames that are for no VIP are not looked at */
	__u32 new_max;		/* entries that one CPU may make in one tick; 0: none */
	__u32 trace_every;	/* one decision in so many per CPU goes to ev_trace; 0: off */
};

/*
 * What an address and port mean. Maps cfg_service4 (key bt_service4_key) and cfg_service6. Writer: batond. Port 0 with the address of a
 * service: whose later fragments these are, if their first was not seen (that of the first pool there).
 */
struct bt_service4_key {
	__be32 ip;
	__be16 port;
	__u16 zero;
};

struct bt_service6_key {
	__u8  ip[16];
	__be16 port;
	__u16 zero;
};

struct bt_service {
	__u16 pool;		/* slot, from 1 */
	__u8  server;		/* 0: the pool's service; 1, 2: that server's own address */
	__u8  first;		/* service: its port is translated to the server's (the pool's first service line) */
};

/* How frames reach a server. */
enum bt_forward { BT_FWD_L2, BT_FWD_IPIP, BT_FWD_NAT, BT_FWD__N };

struct bt_pool_server {
	__u32 ifindex;		/* way to it; 0: no next hop is known, nothing is sent there */
	__u32 epoch;		/* of its present life: entries with another one are stale */
	__u8  next_mac[6];	/* next hop's */
	__u8  our_mac[6];	/* of that interface */
	__u8  ip[16];		/* its own address, IPv4 as v4-mapped */
	__u8  from[16];		/* outer source address (ipip): ours on that way */
	__be16 port;
	__u16 mtu;		/* of the way to it, IP bytes */
};

/*
 * Map cfg_pool, 1 + BT_POOLS_MAX entries, mmapable. Writer: batond. `aim` is one aligned store: who is active
 * changes with the next frame.
 */
struct bt_pool {
	__u64 aim;		/* BT_AIM() */
	__u32 name_hash;	/* 0: unused */
	__u8  forward;		/* enum bt_forward */
	__u8  zero;
	__be16 port;		/* of its first service */
	__u8  service[16];	/* address of its first service, IPv4 as v4-mapped */
	__u32 flags;		/* BT_POOL_* */
	__u32 zero2;
	struct bt_pool_server server[BT_SERVERS];	/* [number - 1] */
	__u64 overflow[7];	/* bit (status - 300): such a final answer to an initial INVITE leads it elsewhere */
	__u8  name[BT_NAME_MAX];
};

/* {serial:32, 0:8, flags:8, draining:8, active:8}. active 0: no server; draining: keeps the dialogs it has. */
#define BT_AIM(serial, flags, draining, active) \
	(((__u64)(__u32)(serial) << 32) | ((__u64)(__u8)(flags) << 16) | ((__u64)(__u8)(draining) << 8) | (__u8)(active))
#define BT_AIM_SERIAL(a)	((__u32)((a) >> 32))
#define BT_AIM_FLAGS(a)		((__u8)((a) >> 16))
#define BT_AIM_DRAINING(a)	((__u8)((a) >> 8))
#define BT_AIM_ACTIVE(a)	((__u8)(a))
#define BT_AIM_REJECT		(1u << 0)	/* new INVITEs go to userspace, which refuses them */
#define BT_AIM_DRAINED		(1u << 1)	/* the server that is not active was drained: kept for the next batond */
#define BT_AIM_FORCED		(1u << 2)	/* drained whether the other lives or not: likewise */

/* bt_pool.flags */
#define BT_POOL_KEEP	(1u << 0)	/* initial INVITEs are copied to ev_slow: overflow may want them */
#define BT_POOL_SILENT(server) (1u << (7 + (server)))	/* that server does not answer: userspace leads nothing to it */

/* What an entry is of. */
enum bt_dialog_kind { BT_D_NONE, BT_D_CALL, BT_D_SUBSCRIPTION, BT_D_CONNECTION, BT_D__N };
/* How far it has come, as far as was seen. */
enum bt_dialog_state { BT_D_NEW, BT_D_EARLY, BT_D_CONFIRMED, BT_D_ENDING, BT_D_OVER, BT_D_STATE__N };

/*
 * Maps st_young (LRU: begun, nothing in-dialog seen yet; a flood fills only this) and st_dialog (LRU), key u64: SipHash of the owner
 * and of Call-ID, or addresses and ports of a connection. Writer: kernel; batond deletes what is over.
 */
struct bt_dialog {
	__u32 epoch;		/* of that server when the entry was made */
	__u16 owner;		/* pool slot; of a group: BT_OWNER_GROUP | slot */
	__u8  server;		/* 1, 2: pool's server; of a group: host id */
	__u8  kind;		/* enum bt_dialog_kind */
	__u8  state;		/* enum bt_dialog_state */
	__u8  zero[3];
	__u32 first_s;		/* tick_s when it was made, */
	__u32 last_s;		/* and when a frame of it was last seen */
};

#define BT_OWNER_GROUP	0x8000

/*
 * The decision ladder: why does a frame for a service go to the server it goes to? Name, text. Each decided frame counts one,
 * per pool: map st_pool. Order is the ladder's.
 */
#define BT_RUNGS(X) \
	X(DIALOG,	"known dialog: the server it began with") \
	X(CONNECTION,	"known TCP connection: the server it began with") \
	X(FRAGMENT,	"later fragment: as its first") \
	X(STALE,	"known, but its server died since: the active server") \
	X(TAGGED_OLD,	"in a dialog that is not known, while the pool drains: the draining server") \
	X(CONN_OLD,	"in a TCP connection that is not known, while the pool drains: the draining server") \
	X(NEW,		"begins a dialog or connection: the active server, noted") \
	X(NEW_BRAKED,	"begins one, but too many begin in this second: the active server, not noted") \
	X(TAGGED,	"in a dialog that is not known: the active server") \
	X(CONN_UNKNOWN,	"in a TCP connection that is not known: the active server") \
	X(OUTSIDE,	"SIP outside of any dialog: the active server") \
	X(NO_CALL_ID,	"SIP without a Call-ID that could be read: the active server") \
	X(KEEPALIVE,	"line ends or nothing: the active server") \
	X(NOT_SIP,	"not SIP by its first bytes: the active server") \
	X(FRAGMENT_LOST, "later fragment of an unknown datagram: the active server") \
	X(ICMP,		"ICMP error about a frame of the service: the server that sent it") \

enum bt_rung {
#define BT_ENUM(name, text) BT_R_##name,
	BT_RUNGS(BT_ENUM)
#undef BT_ENUM
	BT_R__N
};

/* Map st_pool, per CPU, 1 + BT_POOLS_MAX entries. Writer: kernel. */
struct bt_pool_count {
	__u64 rung[BT_R__N];
	__u64 packets[BT_SERVERS];	/* sent to each */
	__u64 bytes[BT_SERVERS];
	__u64 back;			/* from its servers, translated (NAT) */
	__u32 new_tick, new_made, new_moved;	/* this CPU's brake: entries made, and moved, in that tick */
	__u32 untraced;		/* decisions since the last sample */
};

/* Where a first fragment went. Map st_follow, LRU hash, key bt_frag_key. Writer: kernel. */
struct bt_follow {
	__u32 noted_s;		/* tick */
	__u16 pool;
	__u8  server;
	__u8  back;		/* 1: it came from that server */
};

/* What is known of a pool by its traffic. Map st_pool_seen, 1 + BT_POOLS_MAX entries, mmapable. Writer: kernel. */
struct bt_pool_seen {
	__u64 request_ns[BT_SERVERS];	/* last SIP request that came *from* that server; 0: none. Whoever sends them is active */
};

/*
 * One way out of the steering stage per row: name, text. Sum over all rows equals st_count[BT_X_STEERED].
 * The verdict is XDP_TX or XDP_REDIRECT for SENT, BACK and TOLD (SENT by NAT and to be cut: XDP_PASS), XDP_PASS for NOT_OURS and
 * BACK_PASSED, XDP_DROP for the rest.
 */
#define BT_STEER_EXITS(X) \
	X(NOT_OURS,	"for no service and from no server of a pool: passed") \
	X(SENT,		"sent to a server") \
	X(BACK,		"from a server, translated and sent to its client") \
	X(BACK_PASSED,	"from a server, translated and left to this host's routing") \
	X(FROM_SERVER,	"request of a pool's own server to its service: handed to userspace, which sends it on by its URI") \
	X(TOLD,		"too long for the way to the server: its sender was told the MTU") \
	X(TOO_BIG,	"too long for the way to the server, and nobody may be told: dropped") \
	X(HANDED_BIG,	"too long for the way to the server, may be cut: handed to userspace") \
	X(HANDED_OVERFLOW, "final answer that leads its INVITE elsewhere: handed to userspace") \
	X(HANDED_REJECT, "new INVITE that is to be refused: handed to userspace") \
	X(SLOW_FULL,	"should have been handed to userspace, but the ring is full: dropped") \
	X(NO_SERVER,	"no server of the pool is known to live: dropped") \
	X(NO_NEXT_HOP,	"no Ethernet address of the next hop is known: dropped") \
	X(TTL,		"its TTL or hop limit has ended: dropped") \
	X(LOOP,		"sent by this host itself: dropped") \
	X(MALFORMED,	"header lengths contradict the frame: dropped") \
	X(BROKEN,	"a map of ours is missing or unfilled: dropped") \

enum bt_steer_exit {
#define BT_ENUM(name, text) BT_S_##name,
	BT_STEER_EXITS(BT_ENUM)
#undef BT_ENUM
	BT_S__N
};

/* Map st_steer: per CPU, index enum bt_steer_exit, struct bt_count. Writer: kernel. */

/* Ring ev_slow: frames that userspace must finish. Writer: kernel. Full: SLOW_FULL. */
enum bt_slow_kind {
	BT_SLOW_KEEP = 1,	/* copy of an initial INVITE that was sent on */
	BT_SLOW_OVERFLOW,	/* the final answer that was taken out */
	BT_SLOW_REJECT,		/* a new INVITE */
	BT_SLOW_BIG,		/* IP packet to be cut and sent in IPIP */
	BT_SLOW_FROM_SERVER,	/* SIP of a pool's server for its own service: to be sent on by its URI */
};

struct bt_slow {
	__u64 call_id;		/* key of st_young and st_dialog; 0: none */
	__u32 kind;		/* enum bt_slow_kind */
	__u32 ifindex;		/* it came in by */
	__u16 owner;		/* as in bt_dialog */
	__u8  server;		/* it went to, or came from */
	__u8  zero;
	__u16 status;		/* of a response; 0: a request */
	__u16 l3;		/* offsets in frame: IP header, */
	__u16 payload;		/* SIP */
	__u16 len;		/* of the frame as it came; at most BT_SLOW_FRAME of it follow */
	__u32 zero2;
	__u8  frame[BT_SLOW_FRAME];
};

/* Ring ev_trace: sampled decisions. Writer: kernel. Full: lost. */
struct bt_trace {
	__u64 at_ns;
	__u64 call_id;		/* 0: none */
	__u16 pool;
	__u8  server;		/* 0: none */
	__u8  proto;
	__u8  rung;		/* enum bt_rung; BT_R__N: none was reached */
	__u8  exit;		/* enum bt_steer_exit */
	__u8  method;		/* enum bt_method; BT_M__N: not SIP */
	__u8  zero;
	__u16 status;		/* of a response; 0: a request */
	__be16 from_port, to_port;
	__u16 len;
	__u8  from[16], to[16];	/* IPv4 as v4-mapped */
};

/* ---- mode = single-host: two servers of a group on this host -------------------------------------- */

#define BT_LOCAL_ROWS	64	/* a VIP's port, once for UDP and once for TCP */
#define BT_LOCAL_SOCKS	32	/* of one server in one row: workers with SO_REUSEPORT */
#define BT_LOCAL_PLACES	(BT_LOCAL_ROWS * BT_SERVERS * BT_LOCAL_SOCKS)
/* Place in the map local_socks of socket @i of @server (1 or 2) in @row. */
#define BT_LOCAL_PLACE(row, server, i)	((((row) * BT_SERVERS) + (server) - 1) * BT_LOCAL_SOCKS + (i))
#define BT_LOCAL_KNOWN	256	/* sockets known by their cookies */

struct bt_local_key {
	__u8  ip[16];		/* a VIP; IPv4 as v4-mapped */
	__be16 port;		/* the group's sip-port, or a server's own */
	__u8  proto;
	__u8  zero;
};

/* What stands at a VIP's port. Map cfg_local, hash, key bt_local_key. Writer: batond. */
struct bt_local_way {
	__u32 row;		/* 1 + row: packets to it are given to the active server; 0: they are not */
	__u16 group;
	__u8  servers;		/* bit per server, from 0: they send from this port */
	__u8  stands_for;	/* what comes to it is of a dialog of this server, while that is drained; BT_LOCAL_ANY: of whichever is */
	__be16 port;		/* what leaves from it leaves from this one: the group's sip-port */
	__be16 own[BT_SERVERS];	/* the port that stands for each; 0: one that nobody has, for both have the sip-port */
	__u16 zero;
};

#define BT_LOCAL_ANY	3

/* Map ct_local, per group, mmapable. Writer: batond, one store a change. */
struct bt_local {
	__u64 aim;		/* BT_LOCAL() */
};

/*
 * {turn:32, 0:16, drained:8, active:8}. active 1, 2: who gets what is new; 0: not known yet. turn: one more each time the other
 * becomes active, so the last but one turn was the same server's. drained: its dialogs are left to it, and what it sends of itself may
 * leave; 0: nobody's. While that is the active one itself, all of SIP is sent to it as if it were not: none is under way
 * between baton_xdp and its socket when the other becomes active.
 */
#define BT_LOCAL(turn, drained, active) \
	(((__u64)(__u32)(turn) << 32) | ((__u64)(__u8)(drained) << 8) | (__u8)(active))
#define BT_LOCAL_TURN(a)	((__u32)((a) >> 32))
#define BT_LOCAL_DRAINED(a)	((__u8)((a) >> 8))
#define BT_LOCAL_ACTIVE(a)	((__u8)(a))

/* How many places of a row are filled. Map ct_local_row, BT_LOCAL_ROWS entries, mmapable. Writer: batond. */
struct bt_local_row {
	__u32 n[BT_SERVERS];	/* a server that had none here is not replaced here */
};

/* What the kernel saw. Map st_local, per group, mmapable. Writer: kernel; batond writes a 0 to first_ns and fell_from at a move. */
struct bt_local_seen {
	__u64 given_ns[BT_SERVERS];	/* last packet given to each server, */
	__u64 first_ns[BT_SERVERS];	/* and the first of its present turn */
	__u64 fell_ns;		/* the active server had no socket left and the other was taken: last time, */
	__u64 fell;		/* how often, */
	__u32 fell_from;	/* and who was active then; 0: batond knows */
	__u32 zero;
};

/*
 * A datagram of ours that asks whether this host's packet filter lets others of its kind in: it is counted where its socket would be
 * chosen, and is nobody's. Map local_probe, one entry. Writer: batond; kernel: seen. Only baton_lookup has it, so it is no part of BT_ABI.
 */
struct bt_local_probe {
	__be32 from[4];		/* IPv4 as v4-mapped */
	__be16 port;		/* it comes from; 0: none is under way */
	__u16 zero;
	__u32 seen;
};

/* Map local_socks, sockmap, BT_LOCAL_PLACES entries: filled by batond, a socket that closes leaves by itself. */
/* Map ct_local_sock, hash, key: cookie of a socket, value __u32: its server, 1 or 2. Of servers that share a port. Writer: batond. */

/* What became of a packet for a single-host group. Map st_local_count, per CPU, struct bt_count. Writer: kernel. */
#define BT_LOCAL_EXITS(X) \
	X(ACTIVE,	"given to the active server") \
	X(DRAINED,	"of a dialog of the server that is drained: given to it") \
	X(OTHER,	"the server it was for has no socket left: given to the other") \
	X(NOBODY,	"no server has a socket there: refused") \
	X(SENT,		"left in the VIP's name, from its port already") \
	X(RENAMED,	"left in the VIP's name, the source port made the VIP's") \
	X(HELD,		"not an answer, of the server that stands by: dropped")

enum bt_local_exit {
#define BT_ENUM(name, text) BT_L_##name,
	BT_LOCAL_EXITS(BT_ENUM)
#undef BT_ENUM
	BT_L__N
};

#define BT_LAYOUTS(X) \
	X(bt_meta, 48) X(bt_node, 72) X(bt_path, 24) X(bt_port, 4) X(bt_group, 88) X(bt_vip, 16) \
	X(bt_heard, 72) X(bt_path_st, 88) X(bt_pair, 384) X(bt_count, 16) X(bt_live, 200) \
	X(bt_seen, 64) X(bt_due, 32) X(bt_listen, 24) X(bt_neigh_key, 8) X(bt_neigh, 56) X(bt_frag_key, 40) \
	X(bt_event, 40) X(bt_drain, 16) X(bt_stage, 16) X(bt_steer, 32) X(bt_service4_key, 8) X(bt_service6_key, 20) X(bt_service, 4) \
	X(bt_pool_server, 56) X(bt_pool, 240) X(bt_dialog, 20) X(bt_pool_count, 184) X(bt_follow, 8) X(bt_pool_seen, 16) \
	X(bt_slow, 2080) X(bt_trace, 64) X(bt_door, 8) X(bt_rule, 8) X(bt_rules, 128) X(bt_watch_own, 120) X(bt_ear, 16) X(bt_watch, 120) \
	X(bt_local_key, 20) X(bt_local_way, 16) X(bt_local, 8) X(bt_local_row, 8) X(bt_local_seen, 56) \
	X(bt_replay_own, 16) X(bt_replay_at, 168) X(bt_replay, 2048) X(bt_receipt, 24)

#define BT_ASSERT(type, size) \
	_Static_assert(sizeof(struct type) == (size), "layout of " #type " changed: bump BT_ABI");
BT_LAYOUTS(BT_ASSERT)
#undef BT_ASSERT

/* Folds every size and every count that both sides must share; compared at start. */
#define BT_SUM(type, size) + (size) * (sizeof(#type) * 131 + (size))
#define BT_LAYOUT_HASH \
	((__u32)(BT_ABI * 2654435761u + (__u32)(0 BT_LAYOUTS(BT_SUM)) * 40503u + \
	 BT_X__N * 65537u + BT_T__N * 257u + BT_M__N * 17u + BT_GROUPS_MAX * 8191u + \
	 BT_PATHS_MAX * 131071u + BT_VIPS_MAX * 3u + BT_LISTEN_MAX * 5u + BT_R__N * 11u + BT_S__N * 13u + \
	 BT_POOLS_MAX * 19u + BT_DIALOG_MAX * 23u + BT_STAGE__N * 29u))

/* In the read-only data of the XDP object: whoever has the file can tell whether it fits his pins. */
#define BT_STAMP_MARK "BATONABI"

struct bt_stamp {
	char mark[8];
	__u32 abi;
	__u32 layout;
};

#endif
