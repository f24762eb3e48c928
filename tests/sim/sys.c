/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys: what stands in for userspace/sys/, the netlink part of ha/ and health/: the same functions, on the
 * simulated host whose batond calls. In the order of the headers; what needs time sleeps.
 */
#include "sim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "core/service.h"
#include "ha/observed.h"
#include "ha/ha_own.h"
#include "ha/route.h"
#include "steer/steer.h"
#include "steer/sweep.h"
#include "sys/diag.h"
#include "sys/dp_local.h"
#include "sys/file.h"
#include "sys/keys.h"
#include "sys/log.h"
#include "sys/raw.h"
#include "sys/sysctl.h"
#include "sys/thread.h"
#include "bpf/siphash.h"

struct fd *fd_of(int fd);
int fd_open(enum fd_kind kind);
unsigned sim_if_nametoindex(const char *name);
int sim_xdp_arm(void);

static struct host *here(void)
{
	return task_proc()->host;
}

/* ---- clock, log, thread, loop ----------------------------------------------------------------- */

uint64_t clock_now_ns(void)
{
	task_point();
	return host_now(here());
}

int clock_check(void)
{
	return 0;
}

void log_event(int level, const char *event, const char *fmt, ...)
{
	char text[LOG_LINE_MAX];
	va_list ap;

	for (const char *c = event; *c && level <= LOG_INFO; c++)
		trace((uint8_t)*c);
	if (!telling)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(task_proc() ? here() : NULL, "%s %s", event, text);
}

int log_set_level(const char *name)
{
	(void)name;
	return 0;
}

int thread_start(pthread_t *ret, const char *name, int priority, void *(*run)(void *arg), void *arg, bool *ret_realtime)
{
	(void)priority;
	*ret = (pthread_t)task_start(task_proc(), name, run, arg);
	if (ret_realtime)
		*ret_realtime = true;
	return 0;
}

int thread_mutex(pthread_mutex_t *ret)
{
	memset(ret, 0, sizeof(*ret));
	return 0;
}

int loop_add(struct loop *l, struct src *src, uint32_t events)
{
	(void)l;
	(void)events;
	fd_of(src->fd)->src = src;
	fd_of(src->fd)->waiter = task_proc()->task[0];
	return 0;
}

int loop_mod(struct loop *l, struct src *src, uint32_t events)
{
	(void)l;
	(void)src;
	(void)events;
	return 0;
}

void loop_del(struct loop *l, struct src *src)
{
	(void)l;
	if (fd_of(src->fd))
		fd_of(src->fd)->src = NULL;
}

/* Decided, not stored yet: that comes with the next look at the words. */
bool sim_word_next(uint64_t word, enum word_cause cause, uint8_t my_id, uint64_t other, uint64_t *ret_word);
bool sim_word_next(uint64_t word, enum word_cause cause, uint8_t my_id, uint64_t other, uint64_t *ret_word)
{
	bool ok = word_next(word, cause, my_id, other, ret_word);

	task_proc()->storing = ok;
	return ok;
}

/* ---- dp: the data path ------------------------------------------------------------------------ */

struct dp {
	struct host *host;
};

int dp_open(struct dp **ret, const char *obj_dir, const char *pin_dir, const char *version, uint32_t stages, bool *ret_found)
{
	struct dp *dp = sim_calloc(1, sizeof(*dp));

	(void)obj_dir;
	(void)pin_dir;
	(void)version;
	(void)stages;
	dp->host = here();
	*ret_found = dp->host->kernel.pinned;
	if (!*ret_found)
		kernel_boot(dp->host);
	dp->host->kernel.pinned = true;
	*ret = dp;
	return 0;
}

int dp_objects_fit(const char *obj_dir)
{
	(void)obj_dir;
	return 0;
}

/* The program is compiled whole. */
uint32_t dp_stages(const struct dp *dp)
{
	(void)dp;
	return (UINT32_C(1) << BT_STAGE__N) - 1;
}

int dp_renew(struct dp *dp, const char *obj_dir, uint32_t stages, bool *ret_changed)
{
	(void)dp;
	(void)obj_dir;
	(void)stages;
	task_sleep(200 * NS_PER_MS);
	*ret_changed = false;
	return 0;
}

void dp_close(struct dp *dp)
{
	(void)dp;
}

