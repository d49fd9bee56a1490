/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The worker that moves connections has the host of the library, as long as no other one has. */
#include <fcntl.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define ROLE_MS 100   /* between two looks whether another mover of this name has ended */
#define RETRY_MS 1000 /* and whether what was missing is there */
#define RETRIES_SAID 60
#define DRAIN_MS 20

struct handoff_host *ngx_handoff_host;

static struct {
	struct ngx_handoff_main *main;
	ngx_connection_t *loop;
	ngx_event_t retry, drain;
	ngx_uint_t failures;
	bool is_waiting; /* for another mover to end */
	bool is_ending;
} mover;

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
static bool set_role(short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return !fcntl(mover.main->role, F_SETLK, &lock);
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
	set_role(F_UNLCK);
}

/* What is on its way arrives first: another process of this name would have it reset. */
static void drain(ngx_event_t *event)
{
	if (ngx_handoff_host && handoff_host_is_busy(ngx_handoff_host))
		ngx_add_timer(event, DRAIN_MS);
	else
		leave();
}

/* nginx closes what is idle when this worker is told to end. */
static void stop(void)
{
	mover.is_ending = true;
	handoff_host_stop(ngx_handoff_host);
	ngx_add_timer(&mover.drain, DRAIN_MS);
}

static void run(ngx_event_t *event)
{
	const ngx_connection_t *c = event->data;

	if (c->close && !mover.is_ending)
		stop();
	if (handoff_host_run(ngx_handoff_host))
		ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "handoff: %s",
			      handoff_host_error(ngx_handoff_host));
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
	if (!set_role(F_WRLCK)) {
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
