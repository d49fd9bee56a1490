/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/ktls.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/tcp.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#define SECRET_MAX 48

struct secrets {
	uint8_t client[SECRET_MAX], server[SECRET_MAX];
	size_t len;
};

/* What only fails where the test bed itself is broken. */
static void must(bool is_true, const char *what)
{
	if (is_true)
		return;
	fprintf(stderr, "ktls: %s: %s\n", what, strerror(errno));
	exit(1);
}

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
	struct secrets *secrets = SSL_get_app_data(ssl);
	const char *secret = strrchr(line, ' ') + 1;

	if (!secrets)
		return;
	if (!strncmp(line, "CLIENT_TRAFFIC_SECRET_0", 23))
		secrets->len = read_hex(secret, secrets->client);
	if (!strncmp(line, "SERVER_TRAFFIC_SECRET_0", 23))
		read_hex(secret, secrets->server);
}

static void set_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = X509_new();

	must(key && certificate, "a key");
	X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)"server", -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
	must(X509_sign(certificate, key, EVP_sha256()) > 0 &&
		     SSL_CTX_use_certificate(ctx, certificate) == 1 &&
		     SSL_CTX_use_PrivateKey(ctx, key) == 1,
	     "a certificate");
	X509_free(certificate);
	EVP_PKEY_free(key);
}

static void set_server(SSL_CTX *ctx, int version)
{
	set_certificate(ctx);
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_keylog_callback(ctx, take_secret);
	if (version == TLS1_2_VERSION)
		SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS | SSL_OP_NO_TICKET);
}

SSL *ktls_side(int fd, int version, const char *cipher, bool is_server)
{
	SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
	SSL *ssl;

	must(ctx, "SSL_CTX_new");
	SSL_CTX_set_min_proto_version(ctx, version);
	SSL_CTX_set_max_proto_version(ctx, version);
	must(version == TLS1_3_VERSION ? SSL_CTX_set_ciphersuites(ctx, cipher) :
					 SSL_CTX_set_cipher_list(ctx, cipher),
	     cipher);
	if (is_server)
		set_server(ctx, version);
	ssl = SSL_new(ctx);
	must(ssl && SSL_set_fd(ssl, fd) == 1, "SSL_new");
	SSL_CTX_free(ctx);
	if (!is_server) {
		SSL_set_connect_state(ssl);
		return ssl;
	}
	SSL_set_accept_state(ssl);
	SSL_set_app_data(ssl, calloc(1, sizeof(struct secrets)));
	must(SSL_get_app_data(ssl), "memory");
	return ssl;
}

/* --- keys of TLS 1.3 --------------------------------------------------------------------------- */

struct secret {
	const uint8_t *bytes;
	size_t len;
};

/* HKDF-Expand-Label of RFC 8446, 7.1, without a context. */
static void expand(const struct secret *secret, const char *label, uint8_t *out, size_t len)
{
	const EVP_MD *md = secret->len == 48 ? EVP_sha384() : EVP_sha256();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
	uint8_t info[64] = { 0, (uint8_t)len, (uint8_t)(6 + strlen(label)) };
	size_t info_len = 3;

	memcpy(info + info_len, "tls13 ", 6);
	memcpy(info + info_len + 6, label, strlen(label));
	info_len += 6 + strlen(label) + 1;
	must(EVP_PKEY_derive_init(ctx) > 0, "HKDF");
	EVP_PKEY_CTX_set_hkdf_mode(ctx, EVP_PKEY_HKDEF_MODE_EXPAND_ONLY);
	EVP_PKEY_CTX_set_hkdf_md(ctx, md);
	EVP_PKEY_CTX_set1_hkdf_key(ctx, secret->bytes, (int)secret->len);
	EVP_PKEY_CTX_add1_hkdf_info(ctx, info, (int)info_len);
	must(EVP_PKEY_derive(ctx, out, &len) > 0, "HKDF");
	EVP_PKEY_CTX_free(ctx);
}

static void give_key(int fd, int way, const struct secret *secret, const SSL *ssl)
{
	union {
		struct tls_crypto_info head;
		struct tls12_crypto_info_aes_gcm_128 gcm_128;
		struct tls12_crypto_info_aes_gcm_256 gcm_256;
		struct tls12_crypto_info_chacha20_poly1305 chacha;
	} info = { .head.version = TLS_1_3_VERSION };
	socklen_t size = sizeof(info.gcm_128);
	uint8_t iv[12];

	expand(secret, "iv", iv, sizeof(iv));
	if (strstr(SSL_get_cipher_name(ssl), "CHACHA")) {
		info.head.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		size = sizeof(info.chacha);
		memcpy(info.chacha.iv, iv, 12);
		expand(secret, "key", info.chacha.key, sizeof(info.chacha.key));
	} else if (secret->len == 48) {
		info.head.cipher_type = TLS_CIPHER_AES_GCM_256;
		size = sizeof(info.gcm_256);
		memcpy(info.gcm_256.salt, iv, 4);
		memcpy(info.gcm_256.iv, iv + 4, 8);
		expand(secret, "key", info.gcm_256.key, sizeof(info.gcm_256.key));
	} else {
		info.head.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(info.gcm_128.salt, iv, 4);
		memcpy(info.gcm_128.iv, iv + 4, 8);
		expand(secret, "key", info.gcm_128.key, sizeof(info.gcm_128.key));
	}
	must(!setsockopt(fd, SOL_TLS, way, &info, size), "a key for the kernel");
}

static void give_keys(const SSL *ssl, int fd)
{
	const struct secrets *all = SSL_get_app_data(ssl);

	must(!setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")), "kTLS");
	give_key(fd, TLS_TX, &(struct secret){ all->server, all->len }, ssl);
	give_key(fd, TLS_RX, &(struct secret){ all->client, all->len }, ssl);
}

void ktls_leave(SSL *ssl, int fd)
{
	if (SSL_version(ssl) == TLS1_3_VERSION)
		give_keys(ssl, fd);
	else
		must(BIO_get_ktls_send(SSL_get_wbio(ssl)) && BIO_get_ktls_recv(SSL_get_rbio(ssl)),
		     "OpenSSL has not set up kTLS");
	free(SSL_get_app_data(ssl));
	SSL_set_quiet_shutdown(ssl, 1);
	SSL_free(ssl);
}
