/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/opts.h"

#include <stdio.h>
#include <string.h>

#include "core/conf_addr.h"
#include "core/conf_value.h"
#include "core/opt_kind.h"
#include "core/where.h"

#define US		1000ull
#define MS		(1000 * US)
#define SEC		(1000 * MS)
#define KIB		1024ull

static const char *const no_yes[] = { "false", "true", NULL };
static const char *const off_auto[] = { "off", "auto", NULL };
static const char *const levels[] = { "err", "warn", "info", "debug", NULL };
static const char *const arbiters[] = {
	[ARBITER_NONE] = "none", [ARBITER_ROUTER] = "router", [ARBITER_ETCD] = "etcd", NULL
};
static const char *const xdp_modes[] = {
	[XDP_AUTO] = "auto", [XDP_NATIVE] = "native", [XDP_GENERIC] = "generic",
	[XDP_OFF] = "off", NULL
};
static const char *const modes[] = {
	[MODE_TAKEOVER] = "takeover", [MODE_CLUSTER] = "cluster", [MODE_PROXY] = "proxy",
	[MODE_SINGLE_HOST] = "single-host", NULL
};
static const char *const cluster_macs[] = {
	[CLUSTER_UNICAST] = "unicast", [CLUSTER_MULTICAST] = "multicast", [CLUSTER_IGMP] = "igmp", NULL
};
static const char *const replays[] = { "no", "yes", NULL };
static const char *const placements[] = { [PLACE_NETLINK] = "netlink", [PLACE_RESIDENT] = "resident", NULL };
static const char *const protocols[] = { "addp", NULL };
static const char *const service_types[] = { "trunk", "msml", "device", NULL };
static const char *const dr_forwards[] = { "off", "no-agent", "oos", NULL };
static const char *const forwards[] = {
	[BT_FWD_L2] = "l2", [BT_FWD_IPIP] = "ipip", [BT_FWD_NAT] = "nat", NULL
};

/* Section, name, effect, kind; struct of the section and the member in it. */
#define ROW(sec, str, effct, knd, type, field) \
	.section = sec, .name = str, .effect = effct, .kind = knd, \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)0)->field)
#define NODE(n, e, k, f)	ROW(SEC_NODE, n, e, k, conf, f)
#define PEER(n, e, k, f)	ROW(SEC_PEER, n, e, k, conf, f)
#define ARBITER(n, e, k, f)	ROW(SEC_ARBITER, n, e, k, conf, f)
#define IFACE(n, e, k, f)	ROW(SEC_INTERFACE, n, e, k, conf_iface, f)
#define TSERVER(n, e, k, f)	ROW(SEC_TSERVER, n, e, k, conf_tserver, f)
#define SYNC(n, e, k, f)	ROW(SEC_SYNC, n, e, k, conf_sync, f)
#define GROUP(n, e, k, f)	ROW(SEC_GROUP, n, e, k, conf_group, f)
#define DEVICE(n, e, k, f)	ROW(SEC_DEVICE, n, e, k, conf_device, f)
#define SITE(n, e, k, f)	ROW(SEC_SITE, n, e, k, conf_site, f)
#define DN(n, e, k, f)		ROW(SEC_DN, n, e, k, conf_dn, f)
#define POOL(n, e, k, f)	ROW(SEC_POOL, n, e, k, conf_pool, f)
/* A list has its counter elsewhere, opt_kind.c knows where. */
#define LIST(sec, str, effct, knd) \
	.section = sec, .name = str, .effect = effct, .kind = knd

/* Read and checked, but this version does not act on it. */
#define IDLE			.idle = true
#define YESNO(d)		.words = no_yes, .def = (d)
#define SECONDS(d, lo, hi)	.def = (d), .min = (lo), .max = (hi), .unit = "s"
#define NUMBER(d, lo, hi)	.def = (d), .min = (lo), .max = (hi)

