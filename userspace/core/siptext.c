/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/siptext.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#define VERSION		"SIP/2.0"
#define DIGITS_MAX	10

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct siptext_slice trimmed(struct siptext_slice s)
{
	while (s.len && is_blank(s.at[0]))
		s.at++, s.len--;
	while (s.len && is_blank(s.at[s.len - 1]))
		s.len--;
	return s;
}

static struct siptext_slice head_of(struct siptext_slice s, size_t n)
{
	return (struct siptext_slice){ s.at, n < s.len ? n : s.len };
}

static struct siptext_slice rest_of(struct siptext_slice s, size_t n)
{
	n = n < s.len ? n : s.len;
	return (struct siptext_slice){ s.at + n, s.len - n };
}

/* Until the first @c, or all. */
static size_t until(struct siptext_slice s, char c)
{
	const char *at = s.len ? memchr(s.at, c, s.len) : NULL;

	return at ? (size_t)(at - s.at) : s.len;
}

/* The same, outside of quotes and of <>. */
static size_t until_plain(struct siptext_slice s, char c)
{
	bool quoted = false, angled = false;

	for (size_t i = 0; i < s.len; i++) {
		char at = s.at[i];

		if (quoted && at == '\\')
			i++;
		else if (at == '"')
			quoted = !quoted;
		else if (!quoted && !angled && at == c)
			return i;
		else if (!quoted && (at == '<' || at == '>'))
			angled = at == '<';
	}
	return s.len;
}

bool siptext_same(struct siptext_slice a, struct siptext_slice b)
{
	return a.at && b.at && a.len == b.len && !memcmp(a.at, b.at, a.len);
}

bool siptext_is(struct siptext_slice a, const char *text)
{
	return a.at && a.len == strlen(text) && !strncasecmp(a.at, text, a.len);
}

static bool number(struct siptext_slice s, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0;

	if (!s.at || !s.len || s.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!is_digit(s.at[i]))
			return false;
		n = n * 10 + (uint64_t)(s.at[i] - '0');
	}
	*ret = n;
	return n <= max;
}

static bool port_of(struct siptext_slice s, uint16_t *ret)
{
	uint64_t n;

	if (!number(s, UINT16_MAX, &n) || !n)
		return false;
	*ret = (uint16_t)n;
	return true;
}

/* ---- lines --------------------------------------------------------------------------------------- */

struct line {
	enum siptext_name name;
	struct siptext_slice whole, value;	/* with its line ends and what it goes on in; without */
};

