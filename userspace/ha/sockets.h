/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sockets: does the kernel have the sockets of both servers of a single-host group?
 *
 * They are looked for at the servers' ports and put into the map that baton_lookup takes them from; a socket that closes
 * leaves it by itself. A row that was filled is never emptied for a process that still runs: that it had a socket there and
 * has none is what lets the kernel take the other server's.
 * Threads: one of its own looks, every LOOK_NS and when it is told of another process; all functions here are main's and
 *          never wait, but for sockets_close().
 * Memory:  all at the start.
 */
#ifndef BATON_SOCKETS_H
#define BATON_SOCKETS_H

#include <stdint.h>
#include <sys/types.h>

#include "core/conf.h"
#include "sys/dp_local.h"

#define SOCKETS_WHY	160

struct sockets;

struct sockets_report {
	pid_t pid;		/* whose they are; 0: none were found yet */
	uint32_t n;		/* sockets in the map */
	char why[SOCKETS_WHY];	/* what is wrong; "" */
};

/* @changed: an eventfd of the caller's. The ways to the servers are in force when it returns. */
int sockets_open(struct sockets **ret, const struct conf *conf, struct dp_local *l, int changed);
void sockets_close(struct sockets *s);

/* What is of a dialog of @server (0 or 1) comes to this port while that is drained: its own, where that says whose; else 0. */
uint16_t sockets_port(const struct conf_group *g, uint32_t server);

/* Before we looked, the kernel had one of @server (0 or 1), open still: its process is the one that an earlier life of ours watched. */
bool sockets_found(const struct sockets *s, uint32_t slot, uint32_t server);

/* The process of @server (0 or 1); 0: it has none. */
void sockets_watch(struct sockets *s, uint32_t slot, uint32_t server, pid_t pid);
void sockets_report(struct sockets *s, uint32_t slot, uint32_t server, struct sockets_report *ret);

#endif
