/* SPDX-License-Identifier: GPL-2.0-only */
/* hwmark: what is not what its mark says is left to the load balancer, as it came. */
#include <arpa/inet.h>
#include <string.h>

#include <bpf/bpf.h>

#include "tests/support/draw.h"
#include "tests/support/hwmark_case.h"
#include "tests/support/tap.h"

#define MARK 4711
#define UNCOUNTED (HWMARK_SENT6 + 1)
#define ACK 0x10
#define SYN 0x02
#define RST 0x04
#define DRAWS 3000

/* The kinds of hwmark_case.c that are used here. */
enum {
	TCP4 = 0,
	UDP4 = 1,
	TCP6 = 4,
	UDP6 = 5,
};

/* A packet with its mark and the mark's entry, before one of them is spoiled. */
struct attempt {
	struct hwmark_case *hc;
	const struct hwmark_case_kind *kind;
	struct hwmark_case_packet spec;
	struct hwmark_entry entry;
	struct packet p;
	__u32 meta[8];
	size_t meta_len;
};

struct row {
	const char *name;
	void (*spoil)(struct attempt *a);
	__u32 counter;
	int kind;
	enum hwmark_mode mode;
};

static void start(struct attempt *a, const struct hwmark_case_kind *kind, enum hwmark_mode mode)
{
	uint64_t draws = draw_seed(1);

	a->hc = hwmark_case_get(mode);
	a->kind = kind;
	a->spec = hwmark_case_draw(kind, &draws);
	a->spec.tcp_flags = ACK;
	a->entry = hwmark_case_entry(a->hc, kind, &a->spec);
	hwmark_case_build(kind, &a->spec, &a->p);
	a->meta[0] = MARK;
	a->meta_len = sizeof(struct hwmark_meta);
}

static void run(struct attempt *a, struct progrun *ret_run)
{
	int fd = progrun_fd(a->hc->object, "hwmark");

	hwmark_case_mark(a->hc, MARK, &a->entry);
	assert_int_equal(progrun_meta(fd, a->meta, a->meta_len, &a->p, ret_run), 0);
}

static void a_packet_is_left_as_it_came_and_counted_by_the_reason(void **state)
{
	const struct row *row = *state;
	static struct attempt a;
	__u64 before[HWMARK_SENT6 + 1];
	struct progrun out;

	start(&a, &hwmark_case_kinds[row->kind], row->mode);
	for (__u32 i = 0; i <= HWMARK_SENT6; i++)
		before[i] = hwmark_case_count(a.hc, i);
	row->spoil(&a);
	run(&a, &out);
	assert_int_equal(out.verdict, XDP_PASS);
	assert_int_equal(out.len, a.p.len);
	assert_memory_equal(out.bytes, packet_bytes(&a.p), a.p.len);
	for (__u32 i = 0; i <= HWMARK_SENT6; i++)
		assert_int_equal(hwmark_case_count(a.hc, i) - before[i], i == row->counter);
}

/* --- what the load balancer did since -------------------------------------------------------- */

static void raise_generation(struct attempt *a)
{
	lb_case_raise(&a->hc->lb);
}

static void lower_generation(struct attempt *a)
{
	a->entry.generation++;
}

static void change_real(struct attempt *a, __u8 flags, __u8 epoch)
{
	struct lb_real real;
	int fd = lb_case_map(&a->hc->lb, LB_REALS_NAME);

	assert_int_equal(bpf_map_lookup_elem(fd, &a->entry.real, &real), 0);
	real.flags = flags;
	real.epoch = epoch;
	assert_int_equal(bpf_map_update_elem(fd, &a->entry.real, &real, BPF_ANY), 0);
}

/* Without a new generation, as if it were still to come. */
static void remove_real(struct attempt *a)
{
	change_real(a, 0, 0);
}

static void replace_real(struct attempt *a)
{
	change_real(a, LB_REAL_USED, 1);
}

static void beyond_reals(struct attempt *a)
{
	a->entry.real = LB_REAL_INDEXES;
}

static void change_vip(struct attempt *a)
{
	struct lb_case_vip vip = { .addr = a->kind->vip,
				   .port = a->kind->port,
				   .proto = a->kind->proto,
				   .vip = { .encap = LB_GUE, .has_ring = 1 } };

	lb_case_vip(&a->hc->lb, &vip);
}

