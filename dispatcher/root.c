/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "dispatcher/root.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dispatcher/flow_hash.h"
#include "dispatcher/root_body.h"
#include "dispatcher/root_slot.h"

/*
 * What a stub returns when no extension has replaced it: no verdict, so it
 * counts as denied, and the packet meets the reservation's denied_as rather
 * than an open door. Every generation is linked before it is swapped in; this
 * is for links that someone took away behind slotd's back.
 */
#define STUB_UNLINKED 255

static void put_root(struct emitter *e)
{
	struct tally passed = { 0 };
	bool is_first = true;
	unsigned int slot;

	slot_emit_func(e, true, ROOT_PROG_NAME);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (!e->spec->slots[slot].taken)
			continue;
		slot_emit_slot_call(e, slot, is_first);
		is_first = false;
	}
	slot_tally_add(&passed, ROOT_BLOCK_EXIT, ROOT_ROW_END, ROOT_COL_PASS);
	slot_emit_counted_return(e, &passed, ROOT_COL_PASS);

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if (e->spec->slots[slot].taken)
			slot_emit_slot_answers(e, slot);
}

/*
 * The target of an extension. Linux 6.13 and newer let an extension change
 * packet data only where the function it replaces does, judged by the calls in
 * it, so the stub makes one that changes nothing.
 */
static void put_stub(struct emitter *e, const char *name)
{
	slot_emit_func(e, true, name);
	slot_emit(e, insn_mov_imm(BPF_REG_2, 0));
	slot_emit(e, insn_call_helper(BPF_FUNC_xdp_adjust_head));
	slot_emit_return(e, STUB_UNLINKED);
}

/* The function put last keeps the type that it has in its program, and so stays global. */
static void keep_type(struct emitter *e, const struct btf *btf, __u32 type_id)
{
	struct root_func *func;

	if (e->err || !type_id)
		return;
	func = &e->image.funcs[e->image.func_count - 1];
	func->is_global = true;
	func->btf = btf;
	func->type_id = type_id;
}

/*
 * Calls inside a body are relative, so it can be moved as it is. Its entry is a
 * static function, whose possible verdicts the verifier knows: tests and exits
 * for others leave nothing behind. With a tail call it is a global one, whose
 * verdict is unknown: before Linux 6.18 the verifier believes that a static
 * function returns what its own last instructions return, whatever a tail call
 * in it does, and would remove the tests of every other verdict.
 */
static void put_body(struct emitter *e, const struct root_body *body, const char *name)
{
	bool is_opaque = slot_root_body_has_tail_call(body);
	size_t *starts = NULL;
	size_t count = 0;
	size_t next = 0;
	char inner[24];
	size_t i;

	e->err = e->err ? e->err : slot_root_body_starts(body, &starts, &count);
	if (e->err)
		return;
	for (i = 0; i < body->count; i++) {
		if (next < count && starts[next] == i) {
			snprintf(inner, sizeof(inner), "%s_f%zu", name, next % 100000);
			slot_emit_func(e, is_opaque && !next, next ? inner : name);
			if (next && body->func_types && body->func_count == count)
				keep_type(e, body->btf, body->func_types[next]);
			next++;
		}
		slot_emit(e, body->insns[i]);
	}
	free(starts);
}

static void put_program(struct emitter *e, unsigned int slot, enum root_version version,
			const struct root_body *body)
{
	char name[ROOT_STUB_NAME_SIZE];

	slot_root_stub_name(slot, version, name);
	slot_emit_label(e, label_of(slot, version, LABEL_FUNC));
	if (body->count)
		put_body(e, body, name);
	else
		put_stub(e, name);
}

/*
 * A global function, so that the verifier walks it once and takes any number
 * for its result, instead of walking the rest of the chain once for each of its ways.
 */
static void put_flow_hash(struct emitter *e)
{
	struct root_body body = slot_flow_hash_body();
	size_t i;

	slot_emit_label(e, LABEL_FLOW_HASH);
	slot_emit_func(e, true, "flow_hash");
	for (i = 0; i < body.count; i++)
		slot_emit(e, body.insns[i]);
}

static void put_functions(struct emitter *e)
{
	bool needs_hash = false;
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct root_slot *s = &e->spec->slots[slot];

		if (!s->taken)
			continue;
		put_program(e, slot, ROOT_STABLE, &s->body);
		if (!s->canary.present)
			continue;
		put_program(e, slot, ROOT_CANARY, &s->canary.body);
		needs_hash = needs_hash || !s->canary.cpus;
	}
	if (needs_hash)
		put_flow_hash(e);
}

static bool is_rules_valid(const struct root_rules *rules)
{
	return rules->allow & ROOT_VERDICT_ALL &&
	       !(rules->allow & ~(ROOT_VERDICT_ALL | ROOT_ALLOW_SKIP)) &&
	       rules->denied_as <= ROOT_DENIED_AS_PASS;
}

static bool is_canary_valid(const struct root_canary *canary)
{
	return !canary->present || canary->cpus ||
	       (canary->share_ppm && canary->share_ppm < ROOT_SHARE_ALL);
}

/* Stubs change packets as XDP programs do, and the flow hash reads an XDP context. */
static bool is_slot_of_kind(const struct root_slot *slot, enum root_kind kind)
{
	const struct root_canary *canary = &slot->canary;

	if (kind == ROOT_KIND_XDP)
		return true;
	return slot->body.count && (!canary->present || (canary->body.count && canary->cpus));
}

static bool is_spec_valid(const struct root_spec *spec)
{
	unsigned int slot;

	if (spec->counters_fd >= 0 && (!spec->cpu_max || spec->cpu_max & (spec->cpu_max - 1)))
		return false;
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct root_slot *s = &spec->slots[slot];

		if (s->taken && !(is_rules_valid(&s->rules) && is_canary_valid(&s->canary) &&
				  is_slot_of_kind(s, spec->kind)))
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
	struct emitter e = { .spec = spec,
			     .kind = slot_root_kind_get(spec->kind),
			     .has_stubs = has_stubs(spec),
			     .image = { .kind = spec->kind } };

	if (!is_spec_valid(spec))
		return -EINVAL;
	put_root(&e);
	put_functions(&e);
	slot_emit_resolve(&e);
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

void slot_root_stub_name(unsigned int slot, enum root_version version,
			 char ret_name[ROOT_STUB_NAME_SIZE])
{
	snprintf(ret_name, ROOT_STUB_NAME_SIZE, "slot_%02u%s", slot % 100,
		 version == ROOT_CANARY ? "_c" : "");
}
