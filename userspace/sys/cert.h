/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cert: what does the first certificate of a PEM file say of itself?
 *
 * Time:    seconds since 1970, as dated in the certificate.
 * Errors:  negative errno of reading; -EBADMSG: there is no certificate in it. Blocks on the disk.
 * Source:  libcrypto: PEM_read_bio_X509(3), X509_check_ip(3), X509_check_host(3).
 */
#ifndef BATON_CERT_H
#define BATON_CERT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct cert;

int cert_open(struct cert **ret, const char *path);
void cert_close(struct cert *c);
int cert_dates(const struct cert *c, int64_t *ret_begins_s, int64_t *ret_ends_s);
bool cert_names_ip(const struct cert *c, const struct in6_addr *ip);	/* v4-mapped for IPv4 */
bool cert_names_host(const struct cert *c, const char *host);

#endif
