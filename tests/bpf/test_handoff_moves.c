/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One connection moves between two processes a thousand times while bytes go both ways, and each
 * of them is looked at: none is lost, doubled, changed, or reset.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "tests/support/draw.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"

#define MOVES 1000
#define MOVES_VM 100 /* emulated: the same in a tenth */
#define LIMIT_S 240
#define CHUNK 8192
#define ROUND_MAX 65536 /* bytes that one owner answers at most */

/* What a move carries is bounded by what the sockets have room for. */
#define ROOM                                                                                       \
	"echo 4096 16384 262144 >/proc/sys/net/ipv4/tcp_wmem;"                                     \
	"echo 4096 131072 524288 >/proc/sys/net/ipv4/tcp_rmem"

static struct handoff_bed bed;

static struct told {
	uint64_t moves, unread, unacked, unsent; /* of all states */
	int is_over;
} *told;

static uint8_t answer_at(uint64_t at)
{
	uint8_t byte = handoff_bed_byte(at);

	byte ^= UINT8_MAX;
	return byte;
}

/* --- the owners -------------------------------------------------------------------------------- */

/* Answers up to @limit bytes, each with its complement. 0: the peer is done. */
static int answer(int fd, size_t limit)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint8_t bytes[CHUNK];
	size_t done = 0;

	while (done < limit) {
		ssize_t got, put = 0;

		if (poll(&ready, 1, 2) == 0)
			return 1;
		got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got == 0)
			return 0;
		if (got < 0)
			return errno == EAGAIN ? 1 : -errno;
		for (ssize_t i = 0; i < got; i++)
			bytes[i] ^= UINT8_MAX;
		for (ssize_t at = 0; at < got; at += put) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			put = send(fd, bytes + at, (size_t)(got - at), MSG_DONTWAIT | MSG_NOSIGNAL);
			if (put < 0 && errno != EAGAIN)
				return -errno;
			if (put < 0) {
				put = 0;
				poll(&room, 1, 1000);
			}
		}
		done += (size_t)got;
	}
	return 1;
}

/*
 * Blocks the connection. What a move meets in the queues is not left to chance: of each four
 * moves one has bytes that nobody has read, and one an answer that cannot be acknowledged.
 */
