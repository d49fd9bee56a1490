/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff: the rules of connections that were handed over, and counters, as commands. */
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/handoff/maps/handoff_words.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"

struct drop {
	const struct handoff_rules *rules;
	__u64 id; /* 0: all */
	size_t count;
};

/* A rule that became another's meanwhile is that one's. */
static int drop_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	struct drop *drop = data;
	int err;

	if (drop->id && rule->id != drop->id)
		return 0;
	err = handoff_rules_remove(drop->rules, key, rule->id);
	drop->count += !err;
	return err == -ESTALE ? 0 : err;
}

static int drop_one(struct drop *drop, const struct handoff_key *key)
{
	struct handoff_rule rule;
	int err = handoff_rules_get(drop->rules, key, &rule);

	return err ? err : drop_rule(key, &rule, drop);
}

static int drop_what(const struct program_context *ctx, struct drop *drop,
		     const struct handoff_key *key, struct slot_reason *why)
{
	int err = key ? drop_one(drop, key) : handoff_rules_each(drop->rules, drop_rule, drop);

	if (err && err != -ENOENT) {
		slot_reason_set(why, err, "cannot write map '%s': %s; %zu rules were dropped",
				HANDOFF_RULES_NAME, strerror(-err), drop->count);
		return program_fail(why);
	}
	if (!drop->count && (key || drop->id)) {
		slot_reason_set(why, -ENOENT, "%s has no rule; nothing was changed",
				key ? "this connection" : "this handoff");
		return program_fail(why);
	}
	if (ctx->json)
		return program_json_print(ctx,
					  json_pack("{s:I}", "dropped", (json_int_t)drop->count));
	fprintf(ctx->out, "dropped %zu\n", drop->count);
	return PROGRAM_OK;
}

/* CLIENT LOCAL | id=ID | all */
static int cmd_drop(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(handoff_rules_close) struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct drop drop = { .rules = &rules };
	struct handoff_key key;
	struct slot_reason why;
	bool has_key = argc == 2;

	if (!has_key && (argc != 1 || (strcmp(argv[0], "all") != 0 && strncmp(argv[0], "id=", 3))))
		return PROGRAM_USAGE;
	if (has_key && handoff_key_parse(argv[0], argv[1], &why, &key))
		return program_fail(&why);
	if (!has_key && argv[0][0] == 'i' && handoff_id_parse(argv[0] + 3, &why, &drop.id))
		return program_fail(&why);
	if (handoff_rules_open(ctx->map_dir, true, &why, &rules))
		return program_fail(&why);
	return drop_what(ctx, &drop, has_key ? &key : NULL, &why);
}

static const struct program_command commands[] = {
	{ "show", handoff_cmd_show, "[CLIENT LOCAL]",
	  "what becomes of which connection's packets" },
	{ "stats", handoff_cmd_stats, "",
	  "packets of connections with a rule, connections that moved, and what the agent did" },
	{ "drop", cmd_drop, "CLIENT LOCAL | id=ID | all",
	  "take rules away; a connection that is elsewhere is reset" },
	{ "agent", handoff_cmd_agent, "[KEY=VALUE...]",
	  "remove rules that nobody needs any more, until it is ended" },
	{ "repair", handoff_cmd_repair, "[user=NAME...] [port=N...] [socket=/PATH]",
	  "freeze and thaw sockets for applications that have no right to" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli handoff_cli = {
	.name = "handoff",
	.summary = "connections that were handed to another host, or to this one",
	.commands = commands,
	.claim = handoff_cli_claim,
};
