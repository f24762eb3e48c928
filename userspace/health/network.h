/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * network: are the NICs and their own addresses as they must be, and who has touched a VIP? The guide's 'Network
 * Status Monitoring': sip-nic-monitoring, tlib-nic-monitoring, and the news for sip-iptakeover-monitoring.
 *
 * By rtnetlink event at once, and every network-monitoring-timeout: a look may wait for the kernel's rtnl lock, so
 * there is a thread of its own, which exists only where one of the options is on. A NIC is well when its link and carrier
 * are there and its own address is on it: sip-nic-address; on a management NIC any address that the path can
 * use. The link alone is watched always, by nic.h.
 * Threads: `network`; all calls from main. Allocates only in network_open().
 */
#ifndef BATON_NETWORK_H
#define BATON_NETWORK_H

#include <stdint.h>

#include "core/conf.h"
#include "core/service.h"
#include "sys/loop.h"

struct network;

/* *ret is NULL where nothing is to be watched. @changed: a fact, or the news of a VIP, may be others now. */
int network_open(struct network **ret, struct loop *loop, const struct conf *conf, void (*changed)(void *arg), void *arg);
void network_close(struct network *n);

/* Weighs what the thread has found; returns when a fact changes by time alone. */
uint64_t network_turn(struct network *n, uint64_t now_ns);

/* Of the NICs that the VIPs stand on; of the paths to the peer that lie on no such NIC. @n may be NULL in all of these. */
enum fact_health network_nic(const struct network *n, uint32_t slot);
enum fact_health network_management(const struct network *n, uint32_t slot);
/* What was found wrong last, a sentence without its stop; "". */
const char *network_nic_why(const struct network *n, uint32_t slot);
const char *network_management_why(const struct network *n, uint32_t slot);
/* Grows whenever somebody, this host included, added or removed a VIP of @slot. */
uint32_t network_vip_news(const struct network *n, uint32_t slot);

/* network-monitoring-timeout may be another now. */
void network_retime(struct network *n);

#endif
