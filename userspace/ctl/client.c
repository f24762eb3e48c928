/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client: has it taken its answer, and how much may wait for it?
 */
#include "ctl/ctl_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "ctl/json.h"
#include "ha/ha_view.h"

size_t client_unsent(const struct client *c)
{
	return c->n_out - c->taken;
}

bool client_is_free(const struct client *c)
{
	return c->src.fd < 0;
}

void client_close(struct client *c)
{
	bool traced = c->state == TRACING;

	if (client_is_free(c))
		return;
	if (c->state == WAITING)
		ha_ask_forget(c->ctl->ha, c);
	if (c->state == FOLLOWING)
		atomic_fetch_sub(&c->ctl->followers, 1);
	loop_del(c->ctl->loop, &c->src);
	close(c->src.fd);
	c->src.fd = -1;
	free(c->out);
	c->out = NULL;
	c->n_out = c->taken = c->cap = 0;
	if (traced)
		(void)verb_trace_retime(c->ctl);
}

/* Nothing more is read once the request is there; a client that hangs up is told of anyway. */
void client_wants(struct client *c)
{
	uint32_t events = c->state == READING ? EPOLLIN : client_unsent(c) || c->state == LISTING ? EPOLLOUT : 0;

	if (loop_mod(c->ctl->loop, &c->src, events))
		client_close(c);
}

/* Hands over what the socket takes now. May close the client. */
void client_flush(struct client *c)
{
	ssize_t n = 0;

	while (client_unsent(c) && (n = send(c->src.fd, c->out + c->taken, client_unsent(c), MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
		c->taken += (size_t)n;
		c->deadline_ns = 0;
	}
	if (client_unsent(c) && errno != EAGAIN && errno != EINTR) {
		client_close(c);
		return;
	}
	if (!client_unsent(c)) {
		c->n_out = c->taken = 0;
		if (c->state == LEAVING) {
			client_close(c);
			return;
		}
	}
	client_wants(c);
}

/* One answer may be as long as it is; what piles up behind an unread one may not. */
static bool make_room(struct client *c, size_t more)
{
	char *out;

	if (client_unsent(c) && client_unsent(c) + more > CTL_BACKLOG_MAX)
		return false;
	if (c->taken)
		memmove(c->out, c->out + c->taken, client_unsent(c));
	c->n_out = client_unsent(c);
	c->taken = 0;
	if (c->n_out + more <= c->cap)
		return true;
	out = realloc(c->out, c->n_out + more);
	if (!out)
		return false;
	c->out = out;
	c->cap = c->n_out + more;
	return true;
}

/* Closes a client that cannot be told. */
void client_push(struct client *c, const char *bytes, size_t len)
{
	if (!make_room(c, len)) {
		client_close(c);
		return;
	}
	memcpy(c->out + c->n_out, bytes, len);
	c->n_out += len;
	client_flush(c);
}

/* One line to the client; takes @doc. */
void client_say(struct client *c, int exit_code, json_t *doc, const char *error)
{
	char *line = reply_line(exit_code, doc, error);

	if (line)
		client_push(c, line, strlen(line));
	else
		client_close(c);
	free(line);
}

/* The last word to a client. It may be gone afterwards. */
void client_answer(struct client *c, int exit_code, json_t *doc, const char *error)
{
	c->state = LEAVING;
	c->deadline_ns = 0;
	client_say(c, exit_code, doc, error);
}
