/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sip: what does this SIP message say of itself: request or response, which dialog, which transaction?
 *
 * Source:  RFC 3261 §7, §20, §25.1; design §4.6.
 */
#ifndef SIP_H
#define SIP_H

#include <linux/types.h>

/* sip_msg.flags */
#define SIP_F_SIP	(1u << 0)	/* the start line is one of SIP/2.0 */
#define SIP_F_KEEPALIVE	(1u << 1)	/* nothing, or line ends alone */
#define SIP_F_CALL_ID	(1u << 2)	/* call_id is known */
#define SIP_F_TO_TAG	(1u << 3)	/* To has a tag parameter */
#define SIP_F_CSEQ	(1u << 4)	/* cseq and cseq_method are known */
#define SIP_F_WHOLE	(1u << 5)	/* the blank line after the headers was seen */
#define SIP_F_UNSURE	(1u << 6)	/* something is there that may mean otherwise than was read: two Call-IDs, ... */

struct sip_msg {
	__u64 key[2];		/* in: SipHash key */
	__u64 salt;		/* in: hashed before the Call-ID (owner: pool or group) */
	__u64 call_id;		/* SipHash-2-4 of salt and the Call-ID's characters, blanks around it left out */
	__u32 cseq;
	__u16 status;		/* 100..699; 0: a request */
	__u8  method;		/* enum bt_method: a request's */
	__u8  cseq_method;	/* enum bt_method */
	__u32 flags;		/* SIP_F_* */
	__u16 call_id_off;	/* in the payload */
	__u16 call_id_len;
};

#endif
