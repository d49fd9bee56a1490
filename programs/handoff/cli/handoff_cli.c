/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff: the rules of connections that were handed over, and counters, as commands. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/handoff/maps/handoff_words.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"

#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
#define ID_TEXT_MAX 17

static const struct {
	enum handoff_seen bit;
	const char *name;
} sights[] = {
	{ HANDOFF_CLIENT_FIN, "client_fin" }, { HANDOFF_CLIENT_RST, "client_rst" },
	{ HANDOFF_LOCAL_FIN, "local_fin" },   { HANDOFF_LOCAL_RST, "local_rst" },
	{ HANDOFF_REUSED, "reused" },
};

#define SIGHTS (sizeof(sights) / sizeof(sights[0]))

/* --- show ------------------------------------------------------------------------------------ */

struct show {
	const struct program_context *ctx;
	json_t *list; /* NULL: lines */
	__s64 now_ns;
};

/* A rule in words. */
struct rule_text {
	char client[HANDOFF_TEXT_MAX];
	char local[HANDOFF_TEXT_MAX];
	char target[HANDOFF_TEXT_MAX];
	char source[HANDOFF_TEXT_MAX];
	char id[ID_TEXT_MAX];
	__s64 idle_s;  /* -1: no packet yet */
	__s64 left_ms; /* of a block, until it ends; -1: of none */
};

static __s64 read_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void describe(const struct show *show, const struct handoff_key *key,
		     const struct handoff_rule *rule, struct rule_text *ret_text)
{
	struct rule_text text = { .idle_s = -1, .left_ms = -1 };
	__s64 left = (__s64)rule->deadline_ns - show->now_ns;

	handoff_address_format(key->client, key->client_port, text.client);
	handoff_address_format(key->local, key->local_port, text.local);
	if (rule->ingress == HANDOFF_REDIRECT)
		handoff_address_format(rule->target.address, rule->target.port, text.target);
	if (rule->egress == HANDOFF_REWRITE)
		handoff_address_format(rule->source.address, rule->source.port, text.source);
	snprintf(text.id, sizeof(text.id), "%" PRIx64, (uint64_t)rule->id);
	if (rule->use.last_ns)
		text.idle_s = (show->now_ns - (__s64)rule->use.last_ns) / NS_PER_S;
	if (rule->ingress == HANDOFF_BLOCK && rule->deadline_ns)
		text.left_ms = left > 0 ? left / NS_PER_MS : 0;
	*ret_text = text;
}

static json_t *seen_to_json(__u32 seen)
{
	json_t *list = json_array();

	for (size_t i = 0; i < SIGHTS; i++)
		if (seen & sights[i].bit)
			json_array_append_new(list, json_string(sights[i].name));
	return list;
}

/* A number that may be none. */
static json_t *number_or_null(__s64 number)
{
	return number < 0 ? json_null() : json_integer(number);
}

static json_t *text_or_null(const char *text)
{
	return *text ? json_string(text) : json_null();
}

static json_t *rule_to_json(const struct handoff_rule *rule, const struct rule_text *text)
{
	const struct handoff_use *use = &rule->use;
	json_t *json =
		json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "client",
			  text->client, "local", text->local, "id", text->id, "ingress",
			  handoff_ingress_name(rule->ingress), "target", text_or_null(text->target),
			  "egress", handoff_egress_name(rule->egress), "source",
			  text_or_null(text->source), "left_ms", number_or_null(text->left_ms),
			  "idle_s", number_or_null(text->idle_s), "seen", seen_to_json(use->seen));
	json_t *counts = json_pack("{s:I, s:I, s:I, s:I, s:I}", "in_packets",
				   (json_int_t)use->in_packets, "in_bytes",
				   (json_int_t)use->in_bytes, "out_packets",
				   (json_int_t)use->out_packets, "out_bytes",
				   (json_int_t)use->out_bytes, "blocked", (json_int_t)use->blocked);

	if (json_object_update_new(json, counts)) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static void print_seen(FILE *out, __u32 seen)
{
	const char *before = "  seen ";

	for (size_t i = 0; i < SIGHTS; i++) {
		if (!(seen & sights[i].bit))
			continue;
		fprintf(out, "%s%s", before, sights[i].name);
		before = ",";
	}
}

