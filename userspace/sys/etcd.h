/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * etcd: one question to an etcd (v3), one answer, never for ever.
 *
 * Its JSON gateway over HTTP: keys and values in base64, 64-bit numbers as strings. One connection,
 * kept open. An answer longer than ETCD_ANSWER_MAX, or that is not what was asked for, is none.
 * Time:    a call takes no longer than ETCD_TIMEOUT_MS.
 * Errors:  negative errno, a sentence in etcd_why(). -EPROTO: an answer that cannot be read;
 *          -ETIMEDOUT; -EIO: anything else on the way there or back. The fate of the request is not known
 *          then. -ENOENT: etcd knows no such lease. -EEXIST: see etcd_put_if().
 * Source:  etcd.io/docs/v3.4/dev-guide/api_grpc_gateway, libcurl(3).
 * Threads: one at a time.
 */
#ifndef BATON_ETCD_H
#define BATON_ETCD_H

#include <stddef.h>
#include <stdint.h>

#define ETCD_ANSWER_MAX	16384
#define ETCD_TIMEOUT_MS	500
#define ETCD_VALUE_MAX	128

struct etcd;

/* What stands under a key. */
struct etcd_seen {
	char value[ETCD_VALUE_MAX];	/* "" when nothing does, or when it is no text that fits */
	uint64_t mod_revision;		/* 0: nothing */
};

/* Connects only with the first question. */
int etcd_open(struct etcd **ret, const char *url);
void etcd_close(struct etcd *e);
const char *etcd_why(const struct etcd *e);
/* Of the last answer; two hosts must see the same. 0: no answer yet. */
uint64_t etcd_cluster(const struct etcd *e);

int etcd_grant(struct etcd *e, uint64_t ttl_s, uint64_t *ret_lease, uint64_t *ret_ttl_s);
int etcd_renew(struct etcd *e, uint64_t lease, uint64_t *ret_ttl_s);
int etcd_revoke(struct etcd *e, uint64_t lease);	/* its keys go too */

/*
 * Put @value under @key, bound to @lease, if nothing is there (@was 0), or if what is there is still
 * that of revision @was. -EEXIST: it is not so; what is there is in @ret.
 */
int etcd_put_if(struct etcd *e, const char *key, const char *value, uint64_t lease, uint64_t was,
		struct etcd_seen *ret);
/* What is there, by the word of a majority. */
int etcd_look(struct etcd *e, const char *key, struct etcd_seen *ret);

#endif
