/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/maps/fw_maps.h"

#include <string.h>

#include <bpf/bpf.h>

#include "programs/firewall/fw_abi.h"

/* Those without a size have the one that the slot's settings gave them. */
const struct program_map fw_maps[FW_MAP_COUNT] = {
	[FW_MAP_RULESETS] = { FW_RULESETS_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			      sizeof(struct fw_rulesets), 1 },
	[FW_MAP_NODES] = { FW_NODES_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(struct fw_node),
			   0 },
	[FW_MAP_ITEMS] = { FW_ITEMS_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32), sizeof(__u32), 0 },
	[FW_MAP_MATCHES] = { FW_MATCHES_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			     sizeof(struct fw_match), 0 },
	[FW_MAP_ACTIONS] = { FW_ACTIONS_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			     sizeof(struct fw_action), FW_BANKS *FW_ACTIONS_MAX },
	[FW_MAP_HITS] = { FW_HITS_NAME, BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(__u32),
			  sizeof(struct fw_hits), 0 },
	[FW_MAP_TEXT] = { FW_TEXT_NAME, BPF_MAP_TYPE_ARRAY, sizeof(__u32),
			  sizeof(struct fw_text_chunk), 0 },
};

int fw_map_room(int fd, enum fw_map map, struct slot_reason *why, __u32 *ret_room)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	int err = bpf_map_get_info_by_fd(fd, &info, &len);

	if (err)
		return slot_reason_set(why, err, "cannot read the size of map '%s': %s",
				       fw_maps[map].name, strerror(-err));
	*ret_room = info.max_entries / FW_BANKS;
	return 0;
}
