/* SPDX-License-Identifier: GPL-2.0-only */
/* socket_lb: flows of UDP through takeovers, and what is missing where. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bpf/socket_lb/maps/sl_flows.h"
#include "bpf/socket_lb/sl_words.h"
#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define CLIENTS 64

/* Where a datagram of @client goes. */
static struct sl_arrival send_to(int client, struct sl_server *one, struct sl_server *other)
{
	struct sl_server *servers[] = { one, other };

	send(client, "hello", 5, 0);
	return sl_bed_arrived(servers, other ? 2 : 1);
}

/* --- UDP by flow ----------------------------------------------------------------------------- */

static const struct flow_case {
	const char *name, *vip;
} flow_cases[] = {
	{ "a flow stays with its instance, new ones go to the active: IPv4",
	  "udp/203.0.113.80:53 flow" },
	{ "a flow stays with its instance, new ones go to the active: IPv6",
	  "udp/[2001:db8::80]:53 flow" },
	{ "a flow stays with its instance, new ones go to the active: any IPv4",
	  "udp/0.0.0.0:53 flow" },
	{ "a flow stays with its instance, new ones go to the active: any IPv6",
	  "udp/[::]:53 flow" },
};

static void flows_stay(void **state)
{
	const struct flow_case *row = *state;
	struct sl_vip_entry vip = sl_bed_vip(row->vip);
	struct sl_arrival before[CLIENTS], after;
	struct sl_server old, new;
	/* All open at a time, so that none has another one's port. */
	int clients[CLIENTS], fresh[CLIENTS];
	size_t flows = 0;
	struct slot_reason why;

	sl_server_start(&old, &vip.key, 4, NULL);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = sl_bed_client(&vip.key);
		before[i] = send_to(clients[i], &old, NULL);
		assert_ptr_equal(before[i].server, &old);
	}
	sl_server_start(&new, &vip.key, 4, NULL);
	assert_int_equal(sl_flows_count(&sl_bed.maps, &vip.vip, old.place.instance, &why, &flows),
			 0);
	assert_int_equal(flows, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		fresh[i] = sl_bed_client(&vip.key);
		after = send_to(clients[i], &old, &new);
		assert_ptr_equal(after.server, &old);
		assert_int_equal(after.position, before[i].position);
		assert_ptr_equal(send_to(fresh[i], &old, &new).server, &new);
	}
	assert_int_equal(sl_bed_count(vip.vip.index, SL_NEW), 2 * CLIENTS);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_BY_FLOW), CLIENTS);
	sl_server_stop(&old);
	for (int i = 0; i < CLIENTS; i++) {
		assert_ptr_equal(send_to(clients[i], &new, NULL).server, &new);
		close(clients[i]);
		close(fresh[i]);
	}
	assert_int_equal(sl_bed_count(vip.vip.index, SL_STALE_FLOW), CLIENTS);
	sl_server_stop(&new);
}

