/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall: the rules and counters of the firewall, as commands. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/cli.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/firewall/firewall.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/file.h"
#include "programs/shared/json.h"

/* Lists that fill every map, at some 40 bytes a rule, are half of it. */
#define FILE_SIZE_MAX FW_TEXT_SIZE_MAX

static const struct program_counter counters[FIREWALL_COUNTS_SIZE] = {
	[FIREWALL_NO_RULE] = { "no_rule", "pass" },
	[FIREWALL_ALLOW_SOURCE] = { "allow_source", "pass" },
	[FIREWALL_ALLOW_PORT] = { "allow_port", "pass" },
	[FIREWALL_NEIGHBOUR] = { "neighbour", "pass" },
	[FIREWALL_NOT_IP] = { "not_ip", "pass" },
	[FIREWALL_ALLOW_RULE] = { "allow_rule", "pass" },
	[FIREWALL_ALLOW_REPLY] = { "allow_reply", "pass" },
	[FIREWALL_DENY_SOURCE] = { "deny_source", "drop" },
	[FIREWALL_DENY_PORT] = { "deny_port", "drop" },
	[FIREWALL_DENY_STATIC] = { "deny_static", "drop" },
	[FIREWALL_DENY_DEFAULT] = { "deny_default", "drop" },
	[FIREWALL_FRAGMENT] = { "fragment", "drop" },
	[FIREWALL_BAD_ETHERNET] = { "bad_ethernet", "drop" },
	[FIREWALL_BAD_IP4] = { "bad_ip4", "drop" },
	[FIREWALL_BAD_IP6] = { "bad_ip6", "drop" },
	[FIREWALL_BAD_L4] = { "bad_l4", "drop" },
	[FIREWALL_TOO_DEEP] = { "too_deep", "drop" },
	[FIREWALL_DENY_RULE] = { "deny_rule", "drop" },
	[FIREWALL_DENY_LIMIT] = { "deny_limit", "drop" },
};

static const char *list_name(__u32 list)
{
	return list == FIREWALL_ALLOW ? "allow" : "deny";
}

/* Every word that is no rule is told, not just the first. */
static int parse_args(int argc, char **argv, struct firewall_rules *rules)
{
	struct firewall_rule rule;
	struct slot_reason why;
	int i, wrong = 0;

	for (i = 0; i < argc; i++) {
		if (firewall_rule_parse(argv[i], &why, &rule)) {
			wrong++;
			program_fail(&why);
		} else if (firewall_rules_add(rules, &rule)) {
			return -ENOMEM;
		}
	}
	firewall_rules_sort(rules);
	return wrong ? -EINVAL : 0;
}

/* @rules are to be on @list as well. */
static int add_to_list(struct firewall_rules *wanted, const struct firewall_rules *rules,
		       __u32 list, struct slot_reason *why)
{
	struct firewall_rule rule;
	size_t i;

	for (i = 0; i < rules->count; i++) {
		rule = rules->items[i];
		rule.lists = list;
		if (firewall_rules_add(wanted, &rule))
			return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	firewall_rules_sort(wanted);
	return firewall_rules_check(wanted, why);
}

/* @rules are to be on @list no more; all of them have to be on it. */
static int del_from_list(struct firewall_rules *wanted, const struct firewall_rules *rules,
			 __u32 list, struct slot_reason *why)
{
	char text[FIREWALL_RULE_TEXT_MAX];
	struct firewall_rule *rule;
	size_t i, kept = 0;

	for (i = 0; i < rules->count; i++) {
		rule = firewall_rules_find(wanted, &rules->items[i]);
		if (!rule || !(rule->lists & list)) {
			firewall_rule_format(&rules->items[i], text);
			return slot_reason_set(why, -ENOENT,
					       "'%s' is not on the %s list; nothing was changed",
					       text, list_name(list));
		}
		rule->lists &= ~list;
	}
	for (i = 0; i < wanted->count; i++)
		if (wanted->items[i].lists)
			wanted->items[kept++] = wanted->items[i];
	wanted->count = kept;
	return 0;
}

static int print_change(const struct program_context *ctx, const struct firewall_change *change)
{
	size_t moved = change->set.count - change->added;

	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:I, s:I, s:I}", "added",
							 (json_int_t)change->added, "moved",
							 (json_int_t)moved, "deleted",
							 (json_int_t)change->del.count));
	fprintf(ctx->out, "%zu added, %zu moved to another list, %zu deleted\n", change->added,
		moved, change->del.count);
	return PROGRAM_OK;
}

