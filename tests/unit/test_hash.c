/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three hashes of bpf/hash.h against what others published for the same bytes.
 *
 * Jenkins: the comments of lookup3.c (Bob Jenkins, 2006) give the hash of "Four
 * score and seven years ago"; the rows here are words, so they come from a
 * transcription of its hashlittle() that gives that hash.
 * XXH32: cli/xsum_sanity_check.c of xxHash 0.8, and xxHashTests.swift of xxHash-Swift.
 * Murmur3: the vectors collected for SMHasher's MurmurHash3_x86_32
 * (stackoverflow.com/questions/14747343).
 */
#include <string.h>

#include "bpf/hash.h"
#include "tests/support/tap.h"

struct hash_case {
	const char *name;
	__u32 (*hash)(const __u32 *words, __u32 count, __u32 seed);
	const char *bytes;
	__u32 len;
	__u32 seed;
	__u32 expected;
};

static __u32 jenkins(const __u32 *words, __u32 count, __u32 seed)
{
	return hash_jenkins(words, count, seed);
}

static __u32 xxh32(const __u32 *words, __u32 count, __u32 seed)
{
	return hash_xxh32(words, count, seed);
}

static __u32 murmur3(const __u32 *words, __u32 count, __u32 seed)
{
	return hash_murmur3(words, count, seed);
}

#define CASE(sentence, hash, bytes, seed, expected)                                                \
	{ #sentence, hash, bytes, sizeof(bytes) - 1, seed, expected }

static const struct hash_case cases[] = {
	CASE(jenkins_of_nothing, jenkins, "", 0, 0xdeadbeef),
	CASE(jenkins_of_one_word, jenkins, "Four", 0, 0xf0dbeea6),
	CASE(jenkins_of_two_words, jenkins, "Four sco", 0, 0x2ca474f0),
	CASE(jenkins_of_two_words_seeded_as_a_v4_flow, jenkins, "Four sco", 33554944, 0x8cae8af9),
	CASE(jenkins_of_three_words, jenkins, "Four score a", 0, 0xccda323b),
	CASE(jenkins_of_four_words, jenkins, "Four score and s", 0, 0x17bd0180),
	CASE(jenkins_of_four_words_seeded_as_a_v6_address, jenkins, "Four score and s", 512,
	     0xf7f2a490),
	CASE(jenkins_of_five_words, jenkins, "Four score and seven", 0, 0xaf53f65a),
	CASE(jenkins_of_seven_words, jenkins, "Four score and seven years a", 0, 0xa70fa8be),

	CASE(xxh32_of_nothing, xxh32, "", 0, 0x02cc5d05),
	CASE(xxh32_of_nothing_seeded, xxh32, "", 2654435761U, 0x36b78ae7),
	CASE(xxh32_of_one_word, xxh32, "1234", 0, 0x01543429),
	CASE(xxh32_of_two_words, xxh32, "12345678", 0, 0x89f05aa5),
	CASE(xxh32_of_three_words, xxh32, "123456789ABC", 0, 0x4c91c2e5),
	CASE(xxh32_of_a_stripe, xxh32, "123456789ABCDEF1", 0, 0x82d80129),
	CASE(xxh32_of_a_stripe_and_a_word, xxh32, "123456789ABCDEF12345", 0, 0x8cc12eb4),
	CASE(xxh32_of_a_stripe_and_two_words, xxh32, "123456789ABCDEF123456789", 0, 0x1f34766d),

	CASE(murmur3_of_nothing, murmur3, "", 0, 0),
	CASE(murmur3_of_nothing_seeded, murmur3, "", 1, 0x514e28b7),
	CASE(murmur3_of_nothing_seeded_with_ones, murmur3, "", 0xffffffff, 0x81f16f39),
	CASE(murmur3_of_ones, murmur3, "\xff\xff\xff\xff", 0, 0x76293b50),
	CASE(murmur3_of_a_word, murmur3, "\x21\x43\x65\x87", 0, 0xf55b516b),
	CASE(murmur3_of_a_word_seeded, murmur3, "\x21\x43\x65\x87", 0x5082edee, 0x2362f9de),
	CASE(murmur3_of_zeros, murmur3, "\0\0\0\0", 0, 0x2362f9de),
	CASE(murmur3_of_a_seeded_word, murmur3, "abcd", 0x9747b28c, 0xf0478627),
	CASE(murmur3_of_four_words, murmur3,
	     "\xcf\x80\xcf\x80\xcf\x80\xcf\x80\xcf\x80\xcf\x80\xcf\x80\xcf\x80", 0x9747b28c,
	     0xd58063c1),
	CASE(murmur3_of_14_words, murmur3,
	     "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 0, 0xee925b90),
};

static void check_hash(void **state)
{
	const struct hash_case *c = *state;
	__u32 words[16] = {};

	assert_int_equal(c->len % 4, 0);
	memcpy(words, c->bytes, c->len);
	assert_int_equal(c->hash(words, c->len / 4, c->seed), c->expected);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, check_hash, cases);
	return tap_run(&plan, "hash", 0);
}
