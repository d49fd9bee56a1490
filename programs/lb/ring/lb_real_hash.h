/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The numbers that rings are made of: a real's hash, which follows from its address
 * alone, so that hosts that share nothing build the same ring. Pure: no system call.
 */
#ifndef LB_REAL_HASH_H
#define LB_REAL_HASH_H

#include <stdbool.h>

#include <linux/types.h>

/*
 * lb_real_hash - as Katran hashes a real. @addr in network byte order, IPv4 in the
 * first 4 bytes; ::ffff:a.b.c.d counts as the IPv4 address in it.
 */
__u64 lb_real_hash(const __u8 addr[16], bool is_ip6);

/* lb_murmur_words - the first half of MurmurHash3_x64_128 over two words. */
__u64 lb_murmur_words(__u64 first, __u64 second, __u32 seed);

/* lb_murmur_mix - what MurmurHash3_x64_128 ends with: every bit of @word counts in every bit. */
__u64 lb_murmur_mix(__u64 word);

/* lb_spooky - SpookyHash V2 over 16 bytes, seeds 0, both halves. */
void lb_spooky(const __u8 bytes[16], __u64 ret_hash[2]);

#endif
