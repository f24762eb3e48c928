/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stages: which stages of the XDP program can a frame come to, as this host is configured?
 *
 * The verifier follows every program at each first start: what no frame can come to need not be loaded (bpf/stage.h).
 * Pure.
 */
#ifndef BATON_STAGES_H
#define BATON_STAGES_H

#include <stdint.h>

#include "baton_abi.h"

struct conf;

#define STAGE_BIT(id)	(UINT32_C(1) << (id))

/* Of STAGE_BIT(). Those that cost next to nothing are always among them. */
uint32_t stages_of(const struct conf *c);

#endif