int dp_remove(struct dp *dp)
{
	kernel_boot(dp->host);
	check_boot(dp->host, false);
	return 0;
}

const char *dp_why(const struct dp *dp)
{
	(void)dp;
	return "simulated";
}

static int set(struct dp *dp, const char *map, uint32_t i, const void *value)
{
	return kernel_map_set(dp->host, map, &i, value);
}

int dp_set_node(struct dp *dp, const struct bt_node *node)
{
	return set(dp, "cfg_node", 0, node);
}

int dp_get_node(struct dp *dp, struct bt_node *ret)
{
	*ret = *(struct bt_node *)kernel_map(dp->host, "cfg_node");
	return 0;
}

int dp_set_path(struct dp *dp, uint32_t i, const struct bt_path *path)
{
	return set(dp, "cfg_path", i, path);
}

int dp_get_path(struct dp *dp, uint32_t i, struct bt_path *ret)
{
	*ret = ((struct bt_path *)kernel_map(dp->host, "cfg_path"))[i];
	return 0;
}

int dp_set_group(struct dp *dp, uint32_t slot, const struct bt_group *group)
{
	kernel_map_set(dp->host, "cfg_gidx", &group->name_hash, &slot);
	return set(dp, "cfg_group", slot, group);
}

int dp_get_group(struct dp *dp, uint32_t slot, struct bt_group *ret)
{
	*ret = ((struct bt_group *)kernel_map(dp->host, "cfg_group"))[slot];
	return 0;
}

int dp_set_vip(struct dp *dp, const struct in6_addr *ip, const struct bt_vip *vip)
{
	return kernel_map_set(dp->host, "cfg_vip4", &ip->s6_addr[12], vip);
}

int dp_vips(struct dp *dp, struct in6_addr *ret, uint32_t max)
{
	(void)dp;
	(void)ret;
	(void)max;
	return 0;
}

int dp_doors(struct dp *dp, uint32_t *ret_ifindex, uint32_t max)
{
	(void)dp, (void)ret_ifindex, (void)max;
	return 0;
}

int dp_set_nonce(struct dp *dp, uint64_t nonce)
{
	((struct bt_pair *)kernel_map(dp->host, "st_pair"))->nonce = nonce;
	return 0;
}

int dp_attach(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode)
{
	(void)ifindex;
	(void)any;
	dp->host->kernel.attached = true;
	*ret_mode = want;
	return 0;
}

/* Each look at the words is a point to stop at, and to see what changed since the last. */
bool dp_xdp_stands(const struct dp *dp, uint32_t ifindex)
{
	(void)dp, (void)ifindex;
	return true;
}

int mcast_join(struct mcast *m, uint32_t ifindex, const struct in6_addr *group)
{
	(void)m, (void)ifindex, (void)group;
	return 0;
}

void mcast_leave(struct mcast *m)
{
	(void)m;
}

_Atomic uint64_t *dp_words(struct dp *dp)
{
	task_point();
	if (task_proc()->storing)
		task_point_of_store();
	task_proc()->storing = false;
	check_word(dp->host);
	return kernel_map(dp->host, "st_word");
}

_Atomic uint64_t *dp_leases(struct dp *dp)
{
	task_point();
	return kernel_map(dp->host, "ct_lease");
}

_Atomic uint64_t *dp_lingers(struct dp *dp)
{
	return kernel_map(dp->host, "st_linger");
}

volatile struct bt_drain *dp_drains(struct dp *dp)
{
	return kernel_map(dp->host, "ct_drain");
}

volatile struct bt_rules *dp_rules(struct dp *dp)
{
	return kernel_map(dp->host, "ct_rules");
}

void dp_set_drain(struct dp *dp, uint32_t slot, uint64_t word, uint64_t until_ns)
{
	dp_drains(dp)[slot].word = word;
	dp_drains(dp)[slot].until_ns = until_ns;
}

volatile struct bt_watch_own *dp_watch_own(struct dp *dp)
{
	return kernel_map(dp->host, "ct_watch");
}

int dp_arm(struct dp *dp)
{
	int err;

	kernel_of = dp->host;
	err = sim_xdp_arm();
	kernel_of = NULL;
	return -err;
}

int dp_watched(struct dp *dp, uint64_t *ret_looks, uint64_t *ret_late)
{
	const struct bt_watch *watch = kernel_map(dp->host, "st_watch");

	*ret_looks = watch->looks;
	*ret_late = watch->late;
	return 0;
}

