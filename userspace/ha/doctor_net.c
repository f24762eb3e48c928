/* SPDX-License-Identifier: GPL-2.0-or-later */
/* doctor_net: does this host's network do what the VIPs need, and does anybody else manage it? */
#include "ha/doctor_own.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/file.h"
#include "sys/iface.h"
#include "sys/sysctl.h"

#define STATE_BYTES	8192

static void on_setting(void *arg, bool ok, const char *name, const char *wanted, const char *found)
{
	char text[HA_TEXT];

	snprintf(text, sizeof(text), "%s is %s, wanted %s", name, found, wanted);
	doctor_say(arg, ok ? "ok" : "bad", "setting", text, ok ? "" :
		   "somebody changed it since batond started; set it back, or restart batond");
}

void exam_settings(const struct exam_in *in, const struct rows *r)
{
	char devs[CONF_IFACES_MAX][IF_NAMESIZE];

	for (uint32_t i = 0; i < in->n_ifaces; i++)
		memcpy(devs[i], in->iface[i].name, IF_NAMESIZE);
	tune_rows(devs, in->n_ifaces, on_setting, (void *)r);
}

/* The kernel goes by the greater of both; 1 is strict. */
static int rp_filter_of(const char *dev)
{
	char path[64];
	int own = 0, all = 0;

	snprintf(path, sizeof(path), "net/ipv4/conf/%s/rp_filter", dev);
	(void)sysctl_read(path, &own);
	(void)sysctl_read("net/ipv4/conf/all/rp_filter", &all);
	return own > all ? own : all;
}

/* Who answers by the one interface that requests come in by cannot be hurt by it. */
void exam_rp_filter(const struct exam_in *in, const struct rows *r)
{
	bool two_ways = in->n_ifaces > 1 || in->routed;

	for (uint32_t i = 0; i < in->n_ifaces; i++) {
		const char *dev = in->iface[i].name;
		char text[HA_TEXT], fix[HA_TEXT];
		bool hurts = in->iface[i].vip && two_ways && rp_filter_of(dev) == 1;

		if (!in->iface[i].vip)
			continue;
		snprintf(text, sizeof(text), hurts ? "%s is strict: requests from networks that are routed by another interface are dropped" :
			 "%s is %d", dev, rp_filter_of(dev));
		snprintf(fix, sizeof(fix), "sysctl -w net.ipv4.conf.%s.rp_filter=2, and in /etc/sysctl.d", dev);
		doctor_say(r, hurts ? "warn" : "ok", "rp-filter", text, hurts ? fix : "");
	}
}

/* A VLAN interface on @dev, by the kernel's table: "eth0.100       | 100  | eth0". */
static bool find_vlan(const char *dev, char name[IF_NAMESIZE])
{
	char text[STATE_BYTES + 1], lower[IF_NAMESIZE], *line, *rest = text;
	ssize_t n = file_read("/proc/self/net/vlan/config", text, STATE_BYTES);

	text[n > 0 ? n : 0] = '\0';
	while ((line = strsep(&rest, "\n")))
		if (sscanf(line, "%15s | %*d | %15s", name, lower) == 2 && !strcmp(lower, dev))
			return true;
	return false;
}

/* XDP never sees a tag that the NIC has taken out: what it sends itself, answers and frames sent on, goes without. */
void exam_vlans(const struct exam_in *in, const struct rows *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; i < in->n_ifaces && fd >= 0; i++) {
		const char *dev = in->iface[i].name;
		char text[HA_TEXT], fix[HA_TEXT], vlan[IF_NAMESIZE];
		struct iface_traits traits;
		bool there = find_vlan(dev, vlan);

		iface_traits(fd, dev, &traits);
		if (strcmp(in->iface[i].xdp, "native") || !traits.rx_vlan || !there) {
			snprintf(text, sizeof(text), "%s: rx-vlan-offload is %s%s", dev, traits.rx_vlan ? "on" : "off",
				 traits.rx_vlan && !there ? ", and no VLAN interface is on it" : "");
			doctor_say(r, "ok", "vlan", text, "");
			continue;
		}
		snprintf(text, sizeof(text), "%s: rx-vlan-offload is on, and %.15s is on it: what XDP answers and sends on loses its tag",
			 dev, vlan);
		snprintf(fix, sizeof(fix), "ethtool -K %s rxvlan off, and at boot", dev);
		doctor_say(r, "warn", "vlan", text, fix);
	}
	if (fd >= 0)
		close(fd);
}

void exam_bridges(const struct exam_in *in, const struct rows *r)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool filtered = fd >= 0 && iface_bridge_filters(fd);

	(void)in;
	if (fd >= 0)
		close(fd);
	doctor_say(r, filtered ? "warn" : "ok", "bridges", filtered ?
		   "bridged frames pass this host's nftables: guests behind a bridge here do not reach a VIP that the peer holds" :
		   "no bridged frames pass this host's nftables", filtered ?
		   "sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0, unless such a firewall is wanted" : "");
}

void exam_ipv6(const struct exam_in *in, const struct rows *r)
{
	for (uint32_t i = 0; i < in->n_ifaces; i++) {
		char path[64], text[HA_TEXT], fix[HA_TEXT];
		int off = 0;

		if (!in->iface[i].vip6)
			continue;
		snprintf(path, sizeof(path), "net/ipv6/conf/%s/disable_ipv6", in->iface[i].name);
		off = sysctl_read(path, &off) || off;
		snprintf(text, sizeof(text), "%s: IPv6 is %s", in->iface[i].name, off ? "switched off, and it is to carry an IPv6 VIP" : "on");
		snprintf(fix, sizeof(fix), "sysctl -w net.ipv6.conf.%s.disable_ipv6=0", in->iface[i].name);
		doctor_say(r, off ? "bad" : "ok", "ipv6", text, off ? fix : "");
	}
}

/* Does the state file of a network manager for @dev hold @line? */
static bool state_says(const char *dir, const char *dev, const char *line)
{
	char path[96], text[STATE_BYTES + 2] = "\n";
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%u", dir, if_nametoindex(dev));
	n = file_read(path, text + 1, STATE_BYTES);
	text[n > 0 ? n + 1 : 1] = '\0';
	return n > 0 && strstr(text, line);
}

/* Both leave what they think of an interface in a file under /run; to ask them by D-Bus could take for ever. */
void exam_managers(const struct exam_in *in, const struct rows *r)
{
	for (uint32_t i = 0; i < in->n_ifaces; i++) {
		const char *dev = in->iface[i].name;
		char text[HA_TEXT], fix[HA_WHY];

		if (!in->iface[i].vip)
			continue;
		if (state_says("/run/NetworkManager/devices", dev, "\nmanaged=true")) {
			snprintf(text, sizeof(text), "%s: NetworkManager manages it, and removes addresses it does not know", dev);
			snprintf(fix, sizeof(fix), "[keyfile] unmanaged-devices=interface-name:%s in a file of /etc/NetworkManager/conf.d, and give "
				 "the host's own address otherwise; until then batond puts a VIP back that is removed", dev);
		} else if (state_says("/run/systemd/netif/links", dev, "\nADMIN_STATE=configured")) {
			snprintf(text, sizeof(text), "%s: systemd-networkd manages it, and may remove addresses it does not know", dev);
			snprintf(fix, sizeof(fix), "[Network] KeepConfiguration=static in its .network file, ManageForeignRoutes=no in networkd.conf");
		} else {
			snprintf(text, sizeof(text), "%s: no network manager claims it", dev);
			fix[0] = '\0';
		}
		doctor_say(r, fix[0] ? "warn" : "ok", "managed", text, fix);
	}
}