static const struct opt table[] = {
	{ NODE("name", AT_RESTART, OPT_NAME, name), .required = true,
	  .help = "this host's name, the other host's [peer] name" },
	{ NODE("pair-id", AT_RESTART, OPT_UINT, pair_id), NUMBER("1", 1, 255),
	  .help = "tells pairs on one network apart: another pair is not heard" },
	{ NODE("secret-file", AT_RESTART, OPT_FILE, secret_file), .def = "/etc/baton/secret",
	  .help = "at least 32 bytes, mode 0600, the same on both hosts" },
	{ NODE("run-dir", AT_RESTART, OPT_FILE, run_dir), .def = "/run/baton", .max = 80,
	  .help = "control socket and lock" },
	{ NODE("state-dir", AT_RESTART, OPT_FILE, state_dir), .def = "/var/lib/baton",
	  .help = "where the last term survives a reboot" },
	{ NODE("pin-dir", AT_RESTART, OPT_FILE, pin_dir), .def = "/sys/fs/bpf/baton",
	  .help = "pinned maps and programs; must be root's alone" },
	{ NODE("http-address", AT_RESTART, OPT_IP, http_address), .def = "127.0.0.1",
	  .help = "address the HTTP server listens on; whoever reaches it may read" },
	{ NODE("http-port", AT_RESTART, OPT_UINT, http_port), NUMBER("0", 1, 65535), .zero = true,
	  .help = "readiness, metrics and status page; 0: no HTTP" },
	{ NODE("log-level", AT_ONCE, OPT_WORD, log_level), .words = levels, .def = "info",
	  .help = "the least grave lines that are logged" },

	{ PEER("name", AT_RESTART, OPT_NAME, peer_name), .required = true,
	  .help = "the other host's [node] name" },
	{ LIST(SEC_PEER, "path", AT_RESTART, OPT_PATH), .required = true,
	  .help = "a heartbeat path: interface and the peer's address there" },
	{ PEER("pulse-port", AT_RESTART, OPT_UINT, pulse_port), NUMBER("4270", 1, 65535),
	  .help = "UDP port of the heartbeat" },
	{ PEER("link-port", AT_RESTART, OPT_UINT, link_port), NUMBER("4271", 1, 65535),
	  IDLE, .help = "TCP port of the peer link" },
	{ PEER("pulse-interval", AT_RESTART, OPT_TIME, pulse_interval_ns),
	  NUMBER("3ms", 500 * US, 1 * SEC),
	  .help = "time between two probes; many small beats beat few" },
	{ PEER("pulse-misses", AT_RESTART, OPT_UINT, pulse_misses), NUMBER("10", 2, 50),
	  .help = "unanswered probes in a row after which the peer is dead" },
	{ PEER("lease", AT_RESTART, OPT_TIME, lease_ns), NUMBER("250ms", 50 * MS, 10 * SEC),
	  .help = "how long the gate stays open without the controller; >= 4 x pulse-interval" },

	{ ARBITER("type", AT_RESTART, OPT_ENUM, arbiter), .words = arbiters, .def = "none",
	  .help = "third opinion before a claim" },
	{ ARBITER("url", AT_RESTART, OPT_URL, arbiter_url), .def = "http://127.0.0.1:2379",
	  .help = "where the etcd of type = etcd answers" },

	{ IFACE("xdp-mode", AT_RESTART, OPT_ENUM, xdp), .words = xdp_modes, .def = "auto",
	  .help = "how the data path is attached; off: nftables lease gate only" },

	{ TSERVER("backup-init-check", AT_RESTART, OPT_BOOL, backup_init_check), YESNO("false"),
	  .help = "a backup of which a part is not ready in time is unavailable: it takes over as the last host alive only" },
	{ TSERVER("backup-init-check-timeout", AT_RESTART, OPT_UINT, backup_init_check_timeout_s),
	  SECONDS("60", 15, 3600), .help = "time for the above, from when it became a backup, or hears its peer" },
	{ TSERVER("backup-sip-port-check", AT_RESTART, OPT_BOOL, backup_sip_port_check),
	  YESNO("true"),
	  .help = "with backup-init-check: where nobody listens, can the SIP port be opened; not with vip scripts" },
	{ TSERVER("control-vip-scripts", AT_RESTART, OPT_BOOL, control_vip_scripts), YESNO("false"),
	  .help = "the operator's scripts bring the VIP up and down instead of rtnetlink" },
	{ TSERVER("control-remote-vip-scripts", AT_RESTART, OPT_BOOL, control_remote_vip_scripts),
	  YESNO("true"),
	  .help = "with control-vip-scripts: ask the peer to run its down script" },
	{ TSERVER("ha-max-calls-sync-at-once", AT_LINK_UP, OPT_UINT, ha_max_calls_sync_at_once),
	  NUMBER("500", 200, 1000), IDLE, .help = "calls sent in one burst, then a pause of 1 s" },
	{ TSERVER("network-monitoring-timeout", AT_ONCE, OPT_UINT, network_monitoring_timeout_s),
	  SECONDS("1", 1, 30), .help = "period of the VIP and NIC checks" },
	{ TSERVER("sip-error-codes-overflow", AT_NEXT_CALL, OPT_CODES, sip_error_codes_overflow),
	  .help = "answers to an initial INVITE that send the call to the pool's other server; unset: 503. Pools with forward = nat alone" },
	{ TSERVER("sip-iptakeover-monitoring", AT_RESTART, OPT_BOOL, sip_iptakeover_monitoring),
	  YESNO("false"),
	  .help = "VIPs present on the primary, absent on the backup: mended at once; if that fails: unavailable" },
	{ TSERVER("sip-nic-address", AT_RESTART, OPT_HOST, sip_nic_address),
	  .help = "with sip-nic-monitoring: the address that is always present on the SIP NIC" },
	{ TSERVER("sip-nic-monitoring", AT_RESTART, OPT_BOOL, sip_nic_monitoring), YESNO("false"),
	  .help = "the NICs of the VIPs: link, carrier and sip-nic-address; if not: unavailable" },
	{ TSERVER("tlib-nic-monitoring", AT_RESTART, OPT_BOOL, tlib_nic_monitoring), YESNO("false"),
	  .help = "the same for NICs of heartbeat paths without VIPs: link, carrier, any address" },
	{ TSERVER("sip-pass-check", AT_ONCE, OPT_BOOL, sip_pass_check), YESNO("false"),
	  .help = "give the role up when no SIP comes in and every checked device has failed" },
	{ TSERVER("sip-vip-script-up", AT_RESTART, OPT_FILE, sip_vip_script_up),
	  .help = "with control-vip-scripts: run with GROUP VIP INTERFACE" },
	{ TSERVER("sip-vip-script-down", AT_RESTART, OPT_FILE, sip_vip_script_down),
	  .help = "with control-vip-scripts: run with GROUP VIP INTERFACE" },
	{ TSERVER("vip-state-change-timeout", AT_ONCE, OPT_UINT, vip_state_change_timeout_s),
	  SECONDS("10", 3, 60), .help = "time for a script to change the VIP's state" },
	{ TSERVER("switchover-on-msml-oos", AT_NEXT_CALL, OPT_BOOL, switchover_on_msml_oos),
	  YESNO("false"), .help = "all msml devices of the geo-location out of service, the peer's not: unavailable" },
	{ TSERVER("switchover-on-trunks-oos", AT_NEXT_CALL, OPT_BOOL, switchover_on_trunks_oos),
	  YESNO("false"), .help = "all trunks of the geo-location out of service, the peer's not: unavailable" },
	{ TSERVER("geo-location", AT_ONCE, OPT_NAME, geo_location),
	  .help = "for the two above: only devices of this place and its alternatives count; unset: all" },
	{ TSERVER("alternative-geo-location", AT_ONCE, OPT_NAMES, alternative_geo_location),
	  .help = "places that may stand in for geo-location" },
	{ TSERVER("shutdown-sip-reject-code", AT_ONCE, OPT_UINT, shutdown_sip_reject_code),
	  NUMBER("603", 300, 603), .help = "answer to new INVITEs while draining" },
	{ TSERVER("graceful-shutdown-sip-timeout", AT_ONCE, OPT_UINT,
		  graceful_shutdown_sip_timeout_s),
	  SECONDS("4", 0, 32),
	  .help = "after the last call, how long BYEs may still be repeated" },
	{ TSERVER("sip-ip-tos", AT_ONCE, OPT_UINT, sip_ip_tos), .unset = -1, NUMBER(NULL, 0, 255),
	  .help = "TOS byte, in IPv6 traffic class, of SIP that leaves from a VIP; of TCP the ECN bits stay. Unset: as the server sends it" },
	{ TSERVER("sip-tls-cert", AT_RESTART, OPT_FILE, sip_tls_cert),
	  .help = "PEM file looked at on both hosts each minute: readable, naming the VIP, days left; an alarm when fewer than 7" },

	{ SYNC("protocol", AT_LINK_UP, OPT_WORD, protocol), .words = protocols, .def = "addp",
	  IDLE, .help = "keep-alive on the peer link" },
	{ SYNC("addp-timeout", AT_LINK_UP, OPT_UINT, addp_timeout_s), SECONDS("5", 1, 3600),
	  IDLE, .help = "silence after which this side declares the link lost" },
	{ SYNC("addp-remote-timeout", AT_LINK_UP, OPT_UINT, addp_remote_timeout_s),
	  SECONDS("5", 1, 3600),
	  IDLE, .help = "silence after which the other side declares the link lost" },
	{ SYNC("sync-reconnect-tout", AT_LINK_UP, OPT_UINT, sync_reconnect_tout_s),
	  SECONDS("20", 1, 3600),
	  IDLE, .help = "wait before the link is tried again" },

	{ SITE("dr-forward", AT_ONCE, OPT_WORD, dr_forward), .words = dr_forwards, .def = "off",
	  IDLE, .help = "calls for a number not registered (oos), or without agent (no-agent), here go to the peer site, each once" },
	{ SITE("dr-peer-trunk", AT_ONCE, OPT_NAME, dr_peer_trunk),
	  IDLE, .help = "this pair is one of two sites, and that [device] is the trunk to the other" },
	{ SITE("dr-peer-location", AT_NEXT_TARGET, OPT_SITE, dr_peer_location),
	  IDLE, .help = "the other site's name" },

	{ GROUP("mode", AT_RESTART, OPT_ENUM, mode), .words = modes, .def = "takeover",
	  .help = "how the VIPs move" },
	{ GROUP("cluster-mac", AT_RESTART, OPT_ENUM, cluster_mac), .words = cluster_macs, .def = "unicast",
	  .help = "mode cluster: kind of the Ethernet address that both hosts hear" },
	{ GROUP("vip-placement", AT_RESTART, OPT_ENUM, placement), .words = placements, .def = "netlink",
	  .help = "addresses come and go with the role, or live on both hosts and only the open gate answers for them" },
	{ GROUP("replay", AT_ONCE, OPT_BOOL, replay), .words = replays, .def = "yes",
	  .help = "mode cluster: after the holder's death its unanswered requests are put before this host's server" },
	{ GROUP("replay-window", AT_ONCE, OPT_TIME, replay_window_ns), NUMBER("0", 1 * MS, 10 * SEC), .zero = true,
	  .help = "how old such a request may be; 0: twice the detection time" },
	{ GROUP("replay-memory", AT_RESTART, OPT_BYTES, replay_memory), NUMBER("16MiB", 64 * KIB, 1024 * 1024 * KIB),
	  .help = "for requests and receipts kept, 2 KiB each; the groups of a host share one ring of the sum" },
	{ GROUP("interface", AT_RESTART, OPT_IFACE, dev), .required = true,
	  .help = "where the VIPs are installed" },
	{ LIST(SEC_GROUP, "sip-address", AT_RESTART, OPT_VIP), .required = true,
	  .help = "a VIP; its length names the network, `dev IF` another interface" },
	{ LIST(SEC_GROUP, "sip-port", AT_RESTART, OPT_PORTS), .def = "5060",
	  .help = "ports of the SIP server, as in 5060 5061/tls; without transport: UDP and TCP" },
	{ LIST(SEC_GROUP, "port-rule", AT_RESTART, OPT_RULE),
	  .help = "what is let in to the VIPs; none: in mode cluster the sip-ports, else everything" },
	{ GROUP("prefer", AT_RESTART, OPT_NAME, prefer),
	  .help = "who leads when both are new, the first by name if unset; nobody is preempted" },
	{ LIST(SEC_GROUP, "router", AT_RESTART, OPT_ROUTER),
	  .help = "told of a new holder by unicast too" },
	{ LIST(SEC_GROUP, "route", AT_RESTART, OPT_ROUTE),
	  .help = "installed with the VIP as source" },
	{ GROUP("server-pidfile", AT_RESTART, OPT_FILE, server_pidfile),
	  .help = "process to be watched, by its number on this host; not with server-unit" },
	{ GROUP("server-unit", AT_RESTART, OPT_UNIT, server_unit),
	  .help = "systemd service to be watched; not with server-pidfile" },
	{ LIST(SEC_GROUP, "server", AT_RESTART, OPT_LOCAL),
	  .help = "mode single-host: one of the two servers of this host, the port where it listens itself, and how its process is known; the first is preferred" },
	{ GROUP("listener", AT_RESTART, OPT_BOOL, listener_auto), .words = off_auto, .def = "auto",
	  .help = "may the server be judged by its listening socket" },
	{ GROUP("linger", AT_ONCE, OPT_TIME, linger_ns), NUMBER("32s", 0, 300 * SEC),
	  .help = "how long the old owner may still answer what it had accepted" },
	{ GROUP("drain-deadline", AT_ONCE, OPT_TIME, drain_deadline_ns),
	  NUMBER("0", 1 * SEC, 86400 * SEC),
	  .zero = true, .help = "end of a drain whose dialogs do not end; 0: none" },
	{ GROUP("sip-hang-timeout", AT_ONCE, OPT_TIME, sip_hang_timeout_ns),
	  NUMBER("300ms", 100 * MS, 60 * SEC), .zero = true,
	  .help = "requests in and nothing out for so long: the server is asked; 0: off" },
	{ GROUP("announce-rate", AT_ONCE, OPT_UINT, announce_rate), NUMBER("500", 1, 100000),
	  .help = "announcements a second after the first round" },
	{ GROUP("notify", AT_ONCE, OPT_FILE, notify), .help = "run with GROUP ROLE TERM CAUSE" },
	{ GROUP("alarm-notify", AT_ONCE, OPT_FILE, alarm_notify), .help = "run with raised or cleared, ID, TEXT; for the host's own alarms each group's script once" },

	{ DEVICE("contact", AT_ONCE, OPT_ENDPOINT, contact), .required = true,
	  .help = "where the device takes SIP, ADDRESS:PORT" },
	{ DEVICE("service-type", AT_ONCE, OPT_WORD, service_type),
	  .words = service_types, .def = "device", .help = "what it is" },
	{ DEVICE("oos-check", AT_ONCE, OPT_UINT, oos_check_s), SECONDS(NULL, 1, 300), .zero = true,
	  .help = "OPTIONS to it every so often; unset or 0: not checked" },
	{ DEVICE("oos-force", AT_ONCE, OPT_UINT, oos_force_s), SECONDS(NULL, 1, 30), .zero = true,
	  .help = "without an answer for so long: out of service, and asked every so often; unset: as oos-check" },
	{ DEVICE("geo-location", AT_ONCE, OPT_NAME, geo_location), .help = "where it is" },
	{ DEVICE("dr-oosp-transfer-enabled", AT_NEXT_CALL, OPT_BOOL, dr_oosp_transfer_enabled), YESNO("true"),
	  IDLE, .help = "of a trunk: a call for the peer site is sent there by a 302 (true) or stays in the path (false)" },

	{ DN("dr-forward", AT_ONCE, OPT_WORD, dr_forward), .words = dr_forwards,
	  IDLE, .help = "the same as the [site]'s, for this number alone; unset: as the site" },
	{ DN("hg-preferred-site", AT_NEXT_CALL, OPT_SITE, hg_preferred_site),
	  IDLE, .help = "the site that distributes this hunt group's calls while both sites are up" },
	{ DN("sca-preferred-site", AT_NEXT_CALL, OPT_SITE, sca_preferred_site),
	  IDLE, .help = "the same of a shared call appearance" },

	{ LIST(SEC_POOL, "service", AT_ONCE, OPT_SERVICE), .required = true,
	  .help = "where the pool is reached, four lines at most: an address of this host, or a VIP of a group with mode = proxy" },
	{ LIST(SEC_POOL, "server", AT_ONCE, OPT_SERVER), .required = true,
	  .help = "one of the pair: NAME ADDRESS:PORT; the first is the configured primary" },
	{ POOL("forward", AT_ONCE, OPT_ENUM, forward), .words = forwards, .def = "l2",
	  .help = "how frames get there: same network (l2), through a tunnel (ipip), with the address translated (nat)" },
	{ POOL("oos-check", AT_ONCE, OPT_UINT, oos_check_s), SECONDS("5", 1, 300), .zero = true,
	  .help = "OPTIONS to the active server every so often; 0: not checked" },
	{ POOL("oos-force", AT_ONCE, OPT_UINT, oos_force_s), SECONDS("5", 1, 30), .zero = true,
	  .help = "the same after one went unanswered, to both servers in turn" },
	{ POOL("pair-id", AT_ONCE, OPT_UINT, pair_id), NUMBER("1", 1, 255),
	  .help = "of the batonds on the servers' hosts, as their [node] section has it" },
	{ POOL("secret-file", AT_ONCE, OPT_FILE, secret_file),
	  .help = "the secret of that pair, mode 0600: with it their kernels tell who is active; unset: they are not asked" },
	{ POOL("pulse-port", AT_ONCE, OPT_UINT, pulse_port), NUMBER("4270", 1, 65535),
	  .help = "UDP port of their heartbeat" },
	{ POOL("group", AT_ONCE, OPT_NAME, group),
	  .help = "the group there whose holder is active; unset: the pool's name" },
	{ POOL("sip-error-codes-overflow", AT_NEXT_CALL, OPT_CODES, sip_error_codes_overflow),
	  .help = "as in [TServer], of this pool's calls; not with l2 and ipip: there the answers do not pass this node" },
	{ POOL("shutdown-sip-reject-code", AT_ONCE, OPT_UINT, shutdown_sip_reject_code), NUMBER(NULL, 300, 603),
	  .help = "as in [TServer], of this pool's calls" },
	{ POOL("graceful-shutdown-sip-timeout", AT_ONCE, OPT_UINT, graceful_shutdown_sip_timeout_s), SECONDS(NULL, 0, 32),
	  IDLE, .help = "as in [TServer], of this pool's calls" },
	{ POOL("drain-deadline", AT_ONCE, OPT_TIME, drain_deadline_ns), NUMBER("0", 1 * SEC, 86400 * SEC),
	  .zero = true, .help = "end of a drain whose dialogs do not end; 0: none" },
};