static int block(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	uint64_t turn = told->moves % 4;
	uint8_t byte;

	if (turn < 2)
		poll(&ready, 1, 1000);
	handoff_bed_shut(&bed, true);
	ready.events = POLLIN | POLLOUT;
	if (turn != 1 || poll(&ready, 1, 0) < 1 || ready.revents != (POLLIN | POLLOUT))
		return 0;
	if (recv(fd, &byte, 1, MSG_DONTWAIT) != 1)
		return -errno;
	byte ^= UINT8_MAX;
	return send(fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static int give_away(int to, int fd, struct handoff *h)
{
	struct handoff_state_info info;
	struct handoff_state *state;
	uint8_t *bytes;
	size_t size;
	int err;

	err = block(fd);
	if (err)
		return err;
	err = handoff_capture(h, fd, &state);
	if (err) {
		fprintf(stderr, "# %s\n", handoff_error(h));
		return err;
	}
	close(fd);
	handoff_state_get(state, &info);
	told->moves++;
	told->unread += info.unread;
	told->unacked += info.unacked;
	told->unsent += info.unsent;
	size = handoff_state_size(state);
	bytes = malloc(size);
	err = bytes ? handoff_state_format(state, bytes, size) : -ENOMEM;
	handoff_state_free(state);
	if (!err && (send(to, &size, sizeof(size), MSG_NOSIGNAL) != sizeof(size)))
		err = -EPIPE;
	for (size_t at = 0; !err && at < size;) {
		ssize_t put = send(to, bytes + at, size - at, MSG_NOSIGNAL);

		if (put <= 0)
			err = -EPIPE;
		at += (size_t)put;
	}
	free(bytes);
	return err;
}

static int take_over(int from, struct handoff *h, int *ret_fd)
{
	struct handoff_state *state;
	uint8_t *bytes;
	size_t size;
	int err;

	if (recv(from, &size, sizeof(size), MSG_WAITALL) != sizeof(size))
		return -ENODATA;
	bytes = malloc(size);
	if (!bytes || recv(from, bytes, size, MSG_WAITALL) != (ssize_t)size)
		return -EPIPE;
	err = handoff_state_parse(bytes, size, &state);
	free(bytes);
	err = err ? err : handoff_restore(h, state, NULL, ret_fd);
	handoff_bed_shut(&bed, false);
	err = err ? err : handoff_resume(h, state, *ret_fd);
	if (err)
		fprintf(stderr, "# %s\n", handoff_error(h));
	handoff_state_free(state);
	return err;
}

/* One of the two processes; @fd: the connection, or -1. Ends when the client is done. */
static int own(int other, int fd, uint64_t seed, uint64_t moves)
{
	struct handoff *h = handoff_new();
	int err = h ? 0 : -ENOMEM;

	while (!err) {
		if (fd < 0)
			err = take_over(other, h, &fd);
		if (!err)
			err = answer(fd, draw_below(&seed, ROUND_MAX));
		if (err <= 0)
			break;
		err = 0;
		if (told->moves >= moves) {
			told->is_over = 1;
			continue;
		}
		err = give_away(other, fd, h);
		fd = -1;
	}
	handoff_free(h);
	return err == -ENODATA ? 0 : err;
}

static pid_t start_owner(const int pair[2], int end, int fd, uint64_t moves)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(pair[!end]);
	close(bed.client);
	if (fd < 0)
		close(bed.server);
	_exit(own(pair[end], fd, draw_seed(1 + (uint64_t)end), moves) ? EXIT_FAILURE :
									EXIT_SUCCESS);
}

/* --- the client -------------------------------------------------------------------------------- */

struct talk {
	uint64_t sent, heard, seed;
	bool is_over; /* all is said */
};

static void say(struct talk *talk)
{
	uint8_t bytes[CHUNK];
	size_t len = 1 + draw_below(&talk->seed, CHUNK);
	ssize_t put;

	for (size_t i = 0; i < len; i++)
		bytes[i] = handoff_bed_byte(talk->sent + i);
	put = send(bed.client, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (put < 0 && errno != EAGAIN)
		fail_msg("after %ju bytes and %ju moves: %s", (uintmax_t)talk->sent,
			 (uintmax_t)told->moves, strerror(errno));
	talk->sent += put > 0 ? (uint64_t)put : 0;
}

static void hear(struct talk *talk)
{
	uint8_t bytes[CHUNK];
	ssize_t got = recv(bed.client, bytes, 1 + draw_below(&talk->seed, CHUNK), MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0)
		fail_msg("after %ju of %ju bytes and %ju moves: %s", (uintmax_t)talk->heard,
			 (uintmax_t)talk->sent, (uintmax_t)told->moves,
			 got ? strerror(errno) : "an end");
	for (ssize_t i = 0; i < got; i++)
		if (bytes[i] != answer_at(talk->heard + (uint64_t)i))
			fail_msg("byte %ju is another one, after %ju moves",
				 (uintmax_t)(talk->heard + (uint64_t)i), (uintmax_t)told->moves);
	talk->heard += (uint64_t)got;
}

/* At times it does not read for a while, so that what it is sent stays where it was. */
static void talk_to_the_end(struct talk *talk)
{
	struct pollfd ready = { .fd = bed.client };
	time_t end = time(NULL) + LIMIT_S;

	while (!talk->is_over || talk->heard < talk->sent) {
		bool is_deaf = !talk->is_over && talk->sent >> 21 & 1;

		talk->is_over = talk->is_over || __atomic_load_n(&told->is_over, __ATOMIC_SEQ_CST);
		ready.events = (short)((is_deaf ? 0 : POLLIN) | (talk->is_over ? 0 : POLLOUT));
		if (poll(&ready, 1, is_deaf ? 20 : 1000) == 0 && is_deaf)
			hear(talk);
		if (ready.revents & POLLIN)
			hear(talk);
		if (ready.revents & POLLOUT)
			say(talk);
		if (time(NULL) > end)
			fail_msg("%ju of %ju bytes are heard after %ju moves, and nothing more",
				 (uintmax_t)talk->heard, (uintmax_t)talk->sent,
				 (uintmax_t)told->moves);
	}
}

static void assert_fine(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static const struct row {
	const char *name;
	int family;
	uint32_t lose_one_in;
	uint64_t part; /* of the moves, in percent */
} rows[] = {
	{ "no byte is lost in 1,000 moves, of IPv4", AF_INET, 0, 100 },
	{ "no byte is lost in 1,000 moves, of IPv6", AF_INET6, 0, 100 },
	{ "no byte is lost in 200 moves where one packet in 50 is", AF_INET, 50, 20 },
};

static void no_byte_is_lost(void **state)
{
	const struct row *row = *state;
	uint64_t moves = (getenv("SLOTD_TIER") ? MOVES_VM : MOVES) * row->part / 100;
	struct talk talk = { .seed = draw_seed(0) };
	pid_t owners[2];
	int pair[2];

	handoff_bed_open(&bed, row->family, ROOM);
	handoff_bed_connect(&bed);
	bed.gate->lose_one_in = row->lose_one_in;
	*told = (struct told){};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	owners[0] = start_owner(pair, 0, bed.server, moves);
	owners[1] = start_owner(pair, 1, -1, moves);
	close(pair[0]);
	close(pair[1]);
	close(bed.server);
	bed.server = -1;
	talk_to_the_end(&talk);
	assert_int_equal(shutdown(bed.client, SHUT_WR), 0);
	assert_fine(owners[0]);
	assert_fine(owners[1]);
	print_message("# %ju moves, %ju bytes each way; in states unread %ju, unacknowledged %ju, "
		      "unsent %ju; packets stopped %ju, lost %ju\n",
		      (uintmax_t)told->moves, (uintmax_t)talk.heard, (uintmax_t)told->unread,
		      (uintmax_t)told->unacked, (uintmax_t)told->unsent,
		      (uintmax_t)bed.gate->stopped, (uintmax_t)bed.gate->lost);
	assert_int_equal(told->moves, moves);
	assert_int_equal(bed.gate->resets, 0);
	/* A few moves of a connection that hardly gets on may have met neither. */
	assert_true(row->part < 100 || (told->unread && told->unacked));
	handoff_bed_close(&bed);
}

int main(void)
{
	struct tap_plan plan = {};

	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED)
		return EXIT_FAILURE;
	TAP_ADD_TABLE(&plan, no_byte_is_lost, rows);
	return tap_run(&plan, "connections that move under load", 1);
}
