/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What rings and flow hashes promise, with a million flows: each real's share
 * follows its weight, a change moves what it must, and the flows spread over the
 * ring. The draws are always the same, so a bound is met or not; figures are printed.
 */
#include <endian.h>
#include <string.h>
#include <time.h>

#include "programs/lb/ring/lb_flow_hash.h"
#include "programs/lb/ring/lb_ring.h"
#include "tests/support/tap.h"

#define FLOWS 1000000
#define REALS 100
#define MANY_REALS 1000

static struct lb_ring_real reals[MANY_REALS];
static __u32 before[LB_RING_SIZE], after[LB_RING_SIZE];
static __u32 flows_at[LB_RING_SIZE];
static const char *const kinds[] = { "maglev1", "maglev2", "hrw" };

static __u32 draw(__u64 *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return *state >> 32;
}

/* Every tenth real weighs five times as much as the others where @weighted. */
static void make_reals(__u32 count, bool weighted)
{
	for (__u32 i = 0; i < count; i++) {
		__be32 addr = htobe32(0xc6336400 + i); /* 198.51.100.0 and on */

		reals[i] = (struct lb_ring_real){ .index = i + 1, .weight = 2 };
		memcpy(reals[i].addr, &addr, sizeof(addr));
		if (weighted && i % 10 == 0)
			reals[i].weight = 10;
	}
}

static void build(enum lb_ring_kind kind, __u32 count, __u32 *ret_ring)
{
	assert_int_equal(lb_ring_build(kind, reals, count, ret_ring), 0);
}

static int draw_flows(void **state)
{
	__u64 random = 1;

	(void)state;
	memset(flows_at, 0, sizeof(flows_at));
	for (int i = 0; i < FLOWS; i++) {
		__u32 src = draw(&random), ports = draw(&random);

		flows_at[lb_flow_hash4(LB_JHASH, src, ports) % LB_RING_SIZE]++;
	}
	return 0;
}

/* How far off the shares are: squared, by the variance of @positions thrown at random. */
static double worst_share(const __u32 *ring, __u32 count, double positions)
{
	double total = 0, worst = 0;

	for (__u32 i = 0; i < count; i++)
		total += reals[i].weight;
	for (__u32 i = 0; i < count; i++) {
		double expected = reals[i].weight / total, share = 0, off;

		for (__u32 p = 0; p < LB_RING_SIZE; p++)
			share += ring[p] == reals[i].index ? flows_at[p] : 0;
		off = share / FLOWS - expected;
		off = off * off / (expected * (1 - expected) / positions);
		worst = off > worst ? off : worst;
	}
	return worst;
}

static void shares_follow_the_weights(void **state)
{
	/* Maglev's shares are exact, so there only the flows are drawn. */
	static const double positions[] = { FLOWS, FLOWS, 1 / (1. / LB_RING_SIZE + 1. / FLOWS) };

	(void)state;
	for (enum lb_ring_kind kind = 0; kind < LB_RING_KINDS; kind++) {
		double worst;

		make_reals(REALS, kind != LB_MAGLEV1);
		build(kind, REALS, before);
		worst = worst_share(before, REALS, positions[kind]);
		print_message("# %s: of %d reals the worst share is off by %.1f variances\n",
			      kinds[kind], REALS, worst);
		assert_true(worst < 16);
	}
}

/* Flows whose real is another one after than before, though it is not @index. */
static __u32 moved_besides(__u32 index, __u32 *ret_own)
{
	__u32 moved = 0;

	*ret_own = 0;
	for (__u32 p = 0; p < LB_RING_SIZE; p++) {
		if (before[p] == index || after[p] == index)
			*ret_own += before[p] != after[p] ? flows_at[p] : 0;
		else if (before[p] != after[p])
			moved += flows_at[p];
	}
	return moved;
}

static __u32 weigh(enum lb_ring_kind kind, __u32 real, __u32 weight, __u32 *ret_own)
{
	make_reals(REALS, kind != LB_MAGLEV1);
	build(kind, REALS, before);
	reals[real].weight = weight;
	build(kind, REALS, after);
	return moved_besides(reals[real].index, ret_own);
}

/* Removed, added and weighed again: HRW moves what is the real's or becomes it. */
static void hrw_moves_only_what_it_must(void **state)
{
	__u32 own;

	(void)state;
	for (__u32 real = 0; real < REALS; real += 33) {
		assert_int_equal(weigh(LB_HRW, real, 0, &own), 0);
		assert_true(own > 0);
		memcpy(before, after, sizeof(before));
		make_reals(REALS, true);
		build(LB_HRW, REALS, after);
		assert_int_equal(moved_besides(reals[real].index, &own), 0);
		assert_int_equal(weigh(LB_HRW, real, 40, &own), 0);
		assert_true(own > 0);
		assert_int_equal(weigh(LB_HRW, real, 1, &own), 0);
	}
}

/* With more weight a real loses nothing, with less it gains nothing. */
static void hrw_moves_in_one_direction(void **state)
{
	__u32 own;

	(void)state;
	weigh(LB_HRW, 7, 3, &own);
	for (__u32 p = 0; p < LB_RING_SIZE; p++)
		assert_true(before[p] != 8 || after[p] == 8);
	weigh(LB_HRW, 7, 1, &own);
	for (__u32 p = 0; p < LB_RING_SIZE; p++)
		assert_true(after[p] != 8 || before[p] == 8);
}

