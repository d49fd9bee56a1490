/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent: offloads flows that the load balancer tells of to the device. One thread, beside
 * that of the device's queue. What it does goes to stderr, where it is more than a flow's.
 *
 * Order: an entry is written before its rule is asked for; a rule is gone, by the kernel's own
 * word, before its entry is freed; and after a grace period its mark is free.
 */
#ifndef HWMARK_OFFLOAD_H
#define HWMARK_OFFLOAD_H

#include "programs/hwmark/agent/hwmark_device.h"
#include "programs/hwmark/agent/hwmark_flows.h"
#include "programs/hwmark/agent/hwmark_pool.h"
#include "programs/hwmark/agent/hwmark_view.h"
#include "programs/shared/say.h"

struct ring_buffer;

enum hwmark_trouble {
	HWMARK_TROUBLE_MAPS,	/* cannot be read or written */
	HWMARK_TROUBLE_DEVICE,	/* is not there, or has no place for rules */
	HWMARK_TROUBLE_RULES,	/* are not taken */
	HWMARK_TROUBLE_TAKEN,	/* there are others' in their place */
	HWMARK_TROUBLE_LIST,	/* what rules there are cannot be seen */
	HWMARK_TROUBLE_REMOVAL, /* rules that stay although they have to go */
	HWMARK_TROUBLE_FULL,	/* no place for flows */
	HWMARK_TROUBLE_MARKS,	/* none are free */
	HWMARK_TROUBLE_POOL,	/* one came from lb's pool that is not free */
	HWMARK_TROUBLE_MODE,	/* the load balancer's is another */
	HWMARK_TROUBLE_SOFT,	/* rules are not where they mark for the program */
	HWMARK_TROUBLES,
};

struct hwmark_offload_settings {
	const char *map_dir;
	enum hwmark_mode mode;
	bool is_meta; /* marks are to come from the device itself (HWMARK_META), as far as is known */
	__u32 age_ms;
	/* Whether, as far as is known, the slot's mode is still @mode; NULL: it is not asked. */
	bool (*is_mode)(void *context);
	void *context;
};

struct hwmark_offload {
	struct hwmark_offload_settings set;
	struct slot_device device;
	struct hwmark_maps maps;
	struct hwmark_view view;
	struct hwmark_pool pool; /* with HWMARK_FLOW */
	struct hwmark_marks marks;
	struct slot_flows flows;
	struct ring_buffer *ring;
	int ring_fd;		   /* lb_marks_wanted */
	bool *drain;		   /* in hwmark_offload_drain(): its @is_in */
	struct hwmark_agent agent; /* what is told */
	__u32 *dying;		   /* marks whose last rule is gone, and not their entry */
	size_t dying_count;
	__u64 looks;				  /* at the device's rules */
	__u64 paused_ms;			  /* until when the device is asked for nothing */
	__u64 look_ms, find_ms, tell_ms, lent_ms; /* when to do these next */
	__u64 busy_ms, retry_ms; /* since when lb is being changed, 0: is not; when to look again */
	__u64 flush_number;	 /* being carried out */
	size_t flush_left;	 /* flows that have to go before it is */
	struct program_trouble troubles[HWMARK_TROUBLES];
	int lock_fd, signal_fd;
	bool is_over;
};

/*
 * hwmark_offload_open - with @offload->set and device.set given and all else 0. What another
 * agent left is taken over, as far as it holds. hwmark_offload_close, also where it fails.
 * Returns 0, -EBUSY where an agent runs, or -errno; says why.
 */
int hwmark_offload_open(struct hwmark_offload *offload, struct slot_reason *why);
/* hwmark_offload_close - rules that are there stay, for the next one. */
void hwmark_offload_close(struct hwmark_offload *offload);

/* hwmark_offload_step - do what is due and wait for more. Returns 0, or -errno and says why. */
int hwmark_offload_step(struct hwmark_offload *offload, struct slot_reason *why);

/* --- between the agent's own files --------------------------------------------------------- */

/* hwmark_offload_now - CLOCK_MONOTONIC, ms. */
__u64 hwmark_offload_now(void);
/*
 * hwmark_offload_say - a trouble, once for as long as it goes on. hwmark_offload_calm - just now
 * there is nothing of it: over if that has been so for a while.
 */
void hwmark_offload_say(struct hwmark_offload *offload, enum hwmark_trouble which,
			const struct slot_reason *why);
void hwmark_offload_calm(struct hwmark_offload *offload, enum hwmark_trouble which);

/* hwmark_offload_event - for the ring buffer: one struct lb_mark_event. Always 0. */
int hwmark_offload_event(void *context, void *data, size_t size);

/* hwmark_offload_sync - follow lb, if it changed. Returns 0 or -errno; has said why. */
int hwmark_offload_sync(struct hwmark_offload *offload);

/*
 * hwmark_offload_drain - read what waits in the ring buffer and forget it: those flows are told
 * of again. Clears those of @is_in, by mark, whose marks came with it: they are nowhere else.
 */
void hwmark_offload_drain(struct hwmark_offload *offload, bool *is_in);

/*
 * hwmark_offload_renew - hold all entries against what the load balancer says now: they hold for
 * its generation, or the flows that need them leave.
 */
void hwmark_offload_renew(struct hwmark_offload *offload);

/* hwmark_offload_leave - the flow's rule is to go. */
void hwmark_offload_leave(struct hwmark_offload *offload, struct hwmark_flow *flow, __u64 *count);
/* hwmark_offload_reports - take what the device reported, and free what is over. */
void hwmark_offload_reports(struct hwmark_offload *offload);
/* hwmark_offload_look - by the device's counts: end flows that are idle, or lost their rule. */
void hwmark_offload_look(struct hwmark_offload *offload);
/*
 * hwmark_offload_adopt - take over what another agent left, or take it off. Returns 0 or -errno;
 * says why.
 */
int hwmark_offload_adopt(struct hwmark_offload *offload, struct slot_reason *why);

#endif
