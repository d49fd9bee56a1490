/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whole rings against those that tests/vectors/rings.py made (rings.tsv), and the
 * hashes of reals against published ones: MurmurHash3_x64_128 of "123456789abcdef1"
 * as many implementations test it, SpookyHash V2 from Bob Jenkins' TestResults(),
 * whose line for 16 bytes has the lower half of the first word.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "programs/lb/ring/lb_real_hash.h"
#include "programs/lb/ring/lb_ring.h"
#include "tests/support/tap.h"

#define RINGS "tests/vectors/rings.tsv"
#define CASES_MAX 128
#define REALS_MAX 4096

struct ring_case {
	const char *name;
	const char *kind;
	char *reals;
	const char *sha256;
};

static struct ring_case cases[CASES_MAX];
static size_t case_count;
static __u32 ring[LB_RING_SIZE];

/* The checkout is where build/tests/unit/test_lb_ring is built. */
static FILE *open_rings(void)
{
	char path[PATH_MAX + sizeof(RINGS)] = "";

	if (readlink("/proc/self/exe", path, PATH_MAX - 1) < 0)
		return NULL;
	for (int i = 0; i < 4; i++)
		*strrchr(path, '/') = '\0';
	strcat(path, "/" RINGS);
	return fopen(path, "re");
}

static size_t read_cases(void)
{
	FILE *file = open_rings();
	size_t count = 0, room = 0;
	char *line = NULL, *rest;

	while (file && count < CASES_MAX && getline(&line, &room, file) > 0) {
		rest = line;
		cases[count].name = strsep(&rest, "\t");
		cases[count].kind = strsep(&rest, "\t");
		cases[count].reals = strsep(&rest, "\t");
		cases[count++].sha256 = strsep(&rest, "\n");
		line = NULL; /* the case keeps it */
	}
	free(line);
	if (file)
		fclose(file);
	return count;
}

static enum lb_ring_kind find_kind(const char *name)
{
	if (!strcmp(name, "maglev1"))
		return LB_MAGLEV1;
	if (!strcmp(name, "maglev2"))
		return LB_MAGLEV2;
	assert_string_equal(name, "hrw");
	return LB_HRW;
}

static void add_to_address(struct lb_ring_real *real, __u32 add)
{
	__u8 *end = real->addr + (real->is_ip6 ? 12 : 0);
	__be32 last;

	memcpy(&last, end, sizeof(last));
	last = htobe32(be32toh(last) + add);
	memcpy(end, &last, sizeof(last));
}

/* ADDRESS[+COUNT]*WEIGHT */
static size_t expand_part(char *part, struct lb_ring_real *ret_reals, size_t found)
{
	unsigned long count = 1, i;
	struct lb_ring_real real = {};
	char *weight = strchr(part, '*'), *plus;

	*weight++ = '\0';
	real.weight = strtoul(weight, NULL, 10);
	plus = strchr(part, '+');
	if (plus) {
		*plus = '\0';
		count = strtoul(plus + 1, NULL, 10);
	}
	real.is_ip6 = strchr(part, ':');
	assert_int_equal(inet_pton(real.is_ip6 ? AF_INET6 : AF_INET, part, real.addr), 1);

	assert_true(found + count <= REALS_MAX);
	for (i = 0; i < count; i++) {
		ret_reals[found + i] = real;
		ret_reals[found + i].index = found + i + 1;
		add_to_address(&ret_reals[found + i], i);
	}
	return found + count;
}

static void check_ring(void **state)
{
	static struct lb_ring_real reals[REALS_MAX];
	const struct ring_case *c = *state;
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[sizeof(hash) * 2 + 1];
	char *rest = c->reals, *part;
	size_t count = 0;

	while ((part = strsep(&rest, ",")))
		count = expand_part(part, reals, count);
	assert_int_equal(lb_ring_build(find_kind(c->kind), reals, count, ring), 0);
	for (size_t i = 0; i < LB_RING_SIZE; i++)
		ring[i] = htole32(ring[i]);
	crypto_hash_sha256(hash, (const unsigned char *)ring, sizeof(ring));
	assert_string_equal(sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash)), c->sha256);
}

static void the_known_rings_are_there(void **state)
{
	(void)state;
	assert_true(case_count > 0 && case_count < CASES_MAX);
}

static void refuses_an_unknown_kind(void **state)
{
	struct lb_ring_real real = { .weight = 1, .index = 1 };

	(void)state;
	ring[0] = 7;
	assert_int_equal(lb_ring_build(LB_RING_KINDS, &real, 1, ring), -EINVAL);
	assert_int_equal(ring[0], 7);
}

static void murmur_of_two_words_is_as_published(void **state)
{
	__u64 words[2];

	(void)state;
	memcpy(words, "123456789abcdef1", sizeof(words));
	assert_true(lb_murmur_words(le64toh(words[0]), le64toh(words[1]), 0) ==
		    9259082041050667785ULL);
}

static void spooky_of_16_bytes_is_as_published(void **state)
{
	__u8 bytes[16];
	__u64 hash[2];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = i + 128;
	lb_spooky(bytes, hash);
	assert_int_equal((__u32)hash[0], 0xf274736c);
}

static void a_mapped_address_hashes_as_the_ip4_address(void **state)
{
	static const __u8 ip4[16] = { 192, 0, 2, 200 };
	static const __u8 mapped[16] = { [10] = 0xff, 0xff, 192, 0, 2, 200 };

	(void)state;
	assert_true(lb_real_hash(mapped, true) == lb_real_hash(ip4, false));
}

int main(void)
{
	struct tap_plan plan = {};

	case_count = read_cases();
	TAP_ADD(&plan, the_known_rings_are_there, NULL, NULL);
	TAP_ADD(&plan, murmur_of_two_words_is_as_published, NULL, NULL);
	TAP_ADD(&plan, spooky_of_16_bytes_is_as_published, NULL, NULL);
	TAP_ADD(&plan, a_mapped_address_hashes_as_the_ip4_address, NULL, NULL);
	TAP_ADD(&plan, refuses_an_unknown_kind, NULL, NULL);
	tap_add_table(&plan, &(struct CMUnitTest){ .test_func = check_ring }, cases, case_count,
		      sizeof(cases[0]));
	return tap_run(&plan, "lb_ring", 0);
}
