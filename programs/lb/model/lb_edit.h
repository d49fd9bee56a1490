/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Changes of the model. Pure: no system call but for memory.
 *
 * Each returns 0, or -errno and says why: -EEXIST for what is there already, -ENOENT
 * for what is not, -EINVAL for what cannot be, -E2BIG for what does not fit, -ENOMEM.
 * What a change does to all the rest is judged by lb_model_check(). A model after a
 * failed edit is not to be committed.
 */
#ifndef LB_EDIT_H
#define LB_EDIT_H

#include "programs/lb/model/lb_model.h"

struct lb_real_spec {
	struct lb_host host;
	__u32 weight; /* 1 to LB_WEIGHT_MAX */
	__u32 flags;  /* LB_MEMBER_FLAGS */
};

/* What holds for a real in all VIPs. */
struct lb_real_traits {
	bool has_mac, has_local; /* which of these are given; the others stay */
	__u8 mac[6];
	bool is_local; /* this host */
};

int lb_vip_add(struct lb_model *model, const struct lb_vip_name *name,
	       const struct lb_vip_settings *set, struct slot_reason *why);
int lb_vip_set(struct lb_model *model, const struct lb_vip_name *name,
	       const struct lb_vip_settings *set, struct slot_reason *why);
int lb_vip_del(struct lb_model *model, const struct lb_vip_name *name, struct slot_reason *why);
/* lb_vip_get - borrowed from @model. */
int lb_vip_get(const struct lb_model *model, const struct lb_vip_name *name,
	       struct slot_reason *why, struct lb_model_vip **ret_vip);

int lb_real_add(struct lb_model *model, const struct lb_vip_name *name,
		const struct lb_real_spec *spec, struct slot_reason *why);
int lb_real_del(struct lb_model *model, const struct lb_vip_name *name, const struct lb_host *host,
		struct slot_reason *why);
/* lb_real_weight - 1 to LB_WEIGHT_MAX; lb_real_mark() is how to take a real out. */
int lb_real_weight(struct lb_model *model, const struct lb_vip_name *name,
		   const struct lb_real_spec *spec, struct slot_reason *why);
/* lb_real_mark - set or clear the flags @spec->flags. */
int lb_real_mark(struct lb_model *model, const struct lb_vip_name *name,
		 const struct lb_real_spec *spec, bool is_set, struct slot_reason *why);
int lb_real_set(struct lb_model *model, const struct lb_host *host,
		const struct lb_real_traits *traits, struct slot_reason *why);

int lb_server_id_add(struct lb_model *model, __u32 id, const struct lb_host *host,
		     struct slot_reason *why);
int lb_server_id_del(struct lb_model *model, __u32 id, struct slot_reason *why);
int lb_source_add(struct lb_model *model, const struct lb_prefix *prefix,
		  const struct lb_host *host, struct slot_reason *why);
int lb_source_del(struct lb_model *model, const struct lb_prefix *prefix, struct slot_reason *why);
int lb_tunnel_add(struct lb_model *model, const struct lb_host *tunnel, struct slot_reason *why);
int lb_tunnel_del(struct lb_model *model, const struct lb_host *tunnel, struct slot_reason *why);

#endif
