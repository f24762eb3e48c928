/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf: what did the operator ask for?
 *
 * Pure: works on text in memory; files (configuration, secret) are read by the caller.
 *
 * Units:   *_ns nanoseconds, *_s seconds (the guide's options), addresses network order,
 *          IPv4 as v4-mapped IPv6 wherever 16 bytes stand.
 * Errors:  every one is `FILE:LINE: text`, all of them in one run; on any error the
 *          struct must not be used.
 * Source:  design §3.3, options.md, the guide's HA Configuration Options.
 */
#ifndef BATON_CONF_H
#define BATON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <net/if.h>

#include "baton_abi.h"

#define CONF_PATH_MAX	256
#define CONF_PORTS_MAX	8
#define CONF_VIPS_MAX	BT_VIPS_MAX	/* over all groups */
#define CONF_ROUTERS_MAX 8
#define CONF_ROUTES_MAX	16
#define CONF_IFACES_MAX	16
#define CONF_DEVICES_MAX 1000
#define CONF_POOLS_MAX	BT_POOLS_MAX
#define CONF_SERVICES_MAX 4	/* of a pool */
#define CONF_DNS_MAX	256
#define CONF_SITE_MAX	64	/* a site's name, "any string value" in the guide */

enum opt_section {
	SEC_NODE, SEC_PEER, SEC_ARBITER, SEC_INTERFACE, SEC_TSERVER, SEC_SYNC, SEC_SITE,
	SEC_GROUP, SEC_DEVICE, SEC_DN, SEC_POOL, SEC__N
};

/*
 * In which line does it stand? One row for each section, in it the [section]'s own line, then those of its options
 * (core/where.h knows which); a list keeps its first. 0: nowhere.
 */
#define CONF_LINES	16	/* rows of a section and one; asserted in test_opts */
#define CONF_LINES_WIDE	64	/* the same of [TServer] and [group], which has those too */
#define CONF_LINE_ARGS	UINT32_MAX	/* said by batond's arguments, not by the file */

enum conf_cluster_mac { CLUSTER_UNICAST, CLUSTER_MULTICAST, CLUSTER_IGMP };
enum conf_placement { PLACE_NETLINK, PLACE_RESIDENT };
enum conf_mode { MODE_TAKEOVER, MODE_CLUSTER, MODE_PROXY, MODE_SINGLE_HOST };
enum conf_xdp { XDP_AUTO, XDP_NATIVE, XDP_GENERIC, XDP_OFF };
enum conf_arbiter { ARBITER_NONE, ARBITER_ROUTER, ARBITER_ETCD };
enum conf_transport { PORT_UDP_TCP, PORT_UDP, PORT_TCP, PORT_TLS, PORT_WS };

struct conf_addr {
	struct in6_addr ip;		/* v4-mapped for IPv4 */
	uint8_t prefix_len;		/* of its own family: 0..32 or 0..128 */
};

struct conf_vip {
	struct conf_addr addr;
	char dev[IF_NAMESIZE];		/* `dev IF`, else the group's interface */
};

/* "5060" means UDP and TCP; the listener check asks for what is really there. */
struct conf_port {
	uint16_t port;			/* host order */
	enum conf_transport transport;
};

/* A port rule of a group. */
struct conf_rule {
	uint16_t from, to;		/* host order, both included */
	uint8_t protos;			/* BT_RULE_UDP, BT_RULE_TCP */
};

/* A SIP address of a device or server: "10.77.0.50:5060". */
struct conf_endpoint {
	struct in6_addr ip;
	uint16_t port;			/* host order */
};

struct conf_route {
	struct conf_addr net;
	struct in6_addr via;
};

struct conf_path {
	char dev[IF_NAMESIZE];
	struct in6_addr peer;
	char peer_text[INET6_ADDRSTRLEN];	/* as written, for the log */
};

/* The guide's options of [TServer]; each group has its own copy, starting from the section's. */
struct conf_tserver {
	bool backup_init_check;
	uint32_t backup_init_check_timeout_s;
	bool backup_sip_port_check;
	bool control_vip_scripts;
	bool control_remote_vip_scripts;
	uint32_t ha_max_calls_sync_at_once;
	uint32_t network_monitoring_timeout_s;
	char sip_error_codes_overflow[128];
	bool sip_iptakeover_monitoring;
	char sip_nic_address[128];
	bool sip_nic_monitoring;
	bool tlib_nic_monitoring;
	bool sip_pass_check;
	char sip_vip_script_up[CONF_PATH_MAX];
	char sip_vip_script_down[CONF_PATH_MAX];
	uint32_t vip_state_change_timeout_s;
	bool switchover_on_msml_oos;
	bool switchover_on_trunks_oos;
	char geo_location[32];			/* "": every place counts */
	char alternative_geo_location[128];	/* names */
	uint32_t shutdown_sip_reject_code;
	uint32_t graceful_shutdown_sip_timeout_s;
	int32_t sip_ip_tos;			/* -1: unset */
	char sip_tls_cert[CONF_PATH_MAX];
};

struct conf_sync {				/* [backup-sync] */
	char protocol[16];
	uint32_t addp_timeout_s;
	uint32_t addp_remote_timeout_s;
	uint32_t sync_reconnect_tout_s;
};

struct conf_iface {				/* [interface NAME] */
	char name[IF_NAMESIZE];
	enum conf_xdp xdp;
};

struct conf_local {				/* `server` of a group with mode = single-host */
	char name[BT_NAME_MAX];
	uint16_t port;				/* where it listens itself; host order */
	char pidfile[CONF_PATH_MAX], unit[128];	/* one of the two */
};

/* What the operator may have run. */
enum conf_script { SCRIPT_NOTIFY, SCRIPT_ALARM, SCRIPT_UP, SCRIPT_DOWN, SCRIPT__N };

struct conf_group {
	char name[BT_NAME_MAX];
	enum conf_mode mode;
	enum conf_cluster_mac cluster_mac;
	enum conf_placement placement;
	bool replay;
	uint64_t replay_memory;			/* bytes */
	uint64_t replay_window_ns;		/* 0: twice the detection time */
	char dev[IF_NAMESIZE];
	uint32_t first_vip, n_vips;		/* slice of conf.vips */
	struct conf_port ports[CONF_PORTS_MAX];
	uint32_t n_ports;
	struct conf_rule rules[BT_RULES_MAX];	/* as written; core/rules.h says which act */
	uint32_t n_rules;
	char prefer[BT_NAME_MAX];	/* a host's name; the first by name when not given */
	struct in6_addr routers[CONF_ROUTERS_MAX];
	uint32_t n_routers;
	struct conf_route routes[CONF_ROUTES_MAX];
	uint32_t n_routes;
	char server_pidfile[CONF_PATH_MAX];
	char server_unit[128];
	struct conf_local server[BT_SERVERS];	/* mode single-host: the first is preferred */
	uint32_t n_servers;
	uint32_t slot;				/* of the data path's maps: its place in conf.groups */
	uint16_t alias_port;			/* the server's answers may come from this port too; 0: none */
	bool listener_auto;
	uint64_t linger_ns;
	uint64_t drain_deadline_ns;
	uint64_t sip_hang_timeout_ns;		/* mode single-host: of each server */
	bool listen_of_servers;			/* mode single-host: as written, listener_auto is false then */
	uint32_t announce_rate;			/* frames a second after the first round */
	char notify[CONF_PATH_MAX];
	char alarm_notify[CONF_PATH_MAX];
	struct conf_tserver opt;
};

struct conf_device {				/* [device NAME] */
	char name[BT_NAME_MAX];
	struct conf_endpoint contact;
	char service_type[16];			/* trunk, msml, device */
	uint32_t oos_check_s, oos_force_s;	/* 0: unset */
	char geo_location[32];
	bool dr_oosp_transfer_enabled;
};

struct conf_pool_server {
	char host[BT_NAME_MAX];
	struct conf_endpoint at;
};

struct conf_pool {				/* [pool NAME] */
	char name[BT_NAME_MAX];
	struct conf_endpoint service[CONF_SERVICES_MAX];	/* first: its port becomes the server's */
	uint32_t n_services;
	struct conf_pool_server server[BT_SERVERS];	/* first: the configured primary */
	uint32_t n_servers;
	enum bt_forward forward;
	uint32_t oos_check_s, oos_force_s;
	/* How the batonds of its servers' hosts are asked: they are a pair of their own. */
	uint8_t pair_id;
	char secret_file[CONF_PATH_MAX];	/* "": they are not asked */
	uint16_t pulse_port;
	char group[BT_NAME_MAX];		/* whose holder there is active */
	/* As [TServer] has them where the pool does not say. */
	char sip_error_codes_overflow[128];
	uint32_t shutdown_sip_reject_code;
	uint32_t graceful_shutdown_sip_timeout_s;
	uint64_t drain_deadline_ns;
};

struct conf_site {				/* [site]: the guide's Business Continuity */
	char dr_forward[12];			/* off, no-agent, oos */
	char dr_peer_trunk[BT_NAME_MAX];	/* a [device] */
	char dr_peer_location[CONF_SITE_MAX];
};

struct conf_dn {				/* [dn NUMBER] */
	char name[BT_NAME_MAX];
	char dr_forward[12];			/* "": as the site */
	char hg_preferred_site[CONF_SITE_MAX];
	char sca_preferred_site[CONF_SITE_MAX];
};

struct conf_where {
	uint32_t single[SEC__N][CONF_LINES_WIDE];	/* of sections without a name */
	uint32_t group[BT_GROUPS_MAX][CONF_LINES_WIDE];
	uint32_t iface[CONF_IFACES_MAX][CONF_LINES];
	uint32_t device[CONF_DEVICES_MAX][CONF_LINES];
	uint32_t dn[CONF_DNS_MAX][CONF_LINES];
	uint32_t pool[CONF_POOLS_MAX][CONF_LINES];
	uint32_t vip[CONF_VIPS_MAX];		/* as in conf.vips */
	uint32_t path[BT_PATHS_MAX];
	uint32_t rule[BT_GROUPS_MAX][BT_RULES_MAX];
	uint32_t service[CONF_POOLS_MAX][CONF_SERVICES_MAX];
	uint32_t server[CONF_POOLS_MAX][BT_SERVERS];
};

struct conf {
	/* [node] */
	char name[BT_NAME_MAX];
	uint8_t pair_id;
	char secret_file[CONF_PATH_MAX];
	char run_dir[CONF_PATH_MAX];
	char state_dir[CONF_PATH_MAX];
	char pin_dir[CONF_PATH_MAX];
	char http_address[64];
	uint16_t http_port;
	char log_level[8];			/* err, warn, info, debug */

	/* [peer] */
	char peer_name[BT_NAME_MAX];
	struct conf_path paths[BT_PATHS_MAX];
	uint32_t n_paths;
	uint16_t pulse_port, link_port;
	uint64_t pulse_interval_ns;
	uint32_t pulse_misses;
	uint64_t lease_ns;

	/* [arbiter] */
	enum conf_arbiter arbiter;
	char arbiter_url[CONF_PATH_MAX];

	struct conf_tserver tserver;		/* [TServer], the default of every group */
	struct conf_sync sync;
	struct conf_iface ifaces[CONF_IFACES_MAX];
	uint32_t n_ifaces;
	struct conf_group groups[BT_GROUPS_MAX];
	uint32_t n_groups;
	struct conf_vip vips[CONF_VIPS_MAX];
	uint32_t n_vips;
	struct conf_device devices[CONF_DEVICES_MAX];
	uint32_t n_devices;
	struct conf_pool pools[CONF_POOLS_MAX];
	uint32_t n_pools;
	struct conf_site site;
	struct conf_dn dns[CONF_DNS_MAX];
	uint32_t n_dns;

	char file[CONF_PATH_MAX];		/* it was read from */
	struct conf_where where;
};

/* Told once per error; @line counts from 1, 0 when no line is to blame (something is missing). */
typedef void conf_error_fn(void *arg, const char *file, unsigned line, const char *text);

/*
 * Read @text (@len bytes, any bytes) of the file called @file into @ret, all defaults filled in.
 * Returns the number of errors told through @error; 0 means @ret is whole and consistent.
 */
unsigned conf_parse(struct conf *ret, const char *file, const char *text, size_t len,
		    conf_error_fn *error, void *arg);

/* 1 for the host whose name sorts first, else 2: both hosts come to the same answer. */
uint8_t conf_my_id(const struct conf *c);
uint8_t conf_peer_id(const struct conf *c);
/* Without a peer: pools and groups with mode = single-host alone. */
bool conf_is_alone(const struct conf *c);
/* Does this host lead when both are new? */
bool conf_prefers_me(const struct conf *c, const struct conf_group *g);
/* A script's file ("" for none) and the option that names it. */
const char *conf_script_path(const struct conf_group *g, enum conf_script which);
const char *conf_script_name(enum conf_script which);
/* The XDP mode asked for on @dev (auto unless [interface @dev] says otherwise). */
enum conf_xdp conf_xdp_of(const struct conf *c, const char *dev);
/* The group that has @ip for a VIP; NULL: none. */
const struct conf_group *conf_group_at(const struct conf *c, const struct in6_addr *ip);
/* Its VIPs are on both hosts all the time. */
static inline bool conf_is_resident(const struct conf_group *g)
{
	return g->placement == PLACE_RESIDENT;
}
/* As in the configuration. */
const char *conf_mode_text(enum conf_mode mode);
/* As on the wire: hash of the group's name ... */
uint32_t conf_name_hash(const char *name);
/* ... and digest of what both hosts must share: VIPs, ports, port rules, mode and its kind of address, placement, arbiter, and with etcd the lease. */
uint32_t conf_digest(const struct conf *c, const struct conf_group *g);

/* Text of an address ("10.77.0.100", "fd00::64"), for logs and JSON; @buf >= INET6_ADDRSTRLEN. */
const char *conf_ip_text(const struct in6_addr *ip, char *buf);
bool conf_is_v4(const struct in6_addr *ip);

#endif
