/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * hwmark and the load balancer behind it, in a chain on every engine that the running kernel
 * accepts: whatever the mark in front of a packet, the packet leaves as the load balancer sends the same
 * one without a mark, byte for byte, and what is in front of it stays.
 */
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>

#include "tests/support/chaincase.h"
#include "tests/support/draw.h"
#include "tests/support/hwmark_case.h"

#define MARK 4711
#define SLOT 7
#define DRAWS 8 /* of each kind */
#define TCP_SYN 0x02
#define TCP_ACK 0x10

/* What is not as it should be of a packet's mark, its entry or the packet. */
struct spoil {
	const char *name;
	void (*entry)(struct hwmark_entry *entry);
	void (*packet)(struct hwmark_case_packet *spec);
	size_t meta_len;
	bool is_stale;
	bool is_sent; /* by hwmark, for which nothing is spoiled */
	bool is_tcp;  /* UDP cannot be spoiled so */
};

static void free_it(struct hwmark_entry *entry)
{
	entry->generation = 0;
}

static void make_others(struct hwmark_entry *entry)
{
	entry->dst[0] ^= 1;
}

static void replace_real(struct hwmark_entry *entry)
{
	entry->epoch++;
}

static void begin(struct hwmark_case_packet *spec)
{
	spec->tcp_flags = TCP_SYN;
}

static const struct spoil spoils[] = {
	{ .name = "true marks", .meta_len = 4, .is_sent = true },
	{ .name = "marks of a generation that is over", .meta_len = 4, .is_stale = true },
	{ .name = "marks without an entry", .meta_len = 4, .entry = free_it },
	{ .name = "marks of another VIP", .meta_len = 4, .entry = make_others },
	{ .name = "marks of a real that is gone", .meta_len = 4, .entry = replace_real },
	{ .name = "connections that begin", .meta_len = 4, .packet = begin, .is_tcp = true },
	{ .name = "metadata of 8 bytes", .meta_len = 8 },
	{ .name = "metadata of 32 bytes", .meta_len = 32 },
};

static const char *const settings[] = {
	[HWMARK_FLOW] = "mode=flow refresh=0",
	[HWMARK_DESTINATION] = "mode=destination refresh=0",
};

static void open_chain(struct chainrun *chain, void **state, enum hwmark_mode mode,
		       struct hwmark_case *hc)
{
	chain_start(chain, state);
	hwmark_case_open(hc);
	hc->config.mode = mode;
	chain_add(chain, SLOT, "bpf/hwmark", settings[mode]);
	chain_add(chain, SLOT + 1, "bpf/lb", NULL);
	chainrun_share(chain, SLOT, hc->lb.object);
	chainrun_share(chain, SLOT + 1, hc->lb.object);
	chain_build(chain);
	hc->object = chain->build.programs[SLOT]->object;
}

static void close_chain(struct chainrun *chain, struct hwmark_case *hc)
{
	chainrun_end(chain);
	lb_case_close(&hc->lb);
}

static void assert_same(const struct progrun *run, const struct progrun *plain)
{
	assert_int_equal(run->verdict, XDP_TX);
	assert_int_equal(run->len, plain->len);
	assert_memory_equal(run->bytes, plain->bytes, plain->len);
	assert_memory_equal(run->meta, plain->meta, sizeof(plain->meta));
}

/* One packet: through the chain with its mark, and through the load balancer alone. */
static void compare(const struct chainrun *chain, const struct hwmark_case *hc,
		    const struct hwmark_case_kind *kind, const struct hwmark_case_packet *spec,
		    size_t meta_len)
{
	__u32 meta[8] = { MARK, MARK, MARK, MARK, MARK, MARK, MARK, MARK };
	struct progrun marked, plain, bare;
	static struct packet p;

	hwmark_case_build(kind, spec, &p);
	assert_int_equal(progrun_meta(chain->root_fd, meta, meta_len, &p, &marked), 0);
	hwmark_case_build(kind, spec, &p);
	assert_int_equal(progrun_meta(progrun_fd(hc->lb.object, "lb"), meta, meta_len, &p, &plain),
			 0);
	hwmark_case_build(kind, spec, &p);
	lb_case_run(&hc->lb, &p, &bare);
	assert_same(&marked, &plain);
	assert_memory_equal(marked.meta, meta, meta_len);
	assert_int_equal(marked.len, bare.len);
	assert_memory_equal(marked.bytes, bare.bytes, bare.len);
}

static void compare_kind(const struct chainrun *chain, const struct hwmark_case *hc,
			 const struct hwmark_case_kind *kind, const struct spoil *spoil)
{
	uint64_t draws = draw_seed(1 + (uint64_t)(kind - hwmark_case_kinds));

	for (int i = 0; i < DRAWS; i++) {
		struct hwmark_case_packet spec = hwmark_case_draw(kind, &draws);
		struct hwmark_entry entry = hwmark_case_entry(hc, kind, &spec);

		if (spoil->entry)
			spoil->entry(&entry);
		if (spoil->packet)
			spoil->packet(&spec);
		hwmark_case_mark(hc, MARK, &entry);
		if (spoil->is_stale)
			lb_case_raise(&hc->lb);
		compare(chain, hc, kind, &spec, spoil->meta_len);
	}
}

static __u64 count_sent(const struct hwmark_case *hc)
{
	return hwmark_case_count(hc, HWMARK_SENT4) + hwmark_case_count(hc, HWMARK_SENT6);
}

static void compare_all(const struct chainrun *chain, const struct hwmark_case *hc,
			const struct spoil *spoil)
{
	__u64 before = count_sent(hc), packets = 0;

	print_message("# %s\n", spoil->name);
	for (size_t i = 0; i < hwmark_case_kind_count; i++) {
		if (spoil->is_tcp && hwmark_case_kinds[i].proto != IPPROTO_TCP)
			continue;
		compare_kind(chain, hc, &hwmark_case_kinds[i], spoil);
		packets += DRAWS;
	}
	assert_int_equal(count_sent(hc) - before, spoil->is_sent ? packets : 0);
}

static void run_mode(void **state, enum hwmark_mode mode)
{
	struct hwmark_case hc;
	struct chainrun chain;

	open_chain(&chain, state, mode, &hc);
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++)
		compare_all(&chain, &hc, &spoils[i]);
	close_chain(&chain, &hc);
}

static void marks_of_flows_leave_the_chain_as_if_without(void **state)
{
	run_mode(state, HWMARK_FLOW);
}

static void marks_of_reals_leave_the_chain_as_if_without(void **state)
{
	run_mode(state, HWMARK_DESTINATION);
}

static const struct chain_case cases[] = {
	CHAIN_CASE(marks_of_flows_leave_the_chain_as_if_without),
	CHAIN_CASE(marks_of_reals_leave_the_chain_as_if_without),
};

int main(void)
{
	progrun_stay();
	return chain_cases_run("hwmark chain", cases, sizeof(cases) / sizeof(cases[0]));
}
