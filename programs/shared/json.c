/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/shared/json.h"

int program_json_print(const struct program_context *ctx, json_t *data)
{
	int err = data ? json_dumpf(data, ctx->out, JSON_INDENT(2)) : -1;

	json_decref(data);
	if (err || fputc('\n', ctx->out) == EOF) {
		fprintf(stderr, "cannot print the answer\n");
		return PROGRAM_FAILED;
	}
	return PROGRAM_OK;
}
