/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * All that the load balancer is told, as data: VIPs, their reals, and what is beside
 * them. Pure: no system call but for memory. lb.h reads it from the maps and makes
 * an edited one what the maps say.
 *
 * Numbers of VIPs (from 0) and indexes of reals (from 1) are given as Katran gives
 * them: those that were never used in order, then the one that became free first.
 */
#ifndef LB_MODEL_H
#define LB_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "programs/lb/lb_abi.h"
#include "programs/lb/model/lb_words.h"

/* More would say nothing that smaller numbers do not. */
#define LB_WEIGHT_MAX 65535
#define LB_NEW_FLOWS 125000 /* a second and CPU; Katran's */
#define LB_GUE_PORT 6080    /* Katran's */
#define LB_WINDOW 300	    /* s */

/* Many for each real, so that hardly two share one; a power of two. */
#define LB_GUESSES 65536

/* A real of a VIP. */
struct lb_own {
	__u32 real; /* index */
	__u32 weight;
	__u32 flags; /* LB_MEMBER_FLAGS */
};

/* What is chosen for a VIP. */
struct lb_vip_settings {
	__u32 flags;	/* LB_VIP_FLAGS */
	__u8 encap;	/* enum lb_encap */
	__u8 table;	/* enum lb_table */
	__u8 ring_kind; /* enum lb_ring_kind */
	__u16 window;	/* s */
};

struct lb_model_vip {
	struct lb_vip_name name;
	struct lb_vip_settings set;
	struct lb_own *reals; /* by index */
	size_t count, room;
	__u64 previous_until; /* these five as in struct lb_vip */
	__u16 life;
	__u8 turn;
	__u8 ring;
	__u8 has_ring;
	bool is_used;		/* without it only the last two count */
	bool is_stale;		/* its ring is to be made again though nothing changed */
	__u32 freed, last_life; /* as in struct lb_note */
};

struct lb_server_id {
	__u32 id;
	__u32 real;
};

struct lb_source {
	struct lb_prefix prefix;
	__u32 real;
};

/* What holds for all VIPs. */
struct lb_settings {
	__u8 gateway[6];
	__u16 gue_port;		/* host byte order */
	struct lb_host source4; /* 0: none */
	struct lb_host source6;
	__u32 new_flows_max;
	__u64 seed[2];
};

struct lb_model {
	struct lb_settings settings;
	struct lb_model_vip *vips; /* LB_VIPS_MAX, by number */
	struct lb_real *reals;	   /* LB_REAL_INDEXES, by index */
	__u32 *guesses;		   /* LB_GUESSES: by address, where it was found last */
	struct lb_server_id *ids;  /* these three are sorted by lb_model_settle() */
	size_t id_count, id_room;
	struct lb_source *sources;
	size_t source_count, source_room;
	struct lb_host *tunnels;
	size_t tunnel_count, tunnel_room;
};

/* lb_model_new - an empty one with Katran's defaults. lb_model_free. Returns 0 or -ENOMEM. */
int lb_model_new(struct lb_model *ret_model);
void lb_model_free(struct lb_model *model);
/* lb_model_copy - @ret_to: lb_model_free. Returns 0 or -ENOMEM. */
int lb_model_copy(const struct lb_model *from, struct lb_model *ret_to);

/*
 * lb_model_settle - count who uses which real, and free those that nobody uses. To
 * be done after edits; until then a real that lost its last user keeps its index.
 */
void lb_model_settle(struct lb_model *model);

/*
 * lb_model_check - whether all of it can be. Looks at what no single edit can see:
 * prefixes that overlap, families, answers of rewritten VIPs, what does not fit the
 * maps. To be done after lb_model_settle(). Returns 0, -EINVAL or -E2BIG and says why.
 */
int lb_model_check(const struct lb_model *model, struct slot_reason *why);

/* --- for the edits and for reading the maps ----------------------------------------------- */

struct lb_model_vip *lb_model_vip_find(const struct lb_model *model,
				       const struct lb_vip_name *name);
struct lb_own *lb_model_own_find(const struct lb_model_vip *vip, __u32 real);
/* lb_model_own_add - @own, at its place. Returns 0 or -ENOMEM. */
int lb_model_own_add(struct lb_model_vip *vip, const struct lb_own *own);

struct lb_host lb_model_host(const struct lb_real *real);
/* lb_model_real_find - the index of the real with this address; 0: none. */
__u32 lb_model_real_find(const struct lb_model *model, const struct lb_host *host);
/* lb_model_real_get - as lb_model_real_find(), or a new one. Returns 0, or -E2BIG and says why. */
int lb_model_real_get(struct lb_model *model, const struct lb_host *host, struct slot_reason *why,
		      __u32 *ret_real);
/* lb_model_number_get - the number of the next VIP. Returns 0, or -E2BIG and says why. */
int lb_model_number_get(const struct lb_model *model, struct slot_reason *why, __u32 *ret_number);

int lb_model_id_add(struct lb_model *model, const struct lb_server_id *id);
int lb_model_source_add(struct lb_model *model, const struct lb_source *source);
int lb_model_tunnel_add(struct lb_model *model, const struct lb_host *tunnel);

/* lb_model_sort - ids, sources and tunnels, by these. */
void lb_model_sort(struct lb_model *model);
int lb_server_id_compare(const void *a, const void *b);
int lb_source_compare(const void *a, const void *b);
int lb_tunnel_compare(const void *a, const void *b);

#endif
