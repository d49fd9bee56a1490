/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rules for connections that are handed over (handoff_abi.h), one for each: every step is
 * one update of the whole entry, so a packet meets the step before or this one.
 *
 * A rule belongs to the handoff with its id: what changes it names the id, and another one's
 * rule is left alone (-ESTALE) unless its connection is over by the client's word
 * (HANDOFF_REUSED). One process at a time changes the rule of one connection; others may change
 * those of others meanwhile. What a rule counted goes along, less what is counted in the
 * microseconds of an update. Needs permission to write the pin, and neither root nor slotd.
 *
 * All return 0 or -errno. Thread-safe.
 */
#ifndef HANDOFF_RULES_H
#define HANDOFF_RULES_H

#include <stdbool.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/handoff_abi.h"

/* -1 where closed. */
struct handoff_rules {
	int table;
};

#define HANDOFF_RULES_CLOSED { .table = -1 }

/*
 * handoff_rules_open - the table pinned in @map_dir, the folder of handoff's slot; read
 * permission is enough for _get and _each. Returns 0, -EPROTO for another version's, -errno;
 * says why. @ret_rules is the caller's to close.
 */
int handoff_rules_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		       struct handoff_rules *ret_rules);
void handoff_rules_close(struct handoff_rules *rules);

/*
 * handoff_rules_block - drop what comes in of @key until @deadline_ns (CLOCK_MONOTONIC; 0: for
 * as long as the rule is there), from when on it passes. What goes out stays as it is. Makes the
 * rule where there is none. Returns 0, -ESTALE, -E2BIG where the table is full, -errno.
 */
int handoff_rules_block(const struct handoff_rules *rules, const struct handoff_key *key, __u64 id,
			__u64 deadline_ns);

/*
 * handoff_rules_redirect - send what comes in of @key to @target. What goes out stays as it is.
 * Makes the rule where there is none. Returns 0, -EAFNOSUPPORT where @target is of another
 * family than @key, or as handoff_rules_block().
 */
int handoff_rules_redirect(const struct handoff_rules *rules, const struct handoff_key *key,
			   __u64 id, const struct handoff_target *target);

/*
 * handoff_rules_rewrite - what goes out of @key comes from @source; what comes in passes
 * (HANDOFF_PASS), or stays as the rule has it (any other @ingress; -EINVAL where that is not
 * what it has). Makes the rule where there is none. Returns 0, or as handoff_rules_redirect().
 */
int handoff_rules_rewrite(const struct handoff_rules *rules, const struct handoff_key *key,
			  __u64 id, const struct handoff_source *source,
			  enum handoff_ingress ingress);

/*
 * handoff_rules_remove - @key has no rule any more. Returns 0 also where there was none,
 * -ESTALE, -errno.
 */
int handoff_rules_remove(const struct handoff_rules *rules, const struct handoff_key *key,
			 __u64 id);

/*
 * handoff_rules_remove_over - the same where the rule is still @rule, as it was read: the same
 * step, and no packet since. For who judges rules that others make. Returns 0, -ENOENT, -ESTALE
 * where it is another one, which is there again after some microseconds where it came between;
 * -errno. Linux 5.14.
 */
int handoff_rules_remove_over(const struct handoff_rules *rules, const struct handoff_key *key,
			      const struct handoff_rule *rule);

/* handoff_rules_get - the rule of @key. Returns 0, -ENOENT, -errno. */
int handoff_rules_get(const struct handoff_rules *rules, const struct handoff_key *key,
		      struct handoff_rule *ret_rule);

/* Called with each rule; what is not 0 ends it. May remove the rule that it is called with. */
typedef int (*handoff_rule_fn)(const struct handoff_key *key, const struct handoff_rule *rule,
			       void *data);

/*
 * handoff_rules_each - call @see for every rule, in no order; of those that come or go meanwhile
 * some may be left out. Returns 0, -errno, or what ended it.
 */
int handoff_rules_each(const struct handoff_rules *rules, handoff_rule_fn see, void *data);

#endif
