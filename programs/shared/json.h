/* SPDX-License-Identifier: GPL-2.0-only */
/* A command's data as one JSON document. */
#ifndef PROGRAM_JSON_H
#define PROGRAM_JSON_H

#include <jansson.h>

#include "programs/cli.h"

/*
 * program_json_print - print @data and a newline to the context's stream, and
 * release @data. NULL, which is what jansson returns for lack of memory, is
 * reported. Returns enum program_exit.
 */
int program_json_print(const struct program_context *ctx, json_t *data);

#endif
