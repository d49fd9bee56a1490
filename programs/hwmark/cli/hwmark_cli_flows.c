/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl hwmark flows and flush: the rules that the agent put at the device. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <net/if.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/hwmark/agent/hwmark_device.h"
#include "programs/hwmark/cli/hwmark_cli.h"
#include "programs/hwmark/maps/hwmark_entry.h"
#include "programs/shared/json.h"

#define FLUSH_POLL_MS 20
#define FLUSH_WAIT_MS 30000

static struct slot_flower_place get_place(const struct hwmark_agent *agent)
{
	const struct slot_device_settings set = {
		.is_egress = agent->is_egress,
		.pref = agent->pref,
	};

	return slot_device_place(&set, agent->ifindex);
}

/* By its number: it may have got another name since. */
static int check_device(const struct hwmark_agent *agent, struct slot_reason *why)
{
	char name[IF_NAMESIZE];

	if (!agent->ifindex || if_indextoname(agent->ifindex, name))
		return 0;
	return slot_reason_set(why, -ENODEV, "'%s' with the agent's rules is gone", agent->device);
}

/* --- flows ----------------------------------------------------------------------------------- */

struct listing {
	const struct program_context *ctx;
	const struct hwmark_maps *maps;
	__u64 owner;
	json_t *flows; /* with --json */
	bool is_headed;
};

/* Before the first of them, or where it is sure that there is none. */
static void print_header(struct listing *listing)
{
	if (!listing->flows && !listing->is_headed)
		fprintf(listing->ctx->out, "%-5s  %-32s  %-32s  %-24s  %5s  %12s  %15s  %9s  %s\n",
			"proto", "client", "vip", "real", "mark", "packets", "bytes", "idle s",
			"in hw");
	listing->is_headed = true;
}

static void format_end(const struct slot_flower_match *match, const struct slot_flower_end *end,
		       char ret_text[LB_WORDS_MAX])
{
	struct hwmark_entry entry = {
		.proto = match->proto,
		.is_ip6 = match->family == AF_INET6,
		.sport = end->port,
	};

	memcpy(entry.src, end->address, sizeof(entry.src));
	hwmark_cli_client(&entry, ret_text);
}

static int show_flow(const struct slot_flower_seen *seen, void *data)
{
	char client[LB_WORDS_MAX], vip[LB_WORDS_MAX], real[LB_WORDS_MAX] = "gone";
	const struct slot_flower_match *match = &seen->rule.match;
	struct listing *listing = data;
	__u32 mark = seen->rule.actions[0].mark;
	const char *proto = match->proto == IPPROTO_TCP ? "tcp" : "udp";
	struct hwmark_entry entry = {};
	int err;

	if (seen->rule.owner != listing->owner)
		return 0;
	format_end(match, &match->source, client);
	format_end(match, &match->destination, vip);
	if (!hwmark_entry_get(listing->maps, mark, NULL, &entry) && entry.generation)
		hwmark_cli_real(listing->maps, &entry, real);
	print_header(listing);
	if (!listing->flows) {
		fprintf(listing->ctx->out,
			"%-5s  %-32s  %-32s  %-24s  %5u  %12" PRIu64 "  %15" PRIu64 "  %9.1f  %s\n",
			proto, client, vip, real, mark, (uint64_t)seen->packets,
			(uint64_t)seen->bytes, (double)seen->idle_ms / 1000,
			seen->is_in_hw ? "yes" : "no");
		return 0;
	}
	err = json_array_append_new(
		listing->flows,
		json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b}", "proto", proto,
			  "client", client, "vip", vip, "real", real, "mark", (json_int_t)mark,
			  "packets", (json_int_t)seen->packets, "bytes", (json_int_t)seen->bytes,
			  "hw_packets", (json_int_t)seen->hw_packets, "idle_ms",
			  (json_int_t)seen->idle_ms, "in_hw", seen->is_in_hw));
	return err ? -ENOMEM : 0;
}

static int list_flows(const struct program_context *ctx, const struct hwmark_maps *maps,
		      struct slot_reason *why, json_t *flows)
{
	struct listing listing = { .ctx = ctx, .maps = maps, .flows = flows };
	struct slot_flower_place place;
	struct hwmark_agent agent;
	int err = hwmark_agent_get(maps, why, &agent);

