/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall trace: what becomes of a packet, and why. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/firewall.h"
#include "programs/firewall/fw_cli.h"
#include "programs/firewall/fw_store.h"
#include "programs/firewall/rules/fw_trace.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

#define TCP 6
#define UDP 17
#define ICMP6 58
#define NEIGHBOUR_FIRST 133
#define NEIGHBOUR_LAST 137

/* All that is known of the packet's way. */
struct verdict {
	const char *verdict; /* accept, drop, or "settings": the slot's settings decide */
	const char *by;	     /* list, rule, policy or settings */
	const char *why;     /* in words */
	const char *also;    /* what else the verdict depends on; "": nothing */
};

struct traced {
	struct fw_packet packet;
	struct fw_ruleset set;
	struct fw_trace trace;
	struct verdict verdict;
};

static bool has_text(const struct traced *t)
{
	return t->trace.rule >= 0;
}

/* The lists that name the packet's source, 0: none. */
static int get_source_lists(const struct firewall *firewall, const struct fw_packet *packet,
			    __u32 *ret_lists)
{
	struct firewall_source4 source4 = { .prefix_len = 32 };
	struct firewall_source6 source6 = { .prefix_len = 128 };
	int err;

	memcpy(source4.addr, packet->source, sizeof(source4.addr));
	memcpy(source6.addr, packet->source, sizeof(source6.addr));
	*ret_lists = 0;
	if (packet->is_ip6)
		err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_SOURCE6], &source6,
					  ret_lists);
	else
		err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_SOURCE4], &source4,
					  ret_lists);
	return err == -ENOENT ? 0 : err;
}

static int get_port_lists(const struct firewall *firewall, const struct fw_packet *packet,
			  __u32 *ret_lists)
{
	__u32 index = FIREWALL_PORT_INDEX(packet->proto == UDP, packet->dport);
	__u32 group = index / FIREWALL_PORT_GROUP;
	struct firewall_ports ports;
	int err;

	*ret_lists = 0;
	if (packet->is_later || (packet->proto != TCP && packet->proto != UDP))
		return 0;
	err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_PORT], &group, &ports);
	if (!err)
		*ret_lists = ports.lists[index % FIREWALL_PORT_GROUP];
	return err;
}

static void judge_list(struct verdict *verdict, __u32 lists, const char *allow, const char *deny)
{
	bool is_allowed = lists & FIREWALL_ALLOW;

	*verdict = (struct verdict){
		.verdict = is_allowed ? "accept" : "drop",
		.by = "list",
		.why = is_allowed ? allow : deny,
		.also = "",
	};
}

/* Lists come before the ruleset: where one names the packet, that is it. */
static int ask_lists(const char *map_dir, struct traced *t, struct slot_reason *why)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	__u32 sources = 0, ports = 0;
	int err = firewall_open(map_dir, false, why, &firewall);

	if (err)
		return err;
	err = get_source_lists(&firewall, &t->packet, &sources);
	if (!err)
		err = get_port_lists(&firewall, &t->packet, &ports);
	if (err)
		return slot_reason_set(why, err, "cannot read the lists: %s", strerror(-err));
	if (sources)
		judge_list(&t->verdict, sources, "its source is on the allow list",
			   "its source is on the deny list");
	else if (ports)
		judge_list(&t->verdict, ports, "its port is on the allow list",
			   "its port is on the deny list");
	return 0;
}

static bool is_neighbour(const struct fw_packet *packet)
{
	return packet->proto == ICMP6 && packet->has_ports && packet->type >= NEIGHBOUR_FIRST &&
	       packet->type <= NEIGHBOUR_LAST;
}

static void judge_policy(struct traced *t, bool has_ruleset)
{
	static const char hop_limit[] = "neighbour discovery with hop limit 255 passes";
	struct verdict *v = &t->verdict;

	v->by = t->set.policy == FW_CONTINUE ? "settings" : "policy";
	v->why = !has_ruleset ? "no ruleset is loaded" : "no rule matches";
	v->also = "";
	if (t->set.policy == FW_CONTINUE) {
		v->verdict = "settings";
		v->also = "default_deny of the slot decides";
		return;
	}
	v->verdict = fw_policy_name(t->set.policy);
	if (t->set.policy == FW_DROP && is_neighbour(&t->packet))
		v->also = hop_limit;
}

static void judge_rule(struct traced *t)
{
	const struct fw_rule *rule = &t->set.rules[t->trace.rule];

	t->verdict = (struct verdict){
		.verdict = rule->verdict == FW_DROP ? "drop" : "accept",
		.by = "rule",
		.why = "the first rule that matches",
		.also = rule->rate.packets ? "within the rule's limit, beyond it drop" : "",
	};
}

static void judge(struct traced *t, bool has_ruleset)
{
	struct verdict *v = &t->verdict;

	fw_trace_packet(&t->set, &t->packet, &t->trace);
	if (t->trace.rule >= 0)
		judge_rule(t);
	else
		judge_policy(t, has_ruleset);
	if (strcmp(v->verdict, "drop") != 0 && t->trace.guard >= 0 && !*v->also)
		v->also = "within the preset's limit, beyond it drop";
}