/* What the removed real had goes to the others by their weights. */
static void hrw_spreads_what_a_removed_real_had(void **state)
{
	double heavy = 0, all = 0;
	__u32 own;

	(void)state;
	weigh(LB_HRW, 0, 0, &own);
	for (__u32 p = 0; p < LB_RING_SIZE; p++) {
		all += before[p] == 1;
		heavy += before[p] == 1 && after[p] % 10 == 1;
	}
	/* 9 of weight 10 beside 90 of weight 2 */
	print_message("# hrw: %.1f %% go to reals that have 33.3 %% of the weight\n",
		      100 * heavy / all);
	assert_true((heavy / all - 1. / 3) * (heavy / all - 1. / 3) < 16 * (2. / 9 / all));
}

static void maglev_moves_little_more_than_it_must(void **state)
{
	(void)state;
	for (enum lb_ring_kind kind = LB_MAGLEV1; kind <= LB_MAGLEV2; kind++) {
		__u32 own, besides, worst = 0;

		for (__u32 real = 1; real < REALS; real += 14) {
			besides = weigh(kind, real, 0, &own);
			worst = besides > worst ? besides : worst;
		}
		print_message("# %s: without one of %d, up to %.2f %% of the others' flows move\n",
			      kinds[kind], REALS, 100. * worst / FLOWS);
		assert_true(worst < FLOWS * 3 / 100);
	}
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

/* Built with sanitizers, which cost some five times; the bench has the product's times. */
static void a_ring_of_1000_reals_is_built_in_time(void **state)
{
	static const double bounds[] = { 100, 100, 2000 };

	(void)state;
	make_reals(MANY_REALS, true);
	for (enum lb_ring_kind kind = 0; kind < LB_RING_KINDS; kind++) {
		double start = cpu_ms();

		build(kind, MANY_REALS, before);
		print_message("# %s: %.1f ms\n", kinds[kind], cpu_ms() - start);
		assert_true(cpu_ms() - start < bounds[kind]);
	}
}

/* --- flow hashes ----------------------------------------------------------------------------- */

enum pattern {
	RANDOM,	    /* any client, any port */
	ONE_CLIENT, /* ports in a row, then the next client */
	CLIENTS,    /* clients in a row, one port */
	PATTERNS,
};

static const char *const patterns[] = { "drawn", "ports in a row", "clients in a row" };
static const char *const hashes[] = { "jhash", "xxhash", "murmur3" };

static __u32 flow_hash(enum lb_hash hash, enum pattern pattern, bool is_ip6, __u32 i)
{
	static __u64 random = 3;
	__u32 client = pattern == RANDOM  ? draw(&random) :
		       pattern == CLIENTS ? 0x0a000000 + i :
					    0xc0000201 + i / 28000;
	__u32 port = pattern == RANDOM	? draw(&random) % 65536 :
		     pattern == CLIENTS ? 40000 :
					  32768 + i % 28000;
	__be32 src[4] = { htobe32(0x20010db8), 0, 0, htobe32(client) };
	__u32 ports = htobe32(port << 16 | 443);

	return is_ip6 ? lb_flow_hash6(hash, src, ports) : lb_flow_hash4(hash, src[3], ports);
}

/* Chi-squared by its degrees of freedom: 1 for chance, with a deviation of 0.0055. */
static double spread(enum lb_hash hash, enum pattern pattern, bool is_ip6)
{
	double expected = (double)FLOWS / LB_RING_SIZE, sum = 0;

	memset(flows_at, 0, sizeof(flows_at));
	for (__u32 i = 0; i < FLOWS; i++)
		flows_at[flow_hash(hash, pattern, is_ip6, i) % LB_RING_SIZE]++;
	for (__u32 p = 0; p < LB_RING_SIZE; p++)
		sum += (flows_at[p] - expected) * (flows_at[p] - expected) / expected;
	return sum / (LB_RING_SIZE - 1);
}

/*
 * Two words are few for jhash: its rounds do not hide all of a pattern in them. It is
 * a quarter more than chance at worst, and that between positions, not between reals.
 */
static void flow_hashes_spread_over_the_ring(void **state)
{
	static const double bounds[] = { [LB_JHASH] = 1.4, [LB_XXHASH] = 1.03, [LB_MURMUR3] = 1.03 };

	(void)state;
	for (enum lb_hash hash = 0; hash < LB_HASHES; hash++) {
		for (int i = 0; i < 2 * PATTERNS; i++) {
			double value = spread(hash, i / 2, i % 2);

			print_message("# %s of IPv%d, %s: %.3f\n", hashes[hash], i % 2 ? 6 : 4,
				      patterns[i / 2], value);
			assert_true(value < bounds[hash]);
		}
	}
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, shares_follow_the_weights, draw_flows, NULL);
	TAP_ADD(&plan, hrw_moves_only_what_it_must, draw_flows, NULL);
	TAP_ADD(&plan, hrw_moves_in_one_direction, NULL, NULL);
	TAP_ADD(&plan, hrw_spreads_what_a_removed_real_had, NULL, NULL);
	TAP_ADD(&plan, maglev_moves_little_more_than_it_must, draw_flows, NULL);
	TAP_ADD(&plan, a_ring_of_1000_reals_is_built_in_time, NULL, NULL);
	TAP_ADD(&plan, flow_hashes_spread_over_the_ring, NULL, NULL);
	return tap_run(&plan, "lb_ring_change", 0);
}
