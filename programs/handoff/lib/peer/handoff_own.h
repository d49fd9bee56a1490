/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rooms of handoff_host share: the handle, its peers, links and connections. */
#ifndef HANDOFF_OWN_H
#define HANDOFF_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "loader/lib/base/reason.h"
#include "programs/handoff/lib/handoff.h"
#include "programs/handoff/lib/peer/handoff_host.h"
#include "programs/handoff/lib/peer/handoff_machine.h"
#include "programs/handoff/lib/peer/handoff_message.h"
#include "programs/handoff/lib/peer/handoff_wire.h"
#include "programs/handoff/maps/handoff_moves.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "programs/handoff/maps/handoff_ways.h"

#define HANDOFF_BUCKETS 4096   /* of connections, by id and by key */
#define HANDOFF_GRACE_MS 500   /* that a block lasts longer than what it waits for */
#define HANDOFF_SILENT_BEATS 6 /* without a word a link is over */

/* All who can take addresses at will from there: of IPv6 a /64. Not of IP: 0. */
struct handoff_network {
	__be32 addr[4];
};

/* Between two hosts. One that was accepted has no peer until it has said its name. */
struct handoff_link {
	LIST_ENTRY(handoff_link) all;
	struct handoff_peer *peer;
	struct handoff_wire *wire;
	bool is_dialed, is_begun;
	bool is_greeted, is_up; /* HELLO was said; and heard */
	bool is_over;		/* to be closed by who runs links */
	bool is_said;		/* what was to be said: the other side may end it */
	uint32_t events;	/* that epoll waits for */
	int64_t heard_ms, said_ms, silence_ms;
	struct sockaddr_storage from; /* of what was accepted */
	struct handoff_network network;
	size_t weight; /* how much it is in the way of others, while it has no name */
	struct slot_reason why;
};

struct handoff_peer {
	LIST_ENTRY(handoff_peer) all;
	char name[HANDOFF_NAME_MAX + 1];
	struct sockaddr_storage address;
	socklen_t length; /* 0: it dials */
	struct handoff_link *link;
	uint64_t instance; /* of its process, when it was last heard; 0: never */
	int64_t retry_ms;
	uint32_t wait_ms; /* until the next try after that */
	bool has_dialed;
	struct handoff_network network; /* where it dialed from last */
};

/* Bytes of a socket, and its state, as TCP_INFO has them. */
struct handoff_traffic {
	uint64_t received, sent;
	uint8_t state;
};

struct handoff_conn {
	LIST_ENTRY(handoff_conn) by_id, by_key;
	TAILQ_ENTRY(handoff_conn) timed, sought;
	uint64_t id;
	struct handoff_machine machine;
	struct handoff_peer *peer;
	struct handoff_place client, home, here; /* here: the socket's own address */
	struct handoff_key key;			 /* of the rule at this host, if has_key */
	bool has_key;
	int fd;
	bool is_frozen;
	struct handoff_traffic traffic; /* when it was captured */
	uint64_t deadline_ns;		/* of the block */
	struct handoff_state *state;
	struct handoff_place there;   /* home: where the taker has it */
	struct handoff_target target; /* and the way there */
	void *tag;
	uint64_t mark; /* of the walk that has seen it */
	uint8_t *app;  /* of an offer, for the application here */
	size_t app_length;
	bool is_unread; /* @app was read here, and goes back into the queue */
	char onward[HANDOFF_NAME_MAX + 1];
	char from[HANDOFF_NAME_MAX + 1];
	bool is_passing; /* home passes it on: the application has not heard of it */
	enum handoff_timer timer;
	int64_t due_ms;
	uint32_t seek_turn;	  /* of the ACK that waits for the way there */
	int64_t seek_ms, look_ms; /* until then, and when that is looked for; 0: none waits */
	int err;		  /* of the last step */
	struct slot_reason *why;  /* of what happens to it now: the host's, and any connection's */
};

LIST_HEAD(handoff_conns, handoff_conn);
TAILQ_HEAD(handoff_timed, handoff_conn);
struct handoff_nudge;
TAILQ_HEAD(handoff_nudges, handoff_nudge);
LIST_HEAD(handoff_nudge_ids, handoff_nudge);

struct handoff_ids {
	uint64_t *list; /* sorted */
	size_t count, room;
};

