/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root_body.h"

#include <errno.h>
#include <stdlib.h>

#include "dispatcher/insn.h"

static int compare_starts(const void *a, const void *b)
{
	size_t x = *(const size_t *)a;
	size_t y = *(const size_t *)b;

	return (x > y) - (x < y);
}

int slot_root_body_starts(const struct root_body *body, size_t **ret_starts, size_t *ret_count)
{
	size_t *starts = calloc(body->count + 1, sizeof(*starts));
	size_t count = 1;
	size_t kept = 1;
	size_t i;

	if (!starts)
		return -ENOMEM;
	for (i = 0; i < body->count; i++) {
		const struct bpf_insn *insn = &body->insns[i];
		bool is_call = insn->code == (BPF_JMP | BPF_CALL) &&
			       insn->src_reg == BPF_PSEUDO_CALL;
		bool is_address = is_insn_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC;
		long target = (long)i + 1 + insn->imm;

		if (is_insn_wide(insn))
			i++;
		if (!is_call && !is_address)
			continue;
		if (target < 0 || target >= (long)body->count) {
			free(starts);
			return -EINVAL;
		}
		starts[count++] = (size_t)target;
	}
	qsort(starts, count, sizeof(*starts), compare_starts);
	for (i = 1; i < count; i++)
		if (starts[i] != starts[kept - 1])
			starts[kept++] = starts[i];
	*ret_starts = starts;
	*ret_count = kept;
	return 0;
}

bool slot_root_body_has_tail_call(const struct root_body *body)
{
	size_t i;

	for (i = 0; i < body->count; i++) {
		const struct bpf_insn *insn = &body->insns[i];

		if (is_insn_wide(insn))
			i++;
		else if (insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg &&
			 insn->imm == BPF_FUNC_tail_call)
			return true;
	}
	return false;
}

const char *slot_root_body_obstacle(const struct root_body *body)
{
	size_t i;

	for (i = 0; i < body->count; i++) {
		const struct bpf_insn *insn = &body->insns[i];

		if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_KFUNC_CALL &&
		    insn->off)
			return "it calls a function of a kernel module";
		if (!is_insn_wide(insn))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_IDX ||
		    insn->src_reg == BPF_PSEUDO_MAP_IDX_VALUE)
			return "it names maps by index";
		i++;
	}
	return NULL;
}
