/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/signature.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#define UNTRUSTED "untrusted comment: "
#define TRUSTED "trusted comment: "

#define ALGORITHM_PLAIN "Ed"
#define ALGORITHM_HASHED "ED"

/* The base64 lines, decoded; packed, as they are made of bytes alone. */
struct key_line {
	unsigned char algorithm[2];
	unsigned char id[8];
	unsigned char key[32];
};

struct signature_line {
	unsigned char algorithm[2];
	unsigned char key_id[8];
	unsigned char signature[64];
};

_Static_assert(sizeof(struct key_line) == 42, "a public key's line has 42 bytes");
_Static_assert(sizeof(struct signature_line) == 74, "a signature's line has 74 bytes");
_Static_assert(crypto_sign_PUBLICKEYBYTES == 32 && crypto_sign_BYTES == 64, "Ed25519");

/* What is left of a text, taken line by line. */
struct lines {
	const char *text;
	size_t size;
};

struct line {
	const char *text;
	size_t size;
};

/* The next line without its end; false where there is none. */
static bool take_line(struct lines *lines, struct line *ret_line)
{
	const char *end;
	size_t size;

	if (!lines->size)
		return false;
	end = memchr(lines->text, '\n', lines->size);
	size = end ? (size_t)(end - lines->text) : lines->size;
	*ret_line = (struct line){ .text = lines->text, .size = size };
	lines->text += size + (end ? 1 : 0);
	lines->size -= size + (end ? 1 : 0);
	/* One that travelled through a DOS machine is still the same. */
	while (ret_line->size && ret_line->text[ret_line->size - 1] == '\r')
		ret_line->size--;
	return true;
}

static bool take_prefix(struct line *line, const char *prefix)
{
	size_t size = strlen(prefix);

	if (line->size < size || memcmp(line->text, prefix, size) != 0)
		return false;
	line->text += size;
	line->size -= size;
	return true;
}

/* A line that is base64 of exactly @size bytes. */
static bool take_base64(struct lines *lines, void *ret_bytes, size_t size)
{
	struct line line;
	size_t found;

	return take_line(lines, &line) &&
	       !sodium_base642bin(ret_bytes, size, line.text, line.size, NULL, &found, NULL,
				  sodium_base64_VARIANT_ORIGINAL) &&
	       found == size;
}

/* Nothing but ends of lines behind the last. */
static bool is_empty(const struct lines *lines)
{
	size_t i;

	for (i = 0; i < lines->size; i++)
		if (lines->text[i] != '\n' && lines->text[i] != '\r')
			return false;
	return true;
}

static int check_size(size_t size, struct slot_reason *why)
{
	if (!size)
		return slot_reason_set(why, -EINVAL, "it is empty");
	if (size > SLOT_SIGNATURE_SIZE_MAX)
		return slot_reason_set(why, -EINVAL, "it has %zu bytes, at most %u are read", size,
				       SLOT_SIGNATURE_SIZE_MAX);
	return 0;
}

int slot_public_key_parse(const char *text, size_t size, struct slot_reason *why,
			  struct slot_public_key *ret_key)
{
	struct lines lines = { .text = text, .size = size };
	struct key_line found;
	struct line comment;
	int err = check_size(size, why);

	if (err)
		return err;
	if (!take_line(&lines, &comment) || !take_prefix(&comment, UNTRUSTED) ||
	    !take_base64(&lines, &found, sizeof(found)) || !is_empty(&lines))
		return slot_reason_set(why, -EINVAL,
				       "it is no public key of minisign: a line '" UNTRUSTED
				       "...' and a line of 56 base64 characters expected");
	if (memcmp(found.algorithm, ALGORITHM_PLAIN, sizeof(found.algorithm)) != 0)
		return slot_reason_set(why, -EINVAL,
				       "it is no Ed25519 key, the only kind minisign signs with");
	memcpy(ret_key->id, found.id, sizeof(ret_key->id));
	memcpy(ret_key->key, found.key, sizeof(ret_key->key));
	return 0;
}

