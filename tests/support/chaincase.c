/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/chaincase.h"

#include <stdio.h>
#include <stdlib.h>

static const struct slot_engine *const engines[] = { &slot_engine_freplace,
						     &slot_engines_fused[ROOT_KIND_XDP] };

#define ENGINES (sizeof(engines) / sizeof(engines[0]))

/* A case on an engine: a row of the plan. */
struct row {
	const char *name;
	const struct chain_case *chain_case;
	const struct slot_engine *engine;
};

void chain_start(struct chainrun *chain, void **state)
{
	const struct slot_engine *engine = *state;
	struct slot_reason why;

	if (engine->probe(&why)) {
		print_message("# SKIP engine %s: %s\n", engine->name, why.text);
		skip();
	}
	chainrun_start(chain, engine);
}

void chain_add(struct chainrun *chain, unsigned int slot, const char *object, const char *settings)
{
	if (chainrun_add(chain, slot, object, settings))
		fail_msg("slot %u: %s", slot, chain->why.text);
}

void chain_add_canary(struct chainrun *chain, unsigned int slot, const char *object,
		      const char *settings)
{
	if (chainrun_add_canary(chain, slot, object, settings))
		fail_msg("slot %u, canary: %s", slot, chain->why.text);
}

void chain_build(struct chainrun *chain)
{
	if (chainrun_build(chain))
		fail_msg("%s", chain->why.text);
}

void chain_assert_verdict(struct chainrun *chain, unsigned int verdict)
{
	struct progrun run = chainrun_frame(chain);

	assert_int_equal(run.verdict, verdict);
}

static void run_row(void **state)
{
	const struct row *row = *state;
	void *engine = (void *)row->engine;

	row->chain_case->run(&engine);
}

int chain_cases_run(const char *group, const struct chain_case *cases, size_t count)
{
	struct row *rows = calloc(count * ENGINES, sizeof(*rows));
	char(*names)[128] = calloc(count * ENGINES, sizeof(*names));
	struct tap_plan plan = { 0 };
	size_t i;
	int status;

	if (!rows || !names)
		abort();
	for (i = 0; i < count * ENGINES; i++) {
		rows[i] = (struct row){
			.name = names[i],
			.chain_case = &cases[i % count],
			.engine = engines[i / count],
		};
		snprintf(names[i], sizeof(names[i]), "%s: %s", rows[i].engine->name,
			 rows[i].chain_case->name);
	}
	tap_add_table(&plan, &(struct CMUnitTest){ .test_func = run_row }, rows, count * ENGINES,
		      sizeof(*rows));
	status = tap_run(&plan, group, 1);
	free(names);
	free(rows);
	return status;
}
