/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sim: two hosts, a switch and a client in one process and one thread, on a clock of their own.
 *
 * What is real: every object file of userspace/core/ and nearly all of userspace/ha/, as batond links them
 * (their threads run as tasks here, sched.c), and both BPF programs, compiled for this machine (xdp.c, tc.c).
 * What is not: the kernel below them (kernel.c, sys.c, libc.c), NICs, switch and client (net.c, client.c),
 * monitors (sys.c: they see the simulated server). A new call that batond makes of sys/ must be given a stand-in in
 * sys.c, one of libc in libc.c and sim.mk: the linker names it.
 *
 * A seed decides everything; nothing here reads a clock or an address. Same seed, same trace hash.
 *
 *	make sim SEEDS=1-10000		all of them, two processes
 *	build/sim/sim 1-300		a few seconds; exit code 1 and a story of the first violation
 *	build/sim/sim -v 4711		the whole story of one seed
 *	build/sim/sim -p network 1-99	one kind of trouble only; -l lists the kinds
 *	build/sim/sim -c 1-300		the groups in mode cluster: both hosts hear every frame, watchdogs run
 *
 * For planted bugs: build with O=somewhere, then `build/sim/sim -q 1-600` (10 s); it stops at the first violation.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "baton_abi.h"
#include "core/conf.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define HOSTS		2
#define NETS		2		/* 0: the clients' network; 1: a cable between the two hosts */
#define PORT_CLIENT	2
#define PORT_STRANGER	3		/* whoever records and forges */
#define PORTS		4
#define NEVER		UINT64_MAX
#define FRAME_MAX	1024
#define VIP_IP		0x0a000064u	/* 10.0.0.100 */
#define SIP_PORT	5060
#define PULSE_PORT	4270

struct host;
struct proc;
struct task;

/* ---- rng.c: chance ---------------------------------------------------------------------------- */

struct rng { uint64_t s; };

uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);				/* 0 .. n - 1 */
uint64_t rng_between(struct rng *r, uint64_t from, uint64_t to);	/* both included */
bool rng_ppm(struct rng *r, uint32_t ppm);
bool rng_one_in(struct rng *r, uint32_t n);

extern struct rng plan;		/* which faults, when: drawn before anything runs */
extern struct rng world;	/* every single frame and wake-up */
extern struct rng interrupts;	/* when timers' callbacks run */

/* ---- sched.c: the clock, and who runs --------------------------------------------------------- */

extern uint64_t sim_now;
extern struct task *me;		/* whose code runs; NULL: the simulation's own */

void sched_reset(void);
void sched_at(uint64_t when, void (*fn)(void *arg, uint64_t a), void *arg, uint64_t a);
bool sched_step(uint64_t until);	/* one event; false: none before @until */

struct task *task_start(struct proc *p, const char *name, void *(*run)(void *arg), void *arg);
void task_block(uint64_t deadline_ns);	/* of the host's clock; until woken or then */
void task_wake(struct task *t);
void task_point(void);			/* where the fault "stopped in the middle" may strike, */
void task_point_of_store(void);		/* and where "stopped before a store" does */
void task_sleep(uint64_t ns);
struct proc *task_proc(void);
bool task_ended(const struct task *t);
void *task_cond(const struct task *t);
void task_set_cond(struct task *t, void *cond);

/* ---- proc: a batond --------------------------------------------------------------------------- */

#define TASKS_MAX	10
#define PROC_FDS	64

enum fd_kind { FD_FREE, FD_EVENT, FD_PULSE, FD_RAW, FD_LISTEN, FD_RING, FD_NL };

struct fd {
	enum fd_kind kind;
	uint64_t count;			/* eventfd */
	uint32_t ifindex;
	uint32_t peer;			/* IPv4, host order */
	struct task *waiter;
	struct src *src;		/* registered with the loop */
};

struct proc {
	struct host *host;
	bool alive, stopped;
	uint32_t stop_in;		/* points left until it is stopped in the middle of its work */
	bool stop_at_store;		/* it is when it has decided to change a word */
	bool storing;			/* it has */
	uint64_t stop_for_ns;
	uint32_t life;			/* counts starts: events of an earlier life are void */
	struct task *task[TASKS_MAX];
	uint32_t n_tasks;
	struct fd fd[PROC_FDS];
	struct loop loop;
	struct ha *ha;
	struct dp *dp;
	struct health *health;
	bool term, ask, force, fence, unfence, renew;	/* what its operator wants */
	bool again;			/* it leaves to be started once more, in place */
	uint64_t turn_at;		/* when its main loop last ran, host's clock */
	char *arena;
	size_t used;
	char why[256];
};

