/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The directives: README.md has them. */
#include "programs/handoff/nginx/ngx_handoff.h"

#define DONE_MS 3000 /* the library's, unless set */
#define SPARE_MS 2000

static char *add_to(ngx_conf_t *cf, ngx_array_t **list, const struct ngx_handoff_target *target)
{
	struct ngx_handoff_target *added;

	if (!*list)
		*list = ngx_array_create(cf->pool, 4, sizeof(*target));
	added = *list ? ngx_array_push(*list) : NULL;
	if (!added)
		return NGX_CONF_ERROR;
	*added = *target;
	return NGX_CONF_OK;
}

/* The first of its addresses, as it is when the file is read. Returns NULL, or what is wrong. */
static char *find_address(ngx_conf_t *cf, ngx_str_t *host, in_port_t port,
			  struct ngx_handoff_target *target)
{
	ngx_url_t url = { .host = *host, .port = port, .last_port = port };
	ngx_addr_t address;

	if (ngx_parse_addr(cf->pool, &address, host->data, host->len) == NGX_OK)
		ngx_inet_set_port(address.sockaddr, port);
	else if (ngx_inet_resolve_host(cf->pool, &url) == NGX_OK)
		address = url.addrs[0];
	else
		return "has a host that is not found";
	target->address = address.sockaddr;
	target->length = address.socklen;
	return NULL;
}

/* handoff_target HOST [PORT [NAME]]: with a PORT it is dialed */
static char *set_target(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct ngx_handoff_main *main = conf;
	ngx_str_t *words = cf->args->elts;
	ngx_uint_t count = cf->args->nelts;
	struct ngx_handoff_target target = { .name = (char *)words[count > 3 ? 3 : 1].data };
	ngx_int_t port;
	char *why;

	(void)cmd;
	if (count < 3)
		return add_to(cf, &main->targets, &target);
	port = ngx_atoi(words[2].data, words[2].len);
	if (port < 1 || port > 65535)
		return "has no port between 1 and 65535";
	why = find_address(cf, &words[1], (in_port_t)port, &target);
	return why ? why : add_to(cf, &main->targets, &target);
}

static char *set_peer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct ngx_handoff_main *main = conf;
	ngx_str_t *words = cf->args->elts;

	(void)cmd;
	return add_to(cf, &main->peers,
		      &(struct ngx_handoff_target){ .name = (char *)words[1].data });
}

static char *set_listen(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct handoff_host_config *host = &((struct ngx_handoff_main *)conf)->host;
	ngx_str_t *words = cf->args->elts;
	ngx_addr_t address;

	(void)cmd;
	if (host->listen_length)
		return "is duplicate";
	if (ngx_parse_addr_port(cf->pool, &address, words[1].data, words[1].len) != NGX_OK ||
	    !ngx_inet_get_port(address.sockaddr))
		return "has no ADDRESS:PORT";
	ngx_memcpy(&host->listen, address.sockaddr, address.socklen);
	host->listen_length = address.socklen;
	return NGX_CONF_OK;
}

static char *set_local(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct handoff_host_config *host = &((struct ngx_handoff_main *)conf)->host;
	ngx_str_t *words = cf->args->elts;
	ngx_addr_t address;

	(void)cmd;
	if (host->local[0].ss_family)
		return "is duplicate";
	for (ngx_uint_t i = 1; i < cf->args->nelts; i++) {
		if (ngx_parse_addr(cf->pool, &address, words[i].data, words[i].len) != NGX_OK)
			return "has no address of IPv4 or IPv6";
		ngx_memcpy(&host->local[i - 1], address.sockaddr, address.socklen);
	}
	return NGX_CONF_OK;
}

static char *set_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct handoff_host_config *host = &((struct ngx_handoff_main *)conf)->host;
	ngx_str_t *words = cf->args->elts;

	(void)cmd;
	if (host->key)
		return "is duplicate";
	for (ngx_uint_t i = 1; i < cf->args->nelts; i++)
		if (ngx_conf_full_name(cf->cycle, &words[i], 1) != NGX_OK)
			return NGX_CONF_ERROR;
	host->ca = (char *)words[1].data;
	host->cert = (char *)words[2].data;
	host->key = (char *)words[3].data;
	return NGX_CONF_OK;
}

static const struct {
	ngx_str_t name;
	size_t at;
} times[] = {
	{ ngx_string("ack="), offsetof(struct handoff_host_times, ack) },
	{ ngx_string("ready="), offsetof(struct handoff_host_times, ready) },
	{ ngx_string("done="), offsetof(struct handoff_host_times, done) },
	{ ngx_string("abandon="), offsetof(struct handoff_host_times, abandon) },
	{ ngx_string("linger="), offsetof(struct handoff_host_times, linger) },
	{ ngx_string("idle="), offsetof(struct handoff_host_times, idle) },
	{ ngx_string("beat="), offsetof(struct handoff_host_times, beat) },
};