static void a_socket_bound_to_any_ip6_takes_ip4_too(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/[::]:53 flow");
	struct sl_vip_key as_ip4 = { .port = vip.key.port, .proto = IPPROTO_UDP, .family = 4 };
	struct sl_server old, new;
	int client = sl_bed_client(&as_ip4);

	(void)state;
	sl_server_start(&old, &vip.key, 2, NULL);
	assert_ptr_equal(send_to(client, &old, NULL).server, &old);
	sl_server_start(&new, &vip.key, 2, NULL);
	assert_ptr_equal(send_to(client, &old, &new).server, &old);
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

/* One client, two addresses of a server that is bound to any: two flows. */
static void flows_to_two_addresses_are_two(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/0.0.0.0:53 flow");
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = vip.key.port };
	int client = socket(AF_INET, SOCK_DGRAM, 0);
	struct sl_server old, new, *both[] = { &old, &new };

	(void)state;
	sl_server_start(&old, &vip.key, 1, NULL);
	inet_pton(AF_INET, SL_BED_ADDR4, &to.sin_addr);
	assert_int_equal(sendto(client, "1", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_ptr_equal(sl_bed_arrived(both, 1).server, &old);
	sl_server_start(&new, &vip.key, 1, NULL);
	inet_pton(AF_INET, SL_BED_OTHER4, &to.sin_addr);
	assert_int_equal(sendto(client, "1", 1, 0, (struct sockaddr *)&to, sizeof(to)), 1);
	assert_ptr_equal(sl_bed_arrived(both, 2).server, &new);
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void a_third_process_is_not_mistaken_for_the_first(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_server first, second, third;
	int client = sl_bed_client(&vip.key);

	(void)state;
	sl_server_start(&first, &vip.key, 1, NULL);
	assert_ptr_equal(send_to(client, &first, NULL).server, &first);
	sl_server_start(&second, &vip.key, 1, NULL);
	sl_server_stop(&first);
	sl_server_fill(&third, &vip.key, 1);
	assert_int_equal(third.place.instance, first.place.instance);
	assert_ptr_equal(send_to(client, &second, &third).server, &second);
	close(client);
	sl_server_stop(&second);
	sl_server_stop(&third);
}

static void a_flow_that_was_silent_for_long_begins_again(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow memory=10");
	int client = sl_bed_client(&vip.key);
	struct sl_flow_key key = {};
	struct sl_server old, new;
	struct sl_flow flow;

	(void)state;
	sl_server_start(&old, &vip.key, 1, NULL);
	assert_ptr_equal(send_to(client, &old, NULL).server, &old);
	sl_server_start(&new, &vip.key, 1, NULL);
	assert_int_equal(bpf_map_get_next_key(sl_bed.maps.flows, NULL, &key), 0);
	assert_int_equal(bpf_map_lookup_elem(sl_bed.maps.flows, &key, &flow), 0);
	flow.seen_s -= 11;
	assert_int_equal(bpf_map_update_elem(sl_bed.maps.flows, &key, &flow, BPF_ANY), 0);
	assert_ptr_equal(send_to(client, &old, &new).server, &new);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_STALE_FLOW), 1);
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void without_memory_every_packet_goes_to_the_active_one(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow memory=0");
	int client = sl_bed_client(&vip.key);
	struct sl_server old, new;

	(void)state;
	sl_server_start(&old, &vip.key, 1, NULL);
	assert_ptr_equal(send_to(client, &old, NULL).server, &old);
	sl_server_start(&new, &vip.key, 1, NULL);
	assert_ptr_equal(send_to(client, &old, &new).server, &new);
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

/* --- what is missing ------------------------------------------------------------------------- */

static void a_vip_without_an_instance_refuses(void **state)
{
	struct sl_vip_entry tcp = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_vip_entry udp = sl_bed_vip("udp/203.0.113.80:53 flow");
	int listener = sl_bed_bind(&tcp.key), bound = sl_bed_bind(&udp.key);
	int client = sl_bed_client(&udp.key);

	(void)state;
	assert_int_equal(sl_bed_client(&tcp.key), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_false(sl_bed_send(client, "x", 1));
	assert_int_equal(sl_bed_count(tcp.vip.index, SL_NO_ACTIVE), 1);
	assert_int_equal(sl_bed_count(udp.vip.index, SL_NO_ACTIVE), 1);
	close(listener);
	close(bound);
	close(client);
}

static void sockets_that_are_no_vips_are_left_to_the_kernel(void **state)
{
	struct sl_vip_key other = { .port = htons(5353), .proto = IPPROTO_UDP, .family = 4 };
	struct sl_server server = { .count = 1, .fds = { sl_bed_bind(&other) } };
	struct sl_server *one[] = { &server };
	int client = sl_bed_client(&other);

	(void)state;
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(one, 1).server, &server);
	assert_int_equal(sl_bed_count(SL_NO_VIP, SL_NOT_OURS), 1);
	close(client);
	sl_server_crash(&server);
}

static void a_closed_socket_is_stood_in_for_by_its_own_instance(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_server old, new;
	int clients[CLIENTS];
	__u64 moved;

	(void)state;
	sl_server_start(&old, &vip.key, 4, NULL);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = sl_bed_client(&vip.key);
		assert_ptr_equal(send_to(clients[i], &old, NULL).server, &old);
	}
	sl_server_start(&new, &vip.key, 4, NULL);
	close(old.fds[--old.count]);
	close(old.fds[--old.count]);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < CLIENTS; i++)
			assert_ptr_equal(send_to(clients[i], &old, &new).server, &old);
	/* The flow remembers where it moved to. */
	moved = sl_bed_count(vip.vip.index, SL_OTHER_SOCKET);
	assert_in_range(moved, 1, CLIENTS - 1);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void where_the_active_one_died_the_other_one_serves(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old, new, third, *both[] = { &old, &third };
	int client;

	(void)state;
	sl_server_start(&old, &vip.key, 2, NULL);
	sl_server_start(&new, &vip.key, 2, NULL);
	sl_server_crash(&new);
	client = sl_bed_client(&vip.key);
	assert_true(client >= 0);
	assert_ptr_equal(sl_bed_accepted(both, 1, NULL).server, &old);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_OTHER_INSTANCE), 1);
	close(client);

	/* The next one takes the place of the dead. */
	sl_server_start(&third, &vip.key, 2, NULL);
	assert_int_equal(third.place.instance, new.place.instance);
	client = sl_bed_client(&vip.key);
	assert_ptr_equal(sl_bed_accepted(both, 2, NULL).server, &third);
	close(client);
	sl_server_crash(&old);
	sl_server_crash(&third);
	assert_int_equal(sl_bed_client(&vip.key), -1);
}

