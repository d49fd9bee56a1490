/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of the types of programs in a root that their functions are put into. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "dispatcher/insn.h"
#include "dispatcher/root.h"
#include "tests/support/tap.h"

static struct root_spec spec_of(unsigned int slot, unsigned int other)
{
	struct root_spec spec = { .counters_fd = 7, .cpu_max = 4 };

	spec.slots[slot] = (struct root_slot){ .taken = true, .rules = ROOT_RULES_DEFAULT };
	spec.slots[other] = spec.slots[slot];
	return spec;
}

/* An entry that calls a first function and a second one. */
static void put_two_calls(struct bpf_insn insns[7])
{
	insns[0] = insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2);
	insns[1] = insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 3);
	insns[2] = insn_exit();
	insns[3] = insn_mov_imm(BPF_REG_0, 1);
	insns[4] = insn_exit();
	insns[5] = insn_mov_imm(BPF_REG_0, 2);
	insns[6] = insn_exit();
}

/* int name(long long), in types of its own; @ret_id is its FUNC. */
static struct btf *types_with(const char *name, __u32 *ret_id)
{
	struct btf *btf = btf__new_empty();
	int number, proto, id;

	assert_non_null(btf);
	assert_true(btf__add_int(btf, "int", 4, BTF_INT_SIGNED) > 0);
	number = btf__add_int(btf, "long long", 8, BTF_INT_SIGNED);
	proto = btf__add_func_proto(btf, 1);
	assert_int_equal(btf__add_func_param(btf, "number", number), 0);
	id = btf__add_func(btf, name, BTF_FUNC_GLOBAL, proto);
	assert_true(number > 0 && proto > 0 && id > 0);
	*ret_id = (__u32)id;
	return btf;
}

static void check_own_type(const struct btf *btf, const struct bpf_func_info *info,
			   const char *name)
{
	const struct btf_type *func = btf__type_by_id(btf, info->type_id);
	const struct btf_type *proto = btf__type_by_id(btf, func->type);
	const struct btf_type *number = btf__type_by_id(btf, btf_params(proto)[0].type);

	assert_true(btf_is_func(func));
	assert_int_equal(btf_vlen(func), BTF_FUNC_GLOBAL);
	assert_string_equal(btf__name_by_offset(btf, func->name_off), name);
	assert_string_equal(btf__name_by_offset(btf, number->name_off), "long long");
}

/* The verifier walks it once then, and knows what it takes by its own type. */
static void a_global_function_of_a_body_keeps_its_type(void **state)
{
	struct root_spec spec = spec_of(3, 4);
	struct bpf_insn insns[7];
	__u32 one[3] = { 0 }, other[3] = { 0 };
	struct btf *mine = types_with("one", &one[2]), *theirs = types_with("other", &other[1]);
	struct bpf_func_info *info;
	struct root_image image;
	struct btf *btf;

	(void)state;
	put_two_calls(insns);
	spec.slots[3].body = (struct root_body){ insns, 7, mine, one, 3 };
	spec.slots[4].body = (struct root_body){ insns, 7, theirs, other, 3 };
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 7);
	assert_false(image.funcs[1].is_global || image.funcs[2].is_global);
	assert_true(image.funcs[3].is_global && image.funcs[5].is_global);
	assert_false(image.funcs[4].is_global || image.funcs[6].is_global);
	assert_int_equal(slot_root_btf(&image, &btf, &info), 0);
	check_own_type(btf, &info[3], "one");
	check_own_type(btf, &info[5], "other");
	assert_int_equal(info[5].insn_off, image.funcs[5].start);
	free(info);
	btf__free(btf);
	slot_root_image_free(&image);
	btf__free(mine);
	btf__free(theirs);
}

/* The verifier took one away, and which is not told. */
static void functions_that_are_not_all_told_of_are_static(void **state)
{
	struct root_spec spec = spec_of(3, 3);
	struct bpf_insn insns[7];
	__u32 types[2] = { 0 };
	struct btf *mine = types_with("one", &types[1]);
	struct root_image image;

	(void)state;
	put_two_calls(insns);
	spec.slots[3].body = (struct root_body){ insns, 7, mine, types, 2 };
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 4);
	assert_false(image.funcs[2].is_global || image.funcs[3].is_global);
	slot_root_image_free(&image);
	btf__free(mine);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, a_global_function_of_a_body_keeps_its_type, NULL, NULL);
	TAP_ADD(&plan, functions_that_are_not_all_told_of_are_static, NULL, NULL);
	return tap_run(&plan, "root_types", 0);
}
