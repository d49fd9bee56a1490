/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

static const char *const counters[] = { "seen",	    "pass",    "drop",	  "tx",
					"redirect", "skipped", "aborted", "denied" };
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static const struct slot_column total_columns[] = {
	{ "slot", true },    { "name", false },	 { "seen", true },     { "pass", true },
	{ "drop", true },    { "tx", true },	 { "redirect", true }, { "skipped", true },
	{ "aborted", true }, { "denied", true },
};
static const struct slot_column rate_columns[] = {
	{ "slot", true },      { "name", false },     { "seen", true },	    { "seen/s", true },
	{ "pass/s", true },    { "drop/s", true },    { "tx/s", true },	    { "redirect/s", true },
	{ "skipped/s", true }, { "aborted/s", true }, { "denied/s", true },
};
#define TOTAL_COLUMNS (sizeof(total_columns) / sizeof(total_columns[0]))
#define RATE_COLUMNS (sizeof(rate_columns) / sizeof(rate_columns[0]))

/* Seconds between two answers; 0: no rate can be told from them. */
static double measure_seconds(const json_t *answer, const json_t *before)
{
	json_int_t ns =
		slot_answer_number(answer, "time_ns") - slot_answer_number(before, "time_ns");

	return before && ns > 0 ? (double)ns / 1e9 : 0;
}

static const char *format_rate(const json_t *now, const json_t *before, const char *key,
			       double seconds, char ret_text[SLOT_COUNT_SIZE])
{
	json_int_t more = slot_answer_number(now, key) - slot_answer_number(before, key);
	double rate = seconds > 0 ? (double)more / seconds : 0;

	if (seconds <= 0 || more < 0 || !slot_answer_has(now, key) || !slot_answer_has(before, key))
		snprintf(ret_text, SLOT_COUNT_SIZE, "-");
	else
		snprintf(ret_text, SLOT_COUNT_SIZE, "%.*f", rate > 0 && rate < 10 ? 1 : 0, rate);
	return ret_text;
}

static void add_rates(struct slot_table *table, const json_t *slot, const json_t *before,
		      double seconds)
{
	char rate[SLOT_COUNT_SIZE];

	slot_answer_add_count(table, SLOT_STYLE_PLAIN, slot, "seen");
	for (size_t i = 0; i < COUNTERS; i++)
		slot_table_add(table, SLOT_STYLE_PLAIN, "%s",
			       format_rate(slot, before, counters[i], seconds, rate));
}

static void add_figures(struct slot_table *table, const json_t *slot, const json_t *past,
			bool is_watch, double seconds)
{
	if (is_watch)
		add_rates(table, slot, past, seconds);
	for (size_t j = 0; !is_watch && j < COUNTERS; j++)
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, slot, counters[j]);
}

/* What of the slot's packets its canary answered. */
static void add_canary(struct slot_table *table, const json_t *slot, const json_t *past,
		       bool is_watch, double seconds)
{
	const json_t *canary = json_object_get(slot, "canary");

	if (!canary)
		return;
	slot_table_add_row(table, SLOT_STYLE_PLAIN);
	slot_table_add(table, SLOT_STYLE_PLAIN, " ");
	slot_table_add(table, SLOT_STYLE_PLAIN, "  canary %s", slot_answer_text(canary, "version"));
	add_figures(table, canary, json_object_get(past, "canary"), is_watch, seconds);
}

static void print_headline(const json_t *answer, const json_t *before, bool is_watch,
			   double seconds, FILE *out)
{
	_cleanup_free_ char *name = slot_text_clean(slot_answer_text(answer, "interface"), NULL);
	json_int_t generation = slot_answer_number(answer, "generation");
	char packets[SLOT_COUNT_SIZE], passed[SLOT_COUNT_SIZE];

	fprintf(out, "%s: ", name ? name : "-");
	if (generation)
		fprintf(out, "generation %" JSON_INTEGER_FORMAT, generation);
	else
		fputs("no generation", out);
	fprintf(out, ", packets %s, passed %s", slot_answer_count(answer, "packets", packets),
		slot_answer_count(answer, "passed", passed));
	if (is_watch)
		fprintf(out, ", packets/s %s, passed/s %s",
			format_rate(answer, before, "packets", seconds, packets),
			format_rate(answer, before, "passed", seconds, passed));
	putc('\n', out);
}

int slot_view_stats(const json_t *answer, const json_t *before, bool is_watch,
		    const struct slot_look *look, FILE *out)
{
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	double seconds = measure_seconds(answer, before);
	const json_t *slot;
	size_t i;
	int err;

	err = slot_table_new(is_watch ? rate_columns : total_columns,
			     is_watch ? RATE_COLUMNS : TOTAL_COLUMNS, &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		const json_t *past = slot_answer_slot(before, slot_answer_number(slot, "slot"));

		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, slot, "slot");
		slot_answer_add_text(table, slot, "name");
		add_figures(table, slot, past, is_watch, seconds);
		add_canary(table, slot, past, is_watch, seconds);
	}
	print_headline(answer, before, is_watch, seconds, out);
	return slot_table_print(table, look, out);
}
