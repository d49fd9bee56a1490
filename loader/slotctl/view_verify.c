/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/limits.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/pairs.h"
#include "loader/slotctl/view.h"

static void add_engines(struct slot_table *table, const json_t *engines)
{
	const json_t *engine;
	size_t i;

	json_array_foreach(engines, i, engine) {
		bool is_ok = slot_answer_is_true(engine, "ok");

		slot_table_add_row(table, SLOT_STYLE_PLAIN);
		slot_table_add(table, SLOT_STYLE_BOLD, "engine %s",
			       slot_answer_text(engine, "engine"));
		slot_table_add(table, is_ok ? SLOT_STYLE_GOOD : SLOT_STYLE_WARN, "%s",
			       is_ok ? "runs here" : slot_answer_text(engine, "reason"));
	}
}

int slot_view_verify(const json_t *report, const struct slot_look *look, FILE *out)
{
	static const char *const counts[] = { "insns", "verified_insns", "jited_bytes" };
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	char memory[SLOT_SIZE_TEXT_MAX];
	int err;

	err = slot_pairs_new(&table);
	if (err)
		return err;
	slot_pairs_add(table, "program", "%s %s", slot_answer_text(report, "name"),
		       slot_answer_text(report, "version"));
	slot_pairs_add(table, "manifest", "%s",
		       slot_answer_is_true(report, "manifest") ?
			       "in the object" :
			       "none: named by its file, versioned by its hash");
	slot_pairs_add(table, "verifier", "accepted");
	slot_pairs_add_text(table, report, "hook");
	slot_pairs_add_text(table, report, "entry");
	if (json_array_size(json_object_get(report, "functions")) > 1)
		err = slot_pairs_add_list(table, report, "functions");
	slot_pairs_add_count(table, report, "map_abi");
	if (json_object_get(report, "migrate"))
		slot_pairs_add_text(table, report, "migrate");
	slot_pairs_add_text(table, report, "sha256");
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		slot_pairs_add_count(table, report, counts[i]);
	slot_pairs_add(table, "frags", "%s", slot_answer_is_true(report, "frags") ? "yes" : "no");
	slot_size_format((__u64)json_integer_value(json_object_get(report, "map_memory")), memory);
	slot_pairs_add(table, "map_memory", "%s", memory);
	if (!err)
		err = slot_pairs_add_run_config(table, report);
	if (!err)
		err = slot_pairs_add_list(table, report, "helpers");
	if (!err)
		err = slot_pairs_add_list(table, report, "helper_classes");
	if (err)
		return err;
	add_engines(table, json_object_get(report, "engines"));
	err = slot_table_print(table, look, out);
	return err ? err : slot_pairs_print_maps(report, look, out);
}
