/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/cluster_mac.h"

#include <string.h>

#define DYNAMIC 0x80	/* of the highest byte of an IPv6 group's number: nobody has registered it */

/* What of the VIP goes into the address: IPv4 as it is, of IPv6 a hash (FNV-1a). */
static void four_bytes(const struct in6_addr *vip, uint8_t ret[4])
{
	uint32_t h = 2166136261u;

	if (conf_is_v4(vip)) {
		memcpy(ret, &vip->s6_addr[12], 4);
		return;
	}
	for (int i = 0; i < 16; i++)
		h = (h ^ vip->s6_addr[i]) * 16777619u;
	for (int i = 0; i < 4; i++)
		ret[i] = (uint8_t)(h >> (24 - 8 * i));
}

bool cluster_group(enum conf_cluster_mac form, const struct in6_addr *vip, struct in6_addr *ret)
{
	uint8_t four[4];

	if (form != CLUSTER_IGMP)
		return false;
	four_bytes(vip, four);
	memset(ret, 0, sizeof(*ret));
	if (conf_is_v4(vip)) {
		memset(&ret->s6_addr[10], 0xff, 2);
		memcpy(&ret->s6_addr[12], (uint8_t[]){ 239, 255, four[2], four[3] }, 4);
		return true;
	}
	memcpy(ret->s6_addr, (uint8_t[]){ 0xff, 0x15 }, 2);	/* not a well-known one, of this site */
	memcpy(&ret->s6_addr[12], (uint8_t[]){ four[0] | DYNAMIC, four[1], four[2], four[3] }, 4);
	return true;
}

void cluster_mac(enum conf_cluster_mac form, const struct in6_addr *vip, uint8_t ret[6])
{
	struct in6_addr group;

	if (!cluster_group(form, vip, &group)) {
		ret[0] = form == CLUSTER_UNICAST ? 0x02 : 0x03;
		ret[1] = 0xbf;
		four_bytes(vip, ret + 2);
	} else if (conf_is_v4(vip)) {
		memcpy(ret, (uint8_t[]){ 0x01, 0x00, 0x5e, group.s6_addr[13] & 0x7f, group.s6_addr[14], group.s6_addr[15] }, 6);
	} else {
		memcpy(ret, (uint8_t[]){ 0x33, 0x33 }, 2);
		memcpy(ret + 2, &group.s6_addr[12], 4);
	}
}
