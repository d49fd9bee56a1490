/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/marks_bed.h"

#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/tap.h"

#define REAL6 "2001:db8:2::1"

const struct lb_config marks_bed_config = {
	.tcp_option_kind = 0xb7,
	.mtu = 1500,
	.hwmark = MARKS_DESTINATION,
	.hwmark_packets = MARKS_THRESHOLD,
	.hwmark_seconds = MARKS_SECONDS,
	.hwmark_rate = 1000000,
};

static int take_event(void *ctx, void *data, size_t size)
{
	struct marks_bed *bed = ctx;

	assert_int_equal(size, sizeof(struct lb_mark_event));
	assert_in_range(bed->count, 0, MARKS_EVENTS_MAX - 1);
	memcpy(&bed->events[bed->count++], data, size);
	return 0;
}

static void add_vips(struct marks_bed *bed)
{
	bed->vip = (struct lb_case_vip){
		.addr = MARKS_VIP, .port = 80, .proto = IPPROTO_TCP, .vip = { .number = 5 }
	};
	bed->vip6 = (struct lb_case_vip){ .addr = MARKS_VIP6,
					  .proto = IPPROTO_UDP,
					  .vip = { .number = 6 } };
	bed->vip.vip.has_ring = bed->vip6.vip.has_ring = 1;
	bed->vip.vip.life = 9;
	bed->vip6.vip.encap = LB_GUE;
	lb_case_real(&bed->lb, MARKS_REAL, REAL6, 0);
	lb_case_real_epoch(&bed->lb, MARKS_REAL, 200);
	lb_case_ring_of(&bed->lb, 5, MARKS_REAL);
	lb_case_ring_of(&bed->lb, 6, MARKS_REAL);
	lb_case_vip(&bed->lb, &bed->vip);
	lb_case_vip(&bed->lb, &bed->vip6);
}

void marks_bed_open(struct marks_bed *bed, const struct lb_config *config)
{
	struct lb_mark_pool *pools;
	size_t size = LB_MARK_POOL_CPUS * sizeof(*pools);

	memset(bed, 0, sizeof(*bed));
	lb_case_open(&bed->lb);
	lb_case_load(&bed->lb, config);
	add_vips(bed);
	bed->ring = ring_buffer__new(lb_case_map(&bed->lb, LB_MARKS_WANTED_NAME), take_event, bed,
				     NULL);
	assert_non_null(bed->ring);
	pools = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		     lb_case_map(&bed->lb, LB_MARK_POOL_NAME), 0);
	assert_true(pools != MAP_FAILED);
	bed->pool = &pools[sched_getcpu()];
}

void marks_bed_close(struct marks_bed *bed)
{
	ring_buffer__free(bed->ring);
	lb_case_close(&bed->lb);
}

unsigned int marks_bed_take(struct marks_bed *bed)
{
	bed->count = 0;
	assert_true(ring_buffer__consume(bed->ring) >= 0);
	return bed->count;
}

__u64 marks_bed_count(const struct marks_bed *bed, enum lb_counter counter)
{
	return lb_case_count(&bed->lb, counter);
}

void marks_bed_send(const struct marks_bed *bed, struct packet *p, unsigned int packets)
{
	struct progrun out;

	while (packets--) {
		lb_case_run(&bed->lb, p, &out);
		assert_int_equal(out.verdict, XDP_TX);
	}
}

void marks_bed_tcp(const struct marks_bed *bed, __u16 sport, __u8 flags, unsigned int packets)
{
	struct packet_ip4 ip = { .src = MARKS_CLIENT, .dst = MARKS_VIP };
	struct packet p;

	packet_start(&p, "x", 1);
	packet_tcp(&p, sport, 80, flags);
	packet_ip4(&p, &ip);
	packet_eth(&p);
	marks_bed_send(bed, &p, packets);
}

void marks_bed_udp6(const struct marks_bed *bed, __u16 sport, __u16 dport, unsigned int packets)
{
	struct packet_ip6 ip = { .src = MARKS_CLIENT6, .dst = MARKS_VIP6 };
	struct packet p;

	packet_start(&p, "x", 1);
	packet_udp(&p, sport, dport);
	packet_ip6(&p, &ip);
	packet_eth(&p);
	marks_bed_send(bed, &p, packets);
}

void marks_bed_candidates(const struct marks_bed *bed, void (*change)(struct lb_candidate *flow))
{
	int fd = lb_case_map(&bed->lb, LB_CANDIDATES_NAME), cpus = libbpf_num_possible_cpus();
	struct lb_candidate flows[cpus];

	for (__u32 i = 0; i < LB_CANDIDATES; i++) {
		assert_int_equal(bpf_map_lookup_elem(fd, &i, flows), 0);
		for (int cpu = 0; cpu < cpus; cpu++)
			change(&flows[cpu]);
		assert_int_equal(bpf_map_update_elem(fd, &i, flows, BPF_ANY), 0);
	}
}
