/* SPDX-License-Identifier: GPL-2.0-only */
/* A host made up for the doctor's checks: one netns and one chain to begin with. */
#ifndef DOCTOR_CASE_H
#define DOCTOR_CASE_H

#include "loader/lib/doctor/check.h"

#define CASE_LOOPBACK 1
#define CASE_LINK 2

/* case_new - netns "host" with lo and eth0 (MTU 1600), where the chain "eth0" is attached. */
struct slot_picture case_new(void);

/* Of the netns number @netns. */
size_t case_add_netns(struct slot_picture *picture, const char *name);
void case_add_address(struct slot_picture *picture, size_t netns, unsigned int ifindex,
		      const char *prefix);
void case_add_route(struct slot_picture *picture, size_t netns,
		    const struct slot_picture_route *route);
/* case_add_listener - at "192.0.2.1" or "::". */
void case_add_listener(struct slot_picture *picture, size_t netns, const char *address,
		       const struct slot_picture_listener *listener);

/* case_add_claim - of chain 0, of "192.0.2.1" or a prefix. */
struct slot_picture_claim *case_add_claim(struct slot_picture *picture, enum slot_claim_kind kind,
					  const char *prefix);
/* case_add_vip - of TCP. */
struct slot_picture_claim *case_add_vip(struct slot_picture *picture, const char *prefix,
					__u16 port);

typedef void (*case_check)(const struct slot_picture *picture, struct slot_findings *findings);

/*
 * case_assert_finding - the check finds one thing, of that severity, and @part is in what it
 * says. case_assert_clean - it finds nothing. Both release the picture.
 */
void case_assert_finding(case_check check, struct slot_picture *picture,
			 enum slot_severity severity, const char *part);
void case_assert_clean(case_check check, struct slot_picture *picture);

/* case_address - "192.0.2.1/24": its address, and the length of its prefix. */
struct slot_addr case_address(const char *text, unsigned int *ret_len);

#endif
