/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall trace: what becomes of a packet, and why. */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/firewall/cli/fw_facts.h"
#include "programs/firewall/cli/fw_interfaces.h"
#include "programs/firewall/maps/fw_store.h"
#include "programs/firewall/rules/fw_judge.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

/* Of a frame that is given; the longest that any device has. */
#define FRAME_MAX 65535

struct traced {
	struct fw_question question;
	struct fw_judgement judgement;
	size_t caught, len; /* of a frame */
	__u8 bytes[FRAME_MAX];
};

static void print_fields(FILE *out, const struct fw_ruleset *set, __u32 fields)
{
	const char *comma = "";
	int i;

	for (i = 0; i < FW_FIELD_COUNT; i++) {
		if (!(fields >> i & 1))
			continue;
		fprintf(out, "%s%s", comma, fw_field_name(set, (enum fw_field)i));
		comma = ", ";
	}
}

static void print_misses(FILE *out, const struct traced *t)
{
	const struct fw_trace *trace = &t->question.trace;
	const struct fw_rule *rule;
	size_t i;

	if (trace->asked > trace->miss_count)
		fprintf(out, "%zu rules do not match; the nearest of them:\n", trace->asked);
	for (i = 0; i < trace->miss_count; i++) {
		rule = &t->question.set.rules[trace->misses[i].rule];
		fprintf(out, "rule %u (line %u) differs in ", trace->misses[i].rule + 1,
			rule->line);
		print_fields(out, &t->question.set, trace->misses[i].fields);
		fputs(": ", out);
		fw_rule_print(out, &t->question.set, rule, NULL);
		fputc('\n', out);
	}
}

static void print_rule(FILE *out, const struct traced *t, long number, const char *what)
{
	const struct fw_rule *rule = &t->question.set.rules[number];

	fprintf(out, "%s %ld (line %u) %s: ", rule->preset ? "preset" : "rule", number + 1,
		rule->line, what);
	fw_rule_print(out, &t->question.set, rule, NULL);
	fputc('\n', out);
}

static void print_trace(FILE *out, const struct traced *t)
{
	const struct fw_judgement *judgement = &t->judgement;
	const struct fw_trace *trace = &t->question.trace;
	size_t i;

	print_misses(out, t);
	if (trace->rule >= 0)
		print_rule(out, t, trace->rule, "matches");
	for (i = 0; i < trace->guard_count; i++)
		print_rule(out, t, trace->guards[i], "limits what passes");
	fprintf(out, "%s: %s%s%s\n",
		judgement->outcome == FW_OUTCOME_SETTINGS ? "accept or drop" :
							    fw_outcome_names[judgement->outcome],
		judgement->why, *judgement->also ? "; " : "", judgement->also);
}

static json_t *fields_to_json(const struct fw_ruleset *set, __u32 fields)
{
	json_t *names = json_array();
	int i;

	for (i = 0; i < FW_FIELD_COUNT; i++)
		if (fields >> i & 1)
			json_array_append_new(names,
					      json_string(fw_field_name(set, (enum fw_field)i)));
	return names;
}

static json_t *number_to_json(const struct traced *t, long number, json_t *fields)
{
	_cleanup_free_ char *text = NULL;
	json_t *item;

	if (number < 0)
		return json_null();
	text = fw_cli_rule_text(&t->question.set, &t->question.set.rules[number]);
	item = text ? json_pack("{s:I, s:I, s:s}", "number", (json_int_t)number + 1, "line",
				(json_int_t)t->question.set.rules[number].line, "rule", text) :
		      NULL;
	if (item && fields)
		json_object_set_new(item, "differs", fields);
	else
		json_decref(fields);
	return item;
}

static json_t *trace_to_json(const struct traced *t)
{
	const struct fw_trace *trace = &t->question.trace;
	const struct fw_judgement *judgement = &t->judgement;
	json_t *misses = json_array(), *presets = json_array();
	size_t i;

	for (i = 0; i < trace->miss_count; i++)
		json_array_append_new(
			misses,
			number_to_json(t, trace->misses[i].rule,
				       fields_to_json(&t->question.set, trace->misses[i].fields)));
	for (i = 0; i < trace->guard_count; i++)
		json_array_append_new(presets, number_to_json(t, trace->guards[i], NULL));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "verdict",
			 fw_outcome_names[judgement->outcome], "by", judgement->by, "why",
			 judgement->why, "also", judgement->also, "rule",
			 number_to_json(t, trace->rule, NULL), "presets", presets, "asked",
			 (json_int_t)trace->asked + (trace->rule >= 0), "misses", misses);
}

/* The words of the command line, as one text. */
static char *join_words(int argc, char **argv)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int i;

	for (i = 0; out && i < argc; i++)
		fprintf(out, "%s%s", i ? " " : "", argv[i]);
	if (out && !fclose(out))
		return text;
	free(text);
	return NULL;
}

static int read_words(int argc, char **argv, enum fw_direction direction, struct slot_reason *why,
		      struct fw_packet *ret_packet)
{
	_cleanup_(fw_ruleset_free) struct fw_ruleset words = {};
	_cleanup_free_ char *text = join_words(argc, argv);
	int err;

