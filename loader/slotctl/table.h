/* SPDX-License-Identifier: GPL-2.0-only */
/* Tables of aligned columns, as every command prints them. Pure but for the stream written to. */
#ifndef SLOTCTL_TABLE_H
#define SLOTCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum slot_style {
	SLOT_STYLE_PLAIN,
	SLOT_STYLE_DIM,	 /* there, but not at work */
	SLOT_STYLE_BOLD, /* what is looked for first */
	SLOT_STYLE_GOOD,
	SLOT_STYLE_WARN,
	SLOT_STYLE_BAD,
	SLOT_STYLE_COUNT,
};

/* What the place that the output goes to can show. */
struct slot_look {
	bool color;
	bool utf8;
};

struct slot_column {
	const char *title; /* an empty title leaves the place over the column blank */
	bool right;	   /* aligned right: numbers */
};

struct slot_table;

/* slot_look_get - colour only on a terminal and without NO_COLOR, UTF-8 as the locale says. */
void slot_look_get(FILE *out, struct slot_look *ret_look);

/* slot_style_begin, slot_style_end - the escape sequence around styled text, "" without colour. */
const char *slot_style_begin(const struct slot_look *look, enum slot_style style);
const char *slot_style_end(const struct slot_look *look, enum slot_style style);

/*
 * slot_table_new - an empty table; @columns has to outlive it.
 *
 * Running out of memory while rows are added is remembered, and reported by
 * slot_table_print. Returns 0 or -ENOMEM; the caller frees with slot_table_free.
 */
int slot_table_new(const struct slot_column *columns, size_t count, struct slot_table **ret_table);
void slot_table_free(struct slot_table *table);
void slot_table_cleanup(struct slot_table **table);

/* slot_table_add_row - start a row; @style is that of its cells which have none of their own. */
void slot_table_add_row(struct slot_table *table, enum slot_style style);

/*
 * slot_table_add - the next cell of the last row, printf-like. Cells beyond the
 * last column are dropped; text is made safe for the terminal (slot_text_clean).
 */
void slot_table_add(struct slot_table *table, enum slot_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* slot_table_add_rest - a cell over all the columns that are left; it widens none of them. */
void slot_table_add_rest(struct slot_table *table, enum slot_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * slot_table_print - write the table: titles, unless all of them are empty, then the rows.
 * Two blanks part the columns, and no line ends in blanks. Returns 0 or -ENOMEM.
 */
int slot_table_print(const struct slot_table *table, const struct slot_look *look, FILE *out);

#endif
