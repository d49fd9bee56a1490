/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark: marks, their entries and what became of marked packets, as commands. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <string.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/cli/hwmark_cli.h"
#include "programs/hwmark/maps/hwmark_entry.h"
#include "programs/shared/json.h"

/* --- show ------------------------------------------------------------------------------------ */

struct summary {
	__u32 generation;
	__u32 live, stale, free;
};

const char *hwmark_cli_setting(const struct program_context *ctx, const char *name,
			       const char *otherwise)
{
	const char *value = NULL;

	if (!ctx->slot || ctx->slot->setting(ctx->slot, name, &value))
		return "unknown";
	return value ? value : otherwise;
}

static int sum_up(const struct hwmark_maps *maps, struct slot_reason *why,
		  struct summary *ret_summary)
{
	struct summary summary = {};
	struct hwmark_entry entry;
	int err = hwmark_generation_get(maps, why, &summary.generation);

	for (__u32 mark = 1; !err && mark < maps->marks; mark++) {
		err = hwmark_entry_get(maps, mark, why, &entry);
		if (err)
			break;
		if (!entry.generation)
			summary.free++;
		else if (entry.generation == summary.generation)
			summary.live++;
		else
			summary.stale++;
	}
	*ret_summary = summary;
	return err;
}

static int show_all(const struct program_context *ctx, const struct hwmark_maps *maps)
{
	const char *mode = hwmark_cli_setting(ctx, "mode", "destination");
	const char *mark_from = hwmark_cli_setting(ctx, "mark_from", "meta");
	struct slot_reason why;
	struct summary s;

	if (sum_up(maps, &why, &s))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(
			ctx,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "mode", mode, "mark_from",
				  mark_from, "marks", (json_int_t)maps->marks - 1, "live",
				  (json_int_t)s.live, "stale", (json_int_t)s.stale, "free",
				  (json_int_t)s.free, "generation", (json_int_t)s.generation));
	fprintf(ctx->out,
		"mode %s\nmark_from %s\nmarks %u\nlive %u\nstale %u\nfree %u\ngeneration %u\n",
		mode, mark_from, maps->marks - 1, s.live, s.stale, s.free, s.generation);
	return PROGRAM_OK;
}

void hwmark_cli_client(const struct hwmark_entry *entry, char ret_text[LB_WORDS_MAX])
{
	struct lb_vip_name client = hwmark_entry_vip(entry);

	if (!entry->sport) {
		snprintf(ret_text, LB_WORDS_MAX, "any");
		return;
	}
	memcpy(client.prefix.addr.bytes, entry->src, sizeof(client.prefix.addr.bytes));
	client.port = ntohs(entry->sport);
	lb_vip_name_format(&client, ret_text);
	/* The protocol stands with the VIP. */
	memmove(ret_text, ret_text + 4, strlen(ret_text + 4) + 1);
}

void hwmark_cli_real(const struct hwmark_maps *maps, const struct hwmark_entry *entry,
		     char ret_text[LB_WORDS_MAX])
{
	struct lb_real real = {};
	struct lb_host host;

	if (bpf_map_lookup_elem(maps->reals, &entry->real, &real) || !(real.flags & LB_REAL_USED) ||
	    real.epoch != entry->epoch) {
		snprintf(ret_text, LB_WORDS_MAX, "gone");
		return;
	}
	host = lb_model_host(&real);
	lb_address_format(&host, ret_text);
}

