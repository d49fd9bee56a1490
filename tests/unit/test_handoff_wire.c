/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whose certificate is taken for which host's, by who dials and by who is dialed; how much waits
 * for a host that does not read; and what is large, or goes on for long.
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

#ifdef __SANITIZE_ADDRESS__
size_t __sanitizer_get_current_allocated_bytes(void);
#else
#include <malloc.h>
#endif

#include "programs/handoff/lib/peer/handoff_host.h"
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

static void write_key(const char *file, EVP_PKEY *what)
{
	FILE *to = fopen(path(file), "w");

	assert_non_null(to);
	assert_int_equal(PEM_write_PrivateKey(to, what, NULL, NULL, 0, NULL, NULL), 1);
	fclose(to);
}

static void make_files(void)
{
	EVP_PKEY *other = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

	assert_non_null(mkdtemp(folder));
	key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_true(key && other);
	ca = make_cert("test", NULL, NULL);
	write_cert("ca.pem", ca);
	write_key("key.pem", key);
	write_key("other.pem", other);
	EVP_PKEY_free(other);
}

static void remove_files(void)
{
	unlink(path("ca.pem"));
	unlink(path("key.pem"));
	unlink(path("other.pem"));
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
#define FOUR "192.0.2.1"
#define SIX "2001:db8::1"

static const struct row {
	const char *name, *other, *common_name, *extension;
	bool is_other;
} rows[] = {
	{ "the name alone is taken", OTHER, "x", "DNS:" OTHER, true },
	{ "the name beside another is taken", OTHER, "x", "DNS:web2.hosts.example,DNS:" OTHER,
	  true },
	{ "another host's name is refused", OTHER, "x", "DNS:web2.hosts.example", false },
	{ "a wildcard is refused", OTHER, "x", "DNS:*.hosts.example", false },
	{ "a common name alone is refused", OTHER, OTHER, NULL, false },
	{ "a common name beside another host's name is refused", OTHER, OTHER,
	  "DNS:web2.hosts.example", false },
	{ "an address is taken", FOUR, "x", "IP:" FOUR, true },
	{ "an address of IPv6 is taken, however it is written", SIX, "x", "IP:2001:DB8:0::1",
	  true },
	{ "an address beside a name is taken", SIX, "x", "DNS:" OTHER ",IP:" SIX, true },
	{ "another host's address is refused", FOUR, "x", "IP:192.0.2.2", false },
	{ "an address as a name is refused", FOUR, "x", "DNS:" FOUR, false },
	{ "an address as a common name is refused", FOUR, FOUR, "IP:192.0.2.2", false },
	{ "an address is no name", OTHER, "x", "IP:" FOUR, false },
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

/* Between who takes part as @from, and dials @name, and who takes part as @to; whether it is @other's. */
static int connect_wires(struct handoff_wire_context *from, const char *name,
			 struct handoff_wire_context *to, const char *other, bool *ret_is_other)
{
	struct handoff_wire *dials, *is_dialed;
	struct slot_reason why = {};
	int fds[2], err;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(handoff_wire_new(fds[0], from, name, &why, &dials), 0);
	assert_int_equal(handoff_wire_new(fds[1], to, NULL, &why, &is_dialed), 0);
	err = shake_hands(dials, is_dialed);
	*ret_is_other = handoff_wire_is_from(is_dialed, other);
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

	assert_int_equal(connect_wires(own, row->other, other, row->other, &is_other),
			 row->is_other ? 0 : -EACCES);
	assert_int_equal(connect_wires(other, OWN, own, row->other, &is_other), 0);
	assert_int_equal(is_other, row->is_other);
	handoff_wire_context_free(own);
	handoff_wire_context_free(other);
}

/* --- files ------------------------------------------------------------------------------------- */

#define MISSING "/nonexistent/slotd.pem"

/* NULL: as it has to be */
static const struct files {
	const char *name, *ca, *cert, *key, *said;
} files[] = {
	{ "a missing certificate of who signs is named", MISSING, NULL, NULL,
	  MISSING ": No such file or directory" },
	{ "a missing certificate is named", NULL, MISSING, NULL,
	  MISSING ": No such file or directory" },
	{ "a missing key is named", NULL, NULL, MISSING, MISSING ": No such file or directory" },
	{ "what cannot be read is named", NULL, "/proc/self/mem", NULL, "/proc/self/mem: " },
	{ "what is no certificate is named", NULL, "/dev/null", NULL, "/dev/null: no start line" },
	{ "another certificate's key is named", NULL, NULL, "other.pem", "not the key of" },
};

static void what_is_wrong_with_a_file_is_said(void **state)
{
	const struct files *row = *state;
	X509 *cert = make_cert("x", "DNS:" OWN, ca);
	struct handoff_wire_context *context;
	const char *at = row->key ? path(row->key) : path("key.pem");
	struct slot_reason why = {};

	write_cert("cert.pem", cert);
	X509_free(cert);
	if (row->key && *row->key == '/')
		at = row->key;
	assert_int_equal(handoff_wire_context_new(row->ca ?: path("ca.pem"),
						  row->cert ?: path("cert.pem"), at, &why,
						  &context),
			 -EINVAL);
	if (!strstr(why.text, row->said) || strstr(why.text, "TLS failed"))
		fail_msg("'%s' is said", why.text);
}

static const struct own {
	const char *name, *own, *extension;
	bool is_own;
} owns[] = {
	{ "an own certificate with the own name is fine", OWN, "DNS:" OTHER ",DNS:" OWN, true },
	{ "one with the own address is", FOUR, "IP:" FOUR, true },
	{ "one without the own name is refused", OWN, "DNS:" OTHER, false },
	{ "so is one without any name", OWN, NULL, false },
};

static void an_own_certificate_has_the_own_name(void **state)
{
	const struct own *row = *state;
	X509 *cert = make_cert(OWN, row->extension, ca);
	const struct handoff_host_config config = { .name = row->own,
						    .map_dir = MISSING,
						    .ca = path("ca.pem"),
						    .cert = path("cert.pem"),
						    .key = path("key.pem") };
	char why[256];

	write_cert("cert.pem", cert);
	X509_free(cert);
	assert_int_equal(handoff_host_check(&config, why, sizeof(why)), row->is_own ? 0 : -EINVAL);
	assert_int_equal(!strstr(why, "'" OWN "', among its subject alternative names"),
			 row->is_own);
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

/* --- what is large, and goes on for long ------------------------------------------------------- */

#define LARGE (40U << 20)
#define LEFT_MAX (8U << 20) /* of what both wires hold when nothing waits */

static const struct kind {
	const char *name;
	bool is_tls;
} large[] = {
	{ "memory of what was large is freed, plain", false },
	{ "memory of what was large is freed, by TLS", true },
}, keys[] = {
	{ "a new key changes nothing that is heard, plain", false },
	{ "a new key changes nothing that is heard, by TLS", true },
};

struct pair {
	struct handoff_wire_context *own, *other;
	struct handoff_wire *dials, *is_dialed;
};

static void open_pair(struct pair *pair, bool is_tls)
{
	struct slot_reason why = {};
	int fds[2];

	*pair = (struct pair){};
	if (is_tls) {
		pair->own = make_context("x", "DNS:" OWN);
		pair->other = make_context("x", "DNS:" OTHER);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(handoff_wire_new(fds[0], pair->own, OTHER, &why, &pair->dials), 0);
	assert_int_equal(handoff_wire_new(fds[1], pair->other, NULL, &why, &pair->is_dialed), 0);
	assert_int_equal(shake_hands(pair->dials, pair->is_dialed), 0);
}

static void close_pair(struct pair *pair)
{
	handoff_wire_free(pair->dials);
	handoff_wire_free(pair->is_dialed);
	handoff_wire_context_free(pair->own);
	handoff_wire_context_free(pair->other);
}

/* As a whole, as a message is read. */
static void expect_whole(struct pair *pair, const uint8_t *bytes, size_t total)
{
	struct slot_reason why = {};
	const uint8_t *heard = NULL;
	size_t len = 0;

	for (size_t runs = 0; len < total && runs < total / 1024 + TURNS; runs++) {
		assert_int_equal(handoff_wire_run(pair->dials, &why), 0);
		assert_int_equal(handoff_wire_run(pair->is_dialed, &why), 0);
		heard = handoff_wire_get(pair->is_dialed, &len);
	}
	assert_int_equal(len, total);
	assert_true(!memcmp(heard, bytes, total));
	handoff_wire_skip(pair->is_dialed, total);
}

static size_t count_used(void)
{
#ifdef __SANITIZE_ADDRESS__
	return __sanitizer_get_current_allocated_bytes();
#else
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#endif
}

static void memory_of_what_was_large_is_freed(void **state)
{
	const struct kind *kind = *state;
	uint8_t *bytes = calloc(LARGE, 1);
	struct pair pair;
	size_t before;

	assert_non_null(bytes);
	open_pair(&pair, kind->is_tls);
	before = count_used();
	assert_int_equal(handoff_wire_put(pair.dials, bytes, LARGE), 0);
	expect_whole(&pair, bytes, LARGE);
	if (count_used() > before + LEFT_MAX)
		fail_msg("%zu bytes are still held", count_used() - before);
	close_pair(&pair);
	free(bytes);
}

/* In both directions, as each has keys of its own. */
static void a_new_key_changes_nothing_that_is_heard(void **state)
{
	const struct kind *kind = *state;
	struct pair pair;

	open_pair(&pair, kind->is_tls);
	for (int i = 0; i < 2 * TURNS; i++) {
		struct pair turned = { .dials = pair.is_dialed, .is_dialed = pair.dials };

		assert_int_equal(handoff_wire_rekey(pair.dials), 0);
		assert_int_equal(handoff_wire_put(pair.dials, folder, sizeof(folder)), 0);
		expect_whole(&pair, (const uint8_t *)folder, sizeof(folder));
		assert_int_equal(handoff_wire_put(turned.dials, folder, sizeof(folder)), 0);
		expect_whole(&turned, (const uint8_t *)folder, sizeof(folder));
	}
	close_pair(&pair);
}

int main(void)
{
	struct tap_plan plan = {};
	int ret;

	TAP_ADD_TABLE(&plan, is_taken_for_the_name_or_not, rows);
	TAP_ADD_TABLE(&plan, what_is_wrong_with_a_file_is_said, files);
	TAP_ADD_TABLE(&plan, an_own_certificate_has_the_own_name, owns);
	TAP_ADD(&plan, what_nobody_reads_is_bounded, NULL, NULL);
	TAP_ADD_TABLE(&plan, memory_of_what_was_large_is_freed, large);
	TAP_ADD_TABLE(&plan, a_new_key_changes_nothing_that_is_heard, keys);
	make_files();
	ret = tap_run(&plan, "wires between handoff's hosts", 0);
	remove_files();
	return ret;
}
