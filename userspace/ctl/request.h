/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * request: what does this line ask for?
 *
 * Pure. The line may be anything: it is believed only when all of it is known: the verb, every key
 * that this verb takes, every type and range, nothing twice, nothing after it.
 */
#ifndef BATON_REQUEST_H
#define BATON_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton_abi.h"
#include "ctl_wire.h"

#define REQUEST_ID_MAX	64

struct request {
	enum ctl_verb verb;
	char group[BT_NAME_MAX];	/* "": every group */
	uint32_t every;
	uint32_t term;			/* 0: none */
	bool force, follow, reject, upgrade;	/* upgrade: "what" says so */
	bool did, ported;		/* "do", "port" was said */
	uint16_t port;			/* 0: all */
	enum bt_rule_state rule;	/* what "do" means */
	uint64_t timeout_ns;		/* 0: not said */
	char clear[REQUEST_ID_MAX];	/* "": none */
};

/* CTL_DONE and @ret; else the exit code to answer with, @why says what is wrong, @ret is untouched. */
enum ctl_exit request_read(struct request *ret, const char *line, size_t len, char *why, size_t cap);

#endif
