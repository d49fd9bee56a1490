/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets go out through fw_egress, and what comes back meets a firewall that denies by default. */
#include <netinet/in.h>
#include <time.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/fw_flow_abi.h"
#include "tests/support/firewall_case.h"
#include "tests/support/fw_case.h"
#include "tests/support/fw_flow_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define ACK 0x10
#define SYN 0x02
#define RST 0x04

static void make_tcp4(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport)
{
	fw_flow_case_tcp(p, src, sport, dst, dport, ACK);
}

static void only_replies_of_a_tcp_flow_pass(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, false);
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_out(&bed, &p);
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, true);
	make_tcp4(&p, FW_PEER4, 81, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, false);
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40001);
	fw_flow_case_in(&bed, &p, false);
	make_tcp4(&p, "203.0.113.8", 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, false);
	make_tcp4(&p, FW_PEER4, 80, "192.0.2.2", 40000);
	fw_flow_case_in(&bed, &p, false);
	/* The flow itself is no reply to itself. */
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

/* @ext_len: of destination options. */
static void make_udp6(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport, size_t ext_len)
{
	packet_start(p, "hello", 5);
	packet_udp(p, sport, dport);
	if (ext_len)
		packet_ip6_ext(p, IPPROTO_DSTOPTS, ext_len);
	fw_flow_case_finish(p, src, dst);
}

