/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dp_world: what the tests of the data path share: a world of their own and sentences that fail.
 * Include after <cmocka.h>.
 */
#ifndef TESTS_DP_WORLD_H
#define TESTS_DP_WORLD_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <sys/mount.h>

#include "sys/dp.h"

#define OBJ	"build/bpf"
#define BPFFS	"/sys/fs/bpf"
#define PINS	BPFFS "/dp-test"
#define VERSION	"0.0.test"
#define ALL_STAGES	((1u << BT_STAGE__N) - 1)

#define OK(call) do { \
	int ok_err = (call); \
	if (ok_err) \
		fail_msg("%s: %s (%s)", #call, strerror(-ok_err), dp_why(NULL)); \
} while (0)

/* @call fails with @code, and dp_why() has @word in it. */
#define REFUSED(call, code, word) do { \
	int refused_err = (call); \
	if (refused_err != -(code) || !strstr(dp_why(NULL), word)) \
		fail_msg("%s: got %d \"%s\", want %d with \"%s\"", #call, refused_err, dp_why(NULL), \
			 -(code), word); \
} while (0)

static inline void shell(const char *command)
{
	int status = system(command);

	if (status)
		fail_msg("%s: exit status %#x", command, status);
}

static inline bool shell_true(const char *command)
{
	return system(command) == 0;
}

static inline uint32_t ifindex_of(const char *name)
{
	uint32_t i = if_nametoindex(name);

	if (!i)
		fail_msg("no interface %s", name);
	return i;
}

/* A bpf file system that only we see, where the host's would be. */
static inline int enter_own_world(void)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || mount("bpf", BPFFS, "bpf", 0, NULL)) {
		fprintf(stderr, "dp_world: own namespaces with a bpf file system: %s (needs root)\n", strerror(errno));
		return -1;
	}
	return 0;
}

#endif
