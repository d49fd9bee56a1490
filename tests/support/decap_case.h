/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet through a freshly loaded decap, and tc_decap, and what it must come to. */
#ifndef TEST_DECAP_CASE_H
#define TEST_DECAP_CASE_H

#include "programs/decap/decap.h"
#include "tests/support/decap_frames.h"

#define DECAP_UNCOUNTED (-1)

struct bpf_object;

struct decap_case {
	const char *name;
	void (*build)(struct packet *p);
	void (*expect)(struct packet *p);  /* what it turns into; NULL: it stays as it is */
	int counter;			   /* enum decap_counter, or DECAP_UNCOUNTED */
	const struct decap_config *config; /* NULL: all off */
	void (*set_up)(const struct decap_maps *maps); /* NULL: the addresses above alone */
	int noted, noted_too; /* counters that the packet is in as well, or 0 */
};

/* decap_case_maps - of a loaded object, which owns them. */
struct decap_maps decap_case_maps(struct bpf_object *object);

/* decap_case_add - have tunnels end at @text; serve - serve it; set - "KEY=VALUE". */
void decap_case_add(const struct decap_maps *maps, const char *text);
void decap_case_serve(const struct decap_maps *maps, const char *text);
void decap_case_set(const struct decap_maps *maps, const char *text);
/* decap_case_gue - take GUE out at DECAP_GUE_PORT; strict - and drop what is no good tunnel. */
void decap_case_gue(const struct decap_maps *maps);
void decap_case_strict(const struct decap_maps *maps);

/* decap_case_load - load @object and have tunnels end at the addresses above. */
void decap_case_load(struct bpf_object *object);

/* decap_case_run - a cmocka test; its row is a struct decap_case. */
void decap_case_run(void **state);

#endif
