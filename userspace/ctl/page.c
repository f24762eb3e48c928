/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/page.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys/clock.h"

#define VIPS_SHOWN	64	/* on the page; metrics have them all */

/* NULL out of memory: then there is no page, not half a one. */
static char *finish(FILE *f, char **text)
{
	bool failed = ferror(f);

	if (fclose(f) || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

/* ---- escapes -------------------------------------------------------------------------------------- */

/* Printable ASCII as it is, but for what means something there; the rest is shown as '?'. */
static void put_json(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s >= ' ' && *s <= '~' ? *s : '?', f);
	}
}

/* A label's value: the same rules. */
#define put_label put_json

static void put_html(FILE *f, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '&': fputs("&amp;", f); break;
		case '"': fputs("&quot;", f); break;
		case '\'': fputs("&#39;", f); break;
		default: fputc(*s >= ' ' && *s <= '~' ? *s : '?', f);
		}
}

/* ---- readiness ------------------------------------------------------------------------------------ */

static void put_readiness(FILE *f, const struct ha_group_view *g)
{
	fputs("{\"name\":\"", f);
	put_json(f, g->name);
	fprintf(f, "\",\"role\":\"%s\",\"service\":\"%s\",\"switchover\":%d,\"switchoverReason\":\"", g->role,
		!strcmp(g->service, "running") ? "SERVICE_RUNNING" : "SERVICE_UNAVAILABLE", !g->unready[0]);
	put_json(f, g->unready);
	fprintf(f, "\",\"upgrade\":%d,\"upgradeReason\":\"", !g->unready_upgrade[0]);
	put_json(f, g->unready_upgrade);
	fputs("\"}", f);
}

char *page_server(const struct snapshot *s, size_t *ret_len)
{
	bool switchover = true, upgrade = true;
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		return NULL;
	for (uint32_t i = 0; i < s->view.n_groups; i++) {
		switchover &= !s->view.groups[i].unready[0];
		upgrade &= !s->view.groups[i].unready_upgrade[0];
	}
	fputs("{\"schema\":1,\"sipServer\":{\"node\":\"", f);
	put_json(f, s->view.node);
	fprintf(f, "\",\"switchover\":%d,\"upgrade\":%d,\"groups\":[", switchover, upgrade);
	for (uint32_t i = 0; i < s->view.n_groups; i++) {
		fputs(i ? "," : "", f);
		put_readiness(f, &s->view.groups[i]);
	}
	fputs("]}}\n", f);
	return finish(f, &text);
}

/* ---- metrics -------------------------------------------------------------------------------------- */

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP baton_%s %s\n# TYPE baton_%s %s\n", name, help, name, type);
}

/* baton_NAME{KEY="VALUE" -- further labels and the end are the caller's. */
static void sample(FILE *f, const char *name, const char *key, const char *value)
{
	fprintf(f, "baton_%s{%s=\"", name, key);
	put_label(f, value);
	fputc('"', f);
}

static void label(FILE *f, const char *key, const char *value)
{
	fprintf(f, ",%s=\"", key);
	put_label(f, value);
	fputc('"', f);
}

/* One of @words holds: a row each, 1 or 0. */
static void put_states(FILE *f, const char *name, const char *group, const char *key, const char *const *words, const char *now)
{
	for (; *words; words++) {
		sample(f, name, "group", group);
		label(f, key, *words);
		fprintf(f, "} %d\n", !strcmp(*words, now));
	}
}

static void put_group_number(FILE *f, const char *name, const char *group, double value)
{
	sample(f, name, "group", group);
	fprintf(f, "} %.15g\n", value);
}

static const char *const roles[] = { "init", "backup", "claiming", "primary", "yielding", NULL };
static const char *const gates[] = { "shut", "armed", "open", "relay", NULL };
static const char *const peer_states[] = { "up", "stalled", "unauthentic", "down", NULL };

#define EACH_GROUP(g, s) \
	for (const struct ha_group_view *g = (s)->view.groups; g < (s)->view.groups + (s)->view.n_groups; g++)

