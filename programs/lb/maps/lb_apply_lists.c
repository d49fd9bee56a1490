/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps beside VIPs and rings: what goes in before VIPs change, and comes out after it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/maps/lb_apply.h"

/* What a map shall have, sorted by key. */
struct list {
	enum lb_map map;
	unsigned char *keys, *values;
	size_t count, room;
};

static void free_list(struct list *list)
{
	free(list->keys);
	free(list->values);
}

static int add_item(struct list *list, const void *key, const void *value)
{
	const struct program_map *shape = lb_map_shape(list->map);
	size_t room = list->room ? list->room * 2 : 64;
	unsigned char *keys, *values;

	if (list->count == list->room) {
		keys = reallocarray(list->keys, room, shape->key_size);
		list->keys = keys ? keys : list->keys;
		values = keys ? reallocarray(list->values, room, shape->value_size) : NULL;
		if (!values)
			return -ENOMEM;
		list->values = values;
		list->room = room;
	}
	memcpy(list->keys + list->count * shape->key_size, key, shape->key_size);
	memcpy(list->values + list->count * shape->value_size, value, shape->value_size);
	list->count++;
	return 0;
}

static int compare_keys(const void *a, const void *b, void *size)
{
	return memcmp(a, b, *(const __u32 *)size);
}

/* The values are not in order any more afterwards. */
static void sort_keys(struct list *list)
{
	__u32 size = lb_map_shape(list->map)->key_size;

	if (list->count)
		qsort_r(list->keys, list->count, size, compare_keys, &size);
}

static bool has_key(const struct list *list, const void *key)
{
	size_t size = lb_map_shape(list->map)->key_size, low = 0, high = list->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = memcmp(key, list->keys + middle * size, size);

		if (!order)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

static int write_element(struct lb_change *change, const struct lb_element *element,
			 struct slot_reason *why)
{
	return lb_journal_write(&change->journal, element, why);
}

/* Writes @list, or deletes what the map has beside it. Not for tries. */
static int write_list(struct lb_change *change, struct list *list, bool is_del,
		      struct slot_reason *why)
{
	const struct program_map *shape = lb_map_shape(list->map);
	_cleanup_(lb_elements_free) struct lb_elements found = {};
	struct lb_element element = { .map = list->map };
	int err = 0;

	for (size_t i = 0; !is_del && !err && i < list->count; i++) {
		element.key = list->keys + i * shape->key_size;
		element.value = list->values + i * shape->value_size;
		err = write_element(change, &element, why);
	}
	if (!is_del || err)
		return err;
	sort_keys(list);
	err = lb_elements_read(change->journal.maps, list->map, why, &found);
	for (__u32 i = 0; !err && i < found.count; i++) {
		element.key = found.keys + (size_t)i * shape->key_size;
		if (!has_key(list, element.key))
			err = write_element(change, &element, why);
	}
	return err;
}

int lb_apply_marks(struct lb_change *change, bool is_del, struct slot_reason *why)
{
	_cleanup_(free_list) struct list list = { .map = LB_MAP_DOWN };
	__u8 one = 1;
	int err = 0;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &change->wanted->vips[n];

		for (size_t i = 0; !err && vip->is_used && i < vip->count; i++) {
			struct lb_down_key key = { .vip = n, .real = vip->reals[i].real };

			if (vip->reals[i].flags & LB_MEMBER_OUT)
				err = add_item(&list, &key, &one);
		}
	}
	return err ? slot_reason_set(why, err, "out of memory") :
		     write_list(change, &list, is_del, why);
}

/* What the real @index of the rewritten @vip answers from. */
static int add_return(const struct lb_change *change, const struct lb_model_vip *vip, __u32 index,
		      struct list *list4, struct list *list6)
{
	const __u8 *addr = change->wanted->reals[index].addr;
	struct lb_return4_key key4 = { .port = htons(vip->name.port), .proto = vip->name.proto };
	struct lb_return6_key key6 = { .port = htons(vip->name.port), .proto = vip->name.proto };

	if (vip->name.prefix.addr.is_ip6) {
		memcpy(key6.addr, addr, sizeof(key6.addr));
		return add_item(list6, &key6, vip->name.prefix.addr.bytes);
	}
	memcpy(&key4.addr, addr, sizeof(key4.addr));
	return add_item(list4, &key4, vip->name.prefix.addr.bytes);
}

int lb_apply_returns(struct lb_change *change, bool is_del, struct slot_reason *why)
{
	_cleanup_(free_list) struct list list4 = { .map = LB_MAP_RETURNS4 };
	_cleanup_(free_list) struct list list6 = { .map = LB_MAP_RETURNS6 };
	int err = 0;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &change->wanted->vips[n];

		for (size_t i = 0; !err && vip->is_used && i < vip->count; i++)
			if (vip->set.encap == LB_REWRITE)
				err = add_return(change, vip, vip->reals[i].real, &list4, &list6);
	}
	if (err)
		return slot_reason_set(why, err, "out of memory");
	err = write_list(change, &list4, is_del, why);
	return err ? err : write_list(change, &list6, is_del, why);
}

