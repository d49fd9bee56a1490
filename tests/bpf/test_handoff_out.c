/* SPDX-License-Identifier: GPL-2.0-only */
/* handoff_out: what goes out comes from where the rule says. */
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>

#include "tests/support/draw.h"
#include "tests/support/handoff_case.h"
#include "tests/support/tap.h"

#define ID 7
#define DRAWS 500
#define AT_IP 14
#define SIZE_LARGE 1000

static struct handoff_pair bed;

struct row {
	const char *name;
	struct handoff_spec spec;
};

#define SPEC4                                                                                      \
	.src = "192.0.2.33", .dst = "198.51.100.7", .sport = 32768, .dport = 40000,                \
	.flags = HANDOFF_ACK
#define SPEC6                                                                                      \
	.src = "2001:db8:33::33", .dst = "2001:db8:7::7", .sport = 32768, .dport = 40000,          \
	.flags = HANDOFF_ACK, .is_ip6 = true
#define SOURCE4 "203.0.113.80"
#define SOURCE6 "2001:db8:80::8080"
#define PORT 443

static const struct row rows[] = {
	{ "ip4", { SPEC4, .payload = 100 } },
	{ "ip4_without_data", { SPEC4 } },
	{ "ip4_of_an_odd_length", { SPEC4, .payload = 1 } },
	{ "ip4_with_tcp_options", { SPEC4, .options = 12, .payload = 33 } },
	{ "ip4_in_two_vlans", { SPEC4, .tags = 2, .payload = 10 } },
	{ "ip4_reset",
	  { .src = "192.0.2.33",
	    .dst = "198.51.100.7",
	    .sport = 32768,
	    .dport = 40000,
	    .flags = HANDOFF_RST } },
	{ "ip6", { SPEC6, .payload = 100 } },
	{ "ip6_without_data", { SPEC6 } },
	{ "ip6_with_tcp_options", { SPEC6, .options = 12, .payload = 3 } },
	{ "ip6_in_two_vlans", { SPEC6, .tags = 2, .payload = 10 } },
};

static int set_up(void **state)
{
	(void)state;
	handoff_pair_open(&bed);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_pair_close(&bed);
	return 0;
}

/* The key of what goes out as @spec says. */
static struct handoff_key key_of(const struct handoff_spec *spec)
{
	struct handoff_spec back = *spec;

	back.src = spec->dst;
	back.dst = spec->src;
	back.sport = spec->dport;
	back.dport = spec->sport;
	return handoff_spec_key(&back);
}

static void rewrite_to(const struct handoff_spec *spec, const char *address, uint16_t port)
{
	const struct handoff_key key = key_of(spec);
	struct handoff_source source = {};

	handoff_address(address, port, source.address, &source.port);
	assert_int_equal(handoff_rules_rewrite(&bed.rules, &key, ID, &source, HANDOFF_PASS), 0);
}

static void run(struct packet *p, __u32 gso_size, struct progrun *ret_run)
{
	struct __sk_buff skb = { .gso_size = gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet_bytes(p),
		    .data_size_in = (__u32)p->len, .data_out = ret_run->bytes,
		    .data_size_out = sizeof(ret_run->bytes), .ctx_in = &skb,
		    .ctx_size_in = sizeof(skb), .repeat = 1);

	assert_int_equal(bpf_prog_test_run_opts(progrun_fd(bed.out, "handoff_out"), &opts), 0);
	assert_int_equal(opts.retval, (uint32_t)TC_ACT_UNSPEC);
	ret_run->len = opts.data_size_out;
}

static void assert_goes_out(const struct handoff_spec *spec, const struct handoff_spec *as)
{
	struct packet p, sent;
	struct progrun out;

	handoff_spec_build(spec, &p);
	handoff_spec_build(as, &sent);
	run(&p, 0, &out);
	assert_int_equal(out.len, sent.len);
	assert_memory_equal(out.bytes, packet_bytes(&sent), sent.len);
}

static struct handoff_spec sent_as(const struct handoff_spec *spec, const char *address,
				   uint16_t port)
{
	struct handoff_spec sent = *spec;

	sent.src = address;
	sent.sport = port;
	return sent;
}

static const char *source_of(const struct handoff_spec *spec)
{
	return spec->is_ip6 ? SOURCE6 : SOURCE4;
}

static void assert_counted(int counter, uint64_t packets)
{
	for (int i = 0; i < HANDOFF_OUT_COUNTS_SIZE; i++)
		assert_int_equal(handoff_pair_count(&bed, true, (unsigned int)i),
				 i == counter ? packets : 0);
}

static struct handoff_rule get_rule(const struct handoff_spec *spec)
{
	const struct handoff_key key = key_of(spec);
	struct handoff_rule rule = {};

	assert_int_equal(handoff_rules_get(&bed.rules, &key, &rule), 0);
	return rule;
}

static void a_rewritten_packet_is_as_if_it_had_come_from_the_source(void **state)
{
	const struct row *row = *state;
	const char *source = source_of(&row->spec);
	struct handoff_spec sent = sent_as(&row->spec, source, PORT);

	rewrite_to(&row->spec, source, PORT);
	assert_goes_out(&row->spec, &sent);
	assert_counted(HANDOFF_OUT_REWRITE, 1);
	assert_int_equal(get_rule(&row->spec).use.out_packets, 1);
	assert_int_equal(get_rule(&row->spec).use.seen,
			 row->spec.flags & HANDOFF_RST ? HANDOFF_LOCAL_RST : 0);
}

