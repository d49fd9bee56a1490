/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff stats. */
#include <errno.h>
#include <inttypes.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_moves.h"
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
	[HANDOFF_IN_EARLY] = { "early", "drop" },
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

/* What became of connections that were to move, by enum handoff_move. */
static const char *const moves[] = {
	[HANDOFF_MOVES_BEGUN] = "begun",
	[HANDOFF_MOVES_GIVEN] = "given",
	[HANDOFF_MOVES_KEPT_STEP] = "kept_step",
	[HANDOFF_MOVES_KEPT_CHANGED] = "kept_changed",
	[HANDOFF_MOVES_KEPT_REFUSED] = "kept_refused",
	[HANDOFF_MOVES_KEPT_SILENT] = "kept_silent",
	[HANDOFF_MOVES_KEPT_LINK] = "kept_link",
	[HANDOFF_MOVES_NOT_NOW] = "not_now",
	[HANDOFF_MOVES_NOT_LINKED] = "not_linked",
	[HANDOFF_MOVES_NOT_MOVED] = "not_moved",
	[HANDOFF_MOVES_TAKEN] = "taken",
	[HANDOFF_MOVES_BACK] = "back",
	[HANDOFF_MOVES_REFUSED] = "refused",
	[HANDOFF_MOVES_REFUSED_DEVICE] = "refused_device",
	[HANDOFF_MOVES_LOST] = "lost",
	[HANDOFF_MOVES_RESET] = "reset",
	[HANDOFF_MOVES_ASKED] = "asked",
};

_Static_assert(sizeof(moves) / sizeof(moves[0]) == HANDOFF_MOVES_COUNT, "each has a name");

struct stats {
	struct slot_count counts[HANDOFF_COUNTS_SIZE];
	__u64 moves[HANDOFF_MOVES_SIZE];
	struct handoff_told told;
};

static int read_stats(const char *map_dir, struct slot_reason *why, struct stats *ret_stats)
{
	_cleanup_(handoff_offloads_close) struct handoff_offloads offloads =
		HANDOFF_OFFLOADS_CLOSED;
	int err = program_counts_read(map_dir, HANDOFF_COUNTS_NAME, HANDOFF_COUNTS_SIZE, why,
				      ret_stats->counts);

	err = err ? err : handoff_moves_read(map_dir, why, ret_stats->moves);
	err = err ? err : handoff_offloads_open(map_dir, false, why, &offloads);
	if (!err && handoff_told_get(&offloads, &ret_stats->told))
		err = slot_reason_set(why, -EIO, "cannot read map '%s'", HANDOFF_TOLD_NAME);
	return err;
}

static int print_json(const struct program_context *ctx, const struct stats *stats)
{
	const struct field fields[] = FIELDS(&stats->told);
	const char *device = stats->told.device;
	json_t *json = program_counts_json(counters, stats->counts, HANDOFF_COUNTS_SIZE);
	json_t *moved = json_object(), *agent = json_object();

	for (size_t i = 0; i < HANDOFF_MOVES_COUNT; i++)
		json_object_set_new(moved, moves[i], json_integer((json_int_t)stats->moves[i]));
	json_object_set_new(json, "moves", moved);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		json_object_set_new(agent, fields[i].name,
				    json_integer((json_int_t)fields[i].value));
	json_object_set_new(agent, "device", *device ? json_string(device) : json_null());
	json_object_set_new(json, "agent", agent);
	return program_json_print(ctx, json);
}

static void print_number(const struct program_context *ctx, const char *name, __u64 value)
{
	fprintf(ctx->out, "%-16s  %12" PRIu64 "\n", name, (uint64_t)value);
}

static void print_words(const struct program_context *ctx, const struct stats *stats)
{
	const struct field fields[] = FIELDS(&stats->told);

	program_counts_print(ctx, counters, stats->counts, HANDOFF_COUNTS_SIZE);
	fprintf(ctx->out, "\n%-16s  %12s\n", "moves", "number");
	for (size_t i = 0; i < HANDOFF_MOVES_COUNT; i++)
		print_number(ctx, moves[i], stats->moves[i]);
	fprintf(ctx->out, "\n%-16s  %12s\n", "agent", "number");
	if (*stats->told.device)
		fprintf(ctx->out, "%-16s  %12s\n", "device", stats->told.device);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		print_number(ctx, fields[i].name, fields[i].value);
}

int handoff_cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	struct stats stats = {};
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (read_stats(ctx->map_dir, &why, &stats))
		return program_fail(&why);
	if (ctx->json)
		return print_json(ctx, &stats);
	print_words(ctx, &stats);
	return PROGRAM_OK;
}
