/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sys/keys.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

struct reason {
	char *text;
	size_t len;
};

__attribute__((format(printf, 3, 4)))
static int refuse(struct reason why, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why.text, why.len, fmt, ap);
	va_end(ap);
	return err;
}

static int check_file(int fd, struct reason why)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return refuse(why, -errno, "cannot be examined: %s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(why, -EINVAL, "is no regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return refuse(why, -EPERM,
			      "belongs to user %u, neither to root nor to this process",
			      (unsigned)st.st_uid);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return refuse(why, -EPERM, "is open to others (mode %04o), make it 0600",
			      (unsigned)(st.st_mode & 07777));
	return 0;
}

/* One byte more than @cap is asked for at the end, so that a longer file is seen. */
static int read_all(int fd, void *buf, size_t cap, size_t *ret_len, struct reason why)
{
	size_t len = 0;
	ssize_t n;
	char more;

	do {
		n = len < cap ? read(fd, (char *)buf + len, cap - len) : read(fd, &more, 1);
		if (n < 0 && errno != EINTR)
			return refuse(why, -errno, "cannot be read: %s", strerror(errno));
		if (n > 0 && len == cap)
			return refuse(why, -EINVAL, "is longer than %zu bytes", cap);
		if (n > 0)
			len += (size_t)n;
	} while (n != 0);
	if (len < KEYS_SECRET_MIN)
		return refuse(why, -EINVAL, "has %zu bytes, at least %d are needed", len,
			      KEYS_SECRET_MIN);
	*ret_len = len;
	return 0;
}

int keys_read_secret(const char *path, void *buf, size_t cap, size_t *ret_len, char *why,
		     size_t why_len)
{
	struct reason reason = { why, why_len };
	int fd, err;

	/* NONBLOCK: a FIFO in its place must not hold the start up. */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP)
		return refuse(reason, -EINVAL, "is a symbolic link");
	if (fd < 0)
		return refuse(reason, -errno, "cannot be opened: %s", strerror(errno));
	err = check_file(fd, reason);
	if (!err)
		err = read_all(fd, buf, cap, ret_len, reason);
	close(fd);
	return err;
}

static int hkdf_sha256(const void *secret, size_t len, const char *info, unsigned char *out,
		       size_t out_len)
{
	/* libcrypto only reads through these pointers, whatever their type says. */
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int err = ctx && EVP_KDF_derive(ctx, out, out_len, params) == 1 ? 0 : -EIO;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return err;
}

static int derive(const void *secret, size_t len, const char *info, uint64_t ret_key[2])
{
	uint64_t key[2];
	int err = hkdf_sha256(secret, len, info, (unsigned char *)key, sizeof(key));

	if (!err) {
		ret_key[0] = le64toh(key[0]);
		ret_key[1] = le64toh(key[1]);
	}
	explicit_bzero(key, sizeof(key));
	return err;
}

int keys_derive(const void *secret, size_t len, uint8_t from_id, uint8_t to_id, uint64_t ret_key[2])
{
	char info[32];

	snprintf(info, sizeof(info), "baton pulse 1 %u%u", from_id, to_id);
	return derive(secret, len, info, ret_key);
}

int keys_derive_observe(const void *secret, size_t len, uint64_t ret_key[2])
{
	return derive(secret, len, "baton observe 1", ret_key);
}
