/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Signatures, against files that minisign 0.11 made. The secret keys were thrown
 * away: what is here cannot be made again, only checked.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/signature.h"

static const char object[] = "a tiny object\n";

/* Two keys, A and B. */
static const char key_a[] = "untrusted comment: minisign public key 4217250EDCF6FA57\n"
			    "RWRX+vbcDiUXQnTDF9XcmamSAVWQovpKd/LuCvVfVtljcrjkrNkOwtNw\n";
static const char key_b[] = "untrusted comment: minisign public key 22966E95004ED5EF\n"
			    "RWTv1U4AlW6WIifgLWvEa+PAkc6/DWcul/MKZwTcdOR2mX62gq2TenpV\n";

/* Of the object by A: hashed, as minisign signs by default; plain, with -l; with an odd comment. */
static const char hashed[] =
	"untrusted comment: signature from minisign secret key\n"
	"RURX+vbcDiUXQj7M0644PxxSUJKUlHN5JEuF+JNpRvzqgOS7OXKgZeHWsGITrwrv88sVW+cI6KNywUtr"
	"76vFXA2BfzglNu+YEww=\n"
	"trusted comment: tiny 1.0.0, made by hand\n"
	"Q1cEUTLK4erVfGWOJRANRRBVt0MfdPo9fSs8xCVX+9hKqiSLPKO+TWHnzFPRoso5F5YfgfAEjJpzQgS5"
	"QjW7BQ==\n";
static const char plain[] =
	"untrusted comment: signature from minisign secret key\n"
	"RWRX+vbcDiUXQnYarHZdzwCmMef53u1YzUbGnacQt2BCBnNoGObz4L9iRx7HIdK2/99cejrEasJyiJxl"
	"1/biHb12oaIZaAnJpAc=\n"
	"trusted comment: legacy\n"
	"egZuqQSJelp6ks89ipWC0AZuOHg4THgwsc5paq+dp2+fImF4nYmxXgyZHQamjCRwYGKQs+c+FbVF9Azd"
	"c/1iBg==\n";
static const char odd[] =
	"untrusted comment: signature from minisign secret key\n"
	"RURX+vbcDiUXQj7M0644PxxSUJKUlHN5JEuF+JNpRvzqgOS7OXKgZeHWsGITrwrv88sVW+cI6KNywUtr"
	"76vFXA2BfzglNu+YEww=\n"
	"trusted comment: odd \377\001\011 bytes  \n"
	"OW7lrB/Txiq6gaFrO2ziszGAXo+txDcmpRl3KVZCiVh8vh6s+cOvbMIGJXBLo/1sBG5fJm5g2MBmUsbA"
	"+3AKDA==\n";

/* Of the object by B. */
static const char by_b[] =
	"untrusted comment: signature from minisign secret key\n"
	"RUTv1U4AlW6WIuDGK5nh2YT5WBVT/t7KDIrVjIBMVysQhG8iIBNUB6cDsM639Rl2PPe5GqjGjd6wenYb"
	"tKzFUvSxe5iFHfFtMQ8=\n"
	"trusted comment: timestamp:1795260110\011file:tiny\011hashed\n"
	"FcSleXVeT6qHZm/R5yXBU0QU1J/4sVvXqRTTPmp89wixRqUuViWn8azzxJHExNq1sxjw8HnQPlBcKyn2"
	"PDLCAg==\n";

#define ID_A "4217250EDCF6FA57"
#define ID_B "22966E95004ED5EF"

/* --- help ---------------------------------------------------------------------------------- */

/* From a block of just that size, so that the sanitizer sees a byte too many. */
static int parse_block(const char *text, size_t size, struct slot_reason *why,
		       struct slot_signature *ret_signature)
{
	_cleanup_free_ char *block = malloc(size ? size : 1);

	assert_non_null(block);
	memcpy(block, text, size);
	return slot_signature_parse(block, size, why, ret_signature);
}

static int parse_key_block(const char *text, size_t size, struct slot_reason *why,
			   struct slot_public_key *ret_key)
{
	_cleanup_free_ char *block = malloc(size ? size : 1);

	assert_non_null(block);
	memcpy(block, text, size);
	return slot_public_key_parse(block, size, why, ret_key);
}

static struct slot_signature must_parse(const char *text, size_t size)
{
	struct slot_signature signature;
	struct slot_reason why = { "" };

	if (parse_block(text, size, &why, &signature))
		fail_msg("%s", why.text);
	return signature;
}

static struct slot_public_key must_parse_key(const char *text)
{
	struct slot_public_key key;
	struct slot_reason why = { "" };

	if (parse_key_block(text, strlen(text), &why, &key))
		fail_msg("%s", why.text);
	return key;
}

static int check(const char *text, size_t size, const char *key_text, const char *bytes,
		 struct slot_reason *why)
{
	struct slot_signature signature = must_parse(text, size);
	struct slot_public_key key = must_parse_key(key_text);

	return slot_signature_check(&signature, &key, "team.pub", bytes, strlen(bytes), why);
}

