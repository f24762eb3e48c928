/* SPDX-License-Identifier: GPL-2.0 */
/*
 * begins: what does a SIP request begin, if it begins anything?
 *
 * Source:  RFC 3261 §12.1 (INVITE), RFC 6665 §4 (SUBSCRIBE), RFC 3515 §2.4.4 (REFER).
 */
#ifndef BEGINS_H
#define BEGINS_H

#include "baton_abi.h"
#include "sip.h"

/* BT_D_NONE: nothing; it is an answer, of a dialog that is there, or outside of any. */
static __always_inline __u32 begins_what(const struct sip_msg *m)
{
	if (m->status || (m->flags & SIP_F_TO_TAG))
		return BT_D_NONE;
	if (m->method == BT_M_INVITE)
		return BT_D_CALL;
	return m->method == BT_M_SUBSCRIBE || m->method == BT_M_REFER ? BT_D_SUBSCRIPTION : BT_D_NONE;
}

#endif
