/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a test wants to go wrong, in a file that it rewrites while slotd runs:
 * "POINT COUNT kill" or "POINT COUNT ERRNO" (a number), the COUNT-th time that the
 * point is met from then on. Without the file nothing goes wrong.
 */
#ifndef TEST_ARM_H
#define TEST_ARM_H

#include <stdbool.h>

struct arm {
	char text[96]; /* the file as last seen */
	char point[64];
	long count; /* meetings until it goes wrong; 0: it has */
	int err;    /* 0: a kill */
};

/* arm_is_due - whether @point of the kind @is_kill goes wrong now, by the file @path. */
bool arm_is_due(struct arm *arm, const char *path, const char *point, bool is_kill);

#endif
