/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * http: what is shown to whom asks over HTTP ([node] http-port)?
 *
 * GET /server?sipServer (the guide's readiness), /metrics (Prometheus), / (a page). The server's thread
 * sees a copy only: main publishes one a second and at changes, by a try-lock, and waits for nobody. A copy that is
 * older than HTTP_STALE_NS is not shown: 503.
 * Errors:  negative errno, with one line for people in @why.
 */
#ifndef BATON_HTTP_H
#define BATON_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"

#define HTTP_STALE_NS	5000000000ULL

struct ha;
struct http;

/*
 * Take the port; to be called before anything of this host is touched. 0 and *ret NULL: http-port is 0.
 */
int http_open(struct http **ret, const struct conf *conf, char *why, size_t len);

/* Begin to answer; the first copy is published before it returns. */
int http_start(struct http *http, struct ha *ha, char *why, size_t len);
void http_close(struct http *http);

/* All three: NULL is fine. http_turn() returns the next deadline. */
uint64_t http_turn(struct http *http, uint64_t now_ns);
void http_changed(struct http *http);

#endif
