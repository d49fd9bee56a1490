/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of packets with what becomes of them; tests/vectors/README.md has the format. */
#ifndef TEST_VECTORS_H
#define TEST_VECTORS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/support/packet.h"
#include "tests/support/progrun.h"

/* Points into the line that was read last. */
struct vector {
	const char *name;
	const char *verdict;
	struct packet in;
	struct packet out;
	uint32_t mark;
};

struct vectors {
	FILE *file;
	char *line;
	size_t size;
};

/* vectors_others - the folder of vectors that are not in the tree. */
const char *vectors_others(void);

/* vectors_open - false where @path is not there. */
bool vectors_open(struct vectors *vectors, const char *path);
/* vectors_next - the next packet; false at the end. */
bool vectors_next(struct vectors *vectors, struct vector *ret_vector);
void vectors_close(struct vectors *vectors);

/* vector_is_met - whether @verdict and what is left of the packet are @vector's; says what is not so. */
bool vector_is_met(const struct vector *vector, const char *verdict, const struct progrun *run);

#endif
