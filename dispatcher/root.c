/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/insn.h"
#include "dispatcher/root_body.h"
#include "dispatcher/root_layout.h"

/*
 * What a stub returns when no extension has replaced it: no verdict, so it
 * counts as denied, and the packet meets the reservation's denied_as rather
 * than an open door. Every generation is linked before it is swapped in; this
 * is for links that someone took away behind slotd's back.
 */
#define STUB_UNLINKED 255

/* Where the packet's context waits between calls: see put_ctx_save(). */
#define REG_CTX BPF_REG_6
#define STACK_CTX (-8)

/* Places that jumps and calls name before they are known. */
enum label_kind {
	LABEL_NEXT,    /* behind the call of a slot */
	LABEL_EXIT,    /* a verdict that ends the chain, or that the slot may not return */
	LABEL_WENT_ON, /* LABEL_WENT_ON + verdict: went on after a verdict other than pass */
	LABEL_FUNC = LABEL_WENT_ON + ROOT_VERDICTS,
	LABEL_KINDS,
};

#define LABELS (ROOT_SLOTS * LABEL_KINDS)

struct fixup {
	size_t insn;
	unsigned int label;
};

struct emitter {
	const struct root_spec *spec;
	bool has_stubs;
	struct root_image image;
	size_t capacity;
	size_t func_capacity;
	size_t labels[LABELS];
	struct fixup *fixups;
	size_t fixup_count;
	size_t fixup_capacity;
	int err;
};

static unsigned int label_of(unsigned int slot, unsigned int kind)
{
	return slot * LABEL_KINDS + kind;
}

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

static void put(struct emitter *e, struct bpf_insn insn)
{
	if (has_room(e, &e->image.insns, &e->capacity, e->image.count + 1, sizeof(insn)))
		e->image.insns[e->image.count++] = insn;
}

static void put_to(struct emitter *e, struct bpf_insn insn, unsigned int label)
{
	if (!has_room(e, &e->fixups, &e->fixup_capacity, e->fixup_count + 1, sizeof(*e->fixups)))
		return;
	e->fixups[e->fixup_count++] = (struct fixup){ .insn = e->image.count, .label = label };
	put(e, insn);
}

static void put_label(struct emitter *e, unsigned int label)
{
	e->labels[label] = e->image.count;
}

static void put_func(struct emitter *e, bool is_global, const char *name)
{
	struct root_func *func;

	if (!has_room(e, &e->image.funcs, &e->func_capacity, e->image.func_count + 1,
		      sizeof(*e->image.funcs)))
		return;
	func = &e->image.funcs[e->image.func_count++];
	*func = (struct root_func){ .start = e->image.count, .is_global = is_global };
	snprintf(func->name, sizeof(func->name), "%s", name);
}

/* A jump over what is put before the matching put_skip_end(). */
static size_t put_skip(struct emitter *e, struct bpf_insn jump)
{
	put(e, jump);
	return e->image.count - 1;
}

static void put_skip_end(struct emitter *e, size_t jump)
{
	if (!e->err)
		e->image.insns[jump].off = (__s16)(e->image.count - jump - 1);
}

/* Count one packet in this CPU's counter at @offset of its layout. */
static size_t put_count(struct emitter *e, size_t offset)
{
	const struct root_layout *layout = slot_root_layout_current();
	struct bpf_insn counters = insn_make(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_1,
					     BPF_PSEUDO_MAP_VALUE, 0, e->spec->counters_fd);
	size_t skip;

	put(e, insn_call_helper(BPF_FUNC_get_smp_processor_id));
	skip = put_skip(e, insn_make(BPF_JMP | BPF_JGT | BPF_K, BPF_REG_0, 0, 0,
				     (__s32)(e->spec->cpu_max - 1)));
	put(e, insn_alu_imm(BPF_LSH, BPF_REG_0, (__s32)layout->cpu_shift));
	put(e, counters);
	put(e, insn_make(0, 0, 0, 0, (__s32)offset));
	put(e, insn_add(BPF_REG_1, BPF_REG_0));
	put(e, insn_load64(BPF_REG_2, BPF_REG_1));
	put(e, insn_alu_imm(BPF_ADD, BPF_REG_2, 1));
	put(e, insn_store64(BPF_REG_1, BPF_REG_2));
	return skip;
}

