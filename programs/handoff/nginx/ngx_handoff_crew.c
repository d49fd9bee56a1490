/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The mover and the other workers: what comes goes to whichever has the fewest. Of what another one
 * serves the mover keeps no descriptor, so that its end is its end; of what is on its way each
 * has one, until both are closed.
 */
#include <sys/socket.h>

#include <openssl/crypto.h>

#include "programs/handoff/nginx/ngx_handoff.h"

#define STRANGERS_MAX 16 /* each has one of worker_connections */

/*
 * What the library and other workers mean: a request on its way, or a connection that another
 * worker has taken.
 */
struct tag {
	ngx_rbtree_node_t node;		    /* of what was taken, by its id; first */
	ngx_queue_t all;		    /* of its worker */
	struct ngx_handoff_channel *worker; /* NULL: this one, or it has ended: is_orphan */
	bool is_orphan;			    /* or has closed what is on its way */
	uint64_t number;		    /* of a request, to its worker */
	struct tag *taken;		    /* of a request: what its connection was taken as */
	bool is_away;			    /* of what was taken: a request of it is on its way */
};

static struct {
	struct ngx_handoff_main *main;
	ngx_connection_t *door;
	ngx_queue_t all;
	ngx_queue_t strangers; /* who has called, and has not said the secret */
	ngx_rbtree_t taken;
	ngx_rbtree_node_t leaf;
} crew;

/* --- tags -------------------------------------------------------------------------------------- */

static struct tag *find_taken(const struct ngx_handoff_channel *worker, uint64_t id)
{
	ngx_rbtree_node_t *node = crew.taken.root;

	while (node != &crew.leaf && node->key != id)
		node = id < node->key ? node->left : node->right;
	if (node == &crew.leaf || ((struct tag *)node)->worker != worker)
		return NULL;
	return (struct tag *)node;
}

static struct tag *add_tag(struct ngx_handoff_channel *worker, uint64_t number)
{
	struct tag *tag = ngx_calloc(sizeof(*tag), ngx_cycle->log);

	if (!tag)
		return NULL;
	tag->worker = worker;
	tag->number = number;
	/* These are more than one statement each. */
	if (worker) {
		ngx_queue_insert_tail(&worker->tags, &tag->all);
	} else {
		ngx_queue_init(&tag->all);
	}
	return tag;
}

static void free_tag(struct tag *tag)
{
	ngx_queue_remove(&tag->all);
	if (tag->node.key) {
		if (tag->worker)
			tag->worker->taken--;
		ngx_rbtree_delete(&crew.taken, &tag->node);
	}
	ngx_free(tag);
}

/* --- other workers ----------------------------------------------------------------------------- */

static void say_link(struct ngx_handoff_channel *worker, const char *peer, bool is_up)
{
	struct ngx_handoff_note note = { .word = NGX_HANDOFF_SAY_LINK, .is_set = is_up };

	ngx_cpystrn((u_char *)note.host, (u_char *)peer, sizeof(note.host));
	ngx_handoff_channel_say(worker, &note, NULL);
}

static void say(struct ngx_handoff_channel *worker, struct ngx_handoff_note note, const char *why)
{
	note.length = why ? (uint32_t)strlen(why) + 1 : 0;
	ngx_handoff_channel_say(worker, &note, why);
}

/* Returns false where nobody awaits it. */
static bool answer(struct tag *tag, enum ngx_handoff_outcome outcome, const char *why)
{
	bool is_closed = outcome == NGX_HANDOFF_GIVEN || outcome == NGX_HANDOFF_LOST;

	if (!tag->worker)
		return !tag->is_orphan && ngx_handoff_answer(tag->number, outcome, why, is_closed);
	say(tag->worker,
	    (struct ngx_handoff_note){
		    .word = NGX_HANDOFF_SAY_ANSWER, .number = tag->number, .outcome = outcome },
	    why);
	return true;
}

/* @fd, which was on its way, is another worker's again, or nobody's. */
static void put_back(struct tag *tag, int fd)
{
	if (tag->is_orphan || (tag->taken && tag->taken->is_orphan)) {
		handoff_host_close(ngx_handoff_host, fd);
		return;
	}
	if (tag->taken)
		handoff_host_lend(ngx_handoff_host, fd, tag->taken);
	close(fd);
}

