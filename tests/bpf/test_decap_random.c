/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random packets through decap and tc_decap, beside a plain reference: the same bytes, the
 * same verdicts and counters of all three. SLOTD_SEED draws others.
 */
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/libbpf.h>

#include "programs/shared/counts.h"
#include "tests/support/decap_case.h"
#include "tests/support/decap_reference.h"
#include "tests/support/draw.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define PACKETS 20000
#define ALL_PACKETS 1000000 /* make test-all */
#define VM_PACKETS 4000
#define GUE_PORT 6080

struct side {
	struct bpf_object *object;
	int prog_fd, counts_fd;
	struct slot_count counts[DECAP_COUNTS_SIZE];
	struct progrun run;
	int counter; /* that the last packet was counted in, or DECAP_UNCOUNTED */
	__u64 noted;
};

static uint64_t state;

static __u32 draw(__u32 below)
{
	return draw_below(&state, below);
}

static bool one_in(__u32 n)
{
	return !draw(n);
}

/* --- packets --------------------------------------------------------------------------------- */

static const char *const ends4[] = { DECAP_LOCAL4, DECAP_LOCAL4, "198.51.100.77", "203.0.113.9" };
static const char *const ends6[] = { DECAP_LOCAL6, DECAP_LOCAL6, "2001:db8:100::1",
				     "2001:db8:f::f" };

static void add_ip4(struct packet *p)
{
	struct packet_ip4 ip = { .src = "198.51.100.9", .dst = ends4[draw(4)], .ttl = 64 };

	ip.tos = (uint8_t)draw(256);
	if (one_in(12))
		ip.fragment = (uint16_t)(one_in(3) ? 0x2000 : draw(0x4000));
	if (one_in(8))
		ip.options_len = 4 * draw(11);
	packet_ip4(p, &ip);
}

static void add_ip6(struct packet *p)
{
	static const uint8_t kinds[] = { IPPROTO_DSTOPTS, IPPROTO_DSTOPTS, IPPROTO_HOPOPTS,
					 IPPROTO_ROUTING, IPPROTO_MH };
	struct packet_ip6 ip = { .src = "2001:db8:9::9", .dst = ends6[draw(4)] };

	ip.traffic_class = (uint8_t)draw(256);
	while (one_in(4) && p->start > PACKET_SIZE_MAX / 2)
		packet_ip6_ext(p, kinds[draw(5)], 8 * (1 + draw(6)));
	if (one_in(16))
		packet_ip6_auth(p, 16 + 8 * draw(3));
	if (one_in(16))
		packet_ip6_fragment(p, (uint16_t)(8 * draw(10)), one_in(2));
	packet_ip6(p, &ip);
}

static void add_ip(struct packet *p)
{
	if (one_in(2))
		add_ip4(p);
	else
		add_ip6(p);
}

static void add_gue(struct packet *p)
{
	uint8_t proto = p->proto, words = (uint8_t)(one_in(2) ? 0 : draw(32));
	unsigned char *gue;

	if (one_in(2)) {
		packet_push(p, words * 4U);
		gue = packet_push(p, 4);
		gue[0] = (unsigned char)(words | (one_in(10) ? 0x20 : 0));
		gue[1] = one_in(10) ? (unsigned char)draw(256) : proto;
	}
	packet_udp(p, (uint16_t)draw(65536), one_in(8) ? 53 : GUE_PORT);
}

/* TCP with room for options, of which some are ids. */
static void add_tcp(struct packet *p)
{
	unsigned char payload[40] = {};
	size_t words = draw(11), i;

	for (i = 0; i < words * 4; i++)
		payload[i] = one_in(3) ? 1 : (unsigned char)draw(256);
	/* At the front, or somewhere behind options that may hide it. */
	if (words > 2 && !one_in(3))
		memcpy(payload + (one_in(2) ? 0 : draw((__u32)words * 4 - 6)),
		       one_in(2) ? "\xb7\x06\x64\0\0\0" : "\xb7\x06\x65\0\0\0", 6);
	packet_start(p, payload, sizeof(payload));
	packet_tcp(p, (uint16_t)draw(65536), 80, one_in(4) ? 2 : 16);
	packet_bytes(p)[12] = (unsigned char)((one_in(16) ? draw(16) : 5 + words) << 4);
}