/* Turns the rules in force, @current, into @wanted. */
static int change_rules(const struct program_context *ctx, const struct firewall *firewall,
			const struct firewall_rules *current, const struct firewall_rules *wanted)
{
	_cleanup_(firewall_change_free) struct firewall_change change = {};
	struct slot_reason why = { "out of memory" };

	if (firewall_rules_diff(current, wanted, &change) ||
	    firewall_apply(firewall, &change, &why))
		return program_fail(&why);
	return print_change(ctx, &change);
}

static int edit_list(const struct program_context *ctx, __u32 list, bool is_add,
		     const struct firewall_rules *rules)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	_cleanup_(firewall_rules_free) struct firewall_rules current = {}, wanted = {};
	struct slot_reason why;
	int err;

	err = firewall_open(ctx->map_dir, true, &why, &firewall);
	if (!err)
		err = firewall_get(&firewall, &why, &current);
	if (!err && firewall_rules_copy(&current, &wanted))
		err = slot_reason_set(&why, -ENOMEM, "out of memory");
	if (!err)
		err = is_add ? add_to_list(&wanted, rules, list, &why) :
			       del_from_list(&wanted, rules, list, &why);
	if (err)
		return program_fail(&why);
	return change_rules(ctx, &firewall, &current, &wanted);
}

static int run_list_command(const struct program_context *ctx, __u32 list, int argc, char **argv)
{
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};
	bool is_add = argc > 0 && !strcmp(argv[0], "add");

	if (argc < 2 || (!is_add && strcmp(argv[0], "del") != 0))
		return PROGRAM_USAGE;
	if (parse_args(argc - 1, argv + 1, &rules))
		return PROGRAM_FAILED;
	return edit_list(ctx, list, is_add, &rules);
}

static int cmd_allow(const struct program_context *ctx, int argc, char **argv)
{
	return run_list_command(ctx, FIREWALL_ALLOW, argc, argv);
}

static int cmd_deny(const struct program_context *ctx, int argc, char **argv)
{
	return run_list_command(ctx, FIREWALL_DENY, argc, argv);
}

static json_t *rule_to_json(const struct firewall_rule *rule, __u32 list)
{
	char text[FIREWALL_RULE_TEXT_MAX];

	firewall_rule_format(rule, text);
	return json_pack("{s:s, s:s, s:s}", "list", list_name(list), "kind",
			 rule->kind == FIREWALL_KIND_PORT ? "port" : "source", "rule", text);
}

static json_t *rules_to_json(const struct firewall_rules *rules)
{
	json_t *items = json_array();
	__u32 list;
	size_t i;

	for (i = 0; i < rules->count; i++)
		for (list = FIREWALL_ALLOW; list <= FIREWALL_DENY; list <<= 1)
			if (rules->items[i].lists & list)
				json_array_append_new(items, rule_to_json(&rules->items[i], list));
	return json_pack("{s:o}", "rules", items);
}

static void print_rules(FILE *out, const struct firewall_rules *rules)
{
	char text[FIREWALL_RULE_TEXT_MAX];
	__u32 list;
	size_t i;

	for (i = 0; i < rules->count; i++) {
		firewall_rule_format(&rules->items[i], text);
		for (list = FIREWALL_ALLOW; list <= FIREWALL_DENY; list <<= 1)
			if (rules->items[i].lists & list)
				fprintf(out, "%s %s\n", list_name(list), text);
	}
}

static int cmd_list(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (firewall_open(ctx->map_dir, false, &why, &firewall) ||
	    firewall_get(&firewall, &why, &rules))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx, rules_to_json(&rules));
	print_rules(ctx->out, &rules);
	return PROGRAM_OK;
}

