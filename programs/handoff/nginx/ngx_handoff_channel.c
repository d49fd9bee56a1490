/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages between two workers, with descriptors: a Unix socket that keeps them apart. */
#include <sys/socket.h>

#include "programs/handoff/nginx/ngx_handoff.h"

struct waiting {
	ngx_queue_t all;
	struct ngx_handoff_note note;
	u_char bytes[];
};

/* --- one message ------------------------------------------------------------------------------- */

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int))];
};

static ngx_int_t send_note(int to, const struct ngx_handoff_note *note, const void *bytes, int fd)
{
	struct iovec parts[] = { { (void *)note, sizeof(*note) }, { (void *)bytes, note->length } };
	union control control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
					      .cmsg_level = SOL_SOCKET,
					      .cmsg_type = SCM_RIGHTS } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = note->length ? 2 : 1 };
	ssize_t sent;

	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	do
		sent = sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && ngx_errno == NGX_EINTR);
	if (sent >= 0)
		return NGX_OK;
	return ngx_errno == NGX_EAGAIN ? NGX_AGAIN : NGX_ERROR;
}

/* NGX_ERROR: there is nobody, or what he says is no message. @ret_fd: -1 where none came. */
static ngx_int_t receive_note(int from, struct ngx_handoff_note *note, u_char *bytes, int *ret_fd)
{
	struct iovec parts[] = { { note, sizeof(*note) }, { bytes, NGX_HANDOFF_BYTES_MAX } };
	union control control;
	struct msghdr message = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	ssize_t got;

	*ret_fd = -1;
	do
		got = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (got < 0 && ngx_errno == NGX_EINTR);
	if (got < 0 && ngx_errno == NGX_EAGAIN)
		return NGX_AGAIN;
	header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(header), sizeof(*ret_fd));
	if (got < (ssize_t)sizeof(*note) || (size_t)got != sizeof(*note) + note->length ||
	    note->host[sizeof(note->host) - 1])
		return NGX_ERROR;
	return NGX_OK;
}

/* --- what waits -------------------------------------------------------------------------------- */

/* Whoever uses the channel may be amid something: its end is heard from the event loop. */
static void give_up(struct ngx_handoff_channel *channel)
{
	channel->is_over = true;
	ngx_post_event(channel->c->read, &ngx_posted_events);
}

static void flush(ngx_event_t *event)
{
	ngx_connection_t *c = event->data;
	struct ngx_handoff_channel *channel = c->data;
	ngx_int_t done = NGX_OK;

	while (done == NGX_OK && !ngx_queue_empty(&channel->waiting)) {
		struct waiting *first =
			ngx_queue_data(ngx_queue_head(&channel->waiting), struct waiting, all);

		done = send_note(c->fd, &first->note, first->bytes, -1);
		if (done != NGX_OK)
			break;
		ngx_queue_remove(&first->all);
		ngx_free(first);
	}
	if (done == NGX_AGAIN) {
		c->write->ready = 0;
		done = ngx_handle_write_event(c->write, 0);
	}
	if (done == NGX_ERROR)
		give_up(channel);
}

void ngx_handoff_channel_say(struct ngx_handoff_channel *channel,
			     const struct ngx_handoff_note *note, const void *bytes)
{
	struct waiting *waiting = ngx_alloc(sizeof(*waiting) + note->length, channel->c->log);

	if (!waiting) {
		give_up(channel);
		return;
	}
	waiting->note = *note;
	if (note->length)
		ngx_memcpy(waiting->bytes, bytes, note->length);
	ngx_queue_insert_tail(&channel->waiting, &waiting->all);
	flush(channel->c->write);
}

ngx_int_t ngx_handoff_channel_pass(struct ngx_handoff_channel *channel,
				   const struct ngx_handoff_note *note, const void *bytes, int fd)
{
	if (channel->is_over || !ngx_queue_empty(&channel->waiting))
		return NGX_AGAIN;
	return send_note(channel->c->fd, note, bytes, fd);
}

/* --- its life ---------------------------------------------------------------------------------- */

static void read_all(ngx_event_t *event)
{
	static u_char bytes[NGX_HANDOFF_BYTES_MAX];
	ngx_connection_t *c = event->data;
	struct ngx_handoff_channel *channel = c->data;
	struct ngx_handoff_note note;
	ngx_int_t done = NGX_OK;
	int fd = -1;

	while (!channel->is_over) {
		done = receive_note(c->fd, &note, bytes, &fd);
		if (done != NGX_OK)
			break;
		channel->hear(channel, &note, bytes, fd);
	}
	if (done == NGX_ERROR && fd >= 0)
		close(fd);
	if (done == NGX_AGAIN && !channel->is_over) {
		event->ready = 0;
		done = ngx_handle_read_event(event, 0);
	}
	if (done == NGX_ERROR || channel->is_over)
		channel->end(channel);
}

struct ngx_handoff_channel *ngx_handoff_channel_new(int fd, ngx_handoff_hear hear,
						    ngx_handoff_hear_end end)
{
	struct ngx_handoff_channel *channel = ngx_calloc(sizeof(*channel), ngx_cycle->log);
	ngx_connection_t *c = channel ? ngx_get_connection(fd, ngx_cycle->log) : NULL;

	if (!c) {
		ngx_free(channel);
		close(fd);
		return NULL;
	}
	channel->c = c;
	channel->hear = hear;
	channel->end = end;
	ngx_queue_init(&channel->waiting);
	ngx_queue_init(&channel->tags);
	c->data = channel;
	c->log = c->read->log = c->write->log = ngx_cycle->log;
	c->read->handler = read_all;
	c->write->handler = flush;
	c->write->ready = 1;
	if (ngx_handle_read_event(c->read, 0) == NGX_OK)
		return channel;
	ngx_handoff_channel_free(channel);
	return NULL;
}

void ngx_handoff_channel_free(struct ngx_handoff_channel *channel)
{
	while (!ngx_queue_empty(&channel->waiting)) {
		ngx_queue_t *first = ngx_queue_head(&channel->waiting);

		ngx_queue_remove(first);
		ngx_free(ngx_queue_data(first, struct waiting, all));
	}
	ngx_close_connection(channel->c);
	ngx_free(channel);
}
