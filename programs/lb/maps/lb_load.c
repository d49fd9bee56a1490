/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

static int out_of_memory(struct slot_reason *why)
{
	return slot_reason_set(why, -ENOMEM, "out of memory");
}

/* Maps that nobody wrote yet have no seed; the model's own defaults count. */
static int load_settings(const struct lb_maps *maps, struct lb_model *model,
			 struct slot_reason *why)
{
	struct lb_settings *settings = &model->settings;
	struct lb_control control;
	__u32 active = 0;
	int err = lb_maps_get(maps, LB_MAP_ACTIVE, &active, why, &active);

	active &= 1;
	if (!err)
		err = lb_maps_get(maps, LB_MAP_CONTROL, &active, why, &control);
	if (err || (!control.seed[0] && !control.seed[1]))
		return err;
	memcpy(settings->gateway, control.gateway, sizeof(settings->gateway));
	settings->gue_port = ntohs(control.gue_port);
	memcpy(settings->source4.bytes, control.source4, sizeof(control.source4));
	memcpy(settings->source6.bytes, control.source6, sizeof(control.source6));
	settings->new_flows_max = control.new_flows_max;
	memcpy(settings->seed, control.seed, sizeof(settings->seed));
	return 0;
}

static int load_reals(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_(lb_elements_free) struct lb_elements reals = {};
	int err = lb_elements_read(maps, LB_MAP_REALS, why, &reals);

	if (!err && reals.count == LB_REAL_INDEXES)
		memcpy(model->reals, reals.values, LB_REAL_INDEXES * sizeof(*model->reals));
	return err;
}

static struct lb_vip_name note_name(const struct lb_note *note)
{
	struct lb_vip_name name = {
		.prefix = { .addr.is_ip6 = note->is_ip6, .len = note->prefix_len },
		.proto = note->proto,
		.port = ntohs(note->port),
	};

	memcpy(name.prefix.addr.bytes, note->addr, sizeof(note->addr));
	return name;
}

/* What the map says may be a later version's, or nobody's: words are looked up by it. */
static int check_mode(enum lb_map map, const struct lb_vip_name *name, const struct lb_vip *vip,
		      struct slot_reason *why)
{
	char text[LB_WORDS_MAX];

	if (vip->encap < LB_ENCAPS && vip->table < LB_TABLES && vip->ring_kind < LB_RING_KINDS)
		return 0;
	lb_vip_name_format(name, text);
	return slot_reason_set(why, -EINVAL,
			       "map '%s': VIP %s is in a mode that this command does not know",
			       lb_map_shape(map)->name, text);
}

/* A trie also knows longer answers to the question; the number tells whose it is. */
static int load_vip(const struct lb_maps *maps, __u32 number, const struct lb_note *note,
		    struct lb_model_vip *model, struct slot_reason *why)
{
	struct lb_vip_name name = note_name(note);
	struct lb_vip_place place = lb_vip_place(&name);
	struct lb_vip vip;
	int err;

	model->freed = note->freed;
	model->last_life = note->life;
	if (!note->is_used)
		return 0;
	err = lb_maps_get(maps, place.map, &place.key, why, &vip);
	if (err == -ENOENT || (!err && vip.number != number))
		return 0;
	if (!err)
		err = check_mode(place.map, &name, &vip, why);
	if (err)
		return err;
	model->name = name;
	model->set = (struct lb_vip_settings){
		.flags = vip.flags,
		.encap = vip.encap,
		.table = vip.table,
		.ring_kind = vip.ring_kind,
		.window = vip.window,
	};
	model->previous_until = vip.previous_until;
	model->life = vip.life;
	model->turn = vip.turn;
	model->ring = vip.ring & 1;
	model->has_ring = vip.has_ring;
	model->is_used = true;
	return 0;
}

static int load_vips(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_(lb_elements_free) struct lb_elements notes = {};
	int err = lb_elements_read(maps, LB_MAP_NOTES, why, &notes);

	for (__u32 n = 0; !err && n < notes.count; n++)
		err = load_vip(maps, n, (const struct lb_note *)notes.values + n, &model->vips[n],
			       why);
	return err;
}

/* As packets see it: with the state that belongs to the VIP's ring. */
static struct lb_own member_own(const struct lb_member *member, __u32 real, __u8 ring)
{
	bool is_next = member->flags & LB_MEMBER_CHANGING &&
		       !!(member->flags & LB_MEMBER_TO_1) == ring;

