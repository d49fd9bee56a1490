/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor's checks of interfaces, addresses and routes, over hosts that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/doctor_case.h"

#define PEER_LINK 3 /* of the first netns: a veth to the second */
#define BRIDGE 4

static struct slot_picture_link *eth0(struct slot_picture *picture, size_t netns)
{
	return &picture->netns[netns].links[1];
}

static struct slot_picture_link *add_link(struct slot_picture *picture, size_t netns,
					  const struct slot_picture_link *link)
{
	struct slot_picture_netns *place = &picture->netns[netns];
	struct slot_picture_link copy = *link;

	copy.is_up = true;
	assert_int_equal(slot_picture_add(&place->links, &place->link_count, &copy), 0);
	return &place->links[place->link_count - 1];
}

/* A netns whose eth0 is the other end of a veth of the first. */
static size_t join_netns(struct slot_picture *picture, const char *name, unsigned int ifindex,
			 unsigned int master)
{
	size_t netns = case_add_netns(picture, name);
	struct slot_picture_link veth = { .ifindex = ifindex,
					  .name = "veth",
					  .kind = "veth",
					  .master = master,
					  .peer = CASE_LINK,
					  .peer_netns = netns };

	add_link(picture, 0, &veth);
	strcpy(eth0(picture, netns)->kind, "veth");
	eth0(picture, netns)->peer = ifindex;
	eth0(picture, netns)->peer_netns = 0;
	return netns;
}

static void add_way(struct slot_picture *picture, const char *address,
		    const struct slot_picture_way *way)
{
	struct slot_picture_netns *place = &picture->netns[0];
	struct slot_picture_way copy = *way;

	copy.addr = case_address(address, NULL);
	assert_int_equal(slot_picture_add(&place->ways, &place->way_count, &copy), 0);
}

/* --- interfaces ----------------------------------------------------------------------------- */

static void a_chain_that_is_not_attached_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_assert_clean(slot_check_detached, &picture);
	picture = case_new();
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_detached, &picture, SLOT_WARNING, "is not attached");
	picture = case_new();
	picture.chains[0].is_attached = false;
	strcpy(picture.chains[0].refused, "another one runs");
	case_assert_finding(slot_check_detached, &picture, SLOT_WARNING,
			    "is refused: another one runs");
	picture = case_new();
	picture.chains[0].is_attached = false;
	picture.chains[0].ifindex = 0;
	picture.chains[0].is_waiting = true;
	picture.chains[0].netns = SLOT_PICTURE_NOWHERE;
	case_assert_finding(slot_check_detached, &picture, SLOT_NOTE, "has no interface");
}

static void a_chain_of_sockets_has_no_interface_to_miss(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	picture.chains[0].hook = SLOT_HOOK_SOCK_OPS;
	picture.chains[0].ifindex = 0;
	case_assert_clean(slot_check_detached, &picture);
	picture = case_new();
	picture.chains[0].hook = SLOT_HOOK_SOCK_OPS;
	picture.chains[0].ifindex = 0;
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_detached, &picture, SLOT_WARNING, "is not attached");
	picture = case_new();
	picture.chains[0].hook = SLOT_HOOK_SOCK_OPS;
	picture.chains[0].ifindex = 0;
	picture.chains[0].is_waiting = true;
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_detached, &picture, SLOT_NOTE, "has no cgroup");
}

static void a_device_without_ethernet_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_assert_clean(slot_check_ethernet, &picture);
	picture = case_new();
	picture.netns[0].links[1].has_no_ethernet = true;
	case_assert_finding(slot_check_ethernet, &picture, SLOT_ERROR,
			    "frames of 'eth0' have no Ethernet header");
}

static void a_driver_without_xdp_is_told_where_that_is_known(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_assert_clean(slot_check_xdp_native, &picture);
	picture = case_new();
	eth0(&picture, 0)->knows_xdp = SLOT_YES;
	case_assert_finding(slot_check_xdp_native, &picture, SLOT_WARNING, "no native XDP");
	picture = case_new();
	eth0(&picture, 0)->knows_xdp = SLOT_YES;
	eth0(&picture, 0)->xdp_features = SLOT_XDP_BASIC;
	case_assert_clean(slot_check_xdp_native, &picture);
	picture = case_new();
	eth0(&picture, 0)->knows_xdp = SLOT_YES;
	picture.chains[0].hook = SLOT_HOOK_TC_INGRESS;
	case_assert_clean(slot_check_xdp_native, &picture);
}

