/* SPDX-License-Identifier: GPL-2.0-or-later */
/* messages: what the differential test starts from; written for it, each with something that another has not. */
#ifndef FUZZ_MESSAGES_H
#define FUZZ_MESSAGES_H

#define V "Via: SIP/2.0/UDP h.example:5060;branch=z9hG4bK1\r\n"
#define F "From: <sip:a@h.example>;tag=f1\r\n"
#define L "Content-Length: 0\r\n\r\n"

static const char *const messages[] = {
	"INVITE sip:b@p.example SIP/2.0\r\n" V F "To: <sip:b@p.example>\r\nCall-ID: one@h.example\r\nCSeq: 1 INVITE\r\n" L,
	"ACK sip:b@p.example SIP/2.0\r\n" V F "To: <sip:b@p.example>;tag=t1\r\nCall-ID: two\r\nCSeq: 1 ACK\r\n" L,
	"BYE sip:b@p.example SIP/2.0\r\nv: SIP/2.0/UDP h;branch=z9hG4bK2\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@p>;tag=2\r\n"
		"i: three@h\r\nCSeq: 2 BYE\r\nl: 0\r\n\r\n",
	"SIP/2.0 200 OK\r\n" V F "To: \"B, quoted \\\"<;tag=no>\\\"\" <sip:b@p;tag=uri>;tag=yes\r\nCall-ID: four@h\r\nCSeq: 3 INVITE\r\n" L,
	"SIP/2.0 180 Ringing\r\n" V F "To: sip:b@p.example;tag=plain\r\nCall-ID: five\r\nCSeq: 4 INVITE\r\n" L,
	"SIP/2.0 503 Service Unavailable\r\n" V F "To: <sip:b@p>;x=\"a;tag=b\"\r\nCALL-ID:six\r\ncseq:5 OPTIONS\r\n" L,
	"OPTIONS sip:b@p.example SIP/2.0\r\n" V F "to : <sip:b@p>\r\ncall-id :  seven  \r\nCSEQ\t: 0006\tOPTIONS\r\n" L,
	"REGISTER sip:p.example SIP/2.0\r\n" V F "To:\r\n <sip:b@p>\r\nCall-ID:\r\n\teight\r\nCSeq: 7\r\n REGISTER\r\n" L,
	"SUBSCRIBE sip:b@p SIP/2.0\n" "Via: SIP/2.0/UDP h;branch=z9hG4bK9\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@p>\nCall-ID: nine\n"
		"CSeq: 8 SUBSCRIBE\nContent-Length: 0\n\n",
	"NOTIFY sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p> ; tag = ten\r\nCall-ID: ten!%*_+`'~()<>:\\\"/[]?{}\r\nCSeq: 9 NOTIFY\r\n" L,
	"PRACK sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>;TAG=x\r\nCall-ID: eleven\r\nRAck: 1 1 INVITE\r\nCSeq: 10 PRACK\r\n" L,
	"UPDATE sip:b@p SIP/2.0\r\n" V F "To: B <sip:b@p>;p;q=1;tag=z\r\nCall-ID: twelve\r\nCSeq: 2147483647 UPDATE\r\n" L,
	"INFO sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>;tag=1\r\nCall-ID: thirteen\r\nCSeq: 12 INFO\r\nContent-Type: text/plain\r\n"
		"Content-Length: 31\r\n\r\nCall-ID: body\r\nTo: <sip:x>;tag=y\n",
	"MESSAGE sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>\r\nCSeq: 13 MESSAGE\r\nContent-Length: 15\r\nCall-ID: 14\r\n\r\ni: not\r\n\r\nthis\r\n",
	"REFER sip:b@p SIP/2.0\r\n" V F "Timestamp: 1\r\nToken: <sip:x>\r\nTo: <sip:b@p>\r\nCall-Info: <http://x>\r\nIn-Reply-To: x\r\n"
		"Call-ID: fifteen\r\nCSeq: 14 REFER\r\n" L,
	"PUBLISH sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>\r\nCall-ID: sixteen\r\nCSeq: 15 PUBLISH\r\nEvent: presence\r\nExpires: 60\r\n" L,
	"CANCEL sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>\r\nCall-ID: seventeen-0123456789-0123456789-0123456789@h.example\r\nCSeq: 16 CANCEL\r\n" L,
	"FETCH sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>;tag=1\r\nCall-ID: eighteen\r\nCSeq: 17 FETCH\r\n" L,
	"\r\n\r\nOPTIONS sip:b@p SIP/2.0\r\n" V F "To: <sip:b@p>\r\nCall-ID: nineteen\r\nCSeq: 18 OPTIONS\r\n" L,
	"SIP/2.0 100 \r\n" V F "To: <sip:b@[2001:db8::1]:5060;transport=udp>\r\nCall-ID: 20@[2001:db8::2]\r\nCSeq: 19 INVITE\r\n" L,
	"SIP/2.0 699 Own Reason With: Colons\r\n" V F "To: 'B' <sips:b@p?Subject=x>;tag=q\r\nI:21\r\nCSeq: 20 INVITE\r\n"
		"Subject: folded\r\n over\r\n\tthree lines\r\n" L,
	"INVITE sip:b@p SIP/2.0\r\nTo: <sip:b@p>\r\nCall-ID: 22\r\nCSeq: 21 INVITE\r\n" F V "Max-Forwards: 70\r\n"
		"User-Agent: caf\303\251/1.0\r\nSupported: 100rel,timer\r\n" L,
};

#undef V
#undef F
#undef L

#endif
