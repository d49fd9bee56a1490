/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl sk_steer: rules and counters, as commands. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "bpf/sk_steer/sk_steer.h"
#include "bpf/sk_steer/sk_steer_cli.h"
#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/file.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"
#include "programs/shared/words.h"

#define FILE_SIZE_MAX (1024 * 1024)

static const struct program_counter counters[SK_STEER_COUNTS_SIZE] = {
	[SK_STEER_ASSIGNED] = { "assigned", "pass" },
	[SK_STEER_NO_SOCKET] = { "no_socket", "left" },
	[SK_STEER_REFUSED] = { "refused", "drop" },
	[SK_STEER_UNSUITABLE] = { "unsuitable", "noted" },
};

/* --- changes --------------------------------------------------------------------------------- */

/* The number of the rule about the same; SK_STEER_NO_RULE: there is none. */
static __u32 find_rule(const struct sk_steer_rules *rules, const struct sk_steer_rule *rule)
{
	for (__u32 i = 0; i < SK_STEER_RULES_MAX; i++)
		if (rules->rules[i].family && sk_steer_rule_is_same(&rules->rules[i], rule))
			return i;
	return SK_STEER_NO_RULE;
}

/* A number that no rule has, neither now nor then, its hits at 0. */
static int take_number(const struct sk_steer_change *change, struct slot_reason *why,
		       __u32 *ret_number)
{
	const struct sk_steer_rules *wanted = change->wanted;
	__u32 number = 0;

	while (number < SK_STEER_RULES_MAX &&
	       (change->rules->rules[number].family || wanted->rules[number].family))
		number++;
	/* Those that go with this change may still count in their place. */
	if (number == SK_STEER_RULES_MAX)
		for (number = 0; number < SK_STEER_RULES_MAX && wanted->rules[number].family;)
			number++;
	if (number == SK_STEER_RULES_MAX)
		return slot_reason_set(why, -E2BIG, "%d rules are all that fit",
				       SK_STEER_RULES_MAX);
	*ret_number = number;
	return sk_steer_hits_clear(&change->maps, number, why);
}

/* A rule that was there already goes on counting. */
static int add_line(struct sk_steer_change *change, const struct sk_steer_line *line,
		    struct slot_reason *why)
{
	struct sk_steer_rules *wanted = change->wanted;
	__u32 number = find_rule(wanted, &line->rule), group = 0;
	int err = 0;

	if (number == SK_STEER_NO_RULE)
		number = find_rule(change->rules, &line->rule);
	if (number == SK_STEER_NO_RULE)
		err = take_number(change, why, &number);
	err = err ? err : sk_steer_group_take(change, line->group, why, &group);
	if (err)
		return err;
	wanted->rules[number] = line->rule;
	wanted->rules[number].group = group;
	return 0;
}

void sk_steer_note_new(const struct sk_steer_change *change, const char *lacks)
{
	struct sk_steer_groups groups;
	bool is_first = true;

	if (sk_steer_groups_get(&change->maps, NULL, &groups))
		return;
	for (__u32 i = 0; i < SK_STEER_GROUPS_MAX; i++) {
		if (!change->is_taken[i])
			continue;
		if (is_first)
			fprintf(stderr, "note: new group without a %s yet: ", lacks);
		fprintf(stderr, "%s%s", is_first ? "" : ", ", groups.groups[i].name);
		is_first = false;
	}
	if (!is_first)
		fputc('\n', stderr);
}

/* What is asked for, or all as before. */
static int set_rules(struct sk_steer_change *change, int err, struct slot_reason *why)
{
	err = err ? err : sk_steer_rules_set(&change->maps, change->wanted, why);
	if (err) {
		sk_steer_groups_give_back(change);
		return program_fail(why);
	}
	sk_steer_note_new(change, "socket");
	return PROGRAM_OK;
}

static int add_rule(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sk_steer_change_end) struct sk_steer_change change = SK_STEER_CHANGE_NONE;
	struct sk_steer_line line;
	struct slot_reason why;
	int err;

	if (argc < 4 || argc > SK_STEER_LINE_WORDS)
		return PROGRAM_USAGE;
	err = sk_steer_line_parse(argc, argv, &why, &line);
	err = err ? err : sk_steer_change_begin(ctx->map_dir, &why, &change);
	if (err)
		return program_fail(&why);
	return set_rules(&change, add_line(&change, &line, &why), &why);
}

