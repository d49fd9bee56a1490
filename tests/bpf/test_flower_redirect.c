/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules of flower that give packets another destination and send them out of a device, carried
 * out by the kernel: what leaves is byte for byte the packet to that destination.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "tests/support/flower_bed.h"
#include "tests/support/tap.h"

#define TO4 "203.0.113.9"
#define TO6 "2001:db8:9::9"
#define TO_PORT 8443
#define FLAGS_ACK 0x10
#define FLAGS_FIN_ACK 0x11
#define WAIT_S 5

static const __u8 next_hop_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x21 };
static const __u8 own_mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0x12 };

struct row {
	const char *name;
	__u8 family, proto;
	const char *out;  /* of what device, */
	const char *seen; /* and where it comes out then */
};

static const struct row rows[] = {
	{ "tcp_of_ip4_leaves_by_another_device", AF_INET, IPPROTO_TCP, "w0", "w1" },
	{ "tcp_of_ip6_leaves_by_another_device", AF_INET6, IPPROTO_TCP, "w0", "w1" },
	{ "udp_of_ip4_leaves_by_another_device", AF_INET, IPPROTO_UDP, "w0", "w1" },
	{ "udp_of_ip6_leaves_by_another_device", AF_INET6, IPPROTO_UDP, "w0", "w1" },
	{ "tcp_of_ip4_leaves_by_the_device_that_it_came_in_by", AF_INET, IPPROTO_TCP, "v1", "v0" },
	{ "tcp_of_ip6_leaves_by_the_device_that_it_came_in_by", AF_INET6, IPPROTO_TCP, "v1", "v0" },
};

static void start(void)
{
	flower_bed_start(NULL);
	flower_bed_must("ip link del w0 2>/dev/null || true");
	flower_bed_must("ip link add w0 type veth peer name w1 && ip link set w0 up && "
			"ip link set w1 up");
}

static void end(void)
{
	flower_bed_end(NULL);
	flower_bed_must("ip link del w0");
}

/* With @is_after as it is to leave. */
static void build(const struct row *row, __u8 flags, bool is_after, struct packet *ret_p)
{
	const __u16 port = is_after ? TO_PORT : FLOWER_DPORT;

	packet_start(ret_p, "odd number of bytes", 19);
	if (row->proto == IPPROTO_TCP)
		packet_tcp(ret_p, FLOWER_SPORT, port, flags);
	else
		packet_udp(ret_p, FLOWER_SPORT, port);
	if (row->family == AF_INET)
		packet_ip4(ret_p, &(struct packet_ip4){ .src = FLOWER_SRC4,
							.dst = is_after ? TO4 : FLOWER_DST4 });
	else
		packet_ip6(ret_p, &(struct packet_ip6){ .src = FLOWER_SRC6,
							.dst = is_after ? TO6 : FLOWER_DST6 });
	packet_eth(ret_p);
	if (!is_after)
		return;
	memcpy(packet_bytes(ret_p), next_hop_mac, ETH_ALEN);
	memcpy(packet_bytes(ret_p) + ETH_ALEN, own_mac, ETH_ALEN);
}

static struct slot_flower_rule make_rule(const struct row *row)
{
	const struct flower_flow flow = { row->family, row->proto, FLOWER_SPORT, FLOWER_DPORT, 0 };
	struct slot_flower_rule rule = flower_bed_rule(&flow, 7);
	struct slot_flower_address *address = &rule.actions[0].address;

	rule.match.no_ends = row->proto == IPPROTO_TCP;
	rule.actions[0] = (struct slot_flower_action){ .kind = SLOT_FLOWER_READDRESS };
	memcpy(address->next_hop_mac, next_hop_mac, ETH_ALEN);
	memcpy(address->own_mac, own_mac, ETH_ALEN);
	inet_pton(row->family, row->family == AF_INET ? TO4 : TO6, address->end.address);
	address->end.port = htons(TO_PORT);
	rule.actions[1] = (struct slot_flower_action){ .kind = SLOT_FLOWER_REDIRECT,
						       .ifindex = if_nametoindex(row->out) };
	rule.action_count = 2;
	return rule;
}

