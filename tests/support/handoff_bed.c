/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/handoff_bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define LO 1
#define PORT 8080
#define WAIT_MS 20000

static struct handoff_gate *gate;

/* Stays until the process ends, and so does the namespace. */
static void build_gate(void)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = LO, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	struct bpf_object *object = progrun_open("tests/bpf/progs/gate.bpf.o");
	struct bpf_map *map = bpf_object__find_map_by_name(object, "gate");

	assert_non_null(map);
	assert_int_equal(bpf_object__load(object), 0);
	opts.prog_fd = progrun_fd(object, "gate_tc");
	assert_int_equal(bpf_tc_hook_create(&hook), 0);
	assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
	gate = mmap(NULL, (size_t)getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
		    bpf_map__fd(map), 0);
	assert_true(gate != MAP_FAILED);
	gate->port = htons(PORT);
}

static void build_once(void)
{
	if (gate)
		return;
	if (unshare(CLONE_NEWNET) ||
	    system("ip link set lo mtu 1500 up && ip address add " HANDOFF_BED_IP4
		   "/32 dev lo && ip address add " HANDOFF_BED_IP6 "/128 dev lo nodad"))
		fail_msg("cannot make a netns: %s", strerror(errno));
	build_gate();
}

static void name_address(struct handoff_bed *bed)
{
	struct sockaddr_in *ip4 = (struct sockaddr_in *)&bed->address;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *)&bed->address;

	bed->address.ss_family = (sa_family_t)bed->family;
	if (bed->family == AF_INET) {
		ip4->sin_port = htons(PORT);
		inet_pton(AF_INET, HANDOFF_BED_IP4, &ip4->sin_addr);
		bed->address_len = sizeof(*ip4);
		return;
	}
	ip6->sin6_port = htons(PORT);
	inet_pton(AF_INET6, HANDOFF_BED_IP6, &ip6->sin6_addr);
	bed->address_len = sizeof(*ip6);
}