#define N_OPTS (sizeof(table) / sizeof(table[0]))
_Static_assert(N_OPTS <= OPTS_MAX, "raise OPTS_MAX");

static const struct {
	const char *name;
	bool named;
} sections[SEC__N] = {
	[SEC_NODE]	= { "node", false },
	[SEC_PEER]	= { "peer", false },
	[SEC_ARBITER]	= { "arbiter", false },
	[SEC_INTERFACE]	= { "interface", true },
	[SEC_TSERVER]	= { "TServer", false },
	[SEC_SYNC]	= { "backup-sync", false },
	[SEC_SITE]	= { "site", false },
	[SEC_GROUP]	= { "group", true },
	[SEC_DEVICE]	= { "device", true },
	[SEC_DN]	= { "dn", true },
	[SEC_POOL]	= { "pool", true },
};

uint32_t opts_count(void)
{
	return N_OPTS;
}

const struct opt *opts_get(uint32_t row)
{
	return row < N_OPTS ? &table[row] : NULL;
}

uint32_t opts_row(const struct opt *o)
{
	return (uint32_t)(o - table);
}

bool opts_shown_in(const struct opt *o, enum opt_section section)
{
	return o->section == section || (section == SEC_GROUP && o->section == SEC_TSERVER);
}

/* May it be written there? The guide has the sites' options in [TServer] too. */
static bool stands_in(const struct opt *o, enum opt_section section)
{
	return opts_shown_in(o, section) || (section == SEC_TSERVER && o->section == SEC_SITE);
}

