/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/cli/fw_cli.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/cli/fw_interfaces.h"
#include "programs/firewall/maps/fw_store.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

#define NS_PER_MS 1000000.0
#define MS_PER_S 1000.0
#define KEPT "; the rules from before stay in force"

/* What a command has done. */
struct summary {
	const struct fw_ruleset *set;
	const struct fw_build *build;
	double compile_ms, write_ms;
};

char *fw_cli_rule_text(const struct fw_ruleset *set, const struct fw_rule *rule)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	fw_rule_print(out, set, rule, NULL);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * MS_PER_S + (double)now.tv_nsec / NS_PER_MS;
}

/* Every error in the file is told. @end: what comes of it. */
static int parse_text(const char *path, const char *text, size_t len, const char *end,
		      struct fw_ruleset *ret_set)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = {};
	size_t i;

	if (!fw_ruleset_parse(path, text, len, &errors, ret_set))
		return 0;
	for (i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (!errors.count)
		fputs("out of memory\n", stderr);
	fprintf(stderr, "cannot %s '%s'%s\n", *end ? "load" : "use", path, end);
	return PROGRAM_FAILED;
}

static size_t count_rules(const struct fw_ruleset *set, bool (*is_counted)(const struct fw_rule *))
{
	size_t i, count = 0;

	for (i = 0; i < set->rule_count; i++)
		count += is_counted(&set->rules[i]);
	return count;
}

static bool is_preset(const struct fw_rule *rule)
{
	return rule->preset;
}

static bool has_limit(const struct fw_rule *rule)
{
	return !rule->preset && rule->rate.packets;
}

static int print_summary(const struct program_context *ctx, const struct summary *s,
			 const char *what)
{
	const struct fw_build *build = s->build;
	size_t presets = count_rules(s->set, is_preset), limits = count_rules(s->set, has_limit);

	if (ctx->json)
		return program_json_print(
			ctx, json_pack("{s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:f, s:f}", "rules",
				       (json_int_t)(s->set->rule_count - presets), "limits",
				       (json_int_t)limits, "presets", (json_int_t)presets, "policy",
				       fw_policy_name(s->set->policy), "matches4",
				       (json_int_t)build->entries4.count, "matches6",
				       (json_int_t)build->entries6.count, "nodes",
				       (json_int_t)(build->forest4.node_count +
						    build->forest6.node_count),
				       "compile_ms", s->compile_ms, "write_ms", s->write_ms));
	fprintf(ctx->out,
		"%s: %zu rules, %zu of them with a limit, %zu presets, policy %s; %zu matches of "
		"IPv4 and %zu of IPv6\n",
		what, s->set->rule_count - presets, limits, presets, fw_policy_name(s->set->policy),
		build->entries4.count, build->entries6.count);
	return PROGRAM_OK;
}

static int compile_set(const char *path, const struct fw_ruleset *set, enum fw_direction direction,
		       const char *end, struct fw_build *ret_build)
{
	struct slot_reason why;
	int err = fw_ruleset_check(set, direction, &why);

	if (!err)
		err = fw_compile(set, &why, ret_build);
	if (err)
		fprintf(stderr, "%s: %s%s\n", path, why.text, end);
	return err;
}

int fw_cli_check(const struct program_context *ctx, enum fw_direction direction, const char *path,
		 const char *text, size_t len)
{
	_cleanup_(fw_ruleset_free) struct fw_ruleset set = {};
	_cleanup_(fw_build_free) struct fw_build build = {};
	struct summary s = { .set = &set, .build = &build };
	double start;

	if (parse_text(path, text, len, "", &set))
		return PROGRAM_FAILED;
	start = now_ms();
	if (compile_set(path, &set, direction, "", &build))
		return PROGRAM_FAILED;
	s.compile_ms = now_ms() - start;
	return print_summary(ctx, &s, "can be loaded");
}

static int refuse_load(const char *path, const struct slot_reason *why)
{
	fprintf(stderr, "%s: %s%s\n", path, why->text, KEPT);
	return PROGRAM_FAILED;
}

int fw_cli_load(const struct program_context *ctx, enum fw_direction direction, const char *path,
		const char *text, size_t len)
{
	_cleanup_(fw_store_close) struct fw_store store = FW_STORE_CLOSED;
	_cleanup_(fw_ruleset_free) struct fw_ruleset set = {};
	_cleanup_(fw_build_free) struct fw_build build = {};
	struct summary s = { .set = &set, .build = &build };
	struct slot_reason why;
	double start;

	if (parse_text(path, text, len, KEPT, &set))
		return PROGRAM_FAILED;
	start = now_ms();
	if (compile_set(path, &set, direction, KEPT, &build))
		return PROGRAM_FAILED;
	s.compile_ms = now_ms() - start;
	if (fw_interfaces_set(ctx, &set, &build.head, &why) ||
	    fw_store_open(ctx->map_dir, true, &why, &store))
		return refuse_load(path, &why);
	start = now_ms();
	if (fw_store_load(&store, &build, text, len, &why))
		return refuse_load(path, &why);
	s.write_ms = now_ms() - start;
	return print_summary(ctx, &s, "in force");
}

