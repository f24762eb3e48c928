/* SPDX-License-Identifier: GPL-2.0-or-later */
/* etcd: the pairs of the simulation have none: whoever asks gets no answer. */
#include <errno.h>

#include "sys/etcd.h"

int etcd_open(struct etcd **ret, const char *url)
{
	(void)url;
	*ret = NULL;
	return 0;
}

void etcd_close(struct etcd *e)
{
	(void)e;
}

const char *etcd_why(const struct etcd *e)
{
	(void)e;
	return "no etcd here";
}

uint64_t etcd_cluster(const struct etcd *e)
{
	(void)e;
	return 0;
}

int etcd_grant(struct etcd *e, uint64_t ttl_s, uint64_t *ret_lease, uint64_t *ret_ttl_s)
{
	(void)e, (void)ttl_s, (void)ret_lease, (void)ret_ttl_s;
	return -EIO;
}

int etcd_renew(struct etcd *e, uint64_t lease, uint64_t *ret_ttl_s)
{
	(void)e, (void)lease, (void)ret_ttl_s;
	return -EIO;
}

int etcd_revoke(struct etcd *e, uint64_t lease)
{
	(void)e, (void)lease;
	return -EIO;
}

int etcd_put_if(struct etcd *e, const char *key, const char *value, uint64_t lease, uint64_t was,
		struct etcd_seen *ret)
{
	(void)e, (void)key, (void)value, (void)lease, (void)was, (void)ret;
	return -EIO;
}

int etcd_look(struct etcd *e, const char *key, struct etcd_seen *ret)
{
	(void)e, (void)key, (void)ret;
	return -EIO;
}
