/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root_slot.h"

#include "bpf/skip_abi.h"

_Static_assert(SLOT_SKIP_LAST == ROOT_SLOTS - 1, "a skip reaches the last slot");

/* Where the packet's context waits between calls: see put_ctx_save(). */
#define REG_CTX BPF_REG_6
#define STACK_CTX (-8)

/* Below every skip, and no verdict of any kind. */
#define NO_VERDICT 255

/* CPUs that a canary can be chosen by: the bits of root_canary.cpus. */
#define CANARY_CPUS 64

/* The canary's answers count a second time, apart. */
static void add_version(struct tally *tally, unsigned int slot, enum root_version version,
			unsigned int column)
{
	if (version == ROOT_CANARY)
		slot_tally_add(tally, ROOT_BLOCK_CANARY, slot, column);
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
		slot_emit(e, insn_store64(BPF_REG_10, BPF_REG_1, STACK_CTX));
	else
		slot_emit(e, insn_mov(REG_CTX, BPF_REG_1));
}

static void put_ctx_load(struct emitter *e)
{
	if (e->has_stubs)
		slot_emit(e, insn_load64(BPF_REG_1, BPF_REG_10, STACK_CTX));
	else
		slot_emit(e, insn_mov(BPF_REG_1, REG_CTX));
}

/* dst = a field of the context, which is in R1, that is never 0 and never negative. */
static void put_set_field(struct emitter *e, __u8 dst)
{
	slot_emit(e, insn_load32(dst, BPF_REG_1, e->kind->set_offset));
}

/*
 * Behind a slot that no verdict of its own leads on from. What follows has to
 * stay reachable in the eyes of the verifier: it refuses a program with
 * instructions that nothing leads to, and drops a stub that nothing calls
 * (Linux 6.8 and newer), which an extension then cannot be linked to. So the
 * way on is taken on a condition that it cannot decide and that never holds: a
 * packet without an interface, a socket without a family.
 */
static void put_always_exit(struct emitter *e, unsigned int slot)
{
	put_ctx_load(e);
	put_set_field(e, BPF_REG_1);
	slot_emit_to(e, insn_jump32(BPF_JNE, BPF_REG_1, 0),
		     label_of(slot, ROOT_STABLE, LABEL_EXIT));
	slot_emit_label(e, label_of(slot, ROOT_STABLE, LABEL_NEXT));
}

/* A share of all flows as what a hash of 32 bits stays below. */
static __s32 share_limit(unsigned int share_ppm)
{
	return (__s32)(__u32)(((__u64)share_ppm << 32) / ROOT_SHARE_ALL);
}

/*
 * By CPU. A verifier that knows the range of CPU numbers would decide this on a
 * host of one CPU, and remove the version that is not met, stub and all. So it
 * gets a number that it does not know: the sign of a field that has none, which
 * is 0.
 */
static void put_choice_by_cpu(struct emitter *e, __u64 cpus, unsigned int label)
{
	size_t skip;

	slot_emit(e, insn_call_helper(BPF_FUNC_get_smp_processor_id));
	put_ctx_load(e);
	put_set_field(e, BPF_REG_2);
	slot_emit(e, insn_alu_imm(BPF_RSH, BPF_REG_2, 31));
	slot_emit(e, insn_make(BPF_ALU64 | BPF_OR | BPF_X, BPF_REG_0, BPF_REG_2, 0, 0));
	skip = slot_emit_skip(e, insn_make(BPF_JMP | BPF_JGT | BPF_K, BPF_REG_0, 0, 0,
					   CANARY_CPUS - 1));
	slot_emit(e, insn_make(BPF_LD | BPF_IMM | BPF_DW, BPF_REG_2, 0, 0, (__s32)cpus));
	slot_emit(e, insn_make(0, 0, 0, 0, (__s32)(cpus >> 32)));
	slot_emit(e, insn_make(BPF_ALU64 | BPF_RSH | BPF_X, BPF_REG_2, BPF_REG_0, 0, 0));
	slot_emit_to(e, insn_make(BPF_JMP | BPF_JSET | BPF_K, BPF_REG_2, 0, 0, 1), label);
	slot_emit_skip_end(e, skip);
}

/* Goes to the canary's call, or on with the context in place for the stable one. */
static void put_choice(struct emitter *e, unsigned int slot)
{
	const struct root_canary *canary = &e->spec->slots[slot].canary;
	unsigned int label = label_of(slot, ROOT_CANARY, LABEL_CALL);

	if (canary->cpus) {
		put_choice_by_cpu(e, canary->cpus, label);
	} else {
		slot_emit_to(e, insn_call_func(), LABEL_FLOW_HASH);
		slot_emit_to(e, insn_jump32(BPF_JLT, BPF_REG_0, share_limit(canary->share_ppm)),
			     label);
	}
	put_ctx_load(e);
}

