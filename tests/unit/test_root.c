/* SPDX-License-Identifier: GPL-2.0-only */
/* The emitted root as instructions; what it does with packets is tested in tests/bpf/test_chain.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "dispatcher/insn.h"
#include "dispatcher/root.h"
#include "dispatcher/root_body.h"
#include "tests/support/tap.h"

static struct root_spec spec_with(const unsigned int *slots, size_t count)
{
	struct root_spec spec = { .counters_fd = 7, .cpu_max = 4 };
	size_t i;

	for (i = 0; i < count; i++)
		spec.slots[slots[i]] =
			(struct root_slot){ .taken = true, .rules = ROOT_RULES_DEFAULT };
	return spec;
}

static size_t emitted_size(const struct root_spec *spec)
{
	struct root_image image;
	size_t count;

	assert_int_equal(slot_root_emit(spec, &image), 0);
	count = image.count;
	slot_root_image_free(&image);
	return count;
}

static void an_empty_slot_leaves_no_instruction(void **state)
{
	struct root_spec near = spec_with((unsigned int[]){ 0, 1 }, 2);
	struct root_spec far = spec_with((unsigned int[]){ 0, 19 }, 2);

	(void)state;
	assert_int_equal(emitted_size(&near), emitted_size(&far));
}

static void going_on_after_pass_is_one_compare(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 3 }, 1);
	struct root_image image;

	(void)state;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.insns[1].code, BPF_JMP | BPF_CALL);
	assert_int_equal(image.insns[2].code, BPF_JMP32 | BPF_JNE | BPF_K);
	assert_int_equal(image.insns[2].imm, ROOT_COL_PASS);
	slot_root_image_free(&image);
}

/* The kernel refuses instructions that nothing leads to: the way on stays, as a jump's other branch. */
static void behind_a_slot_that_ends_every_chain_the_next_one_stays_reachable(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 3, 4 }, 2);
	struct root_image image;
	size_t i = 2;

	(void)state;
	spec.slots[3].rules.continue_on = 0;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	while (BPF_CLASS(image.insns[i].code) == BPF_LDX)
		i++;
	assert_int_equal(BPF_CLASS(image.insns[i].code), BPF_JMP32);
	assert_int_equal(BPF_OP(image.insns[i].code), BPF_JNE);
	assert_true(image.insns[i].off > 0);
	slot_root_image_free(&image);
}

static void every_taken_slot_has_a_global_stub_of_its_name(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 2, 12 }, 2);
	struct root_image image;

	(void)state;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 3);
	assert_string_equal(image.funcs[0].name, ROOT_PROG_NAME);
	assert_string_equal(image.funcs[1].name, "slot_02");
	assert_string_equal(image.funcs[2].name, "slot_12");
	assert_true(image.funcs[1].is_global && image.funcs[2].is_global);
	slot_root_image_free(&image);
}

/* A body with a function of its own and one whose address it takes. */
static void a_body_keeps_its_inner_calls_and_functions(void **state)
{
	struct bpf_insn body[] = {
		[0] = insn_make(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, BPF_PSEUDO_FUNC, 0, 6),
		[1] = insn_make(0, 0, 0, 0, 0),
		[2] = insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 2),
		[3] = insn_mov_imm(BPF_REG_0, 2),
		[4] = insn_exit(),
		[5] = insn_mov_imm(BPF_REG_0, 1),
		[6] = insn_exit(),
		[7] = insn_mov_imm(BPF_REG_0, 0),
		[8] = insn_exit(),
	};
	struct root_spec spec = spec_with((unsigned int[]){ 4 }, 1);
	struct root_image image;
	size_t start;

	(void)state;
	spec.slots[4].body = (struct root_body){ .insns = body, .count = 9 };
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 4);
	start = image.funcs[1].start;
	assert_string_equal(image.funcs[1].name, "slot_04");
	assert_false(image.funcs[1].is_global);
	assert_int_equal(image.funcs[2].start, start + 5);
	assert_int_equal(image.funcs[3].start, start + 7);
	assert_false(image.funcs[2].is_global);
	assert_memory_equal(&image.insns[start], body, sizeof(body));
	/* The root's call, its second instruction, lands on the body. */
	assert_int_equal(image.insns[1].imm, (int)start - 2);
	slot_root_image_free(&image);
}

/* Before Linux 6.18 the verifier is wrong about what a static one with a tail call returns. */
static void a_body_with_a_tail_call_is_a_global_function(void **state)
{
	struct bpf_insn body[] = {
		[0] = insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),
		[1] = insn_exit(),
		[2] = insn_call_helper(BPF_FUNC_tail_call),
		[3] = insn_mov_imm(BPF_REG_0, 2),
		[4] = insn_exit(),
	};
	struct root_spec spec = spec_with((unsigned int[]){ 4 }, 1);
	struct root_image image;

	(void)state;
	spec.slots[4].body = (struct root_body){ .insns = body, .count = 5 };
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 3);
	assert_true(image.funcs[1].is_global);
	assert_false(image.funcs[2].is_global);
	slot_root_image_free(&image);
}

static void a_body_that_calls_out_of_itself_is_refused(void **state)
{
	struct bpf_insn body[] = {
		insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 5),
		insn_exit(),
	};
	struct root_spec spec = spec_with((unsigned int[]){ 4 }, 1);
	struct root_image image;

	(void)state;
	spec.slots[4].body = (struct root_body){ .insns = body, .count = 2 };
	assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
	body[0].imm = -3;
	assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
}

