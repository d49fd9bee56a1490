/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/libbpf_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

static __thread char first_warning[256];

static int keep_warning(enum libbpf_print_level level, const char *fmt, va_list args)
{
	const char *prefix = "libbpf: ";

	if (level != LIBBPF_WARN || first_warning[0])
		return 0;
	vsnprintf(first_warning, sizeof(first_warning), fmt, args);
	first_warning[strcspn(first_warning, "\n")] = '\0';
	if (!strncmp(first_warning, prefix, strlen(prefix)))
		memmove(first_warning, first_warning + strlen(prefix),
			strlen(first_warning + strlen(prefix)) + 1);
	return 0;
}

void slot_libbpf_log_start(void)
{
	first_warning[0] = '\0';
	libbpf_set_print(keep_warning);
}

const char *slot_libbpf_log_first(void)
{
	return first_warning;
}
