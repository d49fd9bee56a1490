/* SPDX-License-Identifier: GPL-2.0-only */
/* Packets go out through fw_egress, and what comes back meets a firewall that denies by default. */
#include <errno.h>
#include <netinet/in.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/fw_egress/fw_egress_abi.h"
#include "bpf/fw_flow_abi.h"
#include "tests/support/firewall_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define HOST4 "192.0.2.1"
#define PEER4 "203.0.113.7"
#define HOST6 "2001:db8::1"
#define PEER6 "2001:db8:1::7"

struct bed {
	struct bpf_object *egress, *firewall;
	int egress_fd, firewall_fd;
};

static int find_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	assert_true(fd >= 0);
	return fd;
}

static struct bed open_bed(unsigned int reply_seconds)
{
	const struct firewall_config config = {
		.default_deny = true,
		.reply_tcp_seconds = reply_seconds,
		.reply_seconds = reply_seconds,
	};
	struct bed bed = { .egress = progrun_open("bpf/fw_egress.bpf.o"),
			   .firewall = firewall_case_open(&config) };
	__u32 zero = 0;
	int flows;

	assert_non_null(bed.egress);
	assert_int_equal(bpf_object__load(bed.egress), 0);
	assert_int_equal(bpf_object__load(bed.firewall), 0);
	bed.egress_fd = progrun_fd(bed.egress, "fw_egress");
	bed.firewall_fd = progrun_fd(bed.firewall, "firewall");
	flows = find_map(bed.egress, FW_FLOWS_NAME);
	assert_int_equal(bpf_map_update_elem(find_map(bed.firewall, FIREWALL_REPLIES_NAME), &zero,
					     &flows, BPF_ANY),
			 0);
	return bed;
}

static void close_bed(struct bed *bed)
{
	bpf_object__close(bed->egress);
	bpf_object__close(bed->firewall);
}

static void finish4(struct packet *p, const char *src, const char *dst)
{
	packet_ip4(p, &(struct packet_ip4){ .src = src, .dst = dst });
	packet_eth(p);
}

static void finish6(struct packet *p, const char *src, const char *dst)
{
	packet_ip6(p, &(struct packet_ip6){ .src = src, .dst = dst });
	packet_eth(p);
}

static void send_out(struct bed *bed, struct packet *p)
{
	struct progrun run = {};

	assert_int_equal(progrun_skb(bed->egress_fd, p, 0, &run), 0);
	assert_int_equal((int)run.verdict, TC_ACT_UNSPEC);
	assert_int_equal(run.len, p->len);
	assert_memory_equal(run.bytes, packet_bytes(p), p->len);
}

static void comes_in(struct bed *bed, struct packet *p, bool passes)
{
	struct progrun run = {};
	__u64 before = firewall_case_count(bed->firewall, FIREWALL_ALLOW_REPLY);

	assert_int_equal(progrun_packet(bed->firewall_fd, p, &run), 0);
	assert_int_equal(run.verdict, passes ? XDP_PASS : XDP_DROP);
	assert_int_equal(firewall_case_count(bed->firewall, FIREWALL_ALLOW_REPLY) - before, passes);
}

static void make_tcp4(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, sport, dport, 0x10);
	finish4(p, src, dst);
}

