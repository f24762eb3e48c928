/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rng: chance that can be had again. Source: Steele, Lea, Flood: splitmix64 (2014). */
#include "sim.h"

struct rng plan, world;

uint64_t rng_next(struct rng *r)
{
	uint64_t z = r->s += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
	return (uint64_t)((unsigned __int128)rng_next(r) * n >> 64);
}

uint64_t rng_between(struct rng *r, uint64_t from, uint64_t to)
{
	return from + rng_below(r, to - from + 1);
}

bool rng_ppm(struct rng *r, uint32_t ppm)
{
	return ppm && rng_below(r, 1000000) < ppm;
}

bool rng_one_in(struct rng *r, uint32_t n)
{
	return rng_below(r, n) == 0;
}
