/* SPDX-License-Identifier: GPL-2.0-only */
/* What the firewall makes of packets that are unusual, cut short or wrong. */
#include <netinet/in.h>
#include <string.h>

#include "tests/support/firewall_case.h"
#include "tests/support/tap.h"

#define ETH_LEN 14
#define DENY_PORT "deny tcp/80"
#define DENY_SOURCE "deny 203.0.113.0/24\ndeny 2001:db8:1::/48"

static void start_tcp(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_tcp(p, 40000, 80, 2);
}

static void start_raw(struct packet *p, uint8_t proto, size_t len)
{
	static const char zeros[64];

	packet_start(p, zeros, len);
	p->proto = proto;
}

/* Puts @value at @offset of the IP header of an untagged packet. */
static void set_ip_byte(struct packet *p, size_t offset, uint8_t value)
{
	packet_bytes(p)[ETH_LEN + offset] = value;
}

/* Fragments. */

static void build_fragment4(struct packet *p, uint16_t fragment)
{
	struct packet_ip4 ip = firewall_ip4;

	ip.fragment = fragment;
	start_tcp(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void first_fragment4(struct packet *p)
{
	build_fragment4(p, 0x2000);
}

static void later_fragment4(struct packet *p)
{
	build_fragment4(p, 0x2000 | 1);
}

static void last_fragment4(struct packet *p)
{
	build_fragment4(p, 0x1fff);
}

static void unfragmentable4(struct packet *p)
{
	build_fragment4(p, 0x4000);
}

static void build_fragment6(struct packet *p, uint16_t offset, bool has_more)
{
	start_tcp(p);
	packet_ip6_fragment(p, offset, has_more);
	firewall_finish6(p);
}

static void first_fragment6(struct packet *p)
{
	build_fragment6(p, 0, true);
}

static void later_fragment6(struct packet *p)
{
	build_fragment6(p, 1232, true);
}

static void last_fragment6(struct packet *p)
{
	build_fragment6(p, 65528, false);
}

static void atomic_fragment6(struct packet *p)
{
	build_fragment6(p, 0, false);
}

/* What is behind the fragment header of a later part is data, though it may look like a header. */
static void later_fragment6_like_ext(struct packet *p)
{
	start_raw(p, IPPROTO_DSTOPTS, 8);
	packet_bytes(p)[1] = 0xff;
	packet_ip6_fragment(p, 8, false);
	firewall_finish6(p);
}

/* Options and extension headers. */

static void options4(struct packet *p)
{
	struct packet_ip4 ip = firewall_ip4;

	ip.options_len = 40;
	start_tcp(p);
	packet_ip4(p, &ip);
	packet_eth(p);
}

static void usual_exts6(struct packet *p)
{
	start_tcp(p);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 24);
	packet_ip6_auth(p, 24);
	packet_ip6_fragment(p, 0, false);
	packet_ip6_ext(p, IPPROTO_ROUTING, 24);
	packet_ip6_ext(p, IPPROTO_DSTOPTS, 8);
	packet_ip6_ext(p, IPPROTO_HOPOPTS, 8);
	firewall_finish6(p);
}

static void build_exts6(struct packet *p, int count, size_t len)
{
	start_tcp(p);
	while (count--)
		packet_ip6_ext(p, IPPROTO_DSTOPTS, len);
	firewall_finish6(p);
}

static void seven_exts6(struct packet *p)
{
	build_exts6(p, 7, 8);
}

static void long_exts6(struct packet *p)
{
	build_exts6(p, 4, 256);
}

static void too_long_exts6(struct packet *p)
{
	build_exts6(p, 4, 264);
}

static void encrypted6(struct packet *p)
{
	start_raw(p, IPPROTO_ESP, 32);
	firewall_finish6(p);
}

static void no_next_header6(struct packet *p)
{
	start_raw(p, IPPROTO_NONE, 0);
	firewall_finish6(p);
}

/* Wrong lengths. */

static void cut_in_tag(struct packet *p)
{
	start_tcp(p);
	packet_ip4(p, &firewall_ip4);
	packet_vlan(p, 100, 0x8100);
	packet_eth(p);
	packet_cut(p, ETH_LEN + 3);
}

static void cut_in_second_tag(struct packet *p)
{
	start_tcp(p);
	packet_ip4(p, &firewall_ip4);
	packet_vlan(p, 100, 0x8100);
	packet_vlan(p, 200, 0x88a8);
	packet_eth(p);
	packet_cut(p, ETH_LEN + 4);
}

static void three_tags(struct packet *p)
{
	start_tcp(p);
	packet_ip4(p, &firewall_ip4);
	packet_vlan(p, 100, 0x8100);
	packet_vlan(p, 200, 0x8100);
	packet_vlan(p, 300, 0x88a8);
	packet_eth(p);
}

static void cut_in_ip4(struct packet *p)
{
	firewall_tcp4(p);
	packet_cut(p, ETH_LEN + 19);
}

static void no_ip4(struct packet *p)
{
	firewall_tcp4(p);
	packet_cut(p, ETH_LEN);
}

static void version5(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 0, 0x55);
}

