/* SPDX-License-Identifier: GPL-2.0-only */
/* The firewall's rules: what they match, and which of several decides. */
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "tests/support/firewall_case.h"
#include "tests/support/tap.h"

static void udp4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 80);
	firewall_finish4(p);
}

static void udp6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 80);
	firewall_finish6(p);
}

static void tcp4_max_port(struct packet *p)
{
	packet_start(p, "", 0);
	packet_tcp(p, 80, 65535, 2);
	firewall_finish4(p);
}

static void icmp4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_icmp(p, 8, 0);
	firewall_finish4(p);
}

static void icmp6(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_icmp6(p, ICMP6_ECHO_REQUEST, 0);
	firewall_finish6(p);
}

static void build_neighbour(struct packet *p, uint8_t type, uint8_t hop_limit)
{
	static const char target[16] = "neighbour";

	packet_start(p, target, sizeof(target));
	packet_icmp6(p, type, 0);
	packet_ip6(p, &(struct packet_ip6){
			      .src = "2001:db8:1::7", .dst = "ff02::1", .hop_limit = hop_limit });
	packet_eth(p);
}

static void router_solicitation(struct packet *p)
{
	build_neighbour(p, ND_ROUTER_SOLICIT, 255);
}

static void redirect(struct packet *p)
{
	build_neighbour(p, ND_REDIRECT, 255);
}

static void forwarded_neighbour(struct packet *p)
{
	build_neighbour(p, ND_NEIGHBOR_SOLICIT, 254);
}

static void echo_on_the_link(struct packet *p)
{
	build_neighbour(p, ICMP6_ECHO_REQUEST, 255);
}

static void listener_report(struct packet *p)
{
	build_neighbour(p, 143, 255);
}

static void arp(struct packet *p)
{
	packet_start(p, "an ARP request of some length", 28);
	p->ethertype = 0x0806;
	packet_eth(p);
}

static void llc(struct packet *p)
{
	packet_start(p, "spanning tree", 13);
	p->ethertype = 13;
	packet_eth(p);
}

static void tcp4_one_tag(struct packet *p)
{
	packet_start(p, "", 0);
	packet_tcp(p, 40000, 80, 2);
	packet_ip4(p, &firewall_ip4);
	packet_vlan(p, 100, 0x8100);
	packet_eth(p);
}

static void tcp6_two_tags(struct packet *p)
{
	packet_start(p, "", 0);
	packet_tcp(p, 40000, 80, 2);
	packet_ip6(p, &firewall_ip6);
	packet_vlan(p, 100, 0x8100);
	packet_vlan(p, 200, 0x88a8);
	packet_eth(p);
}

/* A tunnel's inner addresses are decap's business, which comes later in the chain. */
static void ip4_in_ip4(struct packet *p)
{
	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 80);
	packet_ip4(p, &(struct packet_ip4){ .src = "198.51.100.1", .dst = "192.0.2.1" });
	firewall_finish4(p);
}

static const struct firewall_config deny_all = { .default_deny = true };
static const struct firewall_config deny_tcp_80 = {
	.static_deny_port = 80,
	.static_deny_proto = IPPROTO_TCP,
};

#define CASE(sentence, ...) { .name = #sentence, __VA_ARGS__ }

