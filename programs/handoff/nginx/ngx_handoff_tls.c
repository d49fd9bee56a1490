/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A connection that came under the kernel's TLS: nginx takes it for a plain one, and what is not
 * data of either side goes by here.
 */
#include <netinet/tcp.h>

#include <linux/tls.h>

#include "programs/handoff/nginx/ngx_handoff.h"

/* Of records, as TLS has them. */
#define RECORD_ALERT 21
#define RECORD_DATA 23

/* --- in ---------------------------------------------------------------------------------------- */

static ssize_t end_reading(ngx_connection_t *c)
{
	c->read->ready = 0;
	c->read->eof = 1;
	return 0;
}

/* Records that are not data, such as the client's farewell, come with their type. */
static ssize_t read_records(ngx_connection_t *c, u_char *to, size_t size)
{
	struct iovec part = { to, size };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(u_char))];
	} control;
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	ssize_t got;

	do
		got = recvmsg(c->fd, &message, 0);
	while (got < 0 && ngx_errno == NGX_EINTR);
	if (got < 0 && ngx_errno == NGX_EAGAIN) {
		c->read->ready = 0;
		return NGX_AGAIN;
	}
	if (got < 0) {
		c->read->ready = 0;
		c->read->error = 1;
		return ngx_connection_error(c, ngx_errno, "recvmsg() failed");
	}
	header = got ? CMSG_FIRSTHDR(&message) : NULL;
	if (!got || (header && header->cmsg_level == SOL_TLS && *CMSG_DATA(header) != RECORD_DATA))
		return end_reading(c);
	return got;
}

/* --- out --------------------------------------------------------------------------------------- */

/* close_notify: without it who reads until the end cannot tell that nothing was cut off. */
static ngx_int_t send_farewell(int fd)
{
	u_char alert[] = { 1, 0 };
	struct iovec part = { alert, sizeof(alert) };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(u_char))];
	} control = {
		.header = { .cmsg_len = CMSG_LEN(sizeof(u_char)),
			    .cmsg_level = SOL_TLS,
			    .cmsg_type = TLS_SET_RECORD_TYPE },
	};
	const struct msghdr message = { .msg_iov = &part,
					.msg_iovlen = 1,
					.msg_control = &control,
					.msg_controllen = sizeof(control) };

	*CMSG_DATA(&control.header) = RECORD_ALERT;
	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return NGX_OK;
	return ngx_errno == NGX_EAGAIN ? NGX_AGAIN : NGX_ERROR;
}

static bool has_last(const ngx_chain_t *in)
{
	for (; in; in = in->next)
		if (in->buf->last_buf)
			return true;
	return false;
}

/* Nothing but that it is the last: nginx calls again when there is room. */
static ngx_chain_t *come_again(ngx_connection_t *c, ngx_pool_t *pool)
{
	ngx_chain_t *link = ngx_alloc_chain_link(pool);

	if (!link)
		return NGX_CHAIN_ERROR;
	link->next = NULL;
	link->buf = ngx_calloc_buf(pool);
	if (!link->buf)
		return NGX_CHAIN_ERROR;
	link->buf->last_buf = 1;
	c->write->ready = 0;
	return link;
}

/* With the last of an answer behind which the connection ends. */
static ngx_chain_t *send_records(ngx_connection_t *c, ngx_chain_t *in, off_t limit)
{
	const ngx_http_request_t *r = c->data;
	bool is_last = has_last(in) && (!r->main->keepalive || ngx_exiting);
	ngx_chain_t *left = ngx_send_chain(c, in, limit);

	if (left || !is_last)
		return left;
	if (send_farewell(c->fd) == NGX_AGAIN)
		return come_again(c, r->main->pool);
	c->need_last_buf = 0;
	c->send_chain = ngx_send_chain;
	return NULL;
}

/* ----------------------------------------------------------------------------------------------- */

static bool has_ktls(int fd)
{
	char name[16] = "";
	socklen_t length = sizeof(name) - 1;

	return !getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &length) && !strcmp(name, "tls");
}

void ngx_handoff_begin_tls(ngx_connection_t *c)
{
	if (!has_ktls(c->fd))
		return;
	c->recv = read_records;
	c->send_chain = send_records;
	c->need_last_buf = 1;
}