static void print_fields(FILE *out, __u32 fields)
{
	const char *comma = "";
	int i;

	for (i = 0; i < FW_FIELD_COUNT; i++) {
		if (!(fields >> i & 1))
			continue;
		fprintf(out, "%s%s", comma, fw_field_names[i]);
		comma = ", ";
	}
}

static void print_misses(FILE *out, const struct traced *t)
{
	const struct fw_trace *trace = &t->trace;
	const struct fw_rule *rule;
	size_t i;

	if (trace->asked > trace->miss_count)
		fprintf(out, "%zu rules do not match; the nearest of them:\n", trace->asked);
	for (i = 0; i < trace->miss_count; i++) {
		rule = &t->set.rules[trace->misses[i].rule];
		fprintf(out, "rule %u (line %u) differs in ", trace->misses[i].rule + 1,
			rule->line);
		print_fields(out, trace->misses[i].fields);
		fputs(": ", out);
		fw_rule_print(out, &t->set, rule, NULL);
		fputc('\n', out);
	}
}

static void print_rule(FILE *out, const struct traced *t, long number, const char *what)
{
	const struct fw_rule *rule = &t->set.rules[number];

	fprintf(out, "%s %ld (line %u) %s: ", rule->preset ? "preset" : "rule", number + 1,
		rule->line, what);
	fw_rule_print(out, &t->set, rule, NULL);
	fputc('\n', out);
}

static void print_trace(FILE *out, const struct traced *t)
{
	const struct verdict *v = &t->verdict;

	print_misses(out, t);
	if (has_text(t))
		print_rule(out, t, t->trace.rule, "matches");
	if (t->trace.guard >= 0)
		print_rule(out, t, t->trace.guard, "limits what passes");
	fprintf(out, "%s: %s%s%s\n",
		strcmp(v->verdict, "settings") != 0 ? v->verdict : "accept or drop", v->why,
		*v->also ? "; " : "", v->also);
}

static json_t *fields_to_json(__u32 fields)
{
	json_t *names = json_array();
	int i;

	for (i = 0; i < FW_FIELD_COUNT; i++)
		if (fields >> i & 1)
			json_array_append_new(names, json_string(fw_field_names[i]));
	return names;
}

static json_t *number_to_json(const struct traced *t, long number, json_t *fields)
{
	_cleanup_free_ char *text = NULL;
	json_t *item;

	if (number < 0)
		return json_null();
	text = fw_cli_rule_text(&t->set, &t->set.rules[number]);
	item = text ? json_pack("{s:I, s:I, s:s}", "number", (json_int_t)number + 1, "line",
				(json_int_t)t->set.rules[number].line, "rule", text) :
		      NULL;
	if (item && fields)
		json_object_set_new(item, "differs", fields);
	else
		json_decref(fields);
	return item;
}

static json_t *trace_to_json(const struct traced *t)
{
	const struct fw_trace *trace = &t->trace;
	json_t *misses = json_array();
	size_t i;

	for (i = 0; i < trace->miss_count; i++)
		json_array_append_new(misses,
				      number_to_json(t, trace->misses[i].rule,
						     fields_to_json(trace->misses[i].fields)));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o}", "verdict", t->verdict.verdict,
			 "by", t->verdict.by, "why", t->verdict.why, "also", t->verdict.also,
			 "rule", number_to_json(t, trace->rule, NULL), "preset",
			 number_to_json(t, trace->guard, NULL), "asked",
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

static int read_packet(int argc, char **argv, struct slot_reason *why, struct fw_packet *ret_packet)
{
	_cleanup_(fw_ruleset_free) struct fw_ruleset words = {};
	_cleanup_free_ char *text = join_words(argc, argv);
	int err;

	if (!text)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = fw_ruleset_parse_packet(text, strlen(text), why, &words);
	return err ? err : fw_packet_read(&words, why, ret_packet);
}

static int run_trace(const struct program_context *ctx, struct traced *t)
{
	_cleanup_close_ int lock_fd = program_maps_share(ctx->map_dir);
	_cleanup_(fw_store_close) struct fw_store store = FW_STORE_CLOSED;
	_cleanup_(fw_loaded_free) struct fw_loaded loaded = {};
	struct slot_reason why;

	(void)lock_fd;
	if (fw_cli_get(ctx, &store, &loaded, &t->set))
		return PROGRAM_FAILED;
	if (ask_lists(ctx->map_dir, t, &why))
		return fw_cli_fail(&why);
	if (!t->verdict.verdict)
		judge(t, loaded.text);
	if (ctx->json)
		return program_json_print(ctx, trace_to_json(t));
	print_trace(ctx->out, t);
	return PROGRAM_OK;
}

int fw_cli_trace(const struct program_context *ctx, int argc, char **argv)
{
	struct traced t = { .trace = { .rule = -1, .guard = -1 } };
	struct slot_reason why;
	int status;

	if (!argc)
		return PROGRAM_USAGE;
	if (read_packet(argc, argv, &why, &t.packet))
		return fw_cli_fail(&why);
	status = run_trace(ctx, &t);
	fw_ruleset_free(&t.set);
	return status;
}
