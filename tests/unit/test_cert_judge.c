/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From which day is a certificate warned of, from which alarmed? */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/cert_judge.h"

#define DAY	86400
#define BEGINS	(1000 * DAY)
#define ENDS	(2000 * DAY)

static void expect(struct cert_seen seen, int64_t now_s, enum cert_level want, const char *say)
{
	char text[160] = "";
	enum cert_level level = cert_judge(&seen, now_s, text, sizeof(text));

	if (level != want || strcmp(text, say))
		fail_msg("at %lld: level %d \"%s\", want %d \"%s\"", (long long)now_s, level, text, want, say);
}

static void days_are_counted(void **state)
{
	const struct cert_seen well = { .begins_s = BEGINS, .ends_s = ENDS, .named = NAMED_ADDRESS };

	(void)state;
	expect(well, BEGINS - 1, CERT_ALARM, "is not valid yet, in 1 days");
	expect(well, BEGINS, CERT_WELL, "ends in 1000 days, names the VIP's address");
	expect(well, ENDS - 30 * DAY, CERT_WELL, "ends in 30 days, names the VIP's address");
	expect(well, ENDS - 30 * DAY + 1, CERT_WARN, "ends in 29 days, names the VIP's address");
	expect(well, ENDS - 7 * DAY, CERT_WARN, "ends in 7 days, names the VIP's address");
	expect(well, ENDS - 7 * DAY + 1, CERT_ALARM, "ends in 6 days, names the VIP's address");
	expect(well, ENDS - 1, CERT_ALARM, "ends in 0 days, names the VIP's address");
	expect(well, ENDS, CERT_ALARM, "ended 0 days ago");
	expect(well, ENDS + 2 * DAY, CERT_ALARM, "ended 2 days ago");
}

static void another_name_warns_and_is_no_alarm(void **state)
{
	(void)state;
	expect((struct cert_seen){ 0, BEGINS, ENDS, NAMED_NOT }, BEGINS, CERT_WARN,
	       "ends in 1000 days, names neither a VIP's address nor its host name");
	expect((struct cert_seen){ 0, BEGINS, ENDS, NAMED_HOST }, BEGINS, CERT_WELL, "ends in 1000 days, names the VIP's host name");
	expect((struct cert_seen){ 0, BEGINS, ENDS, NAMED_NOT }, ENDS - 1, CERT_ALARM,
	       "ends in 0 days, names neither a VIP's address nor its host name");
}

static void what_cannot_be_read_is_an_alarm(void **state)
{
	(void)state;
	expect((struct cert_seen){ .err = -ENOENT }, BEGINS, CERT_ALARM, "cannot be read: No such file or directory");
	expect((struct cert_seen){ .err = -EBADMSG }, BEGINS, CERT_ALARM, "holds no certificate that can be read as PEM");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days_are_counted), cmocka_unit_test(another_name_warns_and_is_no_alarm),
		cmocka_unit_test(what_cannot_be_read_is_an_alarm),
	};

	return cmocka_run_group_tests_name("cert_judge", tests, NULL, NULL);
}
