/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What two hosts say to each other about connections that move, as bytes
 * (docs/connection-handoff.md has the table). Pure.
 *
 * A header of 20 bytes, then a body of the length it names; numbers in network byte order:
 *
 *	version u8 | type u8 | 0 u16 | length of body u32 | id u64 | turn u32
 *
 * HELLO and END are of version 1 for ever, and HELLO names the versions that its side speaks: all
 * else on a link is of the last one that both do. Every length is checked against what is there, and
 * nothing may stand behind the last field.
 */
#ifndef HANDOFF_MESSAGE_H
#define HANDOFF_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HANDOFF_MESSAGE_VERSION 1
#define HANDOFF_MESSAGE_HEADER 20
#define HANDOFF_MESSAGE_BODY_MAX                                                                   \
	(48U << 20)	     /* bytes: a connection's queues, and the application's */
#define HANDOFF_NAME_MAX 63  /* bytes of a host's name */
#define HANDOFF_TEXT_MAX 255 /* bytes of why something was refused */

enum handoff_message_type {
	HANDOFF_HELLO = 1, /* each side's first */
	HANDOFF_BEAT,	   /* nothing was said for a while */
	HANDOFF_REQUEST,   /* home gives: the connection as it stands */
	HANDOFF_BACK,	   /* the same, towards home */
	HANDOFF_REFUSE,	   /* it is not taken: the giver still has it */
	HANDOFF_ACK,	   /* restored, silent, at this address */
	HANDOFF_READY,	   /* the giver has given it up: serve */
	HANDOFF_DONE,	   /* served from here */
	HANDOFF_RESET,	   /* the taker has none of that id and turn */
	HANDOFF_CANCEL,	   /* the giver takes its offer back */
	HANDOFF_GONE,	   /* the connection that was taken has ended */
	HANDOFF_OVER,	   /* and no packet of it comes or goes any more */
	HANDOFF_END,	   /* the last of a link, which is refused or broken off */
	HANDOFF_MESSAGE_TYPE_COUNT,
};

/* IPv4 as ::ffff:a.b.c.d, as in the rule table. */
struct handoff_place {
	uint8_t addr[16]; /* network byte order */
	uint16_t port;	  /* host byte order */
};

struct handoff_hello {
	uint64_t instance;   /* of the process: another one after a restart */
	uint32_t beat_ms;    /* something is sent at least that often */
	uint8_t first, last; /* versions that this side speaks, both included */
	char name[HANDOFF_NAME_MAX + 1];
};

/* REQUEST and BACK. The pointers are into what was parsed, or the caller's. */
struct handoff_offer {
	struct handoff_place client;
	struct handoff_place home;	   /* the address that the client knows */
	char onward[HANDOFF_NAME_MAX + 1]; /* BACK: home passes it on to this host; "" for none */
	const uint8_t *state;
	size_t state_len;
	const uint8_t *app;
	size_t app_len;
};

struct handoff_message {
	enum handoff_message_type type;
	uint64_t id;   /* of the connection, 0 in HELLO, BEAT and END */
	uint32_t turn; /* of the attempt: one more for each */
	union {
		struct handoff_hello hello;
		struct handoff_offer offer;
		struct handoff_place place;	/* ACK */
		char why[HANDOFF_TEXT_MAX + 1]; /* REFUSE, RESET, CANCEL and END */
	};
};

/* handoff_message_name - "REQUEST" and so on; "?" for what is none. */
const char *handoff_message_name(enum handoff_message_type type);

/* handoff_message_size - how many bytes @message has as such. */
size_t handoff_message_size(const struct handoff_message *message);

/*
 * handoff_message_format - write @message to @bytes, of which there are @room. Returns 0, -ENOSPC
 * for too little room, or -EMSGSIZE for a body beyond HANDOFF_MESSAGE_BODY_MAX.
 */
int handoff_message_format(const struct handoff_message *message, uint8_t *bytes, size_t room,
			   size_t *ret_len);

/*
 * handoff_message_parse - read the message that @bytes begin with. What *@ret_message points to
 * lies in @bytes. Returns 0 and in *@ret_len its length; -EAGAIN where more bytes are needed, and
 * in *@ret_len how many there have to be for the next try; -EPROTONOSUPPORT for another version,
 * -EMSGSIZE for a body beyond the limit, -EPROTO for what is no message.
 */
int handoff_message_parse(const uint8_t *bytes, size_t len, struct handoff_message *ret_message,
			  size_t *ret_len);

#endif
