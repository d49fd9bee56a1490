/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers at random for tests: the same in every run, others with SLOTD_SEED. */
#ifndef TEST_DRAW_H
#define TEST_DRAW_H

#include <stdbool.h>
#include <stdint.h>

/* draw_told - SLOTD_SEED, or what stands for it. A test that fails says it. */
uint64_t draw_told(void);

/* draw_seed - what draw_number begins with in the @row of a test that has several; not 0. */
uint64_t draw_seed(uint64_t row);

/* draw_number - the next one; @state changes and must not be 0. */
uint32_t draw_number(uint64_t *state);

/* draw_below - one from 0 to @below - 1. */
uint32_t draw_below(uint64_t *state, uint32_t below);

#endif
