/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A canary: the version that runs beside a slot's own for a part of its packets. Pure. */
#ifndef SLOT_CANARY_H
#define SLOT_CANARY_H

#include "loader/lib/registry/state.h"

#define SLOT_SHARE_PPM_MAX 1000000U /* all flows: a canary gets fewer */
#define SLOT_CANARY_CPUS 64U	    /* CPUs that a canary can be given, from 0 on */
#define SLOT_CANARY_TEXT_MAX 240    /* of every text that these functions write */

/* slot_canary_is_equal - the same object for the same packets, or none on both sides. */
bool slot_canary_is_equal(const struct slot_canary *a, const struct slot_canary *b);

/* slot_canary_format - which packets it gets: "5% of flows", "CPUs 0-3,7". */
void slot_canary_format(const struct slot_canary *canary, char ret_text[SLOT_CANARY_TEXT_MAX]);

/* slot_cpus_parse - a list as the kernel writes it ("0-3,7"), of CPUs 0 to 63. Returns 0 or -EINVAL. */
int slot_cpus_parse(const char *text, __u64 *ret_cpus);

/* slot_cpus_format - the list of @cpus, "" for none. */
void slot_cpus_format(__u64 cpus, char ret_text[SLOT_CANARY_TEXT_MAX]);

/* slot_canary_to_json - a new reference, or NULL when memory is out. */
json_t *slot_canary_to_json(const struct slot_canary *canary);

/*
 * slot_canary_from_json - the member "canary" of @json; none is no canary.
 * Returns 0, or -EINVAL and why.
 */
int slot_canary_from_json(const json_t *json, struct slot_reason *why,
			  struct slot_canary *ret_canary);

#endif