/* @text with the first @from in it, which must be there, turned into @to; free it. */
static char *alter(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);
	char *altered;

	assert_non_null(at);
	assert_true(asprintf(&altered, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) >
		    0);
	return altered;
}

static void assert_refused(const char *text, size_t size, const char *part)
{
	struct slot_signature signature;
	struct slot_reason why = { "" };

	assert_int_equal(parse_block(text, size, &why, &signature), -EINVAL);
	if (!strstr(why.text, part))
		fail_msg("'%s' is not in '%s'", part, why.text);
}

static void assert_key_refused(const char *text, size_t size, const char *part)
{
	struct slot_public_key key;
	struct slot_reason why = { "" };

	assert_int_equal(parse_key_block(text, size, &why, &key), -EINVAL);
	if (!strstr(why.text, part))
		fail_msg("'%s' is not in '%s'", part, why.text);
}

/* --- good ones ----------------------------------------------------------------------------- */

static void a_hashed_signature_is_taken(void **state)
{
	(void)state;
	assert_int_equal(check(hashed, sizeof(hashed) - 1, key_a, object, NULL), 0);
	assert_true(must_parse(hashed, sizeof(hashed) - 1).is_hashed);
}

static void a_signature_of_the_old_kind_is_taken(void **state)
{
	(void)state;
	assert_int_equal(check(plain, sizeof(plain) - 1, key_a, object, NULL), 0);
	assert_false(must_parse(plain, sizeof(plain) - 1).is_hashed);
}

static void a_comment_of_any_bytes_is_kept_as_it_is(void **state)
{
	static const char comment[] = "odd \377\001\t bytes  ";
	struct slot_signature signature = must_parse(odd, sizeof(odd) - 1);

	(void)state;
	assert_int_equal(signature.comment_size, sizeof(comment) - 1);
	assert_memory_equal(signature.comment, comment, sizeof(comment) - 1);
	assert_int_equal(check(odd, sizeof(odd) - 1, key_a, object, NULL), 0);
}

static void lines_may_end_as_on_dos_and_the_last_one_not_at_all(void **state)
{
	_cleanup_free_ char *dos = malloc(2 * sizeof(hashed));
	size_t size = 0;

	(void)state;
	assert_non_null(dos);
	for (const char *at = hashed; *at; at++) {
		if (*at == '\n')
			dos[size++] = '\r';
		dos[size++] = *at;
	}
	assert_int_equal(check(dos, size, key_a, object, NULL), 0);
	assert_int_equal(check(hashed, sizeof(hashed) - 2, key_a, object, NULL), 0);
}

static void a_key_is_known_by_the_number_that_minisign_prints(void **state)
{
	struct slot_public_key key = must_parse_key(key_a);
	char text[SLOT_KEY_ID_TEXT_SIZE];

	(void)state;
	slot_key_id_format(key.id, text);
	assert_string_equal(text, ID_A);
}

/* --- those that do not hold ---------------------------------------------------------------- */

static void another_keys_signature_names_both_keys(void **state)
{
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(check(by_b, sizeof(by_b) - 1, key_a, object, &why), -EKEYREJECTED);
	assert_string_equal(why.text, "it is signed by key " ID_B ", 'team.pub' is " ID_A);
	assert_int_equal(check(by_b, sizeof(by_b) - 1, key_b, object, NULL), 0);
}

/* A key that claims to be another by its number alone. */
static void a_key_with_the_same_number_is_not_the_same_key(void **state)
{
	struct slot_signature signature = must_parse(hashed, sizeof(hashed) - 1);
	struct slot_public_key key = must_parse_key(key_b);
	struct slot_public_key owner = must_parse_key(key_a);
	struct slot_reason why = { "" };

	(void)state;
	memcpy(key.id, owner.id, sizeof(key.id));
	assert_int_equal(slot_signature_check(&signature, &key, "team.pub", object, strlen(object),
					      &why),
			 -EBADMSG);
}

static void another_objects_signature_is_refused(void **state)
{
	static const char *const others[] = { "a tiny objecT\n", "a tiny object", "",
					      "a tiny object\n\n" };
	struct slot_reason why = { "" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(check(hashed, sizeof(hashed) - 1, key_a, others[i], &why),
				 -EBADMSG);
		assert_string_equal(why.text,
				    "the signature by key " ID_A " is not of this object");
		assert_int_equal(check(plain, sizeof(plain) - 1, key_a, others[i], &why), -EBADMSG);
	}
}

static void another_comment_is_refused(void **state)
{
	_cleanup_free_ char *altered = alter(hashed, "by hand", "by hanD");
	struct slot_reason why = { "" };

	(void)state;
	assert_int_equal(check(altered, strlen(altered), key_a, object, &why), -EBADMSG);
	assert_string_equal(why.text,
			    "the trusted comment is not the one that key " ID_A " has signed");
}

