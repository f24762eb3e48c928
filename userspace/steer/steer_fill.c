/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * steer_fill: which pool has which slot, and what is the kernel told of it?
 *
 * A pool keeps its slot for as long as it has its name, restarts included: dialogs are known by it. What leaves a slot
 * leaves its epochs behind, and who comes after goes on counting: no entry of the one before means anything to it.
 */
#include "steer/steer_own.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/overflow.h"
#include "sys/clock.h"
#include "sys/log.h"

#define NEW_MAX	2000	/* see fill_key() */

/*
 * The keys are made once in the life of the maps: entries are known by them. New entries: 2,000 in a second and on one
 * CPU are 120,000 calls a minute, more than an HA pair of SIP servers takes; and a flood that makes so many needs
 * eight seconds and more to turn BT_YOUNG_MAX over: an honest call has its ACK, and its place among the known, before.
 */
int fill_key(struct steer *s)
{
	struct bt_steer *steer = dp_steer(s->dp);
	uint64_t key[2];

	if (!steer->key[0] && !steer->key[1]) {
		if (getrandom(key, sizeof(key), 0) != sizeof(key))
			return -errno;
		steer->key[0] = key[0];
		steer->key[1] = key[1];
	}
	steer->tick_s = (uint32_t)(clock_now_ns() / NS_PER_S);
	steer->new_max = NEW_MAX;
	steer->trace_every = 0;		/* whoever watched has gone with the batond before */
	return 0;
}

/* ---- one pool's row ------------------------------------------------------------------------------- */

static bool same_endpoint(const struct conf_endpoint *a, const uint8_t ip[16], __be16 port)
{
	return !memcmp(&a->ip, ip, 16) && htons(a->port) == port;
}

/* Another address is another server: what was known of the old one is not known of it. */
static void fill_server(struct bt_pool_server *to, const struct conf_pool_server *from)
{
	bool same = same_endpoint(&from->at, to->ip, to->port);

	if (same)
		return;
	__atomic_store_n(&to->ifindex, 0, __ATOMIC_SEQ_CST);
	memcpy(to->ip, &from->at.ip, sizeof(to->ip));
	to->port = htons(from->at.port);
	__atomic_store_n(&to->epoch, to->epoch + 1, __ATOMIC_SEQ_CST);
}

/* Only with NAT the servers' answers pass here. */
static void fill_overflow(struct bt_pool *row, const struct conf_pool *c)
{
	uint64_t set[OVERFLOW_WORDS] = { 0 };

	if (c->forward == BT_FWD_NAT)
		overflow_parse(c->sip_error_codes_overflow, set);
	for (int i = 0; i < OVERFLOW_WORDS; i++)
		row->overflow[i] = set[i];
	if (c->forward == BT_FWD_NAT)
		row->flags |= BT_POOL_KEEP;
	else
		row->flags &= ~BT_POOL_KEEP;
}

static void fill_row(struct bt_pool *row, const struct conf_pool *c)
{
	memcpy(row->name, c->name, sizeof(row->name));
	memcpy(row->service, &c->service[0].ip, sizeof(row->service));
	row->port = htons(c->service[0].port);
	row->forward = (uint8_t)c->forward;
	for (int i = 0; i < BT_SERVERS; i++)
		fill_server(&row->server[i], &c->server[i]);
	fill_overflow(row, c);
	__atomic_store_n(&row->name_hash, conf_name_hash(c->name), __ATOMIC_SEQ_CST);
}

static void empty_row(struct bt_pool *row)
{
	uint32_t epoch[BT_SERVERS] = { row->server[0].epoch + 1, row->server[1].epoch + 1 };

	__atomic_store_n(&row->name_hash, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&row->aim, 0, __ATOMIC_SEQ_CST);
	memset(row, 0, sizeof(*row));
	for (int i = 0; i < BT_SERVERS; i++)
		row->server[i].epoch = epoch[i];
}

/* ---- services ------------------------------------------------------------------------------------- */

static struct dp_place place(const struct in6_addr *ip, uint16_t port, uint32_t slot, uint8_t server, bool first)
{
	return (struct dp_place){ .ip = *ip, .port = htons(port),
				  .is = { .pool = (uint16_t)slot, .server = server, .first = first } };
}

