/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes that wait: put at the end, taken from the front. They may be keys, so they are wiped. */
#ifndef HANDOFF_BYTES_H
#define HANDOFF_BYTES_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HANDOFF_BYTES_KEPT (1U << 20) /* room that an empty one keeps */

/* Zeros are an empty one. */
struct handoff_bytes {
	uint8_t *data;
	size_t at; /* the first that waits */
	size_t end;
	size_t room;
};

static inline void handoff_bytes_free(struct handoff_bytes *bytes)
{
	if (bytes->data)
		explicit_bzero(bytes->data, bytes->end);
	free(bytes->data);
	*bytes = (struct handoff_bytes){};
}

static inline size_t handoff_bytes_count(const struct handoff_bytes *bytes)
{
	return bytes->end - bytes->at;
}

static inline const uint8_t *handoff_bytes_get(const struct handoff_bytes *bytes)
{
	return bytes->data + bytes->at;
}

/*
 * handoff_bytes_reserve - room for @len more; *ret_to is valid until the next call. 0 or -ENOMEM.
 */
static inline int handoff_bytes_reserve(struct handoff_bytes *bytes, size_t len, uint8_t **ret_to)
{
	size_t count = handoff_bytes_count(bytes);

	if (bytes->room - bytes->end < len) {
		size_t room = 2 * (count + len) + 4096;
		uint8_t *data = malloc(room);

		if (!data)
			return -ENOMEM;
		if (count)
			memcpy(data, handoff_bytes_get(bytes), count);
		handoff_bytes_free(bytes);
		*bytes = (struct handoff_bytes){ data, 0, count, room };
	}
	*ret_to = bytes->data + bytes->end;
	return 0;
}

static inline int handoff_bytes_add(struct handoff_bytes *bytes, const void *from, size_t len)
{
	uint8_t *to;
	int err = handoff_bytes_reserve(bytes, len, &to);

	if (err)
		return err;
	if (len)
		memcpy(to, from, len);
	bytes->end += len;
	return 0;
}

static inline void handoff_bytes_skip(struct handoff_bytes *bytes, size_t len)
{
	if (len)
		explicit_bzero(bytes->data + bytes->at, len);
	bytes->at += len;
	if (bytes->at != bytes->end)
		return;
	bytes->at = bytes->end = 0;
	if (bytes->room > HANDOFF_BYTES_KEPT)
		handoff_bytes_free(bytes);
}

#endif
