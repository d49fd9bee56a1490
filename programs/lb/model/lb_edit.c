/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/model/lb_edit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int refuse_name(struct slot_reason *why, int err, const struct lb_vip_name *name,
		       const char *what)
{
	char text[LB_WORDS_MAX];

	lb_vip_name_format(name, text);
	return slot_reason_set(why, err, "VIP %s %s", text, what);
}

static int check_settings(const struct lb_vip_settings *set, struct slot_reason *why)
{
	if (set->flags & ~(__u32)LB_VIP_FLAGS)
		return slot_reason_set(why, -EINVAL, "flags 0x%x: no such flags of a VIP",
				       set->flags & ~(__u32)LB_VIP_FLAGS);
	if (set->encap >= LB_ENCAPS || set->table >= LB_TABLES || set->ring_kind >= LB_RING_KINDS)
		return slot_reason_set(why, -EINVAL, "no such encapsulation, table or ring");
	return 0;
}

int lb_vip_get(const struct lb_model *model, const struct lb_vip_name *name,
	       struct slot_reason *why, struct lb_model_vip **ret_vip)
{
	struct lb_model_vip *vip = lb_model_vip_find(model, name);

	if (!vip)
		return refuse_name(why, -ENOENT, name, "is not there");
	*ret_vip = vip;
	return 0;
}

int lb_vip_add(struct lb_model *model, const struct lb_vip_name *name,
	       const struct lb_vip_settings *set, struct slot_reason *why)
{
	struct lb_model_vip *vip = NULL;
	__u32 number = 0;
	int err;

	if (lb_model_vip_find(model, name))
		return refuse_name(why, -EEXIST, name, "is there already");
	err = check_settings(set, why);
	if (!err)
		err = lb_model_number_get(model, why, &number);
	if (err)
		return err;
	vip = &model->vips[number];
	vip->name = *name;
	vip->set = *set;
	vip->is_used = true;
	return 0;
}

int lb_vip_set(struct lb_model *model, const struct lb_vip_name *name,
	       const struct lb_vip_settings *set, struct slot_reason *why)
{
	struct lb_model_vip *vip = NULL;
	int err = check_settings(set, why);

	if (!err)
		err = lb_vip_get(model, name, why, &vip);
	if (!err)
		vip->set = *set;
	return err;
}

int lb_vip_del(struct lb_model *model, const struct lb_vip_name *name, struct slot_reason *why)
{
	struct lb_model_vip *vip = NULL;
	__u32 freed = 0;
	int err = lb_vip_get(model, name, why, &vip);

	if (err)
		return err;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].freed > freed)
			freed = model->vips[n].freed;
	free(vip->reals);
	*vip = (struct lb_model_vip){ .freed = freed + 1, .last_life = vip->last_life };
	return 0;
}

static int check_weight(__u32 weight, struct slot_reason *why)
{
	if (weight && weight <= LB_WEIGHT_MAX)
		return 0;
	return slot_reason_set(why, -EINVAL,
			       "weight %u: a weight is a number from 1 to %d; a real that shall "
			       "get no new flows is drained",
			       weight, LB_WEIGHT_MAX);
}

/* The VIP's real with this address. */
static int find_own(const struct lb_model *model, const struct lb_vip_name *name,
		    const struct lb_host *host, struct slot_reason *why, struct lb_own **ret_own)
{
	__u32 index = lb_model_real_find(model, host);
	char text[LB_WORDS_MAX], vip_text[LB_WORDS_MAX];
	struct lb_model_vip *vip = NULL;
	struct lb_own *own = NULL;
	int err = lb_vip_get(model, name, why, &vip);

	if (err)
		return err;
	own = index ? lb_model_own_find(vip, index) : NULL;
	if (!own) {
		lb_address_format(host, text);
		lb_vip_name_format(name, vip_text);
		return slot_reason_set(why, -ENOENT, "VIP %s has no real %s", vip_text, text);
	}
	*ret_own = own;
	return 0;
}

int lb_real_add(struct lb_model *model, const struct lb_vip_name *name,
		const struct lb_real_spec *spec, struct slot_reason *why)
{
	struct lb_own own = { .weight = spec->weight, .flags = spec->flags };
	char text[LB_WORDS_MAX], vip_text[LB_WORDS_MAX];
	struct lb_model_vip *vip = NULL;
	int err = check_weight(spec->weight, why);

	if (!err)
		err = lb_vip_get(model, name, why, &vip);
	if (!err)
		err = lb_model_real_get(model, &spec->host, why, &own.real);
	if (err)
		return err;
	if (lb_model_own_find(vip, own.real)) {
		lb_address_format(&spec->host, text);
		lb_vip_name_format(name, vip_text);
		return slot_reason_set(why, -EEXIST, "VIP %s has the real %s already", vip_text,
				       text);
	}
	if (lb_model_own_add(vip, &own))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return 0;
}

