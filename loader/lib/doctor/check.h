/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The checks of `slotctl doctor`: functions over a picture of the host that add what they
 * find. Pure: what a check says follows from the picture alone, and what is not known is no
 * trouble.
 */
#ifndef SLOT_CHECK_H
#define SLOT_CHECK_H

#include "loader/lib/doctor/finding.h"

struct slot_check {
	const char *name;
	void (*run)(const struct slot_picture *picture, struct slot_findings *findings);
};

extern const struct slot_check slot_checks[]; /* ends with one whose name is NULL */

/*
 * slot_checks_run - all of them, into @ret_findings (slot_findings_free), the worst
 * first. Returns 0, or -ENOMEM with nothing found.
 */
int slot_checks_run(const struct slot_picture *picture, struct slot_findings *ret_findings);

void slot_check_kernel(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_detached(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_mtu(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_rp_filter(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_vip_local(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_black_hole(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_wildcard(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_tunnel_address(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_real_address(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_address_twice(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_route_discard(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_vip_route(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_redirect(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_mute(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_led(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_shared(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_lookup(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_cgroup(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_xdp_native(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_jumbo(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_ethernet(const struct slot_picture *picture, struct slot_findings *findings);
void slot_check_merge(const struct slot_picture *picture, struct slot_findings *findings);

#endif
