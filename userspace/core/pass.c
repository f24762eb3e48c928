/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/pass.h"

#include "core/when.h"
#include "pulse_wire.h"

#define NS_PER_S	UINT64_C(1000000000)
#define FORCE_MIN_S	5	/* the guide: less counts as that */

uint64_t pass_period_ns(const struct conf *conf, bool *ret_any)
{
	uint64_t longest = 0;

	for (uint32_t i = 0; i < conf->n_devices; i++) {
		const struct conf_device *d = &conf->devices[i];
		uint64_t s = d->oos_check_s + (d->oos_force_s < FORCE_MIN_S ? FORCE_MIN_S : d->oos_force_s);

		if (d->oos_check_s && s > longest)
			longest = s;
	}
	*ret_any = longest;
	return (longest ? longest : PASS_PERIOD_S) * NS_PER_S;
}

static uint64_t last_sign(const struct pass_seen *seen)
{
	return later(seen->sip_ns, seen->device_ns);
}

/* What the one before us came to, if it had no sign either. A peer that is silent says nothing new. */
static void go_by_peer(struct pass *p, const struct pass_seen *seen)
{
	uint32_t said = PULSE_F_PASS(seen->peer_flags);

	if (!seen->peer_fresh)
		return;
	if (!(seen->peer_flags & PULSE_F_NO_SIP))
		p->doubled = 0;
	else
		p->doubled = said < PULSE_PASS_MAX ? said + 1 : PULSE_PASS_MAX;
}

static void begin_hold(struct pass *p, const struct pass_seen *seen)
{
	if (seen->primary_ns == p->hold_ns && p->hold_ns)
		return;
	p->hold_ns = seen->primary_ns;
	p->doubled = 0;
	p->given_ns = 0;
}

static void hold(struct pass *p, const struct pass_seen *seen, uint64_t now_ns, struct pass_says *says)
{
	uint64_t sign = last_sign(seen), begun = later(p->hold_ns, p->on_ns);

	if (sign > begun)
		p->doubled = 0;
	else if (!p->given_ns)
		go_by_peer(p, seen);
	if (sign > p->given_ns)
		p->given_ns = 0;
	says->next_ns = later(sign, begun) + (seen->period_ns << p->doubled);
	if (!p->given_ns && now_ns >= says->next_ns)
		p->given_ns = now_ns;
	p->failed = p->blind = p->given_ns;
	if (p->given_ns)
		says->next_ns = UINT64_MAX;
}

static void stand_by(struct pass *p, const struct pass_seen *seen, uint64_t now_ns, struct pass_says *says)
{
	if (p->primary)
		p->lost_ns = now_ns;
	if (p->failed && now_ns >= p->lost_ns + PASS_HANDOVER_NS)
		p->failed = false;
	if (p->failed)
		says->next_ns = p->lost_ns + PASS_HANDOVER_NS;
	if (p->blind && last_sign(seen) > p->given_ns)
		p->blind = false;
}

static uint32_t evidence(const struct pass *p)
{
	if (!p->primary && !p->blind)
		return 0;
	return (p->blind ? PULSE_F_NO_SIP : 0) | p->doubled << PULSE_F_PASS_SHIFT;
}

void pass_turn(struct pass *p, const struct pass_seen *seen, uint64_t now_ns, struct pass_says *ret)
{
	*ret = (struct pass_says){ .next_ns = UINT64_MAX };
	if (!seen->on)
		*p = (struct pass){ 0 };
	if (!seen->on)
		return;
	if (!p->on)
		*p = (struct pass){ .on = true, .on_ns = now_ns };
	p->period_ns = seen->period_ns;
	if (seen->primary) {
		begin_hold(p, seen);
		hold(p, seen, now_ns, ret);
	} else {
		stand_by(p, seen, now_ns, ret);
	}
	p->primary = seen->primary;
	ret->traffic = p->failed ? FACT_FAILED : FACT_WELL;
	ret->evidence = evidence(p);
}
