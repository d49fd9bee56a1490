/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the parts of nginx's module share: its settings, connections that come and go, and which
 * worker does what. One of them, the *mover*, has the links to other hosts; the others pass it
 * what is to go, and are passed what comes. The mover serves, too.
 */
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
	bool is_linked; /* to the mover, as this process has heard */
};

#define NGX_HANDOFF_SECRET 16

/* Of http {}. */
struct ngx_handoff_main {
	struct handoff_host_config host;
	ngx_array_t *targets; /* struct ngx_handoff_target: where connections go */
	ngx_array_t *peers;   /* the same: who dials */
	ngx_uint_t freq;      /* requests after which a connection goes home; 0: it stays */
	ngx_http_complex_value_t *key;
	ngx_http_complex_value_t *home; /* not empty, nor 0: the request goes home */
	ngx_uint_t turn;
	ngx_msec_t guard_ms; /* longer than the library takes to say what became of a request */
	int door;	     /* where workers call on the mover; -1: there are none */
	u_char secret[NGX_HANDOFF_SECRET]; /* who calls has it by fork() alone */
	int role; /* a file: who has it locked moves connections by this name; -1: nobody does */
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

/* --- settings (ngx_handoff_conf.c) ------------------------------------------------------------- */

extern ngx_command_t ngx_handoff_commands[];

void *ngx_handoff_create_main(ngx_conf_t *cf);
char *ngx_handoff_init_main(ngx_conf_t *cf, void *conf);
void *ngx_handoff_create_server(ngx_conf_t *cf);
char *ngx_handoff_merge_server(ngx_conf_t *cf, void *parent, void *child);
void *ngx_handoff_create_location(ngx_conf_t *cf);
char *ngx_handoff_merge_location(ngx_conf_t *cf, void *parent, void *child);

/* ngx_handoff_set_link - this process hears of the link to @name, a target. */
void ngx_handoff_set_link(struct ngx_handoff_main *main, const char *name, bool is_up);

/* --- requests that go (ngx_handoff_out.c) ------------------------------------------------------ */

enum ngx_handoff_outcome {
	NGX_HANDOFF_KEPT,     /* it is served here */
	NGX_HANDOFF_GIVEN,    /* another host serves it */
	NGX_HANDOFF_LOST,     /* nobody does */
	NGX_HANDOFF_KEPT_NOW, /* as KEPT, but it may go at once: a request tries that once */
};

/* ngx_handoff_send_away - phase handler of handoff_out. */
ngx_int_t ngx_handoff_send_away(ngx_http_request_t *r);

/*
 * ngx_handoff_send_home - phase handler, of connections that came here: one has been here long enough,
 * or its server asks for a certificate that nobody can ask for here.
 */
ngx_int_t ngx_handoff_send_home(ngx_http_request_t *r);

/*
 * ngx_handoff_answer - what became of the request @number of this process; @why, of one that was not
 * given, is a line. @is_closed: of its connection, the descriptor. Returns false where nginx has ended
 * it meanwhile.
 */
bool ngx_handoff_answer(uint64_t number, enum ngx_handoff_outcome outcome, const char *why,
			bool is_closed);

/* ngx_handoff_lose_all - nobody will say any more what became of them: they are reset. */
void ngx_handoff_lose_all(const char *why);

/* --- a request as bytes (ngx_handoff_bytes.c) -------------------------------------------------- */

/* ngx_handoff_write_down - *ret_bytes, in @r's pool: what was read of @r, and of those behind it. */
ngx_int_t ngx_handoff_write_down(ngx_http_request_t *r, ngx_str_t *ret_bytes);

/* --- connections that come (ngx_handoff_in.c) -------------------------------------------------- */

/* Of a connection that came; in its pool. */
struct ngx_handoff_taken {
	ngx_queue_t all;
	int fd; /* -1: it has gone */
	int is_home;
	bool is_of_tls; /* nginx accepts connections of TLS where this one came in */
	uint64_t id;
	ngx_str_t bytes;  /* to be read before what the socket has */
	ngx_recv_pt recv; /* of the socket */
};

/* ngx_handoff_in_begin - connections may come: note where @cycle listens. */
void ngx_handoff_in_begin(const ngx_cycle_t *cycle);

/* ngx_handoff_taken_of - @c's, or NULL where nginx accepted it. */
struct ngx_handoff_taken *ngx_handoff_taken_of(ngx_connection_t *c);

/* ngx_handoff_take - @fd becomes a connection that nginx seems to have accepted, or is closed. */
void ngx_handoff_take(int fd, const struct handoff_taken *what);

/* ngx_handoff_break - the one with the id @id is no use any more: @why. nginx reads of its end. */
void ngx_handoff_break(uint64_t id, const char *why);

/* ngx_handoff_count_taken - of this process. */
ngx_uint_t ngx_handoff_count_taken(void);

/* ngx_handoff_begin_tls - where @c's socket is under the kernel's TLS its records are read and sent. */
void ngx_handoff_begin_tls(ngx_connection_t *c);

/* --- the mover, or the way to it (ngx_handoff_module.c) ---------------------------------------- */

/*
 * ngx_handoff_ask - @c, with @bytes of it that were read, is to go to @peer, NULL: home;
 * ngx_handoff_answer() says of @number what became of it. Returns NULL, or why it stays.
 */
const char *ngx_handoff_ask(ngx_connection_t *c, uint64_t number, const char *peer,
			    const ngx_str_t *bytes);

/* ngx_handoff_abandon - nginx closes @c, of which a request is on its way: no answer is awaited. */
void ngx_handoff_abandon(ngx_connection_t *c);

/* ngx_handoff_tell_end - this process has closed what it had taken. */
void ngx_handoff_tell_end(int fd, uint64_t id);

/* --- the master (ngx_handoff_master.c) --------------------------------------------------------- */

/*
 * ngx_handoff_take_files - certificates and the key, which may be for root alone to read, as that of
 * ssl_certificate_key: workers have them in memory.
 */
ngx_int_t ngx_handoff_take_files(ngx_conf_t *cf, struct ngx_handoff_main *main);

/* ngx_handoff_prepare - what workers share is there before they are. */
ngx_int_t ngx_handoff_prepare(ngx_cycle_t *cycle);

/* --- messages between workers (ngx_handoff_channel.c) ------------------------------------------ */

#define NGX_HANDOFF_NAME_ROOM 64
#define NGX_HANDOFF_BYTES_MAX 65536 /* of a request, to the mover or from it */

enum ngx_handoff_word {
	/* to the mover */
	NGX_HANDOFF_SAY_HELLO = 1, /* the secret; before all others */
	NGX_HANDOFF_SAY_GIVE,	   /* a descriptor, and what was read of it */
	NGX_HANDOFF_SAY_ENDED,
	/* from it */
	NGX_HANDOFF_SAY_TAKE, /* a descriptor, and what was read of it elsewhere */
	NGX_HANDOFF_SAY_ANSWER,
	NGX_HANDOFF_SAY_BREAK,
	NGX_HANDOFF_SAY_LINK,
};

struct ngx_handoff_note {
	uint32_t word;
	uint32_t length;		      /* of bytes that follow; a text ends with 0 */
	uint64_t number;		      /* GIVE, ANSWER: of a request */
	uint64_t id;			      /* of what was taken; GIVE: 0 for what was not */
	uint32_t outcome;		      /* ANSWER */
	uint32_t is_set;		      /* TAKE: is home; LINK: is up */
	char host[NGX_HANDOFF_NAME_ROOM];     /* GIVE: to whom, "": home; TAKE: from whom; LINK */
	struct sockaddr_storage client, home; /* TAKE */
};

struct ngx_handoff_channel;

/* @bytes are there for as long as the call lasts, @fd (-1: none came) is the callee's. */
typedef void (*ngx_handoff_hear)(struct ngx_handoff_channel *channel,
				 const struct ngx_handoff_note *note, const void *bytes, int fd);
/* The other side has ended; the last that is heard of @channel, which is to be closed. */
typedef void (*ngx_handoff_hear_end)(struct ngx_handoff_channel *channel);

struct ngx_handoff_channel {
	ngx_connection_t *c;
	ngx_queue_t waiting; /* notes that the socket had no room for */
	ngx_handoff_hear hear;
	ngx_handoff_hear_end end;
	bool is_over;
	/* the mover's */
	ngx_queue_t all;  /* of its channels */
	ngx_queue_t tags; /* what it remembers of this worker */
	ngx_uint_t taken; /* connections that the worker has */
};

/* ngx_handoff_channel_new - of the socket @fd, which is its from now on. NULL: @fd is closed. */
struct ngx_handoff_channel *ngx_handoff_channel_new(int fd, ngx_handoff_hear hear,
						    ngx_handoff_hear_end end);

/* ngx_handoff_channel_free - close it: what waits to be sent is lost, and nobody is called. */
void ngx_handoff_channel_free(struct ngx_handoff_channel *channel);

/* ngx_handoff_channel_say - @note with its bytes goes now or later. Where it cannot, the channel ends. */
void ngx_handoff_channel_say(struct ngx_handoff_channel *channel,
			     const struct ngx_handoff_note *note, const void *bytes);

/* ngx_handoff_channel_pass - @note with its bytes and @fd, which stays the caller's, now or not. */
ngx_int_t ngx_handoff_channel_pass(struct ngx_handoff_channel *channel,
				   const struct ngx_handoff_note *note, const void *bytes, int fd);

/* --- the mover (ngx_handoff_mover.c) ----------------------------------------------------------- */

/* ngx_handoff_mover_begin - this process is it, as soon as no other one of its name is. */
void ngx_handoff_mover_begin(struct ngx_handoff_main *main);

/* ngx_handoff_mover_end - what is on its way is kept where it can be. */
void ngx_handoff_mover_end(void);

/* Of the mover; NULL while no connection can move. */
extern struct handoff_host *ngx_handoff_host;

/* --- the mover and the other workers (ngx_handoff_crew.c) -------------------------------------- */

/* ngx_handoff_crew_begin - other workers may call. */
void ngx_handoff_crew_begin(struct ngx_handoff_main *main);

/* ngx_handoff_crew_end - hang up on other workers: what they have nobody moves any more. */
void ngx_handoff_crew_end(void);

/* ngx_handoff_crew_set_events - what the library is to call. */
void ngx_handoff_crew_set_events(struct handoff_host_events *ret_events);

/* ngx_handoff_crew_give - ngx_handoff_ask() of the mover itself. */
const char *ngx_handoff_crew_give(int fd, uint64_t number, const char *peer,
				  const ngx_str_t *bytes);

/* ngx_handoff_crew_hear_end - ngx_handoff_tell_end() of the mover itself. */
void ngx_handoff_crew_hear_end(int fd, uint64_t id);

/* --- another worker (ngx_handoff_worker.c) ----------------------------------------------------- */

/* ngx_handoff_worker_begin - call on the mover, and again whenever it has ended. */
void ngx_handoff_worker_begin(struct ngx_handoff_main *main);

/* ngx_handoff_worker_end - hang up on the mover; of what is on its way nothing is heard. */
void ngx_handoff_worker_end(void);

/* ngx_handoff_worker_give - ngx_handoff_ask() of this process; @id of what was taken, or 0. */
const char *ngx_handoff_worker_give(int fd, uint64_t id, uint64_t number, const char *peer,
				    const ngx_str_t *bytes);

/* ngx_handoff_worker_tell_end - ngx_handoff_tell_end() of this process, of what was taken as @id. */
void ngx_handoff_worker_tell_end(uint64_t id);

#endif
