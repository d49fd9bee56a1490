/* SPDX-License-Identifier: GPL-2.0-only */
/* tcp_server_id's ids in the pinned maps of its slot. */
#ifndef TCP_SERVER_ID_H
#define TCP_SERVER_ID_H

#include <stdbool.h>

#include "bpf/tcp_server_id/tcp_server_id_abi.h"
#include "loader/lib/base/reason.h"
#include "programs/cli.h"

/*
 * tsi_ids_parse - change what "primary=N" or "fallback=N" in @text says in @ids; N is 1 to
 * 4294967295, 0x... too, or none. Pure. Returns 0 or -EINVAL; says why.
 */
int tsi_ids_parse(const char *text, struct slot_reason *why, struct tsi_ids *ids);

/* tsi_ids_check - whether @ids can be: two that differ. Pure. Returns 0 or -EINVAL; says why. */
int tsi_ids_check(const struct tsi_ids *ids, struct slot_reason *why);

/*
 * tsi_ids_open - the map in @map_dir; @ret_fd is the caller's. tsi_ids_get, tsi_ids_set - both ids,
 * at once; whoever changes them holds program_maps_lock(). Return 0 or -errno, and say why.
 */
int tsi_ids_open(const char *map_dir, bool is_writer, struct slot_reason *why, int *ret_fd);
int tsi_ids_get(int fd, struct slot_reason *why, struct tsi_ids *ret_ids);
int tsi_ids_set(int fd, const struct tsi_ids *ids, struct slot_reason *why);

/* tsi_sync_ids - what struct program_cli calls sync_ids. */
int tsi_sync_ids(const struct program_ids *ids, struct slot_reason *why);

#endif
