/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Is a secret that others could know refused, and do both hosts make the same keys of one? */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sys/keys.h"

static char dir[] = "/tmp/baton-keys-XXXXXX";
static char path[64], link_path[64];

static void write_secret(size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)i;

		assert_int_equal(write(fd, &byte, 1), 1);
	}
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void expect(const char *file, int err, const char *text)
{
	uint8_t buf[64];
	size_t len = 4711;
	char why[128] = "";
	int got = keys_read_secret(file, buf, sizeof(buf), &len, why, sizeof(why));

	if (got != err || strcmp(why, text))
		fail_msg("%s: got %d '%s', want %d '%s'", file, got, why, err, text);
	assert_int_equal(len, 4711);		/* untouched on error */
}

static void good_secret_is_read_whole(void **state)
{
	uint8_t buf[64];
	char why[128] = "";
	size_t len = 0;

	(void)state;
	for (size_t size = 32; size <= 64; size += 32) { /* the least, and exactly the buffer */
		write_secret(size, 0600);
		assert_int_equal(keys_read_secret(path, buf, sizeof(buf), &len, why, sizeof(why)),
				 0);
		assert_int_equal(len, size);
		assert_int_equal(buf[31], 31);
	}
	write_secret(40, 0400);
	assert_int_equal(keys_read_secret(path, buf, sizeof(buf), &len, why, sizeof(why)), 0);
}

static void wrong_size_is_refused(void **state)
{
	(void)state;
	write_secret(31, 0600);
	expect(path, -EINVAL, "has 31 bytes, at least 32 are needed");
	write_secret(0, 0600);
	expect(path, -EINVAL, "has 0 bytes, at least 32 are needed");
	write_secret(65, 0600);
	expect(path, -EINVAL, "is longer than 64 bytes");
}

static void open_to_others_is_refused(void **state)
{
	(void)state;
	write_secret(32, 0640);
	expect(path, -EPERM, "is open to others (mode 0640), make it 0600");
	write_secret(32, 0602);
	expect(path, -EPERM, "is open to others (mode 0602), make it 0600");
}

static void another_users_file_is_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	write_secret(32, 0600);
	assert_int_equal(chown(path, 4242, 0), 0);
	expect(path, -EPERM, "belongs to user 4242, neither to root nor to this process");
}

static void what_is_no_file_is_refused(void **state)
{
	(void)state;
	expect(dir, -EINVAL, "is no regular file");
	expect("/nowhere/secret", -ENOENT, "cannot be opened: No such file or directory");
	write_secret(32, 0600);
	assert_int_equal(symlink(path, link_path), 0);
	expect(link_path, -EINVAL, "is a symbolic link");
	unlink(link_path);
	assert_int_equal(mkfifo(link_path, 0600), 0);
	expect(link_path, -EINVAL, "is no regular file");	/* and at once */
	unlink(link_path);
}

/* Figures from an independent HKDF: HMAC-SHA256 of Python's hmac, by RFC 5869. */
static void keys_are_those_of_rfc_5869(void **state)
{
	uint8_t secret[32];
	uint64_t out[2], in[2];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	assert_int_equal(keys_derive(secret, sizeof(secret), 1, 2, out), 0);
	assert_int_equal(keys_derive(secret, sizeof(secret), 2, 1, in), 0);
	assert_int_equal(out[0], 0x26849909b9609830ull);
	assert_int_equal(out[1], 0xfb6d966f3da612feull);
	assert_int_equal(in[0], 0x07b30ae887715b45ull);
	assert_int_equal(in[1], 0xe074dfe3eae2870full);
	assert_int_equal(keys_derive_observe(secret, sizeof(secret), out), 0);
	assert_int_equal(out[0], 0x43b02a0580d820c4ull);
	assert_int_equal(out[1], 0x727dc6e46f471ce2ull);
}

static void every_byte_of_the_secret_counts(void **state)
{
	uint8_t secret[33] = { 0 };
	uint64_t base[2], key[2];

	(void)state;
	assert_int_equal(keys_derive(secret, 32, 1, 2, base), 0);
	for (size_t i = 0; i < 32; i++) {
		secret[i] = 1;
		assert_int_equal(keys_derive(secret, 32, 1, 2, key), 0);
		secret[i] = 0;
		if (!memcmp(key, base, sizeof(key)))
			fail_msg("byte %zu of the secret changes nothing", i);
	}
}

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/secret", dir);
	snprintf(link_path, sizeof(link_path), "%s/other", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	unlink(path);
	unlink(link_path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_secret_is_read_whole),
		cmocka_unit_test(wrong_size_is_refused),
		cmocka_unit_test(open_to_others_is_refused),
		cmocka_unit_test(another_users_file_is_refused),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(keys_are_those_of_rfc_5869),
		cmocka_unit_test(every_byte_of_the_secret_counts),
	};

	return cmocka_run_group_tests_name("keys", tests, make_dir, remove_dir);
}
