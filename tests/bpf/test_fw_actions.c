/* SPDX-License-Identifier: GPL-2.0-only */
/* What follows from a rule that matched: limits, samples, hits. */
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/firewall_case.h"
#include "tests/support/fw_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define SECOND_NS 1000000000ULL
#define HOUR_NS (3600 * SECOND_NS)

struct bed {
	struct bpf_object *object;
	int prog_fd;
	__u64 samples_seen;
};

static struct bed open_bed(void)
{
	struct bed bed = { .object = fw_case_open(4096) };

	bed.prog_fd = progrun_fd(bed.object, "firewall");
	assert_true(bed.prog_fd >= 0);
	return bed;
}

/* A packet each @packet_ns, @burst at once. */
static struct fw_action make_limit(enum fw_limit limit, __u64 packet_ns, __u64 burst)
{
	return (struct fw_action){
		.packet_ns = packet_ns,
		.burst_ns = (burst - 1) * packet_ns,
		.limit = (__u8)limit,
	};
}

/* One rule for each action, by the destination port 1, 2 ..., of both families. */
static void load_actions(struct bed *bed, const struct fw_action *actions, size_t count)
{
	struct fw_entry entries[8] = {};
	size_t i;

	assert_in_range(count, 1, 8);
	for (i = 0; i < count; i++) {
		entries[i].bits[0].value = 1ULL << FW_PORTS_SHIFT;
		entries[i].bits[0].mask = 1ULL << FW_PORTS_SHIFT;
		entries[i].ports =
			(struct fw_port_ranges){ .dport_lo = (__u16)(i + 1), .sport_span = 65535 };
		entries[i].rule = (__u32)i;
		entries[i].answer = FW_ANSWER(FW_ACCEPT, (__u32)i + 1);
	}
	fw_case_load(bed->object, &(struct fw_case_rules){
					  .entries4 = entries,
					  .entries6 = entries,
					  .count4 = count,
					  .count6 = count,
					  .actions = actions,
					  .action_count = count,
					  .policy = FW_DROP,
					  .rules = (__u32)count,
				  });
}

static void make_udp(struct packet *p, const char *src, uint16_t port)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, port);
	if (strchr(src, ':'))
		packet_ip6(p, &(struct packet_ip6){ .src = src, .dst = "2001:db8::1" });
	else
		packet_ip4(p, &(struct packet_ip4){ .src = src, .dst = "192.0.2.1" });
	packet_eth(p);
}

static void send_packet(struct bed *bed, struct packet *p, int times)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet_bytes(p),
		    .data_size_in = (__u32)p->len, .repeat = times);

	assert_int_equal(bpf_prog_test_run_opts(bed->prog_fd, &opts), 0);
}

/* How many of @times packets from @src to @port pass. */
static int count_passed(struct bed *bed, const char *src, uint16_t port, int times)
{
	__u64 before = firewall_case_count(bed->object, FIREWALL_ALLOW_RULE);
	__u64 denied = firewall_case_count(bed->object, FIREWALL_DENY_LIMIT);
	struct packet p;
	int passed;

	make_udp(&p, src, port);
	send_packet(bed, &p, times);
	passed = (int)(firewall_case_count(bed->object, FIREWALL_ALLOW_RULE) - before);
	denied = firewall_case_count(bed->object, FIREWALL_DENY_LIMIT) - denied;
	assert_int_equal(passed + (int)denied, times);
	return passed;
}

static void a_burst_passes_and_no_more(void **state)
{
	const struct fw_action action = make_limit(FW_LIMIT_RULE, HOUR_NS, 5);
	struct bed bed = open_bed();

	(void)state;
	load_actions(&bed, &action, 1);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 20), 5);
	assert_int_equal(count_passed(&bed, "203.0.113.2", 1, 20), 0);
	bpf_object__close(bed.object);
}