static void add_payload(struct packet *p)
{
	static unsigned char bytes[600];

	if (one_in(2)) {
		add_tcp(p);
		return;
	}
	packet_start(p, bytes, draw(sizeof(bytes)));
	if (one_in(4))
		p->proto = (uint8_t)draw(256);
	else
		packet_udp(p, (uint16_t)draw(65536), (uint16_t)(one_in(4) ? GUE_PORT : 53));
}

/* A byte of the headers, or the end of it all, is not as it should be. */
static void damage(struct packet *p)
{
	__u32 near = p->len > 140 ? 140 : (__u32)p->len;

	if (one_in(3))
		packet_cut(p, ETH_HLEN + draw((__u32)p->len - ETH_HLEN));
	else
		packet_bytes(p)[ETH_HLEN + draw(near - ETH_HLEN)] = (unsigned char)draw(256);
	if (one_in(6))
		packet_pad(p, p->len + draw(64));
}

static void build(struct packet *p)
{
	add_payload(p);
	add_ip(p);
	if (!one_in(16)) {
		if (one_in(2))
			add_gue(p);
		add_ip(p);
		if (one_in(16))
			add_ip(p);
	}
	if (one_in(16))
		packet_vlan(p, 7, 0x8100);
	if (one_in(32))
		packet_vlan(p, 8, 0x88a8);
	packet_eth(p);
	if (one_in(3))
		damage(p);
}

/* --- what becomes of them -------------------------------------------------------------------- */

static void open_side(struct side *side, const char *object, const char *program)
{
	struct decap_maps maps;

	side->object = progrun_open(object);
	assert_non_null(side->object);
	decap_case_load(side->object);
	maps = decap_case_maps(side->object);
	decap_case_add(&maps, "198.51.100.0/24");
	decap_case_add(&maps, "2001:db8:100::/40");
	decap_case_set(&maps, "gue-port=6080");
	side->prog_fd = progrun_fd(side->object, program);
	side->counts_fd = bpf_object__find_map_fd_by_name(side->object, DECAP_COUNTS_NAME);
}

static const struct decap_reference_prefix ends[] = {
	{ DECAP_LOCAL4, 32 },	  { DECAP_LOCAL6, 128 }, { "198.51.100.0", 24 },
	{ "2001:db8:100::", 40 }, { NULL, 0 },
};
static const struct decap_reference_prefix served[] = {
	{ DECAP_LOCAL4, 32 },
	{ "2001:db8::", 32 },
	{ NULL, 0 },
};

/*
 * The settings change on the way: each of them meets a part of the packets. In the first
 * nothing is looked up about what is inside, as nearly everywhere.
 */
static void change_settings(struct side *side, unsigned int part)
{
	const struct decap_maps maps = decap_case_maps(side->object);
	struct slot_reason why = {};

	decap_case_set(&maps, part & 1 ? "strict=yes" : "strict=no");
	if (part == 1)
		assert_int_equal(decap_id_add(&maps, 100, &why), 0);
	if (part == 2) {
		decap_case_serve(&maps, DECAP_LOCAL4);
		decap_case_serve(&maps, "2001:db8::/32");
	}
}

static struct decap_reference reference_of(unsigned int part)
{
	return (struct decap_reference){
		.ends = ends,
		.served = part >= 2 ? served : NULL,
		.gue_port = GUE_PORT,
		.is_strict = part & 1,
		.id = part >= 1 ? 100 : 0,
	};
}

/* Which counter went up, and by how many bytes. */
static void look(struct side *side, size_t len)
{
	struct slot_count now[DECAP_COUNTS_SIZE];
	struct slot_reason why = {};

	side->counter = DECAP_UNCOUNTED;
	side->noted = 0;
	assert_int_equal(program_counts_get(side->counts_fd, DECAP_COUNTS_SIZE, &why, now), 0);
	for (int i = 0; i < DECAP_COUNTS_SIZE; i++) {
		__u64 more = now[i].packets - side->counts[i].packets;

		if (!more)
			continue;
		assert_int_equal(more, 1);
		assert_int_equal(now[i].bytes - side->counts[i].bytes, len);
		if (i >= DECAP_FIRST_NOTE) {
			side->noted |= 1ULL << i;
			continue;
		}
		assert_int_equal(side->counter, DECAP_UNCOUNTED);
		side->counter = i;
	}
	memcpy(side->counts, now, sizeof(now));
}

