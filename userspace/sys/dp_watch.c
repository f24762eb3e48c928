// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dp_watch: does everything still stand where it was put?
 *
 * `ip link set dev IF xdp off` cannot remove a program that hangs on a link; detaching the link, removing its pin,
 * or deleting the interface can, and none of these is told to anybody: so the pin is asked.
 */
#include "sys/dp_own.h"

#include <stdio.h>
#include <unistd.h>

bool dp_xdp_stands(const struct dp *dp, uint32_t ifindex)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char name[32], path[PATH_MAX];
	bool stands;
	int fd;

	snprintf(name, sizeof(name), "link-%u", ifindex);
	if (dp_pin_path(path, dp->dir, name))
		return false;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	stands = !bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
		 info.xdp.ifindex == ifindex;
	close(fd);
	return stands;
}

int dp_repair(struct dp *dp, uint32_t ifindex, enum dp_mode want, bool any, enum dp_mode *ret_mode)
{
	int err = dp_tc_stands(ifindex) ? 0 : dp_tc_detach(ifindex);

	return err ? err : dp_attach(dp, ifindex, want, any, ret_mode);
}
