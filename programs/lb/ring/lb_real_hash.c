/* SPDX-License-Identifier: GPL-2.0-only */
#include <endian.h>
#include <string.h>

#include "programs/lb/ring/lb_real_hash.h"

static __u64 rotate(__u64 word, unsigned int bits)
{
	return word << bits | word >> (64 - bits);
}

/* --- MurmurHash3_x64_128 (Austin Appleby 2010, SMHasher) ------------------------------------- */

__u64 lb_murmur_mix(__u64 word)
{
	word = (word ^ word >> 33) * 0xff51afd7ed558ccdULL;
	word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ULL;
	return word ^ word >> 33;
}

__u64 lb_murmur_words(__u64 first, __u64 second, __u32 seed)
{
	const __u64 factor1 = 0x87c37b91114253d5ULL, factor2 = 0x4cf5ad432745937fULL;
	__u64 a = seed, b = seed;

	a ^= rotate(first * factor1, 31) * factor2;
	a = (rotate(a, 27) + b) * 5 + 0x52dce729;
	b ^= rotate(second * factor2, 33) * factor1;
	b = (rotate(b, 31) + a) * 5 + 0x38495ab5;

	a ^= 16;
	b ^= 16;
	a += b;
	b += a;
	return lb_murmur_mix(a) + lb_murmur_mix(b);
}

/* --- SpookyHash V2 (Bob Jenkins 2012), its short form ---------------------------------------- */

#define SPOOKY_CONST 0xdeadbeefdeadbeefULL

/* Each step turns a word, adds the next to it, and goes into the one after that. */
static void spooky_mix(__u64 s[4])
{
	static const unsigned char turns[] = { 50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36 };

	for (unsigned int i = 0; i < sizeof(turns); i++) {
		unsigned int at = i + 2;

		s[at % 4] = rotate(s[at % 4], turns[i]) + s[(at + 1) % 4];
		s[(at + 2) % 4] ^= s[at % 4];
	}
}

static void spooky_end(__u64 s[4])
{
	static const unsigned char turns[] = { 15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63 };

	for (unsigned int i = 0; i < sizeof(turns); i++) {
		unsigned int at = i + 3;

		s[at % 4] ^= s[(at + 3) % 4];
		s[(at + 3) % 4] = rotate(s[(at + 3) % 4], turns[i]);
		s[at % 4] += s[(at + 3) % 4];
	}
}

void lb_spooky(const __u8 bytes[16], __u64 ret_hash[2])
{
	__u64 words[2];
	__u64 s[4] = { 0, 0, SPOOKY_CONST, SPOOKY_CONST };

	memcpy(words, bytes, sizeof(words));
	s[2] += le64toh(words[0]);
	s[3] += le64toh(words[1]);
	spooky_mix(s);

	/* Nothing is left of the 16 bytes but their number. */
	s[3] += 16ULL << 56;
	s[2] += SPOOKY_CONST;
	s[3] += SPOOKY_CONST;
	spooky_end(s);
	ret_hash[0] = s[0];
	ret_hash[1] = s[1];
}

/* --- reals ----------------------------------------------------------------------------------- */

/* FNV-1, 32 bits, but for bytes from 0x80 on, which Katran extends with their sign. */
static __u32 hash_address4(const __u8 addr[4])
{
	__u32 hash = 2166136261U;

	for (int i = 0; i < 4; i++)
		hash = hash * 16777619U ^ (__u32)(signed char)addr[i];
	return hash;
}

/* 128 bits to 64, as CityHash does it. */
static __u64 join_words(__u64 upper, __u64 lower)
{
	const __u64 factor = 0x9ddfea08eb382d69ULL;
	__u64 a = (lower ^ upper) * factor;
	__u64 b;

	a ^= a >> 47;
	b = (upper ^ a) * factor;
	b ^= b >> 47;
	return b * factor;
}

__u64 lb_real_hash(const __u8 addr[16], bool is_ip6)
{
	static const __u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	__u64 halves[2];

	if (!is_ip6)
		return join_words(2, hash_address4(addr));
	if (!memcmp(addr, mapped, sizeof(mapped)))
		return join_words(2, hash_address4(addr + sizeof(mapped)));
	lb_spooky(addr, halves);
	return join_words(10, join_words(halves[0], halves[1]));
}