static const struct firewall_case cases[] = {
	CASE(passes_what_no_rule_names, firewall_tcp4, NULL, NULL, FIREWALL_NO_RULE),
	CASE(passes_ip6_that_no_rule_names, firewall_tcp6, NULL, NULL, FIREWALL_NO_RULE),
	CASE(passes_icmp_that_no_rule_names, icmp4, NULL, NULL, FIREWALL_NO_RULE),

	CASE(denies_one_ip4_source, firewall_tcp4, "deny 203.0.113.7", NULL, FIREWALL_DENY_SOURCE),
	CASE(denies_an_ip4_prefix, firewall_tcp4, "deny 203.0.113.0/24", NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(denies_all_of_ip4, icmp4, "deny 0.0.0.0/0", NULL, FIREWALL_DENY_SOURCE),
	CASE(denying_all_of_ip4_leaves_ip6, firewall_tcp6, "deny 0.0.0.0/0", NULL,
	     FIREWALL_NO_RULE),
	CASE(passes_the_neighbour_of_a_denied_source, firewall_tcp4,
	     "deny 203.0.113.6\ndeny 203.0.113.8/29", NULL, FIREWALL_NO_RULE),
	CASE(does_not_take_a_destination_for_a_source, firewall_tcp4, "deny 192.0.2.1", NULL,
	     FIREWALL_NO_RULE),
	CASE(denies_one_ip6_source, udp6, "deny 2001:db8:1::7", NULL, FIREWALL_DENY_SOURCE),
	CASE(denies_an_ip6_prefix, icmp6, "deny 2001:db8:1::/48", NULL, FIREWALL_DENY_SOURCE),
	CASE(denies_all_of_ip6, firewall_tcp6, "deny ::/0", NULL, FIREWALL_DENY_SOURCE),
	CASE(passes_another_ip6_prefix, firewall_tcp6, "deny 2001:db8:2::/48", NULL,
	     FIREWALL_NO_RULE),
	CASE(allows_a_source, firewall_tcp4, "allow 203.0.113.0/24", NULL, FIREWALL_ALLOW_SOURCE),
	CASE(allows_an_ip6_source, firewall_tcp6, "allow 2001:db8:1::/64", NULL,
	     FIREWALL_ALLOW_SOURCE),
	CASE(allow_wins_where_a_prefix_is_on_both_lists, firewall_tcp4,
	     "deny 203.0.113.0/24\nallow 203.0.113.0/24", NULL, FIREWALL_ALLOW_SOURCE),
	CASE(an_allowed_address_in_a_denied_prefix_passes, firewall_tcp4,
	     "deny 203.0.113.0/24\nallow 203.0.113.7", NULL, FIREWALL_ALLOW_SOURCE),
	CASE(a_denied_address_in_an_allowed_prefix_is_dropped, firewall_tcp4,
	     "allow 203.0.113.0/24\ndeny 203.0.113.7", NULL, FIREWALL_DENY_SOURCE),
	CASE(the_longest_ip6_prefix_decides, firewall_tcp6,
	     "deny 2001:db8::/32\nallow 2001:db8:1::/48\ndeny 2001:db8:1::/64", NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(judges_a_tunnel_by_its_outer_source, ip4_in_ip4, "deny 203.0.113.7", NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(does_not_look_into_a_tunnel, ip4_in_ip4, "deny 198.51.100.1\ndeny udp/80", NULL,
	     FIREWALL_NO_RULE),

	CASE(denies_a_tcp_port, firewall_tcp4, "deny tcp/80", NULL, FIREWALL_DENY_PORT),
	CASE(denies_a_tcp_port_on_ip6, firewall_tcp6, "deny tcp/80", NULL, FIREWALL_DENY_PORT),
	CASE(denies_a_udp_port, udp4, "deny udp/80", NULL, FIREWALL_DENY_PORT),
	CASE(denies_a_udp_port_on_ip6, udp6, "deny udp/80", NULL, FIREWALL_DENY_PORT),
	CASE(a_tcp_port_is_not_a_udp_port, udp4, "deny tcp/80", NULL, FIREWALL_NO_RULE),
	CASE(a_udp_port_is_not_a_tcp_port, firewall_tcp6, "deny udp/80", NULL, FIREWALL_NO_RULE),
	CASE(does_not_take_a_source_port_for_a_destination_port, firewall_tcp4, "deny tcp/40000",
	     NULL, FIREWALL_NO_RULE),
	CASE(denies_the_last_port, tcp4_max_port, "deny tcp/65535", NULL, FIREWALL_DENY_PORT),
	CASE(allows_a_port, udp6, "allow udp/80", NULL, FIREWALL_ALLOW_PORT),
	CASE(allow_wins_where_a_port_is_on_both_lists, firewall_tcp4, "allow tcp/80\ndeny tcp/80",
	     NULL, FIREWALL_ALLOW_PORT),
	CASE(an_allowed_source_reaches_a_denied_port, firewall_tcp4,
	     "allow 203.0.113.7\ndeny tcp/80", NULL, FIREWALL_ALLOW_SOURCE),
	CASE(a_denied_source_does_not_reach_an_allowed_port, firewall_tcp4,
	     "deny 203.0.113.7\nallow tcp/80", NULL, FIREWALL_DENY_SOURCE),

	CASE(static_rule_denies_its_port, firewall_tcp4, NULL, &deny_tcp_80, FIREWALL_DENY_STATIC),
	CASE(static_rule_denies_its_port_on_ip6, firewall_tcp6, NULL, &deny_tcp_80,
	     FIREWALL_DENY_STATIC),
	CASE(static_rule_leaves_the_other_protocol, udp4, NULL, &deny_tcp_80, FIREWALL_NO_RULE),
	CASE(static_rule_leaves_other_ports, tcp4_max_port, NULL, &deny_tcp_80, FIREWALL_NO_RULE),
	CASE(an_allowed_port_overrides_the_static_rule, firewall_tcp4, "allow tcp/80", &deny_tcp_80,
	     FIREWALL_ALLOW_PORT),

	CASE(default_deny_drops_what_no_rule_names, firewall_tcp4, NULL, &deny_all,
	     FIREWALL_DENY_DEFAULT),
	CASE(default_deny_drops_icmp, icmp4, NULL, &deny_all, FIREWALL_DENY_DEFAULT),
	CASE(default_deny_drops_an_ip6_echo_request, icmp6, NULL, &deny_all, FIREWALL_DENY_DEFAULT),
	CASE(default_deny_passes_an_allowed_source, icmp6, "allow 2001:db8::/32", &deny_all,
	     FIREWALL_ALLOW_SOURCE),
	CASE(default_deny_passes_an_allowed_port, firewall_tcp4, "allow tcp/80", &deny_all,
	     FIREWALL_ALLOW_PORT),
	CASE(default_deny_passes_arp, arp, NULL, &deny_all, FIREWALL_NOT_IP),
	CASE(default_deny_passes_a_router_solicitation, router_solicitation, NULL, &deny_all,
	     FIREWALL_NEIGHBOUR),
	CASE(default_deny_passes_a_redirect, redirect, NULL, &deny_all, FIREWALL_NEIGHBOUR),
	CASE(default_deny_drops_neighbour_discovery_that_was_forwarded, forwarded_neighbour, NULL,
	     &deny_all, FIREWALL_DENY_DEFAULT),
	CASE(default_deny_drops_an_echo_request_of_the_link, echo_on_the_link, NULL, &deny_all,
	     FIREWALL_DENY_DEFAULT),
	CASE(default_deny_drops_other_icmp6_of_the_link, listener_report, NULL, &deny_all,
	     FIREWALL_DENY_DEFAULT),
	CASE(a_denied_source_is_denied_neighbour_discovery_too, router_solicitation,
	     "deny 2001:db8:1::7", &deny_all, FIREWALL_DENY_SOURCE),

	CASE(passes_frames_that_are_not_ip, llc, "deny 0.0.0.0/0\ndeny ::/0", NULL,
	     FIREWALL_NOT_IP),
	CASE(looks_behind_a_vlan_tag, tcp4_one_tag, "deny 203.0.113.7", NULL, FIREWALL_DENY_SOURCE),
	CASE(finds_the_port_behind_a_vlan_tag, tcp4_one_tag, "deny tcp/80", NULL,
	     FIREWALL_DENY_PORT),
	CASE(looks_behind_two_vlan_tags, tcp6_two_tags, "deny 2001:db8:1::/48", NULL,
	     FIREWALL_DENY_SOURCE),
	CASE(finds_the_port_behind_two_vlan_tags, tcp6_two_tags, "deny tcp/80", NULL,
	     FIREWALL_DENY_PORT),
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, firewall_case_run, cases);
	return tap_run(&plan, "firewall", 1);
}