static void header_of_16_bytes(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 0, 0x44);
}

static void total_below_header(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 3, 19);
}

static void total_beyond_frame(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 3, (uint8_t)(p->len - ETH_LEN + 1));
}

static void total_of_64k(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 2, 0xff);
}

static void options_beyond_total(struct packet *p)
{
	start_raw(p, IPPROTO_NONE, 0);
	firewall_finish4(p);
	set_ip_byte(p, 0, 0x46);
	packet_pad(p, 60);
}

static void cut_in_ip6(struct packet *p)
{
	firewall_tcp6(p);
	packet_cut(p, ETH_LEN + 39);
}

static void version6_is_4(struct packet *p)
{
	firewall_tcp6(p);
	set_ip_byte(p, 0, 0x40);
}

static void payload_beyond_frame(struct packet *p)
{
	firewall_tcp6(p);
	packet_cut(p, p->len - 1);
}

static void cut_in_ext6(struct packet *p)
{
	start_raw(p, IPPROTO_DSTOPTS, 7);
	firewall_finish6(p);
}

static void ext6_beyond_payload(struct packet *p)
{
	start_raw(p, IPPROTO_HOPOPTS, 8);
	packet_bytes(p)[1] = 1;
	firewall_finish6(p);
	packet_pad(p, 100);
}

static void jumbogram6(struct packet *p)
{
	start_tcp(p);
	packet_ip6_ext(p, IPPROTO_HOPOPTS, 8);
	firewall_finish6(p);
	set_ip_byte(p, 4, 0);
	set_ip_byte(p, 5, 0);
}

static void tcp4_of_19_bytes(struct packet *p)
{
	start_raw(p, IPPROTO_TCP, 19);
	firewall_finish4(p);
}

static void udp6_of_7_bytes(struct packet *p)
{
	start_raw(p, IPPROTO_UDP, 7);
	firewall_finish6(p);
}

static void bare_udp4(struct packet *p)
{
	packet_start(p, "", 0);
	packet_udp(p, 40000, 80);
	firewall_finish4(p);
}

/* The port would be read from the padding, were the IP length not heeded. */
static void tcp4_in_padding(struct packet *p)
{
	firewall_tcp4(p);
	set_ip_byte(p, 3, 20);
}

static void padded_tcp4(struct packet *p)
{
	packet_start(p, "", 0);
	packet_tcp(p, 40000, 80, 2);
	firewall_finish4(p);
	packet_pad(p, 60);
}