void proc_start(struct host *h);
void proc_kill(struct host *h);
void proc_stop(struct host *h);		/* SIGSTOP */
void proc_cont(struct host *h);
void proc_poke(struct host *h);		/* main looks again */
void proc_end(struct proc *p);

/* ---- kernel.c --------------------------------------------------------------------------------- */

struct frame {
	uint32_t len;
	uint8_t data[FRAME_MAX];
};

#define MAPS_MAX	64
#define RING_MAX	64
#define TIMERS_MAX	4

struct timer {
	void *at, *map;		/* the bpf_timer, and the variable that names its map */
	int (*fn)(void *map, void *key, void *value);
	uint64_t due;		/* host's clock */
	uint64_t gen;		/* of the present wait: older events are void */
	bool armed;
};

struct kernel {
	bool pinned, attached;
	void *map[MAPS_MAX];
	struct bt_event ring[RING_MAX];
	uint32_t ring_n;
	struct timer timer[TIMERS_MAX];
};

void kernel_boot(struct host *h);
void *kernel_map(struct host *h, const char *name);	/* values of an array; NULL: no such map */
const void *kernel_map_get(struct host *h, const char *name, const void *key);	/* NULL: no such entry */
int kernel_map_set(struct host *h, const char *name, const void *key, const void *value);
int kernel_map_del(struct host *h, const char *name, const void *key);
uint32_t kernel_xdp(struct host *h, uint32_t ifindex, struct frame *f);	/* XDP_*; may change the frame */
bool kernel_tc(struct host *h, uint32_t ifindex, struct frame *f);		/* may it leave? */
/* Which element of the array behind the variable @map is @at in? */
void kernel_element(struct host *h, void *map, void *at, uint32_t *ret_key, void **ret_value);
extern struct host *kernel_of;		/* whose programs run */
/* timer.c */
void kernel_timers_end(struct host *h);
void kernel_timers_go_on(struct host *h);

/* ---- host.c ----------------------------------------------------------------------------------- */

#define NIC_QUEUE	512
#define FILES_MAX	16

struct disk_file {
	char name[96];
	char *data;
	size_t len;
};

struct host {
	uint8_t id;			/* 1 or 2 */
	uint8_t port;			/* of the switch */
	char name[4];
	bool on;			/* powered, and its kernel up */
	bool frozen, clock_stands;	/* the hypervisor does not run it */
	uint64_t since_sim, since_host;	/* its clock: */
	int32_t drift_ppm;
	struct kernel kernel;
	struct proc proc;
	struct conf conf;
	bool vip_addr, vip_route;	/* on eth0 */
	bool link[NETS];
	bool server;			/* the SIP server is well */
	uint64_t server_life, server_at;
	uint64_t service_ns;		/* it needs to answer */
	uint32_t starved_ppm;		/* wake-ups that come late, */
	uint64_t starved_ns;		/* up to so much */
	uint32_t late_ppm;		/* timers' callbacks that come late, */
	uint64_t late_ns;		/* up to so much */
	uint64_t disk_ns, rtnl_ns;	/* how slow these are */
	bool disk_fails;
	bool restarts;			/* systemd starts batond again */
	uint64_t exec_ns;		/* that takes so long in place */
	uint64_t again_at;		/* when its batond last left for that, host's clock */
	uint32_t boots;
	struct disk_file file[FILES_MAX];
	struct frame *queue[NIC_QUEUE];	/* what came while frozen */
	uint8_t queue_net[NIC_QUEUE];
	uint32_t queued;
};

extern struct host host[HOSTS];

void host_reset(uint32_t paths);
uint64_t host_now(const struct host *h);
uint64_t host_sim_time(const struct host *h, uint64_t host_ns);	/* when its clock will show that, about */
void host_boot(struct host *h, bool disk_lost);
void host_crash(struct host *h);		/* power off: memory is gone */
void host_freeze(struct host *h, bool clock_stands);
void host_thaw(struct host *h);
void host_server(struct host *h, bool well);
void host_link(struct host *h, uint32_t net, bool up);
/* sys.c: what packet sockets hear */
void raw_saw(struct host *h, uint32_t net, const struct frame *f);
void host_rx(struct host *h, uint32_t net, struct frame *f);	/* takes the frame */
void host_tx(struct host *h, uint32_t net, struct frame *f);	/* by the stack: tc first; takes the frame */
uint64_t host_word(struct host *h);
uint64_t host_lease(struct host *h);
bool host_serves(struct host *h);		/* its gate is open and leased, and its kernel runs */
void host_mac(const struct host *h, uint32_t net, uint8_t mac[6]);
const uint8_t *host_cluster_mac(struct host *h);	/* the address by which it hears a cluster's VIP; NULL: none */
uint32_t host_ip(uint32_t port, uint32_t net);
uint64_t host_wake_latency(struct host *h, bool realtime);
struct disk_file *host_file(struct host *h, const char *name, bool make);

