/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose certificate is taken for which host's, by who dials and by who is dialed; and how much waits
 * for a host that does not read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "programs/handoff/lib/peer/handoff_wire.h"
#include "tests/support/tap.h"

#define TURNS 20 /* of either side: a handshake has three */
#define DAY_S 86400

static char folder[] = "/tmp/test_handoff_wire.XXXXXX";
static EVP_PKEY *key;
static X509 *ca;

static const char *path(const char *file)
{
	static char paths[4][64];
	static unsigned int next;
	char *at = paths[next++ % 4];

	snprintf(at, sizeof(paths[0]), "%s/%s", folder, file);
	return at;
}

static void extend(X509 *cert, int what, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* @issuer: NULL, by itself. */
static X509 *make_cert(const char *common_name, const char *extension, X509 *issuer)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(cert), DAY_S);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
				   -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
	if (!issuer)
		extend(cert, NID_basic_constraints, "critical,CA:TRUE");
	else if (extension)
		extend(cert, NID_subject_alt_name, extension);
	assert_true(X509_sign(cert, key, NULL) > 0);
	return cert;
}

static void write_cert(const char *file, X509 *cert)
{
	FILE *to = fopen(path(file), "w");

	assert_non_null(to);
	assert_int_equal(PEM_write_X509(to, cert), 1);
	fclose(to);
}

static void make_files(void)
{
	FILE *to;

	assert_non_null(mkdtemp(folder));
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_non_null(key);
	ca = make_cert("test", NULL, NULL);
	write_cert("ca.pem", ca);
	to = fopen(path("key.pem"), "w");
	assert_non_null(to);
	assert_int_equal(PEM_write_PrivateKey(to, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(to);
}

static void remove_files(void)
{
	unlink(path("ca.pem"));
	unlink(path("key.pem"));
	unlink(path("cert.pem"));
	rmdir(folder);
	X509_free(ca);
	EVP_PKEY_free(key);
}

/* Until one of them fails, or both are ready. */
static int shake_hands(struct handoff_wire *dials, struct handoff_wire *is_dialed)
{
	struct slot_reason why = {};
	int err = 0;

	for (int i = 0; !err && i < TURNS; i++) {
		err = handoff_wire_run(dials, &why);
		err = err ? err : handoff_wire_run(is_dialed, &why);
	}
	if (!err)
		assert_true(handoff_wire_is_ready(dials) && handoff_wire_is_ready(is_dialed));
	return err;
}

#define OWN "own.example"
#define OTHER "web1.hosts.example"

static const struct row {
	const char *name, *common_name, *extension;
	bool is_other;
} rows[] = {
	{ "the name alone is taken", "x", "DNS:" OTHER, true },
	{ "the name beside another is taken", "x", "DNS:web2.hosts.example,DNS:" OTHER, true },
	{ "another host's name is refused", "x", "DNS:web2.hosts.example", false },
	{ "a wildcard is refused", "x", "DNS:*.hosts.example", false },
	{ "a common name alone is refused", OTHER, NULL, false },
	{ "a common name beside another host's name is refused", OTHER, "DNS:web2.hosts.example",
	  false },
};

static struct handoff_wire_context *make_context(const char *common_name, const char *extension)
{
	X509 *cert = make_cert(common_name, extension, ca);
	struct handoff_wire_context *context;
	struct slot_reason why = {};

	write_cert("cert.pem", cert);
	X509_free(cert);
	assert_int_equal(handoff_wire_context_new(path("ca.pem"), path("cert.pem"), path("key.pem"),
						  &why, &context),
			 0);
	return context;
}

/* Between who takes part as @from, and dials @name, and who takes part as @to. */
static int connect_wires(struct handoff_wire_context *from, const char *name,
			 struct handoff_wire_context *to, bool *ret_is_other)
{
	struct handoff_wire *dials, *is_dialed;
	struct slot_reason why = {};
	int fds[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(handoff_wire_new(fds[0], from, name, &why, &dials), 0);
	assert_int_equal(handoff_wire_new(fds[1], to, NULL, &why, &is_dialed), 0);
	err = shake_hands(dials, is_dialed);
	*ret_is_other = handoff_wire_is_from(is_dialed, OTHER);
	handoff_wire_free(dials);
	handoff_wire_free(is_dialed);
	return err;
}

/* By who dials it, and by who is dialed. */
static void is_taken_for_the_name_or_not(void **state)
{
	const struct row *row = *state;
	struct handoff_wire_context *own = make_context("x", "DNS:" OWN);
	struct handoff_wire_context *other = make_context(row->common_name, row->extension);
	bool is_other;

	assert_int_equal(connect_wires(own, OTHER, other, &is_other), row->is_other ? 0 : -EACCES);
	assert_int_equal(connect_wires(other, OWN, own, &is_other), 0);
	assert_int_equal(is_other, row->is_other);
	handoff_wire_context_free(own);
	handoff_wire_context_free(other);
}

/* --- a queue that is full ---------------------------------------------------------------------- */

#define PIECE (1U << 20)
#define SOCKET_MAX (8U << 20) /* more than its buffers hold */

/* All of them come out, each in its turn, and nothing else. */
static void expect_pieces(struct handoff_wire *from, struct handoff_wire *to, size_t total)
{
	struct slot_reason why = {};
	const uint8_t *heard;
	size_t done = 0, len;

	for (size_t runs = 0; done < total && runs < total / 1024; runs++) {
		assert_int_equal(handoff_wire_run(from, &why), 0);
		assert_int_equal(handoff_wire_run(to, &why), 0);
		heard = handoff_wire_get(to, &len);
		for (size_t i = 0; i < len; i++)
			if (heard[i] != (uint8_t)((done + i) / PIECE))
				fail_msg("byte %zu is another one", done + i);
		handoff_wire_skip(to, len);
		done += len;
	}
	assert_int_equal(done, total);
	assert_false(handoff_wire_has_waiting(from));
}

static void what_nobody_reads_is_bounded(void **state)
{
	uint8_t *bytes = malloc(PIECE);
	struct handoff_wire *from, *to;
	struct slot_reason why = {};
	size_t total = 0;
	int fds[2], err;

	(void)state;
	assert_non_null(bytes);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(handoff_wire_new(fds[0], NULL, NULL, &why, &from), 0);
	assert_int_equal(handoff_wire_new(fds[1], NULL, NULL, &why, &to), 0);
	do {
		memset(bytes, (int)(total / PIECE), PIECE);
		err = handoff_wire_put(from, bytes, PIECE);
		total += err ? 0 : PIECE;
	} while (!err && total <= HANDOFF_WIRE_WAITING_MAX + SOCKET_MAX);
	assert_int_equal(err, -ENOBUFS);
	assert_in_range(total, HANDOFF_WIRE_WAITING_MAX - PIECE,
			HANDOFF_WIRE_WAITING_MAX + SOCKET_MAX);
	/* It is refused, and that is all. */
	assert_int_equal(handoff_wire_run(from, &why), 0);
	expect_pieces(from, to, total);
	assert_int_equal(handoff_wire_put(from, bytes, PIECE), 0);
	handoff_wire_free(from);
	handoff_wire_free(to);
	free(bytes);
}

int main(void)
{
	struct tap_plan plan = {};
	int ret;

	TAP_ADD_TABLE(&plan, is_taken_for_the_name_or_not, rows);
	TAP_ADD(&plan, what_nobody_reads_is_bounded, NULL, NULL);
	make_files();
	ret = tap_run(&plan, "wires between handoff's hosts", 0);
	remove_files();
	return ret;
}
