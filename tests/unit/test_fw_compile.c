/* SPDX-License-Identifier: GPL-2.0-only */
/* Rulesets in words against the trees made of them: both say the same of every packet. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/compile/fw_compile.h"
#include "programs/firewall/rules/fw_trace.h"
#include "tests/support/draw.h"
#include "tests/support/fw_entries.h"
#include "tests/support/tap.h"

#define RULESETS 60
#define RULES 40
#define PACKETS 500

static uint64_t seed;

static __u32 draw(__u32 below)
{
	if (!seed)
		seed = draw_seed(0);
	return draw_below(&seed, below);
}

/* Few values of each kind, so that rules overlap and packets meet them. */
static const char *const conditions[] = {
	"ip saddr 192.0.2.0/24",
	"ip saddr { 192.0.2.1, 198.51.100.0/25 }",
	"ip daddr 203.0.113.7",
	"ip daddr 0.0.0.0/0",
	"ip6 saddr 2001:db8::/32",
	"ip6 saddr 2001:db8:0:1::/65",
	"ip6 daddr { 2001:db8::1, 2001:db8:0:1::/64 }",
	"saddr { 192.0.2.0/30, 2001:db8::/48 }",
	"daddr { 203.0.113.0/24, 2001:db8:1::/48 }",
	"tcp dport 80",
	"tcp dport { 1-1023, 8080 }",
	"tcp sport 1024-65535",
	"udp dport 53",
	"th dport { 53, 443 }",
	"udp sport { 53, 123 }",
	"tcp flags syn",
	"tcp flags syn,rst",
	"tcp flags & (fin|syn|rst|ack) == syn",
	"tcp flags & (syn|ack) == 0",
	"icmp type { echo-request, 3-5 }",
	"icmp type 3 icmp code { 1, 4 }",
	"icmpv6 type { 128, 133-137 }",
	"meta l4proto { gre, udp }",
	"ip protocol { tcp, icmp }",
	"frag later",
	"frag first",
	"frag any",
	"frag no",
	"iifname eth0",
	"iifname { eth1, eth2 }",
	"meta nfproto ipv6",
	"meta nfproto ipv4",
};

static const char *const sources4[] = { "192.0.2.1", "192.0.2.200", "198.51.100.1", "10.0.0.1" };
static const char *const dests4[] = { "203.0.113.7", "203.0.113.8", "10.0.0.2" };
static const char *const sources6[] = { "2001:db8::1", "2001:db8:0:1::2", "2001:db8:0:1:8000::1" };
static const char *const dests6[] = { "2001:db8::1", "2001:db8:0:1::9", "2001:db8:1::1" };
static const char *const headers[] = {
	"tcp sport 1024 tcp dport 80 tcp flags syn",
	"tcp sport 80 tcp dport 8080 tcp flags syn,ack",
	"tcp sport 5 tcp dport 443 tcp flags rst",
	"tcp dport 1024 tcp flags ack",
	"udp sport 53 udp dport 1024",
	"udp sport 123 udp dport 53",
	"meta l4proto gre",
	"meta l4proto udp frag later",
	"meta l4proto tcp frag later",
	"udp dport 53 frag first",
};
static const char *const icmp4[] = { "icmp type 8", "icmp type 3 icmp code 4",
				     "icmp type 5 icmp code 1" };
static const char *const icmp6[] = { "icmpv6 type 128", "icmpv6 type 133" };
static const char *const interfaces[] = { "", "iifname eth0", "iifname eth2", "iifname lo" };

#define PICK(words) ((words)[draw(sizeof(words) / sizeof((words)[0]))])

/* A rule of up to three conditions that go together. */
static void add_rule(char *text, size_t size)
{
	struct slot_reasons errors = {};
	struct fw_ruleset set;
	char line[256];
	int err;

	do {
		snprintf(line, sizeof(line), "priority %d %s %s %s %s\n", (int)draw(3) - 1,
			 draw(2) ? PICK(conditions) : "", draw(2) ? PICK(conditions) : "",
			 PICK(conditions), draw(2) ? "accept" : "drop");
		err = fw_ruleset_parse("f", line, strlen(line), &errors, &set);
		if (!err)
			fw_ruleset_free(&set);
		slot_reasons_free(&errors);
		errors = (struct slot_reasons){};
	} while (err);
	assert_true(strlen(text) + strlen(line) < size);
	strcat(text, line);
}

