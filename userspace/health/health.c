/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "health/health.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/when.h"
#include "health/answers.h"
#include "health/crash.h"
#include "health/devices.h"
#include "health/init.h"
#include "health/listener.h"
#include "health/network.h"
#include "health/nic.h"
#include "health/pinger.h"
#include "health/process.h"
#include "health/traffic.h"
#include "pulse_wire.h"
#include "sys/clock.h"
#include "sys/log.h"

/*
 * A process that ends closes its sockets before its pidfd says so, but a child may be about to end
 * too: so long is a listener looked for again before "the main process is gone, somebody serves" is
 * said. A server that starts may serve before it writes its pidfile, so then it has more time.
 */
#define ORPHAN_AFTER_NS		(2 * NS_PER_MS)
#define ORPHAN_START_NS		NS_PER_S
#define PORT_NS			(5 * NS_PER_S)	/* for a server that runs to open a port that the peer's has open */
#define STALE_AGAIN_NS		(100 * NS_PER_MS)	/* between looks at links when one failed */

struct group {
	struct process process;
	uint64_t nics;			/* mask: interfaces its VIPs stand on */
	bool gone;			/* the process, as of the last judgement, */
	bool masterless;		/* and a listener serves without it: */
	uint64_t orphan_ns;		/* an orphan from then on; 0: nothing to wait for */
	uint64_t port_ns;		/* since when a port lacks here that the peer's server has; 0: none */
	struct service_verdict verdict;	/* as last reported */
	struct health_input in;
	uint32_t evidence;
	struct init init;
	struct answers answers;
	struct traffic traffic;
};

struct health {
	const struct conf *conf;
	struct dp *dp;
	struct nic nic;
	struct network *network;	/* NULL: none of its options is on */
	struct listener *listener;
	struct crash crash;
	struct loop *loop;
	struct pinger *pinger;
	struct src pinger_src;		/* it has news */
	struct devices devices;
	struct group groups[BT_GROUPS_MAX];
	health_report_fn *report;
	void *arg;
	bool ready;			/* health_open() has reported every group once */
};

static uint64_t orphan_from(const struct health *h, bool was_gone, uint64_t now_ns)
{
	if (!h->ready)
		return now_ns;
	return now_ns + (was_gone ? ORPHAN_START_NS : ORPHAN_AFTER_NS);
}

/* One that is gone while a listener serves counts as alive until that is sure to last. */
static enum fact_process weigh_process(struct health *h, uint32_t slot, uint64_t now_ns)
{
	struct group *g = &h->groups[slot];
	enum fact_process fact = process_fact(&g->process);
	bool was_gone = g->gone, was_masterless = g->masterless;

	g->gone = fact == PROCESS_GONE;
	if (g->gone && (!was_gone || g->orphan_ns || listener_is_suspect(h->listener, slot)))
		listener_confirm(h->listener, slot, now_ns);
	g->masterless = g->gone && listener_fact(h->listener, slot) == LISTENER_THERE;
	if (g->masterless && !was_masterless)
		g->orphan_ns = orphan_from(h, was_gone, now_ns);
	if (!g->masterless || now_ns >= g->orphan_ns)
		g->orphan_ns = 0;
	return g->orphan_ns ? PROCESS_ALIVE : fact;
}

static bool may_have_ports(const struct service_facts *f)
{
	return f->process == PROCESS_ALIVE || (f->process == PROCESS_NOT_WATCHED && f->listener == LISTENER_THERE);
}

/*
 * A port that was never seen here: a server that could not open it, or one in a container or behind a translated port,
 * which shows it nowhere. The peer tells them apart: it is wanting only while all are seen there. So both without
 * moves nothing, and the role goes to the first that can open it.
 */
static enum fact_health weigh_ports(struct health *h, uint32_t slot, const struct service_facts *f, uint64_t now_ns)
{
	struct group *g = &h->groups[slot];
	bool wanting = listener_unseen(h->listener, slot) && may_have_ports(f) && g->in.peer_fresh &&
		       g->in.peer_flags & PULSE_F_PORTS;

	if (!wanting)
		g->port_ns = 0;
	else if (!g->port_ns)
		g->port_ns = now_ns;
	if (!wanting)
		return f->listener == LISTENER_NOT_WATCHED ? FACT_NOT_WATCHED : FACT_WELL;
	return now_ns - g->port_ns >= PORT_NS ? FACT_FAILED : FACT_WELL;
}

static void note_evidence(struct group *g, uint32_t flag, bool is)
{
	g->evidence = is ? g->evidence | flag : g->evidence & ~flag;
}

