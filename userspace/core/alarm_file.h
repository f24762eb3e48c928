/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alarm_file: which alarms stood when an earlier batond was last seen?
 *
 * Pure. STATE_DIR/alarms is a few lines of text, closed by a check over all of them. Anything but what
 * alarm_file_write() makes is refused as a whole.
 * Errors:  -EBADMSG.
 */
#ifndef BATON_ALARM_FILE_H
#define BATON_ALARM_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALARM_ID	64
#define ALARM_TEXT	160
#define ALARM_ROWS	64
#define ALARM_BOOT	40	/* /proc/sys/kernel/random/boot_id and more */
#define ALARM_FILE_MAX	(ALARM_ROWS * (ALARM_ID + ALARM_TEXT + 48) + 128)

struct alarm_row {
	char id[ALARM_ID];
	char text[ALARM_TEXT];
	uint64_t since_ns;	/* boot clock; 0: of an earlier boot */
	bool by_hand;		/* cleared by hand while its cause stood */
	bool unsure;		/* of an earlier life, and not seen since; not in the file */
};

/* @boot: this boot's id, no blanks, not empty. Control characters of ids and texts become '?'. */
size_t alarm_file_write(const char *boot, const struct alarm_row *rows, uint32_t n, char buf[ALARM_FILE_MAX]);

/* What an earlier boot wrote is of an earlier boot. @now_ns: nothing of this boot is younger. */
int alarm_file_read(const char *text, size_t len, const char *boot, uint64_t now_ns, struct alarm_row ret[ALARM_ROWS],
		    uint32_t *ret_n);

#endif
