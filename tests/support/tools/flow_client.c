/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flow_client ADDRESS PORT FLOWS REQUESTS GAP_US BURST SECONDS: so many flows at a time, each from a
 * socket of its own, each of so many requests (0: it never ends) with so much time between
 * an answer and the next request, each of so many datagrams at once. Runs for so many seconds, or
 * until SIGTERM. Says "begun" when as many flows have been welcomed, and prints a line of JSON: `failed` requests had no answer of the process that
 * welcomed the flow within a second (FLOW_SCALE in the environment times that), `misrouted` datagrams were answered by a process that does not
 * know the flow, `reset` flows ended before they were done. See sock_flow.h.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include "tests/support/sock_flow.h"

#define PATIENCE_US 1000000
#define SCAN_US 500
#define FLOWS_MAX 1024
#define BURST_MAX 64
#define RECEIVE_BYTES (1 << 20)

struct flow {
	int fd;
	bool is_welcome;     /* it has an id */
	unsigned int wanted; /* answers that it waits for */
	uint32_t sequence;
	uint32_t done; /* requests */
	uint32_t generation;
	uint8_t id[FLOW_ID_SIZE];
	int64_t since_us; /* when it asked */
	int64_t next_us;  /* when it asks again */
};

static struct {
	const struct addrinfo *at;
	int epoll;
	int flows;
	uint32_t requests;
	int64_t gap_us;
	int64_t patience_us;
	unsigned int burst;
} load;

static struct {
	unsigned long requests, answered, failed, misrouted, reset, flows, welcomes, datagrams;
} counts;

static struct flow flows[FLOWS_MAX];
static volatile sig_atomic_t is_over;

static void end(int signal_number)
{
	(void)signal_number;
	is_over = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "flow_client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* A socket of its own, thus a source port of its own. */
static void open_flow(struct flow *flow)
{
	const int bytes = RECEIVE_BYTES;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = flow };
	int64_t next_us = flow->next_us;

	*flow = (struct flow){ .next_us = next_us, .sequence = flow->sequence };
	flow->fd = socket(load.at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (flow->fd < 0 || connect(flow->fd, load.at->ai_addr, load.at->ai_addrlen))
		fail("a flow's socket");
	setsockopt(flow->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, flow->fd, &event))
		fail("epoll");
	counts.flows++;
}

static size_t write_request(struct flow *flow, enum flow_kind kind, uint8_t *packet)
{
	const struct flow_message message = {
		.magic = FLOW_MAGIC,
		.kind = kind,
		.sequence = flow->sequence,
	};
	size_t head =
		flow_head_write(packet, flow->is_welcome ? flow->id : NULL, (uint32_t)random());

	memcpy(packet + head, &message, sizeof(message));
	return head + sizeof(message);
}

