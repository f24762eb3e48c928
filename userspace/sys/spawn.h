/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * spawn: start an operator's script, and never wait for it.
 *
 * No shell. The child runs at ordinary priority with an empty signal mask; its end is reaped by
 * spawn_reap(), which the owner calls on SIGCHLD.
 * Errors:  negative errno.
 */
#ifndef BATON_SPAWN_H
#define BATON_SPAWN_H

#include <stdbool.h>

#define SPAWN_ARGS_MAX 8

/* @args: what follows the program's name, NULL-terminated. */
int spawn_script(const char *path, const char *const *args);

/* Take one ended child; false: none. @ret_code: exit code, or 128 + signal. */
bool spawn_reap(int *ret_pid, int *ret_code);

#endif
