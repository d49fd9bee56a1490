/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request goes to another host, by its connection: what nginx has read of it is unread again
 * there. Until handoff_host says what became of it, nginx does nothing with either.
 */
#include <openssl/bio.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define GUARDS_MAX 4

struct going {
	ngx_queue_t all;
	ngx_http_request_t *r;
	uint64_t number;
	ngx_event_t guard; /* while it is on its way: a worker does not end before */
	ngx_uint_t guards;
	bool is_on_way, is_kept, is_second; /* it was kept once, and tried again */
	ngx_int_t code;			    /* what its phase handler returns then */
	const char *peer;		    /* NULL: home */
	ngx_str_t bytes;
};

static ngx_queue_t all_going = { &all_going, &all_going };
static uint64_t last_number;

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
		const struct ngx_handoff_target *target =
			&targets[main->turn++ % main->targets->nelts];

		if (target->is_linked)
			return target->name;
	}
	return NULL;
}

/* --- it goes ----------------------------------------------------------------------------------- */

#if (NGX_HTTP_SSL)
static const char *find_hindrance_of_tls(ngx_connection_t *c)
{
	SSL *ssl = c->ssl->connection;

	if (SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER)
		return "its client was asked for a certificate (ssl_verify_client)";
	if (!BIO_get_ktls_send(SSL_get_wbio(ssl)) || !BIO_get_ktls_recv(SSL_get_rbio(ssl)))
		return "its TLS is not the kernel's in both directions (ssl_conf_command Options KTLS)";
	if (SSL_has_pending(ssl))
		return "it is amid a record of TLS";
	return NULL;
}

/* As nginx asks of connections of TLS that it has accepted. */
static bool lacks_certificate(ngx_http_request_t *r, const struct ngx_handoff_taken *taken)
{
	const ngx_http_ssl_srv_conf_t *ssl = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

	return taken->is_of_tls && ssl->verify == 1;
}
#endif

/* Whether something was begun that only this process can end: NULL, or what it is. */
static const char *find_hindrance(ngx_http_request_t *r)
{
	if (r->stream || r->http_version > NGX_HTTP_VERSION_11)
		return "other requests share its connection (HTTP/2)";
	if (r->http_version < NGX_HTTP_VERSION_10)
		return "it is of HTTP/0.9";
	if (r != r->main || r->main->count != 1)
		return "it has subrequests, or came by error_page or try_files";
	if (r->connection->proxy_protocol)
		return "its client is known by the PROXY protocol only";
	if (r->request_body || r->discard_body)
		return "its body was read";
	if (r->header_sent || r->connection->buffered)
		return "an answer is on its way";
#if (NGX_HTTP_SSL)
	if (r->connection->ssl)
		return find_hindrance_of_tls(r->connection);
#endif
	return NULL;
}

/* At @level where it is served here; what is answered by @code instead is an error. */
static void stay(ngx_http_request_t *r, ngx_int_t code, ngx_uint_t level, const char *why)
{
	ngx_log_t *log = r->connection->log;

	if (code == NGX_DECLINED) {
		ngx_log_error(level, log, 0, "handoff: it stays: %s", why);
		return;
	}
	ngx_log_error(NGX_LOG_ERR, log, 0, "handoff: it stays: %s: answered by %i", why, code);
}

static struct going *find_going(uint64_t number)
{
	ngx_queue_t *at;

	for (at = ngx_queue_head(&all_going); at != &all_going; at = ngx_queue_next(at)) {
		struct going *going = ngx_queue_data(at, struct going, all);

		if (going->number == number)
			return going;
	}
	return NULL;
}

static ngx_msec_t guard_ms_of(ngx_http_request_t *r)
{
	const struct ngx_handoff_main *main = ngx_http_get_module_main_conf(r, ngx_handoff_module);

	return main->guard_ms;
}

static void watch_over(ngx_event_t *event)
{
	struct going *going = event->data;
	ngx_msec_t guard_ms = guard_ms_of(going->r);

	if (++going->guards % GUARDS_MAX == 0)
		ngx_log_error(NGX_LOG_ALERT, going->r->connection->log, 0,
			      "handoff: of a request nothing was heard for %M ms",
			      going->guards * guard_ms);
	ngx_add_timer(event, guard_ms);
}

static void finish(struct going *going)
{
	going->is_on_way = false;
	ngx_del_timer(&going->guard);
	ngx_queue_remove(&going->all);
}

