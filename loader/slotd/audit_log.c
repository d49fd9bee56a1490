/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/audit_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/json.h"

/* So much of the end of a file holds its last line, whole. */
#define TAIL_SIZE (1U << 20)

static int refuse(const struct audit_log *log, int err, struct slot_reason *why)
{
	return slot_reason_set(why, err, "cannot write the audit log '%s': %s", log->path,
			       strerror(-err));
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? -errno : fd;
}

static off_t get_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_size;
}

/* All of @size bytes, or none of them. */
static int write_whole(int fd, const char *bytes, size_t size)
{
	off_t before = get_size(fd);
	ssize_t n = write(fd, bytes, size);
	int err = n < 0 ? -errno : -ENOSPC;

	if (n == (ssize_t)size)
		return 0;
	if (n > 0 && ftruncate(fd, before))
		return -errno;
	return err;
}

/*
 * The file's bytes from @from on, as text; NULL when that cannot be had. What a power cut left
 * as zeros ends no text.
 */
static char *read_from(int fd, off_t from, size_t *ret_size)
{
	size_t size = (size_t)(get_size(fd) - from);
	char *text = malloc(size + 1);
	size_t used = 0;
	size_t i;

	while (text && used < size) {
		ssize_t n = pread(fd, text + used, size - used, from + (off_t)used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	for (i = 0; i < used; i++)
		if (!text[i])
			text[i] = ' ';
	if (text)
		text[used] = '\0';
	*ret_size = used;
	return text;
}

static json_t *parse_line(const char *line, size_t size)
{
	json_t *json = json_loadb(line, size, 0, NULL);

	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static unsigned long long line_number(const json_t *line)
{
	return (unsigned long long)json_integer_value(json_object_get(line, "seq"));
}

/* The highest number in the last lines of the file, 0 for none. */
static unsigned long long find_last(int fd)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long last = 0;
	off_t size = get_size(fd);
	size_t used;
	char *line, *rest;

	rest = text = read_from(fd, size > TAIL_SIZE ? size - TAIL_SIZE : 0, &used);
	while ((line = strsep(&rest, "\n"))) {
		_cleanup_json_ json_t *json = parse_line(line, strlen(line));

		if (line_number(json) > last)
			last = line_number(json);
	}
	return last;
}

static void make_rotated(const struct audit_log *log, unsigned int number, char *ret_path)
{
	snprintf(ret_path, PATH_MAX, "%.*s.%u", PATH_MAX - 16, log->path, number);
}

static unsigned long long find_last_rotated(const struct audit_log *log)
{
	unsigned long long last = 0;
	char path[PATH_MAX];
	unsigned int i;

	/* An interrupted rotation leaves a gap: then the latest is not the first. */
	for (i = 1; i <= AUDIT_LOG_KEPT && !last; i++) {
		_cleanup_close_ int fd = -1;

		make_rotated(log, i, path);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		last = fd < 0 ? 0 : find_last(fd);
	}
	return last;
}

/* A line that a power cut ended in its middle must not swallow the next one. */
static int close_line(int fd)
{
	off_t size = get_size(fd);
	char last;

	if (!size || pread(fd, &last, 1, size - 1) != 1 || last == '\n')
		return 0;
	return write_whole(fd, "\n", 1);
}

static int add_interrupted(struct audit_log *log, struct slot_reason *why)
{
	_cleanup_json_ json_t *lines = json_array();
	_cleanup_free_ char *text = NULL;
	json_t *line;
	size_t size;

	text = read_from(log->pending_fd, 0, &size);
	line = text ? parse_line(text, size) : NULL;
	/* One that has its line already was only not taken back any more. */
	if (!line || line_number(line) < log->next) {
		json_decref(line);
		return ftruncate(log->pending_fd, 0) ? refuse(log, -errno, why) : 0;
	}
	json_object_set_new(line, "result", json_string("interrupted"));
	json_array_append_new(lines, line);
	return audit_log_add(log, lines, why);
}

int audit_log_open(const char *dir, struct slot_reason *why, struct audit_log *ret_log)
{
	struct audit_log log = { .fd = -1, .pending_fd = -1 };
	char pending[PATH_MAX];
	int err = 0;

	snprintf(log.path, sizeof(log.path), "%.*s/audit.log", PATH_MAX - 32, dir);
	snprintf(pending, sizeof(pending), "%.*s/audit.pending", PATH_MAX - 32, dir);
	log.fd = open_file(log.path, O_APPEND);
	log.pending_fd = log.fd < 0 ? log.fd : open_file(pending, 0);
	if (log.pending_fd < 0)
		err = log.pending_fd;
	if (!err)
		err = close_line(log.fd);
	if (err) {
		audit_log_close(&log);
		return refuse(&log, err, why);
	}
	log.next = find_last(log.fd);
	if (!log.next)
		log.next = find_last_rotated(&log);
	log.next++;
	err = add_interrupted(&log, why);
	if (err)
		audit_log_close(&log);
	else
		*ret_log = log;
	return err;
}

void audit_log_close(struct audit_log *log)
{
	if (log->fd >= 0)
		close(TAKE_FD(log->fd));
	if (log->pending_fd >= 0)
		close(TAKE_FD(log->pending_fd));
}

/* What was reserved behind the end of the old file goes with it. */
static int rotate(struct audit_log *log)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	unsigned int i;
	int err;
	int fd;

	for (i = AUDIT_LOG_KEPT; i > 1; i--) {
		make_rotated(log, i - 1, from);
		make_rotated(log, i, to);
		err = SLOT_STEP("audit.move", rename(from, to) && errno != ENOENT ? -errno : 0);
		if (err)
			return err;
	}
	make_rotated(log, 1, to);
	if (ftruncate(log->fd, get_size(log->fd)))
		return -errno;
	/* One that was interrupted right here has nothing more to rename. */
	err = SLOT_STEP("audit.rotate", rename(log->path, to) && errno != ENOENT ? -errno : 0);
	if (err)
		return err;
	fd = SLOT_STEP("audit.reopen", open_file(log->path, O_APPEND));
	if (fd < 0)
		return fd;
	close(log->fd);
	log->fd = fd;
	return 0;
}

static int reserve(const struct audit_log *log)
{
	if (!fallocate(log->fd, FALLOC_FL_KEEP_SIZE, get_size(log->fd), AUDIT_LOG_RESERVE))
		return 0;
	/* A file system that cannot promise room is asked by what is written to it alone. */
	return errno == EOPNOTSUPP ? 0 : -errno;
}

static json_t *number_line(const json_t *line, unsigned long long number)
{
	json_t *numbered = json_pack("{s:I}", "seq", (json_int_t)number);

	if (numbered && json_object_update_missing(numbered, (json_t *)line)) {
		json_decref(numbered);
		return NULL;
	}
	return numbered;
}

int audit_log_intend(struct audit_log *log, const json_t *line, struct slot_reason *why)
{
	_cleanup_json_ json_t *numbered = number_line(line, log->next);
	_cleanup_free_ char *text = numbered ? json_dumps(numbered, JSON_COMPACT) : NULL;
	int err = text ? 0 : -ENOMEM;

	if (!err && get_size(log->fd) >= AUDIT_LOG_SIZE_MAX)
		err = rotate(log);
	if (!err)
		err = reserve(log);
	if (!err && (ftruncate(log->pending_fd, 0) || lseek(log->pending_fd, 0, SEEK_SET)))
		err = -errno;
	if (!err)
		err = write_whole(log->pending_fd, text, strlen(text));
	if (!err)
		err = SLOT_STEP("audit.intend", fdatasync(log->pending_fd) ? -errno : 0);
	return err ? refuse(log, err, why) : 0;
}

/* The lines as text, each with its number. */
static char *format_lines(const struct audit_log *log, const json_t *lines)
{
	char *text = NULL;
	const json_t *line;
	size_t size;
	size_t i;
	FILE *out = open_memstream(&text, &size);
	int err = out ? 0 : -ENOMEM;

	json_array_foreach(lines, i, line) {
		_cleanup_json_ json_t *numbered = number_line(line, log->next + i);

		if (!err && (!numbered || json_dumpf(numbered, out, JSON_COMPACT)))
			err = -ENOMEM;
		if (!err)
			fputc('\n', out);
	}
	if (out && fclose(out))
		err = -ENOMEM;
	if (!err)
		return text;
	free(text);
	return NULL;
}

int audit_log_add(struct audit_log *log, const json_t *lines, struct slot_reason *why)
{
	_cleanup_free_ char *text = format_lines(log, lines);
	int err = text ? write_whole(log->fd, text, strlen(text)) : -ENOMEM;

	if (!err)
		err = SLOT_STEP("audit.add", fdatasync(log->fd) ? -errno : 0);
	if (err)
		return refuse(log, err, why);
	log->next += json_array_size(lines);
	return ftruncate(log->pending_fd, 0) ? refuse(log, -errno, why) : 0;
}

/* Add what is wanted of @text to the front of @list, which holds what came later. */
static int take_lines(char *text, struct audit_query *query, json_t *list)
{
	char *end = text + strlen(text);

	while (end > text && query->scan && json_array_size(list) < query->max) {
		char *start;
		json_t *json;

		*end = '\0';
		start = memrchr(text, '\n', (size_t)(end - text));
		json = parse_line(start ? start + 1 : text, strlen(start ? start + 1 : text));
		end = start ? start : text;
		query->scan -= json != NULL;
		if (json && query->wants(json, query->data) && json_array_insert(list, 0, json)) {
			json_decref(json);
			return -ENOMEM;
		}
		json_decref(json);
	}
	return 0;
}

int audit_log_read(const struct audit_log *log, const struct audit_query *query, json_t **ret_lines)
{
	_cleanup_json_ json_t *list = json_array();
	struct audit_query left = *query;
	char path[PATH_MAX];
	unsigned int number;
	int err = list ? 0 : -ENOMEM;

	snprintf(path, sizeof(path), "%s", log->path);
	for (number = 0; number <= AUDIT_LOG_KEPT && !err; number++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		_cleanup_free_ char *text = NULL;
		size_t size;

		if (!left.scan || json_array_size(list) >= left.max)
			break;
		make_rotated(log, number + 1, path);
		/* An interrupted rotation leaves a gap. */
		if (fd < 0)
			continue;
		text = read_from(fd, 0, &size);
		err = text ? take_lines(text, &left, list) : -ENOMEM;
	}
	if (err)
		return err;
	*ret_lines = TAKE_PTR(list);
	return 0;
}
