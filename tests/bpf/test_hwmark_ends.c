/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark: a connection that begins anew or breaks off has no entry any more, whatever the entry was. */
#include <errno.h>
#include <string.h>

#include <sys/mman.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/hwmark/maps/hwmark_maps.h"
#include "tests/support/hwmark_case.h"
#include "tests/support/tap.h"

#define MARK 4711
#define TCP4 0 /* of hwmark_case_kinds */
#define TCP6 4
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

static const struct hwmark_case_packet client4 = { .client = "198.18.0.1",
						   .sport = 1000,
						   .dport = 80 };
static const struct hwmark_case_packet client6 = { .client = "2001:db8:18::1",
						   .sport = 1000,
						   .dport = 80 };

struct row {
	const char *name;
	void (*spoil)(struct hwmark_case *hc, struct hwmark_entry *entry);
	int kind;
	__u8 flags;
};

static void leave(struct hwmark_case *hc, struct hwmark_entry *entry)
{
	(void)hc;
	(void)entry;
}

static void raise_generation(struct hwmark_case *hc, struct hwmark_entry *entry)
{
	(void)entry;
	lb_case_raise(&hc->lb);
}

static void replace_real(struct hwmark_case *hc, struct hwmark_entry *entry)
{
	lb_case_real_epoch(&hc->lb, entry->real, 1);
}

static void turn_off(struct hwmark_case *hc, struct hwmark_entry *entry)
{
	(void)entry;
	memset(hc->lb.control.gateway, 0, sizeof(hc->lb.control.gateway));
	lb_case_control(&hc->lb);
}

static const struct row rows[] = {
	{ "a SYN", leave, TCP4, SYN },
	{ "a SYN, IPv6", leave, TCP6, SYN },
	{ "an RST", leave, TCP4, RST },
	{ "an RST, IPv6", leave, TCP6, RST | ACK },
	{ "a SYN on a generation that is over", raise_generation, TCP4, SYN },
	{ "a SYN on a generation that is over, IPv6", raise_generation, TCP6, SYN | ACK },
	{ "an RST on a generation that is over", raise_generation, TCP4, RST },
	{ "a SYN on a real that is gone", replace_real, TCP4, SYN },
	{ "a SYN while the load balancer is off", turn_off, TCP4, SYN },
};

static const struct hwmark_case_packet *client_of(int kind)
{
	return kind == TCP6 ? &client6 : &client4;
}

static __u32 run(const struct hwmark_case *hc, int kind, __u16 sport, __u8 flags)
{
	struct hwmark_case_packet spec = *client_of(kind);
	static struct packet packet;
	struct progrun out;

	spec.sport = sport;
	spec.tcp_flags = flags;
	hwmark_case_build(&hwmark_case_kinds[kind], &spec, &packet);
	hwmark_case_run(hc, MARK, &packet, &out);
	return out.verdict;
}

/* As the agent does it after a change of the load balancer. */
static int renew(const struct hwmark_case *hc)
{
	struct hwmark_maps maps = HWMARK_MAPS_CLOSED;
	size_t size = HWMARK_MARKS * sizeof(*maps.mapped);
	struct slot_reason why;
	int err;

	maps.marks = HWMARK_MARKS;
	maps.mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
			   bpf_object__find_map_fd_by_name(hc->object, HWMARK_ENTRIES_NAME), 0);
	assert_true(maps.mapped != MAP_FAILED);
	err = hwmark_entry_renew(&maps, MARK, 1000000, &why);
	assert_int_equal(munmap(maps.mapped, size), 0);
	return err;
}

/* A port of @shift beside the flow's own. Returns what comes of the entry's renewal. */
static int run_row(const struct row *row, enum hwmark_mode mode, __u16 shift)
{
	struct hwmark_case *hc = hwmark_case_get(mode);
	const struct hwmark_case_packet *client = client_of(row->kind);
	struct hwmark_entry entry = hwmark_case_entry(hc, &hwmark_case_kinds[row->kind], client);
	__u64 before = hwmark_case_count(hc, HWMARK_SYN);

	hwmark_case_mark(hc, MARK, &entry);
	row->spoil(hc, &entry);
	assert_int_equal(run(hc, row->kind, (__u16)(client->sport + shift), row->flags), XDP_PASS);
	assert_int_equal(hwmark_case_count(hc, HWMARK_SYN), before + 1);
	return renew(hc);
}

static void the_entry_of_a_flow_that_ends_is_not_renewed(void **state)
{
	assert_int_equal(run_row(*state, HWMARK_FLOW, 0), -ESTALE);
}

static void another_flows_end_leaves_the_entry(void **state)
{
	assert_int_equal(run_row(*state, HWMARK_FLOW, 1), 0);
}

static void one_flows_end_leaves_the_entry_of_many(void **state)
{
	assert_int_equal(run_row(*state, HWMARK_DESTINATION, 0), 0);
}

/* What comes behind, in a generation in which the entry would be true. */
static void packets_after_the_end_go_on_to_the_load_balancer(void **state)
{
	struct hwmark_case *hc = hwmark_case_get(HWMARK_FLOW);
	struct hwmark_entry entry = hwmark_case_entry(hc, &hwmark_case_kinds[TCP4], &client4);

	(void)state;
	hwmark_case_mark(hc, MARK, &entry);
	assert_int_equal(run(hc, TCP4, client4.sport, ACK), XDP_TX);
	assert_int_equal(run(hc, TCP4, client4.sport, SYN), XDP_PASS);
	assert_int_equal(run(hc, TCP4, client4.sport, ACK), XDP_PASS);
	assert_int_equal(renew(hc), -ESTALE);
	assert_int_equal(run(hc, TCP4, client4.sport, ACK), XDP_PASS);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD_TABLE(&plan, the_entry_of_a_flow_that_ends_is_not_renewed, rows);
	TAP_ADD_TABLE(&plan, another_flows_end_leaves_the_entry, rows);
	TAP_ADD_TABLE(&plan, one_flows_end_leaves_the_entry_of_many, rows);
	TAP_ADD(&plan, packets_after_the_end_go_on_to_the_load_balancer, NULL, NULL);
	return tap_run(&plan, "hwmark_ends", 1);
}
