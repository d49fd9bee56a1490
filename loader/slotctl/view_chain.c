/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

static const struct slot_column chain_columns[] = {
	{ "", false },	      { "slot", true },	   { "name", false },	 { "owner", false },
	{ "version", false }, { "state", false },  { "seen", true },	 { "pass", true },
	{ "drop", true },     { "tx", true },	   { "redirect", true }, { "aborted", true },
	{ "denied", true },   { "skipped", true }, /* the last: few chains have it */
};
#define CHAIN_COLUMNS (sizeof(chain_columns) / sizeof(chain_columns[0]))

/* The line that packets follow: through a slot, past one that does not run, out at the end. */
struct line {
	const char *through;
	const char *past;
	const char *end;
	bool has_skips; /* with the column of packets that a slot sent past others */
};

static const struct line line_ascii = { "|", ":", "v", false };
static const struct line line_utf8 = { "│", "┊", "▼", false };

const char *slot_view_state(const json_t *slot)
{
	if (!slot_answer_is_true(slot, "reserved"))
		return "free";
	if (!slot_answer_is_true(slot, "enabled"))
		return "disabled";
	if (slot_answer_is_true(slot, "running"))
		return "running";
	return json_object_get(slot, "program") ? "pending" : "empty";
}

void slot_view_mode(const json_t *chain, FILE *out)
{
	const char *mode = slot_answer_text(chain, "mode");
	_cleanup_free_ char *path = NULL;

	fputs(mode, out);
	if (json_is_string(json_object_get(chain, mode)))
		path = slot_text_clean(slot_answer_text(chain, mode), NULL);
	if (path)
		fprintf(out, " %s", path);
}

static void print_headline(const json_t *answer, const struct slot_look *look, FILE *out)
{
	_cleanup_free_ char *name = slot_text_clean(slot_answer_text(answer, "interface"), NULL);
	const char *waits = json_string_value(json_object_get(answer, "waits_for"));
	const char *refused = json_string_value(json_object_get(answer, "refused"));
	const char *what = waits ? waits : refused;
	_cleanup_free_ char *clean = what ? slot_text_clean(what, NULL) : NULL;

	fprintf(out, "%s%s%s: ", slot_style_begin(look, SLOT_STYLE_BOLD), name ? name : "-",
		slot_style_end(look, SLOT_STYLE_BOLD));
	if (!slot_answer_is_true(answer, "attached")) {
		fprintf(out, "%s%s%s%s\n", slot_style_begin(look, SLOT_STYLE_BAD),
			waits	? "waits for " :
			refused ? "refused: " :
				  "not attached",
			clean ? clean : "", slot_style_end(look, SLOT_STYLE_BAD));
		return;
	}
	fprintf(out, "generation %" JSON_INTEGER_FORMAT ", engine %s, ",
		slot_answer_number(answer, "generation"), slot_answer_text(answer, "engine"));
	slot_view_mode(answer, out);
	fputc('\n', out);
}

static enum slot_style alarm_style(const json_t *packets, const char *key)
{
	return slot_answer_number(packets, key) > 0 ? SLOT_STYLE_BAD : SLOT_STYLE_PLAIN;
}

/* Where a slot may leave out others, what it saw adds up only with what skipped. */
static bool has_skips(const json_t *answer)
{
	const json_t *slot, *verdict;
	size_t i, k;

	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		if (slot_answer_number(json_object_get(slot, "packets"), "skipped") > 0)
			return true;
		json_array_foreach(json_object_get(slot, "allow"), k, verdict)
			if (json_is_string(verdict) && !strcmp(json_string_value(verdict), "skip"))
				return true;
	}
	return false;
}

static void add_packets(struct slot_table *table, const json_t *packets, bool has_skipped)
{
	static const char *const quiet[] = { "seen", "pass", "drop", "tx", "redirect" };
	static const char *const alarming[] = { "aborted", "denied" };

	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, packets, quiet[i]);
	for (size_t i = 0; i < sizeof(alarming) / sizeof(alarming[0]); i++)
		slot_answer_add_count(table, alarm_style(packets, alarming[i]), packets,
				      alarming[i]);
	if (has_skipped)
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, packets, "skipped");
}

/* The reservation's name, by which commands find the slot, and that of what is in it. */
static void add_name(struct slot_table *table, const json_t *slot)
{
	const char *name = slot_answer_text(slot, "name");
	const char *program = json_string_value(json_object_get(slot, "program"));

	if (program && strcmp(program, name) != 0)
		slot_table_add(table, SLOT_STYLE_PLAIN, "%s (%s)", name, program);
	else
		slot_table_add(table, SLOT_STYLE_PLAIN, "%s", name);
}

static void add_slot(struct slot_table *table, const struct line *line, const json_t *slot)
{
	const char *state = slot_view_state(slot);
	bool is_running = !strcmp(state, "running");
	enum slot_style style = SLOT_STYLE_PLAIN;

	slot_table_add_row(table, is_running ? SLOT_STYLE_PLAIN : SLOT_STYLE_DIM);
	slot_table_add(table, style, "%s", is_running ? line->through : line->past);
	slot_answer_add_count(table, style, slot, "slot");
	add_name(table, slot);
	slot_answer_add_text(table, slot, "owner");
	slot_answer_add_text(table, slot, "version");
	if (is_running)
		style = SLOT_STYLE_GOOD;
	else if (!strcmp(state, "pending") || !strcmp(state, "disabled"))
		style = SLOT_STYLE_WARN;
	slot_table_add(table, style, "%s%s", state,
		       json_object_get(slot, "watch") ? ", on trial" : "");
	add_packets(table, json_object_get(slot, "packets"), line->has_skips);
}

/* The version beside it, with what it alone did to packets. */
static void add_canary(struct slot_table *table, const struct line *line, const json_t *canary)
{
	if (!canary)
		return;
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", line->through);
	slot_table_add(table, SLOT_STYLE_PLAIN, " ");
	slot_table_add(table, SLOT_STYLE_PLAIN, "  canary");
	slot_table_add(table, SLOT_STYLE_PLAIN, " ");
	slot_answer_add_text(table, canary, "version");
	slot_table_add(table, SLOT_STYLE_WARN, "%s", slot_answer_text(canary, "gets"));
	add_packets(table, json_object_get(canary, "packets"), line->has_skips);
}

int slot_view_chain(const json_t *answer, bool all, const struct slot_look *look, FILE *out)
{
	struct line line = look->utf8 ? line_utf8 : line_ascii;
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	char passed[SLOT_COUNT_SIZE];
	const json_t *slot;
	size_t i;
	int err;

	line.has_skips = has_skips(answer);
	err = slot_table_new(chain_columns, CHAIN_COLUMNS - !line.has_skips, &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		if (!all && !slot_answer_is_true(slot, "reserved"))
			continue;
		add_slot(table, &line, slot);
		add_canary(table, &line, json_object_get(slot, "canary"));
	}
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, "%s", line.end);
	slot_table_add_rest(table, SLOT_STYLE_PLAIN, "passed %s",
			    slot_answer_count(answer, "passed", passed));
	print_headline(answer, look, out);
	err = slot_table_print(table, look, out);
	if (!err)
		slot_view_others(answer, out);
	return err;
}