/* The client hears nothing of TLS. */
static void silence_tls(ngx_connection_t *c)
{
#if (NGX_HTTP_SSL)
	if (!c->ssl)
		return;
	c->ssl->no_wait_shutdown = 1;
	c->ssl->no_send_shutdown = 1;
#else
	(void)c;
#endif
}

/*
 * nginx is about to end a request that is on its way, and to close its connection
 * (worker_shutdown_timeout): no answer finds it, and the mover ends what is kept.
 */
static void abandon(void *data)
{
	struct going *going = data;
	ngx_connection_t *c = going->r->connection;

	if (!going->is_on_way)
		return;
	finish(going);
	silence_tls(c);
	ngx_handoff_abandon(c);
}

static struct going *begin(ngx_http_request_t *r, const char *peer, ngx_int_t code)
{
	ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(struct going));
	struct going *going = cleanup ? cleanup->data : NULL;

	if (!going)
		return NULL;
	ngx_memzero(going, sizeof(*going));
	if (ngx_handoff_write_down(r, &going->bytes) != NGX_OK)
		return NULL;
	going->r = r;
	going->number = ++last_number;
	going->code = code;
	going->peer = peer;
	going->is_on_way = true;
	going->guard.handler = watch_over;
	going->guard.data = going;
	going->guard.log = r->connection->log;
	cleanup->handler = abandon;
	ngx_queue_insert_tail(&all_going, &going->all);
	ngx_http_set_ctx(r, going, ngx_handoff_module);
	ngx_add_timer(&going->guard, guard_ms_of(r));
	return going;
}

static ngx_int_t send_to(ngx_http_request_t *r, const char *peer, ngx_int_t code)
{
	struct going *going = begin(r, peer, code);
	const char *why;

	if (!going)
		return NGX_HTTP_INTERNAL_SERVER_ERROR;
	r->read_event_handler = ngx_http_block_reading;
	r->write_event_handler = ngx_http_request_empty_handler;
	why = ngx_handoff_ask(r->connection, going->number, peer, &going->bytes);
	if (!why)
		return NGX_DONE;
	finish(going);
	r->write_event_handler = ngx_http_core_run_phases;
	stay(r, code, NGX_LOG_INFO, why);
	going->is_kept = true;
	return code;
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
	const char *peer, *why;
	ngx_int_t code;

	if (!location->is_out)
		return NGX_DECLINED;
	if (was_tried(r, &code))
		return code;
	taken = ngx_handoff_taken_of(r->connection);
	if (taken && !taken->is_home)
		return NGX_DECLINED;
	why = main->targets ? find_hindrance(r) : "there is no target";
	peer = why ? NULL : main->key ? choose_by_key(r, main) : choose_in_turn(main);
	if (peer && !strcmp(peer, main->host.name))
		return NGX_DECLINED;
	if (peer)
		return send_to(r, peer, location->code);
	stay(r, location->code, NGX_LOG_DEBUG, why ? why : "no target is linked");
	return location->code;
}

/*
 * Whether this one goes on from a host that is not its home; *ret_peer: to whom, NULL: home;
 * *ret_code: where it cannot. What another host alone has is not to be served here.
 */
static bool is_to_go_on(ngx_http_request_t *r, const struct ngx_handoff_main *main,
			const char **ret_peer, ngx_int_t *ret_code)
{
	ngx_str_t home = ngx_null_string;

	*ret_peer = NULL;
	*ret_code = NGX_HTTP_SERVICE_UNAVAILABLE;
	/* What it came for is served here. */
	if (r->connection->requests <= 1)
		return false;
	if (main->home && ngx_http_complex_value(r, main->home, &home) == NGX_OK && home.len &&
	    (home.len > 1 || home.data[0] != '0'))
		return true;
	if (!main->key || !main->targets) {
		*ret_code = NGX_DECLINED;
		return main->freq && r->connection->requests > main->freq;
	}
	*ret_peer = choose_by_key(r, main);
	return *ret_peer && strcmp(*ret_peer, main->host.name) != 0;
}

ngx_int_t ngx_handoff_send_home(ngx_http_request_t *r)
{
	struct ngx_handoff_main *main = ngx_http_get_module_main_conf(r, ngx_handoff_module);
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(r->connection);
	const char *peer, *why;
	ngx_int_t code;

#if (NGX_HTTP_SSL)
	if (taken && lacks_certificate(r, taken))
		return NGX_HTTPS_NO_CERT;
#endif
	if (!taken || taken->is_home)
		return NGX_DECLINED;
	if (was_tried(r, &code))
		return code;
	if (!is_to_go_on(r, main, &peer, &code))
		return NGX_DECLINED;
	why = find_hindrance(r);
	if (!why)
		return send_to(r, peer, code);
	/* It was for this host before it came to another location. */
	if (r->internal || r != r->main)
		code = NGX_DECLINED;
	stay(r, code, NGX_LOG_DEBUG, why);
	return code;
}