/* A server answers at its own port for the first service, at the same port for the others. */
static uint32_t list_pool(const struct conf_pool *c, uint32_t slot, struct dp_place *ret)
{
	uint32_t n = 0;

	for (uint32_t j = 0; j < c->n_services; j++) {
		ret[n++] = place(&c->service[j].ip, c->service[j].port, slot, 0, j == 0);
		for (uint8_t k = 0; k < BT_SERVERS; k++)
			ret[n++] = place(&c->server[k].at.ip, j ? c->service[j].port : c->server[k].at.port, slot,
					 (uint8_t)(k + 1), j == 0);
	}
	return n;
}

static bool is_listed(const struct dp_place *one, const struct dp_place *list, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (one->port == list[i].port && !memcmp(&one->ip, &list[i].ip, sizeof(one->ip)))
			return true;
	return false;
}

/* Port 0 of each service's address: its first pool, which gets later fragments whose first was not seen. */
static uint32_t list_addresses(const struct steered *pools, uint32_t n_pools, struct dp_place *list, uint32_t n)
{
	for (uint32_t i = 0; i < n_pools; i++)
		for (uint32_t j = 0; j < pools[i].conf.n_services; j++) {
			struct dp_place any = place(&pools[i].conf.service[j].ip, 0, pools[i].slot, 0, false);

			if (!is_listed(&any, list, n))
				list[n++] = any;
		}
	return n;
}

#define PLACES_MAX	(BT_POOLS_MAX * CONF_SERVICES_MAX * (2 + BT_SERVERS))
_Static_assert(PLACES_MAX <= BT_SERVICES_MAX, "raise BT_SERVICES_MAX");

static int fill_services(struct steer *s, const struct steered *pools, uint32_t n_pools)
{
	static struct dp_place want[PLACES_MAX], has[2 * BT_SERVICES_MAX];
	int n_has = dp_services(s->dp, has, 2 * BT_SERVICES_MAX), err = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < n_pools; i++)
		n += list_pool(&pools[i].conf, pools[i].slot, want + n);
	n = list_addresses(pools, n_pools, want, n);
	for (int i = 0; i < n_has && !err; i++)		/* first: then there is room */
		if (!is_listed(&has[i], want, n))
			err = dp_del_service(s->dp, &has[i]);
	for (uint32_t i = 0; i < n && !err; i++)
		err = dp_set_service(s->dp, &want[i]);
	return n_has < 0 ? n_has : err;
}

/* ---- slots ---------------------------------------------------------------------------------------- */

static bool is_taken(const struct steered *pools, uint32_t n, uint32_t slot)
{
	for (uint32_t i = 0; i < n; i++)
		if (pools[i].slot == slot)
			return true;
	return false;
}

static uint32_t slot_of_name(const struct steer *s, const char *name)
{
	const struct bt_pool *rows = dp_pools(s->dp);

	for (uint32_t slot = 1; slot <= BT_POOLS_MAX; slot++)
		if (rows[slot].name_hash && !strncmp((const char *)rows[slot].name, name, sizeof(rows[slot].name)))
			return slot;
	return 0;
}

/* One that nobody had is better than one that is just being left: the sweeper has yet to clear that. */
static uint32_t free_slot(const struct steer *s, const struct steered *pools, uint32_t n)
{
	const struct bt_pool *rows = dp_pools(s->dp);
	uint32_t second = 0;

	for (uint32_t slot = 1; slot <= BT_POOLS_MAX; slot++) {
		if (is_taken(pools, n, slot))
			continue;
		if (!rows[slot].name_hash)
			return slot;
		second = second ? second : slot;
	}
	return second;
}

static const struct steered *pool_of_name(const struct steer *s, const char *name)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (!strcmp(s->pool[i].conf.name, name))
			return &s->pool[i];
	return NULL;
}

