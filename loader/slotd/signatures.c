/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/signatures.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/signature.h"
#include "loader/slotd/config_load.h"

static bool is_asked_for(const struct slot_limits *limits)
{
	return limits->signature_key[0];
}

/* @blob against the signature kept with an object of the same bytes. */
static int check_kept(const struct daemon *daemon, const struct slot_blob *blob,
		      const struct slot_limits *limits, struct slot_reason *why)
{
	_cleanup_(slot_signing_free) struct slot_signing kept = { 0 };
	int err = slot_store_get_signature(&daemon->host.store, blob->sha256, why, &kept);

	if (err == -ENOENT)
		return slot_reason_set(why, -EACCES,
				       "no signature came with '%s', and this reservation asks for "
				       "one by '%s'",
				       blob->name, limits->signature_key);
	return err ? err : slot_signing_check(&kept, blob, limits->signature_key, why);
}

/* One that nobody asked for must at least be one. */
static int check_form(const struct slot_signing *signing, const struct slot_blob *blob,
		      struct slot_reason *why)
{
	struct slot_signature signature;

	if (slot_signature_parse(signing->text, signing->size, why, &signature))
		return slot_reason_prefix(why, -EACCES,
					  "the signature of '%s' is refused: ", blob->name);
	return 0;
}

static int check_sent(const struct daemon *daemon, const struct slot_blob *blob,
		      const struct slot_signing *signing, const struct slot_limits *limits,
		      struct slot_reason *why)
{
	if (!signing->text)
		return is_asked_for(limits) ? check_kept(daemon, blob, limits, why) : 0;
	if (!is_asked_for(limits))
		return check_form(signing, blob, why);
	return slot_signing_check(signing, blob, limits->signature_key, why);
}

/* What another slot needs must not be replaced by what nobody has judged. */
static bool is_kept(const struct daemon *daemon, const struct slot_blob *blob)
{
	_cleanup_(slot_signing_free) struct slot_signing kept = { 0 };

	return !slot_store_get_signature(&daemon->host.store, blob->sha256, NULL, &kept);
}

int signature_admit(const struct daemon *daemon, const struct slot_blob *blob,
		    const struct slot_signing *signing, const struct slot_limits *limits,
		    const char *function, struct slot_reason *why, struct slot_object_id *ret_id)
{
	struct slot_object_id id;
	int err = check_sent(daemon, blob, signing, limits, why);

	if (!err)
		err = config_identify(daemon, blob, function, why, &id);
	if (!err && signing->text && (is_asked_for(limits) || !is_kept(daemon, blob)))
		err = slot_store_put_signature(&daemon->host.store, blob, signing, why);
	if (!err)
		*ret_id = id;
	return err;
}

int signature_check_kept(const struct daemon *daemon, const struct slot_object_id *object,
			 const struct slot_limits *limits, struct slot_reason *why)
{
	_cleanup_(slot_blob_free) struct slot_blob blob = { 0 };
	int err;

	if (!is_asked_for(limits))
		return 0;
	err = slot_store_get(&daemon->host.store, object->sha256, object->name, why, &blob);
	return err ? err : check_kept(daemon, &blob, limits, why);
}

int signature_check_file(const struct slot_blob *blob, const char *path,
			 const struct slot_limits *limits, struct slot_reason *why,
			 struct slot_signing *ret_signing)
{
	_cleanup_(slot_signing_free) struct slot_signing signing = { 0 };
	char beside[PATH_MAX];
	int err;

	if (!is_asked_for(limits)) {
		*ret_signing = (struct slot_signing){ 0 };
		return 0;
	}
	if (snprintf(beside, sizeof(beside), "%s" SLOT_SIGNATURE_SUFFIX, path) >= PATH_MAX)
		return slot_reason_set(why, -ENAMETOOLONG, "object path too long: '%s'", path);
	err = slot_signing_read(beside, why, &signing);
	if (err == -ENOENT)
		return slot_reason_set(why, -EACCES,
				       "'%s' is not there, and this reservation asks for a "
				       "signature by '%s'",
				       beside, limits->signature_key);
	if (!err)
		err = slot_signing_check(&signing, blob, limits->signature_key, why);
	if (err)
		return err;
	*ret_signing = signing;
	signing = (struct slot_signing){ 0 };
	return 0;
}
