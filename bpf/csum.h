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

#endif
