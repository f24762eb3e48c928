/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * slow_own: what slow's files share. Nobody else includes it, but its test.
 *
 *   slow.c           life, the thread, which frame goes to whom
 *   slow_overflow.c  kept INVITEs, and the answers that lead them elsewhere
 *   slow_reject.c    new INVITEs that are refused
 *   slow_proxy.c     requests sent on by their URI, and the answers to them
 */
#ifndef BATON_SLOW_OWN_H
#define BATON_SLOW_OWN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/handed.h"
#include "core/kept.h"
#include "core/siptext.h"
#include "steer/slow.h"
#include "sys/dp_slow.h"
#include "sys/inject.h"
#include "sys/resolve.h"

#define SLOW_OUT	(BT_SLOW_FRAME + 1024)	/* what comes in, and what is added to it */
#define SLOW_NAMES	32
#define SLOW_CONTACT	80

/* Of the configuration what frames need. */
struct slow_pool {
	char name[BT_NAME_MAX];
	uint16_t reject;
};

struct slow_conf {
	struct slow_pool pool[CONF_POOLS_MAX];
	uint32_t n_pools;
	uint16_t group_reject[BT_GROUPS_MAX];
	char contact[SLOW_CONTACT];	/* of dr-peer-trunk: "sip:10.0.0.1:5060"; "": none */
};

struct slow_name {			/* a host's name that requests led to */
	char text[256];			/* "": unused */
	struct resolve *asking;		/* NULL: it was answered */
	struct in6_addr ip;
	int result;			/* addresses, or why there are none */
	uint64_t at_ns;
};

enum slow_count {
	SLOW_KEPT, SLOW_OVERFLOWED, SLOW_NOT_KEPT, SLOW_REJECTED, SLOW_CUT, SLOW_SENT_ON, SLOW_MALFORMED, SLOW_FAILED, SLOW_COUNT__N
};

struct slow {
	struct dp *dp;
	struct dp_slow *ring;
	int raw[2];			/* IPv4, IPv6; -1: not to be had */
	atomic_int own[2];		/* of requests sent on, once there is a pool: our socket */
	int asker[2];			/* where would one leave from? */
	uint16_t own_port[2];
	int wake;
	uint64_t key[2];		/* of tags and branches */
	pthread_t thread;
	bool running;
	atomic_bool quit;
	_Atomic(struct kept *) kept;	/* NULL: no pool needs it. The thread's */
	_Atomic uint64_t count[SLOW_COUNT__N];
	pthread_mutex_t lock;		/* of conf */
	struct slow_conf conf;
	struct slow_name name[SLOW_NAMES];	/* from here on the thread's */
	char in[SLOW_OUT], out[SLOW_OUT];
};

static inline void slow_counted(struct slow *s, enum slow_count what)
{
	atomic_fetch_add_explicit(&s->count[what], 1, memory_order_relaxed);
}

/* slow.c */
void slow_take(struct slow *s, const struct bt_slow *n);
/* In another's name; counted where it fails. */
int slow_send(struct slow *s, const struct kept_end *from, const struct kept_end *to, const void *data, size_t len);
/* What is configured for the pool of that row; false: none of that name any more. */
bool slow_pool_of(struct slow *s, const struct bt_pool *row, struct slow_pool *ret);
/* Hash of the pieces, as 16 digits and a NUL. */
#define SLOW_HEX	17
void slow_hash(const struct slow *s, char ret[SLOW_HEX], const struct siptext_slice *piece, uint32_t n);

/* slow_overflow.c */
void slow_keep(struct slow *s, const struct bt_slow *n);
void slow_overflow(struct slow *s, const struct bt_slow *n);

/* slow_reject.c */
void slow_reject(struct slow *s, const struct bt_slow *n);
/* An answer of our own in the name of @h->to; nothing to an ACK. */
int slow_answer(struct slow *s, const struct handed *h, const struct siptext *m, uint16_t status, const char *contact);

/* slow_proxy.c */
void slow_sent_on(struct slow *s, const struct bt_slow *n);
/* The request to @to, as a proxy does; answers to it go back in the name of @h->to. */
int slow_pass_on(struct slow *s, const struct handed *h, const struct siptext *m, const struct kept_end *to, bool drop_route);
/* Answers that wait at a socket of ours, @v4 or not. */
void slow_answers(struct slow *s, bool v4);
void slow_forget_names(struct slow *s);

#endif