static void each_rule_has_a_bucket_of_its_own(void **state)
{
	const struct fw_action actions[] = { make_limit(FW_LIMIT_RULE, HOUR_NS, 3),
					     make_limit(FW_LIMIT_RULE, HOUR_NS, 1) };
	struct bed bed = open_bed();

	(void)state;
	load_actions(&bed, actions, 2);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 10), 3);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 2, 10), 1);
	bpf_object__close(bed.object);
}

static void families_share_a_rules_bucket(void **state)
{
	const struct fw_action action = make_limit(FW_LIMIT_RULE, HOUR_NS, 5);
	struct bed bed = open_bed();

	(void)state;
	load_actions(&bed, &action, 1);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 3), 3);
	assert_int_equal(count_passed(&bed, "2001:db8:1::1", 1, 10), 2);
	bpf_object__close(bed.object);
}

static __u64 get_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)now.tv_sec * SECOND_NS + (__u64)now.tv_nsec;
}

/* 1000 a second, with so much burst that only a pause of five seconds would lose any. */
static void under_time_the_rate_passes(void **state)
{
	const struct fw_action action = make_limit(FW_LIMIT_RULE, SECOND_NS / 1000, 5000);
	__u64 start, first_sent, last_began, end;
	struct bed bed = open_bed();
	int passed;

	(void)state;
	load_actions(&bed, &action, 1);
	start = get_ns();
	passed = count_passed(&bed, "203.0.113.1", 1, 6000);
	first_sent = last_began = get_ns();
	while (last_began - start < SECOND_NS / 2) {
		last_began = get_ns();
		passed += count_passed(&bed, "203.0.113.1", 1, 6000);
	}
	end = get_ns();
	assert_true((__u64)passed <= 5000 + (end - start) / (SECOND_NS / 1000) + 1);
	assert_true((__u64)passed + 1 >= 5000 + (last_began - first_sent) / (SECOND_NS / 1000));
	bpf_object__close(bed.object);
}

struct share {
	const char *name;
	const char *first, *second;
	__u8 len4, len6;
	bool is_shared;
};

static void sources_share_a_bucket_by_prefix(void **state)
{
	const struct share *row = *state;
	struct fw_action action = make_limit(FW_LIMIT_SOURCE, HOUR_NS, 4);
	struct bed bed = open_bed();

	action.source_len4 = row->len4;
	action.source_len6 = row->len6;
	load_actions(&bed, &action, 1);
	assert_int_equal(count_passed(&bed, row->first, 1, 3), 3);
	assert_int_equal(count_passed(&bed, row->second, 1, 10), row->is_shared ? 1 : 4);
	assert_int_equal(count_passed(&bed, row->second, 1, 10), 0);
	assert_int_equal(count_passed(&bed, row->first, 1, 10), row->is_shared ? 0 : 1);
	bpf_object__close(bed.object);
}

static const struct share shares[] = {
	{ "sources_of_a_24_share", "203.0.113.1", "203.0.113.200", 24, 64, true },
	{ "sources_of_two_24_do_not_share", "203.0.113.1", "203.0.112.1", 24, 64, false },
	{ "a_32_has_its_own", "203.0.113.1", "203.0.113.2", 32, 64, false },
	{ "a_0_is_all", "203.0.113.1", "198.51.100.1", 0, 64, true },
	{ "sources_of_a_64_share", "2001:db8::1", "2001:db8::ffff:1", 24, 64, true },
	{ "sources_of_two_64_do_not_share", "2001:db8::1", "2001:db8:0:1::1", 24, 64, false },
	{ "sources_of_a_48_share", "2001:db8::1", "2001:db8:0:1::1", 24, 48, true },
	{ "sources_of_two_80_do_not_share", "2001:db8::1:0:0:1", "2001:db8::2:0:0:1", 24, 80,
	  false },
	{ "sources_of_an_80_share", "2001:db8::1:0:0:1", "2001:db8::1:0:0:2", 24, 80, true },
	{ "a_128_has_its_own", "2001:db8::1", "2001:db8::2", 24, 128, false },
};