/* Answers that mean the same become their verdict. Returns the jump of those, to behind it all. */
static size_t put_same_answers(struct emitter *e, const struct root_answers *same)
{
	size_t jumps[sizeof(same->answers) / sizeof(same->answers[0])];
	unsigned int last = same->count - 1;
	size_t other, done;
	unsigned int i;

	for (i = 0; i < last; i++)
		jumps[i] = slot_emit_skip(e, insn_jump32(BPF_JEQ, BPF_REG_0, same->answers[i]));
	other = slot_emit_skip(e, insn_jump32(BPF_JNE, BPF_REG_0, same->answers[last]));
	for (i = 0; i < last; i++)
		slot_emit_skip_end(e, jumps[i]);
	slot_emit(e, insn_mov_imm(BPF_REG_0, same->verdict));
	done = slot_emit_skip(e, insn_goto());
	slot_emit_skip_end(e, other);
	return done;
}

/*
 * A program's answer as a verdict, where answers are none: the same rules hold for every
 * kind. Skips stay as they are; what is neither becomes no verdict.
 */
static void put_verdict_of_kind(struct emitter *e)
{
	const struct root_answers *known = e->kind->known;
	size_t done[ROOT_ANSWERS_MAX], is_skip;
	unsigned int count = 0;
	unsigned int i;

	for (; count < ROOT_ANSWERS_MAX && known[count].count; count++)
		done[count] = put_same_answers(e, &known[count]);
	if (!count)
		return;
	is_skip = slot_emit_skip(e, insn_jump32(BPF_JGT, BPF_REG_0, NO_VERDICT));
	slot_emit(e, insn_mov_imm(BPF_REG_0, NO_VERDICT));
	slot_emit_skip_end(e, is_skip);
	for (i = 0; i < count; i++)
		slot_emit_skip_end(e, done[i]);
}

static void put_call(struct emitter *e, unsigned int slot, enum root_version version)
{
	slot_emit_to(e, insn_call_func(), label_of(slot, version, LABEL_FUNC));
	put_verdict_of_kind(e);
}

void slot_emit_slot_call(struct emitter *e, unsigned int slot, bool is_first)
{
	__u8 go_on = continue_mask(&e->spec->slots[slot].rules);
	unsigned int next = label_of(slot, ROOT_STABLE, LABEL_NEXT);
	unsigned int end = label_of(slot, ROOT_STABLE, LABEL_EXIT);
	unsigned int v;

	if (is_first)
		put_ctx_save(e);
	else
		put_ctx_load(e);
	if (e->spec->slots[slot].canary.present)
		put_choice(e, slot);
	put_call(e, slot, ROOT_STABLE);
	if (!go_on) {
		put_always_exit(e, slot);
		return;
	}
	if (go_on == 1U << ROOT_COL_PASS) {
		slot_emit_to(e, insn_jump32(BPF_JNE, BPF_REG_0, ROOT_COL_PASS), end);
		slot_emit_label(e, next);
		return;
	}
	if (go_on & 1U << ROOT_COL_PASS)
		slot_emit_to(e, insn_jump32(BPF_JEQ, BPF_REG_0, ROOT_COL_PASS), next);
	for (v = 0; v < ROOT_VERDICTS; v++)
		if (v != ROOT_COL_PASS && go_on & 1U << v)
			slot_emit_to(e, insn_jump32(BPF_JEQ, BPF_REG_0, (__s32)v),
				     label_of(slot, ROOT_STABLE, LABEL_WENT_ON + v));
	slot_emit_to(e, insn_goto(), end);
	slot_emit_label(e, next);
}

/* Count an allowed verdict and do what follows from it. A pass that leads on counts for no one but a canary. */
static void put_verdict(struct emitter *e, unsigned int slot, enum root_version version,
			unsigned int verdict)
{
	bool goes_on = continue_mask(&e->spec->slots[slot].rules) & 1U << verdict;
	struct tally tally = { 0 };

	if (!goes_on)
		slot_tally_add(&tally, ROOT_BLOCK_EXIT, slot, verdict);
	else if (verdict != ROOT_COL_PASS)
		slot_tally_add(&tally, ROOT_BLOCK_WENT_ON, slot, verdict);
	add_version(&tally, slot, version, verdict);
	if (goes_on)
		slot_emit_counted_goto(e, &tally, label_of(slot, ROOT_STABLE, LABEL_NEXT));
	else
		slot_emit_counted_return(e, &tally, verdict);
}

