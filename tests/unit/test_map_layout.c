/* SPDX-License-Identifier: GPL-2.0-only */
/* Layouts of keys and values: what counts as the same, and how a difference reads. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "loader/lib/program/map_layout.h"

/* Types that the cases build upon. */
struct types {
	struct btf *btf;
	int u8;
	int u32;
	int u64;
	int s32;
};

static int start(void **state)
{
	static struct types types;

	types.btf = btf__new_empty();
	assert_non_null(types.btf);
	types.u8 = btf__add_int(types.btf, "unsigned char", 1, 0);
	types.u32 = btf__add_int(types.btf, "unsigned int", 4, 0);
	types.u64 = btf__add_int(types.btf, "unsigned long", 8, 0);
	types.s32 = btf__add_int(types.btf, "int", 4, BTF_INT_SIGNED);
	*state = &types;
	return 0;
}

static int end(void **state)
{
	struct types *types = *state;

	btf__free(types->btf);
	return 0;
}

/* struct NAME { FIRST first; SECOND second; } */
static __u32 add_pair(struct types *types, const char *name, const char *first, int first_type,
		      const char *second, int second_type)
{
	__s64 size = btf__resolve_size(types->btf, (__u32)first_type);
	int id = btf__add_struct(types->btf, name,
				 (__u32)(size + btf__resolve_size(types->btf, (__u32)second_type)));

	assert_true(id > 0);
	assert_int_equal(btf__add_field(types->btf, first, first_type, 0, 0), 0);
	assert_int_equal(btf__add_field(types->btf, second, second_type, (__u32)size * 8, 0), 0);
	return (__u32)id;
}

static void assert_diff(const struct types *types, __u32 was_id, __u32 is_id, const char *expected)
{
	struct slot_layout was = { 0 };
	struct slot_layout is = { 0 };
	char text[1024];

	assert_int_equal(slot_layout_read(types->btf, was_id, &was), 0);
	assert_int_equal(slot_layout_read(types->btf, is_id, &is), 0);
	assert_int_equal(slot_layout_is_equal(&was, &is), !expected);
	if (expected) {
		slot_layout_diff(&was, &is, 24, text, sizeof(text));
		assert_string_equal(text, expected);
	}
	slot_layout_free(&was);
	slot_layout_free(&is);
}

static void names_of_types_mean_nothing(void **state)
{
	struct types *t = *state;
	int other = btf__add_int(t->btf, "__u32", 4, 0);
	int named = btf__add_typedef(t->btf, "counter_t", btf__add_const(t->btf, other));

	assert_diff(t, add_pair(t, "flow", "packets", t->u32, "bytes", t->u64),
		    add_pair(t, "flow_v2", "packets", named, "bytes", t->u64), NULL);
}

static void a_member_that_grows_is_seen(void **state)
{
	struct types *t = *state;

	assert_diff(t, add_pair(t, "flow", "packets", t->u32, "bytes", t->u32),
		    add_pair(t, "flow", "packets", t->u64, "bytes", t->u32),
		    "\n    - u32 packets @0\n    + u64 packets @0"
		    "\n    - u32 bytes @4\n    + u32 bytes @8");
}

static void what_stays_is_shown_too(void **state)
{
	struct types *t = *state;

	assert_diff(t, add_pair(t, "flow", "packets", t->u32, "seen", t->u32),
		    add_pair(t, "flow", "packets", t->u32, "seen", t->s32),
		    "\n      u32 packets @0\n    - u32 seen @4\n    + s32 seen @4");
}

static void members_that_change_places_are_seen(void **state)
{
	struct types *t = *state;

	assert_diff(t, add_pair(t, "flow", "source", t->u32, "target", t->u32),
		    add_pair(t, "flow", "target", t->u32, "source", t->u32),
		    "\n    - u32 source @0\n    + u32 target @0"
		    "\n    + u32 source @4\n    - u32 target @4");
}

