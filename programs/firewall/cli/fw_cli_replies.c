/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall replies: where the firewall finds the flows that the host began. */
#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "bpf/fw_flow_abi.h"
#include "loader/lib/base/cleanup.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/firewall/firewall_abi.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

static const struct program_map replies_map = {
	.name = FIREWALL_REPLIES_NAME,
	.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u32),
	.max_entries = 1,
};

/* In the folder of fw_egress's slot. */
static const struct program_map flows_map = {
	.name = FW_FLOWS_NAME,
	.type = BPF_MAP_TYPE_LRU_HASH,
	.key_size = sizeof(struct fw_flow),
	.value_size = sizeof(__u64),
};

static int turn_off(int replies_fd, struct slot_reason *why)
{
	__u32 zero = 0;
	int err = bpf_map_delete_elem(replies_fd, &zero);

	return err && err != -ENOENT ? slot_reason_set(why, err, "cannot clear map '%s': %s",
						       replies_map.name, strerror(-err)) :
				       0;
}

static int turn_on(int replies_fd, const char *flows_dir, struct slot_reason *why)
{
	_cleanup_close_ int flows_fd = -1;
	__u32 zero = 0;
	int err;

	err = program_map_open(flows_dir, &flows_map, true, why, &flows_fd);
	if (err)
		return err;
	err = bpf_map_update_elem(replies_fd, &zero, &flows_fd, BPF_ANY);
	return err ? slot_reason_set(why, err, "cannot put '%s/%s' into map '%s': %s", flows_dir,
				     flows_map.name, replies_map.name, strerror(-err)) :
		     0;
}

/* The kernel tells the number of the map that is in there. */
static int show(const struct program_context *ctx, int replies_fd)
{
	struct slot_reason why = {};
	__u32 zero = 0, id = 0;
	int err = bpf_map_lookup_elem(replies_fd, &zero, &id);

	if (err && err != -ENOENT) {
		slot_reason_set(&why, err, "cannot read map '%s': %s", replies_map.name,
				strerror(-err));
		return program_fail(&why);
	}
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:b, s:I}", "on", !err, "map_id",
							 (json_int_t)id));
	if (err)
		fputs("off\n", ctx->out);
	else
		fprintf(ctx->out, "on, by the flows in map %u\n", id);
	return PROGRAM_OK;
}

int fw_cli_open_replies(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd)
{
	return program_map_open(map_dir, &replies_map, is_writer, why, ret_fd);
}

int fw_cli_replies(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_close_ int lock = -1, replies_fd = -1;
	bool is_on = argc == 2 && !strcmp(argv[0], "on"),
	     is_off = argc == 1 && !strcmp(argv[0], "off");
	struct slot_reason why = {};
	int err;

	if (argc && !is_on && !is_off)
		return PROGRAM_USAGE;
	err = argc ? program_maps_lock(ctx->map_dir, &why, &lock) : 0;
	if (!err)
		err = fw_cli_open_replies(ctx->map_dir, argc, &why, &replies_fd);
	if (!err && is_on)
		err = turn_on(replies_fd, argv[1], &why);
	if (!err && is_off)
		err = turn_off(replies_fd, &why);
	if (err)
		return program_fail(&why);
	return argc ? PROGRAM_OK : show(ctx, replies_fd);
}
