/* SPDX-License-Identifier: GPL-2.0-only */
/* decap: where tunnels end, what is served and strictness, and ids of servers in inner TCP. */
#include <netinet/in.h>
#include <string.h>

#include "tests/support/decap_case.h"
#include "tests/support/tap.h"

/* --- where tunnels end ----------------------------------------------------------------------- */

static void prefix4(const struct decap_maps *maps)
{
	decap_case_add(maps, "198.51.100.0/24");
}

static void prefix6(const struct decap_maps *maps)
{
	decap_case_add(maps, "2001:db8:100::/40");
}

static void all_of_ip6(const struct decap_maps *maps)
{
	decap_case_add(maps, "::/0");
}

static void all_of_ip4(const struct decap_maps *maps)
{
	decap_case_add(maps, "0.0.0.0/0");
}

static void to_prefix4(struct packet *p, const char *dst)
{
	struct packet_ip4 outer = decap_outer4;

	outer.dst = dst;
	decap_start4(p);
	packet_ip4(p, &outer);
	packet_eth(p);
}

static void to_last_of_prefix4(struct packet *p)
{
	to_prefix4(p, "198.51.100.255");
}

static void to_next_of_prefix4(struct packet *p)
{
	to_prefix4(p, "198.51.101.0");
}

static void to_prefix6(struct packet *p, const char *dst)
{
	struct packet_ip6 outer = decap_outer6;

	outer.dst = dst;
	decap_start6(p);
	packet_ip6(p, &outer);
	packet_eth(p);
}

static void to_last_of_prefix6(struct packet *p)
{
	to_prefix6(p, "2001:db8:1ff:ffff::1");
}

static void to_next_of_prefix6(struct packet *p)
{
	to_prefix6(p, "2001:db8:200::");
}

/* --- what is served -------------------------------------------------------------------------- */

static void serve_both(const struct decap_maps *maps)
{
	decap_case_serve(maps, DECAP_LOCAL4);
	decap_case_serve(maps, "2001:db8::/64");
}

static void serve_others(const struct decap_maps *maps)
{
	decap_case_serve(maps, "198.51.100.0/24");
	decap_case_serve(maps, "2001:db8:1::/64");
	/* IPv4 is not in it, whatever way IPv6 writes that. */
	decap_case_serve(maps, "::/4");
}

static void serve_others_strictly(const struct decap_maps *maps)
{
	serve_others(maps);
	decap_case_strict(maps);
}

static void ip6_called_ip4_in_ip4(struct packet *p)
{
	decap_start6(p);
	p->proto = IPPROTO_IPIP;
	decap_finish4(p);
}

static void nested(struct packet *p)
{
	decap_start4(p);
	packet_ip4(p, &decap_outer4);
	decap_finish4(p);
}

/* --- ids of servers -------------------------------------------------------------------------- */

static void id_100(const struct decap_maps *maps)
{
	struct slot_reason why = {};

	assert_int_equal(decap_id_add(maps, 100, &why), 0);
}

static void id_100_in_gue(const struct decap_maps *maps)
{
	id_100(maps);
	decap_case_gue(maps);
}

static void id_100_of_another_option(const struct decap_maps *maps)
{
	id_100(maps);
	decap_case_set(maps, "tcp-option=0xb8");
}

static void id_100_with_a_magic(const struct decap_maps *maps)
{
	id_100(maps);
	decap_case_set(maps, "tcp-option=253");
}

#define OPTIONS_LEN 12

/* An inner segment whose options are the @len bytes at @head, the id, and the end. */
static void start_with_option(struct packet *p, const unsigned char *head, size_t len, uint32_t id,
			      uint8_t flags)
{
	unsigned char payload[OPTIONS_LEN + 5] = {};

	memcpy(payload, head, len);
	memcpy(payload + len, &id, sizeof(id));
	memcpy(payload + OPTIONS_LEN, "hello", 5);
	packet_start(p, payload, sizeof(payload));
	packet_tcp(p, 40000, 80, flags);
	packet_bytes(p)[12] = (20 + OPTIONS_LEN) / 4 << 4;
}

/* Two options to fill up, and the id's. */
static void start_with_id(struct packet *p, uint32_t id, uint8_t flags)
{
	static const unsigned char head[] = { 1, 1, 0xb7, 6 };

	start_with_option(p, head, sizeof(head), id, flags);
}

/* An experiment's option. */
static void start_with_magic(struct packet *p, uint32_t id, uint8_t flags)
{
	static const unsigned char head[] = { TCP_ID_EXPERIMENT, TCP_ID_MAGIC_LEN,
					      TCP_ID_MAGIC >> 8, TCP_ID_MAGIC & 0xff };

	start_with_option(p, head, sizeof(head), id, flags);
}

static void plain_id(struct packet *p, uint32_t id, uint8_t flags)
{
	start_with_id(p, id, flags);
	packet_ip4(p, &decap_inner4);
	packet_eth(p);
}

static void id4(struct packet *p, uint32_t id, uint8_t flags)
{
	start_with_id(p, id, flags);
	packet_ip4(p, &decap_inner4);
	decap_finish4(p);
}

#define ACK 0x10
#define SYN 0x02

static void own_id(struct packet *p)
{
	id4(p, 100, ACK);
}

static void plain_own_id(struct packet *p)
{
	plain_id(p, 100, ACK);
}

static void other_id(struct packet *p)
{
	id4(p, 101, ACK);
}

static void plain_other_id(struct packet *p)
{
	plain_id(p, 101, ACK);
}

static void other_id_with_magic(struct packet *p)
{
	start_with_magic(p, 101, ACK);
	packet_ip4(p, &decap_inner4);
	decap_finish4(p);
}

