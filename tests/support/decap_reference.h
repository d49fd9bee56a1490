/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What decap does to a frame, written plainly from its README: numbers of bytes from the
 * frame's start, one header after the other. It shares nothing with the program but the
 * names of counters.
 */
#ifndef TEST_DECAP_REFERENCE_H
#define TEST_DECAP_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct decap_reference_prefix {
	const char *addr;
	unsigned int len;
};

struct decap_reference {
	const struct decap_reference_prefix *ends, *served; /* to the one whose @addr is NULL */
	unsigned int gue_port;				    /* 0: none */
	bool is_strict;
	long id; /* of this host in option 0xb7; 0: ids are not compared */
};

struct decap_reference_answer {
	int counter; /* enum decap_counter; -1: none */
	bool has_id, is_misrouted;
	size_t cut_at, cut; /* bytes that are taken out, and where */
	bool is_marked;	    /* congestion is handed on to the inner header */
	bool is_inner6;
};

/* decap_reference_judge - @answer of the @len bytes at @frame. */
void decap_reference_judge(const struct decap_reference *reference, const uint8_t *frame,
			   size_t len, struct decap_reference_answer *ret_answer);

/* decap_reference_apply - @frame becomes what the answer makes of it. Returns its new length. */
size_t decap_reference_apply(const struct decap_reference_answer *answer, uint8_t *frame,
			     size_t len);

#endif
