/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl fw_egress: rulesets on packets that go out, and the flows of those that do. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/fw_egress/fw_egress_abi.h"
#include "bpf/fw_flow_abi.h"
#include "programs/shared/counts.h"
#include "tests/support/fw_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define HOST4 "192.0.2.1"
#define PEER4 "203.0.113.7"
#define HOST6 "2001:db8::1"
#define PEER6 "2001:db8:1::7"
/* A segment that is to be divided. */
#define LARGE 1400

static int find_map(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(fw_bed.object, name);

	assert_true(fd >= 0);
	return fd;
}

static __u64 get_count(enum fw_egress_counter counter)
{
	struct slot_count counts[FW_EGRESS_COUNTS_SIZE];
	struct slot_reason why = {};

	assert_int_equal(program_counts_get(find_map(FW_EGRESS_COUNTS_NAME), FW_EGRESS_COUNTS_SIZE,
					    &why, counts),
			 0);
	return counts[counter].packets;
}

static int count_flows(void)
{
	int fd = find_map(FW_FLOWS_NAME), count = 0;
	struct fw_flow key, *last = NULL;

	for (; !bpf_map_get_next_key(fd, last, &key); count++)
		last = &key;
	return count;
}

/* @gso_size: not 0: as the host's TCP hands large segments down. */
static void send_packet(struct packet *p, __u32 gso_size, enum fw_egress_counter counter)
{
	struct __sk_buff skb = { .gso_size = gso_size };
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = packet_bytes(p),
		    .data_size_in = (__u32)p->len, .ctx_in = &skb, .ctx_size_in = sizeof(skb));
	__u64 before = get_count(counter);

	assert_int_equal(bpf_prog_test_run_opts(progrun_fd(fw_bed.object, "fw_egress"), &run), 0);
	assert_int_equal(get_count(counter), before + 1);
	assert_int_equal((int)run.retval,
			 counter < FW_EGRESS_FIRST_DROP ? TC_ACT_UNSPEC : TC_ACT_SHOT);
}

static void finish(struct packet *p, const char *dst)
{
	if (strchr(dst, ':'))
		packet_ip6(p, &(struct packet_ip6){ .src = HOST6, .dst = dst });
	else
		packet_ip4(p, &(struct packet_ip4){ .src = HOST4, .dst = dst });
	packet_eth(p);
}

static struct packet make_tcp(const char *dst, uint16_t port, uint8_t flags)
{
	struct packet p;

	packet_start(&p, "hello", 5);
	packet_tcp(&p, 40000, port, flags);
	finish(&p, dst);
	return p;
}

static void send_tcp(const char *dst, uint16_t port, enum fw_egress_counter counter)
{
	struct packet p = make_tcp(dst, port, FW_BED_SYN);

	send_packet(&p, 0, counter);
}

static void without_a_ruleset_all_packets_go_out(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run(&fw_bed, "show"), PROGRAM_OK);
	program_bed_assert_said(&fw_bed, "", "no ruleset is loaded: all packets go out\n");
	send_tcp(PEER4, 80, FW_EGRESS_NEW);
	send_tcp(PEER4, 80, FW_EGRESS_KNOWN);
	send_tcp(PEER6, 80, FW_EGRESS_NEW);
}

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	fw_bed_load("policy accept\n"
		    "ip daddr 203.0.113.66 tcp dport 80 accept\n"
		    "daddr { 203.0.113.0/24, 2001:db8:1::/48 } tcp dport { 80, 443 } drop\n");
	send_tcp("203.0.113.66", 80, FW_EGRESS_NEW);
	send_tcp(PEER4, 80, FW_EGRESS_DENY_RULE);
	send_tcp(PEER6, 443, FW_EGRESS_DENY_RULE);
	send_tcp(PEER4, 22, FW_EGRESS_NEW);
	assert_int_equal(count_flows(), 2);
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "counter packets 2 bytes 138 drop\n"));
	program_bed_assert_runs(&fw_bed, "show",
				"policy accept\n"
				"ip daddr 203.0.113.66 tcp dport 80 accept\n"
				"daddr { 203.0.113.0/24, 2001:db8:1::/48 } tcp dport { 80, 443 } "
				"drop\n");
}

static void the_policy_is_the_default_of_this_direction(void **state)
{
	struct packet p;

	(void)state;
	fw_bed_load("policy drop\ntcp dport 443 accept\n");
	send_tcp(PEER4, 443, FW_EGRESS_NEW);
	send_tcp(PEER4, 80, FW_EGRESS_DENY_DEFAULT);
	send_tcp(PEER6, 80, FW_EGRESS_DENY_DEFAULT);
	assert_int_equal(count_flows(), 1);

	packet_start(&p, "hello", 5);
	p.ethertype = 0x0806;
	packet_eth(&p);
	send_packet(&p, 0, FW_EGRESS_NOT_IP);
	/* Or no packet would find its way to the next host. */
	packet_start(&p, "0123456789abcdef", 16);
	packet_icmp6(&p, 135, 0);
	packet_ip6(&p, &(struct packet_ip6){ .src = HOST6, .dst = PEER6, .hop_limit = 255 });
	packet_eth(&p);
	send_packet(&p, 0, FW_EGRESS_NEIGHBOUR);
	packet_start(&p, "0123456789abcdef", 16);
	packet_icmp6(&p, 135, 0);
	finish(&p, PEER6);
	send_packet(&p, 0, FW_EGRESS_DENY_DEFAULT);
}