static void turn_off(struct attempt *a)
{
	memset(a->hc->lb.control.gateway, 0, sizeof(a->hc->lb.control.gateway));
	lb_case_control(&a->hc->lb);
}

/* --- marks ----------------------------------------------------------------------------------- */

static void no_entry(struct attempt *a)
{
	a->meta[0] = MARK + 1;
}

static void first_beyond(struct attempt *a)
{
	a->meta[0] = HWMARK_MARKS;
}

static void all_bits(struct attempt *a)
{
	a->meta[0] = ~0U;
}

static void upper_bits(struct attempt *a)
{
	a->meta[0] |= 1U << 16;
}

static void free_entry(struct attempt *a)
{
	a->entry.generation = 0;
}

static void no_encap(struct attempt *a)
{
	a->entry.encap = LB_REWRITE;
}

static void no_mark(struct attempt *a)
{
	a->meta[0] = 0;
}

static void no_meta(struct attempt *a)
{
	a->meta_len = 0;
}

static void meta_of_8(struct attempt *a)
{
	a->meta[1] = MARK;
	a->meta_len = 8;
}

static void meta_of_32(struct attempt *a)
{
	for (int i = 0; i < 8; i++)
		a->meta[i] = MARK;
	a->meta_len = 32;
}

/* --- another VIP's, another flow's ----------------------------------------------------------- */

static void other_vip(struct attempt *a)
{
	const struct hwmark_case_kind *other = a->kind + 2;
	struct hwmark_case_packet spec = a->spec;

	a->entry = hwmark_case_entry(a->hc, other, &spec);
}

static void other_last_word(struct attempt *a)
{
	a->entry.dst[3] ^= htonl(1);
}

static void other_proto(struct attempt *a)
{
	a->entry.proto = a->entry.proto == IPPROTO_TCP ? IPPROTO_UDP : IPPROTO_TCP;
}

static void other_family(struct attempt *a)
{
	a->entry.is_ip6 = !a->entry.is_ip6;
}

static void other_port(struct attempt *a)
{
	a->entry.dport ^= htons(1);
}

static void other_client(struct attempt *a)
{
	a->entry.src[a->entry.is_ip6 ? 3 : 0] ^= htonl(1);
}

static void other_client_port(struct attempt *a)
{
	a->entry.sport ^= htons(1);
}

static void real_of_ip4(struct attempt *a)
{
	a->entry.real = UDP4 + 1;
}

/* --- packets --------------------------------------------------------------------------------- */

static void with_syn(struct attempt *a)
{
	a->spec.tcp_flags = SYN;
	hwmark_case_build(a->kind, &a->spec, &a->p);
}

static void with_rst(struct attempt *a)
{
	a->spec.tcp_flags = RST | ACK;
	hwmark_case_build(a->kind, &a->spec, &a->p);
}

static void too_long(struct attempt *a)
{
	packet_pad(&a->p, 14 + 1501);
}

static void cut_ethernet(struct attempt *a)
{
	packet_cut(&a->p, 14);
}

static void cut_ip(struct attempt *a)
{
	packet_cut(&a->p, 14 + 19);
}

static void cut_tcp(struct attempt *a)
{
	packet_cut(&a->p, a->entry.is_ip6 ? 14 + 40 + 19 : 14 + 20 + 19);
}

static void cut_udp(struct attempt *a)
{
	packet_cut(&a->p, a->entry.is_ip6 ? 14 + 40 + 7 : 14 + 20 + 7);
}

static void build_ip4(struct attempt *a, uint16_t fragment, size_t options)
{
	struct packet_ip4 ip = { .src = a->spec.client,
				 .dst = a->kind->vip,
				 .fragment = fragment,
				 .options_len = options };

	packet_start(&a->p, "x", 1);
	packet_tcp(&a->p, a->spec.sport, a->spec.dport, ACK);
	packet_ip4(&a->p, &ip);
	packet_eth(&a->p);
}

static void with_options(struct attempt *a)
{
	build_ip4(a, 0, 4);
}

static void first_fragment(struct attempt *a)
{
	build_ip4(a, 0x2000, 0);
}

static void last_fragment(struct attempt *a)
{
	build_ip4(a, 100, 0);
}