static void put_group_numbers(FILE *f, const struct snapshot *s)
{
	head(f, "term", "gauge", "The number of the present holding.");
	EACH_GROUP(g, s)
		put_group_number(f, "term", g->name, g->term);
	head(f, "lease_left_seconds", "gauge", "How long the gate stays open if the controller says nothing more; as of the snapshot.");
	EACH_GROUP(g, s)
		put_group_number(f, "lease_left_seconds", g->name, (double)g->lease_left_ms / 1000);
	head(f, "service_running", "gauge", "1: the SIP server of this host is SERVICE_RUNNING.");
	EACH_GROUP(g, s)
		put_group_number(f, "service_running", g->name, !strcmp(g->service, "running"));
	head(f, "ready_switchover", "gauge", "The guide's readiness for a switchover.");
	EACH_GROUP(g, s)
		put_group_number(f, "ready_switchover", g->name, !g->unready[0]);
	head(f, "ready_upgrade", "gauge", "The guide's readiness for an upgrade.");
	EACH_GROUP(g, s)
		put_group_number(f, "ready_upgrade", g->name, !g->unready_upgrade[0]);
	head(f, "fenced", "gauge", "1: an operator keeps this host from serving the group.");
	EACH_GROUP(g, s)
		put_group_number(f, "fenced", g->name, g->fenced);
}

static void put_groups(FILE *f, const struct snapshot *s)
{
	head(f, "role", "gauge", "1 for the role of this host in the group.");
	EACH_GROUP(g, s)
		put_states(f, "role", g->name, "role", roles, g->role);
	head(f, "gate", "gauge", "1 for what the kernel does with frames for the VIPs.");
	EACH_GROUP(g, s)
		put_states(f, "gate", g->name, "gate", gates, g->gate);
	put_group_numbers(f, s);
}

static void put_peer(FILE *f, const struct snapshot *s)
{
	const struct ha_view *v = &s->view;

	head(f, "peer_state", "gauge", "1 for the state of the peer.");
	for (const char *const *word = peer_states; *word; word++) {
		sample(f, "peer_state", "peer", v->peer_name);
		label(f, "state", *word);
		fprintf(f, "} %d\n", !strcmp(*word, v->peer_state));
	}
	head(f, "peer_round_trip_seconds", "gauge", "Round trip of the heartbeat, answered by the peer's kernel; 0: not measured.");
	fprintf(f, "baton_peer_round_trip_seconds %.6f\n", v->rtt_us / 1e6);
	head(f, "path_up", "gauge", "1: the peer is heard on that path.");
	for (uint32_t i = 0; i < v->n_paths; i++) {
		sample(f, "path_up", "interface", v->paths[i].interface);
		label(f, "address", v->paths[i].address);
		fprintf(f, "} %d\n", !strcmp(v->paths[i].state, "up"));
	}
}

static void put_node(FILE *f, const struct snapshot *s, uint64_t now_ns)
{
	head(f, "info", "gauge", "Always 1.");
	sample(f, "info", "node", s->view.node);
	label(f, "version", s->view.version);
	fputs("} 1\n", f);
	head(f, "uptime_seconds", "gauge", "Since batond started.");
	fprintf(f, "baton_uptime_seconds %" PRIu64 "\n", s->view.uptime_s);
	head(f, "snapshot_age_seconds", "gauge", "How old what is told here is.");
	fprintf(f, "baton_snapshot_age_seconds %.3f\n", now_ns > s->at_ns ? (double)(now_ns - s->at_ns) / 1e9 : 0);
	head(f, "alarms", "gauge", "How many alarms stand.");
	fprintf(f, "baton_alarms %" PRIu32 "\n", s->view.alarms);
	head(f, "alarm", "gauge", "1 for each alarm that stands.");
	for (uint32_t i = 0; i < s->n_alarms; i++) {
		sample(f, "alarm", "id", s->alarms[i].id);
		fputs("} 1\n", f);
	}
}

struct way_out {
	const char *name, *verdict;
};

static const struct way_out xdp_exits[BT_X__N] = {
#define WAY_OUT(name, verdict, what) [BT_X_##name] = { #name, #verdict },
	BT_XDP_EXITS(WAY_OUT)
#undef WAY_OUT
};

static const struct way_out tc_exits[BT_T__N] = {
#define WAY_OUT(name, verdict, what) [BT_T_##name] = { #name, #verdict },
	BT_TC_EXITS(WAY_OUT)
#undef WAY_OUT
};

/* VIP_ACCEPTED as `baton counters` has it: vip-accepted. */
static void put_word(FILE *f, const char *name)
{
	if (!strncmp(name, "XDP_", 4))
		name += 4;
	for (; *name; name++)
		fputc(*name == '_' ? '-' : tolower((unsigned char)*name), f);
}

