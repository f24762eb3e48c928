/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/etcd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>

#define CONNECT_MS	300
#define URL_MAX		320
#define BASE64(n)	(((n) + 2) / 3 * 4 + 1)

struct etcd {
	CURL *curl;
	struct curl_slist *headers;
	char url[URL_MAX];
	char error[CURL_ERROR_SIZE];
	char why[CURL_ERROR_SIZE + 64];
	uint64_t cluster;
	size_t len;
	bool too_long;
	char answer[ETCD_ANSWER_MAX];
};

/* ---- one question over HTTP ---------------------------------------------------------------------- */

static size_t take_in(char *data, size_t size, size_t n, void *arg)
{
	struct etcd *e = arg;

	n *= size;
	if (n > sizeof(e->answer) - e->len) {
		e->too_long = true;
		return 0;	/* ends the transfer */
	}
	memcpy(e->answer + e->len, data, n);
	e->len += n;
	return n;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct etcd *e, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	return err;
}

static bool is_lease_gone(const json_t *doc, long http)
{
	const char *text = json_string_value(json_object_get(doc, "error"));

	return http == 404 && text && strstr(text, "lease not found");
}

static int read_number(const json_t *doc, const char *name, uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(doc, name));
	uint64_t n;
	char *end;

	if (!text || text[0] < '0' || text[0] > '9')
		return -EPROTO;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno || *end)
		return -EPROTO;
	*ret = n;
	return 0;
}

/* etcd's own words may hold anything: only letters go to the log. */
static int refused(struct etcd *e, const json_t *doc, long http)
{
	const char *text = json_string_value(json_object_get(doc, "error"));
	char plain[96];
	size_t n = 0;

	for (; text && text[n] && n < sizeof(plain) - 1; n++)
		plain[n] = text[n] >= ' ' && text[n] <= '~' && text[n] != '"' ? text[n] : '?';
	plain[n] = '\0';
	return fail(e, -EIO, "HTTP %ld: %s", http, plain);
}

static int parse(struct etcd *e, long http, json_t **ret)
{
	json_error_t at;
	json_t *doc = json_loadb(e->answer, e->len, JSON_REJECT_DUPLICATES, &at);
	int err = 0;

	if (!json_is_object(doc))
		err = fail(e, -EPROTO, "HTTP %ld with %zu bytes that are no JSON object", http, e->len);
	else if (is_lease_gone(doc, http))
		err = fail(e, -ENOENT, "it knows no such lease");
	else if (http != 200)
		err = refused(e, doc, http);
	if (err) {
		json_decref(doc);
		return err;
	}
	read_number(json_object_get(doc, "header"), "cluster_id", &e->cluster);
	*ret = doc;
	return 0;
}

static int post(struct etcd *e, const char *path, const char *body, json_t **ret)
{
	char url[URL_MAX + 32];
	CURLcode code;
	long http = 0;

	snprintf(url, sizeof(url), "%s%s", e->url, path);
	e->len = 0;
	e->too_long = false;
	e->error[0] = '\0';
	curl_easy_setopt(e->curl, CURLOPT_URL, url);
	curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body);
	code = curl_easy_perform(e->curl);
	if (e->too_long)
		return fail(e, -EPROTO, "an answer longer than %d bytes", ETCD_ANSWER_MAX);
	if (code)
		return fail(e, code == CURLE_OPERATION_TIMEDOUT ? -ETIMEDOUT : -EIO, "%s",
			    e->error[0] ? e->error : curl_easy_strerror(code));
	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &http);
	return parse(e, http, ret);
}

/* ---- leases -------------------------------------------------------------------------------------- */

static int strange(struct etcd *e, const char *what)
{
	return fail(e, -EPROTO, "its answer to %s lacks what was asked for", what);
}

int etcd_grant(struct etcd *e, uint64_t ttl_s, uint64_t *ret_lease, uint64_t *ret_ttl_s)
{
	uint64_t lease, ttl;
	char body[64];
	json_t *doc;
	int err;

	snprintf(body, sizeof(body), "{\"TTL\":\"%" PRIu64 "\"}", ttl_s);
	err = post(e, "/v3/lease/grant", body, &doc);
	if (err)
		return err;
	if (read_number(doc, "ID", &lease) || !lease || read_number(doc, "TTL", &ttl) || !ttl) {
		err = strange(e, "lease/grant");
	} else {
		*ret_lease = lease;
		*ret_ttl_s = ttl;
	}
	json_decref(doc);
	return err;
}

/* A stream of answers, one here, in an envelope; a lease that is gone has no TTL left. */
int etcd_renew(struct etcd *e, uint64_t lease, uint64_t *ret_ttl_s)
{
	uint64_t id, ttl;
	json_t *doc, *result;
	char body[64];
	int err;

	snprintf(body, sizeof(body), "{\"ID\":\"%" PRIu64 "\"}", lease);
	err = post(e, "/v3/lease/keepalive", body, &doc);
	if (err)
		return err;
	result = json_object_get(doc, "result");
	if (read_number(result, "ID", &id) || id != lease)
		err = strange(e, "lease/keepalive");
	else if (!json_object_get(result, "TTL"))
		err = fail(e, -ENOENT, "it knows no such lease");
	else if (read_number(result, "TTL", &ttl))
		err = strange(e, "lease/keepalive");
	else
		*ret_ttl_s = ttl;
	json_decref(doc);
	return err;
}

int etcd_revoke(struct etcd *e, uint64_t lease)
{
	char body[64];
	json_t *doc;
	int err;

	snprintf(body, sizeof(body), "{\"ID\":\"%" PRIu64 "\"}", lease);
	err = post(e, "/v3/lease/revoke", body, &doc);
	if (!err)
		json_decref(doc);
	return err;
}

