/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that come from other hosts become connections as if nginx had accepted them. */
#include "programs/handoff/nginx/ngx_handoff.h"

static ngx_queue_t all_taken = { &all_taken, &all_taken };
static ngx_uint_t taken_count;
/* nginx empties its own list when this process is told to end, and what is on its way comes yet. */
static ngx_array_t listening;

void ngx_handoff_in_begin(const ngx_cycle_t *cycle)
{
	listening = cycle->listening;
}

/* --- whose they are ---------------------------------------------------------------------------- */

static ngx_http_addr_conf_t *conf_of(const ngx_listening_t *ls, void *addresses, ngx_uint_t i)
{
	if (ls->sockaddr->sa_family == AF_INET6)
		return &((ngx_http_in6_addr_t *)addresses)[i].conf;
	return &((ngx_http_in_addr_t *)addresses)[i].conf;
}

static bool is_of_tls(const ngx_listening_t *ls)
{
	const ngx_http_port_t *port = ls->servers;
	bool is = false;

	for (ngx_uint_t i = 0; i < port->naddrs; i++)
		is = is || conf_of(ls, port->addrs, i)->ssl;
	return is;
}

static ngx_http_core_srv_conf_t *first_server(const ngx_listening_t *ls)
{
	const ngx_http_port_t *port = ls->servers;

	if (ls->handler != ngx_http_init_connection || !port || !port->naddrs)
		return NULL;
	return conf_of(ls, port->addrs, 0)->default_server;
}

static bool is_in(const ngx_listening_t *ls)
{
	const ngx_http_core_srv_conf_t *core = first_server(ls);
	const struct ngx_handoff_server *server =
		core ? core->ctx->srv_conf[ngx_handoff_module.ctx_index] : NULL;

	return server && server->is_in;
}

static bool is_any(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
	return four->sin_addr.s_addr == INADDR_ANY;
}

/* Whether it is what the client has connected to. */
static bool is_for(ngx_listening_t *ls, struct sockaddr *home)
{
	if (!first_server(ls) || ls->sockaddr->sa_family != home->sa_family ||
	    ngx_inet_get_port(ls->sockaddr) != ngx_inet_get_port(home))
		return false;
	return is_any(ls->sockaddr) ||
	       ngx_cmp_sockaddr(ls->sockaddr, ls->socklen, home, ls->socklen, 0) == NGX_OK;
}

static ngx_listening_t *find_listening(const struct handoff_taken *what)
{
	ngx_listening_t *all = listening.elts;
	struct sockaddr_storage home = what->home;

	for (ngx_uint_t i = 0; i < listening.nelts; i++)
		if (what->is_home ? is_for(&all[i], (struct sockaddr *)&home) : is_in(&all[i]))
			return &all[i];
	return NULL;
}

/* --- what stays with them ---------------------------------------------------------------------- */

static void forget(void *data)
{
	struct ngx_handoff_taken *taken = data;

	ngx_queue_remove(&taken->all);
	taken_count--;
	/* nginx has just closed it. */
	if (taken->fd >= 0)
		ngx_handoff_tell_end(taken->fd, taken->id);
}

ngx_uint_t ngx_handoff_count_taken(void)
{
	return taken_count;
}

void ngx_handoff_break(uint64_t id, const char *why)
{
	ngx_queue_t *at;

	for (at = ngx_queue_head(&all_taken); at != &all_taken; at = ngx_queue_next(at)) {
		struct ngx_handoff_taken *taken = ngx_queue_data(at, struct ngx_handoff_taken, all);

		if (taken->id != id || taken->fd < 0)
			continue;
		ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "handoff: a client is reset: %s",
			      why);
		shutdown(taken->fd, SHUT_RDWR);
	}
}

struct ngx_handoff_taken *ngx_handoff_taken_of(ngx_connection_t *c)
{
	ngx_pool_cleanup_t *cleanup = c->pool->cleanup;

	while (cleanup && cleanup->handler != forget)
		cleanup = cleanup->next;
	return cleanup ? cleanup->data : NULL;
}

/* Of kTLS what was read elsewhere comes beside the socket, not in it. */
static ssize_t read_bytes_first(ngx_connection_t *c, u_char *to, size_t size)
{
	struct ngx_handoff_taken *taken = ngx_handoff_taken_of(c);

	if (size > taken->bytes.len)
		size = taken->bytes.len;
	ngx_memcpy(to, taken->bytes.data, size);
	taken->bytes.data += size;
	taken->bytes.len -= size;
	if (!taken->bytes.len)
		c->recv = taken->recv;
	return (ssize_t)size;
}

