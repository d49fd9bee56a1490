/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/json.h"

#define TEMP_PREFIX ".new-"
#define SIGNATURE_NAME_SIZE (SLOT_SHA256_SIZE + sizeof(SLOT_SIGNATURE_SUFFIX) - 1)

/* "<store>/<part>/<a>", and "/<b>" where @b is not empty. */
static int make_path(char *ret_path, const struct slot_store *store, const char *part,
		     const char *a, const char *b)
{
	size_t len = strlen(store->dir);
	int n;

	memcpy(ret_path, store->dir, len);
	n = snprintf(ret_path + len, PATH_MAX - len, "/%s/%s%s%s", part, a, *b ? "/" : "", b);
	return n < 0 || (size_t)n >= PATH_MAX - len ? -ENAMETOOLONG : 0;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

int slot_store_open(const char *dir, struct slot_reason *why, struct slot_store *ret_store)
{
	static const char *const parts[] = { "objects", "chains", "log" };
	struct slot_store store = { 0 };
	char path[PATH_MAX];
	int err = 0;
	size_t i;

	if (strlen(dir) + 16 > sizeof(store.dir))
		return slot_reason_set(why, -ENAMETOOLONG, "state folder '%s': name too long", dir);
	memcpy(store.dir, dir, strlen(dir) + 1);
	snprintf(store.log_dir, sizeof(store.log_dir), "%.*s/log", PATH_MAX - 16, dir);
	err = make_dir(dir);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]) && !err; i++) {
		snprintf(path, sizeof(path), "%.*s/%s", PATH_MAX - 16, dir, parts[i]);
		err = make_dir(path);
	}
	if (err)
		return slot_reason_set(why, err, "cannot use the state folder '%s': %s", dir,
				       strerror(-err));
	*ret_store = store;
	return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

static int sync_dir(const char *dir)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

