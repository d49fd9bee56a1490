/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl tcp_server_id: the ids that this host tells, and what became of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "bpf/tcp_server_id/tcp_server_id.h"
#include "loader/lib/base/cleanup.h"
#include "programs/shared/counts.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"
#include "programs/shared/tcp_option.h"

/* By whose end of a connection counted. */
static const struct program_counter counters[TSI_COUNTS_SIZE] = {
	[TSI_TOLD] = { "told", "server" },
	[TSI_TOLD_COOKIE] = { "told_cookie", "server" },
	[TSI_TOLD_LATER] = { "told_later", "server" },
	[TSI_CONFIRMED] = { "confirmed", "server" },
	[TSI_CONFIRMED_OLD] = { "confirmed_old", "server" },
	[TSI_NOT_ECHOED] = { "not_echoed", "server" },
	[TSI_ASKED] = { "asked", "server" },
	[TSI_WRONG] = { "wrong", "server" },
	[TSI_DECLINED] = { "declined", "server" },
	[TSI_NO_IDS] = { "no_ids", "server" },
	[TSI_LEARNED] = { "learned", "client" },
	[TSI_LEARNED_LATER] = { "learned_later", "client" },
	[TSI_REPLACED] = { "replaced", "client" },
	[TSI_UNKNOWN] = { "unknown", "client" },
	[TSI_ECHOED] = { "echoed", "client" },
	[TSI_ASKS_SENT] = { "asks", "client" },
	[TSI_DECLINES] = { "declines", "client" },
	[TSI_NO_ROOM] = { "no_room", "both" },
	[TSI_NOT_STORED] = { "not_stored", "both" },
	[TSI_BAD_OPTION] = { "bad_option", "both" },
	[TSI_NO_STORAGE] = { "no_storage", "both" },
};

/* Of the same id said twice it is not to be known which is meant. */
static int check_words(int argc, char **argv, struct slot_reason *why)
{
	for (int i = 1; i < argc; i++) {
		size_t len = strcspn(argv[i], "=");

		for (int before = 0; before < i; before++)
			if (!strncmp(argv[before], argv[i], len + 1))
				return slot_reason_set(why, -EINVAL,
						       "'%.80s': '%.80s' came before it", argv[i],
						       argv[before]);
	}
	return 0;
}

/* One command may set both: both or none. */
static int cmd_set(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_close_ int fd = -1, lock = -1;
	struct tsi_ids ids = {};
	struct slot_reason why;
	int err;

	if (!argc)
		return PROGRAM_USAGE;
	err = check_words(argc, argv, &why);
	err = err ? err : program_maps_lock(ctx->map_dir, &why, &lock);
	err = err ? err : tsi_ids_open(ctx->map_dir, true, &why, &fd);
	err = err ? err : tsi_ids_get(fd, &why, &ids);
	for (int i = 0; !err && i < argc; i++)
		err = tsi_ids_parse(argv[i], &why, &ids);
	err = err ? err : tsi_ids_check(&ids, &why);
	err = err ? err : tsi_ids_set(fd, &ids, &why);
	return err ? program_fail(&why) : PROGRAM_OK;
}

static json_t *id_to_json(__u32 id)
{
	return id ? json_integer(id) : json_null();
}

static void print_id(FILE *out, const char *name, __u32 id)
{
	if (id)
		fprintf(out, "%s %u\n", name, id);
	else
		fprintf(out, "%s none\n", name);
}

/* Katran's kinds are what they are. */
static void warn_of_preset(const struct program_slot *slot)
{
	static const char *const unused[] = { "kind", "server_kind", "none_kind", "magic" };
	const char *preset = NULL, *text;

	if (!slot || slot->setting(slot, "preset", &preset) || !preset ||
	    (strcasecmp(preset, "katran") != 0 && strtol(preset, NULL, 0) != TSI_KATRAN))
		return;
	for (size_t i = 0; i < sizeof(unused) / sizeof(unused[0]); i++) {
		text = NULL;
		if (!slot->setting(slot, unused[i], &text) && text)
			fprintf(stderr, "setting %s = %s: of no effect beside preset = %s\n",
				unused[i], text, preset);
	}
}

static int cmd_show(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_close_ int fd = -1;
	struct tsi_ids ids = {};
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (tsi_ids_open(ctx->map_dir, false, &why, &fd) || tsi_ids_get(fd, &why, &ids))
		return program_fail(&why);
	program_option_warn(ctx->slot, "kind", false);
	program_option_warn(ctx->slot, "server_kind", true);
	program_option_warn(ctx->slot, "none_kind", true);
	warn_of_preset(ctx->slot);
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:o, s:o}", "primary",
							 id_to_json(ids.primary), "fallback",
							 id_to_json(ids.fallback)));
	print_id(ctx->out, "primary", ids.primary);
	print_id(ctx->out, "fallback", ids.fallback);
	return PROGRAM_OK;
}

static int cmd_stats(const struct program_context *ctx, int argc, char **argv)
{
	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	return program_counts_show(ctx, TSI_COUNTS_NAME, counters, TSI_COUNTS_SIZE);
}

static const struct program_command commands[] = {
	{ "set", cmd_set, "primary=ID|none | fallback=ID|none",
	  "what this host's servers tell their clients" },
	{ "show", cmd_show, "", "the same, and settings that cannot work" },
	{ "stats", cmd_stats, "", "connections and segments with ids, and why some have none" },
	{ NULL, NULL, NULL, NULL },
};

const struct program_cli tcp_server_id_cli = {
	.name = "tcp_server_id",
	.summary = "servers' ids in the TCP options of connections",
	.commands = commands,
	.sync_ids = tsi_sync_ids,
};
