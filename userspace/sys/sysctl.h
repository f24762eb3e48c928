/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sysctl: one number under /proc/sys, of the network namespace we are in.
 *
 * @path is written as the file is: "net/ipv4/conf/eth0.100/arp_ignore", so that a dot in an
 * interface's name is no trap.
 * Errors:  negative errno; -ENOENT: no such setting (or interface); -EINVAL: not a number.
 */
#ifndef BATON_SYSCTL_H
#define BATON_SYSCTL_H

int sysctl_read(const char *path, int *ret_value);
int sysctl_write(const char *path, int value);

#endif
