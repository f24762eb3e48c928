/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_certs: who waits for a certificate's file that hangs? It is a fifo here, to which nobody writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ha/certs.h"
#include "sys/clock.h"

#define TRIES	5

static struct conf conf;

static uint64_t close_takes_ns(void)
{
	struct certs *c;
	uint64_t began;

	assert_int_equal(certs_open(&c, &conf), 0);
	usleep(20000);		/* likely it has opened the file; if not there is nothing to wait for */
	began = clock_now_ns();
	certs_close(c, true);
	return clock_now_ns() - began;
}

/* Before another start in place no lease is renewed: one that hangs would cost this host its role. Machines stand still: the best counts. */
static void one_that_hangs_holds_up_no_restart(void **state)
{
	char dir[] = "/tmp/baton-certs-XXXXXX";
	uint64_t best = UINT64_MAX;

	(void)state;
	assert_non_null(mkdtemp(dir));
	conf.n_groups = 1;
	snprintf(conf.groups[0].opt.sip_tls_cert, sizeof(conf.groups[0].opt.sip_tls_cert), "%s/pem", dir);
	assert_int_equal(mkfifo(conf.groups[0].opt.sip_tls_cert, 0600), 0);
	for (int i = 0; i < TRIES; i++) {
		uint64_t took = close_takes_ns();

		best = took < best ? took : best;
	}
	if (best > NS_PER_S / 2)
		fail_msg("the quickest of %d ends took %llu ms", TRIES, (unsigned long long)(best / NS_PER_MS));
	unlink(conf.groups[0].opt.sip_tls_cert);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(one_that_hangs_holds_up_no_restart) };

	return cmocka_run_group_tests_name("certs", tests, NULL, NULL);
}
