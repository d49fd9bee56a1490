/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One slot's part of the root: its call, and what becomes of its answer. */
#ifndef ROOT_SLOT_H
#define ROOT_SLOT_H

#include "dispatcher/emitter.h"

/* slot_emit_slot_call - in line: call @slot and sort its verdict, on to the next slot or out of line. */
void slot_emit_slot_call(struct emitter *e, unsigned int slot, bool is_first);

/* slot_emit_slot_answers - out of line: every answer that does not simply lead on; its canary. */
void slot_emit_slot_answers(struct emitter *e, unsigned int slot);

#endif
