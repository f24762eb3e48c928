/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock: what must be asked next of the service that keeps one group's lock, and until when is it ours?
 *
 * Pure: whoever speaks with the service asks for the next step, carries it out, and tells how it went.
 * The lock is a key bound to a lease of the service's, which ends by itself when it is not renewed. Its
 * end by our clock is counted from the departure of the request that made or renewed it, less a tenth:
 * clocks differ. Nothing stands in peace: no key, no lease.
 * A request whose fate is not known may be carried out late; so its lease is never used nor renewed
 * again, and what it may have made ends with it.
 * Time:    boot clock nanoseconds.
 * Source:  design §4.2 Lease (c), §4.3; protocol.md H4, H19.
 */
#ifndef BATON_LOCK_H
#define BATON_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCK_TTL_S	2		/* etcd gives no shorter one; it may give a longer one */
#define LOCK_TTL_MAX_S	60		/* more is nonsense: a dead holder's lock would stand so long */
#define LOCK_KEY_MAX	64
#define LOCK_VALUE_MAX	96

enum lock_step {
	LOCK_REST,		/* nothing to do before lock.next_ns */
	LOCK_GRANT,		/* have a lease made */
	LOCK_TAKE,		/* put the key under it, if nobody else has */
	LOCK_RENEW,		/* keep the lease alive */
	LOCK_DROP,		/* end the lease, and the key with it */
};

enum lock_result {
	LOCK_DONE,
	LOCK_REFUSED,		/* somebody else has the key; the service knows no such lease */
	LOCK_UNSURE,		/* no answer, or none that can be read */
};

struct lock {
	uint64_t wanted;	/* number; 0: none */
	uint64_t held;		/* number the key says, under lease_id; 0: not ours */
	uint64_t lease_id;	/* 0: none */
	uint64_t until_ns;	/* of the lease, by our clock */
	uint64_t renew_ns;	/* when it is to be renewed */
	uint64_t next_ns;	/* before that nothing but LOCK_DROP */
};

/* How a step went. */
struct lock_answer {
	enum lock_result result;
	uint64_t sent_ns;	/* departure of the request, or of the first of several */
	uint64_t number;	/* LOCK_TAKE: what the key now says */
	uint64_t lease_id;	/* LOCK_GRANT */
	uint64_t ttl_s;		/* LOCK_GRANT, LOCK_RENEW */
};

/* From now on @number is wanted, 0: none. What is held for another number is held no more. */
void lock_want(struct lock *l, uint64_t number);
/* The number it is held for at @now, 0: for none. */
uint64_t lock_held(const struct lock *l, uint64_t now_ns);

enum lock_step lock_step(struct lock *l, uint64_t now_ns);
/* When lock_step() may have something else than LOCK_REST; UINT64_MAX: not before lock_want(). */
uint64_t lock_deadline(const struct lock *l);
void lock_done(struct lock *l, enum lock_step step, const struct lock_answer *a, uint64_t now_ns);

/* Both hosts must come to the same key, whatever they call each other. */
size_t lock_key(char buf[LOCK_KEY_MAX], uint8_t pair_id, const char *group);
/* @boot: of this host's maps: a restarted controller may go on with its own lock, nobody else can. */
size_t lock_value(char buf[LOCK_VALUE_MAX], const char *node, uint64_t number, uint64_t boot);
bool lock_value_is_mine(const char *value, uint64_t boot);

#endif