/* Loaded three times, each bank has met the source before. */
static void a_ruleset_that_is_loaded_begins_with_full_buckets(void **state)
{
	struct fw_action actions[] = { make_limit(FW_LIMIT_RULE, HOUR_NS, 2),
				       make_limit(FW_LIMIT_SOURCE, HOUR_NS, 2) };
	struct bed bed = open_bed();
	int round;

	(void)state;
	actions[1].source_len4 = 32;
	for (round = 0; round < 3; round++) {
		load_actions(&bed, actions, 2);
		assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 10), 2);
		assert_int_equal(count_passed(&bed, "203.0.113.1", 2, 10), 2);
	}
	bpf_object__close(bed.object);
}

/* More sources than have room: each is within its limit. */
static void a_source_that_finds_no_room_passes(void **state)
{
	struct fw_action action = make_limit(FW_LIMIT_SOURCE, HOUR_NS, 1);
	struct bed bed = open_bed();
	struct packet p;
	char src[32];
	int i, sources = FW_SOURCES_DEFAULT + 4000;

	(void)state;
	action.source_len4 = 32;
	load_actions(&bed, &action, 1);
	for (i = 0; i < sources; i++) {
		snprintf(src, sizeof(src), "198.18.%d.%d", i >> 8, i & 255);
		make_udp(&p, src, 1);
		send_packet(&bed, &p, 1);
	}
	assert_int_equal(firewall_case_count(bed.object, FIREWALL_ALLOW_RULE), sources);
	assert_int_equal(firewall_case_count(bed.object, FIREWALL_DENY_LIMIT), 0);
	bpf_object__close(bed.object);
}

struct samples {
	int count;
	struct fw_sample last;
};

/* Those since the last time. */
static struct samples read_samples(struct bed *bed)
{
	int fd = bpf_object__find_map_fd_by_name(bed->object, FW_SAMPLES_NAME);
	__u32 index = FW_SAMPLES;
	struct samples samples = {};
	struct fw_sample latest;

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &latest), 0);
	samples.count = (int)(latest.number - bed->samples_seen);
	bed->samples_seen = latest.number;
	index = latest.number % FW_SAMPLES;
	assert_int_equal(bpf_map_lookup_elem(fd, &index, &samples.last), 0);
	assert_int_equal(samples.last.number, latest.number);
	assert_int_equal(samples.last.again, latest.number);
	return samples;
}

static void a_sample_is_the_packets_first_bytes(void **state)
{
	const struct fw_action actions[] = { { .sample_every = 1 }, { .sample_every = 1 } };
	struct bed bed = open_bed();
	struct samples samples;
	unsigned char payload[400];
	struct packet p;
	__u64 start = get_ns();

	(void)state;
	load_actions(&bed, actions, 2);
	make_udp(&p, "203.0.113.1", 2);
	send_packet(&bed, &p, 1);
	samples = read_samples(&bed);
	assert_int_equal(samples.count, 1);
	assert_int_equal(samples.last.rule, 1);
	assert_int_equal(samples.last.load, 1);
	assert_int_equal(samples.last.len, p.len);
	assert_int_equal(samples.last.caught, p.len);
	assert_memory_equal(samples.last.bytes, packet_bytes(&p), p.len);
	assert_in_range(samples.last.time_ns, start, get_ns());

	memset(payload, 'x', sizeof(payload));
	packet_start(&p, payload, sizeof(payload));
	packet_udp(&p, 40000, 1);
	firewall_finish4(&p);
	send_packet(&bed, &p, 1);
	samples = read_samples(&bed);
	assert_int_equal(samples.count, 1);
	assert_int_equal(samples.last.rule, 0);
	assert_int_equal(samples.last.len, p.len);
	assert_int_equal(samples.last.caught, FW_SAMPLE_BYTES);
	assert_memory_equal(samples.last.bytes, packet_bytes(&p), FW_SAMPLE_BYTES);
	bpf_object__close(bed.object);
}

