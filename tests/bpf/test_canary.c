/* SPDX-License-Identifier: GPL-2.0-only */
/* Two versions of one slot side by side: which packets go where, and what is counted apart. */
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <netinet/in.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>

#include "tests/support/chaincase.h"

#define FLOWS 4000

/* A flow's packet: the addresses and ports are made of its number. */
static void make_udp(struct packet *p, unsigned int flow, size_t len, uint16_t fragment)
{
	static const char payload[512];
	char src[16];

	snprintf(src, sizeof(src), "198.51.100.%u", flow % 250 + 1);
	packet_start(p, payload, len);
	packet_udp(p, (uint16_t)(1024 + flow / 250), 53);
	packet_ip4(p, &(struct packet_ip4){ .src = src, .dst = "192.0.2.1", .fragment = fragment });
	packet_eth(p);
}

static void make_tcp6(struct packet *p, unsigned int flow, bool has_ext)
{
	char src[32];

	snprintf(src, sizeof(src), "2001:db8::%x", flow + 1);
	packet_start(p, "", 0);
	packet_tcp(p, (uint16_t)(1024 + flow), 443, 0);
	if (has_ext)
		packet_ip6_ext(p, IPPROTO_DSTOPTS, 16);
	packet_ip6(p, &(struct packet_ip6){ .src = src, .dst = "2001:db8:1::1" });
	packet_eth(p);
}

static unsigned int run(const struct chainrun *chain, struct packet *p)
{
	struct progrun answer;

	assert_int_equal(progrun_packet(chain->root_fd, p, &answer), 0);
	return answer.verdict;
}

/* The slot's own program passes, its canary drops: the verdict tells which one it was. */
static void start_pair(struct chainrun *chain, void **state, unsigned int share_ppm, __u64 cpus)
{
	chain_start(chain, state);
	chain_add(chain, 2, "ret", "verdict=2");
	chain_add_canary(chain, 2, "ret", "verdict=1");
	chain->state.slots[2].canary.share_ppm = share_ppm;
	chain->state.slots[2].canary.cpus = cpus;
	chain_build(chain);
}

/* Five standard deviations of a binomial distribution: 4,000 flows, shares of 5 and 50 %. */
static void check_share(void **state, unsigned int share_ppm, unsigned int least, unsigned int most)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct packet p;
	unsigned int canary = 0;
	unsigned int flow;

	start_pair(&chain, state, share_ppm, 0);
	for (flow = 0; flow < FLOWS; flow++) {
		make_udp(&p, flow, 20, 0);
		canary += run(&chain, &p) == XDP_DROP;
	}
	assert_in_range(canary, least, most);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, FLOWS);
	assert_int_equal(counters.slots[2].seen, FLOWS);
	assert_int_equal(counters.slots[2].verdicts[XDP_DROP], canary);
	assert_int_equal(counters.slots[2].verdicts[XDP_PASS], FLOWS - canary);
	assert_int_equal(counters.canaries[2].seen, canary);
	assert_int_equal(counters.canaries[2].verdicts[XDP_DROP], canary);
	assert_int_equal(counters.passed, FLOWS - canary);
	chainrun_end(&chain);
}

static void its_share_of_the_flows_goes_to_the_canary(void **state)
{
	check_share(state, 50000, 131, 269);
	check_share(state, 500000, 1841, 2159);
	check_share(state, 950000, FLOWS - 269, FLOWS - 131);
}

static void a_flow_stays_with_one_version(void **state)
{
	struct chainrun chain;
	struct packet p;
	unsigned int flow;

	start_pair(&chain, state, ROOT_SHARE_ALL / 2, 0);
	for (flow = 0; flow < 200; flow++) {
		unsigned int verdict;

		make_udp(&p, flow, 0, 0);
		verdict = run(&chain, &p);
		make_udp(&p, flow, 500, 0);
		assert_int_equal(run(&chain, &p), verdict);
		make_udp(&p, flow, 20, 0);
		packet_pad(&p, 120);
		assert_int_equal(run(&chain, &p), verdict);
		make_tcp6(&p, flow, false);
		verdict = run(&chain, &p);
		make_tcp6(&p, flow, true);
		assert_int_equal(run(&chain, &p), verdict);
	}
	chainrun_end(&chain);
}

/* Of a frame that is not all in sight, as in a multi-buffer packet, the headers tell the flow. */
static void a_packet_that_is_longer_than_what_is_in_sight_stays_with_its_flow(void **state)
{
	struct chainrun chain;
	struct packet p;
	unsigned int flow;

	start_pair(&chain, state, ROOT_SHARE_ALL / 2, 0);
	for (flow = 0; flow < 100; flow++) {
		unsigned int verdict;

		make_udp(&p, flow, 0, 0);
		verdict = run(&chain, &p);
		make_udp(&p, flow, 400, 0);
		packet_cut(&p, 100);
		assert_int_equal(run(&chain, &p), verdict);
	}
	chainrun_end(&chain);
}

