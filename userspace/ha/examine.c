/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * examine: what does the doctor find where one has to look, and perhaps to wait?
 *
 * A disk may hang, and whoever holds the kernel's rtnl lock may hold it for longer than a lease. So a thread looks, once for each
 * that asks, and the main loop answers when it is done, or after PATIENCE_NS without it.
 * Threads: all calls from main. Allocates only in examine_open().
 */
#include "ha/doctor_own.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sys/background.h"
#include "sys/clock.h"

#define ROWS_MAX	160
#define PATIENCE_NS	(4 * NS_PER_S)	/* tools/baton.c waits 5 s for an answer */

static exam_check *const checks[] = {
	exam_xdp, exam_tcx, exam_objects, exam_tcp,
	exam_settings, exam_rp_filter, exam_vlans, exam_bridges, exam_ipv6, exam_managers,
	exam_realtime, exam_throttling, exam_memory, exam_secret, exam_disk, exam_clock, exam_cores, exam_supervisor, exam_scripts,
	exam_services, exam_forwarding, exam_filter,
};

struct row {
	const char *level, *check;	/* literals */
	char text[HA_TEXT], fix[HA_WHY];
};

struct list {
	struct row row[ROWS_MAX];
	uint32_t n;
};

struct waiting {
	void (*done)(void *arg);	/* NULL: free */
	void *arg;
	uint64_t number;		/* of the examination that answers it */
	uint64_t until_ns;
};

struct examiner {
	struct src src;
	uint64_t key_in[2];
	struct waiting waiting[ASKERS_MAX];
	bool hangs;			/* the last one that was waited for did not end */

	struct background bg;		/* its lock guards what follows */
	uint64_t asked, finished;	/* numbers of examinations */
	struct exam_in next;
	struct list found;

	struct exam_in in;		/* the thread's own */
	struct list fresh;
};

/* ---- the thread --------------------------------------------------------------------------------- */

static void take(void *arg, const char *level, const char *check, const char *text, const char *fix)
{
	struct list *l = arg;
	struct row *row = &l->row[l->n];

	if (l->n == ROWS_MAX)
		return;
	l->n++;
	row->level = level;
	row->check = check;
	snprintf(row->text, sizeof(row->text), "%s", text);
	snprintf(row->fix, sizeof(row->fix), "%s", fix);
}

static void look(struct examiner *e)
{
	const struct rows r = { take, &e->fresh };

	e->fresh.n = 0;
	for (uint32_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](&e->in, &r);
}

static void *run(void *arg)
{
	struct examiner *e = arg;
	uint64_t number, one = 1;

	background_lock(&e->bg);
	while (!e->bg.quit) {
		if (e->finished == e->asked) {
			background_wait(&e->bg, BACKGROUND_EVER);
			continue;
		}
		number = e->asked;
		e->in = e->next;
		background_unlock(&e->bg);
		look(e);
		background_lock(&e->bg);
		e->found = e->fresh;
		e->finished = number;
		(void)!write(e->src.fd, &one, sizeof(one));
	}
	background_unlock(&e->bg);
	return NULL;
}

/* ---- the main loop ------------------------------------------------------------------------------ */

static void on_done(struct src *src, uint32_t events)
{
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));	/* the turn answers */
}

static bool vip_on(const struct conf *c, const char *dev, bool any)
{
	for (uint32_t i = 0; i < c->n_vips; i++)
		if (!strcmp(c->vips[i].dev, dev) && (any || !conf_is_v4(&c->vips[i].addr.ip)))
			return true;
	return false;
}

static void copy_iface(const struct ha *ha, uint32_t i, struct exam_iface *ret)
{
	const struct ha_iface_view *v = &ha->ifaces[i];

	*ret = (struct exam_iface){
		.wanted = conf_xdp_of(ha->conf, v->name), .vip = vip_on(ha->conf, v->name, true),
		.vip6 = vip_on(ha->conf, v->name, false),
	};
	memcpy(ret->name, v->name, sizeof(ret->name));
	snprintf(ret->xdp, sizeof(ret->xdp), "%s", v->xdp);
	memcpy(ret->refused, i < ha->fence_told.n_doors ? ha->fence_told.door[i].refused : v->refused, sizeof(ret->refused));
}

static void copy_script(struct exam_in *in, enum conf_script which, const char *path)
{
	for (uint32_t i = 0; i < in->n_scripts; i++)
		if (!strcmp(in->script[i].path, path))
			return;
	if (!path[0] || in->n_scripts == EXAM_SCRIPTS_MAX)
		return;
	in->script[in->n_scripts].name = conf_script_name(which);
	snprintf(in->script[in->n_scripts++].path, CONF_PATH_MAX, "%s", path);
}

static void copy_pools(const struct conf *c, struct exam_in *in)
{
	in->n_services = 0;
	in->nat4 = in->nat6 = false;
	for (uint32_t i = 0; i < c->n_pools; i++) {
		const struct conf_pool *p = &c->pools[i];
		struct exam_service *to = &in->service[in->n_services];

		if (p->forward == BT_FWD_NAT)
			*(conf_is_v4(&p->service[0].ip) ? &in->nat4 : &in->nat6) = true;
		if (conf_group_at(c, &p->service[0].ip))
			continue;
		memcpy(to->pool, p->name, sizeof(to->pool));
		to->ip = p->service[0].ip;
		in->n_services++;
	}
}

