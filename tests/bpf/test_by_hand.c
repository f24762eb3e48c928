// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * test_by_hand: do the objects load with plain bpftool, share their maps, and dump with named
 * fields?
 *
 * In a bpf file system of its own, which goes with the test.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include <cmocka.h>

#define CHECK(cond, ...) do { if (!(cond)) { print_error("%s\n    ", #cond); print_error(__VA_ARGS__); \
	print_error("\n"); fail(); } } while (0)

static char dir[] = "/tmp/baton-byhand-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	CHECK(mkdtemp(dir), "%s: %s", dir, strerror(errno));
	CHECK(!mount("bpf", dir, "bpf", 0, NULL), "bpf file system on %s: %s", dir,
	      strerror(errno));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return 0;
}

/* Run it with every %s in @fmt being our directory; what it printed is in @out. */
static int sh(char *out, size_t size, const char *fmt)
{
	char cmd[1024];
	size_t n;
	FILE *f;

	snprintf(cmd, sizeof(cmd), fmt, dir, dir, dir, dir);
	f = popen(cmd, "r");
	CHECK(f, "%s: %s", cmd, strerror(errno));
	n = fread(out, 1, size - 1, f);
	out[n] = '\0';
	return pclose(f);
}

static void test_load_and_dump(void **state)
{
	static const struct { const char *map, *field; } fields[] = {
		{ "st_pair", "peer_boot" }, { "cfg_node", "pulse_port" }, { "st_heard",
				"lease_left_us" },
		{ "st_count", "packets" }, { "cfg_group", "linger_ms" }, { "meta", "magic" },
	};
	static char out[1 << 20];
	char fmt[128];

	(void)state;
	CHECK(!sh(out, sizeof(out),
		  "bpftool prog loadall build/bpf/baton_xdp.bpf.o %s/xdp pinmaps %s/maps 2>&1"), "%s", out);
	CHECK(!sh(out, sizeof(out),
		  "bpftool prog loadall build/bpf/baton_tc.bpf.o %s/tc map name st_word pinned "
		  "%s/maps/st_word map name cfg_vip4 pinned %s/maps/cfg_vip4 map name st_live pinned %s/maps/st_live 2>&1"),
	      "%s", out);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		snprintf(fmt, sizeof(fmt), "bpftool map dump pinned %%s/maps/%s 2>&1",
			 fields[i].map);
		CHECK(!sh(out, sizeof(out), fmt), "%s: %s", fields[i].map, out);
		CHECK(strstr(out, fields[i].field), "%s shows no %s:\n%.200s", fields[i].map,
		      fields[i].field, out);
	}
	CHECK(!sh(out, sizeof(out), "ls %s/xdp/baton_xdp %s/tc/baton_tc 2>&1"), "%s", out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_load_and_dump) };

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
