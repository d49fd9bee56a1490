/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * echo_client ADDRESS PORT UDP TCP REQUESTS SECONDS: so many flows and connections at a time, each
 * of so many requests, one after the other, to servers whose answers begin with a word of their own
 * (echo_server). Prints a line of JSON, at SIGTERM or when the time is over: `failed` requests had
 * no answer within two seconds, `misrouted` ones the answer of another server than the flow's
 * first, `reset` flows ended before they were done; `servers` is how many there were.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#define FLOWS_MAX 512
#define SERVERS_MAX 1024
#define WORD_MAX 32
#define PATIENCE_MS 2000
#define GAP_MS 2

struct flow {
	int fd;
	int type;
	int done;
	bool is_waiting;
	int64_t asked_ms;
	char server[WORD_MAX];
};

static struct flow flows[FLOWS_MAX];
static char servers[SERVERS_MAX][WORD_MAX];
static unsigned long requests, answers, failed, misrouted, reset, opened, server_count;
static const struct addrinfo *to;
static int epoll_fd;
static volatile sig_atomic_t is_over;

static void end(int number)
{
	(void)number;
	is_over = 1;
}

static int64_t read_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void open_flow(struct flow *flow)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = flow };

	flow->fd = socket(to->ai_family, flow->type | SOCK_CLOEXEC, 0);
	flow->done = 0;
	flow->is_waiting = false;
	flow->asked_ms = 0;
	flow->server[0] = '\0';
	opened++;
	if (connect(flow->fd, to->ai_addr, to->ai_addrlen)) {
		reset++;
		close(flow->fd);
		flow->fd = -1;
		return;
	}
	epoll_ctl(epoll_fd, EPOLL_CTL_ADD, flow->fd, &event);
}

static void renew_flow(struct flow *flow)
{
	close(flow->fd);
	open_flow(flow);
}

static void note_server(const char *word)
{
	for (unsigned long i = 0; i < server_count; i++)
		if (!strcmp(servers[i], word))
			return;
	if (server_count < SERVERS_MAX)
		strcpy(servers[server_count++], word);
}

static void take_answer(struct flow *flow)
{
	char answer[128] = "", word[WORD_MAX] = "";
	ssize_t len = recv(flow->fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);

	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		reset++;
		renew_flow(flow);
		return;
	}
	sscanf(answer, "%31s", word);
	if (!*flow->server)
		strcpy(flow->server, word);
	misrouted += strcmp(flow->server, word) != 0;
	note_server(word);
	answers++;
	flow->done++;
	flow->is_waiting = false;
}

static void ask(struct flow *flow, int64_t now_ms, int last)
{
	if (flow->fd < 0) {
		open_flow(flow);
	} else if (flow->is_waiting && now_ms - flow->asked_ms > PATIENCE_MS) {
		failed++;
		renew_flow(flow);
	} else if (!flow->is_waiting && flow->done >= last) {
		renew_flow(flow);
	} else if (!flow->is_waiting && now_ms - flow->asked_ms >= GAP_MS) {
		flow->asked_ms = now_ms;
		flow->is_waiting = true;
		requests++;
		if (send(flow->fd, "hello", 5, MSG_NOSIGNAL) != 5) {
			reset++;
			renew_flow(flow);
		}
	}
}

static void run(int count, int last, int64_t end_ms)
{
	struct epoll_event events[64];

	while (!is_over && read_clock_ms() < end_ms) {
		int ready = epoll_wait(epoll_fd, events, 64, 1);
		int64_t now_ms = read_clock_ms();

		for (int i = 0; i < ready; i++)
			take_answer(events[i].data.ptr);
		for (int i = 0; i < count; i++)
			ask(&flows[i], now_ms, last);
	}
}

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	int udp = argc == 7 ? atoi(argv[3]) : 0, tcp = argc == 7 ? atoi(argv[4]) : 0;
	struct addrinfo *found = NULL;

	if (argc != 7 || udp + tcp < 1 || udp + tcp > FLOWS_MAX ||
	    getaddrinfo(argv[1], argv[2], &hints, &found)) {
		fputs("usage: echo_client ADDRESS PORT UDP TCP REQUESTS SECONDS\n", stderr);
		return 2;
	}
	signal(SIGTERM, end);
	to = found;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < udp + tcp; i++) {
		flows[i].type = i < udp ? SOCK_DGRAM : SOCK_STREAM;
		open_flow(&flows[i]);
	}
	run(udp + tcp, atoi(argv[5]), read_clock_ms() + atoll(argv[6]) * 1000);
	printf("{\"requests\":%lu,\"answers\":%lu,\"failed\":%lu,\"misrouted\":%lu,\"reset\":%lu,"
	       "\"flows\":%lu,\"servers\":%lu}\n",
	       requests, answers, failed, misrouted, reset, opened, server_count);
	freeaddrinfo(found);
	return 0;
}