/* 20,000 draws at 1 of 100: 200, and 14 the standard deviation; 6 of them either way. */
static void one_of_so_many_is_sampled(void **state)
{
	const struct fw_action action = { .sample_every = 100 };
	struct bed bed = open_bed();
	int count = 0, i;

	(void)state;
	load_actions(&bed, &action, 1);
	for (i = 0; i < 20; i++) {
		assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 1000), 1000);
		count += read_samples(&bed).count;
	}
	assert_in_range(count, 116, 284);
	bpf_object__close(bed.object);
}

static void verdicts_stay_when_nobody_reads_samples(void **state)
{
	const struct fw_action action = { .sample_every = 1 };
	struct bed bed = open_bed();

	(void)state;
	load_actions(&bed, &action, 1);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 5000), 5000);
	assert_int_equal(read_samples(&bed).count, 5000);
	bpf_object__close(bed.object);
}

/* Beyond the limit as well: what is dropped is what one wants to see. */
static void what_a_limit_drops_is_sampled_too(void **state)
{
	struct fw_action action = make_limit(FW_LIMIT_RULE, HOUR_NS, 1);
	struct bed bed = open_bed();

	(void)state;
	action.sample_every = 1;
	load_actions(&bed, &action, 1);
	assert_int_equal(count_passed(&bed, "203.0.113.1", 1, 10), 1);
	assert_int_equal(read_samples(&bed).count, 10);
	bpf_object__close(bed.object);
}

/* Rules 0 and 2999 lie in different groups; each ruleset counts from 0. */
static void hits_are_counted_by_rule(void **state)
{
	struct fw_entry entries[2] = {};
	struct fw_case_rules rules = {
		.entries4 = entries, .count4 = 2, .policy = FW_ACCEPT, .rules = 3000
	};
	struct bed bed = open_bed();
	__u64 packets, bytes;
	struct packet p;
	int i, round;

	(void)state;
	for (i = 0; i < 2; i++)
		entries[i] = (struct fw_entry){ .ports = { (__u16)(i + 1), 0, 0, 65535 },
						.rule = i ? 2999 : 0,
						.answer = i ? FW_DROP : FW_ACCEPT };
	for (round = 0; round < 3; round++) {
		fw_case_load(bed.object, &rules);
		for (i = 0; i < 2; i++) {
			make_udp(&p, "203.0.113.1", (uint16_t)(i + 1));
			send_packet(&bed, &p, 10 + i);
			fw_case_hits(bed.object, entries[i].rule, &packets, &bytes);
			assert_int_equal(packets, 10 + i);
			assert_int_equal(bytes, packets * p.len);
		}
		fw_case_hits(bed.object, 1, &packets, &bytes);
		assert_int_equal(packets, 0);
	}
	bpf_object__close(bed.object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_burst_passes_and_no_more, NULL, NULL);
	TAP_ADD(&plan, each_rule_has_a_bucket_of_its_own, NULL, NULL);
	TAP_ADD(&plan, families_share_a_rules_bucket, NULL, NULL);
	TAP_ADD(&plan, under_time_the_rate_passes, NULL, NULL);
	TAP_ADD_TABLE(&plan, sources_share_a_bucket_by_prefix, shares);
	TAP_ADD(&plan, a_ruleset_that_is_loaded_begins_with_full_buckets, NULL, NULL);
	TAP_ADD(&plan, a_source_that_finds_no_room_passes, NULL, NULL);
	TAP_ADD(&plan, a_sample_is_the_packets_first_bytes, NULL, NULL);
	TAP_ADD(&plan, one_of_so_many_is_sampled, NULL, NULL);
	TAP_ADD(&plan, verdicts_stay_when_nobody_reads_samples, NULL, NULL);
	TAP_ADD(&plan, what_a_limit_drops_is_sampled_too, NULL, NULL);
	TAP_ADD(&plan, hits_are_counted_by_rule, NULL, NULL);
	return tap_run(&plan, "fw_actions", 1);
}
