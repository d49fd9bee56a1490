/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a signature and as a public key: a refusal says why, and nothing
 * that is not signed by the key holds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/registry/signature.h"
#include "tests/fuzz/fuzz.h"

static void check_signature(const char *text, size_t size)
{
	struct slot_signature signature;
	struct slot_reason why = { "" };
	struct slot_public_key key = { .key = { 1 } };
	int err = slot_signature_parse(text, size, &why, &signature);

	require(!err || err == -EINVAL, "a refusal is -EINVAL");
	require(!err || why.text[0], "a refusal says why");
	if (err)
		return;
	require(signature.comment_size < sizeof(signature.comment), "a comment has its bounds");
	memcpy(key.id, signature.key_id, sizeof(key.id));
	/* of an object that no signature can be of, as it holds the signature itself */
	err = slot_signature_check(&signature, &key, "fuzz.pub", text, size, &why);
	require(err == -EBADMSG, "what nobody signed does not hold");
}

static void check_key(const char *text, size_t size)
{
	struct slot_public_key key;
	struct slot_reason why = { "" };
	int err = slot_public_key_parse(text, size, &why, &key);

	require(!err || err == -EINVAL, "a refusal is -EINVAL");
	require(!err || why.text[0], "a refusal says why");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of exactly this size, so that the sanitizer sees a read beyond it */
	char *text = malloc(size ? size : 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	check_signature(text, size);
	check_key(text, size);
	free(text);
	return 0;
}