/* Of rules that were here when this was first asked, and not made by this process. */
struct handoff_before {
	struct handoff_ids served, given;
	bool is_known;
};

struct handoff_host {
	char name[HANDOFF_NAME_MAX + 1];
	uint64_t instance;
	struct handoff_host_times times;
	struct handoff_host_events events;
	void *data;
	struct sockaddr_storage local[2];
	struct handoff *lib;
	struct handoff_wire_context *tls;
	struct handoff_rules rules;
	struct handoff_offloads offloads;
	struct handoff_moves moves;
	struct handoff_ways ways;
	int epoll, listener, clock;
	LIST_HEAD(, handoff_peer) peers;
	LIST_HEAD(, handoff_link) links;
	struct handoff_conns by_id[HANDOFF_BUCKETS], by_key[HANDOFF_BUCKETS];
	uint64_t mark;
	struct handoff_conn **by_fd; /* what the application took; NULL: nothing */
	size_t fds;
	struct handoff_timed timed[HANDOFF_TIMER_COUNT]; /* each in the order of due_ms */
	struct handoff_timed sought;			 /* in the order of look_ms */
	struct handoff_nudges nudges;
	struct handoff_nudge_ids nudges_by_id[HANDOFF_BUCKETS];
	int64_t next_ms; /* when the clock wakes it */
	int64_t deaf_ms; /* until then nobody is accepted, for lack of room; 0: all are */
	int64_t mute_ms; /* until then nothing is said of links that are refused */
	bool is_running;
	bool is_stopped; /* no turn begins any more */
	bool is_closing; /* its links end, when others have read what was said */
	int kept_err;	 /* what kept the one that is told of last */
	struct handoff_before before;
	struct slot_reason why;
	struct slot_reason conn_why;
};

/* Told when nothing here is amid something: the application may send or close at once. */
struct handoff_tell {
	enum handoff_action_kind kind; /* HANDOFF_TELL_*, or HANDOFF_DO_NOTHING */
	int fd;
	void *tag;
	uint8_t *app;
	struct handoff_taken taken;
	char from[HANDOFF_NAME_MAX + 1];
	struct slot_reason why;
	int err; /* of the step that failed; 0: none did */
};

/* --- what was asked for (handoff_config.c) ------------------------------------------------------ */

/* handoff_config_check - whether @config contradicts itself. Pure. Returns 0 or -EINVAL. */
int handoff_config_check(const struct handoff_host_config *config, struct slot_reason *why);

/*
 * handoff_config_open_tls - what proves that this host is who @config says. Returns 0, -EINVAL, as
 * where its certificate does not have its name, or -ENOMEM; says why.
 */
int handoff_config_open_tls(const struct handoff_host_config *config, struct slot_reason *why,
			    struct handoff_wire_context **ret_context);

/* handoff_config_times - its times, none of which is 0. Pure. */
struct handoff_host_times handoff_config_times(const struct handoff_host_config *config);

/* --- the clock (handoff_host.c) ---------------------------------------------------------------- */

/* handoff_clock_wake - @host is to be run at @due_ms, if it is not before. Returns 0 or -errno. */
int handoff_clock_wake(struct handoff_host *host, int64_t due_ms);

/* --- links (handoff_link.c) -------------------------------------------------------------------- */

/* handoff_peer_find - the peer @name, or NULL. */
struct handoff_peer *handoff_peer_find(const struct handoff_host *host, const char *name);

/* handoff_link_accept - take who dials. */
void handoff_link_accept(struct handoff_host *host);

/* handoff_link_run - read, write, and hear what came. */
void handoff_link_run(struct handoff_host *host, struct handoff_link *link);

/* handoff_link_tick - dial, beat, and end what is silent. Returns when to look again, in ms. */
int64_t handoff_link_tick(struct handoff_host *host, int64_t now_ms);

/* handoff_link_sweep - free those that are over; who is on his way to their peers hears of it. */
void handoff_link_sweep(struct handoff_host *host);

/* handoff_link_say - send @message to @peer. Returns 0, -ENOTCONN, -ENOBUFS or -errno. */
int handoff_link_say(struct handoff_host *host, struct handoff_peer *peer,
		     const struct handoff_message *message);