/* There are no pools, so none is drained. */
int steer_drain(struct steer *s, const char *pool, bool reject, bool force, char *why, size_t len)
{
	(void)s, (void)pool, (void)reject, (void)force, (void)why, (void)len;
	return -ENOENT;
}

int steer_undrain(struct steer *s, const char *pool, char *why, size_t len)
{
	(void)s, (void)pool, (void)why, (void)len;
	return -ENOENT;
}

int steer_drained(const struct steer *s, const char *pool, struct steer_drained *ret)
{
	(void)s, (void)pool, (void)ret;
	return -ENOENT;
}

/* Nobody counts dialogs here. */
int sweep_open(struct sweep **ret, struct dp *dp)
{
	(void)dp;
	*ret = NULL;
	return 0;
}

void sweep_close(struct sweep *s)
{
	(void)s;
}

void sweep_of_group(struct sweep *s, uint32_t group, uint8_t server, uint64_t term)
{
	(void)s, (void)group, (void)server, (void)term;
}

uint32_t sweep_group(struct sweep *s, uint32_t group, struct sweep_left *ret)
{
	(void)s, (void)group;
	*ret = (struct sweep_left){ 0 };
	return 0;
}

const volatile struct bt_heard *dp_heard(struct dp *dp)
{
	return kernel_map(dp->host, "st_heard");
}

const volatile struct bt_seen *dp_seen(struct dp *dp)
{
	return kernel_map(dp->host, "st_seen");
}

void dp_forget_first(struct dp *dp, uint32_t slot)
{
	((struct bt_seen *)kernel_map(dp->host, "st_seen"))[slot].first_ns = 0;
}

/* What the dead left unanswered is not looked for here. */
bool replays_wants(const struct conf_group *c)
{
	(void)c;
	return false;
}

void replays_want(const struct ha *ha)
{
	(void)ha;
}

int replays_fill(struct ha *ha)
{
	(void)ha;
	return 0;
}

int replays_open(struct ha *ha, const struct ha_say *say)
{
	(void)ha, (void)say;
	return 0;
}

void replays_close(struct ha *ha)
{
	(void)ha;
}

void replays_opened(struct ha *ha, struct group *g, uint64_t opened_ns)
{
	(void)ha, (void)g, (void)opened_ns;
}

void replays_passed(struct ha *ha, struct group *g)
{
	(void)ha, (void)g;
}

void replays_turn(struct ha *ha)
{
	(void)ha;
}

/* Hosts here have no pools. */
int pools_open(struct ha *ha, const struct ha_say *say)
{
	(void)ha, (void)say;
	return 0;
}

void pools_close(struct ha *ha)
{
	(void)ha;
}

bool pools_wait(const struct ha *ha)
{
	(void)ha;
	return false;
}

void pools_renewed(struct ha *ha)
{
	(void)ha;
}

int dp_local_remove(struct dp *dp)
{
	(void)dp;
	return 0;
}

int single_open(struct ha *ha, const struct ha_say *say)
{
	(void)ha, (void)say;
	return 0;
}

int single_watch(struct ha *ha, const struct ha_say *say)
{
	(void)ha, (void)say;
	return 0;
}

void single_close(struct ha *ha)
{
	(void)ha;
}

uint64_t single_turn(struct ha *ha)
{
	(void)ha;
	return LOOP_NEVER;
}

const char *single_impediment(const struct ha *ha, const struct group *g, bool force)
{
	(void)ha, (void)g, (void)force;
	return NULL;
}

const char *single_active(const struct ha *ha, const struct group *g)
{
	(void)ha, (void)g;
	return "";
}

void single_moved(const struct ha *ha, const struct group *g, struct single_move *ret)
{
	(void)ha, (void)g;
	*ret = (struct single_move){ 0 };
}

bool single_is(const struct group *g)
{
	(void)g;
	return false;
}

const char *single_name(const struct group *g, uint32_t server)
{
	(void)g;
	(void)server;
	return "";
}

void single_drain(const struct ha *ha, const struct group *g, uint32_t server)
{
	(void)ha;
	(void)g;
	(void)server;
}

uint32_t single_drained(const struct ha *ha, const struct group *g)
{
	(void)ha;
	(void)g;
	return 0;
}

