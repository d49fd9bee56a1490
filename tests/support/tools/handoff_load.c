/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff_load ADDRESS PORT CONNECTIONS SECONDS STALL_MS
 *	[TLS | ends=BYTES | BYTES TIMES [TIMEOUT_MS]]: clients of handoff_node. Each sends a stream of
 * its own and holds what comes back against it, byte by byte. One that is reset or ended begins
 * anew; it counts as refused if nothing had come back, as nobody
 * had accepted it from a listener that closed. One that hears nothing for STALL_MS counts as hung.
 * At the end, or at SIGTERM when each has heard something more, one line says what was seen, as it
 * does at SIGUSR1 when each has; it exits with 0 when nothing was corrupt or hung. With TLS
 * (1.2:CIPHER, 1.3:CIPHER) each waits for what it has sent to come back, and what cannot be
 * decrypted is corrupt. With ends= each stops after BYTES, in turn by an end of its side, which is
 * answered by the rest and the other end, by an end of both when it has all, and by a reset with
 * bytes on their way; then it begins anew, and counts as closed. With BYTES each sends so many,
 * TIMES times, when what it sent before has come back, and then waits without a packet of its own
 * until it is told of a reset or an end; when all have been it is over. With TIMEOUT_MS each has
 * keepalive all the same, and gives up when nothing was acknowledged for so long.
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

#include <openssl/err.h>

#include "tests/support/ktls.h"

#define PIECE 8192
#define CONNECTIONS_MAX 512
#define KEEPALIVES_MAX 127 /* MAX_TCP_KEEPCNT */

struct stream {
	uint64_t seed;
	uint64_t sent, got;
	int64_t heard_ms;
	SSL *ssl;
	bool is_waiting;
	enum {
		BY_HALVES,
		AT_ONCE,
		BY_RESET,
		WAYS
	} way;		/* that it ends in */
	bool has_ended; /* its side */
};

static size_t open_max = 48 << 10; /* sent and not come back yet */
static int tls_version;
static const char *tls_cipher;
static struct sockaddr_storage target;
static socklen_t target_length;
static struct stream streams[CONNECTIONS_MAX];
static struct pollfd polls[CONNECTIONS_MAX];
static unsigned long opened, resets, ends, corrupt, hung, refused, waiting, closed, left;
static int timeout_ms;
static uint64_t bytes, part_bytes, wait_bytes, end_bytes;
static int64_t longest_ms;
static volatile sig_atomic_t wants_end, wants_counts;

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

	SSL_free(stream->ssl);
	if (polls[i].fd >= 0)
		close(polls[i].fd);
	if (refused)
		poll(NULL, 0, 5); /* nobody listens just now */
	*stream = (struct stream){ .seed = ++opened * 0x100000001b3ULL, .heard_ms = now_ms() };
	stream->way = opened % WAYS;
	polls[i].fd = socket(target.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	polls[i].events = POLLIN | POLLOUT;
	/* Who only waits for an answer sends nothing that could be answered by a reset. */
	setsockopt(polls[i].fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ !wait_bytes || timeout_ms },
		   sizeof(int));
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 1 }, sizeof(int));
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 1 }, sizeof(int));
	/* What nobody answers for long is for STALL_MS to judge. */
	setsockopt(polls[i].fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ KEEPALIVES_MAX }, sizeof(int));
	if (tls_version)
		stream->ssl = ktls_side(polls[i].fd, tls_version, tls_cipher, false);
	if (connect(polls[i].fd, (struct sockaddr *)&target, target_length) && errno != EINPROGRESS)
		refused++;
}

/* What read() and write() would say. */
static ssize_t say_tls(struct stream *stream, int got)
{
	if (got > 0)
		return got;
	switch (SSL_get_error(stream->ssl, got)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		errno = EAGAIN;
		return -1;
	case SSL_ERROR_SYSCALL:
		return errno ? -1 : 0;
	default:
		/* An end without close_notify is one, too. */
		if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
			return 0;
		printf("# TLS: %s\n", ERR_error_string(ERR_peek_error(), NULL));
		corrupt++;
		errno = EPROTO;
		return -1;
	}
}

static ssize_t hear_some(struct stream *stream, int fd, uint8_t *piece, size_t size)
{
	if (!stream->ssl)
		return recv(fd, piece, size, 0);
	ERR_clear_error();
	errno = 0;
	return say_tls(stream, SSL_read(stream->ssl, piece, (int)size));
}

static ssize_t tell_some(struct stream *stream, int fd, const uint8_t *piece, size_t size)
{
	if (!stream->ssl)
		return send(fd, piece, size, MSG_NOSIGNAL);
	ERR_clear_error();
	errno = 0;
	return say_tls(stream, SSL_write(stream->ssl, piece, (int)size));
}

/* It has waited, and is told. */
static void leave(unsigned int i)
{
	close(polls[i].fd);
	polls[i].fd = -1;
	left++;
}

/* @errnum: 0 for an end. Who had nothing back yet was accepted by nobody. */
static void count_end(const struct stream *stream, int errnum)
{
	if (errnum && (errnum == ECONNREFUSED || !stream->got)) {
		refused++;
		return;
	}
	printf("# told after %llu bytes, which it heard %lld ms ago: %s\n",
	       (unsigned long long)stream->got, (long long)(now_ms() - stream->heard_ms),
	       errnum ? strerror(errnum) : "end of the stream");
	if (errnum)
		resets++;
	else
		ends++;
}