static void without_a_rule_a_packet_goes_out_as_it_came(void **state)
{
	const struct row *row = *state;

	assert_goes_out(&row->spec, &row->spec);
	assert_counted(-1, 0);
}

static void a_rule_of_what_comes_in_changes_nothing(void **state)
{
	const struct row *row = *state;
	const struct handoff_key key = key_of(&row->spec);

	assert_int_equal(handoff_rules_block(&bed.rules, &key, ID, 0), 0);
	assert_goes_out(&row->spec, &row->spec);
	assert_counted(HANDOFF_OUT_NONE, 1);
}

static void a_source_of_the_other_family_changes_nothing(void **state)
{
	const struct row *row = *state;
	const struct handoff_key key = key_of(&row->spec);
	struct handoff_rule rule = { .id = ID, .egress = HANDOFF_REWRITE };

	handoff_address(row->spec.is_ip6 ? SOURCE4 : SOURCE6, PORT, rule.source.address,
			&rule.source.port);
	assert_int_equal(bpf_map_update_elem(bed.rules.table, &key, &rule, BPF_ANY), 0);
	assert_goes_out(&row->spec, &row->spec);
	assert_counted(HANDOFF_OUT_FAMILY, 1);
}

static void checksums_are_right_whatever_changes(void **state)
{
	uint64_t draws = draw_seed(2);
	char src[32], dst[32], to[32];

	(void)state;
	for (int i = 0; i < DRAWS; i++) {
		struct handoff_spec spec = { SPEC4, .payload = draw_below(&draws, 64) }, sent;
		uint16_t port = (uint16_t)(1 + draw_below(&draws, 65535));

		spec.is_ip6 = i % 2;
		snprintf(src, sizeof(src), spec.is_ip6 ? "2001:db8::%x:%x" : "198.51.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		snprintf(dst, sizeof(dst), spec.is_ip6 ? "2001:db8::%x:%x" : "203.0.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		snprintf(to, sizeof(to), spec.is_ip6 ? "2001:db8:ffff::%x:%x" : "192.0.%u.%u",
			 draw_below(&draws, 256), draw_below(&draws, 256));
		spec.src = src;
		spec.dst = dst;
		rewrite_to(&spec, to, port);
		sent = sent_as(&spec, to, port);
		assert_goes_out(&spec, &sent);
	}
}

/* BIG TCP: the IPv4 header's length is 0, IPv6 has a hop-by-hop header in front of TCP. */
static void a_segment_without_a_length_is_rewritten(void **state)
{
	const struct handoff_spec spec = { SPEC4, .payload = SIZE_LARGE };
	struct handoff_spec sent = sent_as(&spec, SOURCE4, PORT);
	struct packet p, want;
	struct progrun out;

	(void)state;
	rewrite_to(&spec, SOURCE4, PORT);
	handoff_spec_build(&spec, &p);
	handoff_spec_build(&sent, &want);
	memset(packet_bytes(&p) + AT_IP + 2, 0, 2);
	run(&p, SIZE_LARGE / 4, &out);
	assert_counted(HANDOFF_OUT_REWRITE, 1);
	assert_memory_equal(out.bytes + AT_IP + 12, packet_bytes(&want) + AT_IP + 12,
			    want.len - AT_IP - 12);
}

static void a_jumbo_segment_is_rewritten(void **state)
{
	const struct packet_ip6 ip = { .src = "2001:db8:33::33", .dst = "2001:db8:7::7" };
	const struct handoff_spec spec = { SPEC6 };
	unsigned char payload[SIZE_LARGE] = {};
	struct progrun out;
	struct packet p;

	(void)state;
	rewrite_to(&spec, SOURCE6, PORT);
	packet_start(&p, payload, sizeof(payload));
	packet_tcp(&p, spec.sport, spec.dport, HANDOFF_ACK);
	packet_ip6_ext(&p, 0, 8);
	packet_ip6(&p, &ip);
	packet_eth(&p);
	memset(packet_bytes(&p) + AT_IP + 4, 0, 2);
	run(&p, SIZE_LARGE / 4, &out);
	assert_counted(HANDOFF_OUT_REWRITE, 1);
	assert_int_equal(out.bytes[AT_IP + 40 + 8] << 8 | out.bytes[AT_IP + 40 + 8 + 1], PORT);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, a_rewritten_packet_is_as_if_it_had_come_from_the_source, rows, set_up,
		     tear_down);
	TAP_ADD_ROWS(&plan, without_a_rule_a_packet_goes_out_as_it_came, rows, set_up, tear_down);
	TAP_ADD_ROWS(&plan, a_rule_of_what_comes_in_changes_nothing, rows, set_up, tear_down);
	TAP_ADD_ROWS(&plan, a_source_of_the_other_family_changes_nothing, rows, set_up, tear_down);
	TAP_ADD(&plan, checksums_are_right_whatever_changes, set_up, tear_down);
	TAP_ADD(&plan, a_segment_without_a_length_is_rewritten, set_up, tear_down);
	TAP_ADD(&plan, a_jumbo_segment_is_rewritten, set_up, tear_down);
	return tap_run(&plan, "handoff_out", 1);
}
