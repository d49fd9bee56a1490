/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A worker beside the mover: what goes is passed to that one, and what comes comes from it. */
#include <sys/socket.h>
#include <sys/un.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define RETRY_MS 100

static struct {
	struct ngx_handoff_main *main;
	struct ngx_handoff_channel *channel; /* NULL: the mover is not there */
	ngx_event_t retry;
} worker;

static void hear_take(const struct ngx_handoff_note *note, const void *bytes, int fd)
{
	const struct handoff_taken what = {
		.client = note->client,
		.home = note->home,
		.from = note->host,
		.is_home = note->is_set,
		.id = note->id,
		.bytes = bytes,
		.length = note->length,
	};

	ngx_handoff_take(fd, &what);
}

static void hear(struct ngx_handoff_channel *channel, const struct ngx_handoff_note *note,
		 const void *bytes, int fd)
{
	const char *why = note->length && !((const char *)bytes)[note->length - 1] ? bytes : "";

	(void)channel;
	if (note->word == NGX_HANDOFF_SAY_TAKE && fd >= 0) {
		hear_take(note, bytes, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (note->word == NGX_HANDOFF_SAY_ANSWER)
		ngx_handoff_answer(note->number, note->outcome, why, false);
	else if (note->word == NGX_HANDOFF_SAY_BREAK)
		ngx_handoff_break(note->id, why);
	else if (note->word == NGX_HANDOFF_SAY_LINK)
		ngx_handoff_set_link(worker.main, note->host, note->is_set);
}

static void forget_links(void)
{
	const ngx_array_t *targets = worker.main->targets;

	for (ngx_uint_t i = 0; targets && i < targets->nelts; i++)
		((struct ngx_handoff_target *)targets->elts)[i].is_linked = false;
}

/* What is on its way was the mover's: whether it has arrived, nobody knows here. */
static void hear_end(struct ngx_handoff_channel *channel)
{
	ngx_handoff_channel_free(channel);
	worker.channel = NULL;
	forget_links();
	ngx_handoff_lose_all("the worker that moves connections has ended");
	if (!ngx_exiting)
		ngx_add_timer(&worker.retry, RETRY_MS);
}

static int call(int door)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int fd;

	if (getsockname(door, (struct sockaddr *)&address, &length))
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, length)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void start(ngx_event_t *event)
{
	static const struct ngx_handoff_note hello = { .word = NGX_HANDOFF_SAY_HELLO,
						       .length = NGX_HANDOFF_SECRET };
	int fd = call(worker.main->door);

	if (fd >= 0)
		worker.channel = ngx_handoff_channel_new(fd, hear, hear_end);
	if (!worker.channel) {
		ngx_add_timer(event, RETRY_MS);
		return;
	}
	ngx_handoff_channel_say(worker.channel, &hello, worker.main->secret);
	/* nginx has it read once more when this worker is told to end: what was passed is served. */
	worker.channel->c->idle = 1;
}

void ngx_handoff_worker_begin(struct ngx_handoff_main *main)
{
	worker.main = main;
	worker.retry.handler = start;
	worker.retry.log = ngx_cycle->log;
	worker.retry.cancelable = 1;
	start(&worker.retry);
}

void ngx_handoff_worker_end(void)
{
	if (worker.channel)
		ngx_handoff_channel_free(worker.channel);
	worker.channel = NULL;
}

const char *ngx_handoff_worker_give(int fd, uint64_t id, uint64_t number, const char *peer,
				    const ngx_str_t *bytes)
{
	struct ngx_handoff_note note = {
		.word = NGX_HANDOFF_SAY_GIVE,
		.length = (uint32_t)bytes->len,
		.number = number,
		.id = id,
	};

	/* The mover ends as well: it might not read it. */
	if (ngx_exiting)
		return "this worker is about to end";
	if (!worker.channel)
		return "the worker that moves connections is not there";
	if (bytes->len > NGX_HANDOFF_BYTES_MAX)
		return "the request is too large to be passed to another worker";
	if (peer)
		ngx_cpystrn((u_char *)note.host, (u_char *)peer, sizeof(note.host));
	if (ngx_handoff_channel_pass(worker.channel, &note, bytes->data, fd) == NGX_OK)
		return NULL;
	return "the worker that moves connections is busy";
}

void ngx_handoff_worker_tell_end(uint64_t id)
{
	if (worker.channel)
		ngx_handoff_channel_say(worker.channel,
					&(struct ngx_handoff_note){ .word = NGX_HANDOFF_SAY_ENDED,
								    .id = id },
					NULL);
}
