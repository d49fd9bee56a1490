/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * lb_hc's reals and settings: in words, and in the pinned maps of its slot.
 *
 * A library for whoever checks reals: needs no daemon and no root, only the
 * permission to write the pins. Not for several threads at one struct lb_hc.
 */
#ifndef LB_HC_H
#define LB_HC_H

#include <stdbool.h>
#include <stddef.h>

#include "bpf/lb_hc/lb_hc_abi.h"
#include "loader/lib/base/reason.h"

/* Room for the longest address in words, with its NUL; the same for a MAC address. */
#define LB_HC_ADDRESS_TEXT_MAX 48
#define LB_HC_MAC_TEXT_MAX 18

struct lb_hc {
	int reals_fd;
	int control_fd;
};

/* A mark and the real that it stands for. */
struct lb_hc_mark {
	__u32 mark;
	struct lb_hc_real real;
};

/*
 * lb_hc_open - the maps pinned in @map_dir; for reading alone, read permission on
 * the pins is enough. Returns 0 or -errno, and says why. The caller closes @ret_hc.
 */
int lb_hc_open(const char *map_dir, bool is_writer, struct slot_reason *why, struct lb_hc *ret_hc);
void lb_hc_close(struct lb_hc *hc);

/*
 * lb_hc_control_get - the settings; before they were set for the first time, those
 * that hold then: no source address, GUE port 6080.
 * lb_hc_control_set - replace them as a whole. Returns 0 or -errno, and says why.
 */
int lb_hc_control_get(const struct lb_hc *hc, struct slot_reason *why,
		      struct lb_hc_control *ret_control);
int lb_hc_control_set(const struct lb_hc *hc, const struct lb_hc_control *control,
		      struct slot_reason *why);

/*
 * lb_hc_real_set - have @mark stand for @real from now on, whatever it stood for.
 * lb_hc_real_del - for nothing. Returns 0, -ENOENT where it did not stand for a
 * real, -E2BIG where there are LB_HC_REALS_MAX, -errno; says why.
 */
int lb_hc_real_set(const struct lb_hc *hc, const struct lb_hc_mark *mark, struct slot_reason *why);
int lb_hc_real_del(const struct lb_hc *hc, __u32 mark, struct slot_reason *why);

/*
 * lb_hc_reals_get - all @ret_count of them by mark; @ret_marks is the caller's to
 * free. Returns 0 or -errno, and says why.
 */
int lb_hc_reals_get(const struct lb_hc *hc, struct slot_reason *why, struct lb_hc_mark **ret_marks,
		    size_t *ret_count);

/*
 * Words, pure: each returns 0, or -EINVAL and says what would be accepted.
 * A mark is a decimal number or one after 0x, not 0. An address is one that a
 * tunnel can end at or come from. A MAC address is not zeros, nor a group's.
 */
int lb_hc_mark_parse(const char *text, struct slot_reason *why, __u32 *ret_mark);
int lb_hc_address_parse(const char *text, struct slot_reason *why, __u8 ret_addr[16],
			bool *ret_is_ip6);
int lb_hc_mac_parse(const char *text, struct slot_reason *why, __u8 ret_mac[6]);

/* Back into words. */
void lb_hc_address_format(const __u8 addr[16], bool is_ip6, char ret_text[LB_HC_ADDRESS_TEXT_MAX]);
void lb_hc_mac_format(const __u8 mac[6], char ret_text[LB_HC_MAC_TEXT_MAX]);

#endif
