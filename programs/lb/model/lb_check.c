/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether all that the load balancer is told can be at once. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/model/lb_model.h"

static bool is_zero(const __u8 *bytes, size_t size)
{
	while (size && !bytes[size - 1])
		size--;
	return !size;
}

static int refuse_real(struct slot_reason *why, const struct lb_model_vip *vip,
		       const struct lb_real *real, const char *what)
{
	char text[LB_WORDS_MAX], vip_text[LB_WORDS_MAX];
	struct lb_host host = lb_model_host(real);

	lb_address_format(&host, text);
	lb_vip_name_format(&vip->name, vip_text);
	return slot_reason_set(why, -EINVAL, "VIP %s, real %s: %s", vip_text, text, what);
}

static int refuse_pair(struct slot_reason *why, const struct lb_model_vip *a,
		       const struct lb_model_vip *b, const char *what)
{
	char text[LB_WORDS_MAX], other[LB_WORDS_MAX];

	lb_vip_name_format(&a->name, text);
	lb_vip_name_format(&b->name, other);
	return slot_reason_set(why, -EINVAL, "VIPs %s and %s %s", text, other, what);
}

static int check_mac(const struct lb_model_vip *vip, const struct lb_real *real,
		     struct slot_reason *why)
{
	if (vip->set.encap != LB_L2 || real->flags & LB_REAL_LOCAL ||
	    !is_zero(real->mac, sizeof(real->mac)))
		return 0;
	return refuse_real(why, vip, real, "l2 needs the real's MAC address (mac=...)");
}

static int check_source(const struct lb_model *model, const struct lb_model_vip *vip,
			const struct lb_real *real, struct slot_reason *why)
{
	bool is_real6 = real->flags & LB_REAL_IP6;
	const struct lb_host *source = is_real6 ? &model->settings.source6 :
						  &model->settings.source4;

	if (vip->set.encap != LB_GUE || !is_zero(source->bytes, sizeof(source->bytes)))
		return 0;
	return refuse_real(why, vip, real,
			   is_real6 ? "gue needs a source address, see 'set source6'" :
				      "gue needs a source address, see 'set source4'");
}

static bool has_other_family(const struct lb_model_vip *vip, const struct lb_real *real)
{
	return vip->name.prefix.addr.is_ip6 != !!(real->flags & LB_REAL_IP6);
}

/* A real of @vip, by the VIP's encapsulation. */
static int check_real(const struct lb_model *model, const struct lb_model_vip *vip,
		      const struct lb_real *real, struct slot_reason *why)
{
	bool is_plain = vip->set.encap == LB_L2 || vip->set.encap == LB_REWRITE;
	int err;

	if (vip->name.prefix.addr.is_ip6 && !(real->flags & LB_REAL_IP6))
		return refuse_real(why, vip, real, "an IPv6 VIP cannot have an IPv4 real");
	if (is_plain && has_other_family(vip, real))
		return refuse_real(why, vip, real,
				   "l2 and rewrite cannot change the address family");
	err = check_source(model, vip, real, why);
	return err ? err : check_mac(vip, real, why);
}

/*
 * A real that @vip does not have, but that a prefix or an id may send its packets to.
 * What cannot change the family is dropped and counted: VIPs of both share the ids.
 */
static int check_stranger(const struct lb_model *model, const struct lb_model_vip *vip,
			  const struct lb_real *real, struct slot_reason *why)
{
	int err = check_mac(vip, real, why);

	if (!err && !(vip->name.prefix.addr.is_ip6 && has_other_family(vip, real)))
		err = check_source(model, vip, real, why);
	if (!err && vip->set.encap == LB_REWRITE && !has_other_family(vip, real))
		err = refuse_real(why, vip, real,
				  "a prefix or an id names it, and answers are rewritten only of "
				  "a VIP's own reals");
	return err;
}

enum named_by {
	BY_SOURCE4 = 1 << 0,
	BY_SOURCE6 = 1 << 1,
	BY_ID = 1 << 2,
};

/* What may send packets of @vip to others than its reals. TCP ids: a setting, not known here. */
static __u8 asked_by(const struct lb_model_vip *vip)
{
	__u8 by = 0;

	if (vip->set.flags & LB_SRC_ROUTING)
		by |= vip->name.prefix.addr.is_ip6 ? BY_SOURCE6 : BY_SOURCE4;
	if (vip->name.proto == IPPROTO_UDP && vip->set.flags & (LB_QUIC | LB_STABLE_ROUTING))
		by |= BY_ID;
	return by;
}

static int check_strangers(const struct lb_model *model, struct slot_reason *why)
{
	_cleanup_free_ __u8 *named_by = calloc(LB_REAL_INDEXES, sizeof(*named_by));
	int err = 0;

	if (!named_by)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < model->source_count; i++)
		named_by[model->sources[i].real] |=
			model->sources[i].prefix.addr.is_ip6 ? BY_SOURCE6 : BY_SOURCE4;
	for (size_t i = 0; i < model->id_count; i++)
		named_by[model->ids[i].real] |= BY_ID;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];
		__u8 by = vip->is_used ? asked_by(vip) : 0;
		size_t own = 0;

		for (__u32 i = 1; by && !err && i < LB_REAL_INDEXES; i++) {
			while (own < vip->count && vip->reals[own].real < i)
				own++;
			if (named_by[i] & by && (own == vip->count || vip->reals[own].real != i))
				err = check_stranger(model, vip, &model->reals[i], why);
		}
	}
	return err;
}

