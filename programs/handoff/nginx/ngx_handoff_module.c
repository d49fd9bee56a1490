/* SPDX-License-Identifier: GPL-2.0-only */
/* The module: its host in the event loop of the first worker, and its place among phases. */
#include "programs/handoff/nginx/ngx_handoff.h"

#define RETRY_MS 500 /* while the worker of an older configuration still listens */

struct handoff_host *ngx_handoff_host;

static ngx_connection_t *loop;
static ngx_event_t retry;

static void hear_link(void *data, const char *peer, bool is_up, const char *why)
{
	(void)data;
	ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "handoff: link to %s is %s %s", peer,
		      is_up ? "up" : "down", why ? why : "");
}

/* nginx reads of the socket's end, and closes it. One that was given away is gone here. */
static void hear_lost(void *data, void *tag, int fd, const char *why)
{
	ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "handoff: a client is reset: %s", why);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
	else
		ngx_handoff_given(data, tag);
}

static void run(ngx_event_t *event)
{
	(void)event;
	if (handoff_host_run(ngx_handoff_host))
		ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0, "handoff: %s",
			      handoff_host_error(ngx_handoff_host));
}

/* --- the worker's host ------------------------------------------------------------------------- */

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

static bool watch(struct handoff_host *host)
{
	loop = ngx_get_connection(handoff_host_fd(host), ngx_cycle->log);
	if (!loop)
		return false;
	loop->log = loop->read->log = loop->write->log = ngx_cycle->log;
	loop->read->handler = run;
	return ngx_add_event(loop->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) == NGX_OK;
}

static void start(ngx_event_t *event)
{
	struct ngx_handoff_main *main = event->data;
	struct handoff_host *host;
	int err;

	main->host.events = (struct handoff_host_events){
		.taken = ngx_handoff_take,
		.kept = ngx_handoff_kept,
		.given = ngx_handoff_given,
		.lost = hear_lost,
		.link = hear_link,
	};
	err = handoff_host_new(&main->host, &host);
	if (!err && add_targets(host, main) && watch(host)) {
		ngx_handoff_host = host;
		return;
	}
	ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "handoff: %s: no connection moves, for now",
		      host ? handoff_host_error(host) : "out of memory");
	handoff_host_free(host);
	ngx_add_timer(event, RETRY_MS);
}

static ngx_int_t begin(ngx_cycle_t *cycle)
{
	struct ngx_handoff_main *main =
		ngx_http_cycle_get_module_main_conf(cycle, ngx_handoff_module);

	if (!main || !main->host.name || ngx_worker ||
	    (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
		return NGX_OK;
	retry.handler = start;
	retry.data = main;
	retry.log = cycle->log;
	retry.cancelable = 1;
	start(&retry);
	return NGX_OK;
}

static void end(ngx_cycle_t *cycle)
{
	struct handoff_host *host = ngx_handoff_host;

	(void)cycle;
	if (!host)
		return;
	ngx_handoff_host = NULL;
	ngx_free_connection(loop);
	loop->fd = (ngx_socket_t)-1;
	handoff_host_free(host);
}

static ngx_int_t check(ngx_cycle_t *cycle)
{
	struct ngx_handoff_main *main =
		ngx_http_cycle_get_module_main_conf(cycle, ngx_handoff_module);
	ngx_core_conf_t *core = (ngx_core_conf_t *)ngx_get_conf(cycle->conf_ctx, ngx_core_module);

	if (main && main->host.name && core->worker_processes > 1)
		ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
			      "handoff: of %i workers only the first moves connections",
			      core->worker_processes);
	return NGX_OK;
}

/* --- its place --------------------------------------------------------------------------------- */

static ngx_int_t add_handler(ngx_http_core_main_conf_t *core, ngx_uint_t phase,
			     ngx_http_handler_pt handler)
{
	ngx_http_handler_pt *added = ngx_array_push(&core->phases[phase].handlers);

	if (!added)
		return NGX_ERROR;
	*added = handler;
	return NGX_OK;
}

/* Access is checked where the client connects to; what goes back was not begun. */
static ngx_int_t add_handlers(ngx_conf_t *cf)
{
	ngx_http_core_main_conf_t *core =
		ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

	if (add_handler(core, NGX_HTTP_POST_READ_PHASE, ngx_handoff_send_home) != NGX_OK)
		return NGX_ERROR;
	return add_handler(core, NGX_HTTP_PRECONTENT_PHASE, ngx_handoff_send_away);
}

static ngx_http_module_t context = {
	.postconfiguration = add_handlers,
	.create_main_conf = ngx_handoff_create_main,
	.init_main_conf = ngx_handoff_init_main,
	.create_srv_conf = ngx_handoff_create_server,
	.merge_srv_conf = ngx_handoff_merge_server,
	.create_loc_conf = ngx_handoff_create_location,
	.merge_loc_conf = ngx_handoff_merge_location,
};

ngx_module_t ngx_handoff_module = {
	NGX_MODULE_V1,		 .ctx = &context,      .commands = ngx_handoff_commands,
	.type = NGX_HTTP_MODULE, .init_module = check, .init_process = begin,
	.exit_process = end,
};

/* What nginx looks for in a module that it loads. */
__attribute__((visibility("default"))) ngx_module_t *ngx_modules[] = { &ngx_handoff_module, NULL };
__attribute__((visibility("default"))) char *ngx_module_names[] = { "ngx_handoff_module", NULL };
__attribute__((visibility("default"))) char *ngx_module_order[] = { NULL };