static bool differs(const struct service_verdict *a, const struct service_verdict *b)
{
	return a->running != b->running || a->orphaned != b->orphaned || a->wounded != b->wounded ||
	       a->unfit != b->unfit || strcmp(a->reason, b->reason) || strcmp(a->detail, b->detail);
}

static void report(struct health *h, uint32_t slot, const struct service_verdict *v)
{
	char missing[INET6_ADDRSTRLEN + 16];

	h->groups[slot].verdict = *v;
	log_event(v->running && !v->orphaned ? LOG_INFO : LOG_WARNING, "service",
		  "group=%s state=%s reason=%s detail=\"%s\" process=\"%s\" missing=\"%s\"",
		  h->conf->groups[slot].name, v->running ? "running" : "unavailable", v->reason[0] ? v->reason : "none", v->detail,
		  process_why(&h->groups[slot].process),
		  listener_missing(h->listener, slot, missing, sizeof(missing)));
	h->report(h->arg, slot, v);
}

/* Last of all facts: that the others are well is a part of it. */
static enum fact_health weigh_init(struct health *h, uint32_t slot, const struct service_facts *facts, uint64_t now_ns)
{
	struct group *g = &h->groups[slot];
	struct init_seen seen = { .primary = g->in.primary, .peer_heard = g->in.peer_heard, .missing = g->in.unready };
	struct ping_report own;

	pinger_server(h->pinger, slot, &own);
	seen.server_answers = own.state == PING_IN_SERVICE;
	if (!service_judge(facts).running)
		seen.missing |= INIT_BIT(INIT_MONITORS);
	return init_fact(&g->init, &seen, now_ns);
}

/* One that was asked for a worker's death, or for its silence. */
static enum fact_health weigh_answers(struct health *h, uint32_t slot, const struct service_facts *facts, uint64_t now_ns)
{
	struct answers *a = &h->groups[slot].answers;

	answers_note_server(a, facts->process != PROCESS_GONE && facts->listener != LISTENER_LOST, now_ns);
	return answers_fact(a) == FACT_FAILED ? FACT_FAILED : crash_answers(&h->crash, slot);
}

/* What the sentence that goes with the trouble leaves open. */
static void add_detail(struct health *h, uint32_t slot, struct service_verdict *v)
{
	if (v->trouble == TROUBLE_NOT_READY)
		snprintf(v->detail, sizeof(v->detail), "%s", init_missing(&h->groups[slot].init));
	else if (v->trouble == TROUBLE_HUNG && answers_fact(&h->groups[slot].answers) == FACT_FAILED)
		answers_detail(&h->groups[slot].answers, v->detail, sizeof(v->detail));
	else if (v->trouble == TROUBLE_HUNG)
		snprintf(v->detail, sizeof(v->detail), "%s", crash_found(&h->crash, slot));
	else if (v->trouble == TROUBLE_TRAFFIC)
		traffic_detail(&h->groups[slot].traffic, v->detail, sizeof(v->detail));
	else if (v->trouble == TROUBLE_NIC)
		snprintf(v->detail, sizeof(v->detail), "%s", network_nic_why(h->network, slot));
	else if (v->trouble == TROUBLE_MGMT)
		snprintf(v->detail, sizeof(v->detail), "%s", network_management_why(h->network, slot));
	else if (v->trouble == TROUBLE_PORT && listener_unseen(h->listener, slot))
		snprintf(v->detail, sizeof(v->detail), "port %u was never open here, the peer's server has it open",
			 listener_unseen_port(h->listener, slot));
}

static void judge(struct health *h, uint32_t slot, uint64_t now_ns)
{
	struct service_facts facts = { .process = weigh_process(h, slot, now_ns) };
	struct service_verdict v;

	facts.listener = listener_fact(h->listener, slot);
	facts.dumping = crash_is_dumping(&h->crash, slot);
	facts.worker = crash_worker(&h->crash, slot);
	facts.trunks = devices_fact(&h->devices, slot, DEVICES_TRUNKS);
	facts.msml = devices_fact(&h->devices, slot, DEVICES_MSML);
	facts.answers = weigh_answers(h, slot, &facts, now_ns);
	facts.mute = answers_is_mute(&h->groups[slot].answers);
	facts.traffic = traffic_fact(&h->groups[slot].traffic);
	facts.link_up = nic_all_up(&h->nic, h->groups[slot].nics);
	facts.port = weigh_ports(h, slot, &facts, now_ns);
	note_evidence(&h->groups[slot], PULSE_F_PORTS, facts.listener == LISTENER_THERE && !listener_unseen(h->listener, slot));
	facts.nic = network_nic(h->network, slot);
	facts.management = network_management(h->network, slot);
	facts.vip = h->groups[slot].in.vip;
	facts.init = weigh_init(h, slot, &facts, now_ns);
	v = service_judge(&facts);
	add_detail(h, slot, &v);
	if (!h->ready || differs(&v, &h->groups[slot].verdict))
		report(h, slot, &v);
}

