/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the verifier is better off not knowing. It walks what follows once for each set of
 * numbers that lead there, and of a number that it knows exactly it keeps a set for each
 * value. Seen on Linux 6.1, 6.12 and 6.18 with clang 16: a barrier_var() alone keeps clang
 * from knowing, not the verifier.
 */
#ifndef SLOT_BPF_VERIFIER_H
#define SLOT_BPF_VERIFIER_H

#include <linux/types.h>

#include <bpf/bpf_helpers.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the upper half comes second");

/*
 * verifier_forget - @number, which to the verifier may be any from here on: it does not
 * follow the upper half of what is written to the stack as a whole. The other way round,
 * halves read as a whole, the CPU would wait for both to be written.
 */
static __always_inline __u32 verifier_forget(__u32 number)
{
	volatile __u64 room = (__u64)number << 32;

	return ((volatile __u32 *)&room)[1];
}

/* verifier_forget_word - the same for 64 bits, by halves. */
static __always_inline __u64 verifier_forget_word(__u64 word)
{
	return (__u64)verifier_forget(word >> 32) << 32 | verifier_forget(word);
}

/*
 * VERIFIER_UNROLL, in front of a loop - each turn gets instructions of its own. Of the states
 * before a loop's instructions the verifier drops those that other turns did not meet (Linux 5.1
 * and newer), and walks the same again and again.
 */
#ifdef __clang__
#define VERIFIER_UNROLL _Pragma("unroll")
#else
#define VERIFIER_UNROLL
#endif

/*
 * verifier_zero - 0, of which the verifier knows that it has 32 bits, and no more: it does
 * not count the bytes between two packet pointers.
 */
static __always_inline __u64 verifier_zero(const void *start, const void *end)
{
	return (__u64)(end - start) >> 32;
}

/*
 * verifier_mix - as verifier_forget(), for whoever has a @zero of verifier_zero(): without a
 * way through memory. Of what is added or ORed, bits of @number would stay known.
 */
static __always_inline __u32 verifier_mix(__u32 number, __u64 zero)
{
	__u32 mixed = number ^ zero;

	/* Else clang may compare @number instead. */
	barrier_var(mixed);
	return mixed;
}

#endif