static int parse_algorithm(const struct signature_line *line, struct slot_reason *why,
			   bool *ret_is_hashed)
{
	*ret_is_hashed = !memcmp(line->algorithm, ALGORITHM_HASHED, sizeof(line->algorithm));
	if (*ret_is_hashed || !memcmp(line->algorithm, ALGORITHM_PLAIN, sizeof(line->algorithm)))
		return 0;
	return slot_reason_set(why, -EINVAL, "its algorithm is neither Ed nor ED");
}

int slot_signature_parse(const char *text, size_t size, struct slot_reason *why,
			 struct slot_signature *ret_signature)
{
	struct lines lines = { .text = text, .size = size };
	struct slot_signature signature = { 0 };
	struct signature_line found;
	struct line comment;
	int err = check_size(size, why);

	if (err)
		return err;
	if (!take_line(&lines, &comment) || !take_prefix(&comment, UNTRUSTED) ||
	    !take_base64(&lines, &found, sizeof(found)))
		return slot_reason_set(why, -EINVAL,
				       "it is no signature of minisign: a line '" UNTRUSTED
				       "...' and a line of 100 base64 characters expected");
	err = parse_algorithm(&found, why, &signature.is_hashed);
	if (err)
		return err;
	if (!take_line(&lines, &comment) || !take_prefix(&comment, TRUSTED) ||
	    comment.size >= sizeof(signature.comment) ||
	    !take_base64(&lines, signature.comment_signature,
			 sizeof(signature.comment_signature)) ||
	    !is_empty(&lines))
		return slot_reason_set(why, -EINVAL,
				       "it is no whole signature of minisign: a line '" TRUSTED
				       "...' and a line of 88 base64 characters expected at its "
				       "end");
	memcpy(signature.key_id, found.key_id, sizeof(signature.key_id));
	memcpy(signature.signature, found.signature, sizeof(signature.signature));
	memcpy(signature.comment, comment.text, comment.size);
	signature.comment_size = comment.size;
	*ret_signature = signature;
	return 0;
}

void slot_key_id_format(const unsigned char id[8], char ret_text[SLOT_KEY_ID_TEXT_SIZE])
{
	int i;

	/* a little-endian number */
	for (i = 0; i < 8; i++)
		snprintf(ret_text + 2 * (ptrdiff_t)i, 3, "%02X", id[7 - i]);
}

static bool is_signed(const struct slot_signature *signature, const struct slot_public_key *key,
		      const void *bytes, size_t size)
{
	unsigned char hash[crypto_generichash_BYTES_MAX];

	if (!signature->is_hashed)
		return !crypto_sign_verify_detached(signature->signature, bytes, size, key->key);
	return !crypto_generichash(hash, sizeof(hash), bytes, size, NULL, 0) &&
	       !crypto_sign_verify_detached(signature->signature, hash, sizeof(hash), key->key);
}

static bool is_comment_signed(const struct slot_signature *signature,
			      const struct slot_public_key *key)
{
	unsigned char bytes[sizeof(signature->signature) + sizeof(signature->comment)];
	size_t size = sizeof(signature->signature);

	memcpy(bytes, signature->signature, size);
	memcpy(bytes + size, signature->comment, signature->comment_size);
	return !crypto_sign_verify_detached(signature->comment_signature, bytes,
					    size + signature->comment_size, key->key);
}

int slot_signature_check(const struct slot_signature *signature, const struct slot_public_key *key,
			 const char *key_name, const void *bytes, size_t size,
			 struct slot_reason *why)
{
	char signer[SLOT_KEY_ID_TEXT_SIZE];
	char wanted[SLOT_KEY_ID_TEXT_SIZE];

	slot_key_id_format(signature->key_id, signer);
	slot_key_id_format(key->id, wanted);
	if (memcmp(signature->key_id, key->id, sizeof(key->id)) != 0)
		return slot_reason_set(why, -EKEYREJECTED, "it is signed by key %s, '%s' is %s",
				       signer, key_name, wanted);
	if (!is_signed(signature, key, bytes, size))
		return slot_reason_set(why, -EBADMSG,
				       "the signature by key %s is not of this object", signer);
	if (!is_comment_signed(signature, key))
		return slot_reason_set(why, -EBADMSG,
				       "the trusted comment is not the one that key %s has signed",
				       signer);
	return 0;
}
