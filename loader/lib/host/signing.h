/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Signatures and public keys as files, and an object held against both. */
#ifndef SLOT_SIGNING_H
#define SLOT_SIGNING_H

#include "loader/lib/host/blob.h"

#define SLOT_SIGNATURE_SUFFIX ".minisig" /* of the file beside the object's */

/* The text of a signature, not yet judged. */
struct slot_signing {
	char *text;
	size_t size;
};

/*
 * slot_signing_read - the signature in the file at @path. Returns 0, -ENOENT
 * where there is none, or -errno, says why. @ret_signing: slot_signing_free.
 */
int slot_signing_read(const char *path, struct slot_reason *why, struct slot_signing *ret_signing);
void slot_signing_free(struct slot_signing *signing);

/*
 * slot_signing_check - whether @signing is a signature of @blob by the key in the
 * file @key_path, as that is now. The file must be of root, or of who runs this,
 * and nobody else's to write: who can write it decides what is signed. Returns 0,
 * or -EACCES and which of the three is at fault and why.
 */
int slot_signing_check(const struct slot_signing *signing, const struct slot_blob *blob,
		       const char *key_path, struct slot_reason *why);

/* slot_signing_check_key - whether the file @key_path would do as a key. Returns 0 or -EACCES, says why. */
int slot_signing_check_key(const char *key_path, struct slot_reason *why);

#endif