static int check_vip(const struct lb_model *model, const struct lb_model_vip *vip,
		     struct slot_reason *why)
{
	char text[LB_WORDS_MAX];

	lb_vip_name_format(&vip->name, text);
	if (vip->set.encap == LB_REWRITE && !lb_prefix_is_address(&vip->name.prefix))
		return slot_reason_set(why, -EINVAL,
				       "VIP %s: answers of a rewritten VIP come from one address, "
				       "not from a prefix",
				       text);
	for (size_t i = 0; i < vip->count; i++) {
		int err = check_real(model, vip, &model->reals[vip->reals[i].real], why);

		if (err)
			return err;
	}
	return 0;
}

/* Answers from a real's port must tell which VIP they are of. */
static int check_returns(const struct lb_model_vip *a, const struct lb_model_vip *b,
			 struct slot_reason *why)
{
	size_t i = 0, k = 0;

	if (a->set.encap != LB_REWRITE || b->set.encap != LB_REWRITE ||
	    a->name.proto != b->name.proto ||
	    (a->name.port != b->name.port && a->name.port && b->name.port))
		return 0;
	while (i < a->count && k < b->count) {
		if (a->reals[i].real == b->reals[k].real)
			return refuse_pair(why, a, b,
					   "are both rewritten to the same real, port and "
					   "protocol; its answers could be of either");
		if (a->reals[i].real < b->reals[k].real)
			i++;
		else
			k++;
	}
	return 0;
}

static int check_pair(const struct lb_model_vip *a, const struct lb_model_vip *b,
		      struct slot_reason *why)
{
	bool are_prefixes = !lb_prefix_is_address(&a->name.prefix) &&
			    !lb_prefix_is_address(&b->name.prefix);

	if (are_prefixes && a->name.proto == b->name.proto && a->name.port == b->name.port &&
	    a->name.prefix.addr.is_ip6 == b->name.prefix.addr.is_ip6 &&
	    lb_prefix_overlaps(&a->name.prefix, &b->name.prefix))
		return refuse_pair(why, a, b, "overlap");
	return check_returns(a, b, why);
}

static int check_vips(const struct lb_model *model, struct slot_reason *why)
{
	const struct lb_model_vip *vips = model->vips;
	size_t members = 0;
	int err = 0;

	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++) {
		if (!vips[n].is_used)
			continue;
		members += vips[n].count;
		err = check_vip(model, &vips[n], why);
		for (__u32 m = 0; !err && m < n; m++)
			if (vips[m].is_used)
				err = check_pair(&vips[m], &vips[n], why);
	}
	if (!err && members > LB_MEMBERS_MAX)
		err = slot_reason_set(why, -E2BIG,
				      "%zu reals of VIPs are more than the %d that fit", members,
				      LB_MEMBERS_MAX);
	return err;
}

static int check_ids(const struct lb_model *model, struct slot_reason *why)
{
	if (model->id_count > LB_SERVER_IDS_MAX)
		return slot_reason_set(why, -E2BIG, "%zu server ids are more than the %d that fit",
				       model->id_count, LB_SERVER_IDS_MAX);
	for (size_t i = 1; i < model->id_count; i++)
		if (!lb_server_id_compare(&model->ids[i - 1], &model->ids[i]))
			return slot_reason_set(why, -EEXIST, "server id %u: a real has it already",
					       model->ids[i].id);
	return 0;
}

static int check_sources(const struct lb_model *model, struct slot_reason *why)
{
	size_t counts[2] = {};
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->source_count; i++) {
		const struct lb_prefix *prefix = &model->sources[i].prefix;

		if (++counts[prefix->addr.is_ip6] > LB_SOURCES_MAX)
			return slot_reason_set(why, -E2BIG,
					       "more than the %d source prefixes that fit",
					       LB_SOURCES_MAX);
		if (i && !lb_prefix_compare(prefix, &model->sources[i - 1].prefix)) {
			lb_prefix_format(prefix, text);
			return slot_reason_set(why, -EEXIST,
					       "source %s: a real is chosen for it already", text);
		}
	}
	return 0;
}

static int check_tunnels(const struct lb_model *model, struct slot_reason *why)
{
	char text[LB_WORDS_MAX];

	if (model->tunnel_count > LB_TUNNELS_MAX)
		return slot_reason_set(why, -E2BIG, "%zu tunnels are more than the %d that fit",
				       model->tunnel_count, LB_TUNNELS_MAX);
	for (size_t i = 1; i < model->tunnel_count; i++) {
		if (!lb_address_compare(&model->tunnels[i - 1], &model->tunnels[i])) {
			lb_address_format(&model->tunnels[i], text);
			return slot_reason_set(why, -EEXIST, "tunnels end at %s already", text);
		}
	}
	return 0;
}

int lb_model_check(const struct lb_model *model, struct slot_reason *why)
{
	int err = check_vips(model, why);

	if (!err)
		err = check_ids(model, why);
	if (!err)
		err = check_sources(model, why);
	if (!err)
		err = check_strangers(model, why);
	return err ? err : check_tunnels(model, why);
}
