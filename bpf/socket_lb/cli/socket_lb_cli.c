/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl socket_lb: VIPs, and what an operator says of their instances. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "bpf/socket_lb/cli/socket_lb_cli.h"
#include "bpf/socket_lb/lib/socketlb_paths.h"
#include "bpf/socket_lb/maps/sl_takeover.h"
#include "bpf/socket_lb/run/sl_run_cli.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/words.h"

int sl_cli_vip(const struct sl_maps *maps, const char *word, struct slot_reason *why,
	       struct sl_vip_entry *ret_vip)
{
	int err = sl_vip_parse(word, why, &ret_vip->key);

	return err ? err : sl_vip_get(maps, &ret_vip->key, why, &ret_vip->vip);
}

int sl_cli_vips(const struct sl_maps *maps, const char *word, struct slot_reason *why,
		struct sl_vip_entry **ret_vips, size_t *ret_count)
{
	_cleanup_free_ struct sl_vip_entry *one = NULL;
	int err;

	if (!word)
		return sl_vips_get(maps, why, ret_vips, ret_count);
	one = calloc(1, sizeof(*one));
	if (!one)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = sl_cli_vip(maps, word, why, one);
	if (err)
		return err;
	*ret_vips = TAKE_PTR(one);
	*ret_count = 1;
	return 0;
}

/* --- vip ------------------------------------------------------------------------------------- */

static int parse_memory(const char *text, struct slot_reason *why, __u16 *ret_memory_s)
{
	unsigned long seconds;
	char *end;

	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || seconds > 65535)
		return slot_reason_set(why, -EINVAL, "memory '%.80s': expected 0 to 65535 seconds",
				       text);
	*ret_memory_s = (__u16)seconds;
	return 0;
}

/* parse_mode - what the mode alone says of @vip: others hold until a word changes them. */
static int parse_mode(const char *text, const struct sl_vip_key *key, struct slot_reason *why,
		      struct sl_vip *vip)
{
	int err = sl_mode_parse(text, why, &vip->mode);

	if (err)
		return err;
	if ((vip->mode == SL_TCP) != (key->proto == IPPROTO_TCP))
		return slot_reason_set(why, -EINVAL, "mode '%s' is not for %s: expected %s", text,
				       key->proto == IPPROTO_TCP ? "TCP" : "UDP",
				       key->proto == IPPROTO_TCP ? "tcp" : "flow or quic");
	memset(vip->cid, 0, sizeof(vip->cid));
	vip->memory_s = vip->mode == SL_FLOW ? SL_FLOW_MEMORY_S :
			vip->mode == SL_QUIC ? SL_QUIC_MEMORY_S :
					       0;
	return vip->mode == SL_QUIC ? sl_layout_parse("mvfst", why, vip) : 0;
}

static int parse_words(int argc, char **argv, struct slot_reason *why, struct sl_vip *vip)
{
	bool has_layout = false, has_memory = false;
	int err = 0;

	for (int i = 0; !err && i < argc; i++) {
		const char *layout = program_word_value(argv[i], "layout");
		const char *memory = program_word_value(argv[i], "memory");

		if ((layout && has_layout) || (memory && has_memory))
			return slot_reason_set(why, -EINVAL, "%s= is named twice",
					       layout ? "layout" : "memory");
		has_layout |= !!layout;
		has_memory |= !!memory;
		if (layout && vip->mode != SL_QUIC)
			err = slot_reason_set(why, -EINVAL, "layout= is for mode quic alone");
		else if (memory && vip->mode == SL_TCP)
			err = slot_reason_set(why, -EINVAL, "memory= is for UDP alone");
		else if (layout)
			err = sl_layout_parse(layout, why, vip);
		else if (memory)
			err = parse_memory(memory, why, &vip->memory_s);
		else
			err = slot_reason_set(why, -EINVAL,
					      "'%.80s': expected layout=LAYOUT or memory=SECONDS",
					      argv[i]);
	}
	return err;
}

