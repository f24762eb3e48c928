/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * doctor: what on this host stands in the way of a good takeover?
 *
 * Reads only. Each row says what was found and, where it is not well, what to do; one function per check.
 */
#include "ha/doctor_own.h"

/* What only the main loop knows; the rest is for examine.c. */
static doctor_check *const checks[] = {
	doctor_peer, doctor_paths, doctor_marks, doctor_arbiter, doctor_groups, doctor_fence, doctor_ports, doctor_crash, doctor_idle, doctor_certs, doctor_pools,
	doctor_single,
};

void doctor_say(const struct rows *r, const char *level, const char *check, const char *text, const char *fix)
{
	r->row(r->arg, level, check, text, fix);
}

void ha_doctor(struct ha *ha, ha_doctor_fn *row, void *arg)
{
	const struct rows r = { row, arg };

	pulse_report(ha->pulse, &ha->report);
	for (uint32_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](ha, &r);
	examine_rows(ha, &r);
}
