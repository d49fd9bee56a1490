/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

/* Steps that change something; the rest is counted in @ret_kept. */
static int print_steps(const json_t *plan, const struct slot_look *look, size_t *ret_kept,
		       size_t *ret_done, FILE *out)
{
	static const struct slot_column columns[] = { { "", false }, { "", true }, { "", false } };
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	const json_t *step;
	size_t kept = 0, done = 0, i;
	int err;

	err = slot_table_new(columns, 3, &table);
	if (err)
		return err;
	json_array_foreach(json_object_get(plan, "steps"), i, step) {
		if (!strcmp(slot_answer_text(step, "action"), "keep")) {
			kept++;
			continue;
		}
		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_table_add(table, SLOT_STYLE_PLAIN, "slot");
		slot_answer_add_count(table, SLOT_STYLE_PLAIN, step, "slot");
		slot_answer_add_text(table, step, "text");
		done++;
	}
	err = slot_table_print(table, look, out);
	if (err)
		return err;
	*ret_kept = kept;
	*ret_done = done;
	return 0;
}

/* What changes with the chain as a whole. Returns how many lines that took. */
static size_t print_whole(const json_t *plan, FILE *out)
{
	static const struct {
		const char *key;
		const char *text;
	} parts[] = {
		{ "has_root_change", "renew the root: it is of an older version" },
		{ "has_engine_change", "build with another engine" },
		{ "has_counters_change", "count, or no longer" },
	};
	size_t lines = 0, i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (!slot_answer_is_true(plan, parts[i].key))
			continue;
		fprintf(out, "%s\n", parts[i].text);
		lines++;
	}
	return lines;
}

int slot_view_plan(const json_t *plan, const struct slot_look *look, FILE *out)
{
	size_t kept, done;
	int err;

	if (!slot_answer_is_true(plan, "has_changes")) {
		fputs("no changes\n", out);
		return 0;
	}
	err = print_steps(plan, look, &kept, &done, out);
	if (err)
		return err;
	if (print_whole(plan, out) && !done)
		return 0;
	if (!done && slot_answer_is_true(plan, "has_reservations_change"))
		fputs("reservations change; programs stay as they are\n", out);
	else if (!done)
		fputs("rebuild the chain with the programs it has\n", out);
	else if (kept)
		fprintf(out, "keep %zu other%s\n", kept, kept == 1 ? "" : "s");
	return 0;
}

static void print_timing(const json_t *timing, bool is_swap_only, FILE *out)
{
	char total[SLOT_TIME_SIZE], swap[SLOT_TIME_SIZE];

	if (slot_answer_number(timing, "total") <= 0)
		return;
	slot_text_format_us((__u64)slot_answer_number(timing, "total"), total);
	fprintf(out, "; took %s", total);
	if (!slot_answer_has(timing, "swap"))
		return;
	slot_text_format_us((__u64)slot_answer_number(timing, "swap"), swap);
	fprintf(out, is_swap_only ? ", one swap, %s" : ", swap %s", swap);
}

int slot_view_result(const json_t *result, const struct slot_look *look, FILE *out)
{
	_cleanup_free_ char *name = slot_text_clean(slot_answer_text(result, "interface"), NULL);
	json_int_t generation = slot_answer_number(result, "generation");
	json_int_t previous = slot_answer_number(result, "previous");
	size_t kept, done;
	int err;

	if (!name)
		return -ENOMEM;
	if (!slot_answer_is_true(result, "changed")) {
		fprintf(out, "%s: no changes", name);
		if (generation)
			fprintf(out, ", generation %" JSON_INTEGER_FORMAT " stays", generation);
		putc('\n', out);
		return 0;
	}
	err = print_steps(result, look, &kept, &done, out);
	if (err)
		return err;
	if (generation)
		fprintf(out, "%s: generation %" JSON_INTEGER_FORMAT " is active", name, generation);
	else
		fprintf(out, "%s: detached", name);
	if (generation && previous)
		fprintf(out, " (was %" JSON_INTEGER_FORMAT ")", previous);
	print_timing(json_object_get(result, "timing_us"), slot_answer_is_true(result, "swap_only"),
		     out);
	putc('\n', out);
	return 0;
}
