/* SPDX-License-Identifier: GPL-2.0-only */
/* The ruleset in the kernel: its maps, the text it was made of, what its rules counted. */
#ifndef FW_STORE_H
#define FW_STORE_H

#include <stdbool.h>

#include "programs/firewall/maps/fw_bank.h"
#include "programs/firewall/rules/fw_format.h"

/* Of a text as it is loaded. */
#define FW_TEXT_SIZE_MAX (32U << 20)

/* The open maps; not to be copied. */
struct fw_store {
	int fds[FW_MAP_COUNT];
	int lock_fd; /* -1 when opened for reading */
};

#define FW_STORE_CLOSED                                                                            \
	((struct fw_store){                                                                        \
		.fds = { [0 ... FW_MAP_COUNT - 1] = -1 },                                          \
		.lock_fd = -1,                                                                     \
	})

/*
 * fw_store_open - open the maps pinned in @map_dir; for changes it waits until no other
 * command is at it. @ret_store: fw_store_close. Returns 0 or -errno; says why.
 */
int fw_store_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct fw_store *ret_store);
void fw_store_close(struct fw_store *store);

/*
 * fw_store_load - put @build, with its interfaces' numbers in the head, in force, and keep
 * @text, @len bytes, that it was made of. As fw_bank_load().
 */
int fw_store_load(const struct fw_store *store, const struct fw_build *build, const char *text,
		  size_t len, struct slot_reason *why);

/* What is in force. */
struct fw_loaded {
	__u32 bank;
	struct fw_head head;
	char *text; /* head.text_size bytes and a NUL; NULL: nothing has been loaded */
};

/* fw_store_get - @ret_loaded: fw_loaded_free. Returns 0, -ENOMEM or -errno; says why. */
int fw_store_get(const struct fw_store *store, struct slot_reason *why,
		 struct fw_loaded *ret_loaded);
void fw_loaded_free(struct fw_loaded *loaded);

/*
 * fw_store_hits - what each rule of @head has counted, on all CPUs. @ret_hits is the
 * caller's to free. Returns 0, -ENOMEM or -errno; says why.
 */
int fw_store_hits(const struct fw_store *store, const struct fw_head *head, struct slot_reason *why,
		  struct fw_hit **ret_hits);

#endif
