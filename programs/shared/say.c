/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/say.h"

#include <stdio.h>
#include <string.h>

#define AGAIN_MS (300U * 1000)
#define CALM_MS (60U * 1000)

static void say(struct program_trouble *trouble, const char *text, __u64 now_ms)
{
	snprintf(trouble->text, sizeof(trouble->text), "%s", text);
	trouble->said_ms = now_ms;
	fprintf(stderr, "%s\n", text);
}

void program_say_state(struct program_trouble *trouble, const char *text, __u64 now_ms)
{
	if (strncmp(trouble->text, text, sizeof(trouble->text) - 1) != 0)
		say(trouble, text, now_ms);
}

void program_say_trouble(struct program_trouble *trouble, const char *text, __u64 now_ms)
{
	if (now_ms - trouble->said_ms >= AGAIN_MS)
		*trouble->text = '\0';
	program_say_state(trouble, text, now_ms);
}

void program_say_over(struct program_trouble *trouble)
{
	if (*trouble->text)
		fprintf(stderr, "no longer: %s\n", trouble->text);
	*trouble->text = '\0';
}

void program_say_kind(struct program_trouble *trouble, const char *text, __u64 now_ms)
{
	trouble->met_ms = now_ms;
	if (!*trouble->text)
		say(trouble, text, now_ms);
}

void program_say_calm(struct program_trouble *trouble, __u64 now_ms)
{
	if (now_ms - trouble->met_ms >= CALM_MS)
		program_say_over(trouble);
}
