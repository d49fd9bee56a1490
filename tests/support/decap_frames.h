/* SPDX-License-Identifier: GPL-2.0-only */
/* Frames with tunnels, and what comes out of them. */
#ifndef TEST_DECAP_FRAMES_H
#define TEST_DECAP_FRAMES_H

#include "tests/support/packet.h"

/* The addresses whose tunnels end here in every case. */
#define DECAP_LOCAL4 "192.0.2.1"
#define DECAP_LOCAL6 "2001:db8::1"
#define DECAP_GUE_PORT 6080

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

/* Whole frames: the inner packet of decap_start4 or decap_start6 in one tunnel. */
void decap_ip4_in_ip4(struct packet *p);
void decap_ip6_in_ip6(struct packet *p);
void decap_gue4_in_ip4(struct packet *p);
void decap_gue6_in_ip6(struct packet *p);

/* decap_gue_in - decap_gue4_in_ip4 with another outer header. */
void decap_gue_in(struct packet *p, const struct packet_ip4 *outer);
/* GUE that is left: of no known version, in parts, behind options, to an address of others. */
void decap_gue_version2(struct packet *p);
void decap_gue_first_part(struct packet *p);
void decap_gue_options(struct packet *p);
void decap_gue_elsewhere(struct packet *p);

/* decap_tag_once - Ethernet with a VLAN tag around what is there; twice - with two. */
void decap_tag_once(struct packet *p);
void decap_tag_twice(struct packet *p);

#endif