static const struct firewall_config drop_fragments = { .drop_fragments = true };
static const struct firewall_config deny_all = { .default_deny = true };

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct firewall_case cases[] = {
	CASE(judges_a_first_fragment_by_its_port, first_fragment4, DENY_PORT, NULL,
	     FIREWALL_DENY_PORT),
	CASE(passes_a_later_fragment_whose_port_it_cannot_see, later_fragment4, DENY_PORT, NULL,
	     FIREWALL_NO_RULE),
	CASE(passes_a_last_fragment_whose_port_it_cannot_see, last_fragment4, DENY_PORT, NULL,
	     FIREWALL_NO_RULE),
	CASE(judges_a_later_fragment_by_its_source, later_fragment4, DENY_SOURCE, NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(drop_fragments_drops_a_later_fragment, later_fragment4, NULL, &drop_fragments,
	     FIREWALL_FRAGMENT),
	CASE(drop_fragments_drops_a_last_fragment, last_fragment4, NULL, &drop_fragments,
	     FIREWALL_FRAGMENT),
	CASE(drop_fragments_leaves_a_first_fragment, first_fragment4, NULL, &drop_fragments,
	     FIREWALL_NO_RULE),
	CASE(drop_fragments_leaves_an_unfragmentable_packet, unfragmentable4, NULL, &drop_fragments,
	     FIREWALL_NO_RULE),
	CASE(drop_fragments_leaves_those_of_an_allowed_source, later_fragment4, "allow 203.0.113.7",
	     &drop_fragments, FIREWALL_ALLOW_SOURCE),
	CASE(default_deny_drops_a_later_fragment_to_an_allowed_port, later_fragment4,
	     "allow tcp/80", &deny_all, FIREWALL_DENY_DEFAULT),
	CASE(judges_a_first_ip6_fragment_by_its_port, first_fragment6, DENY_PORT, NULL,
	     FIREWALL_DENY_PORT),
	CASE(passes_a_later_ip6_fragment_whose_port_it_cannot_see, later_fragment6, DENY_PORT, NULL,
	     FIREWALL_NO_RULE),
	CASE(judges_a_last_ip6_fragment_by_its_source, last_fragment6, DENY_SOURCE, NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(drop_fragments_drops_a_later_ip6_fragment, later_fragment6, NULL, &drop_fragments,
	     FIREWALL_FRAGMENT),
	CASE(drop_fragments_drops_a_last_ip6_fragment, last_fragment6, NULL, &drop_fragments,
	     FIREWALL_FRAGMENT),
	CASE(drop_fragments_leaves_an_atomic_ip6_fragment, atomic_fragment6, NULL, &drop_fragments,
	     FIREWALL_NO_RULE),
	CASE(takes_nothing_in_a_later_ip6_fragment_for_a_header, later_fragment6_like_ext, NULL,
	     NULL, FIREWALL_NO_RULE),

	CASE(finds_the_port_behind_ip4_options, options4, DENY_PORT, NULL, FIREWALL_DENY_PORT),
	CASE(finds_the_port_behind_six_extension_headers, usual_exts6, DENY_PORT, NULL,
	     FIREWALL_DENY_PORT),
	CASE(drops_seven_extension_headers, seven_exts6, NULL, NULL, FIREWALL_TOO_DEEP),
	CASE(finds_the_port_behind_1024_bytes_of_extension_headers, long_exts6, DENY_PORT, NULL,
	     FIREWALL_DENY_PORT),
	CASE(drops_more_bytes_of_extension_headers, too_long_exts6, NULL, NULL, FIREWALL_TOO_DEEP),
	CASE(passes_encrypted_ip6_that_no_rule_names, encrypted6, DENY_PORT, NULL,
	     FIREWALL_NO_RULE),
	CASE(passes_ip6_without_a_next_header, no_next_header6, DENY_PORT, NULL, FIREWALL_NO_RULE),

	CASE(drops_a_frame_cut_inside_a_tag, cut_in_tag, NULL, NULL, FIREWALL_BAD_ETHERNET),
	CASE(drops_a_frame_cut_before_the_second_tag, cut_in_second_tag, NULL, NULL,
	     FIREWALL_BAD_ETHERNET),
	CASE(drops_three_tags, three_tags, NULL, NULL, FIREWALL_TOO_DEEP),
	CASE(drops_a_cut_ip4_header, cut_in_ip4, NULL, NULL, FIREWALL_BAD_IP4),
	CASE(drops_a_frame_without_its_ip4_header, no_ip4, NULL, NULL, FIREWALL_BAD_IP4),
	CASE(drops_a_wrong_ip4_version, version5, NULL, NULL, FIREWALL_BAD_IP4),
	CASE(drops_an_ip4_header_that_is_too_short, header_of_16_bytes, NULL, NULL,
	     FIREWALL_BAD_IP4),
	CASE(drops_an_ip4_length_below_its_header, total_below_header, NULL, NULL,
	     FIREWALL_BAD_IP4),
	CASE(drops_an_ip4_length_beyond_the_frame, total_beyond_frame, NULL, NULL,
	     FIREWALL_BAD_IP4),
	CASE(drops_an_ip4_length_far_beyond_the_frame, total_of_64k, NULL, NULL, FIREWALL_BAD_IP4),
	CASE(drops_ip4_options_beyond_the_length, options_beyond_total, NULL, NULL,
	     FIREWALL_BAD_IP4),
	CASE(drops_a_malformed_packet_of_an_allowed_source, total_beyond_frame, "allow 203.0.113.7",
	     NULL, FIREWALL_BAD_IP4),
	CASE(drops_a_cut_ip6_header, cut_in_ip6, NULL, NULL, FIREWALL_BAD_IP6),
	CASE(drops_a_wrong_ip6_version, version6_is_4, NULL, NULL, FIREWALL_BAD_IP6),
	CASE(drops_an_ip6_length_beyond_the_frame, payload_beyond_frame, NULL, NULL,
	     FIREWALL_BAD_IP6),
	CASE(drops_a_cut_extension_header, cut_in_ext6, NULL, NULL, FIREWALL_BAD_IP6),
	CASE(drops_an_extension_header_beyond_the_payload, ext6_beyond_payload, NULL, NULL,
	     FIREWALL_BAD_IP6),
	CASE(drops_a_jumbogram, jumbogram6, NULL, NULL, FIREWALL_BAD_IP6),
	CASE(drops_a_cut_tcp_header, tcp4_of_19_bytes, NULL, NULL, FIREWALL_BAD_L4),
	CASE(drops_a_cut_udp_header, udp6_of_7_bytes, NULL, NULL, FIREWALL_BAD_L4),
	CASE(drops_ports_that_are_padding, tcp4_in_padding, NULL, NULL, FIREWALL_BAD_L4),
	CASE(finds_the_port_of_a_bare_udp_header, bare_udp4, "deny udp/80", NULL,
	     FIREWALL_DENY_PORT),
	CASE(passes_a_padded_frame, padded_tcp4, NULL, NULL, FIREWALL_NO_RULE),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, firewall_case_run, cases);
	return tap_run(&plan, "firewall_parse", 1);
}
