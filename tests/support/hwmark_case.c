/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/hwmark_case.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/draw.h"
#include "tests/support/tap.h"

#define PAYLOAD_MAX 1400
#define TCP_SYN 0x02U
#define TCP_RST 0x04U
#define TCP_ACK 0x10

#define MAC "\x02\x00\x00\x00\x20\x01"

const struct hwmark_case_kind hwmark_case_kinds[] = {
	{ "TCP, IPv4 in IPv4", "203.0.113.1", 80, IPPROTO_TCP, LB_IPIP, "192.0.2.1", NULL },
	{ "UDP, IPv4 in IPv4", "203.0.113.2", 53, IPPROTO_UDP, LB_IPIP, "192.0.2.2", NULL },
	{ "TCP, IPv4 in IPv6", "203.0.113.3", 80, IPPROTO_TCP, LB_IPIP, "2001:db8:2::3", NULL },
	{ "UDP, IPv4 in IPv6", "203.0.113.4", 53, IPPROTO_UDP, LB_IPIP, "2001:db8:2::4", NULL },
	{ "TCP, IPv6 in IPv6", "2001:db8:113::5", 80, IPPROTO_TCP, LB_IPIP, "2001:db8:2::5", NULL },
	{ "UDP, IPv6 in IPv6", "2001:db8:113::6", 53, IPPROTO_UDP, LB_IPIP, "2001:db8:2::6", NULL },
	{ "TCP, IPv4 in GUE over IPv4", "203.0.113.7", 80, IPPROTO_TCP, LB_GUE, "192.0.2.7", NULL },
	{ "UDP, IPv4 in GUE over IPv4", "203.0.113.8", 53, IPPROTO_UDP, LB_GUE, "192.0.2.8", NULL },
	{ "TCP, IPv4 in GUE over IPv6", "203.0.113.9", 80, IPPROTO_TCP, LB_GUE, "2001:db8:2::9",
	  NULL },
	{ "UDP, IPv4 in GUE over IPv6", "203.0.113.10", 53, IPPROTO_UDP, LB_GUE, "2001:db8:2::a",
	  NULL },
	{ "TCP, IPv6 in GUE over IPv6", "2001:db8:113::b", 80, IPPROTO_TCP, LB_GUE, "2001:db8:2::b",
	  NULL },
	{ "UDP, IPv6 in GUE over IPv6", "2001:db8:113::c", 53, IPPROTO_UDP, LB_GUE, "2001:db8:2::c",
	  NULL },
	{ "TCP to a real's MAC, IPv4", "203.0.113.13", 80, IPPROTO_TCP, LB_L2, "192.0.2.13", MAC },
	{ "UDP to the gateway's MAC, IPv4", "203.0.113.14", 53, IPPROTO_UDP, LB_L2, "192.0.2.14",
	  NULL },
	{ "TCP to a real's MAC, IPv6", "2001:db8:113::f", 80, IPPROTO_TCP, LB_L2, "2001:db8:2::f",
	  MAC },
	{ "TCP of all ports, IPv4 in IPv4", "203.0.113.16", 0, IPPROTO_TCP, LB_IPIP, "192.0.2.16",
	  NULL },
	{ "UDP of all ports, IPv6 in GUE", "2001:db8:113::11", 0, IPPROTO_UDP, LB_GUE,
	  "2001:db8:2::11", NULL },
};
const size_t hwmark_case_kind_count = sizeof(hwmark_case_kinds) / sizeof(*hwmark_case_kinds);

static __u32 number_of(const struct hwmark_case_kind *kind)
{
	return (__u32)(kind - hwmark_case_kinds);
}

static bool is_ip6(const char *address)
{
	return strchr(address, ':');
}

static void set_mac(const struct lb_case *lb, __u32 index, const char *mac)
{
	int fd = lb_case_map(lb, LB_REALS_NAME);
	struct lb_real real;

	assert_int_equal(bpf_map_lookup_elem(fd, &index, &real), 0);
	memcpy(real.mac, mac, sizeof(real.mac));
	assert_int_equal(bpf_map_update_elem(fd, &index, &real, BPF_ANY), 0);
}

static void add_kind(struct lb_case *lb, const struct hwmark_case_kind *kind)
{
	__u32 number = number_of(kind);
	struct lb_case_vip spec = {
		.addr = kind->vip,
		.port = kind->port,
		.proto = kind->proto,
		.vip = { .number = number, .encap = (__u8)kind->encap, .has_ring = 1 }
	};

	lb_case_real(lb, number + 1, kind->real, 0);
	if (kind->mac)
		set_mac(lb, number + 1, kind->mac);
	lb_case_vip(lb, &spec);
}

void hwmark_case_open(struct hwmark_case *hc)
{
	*hc = (struct hwmark_case){ .config = { .mark_from = HWMARK_META,
						.mode = HWMARK_FLOW,
						.mtu = 1500,
						.marks = HWMARK_MARKS } };
	lb_case_open(&hc->lb);
	lb_case_load(&hc->lb, NULL);
	for (__u32 i = 0; i < hwmark_case_kind_count; i++)
		lb_case_ring_of(&hc->lb, i, i + 1);
	hwmark_case_reset(hc);
}

void hwmark_case_reset(struct hwmark_case *hc)
{
	memcpy(hc->lb.control.gateway, LB_CASE_GATEWAY, sizeof(hc->lb.control.gateway));
	for (size_t i = 0; i < hwmark_case_kind_count; i++)
		add_kind(&hc->lb, &hwmark_case_kinds[i]);
}

