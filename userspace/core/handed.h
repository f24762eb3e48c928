/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * handed: what is in a frame that the kernel left to userspace?
 *
 * Headers are read anew: of what the data path says of a frame only offsets are taken, and checked. Pure. False: it is cut off,
 * a fragment, or not what its kind asks for.
 * Source:  RFC 791, RFC 768, RFC 8200.
 */
#ifndef BATON_HANDED_H
#define BATON_HANDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "baton_abi.h"
#include "core/kept.h"

struct handed {
	struct kept_end from, to;
	const char *text;		/* UDP payload */
	size_t len;
};

/* A whole UDP datagram, of one host. */
bool handed_udp(const struct bt_slow *s, struct handed *ret);
/* Or the first fragment of one: what of it there is. */
bool handed_head(const struct bt_slow *s, struct handed *ret);

struct handed_ip {
	uint8_t packet[BT_SLOW_FRAME];	/* the IP packet, one hop older */
	size_t len;
	bool v4;
};

/* A whole IP packet; false too when its last hop was this one. */
bool handed_ip(const struct bt_slow *s, struct handed_ip *ret);

#endif