/* Write @dir/@name: complete and on disk, or as it was before. */
static int write_file(const char *dir, const char *name, const void *bytes, size_t size)
{
	char temp[PATH_MAX];
	char path[PATH_MAX];
	_cleanup_close_ int fd = -1;
	int err;

	if (snprintf(temp, sizeof(temp), "%s/" TEMP_PREFIX "%s", dir, name) >= PATH_MAX ||
	    snprintf(path, sizeof(path), "%s/%s", dir, name) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = SLOT_STEP("store.write", write_all(fd, bytes, size));
	if (!err)
		err = SLOT_STEP("store.sync", fsync(fd) ? -errno : 0);
	if (!err)
		err = SLOT_STEP("store.rename", rename(temp, path) ? -errno : 0);
	if (err) {
		unlink(temp);
		return err;
	}
	return SLOT_STEP("store.sync_folder", sync_dir(dir));
}

static bool is_intact(const char *path, const char *sha256)
{
	struct slot_blob there;
	bool is_same;

	if (access(path, R_OK) || slot_blob_read(path, NULL, &there))
		return false;
	is_same = !strcmp(there.sha256, sha256);
	slot_blob_free(&there);
	return is_same;
}

int slot_store_put(const struct slot_store *store, const struct slot_blob *blob,
		   struct slot_reason *why)
{
	char path[PATH_MAX];
	int err = make_path(path, store, "objects", blob->sha256, "");

	/* One that is there but damaged is written anew. */
	if (!err && is_intact(path, blob->sha256))
		return 0;
	if (!err) {
		*strrchr(path, '/') = '\0';
		err = write_file(path, blob->sha256, blob->bytes, blob->size);
	}
	return err ? slot_reason_set(why, err, "cannot keep '%s' in '%s': %s", blob->name,
				     store->dir, strerror(-err)) :
		     0;
}

int slot_store_get(const struct slot_store *store, const char *sha256, const char *name,
		   struct slot_reason *why, struct slot_blob *ret_blob)
{
	char path[PATH_MAX];
	struct slot_blob blob;
	int err = make_path(path, store, "objects", sha256, "");

	if (!err)
		err = slot_blob_read(path, why, &blob);
	if (err)
		return err;
	if (strcmp(blob.sha256, sha256) != 0) {
		slot_blob_free(&blob);
		return slot_reason_set(why, -EBADMSG,
				       "'%s' is damaged: its content does not match its name",
				       path);
	}
	snprintf(blob.name, sizeof(blob.name), "%s", name);
	*ret_blob = blob;
	return 0;
}

static void name_signature(const char *sha256, char ret_name[SIGNATURE_NAME_SIZE])
{
	snprintf(ret_name, SIGNATURE_NAME_SIZE, "%.*s" SLOT_SIGNATURE_SUFFIX, SLOT_SHA256_SIZE - 1,
		 sha256);
}

int slot_store_put_signature(const struct slot_store *store, const struct slot_blob *blob,
			     const struct slot_signing *signing, struct slot_reason *why)
{
	char name[SIGNATURE_NAME_SIZE];
	char path[PATH_MAX];
	int err = make_path(path, store, "objects", "", "");

	name_signature(blob->sha256, name);
	if (!err)
		err = write_file(path, name, signing->text, signing->size);
	return err ? slot_reason_set(why, err, "cannot keep the signature of '%s' in '%s': %s",
				     blob->name, store->dir, strerror(-err)) :
		     0;
}

int slot_store_get_signature(const struct slot_store *store, const char *sha256,
			     struct slot_reason *why, struct slot_signing *ret_signing)
{
	char name[SIGNATURE_NAME_SIZE];
	char path[PATH_MAX];
	int err;

	name_signature(sha256, name);
	err = make_path(path, store, "objects", name, "");
	return err ? err : slot_signing_read(path, why, ret_signing);
}

static bool is_temporary(const char *name)
{
	return !strncmp(name, TEMP_PREFIX, strlen(TEMP_PREFIX));
}

/* Append the text of @path to the open @all. */
static int append_file(FILE *all, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char buffer[4096];
	size_t n;

	if (!file)
		return -errno;
	while ((n = fread(buffer, 1, sizeof(buffer), file)))
		if (fwrite(buffer, 1, n, all) != n)
			return -ENOMEM;
	return ferror(file) ? -EIO : 0;
}

static int append_records(FILE *all, const struct slot_store *store, const char *interface)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	int err = make_path(path, store, "chains", interface, "");

	dir = err ? NULL : opendir(path);
	while (dir && !err && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		err = make_path(path, store, "chains", interface, entry->d_name);
		if (!err)
			err = append_file(all, path);
	}
	return err;
}

/* The text of all records, to look hashes up in. @ret_text: free. */
static int read_records(const struct slot_store *store, char **ret_text)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	char *text = NULL;
	size_t size;
	FILE *all;
	int err = make_path(path, store, "chains", "", "");

	dir = err ? NULL : opendir(path);
	all = dir ? open_memstream(&text, &size) : NULL;
	if (!all)
		return err ? err : -errno;
	while (!err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			err = append_records(all, store, entry->d_name);
	if (fclose(all) || err) {
		free(text);
		return err ? err : -ENOMEM;
	}
	*ret_text = text;
	return 0;
}

/* An object whose hash @records do not name, or the signature of one. */
static bool is_unwanted(const char *name, const char *records)
{
	char sha256[SLOT_SHA256_SIZE];
	size_t size = strlen(name);

	if (size < SLOT_SHA256_SIZE - 1 ||
	    (name[SLOT_SHA256_SIZE - 1] &&
	     strcmp(name + SLOT_SHA256_SIZE - 1, SLOT_SIGNATURE_SUFFIX) != 0))
		return false;
	snprintf(sha256, sizeof(sha256), "%s", name);
	return !strstr(records, sha256);
}

