/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A chain: the slots of one interface, cgroup or other place, as they run and as they are changed.
 * A change is a transaction: build beside what runs, try it on test packets,
 * swap, record, retire. docs/protocol.md tells the order, and what each failure
 * leaves.
 *
 * Not thread-safe: one thread owns all chains of a host.
 */
#ifndef SLOT_CHAIN_H
#define SLOT_CHAIN_H

#include <limits.h>
#include <stdbool.h>

#include "loader/lib/chain/totals.h"
#include "loader/lib/chain/generation.h"
#include "loader/lib/host/filters.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/registry/plan.h"
#include "loader/lib/registry/watch.h"
#include "loader/lib/program/cache.h"

/* So many retired generations wait at most for what they counted to be added to the totals. */
#define SLOT_UNFOLDED_MAX 4

/* What all chains of a host share. */
struct slot_host {
	char root[PATH_MAX]; /* of the pins, "<bpffs>/slotd" */
	struct slot_store store;
};

struct slot_chain {
	struct slot_host *host;
	char interface[SLOT_CHAIN_NAME_MAX]; /* as it is called: "eth0", "blue:eth0" in a netns */
	struct slot_place place;
	enum slot_hook hook;
	char dir[PATH_MAX];   /* of its pins */
	__u64 netns_cookie;   /* 0: the netns, or cgroup, is not there */
	unsigned int ifindex; /* 0: the interface, or what else it belongs to, is not there */
	int link_fd;	      /* -1: not attached, or not by a link; of sk_reuseport its seat */
	int unlinked_fd;      /* the root that runs without a link, or -1 */
	enum slot_attach_mode mode;	   /* as attached */
	enum slot_attach_mode wanted_mode; /* as slots.conf says */
	enum slot_tc_order order;	   /* as slots.conf says */
	enum slot_tc_order running_order;  /* as attached */
	struct slot_reason mode_reason;	   /* why generic, where native was tried; else empty */
	const struct slot_engine *engine;
	struct slot_reason engine_reason;
	struct slot_reason unserved; /* why this kernel cannot do what slots.conf says; else empty */
	struct slot_generation *current;		     /* NULL: nothing built */
	struct slot_generation *previous;		     /* NULL: no way back */
	struct slot_generation *unfolded[SLOT_UNFOLDED_MAX]; /* retired, not in the totals yet */
	struct slot_reason unfolded_reason; /* why they wait; empty where none does */
	struct slot_overrides overrides;
	struct slot_watches watches;
	char watch_note[SLOT_WATCH_NOTE_MAX]; /* of the last watch that went back; or empty */
	unsigned int next_number;
	const struct slot_takeover *takeover; /* while an adoption is under way, else NULL */
	struct slot_chain_state recalled; /* what ran before a reboot; empty where there was none */
	struct slot_reason lost; /* programs or counts that a start could not keep; else empty */
	struct slot_reason left; /* what the last detach could not take off; else empty */
	bool has_missed;	 /* a change of all chains, while this one was out of reach */
	bool was_blocked;	 /* when slotd last looked; nobody tells when a bpf_link lets go */
	bool is_detached;	 /* somebody took the chain off; only an apply brings it back */
	int totals_fd;		 /* -1: none */
	bool has_newer_totals;	 /* of a version that this slotd does not know */
	struct slot_program_cache cache;
};

/* Where the time of a change went, in microseconds. */
struct slot_timing {
	long long open_us;	/* objects read, opened, given settings */
	long long build_us;	/* programs verified, root made, linked */
	long long preflight_us; /* run on test packets */
	long long swap_us;	/* the one system call that moves the traffic */
	long long record_us;	/* records written, the oldest generation retired */
	long long total_us;
};

struct slot_change {
	const struct slot_chain_state *desired;
	const struct slot_overrides *overrides;	  /* that the desired state came from */
	const char *reason;			  /* who and what, for the record */
	const struct slot_map_orders *map_orders; /* ROOT_SLOTS of them; NULL: none */
	const struct slot_watches *watches;	  /* from the swap on; NULL: those that there are */
};

struct slot_outcome {
	bool is_changed;
	bool is_swap_only; /* nothing had to be built */
	struct slot_plan plan;
	struct slot_timing timing;
	struct slot_reason warning; /* empty: none */
};

/*
 * slot_chain_open - the chain of @config's interface, as the kernel's own state
 * has it: the running generation is adopted untouched, what an interrupted
 * change left is finished or undone.
 *
 * Returns 0 also where nothing runs yet; -EBUSY or -EEXIST when something runs
 * that is not slotd's, which is left alone; says why. @ret_chain: slot_chain_free.
 *
 * Where this kernel cannot do what @config asks for (slot_chain_configure: -ENOTSUP), the
 * chain is there all the same and its unserved says why: what runs runs on, but until
 * slot_chain_configure succeeds nothing is built and nothing attached.
 */
