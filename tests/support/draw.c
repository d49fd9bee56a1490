/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/draw.h"

#include <stdlib.h>

#define SEED_DEFAULT 20261121

uint64_t draw_told(void)
{
	const char *seed = getenv("SLOTD_SEED");

	return seed ? strtoull(seed, NULL, 0) : SEED_DEFAULT;
}

/* Neighbours among rows and seeds get states that have nothing in common (as splitmix64 has it). */
uint64_t draw_seed(uint64_t row)
{
	uint64_t seed = draw_told() + row * 0x9e3779b97f4a7c15ULL;

	seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9ULL;
	seed = (seed ^ (seed >> 27)) * 0x94d049bb133111ebULL;
	seed ^= seed >> 31;
	return seed ? seed : 1;
}

/* xorshift64; its lowest bits are the poorest. */
uint32_t draw_number(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 24);
}

uint32_t draw_below(uint64_t *state, uint32_t below)
{
	return draw_number(state) % below;
}