static void put_hook(FILE *f, const char *name, const char *hook, const struct way_out *ways, const struct bt_count *counts, int n,
		     bool bytes)
{
	for (int i = 1; i < n; i++) {		/* 0 is their sum */
		fprintf(f, "baton_%s{hook=\"%s\",exit=\"", name, hook);
		put_word(f, ways[i].name);
		fputs("\",verdict=\"", f);
		put_word(f, ways[i].verdict);
		fprintf(f, "\"} %" PRIu64 "\n", (uint64_t)(bytes ? counts[i].bytes : counts[i].packets));
	}
}

static void put_counts(FILE *f, const struct snapshot *s)
{
	if (!s->counted)
		return;
	for (int bytes = 0; bytes <= 1; bytes++) {
		const char *name = bytes ? "bytes_total" : "packets_total";

		head(f, name, "counter", bytes ? "Bytes by their way out of the data path." : "Packets by their way out of the data path.");
		put_hook(f, name, "xdp", xdp_exits, s->xdp, BT_X__N, bytes);
		put_hook(f, name, "tc", tc_exits, s->tc, BT_T__N, bytes);
	}
}

static void begin_sip(FILE *f, const char *name, const struct ha_group_view *g, const struct snapshot_vip *v, int dir)
{
	sample(f, name, "vip", v->address);
	label(f, "group", g->name);
	label(f, "direction", dir == BT_IN ? "in" : "out");
}

#define EACH_VIP(v, g, vips) \
	for (const struct snapshot_vip *v = (vips) + (g)->first_vip; v < (vips) + (g)->first_vip + (g)->n_vips; v++)

static void put_requests(FILE *f, const struct ha_group_view *g, const struct snapshot_vip *v)
{
	static const char *const methods[] = {
#define METHOD(name) #name,
		BT_METHODS(METHOD)
#undef METHOD
	};

	for (int dir = 0; dir < BT_DIR__N; dir++)
		for (int i = 0; i < BT_M__N; i++) {
			begin_sip(f, "sip_requests_total", g, v, dir);
			fprintf(f, ",method=\"%s\"} %" PRIu64 "\n", methods[i], (uint64_t)v->live[dir].request[i]);
		}
}

static void put_responses(FILE *f, const struct ha_group_view *g, const struct snapshot_vip *v)
{
	for (int dir = 0; dir < BT_DIR__N; dir++)
		for (int i = 0; i < 6; i++) {
			begin_sip(f, "sip_responses_total", g, v, dir);
			fprintf(f, ",class=\"%dxx\"} %" PRIu64 "\n", i + 1, (uint64_t)v->live[dir].response[i]);
		}
}

static void put_vips(FILE *f, const struct snapshot *s, const struct snapshot_vip *vips)
{
	head(f, "vip_present", "gauge", "1: the kernel has the address on the interface.");
	EACH_GROUP(g, s)
		EACH_VIP(v, g, vips) {
			sample(f, "vip_present", "vip", v->address);
			label(f, "group", g->name);
			fprintf(f, "} %d\n", v->present);
		}
	head(f, "sip_requests_total", "counter", "SIP requests by VIP, direction and method.");
	EACH_GROUP(g, s)
		EACH_VIP(v, g, vips)
			put_requests(f, g, v);
	head(f, "sip_responses_total", "counter", "SIP responses by VIP, direction and class.");
	EACH_GROUP(g, s)
		EACH_VIP(v, g, vips)
			put_responses(f, g, v);
}

char *page_metrics(const struct snapshot *s, const struct snapshot_vip *vips, uint64_t now_ns, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		return NULL;
	put_node(f, s, now_ns);
	put_peer(f, s);
	put_groups(f, s);
	put_counts(f, s);
	put_vips(f, s, vips);
	return finish(f, &text);
}

/* ---- the page for people ---------------------------------------------------------------------------- */

static void cell(FILE *f, const char *text)
{
	fputs("<td>", f);
	put_html(f, text[0] ? text : "-");
	fputs("</td>", f);
}

static void begin_table(FILE *f, const char *titles)
{
	fprintf(f, "<table><tr><th>%s</th></tr>\n", titles);
}

