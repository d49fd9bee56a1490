/* SPDX-License-Identifier: GPL-2.0-only */
/* Objects for slots: read here, described in one change, sent as one form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/number.h"
#include "loader/lib/host/blob.h"
#include "loader/slotctl/slotctl.h"

struct upload {
	json_t *slots;				/* of the change */
	json_t *watch;				/* NULL: none */
	char *text;				/* the change */
	struct slot_blob blobs[ROOT_SLOTS * 2]; /* objects and signatures */
	size_t blob_count;
	struct slot_request_part parts[ROOT_SLOTS * 2 + 1];
	size_t part_count;
	char list[ROOT_SLOTS * 4]; /* of the slots' numbers, for the query */
};

static void upload_free(struct upload *upload)
{
	for (size_t i = 0; i < upload->blob_count; i++)
		slot_blob_free(&upload->blobs[i]);
	json_decref(upload->slots);
	json_decref(upload->watch);
	free(upload->text);
}

/* --- options ------------------------------------------------------------------------------- */

static int refuse_canary(struct slot_ctl *ctl)
{
	return slot_ctl_refuse(ctl,
			       "--canary '%s': a share like 5%% (above 0 and below 100), or "
			       "CPUs like cpu:0-3,7, expected",
			       ctl->change.canary);
}

static int add_canary(struct slot_ctl *ctl, json_t *slot)
{
	const char *text = ctl->change.canary;
	json_t *canary;
	double percent;
	char *end;

	if (!text)
		return 0;
	if (!strncmp(text, "cpu:", 4)) {
		canary = json_pack("{s:s}", "cpus", text + 4);
	} else {
		percent = strtod(text, &end);
		if (end == text || strcmp(end, "%") != 0 || !(percent > 0 && percent < 100))
			return refuse_canary(ctl);
		canary = json_pack("{s:f}", "percent", percent);
	}
	return canary ? json_object_set_new(slot, "canary", canary) : refuse_canary(ctl);
}

#define WATCH_SECONDS_MAX 86400

static int add_limits(struct slot_ctl *ctl, json_t *watch)
{
	const struct slot_ctl_change *change = &ctl->change;
	char *end;

	if (change->max_drop_ratio) {
		json_t *ratio = json_real(strtod(change->max_drop_ratio, &end));

		if (*end || end == change->max_drop_ratio ||
		    json_object_set_new(watch, "max_drop_ratio", ratio))
			return slot_ctl_refuse(ctl, "--max-drop-ratio '%s': a number expected",
					       change->max_drop_ratio);
	}
	if (change->max_abort) {
		json_t *number = json_integer(strtoll(change->max_abort, &end, 10));

		if (*end || end == change->max_abort ||
		    json_object_set_new(watch, "max_abort", number))
			return slot_ctl_refuse(ctl, "--max-abort '%s': a number expected",
					       change->max_abort);
	}
	return 0;
}

static int make_watch(struct slot_ctl *ctl, struct upload *upload)
{
	const struct slot_ctl_change *change = &ctl->change;
	bool has_limits = change->max_drop_ratio || change->max_abort;
	__u32 seconds;

	if (!(ctl->watch_s > 0))
		return has_limits ? slot_ctl_refuse(ctl, "limits count while a deploy is watched: "
							 "--watch 30s is missing") :
				    0;
	ctl->watch_s = 0;
	if (!change->watch || slot_seconds_parse(change->watch, 1, WATCH_SECONDS_MAX, &seconds))
		return slot_ctl_refuse(ctl,
				       "--watch '%s': a time like 30s or 5m expected, at most 24h",
				       change->watch ? change->watch : "");
	if (!has_limits)
		return slot_ctl_refuse(ctl, "--watch for what? --max-drop-ratio R, --max-abort N "
					    "or both are missing");
	upload->watch = json_pack("{s:I}", "seconds", (json_int_t)seconds);
	return upload->watch ? add_limits(ctl, upload->watch) : -ENOMEM;
}

/* Maps of the slot that is called @text on the command line: of the only one without "SLOT:". */
static int add_maps(const char *key, const char *const *maps, size_t count, const char *text,
		    json_t *slot)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const char *colon = strchr(maps[i], ':');

		if (!colon)
			json_array_append_new(list, json_string(maps[i]));
		else if ((size_t)(colon - maps[i]) == strlen(text) &&
			 !strncmp(maps[i], text, strlen(text)))
			json_array_append_new(list, json_string(colon + 1));
	}
	if (json_array_size(list))
		return json_object_set_new(slot, key, list);
	json_decref(list);
	return 0;
}

/* Each map is told to be of one of the slots, or there is only one. */
static int check_maps(struct slot_ctl *ctl, const char *const *maps, size_t count, int argc,
		      char **argv)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strcspn(maps[i], ":");
		int k = 0;

		if (!maps[i][len] && argc == 2)
			continue;
		while (k < argc && (strlen(argv[k]) != len || strncmp(argv[k], maps[i], len) != 0))
			k += 2;
		if (!maps[i][len] || k >= argc)
			return slot_ctl_refuse(ctl,
					       "map '%s': of which slot? SLOT:MAP expected, "
					       "with the slot as it is written before its "
					       "object",
					       maps[i]);
	}
	return 0;
}

/* --- parts --------------------------------------------------------------------------------- */

static void add_part(struct upload *upload, const char *name, unsigned int slot,
		     const struct slot_blob *blob)
{
	struct slot_request_part *part = &upload->parts[upload->part_count++];

	snprintf(part->name, sizeof(part->name), "%s-%u", name, slot);
	part->bytes = blob->bytes;
	part->size = blob->size;
}