/* The kind is not signed: one taken for the other must not hold. */
static void a_signature_of_one_kind_does_not_pass_for_the_other(void **state)
{
	_cleanup_free_ char *as_plain = alter(hashed, "\nRUR", "\nRWR");
	_cleanup_free_ char *as_hashed = alter(plain, "\nRWR", "\nRUR");

	(void)state;
	assert_int_equal(check(as_plain, strlen(as_plain), key_a, object, NULL), -EBADMSG);
	assert_int_equal(check(as_hashed, strlen(as_hashed), key_a, object, NULL), -EBADMSG);
}

/* --- what is none -------------------------------------------------------------------------- */

/* Only the end of the last line may be missing. */
static void a_signature_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(hashed) - 2; size++)
		assert_refused(hashed, size, size ? "signature of minisign" : "it is empty");
}

static void a_key_cut_short_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t size = 0; size < sizeof(key_a) - 2; size++)
		assert_key_refused(key_a, size, size ? "no public key of minisign" : "it is empty");
}

static void no_damaged_bit_goes_unnoticed(void **state)
{
	struct slot_public_key key = must_parse_key(key_a);
	const char *start = strchr(hashed, '\n') + 1; /* the first comment is nobody's */
	struct slot_signature signature;
	char damaged[sizeof(hashed)];

	(void)state;
	for (size_t i = (size_t)(start - hashed); i < sizeof(hashed) - 2; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(damaged, hashed, sizeof(hashed));
			damaged[i] = (char)(damaged[i] ^ 1 << bit);
			if (parse_block(damaged, sizeof(damaged) - 1, NULL, &signature))
				continue;
			assert_int_not_equal(slot_signature_check(&signature, &key, "team.pub",
								  object, strlen(object), NULL),
					     0);
		}
	}
}

static void what_is_no_signature_is_refused(void **state)
{
	static const char nul[] = "untrusted comment: \0\nAAAA\n";
	_cleanup_free_ char *kind = alter(hashed, "\nRUR", "\nRXR");
	_cleanup_free_ char *unnamed = alter(hashed, "untrusted comment: ", "comment: ");
	_cleanup_free_ char *untrusted = alter(hashed, "\ntrusted comment: ", "\n");
	_cleanup_free_ char *longer = NULL;

	(void)state;
	assert_true(asprintf(&longer, "%smore\n", hashed) > 0);
	assert_refused(kind, strlen(kind), "neither Ed nor ED");
	assert_refused(unnamed, strlen(unnamed), "no signature of minisign");
	assert_refused(untrusted, strlen(untrusted), "no whole signature");
	assert_refused(longer, strlen(longer), "no whole signature");
	assert_refused(key_a, strlen(key_a), "no signature of minisign");
	assert_refused(nul, sizeof(nul), "no signature of minisign");
	assert_refused("\n\n\n\n", 4, "no signature of minisign");
	assert_refused("\x7f"
		       "ELF",
		       4, "no signature of minisign");
}

static void what_is_no_key_is_refused(void **state)
{
	_cleanup_free_ char *kind = alter(key_a, "\nRWR", "\nRUR");
	_cleanup_free_ char *longer = NULL;

	(void)state;
	assert_true(asprintf(&longer, "%smore\n", key_a) > 0);
	assert_key_refused(kind, strlen(kind), "no Ed25519 key");
	assert_key_refused(longer, strlen(longer), "no public key of minisign");
	assert_key_refused(hashed, strlen(hashed), "no public key of minisign");
}

static void files_too_large_are_refused(void **state)
{
	static char large[SLOT_SIGNATURE_SIZE_MAX + 1];
	_cleanup_free_ char *comment = malloc(SLOT_SIGNATURE_COMMENT_MAX + 1);
	_cleanup_free_ char *wordy = NULL;

	(void)state;
	assert_refused(large, sizeof(large), "at most 16384 are read");
	assert_key_refused(large, sizeof(large), "at most 16384 are read");
	assert_non_null(comment);
	memset(comment, 'c', SLOT_SIGNATURE_COMMENT_MAX);
	comment[SLOT_SIGNATURE_COMMENT_MAX] = '\0';
	wordy = alter(hashed, "tiny 1.0.0", comment);
	assert_refused(wordy, strlen(wordy), "no whole signature");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hashed_signature_is_taken),
		cmocka_unit_test(a_signature_of_the_old_kind_is_taken),
		cmocka_unit_test(a_comment_of_any_bytes_is_kept_as_it_is),
		cmocka_unit_test(lines_may_end_as_on_dos_and_the_last_one_not_at_all),
		cmocka_unit_test(a_key_is_known_by_the_number_that_minisign_prints),
		cmocka_unit_test(another_keys_signature_names_both_keys),
		cmocka_unit_test(a_key_with_the_same_number_is_not_the_same_key),
		cmocka_unit_test(another_objects_signature_is_refused),
		cmocka_unit_test(another_comment_is_refused),
		cmocka_unit_test(a_signature_of_one_kind_does_not_pass_for_the_other),
		cmocka_unit_test(a_signature_cut_short_anywhere_is_refused),
		cmocka_unit_test(a_key_cut_short_anywhere_is_refused),
		cmocka_unit_test(no_damaged_bit_goes_unnoticed),
		cmocka_unit_test(what_is_no_signature_is_refused),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(files_too_large_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
