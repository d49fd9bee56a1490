/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading slotd's answers: what is missing or of another type shows as "-" and breaks nothing. Pure. */
#ifndef SLOTCTL_ANSWER_H
#define SLOTCTL_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loader/slotctl/table.h"

#define SLOT_COUNT_SIZE 24

/* slot_answer_text - the string at @key, else "-"; owned by @object. */
const char *slot_answer_text(const json_t *object, const char *key);

/* slot_answer_number - the integer at @key, else 0; slot_answer_has tells which. */
json_int_t slot_answer_number(const json_t *object, const char *key);

/* slot_answer_has, slot_answer_is_true - whether there is an integer, a true, at @key. */
bool slot_answer_has(const json_t *object, const char *key);
bool slot_answer_is_true(const json_t *object, const char *key);

/* slot_answer_count - the integer at @key in decimal, else "-". Returns @ret_text. */
const char *slot_answer_count(const json_t *object, const char *key,
			      char ret_text[SLOT_COUNT_SIZE]);

/* slot_answer_list - the strings of the array at @key, joined by ", "; to free; NULL: out of memory. */
char *slot_answer_list(const json_t *object, const char *key);

/* slot_answer_slot - the member of the array "slots" that has that number, or NULL; owned by @answer. */
const json_t *slot_answer_slot(const json_t *answer, json_int_t number);

/* slot_answer_add_text, slot_answer_add_count - a cell with the text, the integer, at @key. */
void slot_answer_add_text(struct slot_table *table, const json_t *object, const char *key);
void slot_answer_add_count(struct slot_table *table, enum slot_style style, const json_t *object,
			   const char *key);

#endif
