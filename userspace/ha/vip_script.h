/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vip_script: have the operator's scripts put the addresses where the role wants them (control-vip-scripts)?
 *
 * They are run with GROUP VIP INTERFACE, one VIP after the other, for those whose state is not as wanted; what counts
 * is the kernel's list of addresses, not what a script says. core/script_try says when, the runner runs.
 * Nothing depends on a script: gate and fence hold whatever it does, the local route serves before the address is there.
 * Threads: vip_script_step() from the placer, vip_script_again() from main.
 */
#ifndef BATON_VIP_SCRIPT_H
#define BATON_VIP_SCRIPT_H

#include "core/conf.h"
#include "ha/runner.h"
#include "ha/vip.h"

struct vip_script;

int vip_script_open(struct vip_script **ret, const struct conf *conf, struct runner *runner);
void vip_script_close(struct vip_script *s);	/* after the placer, before the runner */

/*
 * One step towards @up for all of @vips, of which @present are there. 0: they are as wanted; -EINPROGRESS: a script is
 * at work; -ETIMEDOUT: they have failed, vip_script_why() names the one.
 */
int vip_script_step(struct vip_script *s, uint32_t slot, const struct vip *vips, const bool *present, bool up);
const char *vip_script_why(void);

/* Scripts of @slot that have failed may be run again. */
void vip_script_again(struct vip_script *s, uint32_t slot);

#endif
