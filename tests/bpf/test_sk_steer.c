/* SPDX-License-Identifier: GPL-2.0-only */
/* sk_steer: which socket a lookup finds, and connections to addresses that nobody is bound to. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/progrun.h"
#include "tests/support/steer_case.h"
#include "tests/support/tap.h"

#define NO_SOCKET (-1)
#define ANSWER_TIME_S 5

static int open_tcp(const char *addr)
{
	return steer_socket_open(&(struct steer_socket){ .addr = addr, .proto = IPPROTO_TCP });
}

static int open_udp(const char *addr)
{
	return steer_socket_open(&(struct steer_socket){ .addr = addr, .proto = IPPROTO_UDP });
}

static void tcp_finds(const char *addr, uint16_t port, int fd)
{
	steer_assert_finds(&(struct steer_lookup){ addr, port, IPPROTO_TCP, 0 }, fd);
}

static void udp_finds(const char *addr, uint16_t port, int fd)
{
	steer_assert_finds(&(struct steer_lookup){ addr, port, IPPROTO_UDP, 0 }, fd);
}

/* --- rules ----------------------------------------------------------------------------------- */

static void what_no_rule_is_about_passes_and_is_not_counted(void **state)
{
	int web = open_tcp("127.0.0.1");

	(void)state;
	tcp_finds("192.0.2.1", 80, NO_SOCKET);
	steer_assert_does("rule add 192.0.2.0/24 tcp 80 web");
	steer_socket_add("web", web);
	tcp_finds("192.0.2.1", 80, web);
	tcp_finds("192.0.2.1", 81, NO_SOCKET);
	tcp_finds("192.0.2.1", 79, NO_SOCKET);
	tcp_finds("192.0.3.1", 80, NO_SOCKET);
	udp_finds("192.0.2.1", 80, NO_SOCKET);
	tcp_finds("2001:db8::1", 80, NO_SOCKET);
	steer_assert_counted(SK_STEER_ASSIGNED, 1);
	steer_assert_counted(SK_STEER_NO_SOCKET, 0);
	close(web);
}

static void the_longest_prefix_decides_then_the_narrowest_range(void **state)
{
	int fds[4];

	(void)state;
	steer_assert_does("rule add 192.0.2.0/24 tcp any wide");
	steer_assert_does("rule add 192.0.2.0/24 tcp 8000-8099 ports");
	steer_assert_does("rule add 192.0.2.0/24 tcp 8080 port");
	steer_assert_does("rule add 192.0.2.128/25 tcp 8000-9000 half");
	for (size_t i = 0; i < 4; i++) {
		static const char *const groups[] = { "wide", "ports", "port", "half" };

		fds[i] = open_tcp("127.0.0.1");
		steer_socket_add(groups[i], fds[i]);
	}
	tcp_finds("192.0.2.1", 1, fds[0]);
	tcp_finds("192.0.2.1", 65535, fds[0]);
	tcp_finds("192.0.2.1", 8000, fds[1]);
	tcp_finds("192.0.2.1", 8099, fds[1]);
	tcp_finds("192.0.2.1", 8100, fds[0]);
	tcp_finds("192.0.2.1", 8080, fds[2]);
	tcp_finds("192.0.2.129", 8080, fds[3]);
	tcp_finds("192.0.2.129", 8500, fds[3]);
	/* what the longer prefix says nothing of is the shorter one's */
	tcp_finds("192.0.2.129", 80, fds[0]);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}

static void both_families_and_protocols_have_rules_of_their_own(void **state)
{
	int tcp4 = open_tcp("127.0.0.1"), udp4 = open_udp("127.0.0.1");
	int tcp6 = open_tcp("::1"), udp6 = open_udp("::1");

	(void)state;
	steer_assert_does("rule add 0.0.0.0/0 tcp 53 tcp4");
	steer_assert_does("rule add 0.0.0.0/0 udp 53 udp4");
	steer_assert_does("rule add ::/0 tcp 53 tcp6");
	steer_assert_does("rule add 2001:db8::/32 udp 53 udp6");
	steer_socket_add("tcp4", tcp4);
	steer_socket_add("udp4", udp4);
	steer_socket_add("tcp6", tcp6);
	steer_socket_add("udp6", udp6);
	tcp_finds("198.51.100.9", 53, tcp4);
	udp_finds("198.51.100.9", 53, udp4);
	tcp_finds("2001:db9::1", 53, tcp6);
	udp_finds("2001:db9::1", 53, NO_SOCKET);
	udp_finds("2001:db8:1::1", 53, udp6);
	close(tcp4);
	close(udp4);
	close(tcp6);
	close(udp6);
}