static void judge_all(struct health *h, uint64_t now_ns)
{
	for (uint32_t s = 0; s < h->conf->n_groups; s++)
		judge(h, s, now_ns);
}

static void on_change(void *arg)
{
	struct health *h = arg;

	if (h->ready)
		judge_all(h, clock_now_ns());
}

static void on_pinger(struct src *src, uint32_t events)
{
	struct health *h = (struct health *)((char *)src - offsetof(struct health, pinger_src));
	uint64_t n;

	(void)events;
	(void)!read(src->fd, &n, sizeof(n));
	devices_news(&h->devices);	/* the turn that follows looks */
}

#define TURNED	(PULSE_F_ASKING | PULSE_F_ANSWERS | PULSE_F_NO_SIP | 3 << PULSE_F_PASS_SHIFT)

/* Those that go by what the peer says, and tell it something. */
static uint64_t turn_evidence(struct health *h, uint32_t slot, uint64_t now_ns)
{
	struct group *g = &h->groups[slot];
	uint64_t next = answers_turn(&g->answers, &g->in, now_ns);

	next = earlier(next, traffic_turn(&g->traffic, &g->in, now_ns));
	g->evidence = (g->evidence & ~TURNED) | answers_evidence(&g->answers) | traffic_evidence(&g->traffic);
	return next;
}

/* The deadlines are collected last: a judgement may look for a listener and so make a new one. */
uint64_t health_turn(struct health *h, uint64_t now_ns)
{
	uint64_t next = LOOP_NEVER;

	if (h->nic.stale && nic_look(&h->nic))
		next = now_ns + STALE_AGAIN_NS;
	listener_turn(h->listener, now_ns);
	next = earlier(next, network_turn(h->network, now_ns));
	for (uint32_t s = 0; s < h->conf->n_groups; s++)
		next = earlier(next, process_turn(&h->groups[s].process, now_ns));
	for (uint32_t s = 0; s < h->conf->n_groups; s++)
		next = earlier(next, init_turn(&h->groups[s].init, now_ns));
	for (uint32_t s = 0; s < h->conf->n_groups; s++)
		next = earlier(next, turn_evidence(h, s, now_ns));
	next = earlier(next, crash_turn(&h->crash, h->pinger, now_ns));
	for (uint32_t s = 0; s < h->conf->n_groups; s++)
		devices_hear(&h->devices, s, h->groups[s].in.peer_fresh, h->groups[s].in.peer_flags);
	next = earlier(next, devices_turn(&h->devices, now_ns));
	judge_all(h, now_ns);
	for (uint32_t s = 0; s < h->conf->n_groups; s++) {
		if (h->groups[s].orphan_ns)
			next = earlier(next, h->groups[s].orphan_ns);
		if (h->groups[s].port_ns && now_ns - h->groups[s].port_ns < PORT_NS)
			next = earlier(next, h->groups[s].port_ns + PORT_NS);
	}
	return earlier(next, listener_next(h->listener));
}

/* Every interface that is spoken of: the groups', their VIPs', the paths'. */
static int name_nics(struct health *h, const struct conf *conf)
{
	uint64_t paths = 0;
	int err = 0;

	for (uint32_t s = 0; s < conf->n_groups && !err; s++) {
		const struct conf_group *g = &conf->groups[s];

		err = nic_name(&h->nic, g->dev, &h->groups[s].nics);
		for (uint32_t v = 0; v < g->n_vips && !err; v++)
			err = nic_name(&h->nic, conf->vips[g->first_vip + v].dev,
				       &h->groups[s].nics);
	}
	for (uint32_t i = 0; i < conf->n_paths && !err; i++)
		err = nic_name(&h->nic, conf->paths[i].dev, &paths);
	for (uint32_t i = 0; i < conf->n_ifaces && !err; i++)
		err = nic_name(&h->nic, conf->ifaces[i].name, &paths);
	return err;
}

