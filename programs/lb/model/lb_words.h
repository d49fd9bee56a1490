/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the load balancer's commands and files call things. Pure: no system call.
 *
 * A VIP is PROTOCOL/ADDRESS, PROTOCOL/ADDRESS:PORT or PROTOCOL/PREFIX:PORT, IPv6
 * addresses with a port in brackets: tcp/192.0.2.1:80, udp/[2001:db8::1]:443,
 * tcp/198.51.100.0/24. Without a port it has all of them.
 */
#ifndef LB_WORDS_H
#define LB_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "loader/lib/base/reason.h"

#define LB_WORDS_MAX 80	 /* room for the longest address, prefix or VIP, with its NUL */
#define LB_FLAGS_MAX 160 /* room for all flags of a VIP */
#define LB_MAC_MAX 18

struct lb_host {
	__u8 bytes[16]; /* network byte order; IPv4: the first 4, the others 0 */
	bool is_ip6;
};

struct lb_prefix {
	struct lb_host addr; /* bits behind the prefix are 0 */
	__u8 len;
};

struct lb_vip_name {
	struct lb_prefix prefix; /* 32 or 128 bits: one address */
	__u8 proto;		 /* 6 or 17 */
	__u16 port;		 /* host byte order; 0: all */
};

/* The words of an enum; in messages they are listed as what would be accepted. */
struct lb_choice_of {
	const char *what;
	const char *const *words;
	size_t count;
};

extern const struct lb_choice_of lb_encap_words; /* enum lb_encap */
extern const struct lb_choice_of lb_table_words; /* enum lb_table */
extern const struct lb_choice_of lb_ring_words;	 /* enum lb_ring_kind */

/* Each parser returns 0, or -EINVAL and says what would be accepted. */

/* lb_address_parse - an address that can be of a host: not 0, no IPv4 in IPv6's clothes. */
int lb_address_parse(const char *text, struct slot_reason *why, struct lb_host *ret_addr);
void lb_address_format(const struct lb_host *addr, char ret_text[LB_WORDS_MAX]);
int lb_address_compare(const struct lb_host *a, const struct lb_host *b);

int lb_prefix_parse(const char *text, struct slot_reason *why, struct lb_prefix *ret_prefix);
void lb_prefix_format(const struct lb_prefix *prefix, char ret_text[LB_WORDS_MAX]);
int lb_prefix_compare(const struct lb_prefix *a, const struct lb_prefix *b);
/* lb_prefix_is_address - whether it is one address. */
bool lb_prefix_is_address(const struct lb_prefix *prefix);
/* lb_prefix_overlaps - whether an address belongs to both. */
bool lb_prefix_overlaps(const struct lb_prefix *a, const struct lb_prefix *b);

int lb_vip_name_parse(const char *text, struct slot_reason *why, struct lb_vip_name *ret_name);
void lb_vip_name_format(const struct lb_vip_name *name, char ret_text[LB_WORDS_MAX]);
int lb_vip_name_compare(const struct lb_vip_name *a, const struct lb_vip_name *b);

int lb_mac_parse(const char *text, struct slot_reason *why, __u8 ret_mac[6]);
void lb_mac_format(const __u8 mac[6], char ret_text[LB_MAC_MAX]);

/* lb_number_parse - decimal digits, from @min to @max; @what it is, for messages. */
int lb_number_parse(const char *text, const char *what, const __u32 range[2],
		    struct slot_reason *why, __u32 *ret_number);

int lb_choice_parse(const struct lb_choice_of *choice, const char *text, struct slot_reason *why,
		    __u8 *ret_value);

/* lb_flag_parse - one flag of a VIP by its name or by Katran's. */
int lb_flag_parse(const char *text, struct slot_reason *why, __u32 *ret_flag);
/* lb_flag_name - the name of the bit @bit of a VIP's flags; NULL: there is none. */
const char *lb_flag_name(unsigned int bit);
/* lb_flags_format - the names of @flags, a comma between. */
void lb_flags_format(__u32 flags, char ret_text[LB_FLAGS_MAX]);

#endif
