/* SPDX-License-Identifier: GPL-2.0-only */
/* What slotd says: one line per event on stderr, with journal priorities when the journal reads it. */
#ifndef SLOTD_LOG_H
#define SLOTD_LOG_H

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