/* ---- keys ---------------------------------------------------------------------------------------- */

static void put_base64(char *to, const char *text)
{
	EVP_EncodeBlock((unsigned char *)to, (const unsigned char *)text, (int)strlen(text));
}

/* EVP_DecodeBlock() counts the padding as bytes: zeros, that end the text. */
static bool get_base64(const char *from, size_t len, char to[ETCD_VALUE_MAX])
{
	unsigned char raw[BASE64(ETCD_VALUE_MAX)];
	int n;

	if (len >= BASE64(ETCD_VALUE_MAX) - 4)
		return false;
	n = EVP_DecodeBlock(raw, (const unsigned char *)from, (int)len);
	if (n < 0 || n >= ETCD_VALUE_MAX)
		return false;
	memcpy(to, raw, (size_t)n);
	to[n] = '\0';
	for (size_t i = 0; to[i]; i++)
		if (to[i] < ' ' || to[i] > '~' || to[i] == '"')
			return false;
	return true;
}

static int read_seen(struct etcd *e, const json_t *range, struct etcd_seen *ret)
{
	const json_t *kv = json_array_get(json_object_get(range, "kvs"), 0);
	const json_t *value = json_object_get(kv, "value");

	*ret = (struct etcd_seen){ 0 };
	if (!range)
		return strange(e, "kv");
	if (!kv)
		return 0;
	if (read_number(kv, "mod_revision", &ret->mod_revision) || !ret->mod_revision)
		return strange(e, "kv");
	if (!json_is_string(value) || !get_base64(json_string_value(value), json_string_length(value), ret->value))
		ret->value[0] = '\0';
	return 0;
}

static int read_put(struct etcd *e, const json_t *doc, struct etcd_seen *ret)
{
	const json_t *first = json_array_get(json_object_get(doc, "responses"), 0);
	const json_t *succeeded = json_object_get(doc, "succeeded");
	int err;

	if (json_is_true(succeeded))
		return json_object_get(first, "response_put") ? 0 : strange(e, "kv/txn");
	if (succeeded && !json_is_false(succeeded))
		return strange(e, "kv/txn");
	err = read_seen(e, json_object_get(first, "response_range"), ret);
	return err ? err : fail(e, -EEXIST, "the key has another value");
}

int etcd_put_if(struct etcd *e, const char *key, const char *value, uint64_t lease, uint64_t was,
		struct etcd_seen *ret)
{
	char key64[BASE64(ETCD_VALUE_MAX)], value64[BASE64(ETCD_VALUE_MAX)], body[1536];
	json_t *doc;
	int err;

	if (strlen(key) >= ETCD_VALUE_MAX || strlen(value) >= ETCD_VALUE_MAX)
		return fail(e, -EINVAL, "key or value too long");
	put_base64(key64, key);
	put_base64(value64, value);
	snprintf(body, sizeof(body), "{\"compare\":[{\"key\":\"%s\",\"target\":\"MOD\",\"result\":\"EQUAL\","
		 "\"mod_revision\":\"%" PRIu64 "\"}],"
		 "\"success\":[{\"request_put\":{\"key\":\"%s\",\"value\":\"%s\",\"lease\":\"%" PRIu64 "\"}}],"
		 "\"failure\":[{\"request_range\":{\"key\":\"%s\"}}]}", key64, was, key64, value64, lease, key64);
	err = post(e, "/v3/kv/txn", body, &doc);
	if (err)
		return err;
	err = read_put(e, doc, ret);
	json_decref(doc);
	return err;
}

int etcd_look(struct etcd *e, const char *key, struct etcd_seen *ret)
{
	char key64[BASE64(ETCD_VALUE_MAX)], body[256];
	json_t *doc;
	int err;

	if (strlen(key) >= ETCD_VALUE_MAX)
		return fail(e, -EINVAL, "key too long");
	put_base64(key64, key);
	snprintf(body, sizeof(body), "{\"key\":\"%s\"}", key64);
	err = post(e, "/v3/kv/range", body, &doc);
	if (err)
		return err;
	err = json_object_get(doc, "header") ? read_seen(e, doc, ret) : strange(e, "kv/range");
	json_decref(doc);
	return err;
}

/* ---- life ---------------------------------------------------------------------------------------- */

static void set_up(struct etcd *e)
{
	curl_easy_setopt(e->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e->curl, CURLOPT_PROXY, "");	/* whatever the environment says */
	curl_easy_setopt(e->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(e->curl, CURLOPT_TIMEOUT_MS, (long)ETCD_TIMEOUT_MS);
	curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, e->headers);
	curl_easy_setopt(e->curl, CURLOPT_WRITEFUNCTION, take_in);
	curl_easy_setopt(e->curl, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(e->curl, CURLOPT_ERRORBUFFER, e->error);
}

int etcd_open(struct etcd **ret, const char *url)
{
	struct etcd *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	snprintf(e->url, sizeof(e->url), "%s", url);
	while (e->url[0] && e->url[strlen(e->url) - 1] == '/')
		e->url[strlen(e->url) - 1] = '\0';
	e->headers = curl_slist_append(NULL, "Content-Type: application/json");
	e->curl = curl_easy_init();
	if (!e->curl || !e->headers) {
		etcd_close(e);
		return -ENOMEM;
	}
	set_up(e);
	*ret = e;
	return 0;
}

void etcd_close(struct etcd *e)
{
	if (!e)
		return;
	curl_easy_cleanup(e->curl);
	curl_slist_free_all(e->headers);
	free(e);
}

const char *etcd_why(const struct etcd *e)
{
	return e->why;
}

uint64_t etcd_cluster(const struct etcd *e)
{
	return e->cluster;
}