static void a_chain_in_generic_mode_is_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	picture.chains[0].is_generic = true;
	case_assert_finding(slot_check_xdp_native, &picture, SLOT_WARNING, "in generic mode");
}

static struct slot_picture new_jumbo(unsigned int mtu, __u64 features, bool is_attached)
{
	struct slot_picture picture = case_new();

	eth0(&picture, 0)->mtu = mtu;
	eth0(&picture, 0)->knows_xdp = SLOT_YES;
	eth0(&picture, 0)->xdp_features = features;
	picture.chains[0].is_attached = is_attached;
	return picture;
}

static void large_frames_are_told_where_the_chain_is_not_attached(void **state)
{
	struct slot_picture picture = new_jumbo(9000, SLOT_XDP_BASIC, false);

	(void)state;
	case_assert_finding(slot_check_jumbo, &picture, SLOT_WARNING, "and its driver no XDP");
	picture = new_jumbo(9000, SLOT_XDP_BASIC | SLOT_XDP_RX_SG, false);
	case_assert_finding(slot_check_jumbo, &picture, SLOT_WARNING, "not attached natively");
	picture = new_jumbo(9000, SLOT_XDP_BASIC | SLOT_XDP_RX_SG, true);
	case_assert_clean(slot_check_jumbo, &picture);
	picture = new_jumbo(3498, SLOT_XDP_BASIC, false);
	case_assert_clean(slot_check_jumbo, &picture);
}

static void merged_packets_are_told(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	eth0(&picture, 0)->lro = SLOT_YES;
	case_assert_finding(slot_check_merge, &picture, SLOT_WARNING, "LRO is on for 'eth0'");
	picture = case_new();
	eth0(&picture, 0)->gro_hw = SLOT_YES;
	case_assert_finding(slot_check_merge, &picture, SLOT_NOTE, "GRO in hardware");
	picture = case_new();
	eth0(&picture, 0)->gro_hw = SLOT_YES;
	picture.chains[0].is_attached = false;
	case_assert_finding(slot_check_merge, &picture, SLOT_WARNING, "GRO in hardware");
	picture = case_new();
	eth0(&picture, 0)->lro = eth0(&picture, 0)->gro_hw = SLOT_NO;
	case_assert_clean(slot_check_merge, &picture);
}

static void containers_that_answer_may_announce_the_smaller_size(void **state)
{
	static const unsigned int advmss[] = { 1440, 1460 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct slot_picture picture = case_new();
		size_t blue = join_netns(&picture, "blue", PEER_LINK, 0);

		eth0(&picture, 0)->mtu = 1500;
		case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.9")->overhead = 20;
		case_add_address(&picture, blue, CASE_LOOPBACK, "203.0.113.80/32");
		case_add_route(&picture, blue, &(struct slot_picture_route){ .advmss = advmss[i] });
		if (advmss[i] <= 1440)
			case_assert_clean(slot_check_mtu, &picture);
		else
			case_assert_finding(slot_check_mtu, &picture, SLOT_WARNING,
					    "whose MTU is 1500");
	}
}

/* --- addresses ------------------------------------------------------------------------------ */

static void a_tunnel_address_has_to_be_an_address_of_its_netns(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.9");
	case_assert_finding(slot_check_tunnel_address, &picture, SLOT_WARNING,
			    "which is no address of netns 'host'");
	picture = case_new();
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.9");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.9/24");
	case_assert_clean(slot_check_tunnel_address, &picture);
	picture = case_new();
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.9");
	add_way(&picture, "192.0.2.9", &(struct slot_picture_way){ .is_local = true });
	case_assert_clean(slot_check_tunnel_address, &picture);
}

static void a_prefix_of_tunnel_addresses_needs_one_of_them(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.0/28");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.99/24");
	case_assert_finding(slot_check_tunnel_address, &picture, SLOT_WARNING, "192.0.2.0/28");
	picture = case_new();
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.0/28");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.9/24");
	case_assert_clean(slot_check_tunnel_address, &picture);
}