static int open_pinger(struct health *h)
{
	int err;

	h->pinger_src = (struct src){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .name = "pinger", .ready = on_pinger };
	if (h->pinger_src.fd < 0)
		return -errno;
	err = loop_add(h->loop, &h->pinger_src, EPOLLIN);
	if (!err)
		err = pinger_open(&h->pinger, h->conf, h->pinger_src.fd);
	if (!err)
		devices_open(&h->devices, h->conf, h->pinger);
	return err;
}

static void close_pinger(struct health *h)
{
	pinger_close(h->pinger);
	if (h->pinger_src.fd < 0)
		return;
	loop_del(h->loop, &h->pinger_src);
	close(h->pinger_src.fd);
}

static int begin(struct health *h, struct loop *loop)
{
	const struct conf *conf = h->conf;
	int err = name_nics(h, conf);

	if (!err)
		err = nic_open(&h->nic, loop, on_change, h);
	if (!err)
		err = listener_open(&h->listener, loop, conf, on_change, h);
	if (!err)
		err = open_pinger(h);
	if (!err)
		err = network_open(&h->network, loop, conf, on_change, h);
	if (err)
		return err;
	for (uint32_t s = 0; s < conf->n_groups; s++)
		process_open(&h->groups[s].process, loop, conf->groups[s].server_pidfile,
			     conf->groups[s].server_unit, on_change, h);
	for (uint32_t s = 0; s < conf->n_groups; s++)
		init_open(&h->groups[s].init, conf, &conf->groups[s]);
	for (uint32_t s = 0; s < conf->n_groups; s++) {
		answers_open(&h->groups[s].answers, &conf->groups[s], s, h->dp, h->pinger);
		traffic_open(&h->groups[s].traffic, conf, s, h->dp, h->pinger);
	}
	crash_open(&h->crash, loop, on_change, h);
	for (uint32_t s = 0; s < conf->n_groups; s++)
		crash_watch(&h->crash, s, conf->groups[s].name, &h->groups[s].process);
	judge_all(h, clock_now_ns());
	h->ready = true;
	return 0;
}

int health_open(struct health **ret, struct loop *loop, const struct conf *conf, struct dp *dp,
		health_report_fn *fn, void *arg)
{
	struct health *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->conf = conf;
	h->dp = dp;
	h->loop = loop;
	h->pinger_src.fd = -1;
	h->report = fn;
	h->arg = arg;
	err = begin(h, loop);
	if (err) {
		health_close(h);
		return err;
	}
	*ret = h;
	return 0;
}

void health_close(struct health *h)
{
	if (!h)
		return;
	crash_close(&h->crash);
	for (uint32_t s = 0; s < BT_GROUPS_MAX; s++)
		process_close(&h->groups[s].process);
	for (uint32_t s = 0; s < BT_GROUPS_MAX; s++)
		init_close(&h->groups[s].init);
	close_pinger(h);
	network_close(h->network);
	listener_close(h->listener);
	nic_close(&h->nic);
	free(h);
}

bool health_link_up(const struct health *h, const char *dev)
{
	return nic_is_up(&h->nic, dev);
}

int health_crash_events(const struct health *h)
{
	return crash_connector(&h->crash);
}

void health_tell(struct health *h, uint32_t slot, const struct health_input *in)
{
	h->groups[slot].in = *in;
}

uint32_t health_evidence(const struct health *h, uint32_t slot)
{
	return h->groups[slot].evidence | devices_evidence(&h->devices, slot);
}

int health_reload(struct health *h)
{
	int err = pinger_reload(h->pinger, h->conf);

	if (!err)
		devices_changed(&h->devices);
	return err;
}

void health_device(const struct health *h, uint32_t i, struct ping_report *ret)
{
	pinger_device(h->pinger, i, ret);
}

void health_server(const struct health *h, uint32_t slot, struct ping_report *ret)
{
	pinger_server(h->pinger, slot, ret);
}

pid_t health_server_pid(const struct health *h, uint32_t slot)
{
	const struct process *p = &h->groups[slot].process;

	return process_fact(p) == PROCESS_ALIVE ? p->pid : 0;
}

void health_refused(const struct health *h, uint64_t *ret_strangers, uint64_t *ret_malformed)
{
	struct pinger_counts c;

	pinger_counts(h->pinger, &c);
	*ret_strangers = c.strangers;
	*ret_malformed = c.malformed;
}

uint32_t health_vip_news(const struct health *h, uint32_t slot)
{
	return network_vip_news(h->network, slot);
}

void health_retime(struct health *h)
{
	listener_retime(h->listener, h->conf, clock_now_ns());
	network_retime(h->network);
}