void single_drain_facts(const struct ha *ha, const struct group *g, uint32_t *server, struct drain_servers *ret)
{
	(void)ha;
	(void)g;
	(void)server;
	*ret = (struct drain_servers){ 0 };
}

uint32_t single_counted(const struct ha *ha, const struct group *g, uint32_t *ret_turn)
{
	(void)ha;
	(void)g;
	*ret_turn = 0;
	return 0;
}

uint64_t pools_turn(struct ha *ha)
{
	(void)ha;
	return LOOP_NEVER;
}

int dp_pair(struct dp *dp, struct bt_pair *ret)
{
	*ret = *(struct bt_pair *)kernel_map(dp->host, "st_pair");
	return 0;
}

int dp_counts(struct dp *dp, struct bt_count ret_xdp[BT_X__N], struct bt_count ret_tc[BT_T__N])
{
	memcpy(ret_xdp, kernel_map(dp->host, "st_count"), BT_X__N * sizeof(*ret_xdp));
	memcpy(ret_tc, kernel_map(dp->host, "st_count_tc"), BT_T__N * sizeof(*ret_tc));
	return 0;
}

/* Nobody is told twice here: announcements are heard, or the relay carries on. */
int dp_neighbours(struct dp *dp, dp_neigh_fn *fn, void *arg)
{
	(void)dp;
	(void)fn;
	(void)arg;
	return 0;
}

int dp_neighbour_forget(struct dp *dp, const struct bt_neigh_key *who)
{
	(void)dp;
	(void)who;
	return 0;
}

int dp_events_fd(struct dp *dp)
{
	static const char once[] = "ring";

	(void)dp;
	(void)once;
	return fd_open(FD_RING);
}

int dp_events(struct dp *dp, void (*fn)(void *arg, const struct bt_event *ev), void *arg)
{
	struct kernel *k = &dp->host->kernel;

	for (uint32_t i = 0; i < k->ring_n; i++)
		fn(arg, &k->ring[i]);
	k->ring_n = 0;
	return 0;
}

int dp_pulse_by_hand(struct dp *dp, uint32_t ifindex, const struct in6_addr *from, const struct in6_addr *to,
		     uint16_t port, void *msg, size_t len, size_t cap)
{
	(void)dp;
	(void)ifindex;
	(void)from;
	(void)to;
	(void)port;
	(void)msg;
	(void)len;
	(void)cap;
	return 0;
}

/* ---- file: a disk that takes its time --------------------------------------------------------- */

ssize_t file_read(const char *path, void *buf, size_t cap)
{
	struct disk_file *f = host_file(here(), path, false);

	if (!f)
		return -ENOENT;
	if (f->len > cap)
		return -EFBIG;
	memcpy(buf, f->data, f->len);
	return (ssize_t)f->len;
}

int file_replace(const char *dir, const char *name, const void *data, size_t len, mode_t mode)
{
	struct host *h = here();
	struct disk_file *f;
	char path[96];

	(void)mode;
	if (me != task_proc()->task[0])		/* at the start main may wait, too, but need not */
		task_sleep(h->disk_ns / 2 + rng_below(&world, h->disk_ns));
	if (h->disk_fails)
		return -EIO;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = host_file(h, path, true);
	if (!f)
		return -ENOSPC;
	f->data = realloc(f->data, len ? len : 1);
	memcpy(f->data, data, len);
	f->len = len;
	return 0;
}

int file_remove(const char *dir, const char *name)
{
	struct disk_file *f;
	char path[96];

	if (me != task_proc()->task[0])
		task_sleep(here()->disk_ns / 2 + rng_below(&world, here()->disk_ns));
	if (here()->disk_fails)
		return -EIO;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = host_file(here(), path, false);
	if (f)
		f->name[0] = '\0';
	return 0;
}

/* ---- keys ------------------------------------------------------------------------------------- */

int keys_read_secret(const char *path, void *buf, size_t cap, size_t *ret_len, char *why, size_t why_len)
{
	(void)path;
	(void)why;
	(void)why_len;
	memset(buf, 's', 32);
	*ret_len = cap < 32 ? cap : 32;
	return 0;
}

int keys_derive(const void *secret, size_t len, uint8_t from_id, uint8_t to_id, uint64_t ret_key[2])
{
	(void)secret;
	(void)len;
	ret_key[0] = 0x1111111111111111ULL * from_id;
	ret_key[1] = 0x2222222222222222ULL * to_id;
	return 0;
}

