/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/maps/sl_vip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_instance.h"
#include "bpf/socket_lb/maps/sl_sockets.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/base/cleanup.h"

int sl_vip_get(const struct sl_maps *maps, const struct sl_vip_key *key, struct slot_reason *why,
	       struct sl_vip *ret_vip)
{
	int err = bpf_map_lookup_elem(maps->vips, key, ret_vip);
	char text[SL_VIP_TEXT_MAX];

	if (!err && ret_vip->index < SL_VIPS_MAX)
		return 0;
	sl_vip_format(key, text);
	if (err == -ENOENT)
		return slot_reason_set(why, err, "there is no VIP '%s'; slotctl socket_lb vip add",
				       text);
	return slot_reason_set(why, err ? err : -EIO, "cannot read VIP '%s': %s", text,
			       err ? strerror(-err) : "its index is none");
}

static int compare_vips(const void *a, const void *b)
{
	const struct sl_vip_key *one = &((const struct sl_vip_entry *)a)->key;
	const struct sl_vip_key *other = &((const struct sl_vip_entry *)b)->key;
	int order = (int)one->family - (int)other->family;

	order = order ? order : memcmp(one->addr, other->addr, sizeof(one->addr));
	order = order ? order : memcmp(&one->port, &other->port, sizeof(one->port));
	return order ? order : (int)one->proto - (int)other->proto;
}

int sl_vips_get(const struct sl_maps *maps, struct slot_reason *why, struct sl_vip_entry **ret_vips,
		size_t *ret_count)
{
	_cleanup_free_ struct sl_vip_entry *vips = calloc(SL_VIPS_MAX, sizeof(*vips));
	const struct sl_vip_key *last = NULL;
	size_t count = 0;
	int err = 0;

	if (!vips)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	while (count < SL_VIPS_MAX) {
		err = bpf_map_get_next_key(maps->vips, last, &vips[count].key);
		err = err ? err :
			    bpf_map_lookup_elem(maps->vips, &vips[count].key, &vips[count].vip);
		if (err)
			break;
		last = &vips[count++].key;
	}
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", SL_VIPS_NAME,
				       strerror(-err));
	qsort(vips, count, sizeof(*vips), compare_vips);
	*ret_vips = TAKE_PTR(vips);
	*ret_count = count;
	return 0;
}

static int find_free_index(const struct sl_maps *maps, struct slot_reason *why, __u32 *ret_index)
{
	_cleanup_free_ struct sl_vip_entry *vips = NULL;
	bool is_taken[SL_VIPS_MAX] = {};
	__u32 index = 0;
	size_t count = 0;
	int err = sl_vips_get(maps, why, &vips, &count);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		if (vips[i].vip.index < SL_VIPS_MAX)
			is_taken[vips[i].vip.index] = true;
	while (index < SL_VIPS_MAX && is_taken[index])
		index++;
	if (index == SL_VIPS_MAX)
		return slot_reason_set(why, -E2BIG, "%d VIPs are all that fit", SL_VIPS_MAX);
	*ret_index = index;
	return 0;
}

/*
 * clear_vip - nobody serves under the index. Generations go on, so that flows that a VIP left
 * behind are none of the next one's.
 */
static int clear_vip(const struct sl_maps *maps, __u32 vip, struct slot_reason *why)
{
	struct sl_active none = {};
	int err = bpf_map_update_elem(maps->active, &vip, &none, BPF_ANY);

	if (err)
		return slot_reason_set(why, err, "cannot write map '%s': %s", SL_ACTIVE_NAME,
				       strerror(-err));
	for (__u32 instance = 0; !err && instance < SL_INSTANCES; instance++)
		err = sl_instance_clear(maps, vip, instance, why);
	return err;
}

static int write_vip(const struct sl_maps *maps, const struct sl_vip_key *key,
		     const struct sl_vip *vip, struct slot_reason *why)
{
	int err = bpf_map_update_elem(maps->vips, key, vip, BPF_ANY);

	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", SL_VIPS_NAME,
				     strerror(-err)) :
		     0;
}

int sl_vip_add(const struct sl_maps *maps, const struct sl_vip_key *key, const struct sl_vip *vip,
	       struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_vip added = *vip, known;
	char text[SL_VIP_TEXT_MAX];
	int err = sl_lock(maps, why, &locked);

	if (err)
		return err;
	if (!bpf_map_lookup_elem(maps->vips, key, &known)) {
		added.index = known.index;
		if (!memcmp(&added, &known, sizeof(known)))
			return 0;
		sl_vip_format(key, text);
		return slot_reason_set(why, -EEXIST,
				       "VIP '%s' is there already, and otherwise: slotctl "
				       "socket_lb vip set changes it",
				       text);
	}
	err = find_free_index(maps, why, &added.index);
	err = err ? err : clear_vip(maps, added.index, why);
	err = err ? err : sl_counts_clear(maps, added.index, why);
	return err ? err : write_vip(maps, key, &added, why);
}

int sl_vip_change(const struct sl_maps *maps, const struct sl_vip_key *key,
		  const struct sl_vip *vip, struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	struct sl_vip changed = *vip, known;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_vip_get(maps, key, why, &known);
	if (err)
		return err;
	changed.index = known.index;
	return write_vip(maps, key, &changed, why);
}

int sl_vip_del(const struct sl_maps *maps, const struct sl_vip_key *key, bool is_forced,
	       struct slot_reason *why)
{
	_cleanup_(sl_unlock) int locked = -1;
	char text[SL_VIP_TEXT_MAX];
	struct sl_vip vip;
	int err = sl_lock(maps, why, &locked);

	err = err ? err : sl_vip_get(maps, key, why, &vip);
	for (__u32 instance = 0; !err && instance < SL_INSTANCES; instance++) {
		size_t sockets = 0;

		err = sl_sockets_count(maps, vip.index, instance, why, &sockets);
		if (err || !sockets || is_forced)
			continue;
		sl_vip_format(key, text);
		return slot_reason_set(why, -EBUSY,
				       "instance %u of VIP '%s' has %zu sockets: stop it first, or "
				       "say force",
				       instance, text, sockets);
	}
	if (err)
		return err;
	err = bpf_map_delete_elem(maps->vips, key);
	if (err)
		return slot_reason_set(why, err, "cannot write map '%s': %s", SL_VIPS_NAME,
				       strerror(-err));
	return clear_vip(maps, vip.index, why);
}