	return (struct lb_own){
		.real = real,
		.weight = is_next ? member->next_weight : member->weight,
		.flags = (is_next ? member->next_flags : member->flags) & LB_MEMBER_FLAGS,
	};
}

static bool is_member_of(const struct lb_model *model, const struct lb_member_key *key)
{
	return key->vip < LB_VIPS_MAX && key->real && key->real < LB_REAL_INDEXES &&
	       model->vips[key->vip].is_used;
}

static int load_members(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_(lb_elements_free) struct lb_elements members = {};
	int err = lb_elements_read(maps, LB_MAP_MEMBERS, why, &members);

	for (__u32 i = 0; !err && i < members.count; i++) {
		const struct lb_member_key *key = (const struct lb_member_key *)members.keys + i;
		const struct lb_member *member = (const struct lb_member *)members.values + i;
		struct lb_own own;

		if (!is_member_of(model, key))
			continue;
		own = member_own(member, key->real, model->vips[key->vip].ring);
		if (own.weight && lb_model_own_add(&model->vips[key->vip], &own))
			err = out_of_memory(why);
	}
	return err;
}

static int load_ids(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_(lb_elements_free) struct lb_elements ids = {};
	int err = lb_elements_read(maps, LB_MAP_SERVER_IDS, why, &ids);

	for (__u32 i = 0; !err && i < ids.count; i++) {
		struct lb_server_id id = { ((const __u32 *)ids.keys)[i],
					   ((const __u32 *)ids.values)[i] };

		if (id.real < LB_REAL_INDEXES && lb_model_id_add(model, &id))
			err = out_of_memory(why);
	}
	return err;
}

static int load_sources(const struct lb_maps *maps, bool is_ip6, struct lb_model *model,
			struct slot_reason *why)
{
	_cleanup_(lb_elements_free) struct lb_elements elements = {};
	int err =
		lb_elements_read(maps, is_ip6 ? LB_MAP_SOURCES6 : LB_MAP_SOURCES4, why, &elements);

	for (__u32 i = 0; !err && i < elements.count; i++) {
		const unsigned char *key = elements.keys + i * elements.key_size;
		struct lb_source source = { .prefix.addr.is_ip6 = is_ip6,
					    .real = ((const __u32 *)elements.values)[i] };

		source.prefix.len = (__u8) * (const __u32 *)key;
		memcpy(source.prefix.addr.bytes, key + 4, is_ip6 ? 16 : 4);
		if (source.real < LB_REAL_INDEXES && lb_model_source_add(model, &source))
			err = out_of_memory(why);
	}
	return err;
}

static int load_tunnels(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	_cleanup_(lb_elements_free) struct lb_elements elements = {};
	int err = lb_elements_read(maps, LB_MAP_TUNNELS, why, &elements);

	for (__u32 i = 0; !err && i < elements.count; i++) {
		const __u8 *key = elements.keys + i * elements.key_size;
		struct lb_host host = { .is_ip6 = memcmp(key, mapped, sizeof(mapped)) != 0 };

		memcpy(host.bytes, host.is_ip6 ? key : key + 12, host.is_ip6 ? 16 : 4);
		if (lb_model_tunnel_add(model, &host))
			err = out_of_memory(why);
	}
	return err;
}

static int load_lists(const struct lb_maps *maps, struct lb_model *model, struct slot_reason *why)
{
	int err = load_ids(maps, model, why);

	err = err ? err : load_sources(maps, false, model, why);
	return err ? err : load_sources(maps, true, model, why);
}

int lb_load(const struct lb_maps *maps, bool has_lists, struct slot_reason *why,
	    struct lb_model *ret_model)
{
	struct lb_model model;
	int err = lb_model_new(&model);

	if (err)
		return out_of_memory(why);
	err = load_settings(maps, &model, why);
	err = err ? err : load_reals(maps, &model, why);
	err = err ? err : load_vips(maps, &model, why);
	err = err ? err : load_members(maps, &model, why);
	err = err ? err : load_tunnels(maps, &model, why);
	if (!err && has_lists)
		err = load_lists(maps, &model, why);
	if (err) {
		lb_model_free(&model);
		return err;
	}
	lb_model_sort(&model);
	*ret_model = model;
	return 0;
}
