/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff_load ADDRESS PORT CONNECTIONS SECONDS STALL_MS: clients of handoff_node. Each sends a
 * stream of its own and holds what comes back against it, byte by byte. One that is reset or
 * ended begins anew; one that hears nothing for STALL_MS counts as hung. At the end, or at
 * SIGTERM, one line says what was seen; it exits with 0 when nothing was corrupt or hung.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OPEN_MAX_BYTES (48 << 10) /* sent and not come back yet */
#define PIECE 8192
#define CONNECTIONS_MAX 512

struct stream {
	uint64_t seed;
	uint64_t sent, got;
	int64_t heard_ms;
};

static struct sockaddr_storage target;
static socklen_t target_length;
static struct stream streams[CONNECTIONS_MAX];
static struct pollfd polls[CONNECTIONS_MAX];
static unsigned long opened, resets, ends, corrupt, hung, refused;
static uint64_t bytes;
static int64_t longest_ms;
static volatile sig_atomic_t wants_end;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The byte of a stream at @at: what does not fit its place is seen at once. */
static uint8_t byte_at(const struct stream *stream, uint64_t at)
{
	uint64_t word = (stream->seed + at / 8) * 0x9e3779b97f4a7c15ULL;

	word ^= word >> 29;
	return (uint8_t)(word >> at % 8 * 8);
}

static void begin(unsigned int i)
{
	struct stream *stream = &streams[i];

	if (polls[i].fd >= 0)
		close(polls[i].fd);
	if (refused)
		poll(NULL, 0, 5); /* nobody listens just now */
	*stream = (struct stream){ .seed = ++opened * 0x100000001b3ULL, .heard_ms = now_ms() };
	polls[i].fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	polls[i].events = POLLIN | POLLOUT;
	/* Who only waits for an answer sends nothing that could be answered by a reset. */
	setsockopt(polls[i].fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 1 }, sizeof(int));
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 1 }, sizeof(int));
	if (connect(polls[i].fd, (struct sockaddr *)&target, target_length) && errno != EINPROGRESS)
		refused++;
}

static bool hear(struct stream *stream, int fd)
{
	uint8_t piece[PIECE];
	ssize_t got = recv(fd, piece, sizeof(piece), 0);

	if (got < 0 && errno == EAGAIN)
		return true;
	if (got <= 0) {
		if (got && errno == ECONNREFUSED)
			refused++;
		else if (got)
			resets++;
		else
			ends++;
		return false;
	}
	for (ssize_t i = 0; i < got; i++) {
		uint8_t byte = piece[i] ^ 0xff;

		if (byte == byte_at(stream, stream->got + (uint64_t)i))
			continue;
		printf("# corrupt at byte %llu of stream %llx\n",
		       (unsigned long long)stream->got + (unsigned long long)i,
		       (unsigned long long)stream->seed);
		corrupt++;
		return false;
	}
	stream->got += (uint64_t)got;
	bytes += (uint64_t)got;
	if (now_ms() - stream->heard_ms > longest_ms)
		longest_ms = now_ms() - stream->heard_ms;
	stream->heard_ms = now_ms();
	return true;
}

static bool tell(struct stream *stream, int fd)
{
	uint8_t piece[PIECE];
	size_t count = OPEN_MAX_BYTES - (size_t)(stream->sent - stream->got);
	ssize_t sent;

	count = count < PIECE ? count : PIECE;
	for (size_t i = 0; i < count; i++)
		piece[i] = byte_at(stream, stream->sent + i);
	sent = count ? send(fd, piece, count, MSG_NOSIGNAL) : 0;
	if (sent < 0 && errno != EAGAIN) {
		if (errno == ECONNREFUSED)
			refused++;
		else
			resets++;
		return false;
	}
	stream->sent += sent > 0 ? (uint64_t)sent : 0;
	return true;
}

static void handle(unsigned int i, int64_t stall_ms)
{
	struct stream *stream = &streams[i];
	bool is_fine = true;

	if (polls[i].revents & (POLLIN | POLLERR | POLLHUP))
		is_fine = hear(stream, polls[i].fd);
	if (is_fine && (polls[i].revents & POLLOUT))
		is_fine = tell(stream, polls[i].fd);
	if (is_fine && now_ms() - stream->heard_ms > stall_ms) {
		printf("# hung: %llu sent, %llu came back\n", (unsigned long long)stream->sent,
		       (unsigned long long)stream->got);
		hung++;
		is_fine = false;
	}
	if (!is_fine)
		begin(i);
	else
		polls[i].events = stream->sent - stream->got < OPEN_MAX_BYTES ? POLLIN | POLLOUT :
										POLLIN;
}

static void on_signal(int number)
{
	(void)number;
	wants_end = 1;
}

static void parse_target(const char *address, const char *port)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)&target;
	struct sockaddr_in *four = (struct sockaddr_in *)&target;

	if (inet_pton(AF_INET, address, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)atoi(port));
		target_length = sizeof(*four);
	} else if (inet_pton(AF_INET6, address, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)atoi(port));
		target_length = sizeof(*six);
	} else {
		exit(2);
	}
}

int main(int argc, char **argv)
{
	unsigned int count;
	int64_t end_ms, stall_ms;

	if (argc != 6)
		return 2;
	parse_target(argv[1], argv[2]);
	count = (unsigned int)atoi(argv[3]);
	end_ms = now_ms() + atoi(argv[4]) * 1000LL;
	stall_ms = atoi(argv[5]);
	if (count > CONNECTIONS_MAX)
		return 2;
	signal(SIGTERM, on_signal);
	for (unsigned int i = 0; i < count; i++) {
		polls[i].fd = -1;
		begin(i);
	}
	while (!wants_end && now_ms() < end_ms) {
		poll(polls, count, 20);
		for (unsigned int i = 0; i < count; i++)
			handle(i, stall_ms);
	}
	printf("opened %lu bytes %llu corrupt %lu hung %lu ", opened, (unsigned long long)bytes,
	       corrupt, hung);
	printf("reset %lu ended %lu refused %lu longest_ms %lld\n", resets, ends, refused,
	       (long long)longest_ms);
	return corrupt || hung;
}
