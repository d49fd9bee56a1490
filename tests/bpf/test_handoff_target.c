/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a redirect leads to, by routes and neighbours of a network namespace of the test's own. */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <net/if.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_ways.h"
#include "tests/support/handoff_case.h"
#include "tests/support/tap.h"

#define PORT 443
#define NEIGHBOUR "\x02\x00\x00\x00\x00\x07"
#define ROUTER "\x02\x00\x00\x00\x00\x09"
#define OWN "\x02\x00\x00\x00\x00\x01"

/* Neighbours in a state that lasts, and one whose address was asked for in vain. */
static const char bed[] =
	"ip link set lo up && ip link add near address 02:00:00:00:00:01 type veth peer name far && "
	"ip link set near up && ip link set far up && "
	"ip address add 192.0.2.1/24 dev near && ip address add 2001:db8::1/64 dev near nodad && "
	"ip neigh add 192.0.2.7 lladdr 02:00:00:00:00:07 dev near nud permanent && "
	"ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:09 dev near nud stale && "
	"ip neigh add 192.0.2.8 dev near nud failed && "
	"ip neigh add 2001:db8::7 lladdr 02:00:00:00:00:07 dev near nud permanent && "
	"ip neigh add fe80::9 lladdr 02:00:00:00:00:09 dev near nud permanent && "
	"ip route add 198.51.100.0/24 via 192.0.2.9 && "
	"ip route add 203.0.113.0/24 via inet6 fe80::9 dev near && "
	"ip route add 2001:db8:2::/48 via fe80::9 dev near && "
	"ip route add unreachable 198.18.0.0/15";

/* A way by @name, once there is such an interface. */
#define BY(name)                                                                                   \
	" && ip link set " name " up && ip address add 198.18.5.1/24 dev " name                    \
	" && ip neigh add 198.18.5.7 lladdr 02:00:00:00:00:07 dev " name " nud permanent"

static const struct by {
	const char *name;
	const char *commands;
	int err;
	const char *says;
} by[] = {
	{ "a_vlan", "ip link add v9 link near type vlan id 9" BY("v9"), -EOPNOTSUPP,
	  "the way to the target is by 'v9', a vlan: XDP cannot send by it" },
	{ "a_bridge", "ip link add br9 type bridge" BY("br9"), -EOPNOTSUPP,
	  "the way to the target is by 'br9', a bridge: XDP cannot send by it" },
	{ "a_macvlan", "ip link add m9 link near type macvlan" BY("m9"), -EOPNOTSUPP,
	  "the way to the target is by 'm9', a macvlan: XDP cannot send by it" },
	{ "a_tap", "ip tuntap add t9 mode tap" BY("t9"), 0, "" },
};

static int set_up(void **state)
{
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system(bed), 0);
	return 0;
}

struct row {
	const char *name;
	const char *address;
	int err;
	const char *next_hop_mac;
};

static const struct row rows[] = {
	{ "of_a_neighbour", "192.0.2.7", 0, NEIGHBOUR },
	{ "of_a_neighbour_of_ip6", "2001:db8::7", 0, NEIGHBOUR },
	{ "of_a_neighbour_mapped", "::ffff:192.0.2.7", 0, NEIGHBOUR },
	{ "behind_a_router", "198.51.100.80", 0, ROUTER },
	{ "behind_a_router_of_ip6", "2001:db8:2::80", 0, ROUTER },
	{ "of_ip4_behind_a_router_of_ip6", "203.0.113.80", 0, ROUTER },
	{ "of_a_neighbour_that_nobody_asked_for", "192.0.2.77", -EAGAIN, NULL },
	{ "of_a_neighbour_that_did_not_answer", "192.0.2.8", -EAGAIN, NULL },
	{ "of_the_host_itself", "192.0.2.1", -ENETUNREACH, NULL },
	{ "without_a_route", "192.88.99.1", -ENETUNREACH, NULL },
	{ "that_a_route_refuses", "198.18.0.1", -EHOSTUNREACH, NULL },
};

static void the_way_to_a_target(void **state)
{
	const struct row *row = *state;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct handoff_target target = {};
	struct slot_reason why = {};
	__be32 address[4];

	handoff_address(row->address, PORT, address, &in6.sin6_port);
	memcpy(&in6.sin6_addr, address, sizeof(in6.sin6_addr));
	assert_int_equal(handoff_target_find((struct sockaddr *)&in6, &why, &target), row->err);
	if (row->err) {
		assert_string_not_equal(why.text, "");
		assert_int_equal(target.ifindex, 0);
		return;
	}
	assert_memory_equal(target.address, address, sizeof(address));
	assert_int_equal(target.port, in6.sin6_port);
	assert_int_equal(target.ifindex, if_nametoindex("near"));
	assert_memory_equal(target.next_hop_mac, row->next_hop_mac, sizeof(target.next_hop_mac));
	assert_memory_equal(target.own_mac, OWN, sizeof(target.own_mac));
}

static int find_by(struct slot_reason *why, struct handoff_target *target)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, "198.18.5.7", &in.sin_addr), 1);
	return handoff_target_find((struct sockaddr *)&in, why, target);
}

static void the_way_by_an_interface_that_xdp_can_send_by_or_not(void **state)
{
	struct handoff_target target = {};
	const struct by *row = *state;
	struct slot_reason why = {};

	if (system(row->commands)) {
		print_message("# SKIP this kernel has none\n");
		skip();
	}
	assert_int_equal(find_by(&why, &target), row->err);
	assert_string_equal(why.text, row->says);
}