/* NAME=TIME; returns NULL, or what is wrong. */
static char *set_time(const ngx_str_t *word, struct handoff_host_times *ret_times)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		const ngx_str_t *name = &times[i].name;
		uint32_t *time = (uint32_t *)((char *)ret_times + times[i].at);
		ngx_str_t value;
		ngx_int_t ms;

		if (word->len <= name->len || ngx_strncmp(word->data, name->data, name->len) != 0)
			continue;
		if (*time)
			return "says a time twice";
		value = (ngx_str_t){ word->len - name->len, word->data + name->len };
		ms = ngx_parse_time(&value, 0);
		if (ms < 1 || ms > INT32_MAX)
			return "has a time that is none";
		*time = (uint32_t)ms;
		return NULL;
	}
	return "has a word that is no NAME=TIME of its names";
}

static char *set_times(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct ngx_handoff_main *main = conf;
	const ngx_str_t *words = cf->args->elts;
	char *why = NULL;

	(void)cmd;
	for (ngx_uint_t i = 1; !why && i < cf->args->nelts; i++)
		why = set_time(&words[i], &main->host.times);
	return why ? why : NGX_CONF_OK;
}

/* Into the const char * at @cmd->offset. */
static char *set_text(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	const char **text = (const char **)((char *)conf + cmd->offset);
	ngx_str_t *words = cf->args->elts;

	if (*text)
		return "is duplicate";
	*text = (char *)words[1].data;
	return NGX_CONF_OK;
}

static char *set_plain(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	(void)cf;
	(void)cmd;
	((struct ngx_handoff_main *)conf)->host.is_plain = true;
	return NGX_CONF_OK;
}

static char *set_in(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	(void)cf;
	(void)cmd;
	((struct ngx_handoff_server *)conf)->is_in = 1;
	return NGX_CONF_OK;
}

/* handoff_out [CODE] */
static char *set_out(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
	struct ngx_handoff_location *location = conf;
	ngx_str_t *words = cf->args->elts;

	(void)cmd;
	location->is_out = 1;
	location->code = NGX_DECLINED;
	if (cf->args->nelts < 2)
		return NGX_CONF_OK;
	location->code = ngx_atoi(words[1].data, words[1].len);
	return location->code >= 400 && location->code <= 599 ?
		       NGX_CONF_OK :
		       "has a code that is none between 400 and 599";
}

#define OF_HTTP(words, count, set, at)                                                             \
	{                                                                                          \
		ngx_string(words),                                                                 \
		NGX_HTTP_MAIN_CONF | (count),                                                      \
		set,                                                                               \
		NGX_HTTP_MAIN_CONF_OFFSET,                                                         \
		at,                                                                                \
		NULL                                                                               \
	}
#define AT(member) offsetof(struct ngx_handoff_main, member)

ngx_command_t ngx_handoff_commands[] = {
	OF_HTTP("handoff_name", NGX_CONF_TAKE1, set_text, AT(host.name)),
	OF_HTTP("handoff_maps", NGX_CONF_TAKE1, set_text, AT(host.map_dir)),
	OF_HTTP("handoff_agent", NGX_CONF_TAKE1, set_text, AT(host.agent)),
	OF_HTTP("handoff_certificate", NGX_CONF_TAKE3, set_certificate, 0),
	OF_HTTP("handoff_plain", NGX_CONF_NOARGS, set_plain, 0),
	OF_HTTP("handoff_listen", NGX_CONF_TAKE1, set_listen, 0),
	OF_HTTP("handoff_local", NGX_CONF_TAKE12, set_local, 0),
	OF_HTTP("handoff_peer", NGX_CONF_TAKE1, set_peer, 0),
	OF_HTTP("handoff_target", NGX_CONF_TAKE123, set_target, 0),
	OF_HTTP("handoff_times", NGX_CONF_1MORE, set_times, 0),
	OF_HTTP("handoff_freq", NGX_CONF_TAKE1, ngx_conf_set_num_slot, AT(freq)),
	OF_HTTP("handoff_key", NGX_CONF_TAKE1, ngx_http_set_complex_value_slot, AT(key)),
	OF_HTTP("handoff_home", NGX_CONF_TAKE1, ngx_http_set_complex_value_slot, AT(home)),
	{ ngx_string("handoff_in"), NGX_HTTP_SRV_CONF | NGX_CONF_NOARGS, set_in,
	  NGX_HTTP_SRV_CONF_OFFSET, 0, NULL },
	{ ngx_string("handoff_out"), NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS | NGX_CONF_TAKE1, set_out,
	  NGX_HTTP_LOC_CONF_OFFSET, 0, NULL },
	ngx_null_command,
};

