/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tls_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include <sys/socket.h>

#include "tests/support/ktls.h"
#include "tests/support/tap.h"

#define RECORD_MAX 17000
#define WAIT_MS 60000

static void set_blocking(int fd, int is_blocking)
{
	assert_int_equal(fcntl(fd, F_SETFL, is_blocking ? 0 : O_NONBLOCK), 0);
}

static void shake_hands(SSL *client, SSL *server)
{
	int done = 0;

	for (int i = 0; i < WAIT_MS && done != 3; i++) {
		if (!(done & 1) && SSL_do_handshake(client) == 1)
			done |= 1;
		if (!(done & 2) && SSL_do_handshake(server) == 1)
			done |= 2;
		poll(NULL, 0, done == 3 ? 0 : 1);
	}
	assert_int_equal(done, 3);
}

void tls_session_open(struct tls_session *session, int client, int server, int version,
		      const char *cipher)
{
	SSL *other = ktls_side(server, version, cipher, true);

	*session = (struct tls_session){ .socket = client };
	session->client = ktls_side(client, version, cipher, false);
	set_blocking(client, 0);
	set_blocking(server, 0);
	shake_hands(session->client, other);
	set_blocking(server, 1);
	ktls_leave(other, server);
	session->out = BIO_new(BIO_s_mem());
	SSL_set0_wbio(session->client, session->out);
}

void tls_session_close(struct tls_session *session)
{
	SSL_free(session->client);
	session->client = NULL;
}

void tls_session_write(struct tls_session *session, const void *bytes, size_t len, int part)
{
	static uint8_t record[RECORD_MAX];
	static int size;
	int half;

	if (part & 1) {
		assert_int_equal(SSL_write(session->client, bytes, (int)len), len);
		size = BIO_read(session->out, record, sizeof(record));
		assert_true(size > (int)len);
	}
	half = size / 2;
	if (part & 1)
		assert_int_equal(send(session->socket, record, (size_t)half, MSG_NOSIGNAL), half);
	if (part & 2)
		assert_int_equal(send(session->socket, record + half, (size_t)(size - half),
				      MSG_NOSIGNAL),
				 size - half);
}

void tls_session_expect(struct tls_session *session, const char *text)
{
	char heard[256] = "";
	int got = 0, now;

	for (int i = 0; i < WAIT_MS && got < (int)strlen(text); i++) {
		now = SSL_read(session->client, heard + got, (int)sizeof(heard) - 1 - got);
		got += now > 0 ? now : 0;
		if (now <= 0 && SSL_get_error(session->client, now) != SSL_ERROR_WANT_READ)
			fail_msg("the client's TLS ends: %d, %s",
				 SSL_get_error(session->client, now), strerror(errno));
		poll(NULL, 0, now > 0 ? 0 : 1);
	}
	assert_string_equal(heard, text);
}
