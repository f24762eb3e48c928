/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw: whole Ethernet frames out of an interface, the MAC they should bear; did a certain one come in?
 *
 * One socket serves every interface and receives nothing; raw_listen()'s hears one interface.
 * Frames pass the egress hooks as any other, so the gate can still refuse them; raw_send_past_the_gate() says where not.
 * Errors:  negative errno. -ENODEV: no such interface; -ENETDOWN: it is down; -EOPNOTSUPP: it has no
 *          Ethernet address; -EAGAIN or -ENOBUFS: its queue is full, later may do.
 * Blocks:  never.
 * Source:  packet(7).
 */
#ifndef BATON_RAW_H
#define BATON_RAW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <linux/filter.h>

#define RAW_BATCH	64	/* frames in one system call */

/* Descriptor, to be closed with close(2). */
int raw_open(void);
/* MAC of an interface that is up and has one. */
int raw_mac(int fd, uint32_t ifindex, uint8_t ret_mac[6]);
/* Does it have a carrier? Without one frames are taken and lost. */
bool raw_link_up(int fd, uint32_t ifindex);
/* Sends up to RAW_BATCH frames; how many were taken, or the error that the first one met. */
int raw_send(int fd, uint32_t ifindex, const struct iovec *frames, uint32_t n);

/*
 * A process that ends waits in the kernel for every packet socket it has (synchronize_net(): 15 ms, on a busy host
 * 100 and more), and a killed controller must be gone, and the next one there, before its leases end. So whoever
 * seldom sends has none: raw_send_now() opens one when there is something to send, raw_rest() closes it when
 * nothing was for @idle_ns. raw_rest() blocks that long: for a thread that may wait.
 */
int raw_send_now(uint32_t ifindex, const struct iovec *frames, uint32_t n);
void raw_rest(uint64_t idle_ns);
/* Good for raw_mac() and raw_link_up() only. */
int raw_asker(void);

/*
 * A socket that hears what of @proto (ETH_P_ARP ...) comes in by the interface and passes the
 * filter. It keeps no more than a few frames: it is for whoever wants to know that there was one.
 */
int raw_listen(uint32_t ifindex, uint16_t proto, struct sock_filter *code, uint16_t n);
/* Did any frame come in since the last time? Takes up to @max off the queue. */
bool raw_heard(int fd, uint32_t max);

/*
 * For frames that the gate must refuse from everybody else: what is sent passes no egress hook of its
 * interface, neither qdisc nor clsact nor nftables (PACKET_QDISC_BYPASS). Over a VLAN or a bond the hooks of the
 * interface below see it all the same.
 */
int raw_send_past_the_gate(uint32_t ifindex, const struct iovec *frames, uint32_t n);

#endif
