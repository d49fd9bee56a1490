/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of nginx's module share: its settings, and connections that come and go. */
#ifndef NGX_HANDOFF_H
#define NGX_HANDOFF_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "programs/handoff/lib/peer/handoff_host.h"

extern ngx_module_t ngx_handoff_module;

struct ngx_handoff_target {
	const char *name;
	struct sockaddr *address; /* NULL: it dials, or is another one's peer */
	socklen_t length;
};

/* Of http {}. */
struct ngx_handoff_main {
	struct handoff_host_config host;
	ngx_array_t *targets; /* struct ngx_handoff_target: where connections go */
	ngx_array_t *peers;   /* the same: who dials */
	ngx_uint_t freq;      /* requests after which a connection goes home; 0: it stays */
	ngx_http_complex_value_t *key;
	ngx_uint_t turn;
};

/* Of server {}. */
struct ngx_handoff_server {
	ngx_flag_t is_in;
};

/* Of location {}. */
struct ngx_handoff_location {
	ngx_flag_t is_out;
	ngx_int_t code; /* for the client, where it is not moved; NGX_DECLINED: it is served here */
};

/* The host of this worker; NULL where it has none. */
extern struct handoff_host *ngx_handoff_host;

/* --- settings (ngx_handoff_conf.c) ------------------------------------------------------------- */

extern ngx_command_t ngx_handoff_commands[];

void *ngx_handoff_create_main(ngx_conf_t *cf);
char *ngx_handoff_init_main(ngx_conf_t *cf, void *conf);
void *ngx_handoff_create_server(ngx_conf_t *cf);
char *ngx_handoff_merge_server(ngx_conf_t *cf, void *parent, void *child);
void *ngx_handoff_create_location(ngx_conf_t *cf);
char *ngx_handoff_merge_location(ngx_conf_t *cf, void *parent, void *child);

/* --- requests that go (ngx_handoff_out.c) ------------------------------------------------------ */

/* ngx_handoff_send_away - phase handler of handoff_out. */
ngx_int_t ngx_handoff_send_away(ngx_http_request_t *r);

/* ngx_handoff_send_home - phase handler: a connection that came here has been here long enough. */
ngx_int_t ngx_handoff_send_home(ngx_http_request_t *r);

/* What handoff_host tells of them; @tag is the request. */
void ngx_handoff_kept(void *data, void *tag, int fd, const char *why);
void ngx_handoff_given(void *data, void *tag);

/* --- connections that come (ngx_handoff_in.c) -------------------------------------------------- */

/* Of a connection that came; in its pool. */
struct ngx_handoff_taken {
	int fd; /* -1: it has gone */
	int is_home;
	ngx_str_t bytes; /* to be read before what the socket has */
	ngx_recv_pt recv;
};

/* ngx_handoff_taken_of - @c's, or NULL where nginx accepted it. */
struct ngx_handoff_taken *ngx_handoff_taken_of(ngx_connection_t *c);

/* ngx_handoff_take - handoff_host's event: @fd becomes a connection that nginx seems to have accepted. */
void ngx_handoff_take(void *data, int fd, const struct handoff_taken *what);

#endif