/* Only the first fragment has ports, so none of them counts. */
static void all_fragments_of_a_packet_go_the_same_way(void **state)
{
	struct chainrun chain;
	struct packet p;
	unsigned int flow;
	unsigned int canary = 0;

	start_pair(&chain, state, ROOT_SHARE_ALL / 2, 0);
	for (flow = 0; flow < 250; flow++) {
		unsigned int verdict;

		make_udp(&p, flow, 64, 0x2000); /* more follow */
		verdict = run(&chain, &p);
		canary += verdict == XDP_DROP;
		make_udp(&p, flow, 40, 0x2009);
		assert_int_equal(run(&chain, &p), verdict);
		make_udp(&p, flow + 250, 40,
			 0x0012); /* the last, other bytes where ports would be */
		assert_int_equal(run(&chain, &p), verdict);
	}
	assert_in_range(canary, 85, 165);
	chainrun_end(&chain);
}

static void what_is_no_ip_goes_by_its_mac_addresses(void **state)
{
	struct chainrun chain;
	struct packet p;
	unsigned int canary = 0;
	unsigned int i;

	start_pair(&chain, state, ROOT_SHARE_ALL / 2, 0);
	for (i = 0; i < 400; i++) {
		unsigned char payload[46] = { (unsigned char)i, (unsigned char)(i >> 8) };
		unsigned int verdict;

		packet_start(&p, payload, sizeof(payload));
		p.ethertype = ETH_P_ARP;
		packet_eth(&p);
		packet_bytes(&p)[11] = (unsigned char)i;
		packet_bytes(&p)[10] = (unsigned char)(i >> 8);
		verdict = run(&chain, &p);
		canary += verdict == XDP_DROP;
		packet_bytes(&p)[20] ^= 0xff;
		assert_int_equal(run(&chain, &p), verdict);
	}
	assert_in_range(canary, 150, 250);
	chainrun_end(&chain);
}

/* Malformed frames of every length: some way is taken, none is lost. */
static void every_frame_goes_to_one_of_the_two(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	struct packet p;
	size_t len;

	start_pair(&chain, state, ROOT_SHARE_ALL / 2, 0);
	for (len = ETH_HLEN; len < 90; len++) {
		make_tcp6(&p, 7, true);
		packet_cut(&p, len);
		run(&chain, &p);
	}
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.packets, 90 - ETH_HLEN);
	assert_int_equal(counters.slots[2].seen, 90 - ETH_HLEN);
	assert_int_equal(counters.slots[2].verdicts[XDP_PASS] +
				 counters.slots[2].verdicts[XDP_DROP],
			 90 - ETH_HLEN);
	chainrun_end(&chain);
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void by_cpu_all_packets_of_its_cpus_go_to_the_canary(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	cpu_set_t all;
	struct packet p;
	int cpus = 0;
	int cpu;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	start_pair(&chain, state, 0, ~1ULL); /* all but the first */
	for (cpu = 0; cpu < 64; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		cpus++;
		pin_to_cpu(cpu);
		make_udp(&p, (unsigned int)cpu, 20, 0);
		assert_int_equal(run(&chain, &p), cpu ? XDP_DROP : XDP_PASS);
	}
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[2].seen, cpus);
	assert_int_equal(counters.canaries[2].seen, cpus - CPU_ISSET(0, &all));
	chainrun_end(&chain);
}

/* On a host of one CPU the verifier could know the answer: both versions stay all the same. */
static void by_cpu_neither_version_is_lost(void **state)
{
	struct chainrun chain;
	struct packet p;
	cpu_set_t all;

	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	pin_to_cpu(0);
	make_udp(&p, 1, 20, 0);
	start_pair(&chain, state, 0, ~0ULL);
	assert_int_equal(run(&chain, &p), XDP_DROP);
	chainrun_end(&chain);
	start_pair(&chain, state, 0, 1ULL << 63);
	assert_int_equal(run(&chain, &p), XDP_PASS);
	chainrun_end(&chain);
	start_pair(&chain, state, 0, 1);
	assert_int_equal(run(&chain, &p), XDP_DROP);
	chainrun_end(&chain);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void count_canary(void **state, const char *settings, struct root_rules rules,
			 struct slot_counters *ret_counters)
{
	struct chainrun chain;

	chain_start(&chain, state);
	chain_add(&chain, 2, "ret", settings);
	chain_add_canary(&chain, 2, "ret", settings);
	chain_add(&chain, 5, "stamp", "id=5");
	chain.state.slots[2].rules = rules;
	/* All CPUs: the canary answers whatever the flow is. */
	chain.state.slots[2].canary.cpus = ~0ULL;
	chain_build(&chain);
	chainrun_frame(&chain);
	*ret_counters = chainrun_counters(&chain);
	chainrun_end(&chain);
}

static void each_answer_of_a_canary_counts_twice_and_acts_once(void **state)
{
	static const struct {
		const char *settings;
		unsigned int column;
		bool goes_on;
	} answers[] = {
		{ "verdict=0", ROOT_COL_ABORTED, false }, { "verdict=1", ROOT_COL_DROP, false },
		{ "verdict=2", ROOT_COL_PASS, true },	  { "verdict=3", ROOT_COL_TX, true },
		{ "verdict=4", ROOT_COL_DENIED, false },  { "verdict=77", ROOT_COL_DENIED, false },
	};
	struct root_rules rules = {
		.continue_on = 1U << XDP_PASS | 1U << XDP_TX,
		.allow = ROOT_VERDICT_ALL & ~(1U << XDP_REDIRECT),
	};
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		struct slot_counters counters;

		count_canary(state, answers[i].settings, rules, &counters);
		assert_int_equal(counters.packets, 1);
		assert_int_equal(counters.slots[2].seen, 1);
		assert_int_equal(counters.slots[2].verdicts[answers[i].column], 1);
		assert_int_equal(counters.canaries[2].seen, 1);
		assert_int_equal(counters.canaries[2].verdicts[answers[i].column], 1);
		assert_int_equal(counters.slots[5].seen, answers[i].goes_on);
		assert_int_equal(counters.passed, answers[i].goes_on);
	}
}

