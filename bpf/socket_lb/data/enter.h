/* SPDX-License-Identifier: GPL-2.0-only */
/* Choosing a socket of an instance. */
#ifndef SOCKET_LB_DATA_ENTER_H
#define SOCKET_LB_DATA_ENTER_H

#include "bpf/socket_lb/data/maps.h"
#include "bpf/verifier.h"

/* Which socket is wanted: a worker's, the one at a position, or whichever the policy says. */
#define WANT_POLICY 0
#define WANT_WORKER 0x100
#define WANT_POSITION 0x200
#define WANT_NUMBER 0xff

/* What sl_enter() returns: the position, and what was otherwise than wanted. Below 0: no socket. */
#define ENTERED_POSITION (SL_SOCKETS_MAX - 1)
#define ENTERED_OTHER 0x100	 /* the socket wanted is gone */
#define ENTERED_BAD_WORKER 0x200 /* there is no such worker */
#define ENTERED_NOT (-1)

#define ANY_GENERATION 0

static __always_inline __u32 steer(const struct sk_reuseport_md *md,
				   const struct sl_instance *instance)
{
	__u32 slot = md->hash;

	if (instance->policy == SL_BY_CPU)
		slot = bpf_get_smp_processor_id();
	else if (instance->policy == SL_BY_NUMA)
		slot = bpf_get_numa_node_id() * SL_STEER_PER_NODE + slot % SL_STEER_PER_NODE;
	return instance->steer[slot % SL_STEER_SIZE];
}

/* wanted_position - may be beyond the instance's sockets: who owns the map can write anything. */
static __always_inline __u32 wanted_position(const struct sk_reuseport_md *md,
					     const struct sl_instance *instance, __u32 want,
					     int *flags)
{
	__u32 position;

	if (want & WANT_POSITION)
		return want & WANT_NUMBER;
	if (want & WANT_WORKER) {
		position = instance->by_worker[want & WANT_NUMBER];
		if (position < instance->sockets)
			return position;
		*flags |= ENTERED_BAD_WORKER;
	}
	return steer(md, instance);
}

/* below - @position, or 0 where it is not below @sockets. Without a branch for the verifier. */
static __always_inline __u32 below(__u32 position, __u32 sockets)
{
	__u64 is_below = ((__u64)position - sockets) >> 63;

	barrier_var(is_below);
	return position & -is_below & ENTERED_POSITION;
}

/* select_from - the first socket there is from @position on, round about. */
static __always_inline int select_from(struct sk_reuseport_md *md, __u32 place, __u32 position,
				       __u32 sockets, int flags)
{
	for (__u32 i = 0; i < SL_SOCKETS_MAX && i < sockets; i++) {
		__u32 index;

		position = verifier_forget(below(position, sockets));
		index = place * SL_SOCKETS_MAX + position;
		if (!bpf_sk_select_reuseport(md, &sl_sockets, &index, 0))
			return (position & ENTERED_POSITION) | flags;
		flags |= ENTERED_OTHER;
		position++;
	}
	return ENTERED_NOT;
}

/*
 * sl_enter - select a socket of the instance @place, the one wanted if it is there. The kernel
 * refuses sockets of other groups as if they were not there. Not where the instance does not
 * serve, or is of another generation. Global, so that the verifier walks the search once.
 */
__noinline int sl_enter(struct sk_reuseport_md *md, __u32 place, __u32 want, __u32 generation)
{
	const struct sl_instance *instance = bpf_map_lookup_elem(&sl_instances, &place);
	__u32 position;
	int flags = 0;

	if (!instance || instance->state != SL_SERVING)
		return ENTERED_NOT;
	if (generation != ANY_GENERATION && generation != instance->generation)
		return ENTERED_NOT;
	position = wanted_position(md, instance, want, &flags);
	/* The ways to the position are one from here on: the search is walked once. */
	return select_from(md, place, verifier_forget(position), instance->sockets,
			   verifier_forget(flags));
}

static __always_inline int enter(const struct sl_run *run, __u32 instance, __u32 want,
				 __u32 generation)
{
	int entered =
		sl_enter(run->md, SL_INSTANCE_INDEX(run->index, instance & 1), want, generation);

	if (entered < 0)
		return ENTERED_NOT;
	if (entered & ENTERED_OTHER)
		count(run, SL_OTHER_SOCKET);
	if (entered & ENTERED_BAD_WORKER)
		count(run, SL_BAD_WORKER);
	return entered & ENTERED_POSITION;
}

/* Where a packet goes, and as what it counts there. */
struct sl_choice {
	enum sl_counter outcome;
	int position; /* below 0: nowhere */
	__u32 instance;
};

/*
 * choose_active - the active instance; where it has no socket left, as after a crash, the other
 * one, if that still serves.
 */
static __always_inline void choose_active(const struct sl_run *run, struct sl_choice *choice)
{
	const struct sl_active *active = bpf_map_lookup_elem(&sl_active, &run->index);

	if (!active || active->active == SL_ACTIVE_NONE) {
		choice->outcome = SL_NO_ACTIVE;
		return;
	}
	choice->instance = (active->active - SL_ACTIVE_OF(0)) & 1;
	choice->position = enter(run, choice->instance, WANT_POLICY, ANY_GENERATION);
	if (choice->position >= 0)
		return;
	choice->instance ^= 1;
	choice->position = enter(run, choice->instance, WANT_POLICY, ANY_GENERATION);
	if (choice->position < 0)
		choice->outcome = SL_NO_SOCKET;
	else
		count(run, SL_OTHER_INSTANCE);
}

#endif
