/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw: whole Ethernet frames out of an interface, and the MAC they should bear.
 *
 * One socket serves every interface and receives nothing. Frames pass the egress hooks as any other,
 * so the gate can still refuse them.
 * Errors:  negative errno. -ENODEV: no such interface; -ENETDOWN: it is down; -EOPNOTSUPP: it has no
 *          Ethernet address; -EAGAIN or -ENOBUFS: its queue is full, later may do.
 * Blocks:  never.
 * Source:  packet(7).
 */
#ifndef BATON_RAW_H
#define BATON_RAW_H

#include <stdint.h>
#include <sys/uio.h>

#define RAW_BATCH	64	/* frames in one system call */

/* Descriptor, to be closed with close(2). */
int raw_open(void);
/* MAC of an interface that is up and has one. */
int raw_mac(int fd, uint32_t ifindex, uint8_t ret_mac[6]);
/* Sends up to RAW_BATCH frames; how many were taken, or the error that the first one met. */
int raw_send(int fd, uint32_t ifindex, const struct iovec *frames, uint32_t n);

#endif
