/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a file of checks: refused with a line and a reason that can be shown on a
 * terminal, or checks that are sorted, found, and within their bounds.
 */
#include <errno.h>
#include <string.h>

#include "programs/lb/health/lb_health_file.h"
#include "tests/fuzz/fuzz.h"

/* They become part of a URL and of a line of HTTP. */
static void check_text(const char *text)
{
	for (; *text; text++)
		require(*text > 0x20 && *text < 0x7f, "no blank and no end of line is in a text");
}

static void check_one(const struct lb_health_file *file, const struct lb_health_check *check)
{
	require(check->kind < LB_HEALTH_KINDS, "there is such a kind");
	if (check->kind == LB_HEALTH_NONE)
		return;
	require(check->fall && check->rise && check->min_up, "no number is 0");
	require(check->timeout_ms && check->timeout_ms <= check->interval_ms,
		"a probe ends before the next one");
	require(check->status_from <= check->status_to, "statuses are in order");
	require(check->path[0] == '/', "a path begins with /");
	check_text(check->path);
	check_text(check->host);
	require(check->is_default || check->port || check->vip.port, "there is a port");
	if (!check->is_default)
		require(lb_health_file_find(file, &check->vip) == check, "a check is found");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lb_health_file file = {};
	struct slot_reason why = {};

	if (lb_health_file_parse((const char *)data, size, &why, &file)) {
		require(*why.text, "a refusal says why");
		for (const char *c = why.text; *c; c++)
			require(*c >= 0x20 && *c < 0x7f, "a reason is printable");
		require(!file.checks, "a refusal returns no checks");
		return 0;
	}
	require(file.count, "there is a check");
	require(!(file.marks % LB_HEALTH_MARKS) && file.marks, "marks are a block of their own");
	require(file.probes_max && file.refresh_s, "no number is 0");
	check_text(file.lb_hc_dir);
	for (size_t i = 0; i < file.count; i++)
		check_one(&file, &file.checks[i]);
	lb_health_file_free(&file);
	return 0;
}
