/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/tcp_server_id/tcp_server_id.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/id.h"
#include "programs/shared/maps.h"

static const struct program_map ids_map = {
	.name = TSI_IDS_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct tsi_ids),
	.max_entries = 1,
};

/* --- words ----------------------------------------------------------------------------------- */

static int parse_id(const char *text, struct slot_reason *why, __u32 *ret_id)
{
	if (strcmp(text, "none") != 0)
		return program_id_parse(text, why, ret_id);
	*ret_id = 0;
	return 0;
}

int tsi_ids_parse(const char *text, struct slot_reason *why, struct tsi_ids *ids)
{
	static const char *const keys[] = { "primary", "fallback" };
	__u32 *const members[] = { &ids->primary, &ids->fallback };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		size_t len = strlen(keys[i]);

		if (strncmp(text, keys[i], len) != 0 || text[len] != '=')
			continue;
		if (!parse_id(text + len + 1, why, members[i]))
			return 0;
		slot_reason_prefix(why, -EINVAL, "%s ", keys[i]);
		return slot_reason_append(why, -EINVAL, ", or none");
	}
	return slot_reason_set(why, -EINVAL, "'%.80s': expected primary=ID or fallback=ID", text);
}

int tsi_ids_check(const struct tsi_ids *ids, struct slot_reason *why)
{
	if (!ids->primary || ids->primary != ids->fallback)
		return 0;
	return slot_reason_set(why, -EINVAL,
			       "primary and fallback are both %u: expected the id before as "
			       "fallback, or none",
			       ids->primary);
}

/* --- maps ------------------------------------------------------------------------------------ */

int tsi_ids_open(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd)
{
	return program_map_open(map_dir, &ids_map, is_writer, why, ret_fd);
}

int tsi_ids_get(int fd, struct slot_reason *why, struct tsi_ids *ret_ids)
{
	__u32 key = 0;
	int err = bpf_map_lookup_elem(fd, &key, ret_ids);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", ids_map.name,
				     strerror(-err)) :
		     0;
}

int tsi_ids_set(int fd, const struct tsi_ids *ids, struct slot_reason *why)
{
	__u32 key = 0;
	int err = bpf_map_update_elem(fd, &key, ids, BPF_ANY);

	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", ids_map.name,
				     strerror(-err)) :
		     0;
}

/* --- ids of a file that all programs have ---------------------------------------------------- */

/* Where this host has no primary id, no second one either, or it is not to be known which. */
static int choose_own(const struct program_ids *ids, enum program_id_role role,
		      struct slot_reason *why, __u32 *ret_id)
{
	const struct program_id *found = NULL;

	*ret_id = 0;
	for (size_t i = 0; i < ids->count; i++) {
		const struct program_id *id = &ids->list[i];

		if (!id->is_here || id->role != role)
			continue;
		if (found)
			return slot_reason_set(
				why, -EINVAL,
				"%s%s: id %u is of a real that is this host, and so is id %u "
				"(%s%s): say which real it is, real=ADDRESS",
				ids->path, id->where, id->id, found->id, ids->path, found->where);
		found = id;
		*ret_id = id->id;
	}
	return 0;
}

int tsi_sync_ids(const struct program_ids *ids, struct slot_reason *why)
{
	_cleanup_close_ int fd = -1, lock = -1;
	struct tsi_ids own = {}, old = {};
	int err = choose_own(ids, PROGRAM_ID_PRIMARY, why, &own.primary);

	err = err ? err : choose_own(ids, PROGRAM_ID_FALLBACK, why, &own.fallback);
	err = err || ids->is_dry ? err : program_maps_lock(ids->map_dir, why, &lock);
	err = err ? err : tsi_ids_open(ids->map_dir, !ids->is_dry, why, &fd);
	err = err ? err : tsi_ids_get(fd, why, &old);
	if (err)
		return err;
	if (own.primary != old.primary)
		ids->tell(ids, "primary", own.primary, old.primary);
	if (own.fallback != old.fallback)
		ids->tell(ids, "fallback", own.fallback, old.fallback);
	return ids->is_dry || !memcmp(&own, &old, sizeof(own)) ? 0 : tsi_ids_set(fd, &own, why);
}
