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

static bool is_http(const ngx_listening_t *ls)
{
	const ngx_http_port_t *port = ls->servers;

	return ls->handler == ngx_http_init_connection && port && port->naddrs;
}

/* The first of its addresses whose server takes what comes; NGX_ERROR: none does. */
static ngx_int_t find_in(const ngx_listening_t *ls)
{
	const ngx_http_port_t *port = ls->servers;

	for (ngx_uint_t i = 0; is_http(ls) && i < port->naddrs; i++) {
		const ngx_http_core_srv_conf_t *core = conf_of(ls, port->addrs, i)->default_server;
		const struct ngx_handoff_server *server =
			core->ctx->srv_conf[ngx_handoff_module.ctx_index];

		if (server->is_in)
			return (ngx_int_t)i;
	}
	return NGX_ERROR;
}

static bool is_any(const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;

	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
	return four->sin_addr.s_addr == INADDR_ANY;
}

/* As @ls shows it: a socket for both families has addresses of IPv4 mapped. */
static struct sockaddr_storage map_address(const ngx_listening_t *ls,
					   const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	struct sockaddr_storage mapped = *address;
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = four->sin_port };

	if (address->ss_family != AF_INET || ls->sockaddr->sa_family != AF_INET6 || ls->ipv6only)
		return mapped;
	six.sin6_addr.s6_addr[10] = six.sin6_addr.s6_addr[11] = 0xff;
	ngx_memcpy(&six.sin6_addr.s6_addr[12], &four->sin_addr, sizeof(four->sin_addr));
	ngx_memcpy(&mapped, &six, sizeof(six));
	return mapped;
}

/* Whether it is what the client has connected to. */
static bool is_for(const ngx_listening_t *ls, const struct sockaddr_storage *home)
{
	struct sockaddr_storage mapped = map_address(ls, home);
	struct sockaddr *address = (struct sockaddr *)&mapped;

	if (!is_http(ls) || ls->sockaddr->sa_family != address->sa_family ||
	    ngx_inet_get_port(ls->sockaddr) != ngx_inet_get_port(address))
		return false;
	return is_any(ls->sockaddr) ||
	       ngx_cmp_sockaddr(ls->sockaddr, ls->socklen, address, ls->socklen, 0) == NGX_OK;
}

static ngx_listening_t *find_listening(const struct handoff_taken *what)
{
	ngx_listening_t *all = listening.elts;

	for (ngx_uint_t i = 0; i < listening.nelts; i++)
		if (what->is_home ? is_for(&all[i], &what->home) : find_in(&all[i]) >= 0)
			return &all[i];
	return NULL;
}

static bool is_at(const ngx_listening_t *ls, ngx_uint_t i, const struct sockaddr_storage *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const ngx_http_port_t *port = ls->servers;

	if (ls->sockaddr->sa_family == AF_INET6)
		return IN6_ARE_ADDR_EQUAL(&((ngx_http_in6_addr_t *)port->addrs)[i].addr6,
					  &six->sin6_addr);
	return ((ngx_http_in_addr_t *)port->addrs)[i].addr == four->sin_addr.s_addr;
}

/* Which of the addresses that listen by @ls; the last one is any. */
static ngx_uint_t choose_address(const ngx_listening_t *ls, const struct handoff_taken *what)
{
	struct sockaddr_storage home = map_address(ls, &what->home);
	const ngx_http_port_t *port = ls->servers;
	ngx_uint_t i = 0;

	if (!what->is_home)
		return (ngx_uint_t)find_in(ls);
	while (i < port->naddrs - 1 && !is_at(ls, i, &home))
		i++;
	return i;
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

static ngx_int_t set_client(ngx_connection_t *c, const struct sockaddr_storage *address)
{
	ngx_listening_t *ls = c->listening;
	struct sockaddr_storage client = map_address(ls, address);

	c->socklen = client.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
						    sizeof(struct sockaddr_in);
	c->sockaddr = ngx_palloc(c->pool, c->socklen);
	c->addr_text.data = ngx_pnalloc(c->pool, NGX_SOCKADDR_STRLEN);
	if (!c->sockaddr || !c->addr_text.data)
		return NGX_ERROR;
	ngx_memcpy(c->sockaddr, &client, c->socklen);
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

/*
 * The address that it came to alone: nginx would choose one by the socket's, whose family may be
 * another one. What it says of TLS, HTTP/2 and PROXY was done with where @c began.
 */
static void *copy_address(ngx_connection_t *c, const struct handoff_taken *what)
{
	const ngx_http_port_t *port = c->listening->servers;
	bool is_six = c->listening->sockaddr->sa_family == AF_INET6;
	size_t size = is_six ? sizeof(ngx_http_in6_addr_t) : sizeof(ngx_http_in_addr_t);
	ngx_http_addr_conf_t *conf;
	u_char *copy = ngx_palloc(c->pool, size);

	if (!copy)
		return NULL;
	ngx_memcpy(copy, (u_char *)port->addrs + size * choose_address(c->listening, what), size);
	conf = conf_of(c->listening, copy, 0);
	conf->ssl = conf->http2 = conf->proxy_protocol = 0;
	return copy;
}

/* Nothing of it is read before ls->handler() is through. */
static void hand_over(ngx_connection_t *c, void *address, bool has_bytes)
{
	ngx_listening_t *ls = c->listening;
	ngx_http_port_t *port = ls->servers;
	ngx_http_port_t own = *port;

	port->addrs = address;
	port->naddrs = 1;
	ls->handler(c);
	*port = own;
	if (c->fd == (ngx_socket_t)-1 || !has_bytes)
		return;
	c->read->ready = 1;
	ngx_post_event(c->read, &ngx_posted_events);
}

void ngx_handoff_take(int fd, const struct handoff_taken *what)
{
	ngx_listening_t *ls = find_listening(what);
	ngx_connection_t *c = ls ? ngx_get_connection(fd, ngx_cycle->log) : NULL;
	void *address = NULL;

	if (!ls)
		ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
			      "handoff: no server is for a connection from %s (handoff_in)",
			      what->from);
	if (c && set_up(c, ls, what) == NGX_OK)
		address = copy_address(c, what);
	if (!address || keep(c, fd, what) != NGX_OK) {
		if (c)
			drop(c);
		close(fd);
		ngx_handoff_tell_end(fd, what->id);
		return;
	}
#if (NGX_STAT_STUB)
	(void)ngx_atomic_fetch_add(ngx_stat_active, 1);
#endif
	hand_over(c, address, what->length > 0);
}