static void make_packet(struct fw_packet *ret_packet)
{
	bool is_ip6 = draw(2);
	const char *header = !draw(4) ? (is_ip6 ? PICK(icmp6) : PICK(icmp4)) : PICK(headers);
	struct slot_reason why = {};
	struct fw_ruleset words;
	char text[256];

	snprintf(text, sizeof(text), "%s saddr %s daddr %s %s %s",
		 is_ip6 ? "meta nfproto ipv6" : "meta nfproto ipv4",
		 is_ip6 ? PICK(sources6) : PICK(sources4), is_ip6 ? PICK(dests6) : PICK(dests4),
		 header, PICK(interfaces));
	if (fw_ruleset_parse_packet(text, strlen(text), &why, &words) ||
	    fw_packet_read(&words, &why, ret_packet))
		fail_msg("%s: %s", text, why.text);
	fw_ruleset_free(&words);
}

static __u64 read_word(const __u8 *bytes, int len)
{
	__u64 word = 0;

	while (len--)
		word = word << 8 | *bytes++;
	return word;
}

/* The key that the program makes of such a packet (data/key.h). */
static unsigned int make_key(const struct fw_ruleset *set, const struct fw_packet *packet,
			     __u64 key[FW_WORDS6])
{
	bool is_icmp = packet->proto == 1 || packet->proto == 58;
	__u64 dport = is_icmp ? (__u64)packet->type << 8 | packet->code : packet->dport;
	size_t i;

	key[0] = (__u64)packet->proto << FW_PROTO_SHIFT | (__u64)packet->is_part << FW_PART_SHIFT |
		 (__u64)packet->is_later << FW_LATER_SHIFT;
	if (packet->has_ports)
		key[0] |= 1ULL << FW_PORTS_SHIFT | dport | (__u64)packet->sport << FW_SPORT_SHIFT |
			  (__u64)packet->flags << FW_FLAGS_SHIFT;
	for (i = 0; i < set->interface_count; i++)
		if (!strcmp(set->interfaces[i], packet->interface))
			key[0] |= (__u64)(i + 1) << FW_IFACE_SHIFT;
	if (!packet->is_ip6) {
		key[1] = read_word(packet->source, 4) << 32 | read_word(packet->dest, 4);
		return FW_WORDS4;
	}
	for (i = 0; i < 2; i++) {
		key[1 + i] = read_word(packet->source + 8 * i, 8);
		key[3 + i] = read_word(packet->dest + 8 * i, 8);
	}
	return FW_WORDS6;
}

static long find_rule(const struct fw_build *build, const __u64 *key, unsigned int words)
{
	bool is_ip6 = words == FW_WORDS6;
	const struct fw_entry *entries = is_ip6 ? build->entries6.items : build->entries4.items;
	long found =
		fw_entries_ask(is_ip6 ? &build->forest6 : &build->forest4, entries, key, words);

	return found < 0 ? -1 : (long)entries[found].rule;
}

static void compare(const struct fw_ruleset *set, const struct fw_build *build, size_t *met)
{
	struct fw_packet packet;
	struct fw_trace trace;
	__u64 key[FW_WORDS6];
	unsigned int words;
	int i;

	for (i = 0; i < PACKETS; i++) {
		make_packet(&packet);
		words = make_key(set, &packet, key);
		fw_trace_packet(set, &packet, &trace);
		assert_int_equal(find_rule(build, key, words), trace.rule);
		*met += trace.rule >= 0;
	}
}

static void trees_say_what_the_rules_say(void **state)
{
	size_t met = 0;
	int i, n;

	(void)state;
	for (i = 0; i < RULESETS; i++) {
		struct slot_reasons errors = {};
		struct slot_reason why = {};
		struct fw_ruleset set;
		struct fw_build build;
		char text[16384] = "";

		for (n = 0; n < RULES; n++)
			add_rule(text, sizeof(text));
		assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), 0);
		if (fw_compile(&set, &why, &build))
			fail_msg("%s", why.text);
		compare(&set, &build, &met);
		fw_build_free(&build);
		fw_ruleset_free(&set);
	}
	/* Neither all nor none of them meet a rule. */
	assert_in_range(met, RULESETS * PACKETS / 4, RULESETS * PACKETS - 1);
}

