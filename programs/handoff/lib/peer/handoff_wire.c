/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes to and from another host. OpenSSL gets and gives memory: no signal, no wait of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/peer/handoff_bytes.h"
#include "programs/handoff/lib/peer/handoff_wire.h"

/* The name itself stands in the certificate, as a DNS name of the alternative ones. */
#define NAME_FLAGS (X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
#define PIECE 16384	       /* the largest record of TLS */
#define PIECES_MAX 64	       /* read in one run, so that one peer does not keep out others */
#define RECORD_MORE 64	       /* bytes that a record has beside what is put: less than that */
#define RECORDS_MAX (1U << 22) /* by one key: of AES-GCM RFC 8446 5.5 allows 2^24.5 */

struct handoff_wire_context {
	SSL_CTX *ssl;
};

struct handoff_wire {
	int fd;
	SSL *ssl; /* NULL: plain; owns both of these */
	BIO *from_net, *to_net;
	bool is_ready;
	uint32_t records; /* that were put by this key */
	struct handoff_bytes in, out;
};

/* --- TLS --------------------------------------------------------------------------------------- */

static int say_tls(struct slot_reason *why, int err, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (ERR_SYSTEM_ERROR(code))
		text = strerror(ERR_GET_REASON(code));
	ERR_clear_error();
	return slot_reason_set(why, err, "%s: %s", what, text ? text : "TLS failed");
}

static int load_key(SSL_CTX *context, const char *cert, const char *key, struct slot_reason *why)
{
	bool is_read = SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1;

	if (is_read && SSL_CTX_check_private_key(context) == 1)
		return 0;
	if (!is_read && ERR_GET_LIB(ERR_peek_error()) != ERR_LIB_X509)
		return say_tls(why, -EINVAL, key);
	ERR_clear_error();
	return slot_reason_set(why, -EINVAL, "%s: not the key of %s", key, cert);
}

static int load_files(SSL_CTX *context, const char *ca, const char *cert, const char *key,
		      struct slot_reason *why)
{
	if (SSL_CTX_load_verify_locations(context, ca, NULL) != 1)
		return say_tls(why, -EINVAL, ca);
	if (SSL_CTX_use_certificate_chain_file(context, cert) != 1)
		return say_tls(why, -EINVAL, cert);
	return load_key(context, cert, key, why);
}

int handoff_wire_context_new(const char *ca, const char *cert, const char *key,
			     struct slot_reason *why, struct handoff_wire_context **ret_context)
{
	struct handoff_wire_context *context = calloc(1, sizeof(*context));
	int err;

	if (!context)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	context->ssl = SSL_CTX_new(TLS_method());
	if (!context->ssl) {
		free(context);
		return say_tls(why, -ENOMEM, "TLS");
	}
	SSL_CTX_set_min_proto_version(context->ssl, TLS1_3_VERSION);
	SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	/* Links are few and long: no session is ever resumed. */
	SSL_CTX_set_session_cache_mode(context->ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(context->ssl, 0);
	err = load_files(context->ssl, ca, cert, key, why);
	if (err) {
		handoff_wire_context_free(context);
		return err;
	}
	*ret_context = context;
	return 0;
}

void handoff_wire_context_free(struct handoff_wire_context *context)
{
	if (!context)
		return;
	SSL_CTX_free(context->ssl);
	free(context);
}

/* Of IPv4 or IPv6: certificates have it as such, not as a DNS name. */
static bool is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
}

static bool has_name(X509 *cert, const char *name)
{
	if (is_address(name))
		return X509_check_ip_asc(cert, name, 0) == 1;
	return X509_check_host(cert, name, 0, NAME_FLAGS, NULL) == 1;
}

bool handoff_wire_context_is_of(const struct handoff_wire_context *context, const char *name)
{
	return has_name(SSL_CTX_get0_certificate(context->ssl), name);
}

