/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/table.h"
#include "loader/slotctl/text.h"

#define GAP 2

struct cell {
	char *text; /* NULL: nothing was added here */
	size_t width;
	enum slot_style style;
	bool is_rest;
};

struct row {
	struct cell *cells; /* one per column */
	size_t count;
	enum slot_style style;
};

struct slot_table {
	const struct slot_column *columns;
	size_t column_count;
	struct row *rows;
	size_t row_count;
	int err;
};

void slot_look_get(FILE *out, struct slot_look *ret_look)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool is_dumb = !term || !strcmp(term, "dumb");

	ret_look->color = isatty(fileno(out)) && !is_dumb && !(no_color && *no_color);
	ret_look->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
}

const char *slot_style_begin(const struct slot_look *look, enum slot_style style)
{
	static const char *const sequences[SLOT_STYLE_COUNT] = {
		[SLOT_STYLE_PLAIN] = "",	[SLOT_STYLE_DIM] = "\033[2m",
		[SLOT_STYLE_BOLD] = "\033[1m",	[SLOT_STYLE_GOOD] = "\033[32m",
		[SLOT_STYLE_WARN] = "\033[33m", [SLOT_STYLE_BAD] = "\033[31m",
	};

	return look->color && style < SLOT_STYLE_COUNT ? sequences[style] : "";
}

const char *slot_style_end(const struct slot_look *look, enum slot_style style)
{
	return *slot_style_begin(look, style) ? "\033[0m" : "";
}

int slot_table_new(const struct slot_column *columns, size_t count, struct slot_table **ret_table)
{
	struct slot_table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->columns = columns;
	table->column_count = count;
	*ret_table = table;
	return 0;
}

void slot_table_free(struct slot_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->row_count; i++) {
		for (size_t j = 0; j < table->rows[i].count; j++)
			free(table->rows[i].cells[j].text);
		free(table->rows[i].cells);
	}
	free(table->rows);
	free(table);
}

void slot_table_cleanup(struct slot_table **table)
{
	slot_table_free(*table);
}

void slot_table_add_row(struct slot_table *table, enum slot_style style)
{
	struct cell *cells = calloc(table->column_count, sizeof(*cells));
	struct row *rows = reallocarray(table->rows, table->row_count + 1, sizeof(*rows));

	if (rows)
		table->rows = rows;
	if (!rows || !cells) {
		free(cells);
		table->err = -ENOMEM;
		return;
	}
	rows[table->row_count++] = (struct row){ .cells = cells, .style = style };
}

static void add_cell(struct slot_table *table, enum slot_style style, bool is_rest, const char *fmt,
		     va_list args)
{
	struct row *row = table->row_count ? &table->rows[table->row_count - 1] : NULL;
	_cleanup_free_ char *text = NULL;
	struct cell *cell;

	if (table->err || !row || row->count == table->column_count)
		return;
	cell = &row->cells[row->count];
	if (vasprintf(&text, fmt, args) < 0) {
		text = NULL;
		table->err = -ENOMEM;
		return;
	}
	cell->text = slot_text_clean(text, &cell->width);
	if (!cell->text) {
		table->err = -ENOMEM;
		return;
	}
	cell->style = style == SLOT_STYLE_PLAIN ? row->style : style;
	cell->is_rest = is_rest;
	row->count++;
}

void slot_table_add(struct slot_table *table, enum slot_style style, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_cell(table, style, false, fmt, args);
	va_end(args);
}

void slot_table_add_rest(struct slot_table *table, enum slot_style style, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add_cell(table, style, true, fmt, args);
	va_end(args);
}

static bool has_titles(const struct slot_table *table)
{
	for (size_t i = 0; i < table->column_count; i++) {
		if (*table->columns[i].title)
			return true;
	}
	return false;
}

static void measure_columns(const struct slot_table *table, size_t *widths)
{
	for (size_t i = 0; i < table->column_count; i++)
		widths[i] = strlen(table->columns[i].title);
	for (size_t i = 0; i < table->row_count; i++) {
		const struct row *row = &table->rows[i];

		for (size_t j = 0; j < row->count; j++) {
			if (!row->cells[j].is_rest && row->cells[j].width > widths[j])
				widths[j] = row->cells[j].width;
		}
	}
}

/* Blanks are owed, and paid only when text follows: so no line ends in them. */
static void print_cell(const struct cell *cell, const struct slot_column *column, size_t width,
		       const struct slot_look *look, size_t *owed, FILE *out)
{
	size_t pad = width > cell->width && !cell->is_rest ? width - cell->width : 0;

	if (column->right && !cell->is_rest)
		*owed += pad;
	if (cell->width) {
		fprintf(out, "%*s%s%s%s", (int)*owed, "", slot_style_begin(look, cell->style),
			cell->text, slot_style_end(look, cell->style));
		*owed = 0;
	}
	if (!column->right)
		*owed += pad;
	*owed += GAP;
}

static void print_row(const struct slot_table *table, const struct row *row, const size_t *widths,
		      const struct slot_look *look, FILE *out)
{
	size_t owed = 0;

	for (size_t i = 0; i < row->count; i++)
		print_cell(&row->cells[i], &table->columns[i], widths[i], look, &owed, out);
	putc('\n', out);
}

static int print_titles(const struct slot_table *table, const size_t *widths,
			const struct slot_look *look, FILE *out)
{
	_cleanup_free_ struct cell *cells = calloc(table->column_count, sizeof(*cells));
	struct row row = { .cells = cells, .count = table->column_count };

	if (!cells)
		return -ENOMEM;
	for (size_t i = 0; i < table->column_count; i++) {
		cells[i].text = (char *)table->columns[i].title;
		cells[i].width = strlen(cells[i].text);
		cells[i].style = SLOT_STYLE_BOLD;
	}
	print_row(table, &row, widths, look, out);
	return 0;
}

int slot_table_print(const struct slot_table *table, const struct slot_look *look, FILE *out)
{
	_cleanup_free_ size_t *widths = calloc(table->column_count, sizeof(*widths));
	int err = table->err;

	if (!widths)
		return -ENOMEM;
	measure_columns(table, widths);
	if (!err && has_titles(table))
		err = print_titles(table, widths, look, out);
	for (size_t i = 0; !err && i < table->row_count; i++)
		print_row(table, &table->rows[i], widths, look, out);
	return err;
}