/* Each canary by its own share, of what the slots before it let through. */
static void several_slots_may_have_canaries(void **state)
{
	static const unsigned int slots[] = { 0, 7, 19 };
	struct slot_counters counters;
	struct chainrun chain;
	struct packet p;
	unsigned int flow;
	size_t i;

	chain_start(&chain, state);
	for (i = 0; i < 3; i++) {
		chain_add(&chain, slots[i], "ret", "verdict=2");
		chain_add_canary(&chain, slots[i], "ret", "verdict=2");
		chain.state.slots[slots[i]].canary.share_ppm = (unsigned int)(i + 1) * 200000;
	}
	chain_build(&chain);
	for (flow = 0; flow < 1000; flow++) {
		make_udp(&p, flow, 20, 0);
		assert_int_equal(run(&chain, &p), XDP_PASS);
	}
	counters = chainrun_counters(&chain);
	for (i = 0; i < 3; i++) {
		assert_int_equal(counters.slots[slots[i]].verdicts[XDP_PASS], 1000);
		assert_in_range(counters.canaries[slots[i]].seen, (i + 1) * 200 - 80,
				(i + 1) * 200 + 80);
	}
	chainrun_end(&chain);
}

/* Both versions of each slot, and the verifier takes it. */
static void twenty_slots_may_all_have_canaries(void **state)
{
	struct slot_counters counters;
	struct chainrun chain;
	unsigned int slot;

	chain_start(&chain, state);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		chain_add(&chain, slot, "stamp", "id=1");
		chain_add_canary(&chain, slot, "stamp", "id=2");
		chain.state.slots[slot].rules.allow |= ROOT_ALLOW_SKIP;
	}
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_PASS);
	counters = chainrun_counters(&chain);
	assert_int_equal(counters.slots[19].seen, 1);
	chainrun_end(&chain);
}

static void a_canary_may_skip_where_its_slot_may(void **state)
{
	struct root_rules rules = ROOT_RULES_DEFAULT;
	struct slot_counters counters;

	count_canary(state, "verdict=0x107", rules, &counters);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_DENIED], 1);
	rules.allow |= ROOT_ALLOW_SKIP;
	count_canary(state, "verdict=0x107", rules, &counters);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_SKIPPED], 1);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_SKIPPED], 1);
	assert_int_equal(counters.slots[5].seen, 0);
	assert_int_equal(counters.passed, 1);
}

static void without_counters_a_canary_works_the_same(void **state)
{
	struct chainrun chain;
	int counters_fd;

	chain_start(&chain, state);
	counters_fd = chain.build.counters_fd;
	chain.build.counters_fd = -1;
	chain_add(&chain, 2, "ret", "verdict=2");
	chain_add_canary(&chain, 2, "ret", "verdict=1");
	chain.state.slots[2].canary.cpus = ~0ULL;
	chain_build(&chain);
	chain_assert_verdict(&chain, XDP_DROP);
	chain.build.counters_fd = counters_fd;
	chainrun_end(&chain);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(its_share_of_the_flows_goes_to_the_canary),
	CHAIN_CASE(a_flow_stays_with_one_version),
	CHAIN_CASE(a_packet_that_is_longer_than_what_is_in_sight_stays_with_its_flow),
	CHAIN_CASE(all_fragments_of_a_packet_go_the_same_way),
	CHAIN_CASE(what_is_no_ip_goes_by_its_mac_addresses),
	CHAIN_CASE(every_frame_goes_to_one_of_the_two),
	CHAIN_CASE(by_cpu_all_packets_of_its_cpus_go_to_the_canary),
	CHAIN_CASE(by_cpu_neither_version_is_lost),
	CHAIN_CASE(each_answer_of_a_canary_counts_twice_and_acts_once),
	CHAIN_CASE(several_slots_may_have_canaries),
	CHAIN_CASE(twenty_slots_may_all_have_canaries),
	CHAIN_CASE(a_canary_may_skip_where_its_slot_may),
	CHAIN_CASE(without_counters_a_canary_works_the_same),
};

int main(void)
{
	return chain_cases_run("canary on packets", cases, sizeof(cases) / sizeof(cases[0]));
}