/* The verdicts in @mask, each sorted out and followed in a place of its own. */
static void put_verdicts(struct emitter *e, unsigned int slot, enum root_version version, __u8 mask)
{
	static const __u8 order[ROOT_VERDICTS] = { ROOT_COL_DROP, ROOT_COL_TX, ROOT_COL_REDIRECT,
						   ROOT_COL_PASS, ROOT_COL_ABORTED };
	size_t i;

	for (i = 0; i < ROOT_VERDICTS; i++) {
		size_t skip;

		if (!(mask & 1U << order[i]))
			continue;
		skip = slot_emit_skip(e, insn_jump32(BPF_JNE, BPF_REG_0, order[i]));
		put_verdict(e, slot, version, order[i]);
		slot_emit_skip_end(e, skip);
	}
}

static void put_skip_to(struct emitter *e, unsigned int slot, enum root_version version,
			unsigned int landing)
{
	struct tally tally = { 0 };

	slot_tally_add(&tally, ROOT_BLOCK_WENT_ON, slot, ROOT_COL_SKIPPED);
	slot_tally_add(&tally, ROOT_BLOCK_WENT_ON, landing, ROOT_COL_LANDED);
	add_version(&tally, slot, version, ROOT_COL_SKIPPED);
	slot_emit_counted_goto(e, &tally, label_of(landing, ROOT_STABLE, LABEL_NEXT));
}

/*
 * Skips, in bands: every slot number from one taken slot to the next leads to
 * the same place, behind the last taken slot that is left out. Numbers up to
 * the own slot are left over, with those past the last slot.
 */
static void put_skips(struct emitter *e, unsigned int slot, enum root_version version)
{
	unsigned int landing = slot;
	unsigned int from = slot + 1;
	unsigned int to;
	size_t backward;

	if (from == ROOT_SLOTS)
		return;
	backward = slot_emit_skip(e, insn_jump32(BPF_JLE, BPF_REG_0, SLOT_SKIP_TO((int)slot)));
	for (to = from; to <= ROOT_SLOTS; to++) {
		size_t beyond;

		if (to < ROOT_SLOTS && !e->spec->slots[to].taken)
			continue;
		if (to > from) {
			beyond = slot_emit_skip(e, insn_jump32(BPF_JGT, BPF_REG_0,
							       SLOT_SKIP_TO((int)to - 1)));
			put_skip_to(e, slot, version, landing);
			slot_emit_skip_end(e, beyond);
		}
		landing = to;
		from = to;
	}
	slot_emit_skip_end(e, backward);
}

/* What is left when all that the slot may return has been sorted out. */
static void put_denied(struct emitter *e, unsigned int slot, enum root_version version)
{
	const struct root_rules *rules = &e->spec->slots[slot].rules;
	bool goes_on = rules->denied_as == ROOT_DENIED_AS_PASS &&
		       rules->continue_on & 1U << ROOT_COL_PASS;
	struct tally tally = { 0 };

	slot_tally_add(&tally, goes_on ? ROOT_BLOCK_WENT_ON : ROOT_BLOCK_EXIT, slot,
		       ROOT_COL_DENIED);
	add_version(&tally, slot, version, ROOT_COL_DENIED);
	if (goes_on)
		slot_emit_counted_goto(e, &tally, label_of(slot, ROOT_STABLE, LABEL_NEXT));
	else
		slot_emit_counted_return(e, &tally, rules->denied_as);
}

/* The end of sorting: verdicts in @mask, skips, what is denied. */
static void put_rest(struct emitter *e, unsigned int slot, enum root_version version, __u8 mask)
{
	put_verdicts(e, slot, version, mask);
	if (e->spec->slots[slot].rules.allow & ROOT_ALLOW_SKIP)
		put_skips(e, slot, version);
	put_denied(e, slot, version);
}

static void put_stable_answers(struct emitter *e, unsigned int slot)
{
	const struct root_rules *rules = &e->spec->slots[slot].rules;
	__u8 go_on = continue_mask(rules);
	unsigned int v;

	slot_emit_label(e, label_of(slot, ROOT_STABLE, LABEL_EXIT));
	put_rest(e, slot, ROOT_STABLE, rules->allow & (__u8)~go_on);
	for (v = 0; v < ROOT_VERDICTS; v++) {
		if (v == ROOT_COL_PASS || !(go_on & 1U << v))
			continue;
		slot_emit_label(e, label_of(slot, ROOT_STABLE, LABEL_WENT_ON + v));
		put_verdict(e, slot, ROOT_STABLE, v);
	}
}

void slot_emit_slot_answers(struct emitter *e, unsigned int slot)
{
	put_stable_answers(e, slot);
	if (!e->spec->slots[slot].canary.present)
		return;
	slot_emit_label(e, label_of(slot, ROOT_CANARY, LABEL_CALL));
	put_ctx_load(e);
	put_call(e, slot, ROOT_CANARY);
	put_rest(e, slot, ROOT_CANARY, e->spec->slots[slot].rules.allow);
}
