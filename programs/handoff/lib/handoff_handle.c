/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/lib/handoff_handle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/time.h>
#include <sys/un.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"

/* So long the agent is waited for, and so long it is left alone when that was in vain. */
#define CONNECT_S 1
#define ANSWER_S 2
#define SILENT_MS 5000

struct handoff *handoff_new(void)
{
	struct handoff *h = calloc(1, sizeof(*h));

	if (h)
		h->agent_fd = -1;
	return h;
}

static void leave_agent(struct handoff *h)
{
	slot_cleanup_close(&h->agent_fd);
	h->agent_fd = -1;
}

void handoff_free(struct handoff *h)
{
	if (!h)
		return;
	leave_agent(h);
	free(h->agent);
	free(h);
}

const char *handoff_error(const struct handoff *h)
{
	return h->why.text;
}

int handoff_set_agent(struct handoff *h, const char *path)
{
	struct sockaddr_un address;
	char *copy;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return slot_reason_set(&h->why, -EINVAL, "'%s' is no path of a Unix socket", path);
	copy = strdup(path);
	if (!copy)
		return slot_reason_set(&h->why, -ENOMEM, "out of memory");
	leave_agent(h);
	free(h->agent);
	h->agent = copy;
	h->silent_until_ms = 0;
	return 0;
}

/* --- the agent --------------------------------------------------------------------------------- */

static const char *agent_path(const struct handoff *h)
{
	const char *path = h->agent ? h->agent : secure_getenv(HANDOFF_AGENT_ENV);

	return path && *path ? path : HANDOFF_AGENT_SOCKET;
}

/* -EAGAIN would say that the connection cannot be taken just now. */
static int errno_or_timeout(void)
{
	return errno == EAGAIN ? -ETIMEDOUT : -errno;
}

static int find_agent(struct handoff *h)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval answer = { .tv_sec = ANSWER_S }, room = { .tv_sec = CONNECT_S };
	const char *path = agent_path(h);

	if (h->agent_fd >= 0)
		return 0;
	if (fd < 0)
		return -errno;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &room, sizeof(room)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return errno_or_timeout();
	h->agent_fd = TAKE_FD(fd);
	return 0;
}

static int send_order(int agent, int fd, struct handoff_order *order)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = {};
	struct iovec part = { .iov_base = order, .iov_len = sizeof(*order) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *right = CMSG_FIRSTHDR(&message);

	right->cmsg_level = SOL_SOCKET;
	right->cmsg_type = SCM_RIGHTS;
	right->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(right), &fd, sizeof(fd));
	return sendmsg(agent, &message, MSG_NOSIGNAL) < 0 ? errno_or_timeout() : 0;
}

/*
 * Either the answer is here when the wait is over, or the agent cannot give it any more, and so
 * does not do what it was asked, or undoes it.
 */
static ssize_t hear(int agent, struct handoff_answer *ret_answer)
{
	ssize_t len = recv(agent, ret_answer, sizeof(*ret_answer), 0);

	/* It has hung up without a look at the order: what it said before comes after that. */
	if (len < 0 && errno == ECONNRESET)
		return recv(agent, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT);
	if (len >= 0 || errno != EAGAIN)
		return len;
	shutdown(agent, SHUT_RD);
	len = recv(agent, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT);
	if (len)
		return len;
	errno = EAGAIN;
	return -1;
}

static int take_answer(int agent, struct handoff_answer *ret_answer)
{
	ssize_t len = hear(agent, ret_answer);

	if (len < 0)
		return errno_or_timeout();
	if (!len)
		return -ECONNRESET;
	if ((size_t)len != sizeof(*ret_answer) || ret_answer->version != HANDOFF_ORDER_VERSION)
		return -EPROTO;
	ret_answer->text[sizeof(ret_answer->text) - 1] = '\0';
	return 0;
}

/* Who is refused is told so without being asked for what, and may find the agent gone by then. */
static int ask_once(struct handoff *h, int fd, struct handoff_order *order,
		    struct handoff_answer *ret_answer)
{
	int err = find_agent(h);

	if (err)
		return err;
	err = send_order(h->agent_fd, fd, order);
	if (!err || err == -EPIPE || err == -ECONNRESET)
		err = take_answer(h->agent_fd, ret_answer);
	if (err)
		leave_agent(h);
	return err;
}

static int ask_agent(struct handoff *h, int fd, struct handoff_order *order, const char *what)
{
	struct handoff_answer answer;
	bool is_old = h->agent_fd >= 0;
	int err;

	if (slot_clock_ms() < h->silent_until_ms)
		return slot_reason_set(
			&h->why, -ETIMEDOUT,
			"cannot %s the connection: slotctl handoff repair at '%s' did "
			"not answer just now, and is left alone for some seconds",
			what, agent_path(h));
	err = ask_once(h, fd, order, &answer);
	/* An agent that was started anew since; no order does harm when it is given twice. */
	if (is_old && (err == -EPIPE || err == -ECONNRESET))
		err = ask_once(h, fd, order, &answer);
	if (err == -ETIMEDOUT)
		h->silent_until_ms = slot_clock_ms() + SILENT_MS;
	if (err)
		return slot_reason_set(
			&h->why, err,
			"cannot %s the connection: no CAP_NET_ADMIN here, and nobody "
			"answers at '%s' (%s): start slotctl handoff repair",
			what, agent_path(h), strerror(-err));
	if (answer.err)
		return slot_reason_set(&h->why, answer.err,
				       "cannot %s the connection: slotctl handoff repair at '%s' "
				       "says: %s",
				       what, agent_path(h), answer.text);
	return 0;
}

/* Without the right to ask the kernel the agent is there to be asked: but not before. */
static bool lacks_right(int err)
{
	return err == -EPERM || err == -EACCES;
}

int handoff_handle_order(struct handoff *h, int fd, struct handoff_order *order, const char *what)
{
	int err = -EPERM;

	order->version = HANDOFF_ORDER_VERSION;
	if (!h->agent)
		err = handoff_order_run(fd, order);
	if (!err)
		return 0;
	if (lacks_right(err)) {
		err = ask_agent(h, fd, order, what);
		return !h->agent && (err == -ENOENT || err == -ECONNREFUSED) ? -EPERM : err;
	}
	return slot_reason_set(&h->why, err, "cannot %s the connection: %s", what, strerror(-err));
}