int lb_apply_ids(struct lb_change *change, bool is_del, struct slot_reason *why)
{
	const struct lb_model *from = change->current, *to = change->wanted;
	size_t i = 0, k = 0;
	int err = 0;

	while (!err && (i < from->id_count || k < to->id_count)) {
		const struct lb_server_id *old = i < from->id_count ? &from->ids[i] : NULL;
		const struct lb_server_id *new = k < to->id_count ? &to->ids[k] : NULL;
		int order = !new ? -1 : !old ? 1 : lb_server_id_compare(old, new);

		i += order <= 0;
		k += order >= 0;
		if (order < 0 ? !is_del : is_del)
			continue;
		err = write_element(change,
				    &(struct lb_element){
					    .map = LB_MAP_SERVER_IDS,
					    .key = order < 0 ? &old->id : &new->id,
					    .value = order < 0 ? NULL : &new->real,
				    },
				    why);
	}
	return err;
}

/* @old or @new is NULL, or both have the prefix @prefix. */
static int write_source(struct lb_change *change, const struct lb_prefix *prefix,
			const struct lb_source *old, const struct lb_source *new,
			struct slot_reason *why)
{
	struct lb_source6_key key6 = { .prefix_len = prefix->len };
	struct lb_source4_key key4 = { .prefix_len = prefix->len };
	bool is_ip6 = prefix->addr.is_ip6;

	memcpy(key6.addr, prefix->addr.bytes, sizeof(key6.addr));
	memcpy(&key4.addr, prefix->addr.bytes, sizeof(key4.addr));
	return write_element(change,
			     &(struct lb_element){
				     .map = is_ip6 ? LB_MAP_SOURCES6 : LB_MAP_SOURCES4,
				     .key = is_ip6 ? (const void *)&key6 : &key4,
				     .value = new ? &new->real : NULL,
				     .old = old ? &old->real : NULL,
			     },
			     why);
}

int lb_apply_sources(struct lb_change *change, bool is_del, struct slot_reason *why)
{
	const struct lb_model *from = change->current, *to = change->wanted;
	size_t i = 0, k = 0;
	int err = 0;

	while (!err && (i < from->source_count || k < to->source_count)) {
		const struct lb_source *old = i < from->source_count ? &from->sources[i] : NULL;
		const struct lb_source *new = k < to->source_count ? &to->sources[k] : NULL;
		int order = !new ? -1 : !old ? 1 : lb_source_compare(old, new);

		i += order <= 0;
		k += order >= 0;
		if (order < 0 && is_del)
			err = write_source(change, &old->prefix, old, NULL, why);
		else if (order >= 0 && !is_del)
			err = write_source(change, &new->prefix, order ? NULL : old, new, why);
	}
	return err;
}

int lb_apply_tunnels(struct lb_change *change, bool is_del, struct slot_reason *why)
{
	_cleanup_(free_list) struct list list = { .map = LB_MAP_TUNNELS };
	__u8 one = 1;
	int err = 0;

	for (size_t i = 0; !err && i < change->wanted->tunnel_count; i++) {
		const struct lb_host *host = &change->wanted->tunnels[i];
		__u8 key[16] = { [10] = 0xff, [11] = 0xff };

		memcpy(host->is_ip6 ? key : key + 12, host->bytes, host->is_ip6 ? 16 : 4);
		err = add_item(&list, key, &one);
	}
	return err ? slot_reason_set(why, err, "out of memory") :
		     write_list(change, &list, is_del, why);
}

static void add_to_filter(const struct lb_prefix *prefix, struct lb_control *control)
{
	__u32 words[4], bit;

	memcpy(words, prefix->addr.bytes, sizeof(words));
	bit = LB_FILTER_BIT(words[0] ^ words[1] ^ words[2] ^ words[3]);
	control->filter[bit / 64] |= 1ULL << bit % 64;
}

static struct lb_control make_control(const struct lb_model *model)
{
	const struct lb_settings *settings = &model->settings;
	struct lb_control control = {
		.gue_port = htons(settings->gue_port),
		.flags = model->tunnel_count ? LB_HAS_TUNNELS : 0,
		.new_flows_max = settings->new_flows_max,
		.seed = { settings->seed[0], settings->seed[1] },
	};

	memcpy(control.gateway, settings->gateway, sizeof(control.gateway));
	memcpy(control.source4, settings->source4.bytes, sizeof(control.source4));
	memcpy(control.source6, settings->source6.bytes, sizeof(control.source6));
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];

		if (!vip->is_used)
			continue;
		control.flags |= vip->name.port ? 0 : LB_HAS_ALL_PORTS;
		control.flags |= vip->set.encap == LB_REWRITE && vip->count ? LB_HAS_RETURNS : 0;
		if (lb_prefix_is_address(&vip->name.prefix))
			add_to_filter(&vip->name.prefix, &control);
		else
			control.flags |= LB_HAS_CIDRS;
	}
	return control;
}

int lb_apply_control(struct lb_change *change, struct slot_reason *why)
{
	const struct lb_maps *maps = change->journal.maps;
	struct lb_control control = make_control(change->wanted), old;
	__u32 zero = 0, active = 0, other;
	int err = lb_maps_get(maps, LB_MAP_ACTIVE, &zero, why, &active);

	active &= 1;
	other = !active;
	if (!err)
		err = lb_maps_get(maps, LB_MAP_CONTROL, &active, why, &old);
	if (err || !memcmp(&control, &old, sizeof(control)))
		return err;
	err = write_element(
		change,
		&(struct lb_element){ .map = LB_MAP_CONTROL, .key = &other, .value = &control },
		why);
	if (err)
		return err;
	return write_element(
		change, &(struct lb_element){ .map = LB_MAP_ACTIVE, .key = &zero, .value = &other },
		why);
}