int keys_derive_observe(const void *secret, size_t len, uint64_t ret_key[2])
{
	(void)secret;
	(void)len;
	ret_key[0] = ret_key[1] = 0x3333333333333333ULL;
	return 0;
}

/* ---- nobody steers to them ---------------------------------------------------------------------- */

int observed_open(struct observed *o, uint16_t port, const int *own, uint32_t n)
{
	(void)own;
	(void)n;
	*o = (struct observed){ .fd = { -1, -1 }, .port = port };
	return 0;
}

void observed_close(struct observed *o)
{
	(void)o;
}

void observed_answer(struct observed *o, int fd, struct dp *dp)
{
	(void)o;
	(void)fd;
	(void)dp;
}

/* ---- nl, vip, route, tune, sysctl, spawn ------------------------------------------------------- */

int nl_open(struct nl *nl, int bus, unsigned groups)
{
	(void)bus;
	(void)groups;
	memset(nl, 0, sizeof(*nl));
	nl->sock = (struct mnl_socket *)(uintptr_t)1;
	return 0;
}

void nl_close(struct nl *nl)
{
	nl->sock = NULL;
}

int nl_dump(struct nl *nl, struct nlmsghdr *req, mnl_cb_t each, void *arg)
{
	(void)nl;
	(void)req;
	(void)each;
	(void)arg;
	return 0;
}

static void rtnl(void)
{
	struct host *h = here();

	if (me != task_proc()->task[0])
		task_sleep(h->rtnl_ns / 2 + rng_below(&world, h->rtnl_ns));
}

int vip_add(struct nl *nl, const struct vip *vips, uint32_t n)
{
	(void)nl;
	(void)vips;
	(void)n;
	rtnl();
	if (!here()->link[0])
		return -ENETDOWN;
	if (!here()->vip_addr)
		tell(here(), "address added");
	here()->vip_addr = true;
	return 0;
}

int vip_del(struct nl *nl, const struct vip *vips, uint32_t n)
{
	(void)nl;
	(void)vips;
	(void)n;
	rtnl();
	if (here()->vip_addr)
		tell(here(), "address removed");
	here()->vip_addr = false;
	return 0;
}

int vip_evict(struct nl *nl, const struct vip *vips, uint32_t n)
{
	return vip_del(nl, vips, n);
}

int vip_route_add(struct nl *nl, const struct vip *vips, uint32_t n)
{
	(void)nl;
	(void)vips;
	(void)n;
	here()->vip_route = true;
	return 0;
}

int vip_route_del(struct nl *nl, const struct vip *vips, uint32_t n)
{
	(void)nl;
	(void)vips;
	(void)n;
	here()->vip_route = false;
	return 0;
}

int vip_forget(struct nl *nl, const struct in6_addr *ips, uint32_t n)
{
	(void)ips;
	return vip_del(nl, NULL, n);
}

int vip_present(struct nl *nl, const struct vip *vips, uint32_t n, bool *ret_present)
{
	(void)nl;
	(void)vips;
	for (uint32_t i = 0; i < n; i++)
		ret_present[i] = here()->vip_addr;
	return 0;
}

const char *vip_why(void)
{
	return "simulated";
}

int route_add(struct nl *nl, const struct vip *vips, uint32_t n_vips, const struct conf_route *routes, uint32_t n_routes,
	      uint32_t ifindex)
{
	(void)nl;
	(void)vips;
	(void)n_vips;
	(void)routes;
	(void)n_routes;
	(void)ifindex;
	return 0;
}

int route_del(struct nl *nl, const struct conf_route *routes, uint32_t n_routes, uint32_t ifindex)
{
	(void)nl;
	(void)routes;
	(void)n_routes;
	(void)ifindex;
	return 0;
}

const char *route_why(void)
{
	return "simulated";
}

int tune_set(const char *run_dir, const char (*devs)[IF_NAMESIZE], uint32_t n)
{
	(void)run_dir;
	(void)devs;
	(void)n;
	return 0;
}

int tune_restore(const char *run_dir)
{
	(void)run_dir;
	return 0;
}

const char *tune_why(void)
{
	return "simulated";
}

int sysctl_read(const char *path, int *ret_value)
{
	(void)path;
	*ret_value = 0;
	return 0;
}