static struct fw_build compile(const char *text)
{
	struct slot_reasons errors = {};
	struct slot_reason why = {};
	struct fw_ruleset set;
	struct fw_build build;

	if (fw_ruleset_parse("f", text, strlen(text), &errors, &set))
		fail_msg("%s", errors.lines[0]);
	if (fw_compile(&set, &why, &build))
		fail_msg("%s", why.text);
	fw_ruleset_free(&set);
	return build;
}

struct range_row {
	const char *name;
	__u32 step; /* ports that the first rule names: every so many */
	const char *rules, *packet;
};

static const struct range_row range_rows[] = {
	{ "a_range_hides_nothing_behind_its_end", 512,
	  "ip saddr 10.0.0.0/8 tcp dport 32768-65535 accept\n"
	  "ip saddr 172.16.0.0/12 tcp dport 32768-65535 accept\n"
	  "ip saddr 192.168.0.0/16 tcp dport 32768-65535 accept\n"
	  "tcp dport 32768-40000 accept\n"
	  "tcp dport 32768-65535 drop\n",
	  "ip saddr 203.0.113.1 ip daddr 192.0.2.1 tcp dport 1" },
};

static void write_range_rules(const struct range_row *row, char *text)
{
	__u32 port;

	text += sprintf(text, "policy accept\ntcp dport { 0");
	for (port = row->step; port < 32768; port += row->step)
		text += sprintf(text, ", %u", port);
	sprintf(text, " } accept\n%s", row->rules);
}

/* Of every port, or every type and code. */
static void every_port_finds_its_rule(void **state)
{
	const struct range_row *row = *state;
	struct slot_reasons errors = {};
	struct slot_reason why = {};
	struct fw_ruleset set, words;
	struct fw_build build;
	struct fw_packet packet;
	struct fw_trace trace;
	__u64 key[FW_WORDS6];
	char text[8192];
	__u32 port;

	write_range_rules(row, text);
	assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), 0);
	assert_int_equal(fw_compile(&set, &why, &build), 0);
	assert_int_equal(fw_ruleset_parse_packet(row->packet, strlen(row->packet), &why, &words),
			 0);
	assert_int_equal(fw_packet_read(&words, &why, &packet), 0);
	for (port = 0; port <= 65535; port++) {
		packet.dport = (__u16)port;
		packet.type = (__u8)(port >> 8);
		packet.code = (__u8)port;
		fw_trace_packet(&set, &packet, &trace);
		if (find_rule(&build, key, make_key(&set, &packet, key)) != trace.rule)
			fail_msg("%u: rule %ld, wanted %ld", port,
				 find_rule(&build, key, FW_WORDS4), trace.rule);
	}
	fw_build_free(&build);
	fw_ruleset_free(&set);
	fw_ruleset_free(&words);
}

/* Ranges that begin together and end apart, types and codes of ICMP, hardly an address. */
static void add_range_rule(char *text, __u32 *ends, size_t *end_count)
{
	static const __u32 starts[] = { 0, 1024, 2048, 32768 };
	static const char *const protos[] = { "tcp", "tcp", "udp", "th" };
	__u32 start = draw(4) ? PICK(starts) : draw(65536), end = start + draw(65536 - start);
	const char *source = draw(4) ? "" :
			     draw(2) ? "ip saddr 10.0.0.0/8" :
				       "ip saddr 192.0.2.0/24";
	const char *verdict = draw(2) ? "accept" : "drop";
	char *at = text + strlen(text);

	if (!draw(4)) {
		__u32 type = draw(16);

		ends[(*end_count)++] = type << 8;
		at += sprintf(at, "%s icmp type %u", source, type);
		if (draw(2))
			at += sprintf(at, "-%u", type + draw(16));
		else if (draw(2))
			at += sprintf(at, " icmp code %u", draw(3));
		sprintf(at, " %s\n", verdict);
		return;
	}
	if (draw(2))
		end = start = draw(128) * 512;
	ends[(*end_count)++] = start;
	ends[(*end_count)++] = end;
	sprintf(at, "%s %s %s %u-%u %s\n", source, PICK(protos), draw(5) ? "dport" : "sport", start,
		end, verdict);
}

