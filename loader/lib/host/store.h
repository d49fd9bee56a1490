/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The store: what outlives a reboot. Objects by their hash, and per chain one
 * record for each generation that is built and one for what is desired. Every
 * file is written beside its place, synced, and renamed: old or new, never half.
 *
 *	objects/<sha256>
 *	objects/<sha256>.minisig
 *	chains/<interface>/desired.json
 *	chains/<interface>/generation-<number>.json
 *	log/<program>.verifier.log
 */
#ifndef SLOT_STORE_H
#define SLOT_STORE_H

#include <limits.h>
#include <stdbool.h>

#include <jansson.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/host/signing.h"
#include "loader/lib/base/reason.h"

/*
 * Of the records. What an older slotd may leave unread is added without a new
 * number: unknown members are ignored, missing ones have a default. The number is raised
 * where an older slotd would get a record wrong; it then refuses it.
 */
#define SLOT_RECORD_FORMAT 1

#define SLOT_STATE_DIR_DEFAULT "/var/lib/slotd"

struct slot_store {
	char dir[PATH_MAX];
	char log_dir[PATH_MAX];
};

/* slot_store_open - use @dir, which is made when absent. Returns 0 or -errno, says why. */
int slot_store_open(const char *dir, struct slot_reason *why, struct slot_store *ret_store);

/* slot_store_put - keep @blob; one that is there already is left as it is. Returns 0 or -errno. */
int slot_store_put(const struct slot_store *store, const struct slot_blob *blob,
		   struct slot_reason *why);

/*
 * slot_store_get - the object with hash @sha256, checked against it; @name names it in
 * messages. Returns 0, -ENOENT, -EBADMSG for content that is not what its name says.
 */
int slot_store_get(const struct slot_store *store, const char *sha256, const char *name,
		   struct slot_reason *why, struct slot_blob *ret_blob);

/*
 * Signatures, kept beside their objects and swept with them; one for each
 * object. slot_store_put_signature replaces the one that is there. Both return
 * 0 or -errno, say why; get returns -ENOENT where none is kept.
 */
int slot_store_put_signature(const struct slot_store *store, const struct slot_blob *blob,
			     const struct slot_signing *signing, struct slot_reason *why);
int slot_store_get_signature(const struct slot_store *store, const char *sha256,
			     struct slot_reason *why, struct slot_signing *ret_signing);

/*
 * slot_store_sweep - remove the objects that no record of any chain names, their signatures, and
 * what an interrupted write left. The records on disk decide, so that chains
 * which are not open at the moment keep what is theirs.
 */
void slot_store_sweep(const struct slot_store *store);

/*
 * Records of the chain of @interface, by file name. Reading returns -ENOENT for
 * one that is absent, -EBADMSG for one that is no JSON, -ENOTSUP for a newer format; @ret_json is a new reference.
 */
int slot_store_write(const struct slot_store *store, const char *interface, const char *record,
		     const json_t *json, struct slot_reason *why);
int slot_store_read(const struct slot_store *store, const char *interface, const char *record,
		    struct slot_reason *why, json_t **ret_json);
int slot_store_del(const struct slot_store *store, const char *interface, const char *record);

/*
 * slot_store_sweep_records - remove all records of @interface but the @count
 * named in @keep; does what it can.
 */
void slot_store_sweep_records(const struct slot_store *store, const char *interface,
			      const char *const *keep, size_t count);

/*
 * slot_store_rename_chain - its interface has another name now. Returns 0 (also
 * where there are no records), -ENOTEMPTY where the new name has some, or -errno.
 */
int slot_store_rename_chain(const struct slot_store *store, const char *from, const char *to);

/*
 * slot_store_list_chains - the names of the chains that have records, as an array
 * of strings. Returns 0 or -errno; @ret_names is a new reference.
 */
int slot_store_list_chains(const struct slot_store *store, json_t **ret_names);

/* slot_store_has_chain - whether a chain of @interface was ever recorded. */
bool slot_store_has_chain(const struct slot_store *store, const char *interface);

#endif
