/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nl: one request to the kernel by netlink, one answer, never for ever.
 *
 * Errors:  negative errno; the kernel's own code is passed through unchanged, its words (extended
 *          ack, when it sends any) are left in nl->why. -EAGAIN: no answer within NL_DEADLINE_MS;
 *          the request may still take effect, so close and reopen before asking again.
 *          -ENOBUFS from a request: answers were lost, ask what is really there.
 *          -EPERM from nl_events(): a message that did not come from the kernel was dropped.
 * Threads: one at a time per struct nl.
 * Blocks:  at most NL_DEADLINE_MS per call.
 * Logs:    nothing; callers know what the request was for.
 * Source:  netlink(7), rtnetlink(7); kernel-notes/netlink-acks.md.
 */
#ifndef BATON_NL_H
#define BATON_NL_H

#include <stdint.h>
#include <stddef.h>
#include <libmnl/libmnl.h>

#define NL_DEADLINE_MS	500
#define NL_BATCH_BYTES	131072	/* every address of BT_VIPS_MAX, and more */

struct nl {
	struct mnl_socket *sock;
	uint32_t portid;
	uint32_t seq;
	uint32_t acks_max;	/* so many acknowledgements fit into the receive buffer */
	char why[128];
};

/*
 * @bus: NETLINK_ROUTE, NETLINK_SOCK_DIAG ...; @groups: multicast bit mask, 0 for requests only.
 * Half open on error: nl_close() is then not needed, but harmless.
 */
int nl_open(struct nl *nl, int bus, unsigned groups);
void nl_close(struct nl *nl);
static inline int nl_fd(const struct nl *nl) { return mnl_socket_get_fd(nl->sock); }

/* Send @req (flags REQUEST and ACK are added) and wait for its acknowledgement. */
int nl_ack(struct nl *nl, struct nlmsghdr *req);

/* The same for a request of one object: @each is handed what comes before the acknowledgement. */
int nl_get(struct nl *nl, struct nlmsghdr *req, mnl_cb_t each, void *arg);

/*
 * Send @req as a dump and hand every message to @each; MNL_CB_STOP ends it, a negative return too,
 * and is handed up. -EINTR: inconsistent, ask again.
 */
int nl_dump(struct nl *nl, struct nlmsghdr *req, mnl_cb_t each, void *arg);

/*
 * Several requests in one sendmsg (more only when their acknowledgements would not fit into the
 * receive buffer); each is acknowledged. @each is told index and result of every one in order (0,
 * negative errno), nl->why holding the words of that one. Returns the first error that was kept, its
 * words in nl->why, or 0.
 */
typedef int nl_result_fn(void *arg, uint32_t i, int err);	/* 0 forgives it, err keeps it */
int nl_batch(struct nl *nl, void *msgs, size_t len, uint32_t n, nl_result_fn *each, void *arg);

/*
 * Read what waits on a multicast socket without blocking; what a flood leaves over is for the next
 * call. -ENOBUFS: events were lost, resync everything.
 */
int nl_events(struct nl *nl, mnl_cb_t each, void *arg);

#endif