static int add_vip(const struct sl_maps *maps, int argc, char **argv, struct slot_reason *why)
{
	struct sl_vip_entry added = {};
	int err = sl_vip_parse(argv[0], why, &added.key);

	err = err ? err : parse_mode(argv[1], &added.key, why, &added.vip);
	err = err ? err : parse_words(argc - 2, argv + 2, why, &added.vip);
	return err ? err : sl_vip_add(maps, &added.key, &added.vip, why);
}

static int set_vip(const struct sl_maps *maps, int argc, char **argv, struct slot_reason *why)
{
	struct sl_vip_entry known = {};
	int err = sl_cli_vip(maps, argv[0], why, &known);
	int words = 1;

	if (!err && !strchr(argv[1], '=')) {
		err = parse_mode(argv[1], &known.key, why, &known.vip);
		words++;
	}
	err = err ? err : parse_words(argc - words, argv + words, why, &known.vip);
	return err ? err : sl_vip_change(maps, &known.key, &known.vip, why);
}

/* Every word that is no VIP is told before anything is deleted. */
static int del_vips(const struct sl_maps *maps, int argc, char **argv, struct slot_reason *why)
{
	bool is_forced = argc > 1 && !strcmp(argv[argc - 1], "force");
	struct sl_vip_entry known;
	int err = 0;

	argc -= is_forced;
	for (int i = 0; !err && i < argc; i++)
		err = sl_cli_vip(maps, argv[i], why, &known);
	for (int i = 0; !err && i < argc; i++) {
		err = sl_cli_vip(maps, argv[i], why, &known);
		err = err ? err : sl_vip_del(maps, &known.key, is_forced, why);
	}
	return err;
}

static json_t *vip_to_json(const struct sl_maps *maps, const struct sl_vip_entry *entry)
{
	char text[SL_VIP_TEXT_MAX], layout[SL_LAYOUT_TEXT_MAX];
	bool is_quic = entry->vip.mode == SL_QUIC;
	struct slot_reason why;
	int active = -1;

	sl_vip_format(&entry->key, text);
	sl_layout_format(&entry->vip, layout);
	if (sl_active_get(maps, entry->vip.index, &why, &active))
		active = -1;
	return json_pack("{s:s, s:s, s:s?, s:I, s:I, s:o}", "vip", text, "mode",
			 sl_mode_name(entry->vip.mode), "layout", is_quic ? layout : NULL,
			 "memory_s", (json_int_t)entry->vip.memory_s, "index",
			 (json_int_t)entry->vip.index, "active",
			 active < 0 ? json_null() : json_integer(active));
}

static void print_vip(FILE *out, const struct sl_maps *maps, const struct sl_vip_entry *entry)
{
	char text[SL_VIP_TEXT_MAX], layout[SL_LAYOUT_TEXT_MAX] = "-", active[12] = "none";
	struct slot_reason why;
	int instance = -1;

	sl_vip_format(&entry->key, text);
	if (entry->vip.mode == SL_QUIC)
		sl_layout_format(&entry->vip, layout);
	if (!sl_active_get(maps, entry->vip.index, &why, &instance) && instance >= 0)
		snprintf(active, sizeof(active), "%d", instance);
	fprintf(out, "%-40s  %-5s  %-6s  %6us  %s\n", text, sl_mode_name(entry->vip.mode), active,
		entry->vip.memory_s, layout);
}

static int show_vips(const struct program_context *ctx, const struct sl_maps *maps,
		     const char *word, struct slot_reason *why)
{
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	json_t *list = NULL;
	size_t count = 0;
	int err = sl_cli_vips(maps, word, why, &vips, &count);

	if (err)
		return program_end(err, why);
	if (ctx->json)
		list = json_array();
	else
		fprintf(ctx->out, "%-40s  %-5s  %-6s  %7s  %s\n", "vip", "mode", "active", "memory",
			"layout");
	for (size_t i = 0; i < count; i++) {
		if (ctx->json)
			json_array_append_new(list, vip_to_json(maps, &vips[i]));
		else
			print_vip(ctx->out, maps, &vips[i]);
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "vips", list)) : PROGRAM_OK;
}

