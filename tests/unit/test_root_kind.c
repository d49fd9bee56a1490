/* SPDX-License-Identifier: GPL-2.0-only */
/* What roots of each kind differ in; what they do with real packets is tested in tests/bpf/test_chain*.c. */
#include <errno.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "dispatcher/insn.h"
#include "dispatcher/root.h"
#include "dispatcher/root_kind.h"
#include "tests/support/tap.h"

static const struct bpf_insn passes[] = {
	{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = SK_PASS },
	{ .code = BPF_JMP | BPF_EXIT },
};

static struct root_spec spec_of(enum root_kind kind)
{
	struct root_spec spec = { .kind = kind, .counters_fd = 7, .cpu_max = 4 };

	spec.slots[4] = (struct root_slot){ .taken = true,
					    .rules = ROOT_RULES_DEFAULT,
					    .body = { .insns = passes, .count = 2 } };
	return spec;
}

struct kind_case {
	const char *name;
	enum root_kind kind;
	const char *context;
	size_t size;
	bool counts_atomically;
};

static const struct kind_case kinds[] = {
	{ "xdp", ROOT_KIND_XDP, "xdp_md", sizeof(struct xdp_md), false },
	{ "tc", ROOT_KIND_TC, "__sk_buff", sizeof(struct __sk_buff), false },
	{ "sock_ops", ROOT_KIND_SOCK_OPS, "bpf_sock_ops", sizeof(struct bpf_sock_ops), true },
	{ "sk_lookup", ROOT_KIND_SK_LOOKUP, "bpf_sk_lookup", sizeof(struct bpf_sk_lookup), true },
	{ "sk_reuseport", ROOT_KIND_SK_REUSEPORT, "sk_reuseport_md", sizeof(struct sk_reuseport_md),
	  true },
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == ROOT_KIND_COUNT, "a case for each kind");

static void check_context(const struct kind_case *c, const struct root_image *image)
{
	struct bpf_func_info *info;
	const struct btf_type *t;
	struct btf *btf;

	assert_int_equal(slot_root_btf(image, &btf, &info), 0);
	t = btf__type_by_id(btf, info[0].type_id);
	t = btf__type_by_id(btf, t->type);
	t = btf__type_by_id(btf, btf_params(t)[0].type);
	t = btf__type_by_id(btf, t->type);
	assert_string_equal(btf__name_by_offset(btf, t->name_off), c->context);
	assert_int_equal(t->size, c->size);
	free(info);
	btf__free(btf);
}

static void run_kind(void **state)
{
	const struct kind_case *c = *state;
	struct root_spec spec = spec_of(c->kind);
	struct root_image image;
	size_t plain = 0;
	size_t atomic = 0;
	size_t i;

	spec.slots[4].rules.continue_on = 0;
	assert_int_equal(slot_root_emit(&spec, &image), 0);
	check_context(c, &image);
	for (i = 0; i < image.count; i++) {
		plain += image.insns[i].code == (BPF_STX | BPF_MEM | BPF_DW);
		atomic += image.insns[i].code == (BPF_STX | BPF_ATOMIC | BPF_DW);
	}
	assert_int_equal(plain > 0, !c->counts_atomically);
	assert_int_equal(atomic > 0, c->counts_atomically);
	slot_root_image_free(&image);
}

/* A field that is read where it cannot be 0 lies in the context, where 32 bits do. */
static void every_kind_has_a_field_that_is_set(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < ROOT_KIND_COUNT; i++) {
		const struct root_kind_facts *facts = slot_root_kind_get(kinds[i].kind);

		assert_int_equal(facts->set_offset % 4, 0);
		assert_in_range(facts->set_offset, 0, facts->context_size - 4);
	}
}

/* What programs answer for a verdict comes out of the root as something of the same meaning. */
static void answers_come_back_as_what_they_were(void **state)
{
	size_t i;

	(void)state;
	for (i = ROOT_KIND_SOCK_OPS; i < ROOT_KIND_COUNT; i++) {
		const struct root_kind_facts *facts = slot_root_kind_get(kinds[i].kind);
		unsigned int k;

		for (k = 0; k < ROOT_ANSWERS_MAX && facts->known[k].count; k++)
			assert_int_equal(facts->leaves[facts->known[k].verdict],
					 facts->known[k].answers[0]);
		assert_int_equal(k, 2);
		assert_int_equal(facts->leaves[ROOT_COL_ABORTED], SK_DROP);
	}
}

static void only_chains_of_xdp_take_stubs_and_canaries_by_flow(void **state)
{
	struct root_image image;
	struct root_spec spec;
	size_t i;

	(void)state;
	for (i = 0; i < ROOT_KIND_COUNT; i++) {
		int expected = kinds[i].kind == ROOT_KIND_XDP ? 0 : -EINVAL;

		spec = spec_of(kinds[i].kind);
		spec.slots[4].body.count = 0;
		assert_int_equal(slot_root_emit(&spec, &image), expected);
		if (!expected)
			slot_root_image_free(&image);
		spec = spec_of(kinds[i].kind);
		spec.slots[4].canary = (struct root_canary){ .present = true,
							     .share_ppm = 5000,
							     .body = spec.slots[4].body };
		assert_int_equal(slot_root_emit(&spec, &image), expected);
		if (!expected)
			slot_root_image_free(&image);
	}
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD_TABLE(&plan, run_kind, kinds);
	TAP_ADD(&plan, every_kind_has_a_field_that_is_set, NULL, NULL);
	TAP_ADD(&plan, answers_come_back_as_what_they_were, NULL, NULL);
	TAP_ADD(&plan, only_chains_of_xdp_take_stubs_and_canaries_by_flow, NULL, NULL);
	return tap_run(&plan, "root_kind", 0);
}
