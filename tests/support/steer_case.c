/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/steer_case.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

struct program_bed steer_bed;

static void open_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(system("ip link set lo up && "
				"ip route add local 192.0.2.0/24 dev lo && "
				"ip route add local 198.51.100.0/24 dev lo && "
				"ip -6 route add local 2001:db8::/32 dev lo"),
			 0);
}

int steer_set_up(void **state)
{
	(void)state;
	open_netns();
	program_bed_open(&steer_bed, &sk_steer_cli, progrun_open("bpf/sk_steer.bpf.o"));
	return 0;
}

int steer_tear_down(void **state)
{
	(void)state;
	program_bed_close(&steer_bed);
	return 0;
}

static socklen_t make_address(const char *text, uint16_t port, struct sockaddr_storage *addr)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (strchr(text, ':')) {
		ip6->sin6_family = AF_INET6;
		ip6->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &ip6->sin6_addr), 1);
		return sizeof(*ip6);
	}
	ip4->sin_family = AF_INET;
	ip4->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &ip4->sin_addr), 1);
	return sizeof(*ip4);
}

static void set_option(int fd, int level, int option, int value)
{
	assert_int_equal(setsockopt(fd, level, option, &value, sizeof(value)), 0);
}

int steer_socket_open(const struct steer_socket *wanted)
{
	struct sockaddr_storage addr;
	socklen_t len = make_address(wanted->addr, wanted->port, &addr);
	bool is_tcp = wanted->proto == IPPROTO_TCP;
	int fd = socket(addr.ss_family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (wanted->is_shared)
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (addr.ss_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, wanted->is_ip6_only);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	if (is_tcp)
		assert_int_equal(listen(fd, SOMAXCONN), 0);
	return fd;
}

int steer_web_open(uint16_t port)
{
	return steer_socket_open(
		&(struct steer_socket){ .addr = "127.0.0.1", .port = port, .proto = IPPROTO_TCP });
}

uint64_t steer_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

uint16_t steer_port(int fd)
{
	struct sockaddr_in6 addr = {};
	socklen_t len = sizeof(addr);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	return ntohs(addr.sin6_port);
}

void steer_assert_does(const char *line)
{
	if (program_bed_run(&steer_bed, line) != PROGRAM_OK || *steer_bed.out)
		fail_msg("'%s': %s%s", line, steer_bed.out, steer_bed.err);
	if (*steer_bed.err)
		assert_ptr_equal(strstr(steer_bed.err, "note: new group without a "),
				 steer_bed.err);
}

void steer_socket_add(const char *group, int fd)
{
	char line[128];

	snprintf(line, sizeof(line), "socket add %s %d:%d", group, getpid(), fd);
	steer_assert_does(line);
}

int steer_run(const struct steer_lookup *lookup, struct steer_answer *ret_answer)
{
	struct bpf_sk_lookup ctx = {
		.family = strchr(lookup->addr, ':') ? AF_INET6 : AF_INET,
		.protocol = lookup->proto,
		.remote_port = htons(lookup->from_port ? lookup->from_port : 40000),
		.local_port = lookup->port,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = &ctx, .ctx_size_in = sizeof(ctx),
		    .ctx_out = &ctx, .ctx_size_out = sizeof(ctx));
	int err;

	if (ctx.family == AF_INET) {
		assert_int_equal(inet_pton(AF_INET, lookup->addr, &ctx.local_ip4), 1);
		assert_int_equal(inet_pton(AF_INET, "203.0.113.7", &ctx.remote_ip4), 1);
	} else {
		assert_int_equal(inet_pton(AF_INET6, lookup->addr, ctx.local_ip6), 1);
		assert_int_equal(inet_pton(AF_INET6, "2001:db8:ffff::7", ctx.remote_ip6), 1);
	}
	err = bpf_prog_test_run_opts(progrun_fd(steer_bed.object, "sk_steer"), &opts);
	if (err)
		return err;
	*ret_answer = (struct steer_answer){ opts.retval, ctx.cookie };
	return 0;
}

void steer_assert_finds(const struct steer_lookup *lookup, int fd)
{
	struct steer_answer answer = {};

	assert_int_equal(steer_run(lookup, &answer), 0);
	assert_int_equal(answer.verdict, SK_PASS);
	assert_int_equal(answer.cookie, fd < 0 ? 0 : steer_cookie(fd));
}

void steer_assert_web_finds(int fd)
{
	steer_assert_finds(&(struct steer_lookup){ "192.0.2.1", 80, IPPROTO_TCP, 0 }, fd);
}

void steer_assert_drops(const struct steer_lookup *lookup)
{
	struct steer_answer answer = {};

	assert_int_equal(steer_run(lookup, &answer), 0);
	assert_int_equal(answer.verdict, SK_DROP);
	assert_int_equal(answer.cookie, 0);
}

void steer_assert_counted(enum sk_steer_counter counter, uint64_t lookups)
{
	struct slot_count counts[SK_STEER_COUNTS_SIZE];
	struct slot_reason why = {};
	int fd = bpf_object__find_map_fd_by_name(steer_bed.object, SK_STEER_COUNTS_NAME);

	assert_int_equal(program_counts_get(fd, SK_STEER_COUNTS_SIZE, &why, counts), 0);
	assert_int_equal(counts[counter].packets, lookups);
}