	if (!text)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = fw_ruleset_parse_packet(text, strlen(text), why, &words);
	err = err ? err : fw_ruleset_check(&words, direction, why);
	return err ? err : fw_packet_read(&words, why, ret_packet);
}

/* [N bytes] HEX [iifname|oifname NAME], as a sample is printed. */
static int read_frame(int argc, char **argv, struct traced *t, struct slot_reason *why)
{
	const char *word = fw_interface_word(t->question.direction);
	bool has_len = argc > 2 && !strcmp(argv[1], "bytes");
	char **rest = argv + (has_len ? 3 : 1);
	int left = argc - (has_len ? 3 : 1), count;
	struct fw_packet words = {};
	char *end = NULL;

	count = fw_frame_parse(argv[has_len ? 2 : 0], sizeof(t->bytes), t->bytes);
	if (count < 0)
		return slot_reason_set(why, -EINVAL,
				       "'%s': expected a frame in hexadecimal digits, of at most "
				       "%d bytes",
				       argv[has_len ? 2 : 0], FRAME_MAX);
	t->caught = t->len = (size_t)count;
	if (has_len)
		t->len = strtoul(argv[0], &end, 10);
	if (has_len && (*end || t->len < t->caught || t->len > FRAME_MAX))
		return slot_reason_set(why, -EINVAL, "'%s': expected from %zu to %d bytes", argv[0],
				       t->caught, FRAME_MAX);
	if (left && (left != 2 || strcmp(rest[0], word) != 0))
		return slot_reason_set(why, -EINVAL,
				       "'%s': expected nothing but %s NAME behind a frame", rest[0],
				       word);
	if (left && read_words(left, rest, t->question.direction, why, &words))
		return -EINVAL;
	t->question.reading = fw_frame_read(t->bytes, t->caught, t->len, &t->question.packet);
	memcpy(t->question.packet.interface, words.interface, sizeof(words.interface));
	if (t->question.reading == FW_READ_SHORT)
		return slot_reason_set(why, -EINVAL,
				       "%zu bytes of the frame do not reach to the end of its "
				       "headers",
				       t->caught);
	return 0;
}

/* Words of conditions begin with letters and are no frame: the shortest of those is longer. */
static bool is_frame(int argc, char **argv)
{
	return (argc > 2 && !strcmp(argv[1], "bytes")) ||
	       (strlen(argv[0]) >= 8 &&
		strspn(argv[0], "0123456789abcdefABCDEF") == strlen(argv[0]));
}

/*
 * To packets an interface is its number: a rule that was loaded before its interface was made
 * anew is not met.
 */
static int set_interface(const struct program_context *ctx, const struct fw_head *head,
			 struct fw_question *question, struct slot_reason *why)
{
	char *name = question->packet.interface;
	struct slot_reason reason = {};
	__u32 ifindex = 0, i;
	int err;

	if (!*name)
		return 0;
	err = fw_interface_find(ctx, name, &reason, &ifindex);
	if (err)
		return slot_reason_set(why, err, "%s \"%s\": %s",
				       fw_interface_word(question->direction), name, reason.text);
	memset(name, 0, IFNAMSIZ);
	for (i = 0; i < head->interface_count && i < question->set.interface_count; i++)
		if (head->interfaces[i] == ifindex)
			memcpy(name, question->set.interfaces[i], IFNAMSIZ);
	return 0;
}

/* Of what goes out, and of what is no whole packet, there is nothing else to know. */
static int judge(const struct program_context *ctx, struct traced *t, struct slot_reason *why)
{
	struct fw_question *question = &t->question;
	struct fw_facts facts = { 0 };
	int err = 0;

	if (question->direction == FW_INCOMING && question->reading == FW_READ_WHOLE)
		err = fw_facts_get(ctx, &question->packet, why, &facts);
	if (!err)
		fw_judge(question, &facts, &t->judgement);
	return err;
}

static int run_trace(const struct program_context *ctx, struct traced *t)
{
	_cleanup_close_ int lock_fd = program_maps_share(ctx->map_dir);
	_cleanup_(fw_store_close) struct fw_store store = FW_STORE_CLOSED;
	_cleanup_(fw_loaded_free) struct fw_loaded loaded = {};
	struct slot_reason why;

	(void)lock_fd;
	if (fw_cli_get(ctx, &store, &loaded, &t->question.set))
		return PROGRAM_FAILED;
	t->question.has_ruleset = loaded.text;
	if (set_interface(ctx, &loaded.head, &t->question, &why) || judge(ctx, t, &why))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx, trace_to_json(t));
	print_trace(ctx->out, t);
	return PROGRAM_OK;
}

int fw_cli_trace(const struct program_context *ctx, enum fw_direction direction, int argc,
		 char **argv)
{
	_cleanup_free_ struct traced *t = calloc(1, sizeof(*t));
	struct slot_reason why;
	int status;

	if (!argc)
		return PROGRAM_USAGE;
	if (!t) {
		slot_reason_set(&why, -ENOMEM, "out of memory");
		return program_fail(&why);
	}
	t->question.direction = direction;
	t->question.trace.rule = -1;
	if (is_frame(argc, argv) ? read_frame(argc, argv, t, &why) :
				   read_words(argc, argv, direction, &why, &t->question.packet))
		return program_fail(&why);
	status = run_trace(ctx, t);
	fw_ruleset_free(&t->question.set);
	return status;
}
