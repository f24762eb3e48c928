/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/cli_link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CHUNK	65536
#define LINE_MAX_BYTES	(64u << 20)	/* a thousand VIPs' counters are below one megabyte */

int link_open(struct link *l, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int err;

	memset(l, 0, sizeof(*l));
	l->fd = -1;
	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return -errno;
	if (!connect(l->fd, (struct sockaddr *)&addr, sizeof(addr)))
		return 0;
	err = -errno;
	link_close(l);
	return err;
}

void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	free(l->buf);
	l->fd = -1;
	l->buf = NULL;
}

int link_send(struct link *l, const json_t *request)
{
	char *line = json_dumps(request, JSON_COMPACT);
	size_t len = line ? strlen(line) : 0;
	int err = 0;

	if (!line)
		return -ENOMEM;
	line[len] = '\n';	/* in the place of the NUL: it is sent by length */
	if (send(l->fd, line, len + 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		err = -errno;
	free(line);
	return err;
}

/* More bytes behind those that are there; their number, or why there are none. */
static ssize_t fill(struct link *l, int timeout_ms)
{
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	ssize_t n;
	char *buf;

	if (l->cap - l->len < CHUNK) {
		buf = l->cap < LINE_MAX_BYTES ? realloc(l->buf, l->cap * 2 + CHUNK) : NULL;
		if (!buf)
			return -EMSGSIZE;
		l->buf = buf;
		l->cap = l->cap * 2 + CHUNK;
	}
	n = poll(&p, 1, timeout_ms);
	if (n <= 0)
		return n ? -errno : -ETIMEDOUT;
	n = recv(l->fd, l->buf + l->len, l->cap - l->len, 0);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return -EPIPE;
	if (n < 0)
		return -errno;
	l->len += (size_t)n;
	return n;
}

static int parse(struct link *l, size_t line, json_t **ret)
{
	json_t *root = json_loadb(l->buf, line, 0, NULL);

	l->len -= line + 1;
	memmove(l->buf, l->buf + line + 1, l->len);
	if (json_is_object(root)) {
		*ret = root;
		return 0;
	}
	json_decref(root);
	return -EPROTO;
}

int link_read(struct link *l, int timeout_ms, json_t **ret)
{
	size_t looked = 0;
	ssize_t n;
	char *end;

	for (;;) {
		end = l->len > looked ? memchr(l->buf + looked, '\n', l->len - looked) : NULL;
		if (end)
			return parse(l, (size_t)(end - l->buf), ret);
		looked = l->len;
		n = fill(l, timeout_ms);
		if (n < 0 && n != -EINTR)
			return (int)n;
	}
}