/* --- groups without a socket ----------------------------------------------------------------- */

static void without_a_socket_a_lookup_goes_on_or_is_refused_as_the_rule_says(void **state)
{
	const struct steer_lookup strict = { "192.0.2.1", 81, IPPROTO_TCP, 0 };
	int web = open_tcp("127.0.0.1");

	(void)state;
	steer_assert_does("rule add 192.0.2.0/24 tcp 80 web");
	steer_assert_does("rule add 192.0.2.0/24 tcp 81 web drop");
	tcp_finds("192.0.2.1", 80, NO_SOCKET);
	steer_assert_drops(&strict);
	steer_socket_add("web", web);
	tcp_finds("192.0.2.1", 80, web);
	tcp_finds("192.0.2.1", 81, web);
	close(web);
	tcp_finds("192.0.2.1", 80, NO_SOCKET);
	steer_assert_drops(&strict);
	steer_assert_counted(SK_STEER_ASSIGNED, 2);
	steer_assert_counted(SK_STEER_NO_SOCKET, 2);
	steer_assert_counted(SK_STEER_REFUSED, 2);
}

static void a_socket_of_another_protocol_or_family_is_passed_over(void **state)
{
	int udp = open_udp("127.0.0.1"), tcp4 = open_tcp("127.0.0.1"), tcp6;

	(void)state;
	tcp6 = steer_socket_open(
		&(struct steer_socket){ .addr = "::1", .proto = IPPROTO_TCP, .is_ip6_only = true });
	steer_assert_does("rule add 192.0.2.0/24 tcp 80 web");
	steer_socket_add("web", udp);
	steer_socket_add("web", tcp6);
	tcp_finds("192.0.2.1", 80, NO_SOCKET);
	steer_assert_counted(SK_STEER_UNSUITABLE, 2);
	steer_socket_add("web", tcp4);
	tcp_finds("192.0.2.1", 80, tcp4);
	close(udp);
	close(tcp4);
	close(tcp6);
}

static void a_udp_socket_that_was_connected_since_is_passed_over(void **state)
{
	int udp = open_udp("127.0.0.1");
	struct sockaddr_in peer = { .sin_family = AF_INET,
				    .sin_port = htons(53),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	(void)state;
	steer_assert_does("rule add 192.0.2.1 udp 53 dns");
	steer_socket_add("dns", udp);
	udp_finds("192.0.2.1", 53, udp);
	assert_int_equal(connect(udp, (struct sockaddr *)&peer, sizeof(peer)), 0);
	udp_finds("192.0.2.1", 53, NO_SOCKET);
	steer_assert_counted(SK_STEER_UNSUITABLE, 1);
	close(udp);
}

/* --- several sockets ------------------------------------------------------------------------- */

#define FLOWS 256
#define SOCKETS 4

static uint64_t find_flow(uint16_t from_port)
{
	const struct steer_lookup lookup = { "192.0.2.1", 53, IPPROTO_UDP, from_port };
	struct steer_answer answer = {};

	assert_int_equal(steer_run(&lookup, &answer), 0);
	assert_int_equal(answer.verdict, SK_PASS);
	return answer.cookie;
}

static void flows_spread_over_a_group_and_only_those_of_a_dead_socket_move(void **state)
{
	uint64_t before[FLOWS], cookies[SOCKETS], dead;
	size_t shares[SOCKETS] = {};
	int fds[SOCKETS];

	(void)state;
	steer_assert_does("rule add 192.0.2.1 udp 53 dns");
	for (size_t i = 0; i < SOCKETS; i++) {
		fds[i] = open_udp("127.0.0.1");
		cookies[i] = steer_cookie(fds[i]);
		steer_socket_add("dns", fds[i]);
	}
	for (uint16_t i = 0; i < FLOWS; i++) {
		before[i] = find_flow(1024 + i);
		for (size_t k = 0; k < SOCKETS; k++)
			shares[k] += before[i] == cookies[k];
	}
	for (size_t i = 0; i < SOCKETS; i++)
		assert_in_range(shares[i], FLOWS / SOCKETS / 2, FLOWS / SOCKETS * 2);
	dead = cookies[1];
	close(fds[1]);
	for (uint16_t i = 0; i < FLOWS; i++) {
		uint64_t now = find_flow(1024 + i);

		assert_true(before[i] == dead ? now && now != dead : now == before[i]);
	}
	close(fds[0]);
	close(fds[2]);
	close(fds[3]);
}

/* --- connections ----------------------------------------------------------------------------- */

/* The program at the hook of this netns; the caller's to close. */
static int attach(void)
{
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), link;

	assert_true(netns >= 0);
	link = bpf_link_create(progrun_fd(steer_bed.object, "sk_steer"), netns, BPF_SK_LOOKUP,
			       NULL);
	assert_true(link >= 0);
	close(netns);
	return link;
}

