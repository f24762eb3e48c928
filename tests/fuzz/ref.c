// SPDX-License-Identifier: GPL-2.0-or-later
#include "ref.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <osipparser2/osip_parser.h>

static void say_nothing(const char *file, int line, osip_trace_level_t level, const char *fmt, va_list ap)
{
	(void)file;
	(void)line;
	(void)level;
	(void)fmt;
	(void)ap;
}

void ref_open(void)
{
	osip_trace_initialize_func(TRACE_LEVEL0, say_nothing);
	if (parser_init()) {
		fprintf(stderr, "libosip2 does not start\n");
		exit(1);
	}
}

static void keep(char to[REF_TEXT], const char *text)
{
	snprintf(to, REF_TEXT, "%s", text ? text : "");
}

static void keep_id(struct ref *ret, const osip_call_id_t *id)
{
	const char *number = id->number ? id->number : "";

	if (id->host)
		snprintf(ret->id, REF_TEXT, "%.2000s@%.2000s", number, id->host);
	else
		keep(ret->id, number);
}

static void keep_all(struct ref *ret, osip_message_t *m)
{
	osip_generic_param_t *tag = NULL;

	ret->parsed = true;
	ret->request = MSG_IS_REQUEST(m);
	ret->status = ret->request ? 0 : m->status_code;
	keep(ret->method, m->sip_method);
	ret->call_id = m->call_id;
	if (m->call_id)
		keep_id(ret, m->call_id);
	ret->to = m->to;
	if (m->to)
		osip_generic_param_get_byname(&m->to->gen_params, (char *)"tag", &tag);
	ret->to_tag = tag;
	ret->cseq = m->cseq;
	if (m->cseq) {
		keep(ret->number, m->cseq->number);
		keep(ret->cseq_method, m->cseq->method);
	}
}

void ref_read(const char *text, size_t len, struct ref *ret)
{
	osip_message_t *m;

	ret->parsed = ret->call_id = ret->to = ret->to_tag = ret->cseq = false;
	ret->id[0] = ret->number[0] = ret->method[0] = ret->cseq_method[0] = 0;
	if (osip_message_init(&m))
		return;
	if (!osip_message_parse(m, text, len))
		keep_all(ret, m);
	osip_message_free(m);
}
