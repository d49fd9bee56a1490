/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses and prefixes of both families, as the checks compare and show them. Pure. */
#ifndef SLOT_ADDR_H
#define SLOT_ADDR_H

#include <stdbool.h>

#include <linux/types.h>

#define SLOT_ADDR_TEXT_MAX 56 /* room for the longest address or prefix, with its NUL */

struct slot_addr {
	__u8 bytes[16]; /* network byte order; IPv4: the first 4, the others 0 */
	bool is_ip6;
};

/* slot_addr_make - of the 4 or 16 bytes at @bytes. */
struct slot_addr slot_addr_make(bool is_ip6, const void *bytes);

/* slot_addr_bits - 32 or 128: the length of a prefix that is one address. */
unsigned int slot_addr_bits(const struct slot_addr *addr);

bool slot_addr_is_equal(const struct slot_addr *a, const struct slot_addr *b);

/* slot_addr_is_in - whether @addr belongs to the prefix of @len bits of @prefix. */
bool slot_addr_is_in(const struct slot_addr *addr, const struct slot_addr *prefix,
		     unsigned int len);

/* slot_addr_is_any - 0.0.0.0 or ::. */
bool slot_addr_is_any(const struct slot_addr *addr);

/* slot_addr_is_own - of its host or wire only: 127/8, ::1, fe80::/10, 169.254/16. */
bool slot_addr_is_own(const struct slot_addr *addr);

/* slot_addr_format - in words, with /@len unless that is all its bits. */
void slot_addr_format(const struct slot_addr *addr, unsigned int len,
		      char ret_text[SLOT_ADDR_TEXT_MAX]);

#endif
