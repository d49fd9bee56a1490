/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hash for tables and names in memory: no secret, nothing that anybody else has to agree on. */
#ifndef SLOT_HASH_H
#define SLOT_HASH_H

#include <stddef.h>
#include <stdint.h>

#define SLOT_HASH_START 2166136261U

/*
 * slot_hash_add - FNV-1a of 32 bits: @hash, at first SLOT_HASH_START, with the @len bytes at
 * @data behind what it is of.
 */
static inline uint32_t slot_hash_add(uint32_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	return hash;
}

#endif