static enum siptext_name name_of(struct siptext_slice name)
{
	static const struct { enum siptext_name is; const char *text, *compact; } names[] = {
		{ SIPTEXT_VIA, "Via", "v" }, { SIPTEXT_FROM, "From", "f" }, { SIPTEXT_TO, "To", "t" },
		{ SIPTEXT_CALL_ID, "Call-ID", "i" }, { SIPTEXT_CSEQ, "CSeq", "CSeq" }, { SIPTEXT_ROUTE, "Route", "Route" },
		{ SIPTEXT_MAX_FORWARDS, "Max-Forwards", "Max-Forwards" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (siptext_is(name, names[i].text) || siptext_is(name, names[i].compact))
			return names[i].is;
	return SIPTEXT_OTHER;
}

/* Bytes until after the line end, with the lines it goes on in; 0: there is none. */
static size_t line_len(struct siptext_slice s)
{
	for (size_t at = 0; at < s.len;) {
		const char *end = memmem(s.at + at, s.len - at, "\r\n", 2);

		if (!end)
			return 0;
		at = (size_t)(end - s.at) + 2;
		if (at >= s.len || (s.at[at] != ' ' && s.at[at] != '\t'))
			return at;
	}
	return 0;
}

/* The header line at @at of the head; false: the empty line, or no header. */
static bool line_at(const struct siptext *m, size_t at, struct line *ret)
{
	struct siptext_slice left = rest_of(head_of(m->all, m->head), at);
	size_t n = line_len(left), colon;

	if (!n || n == 2)
		return false;
	ret->whole = head_of(left, n);
	colon = until(ret->whole, ':');
	if (!colon || colon == n)
		return false;
	ret->name = name_of(trimmed(head_of(ret->whole, colon)));
	ret->value = trimmed(rest_of(ret->whole, colon + 1));
	return true;
}

/* ---- reading ------------------------------------------------------------------------------------- */

static bool read_status(struct siptext *m, struct siptext_slice line)
{
	uint64_t n;

	if (line.len < sizeof(VERSION) + 3 || !number(head_of(rest_of(line, sizeof(VERSION)), 3), 699, &n) || n < 100)
		return false;
	m->status = (uint16_t)n;
	return line.len == sizeof(VERSION) + 3 || line.at[sizeof(VERSION) + 3] == ' ';
}

static bool read_request(struct siptext *m, struct siptext_slice line)
{
	size_t a = until(line, ' ');
	struct siptext_slice rest = rest_of(line, a + 1);
	size_t b = until(rest, ' ');

	m->method = head_of(line, a);
	m->uri = head_of(rest, b);
	return a && b && siptext_is(rest_of(rest, b + 1), VERSION);
}

static bool read_start(struct siptext *m)
{
	const char *end = memmem(m->all.at, m->all.len, "\r\n", 2);
	struct siptext_slice line;

	if (!end)
		return false;
	m->start = (size_t)(end - m->all.at) + 2;
	line = head_of(m->all, m->start - 2);
	if (line.len > sizeof(VERSION) && !memcmp(line.at, VERSION " ", sizeof(VERSION)))
		return read_status(m, line);
	return read_request(m, line);
}

static bool read_cseq(struct siptext *m)
{
	struct siptext_slice value = m->first[SIPTEXT_CSEQ];
	size_t n = 0;
	uint64_t cseq;

	while (n < value.len && is_digit(value.at[n]))
		n++;
	if (!number(head_of(value, n), UINT32_MAX, &cseq) || n == value.len || !is_blank(value.at[n]))
		return false;
	m->cseq = (uint32_t)cseq;
	m->cseq_method = trimmed(rest_of(value, n));
	return m->cseq_method.len;
}

static bool take_line(struct siptext *m, const struct line *l)
{
	if (l->name == SIPTEXT_OTHER)
		return true;
	if (!m->first[l->name].at) {
		m->first[l->name] = l->value;
		return true;
	}
	return l->name == SIPTEXT_VIA || l->name == SIPTEXT_ROUTE;
}

static bool read_lines(struct siptext *m)
{
	size_t at = m->start;
	struct line l;

	for (; line_at(m, at, &l); at += l.whole.len)
		if (!take_line(m, &l))
			return false;
	return at + 2 == m->head;	/* else something before the empty line is no header */
}

bool siptext_read(struct siptext *ret, const char *data, size_t len)
{
	struct siptext m = { .all = { data, len }, .max_forwards = 70 };
	const char *end = memmem(data, len, "\r\n\r\n", 4);
	uint64_t n;

	if (!end)
		return false;
	m.head = (size_t)(end - data) + 4;
	if (memchr(data, '\0', m.head) || !read_start(&m) || !read_lines(&m))
		return false;
	for (int i = SIPTEXT_VIA; i <= SIPTEXT_CSEQ; i++)
		if (!m.first[i].at || !m.first[i].len)
			return false;
	if (m.first[SIPTEXT_MAX_FORWARDS].at) {
		if (!number(m.first[SIPTEXT_MAX_FORWARDS], 255, &n))
			return false;
		m.max_forwards = (uint32_t)n;
	}
	if (!read_cseq(&m))
		return false;
	*ret = m;
	return true;
}

/* ---- Via and URI --------------------------------------------------------------------------------- */

/* "host", "host:port", "[v6]:port". */
static bool read_host(struct siptext_slice s, struct siptext_slice *ret_host, uint16_t *ret_port)
{
	size_t n;

	s = trimmed(s);
	*ret_port = 0;
	if (s.len && s.at[0] == '[') {
		n = until(s, ']');
		if (n < 2 || n == s.len)
			return false;
		*ret_host = (struct siptext_slice){ s.at + 1, n - 1 };
		s = trimmed(rest_of(s, n + 1));
		if (s.len && s.at[0] != ':')
			return false;
		n = 0;
	} else {
		n = until(s, ':');
		*ret_host = trimmed(head_of(s, n));
	}
	if (!ret_host->len)
		return false;
	return n >= s.len || port_of(trimmed(rest_of(s, n + 1)), ret_port);
}

/* The next of ";name=value;name"; false: no more. */
static bool next_param(struct siptext_slice *left, struct siptext_slice *name, struct siptext_slice *value)
{
	struct siptext_slice one;
	size_t eq;

	if (!left->len)
		return false;
	*left = rest_of(*left, 1);
	one = head_of(*left, until_plain(*left, ';'));
	*left = rest_of(*left, one.len);
	eq = until(one, '=');
	*name = trimmed(head_of(one, eq));
	*value = eq < one.len ? trimmed(rest_of(one, eq + 1)) : (struct siptext_slice){ NULL, 0 };
	return true;
}

static void take_via_param(struct siptext_via *v, struct siptext_slice name, struct siptext_slice value)
{
	if (siptext_is(name, "branch"))
		v->branch = value;
	else if (siptext_is(name, "received"))
		v->received = value;
	else if (siptext_is(name, "rport")) {
		v->wants_rport = true;
		port_of(value, &v->rport);
	}
}

static bool read_via(struct siptext_slice s, struct siptext_via *ret)
{
	struct siptext_slice by, left, name, value;
	size_t slashes = 0, i = 0;

	*ret = (struct siptext_via){ .whole = trimmed(s) };
	by = head_of(ret->whole, until_plain(ret->whole, ';'));
	left = rest_of(ret->whole, by.len);
	for (; i < by.len && (slashes < 2 || by.at[i] == '/' || is_blank(by.at[i])); i++)
		slashes += by.at[i] == '/';
	while (i < by.len && !is_blank(by.at[i]))	/* the transport's name */
		i++;
	if (slashes != 2 || !read_host(rest_of(by, i), &ret->host, &ret->port))
		return false;
	while (next_param(&left, &name, &value))
		take_via_param(ret, name, value);
	return true;
}

/* The @i-th value of all headers of that name, which may stand in one line with a comma between them. */
static bool value_at(const struct siptext *m, enum siptext_name name, uint32_t i, struct siptext_slice *ret)
{
	struct line l;

	for (size_t at = m->start; line_at(m, at, &l); at += l.whole.len) {
		struct siptext_slice left = l.value;

		for (; l.name == name && left.len; i--) {
			*ret = trimmed(head_of(left, until_plain(left, ',')));
			if (!i)
				return true;
			left = rest_of(left, until_plain(left, ',') + 1);
		}
	}
	return false;
}

bool siptext_via(const struct siptext *m, uint32_t i, struct siptext_via *ret)
{
	struct siptext_slice value;

	return value_at(m, SIPTEXT_VIA, i, &value) && read_via(value, ret);
}

bool siptext_route(const struct siptext *m, uint32_t i, struct siptext_slice *ret)
{
	return value_at(m, SIPTEXT_ROUTE, i, ret);
}

bool siptext_ip(struct siptext_slice host, struct in6_addr *ret)
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr v4;

	if (!host.at || host.len >= sizeof(text))
		return false;
	memcpy(text, host.at, host.len);
	text[host.len] = '\0';
	if (inet_pton(AF_INET, text, &v4) != 1)
		return inet_pton(AF_INET6, text, ret) == 1;
	*ret = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(&ret->s6_addr[12], &v4, sizeof(v4));
	return true;
}

bool siptext_back(const struct siptext *m, uint32_t i, struct in6_addr *ret_ip, uint16_t *ret_port)
{
	struct siptext_via v;

	if (!siptext_via(m, i, &v))
		return false;
	*ret_port = v.rport ? v.rport : v.port ? v.port : SIPTEXT_PORT;
	return siptext_ip(v.received.at ? v.received : v.host, ret_ip);
}

static struct siptext_slice uri_alone(struct siptext_slice s)
{
	size_t n = until_plain(s, '<');
	bool bare = true;

