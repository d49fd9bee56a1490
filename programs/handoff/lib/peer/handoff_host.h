/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Connections that move between this host and others: one handle for a process's event loop.
 *
 *	struct handoff_host *host;
 *
 *	handoff_host_new(&config, &host)		...handoff_host_error(host) where it failed
 *	handoff_host_add(host, "web2", address, length)	who connections may go to and come from
 *	poll handoff_host_fd(host) for input, then	handoff_host_run(host)
 *	handoff_host_send(host, fd, "web2", tag, bytes, length)
 *
 * Home is where the client's packets arrive. What is sent from there is served by the other host,
 * which answers the client directly; that one may send it on: back home, or to a third host, to
 * which home passes it. At each moment one process has the connection. What goes wrong before
 * the other host's word that it is there leaves it where it was (kept); what goes wrong
 * later, and cannot be mended, resets the client (docs/connection-handoff.md).
 *
 * Functions return 0 or -errno and print nothing. A handle is for one thread at a time.
 * Events are told from within handoff_host_run() and handoff_host_send(); all but
 * handoff_host_free() and handoff_host_run() may be called from there. Linux 6.1 is enough.
 */
#ifndef HANDOFF_HOST_H
#define HANDOFF_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

struct handoff_host;

/* A connection that came here. What is pointed to is there for as long as the call lasts. */
struct handoff_taken {
	struct sockaddr_storage client;
	struct sockaddr_storage home; /* the address that the client knows */
	const char *from;	      /* the host that it came from */
	bool is_home;		      /* it has come back: this is its home */
	uint64_t id;		      /* for handoff_host_ended() */
	const void *bytes;	      /* what the application there gave along */
	size_t length;
};

/*
 * What happens; each may be NULL. @data is the config's, @tag of handoff_host_send(): who hears
 * kept(), given() or lost() hears no more of it.
 */
struct handoff_host_events {
	/*
	 * @fd is the application's from now on, non-blocking; else it ends by handoff_host_close().
	 */
	void (*taken)(void *data, int fd, const struct handoff_taken *what);
	/*
	 * It was not moved: @fd is the application's again, as it was. @why is one line;
	 * handoff_host_may_send_again().
	 */
	void (*kept)(void *data, void *tag, int fd, const char *why);
	/* Another host serves it. Its socket here is closed. */
	void (*given)(void *data, void *tag);
	/*
	 * Nobody has it, the client is reset. @fd, where not -1, was taken or kept and is to be
	 * closed: @tag is NULL then.
	 */
	void (*lost)(void *data, void *tag, int fd, const char *why);
	/*
	 * The link to @peer is there, or not. One that was dialed by who is not known, or not
	 * believed, is told as well, at most once a second: @peer is the address then.
	 */
	void (*link)(void *data, const char *peer, bool is_up, const char *why);
};

/*
 * Milliseconds, less than 2^31; 0: as said here. Hosts rely on each other's, so they have the same.
 */
struct handoff_host_times {
	uint32_t ack;	  /* 500: the other host has restored it, or it is kept */
	uint32_t ready;	  /* 2000: it hears that it may serve, or resets; above ack + 500 */
	uint32_t done;	  /* 3000: it says that it serves, or the client is reset */
	uint32_t abandon; /* 30000: without a link to who serves, until home resets the client */
	uint32_t linger;  /* 10000: without a packet after both ends, until a rule goes */
	uint32_t idle;	  /* 120000: the same of what is closed, where not both ends were seen */
	/*
	 * 500: something is said at least that often, and a link ends after six, of the peer's: these
	 * are no longer than abandon.
	 */
	uint32_t beat;
};

/* All is copied. */
struct handoff_host_config {
	const char *name;    /* of this host, as others add it; its certificate has to have it */
	const char *map_dir; /* the folder of handoff's slot (handoff_rules.h) */
	const char *ca;	     /* PEM files; all three, or none and is_plain */
	const char *cert;
	const char *key;
	/* Without TLS: everybody on the way reads keys, and may be any peer. For AF_UNIX and tests. */
	bool is_plain;
	/* Where others dial; length 0: nowhere. */
	struct sockaddr_storage listen;
	socklen_t listen_length;
	/* Addresses that connections which come here are bound to; family 0: none of these. */
	struct sockaddr_storage local[2];
	const char *agent; /* handoff_set_agent(); NULL: the usual one */
	struct handoff_host_times times;
	struct handoff_host_events events;
	void *data;
};

/*
 * handoff_host_check - whether handoff_host_new() would take the words and the certificates of
 * @config, for who reads a file of settings: only the certificates are opened, and nothing stays.
 * @ret_why: where it would not, one line of up to @size bytes. Returns 0, -EINVAL or -ENOMEM.
 */
int handoff_host_check(const struct handoff_host_config *config, char *ret_why, size_t size);

/*
 * handoff_host_new - open rules and certificates, and listen. Returns 0, -EINVAL for a config that
 * contradicts itself, or -errno; then *ret_host is set as well, for handoff_host_error() alone,
 * or NULL for lack of memory. To handoff_host_free() either way.
 */
int handoff_host_new(const struct handoff_host_config *config, struct handoff_host **ret_host);

/*
 * handoff_host_free - close the handle; NULL is fine. What is on its way is kept, where it can be,
 * without a word to the application; connections that were taken are not touched.
 */
void handoff_host_free(struct handoff_host *host);

/* handoff_host_error - the line about what failed last, owned by @host, which may be NULL. */
const char *handoff_host_error(const struct handoff_host *host);

/*
 * handoff_host_add - another host. One of the two dials, at @address, and again whenever the link
 * is lost; @length 0: it is the other one. Returns 0, -EEXIST, -EINVAL or -ENOMEM.
 */