static void build_ip6(struct attempt *a, bool is_fragment)
{
	struct packet_ip6 ip = { .src = a->spec.client, .dst = a->kind->vip };

	packet_start(&a->p, "x", 1);
	packet_tcp(&a->p, a->spec.sport, a->spec.dport, ACK);
	if (is_fragment)
		packet_ip6_fragment(&a->p, 0, true);
	else
		packet_ip6_ext(&a->p, IPPROTO_HOPOPTS, 8);
	packet_ip6(&a->p, &ip);
	packet_eth(&a->p);
}

static void fragment_of_ip6(struct attempt *a)
{
	build_ip6(a, true);
}

static void extension_of_ip6(struct attempt *a)
{
	build_ip6(a, false);
}

static void with_vlan(struct attempt *a)
{
	packet_bytes(&a->p)[12] = 0x81;
	packet_bytes(&a->p)[13] = 0;
}

#define FLOW HWMARK_FLOW
#define DEST HWMARK_DESTINATION

static const struct row rows[] = {
	{ "a generation that is over", raise_generation, HWMARK_STALE, TCP4, FLOW },
	{ "the same of a real's mark", raise_generation, HWMARK_STALE, UDP6, DEST },
	{ "a generation that is to come", lower_generation, HWMARK_STALE, TCP4, FLOW },
	{ "a real that is gone", remove_real, HWMARK_STALE, TCP4, DEST },
	{ "another real at the index", replace_real, HWMARK_STALE, TCP6, FLOW },
	{ "an index that no real has", beyond_reals, HWMARK_STALE, TCP4, DEST },
	{ "a VIP that changed", change_vip, HWMARK_STALE, TCP4, FLOW },
	{ "a load balancer that is off", turn_off, HWMARK_OFF, TCP4, FLOW },
	{ "a mark without an entry", no_entry, HWMARK_UNKNOWN, TCP4, FLOW },
	{ "the first mark beyond all", first_beyond, HWMARK_UNKNOWN, TCP4, DEST },
	{ "a mark of all bits", all_bits, HWMARK_UNKNOWN, TCP4, DEST },
	{ "a mark with bits beyond", upper_bits, HWMARK_UNKNOWN, TCP4, DEST },
	{ "an entry that is free", free_entry, HWMARK_UNKNOWN, TCP4, FLOW },
	{ "an entry without a way to send", no_encap, HWMARK_UNKNOWN, TCP4, FLOW },
	{ "a mark of 0 is none and not counted", no_mark, UNCOUNTED, TCP4, DEST },
	{ "a packet without metadata is not counted", no_meta, UNCOUNTED, TCP4, DEST },
	{ "metadata of 8 bytes", meta_of_8, HWMARK_OTHER_META, TCP4, DEST },
	{ "metadata of 32 bytes", meta_of_32, HWMARK_OTHER_META, TCP4, DEST },
	{ "another VIP's mark", other_vip, HWMARK_OTHER_VIP, TCP4, DEST },
	{ "another VIP's mark for the same flow", other_vip, HWMARK_OTHER_VIP, UDP4, FLOW },
	{ "a VIP with another end", other_last_word, HWMARK_OTHER_VIP, TCP6, DEST },
	{ "another protocol", other_proto, HWMARK_OTHER_VIP, TCP4, DEST },
	{ "another protocol, IPv6", other_proto, HWMARK_OTHER_VIP, UDP6, DEST },
	{ "another family", other_family, HWMARK_OTHER_VIP, TCP4, DEST },
	{ "another family, IPv6", other_family, HWMARK_OTHER_VIP, TCP6, FLOW },
	{ "another port of the VIP", other_port, HWMARK_OTHER_VIP, TCP4, DEST },
	{ "another port of the VIP, UDP", other_port, HWMARK_OTHER_VIP, UDP6, DEST },
	{ "another client", other_client, HWMARK_OTHER_FLOW, TCP4, FLOW },
	{ "another client, IPv6", other_client, HWMARK_OTHER_FLOW, UDP6, FLOW },
	{ "another port of the client", other_client_port, HWMARK_OTHER_FLOW, TCP4, FLOW },
	{ "another port of the client, UDP", other_client_port, HWMARK_OTHER_FLOW, UDP6, FLOW },
	{ "another port of the VIP in a flow", other_port, HWMARK_OTHER_FLOW, TCP6, FLOW },
	{ "IPv6 for a real of IPv4", real_of_ip4, HWMARK_NOT_SENT, TCP6, DEST },
	{ "a SYN", with_syn, HWMARK_SYN, TCP4, FLOW },
	{ "a SYN, IPv6", with_syn, HWMARK_SYN, TCP6, DEST },
	{ "an RST", with_rst, HWMARK_SYN, TCP4, DEST },
	{ "an RST, IPv6", with_rst, HWMARK_SYN, TCP6, FLOW },
	{ "a packet that is too long", too_long, HWMARK_TOO_LONG, TCP4, FLOW },
	{ "an Ethernet header alone", cut_ethernet, HWMARK_CUT, TCP4, FLOW },
	{ "a cut IPv4 header", cut_ip, HWMARK_CUT, TCP4, DEST },
	{ "a cut IPv6 header", cut_ip, HWMARK_CUT, TCP6, DEST },
	{ "a cut TCP header", cut_tcp, HWMARK_CUT, TCP4, FLOW },
	{ "a cut TCP header, IPv6", cut_tcp, HWMARK_CUT, TCP6, FLOW },
	{ "a cut UDP header", cut_udp, HWMARK_CUT, UDP4, DEST },
	{ "a cut UDP header, IPv6", cut_udp, HWMARK_CUT, UDP6, DEST },
	{ "options", with_options, HWMARK_OPTIONS, TCP4, FLOW },
	{ "a first fragment", first_fragment, HWMARK_FRAGMENT, TCP4, DEST },
	{ "a last fragment", last_fragment, HWMARK_FRAGMENT, TCP4, DEST },
	{ "a fragment of IPv6", fragment_of_ip6, HWMARK_FRAGMENT, TCP6, DEST },
	{ "an extension header", extension_of_ip6, HWMARK_OTHER_VIP, TCP6, DEST },
	{ "a tag", with_vlan, HWMARK_NOT_IP, TCP4, FLOW },
};