static size_t exit_offset(unsigned int row, unsigned int column)
{
	return slot_root_layout_offset(slot_root_layout_current(), ROOT_BLOCK_EXIT, row, column);
}

static size_t went_on_offset(unsigned int slot, unsigned int column)
{
	return slot_root_layout_offset(slot_root_layout_current(), ROOT_BLOCK_WENT_ON, slot,
				       column);
}

static void put_return(struct emitter *e, unsigned int verdict)
{
	put(e, insn_mov_imm(BPF_REG_0, (__s32)verdict));
	put(e, insn_exit());
}

/*
 * Count, where this chain counts, then return @verdict or go to @label.
 *
 * A CPU that the map has no room for, and there is none, takes a way of its
 * own: verifiers that know the range of CPU numbers (6.12 does, 6.1 does not)
 * see that nothing leads there, and remove it together with the test.
 */
static void put_counted_return(struct emitter *e, size_t offset, unsigned int verdict)
{
	size_t skip;

	if (e->spec->counters_fd >= 0) {
		skip = put_count(e, offset);
		put_return(e, verdict);
		put_skip_end(e, skip);
	}
	put_return(e, verdict);
}

static void put_counted_goto(struct emitter *e, size_t offset, unsigned int label)
{
	size_t skip;

	if (e->spec->counters_fd >= 0) {
		skip = put_count(e, offset);
		put_to(e, insn_goto(), label);
		put_skip_end(e, skip);
	}
	put_to(e, insn_goto(), label);
}

static __u8 continue_mask(const struct root_rules *rules)
{
	return rules->continue_on & rules->allow;
}

/*
 * Keep the context for the slots that follow. A fused program may need all 512
 * bytes of the stack, which root and program then share, so its root keeps the
 * context in a register; an extension has a stack of its own, and storing the
 * context there costs one instruction less than a register that the kernel
 * saves and restores.
 */
static void put_ctx_save(struct emitter *e)
{
	if (e->has_stubs)
		put(e, insn_make(BPF_STX | BPF_MEM | BPF_DW, BPF_REG_10, BPF_REG_1, STACK_CTX, 0));
	else
		put(e, insn_mov(REG_CTX, BPF_REG_1));
}

static void put_ctx_load(struct emitter *e)
{
	if (e->has_stubs)
		put(e, insn_make(BPF_LDX | BPF_MEM | BPF_DW, BPF_REG_1, BPF_REG_10, STACK_CTX, 0));
	else
		put(e, insn_mov(BPF_REG_1, REG_CTX));
}

/*
 * Behind a slot that no verdict of its own leads on from. What follows has to
 * stay reachable in the eyes of the verifier: it refuses a program with
 * instructions that nothing leads to, and drops a stub that nothing calls
 * (Linux 6.8 and newer), which an extension then cannot be linked to. So the
 * way on is taken on a condition that it cannot decide and that never holds: a
 * packet without an interface.
 */
static void put_always_exit(struct emitter *e, unsigned int slot)
{
	put_ctx_load(e);
	put(e, insn_load32(BPF_REG_1, BPF_REG_1, offsetof(struct xdp_md, ingress_ifindex)));
	put_to(e, insn_jump32(BPF_JNE, BPF_REG_1, 0), label_of(slot, LABEL_EXIT));
	put_label(e, label_of(slot, LABEL_NEXT));
}