struct hwmark_case *hwmark_case_get(enum hwmark_mode mode)
{
	static struct hwmark_case cases[2];
	struct hwmark_case *hc = &cases[mode];

	if (hc->object) {
		hwmark_case_reset(hc);
		return hc;
	}
	hwmark_case_open(hc);
	hc->config.mode = mode;
	hwmark_case_load(hc);
	return hc;
}

void hwmark_case_load(struct hwmark_case *hc)
{
	hc->object = progrun_open("bpf/hwmark.bpf.o");
	assert_non_null(hc->object);
	progrun_share(hc->object, hc->lb.object);
	assert_int_equal(progrun_set(hc->object, "hwmark.rodata", &hc->config, sizeof(hc->config)),
			 0);
	assert_int_equal(bpf_object__load(hc->object), 0);
}

void hwmark_case_close(struct hwmark_case *hc)
{
	bpf_object__close(hc->object);
	hc->object = NULL;
	lb_case_close(&hc->lb);
}

struct hwmark_case_packet hwmark_case_draw(const struct hwmark_case_kind *kind, uint64_t *state)
{
	struct hwmark_case_packet spec = {
		.sport = (__u16)(1 + draw_below(state, 65535)),
		.dport = kind->port ? kind->port : (__u16)(1 + draw_below(state, 65535)),
		.tcp_flags = draw_below(state, 8) ?
				     TCP_ACK :
				     (__u8)(draw_number(state) & ~(TCP_SYN | TCP_RST)),
		.tos = (__u8)draw_number(state),
		.payload = draw_below(state, PAYLOAD_MAX),
		.has_no_check = !draw_below(state, 4),
	};
	__u32 host = draw_number(state);

	if (is_ip6(kind->vip))
		snprintf(spec.client, sizeof(spec.client), "2001:db8:%x::%x:%x",
			 draw_below(state, 0xffff), host >> 16, host & 0xffff);
	else
		snprintf(spec.client, sizeof(spec.client), "198.%u.%u.%u", 18 + (host >> 16 & 1),
			 host >> 8 & 0xff, host & 0xff);
	return spec;
}

void hwmark_case_build(const struct hwmark_case_kind *kind, const struct hwmark_case_packet *spec,
		       struct packet *p)
{
	static const unsigned char payload[PAYLOAD_MAX] = "marked";
	struct packet_ip4 ip4 = { .src = spec->client, .dst = kind->vip, .tos = spec->tos };
	struct packet_ip6 ip6 = { .src = spec->client,
				  .dst = kind->vip,
				  .traffic_class = spec->tos };

	packet_start(p, payload, spec->payload);
	if (kind->proto == IPPROTO_TCP)
		packet_tcp(p, spec->sport, spec->dport, spec->tcp_flags);
	else
		packet_udp(p, spec->sport, spec->dport);
	if (is_ip6(kind->vip))
		packet_ip6(p, &ip6);
	else
		packet_ip4(p, &ip4);
	packet_eth(p);
	if (kind->proto == IPPROTO_UDP && spec->has_no_check)
		memset(packet_bytes(p) + (is_ip6(kind->vip) ? 60 : 40), 0, 2);
}

struct hwmark_entry hwmark_case_entry(const struct hwmark_case *hc,
				      const struct hwmark_case_kind *kind,
				      const struct hwmark_case_packet *spec)
{
	struct hwmark_entry entry = { .vip = number_of(kind),
				      .real = number_of(kind) + 1,
				      .proto = kind->proto,
				      .is_ip6 = is_ip6(kind->vip),
				      .encap = (__u8)kind->encap,
				      .dport = htons(kind->port) };
	int family = entry.is_ip6 ? AF_INET6 : AF_INET;
	__u32 zero = 0;

	assert_int_equal(bpf_map_lookup_elem(lb_case_map(&hc->lb, LB_GENERATION_NAME), &zero,
					     &entry.generation),
			 0);
	assert_int_equal(inet_pton(family, kind->vip, entry.dst), 1);
	if (hc->config.mode == HWMARK_DESTINATION)
		return entry;
	assert_int_equal(inet_pton(family, spec->client, entry.src), 1);
	entry.sport = htons(spec->sport);
	entry.dport = htons(spec->dport);
	return entry;
}

void hwmark_case_mark(const struct hwmark_case *hc, __u32 mark, const struct hwmark_entry *entry)
{
	int fd = bpf_object__find_map_fd_by_name(hc->object, HWMARK_ENTRIES_NAME);

	assert_int_equal(bpf_map_update_elem(fd, &mark, entry, BPF_ANY), 0);
}

void hwmark_case_run(const struct hwmark_case *hc, __u32 mark, struct packet *p,
		     struct progrun *ret_run)
{
	struct hwmark_meta meta = { mark };

	assert_int_equal(
		progrun_meta(progrun_fd(hc->object, "hwmark"), &meta, sizeof(meta), p, ret_run), 0);
}

__u64 hwmark_case_count(const struct hwmark_case *hc, enum hwmark_counter counter)
{
	int fd = bpf_object__find_map_fd_by_name(hc->object, HWMARK_COUNTS_NAME);
	int cpus = libbpf_num_possible_cpus(), i;
	struct hwmark_counts *counts;
	__u64 sum = 0;
	__u32 zero = 0;

	assert_true(cpus > 0);
	counts = calloc((size_t)cpus, sizeof(*counts));
	assert_non_null(counts);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, counts), 0);
	for (i = 0; i < cpus; i++)
		sum += counts[i].count[counter];
	free(counts);
	return sum;
}
