/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/sockrun.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/host/loopback.h"

#define CONNECT_MS 2000

void sockrun_enter(void)
{
	if (unshare(CLONE_NEWNET) || system("ip link set lo up")) {
		perror("cannot make a netns");
		exit(EXIT_FAILURE);
	}
}

void sockrun_add(struct chainrun *chain, unsigned int slot, const char *object, int answer)
{
	char settings[32];

	snprintf(settings, sizeof(settings), "answer=%d", answer);
	if (chainrun_add(chain, slot, object, settings))
		fail_msg("%s", chain->why.text);
}

void sockrun_build(struct chainrun *chain)
{
	if (chainrun_build(chain))
		fail_msg("%s", chain->why.text);
}

int sockrun_map(const struct chainrun *chain, unsigned int slot, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(chain->build.programs[slot]->object, name);

	assert_true(fd >= 0);
	return fd;
}

void sockrun_put(const struct chainrun *chain, unsigned int slot, const char *name, __u32 index,
		 int fd)
{
	__u64 value = (__u64)fd;

	assert_int_equal(
		bpf_map_update_elem(sockrun_map(chain, slot, name), &index, &value, BPF_ANY), 0);
}

bool sockrun_has_datagram(int fd)
{
	char byte;

	assert_int_equal(slot_loopback_settle(), 0);
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
}

void sockrun_send(const struct sockaddr_in *address)
{
	int fd = slot_loopback_connect(SOCK_DGRAM, address);

	assert_true(fd >= 0);
	send(fd, "", 1, 0);
	close(fd);
}

/* A datagram that was refused makes the next call fail in its place. */
static void send_from(const struct sockaddr_in *address, unsigned int cpu, unsigned int count)
{
	int fd = slot_loopback_connect(SOCK_DGRAM, address);
	cpu_set_t one;
	unsigned int i;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
	for (i = 0; fd >= 0 && i < count; i++)
		while (send(fd, "", 1, 0) != 1 && (errno == ECONNREFUSED || errno == EAGAIN))
			;
	_exit(fd < 0 || slot_loopback_settle());
}

void sockrun_send_many(const struct sockaddr_in *address, unsigned int processes,
		       unsigned int count)
{
	unsigned int cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int i;
	int status;

	for (i = 0; i < processes; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			send_from(address, i % cpus, count);
	}
	for (i = 0; i < processes; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

bool sockrun_connect(const struct sockaddr_in *address, int *ret_fd)
{
	int fd = slot_loopback_connect(SOCK_STREAM, address);
	struct pollfd ready = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(int);
	int err = ETIMEDOUT;

	if (fd < 0)
		return false;
	if (poll(&ready, 1, CONNECT_MS) == 1)
		assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	*ret_fd = fd;
	if (err) {
		close(fd);
		*ret_fd = -1;
	}
	return !err;
}
