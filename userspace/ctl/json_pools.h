/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * json_pools: how are pools, and sampled decisions, told to a program? As ctl/json.h, which says the rules.
 */
#ifndef BATON_JSON_POOLS_H
#define BATON_JSON_POOLS_H

#include <jansson.h>
#include <stdint.h>

#include "baton_abi.h"

struct ha;

json_t *doc_pools(const struct ha *ha);					/* its list is empty; */
json_t *doc_pools_rows(const struct ha *ha, uint32_t first, uint32_t n);	/* these belong there */
json_t *doc_trace(const struct ha *ha, const struct bt_trace *t);
/* What became of frames that the steering stage took up; NULL: no pools here, or negative errno. */
json_t *doc_steer_counters(struct ha *ha, int *ret_err);
json_t *doc_slow_counters(const struct ha *ha);			/* of those, what userspace did */

#endif