static void plain_other_id_with_magic(struct packet *p)
{
	start_with_magic(p, 101, ACK);
	packet_ip4(p, &decap_inner4);
	packet_eth(p);
}

static void other_id_in_syn(struct packet *p)
{
	id4(p, 101, SYN);
}

static void plain_other_id_in_syn(struct packet *p)
{
	plain_id(p, 101, SYN);
}

static void id_0(struct packet *p)
{
	id4(p, 0, ACK);
}

static void plain_id_0(struct packet *p)
{
	plain_id(p, 0, ACK);
}

static void other_id_in_gue6(struct packet *p)
{
	start_with_id(p, 101, ACK);
	packet_ip6(p, &decap_inner6);
	decap_variant0(p, 0x1f, IPPROTO_IPV6);
	decap_finish6(p);
}

static void plain_other_id6(struct packet *p)
{
	start_with_id(p, 101, ACK);
	packet_ip6(p, &decap_inner6);
	packet_eth(p);
}

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }
#define LEFT(sentence, build, reason, ...) CASE(sentence, build, NULL, reason, NULL, __VA_ARGS__)

static const struct decap_case cases[] = {
	CASE(finds_an_ip4_prefix, to_last_of_prefix4, decap_plain4, DECAP_IP4_IN_IP4, NULL,
	     prefix4),
	CASE(finds_an_ip6_prefix, to_last_of_prefix6, decap_plain6, DECAP_IP6_IN_IP6, NULL,
	     prefix6),
	LEFT(ends_with_an_ip4_prefix, to_next_of_prefix4, DECAP_NOT_LOCAL, prefix4),
	LEFT(ends_with_an_ip6_prefix, to_next_of_prefix6, DECAP_NOT_LOCAL, prefix6),
	CASE(finds_all_of_ip4, to_next_of_prefix4, decap_plain4, DECAP_IP4_IN_IP4, NULL,
	     all_of_ip4),
	CASE(finds_all_of_ip6, to_next_of_prefix6, decap_plain6, DECAP_IP6_IN_IP6, NULL,
	     all_of_ip6),
	LEFT(does_not_find_ip4_in_all_of_ip6, to_next_of_prefix4, DECAP_NOT_LOCAL, all_of_ip6),
	LEFT(does_not_find_ip6_in_all_of_ip4, to_next_of_prefix6, DECAP_NOT_LOCAL, all_of_ip4),

	CASE(takes_out_ip4_that_is_served, decap_ip4_in_ip4, decap_plain4, DECAP_IP4_IN_IP4, NULL,
	     serve_both),
	CASE(takes_out_ip6_that_is_served, decap_ip6_in_ip6, decap_plain6, DECAP_IP6_IN_IP6, NULL,
	     serve_both),
	LEFT(leaves_ip4_that_is_not_served, decap_ip4_in_ip4, DECAP_NOT_SERVED, serve_others),
	LEFT(leaves_ip6_that_is_not_served, decap_ip6_in_ip6, DECAP_NOT_SERVED, serve_others),
	LEFT(drops_ip4_that_is_not_served, decap_ip4_in_ip4, DECAP_STRICT_NOT_SERVED,
	     serve_others_strictly),
	LEFT(drops_a_bad_inner_packet, ip6_called_ip4_in_ip4, DECAP_STRICT_BAD_INNER,
	     decap_case_strict),
	LEFT(drops_a_part_of_a_tunnel, decap_gue_first_part, DECAP_STRICT_FRAGMENT,
	     decap_case_strict),
	LEFT(drops_options, decap_gue_options, DECAP_STRICT_OPTIONS, decap_case_strict),
	LEFT(drops_a_tunnel_in_a_tunnel, nested, DECAP_STRICT_NESTED, decap_case_strict),
	LEFT(drops_bad_gue, decap_gue_version2, DECAP_STRICT_BAD_GUE, decap_case_strict),
	LEFT(leaves_what_is_not_local_where_strict, decap_gue_elsewhere, DECAP_NOT_LOCAL,
	     decap_case_strict),
	CASE(takes_out_what_is_good_where_strict, decap_ip4_in_ip4, decap_plain4, DECAP_IP4_IN_IP4,
	     NULL, decap_case_strict),

	CASE(knows_its_own_id, own_id, plain_own_id, DECAP_IP4_IN_IP4, NULL, id_100,
	     DECAP_SERVER_ID),
	CASE(passes_and_counts_what_is_misrouted, other_id, plain_other_id, DECAP_IP4_IN_IP4, NULL,
	     id_100, DECAP_SERVER_ID, DECAP_MISROUTED),
	CASE(counts_what_is_misrouted_in_gue, other_id_in_gue6, plain_other_id6, DECAP_GUE6_IN_IP6,
	     NULL, id_100_in_gue, DECAP_SERVER_ID, DECAP_MISROUTED),
	CASE(looks_for_no_id_in_a_syn, other_id_in_syn, plain_other_id_in_syn, DECAP_IP4_IN_IP4,
	     NULL, id_100),
	CASE(takes_id_0_for_none, id_0, plain_id_0, DECAP_IP4_IN_IP4, NULL, id_100),
	CASE(looks_for_no_id_where_it_has_none, other_id, plain_other_id, DECAP_IP4_IN_IP4),
	CASE(knows_an_id_behind_a_magic, other_id_with_magic, plain_other_id_with_magic,
	     DECAP_IP4_IN_IP4, NULL, id_100_with_a_magic, DECAP_SERVER_ID, DECAP_MISROUTED),
	CASE(looks_into_the_option_that_is_set, other_id, plain_other_id, DECAP_IP4_IN_IP4, NULL,
	     id_100_of_another_option),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, decap_case_run, cases);
	return tap_run(&plan, "decap_ends", 1);
}