static void compare_at(const struct fw_ruleset *set, const struct fw_build *build, __u32 end)
{
	static const __u8 protos[] = { 1, 6, 17 };
	struct fw_packet packet = {
		.proto = PICK(protos),
		.has_ports = true,
		.source = { 10, 0, 0, 1 },
		.dest = { 192, 0, 2, 1 },
		.dport = (__u16)(end + draw(3) - 1),
		.sport = (__u16)(end + draw(3) - 1),
	};
	__u64 key[FW_WORDS6];
	struct fw_trace trace;
	unsigned int words;

	packet.type = (__u8)(packet.dport >> 8);
	packet.code = (__u8)packet.dport;
	packet.source[0] = draw(2) ? 10 : 203;
	if (draw(2))
		packet.dport = (__u16)draw(65536);
	if (packet.proto == 1)
		packet.dport = packet.sport = 0;
	words = make_key(set, &packet, key);
	fw_trace_packet(set, &packet, &trace);
	if (find_rule(build, key, words) != trace.rule)
		fail_msg("proto %u dport %u sport %u type %u code %u: rule %ld, wanted %ld",
			 packet.proto, packet.dport, packet.sport, packet.type, packet.code,
			 find_rule(build, key, words), trace.rule);
}

static void ranges_with_a_common_start_are_told_apart(void **state)
{
	static __u32 ends[512];
	int i, n;

	(void)state;
	for (i = 0; i < RULESETS * 4; i++) {
		struct slot_reasons errors = {};
		struct slot_reason why = {};
		struct fw_ruleset set;
		struct fw_build build;
		char text[16384] = "";
		size_t end_count = 0;

		for (n = 10 + (int)draw(100); n; n--)
			add_range_rule(text, ends, &end_count);
		if (fw_ruleset_parse("f", text, strlen(text), &errors, &set))
			fail_msg("%s", errors.lines[0]);
		if (fw_compile(&set, &why, &build))
			fail_msg("%s", why.text);
		for (n = 0; n < PACKETS; n++)
			compare_at(&set, &build, ends[draw((__u32)end_count)]);
		fw_build_free(&build);
		fw_ruleset_free(&set);
	}
}

static void limits_become_buckets(void **state)
{
	struct fw_build build = compile("limit rate 4/second burst 3 packets accept\n"
					"limit rate 1/minute per saddr/24,56 sample 1/7 accept\n"
					"accept");

	(void)state;
	assert_int_equal(build.action_count, 2);
	assert_int_equal(build.actions[0].limit, FW_LIMIT_RULE);
	assert_int_equal(build.actions[0].packet_ns, 250000000);
	/* Three at once: the first finds the bucket as full as can be. */
	assert_int_equal(build.actions[0].burst_ns, 500000000);
	assert_int_equal(build.actions[1].limit, FW_LIMIT_SOURCE);
	assert_int_equal(build.actions[1].packet_ns, 60000000000);
	assert_int_equal(build.actions[1].source_len4, 24);
	assert_int_equal(build.actions[1].source_len6, 56);
	assert_int_equal(build.actions[1].sample_every, 7);
	assert_int_equal(FW_ANSWER_ACTION(build.entries4.items[1].answer), 2);
	assert_int_equal(FW_ANSWER_ACTION(build.entries4.items[2].answer), 0);
	fw_build_free(&build);
}

static void presets_become_guards_and_open_nothing(void **state)
{
	struct fw_build build = compile("policy drop\npreset syn-flood 5/second\n"
					"preset udp-amplification 6/second");

	(void)state;
	assert_int_equal(build.entries4.count + build.entries6.count, 0);
	assert_int_equal(build.head.guard_count, 8);
	assert_int_equal(build.head.guards[0].action, 0);
	assert_int_equal(build.head.guards[7].action, 1);
	assert_int_equal(build.head.policy, FW_DROP);
	fw_build_free(&build);
}

