/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects held against the key that their reservation names. What comes in is
 * judged before anything of it is kept; what was deployed earlier is judged by
 * the signature kept with it, against the key as it is now.
 */
#ifndef SLOTD_SIGNATURES_H
#define SLOTD_SIGNATURES_H

#include "loader/slotd/daemon.h"

/*
 * signature_admit - judge @blob, which came with @signing (text NULL: with none),
 * for a slot of @limits, keep both in the store, and say what the object is;
 * @function as in config_identify. Without a signature the one counts that is
 * kept from an earlier deploy of the same object. Where none is asked for, one
 * that came is kept all the same, unless there is one: slots.conf may ask for it
 * later. Returns 0, -EACCES for a signature that does not hold, or -errno, says why.
 */
int signature_admit(const struct daemon *daemon, const struct slot_blob *blob,
		    const struct slot_signing *signing, const struct slot_limits *limits,
		    const char *function, struct slot_reason *why, struct slot_object_id *ret_id);

/*
 * signature_check_kept - judge the stored @object and the signature kept with it.
 * Returns 0 also where @limits ask for none; -EACCES or -errno, says why.
 */
int signature_check_kept(const struct daemon *daemon, const struct slot_object_id *object,
			 const struct slot_limits *limits, struct slot_reason *why);

/*
 * signature_check_file - judge @blob, the content of the file @path, by the
 * signature in the file beside it. @ret_signing (slot_signing_free) is empty
 * where @limits ask for none. Returns as above.
 */
int signature_check_file(const struct slot_blob *blob, const char *path,
			 const struct slot_limits *limits, struct slot_reason *why,
			 struct slot_signing *ret_signing);

#endif