static void copy(const struct ha *ha, struct exam_in *in)
{
	const struct conf *c = ha->conf;

	in->n_scripts = 0;
	for (uint32_t i = 0; i < c->n_groups * SCRIPT__N; i++)
		copy_script(in, i % SCRIPT__N, conf_script_path(&c->groups[i / SCRIPT__N], i % SCRIPT__N));
	in->n_ifaces = ha->n_ifaces;
	for (uint32_t i = 0; i < ha->n_ifaces; i++)
		copy_iface(ha, i, &in->iface[i]);
	in->routed = false;
	for (uint32_t i = 0; i < c->n_groups; i++)
		in->routed |= c->groups[i].n_routes;
	copy_pools(c, in);
	exam_copy_ways(ha, in);
	in->alone = conf_is_alone(c);
	in->realtime = ha->report.realtime;
	in->me = ha->me;
	in->peer_id = ha->peer_id;
	memcpy(in->key_in, ha->examiner->key_in, sizeof(in->key_in));
	memcpy(in->secret_file, c->secret_file, sizeof(in->secret_file));
	memcpy(in->state_dir, c->state_dir, sizeof(in->state_dir));
	snprintf(in->obj_dir, sizeof(in->obj_dir), "%s", ha->opt.obj_dir);
}

static struct waiting *free_place(struct examiner *e)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (!e->waiting[i].done)
			return &e->waiting[i];
	return NULL;
}

void ha_examine(struct ha *ha, void (*done)(void *arg), void *arg)
{
	struct examiner *e = ha->examiner;
	struct waiting *w = free_place(e);

	if (!w) {
		done(arg);	/* with what was found last; so many ask at once */
		return;
	}
	pulse_report(ha->pulse, &ha->report);
	background_lock(&e->bg);
	copy(ha, &e->next);
	*w = (struct waiting){ done, arg, ++e->asked, clock_now_ns() + PATIENCE_NS };
	background_wake(&e->bg);
	background_unlock(&e->bg);
}

void examine_forget(struct ha *ha, const void *arg)
{
	for (int i = 0; i < ASKERS_MAX; i++)
		if (ha->examiner->waiting[i].arg == arg)
			ha->examiner->waiting[i].done = NULL;
}

/* Those whose examination is done, or has taken too long; returns when the next one has. */
uint64_t examine_turn(struct ha *ha)
{
	struct examiner *e = ha->examiner;
	uint64_t next = LOOP_NEVER, finished;

	background_lock(&e->bg);
	finished = e->finished;
	background_unlock(&e->bg);
	for (int i = 0; i < ASKERS_MAX; i++) {
		struct waiting *w = &e->waiting[i];
		void (*done)(void *arg) = w->done;

		if (!done)
			continue;
		if (finished < w->number && ha->turn_ns < w->until_ns) {
			next = w->until_ns < next ? w->until_ns : next;
			continue;
		}
		e->hangs = finished < w->number;
		w->done = NULL;
		done(w->arg);
	}
	return next;
}

void examine_rows(struct ha *ha, const struct rows *r)
{
	struct examiner *e = ha->examiner;

	if (e->hangs) {
		doctor_say(r, "bad", "examination", "looking at this host's files, NICs and settings has not come to an end",
			   "a disk that hangs, or somebody who holds the kernel's rtnl lock: look for tasks in state D (ps -eLo stat,comm)");
		return;
	}
	background_lock(&e->bg);
	for (uint32_t i = 0; i < e->found.n; i++)
		doctor_say(r, e->found.row[i].level, e->found.row[i].check, e->found.row[i].text, e->found.row[i].fix);
	background_unlock(&e->bg);
}

/* ---- life --------------------------------------------------------------------------------------- */

static int begin(struct ha *ha, struct examiner *e)
{
	struct bt_node node;
	int err = dp_get_node(ha->dp, &node);

	if (err)
		return err;
	memcpy(e->key_in, node.key_in, sizeof(e->key_in));
	explicit_bzero(&node, sizeof(node));
	e->src = (struct src){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .name = "examined", .ready = on_done };
	if (e->src.fd < 0)
		return -errno;
	err = loop_add(ha->loop, &e->src, EPOLLIN);
	if (!err)
		err = background_start(&e->bg, "examiner", 0, run, e);
	if (err)
		close(e->src.fd);
	return err;
}

int examine_open(struct ha *ha)
{
	struct examiner *e = calloc(1, sizeof(*e));
	int err = e ? begin(ha, e) : -ENOMEM;

	if (err) {
		free(e);
		return err;
	}
	ha->examiner = e;
	return 0;
}

/* One that hangs is not waited for: the process ends, and with it the thread. Before another start leases wait for us. */
void examine_close(struct ha *ha)
{
	struct examiner *e = ha->examiner;
	if (!e)
		return;
	ha->examiner = NULL;
	background_quit(&e->bg);
	loop_del(ha->loop, &e->src);
	if (ha->leaving || !background_stop_within(&e->bg, NS_PER_S))
		return;
	close(e->src.fd);
	explicit_bzero(e, sizeof(*e));
	free(e);
}
