/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/maps/hwmark_entry.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

struct lb_vip_name hwmark_entry_vip(const struct hwmark_entry *entry)
{
	struct lb_vip_name name = {
		.prefix = { .addr.is_ip6 = entry->is_ip6, .len = entry->is_ip6 ? 128 : 32 },
		.proto = entry->proto,
		.port = ntohs(entry->dport),
	};

	memcpy(name.prefix.addr.bytes, entry->dst, sizeof(name.prefix.addr.bytes));
	return name;
}

/* Whether packets of the entry are the VIP's: a port of it, an address of its prefix. */
static bool is_of_vip(const struct lb_vip_name *vip, const struct lb_vip_name *entry)
{
	if (vip->proto != entry->proto || vip->prefix.addr.is_ip6 != entry->prefix.addr.is_ip6)
		return false;
	if (vip->port && vip->port != entry->port)
		return false;
	return lb_prefix_overlaps(&vip->prefix, &entry->prefix);
}

/* Of two VIPs that a packet is of, the load balancer finds the one with just its port first. */
static bool is_closer(const struct lb_vip_name *a, const struct lb_vip_name *b)
{
	return a->port == b->port ? a->prefix.len > b->prefix.len : !!a->port;
}

const struct lb_model_vip *hwmark_entry_find_vip(const struct lb_model *model,
						 const struct lb_vip_name *name)
{
	const struct lb_model_vip *found = NULL;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];

		if (vip->is_used && is_of_vip(&vip->name, name) &&
		    (!found || is_closer(&vip->name, &found->name)))
			found = vip;
	}
	return found;
}

/* Whether of all ports of the address some are a VIP's of their own. */
static bool has_other_ports(const struct lb_model *model, const struct lb_vip_name *name)
{
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];
		struct lb_vip_name one = *name;

		one.port = vip->name.port;
		if (vip->is_used && one.port && is_of_vip(&vip->name, &one))
			return true;
	}
	return false;
}

static int refuse(const struct hwmark_entry *entry, const char *reason, struct slot_reason *why)
{
	struct lb_vip_name name = hwmark_entry_vip(entry);
	char text[LB_WORDS_MAX];

	lb_vip_name_format(&name, text);
	return slot_reason_set(why, -ESTALE, "%s: real %u: %s", text, entry->real, reason);
}

static const char *judge_vip(const struct lb_model *model, const struct hwmark_entry *entry)
{
	struct lb_vip_name name = hwmark_entry_vip(entry);
	const struct lb_model_vip *vip;

	if (entry->vip >= LB_VIPS_MAX || !model->vips[entry->vip].is_used)
		return "its VIP is gone";
	vip = &model->vips[entry->vip];
	if (!is_of_vip(&vip->name, &name))
		return "its VIP's number is another one's";
	if (hwmark_entry_find_vip(model, &name) != vip ||
	    (!name.port && has_other_ports(model, &name)))
		return "another VIP has its packets";
	if (vip->set.encap != entry->encap || vip->set.encap == LB_REWRITE)
		return "its VIP is sent in another way";
	if (vip->set.flags & LB_MARKLESS_FLAGS)
		return "its VIP's flags leave more to each packet";
	if (!lb_model_own_find(vip, entry->real))
		return "its VIP has no such real";
	return NULL;
}

static const char *judge_real(const struct lb_model *model, const struct hwmark_entry *entry)
{
	const struct lb_real *real;

	if (!entry->real || entry->real >= LB_REAL_INDEXES ||
	    !(model->reals[entry->real].flags & LB_REAL_USED))
		return "the real is gone";
	real = &model->reals[entry->real];
	if (real->epoch != entry->epoch)
		return "another real has its index";
	if (entry->is_ip6 && !(real->flags & LB_REAL_IP6))
		return "the real is of the other family";
	return NULL;
}

int hwmark_entry_check(const struct lb_model *model, const struct hwmark_entry *entry,
		       struct slot_reason *why)
{
	const char *reason = judge_vip(model, entry);

	if (!reason)
		reason = judge_real(model, entry);
	return reason ? refuse(entry, reason, why) : 0;
}

int hwmark_entry_make(const struct lb_model *model, const struct lb_mark_event *event,
		      enum hwmark_mode mode, struct slot_reason *why,
		      struct hwmark_entry *ret_entry)
{
	struct hwmark_entry entry = {
		.generation = event->generation,
		.vip = event->vip,
		.real = event->real,
		.epoch = event->epoch,
		.proto = event->proto,
		.is_ip6 = event->is_ip6,
		.encap = event->encap,
		.dport = event->dport,
	};
	int err;

	memcpy(entry.dst, event->dst, sizeof(entry.dst));
	err = hwmark_entry_check(model, &entry, why);
	if (!err && event->life != model->vips[event->vip].life)
		err = refuse(&entry, "its VIP's number is another one's", why);
	if (err)
		return err;
	if (mode == HWMARK_FLOW) {
		memcpy(entry.src, event->src, sizeof(entry.src));
		entry.sport = event->sport;
	} else if (!model->vips[event->vip].name.port) {
		struct lb_vip_name name = hwmark_entry_vip(&entry);

		if (!has_other_ports(model, &name))
			entry.dport = 0;
	}
	*ret_entry = entry;
	return 0;
}