/* @p becomes what it has to. */
static void assert_is_right(const struct decap_reference *reference, const struct side *side,
			    struct packet *p)
{
	struct decap_reference_answer answer;
	__u64 noted;
	size_t len;

	decap_reference_judge(reference, packet_bytes(p), p->len, &answer);
	assert_int_equal(side->counter, answer.counter);
	noted = (__u64)answer.has_id << DECAP_SERVER_ID | (__u64)answer.is_misrouted
								  << DECAP_MISROUTED;
	assert_int_equal(side->noted, noted);
	assert_int_equal(side->run.verdict,
			 answer.counter >= DECAP_FIRST_DROP ? XDP_DROP : XDP_PASS);
	len = decap_reference_apply(&answer, packet_bytes(p), p->len);
	assert_int_equal(side->run.len, len);
	assert_memory_equal(side->run.bytes, packet_bytes(p), len);
}

static bool is_tagged(struct packet *p)
{
	return packet_bytes(p)[12] == 0x81 || packet_bytes(p)[12] == 0x88;
}

/* TC has tags in no frame, and test runs of its programs want a whole IP header. */
static void assert_tc_is_alike(struct side *tc, const struct side *xdp, struct packet *p)
{
	bool is_dropped = xdp->counter >= DECAP_FIRST_DROP;
	int err = is_tagged(p) ? -EINVAL : progrun_skb(tc->prog_fd, p, 0, &tc->run);

	if (err == -EINVAL)
		return;
	assert_int_equal(err, 0);
	look(tc, p->len);
	assert_int_equal(xdp->counter, tc->counter);
	assert_int_equal(xdp->noted, tc->noted);
	assert_int_equal(tc->run.verdict, is_dropped ? TC_ACT_SHOT : (uint32_t)TC_ACT_UNSPEC);
	assert_int_equal(xdp->run.len, tc->run.len);
	assert_memory_equal(xdp->run.bytes, tc->run.bytes, xdp->run.len);
}

static void all_do_the_same(const struct decap_reference *reference, struct side *xdp,
			    struct side *tc, struct packet *p)
{
	assert_int_equal(progrun_packet(xdp->prog_fd, p, &xdp->run), 0);
	look(xdp, p->len);
	assert_tc_is_alike(tc, xdp, p);
	assert_is_right(reference, xdp, p);
}

static unsigned long packet_count(void)
{
	const char *tier = getenv("SLOTD_TIER"), *faults = getenv("SLOTD_FAULTS");

	if (tier && !strcmp(tier, "vm"))
		return VM_PACKETS;
	return faults && !strcmp(faults, "all") ? ALL_PACKETS : PACKETS;
}

/* Every counter that packets can come to was met, or the packets are not random enough. */
static void assert_met(const struct side *side)
{
	for (int i = 0; i < DECAP_COUNTS_SIZE; i++) {
		bool is_met = side->counts[i].packets, is_asked;

		is_asked = i < DECAP_REFUSED ? i != DECAP_TAGGED : i >= DECAP_FIRST_NOTE;
		if (is_asked && !is_met)
			print_error("no packet came to counter %d\n", i);
		assert_int_equal(is_met, is_asked);
	}
}

static void xdp_and_tc_do_what_the_reference_does(void **unused)
{
	struct decap_reference reference = {};
	unsigned long count = packet_count(), i;
	struct side xdp = {}, tc = {};
	struct packet p;

	(void)unused;
	state = draw_seed(0);
	open_side(&xdp, "bpf/decap.bpf.o", "decap");
	open_side(&tc, "bpf/tc_decap.bpf.o", "tc_decap");
	for (i = 0; i < count; i++) {
		if (i % (count / 4) == 0) {
			change_settings(&xdp, (unsigned int)(i / (count / 4)));
			change_settings(&tc, (unsigned int)(i / (count / 4)));
			reference = reference_of((unsigned int)(i / (count / 4)));
		}
		build(&p);
		all_do_the_same(&reference, &xdp, &tc, &p);
	}
	assert_met(&xdp);
	bpf_object__close(xdp.object);
	bpf_object__close(tc.object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, xdp_and_tc_do_what_the_reference_does, NULL, NULL);
	return tap_run(&plan, "decap_random", 1);
}
