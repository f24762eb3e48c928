/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/dialog.h"

/*
 * How long may each be silent?
 *
 * ENDED_S	a BYE is repeated for 64 * T1 (RFC 3261 §17.1.2.2), a FIN about as long.
 * BEGUN_S	a phone that rings is answered within three minutes (RFC 3261 §16.6, timer C).
 * CALL_S	a call that uses session timers (RFC 4028) is refreshed each half hour; one without says nothing until
 *		its end. Longer than four hours is talked by few, and one that was forgotten goes to the active server.
 * REFRESH_S	subscriptions are refreshed within the hour that is usual (RFC 6665), now and then two.
 * CONNECTION_S	Linux' keep-alive asks after two hours, then nine times each 75 s (tcp(7)): silent beyond, it is dead.
 */
#define ENDED_S		32
#define BEGUN_S		180
#define CALL_S		(4 * 3600)
#define REFRESH_S	(2 * 3600)
#define CONNECTION_S	(2 * 3600 + 10 * 75)

static uint32_t patience_s(const struct bt_dialog *d)
{
	if (d->state == BT_D_ENDING || d->state == BT_D_OVER)
		return ENDED_S;
	if (d->kind == BT_D_CONNECTION)
		return CONNECTION_S;
	if (d->kind == BT_D_SUBSCRIPTION)
		return REFRESH_S;
	return d->state == BT_D_CONFIRMED ? CALL_S : BEGUN_S;
}

enum dialog_end dialog_end(const struct bt_dialog *d, bool owned, uint32_t now_s)
{
	/* The kernel may have written a later tick than the one we were called with. */
	uint32_t silent_s = now_s > d->last_s ? now_s - d->last_s : 0;

	if (!owned)
		return DIALOG_ORPHAN;
	if (silent_s <= patience_s(d))
		return DIALOG_LIVES;
	if (d->state == BT_D_ENDING || d->state == BT_D_OVER)
		return DIALOG_OVER;
	return d->kind == BT_D_CALL && d->state != BT_D_CONFIRMED ? DIALOG_NEVER_BEGUN : DIALOG_SILENT;
}

bool dialog_is_left(const struct bt_dialog *d, uint32_t epoch)
{
	return d->epoch == epoch && d->state != BT_D_ENDING && d->state != BT_D_OVER;
}
