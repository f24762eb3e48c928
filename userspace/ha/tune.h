/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tune: is the host set up so that a backup can bind the VIPs and keeps silent about them?
 *
 *	net.ipv4.ip_nonlocal_bind, net.ipv6.ip_nonlocal_bind = 1	servers start on the backup
 *	net.ipv4.conf.IF.arp_ignore = 1		no ARP answer for an address that is not on IF
 *	net.ipv4.conf.IF.arp_announce = 2	no ARP request from the VIP for the host's own traffic
 *
 * What the kernel goes by is the greater of conf.IF and conf.all; conf.all is the operator's and is
 * never changed, but tune_rows() says so when it stands in the way (with arp_ignore = 2 a /32 VIP keeps
 * silent unless the host has an address of its own in that subnet, with 8 always).
 * The values found are kept in RUN_DIR/settings before anything is changed, so that a batond that was
 * killed and started again still gives back the original ones; a value that somebody else has changed
 * meanwhile is left alone.
 * Errors:  negative errno; the setting in tune_why().
 * Threads: main only. Allocates nothing.
 */
#ifndef BATON_TUNE_H
#define BATON_TUNE_H

#include <stdbool.h>
#include <stdint.h>
#include <net/if.h>

/* Idempotent. @devs: interfaces with VIPs or heartbeat paths; at most CONF_IFACES_MAX. */
int tune_set(const char *run_dir, const char (*devs)[IF_NAMESIZE], uint32_t n);
/* Give back what was kept; interfaces that are gone do not matter. Nothing kept: 0. */
int tune_restore(const char *run_dir);
/* "net/ipv4/conf/eth0/arp_ignore: Permission denied" of the last failure. */
const char *tune_why(void);

/* One row per setting, for doctor. @found: "1", "2 by net.ipv4.conf.all", "No such file or directory". */
typedef void tune_row_fn(void *arg, bool ok, const char *name, const char *wanted, const char *found);
void tune_rows(const char (*devs)[IF_NAMESIZE], uint32_t n, tune_row_fn *row, void *arg);

#endif