	err = err ? err : hwmark_device_check_netns(&agent, why);
	if (!err && agent.owner)
		err = check_device(&agent, why);
	if (!err && !agent.owner)
		print_header(&listing);
	if (err || !agent.owner)
		return err;
	listing.owner = agent.owner;
	place = get_place(&agent);
	err = slot_flower_list(&place, show_flow, &listing);
	if (!err)
		print_header(&listing);
	return err ? slot_reason_set(why, err, "cannot list the rules of %s: %s", agent.device,
				     strerror(-err)) :
		     0;
}

int hwmark_cmd_flows(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	json_auto_t *flows = ctx->json ? json_array() : NULL;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (hwmark_maps_open(ctx->map_dir, false, &why, &maps))
		return program_fail(&why);
	if (list_flows(ctx, &maps, &why, flows))
		return program_fail(&why);
	return ctx->json ? program_json_print(ctx, json_pack("{s:O}", "flows", flows)) : PROGRAM_OK;
}

/* --- flush ----------------------------------------------------------------------------------- */

/* Nobody else is at it. */
static int flush_alone(const struct hwmark_maps *maps, struct slot_reason *why)
{
	struct slot_flower_place place;
	struct hwmark_agent agent;
	size_t count = 0;
	int err = hwmark_agent_get(maps, why, &agent);

	err = err ? err : hwmark_device_check_netns(&agent, why);
	if (err)
		return err;
	place = get_place(&agent);
	if (agent.owner)
		err = slot_flower_flush(&place, agent.owner, &count);
	if (err)
		return slot_reason_set(why, err, "cannot remove the rules of %s: %s; entries stay",
				       agent.device, strerror(-err));
	hwmark_entries_clear(maps, NULL, NULL);
	/* An agent that comes has nothing left to do of what was asked for. */
	err = hwmark_flush_get(maps, why, &agent.flushed);
	agent.flushing = agent.flushed;
	agent.netns = 0;
	err = err ? err : hwmark_agent_set(maps, &agent, why);
	if (!err && agent.owner && check_device(&agent, why))
		err = slot_reason_append(why, -ENODEV, "; entries are free");
	return err;
}

static int ask_agent(const struct hwmark_maps *maps, struct slot_reason *why, __u64 *ret_number)
{
	int err = hwmark_flush_get(maps, why, ret_number);

	++*ret_number;
	return err ? err : hwmark_flush_set(maps, *ret_number, why);
}

/* Whoever has the lock may end before it is done: then it is this command's to do. */
static int wait_for_agent(const char *map_dir, const struct hwmark_maps *maps, __u64 number,
			  struct slot_reason *why)
{
	const struct timespec pause = { .tv_nsec = FLUSH_POLL_MS * 1000000L };
	struct hwmark_agent agent = {};

	for (int ms = 0; ms < FLUSH_WAIT_MS; ms += FLUSH_POLL_MS) {
		_cleanup_close_ int lock = -1;
		int err = hwmark_agent_get(maps, why, &agent);

		if (err || agent.flushed >= number)
			return err;
		err = hwmark_lock(map_dir, 0, why, &lock);
		if (err != -EBUSY)
			return err ? err : flush_alone(maps, why);
		nanosleep(&pause, NULL);
	}
	return slot_reason_set(why, -ETIMEDOUT, "the agent was asked, and has %s",
			       agent.flushing >= number ? "rules that are not gone yet" :
							  "not answered: does it hang?");
}

static int flush(const char *map_dir, const struct hwmark_maps *maps, struct slot_reason *why)
{
	_cleanup_close_ int lock = -1;
	__u64 number = 0;
	int err = hwmark_lock(map_dir, 0, why, &lock);

	if (!err)
		return flush_alone(maps, why);
	if (err != -EBUSY)
		return err;
	err = ask_agent(maps, why, &number);
	return err ? err : wait_for_agent(map_dir, maps, number, why);
}

int hwmark_cmd_flush(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(hwmark_maps_close) struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	struct slot_reason why;
	int err;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	err = hwmark_maps_open(ctx->map_dir, true, &why, &maps);
	err = err ? err : flush(ctx->map_dir, &maps, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}