int slot_chain_open(struct slot_host *host, const struct slot_chain_config *config,
		    struct slot_reason *why, struct slot_chain **ret_chain);

/*
 * slot_chain_configure - take over how @config wants the chain built and
 * attached; it counts from the next generation or attachment on. To another cgroup the chain goes
 * with the next slot_chain_follow, when that is there. Returns 0, or
 * -ENOTSUP for an engine that does not work here, or a place before others where the kernel
 * has no tcx, and why: the chain is as it was then.
 */
int slot_chain_configure(struct slot_chain *chain, const struct slot_chain_config *config,
			 struct slot_reason *why);

/*
 * slot_chain_is_unserved - whether slots.conf asks for something that this kernel cannot do,
 * and the chain does not run.
 */
bool slot_chain_is_unserved(const struct slot_chain *chain);

/* slot_chain_free - let go of the chain; what is attached and pinned stays. NULL is fine. */
void slot_chain_free(struct slot_chain *chain);

/*
 * slot_chain_absent_noun - what the chain belongs to and is not there: "interface", "cgroup" or
 * "network namespace". NULL: it is there.
 */
const char *slot_chain_absent_noun(const struct slot_chain *chain);

/*
 * slot_chain_waits - whether the chain is attached as soon as what it belongs to is there, and
 * what that is, in words: "its cgroup '/sys/fs/cgroup/web.slice'".
 */
bool slot_chain_waits(const struct slot_chain *chain, struct slot_reason *ret_what);

/*
 * slot_chain_is_blocked - whether the chain would be attached, if no XDP program of somebody else
 * ran on its interface, and which does (@why, or NULL).
 */
bool slot_chain_is_blocked(const struct slot_chain *chain, struct slot_reason *why);

/* slot_chain_is_attached - whether packets of the interface pass the chain now. */
bool slot_chain_is_attached(const struct slot_chain *chain);

/*
 * slot_chain_is_out_of_reach - whether the chain is attached without a link, and its netns
 * cannot be entered now, as where the cgroup that leads there has no process in it. Nobody
 * can tell whether it runs then; it is not let go of, so that it goes on when the netns is
 * back. Until then no change of it succeeds.
 */
bool slot_chain_is_out_of_reach(const struct slot_chain *chain);

/*
 * slot_chain_has_strayed - whether the chain runs on an interface that was moved
 * to another netns than the one it is configured for, or on a cgroup or netns that its place
 * does not lead to any more. It runs on there, until there is one where it belongs.
 */
bool slot_chain_has_strayed(const struct slot_chain *chain);

/*
 * slot_chain_is_home - whether the chain is attached and where it belongs: on
 * its interface, whatever that is called now, or on one that has strayed while
 * there is no other. A port that was released by its master is no home.
 */
bool slot_chain_is_home(const struct slot_chain *chain);

/* slot_chain_has_moved - whether its place leads to another interface, cgroup or netns by now. */
bool slot_chain_has_moved(const struct slot_chain *chain);

/* slot_chain_runs_at - whether the interface that @place leads to runs this chain now. */
bool slot_chain_runs_at(const struct slot_chain *chain, const struct slot_place *place);

/* slot_chain_tc_way - how the chain, of a TC hook, is attached, or would be. */
enum slot_tc_way slot_chain_tc_way(const struct slot_chain *chain);

/*
 * slot_chain_peer - the ifindex that programs of the chain see as the interface that packets
 * leave by, where that is another than the chain's: on the primary of a netkit pair it is the
 * peer's, in the netns of that. 0 anywhere else.
 */
unsigned int slot_chain_peer(const struct slot_chain *chain);

/*
 * slot_chain_has_lost_filter - whether the chain was attached by a filter, and somebody took
 * that off. slot_chain_follow attaches it again; where that fails the filter is not lost any
 * more, but not there, so that nobody tries at each news of filters, which trying makes.
 */
bool slot_chain_has_lost_filter(const struct slot_chain *chain);

/*
 * slot_chain_filters - what the chain's interface runs at its TC hook, in the order in which
 * packets meet it. @ret_own is the place of the chain itself, or the count where it is not
 * among them. Returns 0 or -errno. @ret_filters: slot_filters_free.
 */
int slot_chain_filters(const struct slot_chain *chain, struct slot_filters *ret_filters,
		       size_t *ret_own);

/* slot_chain_release - take the chain off its interface; all of it stays built. */
void slot_chain_release(struct slot_chain *chain);

/*
 * slot_chain_plan - what bringing the chain to @desired, built by @engine, would
 * change.
 */
void slot_chain_plan(const struct slot_chain *chain, const struct slot_engine *engine,
		     const struct slot_chain_state *desired, struct slot_plan *ret_plan);

/*
 * slot_chain_apply - bring the chain to @change->desired: prepare, commit and
 * finish in one. All or nothing: on failure packets go on through the generation
 * that ran before, and nothing is left of the attempt. Returns 0 or -errno, says
 * why. @ret_outcome is set also where nothing had to change.
 */