/* --- what became of it ------------------------------------------------------------------------- */

static void go_on(struct going *going, const char *why)
{
	ngx_http_request_t *r = going->r;
	ngx_connection_t *c = r->connection;

	stay(r, going->code, NGX_LOG_INFO, why);
	going->is_kept = true;
	r->write_event_handler = ngx_http_core_run_phases;
	ngx_http_core_run_phases(r);
	ngx_http_run_posted_requests(c);
}

/* Returns whether another answer follows, or has come already: @going may be no more. */
static bool try_again(struct going *going, const char *first)
{
	ngx_connection_t *c = going->r->connection;
	const char *why;

	if (going->is_second)
		return false;
	going->is_second = true;
	ngx_log_error(NGX_LOG_INFO, c->log, 0, "handoff: tried again: %s", first);
	why = ngx_handoff_ask(c, going->number, going->peer, &going->bytes);
	if (why)
		ngx_log_error(NGX_LOG_INFO, c->log, 0, "handoff: not begun again: %s", why);
	return !why;
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
static void release(ngx_connection_t *c)
{
	drop_events(c);
	ngx_reusable_connection(c, 0);
	ngx_free_connection(c);
	c->fd = (ngx_socket_t)-1;
}

static void free_tls(ngx_connection_t *c)
{
	silence_tls(c);
#if (NGX_HTTP_SSL)
	if (c->ssl)
		(void)ngx_ssl_shutdown(c);
#endif
}

static void end(struct going *going, bool is_closed)
{
	ngx_http_request_t *r = going->r;
	ngx_connection_t *c = r->connection;
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(c);
	ngx_pool_t *pool = c->pool;

	if (taken)
		taken->fd = -1;
	/* Who serves it writes it to the log. */
	r->logged = 1;
	ngx_http_free_request(r, 0);
	free_tls(c);
	if (is_closed)
		release(c);
	else
		ngx_close_connection(c);
#if (NGX_STAT_STUB)
	(void)ngx_atomic_fetch_add(ngx_stat_active, -1);
#endif
	c->destroyed = 1;
	ngx_destroy_pool(pool);
}

bool ngx_handoff_answer(uint64_t number, enum ngx_handoff_outcome outcome, const char *why,
			bool is_closed)
{
	struct going *going = find_going(number);

	if (!going)
		return false;
	if (outcome == NGX_HANDOFF_KEPT_NOW && try_again(going, why))
		return true;
	finish(going);
	if (outcome == NGX_HANDOFF_KEPT || outcome == NGX_HANDOFF_KEPT_NOW) {
		go_on(going, why);
		return true;
	}
	if (outcome == NGX_HANDOFF_LOST)
		ngx_log_error(NGX_LOG_ERR, going->r->connection->log, 0,
			      "handoff: the client is reset: %s", why);
	end(going, is_closed);
	return true;
}

static const struct going *get_first(void)
{
	return ngx_queue_data(ngx_queue_head(&all_going), struct going, all);
}

/* Clients that wait for an answer would wait, as the end of a frozen socket is silent. */
static void break_all_off(ngx_log_t *log)
{
	const struct ngx_handoff_main *main =
		ngx_http_get_module_main_conf(get_first()->r, ngx_handoff_module);
	size_t count = 0, room = 0;
	ngx_queue_t *at;
	int *fds, err;

	for (at = ngx_queue_head(&all_going); at != &all_going; at = ngx_queue_next(at))
		room++;
	fds = ngx_alloc(room * sizeof(*fds), log);
	if (!fds)
		return;
	for (at = ngx_queue_head(&all_going); at != &all_going; at = ngx_queue_next(at)) {
		const struct going *going = ngx_queue_data(at, struct going, all);

		fds[count++] = going->r->connection->fd;
	}
	err = handoff_host_break_off(&main->host, fds, count);
	if (err)
		ngx_log_error(NGX_LOG_ERR, log, -err,
			      "handoff: clients hear of their end by the other host only");
	ngx_free(fds);
}

void ngx_handoff_lose_all(const char *why)
{
	if (!ngx_queue_empty(&all_going))
		break_all_off(ngx_cycle->log);
	while (!ngx_queue_empty(&all_going))
		ngx_handoff_answer(get_first()->number, NGX_HANDOFF_LOST, why, false);
}
