/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/thread.h"

#define BACKLOG	64

struct place {
	const struct MHD_Connection *connection;	/* NULL: free */
	uint64_t number;		/* the lowest came first */
	int fd;
};

struct httpd {
	struct MHD_Daemon *daemon;
	httpd_serve_fn *serve;
	void *arg;
	struct place places[HTTPD_LIMIT];
	uint64_t number;
	unsigned n;
};

/* ---- the port ------------------------------------------------------------------------------------- */

static socklen_t fill(struct sockaddr_storage *to, const char *address, uint16_t port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)to;
	struct sockaddr_in *four = (struct sockaddr_in *)to;

	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		return sizeof(*four);
	}
	if (inet_pton(AF_INET6, address, &six->sin6_addr) != 1)
		return 0;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	return sizeof(*six);
}

/* SO_REUSEADDR only forgives connections of an earlier life: a listener is not forgiven. */
int httpd_listen(const char *address, uint16_t port)
{
	struct sockaddr_storage at;
	socklen_t len = fill(&at, address, port);
	int fd = len ? socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1, on = 1, err;

	if (!len)
		return -EINVAL;
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) && !bind(fd, (struct sockaddr *)&at, len) &&
	    !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* ---- connections: all in the server's thread --------------------------------------------------------- */

static struct place *place_of(struct httpd *h, const struct MHD_Connection *connection)
{
	for (int i = 0; i < HTTPD_LIMIT; i++)
		if (h->places[i].connection == connection)
			return &h->places[i];
	return NULL;
}

/* The library closes it when it sees the end; the descriptor is its own until then. */
static void end_oldest(struct httpd *h)
{
	struct place *oldest = NULL;

	for (int i = 0; i < HTTPD_LIMIT; i++)
		if (h->places[i].connection && h->places[i].fd >= 0 && (!oldest || h->places[i].number < oldest->number))
			oldest = &h->places[i];
	if (!oldest)
		return;
	shutdown(oldest->fd, SHUT_RDWR);
	oldest->fd = -1;
	h->n--;
}

static void on_begun(struct httpd *h, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct place *p = place_of(h, NULL);

	if (!p || !info)
		return;
	*p = (struct place){ .connection = connection, .number = h->number++, .fd = info->connect_fd };
	if (++h->n > HTTPD_KEEP)
		end_oldest(h);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct httpd *h = arg;
	struct place *p;

	(void)context;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		on_begun(h, connection);
		return;
	}
	p = place_of(h, connection);
	if (!p)
		return;
	h->n -= p->fd >= 0;
	p->connection = NULL;
}

/* ---- requests ------------------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct httpd_answer *a)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(a->len, a->body, MHD_RESPMEM_MUST_FREE);
	enum MHD_Result done;

	if (!r) {
		free(a->body);
		return MHD_NO;
	}
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
	MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(r, "Content-Security-Policy",
				"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'");
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	done = MHD_queue_response(connection, a->status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result take_first(void *arg, enum MHD_ValueKind kind, const char *key, const char *value)
{
	char *query = arg;

	(void)kind;
	(void)value;
	snprintf(query, HTTPD_QUERY_MAX, "%s", key);
	return MHD_NO;
}

static void refuse_method(struct httpd_answer *ret)
{
	static const char text[] = "only GET and HEAD\n";

	*ret = (struct httpd_answer){
		.status = MHD_HTTP_METHOD_NOT_ALLOWED, .type = "text/plain; charset=utf-8", .body = strdup(text), .len = sizeof(text) - 1,
	};
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *upload, size_t *upload_size, void **context)
{
	struct httpd *h = arg;
	struct httpd_answer a = { 0 };
	char query[HTTPD_QUERY_MAX] = "";

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)context;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD)) {
		refuse_method(&a);
	} else {
		MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_first, query);
		h->serve(h->arg, url, query, &a);
	}
	return a.body ? send_answer(connection, &a) : MHD_NO;
}

/* ---- life ----------------------------------------------------------------------------------------- */

/*
 * By default the library ends the process when it finds itself in disorder. It may lose its own thread, nobody's lease; in
 * another thread, at the stop, there is no way on.
 */
static void on_panic(void *arg, const char *file, unsigned line, const char *reason)
{
	char name[THREAD_NAME] = "";

	(void)arg;
	(void)file;
	(void)line;
	(void)reason;
	pthread_getname_np(pthread_self(), name, sizeof(name));
	if (!strncmp(name, "MHD", 3))
		pthread_exit(NULL);
	abort();
}

int httpd_start(struct httpd **ret, int fd, httpd_serve_fn *serve, void *arg)
{
	struct httpd *h = calloc(1, sizeof(*h));

	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->serve = serve;
	h->arg = arg;
	MHD_set_panic_func(on_panic, NULL);
	errno = 0;
	h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, on_request, h,
				     MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTPD_LIMIT,
				     MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTPD_IDLE_S,
				     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTPD_MEMORY,
				     MHD_OPTION_THREAD_STACK_SIZE, (size_t)THREAD_STACK,
				     MHD_OPTION_NOTIFY_CONNECTION, on_connection, h,
				     MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
	if (!h->daemon) {
		int err = errno ? -errno : -EIO;

		close(fd);
		free(h);
		return err;
	}
	*ret = h;
	return 0;
}

void httpd_stop(struct httpd *h)
{
	if (!h)
		return;
	MHD_stop_daemon(h->daemon);	/* closes the listening socket as well */
	free(h);
}