static uint32_t first_of(enum opt_section section)
{
	uint32_t row = 0;

	while (row < N_OPTS && table[row].section != section)
		row++;
	return row;
}

static uint32_t number_of(enum opt_section section)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < N_OPTS; row++)
		n += table[row].section == section;
	return n;
}

uint32_t opts_place(const struct opt *o, enum opt_section section)
{
	uint32_t at = opts_row(o) - first_of(o->section);

	return section == SEC_GROUP && o->section == SEC_TSERVER ? number_of(SEC_GROUP) + at : at;
}

const struct opt *opts_find(enum opt_section section, const char *name)
{
	for (size_t i = 0; i < N_OPTS; i++)
		if (stands_in(&table[i], section) && !strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

const struct opt *opts_nearest(enum opt_section section, const char *name)
{
	const struct opt *best = NULL;
	unsigned least = VALUE_FAR;

	for (size_t i = 0; i < N_OPTS; i++) {
		unsigned slips = value_slips(name, table[i].name);

		if (stands_in(&table[i], section) && slips < least) {
			least = slips;
			best = &table[i];
		}
	}
	return best;
}

bool opts_is_list(const struct opt *o)
{
	return o->kind >= OPT_PATH && o->kind <= OPT_SERVER;
}

const char *opts_arbiter_text(enum conf_arbiter arbiter)
{
	return arbiters[arbiter];
}

const char *opts_section_name(enum opt_section section)
{
	return sections[section].name;
}

bool opts_section_is_named(enum opt_section section)
{
	return sections[section].named;
}

bool opts_set(const struct opt *o, const struct opt_at *at, const char *text, char *why)
{
	return opt_kind_set(o, at, text, why);
}

void opts_defaults(enum opt_section section, const struct opt_at *at)
{
	char why[CONF_WHY];

	for (size_t i = 0; i < N_OPTS; i++) {
		const struct opt *o = &table[i];

		if (o->section != section)
			continue;
		if (o->def)
			(void)opts_set(o, at, o->def, why); /* a wrong default fails test_opts */
		else if (o->kind == OPT_UINT)
			opt_kind_store(o, at->obj, (uint64_t)o->unset);
	}
}

void opts_valid_text(const struct opt *o, char buf[OPTS_TEXT])
{
	opt_kind_valid(o, buf, OPTS_TEXT);
}

const char *opts_effect_text(const struct opt *o)
{
	static const char *const text[] = {
		[AT_RESTART] = "restart", [AT_ONCE] = "at once",
		[AT_NEXT_CALL] = "next call", [AT_LINK_UP] = "link up", [AT_NEXT_TARGET] = "next target detection",
	};

	return text[o->effect];
}

const char *opts_default_text(const struct opt *o)
{
	return o->def ? o->def : "none";
}

uint32_t opts_instances(const struct conf *c, enum opt_section section)
{
	switch (section) {
	case SEC_INTERFACE:
		return c->n_ifaces;
	case SEC_GROUP:
		return c->n_groups;
	case SEC_DEVICE:
		return c->n_devices;
	case SEC_DN:
		return c->n_dns;
	case SEC_POOL:
		return c->n_pools;
	default:
		return 1;
	}
}

const char *opts_instance_name(const struct conf *c, enum opt_section section, uint32_t i)
{
	switch (section) {
	case SEC_INTERFACE:
		return c->ifaces[i].name;
	case SEC_GROUP:
		return c->groups[i].name;
	case SEC_DEVICE:
		return c->devices[i].name;
	case SEC_DN:
		return c->dns[i].name;
	case SEC_POOL:
		return c->pools[i].name;
	default:
		return "";
	}
}

bool opts_instance(const struct conf *c, enum opt_section section, const char *name, uint32_t *ret)
{
	for (uint32_t i = 0; i < opts_instances(c, section); i++)
		if (!strcmp(opts_instance_name(c, section, i), name)) {
			*ret = i;
			return true;
		}
	return false;
}

/* The struct that holds @o's field in the @i-th section of kind @section. */
static const void *object(const struct opt *o, const struct conf *c, enum opt_section section,
			  uint32_t i)
{
	switch (section) {
	case SEC_INTERFACE:
		return &c->ifaces[i];
	case SEC_TSERVER:
		return &c->tserver;
	case SEC_SYNC:
		return &c->sync;
	case SEC_GROUP:
		return o->section == SEC_TSERVER ? (const void *)&c->groups[i].opt : &c->groups[i];
	case SEC_DEVICE:
		return &c->devices[i];
	case SEC_SITE:
		return &c->site;
	case SEC_DN:
		return &c->dns[i];
	case SEC_POOL:
		return &c->pools[i];
	default:
		return c;
	}
}

void opts_value_text(const struct opt *o, const struct conf *c, enum opt_section section,
		     uint32_t i, char *buf, size_t len)
{
	opt_kind_get(o, c, object(o, c, section, i), buf, len);
}

static void tell_idle(const struct conf *c, enum opt_section section, uint32_t i, opts_idle_fn *fn,
		      void *arg)
{
	for (size_t row = 0; row < N_OPTS; row++) {
		const struct opt *o = &table[row];
		uint32_t line = o->idle && opts_shown_in(o, section) ? where_said(c, section, i, o) : 0;

		if (line)
			fn(arg, opts_section_name(section), opts_instance_name(c, section, i), o->name, line);
	}
}

void opts_each_idle(const struct conf *c, opts_idle_fn *fn, void *arg)
{
	for (int s = 0; s < SEC__N; s++)
		for (uint32_t i = 0; i < opts_instances(c, s); i++)
			tell_idle(c, s, i, fn, arg);
}
