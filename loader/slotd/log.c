/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <systemd/sd-daemon.h>

static void write_line(const char *priority, const char *fmt, va_list args)
{
	char line[4096];

	vsnprintf(line, sizeof(line), fmt, args);
	fprintf(stderr, "%s%s\n", getenv("JOURNAL_STREAM") ? priority : "slotd: ", line);
}

#define DEFINE_LOG(name, priority)                                                                 \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, fmt);                                                               \
		write_line(priority, fmt, args);                                                   \
		va_end(args);                                                                      \
	}

DEFINE_LOG(log_info, SD_INFO)
DEFINE_LOG(log_warning, SD_WARNING)
DEFINE_LOG(log_error, SD_ERR)
