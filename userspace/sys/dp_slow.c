/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/dp_slow.h"

#include <errno.h>
#include <stdlib.h>

#include "sys/dp_own.h"

struct dp_slow {
	struct ring_buffer *ring;
	dp_slow_fn *fn;
	void *arg;
	uint32_t n, max;
};

static int take(void *arg, void *data, size_t size)
{
	struct dp_slow *s = arg;

	if (size >= sizeof(struct bt_slow))
		s->fn(s->arg, data);
	return ++s->n < s->max ? 0 : -ECANCELED;	/* enough: the rest waits */
}

int dp_slow_open(struct dp_slow **ret, struct dp *dp)
{
	struct dp_slow *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	dp_hush();
	s->ring = ring_buffer__new(dp->map[DP_ev_slow], take, s, NULL);
	if (!s->ring) {
		err = -errno;
		free(s);
		return dp_fail(err, "map ev_slow");
	}
	*ret = s;
	return 0;
}

void dp_slow_close(struct dp_slow *s)
{
	if (!s)
		return;
	ring_buffer__free(s->ring);
	free(s);
}

int dp_slow_fd(const struct dp_slow *s)
{
	return ring_buffer__epoll_fd(s->ring);
}

int dp_slow_read(struct dp_slow *s, uint32_t max, dp_slow_fn *fn, void *arg)
{
	int n;

	s->fn = fn;
	s->arg = arg;
	s->n = 0;
	s->max = max;
	dp_hush();
	n = ring_buffer__consume(s->ring);
	return n < 0 && n != -ECANCELED ? dp_fail(n, "map ev_slow") : (int)s->n;
}

static int failed(const char *what)
{
	return errno == ENOENT ? -ENOENT : dp_fail(-errno, "%s", what);
}

int dp_pool_get(struct dp *dp, uint32_t slot, struct bt_pool *ret)
{
	struct bt_pool row;

	dp_hush();
	if (!slot || slot > BT_POOLS_MAX)
		return -ENOENT;
	if (bpf_map_lookup_elem(dp->map[DP_cfg_pool], &slot, &row) < 0)
		return failed("get pool");
	if (!row.name_hash)
		return -ENOENT;
	*ret = row;
	return 0;
}

int dp_dialog_get(struct dp *dp, uint64_t key, struct bt_dialog *ret, bool *ret_young)
{
	dp_hush();
	*ret_young = false;
	if (!bpf_map_lookup_elem(dp->map[DP_st_dialog], &key, ret))
		return 0;
	if (errno != ENOENT)
		return failed("get dialog");
	*ret_young = true;
	return bpf_map_lookup_elem(dp->map[DP_st_young], &key, ret) < 0 ? failed("get dialog") : 0;
}

int dp_dialog_set(struct dp *dp, uint64_t key, bool young, const struct bt_dialog *d)
{
	dp_hush();
	return bpf_map_update_elem(dp->map[young ? DP_st_young : DP_st_dialog], &key, d, BPF_EXIST) < 0 ? failed("set dialog") : 0;
}