/* ---- net.c ------------------------------------------------------------------------------------ */

struct way {			/* from one port to another */
	bool cut;
	uint32_t loss_ppm, dup_ppm, reorder_ppm;
	uint64_t delay_ns, jitter_ns;
	uint64_t last_at;
	uint64_t bad_until;	/* cut or too lossy to count as a way until then; 0: good since ever */
};

extern struct way way[NETS][PORTS][PORTS];
extern bool net_filters;	/* port security: foreign source addresses are dropped */

void net_reset(void);
struct frame *frame_new(void);
void frame_free(struct frame *f);
void net_send(uint32_t net, uint32_t port, struct frame *f);	/* takes the frame */
bool net_works(uint32_t from, uint32_t to);	/* some network brings most frames from host to host */
bool net_may_work(uint32_t from, uint32_t to);	/* or some, now and then */
void net_udp(struct frame *f, const uint8_t src_mac[6], const uint8_t dst_mac[6], uint32_t src, uint32_t dst,
	     uint16_t sport, uint16_t dport, const void *data, size_t len);

/* ---- client.c --------------------------------------------------------------------------------- */

struct client_tally {
	uint64_t sent, accepted, answered, twice, both, lost;
};

extern struct client_tally tally;
extern bool client_ignores_announcements;

void client_reset(uint64_t every_ns);
void client_rx(struct frame *f);
void client_accepted(struct host *h, uint32_t id);
void client_stop(void);
void client_count_lost(uint64_t sent_before);
uint64_t client_last_answer(void);

/* ---- stranger.c ------------------------------------------------------------------------------- */

void stranger_reset(bool active);
bool stranger_is_there(void);
void stranger_sees(uint32_t net, uint32_t to, const struct frame *f);

/* ---- etcd.c ----------------------------------------------------------------------------------- */

extern bool etcd_is_cut[HOSTS], etcd_hangs;
void etcd_reset(void);

/* ---- faults.c --------------------------------------------------------------------------------- */

struct profile {
	const char *name, *text;
	uint32_t weight;
	uint32_t flags;
};

#define P_CALM		(1u << 0)	/* nothing may move at all */
#define P_LOSSLESS	(1u << 1)	/* every request must be answered, once */
#define P_NO_LIMIT	(1u << 2)	/* role changes are not counted against faults */
#define P_WITNESS	(1u << 3)	/* arbiter etcd: two holders never; but nobody, while there is no lock to be had */

extern const struct profile profiles[];
extern uint32_t n_profiles;
extern const struct profile *profile;
extern bool in_cluster;			/* groups have mode cluster */
extern uint32_t faults_done, moves_allowed;
extern uint64_t faults_end;		/* sim time of the last one's end */

void faults_plan(const struct profile *p, uint64_t from, uint64_t to);

/* ---- check.c ---------------------------------------------------------------------------------- */

void check_reset(void);
void check_event(void);			/* after every event */
void check_word(struct host *h);	/* before whoever may have changed it goes on */
void check_word_of_kernel(struct host *h);
void check_word_of_timer(struct host *h);
void check_disturbed(void);		/* a fault begins or ends: time to recover counts anew */
void check_quiet(void);			/* long after the last fault */
void check_end(void);
void check_boot(struct host *h, bool disk_lost);
void check_accept(struct host *h);	/* its gate has just let a frame in */
void check_address(struct host *h, uint32_t net, const struct frame *f, bool out);	/* of a frame that its stack gets, or sends */
void check_accepts(struct host *h, uint32_t id);
extern uint32_t moves;

/* ---- main.c: the story ------------------------------------------------------------------------ */

extern bool telling;
void tell(const struct host *h, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void trace(uint64_t x);				/* into the hash */
void violated(const char *rule, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool is_violated(void);
const char *word_text(uint64_t word);

void *sim_calloc(size_t n, size_t size);	/* of the process that runs */

#endif