/* One line, words only where they mean something. */
static void print_rule(FILE *out, const struct handoff_rule *rule, const struct rule_text *text)
{
	const struct handoff_use *use = &rule->use;

	fprintf(out, "%s %s  id %s  in %s", text->client, text->local, text->id,
		handoff_ingress_name(rule->ingress));
	if (*text->target)
		fprintf(out, " %s", text->target);
	if (text->left_ms >= 0)
		fprintf(out, " for %lld ms", (long long)text->left_ms);
	if (*text->source)
		fprintf(out, "  out %s %s", handoff_egress_name(rule->egress), text->source);
	fprintf(out, "  packets %" PRIu64 " in %" PRIu64 " out %" PRIu64 " blocked",
		(uint64_t)use->in_packets, (uint64_t)use->out_packets, (uint64_t)use->blocked);
	if (text->idle_s >= 0)
		fprintf(out, "  idle %lld s", (long long)text->idle_s);
	print_seen(out, use->seen);
	fputc('\n', out);
}

static int show_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	const struct show *show = data;
	struct rule_text text;

	describe(show, key, rule, &text);
	if (show->list)
		return json_array_append_new(show->list, rule_to_json(rule, &text)) ? -ENOMEM : 0;
	print_rule(show->ctx->out, rule, &text);
	return 0;
}

static int fail_read(int err, struct slot_reason *why)
{
	slot_reason_set(why, err, "cannot read map '%s': %s", HANDOFF_RULES_NAME, strerror(-err));
	return program_fail(why);
}

static int show_rules(const struct show *show, const struct handoff_rules *rules,
		      const struct handoff_key *key, struct slot_reason *why)
{
	struct handoff_rule rule;
	int err;

	if (!key)
		err = handoff_rules_each(rules, show_rule, (void *)show);
	else
		err = handoff_rules_get(rules, key, &rule);
	if (err == -ENOENT) {
		slot_reason_set(why, err, "this connection has no rule");
		return program_fail(why);
	}
	if (!err && key)
		err = show_rule(key, &rule, (void *)show);
	return err ? fail_read(err, why) : PROGRAM_OK;
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(handoff_rules_close) struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct show show = { .ctx = ctx, .now_ns = read_clock() };
	struct handoff_key key;
	struct slot_reason why;
	int ret;

	if (argc && argc != 2)
		return PROGRAM_USAGE;
	if ((argc && handoff_key_parse(argv[0], argv[1], &why, &key)) ||
	    handoff_rules_open(ctx->map_dir, false, &why, &rules))
		return program_fail(&why);
	if (ctx->json)
		show.list = json_array();
	ret = show_rules(&show, &rules, argc ? &key : NULL, &why);
	if (ret == PROGRAM_OK && show.list)
		return program_json_print(ctx, json_pack("{s:o}", "rules", show.list));
	json_decref(show.list);
	return ret;
}

/* --- drop ------------------------------------------------------------------------------------ */

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
	{ "show", cmd_show, "[CLIENT LOCAL]", "what becomes of which connection's packets" },
	{ "stats", handoff_cmd_stats, "",
	  "packets of connections with a rule, by what became of them; and what the agent did" },
	{ "drop", cmd_drop, "CLIENT LOCAL | id=ID | all",
	  "take rules away; a connection that is elsewhere is reset" },
	{ "agent", handoff_cmd_agent, "[KEY=VALUE...]",
	  "remove rules that nobody needs any more, until it is ended" },
	{ "repair", handoff_cmd_repair, "[user=NAME...] [socket=/PATH]",
	  "freeze and thaw sockets for applications that have no right to" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli handoff_cli = {
	.name = "handoff",
	.summary = "connections that were handed to another host, or to this one",
	.commands = commands,
};