int handoff_host_add(struct handoff_host *host, const char *peer, const struct sockaddr *address,
		     socklen_t length);

/*
 * handoff_host_add_word - handoff_host_add() of a word of a command line or a file: NAME, who
 * dials, or NAME@ADDRESS:PORT. Returns as that.
 */
int handoff_host_add_word(struct handoff_host *host, const char *word);

/*
 * handoff_host_parse - "192.0.2.1:80", "[2001:db8::1]:80", or an address alone, with port 0, as
 * what handoff_host_config and handoff_host_add() take. Pure. Returns 0 or -EINVAL.
 */
int handoff_host_parse(const char *text, struct sockaddr_storage *ret_address,
		       socklen_t *ret_length);

/*
 * handoff_host_parse_port - the same of what is listened at, or dialed: without a port, or with 0, it
 * is refused. Pure. Returns 0 or -EINVAL.
 */
int handoff_host_parse_port(const char *text, struct sockaddr_storage *ret_address,
			    socklen_t *ret_length);

/* handoff_host_is_linked - whether connections may be sent to @peer now. */
bool handoff_host_is_linked(const struct handoff_host *host, const char *peer);

/* handoff_host_fd - to be polled for input; the handle's. */
int handoff_host_fd(const struct handoff_host *host);

/*
 * handoff_host_run - do what there is to do, without waiting, but for an agent that does not answer
 * (handoff.h): three seconds once, and then none for five. Returns 0 or -errno.
 */
int handoff_host_run(struct handoff_host *host);

/*
 * handoff_host_send - give the connection @fd to @peer, with @bytes for the application there. One
 * that was taken goes home where @peer is NULL, or to @peer by way of home. Where 0 is returned
 * @fd is the handle's until kept(), given() or lost() says what became of it: it is not to be
 * read, written or closed. Otherwise nothing has happened: -ENOENT for a peer that was not
 * added, -ENOTCONN without a link, or a connection, -EBUSY where it is on its way already,
 * -ESHUTDOWN after handoff_host_stop(),
 * -EAGAIN where it may be tried again (handoff_capture()), -EMSGSIZE for too many @bytes, -ESTALE
 * where its rule is another's, or -errno.
 */
int handoff_host_send(struct handoff_host *host, int fd, const char *peer, void *tag,
		      const void *bytes, size_t length);

/*
 * handoff_host_send_unread - handoff_host_send(), but @bytes are what was read here last of the
 * connection itself: the socket there is read from their first on, as if nobody had, and taken()
 * has no bytes. Under kTLS they are taken()'s, and come before what that socket is read for. Where
 * it is kept, @fd does not have them again. Returns as handoff_host_send().
 */
int handoff_host_send_unread(struct handoff_host *host, int fd, const char *peer, void *tag,
			     const void *bytes, size_t length);

/*
 * handoff_host_may_send_again - within kept(), before anything else is asked of @host: whether it
 * stayed for no more than a packet that came in or went out while it was captured, or a next hop
 * that had not said its MAC address yet. It may be sent again, there and then.
 */
bool handoff_host_may_send_again(const struct handoff_host *host);

/*
 * handoff_host_close - close @fd, which may be one that was taken: home hears of it, and rules go
 * when no packet needs them. Returns 0.
 */
int handoff_host_close(struct handoff_host *host, int fd);

/*
 * handoff_host_closed - the same, where the application has just closed @fd by itself: before
 * anything else is opened. Of what is closed without a word its rules, here and at home, stay until
 * something that comes here gets its descriptor.
 */
void handoff_host_closed(struct handoff_host *host, int fd);

/*
 * handoff_host_lend - @fd, which was taken or kept, is another process's of the application, and the
 * caller closes it here. That one passes a descriptor of it back for handoff_host_send(), or
 * says that it has closed it: then it ends by handoff_host_ended(). @tag, the caller's, stands for
 * it in lost(), with -1 as descriptor. Returns 0, or -ENOENT where nothing needs to be said of
 * it any more, as of what has come home.
 */
int handoff_host_lend(struct handoff_host *host, int fd, void *tag);

/*
 * handoff_host_ended - what was taken as @id, and lent, is closed. One that is on its way, or not
 * known, stays as it is.
 */
void handoff_host_ended(struct handoff_host *host, uint64_t id);

/*
 * handoff_host_break_off - for another process of the application, which has no handle: @fds were
 * passed to the one that has it, for handoff_host_send(), and that one has ended without a word of them.
 * To be called before they are closed, for all of them at once: then the close of each resets its
 * client at once, where it is certain that no other host has the connection, and is silent otherwise.
 * Of @config, map_dir and agent are read. An agent that does not answer takes three seconds, once.
 * Returns 0, or -errno of the first that is silent for lack of an answer.
 */
int handoff_host_break_off(const struct handoff_host_config *config, const int *fds, size_t count);

/*
 * handoff_host_stop - nothing is to be moved any more: handoff_host_send() fails, and what others
 * offer stays with them. What is on its way already arrives, and is told of as ever, taken() too.
 * For who is about to free @host, and runs it until handoff_host_is_busy() says no.
 */
void handoff_host_stop(struct handoff_host *host);

/*
 * handoff_host_is_busy - whether a connection is on its way, from here or to here, or a client is
 * asked yet, of whose connection nobody knows: for 2 s, as packets are lost; after
 * handoff_host_stop() also whether a link is there. These end when nothing else is left, and the
 * other side has read all that was said to it. One that is to be freed, for another process of the
 * same name or for good, is stopped, and run until it is not busy.
 */
bool handoff_host_is_busy(struct handoff_host *host);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