/* A request's way has ended; @is_gone: so has this host's part in its connection. */
static void end_way(struct tag *tag, bool is_gone)
{
	if (tag->taken) {
		tag->taken->is_away = false;
		if (is_gone || tag->is_orphan || tag->taken->is_orphan)
			free_tag(tag->taken);
	}
	free_tag(tag);
}

static const char *send_on(int fd, struct tag *tag, const char *peer, const void *bytes,
			   size_t length)
{
	if (!ngx_handoff_host)
		return ngx_exiting ? "this worker is about to end" : "there is no host yet";
	if (!handoff_host_send_unread(ngx_handoff_host, fd, peer, tag, bytes, length))
		return NULL;
	return handoff_host_error(ngx_handoff_host);
}

static void hear_give(struct ngx_handoff_channel *worker, const struct ngx_handoff_note *note,
		      const void *bytes, int fd)
{
	struct tag *taken = note->id ? find_taken(worker, note->id) : NULL;
	struct tag *tag = add_tag(worker, note->number);
	const char *why;

	if (!tag) {
		/* The worker loses what it has on its way, and comes again. */
		worker->is_over = true;
		close(fd);
		return;
	}
	tag->taken = taken;
	if (taken)
		taken->is_away = true;
	if (note->id && !taken)
		why = "it came by another process, which has ended";
	else
		why = send_on(fd, tag, *note->host ? note->host : NULL, bytes, note->length);
	if (!why)
		return;
	answer(tag, NGX_HANDOFF_KEPT, why);
	if (ngx_handoff_host)
		put_back(tag, fd);
	else
		close(fd);
	end_way(tag, false);
}

static void hear_worker(struct ngx_handoff_channel *worker, const struct ngx_handoff_note *note,
			const void *bytes, int fd)
{
	struct tag *taken;

	if (note->word == NGX_HANDOFF_SAY_GIVE && fd >= 0) {
		hear_give(worker, note, bytes, fd);
		return;
	}
	taken = note->word == NGX_HANDOFF_SAY_ENDED ? find_taken(worker, note->id) : NULL;
	if (taken && taken->is_away) {
		taken->is_orphan = true;
	} else if (taken) {
		free_tag(taken);
		if (ngx_handoff_host)
			handoff_host_ended(ngx_handoff_host, note->id);
	}
	if (fd >= 0)
		close(fd);
}

/* Its sockets have ended with it, but those that are on their way. */
static void drop_worker(struct ngx_handoff_channel *worker)
{
	while (!ngx_queue_empty(&worker->tags)) {
		struct tag *tag = ngx_queue_data(ngx_queue_head(&worker->tags), struct tag, all);
		uint64_t id = tag->node.key;

		if (id && !tag->is_away) {
			free_tag(tag);
			if (ngx_handoff_host)
				handoff_host_ended(ngx_handoff_host, id);
			continue;
		}
		ngx_queue_remove(&tag->all);
		ngx_queue_init(&tag->all);
		tag->worker = NULL;
		tag->is_orphan = true;
	}
	ngx_queue_remove(&worker->all);
	ngx_handoff_channel_free(worker);
}

static bool is_own(int fd)
{
	struct ucred who;
	socklen_t length = sizeof(who);

	return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) && who.uid == geteuid();
}

static void send_away(struct ngx_handoff_channel *stranger)
{
	ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
		      "handoff: a process that is no worker called, and was sent away");
	stranger->is_over = true;
}