static const struct vip_verb {
	const char *name;
	int (*run)(const struct sl_maps *maps, int argc, char **argv, struct slot_reason *why);
	int min_args;
} vip_verbs[] = {
	{ "add", add_vip, 2 },
	{ "set", set_vip, 2 },
	{ "del", del_vips, 1 },
};

static int cmd_vip(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	const struct vip_verb *verb = vip_verbs, *end = vip_verbs + 3;
	struct slot_reason why;
	bool is_show;
	int err;

	if (!argc)
		return PROGRAM_USAGE;
	is_show = !strcmp(argv[0], "show");
	while (verb < end && strcmp(verb->name, argv[0]))
		verb++;
	if (is_show ? argc > 2 : verb == end || argc - 1 < verb->min_args)
		return PROGRAM_USAGE;
	err = sl_maps_open(ctx->map_dir, !is_show, &why, &maps);
	if (!err && is_show)
		return show_vips(ctx, &maps, argc > 1 ? argv[1] : NULL, &why);
	err = err ? err : verb->run(&maps, argc - 1, argv + 1, &why);
	return program_end(err, &why);
}

/* --- instances ------------------------------------------------------------------------------- */

static int parse_instance(const char *text, struct slot_reason *why, int *ret_instance)
{
	if ((text[0] == '0' || text[0] == '1') && !text[1]) {
		*ret_instance = text[0] - '0';
		return 0;
	}
	return slot_reason_set(why, -EINVAL, "instance '%.80s': expected 0 or 1", text);
}

static int print_active(const struct program_context *ctx, const struct sl_maps *maps,
			const struct sl_vip_entry *entry)
{
	struct slot_reason why;
	int active = -1;

	if (sl_active_get(maps, entry->vip.index, &why, &active))
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:o}", "active",
							 active < 0 ? json_null() :
								      json_integer(active)));
	if (active < 0)
		fprintf(ctx->out, "none\n");
	else
		fprintf(ctx->out, "%d\n", active);
	return PROGRAM_OK;
}

static int cmd_active(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	struct sl_vip_entry entry = {};
	struct slot_reason why;
	int instance = -1, err;

	if (!argc || argc > 2)
		return PROGRAM_USAGE;
	err = argc > 1 && strcmp(argv[1], "none") ? parse_instance(argv[1], &why, &instance) : 0;
	err = err ? err : sl_maps_open(ctx->map_dir, argc > 1, &why, &maps);
	err = err ? err : sl_cli_vip(&maps, argv[0], &why, &entry);
	if (err)
		return program_end(err, &why);
	if (argc == 1)
		return print_active(ctx, &maps, &entry);
	return sl_active_set(&maps, entry.vip.index, instance, &why) ? program_fail(&why) :
								       PROGRAM_OK;
}

/* "1,1,4": of as many sockets, from position 0 on; those that are not named get 0. */
static int parse_weights(const char *text, struct slot_reason *why, __u8 weights[SL_SOCKETS_MAX],
			 unsigned int *ret_count)
{
	const char *at = text;
	unsigned int count = 0;

	memset(weights, 0, SL_SOCKETS_MAX);
	do {
		unsigned long weight;
		char *end;

		weight = strtoul(at, &end, 10);
		if (*at < '0' || *at > '9' || weight > 255 || count == SL_SOCKETS_MAX ||
		    (*end && *end != ','))
			return slot_reason_set(why, -EINVAL,
					       "weights '%.80s': expected up to %d numbers from 0 "
					       "to 255 with commas between",
					       text, SL_SOCKETS_MAX);
		weights[count++] = (__u8)weight;
		at = *end ? end + 1 : NULL;
	} while (at);
	*ret_count = count;
	return 0;
}

static int check_weights(const struct sl_maps *maps, const struct sl_vip *vip, __u32 instance,
			 unsigned int weights, struct slot_reason *why)
{
	struct sl_instance held;
	int err = sl_instance_get(maps, vip->index, instance, why, &held);

	if (err || held.state == SL_FREE || weights <= held.sockets)
		return err;
	return slot_reason_set(why, -ERANGE, "%u weights for the %u sockets of instance %u",
			       weights, held.sockets, instance);
}

