// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_arm: how does the watchdog's timer begin, with no frame to begin it? Does it look?
 *
 * The program that arms it lies among the stages of the entry that works, so it is renewed with them. It is run once by hand
 * (BPF_PROG_RUN); its timer holds it from then on.
 */
#include "sys/dp_own.h"

#include <errno.h>
#include <unistd.h>

#define FRAME_BYTES	64	/* a test run wants a frame; this program looks at none */

static int program(struct dp *dp)
{
	__u32 key = BT_STAGE_WATCH, id;
	int fd;

	if (bpf_map_lookup_elem(dp->map[DP_stages], &key, &id) < 0)
		return dp_fail(-errno, "the program that arms the watchdog");
	fd = bpf_prog_get_fd_by_id(id);
	return fd < 0 ? dp_fail(-errno, "the program that arms the watchdog") : fd;
}

int dp_arm(struct dp *dp)
{
	uint8_t frame[FRAME_BYTES] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	int fd, err;

	dp_hush();
	fd = program(dp);
	if (fd < 0)
		return fd;
	err = bpf_prog_test_run_opts(fd, &opts) < 0 ? -errno : -(int)opts.retval;
	close(fd);
	return err ? dp_fail(err, "arm the watchdog") : 0;
}

int dp_watched(struct dp *dp, uint64_t *ret_looks, uint64_t *ret_late)
{
	struct bt_watch watch;
	__u32 key = 0;

	if (bpf_map_lookup_elem(dp->map[DP_st_watch], &key, &watch) < 0)
		return dp_fail(-errno, "map st_watch");
	*ret_looks = watch.looks;
	*ret_late = watch.late;
	return 0;
}