/* A process of the workers' user that is none gets no client. */
static void hear_stranger(struct ngx_handoff_channel *stranger, const struct ngx_handoff_note *note,
			  const void *bytes, int fd)
{
	const ngx_array_t *targets = crew.main->targets;

	if (fd >= 0)
		close(fd);
	if (note->word != NGX_HANDOFF_SAY_HELLO || note->length != NGX_HANDOFF_SECRET ||
	    CRYPTO_memcmp(bytes, crew.main->secret, NGX_HANDOFF_SECRET) != 0) {
		send_away(stranger);
		return;
	}
	stranger->hear = hear_worker;
	ngx_queue_remove(&stranger->all);
	ngx_queue_insert_tail(&crew.all, &stranger->all);
	for (ngx_uint_t i = 0; targets && i < targets->nelts; i++) {
		const struct ngx_handoff_target *target =
			&((struct ngx_handoff_target *)targets->elts)[i];

		say_link(stranger, target->name, target->is_linked);
	}
}

static ngx_uint_t count_strangers(void)
{
	ngx_uint_t count = 0;
	ngx_queue_t *at;

	for (at = ngx_queue_head(&crew.strangers); at != ngx_queue_sentinel(&crew.strangers);
	     at = ngx_queue_next(at))
		count++;
	return count;
}

/* The oldest one goes, unless it has said the secret by now: workers may call all at once. */
static void make_room(void)
{
	while (count_strangers() >= STRANGERS_MAX) {
		ngx_queue_t *first = ngx_queue_head(&crew.strangers);
		struct ngx_handoff_channel *oldest =
			ngx_queue_data(first, struct ngx_handoff_channel, all);
		ngx_event_t *event = oldest->c->read;

		event->handler(event);
		if (ngx_queue_head(&crew.strangers) != first)
			continue;
		send_away(oldest);
		drop_worker(oldest);
	}
}

static void open_door(ngx_event_t *event)
{
	struct ngx_handoff_channel *stranger;
	int fd;

	while ((fd = accept4(((ngx_connection_t *)event->data)->fd, NULL, NULL,
			     SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (!is_own(fd)) {
			ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
				      "handoff: another user called, and was sent away");
			close(fd);
			continue;
		}
		make_room();
		stranger = ngx_handoff_channel_new(fd, hear_stranger, drop_worker);
		if (!stranger)
			continue;
		ngx_queue_insert_tail(&crew.strangers, &stranger->all);
	}
}

/* --- what the library says --------------------------------------------------------------------- */

static void hear_kept(void *data, void *of, int fd, const char *why)
{
	struct tag *tag = of;
	bool is_own_request = !tag->worker && !tag->is_orphan;
	enum ngx_handoff_outcome outcome = handoff_host_may_send_again(ngx_handoff_host) ?
						   NGX_HANDOFF_KEPT_NOW :
						   NGX_HANDOFF_KEPT;

	(void)data;
	if (!is_own_request)
		put_back(tag, fd);
	if (!answer(tag, outcome, why) && is_own_request)
		handoff_host_close(ngx_handoff_host, fd);
	end_way(tag, false);
}

static void hear_given(void *data, void *of)
{
	struct tag *tag = of;

	(void)data;
	answer(tag, NGX_HANDOFF_GIVEN, NULL);
	end_way(tag, true);
}

/* What was taken here, or by another worker, or was on its way. */
static void hear_lost(void *data, void *of, int fd, const char *why)
{
	struct tag *tag = of;

	(void)data;
	ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0, "handoff: a client is reset: %s", why);
	if (fd >= 0) {
		shutdown(fd, SHUT_RDWR);
	} else if (!tag->node.key) {
		answer(tag, NGX_HANDOFF_LOST, why);
		end_way(tag, true);
	} else {
		say(tag->worker,
		    (struct ngx_handoff_note){ .word = NGX_HANDOFF_SAY_BREAK, .id = tag->node.key },
		    why);
		free_tag(tag);
	}
}

static void hear_link(void *data, const char *peer, bool is_up, const char *why)
{
	ngx_queue_t *at;

	(void)data;
	ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "handoff: link to %s is %s %s", peer,
		      is_up ? "up" : "down", why ? why : "");
	ngx_handoff_set_link(crew.main, peer, is_up);
	for (at = ngx_queue_head(&crew.all); at != ngx_queue_sentinel(&crew.all);
	     at = ngx_queue_next(at))
		say_link(ngx_queue_data(at, struct ngx_handoff_channel, all), peer, is_up);
}

