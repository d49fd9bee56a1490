/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load-time settings: values of slots.conf become fields of a program's read-only data. */
#ifndef SLOT_SETTINGS_H
#define SLOT_SETTINGS_H

#include <linux/types.h>

#include "loader/lib/config/config.h"

struct bpf_object;

/*
 * slot_settings_apply - write @settings into the read-only data of @object,
 * which is open and not yet loaded.
 *
 * A key is a member of a struct variable whose name ends in _config, or else a
 * variable of its own; integers, booleans, enums and char arrays are known, numbers in C
 * notation, in host byte order. A constant of an enum is given by its name behind the first
 * underscore, in any case (LB_MURMUR3: murmur3), or by its number. Returns 0, -ENOENT for a key that the object has not, -EINVAL for a
 * value that does not fit, -ENOTSUP for a field of another type; says why and what would be accepted.
 * Numbers of entries that follow from a setting are set by slot_map_sizes_apply(), afterwards.
 */
int slot_settings_apply(struct bpf_object *object, const struct slot_settings *settings,
			struct slot_reason *why);

/*
 * slot_settings_read_number - what the read-only data of @object has for the unsigned
 * number of 32 bits @key. Returns 0, -ENOENT or -ENOTSUP, and says why.
 */
int slot_settings_read_number(struct bpf_object *object, const char *key, struct slot_reason *why,
			      __u32 *ret_value);

#endif