/* Call one slot and sort its verdict: on to the next slot, or out of line. */
static void put_slot_call(struct emitter *e, unsigned int slot, bool is_first)
{
	__u8 go_on = continue_mask(&e->spec->slots[slot].rules);
	unsigned int v;

	if (is_first)
		put_ctx_save(e);
	else
		put_ctx_load(e);
	put_to(e, insn_call_func(), label_of(slot, LABEL_FUNC));
	if (!go_on) {
		put_always_exit(e, slot);
		return;
	}
	if (go_on == 1U << ROOT_COL_PASS) {
		put_to(e, insn_jump32(BPF_JNE, BPF_REG_0, ROOT_COL_PASS),
		       label_of(slot, LABEL_EXIT));
		put_label(e, label_of(slot, LABEL_NEXT));
		return;
	}
	if (go_on & 1U << ROOT_COL_PASS)
		put_to(e, insn_jump32(BPF_JEQ, BPF_REG_0, ROOT_COL_PASS),
		       label_of(slot, LABEL_NEXT));
	for (v = 0; v < ROOT_VERDICTS; v++)
		if (v != ROOT_COL_PASS && go_on & 1U << v)
			put_to(e, insn_jump32(BPF_JEQ, BPF_REG_0, (__s32)v),
			       label_of(slot, LABEL_WENT_ON + v));
	put_to(e, insn_goto(), label_of(slot, LABEL_EXIT));
	put_label(e, label_of(slot, LABEL_NEXT));
}

/*
 * Where the slot's verdict does not lead on: count by slot and verdict, each in
 * a place of its own, and return it. What is left is not allowed: put_slot_denied()
 * comes next.
 */
static void put_slot_exit(struct emitter *e, unsigned int slot)
{
	static const __u8 order[ROOT_VERDICTS] = { ROOT_COL_DROP, ROOT_COL_TX, ROOT_COL_REDIRECT,
						   ROOT_COL_PASS, ROOT_COL_ABORTED };
	const struct root_rules *rules = &e->spec->slots[slot].rules;
	__u8 ends = rules->allow & (__u8)~continue_mask(rules);
	size_t i;

	put_label(e, label_of(slot, LABEL_EXIT));
	for (i = 0; i < ROOT_VERDICTS; i++) {
		size_t skip;

		if (!(ends & 1U << order[i]))
			continue;
		skip = put_skip(e, insn_jump32(BPF_JNE, BPF_REG_0, order[i]));
		put_counted_return(e, exit_offset(slot, order[i]), order[i]);
		put_skip_end(e, skip);
	}
}

/* What becomes of a packet whose program returned what it may not; follows put_slot_exit(). */
static void put_slot_denied(struct emitter *e, unsigned int slot)
{
	const struct root_rules *rules = &e->spec->slots[slot].rules;
	bool goes_on = rules->denied_as == ROOT_DENIED_AS_PASS &&
		       rules->continue_on & 1U << ROOT_COL_PASS;

	if (goes_on)
		put_counted_goto(e, went_on_offset(slot, ROOT_COL_DENIED),
				 label_of(slot, LABEL_NEXT));
	else
		put_counted_return(e, exit_offset(slot, ROOT_COL_DENIED), rules->denied_as);
}

static void put_slot_went_on(struct emitter *e, unsigned int slot)
{
	__u8 go_on = continue_mask(&e->spec->slots[slot].rules);
	unsigned int v;

	for (v = 0; v < ROOT_VERDICTS; v++) {
		if (v == ROOT_COL_PASS || !(go_on & 1U << v))
			continue;
		put_label(e, label_of(slot, LABEL_WENT_ON + v));
		put_counted_goto(e, went_on_offset(slot, v), label_of(slot, LABEL_NEXT));
	}
}

static void put_root(struct emitter *e)
{
	bool is_first = true;
	unsigned int slot;

	put_func(e, true, ROOT_PROG_NAME);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (!e->spec->slots[slot].taken)
			continue;
		put_slot_call(e, slot, is_first);
		is_first = false;
	}
	put_counted_return(e, exit_offset(ROOT_ROW_END, ROOT_COL_PASS), ROOT_COL_PASS);

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (!e->spec->slots[slot].taken)
			continue;
		put_slot_exit(e, slot);
		put_slot_denied(e, slot);
		put_slot_went_on(e, slot);
	}
}