/* NULL: this one. */
static struct ngx_handoff_channel *choose_worker(void)
{
	struct ngx_handoff_channel *least = NULL;
	ngx_uint_t count = ngx_handoff_count_taken();
	ngx_queue_t *at;

	for (at = ngx_queue_head(&crew.all); at != ngx_queue_sentinel(&crew.all);
	     at = ngx_queue_next(at)) {
		struct ngx_handoff_channel *worker =
			ngx_queue_data(at, struct ngx_handoff_channel, all);

		if (worker->taken < count) {
			least = worker;
			count = worker->taken;
		}
	}
	return least;
}

static ngx_int_t pass_on(struct ngx_handoff_channel *worker, int fd,
			 const struct handoff_taken *what)
{
	struct ngx_handoff_note note = {
		.word = NGX_HANDOFF_SAY_TAKE,
		.length = (uint32_t)what->length,
		.id = what->id,
		.is_set = what->is_home,
		.client = what->client,
		.home = what->home,
	};
	struct tag *tag = what->length <= NGX_HANDOFF_BYTES_MAX ? add_tag(worker, 0) : NULL;

	ngx_cpystrn((u_char *)note.host, (u_char *)what->from, sizeof(note.host));
	if (!tag || ngx_handoff_channel_pass(worker, &note, what->bytes, fd) != NGX_OK) {
		if (tag)
			free_tag(tag);
		return NGX_DECLINED;
	}
	tag->node.key = what->id;
	ngx_rbtree_insert(&crew.taken, &tag->node);
	worker->taken++;
	handoff_host_lend(ngx_handoff_host, fd, tag);
	close(fd);
	return NGX_OK;
}

/* Other workers of this configuration end when this one does: they may read nothing any more. */
static void hear_taken(void *data, int fd, const struct handoff_taken *what)
{
	struct ngx_handoff_channel *worker = ngx_exiting ? NULL : choose_worker();

	(void)data;
	if (!worker || pass_on(worker, fd, what) != NGX_OK)
		ngx_handoff_take(fd, what);
}

/* --- for this process -------------------------------------------------------------------------- */

const char *ngx_handoff_crew_give(int fd, uint64_t number, const char *peer, const ngx_str_t *bytes)
{
	struct tag *tag = add_tag(NULL, number);
	const char *why;

	if (!tag)
		return "out of memory";
	why = send_on(fd, tag, peer, bytes->data, bytes->len);
	if (why)
		free_tag(tag);
	return why;
}

void ngx_handoff_crew_hear_end(int fd, uint64_t id)
{
	(void)id;
	/* nginx has just closed it. */
	if (ngx_handoff_host)
		handoff_host_closed(ngx_handoff_host, fd);
}

/* --- its life ---------------------------------------------------------------------------------- */

void ngx_handoff_crew_set_events(struct handoff_host_events *ret_events)
{
	*ret_events = (struct handoff_host_events){
		.taken = hear_taken,
		.kept = hear_kept,
		.given = hear_given,
		.lost = hear_lost,
		.link = hear_link,
	};
}

void ngx_handoff_crew_begin(struct ngx_handoff_main *main)
{
	ngx_queue_init(&crew.all);
	ngx_queue_init(&crew.strangers);
	ngx_rbtree_init(&crew.taken, &crew.leaf, ngx_rbtree_insert_value);
	crew.main = main;
	crew.door = main->door >= 0 ? ngx_get_connection(main->door, ngx_cycle->log) : NULL;
	if (!crew.door)
		return;
	crew.door->log = crew.door->read->log = crew.door->write->log = ngx_cycle->log;
	crew.door->read->handler = open_door;
	ngx_add_event(crew.door->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
}

static void drop_all(const ngx_queue_t *all)
{
	while (!ngx_queue_empty(all))
		drop_worker(ngx_queue_data(ngx_queue_head(all), struct ngx_handoff_channel, all));
}

void ngx_handoff_crew_end(void)
{
	drop_all(&crew.all);
	drop_all(&crew.strangers);
	if (!crew.door)
		return;
	ngx_free_connection(crew.door);
	crew.door->fd = (ngx_socket_t)-1;
}