/* Linux 6.13 and newer take an extension that changes packets only for a function that does. */
static void every_stub_calls_what_changes_packets(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 2, 12 }, 2);
	struct root_image image;
	size_t i;

	(void)state;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	for (i = 1; i < image.func_count; i++) {
		const struct bpf_insn *call = &image.insns[image.funcs[i].start + 1];

		assert_int_equal(call->code, BPF_JMP | BPF_CALL);
		assert_int_equal(call->src_reg, 0);
		assert_int_equal(call->imm, BPF_FUNC_xdp_adjust_head);
	}
	slot_root_image_free(&image);
}

static void a_body_that_leans_on_its_own_program_is_told_so(void **state)
{
	struct bpf_insn index[] = {
		insn_make(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1, BPF_PSEUDO_MAP_IDX, 0, 0),
		insn_make(0, 0, 0, 0, 0),
		insn_exit(),
	};
	struct bpf_insn module[] = {
		insn_make(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 1, 77),
		insn_exit(),
	};
	struct root_body body = { .insns = index, .count = 3 };

	(void)state;
	assert_string_equal(slot_root_body_obstacle(&body), "it names maps by index");
	index[0].src_reg = BPF_PSEUDO_MAP_FD;
	assert_null(slot_root_body_obstacle(&body));
	body = (struct root_body){ .insns = module, .count = 2 };
	assert_string_equal(slot_root_body_obstacle(&body),
			    "it calls a function of a kernel module");
	module[0].off = 0; /* of the kernel itself */
	assert_null(slot_root_body_obstacle(&body));
}

static void a_contract_that_makes_no_sense_is_refused(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 4 }, 1);
	struct root_image image;

	(void)state;
	spec.slots[4].rules.allow = 0;
	assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
	spec.slots[4].rules.allow = 1 << ROOT_VERDICTS;
	assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
	spec.slots[4].rules = ROOT_RULES_DEFAULT;
	spec.cpu_max = 3;
	assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
}

static void types_name_every_function_where_it_starts(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 0, 7, 19 }, 3);
	struct bpf_func_info *info;
	struct root_image image;
	struct btf *btf;
	size_t i;

	(void)state;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(slot_root_btf(&image, &btf, &info), 0);
	for (i = 0; i < image.func_count; i++) {
		const struct btf_type *t = btf__type_by_id(btf, info[i].type_id);

		assert_int_equal(info[i].insn_off, image.funcs[i].start);
		assert_string_equal(btf__name_by_offset(btf, t->name_off), image.funcs[i].name);
		assert_int_equal(btf_vlen(t), BTF_FUNC_GLOBAL);
	}
	free(info);
	btf__free(btf);
	slot_root_image_free(&image);
}

static void every_jump_stays_in_its_function(void **state)
{
	struct root_spec spec = { .counters_fd = 7, .cpu_max = 4 };
	struct root_image image;
	unsigned int slot;
	size_t i;

	(void)state;
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		spec.slots[slot] = (struct root_slot){
			.taken = true,
			.rules = { .continue_on = (__u8)(slot * 7 + 4) & ROOT_VERDICT_ALL,
				   .allow = (__u8)(slot | 4) & ROOT_VERDICT_ALL,
				   .denied_as = slot % 3 },
		};
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	for (i = 0; i < image.funcs[1].start; i++) {
		const struct bpf_insn *insn = &image.insns[i];
		long target = (long)i + 1 + insn->off;

		if (BPF_CLASS(insn->code) != BPF_JMP && BPF_CLASS(insn->code) != BPF_JMP32)
			continue;
		if (BPF_OP(insn->code) == BPF_CALL || BPF_OP(insn->code) == BPF_EXIT)
			continue;
		assert_in_range(target, 1, image.funcs[1].start - 1);
	}
	slot_root_image_free(&image);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD(&plan, an_empty_slot_leaves_no_instruction, NULL, NULL);
	TAP_ADD(&plan, going_on_after_pass_is_one_compare, NULL, NULL);
	TAP_ADD(&plan, behind_a_slot_that_ends_every_chain_the_next_one_stays_reachable, NULL,
		NULL);
	TAP_ADD(&plan, every_taken_slot_has_a_global_stub_of_its_name, NULL, NULL);
	TAP_ADD(&plan, a_body_keeps_its_inner_calls_and_functions, NULL, NULL);
	TAP_ADD(&plan, a_body_with_a_tail_call_is_a_global_function, NULL, NULL);
	TAP_ADD(&plan, a_body_that_calls_out_of_itself_is_refused, NULL, NULL);
	TAP_ADD(&plan, every_stub_calls_what_changes_packets, NULL, NULL);
	TAP_ADD(&plan, a_body_that_leans_on_its_own_program_is_told_so, NULL, NULL);
	TAP_ADD(&plan, a_contract_that_makes_no_sense_is_refused, NULL, NULL);
	TAP_ADD(&plan, types_name_every_function_where_it_starts, NULL, NULL);
	TAP_ADD(&plan, every_jump_stays_in_its_function, NULL, NULL);
	return tap_run(&plan, "root", 0);
}