/* --- links without a name (handoff_nameless.c) -------------------------------------------------- */

/* handoff_network_of - where @from is. */
struct handoff_network handoff_network_of(const struct sockaddr_storage *from);

/* handoff_nameless_make_room - end one of them, where there are as many as there may be. */
void handoff_nameless_make_room(struct handoff_host *host);

/* handoff_nameless_say - the application hears why @link is refused, if not of another just now. */
void handoff_nameless_say(struct handoff_host *host, const struct handoff_link *link);

/* --- the end of all links (handoff_farewell.c) --------------------------------------------------- */

/*
 * handoff_farewell_say - links end: each other side reads all that was said to it, then the end, and
 * ends its own. Returns whether one has not done so yet; to be called, and links run, until then.
 */
bool handoff_farewell_say(struct handoff_host *host);

/* --- connections (handoff_conn.c) -------------------------------------------------------------- */

/* handoff_conn_hear - what @peer says of a connection. */
void handoff_conn_hear(struct handoff_host *host, struct handoff_peer *peer,
		       const struct handoff_message *message);

/* handoff_conn_link - what became of the link to @peer, for all its connections. */
void handoff_conn_link(struct handoff_host *host, const struct handoff_peer *peer,
		       enum handoff_event_kind kind);

/* handoff_conn_tick - timers that are over. Returns when the next one is, in ms. */
int64_t handoff_conn_tick(struct handoff_host *host, int64_t now_ms);

/* handoff_conn_free_all - as handoff_host_free() has it. */
void handoff_conn_free_all(struct handoff_host *host);

/*
 * handoff_conn_advance - @event happens to @conn, and all that follows; *tell: what to say of it.
 */
void handoff_conn_advance(struct handoff_host *host, struct handoff_conn *conn,
			  struct handoff_event event, struct handoff_tell *tell);

/* handoff_conn_happen - the same, it is said, and @conn is freed where it is over. */
void handoff_conn_happen(struct handoff_host *host, struct handoff_conn *conn,
			 enum handoff_event_kind kind, uint32_t turn);

/* handoff_conn_forget - free @conn if it is over. */
void handoff_conn_forget(struct handoff_host *host, struct handoff_conn *conn);

/* --- the table of them (handoff_table.c) ------------------------------------------------------- */

/* handoff_table_find_id - the connection of the handoff @id, or NULL. */
struct handoff_conn *handoff_table_find_id(struct handoff_host *host, uint64_t id);
/* handoff_table_find_key - by the key of its rule; of several that had it the latest. NULL: none. */
struct handoff_conn *handoff_table_find_key(struct handoff_host *host,
					    const struct handoff_key *key);
/* handoff_table_find_fd - of what the application took. */
struct handoff_conn *handoff_table_find_fd(const struct handoff_host *host, int fd);

/* handoff_table_add - a new one, or NULL for lack of memory. */
struct handoff_conn *handoff_table_add(struct handoff_host *host, uint64_t id, bool is_home);
/* handoff_table_free - with its state and what is for the application; its socket is not closed. */
void handoff_table_free(struct handoff_host *host, struct handoff_conn *conn);

/* handoff_table_set_key - of its client and where it is here, for the first time or anew. */
void handoff_table_set_key(struct handoff_host *host, struct handoff_conn *conn);

/*
 * handoff_table_set_fd - the application takes its socket. Who had this descriptor before is
 * closed, though the application did not say so. Returns 0 or -ENOMEM.
 */
int handoff_table_set_fd(struct handoff_host *host, struct handoff_conn *conn);
/* handoff_table_clear_fd - its descriptor is not the application's any more, if it was. */
void handoff_table_clear_fd(struct handoff_host *host, const struct handoff_conn *conn);

/* handoff_table_set_timer - by its stage; @is_again: from now on, though it is the same. */
void handoff_table_set_timer(struct handoff_host *host, struct handoff_conn *conn, bool is_again);

/* handoff_conn_drop_app - wipe and free what is for the application. */
void handoff_conn_drop_app(struct handoff_conn *conn);

/* --- what is said of them (handoff_say.c) ------------------------------------------------------ */

/* handoff_conn_say - the message of @action, to its peer. Returns 0 or -errno. */
int handoff_conn_say(struct handoff_host *host, struct handoff_conn *conn,
		     const struct handoff_action *action);