/*
 * The target of an extension. Linux 6.13 and newer let an extension change
 * packet data only where the function it replaces does, judged by the calls in
 * it, so the stub makes one that changes nothing.
 */
static void put_stub(struct emitter *e, unsigned int slot)
{
	char name[8];

	slot_root_stub_name(slot, name);
	put_func(e, true, name);
	put(e, insn_mov_imm(BPF_REG_2, 0));
	put(e, insn_call_helper(BPF_FUNC_xdp_adjust_head));
	put_return(e, STUB_UNLINKED);
}

/*
 * Calls inside a body are relative, so it can be moved as it is. Its entry is a
 * static function, whose possible verdicts the verifier knows: tests and exits
 * for others leave nothing behind. With a tail call it is a global one, whose
 * verdict is unknown: before Linux 6.18 the verifier believes that a static
 * function returns what its own last instructions return, whatever a tail call
 * in it does, and would remove the tests of every other verdict.
 */
static void put_body(struct emitter *e, unsigned int slot)
{
	const struct root_body *body = &e->spec->slots[slot].body;
	bool is_opaque = slot_root_body_has_tail_call(body);
	size_t *starts = NULL;
	size_t count = 0;
	size_t next = 0;
	char name[24];
	size_t i;

	e->err = e->err ? e->err : slot_root_body_starts(body, &starts, &count);
	if (e->err)
		return;
	for (i = 0; i < body->count; i++) {
		if (next < count && starts[next] == i) {
			if (next)
				snprintf(name, sizeof(name), "slot_%02u_f%zu", slot, next % 100000);
			else
				slot_root_stub_name(slot, name);
			put_func(e, is_opaque && !next, name);
			next++;
		}
		put(e, body->insns[i]);
	}
	free(starts);
}

static void put_functions(struct emitter *e)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (!e->spec->slots[slot].taken)
			continue;
		put_label(e, label_of(slot, LABEL_FUNC));
		if (e->spec->slots[slot].body.count)
			put_body(e, slot);
		else
			put_stub(e, slot);
	}
}

static void resolve_fixups(struct emitter *e)
{
	size_t i;

	for (i = 0; i < e->fixup_count && !e->err; i++) {
		struct bpf_insn *insn = &e->image.insns[e->fixups[i].insn];
		long distance = (long)e->labels[e->fixups[i].label] - (long)e->fixups[i].insn - 1;

		if (insn->code == (BPF_JMP | BPF_CALL))
			insn->imm = (__s32)distance;
		else
			insn->off = (__s16)distance;
	}
}

static bool is_spec_valid(const struct root_spec *spec)
{
	unsigned int slot;

	if (spec->counters_fd >= 0 && (!spec->cpu_max || spec->cpu_max & (spec->cpu_max - 1)))
		return false;
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct root_slot *s = &spec->slots[slot];

		if (s->taken && (!s->rules.allow || s->rules.allow & ~ROOT_VERDICT_ALL ||
				 s->rules.denied_as > ROOT_DENIED_AS_PASS))
			return false;
	}
	return true;
}

static bool has_stubs(const struct root_spec *spec)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if (spec->slots[slot].taken && !spec->slots[slot].body.count)
			return true;
	return false;
}

int slot_root_emit(const struct root_spec *spec, struct root_image *ret_image)
{
	struct emitter e = { .spec = spec, .has_stubs = has_stubs(spec) };

	if (!is_spec_valid(spec))
		return -EINVAL;
	put_root(&e);
	put_functions(&e);
	resolve_fixups(&e);
	free(e.fixups);
	if (e.err) {
		slot_root_image_free(&e.image);
		return e.err;
	}
	*ret_image = e.image;
	return 0;
}

void slot_root_image_free(struct root_image *image)
{
	free(image->insns);
	free(image->funcs);
	*image = (struct root_image){ 0 };
}

void slot_root_stub_name(unsigned int slot, char *ret_name)
{
	snprintf(ret_name, 8, "slot_%02u", slot % 100);
}