static int show_mark(const struct program_context *ctx, const struct hwmark_maps *maps,
		     const char *word)
{
	char vip[LB_WORDS_MAX], client[LB_WORDS_MAX], real[LB_WORDS_MAX];
	struct hwmark_entry entry;
	struct lb_vip_name name;
	struct slot_reason why;
	__u32 mark, generation;
	const char *state;

	if (lb_number_parse(word, "mark", (const __u32[]){ 1, maps->marks - 1 }, &why, &mark) ||
	    hwmark_entry_get(maps, mark, &why, &entry) ||
	    hwmark_generation_get(maps, &why, &generation))
		return program_fail(&why);
	if (!entry.generation) {
		slot_reason_set(&why, 0, "mark %u has no entry", mark);
		return program_fail(&why);
	}
	name = hwmark_entry_vip(&entry);
	lb_vip_name_format(&name, vip);
	hwmark_cli_client(&entry, client);
	hwmark_cli_real(maps, &entry, real);
	state = entry.generation == generation ? "live" : "stale";
	if (ctx->json)
		return program_json_print(
			ctx,
			json_pack("{s:I, s:s, s:s, s:s, s:s, s:s}", "mark", (json_int_t)mark, "vip",
				  vip, "client", client, "real", real, "encap",
				  lb_encap_words.words[entry.encap % LB_ENCAPS], "state", state));
	fprintf(ctx->out, "mark %u\nvip %s\nclient %s\nreal %s\nencap %s\nstate %s\n", mark, vip,
		client, real, lb_encap_words.words[entry.encap % LB_ENCAPS], state);
	return PROGRAM_OK;
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	struct slot_reason why;

	if (argc > 1)
		return PROGRAM_USAGE;
	if (hwmark_maps_open(ctx->map_dir, false, &why, &maps))
		return program_fail(&why);
	return argc ? show_mark(ctx, &maps, argv[0]) : show_all(ctx, &maps);
}

/* --- stats ----------------------------------------------------------------------------------- */

static const char *const counter_names[LB_COUNTERS] = {
	[HWMARK_REFRESH] = "refresh",
	[HWMARK_SYN] = "syn",
	[HWMARK_OFF] = "off",
	[HWMARK_UNKNOWN] = "unknown",
	[HWMARK_STALE] = "stale",
	[HWMARK_OTHER_VIP] = "other_vip",
	[HWMARK_OTHER_FLOW] = "other_flow",
	[HWMARK_NOT_IP] = "not_ip",
	[HWMARK_OPTIONS] = "options",
	[HWMARK_FRAGMENT] = "fragment",
	[HWMARK_TOO_LONG] = "too_long",
	[HWMARK_CUT] = "cut",
	[HWMARK_NOT_SENT] = "not_sent",
	[HWMARK_OTHER_META] = "other_meta",
	[HWMARK_NO_SOURCE] = "no_source",
	[HWMARK_SENT4] = "sent4",
	[HWMARK_SENT6] = "sent6",
	[HWMARK_SENT_LONG] = "sent_long",
};

/* "" for an event. */
static const char *get_verdict(__u32 counter)
{
	if (counter == HWMARK_SENT_LONG)
		return "";
	return counter < HWMARK_PASSED_COUNT ? "pass" : "tx";
}

static json_t *stats_json(const __u64 *counts)
{
	json_t *list = json_array();

	for (__u32 i = 0; i < LB_COUNTERS; i++)
		if (counter_names[i])
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:I}", "name", counter_names[i],
							"verdict", get_verdict(i), "packets",
							(json_int_t)counts[i]));
	return json_pack("{s:o}", "counters", list);
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	__u64 counts[LB_COUNTERS];
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (hwmark_maps_open(ctx->map_dir, false, &why, &maps) ||
	    hwmark_counts_get(&maps, &why, counts))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx, stats_json(counts));
	fprintf(ctx->out, "%-12s  %-7s  %14s\n", "counter", "verdict", "packets");
	for (__u32 i = 0; i < LB_COUNTERS; i++)
		if (counter_names[i])
			fprintf(ctx->out, "%-12s  %-7s  %14" PRIu64 "\n", counter_names[i],
				get_verdict(i), (uint64_t)counts[i]);
	return PROGRAM_OK;
}

static const struct program_command commands[] = {
	{ "show", cmd_show, "[MARK]", "marks in use and free, or what one stands for" },
	{ "stats", cmd_stats, "", "marked packets by outcome" },
	{ "agent", hwmark_cmd_agent,
	  "[device=DEV] [hook=ingress|egress] [offload=both|skip_sw|skip_hw] [flows=N] [batch=N] "
	  "[age=SECONDS] [pref=N] [mode=flow|destination]",
	  "offload flows to the device, until it is ended" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli hwmark_cli = {
	.name = "hwmark",
	.summary = "send packets that the device marked, before lb",
	.commands = commands,
};