/* ---- runner: no scripts here -------------------------------------------------------------------- */

int runner_open(struct runner **ret)
{
	*ret = NULL;
	return 0;
}

void runner_close(struct runner *r, uint64_t grace_ns)
{
	(void)r;
	(void)grace_ns;
}

int runner_ask(struct runner *r, const struct runner_job *job)
{
	(void)r;
	(void)job;
	return 0;
}

void runner_forget(struct runner *r, const void *arg)
{
	(void)r;
	(void)arg;
}

void ha_tell_idle(const struct conf *conf)
{
	(void)conf;
}

/* ---- diag: nobody speaks TCP here -------------------------------------------------------------- */

int diag_open(struct nl *nl)
{
	memset(nl, 0, sizeof(*nl));
	return -EOPNOTSUPP;
}

int diag_end_tcp(struct nl *nl, diag_ours_fn *ours, void *arg, uint32_t *ret_ended)
{
	(void)nl;
	(void)ours;
	(void)arg;
	*ret_ended = 0;
	return 0;
}

/* ---- raw: packet sockets ---------------------------------------------------------------------- */

int raw_open(void)
{
	return fd_open(FD_RAW);
}

int raw_asker(void)
{
	return raw_open();
}

void raw_rest(uint64_t idle_ns)
{
	(void)idle_ns;
}

int raw_mac(int fd, uint32_t ifindex, uint8_t ret_mac[6])
{
	(void)fd;
	host_mac(here(), ifindex - 2, ret_mac);
	return here()->link[ifindex - 2] ? 0 : -ENETDOWN;
}

bool raw_link_up(int fd, uint32_t ifindex)
{
	(void)fd;
	return here()->link[ifindex - 2];
}

static int send_raw(uint32_t ifindex, const struct iovec *frames, uint32_t n, bool by_the_gate)
{
	if (!here()->link[ifindex - 2])
		return -ENETDOWN;
	for (uint32_t i = 0; i < n; i++) {
		struct frame *f = frame_new();

		f->len = (uint32_t)frames[i].iov_len;
		memcpy(f->data, frames[i].iov_base, f->len);
		if (by_the_gate)
			host_tx(here(), ifindex - 2, f);
		else
			net_send(ifindex - 2, here()->port, f);
	}
	return (int)n;
}

int raw_send(int fd, uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	(void)fd;
	return send_raw(ifindex, frames, n, true);
}

int raw_send_now(uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	return send_raw(ifindex, frames, n, true);
}

int raw_send_past_the_gate(uint32_t ifindex, const struct iovec *frames, uint32_t n)
{
	return send_raw(ifindex, frames, n, false);
}

int raw_listen(uint32_t ifindex, uint16_t proto, struct sock_filter *code, uint16_t n)
{
	int fd = fd_open(FD_LISTEN);

	(void)proto;
	(void)code;
	(void)n;
	if (fd >= 0)
		fd_of(fd)->ifindex = ifindex;
	return fd < 0 ? -EMFILE : fd;
}

/* ARP whose sender says that he has the VIP: what the filter of vip_ask lets through. */
void raw_saw(struct host *h, uint32_t net, const struct frame *f)
{
	uint32_t sender;

	memcpy(&sender, f->data + 28, 4);
	if (!h->proc.alive || __builtin_bswap32(sender) != VIP_IP)
		return;
	for (int i = 0; i < PROC_FDS; i++)
		if (h->proc.fd[i].kind == FD_LISTEN && h->proc.fd[i].ifindex == net + 2)
			h->proc.fd[i].count++;
}

bool raw_heard(int fd, uint32_t max)
{
	struct fd *f = fd_of(fd);
	bool any = f->count != 0;

	f->count = f->count > max ? f->count - max : 0;
	return any;
}

/* ---- health: monitors that see the simulated server and links ---------------------------------- */

struct health {
	health_report_fn *report;
	void *arg;
	struct host *host;
	uint64_t life;		/* of the server, as last seen */
	bool link, server, told;
	uint64_t look_ns;	/* a change is noticed so late */
};

static void look(struct health *h)
{
	struct service_facts f = { .process = h->host->server ? PROCESS_ALIVE : PROCESS_GONE,
				   .listener = h->host->server ? LISTENER_THERE : LISTENER_LOST,
				   .link_up = h->host->link[0] };
	struct service_verdict v = service_judge(&f);

	if (h->told && h->link == f.link_up && h->server == h->host->server)
		return;
	h->told = true;
	h->link = f.link_up;
	h->server = h->host->server;
	h->report(h->arg, 0, &v);
}

