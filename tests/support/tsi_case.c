/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tsi_case.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/count_abi.h"
#include "bpf/tcp_id_abi.h"
#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/cgroup_own.h"

#define FIRST_PORT 8000
#define CLOSED (-1)

struct tsi_case tsi;

static struct tcp_peer peer;
static int group = CLOSED;

int tsi_case_run(struct tap_plan *plan, const char *name)
{
	int status;

	group = cgroup_own_open();
	if (group < 0) {
		printf("1..0 # SKIP there is no cgroup2 tree: %s\n", strerror(-group));
		return 0;
	}
	tcp_peer_open(&peer);
	status = tap_run(plan, name, 1);
	tcp_peer_close(&peer);
	cgroup_own_close(group);
	return status;
}

static int attach(const struct bpf_object *object, const char *name, int group_fd)
{
	int link = bpf_link_create(progrun_fd(object, name), group_fd, BPF_CGROUP_SOCK_OPS, NULL);

	assert_true(link >= 0);
	return link;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = CLOSED;
}

void tsi_case_listen(void)
{
	static uint16_t port = FIRST_PORT;
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(++port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	close_fd(&tsi.listener);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	tsi.listener = fd;
	tsi.port = port;
}

void tsi_case_ids(uint32_t primary, uint32_t fallback)
{
	const struct tsi_ids ids = { primary, fallback };
	__u32 key = 0;

	assert_int_equal(
		bpf_map_update_elem(bpf_object__find_map_fd_by_name(tsi.object, TSI_IDS_NAME), &key,
				    &ids, BPF_ANY),
		0);
}

static void start(const struct tcp_server_id_config *config)
{
	tsi = (struct tsi_case){
		.object = progrun_open("bpf/tcp_server_id.bpf.o"),
		.peer = &peer,
		.group = group,
		.other_link = CLOSED,
		.listener = CLOSED,
		.socket = CLOSED,
	};
	assert_non_null(tsi.object);
	assert_int_equal(progrun_set(tsi.object, "tcp_serv.rodata", config, sizeof(*config)), 0);
	assert_int_equal(bpf_object__load(tsi.object), 0);
	tsi_case_ids(TSI_ID, TSI_OLD_ID);
	tsi.link = attach(tsi.object, "tcp_server_id", group);
	tsi_case_listen();
}

int tsi_case_set_up(void **state)
{
	static const struct tcp_server_id_config config = TSI_CONFIG;

	(void)state;
	start(&config);
	return 0;
}

void tsi_case_listen_before(void)
{
	close_fd(&tsi.link);
	tsi_case_listen();
	tsi.link = attach(tsi.object, "tcp_server_id", tsi.group);
}

void tsi_case_fill(uint32_t size)
{
	tsi.other = progrun_open("tests/bpf/progs/sock_ops_fill.bpf.o");
	assert_non_null(tsi.other);
	assert_int_equal(progrun_set(tsi.other, "sock_ops.rodata", &size, sizeof(size)), 0);
	assert_int_equal(bpf_object__load(tsi.other), 0);
	/* The one that is attached first runs first. */
	close_fd(&tsi.link);
	tsi.other_link = attach(tsi.other, "sock_ops_fill", tsi.group);
	tsi.link = attach(tsi.object, "tcp_server_id", tsi.group);
}

static void close_socket(int *fd)
{
	const struct linger reset = { .l_onoff = 1 };

	if (*fd >= 0)
		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close_fd(fd);
}

int tsi_case_tear_down(void **state)
{
	(void)state;
	close_socket(&tsi.socket);
	close_fd(&tsi.listener);
	close_fd(&tsi.link);
	close_fd(&tsi.other_link);
	bpf_object__close(tsi.object);
	bpf_object__close(tsi.other);
	return 0;
}

void tsi_case_restart(const struct tcp_server_id_config *config)
{
	tsi_case_tear_down(NULL);
	start(config);
}

uint64_t tsi_case_count(enum tsi_counter counter)
{
	struct slot_count counts[TSI_COUNTS_SIZE];
	struct slot_reason why = {};

	assert_int_equal(
		program_counts_get(bpf_object__find_map_fd_by_name(tsi.object, TSI_COUNTS_NAME),
				   TSI_COUNTS_SIZE, &why, counts),
		0);
	return counts[counter].packets;
}

/* --- options --------------------------------------------------------------------------------- */

struct tsi_option tsi_option_none(uint8_t kind)
{
	struct tsi_option option = { .bytes = { kind, 2, TCP_ID_MAGIC >> 8, TCP_ID_MAGIC & 0xff },
				     .len = 2 };

	if (kind == TCP_ID_EXPERIMENT)
		option.len = TCP_ID_NONE_LEN;
	option.bytes[1] = (uint8_t)option.len;
	return option;
}

struct tsi_option tsi_option_make(uint8_t kind, uint32_t id)
{
	struct tsi_option option = tsi_option_none(kind);

	memcpy(option.bytes + option.len, &id, sizeof(id));
	option.len += sizeof(id);
	option.bytes[1] = (uint8_t)option.len;
	return option;
}

struct tsi_option tsi_option_id(uint32_t id)
{
	return tsi_option_make(TCP_ID_EXPERIMENT, id);
}

/* Where the option of @kind is in the last segment, and how many of them; -1: none. */
static long find_option(uint8_t kind, unsigned int *ret_count)
{
	const struct tcp_segment *segment = &tsi.segment;
	long found = -1;
	size_t at = 0;

	*ret_count = 0;
	while (at + 1 < segment->options_len && segment->options[at]) {
		if (segment->options[at] == kind) {
			found = (long)at;
			(*ret_count)++;
		}
		at += segment->options[at] == 1 ? 1 : segment->options[at + 1];
	}
	return found;
}

void tsi_case_assert_id(uint8_t kind, uint32_t id)
{
	const struct tsi_option wanted = tsi_option_make(kind, id);
	unsigned int count;
	long at = find_option(kind, &count);

	assert_int_equal(count, 1);
	assert_memory_equal(tsi.segment.options + at, wanted.bytes, wanted.len);
}

void tsi_case_assert_none(uint8_t kind)
{
	unsigned int count;

	find_option(kind, &count);
	assert_int_equal(count, 0);
}

/* --- connections ----------------------------------------------------------------------------- */

static void send_with(uint8_t flags, const struct tsi_option *option, size_t payload_len)
{
	tcp_peer_send(tsi.peer, flags, option ? option->bytes : NULL, option ? option->len : 0,
		      payload_len);
}

void tsi_case_serve(const struct tsi_option *syn, const struct tsi_option *ack)
{
	struct pollfd waits = { .fd = tsi.listener, .events = POLLIN };

	close_socket(&tsi.socket);
	tcp_peer_begin(tsi.peer, tsi.port);
	send_with(TCP_SYN, syn, 0);
	assert_true(tcp_peer_receive(tsi.peer, &tsi.segment));
	assert_int_equal(tsi.segment.flags, TCP_SYN | TCP_ACK);
	send_with(TCP_ACK, ack, 0);
	assert_int_equal(poll(&waits, 1, 1000), 1);
	tsi.socket = accept4(tsi.listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(tsi.socket >= 0);
}

static void begin(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(80) };

	assert_int_equal(inet_pton(AF_INET, TCP_PEER, &to.sin_addr), 1);
	assert_int_equal(connect(tsi.socket, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_true(tcp_peer_accept(tsi.peer, &tsi.segment));
}

void tsi_case_dial(void)
{
	close_socket(&tsi.socket);
	tsi.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(tsi.socket >= 0);
	begin();
}

void tsi_case_dial_again(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	assert_int_equal(connect(tsi.socket, &none, sizeof(none)), 0);
	begin();
}

void tsi_case_answer(const struct tsi_option *syn_ack)
{
	send_with(TCP_SYN | TCP_ACK, syn_ack, 0);
}

void tsi_case_connect(const struct tsi_option *syn_ack)
{
	tsi_case_dial();
	tsi_case_answer(syn_ack);
}

void tsi_case_say(void)
{
	assert_int_equal(write(tsi.socket, "hello", 5), 5);
	do
		assert_true(tcp_peer_receive(tsi.peer, &tsi.segment));
	while (!tsi.segment.payload_len);
	send_with(TCP_ACK, NULL, 0);
}

void tsi_case_hear(const struct tsi_option *option)
{
	send_with(TCP_ACK, option, 1);
	assert_true(tcp_peer_receive(tsi.peer, &tsi.segment));
}
