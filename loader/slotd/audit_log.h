/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The audit log as a file: one JSON object a line, only ever appended to.
 *
 *	<state>/audit.log        mode 0600; what follows as long as it is under AUDIT_LOG_SIZE_MAX
 *	<state>/audit.log.1..4   what came before, newest first
 *	<state>/audit.pending    what is being done at the moment, empty otherwise
 *
 * A change is written to audit.pending before it begins and to audit.log when it
 * has ended, so that one that a kill or a power cut interrupts is in the log all
 * the same: the next start finds it pending. Each line has a number, `seq`, one
 * more than the line before: what is taken out of the log leaves a gap.
 */
#ifndef SLOTD_AUDIT_LOG_H
#define SLOTD_AUDIT_LOG_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "loader/lib/base/reason.h"

#define AUDIT_LOG_SIZE_MAX (8U << 20)
#define AUDIT_LOG_KEPT 4
/* Room that is made sure of before a change begins; the lines of one are some kilobytes. */
#define AUDIT_LOG_RESERVE (256U << 10)

struct audit_log {
	char path[PATH_MAX];
	int fd;
	int pending_fd;
	unsigned long long next; /* number of the next line */
};

/*
 * audit_log_open - the log in the folder @dir, made when absent. A last line that
 * was cut short gets its end, and what was pending is added as interrupted.
 * Returns 0 or -errno, says why. @ret_log: audit_log_close.
 */
int audit_log_open(const char *dir, struct slot_reason *why, struct audit_log *ret_log);
void audit_log_close(struct audit_log *log);

/*
 * audit_log_intend - keep @line for the case that what it tells of is interrupted, and
 * make sure that there is room for how it ends. The log is rotated here where it
 * is due. Returns 0 or -errno, says why.
 */
int audit_log_intend(struct audit_log *log, const json_t *line, struct slot_reason *why);

/*
 * audit_log_add - append the objects of the array @lines, numbered, in one write,
 * and sync; nothing is intended any more then. Whole or not at all: returns 0 or -errno, says why.
 */
int audit_log_add(struct audit_log *log, const json_t *lines, struct slot_reason *why);

/* What is looked for. */
struct audit_query {
	bool (*wants)(const json_t *line, void *data);
	void *data;
	size_t max;  /* lines to find */
	size_t scan; /* lines to look at, so that no one keeps slotd busy with a long log */
};

/*
 * audit_log_read - the latest lines that @query asks for, oldest first, as a new array in
 * @ret_lines. Reads the rotated files as far as it has to. Returns 0 or -errno.
 */
int audit_log_read(const struct audit_log *log, const struct audit_query *query,
		   json_t **ret_lines);

#endif
