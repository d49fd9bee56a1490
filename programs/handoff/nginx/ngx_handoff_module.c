/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module: what each process of nginx is, and the module's place among phases. */
#include <fcntl.h>

#include "programs/handoff/nginx/ngx_handoff.h"

/* --- what a process is ------------------------------------------------------------------------- */

static enum {
	IS_NOTHING,
	IS_MOVER,
	IS_WORKER
} what_it_is;

const char *ngx_handoff_ask(ngx_connection_t *c, uint64_t number, const char *peer,
			    const ngx_str_t *bytes)
{
	const struct ngx_handoff_taken *taken = ngx_handoff_taken_of(c);

	if (what_it_is == IS_MOVER)
		return ngx_handoff_crew_give(c->fd, number, peer, bytes);
	if (what_it_is == IS_WORKER)
		return ngx_handoff_worker_give(c->fd, taken ? taken->id : 0, number, peer, bytes);
	return "this process moves nothing";
}

/* The mover's descriptor is the library's until that has said what became of it: nginx closes another. */
void ngx_handoff_abandon(ngx_connection_t *c)
{
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(c);

	if (what_it_is != IS_MOVER)
		return;
	ngx_del_conn(c, 0);
	c->fd = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	if (taken)
		taken->fd = -1;
}

void ngx_handoff_tell_end(int fd, uint64_t id)
{
	if (what_it_is == IS_MOVER)
		ngx_handoff_crew_hear_end(fd, id);
	else if (what_it_is == IS_WORKER)
		ngx_handoff_worker_tell_end(id);
}

static ngx_int_t begin(ngx_cycle_t *cycle)
{
	struct ngx_handoff_main *main =
		ngx_http_cycle_get_module_main_conf(cycle, ngx_handoff_module);

	if (!main || !main->host.name || main->role < 0 ||
	    (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE))
		return NGX_OK;
	ngx_handoff_in_begin(cycle);
	if (!ngx_worker) {
		what_it_is = IS_MOVER;
		ngx_handoff_mover_begin(main);
	} else if (main->door >= 0) {
		what_it_is = IS_WORKER;
		ngx_handoff_worker_begin(main);
	}
	return NGX_OK;
}

static void end(ngx_cycle_t *cycle)
{
	(void)cycle;
	if (what_it_is == IS_MOVER)
		ngx_handoff_mover_end();
	else if (what_it_is == IS_WORKER)
		ngx_handoff_worker_end();
	what_it_is = IS_NOTHING;
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
	NGX_MODULE_V1,
	.ctx = &context,
	.commands = ngx_handoff_commands,
	.type = NGX_HTTP_MODULE,
	.init_module = ngx_handoff_prepare,
	.init_process = begin,
	.exit_process = end,
};

/* What nginx looks for in a module that it loads. */
__attribute__((visibility("default"))) ngx_module_t *ngx_modules[] = { &ngx_handoff_module, NULL };
__attribute__((visibility("default"))) char *ngx_module_names[] = { "ngx_handoff_module", NULL };
__attribute__((visibility("default"))) char *ngx_module_order[] = { NULL };
