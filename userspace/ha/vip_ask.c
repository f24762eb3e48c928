/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ha/vip_ask.h"

#include <errno.h>
#include <stdlib.h>

#include "core/conf.h"
#include "ha/who_has.h"
#include "sys/clock.h"
#include "sys/loop.h"

#define EVERY_NS	(50 * NS_PER_MS)
#define GAP_NS		(2 * EVERY_NS)	/* so late, and somebody may have come and gone unasked */
#define ENOUGH		5		/* questions without an answer: one or two may be lost */

struct vip_ask {
	struct who_has vip;
	bool on;
	uint64_t since_ns;	/* the asking began, or somebody answered */
	uint64_t next_ns;
	uint32_t open;		/* questions since then */
	uint64_t silent_ns;
};

static const struct vip *pick(const struct vip *vips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (conf_is_v4(&vips[i].ip))
			return &vips[i];
	return &vips[0];
}

int vip_ask_open(struct vip_ask **ret, const struct vip *vips, uint32_t n)
{
	struct vip_ask *a = calloc(1, sizeof(*a));
	const struct vip *v = pick(vips, n);
	int err;

	if (!a)
		return -ENOMEM;
	err = who_has_open(&a->vip, &v->ip, v->ifindex);
	if (err) {
		free(a);
		return err;
	}
	*ret = a;
	return 0;
}

void vip_ask_close(struct vip_ask *a)
{
	if (!a)
		return;
	who_has_close(&a->vip);
	free(a);
}

static void start_over(struct vip_ask *a, uint64_t now_ns)
{
	a->since_ns = now_ns;
	a->silent_ns = 0;
	a->open = 0;
}

static void begin(struct vip_ask *a, uint64_t now_ns)
{
	a->on = true;
	a->next_ns = now_ns;
	who_has_heard(&a->vip);	/* what was said unasked is old by now */
	start_over(a, now_ns);
}

uint64_t vip_ask_turn(struct vip_ask *a, bool wanted, uint64_t now_ns)
{
	if (!wanted) {
		a->on = false;
		a->silent_ns = 0;
		return LOOP_NEVER;
	}
	if (!a->on)
		begin(a, now_ns);
	if (now_ns < a->next_ns)
		return a->next_ns;
	if (who_has_heard(&a->vip) || now_ns > a->next_ns + GAP_NS)
		start_over(a, now_ns);
	if (a->open >= ENOUGH)
		a->silent_ns = now_ns - a->since_ns;
	if (who_has_ask(&a->vip))
		start_over(a, now_ns);
	else
		a->open++;
	a->next_ns = now_ns + EVERY_NS;
	return a->next_ns;
}

bool vip_ask_is_on(const struct vip_ask *a)
{
	return a->on;
}

uint64_t vip_ask_silent_ns(const struct vip_ask *a)
{
	return a->silent_ns;
}
