/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/tls_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include "tests/support/tap.h"

#define SECRET_MAX 48
#define RECORD_MAX 17000

static struct secrets {
	uint8_t client[SECRET_MAX], server[SECRET_MAX];
	size_t len;
} secrets;

static size_t read_hex(const char *hex, uint8_t *ret_bytes)
{
	size_t len = 0;
	unsigned int byte;

	for (; len < SECRET_MAX && sscanf(hex + 2 * len, "%2x", &byte) == 1; len++)
		ret_bytes[len] = (uint8_t)byte;
	return len;
}

/* "LABEL random secret" (NSS key log format) */
static void take_secret(const SSL *ssl, const char *line)
{
	const char *secret = strrchr(line, ' ') + 1;

	(void)ssl;
	if (!strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23))
		secrets.len = read_hex(secret, secrets.client);
	if (!strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23))
		read_hex(secret, secrets.server);
}

static void set_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	assert_non_null(key);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)"server", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static SSL *make_side(int version, const char *cipher, int is_server)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	SSL *ssl;

	assert_non_null(ctx);
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	SSL_CTX_set_keylog_callback(ctx, take_secret);
	if (version == TLS1_3_VERSION)
		assert_int_equal(SSL_CTX_set_ciphersuites(ctx, cipher), 1);
	else
		assert_int_equal(SSL_CTX_set_cipher_list(ctx, cipher), 1);
	if (is_server) {
		set_certificate(ctx);
		SSL_CTX_set_num_tickets(ctx, 0);
		if (version == TLS1_2_VERSION)
			SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS | SSL_OP_NO_TICKET);
	}
	ssl = SSL_new(ctx);
	assert_non_null(ssl);
	SSL_CTX_free(ctx);
	return ssl;
}

static void set_blocking(int fd, int is_blocking)
{
	assert_int_equal(fcntl(fd, F_SETFL, is_blocking ? 0 : O_NONBLOCK), 0);
}

static void shake_hands(SSL *client, SSL *server)
{
	int done = 0;

	for (int i = 0; i < 5000 && done != 3; i++) {
		if (!(done & 1) && SSL_connect(client) == 1)
			done |= 1;
		if (!(done & 2) && SSL_accept(server) == 1)
			done |= 2;
		poll(NULL, 0, done == 3 ? 0 : 1);
	}
	assert_int_equal(done, 3);
}

/* --- keys of TLS 1.3, which OpenSSL 3.0 does not give to the kernel for both directions ----------- */

/* HKDF-Expand-Label of RFC 8446, 7.1, without a context. */
static void expand(const uint8_t *secret, const char *label, const EVP_MD *md, uint8_t *out,
		   size_t len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	uint8_t info[64] = { 0, (uint8_t)len, (uint8_t)(6 + strlen(label)) };
	size_t info_len = 3;

	memcpy(info + info_len, "tls13 ", 6);
	memcpy(info + info_len + 6, label, strlen(label));
	info_len += 6 + strlen(label) + 1;
	assert_true(EVP_PKEY_derive_init(ctx) > 0);
	EVP_PKEY_CTX_set_hkdf_mode(ctx, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY);
	EVP_PKEY_CTX_set_hkdf_md(ctx, md);
	EVP_PKEY_CTX_set1_hkdf_key(ctx, secret, (int)secrets.len);
	EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)info_len);
	assert_true(EVP_PKEY_derive(ctx, out, &len) > 0);
	EVP_PKEY_CTX_free(ctx);
}

static void give_key(int fd, int way, const uint8_t *secret, const SSL *ssl)
{
	int is_sha384 = secrets.len == 48;
	const EVP_MD *md = is_sha384 ? EVP_sha384() : EVP_sha256();
	union {
		struct tls_crypto_info head;
		struct tls12_crypto_info_aes_gcm_128 gcm_128;
		struct tls12_crypto_info_aes_gcm_256 gcm_256;
		struct tls12_crypto_info_chacha20_poly1305 chacha;
	} info = { .head.version = TLS_1_3_VERSION };
	socklen_t size = sizeof(info.gcm_128);
	uint8_t iv[12];

	expand(secret, "iv", md, iv, sizeof(iv));
	if (strstr(SSL_get_cipher_name(ssl), "CHACHA")) {
		info.head.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		size = sizeof(info.chacha);
		memcpy(info.chacha.iv, iv, 12);
		expand(secret, "key", md, info.chacha.key, sizeof(info.chacha.key));
	} else if (is_sha384) {
		info.head.cipher_type = TLS_CIPHER_AES_GCM_256;
		size = sizeof(info.gcm_256);
		memcpy(info.gcm_256.salt, iv, 4);
		memcpy(info.gcm_256.iv, iv + 4, 8);
		expand(secret, "key", md, info.gcm_256.key, sizeof(info.gcm_256.key));
	} else {
		info.head.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(info.gcm_128.salt, iv, 4);
		memcpy(info.gcm_128.iv, iv + 4, 8);
		expand(secret, "key", md, info.gcm_128.key, sizeof(info.gcm_128.key));
	}
	assert_int_equal(setsockopt(fd, SOL_TLS, way, &info, size), 0);
}

static void give_keys(int server, const SSL *ssl)
{
	assert_int_equal(setsockopt(server, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")), 0);
	give_key(server, TLS_TX, secrets.server, ssl);
	give_key(server, TLS_RX, secrets.client, ssl);
}

/* --- a session --------------------------------------------------------------------------------- */

void tls_session_open(struct tls_session *session, int client, int server, int version,
		      const char *cipher)
{
	SSL *other = make_side(version, cipher, 1);

	*session = (struct tls_session){ .socket = client };
	session->client = make_side(version, cipher, 0);
	SSL_set_fd(session->client, client);
	SSL_set_fd(other, server);
	set_blocking(client, 0);
	set_blocking(server, 0);
	shake_hands(session->client, other);
	set_blocking(server, 1);
	if (version == TLS1_3_VERSION)
		give_keys(server, other);
	else if (!BIO_get_ktls_send(SSL_get_wbio(other)) || !BIO_get_ktls_recv(SSL_get_rbio(other)))
		fail_msg("OpenSSL has not set up kTLS for %s", cipher);
	SSL_set_quiet_shutdown(other, 1);
	SSL_free(other);
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

	for (int i = 0; i < 5000 && got < (int)strlen(text); i++) {
		now = SSL_read(session->client, heard + got, (int)sizeof(heard) - 1 - got);
		got += now > 0 ? now : 0;
		if (now <= 0 && SSL_get_error(session->client, now) != SSL_ERROR_WANT_READ)
			fail_msg("the client's TLS ends: %d, %s",
				 SSL_get_error(session->client, now), strerror(errno));
		poll(NULL, 0, now > 0 ? 0 : 1);
	}
	assert_string_equal(heard, text);
}
