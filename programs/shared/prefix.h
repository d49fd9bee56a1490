/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses and prefixes of programs' maps, in words. Pure. */
#ifndef PROGRAM_PREFIX_H
#define PROGRAM_PREFIX_H

#include "bpf/prefix_abi.h"
#include "loader/lib/base/reason.h"

#define PROGRAM_PREFIX_MAPPED_SIZE 12

/* Room for the longest prefix in words, with its NUL. */
#define PROGRAM_PREFIX_TEXT_MAX 52

/* What an IPv4-mapped IPv6 address begins with; the IPv4 one is behind it. */
extern const __u8 program_prefix_mapped[PROGRAM_PREFIX_MAPPED_SIZE];

/*
 * program_prefix_parse - the IPv4 or IPv6 address in @text, or the prefix. A single address
 * has to be unicast, of a prefix all behind its length has to be 0. An IPv4-mapped address is the
 * IPv4 one. Returns 0, or -EINVAL and says what would be accepted.
 */
int program_prefix_parse(const char *text, struct slot_reason *why, struct slot_prefix *ret_prefix);

/* program_prefix_format - in words, without a length where it is a single address. */
void program_prefix_format(const struct slot_prefix *prefix,
			   char ret_text[PROGRAM_PREFIX_TEXT_MAX]);

/* program_prefix_bits - 32 or 128, as its family has. */
unsigned int program_prefix_bits(const struct slot_prefix *prefix);

#endif