static int add_file(struct slot_ctl *ctl, struct upload *upload, const char *name,
		    unsigned int slot, const char *path)
{
	struct slot_blob *blob = &upload->blobs[upload->blob_count];
	int err = slot_blob_read(path, &ctl->failure.why, blob);

	if (err)
		return err;
	upload->blob_count++;
	add_part(upload, name, slot, blob);
	return 0;
}

/* The signature beside an object goes along where there is one. */
static int add_signature(struct slot_ctl *ctl, struct upload *upload, unsigned int slot,
			 const char *object)
{
	_cleanup_free_ char *beside = NULL;
	const char *path = ctl->change.signature;

	if (!path && asprintf(&beside, "%s.minisig", object) < 0) {
		beside = NULL;
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	}
	if (!path && access(beside, F_OK))
		return 0;
	return add_file(ctl, upload, "signature", slot, path ? path : beside);
}

static bool has_slot(const struct upload *upload, unsigned int slot)
{
	const json_t *json;
	size_t i;

	json_array_foreach(upload->slots, i, json) {
		if (json_integer_value(json_object_get(json, "slot")) == (json_int_t)slot)
			return true;
	}
	return false;
}

static int add_slot(struct slot_ctl *ctl, struct upload *upload, const char *text,
		    const char *object)
{
	const struct slot_ctl_change *change = &ctl->change;
	size_t used = strlen(upload->list);
	unsigned int slot = 0;
	json_t *json;
	int err = slot_ctl_find_slot(ctl, text, &slot);

	if (!err && has_slot(upload, slot))
		err = slot_reason_set(&ctl->failure.why, -EINVAL, "slot %u is there twice", slot);
	if (!err)
		err = add_file(ctl, upload, "object", slot, object);
	if (!err)
		err = add_signature(ctl, upload, slot, object);
	if (err)
		return err;
	snprintf(upload->list + used, sizeof(upload->list) - used, "%s%u", used ? "," : "", slot);
	json = json_pack("{s:i, s:s}", "slot", (int)slot, "name", basename(object));
	if (json_array_append_new(upload->slots, json))
		return slot_ctl_refuse(ctl, "'%s': a file name in UTF-8 expected", object);
	err = add_canary(ctl, json);
	if (!err)
		err = add_maps("reset_maps", change->reset_maps, change->reset_count, text, json);
	if (!err)
		err = add_maps("migrate_maps", change->migrate_maps, change->migrate_count, text,
			       json);
	return err;
}

/* The part that says what the others are for. */
static int add_change(struct slot_ctl *ctl, struct upload *upload)
{
	json_auto_t *change = json_pack("{s:O}", "slots", upload->slots);
	const char *generation = ctl->change.generation;
	struct slot_request_part *part = &upload->parts[upload->part_count++];

	if (generation && (!*generation || generation[strspn(generation, "0123456789")]))
		return slot_ctl_refuse(ctl, "--generation '%s': a number expected", generation);
	if (generation)
		json_object_set_new(change, "generation", json_integer(atoll(generation)));
	if (upload->watch)
		json_object_set(change, "watch", upload->watch);
	upload->text = json_dumps(change, JSON_COMPACT);
	if (!upload->text)
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	strcpy(part->name, "change");
	part->bytes = upload->text;
	part->size = strlen(upload->text);
	return 0;
}

static int make_upload(struct slot_ctl *ctl, int argc, char **argv, struct upload *upload)
{
	const struct slot_ctl_change *change = &ctl->change;
	int err;

	if (argc % 2)
		return slot_ctl_refuse(ctl,
				       "deploy takes pairs of a slot and an object; '%s' has "
				       "no object",
				       argv[argc - 1]);
	if (change->signature && argc > 2)
		return slot_ctl_refuse(ctl, "--signature is for one object; those of several lie "
					    "beside them, as OBJECT.minisig");
	err = check_maps(ctl, change->reset_maps, change->reset_count, argc, argv);
	if (!err)
		err = check_maps(ctl, change->migrate_maps, change->migrate_count, argc, argv);
	if (!err)
		err = make_watch(ctl, upload);
	upload->slots = json_array();
	for (int i = 0; i < argc && !err; i += 2)
		err = add_slot(ctl, upload, argv[i], argv[i + 1]);
	return err ? err : add_change(ctl, upload);
}

static void print_watch(const struct upload *upload, const char *slot)
{
	printf("watched for %" JSON_INTEGER_FORMAT " s: slotctl show %s tells how it does, "
	       "slotctl status how it ended\n",
	       json_integer_value(json_object_get(upload->watch, "seconds")), slot);
}

int cmd_deploy(struct slot_ctl *ctl, int argc, char **argv)
{
	_cleanup_(upload_free) struct upload upload = { 0 };
	struct slot_request request = { .method = "POST", .doing = "deploying" };
	_cleanup_free_ char *noun = NULL;
	json_auto_t *result = NULL;
	int err = make_upload(ctl, argc, argv, &upload);

	if (err)
		return err;
	request.parts = upload.parts;
	request.part_count = upload.part_count;
	if (asprintf(&noun, "deploy?slots=%s", upload.list) < 0) {
		noun = NULL;
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	}
	err = slot_ctl_call(ctl, &request, noun, &result);
	if (!err)
		err = slot_ctl_print_result(ctl, result);
	if (!err && upload.watch && !ctl->json)
		print_watch(&upload, argv[0]);
	return err;
}
