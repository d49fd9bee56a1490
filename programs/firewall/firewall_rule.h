/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One rule of the firewall in words and as data. Pure: no system call.
 *
 * A source is an address or a prefix, `192.0.2.0/24` or `2001:db8::/32`; a port
 * is `tcp/80` or `udp/53`, the destination's.
 */
#ifndef FIREWALL_RULE_H
#define FIREWALL_RULE_H

#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"
#include "programs/firewall/firewall_abi.h"

/* Room for the longest rule in words, with its NUL. */
#define FIREWALL_RULE_TEXT_MAX 64

enum firewall_kind {
	FIREWALL_KIND_SOURCE4,
	FIREWALL_KIND_SOURCE6,
	FIREWALL_KIND_PORT,
	FIREWALL_KIND_COUNT,
};

struct firewall_rule {
	enum firewall_kind kind;
	__u32 lists; /* mask of enum firewall_list */
	union {
		struct firewall_source4 source4;
		struct firewall_source6 source6;
		__u32 port_index; /* FIREWALL_PORT_INDEX */
	};
};

/*
 * firewall_rule_parse - the source or port in @text; @ret_rule is on no list yet.
 *
 * Returns 0, or -EINVAL and says what would be accepted.
 */
int firewall_rule_parse(const char *text, struct slot_reason *why, struct firewall_rule *ret_rule);

/* firewall_rule_format - the source or port in words, as firewall_rule_parse() takes it. */
void firewall_rule_format(const struct firewall_rule *rule, char ret_text[FIREWALL_RULE_TEXT_MAX]);

/* firewall_rule_compare - by kind, then address or port; lists do not matter. As for qsort(). */
int firewall_rule_compare(const struct firewall_rule *a, const struct firewall_rule *b);

#endif
