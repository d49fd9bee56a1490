/* SPDX-License-Identifier: GPL-2.0-only */
/* Internet checksums, changed along with the bytes that they cover. */
#ifndef SLOT_BPF_CSUM_H
#define SLOT_BPF_CSUM_H

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

/* csum_fold - the one's complement of @sum, folded to 16 bits. */
static __always_inline __sum16 csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* csum_fold64 - the same of a sum that may be larger than 32 bits. */
static __always_inline __sum16 csum_fold64(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	return csum_fold(sum);
}

/* csum_replace - @check after a covered 16-bit word changed from @from to @to (RFC 1624, 3). */
static __always_inline __sum16 csum_replace(__sum16 check, __be16 from, __be16 to)
{
	return csum_fold((__u16)~check + (__u16)~from + to);
}

/* csum_replace4 - the same after a word of 32 bits changed, @from and @to as they stand there. */
static __always_inline __sum16 csum_replace4(__sum16 check, __u32 from, __u32 to)
{
	return csum_fold64((__u64)(__u16)~check + (__u32)~from + to);
}

/* csum_replace16 - the same after an IPv6 address changed. */
static __always_inline __sum16 csum_replace16(__sum16 check, const __u32 from[4], const __u32 to[4])
{
	__u64 sum = (__u16)~check;

	sum += (__u64)(__u32)~from[0] + (__u32)~from[1] + (__u32)~from[2] + (__u32)~from[3];
	sum += (__u64)to[0] + to[1] + to[2] + to[3];
	return csum_fold64(sum);
}

#endif