/* XDP_TX: it goes back by the interface that it came in by. */
static void an_interface_with_xdp_may_be_of_any_kind(void **state)
{
	const struct by *row = &by[1];
	struct bpf_object *object = progrun_open("bpf/pass.bpf.o");
	struct handoff_target target = {};
	struct slot_reason why = {};

	(void)state;
	if (system(row->commands)) {
		print_message("# SKIP this kernel has no %s\n", row->name);
		skip();
	}
	assert_int_equal(bpf_object__load(object), 0);
	assert_int_equal(bpf_xdp_attach((int)if_nametoindex("br9"), progrun_fd(object, "pass"),
					XDP_FLAGS_SKB_MODE, NULL),
			 0);
	assert_int_equal(find_by(&why, &target), 0);
	assert_int_equal(target.ifindex, if_nametoindex("br9"));
	bpf_object__close(object);
}

#define FORGET_TRIES 20

/* Of a neighbour that the kernel does not know any more by then. Returns whether it was in time. */
static bool find_again(struct handoff_ways *ways, struct sockaddr_in *in)
{
	int64_t until_ms = slot_clock_ms() + HANDOFF_WAY_MS;
	struct handoff_target first = {}, again = {};
	struct slot_reason why = {};
	int err;

	*ways = (struct handoff_ways){};
	assert_int_equal(system("ip neigh replace 192.0.2.7 lladdr 02:00:00:00:00:07 dev near"), 0);
	assert_int_equal(handoff_ways_find(ways, (struct sockaddr *)in, &why, &first), 0);
	assert_int_equal(system("ip neigh del 192.0.2.7 dev near"), 0);
	in->sin_port++;
	err = handoff_ways_find(ways, (struct sockaddr *)in, &why, &again);
	if (slot_clock_ms() >= until_ms)
		return false;
	assert_int_equal(err, 0);
	assert_int_equal(again.port, in->sin_port);
	assert_int_not_equal(again.port, first.port);
	again.port = first.port;
	assert_memory_equal(&again, &first, sizeof(first));
	return true;
}

static void a_way_that_was_found_is_known_for_a_moment(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct handoff_target target = {};
	struct handoff_ways ways = {};
	struct slot_reason why = {};
	int tries = 0, err;

	(void)state;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.7", &in.sin_addr), 1);
	while (!find_again(&ways, &in))
		assert_int_not_equal(++tries, FORGET_TRIES);
	while (!(err = handoff_ways_find(&ways, (struct sockaddr *)&in, &why, &target)))
		usleep(10000);
	assert_int_equal(err, -EAGAIN);
}

/* As the kernel has counted them in this namespace. */
static unsigned long count_datagrams(void)
{
	FILE *from = fopen("/proc/net/snmp", "re");
	unsigned long count = ULONG_MAX;
	char line[512];

	assert_non_null(from);
	while (fgets(line, sizeof(line), from))
		if (sscanf(line, "Udp: %*u %*u %*u %lu", &count) == 1)
			break;
	fclose(from);
	assert_int_not_equal(count, ULONG_MAX);
	return count;
}

#define MISSES_MS 50

static void a_neighbour_that_is_not_known_is_asked_for_once_a_second(void **data)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int64_t begin_ms = slot_clock_ms();
	unsigned long before = count_datagrams();
	struct handoff_target target = {};
	struct handoff_ways ways = {};
	struct slot_reason why = {};

	(void)data;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.77", &in.sin_addr), 1);
	while (slot_clock_ms() < begin_ms + MISSES_MS)
		assert_int_equal(handoff_ways_find(&ways, (struct sockaddr *)&in, &why, &target),
				 -EAGAIN);
	assert_in_range(count_datagrams() - before, 1,
			1 + (slot_clock_ms() - begin_ms) / HANDOFF_WAY_MS);
	assert_int_equal(system("ip neigh show 192.0.2.77 dev near | grep -q ."), 0);
}

static void more_ways_than_are_kept_are_found(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct handoff_ways ways = {};
	struct slot_reason why = {};

	(void)state;
	for (uint32_t i = 0; i < 3 * HANDOFF_WAYS; i++) {
		struct handoff_target target = {}, asked = {};

		in.sin_addr.s_addr = htonl(0xc6336400U + i % (HANDOFF_WAYS + 1)); /* 198.51.100.0 */
		assert_int_equal(handoff_ways_find(&ways, (struct sockaddr *)&in, &why, &target),
				 0);
		assert_int_equal(handoff_target_find((struct sockaddr *)&in, &why, &asked), 0);
		assert_memory_equal(&target, &asked, sizeof(asked));
	}
}

static void other_families_are_refused(void **state)
{
	struct sockaddr_storage local = { .ss_family = AF_UNIX };
	struct handoff_target target;
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(handoff_target_find((struct sockaddr *)&local, &why, &target),
			 -EAFNOSUPPORT);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, the_way_to_a_target, rows, set_up, NULL);
	TAP_ADD_ROWS(&plan, the_way_by_an_interface_that_xdp_can_send_by_or_not, by, set_up, NULL);
	TAP_ADD(&plan, an_interface_with_xdp_may_be_of_any_kind, set_up, NULL);
	TAP_ADD(&plan, a_way_that_was_found_is_known_for_a_moment, set_up, NULL);
	TAP_ADD(&plan, a_neighbour_that_is_not_known_is_asked_for_once_a_second, set_up, NULL);
	TAP_ADD(&plan, more_ways_than_are_kept_are_found, set_up, NULL);
	TAP_ADD(&plan, other_families_are_refused, NULL, NULL);
	return tap_run(&plan, "handoff_target", 1);
}