	for (size_t i = 0; i < s.len && bare; i++)
		bare = s.at[i] != '<';
	if (bare)
		return trimmed(head_of(s, until_plain(s, ',')));
	s = rest_of(s, n + 1);
	return trimmed(head_of(s, until(s, '>')));
}

bool siptext_uri(struct siptext_slice text, struct siptext_uri *ret)
{
	struct siptext_slice s = uri_alone(text), by, name, value;
	size_t at, n;

	if (s.len < 5 || strncasecmp(s.at, "sip:", 4))
		return false;
	s = rest_of(s, 4);
	s = head_of(s, until(s, '?'));
	at = until(s, '@');
	if (at < s.len)			/* a user may have a ; of its own */
		s = rest_of(s, at + 1);
	n = until(s, ';');
	by = head_of(s, n);
	s = rest_of(s, n);
	*ret = (struct siptext_uri){ .udp = true };
	while (next_param(&s, &name, &value))
		if (siptext_is(name, "transport"))
			ret->udp = siptext_is(value, "udp");
	return read_host(by, &ret->host, &ret->port);
}

/* ---- writing ------------------------------------------------------------------------------------- */

struct out {
	char *buf;
	size_t cap, len;
	bool full;
};

static void put(struct out *o, struct siptext_slice s)
{
	if (o->full || s.len > o->cap - o->len) {
		o->full = true;
		return;
	}
	if (s.len)
		memcpy(o->buf + o->len, s.at, s.len);
	o->len += s.len;
}

static void say(struct out *o, const char *text)
{
	put(o, (struct siptext_slice){ text, strlen(text) });
}

static void say_number(struct out *o, uint32_t n)
{
	char text[DIGITS_MAX + 1], *at = text + DIGITS_MAX;

	*at = '\0';
	do
		*--at = (char)('0' + n % 10);
	while (n /= 10);
	say(o, at);
}

static void say_header(struct out *o, const char *name, struct siptext_slice value)
{
	say(o, name);
	say(o, ": ");
	put(o, value);
	say(o, "\r\n");
}

static size_t written(const struct out *o)
{
	return o->full ? 0 : o->len;
}

/* All headers of that name. */
static void copy_lines(struct out *o, const struct siptext *m, enum siptext_name name)
{
	struct line l;

	for (size_t at = m->start; line_at(m, at, &l); at += l.whole.len)
		if (l.name == name)
			put(o, l.whole);
}

size_t siptext_ack(char *buf, size_t cap, const struct siptext *invite, const struct siptext *answer)
{
	struct out o = { .buf = buf, .cap = cap };
	struct siptext_via via;

	if (!siptext_via(invite, 0, &via))
		return 0;
	say(&o, "ACK ");
	put(&o, invite->uri);
	say(&o, " " VERSION "\r\n");
	say_header(&o, "Via", via.whole);
	copy_lines(&o, invite, SIPTEXT_ROUTE);
	say(&o, "Max-Forwards: 70\r\n");
	say_header(&o, "From", invite->first[SIPTEXT_FROM]);
	say_header(&o, "To", answer->first[SIPTEXT_TO]);
	say_header(&o, "Call-ID", invite->first[SIPTEXT_CALL_ID]);
	say(&o, "CSeq: ");
	say_number(&o, invite->cseq);
	say(&o, " ACK\r\nContent-Length: 0\r\n\r\n");
	return written(&o);
}

static void say_ip(struct out *o, const struct in6_addr *ip)
{
	char text[INET6_ADDRSTRLEN];

	if (IN6_IS_ADDR_V4MAPPED(ip))
		inet_ntop(AF_INET, &ip->s6_addr[12], text, sizeof(text));
	else
		inet_ntop(AF_INET6, ip, text, sizeof(text));
	say(o, text);
}

/* Does it say already where it came from, all by itself? */
static bool via_is_true(const struct siptext_via *v, const struct siptext_from *from)
{
	struct in6_addr ip;

	return !v->wants_rport && siptext_ip(v->host, &ip) && !memcmp(&ip, &from->ip, sizeof(ip));
}

/* The first Via's own words but received and rport, then those as they are (RFC 3261 §18.2.1, RFC 3581 §4). */
static void say_via(struct out *o, const struct siptext_via *v, const struct siptext_from *from)
{
	struct siptext_slice left = v->whole, name, value, was;
	size_t n = until_plain(left, ';');

	put(o, head_of(left, n));
	left = rest_of(left, n);
	for (was = left; next_param(&left, &name, &value); was = left)
		if (!siptext_is(name, "received") && !siptext_is(name, "rport"))
			put(o, head_of(was, was.len - left.len));
	if (via_is_true(v, from))
		return;
	say(o, ";received=");
	say_ip(o, &from->ip);
	if (!v->wants_rport)
		return;
	say(o, ";rport=");
	say_number(o, from->port);
}

/* A line of Vias, of which the first says where it came from. */
static void say_first_vias(struct out *o, const struct line *l, const struct siptext_via *v, const struct siptext_from *from)
{
	size_t n = until_plain(l->value, ',');

	say(o, "Via: ");
	say_via(o, v, from);
	put(o, rest_of(l->value, n));
	say(o, "\r\n");
}

static void say_vias(struct out *o, const struct siptext *m, const struct siptext_via *v, const struct siptext_from *from)
{
	bool first = true;
	struct line l;

	for (size_t at = m->start; line_at(m, at, &l); at += l.whole.len) {
		if (l.name != SIPTEXT_VIA)
			continue;
		if (first)
			say_first_vias(o, &l, v, from);
		else
			put(o, l.whole);
		first = false;
	}
}

static bool has_tag(struct siptext_slice to)
{
	struct siptext_slice left = rest_of(to, until_plain(to, ';')), name, value;

	while (next_param(&left, &name, &value))
		if (siptext_is(name, "tag"))
			return true;
	return false;
}

const char *siptext_reason(uint16_t status)
{
	static const struct { uint16_t status; const char *text; } reasons[] = {
		{ 300, "Multiple Choices" }, { 301, "Moved Permanently" }, { 302, "Moved Temporarily" }, { 305, "Use Proxy" },
		{ 380, "Alternative Service" }, { 400, "Bad Request" }, { 403, "Forbidden" }, { 404, "Not Found" },
		{ 408, "Request Timeout" }, { 410, "Gone" }, { 480, "Temporarily Unavailable" }, { 482, "Loop Detected" },
		{ 483, "Too Many Hops" }, { 486, "Busy Here" }, { 487, "Request Terminated" }, { 488, "Not Acceptable Here" },
		{ 500, "Server Internal Error" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Server Time-out" }, { 600, "Busy Everywhere" }, { 603, "Decline" },
	};
	static const char *const classes[] = { "Redirection", "Request Failure", "Server Failure", "Global Failure" };

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return status >= 300 && status <= 699 ? classes[status / 100 - 3] : "Unknown";
}

static void say_status(struct out *o, uint16_t status)
{
	say(o, VERSION " ");
	say_number(o, status);
	say(o, " ");
	say(o, siptext_reason(status));
	say(o, "\r\n");
}

static void say_to(struct out *o, struct siptext_slice to, const char *tag)
{
	say(o, "To: ");
	put(o, to);
	if (!has_tag(to)) {
		say(o, ";tag=");
		say(o, tag);
	}
	say(o, "\r\n");
}

size_t siptext_answer(char *buf, size_t cap, const struct siptext *request, uint16_t status, const char *contact,
		      const char *tag, const struct siptext_from *from)
{
	struct out o = { .buf = buf, .cap = cap };
	struct siptext_via via;

	if (!siptext_via(request, 0, &via))
		return 0;
	say_status(&o, status);
	say_vias(&o, request, &via, from);
	say_header(&o, "From", request->first[SIPTEXT_FROM]);
	say_to(&o, request->first[SIPTEXT_TO], tag);
	say_header(&o, "Call-ID", request->first[SIPTEXT_CALL_ID]);
	say_header(&o, "CSeq", request->first[SIPTEXT_CSEQ]);
	if (contact) {
		say(&o, "Contact: <");
		say(&o, contact);
		say(&o, ">\r\n");
	}
	say(&o, "Content-Length: 0\r\n\r\n");
	return written(&o);
}

/* ---- a proxy's part ------------------------------------------------------------------------------ */

static void say_hops(struct out *o, uint32_t n)
{
	say(o, "Max-Forwards: ");
	say_number(o, n);
	say(o, "\r\n");
}

/* What is left of a line of values without its first. */
static void say_without_first(struct out *o, const char *name, const struct line *l)
{
	size_t n = until_plain(l->value, ',');

	if (n < l->value.len)
		say_header(o, name, trimmed(rest_of(l->value, n + 1)));
}

struct passing {
	const char *via;
	const struct siptext_via *was;
	const struct siptext_from *from;
	bool via_done, drop_route;
};

static void pass_line(struct out *o, const struct siptext *m, const struct line *l, struct passing *p)
{
	if (l->name == SIPTEXT_VIA && !p->via_done) {
		p->via_done = true;
		say(o, "Via: ");
		say(o, p->via);
		say(o, "\r\n");
		say_first_vias(o, l, p->was, p->from);
	} else if (l->name == SIPTEXT_ROUTE && p->drop_route) {
		p->drop_route = false;
		say_without_first(o, "Route", l);
	} else if (l->name == SIPTEXT_MAX_FORWARDS) {
		say_hops(o, m->max_forwards - 1);
	} else {
		put(o, l->whole);
	}
}

size_t siptext_pass_on(char *buf, size_t cap, const struct siptext *request, const char *via, bool drop_route,
		       const struct siptext_from *from)
{
	struct out o = { .buf = buf, .cap = cap };
	struct siptext_via was;
	struct passing p = { .via = via, .was = &was, .from = from, .drop_route = drop_route };
	struct line l;

	if (!request->max_forwards || !siptext_via(request, 0, &was))
		return 0;
	put(&o, head_of(request->all, request->start));
	for (size_t at = request->start; line_at(request, at, &l); at += l.whole.len)
		pass_line(&o, request, &l, &p);
	if (!request->first[SIPTEXT_MAX_FORWARDS].at)
		say_hops(&o, request->max_forwards);
	put(&o, rest_of(request->all, request->head - 2));
	return written(&o);
}

size_t siptext_pass_back(char *buf, size_t cap, const struct siptext *answer)
{
	struct out o = { .buf = buf, .cap = cap };
	bool first = true;
	struct line l;

	put(&o, head_of(answer->all, answer->start));
	for (size_t at = answer->start; line_at(answer, at, &l); at += l.whole.len) {
		if (l.name == SIPTEXT_VIA && first)
			say_without_first(&o, "Via", &l);
		else
			put(&o, l.whole);
		first &= l.name != SIPTEXT_VIA;
	}
	put(&o, rest_of(answer->all, answer->head - 2));
	return written(&o);
}