void handoff_bed_open(struct handoff_bed *bed, int family, const char *commands)
{
	int one = 1;

	build_once();
	if (commands && system(commands))
		fail_msg("%s: it failed", commands);
	*bed = (struct handoff_bed){
		.handoff = handoff_new(),
		.gate = gate,
		.family = family,
		.listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.client = -1,
		.server = -1,
	};
	assert_non_null(bed->handoff);
	name_address(bed);
	gate->is_shut = 0;
	gate->lose_one_in = 0;
	gate->stopped = gate->lost = gate->resets = 0;
	assert_int_equal(setsockopt(bed->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	if (bind(bed->listener, (struct sockaddr *)&bed->address, bed->address_len) ||
	    listen(bed->listener, 8))
		fail_msg("cannot listen: %s", strerror(errno));
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void handoff_bed_close(struct handoff_bed *bed)
{
	close_one(&bed->client);
	close_one(&bed->server);
	close_one(&bed->listener);
	handoff_free(bed->handoff);
	bed->handoff = NULL;
}

void handoff_bed_connect(struct handoff_bed *bed)
{
	int tries = 0;

	close_one(&bed->client);
	close_one(&bed->server);
	bed->client = socket(bed->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* Until the route of a new IPv6 address is there. */
	while (connect(bed->client, (struct sockaddr *)&bed->address, bed->address_len)) {
		if (errno != ENETUNREACH || ++tries == WAIT_MS)
			fail_msg("cannot connect: %s", strerror(errno));
		poll(NULL, 0, 1);
	}
	bed->server = accept4(bed->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(bed->server >= 0);
}

void handoff_bed_shut(struct handoff_bed *bed, bool is_shut)
{
	__atomic_store_n(&bed->gate->is_shut, is_shut, __ATOMIC_SEQ_CST);
}

struct handoff_state *handoff_bed_copy(struct handoff_state *state)
{
	size_t size = handoff_state_size(state);
	void *bytes = malloc(size);
	struct handoff_state *copy;

	assert_non_null(bytes);
	assert_int_equal(handoff_state_format(state, bytes, size), 0);
	handoff_state_free(state);
	assert_int_equal(handoff_state_parse(bytes, size, &copy), 0);
	free(bytes);
	return copy;
}

struct handoff_state *handoff_bed_capture(struct handoff_bed *bed)
{
	struct handoff_state *state;

	handoff_bed_shut(bed, true);
	if (handoff_capture(bed->handoff, bed->server, &state))
		fail_msg("%s", handoff_error(bed->handoff));
	close_one(&bed->server);
	return handoff_bed_copy(state);
}

void handoff_bed_restore(struct handoff_bed *bed, struct handoff_state *state)
{
	if (handoff_restore(bed->handoff, state, NULL, &bed->server))
		fail_msg("%s", handoff_error(bed->handoff));
	handoff_bed_shut(bed, false);
	if (handoff_resume(bed->handoff, state, bed->server))
		fail_msg("%s", handoff_error(bed->handoff));
	handoff_state_free(state);
}

void handoff_bed_move(struct handoff_bed *bed)
{
	handoff_bed_restore(bed, handoff_bed_capture(bed));
}

void handoff_bed_say(int from, int to, const char *text)
{
	struct pollfd readable = { .fd = to, .events = POLLIN };
	char heard[256];
	size_t len = strlen(text), got = 0;
	ssize_t now;

	assert_int_equal(send(from, text, len, MSG_NOSIGNAL), len);
	while (got < len) {
		assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
		now = recv(to, heard + got, len - got, MSG_DONTWAIT);
		if (now <= 0)
			fail_msg("nothing more is heard: %s", now ? strerror(errno) : "an end");
		got += (size_t)now;
	}
	assert_memory_equal(heard, text, len);
}

static void wait_for(int fd, unsigned long request, int least, int most)
{
	int now = -1;

	for (int i = 0; i < WAIT_MS; i++) {
		assert_int_equal(ioctl(fd, request, &now), 0);
		if (now >= least && now <= most)
			return;
		poll(NULL, 0, 1);
	}
	fail_msg("%d bytes, expected %d to %d", now, least, most);
}

void handoff_bed_wait(int fd, unsigned long request, int bytes)
{
	wait_for(fd, request, bytes, bytes);
}

void handoff_bed_wait_below(int fd, unsigned long request, int bytes)
{
	wait_for(fd, request, 0, bytes);
}

void handoff_bed_wait_end(int fd)
{
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLRDHUP }, 1, WAIT_MS), 1);
}

/* --- bytes that can be told from each other ---------------------------------------------------- */

uint8_t handoff_bed_byte(uint64_t at)
{
	return (uint8_t)(at * 31 + at / 251 + at / 65521);
}

size_t handoff_bed_put(int fd, size_t from, size_t len, int flags)
{
	static uint8_t bytes[16384];
	size_t done = 0;

	while (done < len) {
		size_t now = len - done < sizeof(bytes) ? len - done : sizeof(bytes);
		ssize_t sent;

		for (size_t i = 0; i < now; i++)
			bytes[i] = handoff_bed_byte(from + done + i);
		sent = send(fd, bytes, now, flags | MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			break;
		if (sent < 0)
			fail_msg("send: %s", strerror(errno));
		done += (size_t)sent;
	}
	return done;
}

void handoff_bed_expect(int fd, size_t from, size_t len)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	static uint8_t bytes[65536];
	size_t done = 0;

	while (done < len) {
		ssize_t got;

		if (poll(&readable, 1, WAIT_MS) != 1)
			fail_msg("nothing comes after %zu of %zu bytes", done, len);
		got = recv(fd, bytes, len - done < sizeof(bytes) ? len - done : sizeof(bytes),
			   MSG_DONTWAIT);
		if (got <= 0)
			fail_msg("after %zu of %zu bytes: %s", done, len,
				 got ? strerror(errno) : "an end");
		for (ssize_t i = 0; i < got; i++)
			if (bytes[i] != handoff_bed_byte(from + done + (size_t)i))
				fail_msg("byte %zu is another one", done + (size_t)i);
		done += (size_t)got;
	}
}

void handoff_bed_expect_end(int fd)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };
	char byte;

	assert_int_equal(poll(&readable, 1, WAIT_MS), 1);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
}
