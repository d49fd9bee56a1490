/* SPDX-License-Identifier: GPL-2.0-only */
/* The emitted root as instructions; what it does with packets is tested in tests/bpf/test_chain.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>

#include "dispatcher/flow_hash.h"
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

/* Everything that a canary could be, but for being there. */
static void without_a_canary_nothing_of_one_is_emitted(void **state)
{
	struct root_spec bare = spec_with((unsigned int[]){ 2, 12 }, 2);
	struct root_spec spec = bare;
	struct root_image without;
	struct root_image with;

	(void)state;
	spec.slots[2].canary = (struct root_canary){ .share_ppm = 50000, .cpus = 3 };
	spec.slots[7].canary = (struct root_canary){ .present = true, .share_ppm = 50000 };
	assert_int_equal(slot_root_emit(&bare, &without), 0);
	assert_int_equal(slot_root_emit(&spec, &with), 0);
	assert_int_equal(with.count, without.count);
	assert_memory_equal(with.insns, without.insns, with.count * sizeof(*with.insns));
	assert_int_equal(with.func_count, without.func_count);
	slot_root_image_free(&without);
	slot_root_image_free(&with);
}

static void a_canary_has_a_stub_of_its_own_and_one_hash_serves_all(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 2, 12 }, 2);
	struct root_body hash = slot_flow_hash_body();
	struct root_image image;
	const char *const names[] = { ROOT_PROG_NAME, "slot_02",   "slot_02_c",
				      "slot_12",      "slot_12_c", "flow_hash" };
	size_t i;

	(void)state;
	spec.slots[2].canary = (struct root_canary){ .present = true, .share_ppm = 50000 };
	spec.slots[12].canary = spec.slots[2].canary;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 6);
	for (i = 0; i < 6; i++) {
		assert_string_equal(image.funcs[i].name, names[i]);
		assert_true(image.funcs[i].is_global);
	}
	assert_int_equal(image.count, image.funcs[5].start + hash.count);
	assert_memory_equal(&image.insns[image.funcs[5].start], hash.insns,
			    hash.count * sizeof(*hash.insns));
	slot_root_image_free(&image);
}

static void by_cpu_no_hash_is_needed(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 2 }, 1);
	struct root_image image;

	(void)state;
	spec.slots[2].canary = (struct root_canary){ .present = true, .cpus = 1 };
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	assert_int_equal(image.func_count, 3);
	slot_root_image_free(&image);
}

/* It is placed into a root as it is: no maps, no read-only data, no calls. */
static void the_flow_hash_stands_alone(void **state)
{
	struct root_body hash = slot_flow_hash_body();
	size_t i;

	(void)state;
	assert_null(slot_root_body_obstacle(&hash));
	assert_true(hash.count > 100);
	for (i = 0; i < hash.count; i++) {
		assert_int_not_equal(hash.insns[i].code, BPF_JMP | BPF_CALL);
		if (!is_insn_wide(&hash.insns[i]))
			continue;
		assert_int_equal(hash.insns[i].src_reg, 0);
		i++;
	}
}

static void a_canary_of_nothing_or_of_all_is_refused(void **state)
{
	static const unsigned int shares[] = { 0, ROOT_SHARE_ALL, ~0U };
	struct root_spec spec = spec_with((unsigned int[]){ 4 }, 1);
	struct root_image image;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		spec.slots[4].canary =
			(struct root_canary){ .present = true, .share_ppm = shares[i] };
		assert_int_equal(slot_root_emit(&spec, &image), -EINVAL);
	}
}

static void a_slot_that_may_not_skip_costs_nothing_for_it(void **state)
{
	struct root_spec spec = spec_with((unsigned int[]){ 2, 5, 12 }, 3);
	size_t none = emitted_size(&spec);
	struct root_image image;
	size_t first;

	(void)state;
	spec.slots[12].rules.allow |= ROOT_ALLOW_SKIP;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	first = image.count - none;
	slot_root_image_free(&image);
	/* To the slots up to 4, up to 11, and to the end: three ways instead of one. */
	spec.slots[12].rules.allow &= (__u8)~ROOT_ALLOW_SKIP;
	spec.slots[2].rules.allow |= ROOT_ALLOW_SKIP;
	assert_int_equal(emitted_size(&spec) - none - 1, (first - 1) * 3);
	/* No slot is left behind the last one. */
	spec = spec_with((unsigned int[]){ 19 }, 1);
	none = emitted_size(&spec);
	spec.slots[19].rules.allow |= ROOT_ALLOW_SKIP;
	assert_int_equal(emitted_size(&spec), none);
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
				   .allow = ((__u8)(slot | 4) & ROOT_VERDICT_ALL) | ROOT_ALLOW_SKIP,
				   .denied_as = slot % 3 },
			.canary = { .present = slot % 2, .share_ppm = 1, .cpus = slot % 4 },
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
	TAP_ADD(&plan, without_a_canary_nothing_of_one_is_emitted, NULL, NULL);
	TAP_ADD(&plan, a_canary_has_a_stub_of_its_own_and_one_hash_serves_all, NULL, NULL);
	TAP_ADD(&plan, by_cpu_no_hash_is_needed, NULL, NULL);
	TAP_ADD(&plan, the_flow_hash_stands_alone, NULL, NULL);
	TAP_ADD(&plan, a_canary_of_nothing_or_of_all_is_refused, NULL, NULL);
	TAP_ADD(&plan, a_slot_that_may_not_skip_costs_nothing_for_it, NULL, NULL);
	TAP_ADD(&plan, types_name_every_function_where_it_starts, NULL, NULL);
	TAP_ADD(&plan, every_jump_stays_in_its_function, NULL, NULL);
	return tap_run(&plan, "root", 0);
}
