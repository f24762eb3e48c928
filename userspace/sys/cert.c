/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/cert.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "sys/file.h"

#define PEM_MAX	(256 * 1024)	/* a chain, perhaps with comments */

struct cert {
	X509 *x509;
};

static X509 *parse(const char *text, size_t len)
{
	BIO *bio = BIO_new_mem_buf(text, (int)len);
	X509 *x509 = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x509;
}

int cert_open(struct cert **ret, const char *path)
{
	struct cert *c = calloc(1, sizeof(*c));
	char *text = malloc(PEM_MAX);
	ssize_t n = c && text ? file_read(path, text, PEM_MAX) : -ENOMEM;

	if (n >= 0)
		c->x509 = parse(text, (size_t)n);
	free(text);
	if (n >= 0 && c->x509) {
		*ret = c;
		return 0;
	}
	free(c);
	return n < 0 ? (int)n : -EBADMSG;
}

void cert_close(struct cert *c)
{
	if (!c)
		return;
	X509_free(c->x509);
	free(c);
}

static int seconds(const ASN1_TIME *at, int64_t *ret)
{
	struct tm tm;

	if (!ASN1_TIME_to_tm(at, &tm))
		return -EBADMSG;
	*ret = timegm(&tm);
	return 0;
}

int cert_dates(const struct cert *c, int64_t *ret_begins_s, int64_t *ret_ends_s)
{
	int64_t begins, ends;

	if (seconds(X509_get0_notBefore(c->x509), &begins) || seconds(X509_get0_notAfter(c->x509), &ends))
		return -EBADMSG;
	*ret_begins_s = begins;
	*ret_ends_s = ends;
	return 0;
}

bool cert_names_ip(const struct cert *c, const struct in6_addr *ip)
{
	bool v4 = IN6_IS_ADDR_V4MAPPED(ip);

	return X509_check_ip(c->x509, ip->s6_addr + (v4 ? 12 : 0), v4 ? 4 : 16, 0) == 1;
}

bool cert_names_host(const struct cert *c, const char *host)
{
	return X509_check_host(c->x509, host, 0, 0, NULL) == 1;
}
