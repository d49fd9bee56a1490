/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/emitter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Make room for @need elements; the first failure stays in e->err. */
static bool has_room(struct emitter *e, void *array, size_t *capacity, size_t need, size_t size)
{
	void **where = array;
	size_t grown = *capacity ? *capacity : 256;
	void *bigger;

	if (e->err)
		return false;
	if (need <= *capacity)
		return true;
	while (grown < need)
		grown *= 2;
	bigger = realloc(*where, grown * size);
	if (!bigger) {
		e->err = -ENOMEM;
		return false;
	}
	*where = bigger;
	*capacity = grown;
	return true;
}

void slot_emit(struct emitter *e, struct bpf_insn insn)
{
	if (has_room(e, &e->image.insns, &e->capacity, e->image.count + 1, sizeof(insn)))
		e->image.insns[e->image.count++] = insn;
}

void slot_emit_to(struct emitter *e, struct bpf_insn insn, unsigned int label)
{
	if (!has_room(e, &e->fixups, &e->fixup_capacity, e->fixup_count + 1, sizeof(*e->fixups)))
		return;
	e->fixups[e->fixup_count++] = (struct fixup){ .insn = e->image.count, .label = label };
	slot_emit(e, insn);
}

void slot_emit_label(struct emitter *e, unsigned int label)
{
	e->labels[label] = e->image.count;
}

void slot_emit_func(struct emitter *e, bool is_global, const char *name)
{
	struct root_func *func;

	if (!has_room(e, &e->image.funcs, &e->func_capacity, e->image.func_count + 1,
		      sizeof(*e->image.funcs)))
		return;
	func = &e->image.funcs[e->image.func_count++];
	*func = (struct root_func){ .start = e->image.count, .is_global = is_global };
	snprintf(func->name, sizeof(func->name), "%s", name);
}

size_t slot_emit_skip(struct emitter *e, struct bpf_insn jump)
{
	slot_emit(e, jump);
	return e->image.count - 1;
}

void slot_emit_skip_end(struct emitter *e, size_t jump)
{
	if (!e->err)
		e->image.insns[jump].off = (__s16)(e->image.count - jump - 1);
}

void slot_emit_return(struct emitter *e, int value)
{
	slot_emit(e, insn_mov_imm(BPF_REG_0, value));
	slot_emit(e, insn_exit());
}

void slot_tally_add(struct tally *tally, enum root_block block, unsigned int row,
		    unsigned int column)
{
	tally->offsets[tally->count++] =
		slot_root_layout_offset(slot_root_layout_current(), block, row, column);
}

/* Add 1 to the counter at R1 + @off. */
static void put_increment(struct emitter *e, __s16 off)
{
	if (e->kind->is_nesting) {
		slot_emit(e, insn_mov_imm(BPF_REG_2, 1));
		slot_emit(e, insn_atomic_add64(BPF_REG_1, BPF_REG_2, off));
		return;
	}
	slot_emit(e, insn_load64(BPF_REG_2, BPF_REG_1, off));
	slot_emit(e, insn_alu_imm(BPF_ADD, BPF_REG_2, 1));
	slot_emit(e, insn_store64(BPF_REG_1, BPF_REG_2, off));
}

/* Count one packet in this CPU's counters. Returns the jump of a CPU that has none. */
static size_t put_count(struct emitter *e, const struct tally *tally)
{
	struct bpf_insn counters = insn_make(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1,
					     BPF_PSEUDO_MAP_VALUE, 0, e->spec->counters_fd);
	unsigned int i;
	size_t skip;

	slot_emit(e, insn_call_helper(BPF_FUNC_get_smp_processor_id));
	skip = slot_emit_skip(e, insn_make(BPF_JMP | BPF_JGT | BPF_K, BPF_REG_0, 0, 0,
					   (__s32)(e->spec->cpu_max - 1)));
	slot_emit(e,
		  insn_alu_imm(BPF_LSH, BPF_REG_0, (__s32)slot_root_layout_current()->cpu_shift));
	slot_emit(e, counters);
	slot_emit(e, insn_make(0, 0, 0, 0, (__s32)tally->offsets[0]));
	slot_emit(e, insn_add(BPF_REG_1, BPF_REG_0));
	for (i = 0; i < tally->count; i++)
		put_increment(e, (__s16)((long)tally->offsets[i] - (long)tally->offsets[0]));
	return skip;
}

/*
 * A CPU that the map has no room for, and there is none, takes a way of its
 * own: verifiers that know the range of CPU numbers (6.12 does, 6.1 does not)
 * see that nothing leads there, and remove it together with the test.
 */
void slot_emit_counted_return(struct emitter *e, const struct tally *tally, unsigned int verdict)
{
	size_t skip;

	if (e->spec->counters_fd >= 0) {
		skip = put_count(e, tally);
		slot_emit_return(e, e->kind->leaves[verdict]);
		slot_emit_skip_end(e, skip);
	}
	slot_emit_return(e, e->kind->leaves[verdict]);
}

void slot_emit_counted_goto(struct emitter *e, const struct tally *tally, unsigned int label)
{
	size_t skip;

	if (e->spec->counters_fd >= 0) {
		skip = put_count(e, tally);
		slot_emit_to(e, insn_goto(), label);
		slot_emit_skip_end(e, skip);
	}
	slot_emit_to(e, insn_goto(), label);
}

void slot_emit_resolve(struct emitter *e)
{
	size_t i;

	for (i = 0; i < e->fixup_count && !e->err; i++) {
		struct bpf_insn *insn = &e->image.insns[e->fixups[i].insn];
		long distance = (long)e->labels[e->fixups[i].label] - (long)e->fixups[i].insn - 1;

		if (insn->code == (BPF_JMP | BPF_CALL)) {
			insn->imm = (__s32)distance;
			continue;
		}
		if (distance != (__s16)distance)
			e->err = -E2BIG;
		insn->off = (__s16)distance;
	}
}