static void guards_of_sources_come_first(void **state)
{
	struct fw_build build = compile("preset syn-flood 5/second\n"
					"preset udp-amplification 6/second per saddr\n"
					"preset udp-amplification 7/second\n"
					"preset syn-flood 8/second per saddr\n");

	(void)state;
	assert_int_equal(build.head.guard_count, FW_GUARDS_MAX);
	assert_int_equal(build.head.guards[0].rule, 1);
	assert_int_equal(build.head.guards[7].rule, 3);
	assert_int_equal(build.actions[build.head.guards[7].action].limit, FW_LIMIT_SOURCE);
	assert_int_equal(build.head.guards[8].rule, 0);
	assert_int_equal(build.actions[build.head.guards[8].action].limit, FW_LIMIT_RULE);
	assert_int_equal(build.head.guards[15].rule, 2);
	fw_build_free(&build);
}

static void a_trace_tells_the_nearest_of_many(void **state)
{
	static const char packet_text[] = "ip saddr 192.0.2.1 ip daddr 192.0.2.2 tcp dport 80";
	struct slot_reasons errors = {};
	struct slot_reason why = {};
	struct fw_ruleset set, words;
	struct fw_packet packet;
	struct fw_trace trace;
	char text[4096] = "";
	int i;

	(void)state;
	for (i = 0; i < 30; i++)
		strcat(text, "ip saddr 10.0.0.1 ip daddr 10.0.0.2 udp dport 1 drop\n");
	strcat(text, "ip saddr 192.0.2.1 tcp dport 81 drop\nip daddr 192.0.2.2 accept");
	assert_int_equal(fw_ruleset_parse("f", text, strlen(text), &errors, &set), 0);
	assert_int_equal(fw_ruleset_parse_packet(packet_text, strlen(packet_text), &why, &words),
			 0);
	assert_int_equal(fw_packet_read(&words, &why, &packet), 0);
	fw_trace_packet(&set, &packet, &trace);
	assert_int_equal(trace.asked, 31);
	assert_int_equal(trace.miss_count, FW_MISSES_MAX);
	assert_int_equal(trace.rule, 31);
	assert_int_equal(trace.misses[FW_MISSES_MAX - 1].rule, 30);
	assert_int_equal(trace.misses[FW_MISSES_MAX - 1].fields, 1 << FW_FIELD_DPORT);
	assert_int_equal(trace.misses[0].rule, 0);
	fw_ruleset_free(&set);
	fw_ruleset_free(&words);
}

static void a_packet_has_one_value_of_each_kind(void **state)
{
	static const char *const texts[] = { "ip saddr 192.0.2.0/24", "tcp dport 1-2",
					     "tcp dport { 1, 2 }", "iifname { a, b }" };
	struct slot_reason why = {};
	struct fw_ruleset words;
	struct fw_packet packet;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(fw_ruleset_parse_packet(texts[i], strlen(texts[i]), &why, &words),
				 0);
		assert_int_equal(fw_packet_read(&words, &why, &packet), -EINVAL);
		assert_non_null(strstr(why.text, "expected one value, as a packet has one"));
		fw_ruleset_free(&words);
	}
	assert_int_equal(fw_ruleset_parse_packet("tcp dport 1 accept", 18, &why, &words), -EINVAL);
	assert_int_equal(strncmp(why.text, "'accept': expected iifname, ", 28), 0);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, trees_say_what_the_rules_say, NULL, NULL);
	TAP_ADD_TABLE(&plan, every_port_finds_its_rule, range_rows);
	TAP_ADD(&plan, ranges_with_a_common_start_are_told_apart, NULL, NULL);
	TAP_ADD(&plan, limits_become_buckets, NULL, NULL);
	TAP_ADD(&plan, presets_become_guards_and_open_nothing, NULL, NULL);
	TAP_ADD(&plan, guards_of_sources_come_first, NULL, NULL);
	TAP_ADD(&plan, a_trace_tells_the_nearest_of_many, NULL, NULL);
	TAP_ADD(&plan, a_packet_has_one_value_of_each_kind, NULL, NULL);
	return tap_run(&plan, "fw_compile", 0);
}
