/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * etcd: the third machine, its own clock right. What is asked of it may be late or lost on either way; carried
 * out it may be all the same, long after whoever asked has given up, is stopped, or dead.
 */
#include "sim.h"

#include <errno.h>
#include <stdio.h>

#include "sys/etcd.h"

#define LEASES	64
#define REQS	256
#define TIMEOUT_NS	(ETCD_TIMEOUT_MS * NS_PER_MS)

bool etcd_is_cut[HOSTS], etcd_hangs;

enum op { OP_GRANT, OP_RENEW, OP_REVOKE, OP_PUT, OP_LOOK };

struct req {
	bool used, done;
	enum op op;
	uint64_t lease, ttl_s, was;
	char value[ETCD_VALUE_MAX];
	int err;
	struct etcd_seen seen;
};

struct etcd {
	const char *why;
};

static struct { uint64_t id, until; } leases[LEASES];
static struct { uint64_t lease, revision; char value[ETCD_VALUE_MAX]; } key;	/* one group, one key */
static uint64_t next_lease, revision;
static struct req reqs[REQS];
static uint32_t next_req;
static struct etcd end[HOSTS];

void etcd_reset(void)
{
	memset(leases, 0, sizeof(leases));
	memset(&key, 0, sizeof(key));
	memset(reqs, 0, sizeof(reqs));
	memset(etcd_is_cut, 0, sizeof(etcd_is_cut));
	etcd_hangs = false;
	next_lease = revision = next_req = 0;
}

/* ---- what the machine does ---------------------------------------------------------------------- */

static uint64_t *lease_until(uint64_t id)
{
	uint64_t *until = &leases[id % LEASES].until;

	return id && leases[id % LEASES].id == id && sim_now < *until ? until : NULL;
}

static void forget_ended(void)
{
	if (key.revision && !lease_until(key.lease))
		memset(&key, 0, sizeof(key));
}

static int carry_put(struct req *r)
{
	if (!lease_until(r->lease))
		return -ENOENT;
	if (key.revision != r->was) {
		r->seen.mod_revision = key.revision;
		memcpy(r->seen.value, key.value, sizeof(key.value));
		return -EEXIST;
	}
	key.lease = r->lease;
	key.revision = ++revision;
	memcpy(key.value, r->value, sizeof(key.value));
	return 0;
}

static int carry_out(struct req *r)
{
	uint64_t *until = lease_until(r->lease);

	forget_ended();
	switch (r->op) {
	case OP_GRANT:
		r->lease = ++next_lease;
		leases[r->lease % LEASES].id = r->lease;
		leases[r->lease % LEASES].until = sim_now + r->ttl_s * NS_PER_S;
		return 0;
	case OP_RENEW:
		if (until)
			*until = sim_now + 2 * NS_PER_S;
		return until ? 0 : -ENOENT;
	case OP_REVOKE:
		if (until)
			*until = 0;
		return until ? 0 : -ENOENT;
	case OP_PUT:
		return carry_put(r);
	case OP_LOOK:
		return 0;
	}
	return -EIO;
}

static void on_request(void *arg, uint64_t unused)
{
	struct req *r = arg;

	(void)unused;
	if (etcd_hangs) {		/* it waits in a queue there */
		sched_at(sim_now + 50 * NS_PER_MS, on_request, r, 0);
		return;
	}
	r->err = carry_out(r);
	r->done = true;
	tell(NULL, "etcd: %d of %s gives %d", (int)r->op, r->value, r->err);
}

/* ---- what a host sees of it ----------------------------------------------------------------------- */

static uint64_t on_the_way(void)
{
	return rng_one_in(&world, 40) ? rng_between(&world, NS_PER_MS, 1500 * NS_PER_MS) :
	       rng_between(&world, 100000, 3 * NS_PER_MS);
}

/* 0 and the request as it came back, or -ETIMEDOUT. */
static int ask(struct etcd *e, struct req *ret)
{
	uint64_t there = on_the_way(), back = on_the_way(), asked = sim_now;
	struct host *h = task_proc()->host;
	struct req *r = &reqs[next_req++ % REQS];

	*r = *ret;
	if (!etcd_is_cut[h->port])
		sched_at(sim_now + there, on_request, r, 0);
	e->why = "no answer";
	task_sleep(there + back < TIMEOUT_NS ? there + back : TIMEOUT_NS);
	while (!r->done && sim_now < asked + TIMEOUT_NS)
		task_sleep(10 * NS_PER_MS);
	if (!r->done || etcd_is_cut[h->port] || there + back >= TIMEOUT_NS)
		return -ETIMEDOUT;
	*ret = *r;
	return r->err;
}

int etcd_open(struct etcd **ret, const char *url)
{
	(void)url;
	*ret = &end[task_proc()->host->port];
	(*ret)->why = "";
	return 0;
}

void etcd_close(struct etcd *e)
{
	(void)e;
}

const char *etcd_why(const struct etcd *e)
{
	return e->why;
}

uint64_t etcd_cluster(const struct etcd *e)
{
	(void)e;
	return 1;
}

int etcd_grant(struct etcd *e, uint64_t ttl_s, uint64_t *ret_lease, uint64_t *ret_ttl_s)
{
	struct req r = { .op = OP_GRANT, .ttl_s = ttl_s };
	int err = ask(e, &r);

	if (!err) {
		*ret_lease = r.lease;
		*ret_ttl_s = ttl_s;
	}
	return err;
}

int etcd_renew(struct etcd *e, uint64_t lease, uint64_t *ret_ttl_s)
{
	struct req r = { .op = OP_RENEW, .lease = lease };
	int err = ask(e, &r);

	if (!err)
		*ret_ttl_s = 2;
	return err;
}

int etcd_revoke(struct etcd *e, uint64_t lease)
{
	struct req r = { .op = OP_REVOKE, .lease = lease };

	return ask(e, &r);
}

int etcd_put_if(struct etcd *e, const char *name, const char *value, uint64_t lease, uint64_t was,
		struct etcd_seen *ret)
{
	struct req r = { .op = OP_PUT, .lease = lease, .was = was };
	int err;

	(void)name;
	snprintf(r.value, sizeof(r.value), "%s", value);
	err = ask(e, &r);
	*ret = r.seen;
	return err;
}

int etcd_look(struct etcd *e, const char *name, struct etcd_seen *ret)
{
	struct req r = { .op = OP_LOOK };

	(void)name, (void)ret;
	return ask(e, &r);
}
