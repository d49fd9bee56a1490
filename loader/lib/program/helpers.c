/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/helpers.h"

#include <string.h>

#include <bpf/libbpf.h>

/* By number, in the order of the kernel's own list, whose entries bring their commas. */
#define HELPER_NAME(name) "bpf_" #name
static const char *const helper_names[] = { __BPF_FUNC_MAPPER(HELPER_NAME) };

#define HELPERS_KNOWN ((__s32)(sizeof(helper_names) / sizeof(helper_names[0])))

/*
 * What libbpf puts in place of a call that a CO-RE relocation found to be
 * impossible here (0xbad2310), and above it those of maps and kernel functions.
 * The verifier refuses them wherever they can be reached.
 */
#define POISONED_CALL_MIN 195896080

static void add_helper(struct slot_helper_list *list, const char *name, enum slot_helper_class kind)
{
	unsigned int i;

	for (i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].name, name))
			return;
	if (list->count < SLOT_HELPERS_MAX)
		list->items[list->count++] = (struct slot_helper){ .name = name, .kind = kind };
}

static void add_insn(struct slot_helper_list *list, const struct bpf_insn *insn)
{
	bool is_call = insn->code == (BPF_JMP | BPF_CALL);

	if (is_call && insn->src_reg == BPF_PSEUDO_KFUNC_CALL)
		add_helper(list, "a kernel function", SLOT_HELPER_KFUNC);
	else if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_BTF_ID)
		add_helper(list, "a kernel variable", SLOT_HELPER_PROBE_READ);
	else if (is_call && !insn->src_reg && insn->imm < POISONED_CALL_MIN)
		add_helper(list,
			   insn->imm > 0 && insn->imm < HELPERS_KNOWN ? helper_names[insn->imm] :
									"a newer helper",
			   slot_helper_class_find(insn->imm));
}

void slot_program_helpers_list(const struct slot_program *program,
			       struct slot_helper_list *ret_list)
{
	struct slot_helper_list list = { 0 };
	const struct bpf_program *prog;
	size_t i;

	for (prog = program->object ? bpf_object__next_program(program->object, NULL) : NULL; prog;
	     prog = bpf_object__next_program(program->object, (struct bpf_program *)prog)) {
		const struct bpf_insn *insns = bpf_program__insns(prog);

		for (i = 0; bpf_program__autoload(prog) && i < bpf_program__insn_cnt(prog); i++)
			add_insn(&list, &insns[i]);
	}
	*ret_list = list;
}
