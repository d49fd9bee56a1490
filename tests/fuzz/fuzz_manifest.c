/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as an object: a refusal says why, and a manifest that is taken has
 * printable, terminated parts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/registry/manifest.h"
#include "tests/fuzz/fuzz.h"

#define SHA256 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_word(const char *word, size_t size, bool may_be_empty)
{
	size_t len = strnlen(word, size);

	require(len < size, "a word is terminated");
	require(len || may_be_empty, "name and version are always there");
	for (; *word; word++)
		require(*word > 0x20 && *word < 0x7f, "a word is printable");
}

static void check_run_config(const struct slot_manifest *manifest, const void *bytes)
{
	struct slot_reason why = { "" };
	struct slot_run_config run;

	if (slot_manifest_run_config(manifest, bytes, "", &why, &run))
		require(why.text[0], "a refusal of the run config says why");
	else
		require(!(run.continue_on & ~ROOT_VERDICT_ALL), "a run config names verdicts");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_reason why = { "" };
	struct slot_manifest manifest;
	/* of exactly this size, so that the sanitizer sees a read beyond it */
	void *bytes = malloc(size ? size : 1);
	int err;

	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	err = slot_manifest_read(bytes, size, "fuzz.bpf.o", SHA256, &why, &manifest);
	if (err) {
		require(err == -EINVAL, "a refusal is -EINVAL");
		require(why.text[0], "a refusal says why");
	} else {
		check_word(manifest.name, sizeof(manifest.name), false);
		check_word(manifest.version, sizeof(manifest.version), false);
		check_word(manifest.migrate, sizeof(manifest.migrate), true);
		check_word(manifest.entry, sizeof(manifest.entry), true);
		require(manifest.hook < SLOT_HOOK_COUNT, "the hook is known");
		check_run_config(&manifest, bytes);
	}
	free(bytes);
	return 0;
}
