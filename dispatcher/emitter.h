/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Instructions put one behind the other, jumps to places that are not known yet, counting. */
#ifndef ROOT_EMITTER_H
#define ROOT_EMITTER_H

#include "dispatcher/insn.h"
#include "dispatcher/root.h"
#include "dispatcher/root_kind.h"
#include "dispatcher/root_layout.h"

/* Places that jumps and calls name before they are known, one of each per slot and version. */
enum label_kind {
	LABEL_CALL,    /* a canary's call */
	LABEL_NEXT,    /* behind the call of a slot: one for both versions, the stable one's */
	LABEL_EXIT,    /* a verdict that ends the chain, or that the slot may not return */
	LABEL_WENT_ON, /* LABEL_WENT_ON + verdict: went on after a verdict other than pass */
	LABEL_FUNC = LABEL_WENT_ON + ROOT_VERDICTS,
	LABEL_KINDS,
};

#define LABEL_FLOW_HASH (ROOT_SLOTS * ROOT_VERSIONS * LABEL_KINDS)
#define LABELS (LABEL_FLOW_HASH + 1)

struct fixup {
	size_t insn;
	unsigned int label;
};

struct emitter {
	const struct root_spec *spec;
	const struct root_kind_facts *kind; /* of spec->kind */
	bool has_stubs;
	struct root_image image;
	size_t capacity;
	size_t func_capacity;
	size_t labels[LABELS];
	struct fixup *fixups;
	size_t fixup_count;
	size_t fixup_capacity;
	int err; /* the first failure; after it nothing is put any more */
};

/* What one packet adds 1 to: up to three counters, in bytes from the start of a CPU's. */
struct tally {
	size_t offsets[3];
	unsigned int count;
};

static inline unsigned int label_of(unsigned int slot, enum root_version version, unsigned int kind)
{
	return (slot * ROOT_VERSIONS + version) * LABEL_KINDS + kind;
}

void slot_emit(struct emitter *e, struct bpf_insn insn);

/* slot_emit_to - a jump or call to @label. */
void slot_emit_to(struct emitter *e, struct bpf_insn insn, unsigned int label);

/* slot_emit_label - @label is here. */
void slot_emit_label(struct emitter *e, unsigned int label);

/* slot_emit_func - a function begins here. */
void slot_emit_func(struct emitter *e, bool is_global, const char *name);

/* slot_emit_skip - a jump over what is put before the matching slot_emit_skip_end(). */
size_t slot_emit_skip(struct emitter *e, struct bpf_insn jump);
void slot_emit_skip_end(struct emitter *e, size_t jump);

/* slot_emit_return - return @value as it is. */
void slot_emit_return(struct emitter *e, int value);

/* slot_tally_add - @tally counts there as well. */
void slot_tally_add(struct tally *tally, enum root_block block, unsigned int row,
		    unsigned int column);

/*
 * slot_emit_counted_return, _goto - count, where this chain counts, then answer @verdict
 * (enum root_column) or go to @label.
 */
void slot_emit_counted_return(struct emitter *e, const struct tally *tally, unsigned int verdict);
void slot_emit_counted_goto(struct emitter *e, const struct tally *tally, unsigned int label);

/* slot_emit_resolve - every jump and call gets its distance. */
void slot_emit_resolve(struct emitter *e);

#endif
