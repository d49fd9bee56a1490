/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/signature.h"

/* One byte more than is allowed is enough for the parsers to refuse it. */
#define READ_MAX (SLOT_SIGNATURE_SIZE_MAX + 1)

static int read_text(int fd, char *ret_text, size_t *ret_size)
{
	size_t size = 0;

	while (size < READ_MAX) {
		ssize_t n = read(fd, ret_text + size, READ_MAX - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		size += (size_t)n;
	}
	*ret_size = size;
	return 0;
}

int slot_signing_read(const char *path, struct slot_reason *why, struct slot_signing *ret_signing)
{
	/* Not blocking: a FIFO must not hang the reader before it is refused. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	size_t size;
	int err = fd < 0 || fstat(fd, &st) ? -errno : 0;

	if (!err && !S_ISREG(st.st_mode))
		return slot_reason_set(why, -EINVAL, "cannot read '%s': not a regular file", path);
	if (!err)
		text = malloc(READ_MAX);
	if (!err)
		err = text ? read_text(fd, text, &size) : -ENOMEM;
	if (err)
		return slot_reason_set(why, err, "cannot read '%s': %s", path, strerror(-err));
	*ret_signing = (struct slot_signing){ .text = TAKE_PTR(text), .size = size };
	return 0;
}

void slot_signing_free(struct slot_signing *signing)
{
	free(signing->text);
	*signing = (struct slot_signing){ 0 };
}

static int check_key_file(int fd, struct slot_reason *why)
{
	struct stat st;

	if (fstat(fd, &st))
		return slot_reason_set(why, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return slot_reason_set(why, -EACCES, "it is not a regular file");
	if (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0))
		return slot_reason_set(why, -EACCES,
				       "others than its owner may write it (mode %03o): chmod go-w",
				       (unsigned int)st.st_mode & 0777);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return slot_reason_set(why, -EACCES,
				       "it belongs to uid %u, who could exchange it: chown root",
				       st.st_uid);
	return 0;
}

static int load_key(const char *path, struct slot_reason *why, struct slot_public_key *ret_key)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int err;

	if (fd < 0)
		return slot_reason_set(why, -errno, "%s", strerror(errno));
	err = check_key_file(fd, why);
	if (err)
		return err;
	text = malloc(READ_MAX);
	err = text ? read_text(fd, text, &size) : -ENOMEM;
	if (err)
		return slot_reason_set(why, err, "%s", strerror(-err));
	return slot_public_key_parse(text, size, why, ret_key);
}

static int read_key(const char *path, struct slot_reason *why, struct slot_public_key *ret_key)
{
	if (load_key(path, why, ret_key))
		return slot_reason_prefix(why, -EACCES, "cannot use the public key '%s': ", path);
	return 0;
}

int slot_signing_check_key(const char *key_path, struct slot_reason *why)
{
	struct slot_public_key key;

	return read_key(key_path, why, &key);
}

int slot_signing_check(const struct slot_signing *signing, const struct slot_blob *blob,
		       const char *key_path, struct slot_reason *why)
{
	struct slot_signature signature;
	struct slot_public_key key;

	if (read_key(key_path, why, &key))
		return -EACCES;
	if (slot_signature_parse(signing->text, signing->size, why, &signature) ||
	    slot_signature_check(&signature, &key, key_path, blob->bytes, blob->size, why))
		return slot_reason_prefix(why, -EACCES,
					  "the signature of '%s' is refused: ", blob->name);
	return 0;
}