static void a_nested_struct_counts_by_what_is_in_it(void **state)
{
	struct types *t = *state;
	int inner = (int)add_pair(t, "inner", "a", t->u32, "b", t->u32);
	int renamed = (int)add_pair(t, "renamed", "a", t->u32, "b", t->u32);
	int other = (int)add_pair(t, "inner", "a", t->u32, "c", t->u32);

	assert_diff(t, add_pair(t, "s", "in", inner, "x", t->u64),
		    add_pair(t, "s", "in", renamed, "x", t->u64), NULL);
	assert_diff(t, add_pair(t, "s", "in", inner, "x", t->u64),
		    add_pair(t, "s", "in", other, "x", t->u64),
		    "\n      u32 in.a @0\n    - u32 in.b @4\n    + u32 in.c @4\n      u64 x @8");
}

static void an_array_counts_by_its_length_and_its_step(void **state)
{
	struct types *t = *state;
	int four = btf__add_array(t->btf, t->u32, t->u8, 4);
	int six = btf__add_array(t->btf, t->u32, t->u8, 6);
	int narrow = btf__add_struct(t->btf, "real", 8);
	int wide;

	assert_int_equal(btf__add_field(t->btf, "address", t->u32, 0, 0), 0);
	wide = btf__add_struct(t->btf, "real", 16);
	assert_int_equal(btf__add_field(t->btf, "address", t->u32, 0, 0), 0);
	assert_diff(t, (__u32)four, (__u32)btf__add_array(t->btf, t->u32, t->u8, 4), NULL);
	assert_diff(t, (__u32)four, (__u32)six, "\n    - u8 [4] @0\n    + u8 [6] @0");
	assert_diff(t, (__u32)btf__add_array(t->btf, t->u32, narrow, 2),
		    (__u32)btf__add_array(t->btf, t->u32, wide, 2),
		    "\n    - 8 bytes each [2] @0\n    + 16 bytes each [2] @0"
		    "\n      u32 [2].address @0");
}

static void bit_fields_count_by_their_bits(void **state)
{
	struct types *t = *state;
	int was = btf__add_struct(t->btf, "flags", 4);
	int is;

	assert_int_equal(btf__add_field(t->btf, "kind", t->u32, 0, 3), 0);
	assert_int_equal(btf__add_field(t->btf, "seen", t->u32, 3, 1), 0);
	is = btf__add_struct(t->btf, "flags", 4);
	assert_int_equal(btf__add_field(t->btf, "kind", t->u32, 0, 4), 0);
	assert_int_equal(btf__add_field(t->btf, "seen", t->u32, 4, 1), 0);
	assert_diff(t, (__u32)was, (__u32)is,
		    "\n    - u32:3 kind @0\n    + u32:4 kind @0"
		    "\n    - u32:1 seen @0 bit 3\n    + u32:1 seen @0 bit 4");
}

static void enums_and_unions_and_pointers_have_their_kinds(void **state)
{
	struct types *t = *state;
	int four = btf__add_enum(t->btf, "verdict", 4);
	int pointer;
	int either;

	assert_int_equal(btf__add_enum_value(t->btf, "PASS", 2), 0);
	pointer = btf__add_ptr(t->btf, t->u8);
	either = btf__add_union(t->btf, "", 8);
	assert_int_equal(btf__add_field(t->btf, "v4", t->u32, 0, 0), 0);
	assert_int_equal(btf__add_field(t->btf, "p", pointer, 0, 0), 0);
	assert_diff(t, add_pair(t, "s", "what", four, "", either),
		    add_pair(t, "s", "what", t->u32, "", either),
		    "\n    - enum32 what @0\n    + u32 what @0"
		    "\n      pointer p @4\n      u32 v4 @4");
}