static bool hear(struct stream *stream, int fd)
{
	uint8_t piece[PIECE];
	ssize_t got = hear_some(stream, fd, piece, sizeof(piece));

	if (got < 0 && errno == EAGAIN)
		return true;
	if (!got && stream->has_ended && stream->got == stream->sent) {
		closed++;
		return false;
	}
	if (got <= 0) {
		count_end(stream, got ? errno : 0);
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

/* Up to where it may send. */
static uint64_t part_end(const struct stream *stream)
{
	uint64_t end = (stream->got / part_bytes + 1) * part_bytes;

	return end < wait_bytes ? end : wait_bytes;
}

/* Returns whether it is over. */
static bool end_side(struct stream *stream, int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	if (!end_bytes || stream->sent < end_bytes || stream->has_ended)
		return false;
	switch (stream->way) {
	case BY_HALVES:
		shutdown(fd, SHUT_WR);
		stream->has_ended = true;
		return false;
	case AT_ONCE:
		closed += stream->got == stream->sent;
		return stream->got == stream->sent;
	default:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		closed++;
		return true;
	}
}

static bool tell(struct stream *stream, int fd)
{
	uint8_t piece[PIECE];
	size_t count = open_max - (size_t)(stream->sent - stream->got);
	ssize_t sent;

	if (stream->ssl && stream->sent > stream->got)
		return true;
	if (wait_bytes && count > part_end(stream) - stream->sent)
		count = part_end(stream) - stream->sent;
	if (end_bytes && stream->sent >= end_bytes)
		count = 0;
	count = count < PIECE ? count : PIECE;
	for (size_t i = 0; i < count; i++)
		piece[i] = byte_at(stream, stream->sent + i);
	sent = count ? tell_some(stream, fd, piece, count) : 0;
	if (sent < 0 && errno != EAGAIN) {
		count_end(stream, errno);
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
	if (is_fine && wait_bytes && stream->got == wait_bytes && !stream->is_waiting) {
		stream->is_waiting = true;
		waiting++;
		printf("# waits\n");
		fflush(stdout);
	}
	if (is_fine && (polls[i].revents & POLLOUT))
		is_fine = tell(stream, polls[i].fd);
	if (is_fine)
		is_fine = !end_side(stream, polls[i].fd);
	if (is_fine && now_ms() - stream->heard_ms > stall_ms) {
		printf("# hung: %llu sent, %llu came back\n", (unsigned long long)stream->sent,
		       (unsigned long long)stream->got);
		hung++;
		is_fine = false;
	}
	if (!is_fine && (stream->is_waiting || wants_end))
		leave(i);
	else if (!is_fine)
		begin(i);
	else if (stream->sent - stream->got < open_max &&
		 (!end_bytes || stream->sent < end_bytes) &&
		 (!wait_bytes || stream->sent < part_end(stream)))
		polls[i].events = POLLIN | POLLOUT;
	else
		polls[i].events = POLLIN;
}

static void on_signal(int number)
{
	if (number == SIGUSR1)
		wants_counts = 1;
	else
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

static void parse_kind(const char *text)
{
	if (!strncmp(text, "ends=", 5)) {
		end_bytes = strtoull(text + 5, NULL, 10);
		return;
	}
	tls_version = !strncmp(text, "1.3:", 4) ? TLS1_3_VERSION : TLS1_2_VERSION;
	tls_cipher = text + 4;
	open_max = PIECE;
}

static void show_counts(void)
{
	printf("opened %lu bytes %llu corrupt %lu hung %lu ", opened, (unsigned long long)bytes,
	       corrupt, hung);
	printf("reset %lu ended %lu refused %lu waiting %lu closed %lu longest_ms %lld\n", resets,
	       ends, refused, waiting, closed, (long long)longest_ms);
	fflush(stdout);
}

/* Each has heard something since it was asked: nobody is left who is still to be told of an end. */
static bool have_all_heard(unsigned int count, int64_t *asked_ms)
{
	*asked_ms = *asked_ms ?: now_ms();
	for (unsigned int i = 0; i < count; i++)
		if (polls[i].fd >= 0 && (!streams[i].got || streams[i].heard_ms < *asked_ms))
			return false;
	return true;
}

/* Who was asked to end does so when each has heard something since, or is found to hang. */
static bool has_ended(unsigned int count)
{
	static int64_t end_asked_ms, counts_asked_ms;

	if (wants_counts && have_all_heard(count, &counts_asked_ms)) {
		show_counts();
		wants_counts = 0;
		counts_asked_ms = 0;
	}
	if (!wants_end || wait_bytes)
		return wants_end;
	return have_all_heard(count, &end_asked_ms);
}

int main(int argc, char **argv)
{
	unsigned int count;
	int64_t end_ms, stall_ms;

	if (argc < 6 || argc > 9)
		return 2;
	if (argc == 7)
		parse_kind(argv[6]);
	parse_target(argv[1], argv[2]);
	count = (unsigned int)atoi(argv[3]);
	end_ms = now_ms() + atoi(argv[4]) * 1000LL;
	stall_ms = atoi(argv[5]);
	part_bytes = argc > 7 ? strtoull(argv[6], NULL, 10) : 0;
	wait_bytes = argc > 7 ? part_bytes * strtoull(argv[7], NULL, 10) : 0;
	timeout_ms = argc > 8 ? atoi(argv[8]) : 0;
	if (count > CONNECTIONS_MAX)
		return 2;
	signal(SIGTERM, on_signal);
	signal(SIGUSR1, on_signal);
	signal(SIGPIPE, SIG_IGN);
	printf("begun\n");
	fflush(stdout);
	for (unsigned int i = 0; i < count; i++) {
		polls[i].fd = -1;
		begin(i);
	}
	while (!has_ended(count) && now_ms() < end_ms && left < count) {
		poll(polls, count, 20);
		for (unsigned int i = 0; i < count; i++)
			if (polls[i].fd >= 0)
				handle(i, stall_ms);
	}
	show_counts();
	return corrupt || hung;
}