/* Without a listener the kernel asks nobody; so there is one that no instance has. */
static void no_socket_left_is_refused(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	int stranger = sl_bed_bind(&vip.key), client = sl_bed_client(&vip.key);
	struct sl_server server;

	(void)state;
	sl_server_start(&server, &vip.key, 64, NULL);
	assert_ptr_equal(send_to(client, &server, NULL).server, &server);
	sl_server_crash(&server);
	assert_false(sl_bed_send(client, "x", 1));
	assert_int_equal(sl_bed_count(vip.vip.index, SL_NO_SOCKET), 1);
	close(stranger);
	close(client);
}

static void the_last_of_64_sockets_is_found(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_server server;
	int client;

	(void)state;
	sl_server_start(&server, &vip.key, 64, NULL);
	for (int i = 0; i < 63; i++)
		close(server.fds[i]);
	server.fds[0] = server.fds[63];
	server.count = 1;
	for (int i = 0; i < CLIENTS; i++) {
		client = sl_bed_client(&vip.key);
		assert_ptr_equal(send_to(client, &server, NULL).server, &server);
		close(client);
	}
	sl_server_stop(&server);
}

/* As whoever owns the maps could put there. */
static void sockets_of_other_groups_are_passed_over(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_vip_entry other = sl_bed_vip("udp/203.0.113.81:53 flow");
	struct sl_server server, strangers;
	int client = sl_bed_client(&vip.key);
	struct slot_reason why;
	__u32 position;

	(void)state;
	sl_server_start(&server, &vip.key, 2, NULL);
	sl_server_fill(&strangers, &other.key, 0);
	strangers.fds[strangers.count++] = sl_bed_bind(&other.key);
	close(server.fds[0]);
	assert_int_equal(
		sl_socket_add(&sl_bed.maps, &server.place, strangers.fds[0], &why, &position), 0);
	assert_int_equal(position, 0);
	server.fds[0] = server.fds[1];
	server.count = 1;
	for (int i = 0; i < CLIENTS; i++) {
		int fresh = sl_bed_client(&vip.key);

		assert_ptr_equal(send_to(fresh, &server, &strangers).server, &server);
		close(fresh);
	}
	assert_in_range(sl_bed_count(vip.vip.index, SL_OTHER_SOCKET), 1, CLIENTS);
	close(client);
	sl_server_stop(&server);
	sl_server_stop(&strangers);
}

static void an_element_of_nonsense_does_no_harm(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("udp/203.0.113.80:53 flow");
	struct sl_server server;
	struct sl_instance nonsense;
	__u32 index;

	(void)state;
	sl_server_start(&server, &vip.key, 1, NULL);
	index = SL_INSTANCE_INDEX(vip.vip.index, server.place.instance);
	memset(&nonsense, 0xff, sizeof(nonsense));
	nonsense.state = SL_SERVING;
	for (int policy = 0; policy < 8; policy++) {
		int client = sl_bed_client(&vip.key);

		nonsense.policy = (__u8)policy;
		assert_int_equal(
			bpf_map_update_elem(sl_bed.maps.instances, &index, &nonsense, BPF_ANY), 0);
		assert_ptr_equal(send_to(client, &server, NULL).server, &server);
		close(client);
	}
	nonsense.sockets = 0;
	assert_int_equal(bpf_map_update_elem(sl_bed.maps.instances, &index, &nonsense, BPF_ANY), 0);
	assert_null(send_to(sl_bed_client(&vip.key), &server, NULL).server);
	sl_server_crash(&server);
}

#define ADD(test) TAP_ADD(&plan, test, sl_bed_set_up, sl_bed_tear_down)
#define ROWS(test, rows) TAP_ADD_ROWS(&plan, test, rows, sl_bed_set_up, sl_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ROWS(flows_stay, flow_cases);
	ADD(a_socket_bound_to_any_ip6_takes_ip4_too);
	ADD(flows_to_two_addresses_are_two);
	ADD(a_third_process_is_not_mistaken_for_the_first);
	ADD(a_flow_that_was_silent_for_long_begins_again);
	ADD(without_memory_every_packet_goes_to_the_active_one);
	ADD(a_vip_without_an_instance_refuses);
	ADD(sockets_that_are_no_vips_are_left_to_the_kernel);
	ADD(a_closed_socket_is_stood_in_for_by_its_own_instance);
	ADD(where_the_active_one_died_the_other_one_serves);
	ADD(no_socket_left_is_refused);
	ADD(the_last_of_64_sockets_is_found);
	ADD(sockets_of_other_groups_are_passed_over);
	ADD(an_element_of_nonsense_does_no_harm);
	return tap_run(&plan, "socket_lb", 1);
}