static void only_replies_of_a_tcp_flow_pass(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;

	(void)state;
	make_tcp4(&p, PEER4, 80, HOST4, 40000);
	comes_in(&bed, &p, false);
	make_tcp4(&p, HOST4, 40000, PEER4, 80);
	send_out(&bed, &p);
	make_tcp4(&p, PEER4, 80, HOST4, 40000);
	comes_in(&bed, &p, true);
	make_tcp4(&p, PEER4, 81, HOST4, 40000);
	comes_in(&bed, &p, false);
	make_tcp4(&p, PEER4, 80, HOST4, 40001);
	comes_in(&bed, &p, false);
	make_tcp4(&p, "203.0.113.8", 80, HOST4, 40000);
	comes_in(&bed, &p, false);
	make_tcp4(&p, PEER4, 80, "192.0.2.2", 40000);
	comes_in(&bed, &p, false);
	/* The flow itself is no reply to itself. */
	make_tcp4(&p, HOST4, 40000, PEER4, 80);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void make_udp6(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport, size_t ext_len)
{
	packet_start(p, "hello", 5);
	packet_udp(p, sport, dport);
	if (ext_len)
		packet_ip6_ext(p, IPPROTO_DSTOPTS, ext_len);
	finish6(p, src, dst);
}

static void replies_of_udp_on_ip6_pass(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;

	(void)state;
	make_udp6(&p, HOST6, 40000, PEER6, 53, 0);
	send_out(&bed, &p);
	make_udp6(&p, HOST6, 40001, PEER6, 53, 16);
	send_out(&bed, &p);
	make_udp6(&p, PEER6, 53, HOST6, 40000, 0);
	comes_in(&bed, &p, true);
	make_udp6(&p, PEER6, 53, HOST6, 40001, 0);
	comes_in(&bed, &p, true);
	make_udp6(&p, PEER6, 53, HOST6, 40002, 0);
	comes_in(&bed, &p, false);
	make_udp6(&p, "2001:db8:1::8", 53, HOST6, 40000, 0);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void make_icmp4(struct packet *p, const char *src, const char *dst, uint8_t type)
{
	packet_start(p, "hello", 5);
	packet_icmp(p, type, 0);
	finish4(p, src, dst);
}

static void make_icmp6(struct packet *p, const char *src, const char *dst, uint8_t type)
{
	packet_start(p, "hello", 5);
	packet_icmp6(p, type, 0);
	finish6(p, src, dst);
}

static void of_icmp_answers_to_echoes_pass(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;

	(void)state;
	make_icmp4(&p, HOST4, PEER4, 8);
	send_out(&bed, &p);
	make_icmp6(&p, HOST6, PEER6, 128);
	send_out(&bed, &p);
	make_icmp4(&p, PEER4, HOST4, 0);
	comes_in(&bed, &p, true);
	make_icmp4(&p, PEER4, HOST4, 8);
	comes_in(&bed, &p, false);
	make_icmp4(&p, PEER4, HOST4, 5);
	comes_in(&bed, &p, false);
	make_icmp6(&p, PEER6, HOST6, 129);
	comes_in(&bed, &p, true);
	make_icmp6(&p, PEER6, HOST6, 128);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void an_answer_to_an_echo_begins_no_flow(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;

	(void)state;
	make_icmp4(&p, HOST4, PEER4, 0);
	send_out(&bed, &p);
	make_icmp4(&p, PEER4, HOST4, 0);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void parts_without_ports_begin_no_flow(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;

	(void)state;
	packet_start(&p, "hellohello", 10);
	packet_ip4(&p, &(struct packet_ip4){
			       .src = HOST4, .dst = PEER4, .proto = IPPROTO_UDP, .fragment = 10 });
	packet_eth(&p);
	send_out(&bed, &p);
	packet_start(&p, "hellohello", 10);
	packet_ip4(&p, &(struct packet_ip4){
			       .src = PEER4, .dst = HOST4, .proto = IPPROTO_UDP, .fragment = 10 });
	packet_eth(&p);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void a_flow_that_was_quiet_for_too_long_is_over(void **state)
{
	struct bed bed = open_bed(0);
	struct packet p;

	(void)state;
	make_tcp4(&p, HOST4, 40000, PEER4, 80);
	send_out(&bed, &p);
	make_tcp4(&p, PEER4, 80, HOST4, 40000);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

static void without_flows_nothing_is_a_reply(void **state)
{
	struct bed bed = open_bed(60);
	struct packet p;
	__u32 zero = 0;

	(void)state;
	make_tcp4(&p, HOST4, 40000, PEER4, 80);
	send_out(&bed, &p);
	assert_int_equal(bpf_map_delete_elem(find_map(bed.firewall, FIREWALL_REPLIES_NAME), &zero),
			 0);
	make_tcp4(&p, PEER4, 80, HOST4, 40000);
	comes_in(&bed, &p, false);
	close_bed(&bed);
}

/* Cut inside the ports; the kernel itself refuses to run what has no whole IP header. */
static void packets_cut_short_begin_no_flow(void **state)
{
	struct bed bed = open_bed(60);
	struct fw_flow key;
	struct packet p;
	size_t len;

	(void)state;
	for (len = 14 + 20; len < 14 + 20 + 4; len++) {
		make_tcp4(&p, HOST4, 40000, PEER4, 80);
		packet_cut(&p, len);
		send_out(&bed, &p);
	}
	assert_int_equal(bpf_map_get_next_key(find_map(bed.egress, FW_FLOWS_NAME), NULL, &key),
			 -ENOENT);
	close_bed(&bed);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, only_replies_of_a_tcp_flow_pass, NULL, NULL);
	TAP_ADD(&plan, replies_of_udp_on_ip6_pass, NULL, NULL);
	TAP_ADD(&plan, of_icmp_answers_to_echoes_pass, NULL, NULL);
	TAP_ADD(&plan, an_answer_to_an_echo_begins_no_flow, NULL, NULL);
	TAP_ADD(&plan, parts_without_ports_begin_no_flow, NULL, NULL);
	TAP_ADD(&plan, a_flow_that_was_quiet_for_too_long_is_over, NULL, NULL);
	TAP_ADD(&plan, without_flows_nothing_is_a_reply, NULL, NULL);
	TAP_ADD(&plan, packets_cut_short_begin_no_flow, NULL, NULL);
	return tap_run(&plan, "fw_replies", 1);
}