static void status_group(FILE *f, const struct ha_group_view *g)
{
	char term[BT_NAME_MAX + 32], lease[32];

	snprintf(term, sizeof(term), "%" PRIu32 "%s%s", g->term, g->owner[0] ? " of " : "", g->owner);
	snprintf(lease, sizeof(lease), "%" PRId64 " ms", g->lease_left_ms);
	fputs("<tr>", f);
	cell(f, g->name);
	cell(f, g->role);
	cell(f, g->reason);
	cell(f, g->fenced ? "fenced" : g->gate);
	cell(f, lease);
	cell(f, term);
	cell(f, g->service_reason[0] ? g->service_reason : g->service);
	cell(f, g->peer_role);
	cell(f, g->unready[0] ? g->unready : "yes");
	cell(f, g->unready_upgrade[0] ? g->unready_upgrade : "yes");
	fputs("</tr>\n", f);
}

static void status_groups(FILE *f, const struct snapshot *s)
{
	begin_table(f, "Group</th><th>Role</th><th>Why</th><th>Gate</th><th>Lease</th><th>Term</th><th>Server</th><th>On the peer</th>"
		    "<th>Ready for a switchover</th><th>Ready for an upgrade");
	EACH_GROUP(g, s)
		status_group(f, g);
	fputs("</table>\n", f);
}

static uint64_t sum(const __u64 *of, int n)
{
	uint64_t all = 0;

	for (int i = 0; i < n; i++)
		all += of[i];
	return all;
}

static void status_vip(FILE *f, const struct ha_group_view *g, const struct snapshot_vip *v)
{
	fputs("<tr>", f);
	cell(f, v->address);
	cell(f, g->name);
	cell(f, v->present ? "yes" : "no");
	for (int dir = 0; dir < BT_DIR__N; dir++)
		fprintf(f, "<td>%" PRIu64 "</td><td>%" PRIu64 "</td>", sum(v->live[dir].request, BT_M__N), sum(v->live[dir].response, 6));
	fputs("</tr>\n", f);
}

static void status_vips(FILE *f, const struct snapshot *s, const struct snapshot_vip *vips)
{
	uint32_t left = VIPS_SHOWN, more = 0;

	begin_table(f, "VIP</th><th>Group</th><th>On this host</th><th>Requests in</th><th>Responses in</th><th>Requests out</th>"
		    "<th>Responses out");
	EACH_GROUP(g, s)
		EACH_VIP(v, g, vips) {
			if (left) {
				status_vip(f, g, v);
				left--;
			} else {
				more++;
			}
		}
	fputs("</table>\n", f);
	if (more)
		fprintf(f, "<p>and %" PRIu32 " more</p>\n", more);
}

static void status_peer(FILE *f, const struct snapshot *s)
{
	const struct ha_view *v = &s->view;

	begin_table(f, "Heartbeat path</th><th>Peer's address</th><th>State");
	for (uint32_t i = 0; i < v->n_paths; i++) {
		fputs("<tr>", f);
		cell(f, v->paths[i].interface);
		cell(f, v->paths[i].address);
		cell(f, v->paths[i].state);
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
}

static void status_alarms(FILE *f, const struct snapshot *s)
{
	if (!s->n_alarms) {
		fputs("<p>No alarms.</p>\n", f);
		return;
	}
	begin_table(f, "Alarm</th><th>For</th><th>What is wrong");
	for (uint32_t i = 0; i < s->n_alarms; i++) {
		fputs("<tr>", f);
		cell(f, s->alarms[i].id);
		fprintf(f, "<td>%" PRIu64 " s</td>", s->alarms[i].since_s);
		cell(f, s->alarms[i].text);
		fputs("</tr>\n", f);
	}
	fputs("</table>\n", f);
}

char *page_status(const struct snapshot *s, const struct snapshot_vip *vips, size_t *ret_len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, ret_len);

	if (!f)
		return NULL;
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"5\"><title>", f);
	put_html(f, s->view.node);
	fputs("</title><style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse;margin:1em 0}"
	      "th,td{border:1px solid #999;padding:.3em .6em;text-align:left}</style></head><body>\n<h1>", f);
	put_html(f, s->view.node);
	fputs("</h1>\n<p>Peer ", f);
	put_html(f, s->view.peer_name);
	fprintf(f, " is %s; round trip %" PRIu32 " us; batond ", s->view.peer_state, s->view.rtt_us);
	put_html(f, s->view.version);
	fprintf(f, ", up %" PRIu64 " s.</p>\n", s->view.uptime_s);
	status_groups(f, s);
	status_alarms(f, s);
	status_vips(f, s, vips);
	status_peer(f, s);
	fputs("</body></html>\n", f);
	return finish(f, &text);
}
