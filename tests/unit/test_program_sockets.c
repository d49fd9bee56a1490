/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that are listed, found among a process's descriptors, and taken. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "programs/shared/sockets.h"
#include "tests/support/tap.h"

/* Listens at a port of the loopback that the kernel chooses. */
static int open_listener(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static __u64 get_cookie(int fd)
{
	__u64 cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

struct found {
	__u64 cookie;
	uint64_t inode;
	int fd;
};

static void see_listed(const struct inet_diag_msg *socket, void *data)
{
	struct found *found = data;

	if (program_socket_cookie(socket) == found->cookie)
		found->inode = socket->idiag_inode;
}

static int see_held(pid_t pid, int fd, uint64_t inode, void *data)
{
	struct found *found = data;

	assert_int_equal(pid, getpid());
	if (inode != found->inode)
		return 0;
	found->fd = fd;
	return 1;
}

static void a_socket_that_is_listed_is_found_where_it_is_open(void **state)
{
	int fd = open_listener();
	struct found found = { .cookie = get_cookie(fd), .fd = -1 };

	(void)state;
	for (size_t i = 0; i < PROGRAM_SERVING_KINDS; i++)
		assert_int_equal(
			program_sockets_each(&program_sockets_serving[i], see_listed, &found), 0);
	assert_true(found.inode);
	assert_int_equal(program_sockets_held(getpid(), see_held, &found), 1);
	assert_int_equal(found.fd, fd);
	close(fd);
	found.inode = UINT64_MAX;
	assert_int_equal(program_sockets_held(getpid(), see_held, &found), 0);
}

static void a_socket_is_taken_that_still_is_the_one_that_was_seen(void **state)
{
	int fd = open_listener(), own = -1;
	__u64 cookie = get_cookie(fd);

	(void)state;
	assert_int_equal(program_socket_take(getpid(), fd, cookie, &own), 0);
	assert_int_not_equal(own, fd);
	assert_true(get_cookie(own) == cookie);
	close(own);
	assert_int_equal(program_socket_take(getpid(), fd, PROGRAM_COOKIE_ANY, &own), 0);
	close(own);
	close(fd);
}

/* What is there since the descriptor was looked at. */
static void assert_not_taken(int fd, __u64 cookie, int err)
{
	int own = -1;

	assert_int_equal(program_socket_take(getpid(), fd, cookie, &own), err);
	assert_int_equal(own, -1);
}

static void a_descriptor_that_became_another_one_is_not_taken(void **state)
{
	int fd = open_listener(), other = open_listener(), pipes[2];
	__u64 cookie = get_cookie(fd);

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(dup2(other, fd), fd);
	assert_not_taken(fd, cookie, -ESTALE);
	assert_int_equal(dup2(pipes[0], fd), fd);
	assert_not_taken(fd, cookie, -ESTALE);
	/* not @fd once more: a descriptor of the function's own may get its number */
	assert_not_taken(9999, cookie, -EBADF);
	close(fd);
	close(other);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_socket_that_is_listed_is_found_where_it_is_open, NULL, NULL);
	TAP_ADD(&plan, a_socket_is_taken_that_still_is_the_one_that_was_seen, NULL, NULL);
	TAP_ADD(&plan, a_descriptor_that_became_another_one_is_not_taken, NULL, NULL);
	return tap_run(&plan, "program_sockets", 0);
}
