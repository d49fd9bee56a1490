/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_flow_case.h"

#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/fw_flow_abi.h"
#include "tests/support/firewall_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

int fw_flow_case_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	assert_true(fd >= 0);
	return fd;
}

struct fw_flow_case fw_flow_case_open(unsigned int reply_seconds)
{
	const struct firewall_config config = {
		.default_deny = true,
		.reply_tcp_seconds = reply_seconds,
		.reply_seconds = reply_seconds,
	};
	struct fw_flow_case bed = { .egress = progrun_open("bpf/fw_egress.bpf.o"),
				    .firewall = firewall_case_open(&config) };
	__u32 zero = 0;
	int flows;

	assert_non_null(bed.egress);
	assert_int_equal(bpf_object__load(bed.egress), 0);
	assert_int_equal(bpf_object__load(bed.firewall), 0);
	bed.egress_fd = progrun_fd(bed.egress, "fw_egress");
	bed.firewall_fd = progrun_fd(bed.firewall, "firewall");
	flows = fw_flow_case_map(bed.egress, FW_FLOWS_NAME);
	assert_int_equal(bpf_map_update_elem(fw_flow_case_map(bed.firewall, FIREWALL_REPLIES_NAME),
					     &zero, &flows, BPF_ANY),
			 0);
	return bed;
}

void fw_flow_case_close(struct fw_flow_case *bed)
{
	bpf_object__close(bed->egress);
	bpf_object__close(bed->firewall);
}

void fw_flow_case_finish(struct packet *p, const char *src, const char *dst)
{
	if (strchr(src, ':'))
		packet_ip6(p, &(struct packet_ip6){ .src = src, .dst = dst });
	else
		packet_ip4(p, &(struct packet_ip4){ .src = src, .dst = dst });
	packet_eth(p);
}

void fw_flow_case_tcp(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport, uint8_t flags)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, sport, dport, flags);
	fw_flow_case_finish(p, src, dst);
}

void fw_flow_case_udp(struct packet *p, const char *src, uint16_t sport, const char *dst,
		      uint16_t dport)
{
	packet_start(p, "hello", 5);
	packet_udp(p, sport, dport);
	fw_flow_case_finish(p, src, dst);
}

void fw_flow_case_out(struct fw_flow_case *bed, struct packet *p)
{
	struct progrun run = {};

	assert_int_equal(progrun_skb(bed->egress_fd, p, 0, &run), 0);
	assert_int_equal((int)run.verdict, TC_ACT_UNSPEC);
	assert_int_equal(run.len, p->len);
	assert_memory_equal(run.bytes, packet_bytes(p), p->len);
}

void fw_flow_case_in(struct fw_flow_case *bed, struct packet *p, bool passes)
{
	struct progrun run = {};
	__u64 before = firewall_case_count(bed->firewall, FIREWALL_ALLOW_REPLY);

	assert_int_equal(progrun_packet(bed->firewall_fd, p, &run), 0);
	assert_int_equal(run.verdict, passes ? XDP_PASS : XDP_DROP);
	assert_int_equal(firewall_case_count(bed->firewall, FIREWALL_ALLOW_REPLY) - before, passes);
}

int fw_flow_case_count(struct fw_flow_case *bed)
{
	int fd = fw_flow_case_map(bed->egress, FW_FLOWS_NAME), count = 0;
	struct fw_flow key, *last = NULL;

	for (; !bpf_map_get_next_key(fd, last, &key); count++)
		last = &key;
	return count;
}
