/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/words.h"

#include <string.h>

int program_verb_run(const struct program_verb *verbs, const struct program_context *ctx, int argc,
		     char **argv)
{
	for (; argc && verbs->name; verbs++)
		if (!strcmp(verbs->name, argv[0]))
			return verbs->run(ctx, argc - 1, argv + 1);
	return PROGRAM_USAGE;
}

const char *program_word_value(const char *word, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(word, name, len) && word[len] == '=' ? word + len + 1 : NULL;
}
