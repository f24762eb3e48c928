/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fault: has something been wrong for long enough to be said, and well for long enough to be taken back?
 *
 * The one place for debounce of the network monitors. Pure. So many looks that find it wrong, in a row and each at least
 * `apart` after the last that counted, make a fault; it is taken back after as long a time in which every look
 * finds it well. Each further fault that comes soon doubles that time, up to 32 times: what flaps settles.
 * Time:    nanoseconds of the caller's clock.
 */
#ifndef BATON_FAULT_H
#define BATON_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#define FAULT_FORGET_NS	UINT64_C(600000000000)	/* well for so long: the next one is the first again */
#define FAULT_NEVER	UINT64_MAX

struct fault_rule {
	uint32_t looks;		/* at least 1 */
	uint64_t apart_ns;
};

struct fault {
	bool failed;
	uint32_t bad;		/* looks in a row that counted, */
	uint64_t bad_ns;	/* and the last of them */
	uint64_t good_ns;	/* failed, but well in every look since then; 0: it was not */
	uint32_t times;		/* faults in close succession */
	uint64_t over_ns;	/* end of the last */
};

/* True: it has changed whether it counts as failed. */
bool fault_look(struct fault *f, const struct fault_rule *rule, bool well, uint64_t now_ns);
/* What is wanted is another thing from now on: looks so far count no more, a fault that was found stays. */
void fault_anew(struct fault *f);
/* When a fault is taken back if every look finds it well until then; FAULT_NEVER. */
uint64_t fault_due(const struct fault *f, const struct fault_rule *rule);

#define OFTEN_N		5
#define OFTEN_NS	UINT64_C(60000000000)

/* Does something happen again and again? OFTEN_N times within OFTEN_NS, until it has not for as long. */
struct often {
	uint64_t at[OFTEN_N];
	uint32_t next;
	bool is;
};

void often_note(struct often *o, uint64_t now_ns);
bool often_is(struct often *o, uint64_t now_ns);

#endif
