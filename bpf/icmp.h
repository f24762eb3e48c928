/* SPDX-License-Identifier: GPL-2.0 */
/*
 * icmp: which numbers has ICMP? <linux/icmp.h> brings the C library with it, which programs have not.
 *
 * Source:  RFC 792, RFC 1191; those of ICMPv6 are in <linux/icmpv6.h>.
 */
#ifndef ICMP_H
#define ICMP_H

#include <linux/types.h>

#define ICMP_DEST_UNREACH	3
#define ICMP_FRAG_NEEDED	4	/* code */
#define ICMP_TIME_EXCEEDED	11
#define ICMP_PARAMETERPROB	12

struct icmphdr {
	__u8  type;
	__u8  code;
	__u16 checksum;
	__be16 unused;
	__be16 mtu;		/* of ICMP_FRAG_NEEDED */
};

#endif