int slot_chain_apply(struct slot_chain *chain, const struct slot_change *change,
		     struct slot_reason *why, struct slot_outcome *ret_outcome);

/*
 * The same in steps, for changes of several chains that happen together or not
 * at all: prepare every chain, commit every chain, finish every attempt.
 *
 * slot_chain_prepare builds and tries the next generation; packets do not meet
 * it. slot_chain_commit swaps and records; -ECANCELED says that it runs but
 * could neither be recorded nor undone. slot_chain_revert takes a commit back.
 * slot_chain_finish ends the attempt either way and frees it: what was committed
 * stays and the oldest generation retires, anything else leaves nothing;
 * @ret_outcome may be NULL. No other change of the chain may come in between.
 */
struct slot_attempt;
int slot_chain_prepare(struct slot_chain *chain, const struct slot_change *change,
		       struct slot_reason *why, struct slot_attempt **ret_attempt);
int slot_chain_commit(struct slot_attempt *attempt, struct slot_reason *why);
int slot_chain_revert(struct slot_attempt *attempt, struct slot_reason *why);
void slot_chain_finish(struct slot_attempt *attempt, struct slot_outcome *ret_outcome);

/*
 * slot_chain_rollback - one swap back to the previous generation, which becomes
 * the current one; the one left becomes the previous. @overrides are the new
 * ones (slot_registry_return). Returns 0, -ENOENT without a previous one, or -errno.
 */
int slot_chain_rollback(struct slot_chain *chain, const struct slot_overrides *overrides,
			struct slot_reason *why, struct slot_outcome *ret_outcome);

/*
 * slot_chain_follow - bring the chain to its interface where it should be on it
 * and is not: the interface came, or came back under another ifindex, or the
 * generation is built and only the link is gone. One that is detached, or unserved, only
 * learns where its interface is, for the next apply. Returns 0 (also where there is
 * nothing to do) or -errno, says why; a later call tries again.
 */
int slot_chain_follow(struct slot_chain *chain, struct slot_reason *why);

/*
 * slot_chain_detach - take the chain off the interface and out of the kernel,
 * maps included. Overrides stay recorded; with @keep_off no start of slotd
 * attaches it again before the next apply. What runs in a netns that cannot be entered
 * stays there, and chain->left says so. Returns 0 or -errno, says why.
 */
int slot_chain_detach(struct slot_chain *chain, bool keep_off, struct slot_reason *why);

/*
 * slot_chain_remove_leftover - take off what a detach could not reach, where slotd can by now.
 * For a chain that is detached, at each news. Returns whether there was something.
 */
bool slot_chain_remove_leftover(struct slot_chain *chain);

/*
 * slot_chain_is_newer - whether a newer slotd built what runs or counted: its root
 * or its totals cannot be read here. Such a chain runs on untouched. It can go
 * back (slot_chain_rollback) or off; any other change is refused.
 */
bool slot_chain_is_newer(const struct slot_chain *chain);

/*
 * slot_chain_is_older - whether the root that runs is of an older version than
 * those that this slotd builds: every change brings a new root with it.
 */
bool slot_chain_is_older(const struct slot_chain *chain);

/*
 * slot_chain_renew - the next generation with the same state, engine and programs
 * as the one that runs, and a root of this slotd's version. As slot_chain_apply.
 */
int slot_chain_renew(struct slot_chain *chain, struct slot_reason *why,
		     struct slot_outcome *ret_outcome);

/* slot_chain_counters - everything counted since the chain was attached. Returns 0 or -errno. */
int slot_chain_counters(const struct slot_chain *chain, struct slot_counters *ret_counters);

/*
 * slot_chain_counters_current - what the generation that runs counted.
 * slot_chain_counters_previous - the one before it. Returns 0, -ENOENT where there
 * is none or it does not count, or -errno.
 */
int slot_chain_counters_current(const struct slot_chain *chain, struct slot_counters *ret_counters);
int slot_chain_counters_previous(const struct slot_chain *chain,
				 struct slot_counters *ret_counters);

/*
 * slot_chain_measure_maps - bytes that the maps of @slot's reservation take, with
 * the program arrays of what runs; the chain has a current generation.
 */
__u64 slot_chain_measure_maps(const struct slot_chain *chain, unsigned int slot);

/* slot_chain_start_watches - write down @chain's watches as they are now. Returns 0 or -errno, says why. */
int slot_chain_start_watches(const struct slot_chain *chain, struct slot_reason *why);

/*
 * slot_chain_end_watch - forget the watch of the reservation @name; @note (NULL:
 * as it was) is kept as what became of the last that went back. Recorded, or
 * -errno and why.
 */
int slot_chain_end_watch(struct slot_chain *chain, const char *name, const char *note,
			 struct slot_reason *why);

#endif