static void send_burst(struct flow *flow, enum flow_kind kind, unsigned int count)
{
	static uint8_t packets[BURST_MAX][FLOW_PACKET_MAX];
	struct mmsghdr messages[BURST_MAX] = {};
	struct iovec pieces[BURST_MAX];

	flow->sequence++;
	for (unsigned int i = 0; i < count; i++) {
		pieces[i].iov_base = packets[i];
		pieces[i].iov_len = write_request(flow, kind, packets[i]);
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	/* What cannot be sent has no answer, and counts then. */
	sendmmsg(flow->fd, messages, count, 0);
	counts.datagrams += count;
}

static void ask(struct flow *flow, int64_t now)
{
	flow->wanted = flow->is_welcome ? load.burst : 1;
	send_burst(flow, flow->is_welcome ? FLOW_ASK : FLOW_HELLO, flow->wanted);
	flow->since_us = now;
	counts.requests++;
}

static void renew(struct flow *flow)
{
	close(flow->fd);
	open_flow(flow);
}

static void give_up(struct flow *flow, int64_t now)
{
	counts.failed++;
	counts.reset++;
	flow->next_us = now + load.gap_us;
	renew(flow);
}

static void end_request(struct flow *flow, int64_t now)
{
	counts.answered++;
	flow->done++;
	flow->next_us = now + load.gap_us;
	if (load.requests && flow->done >= load.requests) {
		send_burst(flow, FLOW_BYE, 1);
		renew(flow);
	} else if (!load.gap_us && !is_over) {
		ask(flow, now);
	}
}

static void say_begun(void)
{
	puts("begun");
	fflush(stdout);
}

/* Returns whether the flow goes on. An answer to an earlier request is late, and nothing else. */
static bool take_answer(struct flow *flow, const struct flow_message *message, int64_t now)
{
	if (message->magic != FLOW_MAGIC || message->sequence != flow->sequence || !flow->wanted)
		return true;
	if (!flow->is_welcome && message->kind == FLOW_WELCOME) {
		flow->is_welcome = true;
		if (++counts.welcomes == (unsigned long)load.flows)
			say_begun();
		flow->generation = message->generation;
		memcpy(flow->id, message->id, sizeof(flow->id));
	} else if (message->kind == FLOW_UNKNOWN || message->generation != flow->generation) {
		counts.misrouted++;
		give_up(flow, now);
		return false;
	}
	if (--flow->wanted)
		return true;
	end_request(flow, now);
	return false;
}

static void receive(struct flow *flow, int64_t now)
{
	struct flow_message answers[BURST_MAX] = {};
	struct mmsghdr messages[BURST_MAX] = {};
	struct iovec pieces[BURST_MAX];
	int count;

	for (int i = 0; i < BURST_MAX; i++) {
		pieces[i] = (struct iovec){ &answers[i], sizeof(answers[i]) };
		messages[i].msg_hdr.msg_iov = &pieces[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	count = recvmmsg(flow->fd, messages, BURST_MAX, MSG_DONTWAIT, NULL);
	/* Nobody is at that port any more. */
	if (count < 0 && errno == ECONNREFUSED && flow->wanted)
		give_up(flow, now);
	for (int i = 0; i < count; i++)
		if (!take_answer(flow, &answers[i], now))
			return;
}

static bool is_any_waiting(void)
{
	for (int i = 0; i < load.flows; i++)
		if (flows[i].wanted)
			return true;
	return false;
}

/* After the end no flow asks any more; those that wait get their answers, or have failed. */
static void scan(int64_t now)
{
	for (int i = 0; i < load.flows; i++) {
		struct flow *flow = &flows[i];

		if (flow->wanted && now - flow->since_us > load.patience_us)
			give_up(flow, now);
		if (!flow->wanted && now >= flow->next_us && !is_over)
			ask(flow, now);
	}
}

static void run(int64_t until_us)
{
	struct epoll_event events[BURST_MAX];
	int64_t scanned_us = 0;

	while (!is_over || is_any_waiting()) {
		int count = epoll_wait(load.epoll, events, BURST_MAX, 1);
		int64_t now = now_us();

		for (int i = 0; i < count; i++)
			receive(events[i].data.ptr, now);
		if (now - scanned_us < SCAN_US)
			continue;
		is_over |= now >= until_us;
		scan(now);
		scanned_us = now;
	}
}

static void report(double seconds)
{
	printf("{\"requests\":%lu,\"answered\":%lu,\"failed\":%lu,\"misrouted\":%lu,\"reset\":%lu,"
	       "\"flows\":%lu,\"seconds\":%.3f,\"pps\":%.0f}\n",
	       counts.requests, counts.answered, counts.failed, counts.misrouted, counts.reset,
	       counts.flows, seconds, (double)counts.datagrams / seconds);
}

static void open_load(char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	const char *scale = getenv("FLOW_SCALE");
	struct addrinfo *at;

	if (getaddrinfo(argv[1], argv[2], &hints, &at)) {
		fprintf(stderr, "flow_client: '%s' port '%s' is no address\n", argv[1], argv[2]);
		exit(2);
	}
	load.at = at;
	load.flows = atoi(argv[3]);
	load.requests = (uint32_t)atoi(argv[4]);
	load.gap_us = atoi(argv[5]);
	load.burst = (unsigned int)atoi(argv[6]);
	load.patience_us = PATIENCE_US * (scale ? atoi(scale) : 1);
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
}

int main(int argc, char **argv)
{
	int64_t start_us = now_us();

	if (argc == 8)
		open_load(argv);
	if (load.flows < 1 || load.flows > FLOWS_MAX || load.burst < 1 || load.burst > BURST_MAX) {
		fputs("usage: flow_client ADDRESS PORT FLOWS REQUESTS GAP_US BURST SECONDS\n",
		      stderr);
		return 2;
	}
	signal(SIGTERM, end);
	signal(SIGINT, end);
	for (int i = 0; i < load.flows; i++) {
		flows[i].next_us = start_us + i * load.gap_us / load.flows;
		open_flow(&flows[i]);
	}
	run(start_us + atoi(argv[7]) * 1000000LL);
	report((double)(now_us() - start_us) / 1e6);
	return 0;
}
