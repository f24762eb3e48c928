/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journal: one line of the log as an entry of systemd's journal, each key=value of it a field.
 *
 * BATON_KIND is the line's event name ("role change"), BATON_GROUP, BATON_ROLE ... what it says, BATON_EVENT its
 * event= (an alarm's number), else the name again; MESSAGE_ID is constant for each event name.
 * Threads: any, once open. Never blocks, allocates nothing: without room in journald's socket it says so.
 * Source:  systemd's "Native Journal Protocol"; sd_journal_send(3) would wait for room.
 */
#ifndef BATON_JOURNAL_H
#define BATON_JOURNAL_H

#include <stdbool.h>

#define JOURNAL_SOCKET	"/run/systemd/journal/socket"

/* Does what we print on stderr go to the journal ($JOURNAL_STREAM)? */
bool journal_is_stderr(void);

/* Send to the socket at @path from now on. Negative errno. */
int journal_open(const char *path);
void journal_close(void);

/* False: not open, or no room; print it instead. @text: "EVENT key=value key=\"...\"". */
bool journal_send(int priority, const char *event, const char *text);

#endif