static int open_device(const char *name, bool is_bound)
{
	const struct timeval limit = { .tv_sec = WAIT_S };
	const struct sockaddr_ll at = {
		.sll_family = AF_PACKET,
		.sll_protocol = is_bound ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = (int)if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static void send_packet(const struct row *row, __u8 flags)
{
	int fd = open_device("v0", false);
	struct packet p;

	build(row, flags, false, &p);
	assert_int_equal(send(fd, packet_bytes(&p), p.len, 0), p.len);
	close(fd);
}

/* Hosts say this and that of themselves: the next frame that comes from @own_mac. */
static size_t receive(int fd, unsigned char *buffer, size_t size)
{
	ssize_t len;

	do {
		len = recv(fd, buffer, size, 0);
		if (len < 0)
			fail_msg("nothing left in %d s", WAIT_S);
	} while (len < 2 * ETH_ALEN || memcmp(buffer + ETH_ALEN, own_mac, ETH_ALEN) != 0);
	return (size_t)len;
}

static void check_row(void **state)
{
	const struct row *row = *state;
	unsigned char frame[PACKET_SIZE_MAX];
	struct slot_flower_place place;
	struct slot_flower_rule rule;
	struct flower_tally tally;
	struct packet wanted;
	int fd;

	start();
	place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	fd = open_device(row->seen, true);
	rule = make_rule(row);
	flower_bed_add(&place, &rule);
	send_packet(row, FLAGS_ACK);
	build(row, FLAGS_ACK, true, &wanted);
	assert_int_equal(receive(fd, frame, sizeof(frame)), wanted.len);
	assert_memory_equal(frame, packet_bytes(&wanted), wanted.len);
	tally = flower_bed_list(&place);
	assert_int_equal(tally.last.packets, 1);
	assert_int_equal(tally.last.rule.action_count, 2);
	assert_true(slot_flower_is_rule(&tally.last.rule, &rule));
	assert_true(tally.last.idle_ms < WAIT_S * 1000);
	close(fd);
	end();
}

static void the_end_of_a_connection_is_not_sent_on(void **state)
{
	const struct row *row = &rows[0];
	struct slot_flower_place place;
	struct slot_flower_rule rule;
	unsigned char frame[PACKET_SIZE_MAX];
	int fd;

	(void)state;
	start();
	place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	rule = make_rule(row);
	fd = open_device(row->seen, true);
	flower_bed_add(&place, &rule);
	send_packet(row, FLAGS_FIN_ACK);
	send_packet(row, FLAGS_ACK);
	receive(fd, frame, sizeof(frame));
	assert_int_equal(frame[ETH_HLEN + 20 + 13], FLAGS_ACK);
	assert_int_equal(flower_bed_list(&place).last.packets, 1);
	close(fd);
	end();
}

static void own_rules_of_all_kinds_are_flushed(void **state)
{
	struct slot_flower_place place;
	struct slot_flower_rule rule;
	size_t count = 0;

	(void)state;
	start();
	place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	rule = make_rule(&rows[0]);
	flower_bed_add(&place, &rule);
	rule = make_rule(&rows[1]);
	flower_bed_add(&place, &rule);
	assert_int_equal(slot_flower_flush(&place, FLOWER_OWNER, &count), 0);
	assert_int_equal(count, 2);
	assert_int_equal(flower_bed_list(&place).own, 0);
	end();
}

/* The same cookie, handle and match, and another destination. */
static void a_rule_that_leads_elsewhere_is_neither_found_nor_taken_off(void **state)
{
	struct slot_flower_rule rule, others[4];
	const struct slot_flower_rule *pointers[] = { &others[0], &others[1], &others[2],
						      &others[3] };
	struct slot_flower_place place;
	struct slot_answer answers[4];

	(void)state;
	start();
	place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	rule = make_rule(&rows[1]);
	for (int i = 0; i < 4; i++)
		others[i] = rule;
	others[0].actions[0].address.own_mac[5]++;
	others[1].actions[0].address.end.address[3]++;
	others[2].actions[0].address.end.port++;
	others[3].actions[1].ifindex++;
	flower_bed_add(&place, &rule);
	assert_int_equal(slot_flower_del(&place, pointers, 4, answers), -ENOENT);
	for (int i = 0; i < 4; i++)
		assert_int_equal(answers[i].err, -ENOENT);
	assert_int_equal(flower_bed_list(&place).own, 1);
	pointers[0] = &rule;
	assert_int_equal(slot_flower_del(&place, pointers, 1, answers), 0);
	assert_int_equal(flower_bed_list(&place).own, 0);
	end();
}

static void nothing_comes_behind_a_redirection(void **state)
{
	struct slot_flower_place place;
	struct slot_flower_rule rule;
	const struct slot_flower_rule *rules = &rule;
	struct slot_flower_action first;
	struct slot_answer answer;

	(void)state;
	start();
	place = flower_bed_place("v1", SLOT_HOOK_TC_INGRESS);
	rule = make_rule(&rows[0]);
	first = rule.actions[0];
	rule.actions[0] = rule.actions[1];
	rule.actions[1] = first;
	assert_int_equal(slot_flower_add(&place, &rules, 1, &answer), -EINVAL);
	assert_int_equal(flower_bed_list(&place).own, 0);
	end();
}

#define ADD(fn) TAP_ADD(&plan, fn, NULL, NULL)

int main(void)
{
	struct tap_plan plan = { 0 };
	const char *why;

	if (!flower_bed_enter(&why)) {
		printf("1..0 # SKIP %s\n", why);
		return 0;
	}
	TAP_ADD_TABLE(&plan, check_row, rows);
	ADD(the_end_of_a_connection_is_not_sent_on);
	ADD(own_rules_of_all_kinds_are_flushed);
	ADD(a_rule_that_leads_elsewhere_is_neither_found_nor_taken_off);
	ADD(nothing_comes_behind_a_redirection);
	return tap_run(&plan, "flower_redirect", 1);
}
