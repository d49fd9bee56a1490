/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl handoff show: rules, and what a device does for them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/handoff/cli/handoff_cli.h"
#include "programs/handoff/maps/handoff_offloads.h"
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
	{ HANDOFF_REUSED, "reused" },	      { HANDOFF_CLIENT_SYN, "client_syn" },
	{ HANDOFF_ANSWERED, "answered" },
};

#define SIGHTS (sizeof(sights) / sizeof(sights[0]))

/* --- show ------------------------------------------------------------------------------------ */

struct show {
	const struct program_context *ctx;
	struct handoff_rules rules;
	struct handoff_offloads offloads;
	struct handoff_told told; /* whose device it is */
	json_t *list;		  /* NULL: lines */
	json_t *left;		  /* the device's without a rule */
	__s64 now_ns;
	size_t lines;
	size_t mute; /* rules that are to rewrite what goes out, and nothing does */
};

/* A rule in words. */
struct rule_text {
	char client[HANDOFF_WORDS_MAX];
	char local[HANDOFF_WORDS_MAX];
	char target[HANDOFF_WORDS_MAX];
	char source[HANDOFF_WORDS_MAX];
	char id[ID_TEXT_MAX];
	__s64 idle_s;  /* -1: no packet yet */
	__s64 left_ms; /* of a block, until it ends; -1: of none */
};

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

/* @offload is NULL where no device has it. */
static json_t *offload_to_json(const struct show *show, const struct handoff_offload *offload)
{
	return offload ? json_pack("{s:s, s:b, s:I, s:I}", "name", show->told.device, "active",
				   offload->is_active, "packets", (json_int_t)offload->packets,
				   "bytes", (json_int_t)offload->bytes) :
			 json_null();
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

static void print_offload(const struct show *show, const struct handoff_offload *offload)
{
	fprintf(show->ctx->out, "  device %s %s%" PRIu64 " packets %" PRIu64 " bytes",
		show->told.device, offload->is_active ? "" : "changing ",
		(uint64_t)offload->packets, (uint64_t)offload->bytes);
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
}

static void say_mute(const struct show *show)
{
	if (show->mute)
		fprintf(stderr,
			"connections whose answers do not pass handoff_out: %zu; does it run?\n",
			show->mute);
}

static int show_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	struct show *show = data;
	struct handoff_offload offload;
	bool has_device = !handoff_offloads_get(&show->offloads, key, &offload);
	struct rule_text text;
	json_t *json;

	show->mute += handoff_rule_is_mute(rule);
	describe(show, key, rule, &text);
	if (!show->list) {
		print_rule(show->ctx->out, rule, &text);
		if (has_device)
			print_offload(show, &offload);
		fputc('\n', show->ctx->out);
		show->lines++;
		return 0;
	}
	json = rule_to_json(rule, &text);
	if (!json ||
	    json_object_set_new(json, "device",
				offload_to_json(show, has_device ? &offload : NULL)) ||
	    json_array_append(show->list, json)) {
		json_decref(json);
		return -ENOMEM;
	}
	json_decref(json);
	return 0;
}

/* A connection whose rule is gone, and whom the device has all the same: until an agent sees it. */
static int show_left(const struct handoff_key *key, const struct handoff_offload *offload,
		     void *data)
{
	char client[HANDOFF_WORDS_MAX], local[HANDOFF_WORDS_MAX];
	struct show *show = data;
	struct handoff_rule rule;

	if (handoff_rules_get(&show->rules, key, &rule) != -ENOENT)
		return 0;
	handoff_address_format(key->client, key->client_port, client);
	handoff_address_format(key->local, key->local_port, local);
	if (show->left)
		return json_array_append_new(show->left,
					     json_pack("{s:s, s:s, s:o}", "client", client, "local",
						       local, "device",
						       offload_to_json(show, offload))) ?
			       -ENOMEM :
			       0;
	fprintf(show->ctx->out, "%s %s  no rule", client, local);
	print_offload(show, offload);
	fputc('\n', show->ctx->out);
	show->lines++;
	return 0;
}

static int fail_read(const char *name, int err, struct slot_reason *why)
{
	slot_reason_set(why, err, "cannot read map '%s': %s", name, strerror(-err));
	return program_fail(why);
}

static int show_one(struct show *show, const struct handoff_key *key, struct slot_reason *why)
{
	struct handoff_rule rule;
	int err = handoff_rules_get(&show->rules, key, &rule);

	if (err == -ENOENT) {
		slot_reason_set(why, err, "this connection has no rule");
		return program_fail(why);
	}
	err = err ? err : show_rule(key, &rule, show);
	return err ? fail_read(HANDOFF_RULES_NAME, err, why) : PROGRAM_OK;
}

static int show_all(struct show *show, struct slot_reason *why)
{
	int err = handoff_rules_each(&show->rules, show_rule, show);

	if (err)
		return fail_read(HANDOFF_RULES_NAME, err, why);
	err = handoff_offloads_each(&show->offloads, show_left, show);
	if (err)
		return fail_read(HANDOFF_OFFLOADS_NAME, err, why);
	if (!show->list && !show->lines)
		fputs("no rules\n", stderr);
	return PROGRAM_OK;
}

static void close_show(struct show *show)
{
	handoff_rules_close(&show->rules);
	handoff_offloads_close(&show->offloads);
	json_decref(show->list);
	json_decref(show->left);
}

static int open_show(struct show *show, struct slot_reason *why)
{
	const char *dir = show->ctx->map_dir;
	int err = handoff_rules_open(dir, false, why, &show->rules);

	err = err ? err : handoff_offloads_open(dir, false, why, &show->offloads);
	if (err)
		return program_fail(why);
	if (show->ctx->json) {
		show->list = json_array();
		show->left = json_array();
	}
	err = handoff_told_get(&show->offloads, &show->told);
	return err ? fail_read(HANDOFF_TOLD_NAME, err, why) : PROGRAM_OK;
}

int handoff_cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(close_show) struct show show = {
		.ctx = ctx,
		.rules = HANDOFF_RULES_CLOSED,
		.offloads = HANDOFF_OFFLOADS_CLOSED,
		.now_ns = (__s64)slot_clock_ns(),
	};
	struct handoff_key key;
	struct slot_reason why;
	int ret;

	if (argc && argc != 2)
		return PROGRAM_USAGE;
	if (argc && handoff_key_parse(argv[0], argv[1], &why, &key))
		return program_fail(&why);
	ret = open_show(&show, &why);
	if (ret == PROGRAM_OK)
		ret = argc ? show_one(&show, &key, &why) : show_all(&show, &why);
	say_mute(&show);
	if (ret == PROGRAM_OK && show.list)
		return program_json_print(ctx, json_pack("{s:O, s:O}", "rules", show.list, "left",
							 show.left));
	return ret;
}
