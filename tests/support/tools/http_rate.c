/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * http_rate ADDRESS PORT RATE SECONDS: GET requests for / at a constant rate, over
 * CONNECTIONS connections that are kept. One line a request on stdout: how long it
 * took, in ns. A request that could not be sent in time, as the answer before it was
 * late, counts from when it was due. Exit status 1 when a request failed.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#define CONNECTIONS 8
#define ANSWER_MAX 4096
#define SECOND_NS 1000000000LL

struct client {
	pthread_t thread;
	struct sockaddr_in server;
	long long first; /* when the first request is due, CLOCK_MONOTONIC, ns */
	long long every; /* ns between two */
	int count;
	long long *took; /* @count */
	bool has_failed;
};

static long long read_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* Returns when the request began: when it was due, had it to wait for the answer before it. */
static long long wait_until(long long due)
{
	struct timespec at = { .tv_sec = due / SECOND_NS, .tv_nsec = due % SECOND_NS };

	if (read_clock() >= due)
		return due;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
	return read_clock();
}

/* An answer of status 200 with a length; its body fits the buffer. */
static bool read_answer(int fd)
{
	char answer[ANSWER_MAX + 1], *body, *length;
	size_t have = 0;

	for (;;) {
		ssize_t got = recv(fd, answer + have, ANSWER_MAX - have, 0);

		if (got <= 0)
			return false;
		have += (size_t)got;
		answer[have] = '\0';
		body = strstr(answer, "\r\n\r\n");
		length = strstr(answer, "Content-Length: ");
		if (body && length &&
		    have >= (size_t)(body + 4 - answer) + strtoul(length + 16, NULL, 10))
			return !strncmp(answer, "HTTP/1.1 200", 12);
	}
}

static int open_connection(const struct client *client)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!connect(fd, (const struct sockaddr *)&client->server, sizeof(client->server)))
		return fd;
	close(fd);
	return -1;
}

static void *run_client(void *arg)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
	struct client *client = arg;
	int fd = open_connection(client), i;

	client->has_failed = fd < 0;
	for (i = 0; i < client->count && !client->has_failed; i++) {
		long long start = wait_until(client->first + i * client->every);

		if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != sizeof(request) - 1 ||
		    !read_answer(fd))
			client->has_failed = true;
		client->took[i] = read_clock() - start;
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Connections take turns, so that all of them together keep the rate. */
static int start_clients(struct client clients[CONNECTIONS], const struct client *model)
{
	int i;

	for (i = 0; i < CONNECTIONS; i++) {
		clients[i] = *model;
		clients[i].first += i * model->every / CONNECTIONS;
		clients[i].took = calloc((size_t)model->count, sizeof(*clients[i].took));
		if (!clients[i].took ||
		    pthread_create(&clients[i].thread, NULL, run_client, &clients[i]))
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct client model = { .server.sin_family = AF_INET }, clients[CONNECTIONS];
	int rate = argc == 5 ? atoi(argv[3]) : 0, seconds = argc == 5 ? atoi(argv[4]) : 0;
	bool has_failed = false;
	int i, k;

	if (rate <= 0 || seconds <= 0 || inet_pton(AF_INET, argv[1], &model.server.sin_addr) != 1) {
		fprintf(stderr, "usage: http_rate ADDRESS PORT RATE SECONDS\n");
		return 2;
	}
	model.server.sin_port = htons((uint16_t)atoi(argv[2]));
	model.first = read_clock() + SECOND_NS / 10;
	model.every = CONNECTIONS * SECOND_NS / rate;
	model.count = rate * seconds / CONNECTIONS;
	if (start_clients(clients, &model))
		return 1;
	for (i = 0; i < CONNECTIONS; i++) {
		pthread_join(clients[i].thread, NULL);
		has_failed = has_failed || clients[i].has_failed;
		for (k = 0; k < clients[i].count && !clients[i].has_failed; k++)
			printf("%lld\n", clients[i].took[k]);
		free(clients[i].took);
	}
	return has_failed ? 1 : 0;
}