static void limits_and_guards_work_as_on_what_comes_in(void **state)
{
	int i;

	(void)state;
	fw_bed_load("policy accept\npreset syn-flood 5/hour burst 3 packets\n"
		    "tcp dport 25 limit rate 1/hour burst 2 packets accept\n");
	for (i = 0; i < 2; i++)
		send_tcp(PEER4, 25, i ? FW_EGRESS_KNOWN : FW_EGRESS_NEW);
	send_tcp(PEER4, 25, FW_EGRESS_DENY_LIMIT);
	send_tcp(PEER4, 80, FW_EGRESS_NEW);
	send_tcp(PEER4, 81, FW_EGRESS_DENY_LIMIT);
	assert_int_equal(count_flows(), 2);
}

static void what_cannot_be_read_is_dropped_by_a_ruleset(void **state)
{
	struct packet p = make_tcp(PEER4, 80, FW_BED_ACK);

	(void)state;
	packet_cut(&p, p.len - 1);
	send_packet(&p, 0, FW_EGRESS_UNREAD);
	fw_bed_load("policy accept\n");
	send_packet(&p, 0, FW_EGRESS_DENY_UNREAD);
	assert_int_equal(count_flows(), 0);
}

/* The length field has 16 bits; a larger segment has 0 there. */
static void large_segments_may_have_no_length(void **state)
{
	struct packet p = make_tcp(PEER4, 80, FW_BED_ACK), p6 = make_tcp(PEER6, 80, FW_BED_ACK);

	(void)state;
	memset(packet_bytes(&p) + 14 + 2, 0, 2);
	memset(packet_bytes(&p6) + 14 + 4, 0, 2);
	fw_bed_load("policy drop\ntcp dport 80 accept\n");
	send_packet(&p, LARGE, FW_EGRESS_NEW);
	send_packet(&p6, LARGE, FW_EGRESS_NEW);
	send_packet(&p, 0, FW_EGRESS_DENY_UNREAD);
	send_packet(&p6, 0, FW_EGRESS_DENY_UNREAD);
}

static void the_interface_is_that_which_packets_leave_by(void **state)
{
	(void)state;
	fw_bed_load("policy accept\noifname lo tcp dport 80 drop\n");
	send_tcp(PEER4, 80, FW_EGRESS_DENY_RULE);
	send_tcp(PEER4, 81, FW_EGRESS_NEW);
	assert_int_equal(program_bed_run(&fw_bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "oifname \"lo\" tcp dport 80 counter packets 1 "));
	assert_int_equal(fw_bed_try("policy drop\n\niifname lo accept\n"), PROGRAM_FAILED);
	assert_non_null(strstr(fw_bed.err,
			       ": line 3: iifname is for packets that come in; expected oifname, "
			       "as these go out; the rules from before stay in force\n"));
	send_tcp(PEER4, 82, FW_EGRESS_NEW);
}

static void samples_are_kept(void **state)
{
	(void)state;
	fw_bed_load("policy accept\ntcp dport 80 sample 1/1 drop\n");
	send_tcp(PEER4, 80, FW_EGRESS_DENY_RULE);
	assert_int_equal(program_bed_run(&fw_bed, "samples"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "Z ruleset 1 rule 1 59 bytes 02000000"));
}

static void lists_are_no_ruleset_of_this_direction(void **state)
{
	(void)state;
	assert_int_equal(fw_bed_try("deny 203.0.113.0/24\n"), PROGRAM_FAILED);
	assert_non_null(strstr(fw_bed.err, "'deny': expected"));
	send_tcp(PEER4, 80, FW_EGRESS_NEW);
}

static void traces_tell_why(void **state)
{
	(void)state;
	program_bed_assert_runs(&fw_bed, "trace ip daddr 203.0.113.7 tcp dport 80",
				"accept: no ruleset is loaded\n");
	fw_bed_load("policy drop\npreset syn-flood 5/second\noifname lo tcp dport 80 accept\n");
	program_bed_assert_runs(
		&fw_bed, "trace oifname lo tcp dport 80 tcp flags syn",
		"rule 2 (line 3) matches: oifname \"lo\" tcp dport 80 accept\n"
		"preset 1 (line 2) limits what passes: preset syn-flood 5/second burst 5 packets\n"
		"accept: the first rule that matches; within the preset's limit, beyond it drop\n");
	assert_int_equal(program_bed_run(&fw_bed, "trace tcp sport 80"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "rule 2 (line 3) differs in oifname, dport: oifname"));
	assert_non_null(strstr(fw_bed.out, "drop: no rule matches\n"));
	assert_int_equal(program_bed_run(&fw_bed, "trace iifname lo"), PROGRAM_FAILED);
	assert_non_null(strstr(fw_bed.err, "iifname is for packets that come in"));
}

static void the_counters_tell_why(void **state)
{
	(void)state;
	fw_bed_load("policy drop\ntcp dport 25 drop\n");
	send_tcp(PEER4, 80, FW_EGRESS_DENY_DEFAULT);
	send_tcp(PEER4, 25, FW_EGRESS_DENY_RULE);
	assert_int_equal(program_bed_run(&fw_bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(fw_bed.out, "deny_rule"));
	assert_non_null(strstr(fw_bed.out, "deny_default"));
}

#define ADD(test) TAP_ADD(&plan, test, fw_bed_set_up_egress, fw_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(without_a_ruleset_all_packets_go_out);
	ADD(the_first_rule_that_matches_decides);
	ADD(the_policy_is_the_default_of_this_direction);
	ADD(limits_and_guards_work_as_on_what_comes_in);
	ADD(what_cannot_be_read_is_dropped_by_a_ruleset);
	ADD(large_segments_may_have_no_length);
	ADD(the_interface_is_that_which_packets_leave_by);
	ADD(samples_are_kept);
	ADD(lists_are_no_ruleset_of_this_direction);
	ADD(traces_tell_why);
	ADD(the_counters_tell_why);
	return tap_run(&plan, "fw_egress", 1);
}
