/* SPDX-License-Identifier: GPL-2.0-only */
/* Rulesets and packets' keys at random, for the ruleset compiler's tests and benchmarks. */
#ifndef TEST_FW_ENTRIES_H
#define TEST_FW_ENTRIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "programs/firewall/compile/fw_forest.h"

struct fw_entries {
	uint64_t seed;	    /* not 0; changes with every number drawn */
	unsigned int words; /* of keys: FW_WORDS4 or FW_WORDS6 */
	__u32 networks;	    /* that prefixes lie in; the fewer, the more rules overlap */
	struct fw_entry *items;
	size_t count;
};

/* fw_entries_make - @count rules as hosts have them: prefixes, protocols, ports and ranges of ports. */
void fw_entries_make(struct fw_entries *entries, size_t count);
void fw_entries_free(struct fw_entries *entries);

/* fw_entries_draw - a number at random. */
__u32 fw_entries_draw(struct fw_entries *entries);

/* fw_entries_key - the key of a packet that @entry matches, or nearly so. */
void fw_entries_key(struct fw_entries *entries, const struct fw_entry *entry, bool is_match,
		    __u64 key[FW_WORDS6]);

/* fw_entries_find - the first rule that matches, found by asking one after the other; -1: none. */
long fw_entries_find(const struct fw_entries *entries, const __u64 *key);

/* fw_entries_ask - the entry that decides @key by @forest, found as the program does; -1: none. */
long fw_entries_ask(const struct fw_forest *forest, const struct fw_entry *entries,
		    const __u64 *key, unsigned int words);

#define FW_ENTRIES_FRAME_MAX 128

/*
 * fw_entries_frame - a frame with the header fields of @key, and its length. Bits that no
 * such frame has are cleared in the key.
 */
size_t fw_entries_frame(const struct fw_entries *entries, __u64 *key,
			unsigned char frame[FW_ENTRIES_FRAME_MAX]);

#endif
