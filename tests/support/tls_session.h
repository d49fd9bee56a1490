/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A TLS session between two sockets of one process, OpenSSL's on the client's side and the
 * kernel's on the server's. Fails by cmocka.
 */
#ifndef TEST_TLS_SESSION_H
#define TEST_TLS_SESSION_H

#include <stddef.h>

#include <openssl/ssl.h>

struct tls_session {
	SSL *client;
	BIO *out;   /* what the client wrote, to be sent */
	int socket; /* the client's */
};

/*
 * tls_session_open - handshake of @version (TLS1_2_VERSION, TLS1_3_VERSION) with OpenSSL's name
 * @cipher, after which @server is one of kTLS in both directions.
 */
void tls_session_open(struct tls_session *session, int client, int server, int version,
		      const char *cipher);
void tls_session_close(struct tls_session *session);

/* tls_session_write - one record, of which @part of 2 parts are sent: 1, 2, or 3 for both. */
void tls_session_write(struct tls_session *session, const void *bytes, size_t len, int part);

/* tls_session_expect - the client hears @text. */
void tls_session_expect(struct tls_session *session, const char *text);

#endif
