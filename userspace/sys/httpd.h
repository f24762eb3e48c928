/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * httpd: an HTTP server in a thread of its own (libmicrohttpd), GET and HEAD only.
 *
 * Whatever a client does (says nothing, a byte a second, rubbish, opens a thousand connections) costs that
 * thread alone. More than HTTPD_KEEP connections end the oldest: a request of ours takes a millisecond, so who is
 * honest is never the oldest for long, and who is slow holds no place against him.
 * Errors:  negative errno. Threads: @serve runs in the thread of the server, one call at a time.
 * Blocks:  httpd_stop() until the call under way has returned.
 */
#ifndef BATON_HTTPD_H
#define BATON_HTTPD_H

#include <stddef.h>
#include <stdint.h>

#define HTTPD_KEEP		32
#define HTTPD_LIMIT		64		/* libmicrohttpd's own: never reached while the oldest are ended */
#define HTTPD_IDLE_S		5		/* a connection that sends nothing so long is closed */
#define HTTPD_MEMORY		(16 * 1024)	/* of a connection: longer requests are answered 414 or 431 */
#define HTTPD_QUERY_MAX		32

struct httpd;

struct httpd_answer {
	unsigned status;
	const char *type;	/* lives for ever */
	char *body;		/* malloc'ed, the server frees it; NULL: out of memory, the connection is closed */
	size_t len;
};

/* @query: the name of the first argument after '?', "" when there is none. */
typedef void httpd_serve_fn(void *arg, const char *path, const char *query, struct httpd_answer *ret);

/* Take the port, to be called before anything is given up for it: a descriptor, or negative errno. */
int httpd_listen(const char *address, uint16_t port);

/* Takes @fd, on errors too. */
int httpd_start(struct httpd **ret, int fd, httpd_serve_fn *serve, void *arg);
void httpd_stop(struct httpd *h);	/* NULL is fine */

#endif