static int open_client(const char *addr, uint16_t port, uint8_t proto)
{
	const struct timeval patience = { .tv_sec = ANSWER_TIME_S };
	bool is_ip6 = strchr(addr, ':') != NULL;
	struct sockaddr_in6 ip6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in ip4 = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(is_ip6 ? AF_INET6 : AF_INET,
			(proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	int err;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(inet_pton(is_ip6 ? AF_INET6 : AF_INET, addr,
				   is_ip6 ? (void *)&ip6.sin6_addr : (void *)&ip4.sin_addr),
			 1);
	err = is_ip6 ? connect(fd, (struct sockaddr *)&ip6, sizeof(ip6)) :
		       connect(fd, (struct sockaddr *)&ip4, sizeof(ip4));
	if (!err)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* What the accepted end says its own address is: the one that the client asked for. */
static void assert_accepts(int listener, const char *addr, uint16_t port)
{
	int client = open_client(addr, port, IPPROTO_TCP), server;
	struct sockaddr_in6 own = {};
	socklen_t len = sizeof(own);
	char text[INET6_ADDRSTRLEN];

	assert_true(client >= 0);
	server = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(server >= 0);
	assert_int_equal(getsockname(server, (struct sockaddr *)&own, &len), 0);
	assert_int_equal(ntohs(own.sin6_port), port);
	assert_non_null(inet_ntop(own.sin6_family,
				  own.sin6_family == AF_INET6 ?
					  (void *)&own.sin6_addr :
					  (void *)&((struct sockaddr_in *)&own)->sin_addr,
				  text, sizeof(text)));
	assert_string_equal(text, addr);
	close(client);
	close(server);
}

static void connections_reach_a_socket_that_is_bound_elsewhere(void **state)
{
	int tcp4 = open_tcp("127.0.0.1"), tcp6 = open_tcp("::1"), link = attach();

	(void)state;
	steer_assert_does("rule add 192.0.2.0/24 tcp 80-90 web");
	steer_assert_does("rule add 2001:db8::/64 tcp any web6");
	assert_int_equal(open_client("192.0.2.1", 80, IPPROTO_TCP), -ECONNREFUSED);
	steer_socket_add("web", tcp4);
	steer_socket_add("web6", tcp6);
	assert_accepts(tcp4, "192.0.2.1", 80);
	assert_accepts(tcp4, "192.0.2.200", 90);
	assert_accepts(tcp6, "2001:db8::5", 6080);
	assert_int_equal(open_client("192.0.2.1", 91, IPPROTO_TCP), -ECONNREFUSED);
	close(tcp4);
	assert_int_equal(open_client("192.0.2.1", 80, IPPROTO_TCP), -ECONNREFUSED);
	close(link);
	assert_int_equal(open_client("2001:db8::5", 6080, IPPROTO_TCP), -ECONNREFUSED);
	close(tcp6);
}

static void refused_is_refused_although_the_host_listens_there(void **state)
{
	int own, link = attach();

	(void)state;
	own = steer_socket_open(
		&(struct steer_socket){ .addr = "192.0.2.1", .port = 80, .proto = IPPROTO_TCP });
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	assert_accepts(own, "192.0.2.1", 80);
	steer_assert_does("rule add 192.0.2.1 tcp 80 web drop");
	assert_int_equal(open_client("192.0.2.1", 80, IPPROTO_TCP), -ECONNREFUSED);
	steer_assert_counted(SK_STEER_REFUSED, 1);
	close(own);
	close(link);
}

static void datagrams_reach_a_socket_that_is_bound_elsewhere(void **state)
{
	static const char *const addrs[] = { "192.0.2.77", "2001:db8::77" };
	int link = attach();

	(void)state;
	steer_assert_does("rule add 192.0.2.0/24 udp 53 dns4");
	steer_assert_does("rule add 2001:db8::/64 udp 53 dns6");
	for (size_t i = 0; i < 2; i++) {
		int server = open_udp(i ? "::1" : "127.0.0.1"), client;
		char text[8] = {};

		steer_socket_add(i ? "dns6" : "dns4", server);
		client = open_client(addrs[i], 53, IPPROTO_UDP);
		assert_int_equal(send(client, "hello", 5, 0), 5);
		assert_int_equal(recv(server, text, sizeof(text), MSG_DONTWAIT), 5);
		assert_string_equal(text, "hello");
		close(client);
		close(server);
	}
	close(link);
}

#define WORKERS 4
#define CONNECTIONS 64

/* How many of the workers got connections to 192.0.2.1, by whatever the rule says. */
static size_t count_served(const int fds[WORKERS], int ret_taken[WORKERS])
{
	size_t served = 0;

	memset(ret_taken, 0, WORKERS * sizeof(ret_taken[0]));
	for (int i = 0; i < CONNECTIONS; i++) {
		int client = open_client("192.0.2.1", 80, IPPROTO_TCP);

		assert_true(client >= 0);
		close(client);
	}
	for (size_t i = 0; i < WORKERS; i++) {
		int fd;

		while ((fd = accept4(fds[i], NULL, NULL, SOCK_CLOEXEC)) >= 0) {
			ret_taken[i]++;
			close(fd);
		}
		served += ret_taken[i] > 0;
	}
	return served;
}

static void one_socket_stands_for_its_reuseport_group_unless_the_rule_is_exact(void **state)
{
	struct steer_socket worker = { "127.0.0.1", 0, IPPROTO_TCP, true, false };
	int fds[WORKERS], taken[WORKERS], link = attach();

	(void)state;
	for (size_t i = 0; i < WORKERS; i++) {
		fds[i] = steer_socket_open(&worker);
		worker.port = steer_port(fds[i]);
		assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
	}
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_socket_add("web", fds[2]);
	assert_int_equal(count_served(fds, taken), WORKERS);
	steer_assert_does("rule add 192.0.2.1 tcp 80 web exact");
	assert_int_equal(count_served(fds, taken), 1);
	assert_int_equal(taken[2], CONNECTIONS);
	for (size_t i = 0; i < WORKERS; i++)
		close(fds[i]);
	close(link);
}

/* Where the group's program chooses from is a map that leaves no place for another one. */
static void a_group_with_a_program_is_led_to_by_a_socket_of_its_own(void **state)
{
	struct steer_socket worker = { "127.0.0.1", 0, IPPROTO_TCP, true, false };
	struct bpf_object *object = progrun_open("tests/bpf/progs/sk_reuseport_pick.bpf.o");
	int fds[WORKERS], taken[WORKERS], link = attach(), program;
	const __u32 first = 0;
	char line[128];
	__u64 value;

	(void)state;
	assert_int_equal(bpf_object__load(object), 0);
	program = progrun_fd(object, "sk_reuseport_pick");
	for (size_t i = 0; i < WORKERS; i++) {
		fds[i] = steer_socket_open(&worker);
		worker.port = steer_port(fds[i]);
		assert_int_equal(fcntl(fds[i], F_SETFL, O_NONBLOCK), 0);
	}
	value = (__u64)fds[1];
	assert_int_equal(bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "pick_socks"),
					     &first, &value, BPF_ANY),
			 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program,
				    sizeof(program)),
			 0);
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	snprintf(line, sizeof(line), "socket add web %d:%d", getpid(), fds[1]);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
	assert_non_null(strstr(steer_bed.err, "put in another one of its SO_REUSEPORT group"));
	steer_socket_add("web", fds[3]);
	assert_int_equal(count_served(fds, taken), 1);
	assert_int_equal(taken[1], CONNECTIONS);
	for (size_t i = 0; i < WORKERS; i++)
		close(fds[i]);
	close(link);
	bpf_object__close(object);
}

/* Each on maps of its own. */
#define ADD(fn) TAP_ADD(&plan, fn, steer_set_up, steer_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(what_no_rule_is_about_passes_and_is_not_counted);
	ADD(the_longest_prefix_decides_then_the_narrowest_range);
	ADD(both_families_and_protocols_have_rules_of_their_own);
	ADD(without_a_socket_a_lookup_goes_on_or_is_refused_as_the_rule_says);
	ADD(a_socket_of_another_protocol_or_family_is_passed_over);
	ADD(a_udp_socket_that_was_connected_since_is_passed_over);
	ADD(flows_spread_over_a_group_and_only_those_of_a_dead_socket_move);
	ADD(connections_reach_a_socket_that_is_bound_elsewhere);
	ADD(refused_is_refused_although_the_host_listens_there);
	ADD(datagrams_reach_a_socket_that_is_bound_elsewhere);
	ADD(one_socket_stands_for_its_reuseport_group_unless_the_rule_is_exact);
	ADD(a_group_with_a_program_is_led_to_by_a_socket_of_its_own);
	return tap_run(&plan, "sk_steer", 1);
}
