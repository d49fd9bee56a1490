/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test wants to go wrong in slotd. $SLOTD_FAULT_DIR names a folder; its file
 * "arm" says "POINT COUNT kill", "POINT COUNT stop" (SIGSTOP, until somebody continues
 * it) or "POINT COUNT ERRNO" (a number): the COUNT-th time that the point is met from
 * then on. The test rewrites it while slotd runs; without it nothing goes wrong. Where
 * there is a file "trace", the name of each point that is met goes into it; in a file "struck",
 * of each where something went wrong.
 */
#ifndef TEST_ARM_H
#define TEST_ARM_H

#include <stdbool.h>

/* The order as last read from the file; zero it to begin with. */
struct arm {
	char text[96];
	char point[64];
	long count; /* meetings until it goes wrong; 0: it has */
	int err;    /* 0: a kill, or a stop */
	bool is_stop;
};

/* arm_is_due - whether @point of the kind @is_kill goes wrong now. */
bool arm_is_due(struct arm *arm, const char *point, bool is_kill);

/* arm_trace - @point was met. */
void arm_trace(const char *point);

#endif
