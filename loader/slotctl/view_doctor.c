/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

#define TEXT_WIDTH 88 /* columns of a paragraph, without what stands in front of it */
#define LABEL_WIDTH 8

static enum slot_style style_of(const char *severity)
{
	if (!strcmp(severity, "error"))
		return SLOT_STYLE_BAD;
	return strcmp(severity, "warning") != 0 ? SLOT_STYLE_DIM : SLOT_STYLE_WARN;
}

/* @label and @text, which goes on below itself, broken at blanks. */
static int print_paragraph(const char *label, const char *text, FILE *out)
{
	_cleanup_free_ char *clean = slot_text_clean(text, NULL);
	char *rest = clean, *word;
	size_t used = 0;

	if (!clean)
		return -ENOMEM;
	fprintf(out, "  %-*s", LABEL_WIDTH, label);
	while ((word = strsep(&rest, " "))) {
		if (used && used + 1 + strlen(word) > TEXT_WIDTH) {
			fprintf(out, "\n  %*s", LABEL_WIDTH, "");
			used = 0;
		}
		used += (size_t)fprintf(out, "%s%s", used ? " " : "", word);
	}
	fputc('\n', out);
	return 0;
}

/* One member of the place, in words. Returns what stands between it and the next. */
static const char *print_member(const json_t *place, const char *name, const char *before,
				FILE *out)
{
	_cleanup_free_ char *clean = slot_text_clean(slot_answer_text(place, name), NULL);

	if (slot_answer_has(place, name))
		fprintf(out, "%s%s %" JSON_INTEGER_FORMAT, before, name,
			slot_answer_number(place, name));
	else if (json_object_get(place, name))
		fprintf(out, "%s%s %s", before, name, clean ? clean : "-");
	else
		return before;
	return ", ";
}

static void print_place(const json_t *place, FILE *out)
{
	static const char *const names[] = { "netns", "chain",	 "interface", "address",
					     "port",  "process", "sockets" };
	const char *before = ": ";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		before = print_member(place, names[i], before, out);
}

static int print_finding(const json_t *finding, const struct slot_look *look, FILE *out)
{
	const char *severity = slot_answer_text(finding, "severity");
	enum slot_style style = style_of(severity);
	int err;

	fprintf(out, "%s%s%s %s", slot_style_begin(look, style), severity,
		slot_style_end(look, style), slot_answer_text(finding, "check"));
	print_place(json_object_get(finding, "where"), out);
	fputc('\n', out);
	err = print_paragraph("what", slot_answer_text(finding, "what"), out);
	err = err ? err : print_paragraph("why", slot_answer_text(finding, "why"), out);
	return err ? err : print_paragraph("next", slot_answer_text(finding, "next"), out);
}

static size_t count_of(const json_t *findings, const char *severity)
{
	const json_t *finding;
	size_t count = 0, i;

	json_array_foreach(findings, i, finding)
		count += !strcmp(slot_answer_text(finding, "severity"), severity);
	return count;
}

static void print_count(const char *before, size_t count, const char *what, FILE *out)
{
	fprintf(out, "%s%zu %s%s", before, count, what, count == 1 ? "" : "s");
}

static void print_sum(const json_t *answer, FILE *out)
{
	const json_t *findings = json_object_get(answer, "findings");
	const json_t *looked = json_object_get(answer, "looked_at");

	print_count(slot_answer_is_true(answer, "clean") ? "clean: " : "",
		    count_of(findings, "error"), "error", out);
	print_count(", ", count_of(findings, "warning"), "warning", out);
	print_count(", ", count_of(findings, "note"), "note", out);
	print_count("; looked at ", json_array_size(json_object_get(looked, "netns")),
		    "network namespace", out);
	print_count(", ", json_array_size(json_object_get(looked, "chains")), "chain", out);
	print_count(", ", (size_t)slot_answer_number(looked, "claims"), "claim", out);
	fputs(" of programs\n", out);
}

int slot_view_doctor(const json_t *answer, const struct slot_look *look, FILE *out)
{
	const json_t *item;
	size_t i;
	int err;

	json_array_foreach(json_object_get(answer, "findings"), i, item) {
		err = print_finding(item, look, out);
		if (err)
			return err;
	}
	print_sum(answer, out);
	json_array_foreach(json_object_get(answer, "not_looked_at"), i, item) {
		_cleanup_free_ char *clean =
			slot_text_clean(json_is_string(item) ? json_string_value(item) : "-", NULL);

		if (!clean)
			return -ENOMEM;
		fprintf(out, "not looked at: %s\n", clean);
	}
	return 0;
}
