/* SPDX-License-Identifier: GPL-2.0-only */
/* decap's tunnel addresses: in words, as keys, and in the pinned map of its slot. */
#ifndef DECAP_H
#define DECAP_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/lib/base/reason.h"
#include "programs/decap/decap_abi.h"

/* Room for the longest address in words, with its NUL. */
#define DECAP_ADDRESS_TEXT_MAX 48

/*
 * decap_address_parse - the IPv4 or IPv6 address in @text, which must be one
 * that a tunnel can end at. Pure. Returns 0, or -EINVAL and says what would be
 * accepted.
 */
int decap_address_parse(const char *text, struct slot_reason *why,
			struct decap_address *ret_address);

/* decap_address_format - in words, an IPv4-mapped address as IPv4. Pure. */
void decap_address_format(const struct decap_address *address,
			  char ret_text[DECAP_ADDRESS_TEXT_MAX]);

/* decap_addresses_open - the map pinned in @map_dir. Returns 0 or -errno, and says why. */
int decap_addresses_open(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd);

/*
 * decap_addresses_get - all @ret_count of them, sorted; @ret_addresses is
 * the caller's to free. Returns 0 or -errno, and says why.
 */
int decap_addresses_get(int map_fd, struct slot_reason *why, struct decap_address **ret_addresses,
			size_t *ret_count);

/*
 * decap_address_add - let tunnels end at @address; once more is no error.
 * decap_address_del - no longer. Returns 0, -ENOENT where none did, -errno; says why.
 */
int decap_address_add(int map_fd, const struct decap_address *address, struct slot_reason *why);
int decap_address_del(int map_fd, const struct decap_address *address, struct slot_reason *why);

#endif