static int del_rule(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sk_steer_change_end) struct sk_steer_change change = SK_STEER_CHANGE_NONE;
	char text[SK_STEER_MATCH_TEXT_MAX];
	struct sk_steer_rule rule;
	struct slot_reason why;
	__u32 number;
	int err;

	if (argc != 3)
		return PROGRAM_USAGE;
	err = sk_steer_match_parse(argv, &why, &rule);
	err = err ? err : sk_steer_change_begin(ctx->map_dir, &why, &change);
	if (err)
		return program_fail(&why);
	number = find_rule(change.rules, &rule);
	if (number == SK_STEER_NO_RULE) {
		sk_steer_match_format(&rule, text);
		slot_reason_set(&why, -ENOENT, "cannot delete '%s': there is no such rule", text);
		return program_fail(&why);
	}
	change.wanted->rules[number] = (struct sk_steer_rule){};
	err = sk_steer_rules_set(&change.maps, change.wanted, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static int read_file(const char *path, struct sk_steer_lines *ret_lines)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = {};
	_cleanup_free_ char *text = NULL;
	struct slot_reason why;
	size_t len = 0;
	int err = program_file_read(path, FILE_SIZE_MAX, &why, &text, &len);

	if (err) {
		program_fail(&why);
		return err;
	}
	err = sk_steer_file_parse(path, text, len, &errors, ret_lines);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	return err;
}

static int load_rules(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sk_steer_change_end) struct sk_steer_change change = SK_STEER_CHANGE_NONE;
	_cleanup_(sk_steer_lines_free) struct sk_steer_lines lines = {};
	struct slot_reason why;
	int err;

	if (argc != 1)
		return PROGRAM_USAGE;
	if (read_file(argv[0], &lines))
		return PROGRAM_FAILED;
	err = sk_steer_change_begin(ctx->map_dir, &why, &change);
	if (err)
		return program_fail(&why);
	*change.wanted = (struct sk_steer_rules){};
	for (size_t i = 0; !err && i < lines.count; i++)
		err = add_line(&change, &lines.lines[i], &why);
	return set_rules(&change, err, &why);
}

/* --- list and stats -------------------------------------------------------------------------- */

/* A rule that is there, in the order in which they decide. */
struct row {
	struct sk_steer_rule rule;
	__u64 lookups;
};

struct state {
	struct sk_steer_rules rules;
	struct sk_steer_groups groups;
	struct slot_count hits[SK_STEER_RULES_MAX];
	struct row rows[SK_STEER_RULES_MAX];
	size_t count;
};

static int compare_rows(const void *a, const void *b)
{
	return sk_steer_rule_compare(&((const struct row *)a)->rule,
				     &((const struct row *)b)->rule);
}

static int read_state(const struct program_context *ctx, struct slot_reason *why,
		      struct state *state)
{
	_cleanup_(sk_steer_close) struct sk_steer_maps maps = SK_STEER_MAPS_CLOSED;
	_cleanup_close_ int share = program_maps_share(ctx->map_dir);
	int err = sk_steer_open(ctx->map_dir, false, why, &maps);

	(void)share; /* held until this returns */
	err = err ? err : sk_steer_rules_get(&maps, why, &state->rules);
	err = err ? err : sk_steer_groups_get(&maps, why, &state->groups);
	err = err ? err : program_counts_get(maps.hits, SK_STEER_RULES_MAX, why, state->hits);
	for (size_t i = 0; !err && i < SK_STEER_RULES_MAX; i++)
		if (state->rules.rules[i].family)
			state->rows[state->count++] =
				(struct row){ state->rules.rules[i], state->hits[i].packets };
	qsort(state->rows, state->count, sizeof(state->rows[0]), compare_rows);
	return err;
}

/* Whoever owns the map can write anything there. */
static const char *group_of(const struct state *state, const struct sk_steer_rule *rule)
{
	return rule->group < SK_STEER_GROUPS_MAX ? state->groups.groups[rule->group].name : "?";
}

static json_t *row_to_json(const struct state *state, const struct row *row)
{
	const struct sk_steer_rule *rule = &row->rule;
	char text[SK_STEER_MATCH_TEXT_MAX];

	sk_steer_match_format(rule, text);
	text[strcspn(text, " ")] = '\0';
	return json_pack("{s:s, s:s, s:i, s:i, s:s, s:b, s:b, s:I}", "prefix", text, "protocol",
			 sk_steer_proto_name(rule->proto), "first_port", (int)rule->first,
			 "last_port", (int)rule->last, "group", group_of(state, rule), "drop",
			 (rule->flags & SK_STEER_DROP) != 0, "exact",
			 (rule->flags & SK_STEER_EXACT) != 0, "lookups", (json_int_t)row->lookups);
}

