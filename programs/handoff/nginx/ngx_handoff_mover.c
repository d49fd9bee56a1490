/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker that moves connections has the host of the library, as long as no other one has. */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define ROLE_MS 100   /* between two looks whether another mover of this name has ended */
#define RETRY_MS 1000 /* and whether what was missing is there */
#define RETRIES_SAID 60
#define DRAIN_MS 20

struct handoff_host *ngx_handoff_host;
bool ngx_handoff_is_ending;

static struct {
	struct ngx_handoff_main *main;
	int role; /* held by one process of this name on this host */
	ngx_connection_t *loop;
	ngx_event_t retry, drain;
	ngx_uint_t failures;
	bool is_waiting; /* for another mover to end */
} mover = { .role = -1 };

/* --- the host ---------------------------------------------------------------------------------- */

static bool add_all(struct handoff_host *host, const char *own, const ngx_array_t *peers)
{
	const struct ngx_handoff_target *peer = peers ? peers->elts : NULL;

	for (ngx_uint_t i = 0; peers && i < peers->nelts; i++, peer++)
		if (strcmp(peer->name, own) != 0 &&
		    handoff_host_add(host, peer->name, peer->address, peer->length))
			return false;
	return true;
}

/* Targets that nobody dials here are names of peers of home. */
static bool add_targets(struct handoff_host *host, const struct ngx_handoff_main *main)
{
	const struct ngx_handoff_target *target = main->targets ? main->targets->elts : NULL;

	for (ngx_uint_t i = 0; target && i < main->targets->nelts; i++, target++)
		if (target->length && strcmp(target->name, main->host.name) != 0 &&
		    handoff_host_add(host, target->name, target->address, target->length))
			return false;
	return add_all(host, main->host.name, main->peers);
}

/* Another generation of workers, or another nginx, may move connections in this name still. */
static ngx_int_t take_role(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1,
			      "slotd-handoff-nginx/%s", name);

	if (mover.role >= 0)
		return NGX_OK;
	mover.role = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (mover.role < 0)
		return NGX_ERROR;
	if (!bind(mover.role, (struct sockaddr *)&address,
		  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)))
		return NGX_OK;
	close(mover.role);
	mover.role = -1;
	return NGX_BUSY;
}

static void close_host(void)
{
	if (mover.loop) {
		ngx_free_connection(mover.loop);
		mover.loop->fd = (ngx_socket_t)-1;
		mover.loop = NULL;
	}
	handoff_host_free(ngx_handoff_host);
	ngx_handoff_host = NULL;
}

static void leave(void)
{
	const ngx_array_t *targets = mover.main->targets;

	for (ngx_uint_t i = 0; targets && i < targets->nelts; i++)
		((struct ngx_handoff_target *)targets->elts)[i].is_linked = false;
	close_host();
	if (mover.role >= 0)
		close(mover.role);
	mover.role = -1;
}

/* What is on its way arrives first: another process of this name would have it reset. */
static void drain(ngx_event_t *event)
{
	if (ngx_handoff_host && handoff_host_is_busy(ngx_handoff_host))
		ngx_add_timer(event, DRAIN_MS);
	else
		leave();
}

static void run(ngx_event_t *event)
{
	const ngx_connection_t *c = event->data;

	if (handoff_host_run(ngx_handoff_host))
		ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "handoff: %s",
			      handoff_host_error(ngx_handoff_host));
	/* nginx closes what is idle when this worker is told to end. */
	if (!c->close || ngx_handoff_is_ending)
		return;
	ngx_handoff_is_ending = true;
	ngx_add_timer(&mover.drain, DRAIN_MS);
}

static bool watch(struct handoff_host *host)
{
	ngx_connection_t *loop = ngx_get_connection(handoff_host_fd(host), ngx_cycle->log);

	if (!loop)
		return false;
	mover.loop = loop;
	loop->idle = 1;
	loop->log = loop->read->log = loop->write->log = ngx_cycle->log;
	loop->read->handler = run;
	return ngx_add_event(loop->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) == NGX_OK;
}

static void say_failure(const char *why)
{
	if (mover.failures++ % RETRIES_SAID == 0)
		ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
			      "handoff: %s: connections stay until it is mended", why);
}

static void start(ngx_event_t *event)
{
	struct handoff_host_config *config = &mover.main->host;

	if (ngx_exiting)
		return;
	if (take_role(config->name) != NGX_OK) {
		if (!mover.is_waiting)
			ngx_log_error(
				NGX_LOG_NOTICE, ngx_cycle->log, 0,
				"handoff: another worker moves connections as %s until it ends",
				config->name);
		mover.is_waiting = true;
		ngx_add_timer(event, ROLE_MS);
		return;
	}
	ngx_handoff_crew_set_events(&config->events);
	if (!handoff_host_new(config, &ngx_handoff_host) &&
	    add_targets(ngx_handoff_host, mover.main) && watch(ngx_handoff_host))
		return;
	say_failure(ngx_handoff_host ? handoff_host_error(ngx_handoff_host) : "out of memory");
	close_host();
	ngx_add_timer(event, RETRY_MS);
}

/* --- the process ------------------------------------------------------------------------------- */

void ngx_handoff_mover_begin(struct ngx_handoff_main *main)
{
	mover.main = main;
	mover.retry.handler = start;
	mover.retry.log = ngx_cycle->log;
	mover.retry.cancelable = 1;
	mover.drain.handler = drain;
	mover.drain.log = ngx_cycle->log;
	ngx_handoff_crew_begin(main);
	start(&mover.retry);
}

void ngx_handoff_mover_end(void)
{
	leave();
	ngx_handoff_crew_end();
}
