/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

/* NULL is nothing to say. */
static void print_line(const char *chain, const char *kind, const char *text)
{
	_cleanup_free_ char *name = slot_text_clean(chain, NULL);
	_cleanup_free_ char *clean = text ? slot_text_clean(text, NULL) : NULL;

	if (name && clean)
		printf("%s: %s%s\n", name, kind, clean);
}

static void print_notes(const json_t *chain)
{
	const char *name = slot_answer_text(chain, "interface");
	const json_t *reason = json_object_get(chain, "engine_reason"), *warning;
	const json_t *note;
	size_t i;

	print_line(name, "cgroup: ", json_string_value(json_object_get(chain, "cgroup")));
	print_line(name, "jump: ", json_string_value(json_object_get(chain, "jump")));
	if (json_string_length(reason))
		print_line(name, "engine: ", json_string_value(reason));
	slot_view_others(chain, stdout);
	note = json_object_get(chain, "last_watch");
	if (json_string_length(note))
		print_line(name, "last watch: ", json_string_value(note));
	json_array_foreach(json_object_get(chain, "warnings"), i, warning) {
		if (json_is_string(warning))
			print_line(name, "warning: ", json_string_value(warning));
	}
}

/* Generations count from 1; 0 stands for none. */
static void add_generation(struct slot_table *table, const json_t *chain, const char *key)
{
	if (slot_answer_number(chain, key))
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, chain, key);
	else
		slot_table_add(table, SLOT_STYLE_PLAIN, "-");
}

static const char *state_of(const json_t *chain)
{
	if (slot_answer_is_true(chain, "attached"))
		return "attached";
	if (json_object_get(chain, "waits_for"))
		return "waits";
	return json_object_get(chain, "refused") ? "refused" : "detached";
}

static void add_chain(struct slot_table *table, const json_t *chain)
{
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_answer_add_text(table, chain, "interface");
	slot_table_add(table,
		       slot_answer_is_true(chain, "attached") ? SLOT_STYLE_GOOD : SLOT_STYLE_BAD,
		       "%s", state_of(chain));
	add_generation(table, chain, "generation");
	add_generation(table, chain, "previous");
	slot_answer_add_text(table, chain, "engine");
	slot_answer_add_text(table, chain, "mode");
}

static int print_status(const struct slot_ctl *ctl, const json_t *status)
{
	static const struct slot_column columns[] = {
		{ "chain", false },   { "state", false },  { "generation", true },
		{ "previous", true }, { "engine", false }, { "mode", false },
	};
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	_cleanup_free_ char *config = slot_text_clean(slot_answer_text(status, "config"), NULL);
	const json_t *chain;
	size_t i;
	int err;

	err = slot_table_new(columns, sizeof(columns) / sizeof(columns[0]), &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(status, "chains"), i, chain)
		add_chain(table, chain);
	printf("slotd %s, pid %" JSON_INTEGER_FORMAT ", %s\n", slot_answer_text(status, "version"),
	       slot_answer_number(status, "pid"), config ? config : "-");
	err = slot_table_print(table, &ctl->look, stdout);
	if (err)
		return err;
	json_array_foreach(json_object_get(status, "chains"), i, chain)
		print_notes(chain);
	return 0;
}

/* Who asks by a script wants to know: what slots.conf says does not happen to its packets. */
static bool has_refused(const json_t *status)
{
	const json_t *chain;
	size_t i;

	json_array_foreach(json_object_get(status, "chains"), i, chain)
		if (json_object_get(chain, "refused"))
			return true;
	return false;
}

int cmd_status(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "GET", .path = "/v1/status" };
	json_auto_t *status = NULL;
	int err;

	(void)argc, (void)argv;
	err = slot_ctl_send(ctl, &request, &status);
	if (err)
		return err;
	if (ctl->json)
		slot_ctl_print_json(ctl, status);
	else
		err = print_status(ctl, status);
	return err ? err : has_refused(status) ? SLOTCTL_EXIT_FAILURE : 0;
}