void fw_cli_format_time(__u64 time_s, size_t size, char *ret_text)
{
	time_t at = (time_t)time_s;
	struct tm tm;

	if (!gmtime_r(&at, &tm) || !strftime(ret_text, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		*ret_text = '\0';
}

static json_t *rule_to_json(const struct fw_ruleset *set, size_t i, const struct fw_hit *hit)
{
	const struct fw_rule *rule = &set->rules[i];
	_cleanup_free_ char *text = fw_cli_rule_text(set, rule);

	if (!text)
		return NULL;
	return json_pack("{s:I, s:I, s:s, s:I, s:I}", "number", (json_int_t)i + 1, "line",
			 (json_int_t)rule->line, "rule", text, "packets", (json_int_t)hit->packets,
			 "bytes", (json_int_t)hit->bytes);
}

static json_t *interfaces_to_json(const struct program_context *ctx, const struct fw_head *head,
				  const struct fw_ruleset *set)
{
	json_t *interfaces = json_array();
	struct slot_reason now = {};
	size_t i;

	for (i = 0; i < set->interface_count && i < head->interface_count; i++)
		json_array_append_new(
			interfaces, json_pack("{s:s, s:I, s:b}", "name", set->interfaces[i],
					      "ifindex", (json_int_t)head->interfaces[i], "stale",
					      (int)fw_interface_is_stale(ctx, set, head, i, &now)));
	return interfaces;
}

static json_t *to_json(const struct program_context *ctx, const struct fw_loaded *loaded,
		       const struct fw_ruleset *set, const struct fw_hit *hits)
{
	json_t *rules = json_array();
	char time[32];
	size_t i;

	for (i = 0; i < set->rule_count; i++)
		json_array_append_new(rules, rule_to_json(set, i, &hits[i]));
	fw_cli_format_time(loaded->head.loaded_s, sizeof(time), time);
	return json_pack("{s:s, s:s, s:s%, s:o, s:o}", "loaded", time, "policy",
			 fw_policy_name(set->policy), "text", loaded->text,
			 (size_t)loaded->head.text_size, "interfaces",
			 interfaces_to_json(ctx, &loaded->head, set), "rules", rules);
}

static int print_loaded(const struct program_context *ctx, const struct fw_loaded *loaded,
			const struct fw_ruleset *set, const struct fw_hit *hits)
{
	char time[32];

	if (ctx->json)
		return program_json_print(ctx, to_json(ctx, loaded, set, hits));
	fw_cli_format_time(loaded->head.loaded_s, sizeof(time), time);
	fprintf(ctx->out, "# loaded %s\n", time);
	fw_ruleset_print(ctx->out, set, hits);
	return PROGRAM_OK;
}

static int show_nothing(const struct program_context *ctx, const char *nothing)
{
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:n, s:[]}", "loaded", "rules"));
	fprintf(stderr, "no ruleset is loaded: %s\n", nothing);
	return PROGRAM_OK;
}

int fw_cli_get(const struct program_context *ctx, struct fw_store *store, struct fw_loaded *loaded,
	       struct fw_ruleset *set)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = {};
	struct slot_reason why;
	int err = fw_store_open(ctx->map_dir, false, &why, store);

	if (!err)
		err = fw_store_get(store, &why, loaded);
	if (!err && loaded->text &&
	    fw_ruleset_parse("ruleset in force", loaded->text, loaded->head.text_size, &errors,
			     set))
		err = slot_reason_set(&why, -EINVAL, "%s",
				      errors.count ? errors.lines[0] : "out of memory");
	return err ? program_fail(&why) : PROGRAM_OK;
}

/* An interface that was made anew has another number, and no packet meets its rules. */
static void warn_of_stale(const struct program_context *ctx, const struct fw_ruleset *set,
			  const struct fw_head *head)
{
	struct slot_reason now = {};
	size_t i;

	for (i = 0; i < set->interface_count && i < head->interface_count; i++)
		if (fw_interface_is_stale(ctx, set, head, i, &now))
			fprintf(stderr,
				"%s \"%s\" is interface %u to the rules in force, and %s: no "
				"packet meets its rules until they are loaded again\n",
				fw_ruleset_interface_word(set), set->interfaces[i],
				head->interfaces[i], now.text);
}

/* The counters are of the rules that are shown, so no other load may come between. */
int fw_cli_show(const struct program_context *ctx, const char *nothing)
{
	_cleanup_close_ int lock_fd = program_maps_share(ctx->map_dir);
	_cleanup_(fw_store_close) struct fw_store store = FW_STORE_CLOSED;
	_cleanup_(fw_loaded_free) struct fw_loaded loaded = {};
	_cleanup_(fw_ruleset_free) struct fw_ruleset set = {};
	_cleanup_free_ struct fw_hit *hits = NULL;
	struct slot_reason why;

	(void)lock_fd;
	if (fw_cli_get(ctx, &store, &loaded, &set))
		return PROGRAM_FAILED;
	if (!loaded.text)
		return show_nothing(ctx, nothing);
	warn_of_stale(ctx, &set, &loaded.head);
	if (!ctx->json && !ctx->counters) {
		fwrite(loaded.text, 1, loaded.head.text_size, ctx->out);
		return PROGRAM_OK;
	}
	if (set.rule_count != loaded.head.rules) {
		slot_reason_set(&why, -EINVAL,
				"the ruleset in force is of another version of "
				"slotctl, its rules cannot be counted; load it again");
		return program_fail(&why);
	}
	if (fw_store_hits(&store, &loaded.head, &why, &hits))
		return program_fail(&why);
	return print_loaded(ctx, &loaded, &set, hits);
}