static ngx_int_t keep(ngx_connection_t *c, int fd, const struct handoff_taken *what)
{
	ngx_pool_cleanup_t *cleanup =
		ngx_pool_cleanup_add(c->pool, sizeof(struct ngx_handoff_taken));
	struct ngx_handoff_taken *taken = cleanup ? cleanup->data : NULL;
	u_char *bytes = what->length ? ngx_pnalloc(c->pool, what->length) : NULL;

	if (!taken || (what->length && !bytes))
		return NGX_ERROR;
	ngx_handoff_begin_tls(c);
	*taken = (struct ngx_handoff_taken){
		.fd = fd,
		.is_home = what->is_home,
		.is_of_tls = is_of_tls(c->listening),
		.id = what->id,
		.recv = c->recv,
	};
	if (bytes) {
		ngx_memcpy(bytes, what->bytes, what->length);
		taken->bytes.data = bytes;
		taken->bytes.len = what->length;
		c->recv = read_bytes_first;
	}
	taken_count++;
	ngx_queue_insert_tail(&all_taken, &taken->all);
	cleanup->handler = forget;
	return NGX_OK;
}

/* --- as ngx_event_accept() does ---------------------------------------------------------------- */

static ngx_int_t set_client(ngx_connection_t *c, const struct sockaddr_storage *client)
{
	ngx_listening_t *ls = c->listening;

	c->socklen = client->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						     sizeof(struct sockaddr_in);
	c->sockaddr = ngx_palloc(c->pool, c->socklen);
	c->addr_text.data = ngx_pnalloc(c->pool, NGX_SOCKADDR_STRLEN);
	if (!c->sockaddr || !c->addr_text.data)
		return NGX_ERROR;
	ngx_memcpy(c->sockaddr, client, c->socklen);
	if (ls->addr_ntop)
		c->addr_text.len = ngx_sock_ntop(c->sockaddr, c->socklen, c->addr_text.data,
						 NGX_SOCKADDR_STRLEN, 0);
	return NGX_OK;
}

static ngx_int_t set_up(ngx_connection_t *c, ngx_listening_t *ls, const struct handoff_taken *what)
{
	ngx_log_t *log;

	c->pool = ngx_create_pool(ls->pool_size, ngx_cycle->log);
	log = c->pool ? ngx_palloc(c->pool, sizeof(*log)) : NULL;
	if (!log)
		return NGX_ERROR;
	*log = ls->log;
	log->data = NULL;
	log->handler = NULL;
	c->log = c->pool->log = c->read->log = c->write->log = log;
	c->type = SOCK_STREAM;
	c->recv = ngx_recv;
	c->send = ngx_send;
	c->recv_chain = ngx_recv_chain;
	c->send_chain = ngx_send_chain;
	c->listening = ls;
	c->local_sockaddr = ls->sockaddr;
	c->local_socklen = ls->socklen;
	c->write->ready = 1;
	c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
	c->start_time = ngx_current_msec;
	return set_client(c, &what->client);
}

static void drop(ngx_connection_t *c)
{
	ngx_pool_t *pool = c->pool;

	ngx_free_connection(c);
	c->fd = (ngx_socket_t)-1;
	if (pool)
		ngx_destroy_pool(pool);
}

/* What a port's addresses say of TLS, HTTP/2 and PROXY was done with where @c began. */
static void *copy_addresses(ngx_connection_t *c, const ngx_http_port_t *port)
{
	bool is_six = c->listening->sockaddr->sa_family == AF_INET6;
	size_t each = is_six ? sizeof(ngx_http_in6_addr_t) : sizeof(ngx_http_in_addr_t);
	u_char *copy = ngx_palloc(c->pool, port->naddrs * each);

	if (!copy)
		return NULL;
	ngx_memcpy(copy, port->addrs, port->naddrs * each);
	for (ngx_uint_t i = 0; i < port->naddrs; i++) {
		ngx_http_addr_conf_t *conf = conf_of(c->listening, copy, i);

		conf->ssl = conf->http2 = conf->proxy_protocol = 0;
	}
	return copy;
}

/* Nothing of it is read before ls->handler() is through. */
static void hand_over(ngx_connection_t *c, void *addresses, bool has_bytes)
{
	ngx_listening_t *ls = c->listening;
	ngx_http_port_t *port = ls->servers;
	void *own = port->addrs;

	port->addrs = addresses;
	ls->handler(c);
	port->addrs = own;
	if (c->fd == (ngx_socket_t)-1 || !has_bytes)
		return;
	c->read->ready = 1;
	ngx_post_event(c->read, &ngx_posted_events);
}

void ngx_handoff_take(int fd, const struct handoff_taken *what)
{
	ngx_listening_t *ls = find_listening(what);
	ngx_connection_t *c = ls ? ngx_get_connection(fd, ngx_cycle->log) : NULL;
	void *addresses = NULL;

	if (!ls)
		ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
			      "handoff: no server is for a connection from %s (handoff_in)",
			      what->from);
	if (c && set_up(c, ls, what) == NGX_OK)
		addresses = copy_addresses(c, ls->servers);
	if (!addresses || keep(c, fd, what) != NGX_OK) {
		if (c)
			drop(c);
		close(fd);
		ngx_handoff_tell_end(fd, what->id);
		return;
	}
#if (NGX_STAT_STUB)
	(void)ngx_atomic_fetch_add(ngx_stat_active, 1);
#endif
	hand_over(c, addresses, what->length > 0);
}
