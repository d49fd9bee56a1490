/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fault points: where a test may end slotd as a kill -9 or a power cut would, or
 * make a step fail. Only a build with SLOT_FAULTS has them (build/faults/slotd,
 * tests/support/fault.c); in the product nothing is left of them.
 *
 * A point stands after each step that leaves a trace: a pin, a link, a file, an
 * attachment. Its name says the step. The names of all points stand in a section
 * of the binary, so that the tests need no list of them.
 */
#ifndef SLOT_FAULT_H
#define SLOT_FAULT_H

#ifdef SLOT_FAULTS

#define SLOT_FAULT_SECTION "slot_faults"
#define SLOT_FAULT_LIST_(point)                                                                    \
	static const char fault_name_[] __attribute__((used, section(SLOT_FAULT_SECTION))) = point

/* slot_fault_error - the -errno that a test wants the step @point to fail with, or 0. */
int slot_fault_error(const char *point);

/* slot_fault_pass - the step @point is done; a test may want that to be the last one. */
void slot_fault_pass(const char *point);

#define SLOT_STEP(point, call)                                                                     \
	({                                                                                         \
		SLOT_FAULT_LIST_(point);                                                           \
		int step_ = slot_fault_error(fault_name_);                                         \
		if (!step_)                                                                        \
			step_ = (call);                                                            \
		slot_fault_pass(fault_name_);                                                      \
		step_;                                                                             \
	})

#define SLOT_FAULT(point)                                                                          \
	do {                                                                                       \
		SLOT_FAULT_LIST_(point);                                                           \
		slot_fault_pass(fault_name_);                                                      \
	} while (0)

#else

/* SLOT_STEP - @call, which returns 0 or more, or -errno, as the step @point: it may fail instead. */
#define SLOT_STEP(point, call) (call)

/* SLOT_FAULT - the step @point is done. */
#define SLOT_FAULT(point)                                                                          \
	do {                                                                                       \
	} while (0)

#endif

#endif