static void a_real_that_is_this_host_is_told_unless_it_is_marked(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_claim(&picture, SLOT_CLAIM_REAL, "192.0.2.1");
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.1/24");
	case_assert_finding(slot_check_real_address, &picture, SLOT_WARNING,
			    "is an address of this host");
	picture = case_new();
	case_add_claim(&picture, SLOT_CLAIM_REAL, "192.0.2.1")->is_local = true;
	case_add_address(&picture, 0, CASE_LINK, "192.0.2.1/24");
	case_assert_clean(slot_check_real_address, &picture);
}

static void a_real_that_is_a_vip_goes_round(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.0/24", 80);
	case_add_claim(&picture, SLOT_CLAIM_REAL, "203.0.113.7");
	case_assert_finding(slot_check_real_address, &picture, SLOT_ERROR, "is one of its VIPs");
}

static struct slot_picture new_twins(unsigned int second_master)
{
	struct slot_picture picture = case_new();
	size_t blue = join_netns(&picture, "blue", PEER_LINK, BRIDGE);
	size_t red = join_netns(&picture, "red", PEER_LINK + 10, second_master);

	case_add_address(&picture, blue, CASE_LINK, "192.0.2.7/24");
	case_add_address(&picture, red, CASE_LINK, "192.0.2.7/24");
	return picture;
}

static void an_address_twice_on_one_bridge_is_told(void **state)
{
	struct slot_picture picture = new_twins(BRIDGE);

	(void)state;
	case_assert_finding(slot_check_address_twice, &picture, SLOT_ERROR,
			    "in netns 'blue', and of 'eth0' in netns 'red'");
	picture = new_twins(BRIDGE + 1);
	case_assert_clean(slot_check_address_twice, &picture);
	picture = new_twins(0);
	case_assert_clean(slot_check_address_twice, &picture);
	picture = new_twins(BRIDGE);
	eth0(&picture, 2)->is_up = false;
	case_assert_clean(slot_check_address_twice, &picture);
}

static void the_bridge_itself_counts_as_well(void **state)
{
	struct slot_picture picture = new_twins(0);
	struct slot_picture_link bridge = { .ifindex = BRIDGE, .name = "br0", .kind = "bridge" };

	(void)state;
	add_link(&picture, 0, &bridge);
	case_add_address(&picture, 0, BRIDGE, "192.0.2.7/24");
	case_assert_finding(slot_check_address_twice, &picture, SLOT_ERROR, "of 'br0'");
}

/* --- routes --------------------------------------------------------------------------------- */

static void a_route_that_discards_a_vip_is_told_once(void **state)
{
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_add_vip(&picture, "203.0.113.80", 443);
	add_way(&picture, "203.0.113.80", &(struct slot_picture_way){ .is_discard = true });
	case_assert_finding(slot_check_route_discard, &picture, SLOT_WARNING,
			    "discards packets to 203.0.113.80");
}

static void a_route_that_discards_a_part_of_a_vip_is_told(void **state)
{
	struct slot_picture_route route = { .is_discard = true };
	struct slot_picture picture = case_new();

	(void)state;
	case_add_vip(&picture, "203.0.113.0/24", 80);
	route.prefix = case_address("203.0.113.64/26", &route.len);
	case_add_route(&picture, 0, &route);
	case_assert_finding(slot_check_route_discard, &picture, SLOT_WARNING, "203.0.113.0/24");
	picture = case_new();
	case_add_vip(&picture, "203.0.113.0/24", 80);
	route.prefix = case_address("198.51.100.64/26", &route.len);
	case_add_route(&picture, 0, &route);
	case_assert_clean(slot_check_route_discard, &picture);
}

/* Tunnels end in the first netns; the VIP is served in one that is joined to it. */
static struct slot_picture new_delivery(const struct slot_picture_way *way)
{
	struct slot_picture picture = case_new();
	size_t blue = join_netns(&picture, "blue", PEER_LINK, 0);

	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.9");
	case_add_address(&picture, blue, CASE_LOOPBACK, "203.0.113.80/32");
	if (way)
		add_way(&picture, "203.0.113.80", way);
	return picture;
}