void slot_store_sweep(const struct slot_store *store)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_free_ char *records = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	/* Where not every record can be read, nothing is known to be unwanted. */
	if (make_path(path, store, "objects", "", "") || read_records(store, &records))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (is_temporary(entry->d_name) || is_unwanted(entry->d_name, records))
			SLOT_STEP("store.sweep", unlinkat(dirfd(dir), entry->d_name, 0));
	}
}

static bool is_listed(const char *name, const char *const *list, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strcmp(list[i], name))
			return true;
	return false;
}

void slot_store_sweep_records(const struct slot_store *store, const char *interface,
			      const char *const *keep, size_t count)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	if (make_path(path, store, "chains", interface, ""))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !is_listed(entry->d_name, keep, count))
			SLOT_STEP("store.sweep_record", unlinkat(dirfd(dir), entry->d_name, 0));
}

int slot_store_rename_chain(const struct slot_store *store, const char *from, const char *to)
{
	char old_path[PATH_MAX];
	char new_path[PATH_MAX];
	int err = make_path(old_path, store, "chains", from, "");

	if (!err)
		err = make_path(new_path, store, "chains", to, "");
	/* rename() replaces no folder that holds something. */
	if (!err && rename(old_path, new_path) && errno != ENOENT)
		err = -errno;
	SLOT_FAULT("store.rename_chain");
	return err;
}

int slot_store_write(const struct slot_store *store, const char *interface, const char *record,
		     const json_t *json, struct slot_reason *why)
{
	_cleanup_json_ json_t *full = json_pack("{s:i}", "format", SLOT_RECORD_FORMAT);
	_cleanup_free_ char *text = NULL;
	char path[PATH_MAX];
	int err = make_path(path, store, "chains", interface, "");

	if (full && !json_object_update(full, (json_t *)json))
		text = json_dumps(full, JSON_INDENT(1));
	if (!err && !text)
		err = -ENOMEM;
	if (!err)
		err = make_dir(path);
	if (!err)
		err = write_file(path, record, text, strlen(text));
	return err ? slot_reason_set(why, err, "cannot write the record '%s' of '%s': %s", record,
				     interface, strerror(-err)) :
		     0;
}

int slot_store_read(const struct slot_store *store, const char *interface, const char *record,
		    struct slot_reason *why, json_t **ret_json)
{
	char path[PATH_MAX];
	json_error_t error;
	json_t *json;
	int err = make_path(path, store, "chains", interface, record);

	if (err)
		return err;
	if (access(path, F_OK))
		return slot_reason_set(why, -errno, "cannot read '%s': %s", path, strerror(errno));
	json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (!json)
		return slot_reason_set(why, -EBADMSG, "'%s' is damaged: line %d: %s", path,
				       error.line, error.text);
	if (json_integer_value(json_object_get(json, "format")) > SLOT_RECORD_FORMAT) {
		json_decref(json);
		return slot_reason_set(
			why, -ENOTSUP,
			"'%s' was written by a newer slotd, in a format that this one "
			"does not know",
			path);
	}
	*ret_json = json;
	return 0;
}

int slot_store_del(const struct slot_store *store, const char *interface, const char *record)
{
	char path[PATH_MAX];
	int err = make_path(path, store, "chains", interface, record);

	if (err)
		return err;
	return SLOT_STEP("store.del", unlink(path) && errno != ENOENT ? -errno : 0);
}

bool slot_store_has_chain(const struct slot_store *store, const char *interface)
{
	char path[PATH_MAX];

	return !make_path(path, store, "chains", interface, "desired.json") && !access(path, F_OK);
}

int slot_store_list_chains(const struct slot_store *store, json_t **ret_names)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	json_t *names = json_array();
	char path[PATH_MAX];
	int err = make_path(path, store, "chains", "", "");

	dir = err ? NULL : opendir(path);
	while (dir && !err && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' &&
		    json_array_append_new(names, json_string(entry->d_name)))
			err = -ENOMEM;
	if (err) {
		json_decref(names);
		return err;
	}
	*ret_names = names;
	return 0;
}
