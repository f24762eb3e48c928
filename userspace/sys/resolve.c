/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/resolve.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sys/thread.h"

struct resolve {
	char name[256];
	struct in6_addr found[RESOLVE_MAX];
	int result;		/* written before done */
	atomic_bool done;
	atomic_int users;	/* the asker and the thread: the last one frees */
};

static void let_go(struct resolve *r)
{
	if (atomic_fetch_sub(&r->users, 1) == 1)
		free(r);
}

static void keep(struct in6_addr *to, const struct sockaddr *from)
{
	if (from->sa_family == AF_INET6) {
		*to = ((const struct sockaddr_in6 *)from)->sin6_addr;
		return;
	}
	*to = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&to->s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
}

static void *ask(void *arg)
{
	struct addrinfo hints = { .ai_socktype = SOCK_DGRAM }, *list = NULL;
	struct resolve *r = arg;
	int n = 0;

	if (!getaddrinfo(r->name, NULL, &hints, &list))
		for (const struct addrinfo *a = list; a && n < RESOLVE_MAX; a = a->ai_next)
			if (a->ai_family == AF_INET || a->ai_family == AF_INET6)
				keep(&r->found[n++], a->ai_addr);
	if (list)
		freeaddrinfo(list);
	r->result = n ? n : -ENOENT;
	atomic_store(&r->done, true);
	let_go(r);
	return NULL;
}

int resolve_start(struct resolve **ret, const char *name)
{
	struct resolve *r = calloc(1, sizeof(*r));
	pthread_t thread;
	int err;

	if (!r)
		return -ENOMEM;
	snprintf(r->name, sizeof(r->name), "%s", name);
	atomic_init(&r->users, 2);
	err = thread_start(&thread, "resolve", 0, ask, r, NULL);
	if (err) {
		free(r);
		return err;
	}
	pthread_detach(thread);
	*ret = r;
	return 0;
}

int resolve_poll(const struct resolve *r, struct in6_addr ret[RESOLVE_MAX])
{
	if (!atomic_load(&r->done))
		return -EAGAIN;
	memcpy(ret, r->found, sizeof(r->found));
	return r->result;
}

void resolve_close(struct resolve *r)
{
	if (r)
		let_go(r);
}