/* --- what they are kept in --------------------------------------------------------------------- */

void *ngx_handoff_create_main(ngx_conf_t *cf)
{
	struct ngx_handoff_main *main = ngx_pcalloc(cf->pool, sizeof(*main));

	if (!main)
		return NULL;
	main->freq = NGX_CONF_UNSET_UINT;
	main->door = main->role = -1;
	return main;
}

static char *refuse(ngx_conf_t *cf, const char *about, const char *why)
{
	ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "handoff: %s%s", about, why);
	return NGX_CONF_ERROR;
}

/* Whether the mover will have it, beside all others that it has. */
static bool is_host(const struct ngx_handoff_main *main, const struct ngx_handoff_target *host,
		    bool is_peer)
{
	return (is_peer || host->length) && strcmp(host->name, main->host.name) != 0;
}

static ngx_uint_t count_hosts(const struct ngx_handoff_main *main, const char *name)
{
	const ngx_array_t *lists[] = { main->targets, main->peers };
	ngx_uint_t count = 0;

	for (ngx_uint_t list = 0; list < 2; list++)
		for (ngx_uint_t i = 0; lists[list] && i < lists[list]->nelts; i++) {
			const struct ngx_handoff_target *host = lists[list]->elts;

			count += is_host(main, &host[i], list) && !strcmp(host[i].name, name);
		}
	return count;
}

static char *check_hosts(ngx_conf_t *cf, const struct ngx_handoff_main *main,
			 const ngx_array_t *list)
{
	const struct ngx_handoff_target *host = list ? list->elts : NULL;

	for (ngx_uint_t i = 0; list && i < list->nelts; i++, host++) {
		if (!*host->name || strlen(host->name) >= NGX_HANDOFF_NAME_ROOM)
			return refuse(cf, "a host's name has 1 to 63 bytes, not: ", host->name);
		if (count_hosts(main, host->name) > 1)
			return refuse(cf, "two hosts have the name ", host->name);
	}
	return NGX_CONF_OK;
}

/* All that can be told beforehand, so that a reload is refused rather than that nothing moves. */
char *ngx_handoff_init_main(ngx_conf_t *cf, void *conf)
{
	struct ngx_handoff_main *main = conf;
	char why[256];

	ngx_conf_init_uint_value(main->freq, 0);
	if (!main->host.name && !main->host.map_dir && !main->targets && !main->peers)
		return NGX_CONF_OK;
	if (!main->host.name || !main->host.map_dir)
		return refuse(cf, "", "handoff_name and handoff_maps are both needed");
	if (main->host.listen_length && !main->peers && !main->targets)
		return refuse(cf, "", "handoff_listen needs the handoff_peer that dials");
	if (strchr(main->host.name, '/'))
		return refuse(cf, "", "handoff_name has a slash");
	if (!main->host.key == !main->host.is_plain)
		return refuse(cf, "", "one of handoff_certificate and handoff_plain is needed");
	if (handoff_host_check(&main->host, why, sizeof(why)))
		return refuse(cf, "", why);
	main->guard_ms = (main->host.times.done ? main->host.times.done : DONE_MS) + SPARE_MS;
	if (check_hosts(cf, main, main->targets) != NGX_CONF_OK ||
	    check_hosts(cf, main, main->peers) != NGX_CONF_OK)
		return NGX_CONF_ERROR;
	return ngx_handoff_take_files(cf, main) == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}

void *ngx_handoff_create_server(ngx_conf_t *cf)
{
	struct ngx_handoff_server *server = ngx_pcalloc(cf->pool, sizeof(*server));

	if (server)
		server->is_in = NGX_CONF_UNSET;
	return server;
}

char *ngx_handoff_merge_server(ngx_conf_t *cf, void *parent, void *child)
{
	struct ngx_handoff_server *from = parent, *to = child;

	(void)cf;
	ngx_conf_merge_value(to->is_in, from->is_in, 0);
	return NGX_CONF_OK;
}

/* Not inherited, as handlers of locations are not. */
void *ngx_handoff_create_location(ngx_conf_t *cf)
{
	return ngx_pcalloc(cf->pool, sizeof(struct ngx_handoff_location));
}

char *ngx_handoff_merge_location(ngx_conf_t *cf, void *parent, void *child)
{
	(void)cf;
	(void)parent;
	(void)child;
	return NGX_CONF_OK;
}

void ngx_handoff_set_link(struct ngx_handoff_main *main, const char *name, bool is_up)
{
	struct ngx_handoff_target *target = main->targets ? main->targets->elts : NULL;

	for (ngx_uint_t i = 0; target && i < main->targets->nelts; i++, target++)
		if (!strcmp(target->name, name))
			target->is_linked = is_up;
}