int lb_real_del(struct lb_model *model, const struct lb_vip_name *name, const struct lb_host *host,
		struct slot_reason *why)
{
	struct lb_model_vip *vip = NULL;
	struct lb_own *own = NULL;
	int err = find_own(model, name, host, why, &own);

	if (err)
		return err;
	vip = lb_model_vip_find(model, name);
	memmove(own, own + 1, (size_t)(vip->reals + --vip->count - own) * sizeof(*own));
	return 0;
}

int lb_real_weight(struct lb_model *model, const struct lb_vip_name *name,
		   const struct lb_real_spec *spec, struct slot_reason *why)
{
	struct lb_own *own = NULL;
	int err = check_weight(spec->weight, why);

	if (!err)
		err = find_own(model, name, &spec->host, why, &own);
	if (!err)
		own->weight = spec->weight;
	return err;
}

int lb_real_mark(struct lb_model *model, const struct lb_vip_name *name,
		 const struct lb_real_spec *spec, bool is_set, struct slot_reason *why)
{
	struct lb_own *own = NULL;
	int err = find_own(model, name, &spec->host, why, &own);

	if (err)
		return err;
	own->flags &= ~spec->flags;
	own->flags |= is_set ? spec->flags : 0;
	return 0;
}

int lb_real_set(struct lb_model *model, const struct lb_host *host,
		const struct lb_real_traits *traits, struct slot_reason *why)
{
	__u32 index = lb_model_real_find(model, host);
	struct lb_real *real = &model->reals[index];
	char text[LB_WORDS_MAX];

	if (!index) {
		lb_address_format(host, text);
		return slot_reason_set(why, -ENOENT, "there is no real %s", text);
	}
	if (traits->has_mac)
		memcpy(real->mac, traits->mac, sizeof(real->mac));
	if (traits->has_local)
		real->flags = (__u8)((real->flags & ~LB_REAL_LOCAL) |
				     (traits->is_local ? LB_REAL_LOCAL : 0));
	return 0;
}

int lb_server_id_add(struct lb_model *model, __u32 id, const struct lb_host *host,
		     struct slot_reason *why)
{
	struct lb_server_id link = { .id = id };
	int err;

	if (!id)
		return slot_reason_set(why, -EINVAL, "server id 0: ids begin with 1");
	err = lb_model_real_get(model, host, why, &link.real);
	if (!err && lb_model_id_add(model, &link))
		err = slot_reason_set(why, -ENOMEM, "out of memory");
	return err;
}

int lb_server_id_del(struct lb_model *model, __u32 id, struct slot_reason *why)
{
	for (size_t i = 0; i < model->id_count; i++) {
		if (model->ids[i].id == id) {
			model->ids[i] = model->ids[--model->id_count];
			return 0;
		}
	}
	return slot_reason_set(why, -ENOENT, "no real has the server id %u", id);
}

int lb_source_add(struct lb_model *model, const struct lb_prefix *prefix,
		  const struct lb_host *host, struct slot_reason *why)
{
	struct lb_source link = { .prefix = *prefix };
	char text[LB_WORDS_MAX];
	int err;

	if (prefix->addr.is_ip6 && !host->is_ip6) {
		lb_prefix_format(prefix, text);
		return slot_reason_set(why, -EINVAL,
				       "%s: IPv6 clients cannot be sent to an IPv4 real", text);
	}
	err = lb_model_real_get(model, host, why, &link.real);
	if (!err && lb_model_source_add(model, &link))
		err = slot_reason_set(why, -ENOMEM, "out of memory");
	return err;
}

int lb_source_del(struct lb_model *model, const struct lb_prefix *prefix, struct slot_reason *why)
{
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->source_count; i++) {
		if (!lb_prefix_compare(&model->sources[i].prefix, prefix)) {
			model->sources[i] = model->sources[--model->source_count];
			return 0;
		}
	}
	lb_prefix_format(prefix, text);
	return slot_reason_set(why, -ENOENT, "no real is chosen for clients of %s", text);
}

int lb_tunnel_add(struct lb_model *model, const struct lb_host *tunnel, struct slot_reason *why)
{
	if (lb_model_tunnel_add(model, tunnel))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return 0;
}

int lb_tunnel_del(struct lb_model *model, const struct lb_host *tunnel, struct slot_reason *why)
{
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->tunnel_count; i++) {
		if (!lb_address_compare(&model->tunnels[i], tunnel)) {
			model->tunnels[i] = model->tunnels[--model->tunnel_count];
			return 0;
		}
	}
	lb_address_format(tunnel, text);
	return slot_reason_set(why, -ENOENT, "no tunnel ends at %s", text);
}