/* @end: what comes of an error. */
static int parse_lists(const char *path, const char *text, size_t len, const char *end,
		       struct firewall_rules *ret_rules)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = {};
	size_t i;

	if (!firewall_rules_parse(path, text, len, &errors, ret_rules))
		return PROGRAM_OK;
	for (i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	fprintf(stderr, "cannot %s '%s'%s\n", *end ? "load" : "use", path, end);
	return PROGRAM_FAILED;
}

static int load_lists(const struct program_context *ctx, const char *path, const char *text,
		      size_t len)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	_cleanup_(firewall_rules_free) struct firewall_rules current = {}, wanted = {};
	struct slot_reason why;

	if (parse_lists(path, text, len, "; nothing was changed", &wanted))
		return PROGRAM_FAILED;
	if (firewall_open(ctx->map_dir, true, &why, &firewall) ||
	    firewall_get(&firewall, &why, &current))
		return program_fail(&why);
	return change_rules(ctx, &firewall, &current, &wanted);
}

static int check_lists(const struct program_context *ctx, const char *path, const char *text,
		       size_t len)
{
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};

	if (parse_lists(path, text, len, "", &rules))
		return PROGRAM_FAILED;
	if (ctx->json)
		return program_json_print(ctx,
					  json_pack("{s:I}", "listed", (json_int_t)rules.count));
	fprintf(ctx->out, "can be loaded: lists of %zu sources and ports\n", rules.count);
	return PROGRAM_OK;
}

/* A file is of lists or it is a ruleset, by its first word. */
static int cmd_load(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	struct slot_reason why;
	size_t len = 0;

	if (argc != 1)
		return PROGRAM_USAGE;
	if (program_file_read(argv[0], FILE_SIZE_MAX, &why, &text, &len)) {
		slot_reason_append(&why, -EIO, "; nothing was changed");
		return program_fail(&why);
	}
	return fw_ruleset_is_list(text, len) ? load_lists(ctx, argv[0], text, len) :
					       fw_cli_load(ctx, FW_INCOMING, argv[0], text, len);
}

static int cmd_check(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_free_ char *text = NULL;
	struct slot_reason why;
	size_t len = 0;

	if (argc != 1)
		return PROGRAM_USAGE;
	if (program_file_read(argv[0], FILE_SIZE_MAX, &why, &text, &len))
		return program_fail(&why);
	return fw_ruleset_is_list(text, len) ? check_lists(ctx, argv[0], text, len) :
					       fw_cli_check(ctx, FW_INCOMING, argv[0], text, len);
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return fw_cli_show(ctx, "lists and the slot's settings decide");
}

static int cmd_trace(const struct program_context *ctx, int argc, char **argv)
{
	return fw_cli_trace(ctx, FW_INCOMING, argc, argv);
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, FIREWALL_COUNTS_NAME, counters, FIREWALL_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "allow", cmd_allow, "add|del RULE...", "let through a source or a destination port" },
	{ "deny", cmd_deny, "add|del RULE...", "drop a source or a destination port" },
	{ "list", cmd_list, "", "both lists, in the form that load takes" },
	{ "check", cmd_check, "FILE", "what is wrong in FILE; needs no slotd" },
	{ "load", cmd_load, "FILE", "put the ruleset in FILE, or the lists, in force" },
	{ "show", cmd_show, "[--counters]", "the ruleset in force, and what its rules counted" },
	{ "trace", cmd_trace, "PACKET",
	  "what becomes of a packet, in words or hexadecimal digits, and why" },
	{ "samples", fw_cli_samples, "", "the latest packets that rules have sampled" },
	{ "replies", fw_cli_replies, "[on MAP_DIR|off]",
	  "pass replies to the flows in MAP_DIR, that of fw_egress's slot" },
	{ "stats", cmd_stats, "", "packets and bytes by what let them through or dropped them" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli firewall_cli = {
	.name = "firewall",
	.summary = "rules on packets: accept, drop, limit",
	.commands = commands,
	.counters_command = "show",
	.offline_command = "check",
};
