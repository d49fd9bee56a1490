/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff stats. */
#include <errno.h>
#include <inttypes.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"

static const struct program_counter counters[HANDOFF_COUNTS_SIZE] = {
	[HANDOFF_IN_REDIRECT] = { "redirect", "tx" },
	[HANDOFF_IN_AWAY] = { "redirect_away", "redirect" },
	[HANDOFF_IN_PASS] = { "pass", "pass" },
	[HANDOFF_IN_EXPIRED] = { "expired", "pass" },
	[HANDOFF_IN_REUSED] = { "reused", "pass" },
	[HANDOFF_IN_FAMILY] = { "family", "pass" },
	[HANDOFF_IN_OPTIONS] = { "options", "pass" },
	[HANDOFF_IN_FRAGMENT] = { "fragment", "pass" },
	[HANDOFF_IN_CUT] = { "cut", "pass" },
	[HANDOFF_IN_BLOCKED] = { "blocked", "drop" },
};

/* What the agent says, under a name. */
struct field {
	const char *name;
	__u64 value;
};

#define FIELDS(told)                                                                               \
	{                                                                                          \
		{ "rules", (told)->rules },	{ "late", (told)->late },                          \
		{ "ended", (told)->ended },	{ "half", (told)->half },                          \
		{ "idle", (told)->idle },	{ "expired", (told)->expired },                    \
		{ "pending", (told)->pending }, { "offloaded", (told)->active },                   \
		{ "full", (told)->full },	{ "installed", (told)->installed },                \
		{ "failed", (told)->failed },	{ "cancelled", (told)->cancelled },                \
		{ "removed", (told)->removed }, { "not_removed", (told)->not_removed },            \
		{ "changed", (told)->changed }, { "vanished", (told)->vanished },                  \
		{ "asked", (told)->asked },	{ "not_asked", (told)->not_asked },                \
	}

static int print_json(const struct program_context *ctx, const struct slot_count *counts,
		      const char *device, const struct field *fields, size_t count)
{
	json_t *json = program_counts_json(counters, counts, HANDOFF_COUNTS_SIZE);
	json_t *agent = json_object();

	for (size_t i = 0; i < count; i++)
		json_object_set_new(agent, fields[i].name,
				    json_integer((json_int_t)fields[i].value));
	json_object_set_new(agent, "device", *device ? json_string(device) : json_null());
	json_object_set_new(json, "agent", agent);
	return program_json_print(ctx, json);
}

int handoff_cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(handoff_offloads_close) struct handoff_offloads offloads =
		HANDOFF_OFFLOADS_CLOSED;
	struct slot_count counts[HANDOFF_COUNTS_SIZE];
	struct handoff_told told = {};
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (program_counts_read(ctx->map_dir, HANDOFF_COUNTS_NAME, HANDOFF_COUNTS_SIZE, &why,
				counts) ||
	    handoff_offloads_open(ctx->map_dir, false, &why, &offloads))
		return program_fail(&why);
	if (handoff_told_get(&offloads, &told)) {
		slot_reason_set(&why, -EIO, "cannot read map '%s'", HANDOFF_TOLD_NAME);
		return program_fail(&why);
	}

	const struct field fields[] = FIELDS(&told);
	const size_t count = sizeof(fields) / sizeof(fields[0]);

	if (ctx->json)
		return print_json(ctx, counts, told.device, fields, count);
	program_counts_print(ctx, counters, counts, HANDOFF_COUNTS_SIZE);
	fprintf(ctx->out, "\n%-16s  %12s\n", "agent", "number");
	if (*told.device)
		fprintf(ctx->out, "%-16s  %12s\n", "device", told.device);
	for (size_t i = 0; i < count; i++)
		fprintf(ctx->out, "%-16s  %12" PRIu64 "\n", fields[i].name,
			(uint64_t)fields[i].value);
	return PROGRAM_OK;
}
