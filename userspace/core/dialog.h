/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dialog: is this entry of a call, subscription or connection still worth its place?
 *
 * Pure. Time: seconds of bt_steer.tick_s.
 */
#ifndef BATON_DIALOG_H
#define BATON_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "baton_abi.h"

enum dialog_end {
	DIALOG_LIVES,
	DIALOG_OVER,		/* ended, and what may still be repeated was */
	DIALOG_NEVER_BEGUN,	/* nobody answered */
	DIALOG_SILENT,		/* ended without being seen to */
	DIALOG_ORPHAN,		/* its pool is no more */
	DIALOG_END__N
};

/* @owned: its pool or group is there still. */
enum dialog_end dialog_end(const struct bt_dialog *d, bool owned, uint32_t now_s);
/* Does somebody still wait for it, while its server is drained? @epoch: of that server now. */
bool dialog_is_left(const struct bt_dialog *d, uint32_t epoch);

#endif
