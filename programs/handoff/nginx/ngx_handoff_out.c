/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A request goes to another host, by its connection: what nginx has read of it is unread again
 * there. Until handoff_host says what became of it, nginx does nothing with either.
 */
#include "programs/handoff/nginx/ngx_handoff.h"

struct going {
	bool is_kept;
	ngx_int_t code; /* what its phase handler returns then */
};

/* --- the request as bytes ---------------------------------------------------------------------- */

static u_char *put(u_char *at, const ngx_str_t *text, const char *after)
{
	at = ngx_cpymem(at, text->data, text->len);
	return ngx_cpymem(at, after, strlen(after));
}

static size_t measure(ngx_http_request_t *r)
{
	size_t rest = (size_t)(r->header_in->last - r->header_in->pos);
	size_t size = r->request_line.len + 4 + rest;
	ngx_list_part_t *part = &r->headers_in.headers.part;

	for (; part; part = part->next)
		for (ngx_uint_t i = 0; i < part->nelts; i++) {
			const ngx_table_elt_t *header = &((ngx_table_elt_t *)part->elts)[i];

			size += header->key.len + header->value.len + 4;
		}
	return size;
}

/* nginx writes zeros into the buffer where names and values end: it is put together again. */
static ngx_int_t write_down(ngx_http_request_t *r, ngx_str_t *ret_bytes)
{
	ngx_buf_t *in = r->header_in;
	ngx_list_part_t *part = &r->headers_in.headers.part;
	u_char *bytes = ngx_pnalloc(r->pool, measure(r)), *at;

	if (!bytes)
		return NGX_ERROR;
	at = put(bytes, &r->request_line, "\r\n");
	for (; part; part = part->next)
		for (ngx_uint_t i = 0; i < part->nelts; i++) {
			const ngx_table_elt_t *header = &((ngx_table_elt_t *)part->elts)[i];

			at = put(at, &header->key, ": ");
			at = put(at, &header->value, "\r\n");
		}
	at = ngx_cpymem(at, "\r\n", 2);
	at = ngx_cpymem(at, in->pos, in->last - in->pos);
	ret_bytes->data = bytes;
	ret_bytes->len = (size_t)(at - bytes);
	return NGX_OK;
}

/* --- to whom ----------------------------------------------------------------------------------- */

/* NULL: to nobody. */
static const char *choose_by_key(ngx_http_request_t *r, const struct ngx_handoff_main *main)
{
	const struct ngx_handoff_target *targets = main->targets->elts;
	ngx_str_t key;

	if (ngx_http_complex_value(r, main->key, &key) != NGX_OK)
		return NULL;
	return targets[ngx_crc32_long(key.data, key.len) % main->targets->nelts].name;
}

static const char *choose_in_turn(struct ngx_handoff_main *main)
{
	const struct ngx_handoff_target *targets = main->targets->elts;

	for (ngx_uint_t i = 0; i < main->targets->nelts; i++) {
		const char *name = targets[main->turn++ % main->targets->nelts].name;

		if (handoff_host_is_linked(ngx_handoff_host, name))
			return name;
	}
	return NULL;
}

/* --- it goes ----------------------------------------------------------------------------------- */

/* Whether nothing was begun that only this process can end. */
static bool may_go(ngx_http_request_t *r)
{
	return ngx_handoff_host && r == r->main && r->main->count == 1 && !r->stream &&
	       !r->connection->ssl && !r->connection->proxy_protocol && !r->request_body &&
	       !r->discard_body && !r->header_sent && r->http_version >= NGX_HTTP_VERSION_10;
}

static ngx_int_t send_to(ngx_http_request_t *r, const char *peer, ngx_int_t code)
{
	struct going *going = ngx_pcalloc(r->pool, sizeof(*going));
	ngx_str_t bytes;

	if (!going || write_down(r, &bytes) != NGX_OK)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	going->code = code;
	ngx_http_set_ctx(r, going, ngx_handoff_module);
	if (handoff_host_send_unread(ngx_handoff_host, r->connection->fd, peer, r, bytes.data,
				     bytes.len)) {
		ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "handoff to %s: %s",
			      peer ? peer : "home", handoff_host_error(ngx_handoff_host));
		going->is_kept = true;
		return code;
	}
	r->read_event_handler = ngx_http_block_reading;
	r->write_event_handler = ngx_http_request_empty_handler;
	return NGX_DONE;
}

