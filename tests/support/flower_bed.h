/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A veth, v0 and v1, in a netns of this test's own, for rules of flower and packets that meet them.
 */
#ifndef TEST_FLOWER_BED_H
#define TEST_FLOWER_BED_H

#include "loader/lib/offload/flower.h"
#include "tests/support/packet.h"

#define FLOWER_OWNER 0x746573742d6f776eULL /* "test-own" */
#define FLOWER_PREF 100
#define FLOWER_MARK 0x1234

#define FLOWER_SRC4 "192.0.2.1"
#define FLOWER_DST4 "198.51.100.2"
#define FLOWER_SRC6 "2001:db8::1"
#define FLOWER_DST6 "2001:db8::2"
#define FLOWER_SPORT 40000
#define FLOWER_DPORT 443

/* A flow, by the addresses above. */
struct flower_flow {
	__u8 family;
	__u8 proto;
	__u16 sport; /* host byte order */
	__u16 dport;
	__u16 fragment; /* IPv4: flags and offset; IPv6: not 0 is a fragment header with this offset, more follow */
};

/*
 * flower_bed_enter - once; returns false where the kernel has no flower, for which reason in
 * @ret_why.
 */
bool flower_bed_enter(const char **ret_why);

/* flower_bed_start, flower_bed_end - for a case: the veth, up; gone. */
int flower_bed_start(void **state);
int flower_bed_end(void **state);

/* flower_bed_must - run a shell command that must succeed. */
void flower_bed_must(const char *command);

/* flower_bed_place - the hook of @device ("v0"), which is made ready for rules. */
struct slot_flower_place flower_bed_place(const char *device, enum slot_hook hook);

/* flower_bed_rule - marks all of @flow, whose ports may be 0 for any, as @id and handle. */
struct slot_flower_rule flower_bed_rule(const struct flower_flow *flow, __u32 id);

/* flower_bed_add - which must succeed. */
void flower_bed_add(const struct slot_flower_place *place, const struct slot_flower_rule *rule);

struct flower_tally {
	size_t own; /* FLOWER_OWNER's */
	size_t others;
	struct slot_flower_seen last; /* own */
};

/* flower_bed_list - the rules of @place. */
struct flower_tally flower_bed_list(const struct slot_flower_place *place);

/* flower_bed_send - @count packets of @flow out of v0, each of which is at v1 when this returns. */
void flower_bed_send(const struct flower_flow *flow, unsigned int count);

/* flower_bed_told - what `tc -j -s filter show dev PLACE` says, until the next call. */
const char *flower_bed_told(const char *place);

#endif