static void replies_of_udp_on_ip6_pass(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	make_udp6(&p, FW_HOST6, 40000, FW_PEER6, 53, 0);
	fw_flow_case_out(&bed, &p);
	make_udp6(&p, FW_HOST6, 40001, FW_PEER6, 53, 16);
	fw_flow_case_out(&bed, &p);
	make_udp6(&p, FW_PEER6, 53, FW_HOST6, 40000, 0);
	fw_flow_case_in(&bed, &p, true);
	make_udp6(&p, FW_PEER6, 53, FW_HOST6, 40001, 0);
	fw_flow_case_in(&bed, &p, true);
	make_udp6(&p, FW_PEER6, 53, FW_HOST6, 40002, 0);
	fw_flow_case_in(&bed, &p, false);
	make_udp6(&p, "2001:db8:1::8", 53, FW_HOST6, 40000, 0);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

static void make_icmp4(struct packet *p, const char *src, const char *dst, uint8_t type)
{
	packet_start(p, "hello", 5);
	packet_icmp(p, type, 0);
	fw_flow_case_finish(p, src, dst);
}

static void make_icmp6(struct packet *p, const char *src, const char *dst, uint8_t type)
{
	packet_start(p, "hello", 5);
	packet_icmp6(p, type, 0);
	fw_flow_case_finish(p, src, dst);
}

static void of_icmp_answers_to_echoes_pass(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	make_icmp4(&p, FW_HOST4, FW_PEER4, 8);
	fw_flow_case_out(&bed, &p);
	make_icmp6(&p, FW_HOST6, FW_PEER6, 128);
	fw_flow_case_out(&bed, &p);
	make_icmp4(&p, FW_PEER4, FW_HOST4, 0);
	fw_flow_case_in(&bed, &p, true);
	make_icmp4(&p, FW_PEER4, FW_HOST4, 8);
	fw_flow_case_in(&bed, &p, false);
	make_icmp4(&p, FW_PEER4, FW_HOST4, 5);
	fw_flow_case_in(&bed, &p, false);
	make_icmp6(&p, FW_PEER6, FW_HOST6, 129);
	fw_flow_case_in(&bed, &p, true);
	make_icmp6(&p, FW_PEER6, FW_HOST6, 128);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

static void an_answer_to_an_echo_begins_no_flow(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	make_icmp4(&p, FW_HOST4, FW_PEER4, 0);
	fw_flow_case_out(&bed, &p);
	make_icmp4(&p, FW_PEER4, FW_HOST4, 0);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

static void parts_without_ports_begin_no_flow(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	packet_start(&p, "hellohello", 10);
	packet_ip4(&p, &(struct packet_ip4){ .src = FW_HOST4,
					     .dst = FW_PEER4,
					     .proto = IPPROTO_UDP,
					     .fragment = 10 });
	packet_eth(&p);
	fw_flow_case_out(&bed, &p);
	packet_start(&p, "hellohello", 10);
	packet_ip4(&p, &(struct packet_ip4){ .src = FW_PEER4,
					     .dst = FW_HOST4,
					     .proto = IPPROTO_UDP,
					     .fragment = 10 });
	packet_eth(&p);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

static void a_flow_that_was_quiet_for_too_long_is_over(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(0);
	struct packet p;

	(void)state;
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_out(&bed, &p);
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

/* Another CPU may write the time of a flow after this one has read the clock. */
static void a_flow_of_a_moment_later_is_known(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct timespec now;
	struct fw_flow key;
	struct packet p;
	__u64 later;
	int flows;

	(void)state;
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_out(&bed, &p);
	flows = fw_flow_case_map(bed.egress, FW_FLOWS_NAME);
	assert_int_equal(bpf_map_get_next_key(flows, NULL, &key), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	later = (__u64)(now.tv_sec + 30) * 1000000000;
	assert_int_equal(bpf_map_update_elem(flows, &key, &later, BPF_EXIST), 0);
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, true);
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(bpf_map_lookup_elem(flows, &key, &later), 0);
	assert_true(later > (__u64)(now.tv_sec + 29) * 1000000000);
	fw_flow_case_close(&bed);
}

static void without_flows_nothing_is_a_reply(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;
	__u32 zero = 0;

	(void)state;
	make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(bpf_map_delete_elem(fw_flow_case_map(bed.firewall, FIREWALL_REPLIES_NAME),
					     &zero),
			 0);
	make_tcp4(&p, FW_PEER4, 80, FW_HOST4, 40000);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

/* Cut inside the ports; the kernel itself refuses to run what has no whole IP header. */
static void packets_cut_short_begin_no_flow(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;
	size_t len;

	(void)state;
	for (len = 14 + 20; len < 14 + 20 + 4; len++) {
		make_tcp4(&p, FW_HOST4, 40000, FW_PEER4, 80);
		packet_cut(&p, len);
		fw_flow_case_out(&bed, &p);
	}
	assert_int_equal(fw_flow_case_count(&bed), 0);
	fw_flow_case_close(&bed);
}

static void what_the_host_answers_begins_no_flow(void **state)
{
	static const uint8_t answers[] = { SYN | ACK, RST, RST | ACK };
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(answers); i++) {
		fw_flow_case_tcp(&p, FW_HOST4, 80, FW_PEER4, 40000, answers[i]);
		fw_flow_case_out(&bed, &p);
		fw_flow_case_tcp(&p, FW_HOST6, 80, FW_PEER6, 40000, answers[i]);
		fw_flow_case_out(&bed, &p);
		assert_int_equal(fw_flow_case_count(&bed), 0);
	}
	fw_flow_case_tcp(&p, FW_PEER4, 40000, FW_HOST4, 80, ACK);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_tcp(&p, FW_HOST4, 40000, FW_PEER4, 80, SYN);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(fw_flow_case_count(&bed), 1);
	fw_flow_case_tcp(&p, FW_PEER4, 80, FW_HOST4, 40000, SYN | ACK);
	fw_flow_case_in(&bed, &p, true);
	fw_flow_case_close(&bed);
}

/* How many of 20 answers from port 53 pass. */
static int count_answers(struct fw_flow_case *bed, uint16_t dport)
{
	struct progrun run = {};
	int i, passed = 0;
	struct packet p;

	for (i = 0; i < 20; i++) {
		fw_flow_case_udp(&p, FW_PEER4, 53, FW_HOST4, dport);
		assert_int_equal(progrun_packet(bed->firewall_fd, &p, &run), 0);
		passed += run.verdict == XDP_PASS;
	}
	return passed;
}

struct guarded {
	const char *name, *rules;
	enum firewall_counter counter; /* of replies */
};

static void guards_do_not_limit_replies(void **state)
{
	const struct guarded *row = *state;
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	fw_case_text(bed.firewall, row->rules, &(struct fw_case_interface){});
	fw_flow_case_udp(&p, FW_HOST4, 40000, FW_PEER4, 53);
	fw_flow_case_out(&bed, &p);
	/* The flood takes all there is of the guard's. */
	count_answers(&bed, 50000);
	assert_int_equal(count_answers(&bed, 50000), 0);
	assert_int_equal(count_answers(&bed, 40000), 20);
	assert_true(firewall_case_count(bed.firewall, row->counter) >= 20);
	fw_flow_case_close(&bed);
}

static const struct guarded guarded[] = {
	{ "a_policy_that_accepts_leaves_replies_to_no_guard",
	  "policy accept\npreset udp-amplification 5/hour burst 5 packets\n", FIREWALL_NO_RULE },
	{ "a_rule_that_accepts_leaves_replies_to_no_guard",
	  "policy drop\npreset udp-amplification 5/hour burst 5 packets\nudp sport 53 accept\n",
	  FIREWALL_ALLOW_RULE },
	{ "a_policy_that_drops_leaves_replies_to_no_guard",
	  "policy drop\npreset udp-amplification 5/hour burst 5 packets\n", FIREWALL_ALLOW_REPLY },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, only_replies_of_a_tcp_flow_pass, NULL, NULL);
	TAP_ADD(&plan, replies_of_udp_on_ip6_pass, NULL, NULL);
	TAP_ADD(&plan, of_icmp_answers_to_echoes_pass, NULL, NULL);
	TAP_ADD(&plan, an_answer_to_an_echo_begins_no_flow, NULL, NULL);
	TAP_ADD(&plan, parts_without_ports_begin_no_flow, NULL, NULL);
	TAP_ADD(&plan, a_flow_that_was_quiet_for_too_long_is_over, NULL, NULL);
	TAP_ADD(&plan, a_flow_of_a_moment_later_is_known, NULL, NULL);
	TAP_ADD(&plan, without_flows_nothing_is_a_reply, NULL, NULL);
	TAP_ADD(&plan, packets_cut_short_begin_no_flow, NULL, NULL);
	TAP_ADD(&plan, what_the_host_answers_begins_no_flow, NULL, NULL);
	TAP_ADD_TABLE(&plan, guards_do_not_limit_replies, guarded);
	return tap_run(&plan, "fw_replies", 1);
}
