/* SPDX-License-Identifier: GPL-2.0-only */
/* Cases about chains, each of which runs once per engine. */
#ifndef TEST_CHAINCASE_H
#define TEST_CHAINCASE_H

#include "tests/support/chainrun.h"
#include "tests/support/tap.h"

struct chain_case {
	const char *name;
	void (*run)(void **state); /* for chain_start */
};

#define CHAIN_CASE(fn) { #fn, fn }

/* chain_start - an empty chain of the engine that the case is run for; skips the case where that does not work. */
void chain_start(struct chainrun *chain, void **state);

/* chain_add, _add_canary, _build - as those of chainrun; fail the case if they do. */
void chain_add(struct chainrun *chain, unsigned int slot, const char *object, const char *settings);
void chain_add_canary(struct chainrun *chain, unsigned int slot, const char *object,
		      const char *settings);
void chain_build(struct chainrun *chain);

/* chain_assert_verdict - run one frame and compare. */
void chain_assert_verdict(struct chainrun *chain, unsigned int verdict);

/* chain_cases_run - what main() returns. */
int chain_cases_run(const char *group, const struct chain_case *cases, size_t count);

#endif
