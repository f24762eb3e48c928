/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl_own: what ctl.c (who asks), verbs.c (what is answered) and client.c (did they take it) share.
 * Nobody else includes it.
 */
#ifndef BATON_CTL_OWN_H
#define BATON_CTL_OWN_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ctl/request.h"
#include "ctl_wire.h"
#include "sys/loop.h"

struct ha;

enum client_state {
	READING,	/* its request is not complete */
	WAITING,	/* asked the conductor, no answer yet */
	LISTING,	/* gets a long list, a slice a turn */
	LEAVING,	/* answered: closed when it has taken the answer */
	WATCHING,	/* gets the status at every change */
	FOLLOWING,	/* gets log lines */
	TRACING,	/* gets sampled decisions */
};

struct client;

/* The rows from c->next_row on, which goes on by them; empty: that was all. NULL: they cannot be had. */
typedef json_t *client_rows_fn(struct client *c);

struct client {
	struct src src;		/* first; fd -1: this place is free */
	struct ctl *ctl;
	enum client_state state;
	struct ucred who;
	uint64_t deadline_ns;	/* 0: starts with the next turn */
	uint64_t next_line;	/* FOLLOWING: sequence number in the log */
	uint32_t every;		/* TRACING: one decision in so many */
	client_rows_fn *rows;	/* LISTING: what gives the next slice; from where: */
	uint32_t next_row;
	uint64_t place;		/* of a list that is read slice by slice, */
	bool done;		/* and that was the last */
	bool listed;		/* a slice has left */
	char in[CTL_REQUEST_MAX];
	size_t n_in;
	char *out;		/* what it has not taken yet is out[taken .. n_out) */
	size_t n_out, taken, cap;
};

struct ctl {
	struct src listen;	/* first */
	struct src wake;	/* eventfd: the log has a new line */
	struct loop *loop;
	struct ha *ha;
	struct sockaddr_un addr;
	gid_t group;
	bool has_group;
	bool changed;
	bool deaf;		/* out of descriptors: accepts again after a while */
	uint64_t listen_ns, watch_ns;
	atomic_uint followers;
	struct client clients[CTL_CLIENTS_MAX];
};

/* client.c. All but the first two may close the client: ask client_is_free() before doing more to it. */
bool client_is_free(const struct client *c);
size_t client_unsent(const struct client *c);
void client_close(struct client *c);
void client_wants(struct client *c);		/* tell the loop what it waits for, after a change of state */
void client_flush(struct client *c);
void client_push(struct client *c, const char *bytes, size_t len);
void client_say(struct client *c, int exit_code, json_t *doc, const char *error);	/* one line; takes @doc */
void client_answer(struct client *c, int exit_code, json_t *doc, const char *error);	/* its last; takes @doc */

/* verbs.c */
void verb_obey(struct client *c, const struct request *r);
int verb_trace_retime(struct ctl *ctl);		/* somebody traces, or no more */
void verb_go_on(struct client *c);		/* more of an answer that goes on, if @c can take it */

#endif