/* handoff_tell_note - what the application is to hear by HANDOFF_TELL_*, taken over from @conn. */
void handoff_tell_note(struct handoff_conn *conn, enum handoff_action_kind kind,
		       struct handoff_tell *tell);

/* handoff_tell_now - it hears it; what @tell has is the application's then, or gone. */
void handoff_tell_now(struct handoff_host *host, struct handoff_tell *tell);

/* handoff_tell_drop - it does not hear it: close and wipe what it would have got. */
void handoff_tell_drop(struct handoff_tell *tell);

/* --- what is counted of them (handoff_tally.c) -------------------------------------------------- */

/* handoff_tally_actions - @actions are carried out, which began with @cause. */
void handoff_tally_actions(const struct handoff_host *host, const struct handoff_conn *conn,
			   enum handoff_event_kind cause, const struct handoff_actions *actions);

/* handoff_tally_not_begun - a connection is not moved for @err. Returns @err. */
int handoff_tally_not_begun(const struct handoff_host *host, int err);

/* --- ways that are not known yet (handoff_seek.c) ------------------------------------------------ */

/*
 * handoff_seek_begin - whether the ACK of @turn, by which conn->there was set, has to wait for the
 * way there. It happens later then, or is over with the turn.
 */
bool handoff_seek_begin(struct handoff_host *host, struct handoff_conn *conn, uint32_t turn);

/* handoff_seek_end - @conn waits no more. */
void handoff_seek_end(struct handoff_host *host, struct handoff_conn *conn);

/* handoff_seek_tick - those whose way is known, or is not in time. Returns when to look again. */
int64_t handoff_seek_tick(struct handoff_host *host, int64_t now_ms);

/* --- clients to be asked (handoff_nudge.c) ------------------------------------------------------ */

/* handoff_nudge_begin - @conn's client, a few times. Takes its state. */
void handoff_nudge_begin(struct handoff_host *host, struct handoff_conn *conn);

/* handoff_nudge_tick - those that are due. Returns when the next one is, in ms. */
int64_t handoff_nudge_tick(struct handoff_host *host, int64_t now_ms);

/* handoff_nudge_free_all - nobody is asked any more. */
void handoff_nudge_free_all(struct handoff_host *host);

/* --- of a process before this one (handoff_before.c) -------------------------------------------- */

/* handoff_before_served - whether @id was served here when this was first asked, by its rule. */
bool handoff_before_served(struct handoff_host *host, uint64_t id);

/* handoff_before_gave - whether a rule led @id away then, of which this process knows nothing. */
bool handoff_before_gave(struct handoff_host *host, uint64_t id);

void handoff_before_free(struct handoff_host *host);

/* --- steps (handoff_step.c) -------------------------------------------------------------------- */

/*
 * handoff_step_run - carry out the action @kind, HANDOFF_DO_*, on sockets and rules. Returns 0
 * or -errno and says in @conn why; -ETIME of HANDOFF_DO_COMMIT: carried out, but too late.
 */
int handoff_step_run(struct handoff_host *host, struct handoff_conn *conn,
		     enum handoff_action_kind kind);

/* handoff_step_close - end a frozen socket: nothing is sent, and its four numbers are free. */
void handoff_step_close(struct handoff_host *host, struct handoff_conn *conn);

/* --- addresses (handoff_place.c) ---------------------------------------------------------------- */

/* handoff_place_set - @from as a place. Returns 0 or -EAFNOSUPPORT. */
int handoff_place_set(const struct sockaddr_storage *from, struct handoff_place *ret_place);

/* handoff_place_get - @place as an address of sockets, IPv4 as such. */
void handoff_place_get(const struct handoff_place *place, struct sockaddr_storage *ret_to);

/* "[ffff:...]:65535", with its NUL. */
#define HANDOFF_PLACE_TEXT 64

/* handoff_place_format - @at in words, as handoff_host_parse() reads them. */
void handoff_place_format(const struct sockaddr_storage *at, char ret_text[HANDOFF_PLACE_TEXT]);

/* handoff_place_key - the key of the rule of @client's connection with @here. */
void handoff_place_key(const struct handoff_place *client, const struct handoff_place *here,
		       struct handoff_key *ret_key);

#endif