static int open_tls(struct handoff_wire *wire, struct handoff_wire_context *context,
		    const char *name)
{
	wire->ssl = SSL_new(context->ssl);
	wire->from_net = BIO_new(BIO_s_mem());
	wire->to_net = BIO_new(BIO_s_mem());
	if (!wire->ssl || !wire->from_net || !wire->to_net) {
		BIO_free(wire->from_net);
		BIO_free(wire->to_net);
		return -ENOMEM;
	}
	/* Nothing there yet is no end. */
	BIO_set_mem_eof_return(wire->from_net, -1);
	SSL_set_bio(wire->ssl, wire->from_net, wire->to_net);
	if (!name) {
		SSL_set_accept_state(wire->ssl);
		return 0;
	}
	SSL_set_connect_state(wire->ssl);
	if (is_address(name))
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(wire->ssl), name) == 1 ?
			       0 :
			       -ENOMEM;
	SSL_set_hostflags(wire->ssl, NAME_FLAGS);
	return SSL_set1_host(wire->ssl, name) == 1 ? 0 : -ENOMEM;
}

/* --- a wire ------------------------------------------------------------------------------------ */

int handoff_wire_new(int fd, struct handoff_wire_context *context, const char *name,
		     struct slot_reason *why, struct handoff_wire **ret_wire)
{
	struct handoff_wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	wire->fd = -1;
	wire->is_ready = !context;
	if (context && open_tls(wire, context, name)) {
		handoff_wire_free(wire);
		return say_tls(why, -ENOMEM, "TLS");
	}
	wire->fd = fd;
	*ret_wire = wire;
	return 0;
}

void handoff_wire_free(struct handoff_wire *wire)
{
	if (!wire)
		return;
	SSL_free(wire->ssl);
	handoff_bytes_free(&wire->in);
	handoff_bytes_free(&wire->out);
	if (wire->fd >= 0)
		close(wire->fd);
	free(wire);
}

int handoff_wire_fd(const struct handoff_wire *wire)
{
	return wire->fd;
}

bool handoff_wire_is_ready(const struct handoff_wire *wire)
{
	return wire->is_ready;
}

bool handoff_wire_has_waiting(const struct handoff_wire *wire)
{
	return handoff_bytes_count(&wire->out);
}

bool handoff_wire_is_from(const struct handoff_wire *wire, const char *name)
{
	X509 *cert;
	bool is_from;

	if (!wire->ssl)
		return true;
	cert = SSL_get1_peer_certificate(wire->ssl);
	is_from = cert && has_name(cert, name);
	X509_free(cert);
	return is_from;
}

/* --- in ---------------------------------------------------------------------------------------- */

/* @ret_is_end: nothing comes after what was read. */
static int read_socket(struct handoff_wire *wire, bool *ret_is_end)
{
	uint8_t piece[PIECE];

	for (int i = 0; i < PIECES_MAX; i++) {
		ssize_t got = recv(wire->fd, piece, sizeof(piece), MSG_DONTWAIT);

		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got < 0)
			return -errno;
		if (!got) {
			*ret_is_end = true;
			return 0;
		}
		if (!wire->ssl) {
			int err = handoff_bytes_add(&wire->in, piece, (size_t)got);

			if (err)
				return err;
		} else if (BIO_write(wire->from_net, piece, (int)got) != got) {
			return -ENOMEM;
		}
	}
	return 0;
}

