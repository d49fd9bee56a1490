/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <time.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/slotctl.h"

static void add_time(struct slot_table *table, const json_t *generation)
{
	time_t created = (time_t)slot_answer_number(generation, "created");
	char text[32];
	struct tm tm;

	if (!created || !localtime_r(&created, &tm) ||
	    !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(text, sizeof(text), "-");
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", text);
}

/* "2 firewall 1.1.0, 12 decap 1.0.0" */
static int add_programs(struct slot_table *table, const json_t *generation)
{
	_cleanup_free_ char *text = NULL;
	const char *between = "";
	const json_t *slot, *canary;
	size_t size, i;
	FILE *out;

	out = open_memstream(&text, &size);
	if (!out)
		return -ENOMEM;
	json_array_foreach(json_object_get(generation, "slots"), i, slot) {
		fprintf(out, "%s%" JSON_INTEGER_FORMAT " %s %s", between,
			slot_answer_number(slot, "slot"), slot_answer_text(slot, "program"),
			slot_answer_text(slot, "version"));
		canary = json_object_get(slot, "canary");
		if (canary)
			fprintf(out, " (canary %s)", slot_answer_text(canary, "version"));
		between = ", ";
	}
	fclose(out);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", text);
	return 0;
}

static int print_generations(struct slot_ctl *ctl, const json_t *answer)
{
	static const struct slot_column columns[] = {
		{ "generation", true }, { "state", false },  { "engine", false },
		{ "created", false },	{ "reason", false }, { "programs", false },
	};
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	const json_t *generation;
	size_t i;
	int err;

	err = slot_table_new(columns, sizeof(columns) / sizeof(columns[0]), &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(answer, "generations"), i, generation) {
		bool is_active = slot_answer_is_true(generation, "active");

		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, generation, "number");
		slot_table_add(table, is_active ? SLOT_STYLE_GOOD : SLOT_STYLE_PLAIN, "%s",
			       is_active ? "active" : "kept");
		slot_answer_add_text(table, generation, "engine");
		add_time(table, generation);
		slot_answer_add_text(table, generation, "reason");
		err = add_programs(table, generation);
		if (err)
			return err;
	}
	return slot_table_print(table, &ctl->look, stdout);
}

int cmd_generations(struct slot_ctl *ctl, int argc, char **argv)
{
	json_auto_t *answer = NULL;
	int err;

	(void)argc, (void)argv;
	err = slot_ctl_get(ctl, "generations", &answer);
	if (err)
		return err;
	if (!ctl->json)
		return slot_ctl_print_each(ctl, answer, print_generations);
	slot_ctl_print_json(ctl, answer);
	return 0;
}