static void packets_out_of_tunnels_need_a_route_to_their_netns(void **state)
{
	static const struct {
		struct slot_picture_way way;
		enum slot_severity severity;
		const char *part;
	} cases[] = {
		{ { .is_local = true }, SLOT_WARNING, "it is an address as well" },
		{ { .is_discard = true }, SLOT_ERROR, "a route discards it" },
		{ { .ifindex = 0 }, SLOT_ERROR, "no route leads to it" },
		{ { .ifindex = CASE_LINK }, SLOT_WARNING, "its route leads elsewhere" },
	};
	struct slot_picture picture = new_delivery(NULL);

	(void)state;
	case_assert_clean(slot_check_vip_route, &picture);
	picture = new_delivery(&(struct slot_picture_way){ .ifindex = PEER_LINK });
	case_assert_clean(slot_check_vip_route, &picture);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		picture = new_delivery(&cases[i].way);
		case_assert_finding(slot_check_vip_route, &picture, cases[i].severity,
				    cases[i].part);
	}
}

static void what_is_balanced_needs_no_route(void **state)
{
	struct slot_picture picture = new_delivery(&(struct slot_picture_way){ .ifindex = 0 });

	(void)state;
	case_add_vip(&picture, "203.0.113.80", 80);
	case_assert_clean(slot_check_vip_route, &picture);
}

static void a_bridge_leads_to_all_that_are_on_it(void **state)
{
	struct slot_picture picture = new_delivery(NULL);
	struct slot_picture_link bridge = { .ifindex = BRIDGE,
					    .name = "br0",
					    .kind = "bridge",
					    .peer_netns = SLOT_PICTURE_NOWHERE };

	(void)state;
	picture.netns[0].links[2].master = BRIDGE;
	add_link(&picture, 0, &bridge);
	add_way(&picture, "203.0.113.80", &(struct slot_picture_way){ .ifindex = BRIDGE });
	case_assert_clean(slot_check_vip_route, &picture);
}

static void who_takes_its_own_tunnels_apart_needs_no_route(void **state)
{
	struct slot_picture picture = new_delivery(&(struct slot_picture_way){ .ifindex = 0 });
	struct slot_picture_chain chain = { .name = "blue:eth0", .netns = 1, .ifindex = CASE_LINK };

	(void)state;
	assert_int_equal(slot_picture_add(&picture.chains, &picture.chain_count, &chain), 0);
	case_add_claim(&picture, SLOT_CLAIM_TUNNEL, "192.0.2.10")->chain = 1;
	case_assert_clean(slot_check_vip_route, &picture);
}

static void a_vip_in_two_namespaces_behind_one_end_of_tunnels_is_told(void **state)
{
	struct slot_picture picture =
		new_delivery(&(struct slot_picture_way){ .ifindex = PEER_LINK });
	size_t red = join_netns(&picture, "red", PEER_LINK + 10, 0);

	(void)state;
	case_add_address(&picture, red, CASE_LOOPBACK, "203.0.113.80/32");
	case_assert_finding(slot_check_vip_route, &picture, SLOT_WARNING, "served in netns 'red'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_that_is_not_attached_is_told),
		cmocka_unit_test(a_chain_of_sockets_has_no_interface_to_miss),
		cmocka_unit_test(a_device_without_ethernet_is_told),
		cmocka_unit_test(a_driver_without_xdp_is_told_where_that_is_known),
		cmocka_unit_test(a_chain_in_generic_mode_is_told),
		cmocka_unit_test(large_frames_are_told_where_the_chain_is_not_attached),
		cmocka_unit_test(merged_packets_are_told),
		cmocka_unit_test(containers_that_answer_may_announce_the_smaller_size),
		cmocka_unit_test(a_tunnel_address_has_to_be_an_address_of_its_netns),
		cmocka_unit_test(a_prefix_of_tunnel_addresses_needs_one_of_them),
		cmocka_unit_test(a_real_that_is_this_host_is_told_unless_it_is_marked),
		cmocka_unit_test(a_real_that_is_a_vip_goes_round),
		cmocka_unit_test(an_address_twice_on_one_bridge_is_told),
		cmocka_unit_test(the_bridge_itself_counts_as_well),
		cmocka_unit_test(a_route_that_discards_a_vip_is_told_once),
		cmocka_unit_test(a_route_that_discards_a_part_of_a_vip_is_told),
		cmocka_unit_test(packets_out_of_tunnels_need_a_route_to_their_netns),
		cmocka_unit_test(what_is_balanced_needs_no_route),
		cmocka_unit_test(a_bridge_leads_to_all_that_are_on_it),
		cmocka_unit_test(who_takes_its_own_tunnels_apart_needs_no_route),
		cmocka_unit_test(a_vip_in_two_namespaces_behind_one_end_of_tunnels_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