int health_open(struct health **ret, struct loop *loop, const struct conf *conf, struct dp *dp, health_report_fn *report, void *arg)
{
	struct health *h = sim_calloc(1, sizeof(*h));

	(void)loop;
	(void)conf;
	(void)dp;
	*h = (struct health){ .report = report, .arg = arg, .host = here() };
	*ret = h;
	look(h);
	return 0;
}

void health_close(struct health *h)
{
	(void)h;
}

/* A process' end is noticed at once, mostly. */
uint64_t health_turn(struct health *h, uint64_t now_ns)
{
	look(h);
	return now_ns + 200 * NS_PER_MS;
}

void health_tell(struct health *h, uint32_t slot, const struct health_input *in)
{
	(void)h;
	(void)slot;
	(void)in;
}

uint32_t health_evidence(const struct health *h, uint32_t slot)
{
	(void)h;
	(void)slot;
	return 0;
}

uint32_t health_vip_news(const struct health *h, uint32_t slot)
{
	(void)h;
	(void)slot;
	return 0;
}

bool health_link_up(const struct health *h, const char *dev)
{
	return h->host->link[!strcmp(dev, "eth1")];
}

/* ---- fence: in this world there is one interface, and nobody takes anything off it -------------- */

int doors_find(const struct conf *conf, struct iface *ret, uint32_t max, uint32_t *ret_n)
{
	(void)conf;
	(void)ret;
	(void)max;
	*ret_n = 0;
	return 0;
}

int fence_open(struct fence **ret, const struct conf *conf, struct dp *dp, const struct ha_iface_view *ifaces,
	       uint32_t n_ifaces, uint32_t n_named, int done)
{
	(void)conf;
	(void)n_named;
	(void)done;
	for (uint32_t i = 0; i < n_ifaces; i++) {
		uint32_t ifindex = sim_if_nametoindex(ifaces[i].name);
		struct bt_door door = { 0 };

		host_mac(dp->host, ifindex - 2, door.mac);
		(void)kernel_map_set(dp->host, "cfg_door", &ifindex, &door);
	}
	*ret = NULL;
	return 0;
}

void hearing_forget_vips(struct nl *nl, const struct conf *conf, uint32_t ifindex, const struct in6_addr *ips, uint32_t n)
{
	(void)nl, (void)conf, (void)ifindex, (void)ips, (void)n;
}

enum conf_xdp hearing_xdp(const struct conf *conf, const char *name)
{
	return conf_xdp_of(conf, name);
}

bool hearing_is_deaf(const struct conf *conf, const char *name)
{
	(void)conf;
	(void)name;
	return false;
}

const char *fence_why(void)
{
	return "";
}

void fence_stop(struct fence *f)
{
	(void)f;
}

void fence_close(struct fence *f, bool remove)
{
	(void)f;
	(void)remove;
}

void fence_kick(struct fence *f)
{
	(void)f;
}

void fence_report(struct fence *f, struct fence_report *ret)
{
	(void)f;
	memset(ret, 0, sizeof(*ret));
}

/* ---- certificates: no group here names one ----------------------------------------------------- */

int certs_open(struct certs **ret, const struct conf *conf)
{
	(void)conf;
	*ret = NULL;
	return 0;
}

void certs_close(struct certs *c, bool hurry)
{
	(void)c;
	(void)hurry;
}

uint64_t certs_version(struct certs *c, uint64_t now_ns)
{
	(void)c;
	(void)now_ns;
	return 0;
}

void certs_report(struct certs *c, uint32_t slot, struct certs_report *ret)
{
	(void)c;
	(void)slot;
	*ret = (struct certs_report){ 0 };
}

/* ---- examiner: nobody asks the doctor here ------------------------------------------------------ */

int examine_open(struct ha *ha)
{
	(void)ha;
	return 0;
}

void examine_close(struct ha *ha)
{
	(void)ha;
}

uint64_t examine_turn(struct ha *ha)
{
	(void)ha;
	return LOOP_NEVER;
}

void examine_forget(struct ha *ha, const void *arg)
{
	(void)ha;
	(void)arg;
}
