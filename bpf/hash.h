/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Three 32-bit hashes over words as they stand in memory: plain C, the same in a
 * BPF program and in user space. On a little-endian host each equals the published
 * hash over the same bytes.
 *
 * @count is a constant wherever BPF calls them, so that the loops unroll and the
 * words stay in registers. None of the three resists who chooses the input to
 * collide: what an attacker must not predict has to come from @seed, and even then
 * only as far as guessing goes.
 */
#ifndef SLOT_BPF_HASH_H
#define SLOT_BPF_HASH_H

#include <linux/types.h>

#define HASH_INLINE static inline __attribute__((__always_inline__))

HASH_INLINE __u32 hash_rotate(__u32 word, __u32 bits)
{
	return word << bits | word >> (32 - bits);
}

/* --- Jenkins (lookup3, Bob Jenkins 2006), which Linux and Katran call jhash ------------------- */

#define HASH_JENKINS_START 0xdeadbeefU

struct hash_jenkins_state {
	__u32 a, b, c;
};

HASH_INLINE void hash_jenkins_mix(struct hash_jenkins_state *s)
{
	s->a = (s->a - s->c) ^ hash_rotate(s->c, 4);
	s->c += s->b;
	s->b = (s->b - s->a) ^ hash_rotate(s->a, 6);
	s->a += s->c;
	s->c = (s->c - s->b) ^ hash_rotate(s->b, 8);
	s->b += s->a;
	s->a = (s->a - s->c) ^ hash_rotate(s->c, 16);
	s->c += s->b;
	s->b = (s->b - s->a) ^ hash_rotate(s->a, 19);
	s->a += s->c;
	s->c = (s->c - s->b) ^ hash_rotate(s->b, 4);
	s->b += s->a;
}

HASH_INLINE void hash_jenkins_end(struct hash_jenkins_state *s)
{
	s->c = (s->c ^ s->b) - hash_rotate(s->b, 14);
	s->a = (s->a ^ s->c) - hash_rotate(s->c, 11);
	s->b = (s->b ^ s->a) - hash_rotate(s->a, 25);
	s->c = (s->c ^ s->b) - hash_rotate(s->b, 16);
	s->a = (s->a ^ s->c) - hash_rotate(s->c, 4);
	s->b = (s->b ^ s->a) - hash_rotate(s->a, 14);
	s->c = (s->c ^ s->b) - hash_rotate(s->b, 24);
}

/*
 * hash_jenkins - of @count words. Linux' jhash(words, 4 * count, seed), and so with
 * two words its jhash_2words(words[0], words[1], seed).
 */
HASH_INLINE __u32 hash_jenkins(const __u32 *words, __u32 count, __u32 seed)
{
	__u32 start = HASH_JENKINS_START + count * 4 + seed;
	struct hash_jenkins_state s = { start, start, start };

	/* The last three words belong to the end, also where that leaves none to mix. */
	for (; count > 3; count -= 3, words += 3) {
		s.a += words[0];
		s.b += words[1];
		s.c += words[2];
		hash_jenkins_mix(&s);
	}
	if (!count)
		return s.c;
	s.a += words[0];
	s.b += count > 1 ? words[1] : 0;
	s.c += count > 2 ? words[2] : 0;
	hash_jenkins_end(&s);
	return s.c;
}

/* --- XXH32 (doc/xxhash_spec.md of xxHash 0.8) ------------------------------------------------ */

#define HASH_XXH_PRIME1 0x9e3779b1U
#define HASH_XXH_PRIME2 0x85ebca77U
#define HASH_XXH_PRIME3 0xc2b2ae3dU
#define HASH_XXH_PRIME4 0x27d4eb2fU
#define HASH_XXH_PRIME5 0x165667b1U

HASH_INLINE __u32 hash_xxh_lane(__u32 lane, __u32 word)
{
	return hash_rotate(lane + word * HASH_XXH_PRIME2, 13) * HASH_XXH_PRIME1;
}

/* hash_xxh_stripes - the stripes of four words at @words, joined. */
HASH_INLINE __u32 hash_xxh_stripes(const __u32 *words, __u32 stripes, __u32 seed)
{
	__u32 lane1 = seed + HASH_XXH_PRIME1 + HASH_XXH_PRIME2;
	__u32 lane2 = seed + HASH_XXH_PRIME2;
	__u32 lane3 = seed;
	__u32 lane4 = seed - HASH_XXH_PRIME1;

	for (; stripes; stripes--, words += 4) {
		lane1 = hash_xxh_lane(lane1, words[0]);
		lane2 = hash_xxh_lane(lane2, words[1]);
		lane3 = hash_xxh_lane(lane3, words[2]);
		lane4 = hash_xxh_lane(lane4, words[3]);
	}
	return hash_rotate(lane1, 1) + hash_rotate(lane2, 7) + hash_rotate(lane3, 12) +
	       hash_rotate(lane4, 18);
}

/* hash_xxh32 - of @count words. */
HASH_INLINE __u32 hash_xxh32(const __u32 *words, __u32 count, __u32 seed)
{
	__u32 hash = count < 4 ? seed + HASH_XXH_PRIME5 : hash_xxh_stripes(words, count / 4, seed);

	hash += count * 4;
	for (__u32 i = count & ~3U; i < count; i++)
		hash = hash_rotate(hash + words[i] * HASH_XXH_PRIME3, 17) * HASH_XXH_PRIME4;

	hash = (hash ^ hash >> 15) * HASH_XXH_PRIME2;
	hash = (hash ^ hash >> 13) * HASH_XXH_PRIME3;
	return hash ^ hash >> 16;
}

/* --- MurmurHash3_x86_32 (Austin Appleby 2010, SMHasher) -------------------------------------- */

/* hash_murmur3 - of @count words. */
HASH_INLINE __u32 hash_murmur3(const __u32 *words, __u32 count, __u32 seed)
{
	__u32 hash = seed;

	for (__u32 i = 0; i < count; i++) {
		hash ^= hash_rotate(words[i] * 0xcc9e2d51U, 15) * 0x1b873593U;
		hash = hash_rotate(hash, 13) * 5 + 0xe6546b64U;
	}

	hash ^= count * 4;
	hash = (hash ^ hash >> 16) * 0x85ebca6bU;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35U;
	return hash ^ hash >> 16;
}

#endif