static int cmd_policy(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	struct sl_vip_entry entry = {};
	__u8 weights[SL_SOCKETS_MAX], policy = SL_BY_HASH;
	unsigned int count = 0;
	struct slot_reason why;
	int instance = 0, err;

	if (argc < 3 || argc > 4)
		return PROGRAM_USAGE;
	err = parse_instance(argv[1], &why, &instance);
	err = err ? err : sl_policy_parse(argv[2], &why, &policy);
	err = err || argc < 4 ? err : parse_weights(argv[3], &why, weights, &count);
	err = err ? err : sl_maps_open(ctx->map_dir, true, &why, &maps);
	err = err ? err : sl_cli_vip(&maps, argv[0], &why, &entry);
	err = err ? err : check_weights(&maps, &entry.vip, (__u32)instance, count, &why);
	if (err)
		return program_end(err, &why);
	err = sl_instance_share(&maps, entry.vip.index, (__u32)instance, policy,
				argc > 3 ? weights : NULL, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static int cmd_free(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(sl_maps_close) struct sl_maps maps = SL_MAPS_CLOSED;
	struct sl_vip_entry entry = {};
	struct sl_instance held;
	struct sl_place place;
	struct slot_reason why;
	int instance = 0, err;

	if (argc != 2)
		return PROGRAM_USAGE;
	err = parse_instance(argv[1], &why, &instance);
	err = err ? err : sl_maps_open(ctx->map_dir, true, &why, &maps);
	err = err ? err : sl_cli_vip(&maps, argv[0], &why, &entry);
	err = err ? err : sl_instance_get(&maps, entry.vip.index, (__u32)instance, &why, &held);
	if (!err && held.state == SL_FREE)
		err = slot_reason_set(&why, -ENOENT, "instance %d is free", instance);
	if (err)
		return program_end(err, &why);
	place = (struct sl_place){ entry.vip.index, (__u32)instance, held.generation };
	return sl_instance_leave(&maps, &place, &why) ? program_fail(&why) : PROGRAM_OK;
}

static int find_maps(const char *chain, struct slot_reason *why, char **ret_map_dir)
{
	_cleanup_free_ char *only = NULL, *jump = NULL;
	int err = chain ? 0 : socketlb_paths_only(why, &only);

	return err ? err : socketlb_paths_find(chain ? chain : only, why, &jump, ret_map_dir);
}

static const struct program_command commands[] = {
	{ "vip", cmd_vip,
	  "add VIP tcp|flow|quic [layout=LAYOUT] [memory=SECONDS] | set VIP ... | "
	  "del VIP... [force] | show [VIP]",
	  "what sockets are bound to, and how packets find their process" },
	{ "instances", sl_cmd_instances, "[VIP]",
	  "which processes serve, and what they have left" },
	{ "active", cmd_active, "VIP [0|1|none]",
	  "which instance takes new traffic; make it so; none refuses it" },
	{ "policy", cmd_policy, "VIP 0|1 hash|cpu|numa [WEIGHT,...]",
	  "how an instance's sockets share what is new" },
	{ "free", cmd_free, "VIP 0|1",
	  "take an instance from its process; the other one takes new traffic, or none" },
	{ "run", sl_cmd_run, SL_RUN_ARGS,
	  "run a server whose restarts lose nothing: slotctl socket run --help" },
	{ "flows", sl_cmd_flows, "[VIP]", "flows of UDP that are remembered" },
	{ "stats", sl_cmd_stats, "[VIP]", "packets, by what became of them" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli socket_lb_cli = {
	.name = "socket_lb",
	.summary = "lead packets to the process and socket that they belong to, through restarts",
	.commands = commands,
	.claim = sl_cli_claim,
	.anew = "its VIPs have to be added again (slotctl socket_lb vip add); servers come "
		"back to them by themselves",
	.offline_command = "run",
	.options = sl_run_options,
	.find_maps = find_maps,
};
