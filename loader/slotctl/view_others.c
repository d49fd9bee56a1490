/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

/* "filter of clsact, pref 49152, handle 0x1, bpf 'tc_ret' (id 12)", "tcx program 'tc_ret' (id 12)". */
static void print_other(const json_t *other, FILE *out)
{
	_cleanup_free_ char *way = slot_text_clean(slot_answer_text(other, "attached"), NULL);
	_cleanup_free_ char *kind = slot_text_clean(slot_answer_text(other, "kind"), NULL);
	_cleanup_free_ char *name = slot_text_clean(slot_answer_text(other, "name"), NULL);

	if (!way || !kind || !name)
		return;
	if (slot_answer_has(other, "pref"))
		fprintf(out, "filter of %s, pref %" JSON_INTEGER_FORMAT ", handle 0x%llx, %s", way,
			slot_answer_number(other, "pref"),
			(unsigned long long)slot_answer_number(other, "handle"), kind);
	else
		fprintf(out, "%s program", way);
	if (json_object_get(other, "name"))
		fprintf(out, " '%s'", name);
	if (slot_answer_has(other, "program_id"))
		fprintf(out, " (id %" JSON_INTEGER_FORMAT ")",
			slot_answer_number(other, "program_id"));
}

void slot_view_others(const json_t *chain, FILE *out)
{
	_cleanup_free_ char *name = slot_text_clean(slot_answer_text(chain, "interface"), NULL);
	const json_t *other;
	size_t i;

	json_array_foreach(json_object_get(chain, "others"), i, other) {
		fprintf(out, "%s: %s it: ", name ? name : "-",
			slot_answer_is_true(other, "before") ? "before" : "behind");
		print_other(other, out);
		fputc('\n', out);
	}
}