/* What is known goes on; only the configuration is new. */
static void arrange(struct steer *s, const struct conf *conf, struct steered *ret)
{
	for (uint32_t i = 0; i < conf->n_pools; i++) {
		const struct steered *was = pool_of_name(s, conf->pools[i].name);

		ret[i] = was ? *was : (struct steered){ .slot = slot_of_name(s, conf->pools[i].name) };
		ret[i].conf = conf->pools[i];
	}
	for (uint32_t i = 0; i < conf->n_pools; i++)
		if (!ret[i].slot)
			ret[i].slot = free_slot(s, ret, conf->n_pools);
}

static void want_hops(struct steer *s)
{
	static struct in6_addr servers[HOPS_MAX];

	for (uint32_t i = 0; i < s->n; i++)
		for (int k = 0; k < BT_SERVERS; k++)
			servers[i * BT_SERVERS + (uint32_t)k] = s->pool[i].conf.server[k].at.ip;
	if (s->hops)	/* one that only clears away has none */
		hops_want(s->hops, servers, s->n * BT_SERVERS);
}

/* Rows stand before services lead to them, and go after. */
int fill_pools(struct steer *s, const struct conf *conf)
{
	static struct steered next[BT_POOLS_MAX];
	struct bt_pool *rows = dp_pools(s->dp);
	int err;

	arrange(s, conf, next);
	for (uint32_t i = 0; i < conf->n_pools; i++) {
		if (rows[next[i].slot].name_hash && slot_of_name(s, next[i].conf.name) != next[i].slot)
			empty_row(&rows[next[i].slot]);
		fill_row(&rows[next[i].slot], &next[i].conf);
	}
	err = fill_services(s, next, conf->n_pools);
	if (err)
		return err;
	for (uint32_t slot = 1; slot <= BT_POOLS_MAX; slot++)
		if (rows[slot].name_hash && !is_taken(next, conf->n_pools, slot))
			empty_row(&rows[slot]);
	memcpy(s->pool, next, conf->n_pools * sizeof(*next));
	s->n = conf->n_pools;
	dp_steer(s->dp)->n_pools = s->n;
	want_hops(s);
	return 0;
}

/* ---- what changes while it runs -------------------------------------------------------------------- */

/* One that is not known while it is written is dropped as such, not sent to half an address. */
void fill_hop(struct steer *s, struct steered *p, int server)
{
	struct bt_pool_server *to = &steer_row(s, p)->server[server];
	const struct hop *hop = &p->hop[server];

	if (to->ifindex == hop->ifindex && to->mtu == hop->mtu && !memcmp(to->next_mac, hop->next_mac, 6) &&
	    !memcmp(to->our_mac, hop->our_mac, 6) && !memcmp(to->from, &hop->from, sizeof(to->from)))
		return;
	__atomic_store_n(&to->ifindex, 0, __ATOMIC_SEQ_CST);
	memcpy(to->next_mac, hop->next_mac, sizeof(to->next_mac));
	memcpy(to->our_mac, hop->our_mac, sizeof(to->our_mac));
	memcpy(to->from, &hop->from, sizeof(to->from));
	to->mtu = hop->mtu;
	__atomic_store_n(&to->ifindex, hop->ifindex, __ATOMIC_SEQ_CST);
}

void fill_aim(struct steer *s, struct steered *p, uint8_t active, uint8_t draining, uint8_t flags)
{
	uint64_t has = steer_row(s, p)->aim;

	if (has == BT_AIM(BT_AIM_SERIAL(has), flags, draining, active))
		return;
	dp_aim(s->dp, p->slot, BT_AIM(BT_AIM_SERIAL(has) + 1, flags, draining, active));
}

void fill_death(struct steer *s, struct steered *p, int server)
{
	struct bt_pool_server *row = &steer_row(s, p)->server[server];

	__atomic_store_n(&row->epoch, row->epoch + 1, __ATOMIC_SEQ_CST);
	log_event(LOG_WARNING, "pool server lost", "pool=%s server=%s epoch=%u text=\"its dialogs and connections go to the active server\"",
		  p->conf.name, p->conf.server[server].host, row->epoch);
}

void fill_silent(struct steer *s, struct steered *p, int server, bool silent)
{
	uint32_t *flags = &steer_row(s, p)->flags, bit = BT_POOL_SILENT(server + 1);

	*flags = silent ? *flags | bit : *flags & ~bit;
}
