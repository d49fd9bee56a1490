/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * OpenSSL shakes hands, and the kernel goes on (kTLS). OpenSSL 3.0 gives the kernel both keys of
 * TLS 1.2, but of TLS 1.3 (that comes with 3.2) only one: those are derived here. Whoever fails
 * prints why and exits.
 */
#ifndef TEST_KTLS_H
#define TEST_KTLS_H

#include <stdbool.h>

#include <openssl/ssl.h>

/*
 * ktls_side - one side's session of @version (TLS1_2_VERSION, TLS1_3_VERSION) with OpenSSL's name
 * @cipher, over the socket @fd; to SSL_free(). A server has a made-up certificate, which a
 * client does not look at.
 */
SSL *ktls_side(int fd, int version, const char *cipher, bool is_server);

/* ktls_leave - of a server that has shaken hands the kernel has both keys; @ssl is freed. */
void ktls_leave(SSL *ssl, int fd);

#endif
