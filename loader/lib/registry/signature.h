/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Detached signatures of objects, in minisign's formats: four lines of a
 * signature, two of a public key. Pure: bytes in, judgement out.
 *
 *	untrusted comment: <anything>
 *	base64 of: "Ed" or "ED", key id (8 bytes), Ed25519 signature (64)
 *	trusted comment: <anything>
 *	base64 of: Ed25519 signature (64) of the signature above and the comment
 *
 * "Ed" signs the object itself, "ED" its BLAKE2b hash of 64 bytes. A public key
 * is the same kind of comment, and base64 of "Ed", key id, Ed25519 key (32).
 */
#ifndef SLOT_SIGNATURE_H
#define SLOT_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"

#define SLOT_SIGNATURE_SIZE_MAX (16U << 10) /* of either file; minisign's comments end at 8 KiB */
#define SLOT_SIGNATURE_COMMENT_MAX (8U << 10)
#define SLOT_KEY_ID_TEXT_SIZE 17 /* 16 hex digits and the NUL, as minisign prints it */

struct slot_public_key {
	unsigned char id[8];
	unsigned char key[32];
};

struct slot_signature {
	bool is_hashed; /* "ED" */
	unsigned char key_id[8];
	unsigned char signature[64];
	char comment[SLOT_SIGNATURE_COMMENT_MAX]; /* trusted once the signature is */
	size_t comment_size;
	unsigned char comment_signature[64];
};

/*
 * slot_public_key_parse, slot_signature_parse - read the whole @text of a file.
 * Returns 0, or -EINVAL for what is none, and why.
 */
int slot_public_key_parse(const char *text, size_t size, struct slot_reason *why,
			  struct slot_public_key *ret_key);
int slot_signature_parse(const char *text, size_t size, struct slot_reason *why,
			 struct slot_signature *ret_signature);

/*
 * slot_signature_check - whether @signature is @key's, of exactly these bytes.
 * Returns 0, -EKEYREJECTED where another key has signed, -EBADMSG where the
 * bytes or the comment are not what was signed; says why. @key_name is for
 * messages.
 */
int slot_signature_check(const struct slot_signature *signature, const struct slot_public_key *key,
			 const char *key_name, const void *bytes, size_t size,
			 struct slot_reason *why);

void slot_key_id_format(const unsigned char id[8], char ret_text[SLOT_KEY_ID_TEXT_SIZE]);

#endif