/* Whether it was tried already; *ret_code: to be returned. */
static bool was_tried(ngx_http_request_t *r, ngx_int_t *ret_code)
{
	const struct going *going = ngx_http_get_module_ctx(r, ngx_handoff_module);

	if (going)
		*ret_code = going->is_kept ? going->code : NGX_DONE;
	return going;
}

ngx_int_t ngx_handoff_send_away(ngx_http_request_t *r)
{
	struct ngx_handoff_main *main = ngx_http_get_module_main_conf(r, ngx_handoff_module);
	struct ngx_handoff_location *location = ngx_http_get_module_loc_conf(r, ngx_handoff_module);
	struct ngx_handoff_taken *taken;
	const char *peer;
	ngx_int_t code;

	if (!location->is_out)
		return NGX_DECLINED;
	if (was_tried(r, &code))
		return code;
	taken = ngx_handoff_taken_of(r->connection);
	if (taken && !taken->is_home)
		return NGX_DECLINED;
	if (!main->targets || !may_go(r))
		return location->code;
	peer = main->key ? choose_by_key(r, main) : choose_in_turn(main);
	return peer ? send_to(r, peer, location->code) : location->code;
}

ngx_int_t ngx_handoff_send_home(ngx_http_request_t *r)
{
	struct ngx_handoff_main *main = ngx_http_get_module_main_conf(r, ngx_handoff_module);
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(r->connection);
	const char *peer = NULL;
	ngx_int_t code;

	if (!taken || taken->is_home)
		return NGX_DECLINED;
	if (was_tried(r, &code))
		return code;
	if (!may_go(r) || r->connection->requests <= 1)
		return NGX_DECLINED;
	if (main->key && main->targets) {
		peer = choose_by_key(r, main);
		if (!peer || !strcmp(peer, main->host.name))
			return NGX_DECLINED;
	} else if (!main->freq || r->connection->requests <= main->freq) {
		return NGX_DECLINED;
	}
	return send_to(r, peer, NGX_DECLINED);
}

/* --- what became of it ------------------------------------------------------------------------- */

void ngx_handoff_kept(void *data, void *tag, int fd, const char *why)
{
	ngx_http_request_t *r = tag;
	ngx_connection_t *c = r->connection;
	struct going *going = ngx_http_get_module_ctx(r, ngx_handoff_module);

	(void)data;
	(void)fd;
	ngx_log_error(NGX_LOG_INFO, c->log, 0, "handoff: kept: %s", why);
	going->is_kept = true;
	r->write_event_handler = ngx_http_core_run_phases;
	ngx_http_core_run_phases(r);
	ngx_http_run_posted_requests(c);
}

static void drop_events(ngx_connection_t *c)
{
	ngx_event_t *events[] = { c->read, c->write };

	for (size_t i = 0; i < 2; i++) {
		if (events[i]->timer_set)
			ngx_del_timer(events[i]);
		if (events[i]->posted) {
			/* more than one statement */
			ngx_delete_posted_event(events[i]);
		}
		events[i]->closed = 1;
	}
}

/* As nginx closes a connection, but for the descriptor, which is closed, and may be another's. */
void ngx_handoff_given(void *data, void *tag)
{
	ngx_http_request_t *r = tag;
	ngx_connection_t *c = r->connection;
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(c);
	ngx_pool_t *pool = c->pool;

	(void)data;
	if (taken)
		taken->fd = -1;
	/* Who serves it writes it to the log. */
	r->logged = 1;
	ngx_http_free_request(r, 0);
	drop_events(c);
	ngx_reusable_connection(c, 0);
	ngx_free_connection(c);
	c->fd = (ngx_socket_t)-1;
#if (NGX_STAT_STUB)
	(void)ngx_atomic_fetch_add(ngx_stat_active, -1);
#endif
	c->destroyed = 1;
	ngx_destroy_pool(pool);
}
