/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/netlink.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <linux/genetlink.h>
#include <sys/socket.h>

#define ANSWER_SIZE 32768 /* the most that the kernel puts into one message of a dump */

static void close_socket(struct mnl_socket **nl)
{
	if (*nl)
		mnl_socket_close(*nl);
}

static int open_socket(int bus, struct mnl_socket **ret_nl)
{
	struct mnl_socket *nl = mnl_socket_open2(bus, SOCK_CLOEXEC);
	int err = 0;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		err = -errno;
	if (err)
		close_socket(&nl);
	else
		*ret_nl = nl;
	return err;
}

int slot_netlink_ask(int bus, const struct nlmsghdr *request, mnl_cb_t read, void *data)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl = NULL;
	char buffer[ANSWER_SIZE];
	int state = MNL_CB_OK;
	ssize_t size;
	int err = open_socket(bus, &nl);

	if (err)
		return err;
	if (mnl_socket_sendto(nl, request, request->nlmsg_len) < 0)
		return -errno;
	while (state > MNL_CB_STOP) {
		size = mnl_socket_recvfrom(nl, buffer, sizeof(buffer));
		if (size < 0)
			return -errno;
		state = mnl_cb_run(buffer, (size_t)size, 0, mnl_socket_get_portid(nl), read, data);
		if (state < 0)
			return -errno;
	}
	return 0;
}

static bool number_requests(void *requests, size_t size, size_t count)
{
	struct nlmsghdr *request = requests;
	int left = (int)size;
	size_t i;

	for (i = 0; i < count && mnl_nlmsg_ok(request, left); i++) {
		request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
		request->nlmsg_seq = (unsigned int)i + 1;
		request = mnl_nlmsg_next(request, &left);
	}
	return i == count && !left;
}

/* The kernel's words follow its error, and what it repeats of the request. */
static void read_words(const struct nlmsghdr *message, struct slot_answer *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);
	unsigned int offset = sizeof(*error);
	const struct nlattr *attr;

	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		offset += error->msg.nlmsg_len - MNL_NLMSG_HDRLEN;
	mnl_attr_for_each(attr, message, offset)
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(answer->text, sizeof(answer->text), "%s", mnl_attr_get_str(attr));
	}
}

static bool read_answer(const struct nlmsghdr *message, struct slot_answer *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

	if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
		return false;
	answer->err = error->error;
	answer->text[0] = '\0';
	read_words(message, answer);
	return true;
}

/* Returns how many of the requests the @size bytes at @messages answer. */
static size_t read_answers(const char *messages, size_t size,
			   const struct slot_netlink_batch *batch, struct slot_answer *answers)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)messages;
	int left = (int)size;
	size_t found = 0;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
		size_t number = message->nlmsg_seq;

		if (!number || number > batch->count)
			continue;
		if (message->nlmsg_type == NLMSG_ERROR)
			found += read_answer(message, &answers[number - 1]);
		else if (batch->read)
			batch->read(message, batch->data);
	}
	return found;
}

/*
 * The kernel has carried all of it out, and answered, before the call that sends it comes
 * back: what is not there now does not come.
 */
static void collect_answers(struct mnl_socket *nl, const struct slot_netlink_batch *batch,
			    struct slot_answer *answers)
{
	char buffer[ANSWER_SIZE];
	size_t found = 0;
	size_t i;

	for (i = 0; i < batch->count; i++)
		answers[i] = (struct slot_answer){ -ENOBUFS, "the kernel's answer was lost" };
	while (found < batch->count) {
		ssize_t size = recv(mnl_socket_get_fd(nl), buffer, sizeof(buffer), MSG_DONTWAIT);

		if (size > 0)
			found += read_answers(buffer, (size_t)size, batch, answers);
		else if (size == 0 || (errno != ENOBUFS && errno != EINTR))
			return;
	}
}

int slot_netlink_batch(int bus, const struct slot_netlink_batch *batch,
		       struct slot_answer *ret_answers)
{
	__attribute__((cleanup(close_socket))) struct mnl_socket *nl = NULL;
	int on = 1;
	int err;

	if (batch->count > SLOT_NETLINK_BATCH_MAX)
		return -E2BIG;
	if (!number_requests(batch->requests, batch->size, batch->count))
		return -EINVAL;
	err = open_socket(bus, &nl);
	if (err)
		return err;
	if (mnl_socket_setsockopt(nl, NETLINK_CAP_ACK, &on, sizeof(on)) < 0 ||
	    mnl_socket_setsockopt(nl, NETLINK_EXT_ACK, &on, sizeof(on)) < 0 ||
	    mnl_socket_sendto(nl, batch->requests, batch->size) < 0)
		return -errno;
	collect_answers(nl, batch, ret_answers);
	return 0;
}

static int read_family(const struct nlmsghdr *message, void *data)
{
	unsigned short *family = data;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct genlmsghdr))
	{
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
		    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
			*family = mnl_attr_get_u16(attr);
	}
	return MNL_CB_OK;
}

int slot_netlink_family(const char *name, unsigned short *ret_family)
{
	char buffer[SLOT_NETLINK_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *head;
	unsigned short family = 0;
	int err;

	request->nlmsg_type = GENL_ID_CTRL;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->cmd = CTRL_CMD_GETFAMILY;
	head->version = 1;
	mnl_attr_put_strz(request, CTRL_ATTR_FAMILY_NAME, name);
	err = slot_netlink_ask(NETLINK_GENERIC, request, read_family, &family);
	if (err || !family)
		return err ? err : -ENOENT;
	*ret_family = family;
	return 0;
}
