/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sip_texts: messages of this project's own for tests and measurements of the scanner. */
#ifndef TEST_SIP_TEXTS_H
#define TEST_SIP_TEXTS_H

#define TEXT_VIA "Via: SIP/2.0/UDP 10.77.0.50:5060;branch=z9hG4bK-524287-1-0;rport\r\n"
#define TEXT_ID "Call-ID: 8f1c2a9e-77d0-41b6-a1f5-2b9c60e4d7aa\r\n"
#define TEXT_X64 "X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"

#define TEXT_SDP "v=0\r\no=- 53655765 2353687637 IN IP4 10.77.0.50\r\ns=-\r\nc=IN IP4 10.77.0.50\r\nt=0 0\r\n" \
	"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"

/* As a client sends it, its description included. */
#define TEXT_INVITE "INVITE sip:service@10.77.0.200:5060 SIP/2.0\r\n" TEXT_VIA \
	"From: \"Alice\" <sip:alice@10.77.0.50:5060>;tag=1\r\nTo: <sip:service@10.77.0.200:5060>\r\n" TEXT_ID \
	"CSeq: 1 INVITE\r\nContact: <sip:alice@10.77.0.50:5060>\r\nMax-Forwards: 70\r\nSubject: A call\r\n" \
	"Content-Type: application/sdp\r\nContent-Length:   139\r\n\r\n" TEXT_SDP

/* The Call-ID behind 800 bytes of other headers. */
#define TEXT_LATE "INVITE sip:service@10.77.0.200:5060 SIP/2.0\r\n" TEXT_VIA TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 \
	TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 "From: <sip:alice@10.77.0.50:5060>;tag=1\r\n" \
	"To: <sip:service@10.77.0.200:5060>\r\n" TEXT_ID "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

/* 1,400 bytes of headers, and no Call-ID among them. */
#define TEXT_NONE "INVITE sip:service@10.77.0.200:5060 SIP/2.0\r\n" TEXT_VIA TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 \
	TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 TEXT_X64 \
	TEXT_X64 TEXT_X64 TEXT_X64 "\r\n"

#endif
