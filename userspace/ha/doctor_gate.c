/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_gate: does the gate stand as it should and as fast as it can, and would an upgrade and a hand-over find what they need? */
#include "ha/doctor_own.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/diag.h"
#include "sys/iface.h"

static uint32_t mtu_of(const char *dev)
{
	struct iface_traits traits = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		iface_traits(fd, dev, &traits);
		close(fd);
	}
	return traits.mtu;
}

static void slow_xdp(const struct exam_iface *f, const struct rows *r)
{
	char text[HA_TEXT], fix[HA_WHY];

	if (f->wanted == XDP_GENERIC) {
		snprintf(text, sizeof(text), "%s: generic, as configured: packets cost more", f->name);
		snprintf(fix, sizeof(fix), "xdp-mode = auto takes native where the driver has it; stop and start batond");
	} else {
		snprintf(text, sizeof(text), "%s: generic, native was refused; MTU %u", f->name, mtu_of(f->name));
		snprintf(fix, sizeof(fix), "%.170s; then stop and start batond", f->refused[0] ? f->refused :
			 "an earlier batond attached it so");
	}
	doctor_say(r, "warn", "xdp", text, fix);
}

void exam_xdp(const struct exam_in *in, const struct rows *r)
{
	for (uint32_t i = 0; i < in->n_ifaces; i++) {
		const struct exam_iface *f = &in->iface[i];
		char text[HA_TEXT];

		if (!strcmp(f->xdp, "generic")) {
			slow_xdp(f, r);
			continue;
		}
		snprintf(text, sizeof(text), "%s: %s", f->name, f->xdp);
		doctor_say(r, !strcmp(f->xdp, "native") ? "ok" : "warn", "xdp", text, !strcmp(f->xdp, "native") ? "" :
			   "nftables alone gates it, to the millisecond of our thread, and pulses are answered by batond: set xdp-mode");
	}
}

/* From Linux 6.6 on, tcx programs are asked before every tc filter; one that says TCX_PASS ends it there. */
void exam_tcx(const struct exam_in *in, const struct rows *r)
{
	for (uint32_t i = 0; i < in->n_ifaces; i++) {
		char text[HA_TEXT], name[DP_NAME_MAX];
		int n = dp_tcx_before(if_nametoindex(in->iface[i].name), name);

		if (n <= 0)
			continue;
		snprintf(text, sizeof(text), "%s: %d tcx program%s, first %s, asked on the way out before the gate's tc filter",
			 in->iface[i].name, n, n == 1 ? "" : "s", name);
		doctor_say(r, "warn", "tcx", text,
			   "what it lets go or redirects only nftables holds back: detach it from the VIP's interface (bpftool net)");
	}
}

/* What an upgrade would meet: better known before batond is killed than after. */
void exam_objects(const struct exam_in *in, const struct rows *r)
{
	bool fit = !dp_objects_fit(in->obj_dir);

	doctor_say(r, fit ? "ok" : "bad", "upgrade", fit ? "the programs installed fit the pins: batond can be restarted in place" :
		   dp_why(NULL), fit ? "" : "hand over first: systemctl restart batond (SIGTERM) stops this one in order and starts the new "
		   "one; kill -9 or SIGUSR1 would leave pins that it refuses");
}

void exam_tcp(const struct exam_in *in, const struct rows *r)
{
	struct nl nl;
	int err = diag_open(&nl);

	(void)in;
	if (!err) {
		err = diag_can_end(&nl);
		nl_close(&nl);
	}
	doctor_say(r, err ? "warn" : "ok", "tcp", err ? "connections cannot be ended when the role is let go" :
		   "connections are ended when the role is let go", err ?
		   "a kernel with CONFIG_INET_DIAG_DESTROY; without it idle TCP clients find out by their keep-alive" : "");
}