/* So that each of the above can fail. */
static void what_is_not_spoiled_is_sent(void **state)
{
	static const int kinds[] = { TCP4, UDP4, TCP6, UDP6 };
	static struct attempt a;
	struct progrun out;

	(void)state;
	for (int i = 0; i < 8; i++) {
		start(&a, &hwmark_case_kinds[kinds[i / 2]], (enum hwmark_mode)(i % 2));
		run(&a, &out);
		assert_int_equal(out.verdict, XDP_TX);
	}
}

/* One VIP's marks on another's packets too, and a few bytes of the headers at random. */
static void whatever_leaves_leaves_as_the_load_balancer_sends_it(void **state)
{
	uint64_t draws = draw_seed(2);
	unsigned int sent = 0;
	static struct attempt a;
	struct progrun marked, plain;

	(void)state;
	start(&a, &hwmark_case_kinds[0], HWMARK_DESTINATION);
	for (int i = 0; i < DRAWS; i++) {
		__u32 kind = draw_below(&draws, (__u32)hwmark_case_kind_count);
		__u32 other = draw_below(&draws, 4) ? kind :
						      (kind + 1) % (__u32)hwmark_case_kind_count;

		a.kind = &hwmark_case_kinds[kind];
		a.spec = hwmark_case_draw(a.kind, &draws);
		a.entry = hwmark_case_entry(a.hc, &hwmark_case_kinds[other], &a.spec);
		hwmark_case_build(a.kind, &a.spec, &a.p);
		for (__u32 spoiled = draw_below(&draws, 4); spoiled; spoiled--)
			packet_bytes(&a.p)[draw_below(&draws, 54)] = (__u8)draw_number(&draws);
		run(&a, &marked);
		if (marked.verdict != XDP_TX)
			continue;
		sent++;
		lb_case_run(&a.hc->lb, &a.p, &plain);
		assert_int_equal(plain.verdict, XDP_TX);
		assert_int_equal(marked.len, plain.len);
		assert_memory_equal(marked.bytes, plain.bytes, plain.len);
	}
	assert_in_range(sent, DRAWS / 5, DRAWS / 5 * 4);
}

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	TAP_ADD_TABLE(&plan, a_packet_is_left_as_it_came_and_counted_by_the_reason, rows);
	TAP_ADD(&plan, what_is_not_spoiled_is_sent, NULL, NULL);
	TAP_ADD(&plan, whatever_leaves_leaves_as_the_load_balancer_sends_it, NULL, NULL);
	return tap_run(&plan, "hwmark_left", 1);
}
