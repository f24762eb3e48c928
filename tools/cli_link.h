/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli_link: how does baton reach batond, and what came back?
 *
 * Errors:  negative errno; what to do about it is the caller's to say.
 */
#ifndef BATON_CLI_LINK_H
#define BATON_CLI_LINK_H

#include <jansson.h>
#include <stddef.h>

struct link {
	int fd;
	char *buf;
	size_t len, cap;
};

/* @path: of the socket. */
int link_open(struct link *l, const char *path);
void link_close(struct link *l);

/* A daemon that has hung up is found out by link_read(): it may have said why. */
int link_send(struct link *l, const json_t *request);

/*
 * The next line as an object, to be json_decref()ed. -EPIPE: the daemon went away, half a line
 * does not count. -ETIMEDOUT: nothing came for @timeout_ms (-1: wait for ever). -EPROTO: not ours.
 */
int link_read(struct link *l, int timeout_ms, json_t **ret);

#endif
