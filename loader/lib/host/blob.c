/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/host/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sodium.h>

#include "loader/lib/base/cleanup.h"

static void hash_blob(struct slot_blob *blob)
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, blob->bytes, blob->size);
	sodium_bin2hex(blob->sha256, sizeof(blob->sha256), hash, sizeof(hash));
}

static void name_blob(struct slot_blob *blob, const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(blob->name, sizeof(blob->name), "%s", slash ? slash + 1 : path);
}

static int read_exactly(int fd, void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, (char *)bytes + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		done += (size_t)n;
	}
	return 0;
}

int slot_blob_read(const char *path, struct slot_reason *why, struct slot_blob *ret_blob)
{
	/* Not blocking: a FIFO must not hang the reader before it is refused. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	_cleanup_free_ void *bytes = NULL;
	struct slot_blob blob = { 0 };
	struct stat st;
	int err;

	if (fd < 0 || fstat(fd, &st))
		return slot_reason_set(why, -errno, "cannot read '%s': %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return slot_reason_set(why, -EINVAL, "cannot read '%s': not a regular file", path);
	if (st.st_size > SLOT_BLOB_SIZE_MAX)
		return slot_reason_set(why, -EFBIG,
				       "cannot read '%s': %lld bytes, an object may have %u", path,
				       (long long)st.st_size, SLOT_BLOB_SIZE_MAX);
	bytes = malloc((size_t)st.st_size + 1);
	if (!bytes)
		return slot_reason_set(why, -ENOMEM, "cannot read '%s': out of memory", path);
	err = read_exactly(fd, bytes, (size_t)st.st_size);
	if (err)
		return slot_reason_set(why, err, "cannot read '%s': %s", path, strerror(-err));
	blob.bytes = TAKE_PTR(bytes);
	blob.size = (size_t)st.st_size;
	name_blob(&blob, path);
	hash_blob(&blob);
	*ret_blob = blob;
	return 0;
}

int slot_blob_copy(const void *bytes, size_t size, const char *name, struct slot_blob *ret_blob)
{
	struct slot_blob blob = { .size = size };

	if (size > SLOT_BLOB_SIZE_MAX)
		return -EFBIG;
	blob.bytes = malloc(size + 1);
	if (!blob.bytes)
		return -ENOMEM;
	memcpy(blob.bytes, bytes, size);
	name_blob(&blob, name);
	hash_blob(&blob);
	*ret_blob = blob;
	return 0;
}

void slot_blob_free(struct slot_blob *blob)
{
	free(blob->bytes);
	*blob = (struct slot_blob){ 0 };
}