static void print_row(FILE *out, const struct state *state, const struct row *row)
{
	char text[SK_STEER_MATCH_TEXT_MAX];

	sk_steer_match_format(&row->rule, text);
	fprintf(out, "%-48s  %-15s  %-10s  %12" PRIu64 "\n", text, group_of(state, &row->rule),
		row->rule.flags == (SK_STEER_DROP | SK_STEER_EXACT) ? "drop exact" :
		row->rule.flags & SK_STEER_DROP			    ? "drop" :
		row->rule.flags & SK_STEER_EXACT		    ? "exact" :
								      "-",
		(uint64_t)row->lookups);
}

static int list_rules(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ struct state *state = calloc(1, sizeof(*state));
	struct slot_reason why;
	json_t *list;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (!state)
		return PROGRAM_FAILED;
	if (read_state(ctx, &why, state))
		return program_fail(&why);
	if (ctx->json) {
		list = json_array();
		for (size_t i = 0; i < state->count; i++)
			json_array_append_new(list, row_to_json(state, &state->rows[i]));
		return program_json_print(ctx, json_pack("{s:o}", "rules", list));
	}
	fprintf(ctx->out, "%-48s  %-15s  %-10s  %12s\n", "rule", "group", "flags", "lookups");
	for (size_t i = 0; i < state->count; i++)
		print_row(ctx->out, state, &state->rows[i]);
	return PROGRAM_OK;
}

static int cmd_rule(const struct program_context *ctx, int argc, char **argv)
{
	static const struct program_verb verbs[] = {
		{ "add", add_rule },	{ "del", del_rule }, { "load", load_rules },
		{ "list", list_rules }, { NULL, NULL },
	};

	return program_verb_run(verbs, ctx, argc, argv);
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, SK_STEER_COUNTS_NAME, counters, SK_STEER_COUNTS_SIZE);
}

/* --- claims ---------------------------------------------------------------------------------- */

static int claim_sockets(const struct program_claims *claims, const __u64 *cookies,
			 __u32 *ret_count)
{
	int err = 0;

	*ret_count = 0;
	for (size_t i = 0; !err && i < SK_STEER_PLACES_MAX; i++) {
		struct program_claim claim = { .kind = PROGRAM_CLAIM_SOCKET, .cookie = cookies[i] };

		if (!cookies[i])
			continue;
		(*ret_count)++;
		err = claims->add(claims, &claim);
	}
	return err;
}

static int claim_rule(const struct program_claims *claims, const struct sk_steer_rule *rule,
		      __u32 sockets)
{
	struct program_claim claim = {
		.kind = PROGRAM_CLAIM_LED,
		.is_ip6 = rule->family == 6,
		.len = rule->len,
		.proto = rule->proto,
		.port = rule->first,
		.last_port = rule->last > rule->first ? rule->last : 0,
		.is_refused = (rule->flags & SK_STEER_DROP) != 0,
		.sockets = sockets,
	};

	memcpy(claim.addr, rule->addr, sizeof(claim.addr));
	return claims->add(claims, &claim);
}

static int claim_led(const struct program_claims *claims, struct slot_reason *why)
{
	_cleanup_(sk_steer_close) struct sk_steer_maps maps = SK_STEER_MAPS_CLOSED;
	_cleanup_free_ struct sk_steer_rules *rules = calloc(1, sizeof(*rules));
	__u32 sockets[SK_STEER_GROUPS_MAX];
	__u64 cookies[SK_STEER_PLACES_MAX];
	int err = rules ? sk_steer_open(claims->map_dir, false, why, &maps) : -ENOMEM;

	err = err ? err : sk_steer_rules_get(&maps, why, rules);
	for (__u32 i = 0; !err && i < SK_STEER_GROUPS_MAX; i++) {
		err = sk_steer_cookies_get(&maps, i, why, cookies);
		err = err ? err : claim_sockets(claims, cookies, &sockets[i]);
	}
	for (size_t i = 0; !err && i < SK_STEER_RULES_MAX; i++)
		if (rules->rules[i].family && rules->rules[i].group < SK_STEER_GROUPS_MAX)
			err = claim_rule(claims, &rules->rules[i], sockets[rules->rules[i].group]);
	return err;
}

static const struct program_command commands[] = {
	{ "rule", cmd_rule,
	  "add PREFIX tcp|udp PORTS GROUP [drop] [exact] | del PREFIX tcp|udp PORTS | load FILE | list",
	  "which destinations lead to which group of sockets" },
	{ "socket", sk_steer_cmd_socket,
	  "add|set GROUP PID:FD|tcp/ADDR:PORT|udp/ADDR:PORT... | del GROUP COOKIE... | list",
	  "which sockets are in a group" },
	{ "stats", cmd_stats, "", "lookups that rules decided, and how" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli sk_steer_cli = {
	.name = "sk_steer",
	.summary = "lead destinations to sockets, whatever these are bound to",
	.commands = commands,
	.claim = claim_led,
	.anew = "its rules and their sockets have to be added again",
};
