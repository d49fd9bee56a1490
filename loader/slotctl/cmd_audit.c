/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/slotctl.h"

/* "41 -> 42"; a refusal has the generation that stayed. */
static void add_generation(struct slot_table *table, const json_t *line)
{
	const json_t *generation = json_object_get(line, "generation");
	json_int_t before = slot_answer_number(generation, "before");
	json_int_t after = slot_answer_number(generation, "after");

	if (before == after)
		slot_table_add(table, SLOT_STYLE_PLAIN, "%" JSON_INTEGER_FORMAT, after);
	else
		slot_table_add(table, SLOT_STYLE_PLAIN,
			       "%" JSON_INTEGER_FORMAT " -> %" JSON_INTEGER_FORMAT, before, after);
}

/* "5 theirs 1.1.0 99aa00ff"; of what was refused, the file that was offered. */
static void print_slot(const json_t *slot, FILE *out)
{
	const json_t *object = json_object_get(slot, "object");
	const json_t *offered = json_object_get(slot, "offered");

	fprintf(out, "%" JSON_INTEGER_FORMAT " %s", slot_answer_number(slot, "slot"),
		slot_answer_text(slot, "name"));
	if (object)
		fprintf(out, " %s %.8s", slot_answer_text(object, "version"),
			slot_answer_text(object, "sha256"));
	if (offered)
		fprintf(out, " (%s %.8s)", slot_answer_text(offered, "file"),
			slot_answer_text(offered, "sha256"));
}

/* Why it was done, or why not: sentences, so they end the line. */
static void print_reason(const json_t *line, const char *key, size_t *parts, FILE *out)
{
	if (json_object_get(line, key))
		fprintf(out, "%s%s", (*parts)++ ? ": " : "", slot_answer_text(line, key));
}

static int add_slots(struct slot_table *table, const json_t *line)
{
	_cleanup_free_ char *text = NULL;
	const json_t *slot;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	json_array_foreach(json_object_get(line, "slots"), i, slot) {
		fputs(i ? ", " : "", out);
		print_slot(slot, out);
	}
	print_reason(line, "cause", &i, out);
	print_reason(line, "error", &i, out);
	fclose(out);
	slot_table_add_rest(table, SLOT_STYLE_PLAIN, "%s", text);
	return 0;
}

static int print_lines(const struct slot_ctl *ctl, const json_t *answer)
{
	static const struct slot_column columns[] = {
		{ "seq", true },     { "time", false },	 { "who", false },
		{ "what", false },   { "chain", false }, { "generation", false },
		{ "result", false }, { "slots", false },
	};
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	const json_t *line;
	size_t i;
	int err;

	err = slot_table_new(columns, sizeof(columns) / sizeof(columns[0]), &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(answer, "lines"), i, line) {
		bool is_ok = !strcmp(slot_answer_text(line, "result"), "ok");

		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, line, "seq");
		slot_answer_add_text(table, line, "time");
		slot_answer_add_text(table, line, "user");
		slot_answer_add_text(table, line, "what");
		slot_answer_add_text(table, line, "chain");
		add_generation(table, line);
		slot_table_add(table, is_ok ? SLOT_STYLE_GOOD : SLOT_STYLE_BAD, "%s",
			       slot_answer_text(line, "result"));
		err = add_slots(table, line);
		if (err)
			return err;
	}
	return slot_table_print(table, &ctl->look, stdout);
}

int cmd_audit(struct slot_ctl *ctl, int argc, char **argv)
{
	_cleanup_free_ char *chain = NULL, *path = NULL;
	struct slot_request request = { .method = "GET" };
	json_auto_t *answer = NULL;
	const char *wanted = argc ? argv[0] : ctl->chain;
	int err;

	if (ctl->lines && (!*ctl->lines || strspn(ctl->lines, "0123456789") != strlen(ctl->lines) ||
			   strlen(ctl->lines) > 4))
		return slot_ctl_refuse(ctl, "--lines '%s': a number up to 1000 expected",
				       ctl->lines);
	if (wanted) {
		chain = slot_client_escape(wanted);
		if (!chain)
			return -ENOMEM;
	}
	if (asprintf(&path, "/v1/audit?lines=%s%s%s", ctl->lines ? ctl->lines : "0",
		     chain ? "&chain=" : "", chain ? chain : "") < 0) {
		path = NULL;
		return -ENOMEM;
	}
	request.path = path;
	err = slot_ctl_send(ctl, &request, &answer);
	if (err)
		return err;
	if (!ctl->json)
		return print_lines(ctl, answer);
	slot_ctl_print_json(ctl, answer);
	return 0;
}
