/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/ring/lb_transition.h"

#define NSEC_PER_SEC 1000000000ULL

/* One position, before and then after the change. */
struct position {
	__u32 real;
	__u32 era; /* in its place in the entry */
	bool is_watched;
	bool has_previous;
	struct lb_previous previous;
};

/* Maps may have been written by anyone who owns them: what is no index is gone as well. */
static bool is_gone(const struct lb_transition *change, __u32 real)
{
	return real >= LB_REAL_INDEXES ||
	       (change->gone && change->gone[real / 64] >> (real % 64) & 1);
}

/* seconds_since - times are 32 bits of seconds, which wrap after 136 years of uptime. */
static __u32 seconds_since(const struct lb_transition *change, __u32 time)
{
	return (__u32)(change->now / NSEC_PER_SEC) - time;
}

static struct position read_position(const struct lb_transition *change, __u32 i)
{
	struct position at = {
		.real = change->entries[i] & LB_ENTRY_REAL,
		.era = change->entries[i] & LB_ENTRY_ERA,
		.is_watched = change->entries[i] & LB_ENTRY_TABLE,
		.previous = change->previous[i],
	};

	if (change->was_recorded && at.real) {
		at.is_watched = true;
		at.previous = (struct lb_previous){ .changed = change->now / NSEC_PER_SEC };
	}
	at.has_previous = change->entries[i] & LB_ENTRY_PREVIOUS && at.previous.real &&
			  !is_gone(change, at.previous.real) &&
			  seconds_since(change, at.previous.changed) < change->window;
	return at;
}

/* is_settled - not watched, with the real that it shall have: as most entries are. */
static bool is_settled(const struct lb_transition *change, __u32 i)
{
	return !change->was_recorded && !((change->entries[i] ^ change->ring[i]) & ~LB_ENTRY_ERA);
}

/*
 * change_real - the oldest real within the window stays the previous one. A real
 * that is gone leaves no flows to be kept, and a first real found none.
 */
static void change_real(const struct lb_transition *change, __u32 real, struct position *at)
{
	if (!at->has_previous) {
		at->previous.real = at->real;
		at->previous.changed = change->now / NSEC_PER_SEC;
		at->has_previous = change->window && at->real && !is_gone(change, at->real);
	}
	at->real = real;
	if (at->is_watched || !at->has_previous)
		return;
	at->is_watched = true;
	at->era = (at->era + LB_ENTRY_ERA_ONE) & LB_ENTRY_ERA;
	if (!at->era) /* that of flows recorded without transitions */
		at->era = LB_ENTRY_ERA_ONE;
}

/*
 * stop_watching - previous.changed is of the first change in a window, so the last
 * was less than a window later.
 */
static void stop_watching(const struct lb_transition *change, struct position *at)
{
	__u64 until = (__u64)change->window + LB_TRANSITION_KEEP;

	if (!at->has_previous && seconds_since(change, at->previous.changed) >= until)
		at->is_watched = false;
}

/* A previous real that is the ring's again has nothing to say. */
static void write_position(const struct position *at, __u32 *ret_entry,
			   struct lb_previous *ret_previous)
{
	bool has_previous = at->has_previous && at->previous.real != at->real;

	*ret_entry = at->real | at->era | (at->is_watched ? LB_ENTRY_TABLE : 0) |
		     (has_previous ? LB_ENTRY_PREVIOUS : 0);
	*ret_previous = (struct lb_previous){
		.real = has_previous ? at->previous.real : 0,
		.changed = at->is_watched ? at->previous.changed : 0,
	};
}

__u32 lb_transition_plan(const struct lb_transition *change, __u32 *ret_entries,
			 struct lb_previous *ret_previous, __u64 *ret_until)
{
	__u64 until = change->previous_until;
	bool has_previous = false;
	__u32 changed = 0;

	for (__u32 i = 0; i < LB_RING_SIZE; i++) {
		struct position at;

		if (is_settled(change, i)) {
			ret_entries[i] = change->entries[i];
			ret_previous[i] = (struct lb_previous){};
			continue;
		}
		at = read_position(change, i);
		if (at.real != change->ring[i]) {
			change_real(change, change->ring[i], &at);
			changed++;
		} else if (at.is_watched) {
			stop_watching(change, &at);
		}
		write_position(&at, &ret_entries[i], &ret_previous[i]);
		has_previous |= !!(ret_entries[i] & LB_ENTRY_PREVIOUS);
	}
	if (changed && until < change->now + change->window * NSEC_PER_SEC)
		until = change->now + change->window * NSEC_PER_SEC;
	*ret_until = has_previous ? until : 0;
	return changed;
}
