/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit log: whoever changes a chain, or tries to, is in it with what they
 * did, to which slots, and how it ended. What an operation changed is found by
 * comparing all chains before and after it, so that no operation can forget a
 * part of it.
 */
#ifndef SLOTD_AUDIT_H
#define SLOTD_AUDIT_H

#include "loader/lib/host/blob.h"
#include "loader/slotd/access.h"
#include "loader/slotd/daemon.h"

#define AUDIT_LINES_MAX 1000 /* that one request reads */
#define AUDIT_SCAN_USER 4096 /* among which those of a user other than root are looked for */

/* What is about to be done, and who asked for it. Borrowed by audit_begin. */
struct audit_deed {
	const char *what;	 /* "deploy" */
	const struct peer *peer; /* NULL: slotd itself */
	const char *cause;	 /* "SIGHUP", "the interface came"; NULL: a request */
	const char *chain;	 /* asked for; NULL: all of them */
	__u32 slots;		 /* asked for, bit per slot */
	bool is_start;		 /* nothing was known before: all that is found is told */
};

struct audit_entry;

/*
 * audit_open - the log in the folder @dir, which has to outlive it. A log that cannot be
 * opened is no failure of the start, since packets come first: it is said, and tried
 * again with each change. Returns 0 or -ENOMEM, says why. @ret_audit: audit_close.
 */
int audit_open(const char *dir, struct slot_reason *why, struct audit **ret_audit);
void audit_close(struct audit *audit); /* NULL is fine */

/*
 * audit_begin - note how all chains stand and, for what somebody asked for, that it
 * is intended. Returns 0, or -errno and why: the log cannot be written, so the
 * deed must not be done. What slotd does by itself is never held up by the log.
 * @ret_entry: audit_end.
 */
int audit_begin(struct daemon *daemon, const struct audit_deed *deed, struct slot_reason *why,
		struct audit_entry **ret_entry);

/* audit_offer - @blob is what @slot shall run; recorded also where it is refused. */
void audit_offer(struct audit_entry *entry, unsigned int slot, const struct slot_blob *blob);

/*
 * audit_end - one line for each chain that the deed changed, at least one; synced
 * before it returns. @error: why it was refused, NULL: it was carried out. A line
 * that can no longer be written goes to the journal instead. Frees @entry; NULL is fine.
 */
void audit_end(struct audit_entry *entry, const char *error);

/* audit_end_if_changed - the same, but without a line where no chain is other than it was. */
void audit_end_if_changed(struct audit_entry *entry, const char *error);

/*
 * audit_refuse - @deed was not begun. Each user other than root has room for a
 * burst of such lines and then for one every few seconds: nobody can flood out
 * what others did. The next line says how many are not in the log.
 */
void audit_refuse(struct daemon *daemon, const struct audit_deed *deed, const char *error);

/*
 * audit_read - the latest @max lines (0: 20) of @chain (NULL: of all) that @peer may see, oldest
 * first: root all, others those of slots that they own now, and what they did
 * themselves. A new array, or NULL when the log cannot be read.
 */
json_t *audit_read(const struct daemon *daemon, const struct peer *peer, const char *chain,
		   size_t max);

#endif
