/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/quic_forward.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/flow_pass.h"

#define CONTROL_MAX 128
#define PACKET_MAX 65536

/* In front of each packet in a Unix socket. */
struct head {
	struct sockaddr_in6 from; /* or a sockaddr_in */
	uint32_t from_len;
	uint32_t control_len;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_MAX];
};

static void move_packet(const struct quic_forward *forward)
{
	static uint8_t packet[PACKET_MAX];
	static struct head head;
	struct iovec pieces[2] = { { &head, sizeof(head) }, { packet, sizeof(packet) } };
	struct msghdr message = {
		.msg_name = &head.from,
		.msg_namelen = sizeof(head.from),
		.msg_iov = &pieces[1],
		.msg_iovlen = 1,
		.msg_control = head.control,
		.msg_controllen = sizeof(head.control),
	};
	ssize_t len = recvmsg(forward->udp_fd, &message, MSG_DONTWAIT);
	int process;

	if (len < 0)
		return;
	head.from_len = message.msg_namelen;
	head.control_len = (uint32_t)message.msg_controllen;
	pieces[1].iov_len = (size_t)len;
	message = (struct msghdr){ .msg_iov = pieces, .msg_iovlen = 2 };
	process = forward->read_process(packet, (size_t)len);
	/* What the other process does not take any more is lost, as it is with that process. */
	sendmsg(process == (int)!forward->process && forward->to_other >= 0 ? forward->to_other :
									      forward->to_own,
		&message, MSG_NOSIGNAL);
}

/* Until the next process asks for the socket. */
static void *read_socket(void *data)
{
	struct quic_forward *forward = data;
	struct pollfd ready[2] = {
		{ .fd = forward->udp_fd, .events = POLLIN },
		{ .fd = forward->listen_fd, .events = POLLIN },
	};
	int peer;

	for (;;) {
		if (poll(ready, 2, -1) < 0)
			continue;
		if (ready[1].revents && !flow_pass_accept(forward->listen_fd, 0, &peer))
			break;
		if (ready[0].revents)
			move_packet(forward);
	}
	flow_pass_give(peer, forward->process, forward->udp_fd);
	return NULL;
}

static int take_udp(struct quic_forward *forward, int fd, const struct sockaddr *address,
		    socklen_t len)
{
	unsigned int other;
	int err = flow_pass_take(forward->dir, &other, &forward->udp_fd);

	forward->to_other = -1;
	if (!err)
		return flow_forward_connect(forward->dir, other, &forward->to_other);
	if (err != -ENOENT && err != -ECONNREFUSED)
		return err;
	forward->udp_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return forward->udp_fd < 0 || bind(forward->udp_fd, address, len) ? -errno : 0;
}

int quic_forward_start(struct quic_forward *forward, int fd, const struct sockaddr *address,
		       socklen_t len)
{
	pthread_t thread;
	int own, err;

	err = take_udp(forward, fd, address, len);
	if (!err)
		err = flow_forward_bind(forward->dir, forward->process, &own);
	if (!err)
		err = flow_forward_connect(forward->dir, forward->process, &forward->to_own);
	if (!err)
		err = flow_pass_listen(forward->dir, &forward->listen_fd);
	if (err)
		return err;
	if (dup3(own, fd, O_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	close(own);
	return -pthread_create(&thread, NULL, read_socket, forward);
}

ssize_t quic_forward_receive(int fd, struct msghdr *message, int flags,
			     ssize_t (*next)(int fd, struct msghdr *message, int flags))
{
	struct head head;
	struct iovec pieces[2] = { { &head, sizeof(head) }, message->msg_iov[0] };
	struct msghdr inner = { .msg_iov = pieces, .msg_iovlen = 2 };
	ssize_t len = next(fd, &inner, flags);

	if (len < 0)
		return len;
	memcpy(message->msg_name, &head.from, head.from_len);
	message->msg_namelen = head.from_len;
	if (head.control_len < message->msg_controllen)
		message->msg_controllen = head.control_len;
	memcpy(message->msg_control, head.control, message->msg_controllen);
	message->msg_flags = 0;
	return len - (ssize_t)sizeof(head);
}