static void global_variables_count_by_name_place_and_type(void **state)
{
	struct types *t = *state;
	int a = btf__add_var(t->btf, "limit", BTF_VAR_GLOBAL_ALLOCATED, t->u32);
	int b = btf__add_var(t->btf, "seen", BTF_VAR_GLOBAL_ALLOCATED, t->u64);
	int was = btf__add_datasec(t->btf, ".bss", 16);
	int is;

	assert_int_equal(btf__add_datasec_var_info(t->btf, a, 0, 4), 0);
	is = btf__add_datasec(t->btf, ".bss", 16);
	assert_int_equal(btf__add_datasec_var_info(t->btf, a, 0, 4), 0);
	assert_int_equal(btf__add_datasec_var_info(t->btf, b, 8, 8), 0);
	assert_diff(t, (__u32)was, (__u32)was, NULL);
	assert_diff(t, (__u32)was, (__u32)is, "\n      u32 limit @0\n    + u64 seen @8");
}

static void a_long_difference_is_cut_and_says_so(void **state)
{
	struct types *t = *state;
	int was = btf__add_struct(t->btf, "table", 400);
	struct slot_layout layout = { 0 };
	struct slot_layout none = { 0 };
	char text[200];
	char name[16];
	unsigned int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "entry%u", i);
		assert_int_equal(btf__add_field(t->btf, name, t->u32, i * 32, 0), 0);
	}
	assert_int_equal(slot_layout_read(t->btf, (__u32)was, &layout), 0);
	slot_layout_diff(&none, &layout, 24, text, sizeof(text));
	assert_string_equal(text, "\n    + u32 entry0 @0\n    + u32 entry1 @4"
				  "\n    + u32 entry2 @8\n    + u32 entry3 @12"
				  "\n    + u32 entry4 @16\n    + u32 entry5 @20"
				  "\n    + u32 entry6 @24\n    + u32 entry7 @28"
				  "\n    and 92 more");
	slot_layout_free(&layout);
}

/* Thirty-one structs of two members, each the one before: 2^31 members when unfolded. */
static void types_made_to_blow_up_are_refused(void **state)
{
	struct types *t = *state;
	struct slot_layout layout = { 0 };
	int id = t->u8;
	unsigned int i;

	for (i = 0; i < 31; i++)
		id = (int)add_pair(t, "twice", "a", id, "b", id);
	assert_int_equal(slot_layout_read(t->btf, (__u32)id, &layout), -E2BIG);
	assert_int_equal(layout.count, 0);
}

static void types_that_make_no_sense_are_refused(void **state)
{
	struct types *t = *state;
	struct slot_layout layout = { 0 };
	int loop = btf__add_typedef(t->btf, "loop", 6);
	int nested;

	assert_int_equal(loop, 5);
	assert_int_equal(btf__add_typedef(t->btf, "back", loop), 6);
	assert_int_equal(slot_layout_read(t->btf, (__u32)loop, &layout), -EINVAL);
	assert_int_equal(slot_layout_read(t->btf, 999, &layout), -EINVAL);
	nested = btf__add_struct(t->btf, "self", 8);
	assert_int_equal(btf__add_field(t->btf, "in", nested, 0, 0), 0);
	assert_int_equal(slot_layout_read(t->btf, (__u32)nested, &layout), -E2BIG);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_of_types_mean_nothing),
		CASE(a_member_that_grows_is_seen),
		CASE(what_stays_is_shown_too),
		CASE(members_that_change_places_are_seen),
		CASE(a_nested_struct_counts_by_what_is_in_it),
		CASE(an_array_counts_by_its_length_and_its_step),
		CASE(bit_fields_count_by_their_bits),
		CASE(enums_and_unions_and_pointers_have_their_kinds),
		CASE(global_variables_count_by_name_place_and_type),
		CASE(a_long_difference_is_cut_and_says_so),
		CASE(types_made_to_blow_up_are_refused),
		CASE(types_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests_name("map_layout", tests, NULL, NULL);
}
