/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/config_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"

static bool has_interface(const char *name, void *data)
{
	(void)data;
	return !strncmp(name, "eth", 3);
}

static bool has_owner(const char *owner, void *data)
{
	(void)data;
	return !strcmp(owner, "root") || !strcmp(owner, "netsec") || !strcmp(owner, "@lb");
}

static bool has_object(const char *path, void *data)
{
	(void)data;
	return !strstr(path, "missing");
}

const struct slot_config_world config_case_world = {
	.has_interface = has_interface,
	.has_owner = has_owner,
	.has_object = has_object,
};

struct slot_config config_case_good(const char *text)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	struct slot_config config = { 0 };
	int err = slot_config_parse("slots.conf", text, strlen(text), &config_case_world, &errors,
				    &config);

	for (size_t i = 0; i < errors.count; i++)
		printf("# %s\n", errors.lines[i]);
	assert_int_equal(err, 0);
	return config;
}

char *config_case_bad(const char *text, size_t len, int expected)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	struct slot_config config = { 0 };
	char *joined = NULL;
	size_t size;
	FILE *out;

	assert_int_equal(slot_config_parse("slots.conf", text, len, &config_case_world, &errors,
					   &config),
			 expected);
	assert_null(config.chains);
	out = open_memstream(&joined, &size);
	assert_non_null(out);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(out, "%s\n", errors.lines[i]);
	fclose(out);
	return joined;
}
