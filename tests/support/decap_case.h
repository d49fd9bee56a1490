/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet through a freshly loaded decap, and tc_decap, and what it must come to. */
#ifndef TEST_DECAP_CASE_H
#define TEST_DECAP_CASE_H

#include "programs/decap/decap.h"
#include "tests/support/packet.h"

/* The addresses whose tunnels end here in every case. */
#define DECAP_LOCAL4 "192.0.2.1"
#define DECAP_LOCAL6 "2001:db8::1"
#define DECAP_UNCOUNTED (-1)
#define DECAP_GUE_PORT 6080

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

/* The headers that cases put around and into tunnels. */
extern const struct packet_ip4 decap_outer4, decap_inner4;
extern const struct packet_ip6 decap_outer6, decap_inner6;

/* decap_start4 - an inner packet, TCP on IPv4; decap_start6 - UDP on IPv6. */
void decap_start4(struct packet *p);
void decap_start6(struct packet *p);
/* decap_finish4 - put an outer IPv4 header and Ethernet around what is there; 6: IPv6. */
void decap_finish4(struct packet *p);
void decap_finish6(struct packet *p);

/* decap_plain4, decap_plain6 - what is inside alone, with Ethernet around it. */
void decap_plain4(struct packet *p);
void decap_plain6(struct packet *p);
/* decap_variant1 - UDP to DECAP_GUE_PORT around what is there. */
void decap_variant1(struct packet *p);
/* decap_variant0 - and a header of GUE: version, control bit and words of extensions in @first. */
void decap_variant0(struct packet *p, uint8_t first, uint8_t proto);

/* decap_case_maps - of a loaded object, which owns them. */
struct decap_maps decap_case_maps(struct bpf_object *object);

/* decap_case_add - have tunnels end at @text; serve - serve it; set - "KEY=VALUE". */
void decap_case_add(const struct decap_maps *maps, const char *text);
void decap_case_serve(const struct decap_maps *maps, const char *text);
void decap_case_set(const struct decap_maps *maps, const char *text);

/* decap_case_load - load @object and have tunnels end at the addresses above. */
void decap_case_load(struct bpf_object *object);

/* decap_case_run - a cmocka test; its row is a struct decap_case. */
void decap_case_run(void **state);

#endif
