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

static json_t *agent_json(const struct hwmark_agent *agent, bool is_running)
{
	return json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:I}", "running", is_running, "device",
			 agent->device, "hook", agent->is_egress ? "egress" : "ingress", "flows",
			 (json_int_t)agent->flows, "flows_max", (json_int_t)agent->flows_max,
			 "in_pools", (json_int_t)agent->in_pools, "pending",
			 (json_int_t)agent->pending);
}

static void print_agent(FILE *out, const struct hwmark_agent *agent, bool is_running)
{
	fprintf(out, "agent %s\n",
		is_running   ? "running" :
		agent->owner ? "not running; of the last one:" :
			       "not running");
	if (agent->owner)
		fprintf(out, "device %s %s\nflows %u of %u\nin_pools %u\n", agent->device,
			agent->is_egress ? "egress" : "ingress", agent->flows, agent->flows_max,
			agent->in_pools);
}

static int show_all(const struct program_context *ctx, const struct hwmark_maps *maps)
{
	const char *mode = hwmark_cli_setting(ctx, "mode", "destination");
	const char *mark_from = hwmark_cli_setting(ctx, "mark_from", "meta");
	bool is_running = hwmark_is_locked(ctx->map_dir);
	struct hwmark_agent agent;
	struct slot_reason why;
	struct summary s;

	if (sum_up(maps, &why, &s) || hwmark_agent_get(maps, &why, &agent))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(
			ctx,
			json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "mode", mode,
				  "mark_from", mark_from, "marks", (json_int_t)maps->marks - 1,
				  "live", (json_int_t)s.live, "stale", (json_int_t)s.stale, "free",
				  (json_int_t)s.free, "generation", (json_int_t)s.generation,
				  "agent", agent_json(&agent, is_running)));
	fprintf(ctx->out,
		"mode %s\nmark_from %s\nmarks %u\nlive %u\nstale %u\nfree %u\ngeneration %u\n",
		mode, mark_from, maps->marks - 1, s.live, s.stale, s.free, s.generation);
	print_agent(ctx->out, &agent, is_running);
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

static const struct program_command commands[] = {
	{ "show", cmd_show, "[MARK]", "marks in use and free, or what one stands for" },
	{ "stats", hwmark_cmd_stats, "", "marked packets by outcome, and what the agent did" },
	{ "flows", hwmark_cmd_flows, "", "flows that the device marks, with its counts" },
	{ "flush", hwmark_cmd_flush, "", "take off all rules of this slot, and their entries" },
	{ "agent", hwmark_cmd_agent,
	  "[device=DEV] [hook=ingress|egress] [offload=both|skip_sw|skip_hw] [flows=N] [batch=N] "
	  "[age=SECONDS] [pref=N] [mode=flow|destination]",
	  "offload flows to the device, until it is ended (defaults: hwmark's README, slotctl(8))" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli hwmark_cli = {
	.name = "hwmark",
	.summary = "send packets that the device marked, before lb",
	.commands = commands,
};