/* What OpenSSL says of an operation that did not succeed: to wait is no error. */
static int judge(struct handoff_wire *wire, int result, struct slot_reason *why)
{
	long verified;

	switch (SSL_get_error(wire->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		return slot_reason_set(why, -ECONNRESET, "the other side has ended it");
	default:
		verified = SSL_get_verify_result(wire->ssl);
		if (verified == X509_V_OK)
			return say_tls(why, -EACCES, "TLS");
		ERR_clear_error();
		return slot_reason_set(why, -EACCES, "its certificate: %s",
				       X509_verify_cert_error_string(verified));
	}
}

static int read_tls(struct handoff_wire *wire, struct slot_reason *why)
{
	int result = 1;

	ERR_clear_error();
	if (!wire->is_ready) {
		result = SSL_do_handshake(wire->ssl);
		if (result != 1)
			return judge(wire, result, why);
		wire->is_ready = true;
	}
	for (;;) {
		uint8_t *to;
		int err = handoff_bytes_reserve(&wire->in, PIECE, &to);

		if (err)
			return slot_reason_set(why, err, "out of memory");
		result = SSL_read(wire->ssl, to, PIECE);
		if (result <= 0)
			return judge(wire, result, why);
		wire->in.end += (size_t)result;
	}
}

/* --- out --------------------------------------------------------------------------------------- */

static int collect(struct handoff_wire *wire)
{
	size_t count = wire->ssl ? BIO_ctrl_pending(wire->to_net) : 0;
	uint8_t *to;
	int err;

	if (!count)
		return 0;
	err = handoff_bytes_reserve(&wire->out, count, &to);
	if (err)
		return err;
	wire->out.end += (size_t)BIO_read(wire->to_net, to, (int)count);
	return 0;
}

static int write_socket(struct handoff_wire *wire)
{
	while (handoff_bytes_count(&wire->out)) {
		ssize_t sent = send(wire->fd, handoff_bytes_get(&wire->out),
				    handoff_bytes_count(&wire->out), MSG_DONTWAIT | MSG_NOSIGNAL);

		/* Memory may be there a moment later; what was put is not put again. */
		if (sent < 0 &&
		    (errno == EAGAIN || errno == EINTR || errno == ENOBUFS || errno == ENOMEM))
			return 0;
		if (sent < 0)
			return -errno;
		handoff_bytes_skip(&wire->out, (size_t)sent);
	}
	return 0;
}

int handoff_wire_run(struct handoff_wire *wire, struct slot_reason *why)
{
	bool is_end = false;
	int err = read_socket(wire, &is_end);
	int failed = 0;

	if (err)
		return slot_reason_set(why, err, "%s", strerror(-err));
	if (wire->ssl)
		failed = read_tls(wire, why);
	err = collect(wire);
	/* An alert is on its way: it tells the other side why. */
	err = err ? err : write_socket(wire);
	if (failed)
		return failed;
	if (err)
		return slot_reason_set(why, err, "%s", strerror(-err));
	if (is_end)
		return slot_reason_set(why, -ECONNRESET, "the other side has ended it");
	return 0;
}

int handoff_wire_rekey(struct handoff_wire *wire)
{
	wire->records = 0;
	if (!wire->ssl)
		return 0;
	ERR_clear_error();
	return SSL_key_update(wire->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1 ? 0 : -EIO;
}

static int put_record(struct handoff_wire *wire, const uint8_t *bytes, size_t len)
{
	if (++wire->records > RECORDS_MAX && handoff_wire_rekey(wire))
		return -EIO;
	ERR_clear_error();
	if (SSL_write(wire->ssl, bytes, (int)len) != (int)len || collect(wire))
		return -EIO;
	return 0;
}

/* Record by record, as OpenSSL keeps room for the most that ever waited in it. */
static int put_tls(struct handoff_wire *wire, const uint8_t *bytes, size_t len)
{
	uint8_t *to;
	int err = handoff_bytes_reserve(&wire->out, len + (len / PIECE + 1) * RECORD_MORE, &to);

	for (size_t done = 0, piece; !err && done < len; done += piece) {
		piece = len - done < PIECE ? len - done : PIECE;
		err = put_record(wire, bytes + done, piece);
	}
	return err;
}

int handoff_wire_put(struct handoff_wire *wire, const void *bytes, size_t len)
{
	int err;

	if (!wire->is_ready)
		return -ENOTCONN;
	if (len > HANDOFF_WIRE_WAITING_MAX ||
	    handoff_bytes_count(&wire->out) + len > HANDOFF_WIRE_WAITING_MAX)
		return -ENOBUFS;
	err = wire->ssl ? put_tls(wire, bytes, len) : handoff_bytes_add(&wire->out, bytes, len);
	return err ? err : write_socket(wire);
}

const uint8_t *handoff_wire_get(const struct handoff_wire *wire, size_t *ret_len)
{
	*ret_len = handoff_bytes_count(&wire->in);
	return handoff_bytes_get(&wire->in);
}

void handoff_wire_skip(struct handoff_wire *wire, size_t len)
{
	handoff_bytes_skip(&wire->in, len);
}
