/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb dump, restore and import-katran; server-id, source and tunnel. */
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/model/lb_file.h"
#include "programs/shared/file.h"
#include "programs/shared/id.h"
#include "programs/shared/json.h"

/* A million source prefixes at some 100 bytes are half of it. */
#define FILE_SIZE_MAX (256U << 20)

static int edit_from_file(struct lb_model *model, const char *path, struct slot_reason *why,
			  int (*parse)(const char *, size_t, struct lb_model *,
				       struct slot_reason *))
{
	_cleanup_free_ char *text = NULL;
	size_t len = 0;
	int err = program_file_read(path, FILE_SIZE_MAX, why, &text, &len);

	if (err)
		return err;
	err = parse(text, len, model, why);
	return err ? slot_reason_prefix(why, err, "%s: ", path) : 0;
}

int lb_cli_load(const char *path, struct lb_model *model, struct slot_reason *why)
{
	return edit_from_file(model, path, why, lb_file_parse);
}

static int restore(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	return lb_cli_load(argv[0], &lb->model, why);
}

static int import_katran(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	return edit_from_file(&lb->model, argv[0], why, lb_katran_parse);
}

int lb_cmd_restore(const struct program_context *ctx, int argc, char **argv)
{
	return argc == 1 ? lb_cli_change(ctx, restore, argc, argv) : PROGRAM_USAGE;
}

int lb_cmd_import(const struct program_context *ctx, int argc, char **argv)
{
	return argc == 1 ? lb_cli_change(ctx, import_katran, argc, argv) : PROGRAM_USAGE;
}

int lb_cmd_dump(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (lb_open(ctx->map_dir, false, &why, &lb))
		return program_fail(&why);
	return program_json_print(ctx, lb_file_format(&lb.model));
}

static int add_id(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_host host;
	__u32 id = 0;
	int err = program_id_parse(argv[0], why, &id);

	(void)argc;
	if (!err)
		err = lb_address_parse(argv[1], why, &host);
	return err ? err : lb_server_id_add(&lb->model, id, &host, why);
}

static int del_id(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	__u32 id = 0;
	int err = program_id_parse(argv[0], why, &id);

	(void)argc;
	return err ? err : lb_server_id_del(&lb->model, id, why);
}

static int add_source(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_prefix prefix;
	struct lb_host host;
	int err = lb_prefix_parse(argv[0], why, &prefix);

	(void)argc;
	if (!err)
		err = lb_address_parse(argv[1], why, &host);
	return err ? err : lb_source_add(&lb->model, &prefix, &host, why);
}

static int del_source(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_prefix prefix;
	int err = lb_prefix_parse(argv[0], why, &prefix);

	(void)argc;
	return err ? err : lb_source_del(&lb->model, &prefix, why);
}

static int add_tunnel(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_host host;
	int err = lb_address_parse(argv[0], why, &host);

	(void)argc;
	return err ? err : lb_tunnel_add(&lb->model, &host, why);
}

static int del_tunnel(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	struct lb_host host;
	int err = lb_address_parse(argv[0], why, &host);

	(void)argc;
	return err ? err : lb_tunnel_del(&lb->model, &host, why);
}

static void print_link(FILE *out, const char *what, const struct lb_real *real)
{
	struct lb_host host = lb_model_host(real);
	char text[LB_WORDS_MAX];

	lb_address_format(&host, text);
	fprintf(out, "%-43s  %s\n", what, text);
}

static void print_ids(FILE *out, const struct lb_model *model)
{
	char text[16];

	for (size_t i = 0; i < model->id_count; i++) {
		snprintf(text, sizeof(text), "%u", model->ids[i].id);
		print_link(out, text, &model->reals[model->ids[i].real]);
	}
}

static void print_sources(FILE *out, const struct lb_model *model)
{
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->source_count; i++) {
		lb_prefix_format(&model->sources[i].prefix, text);
		print_link(out, text, &model->reals[model->sources[i].real]);
	}
}

static void print_tunnels(FILE *out, const struct lb_model *model)
{
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->tunnel_count; i++) {
		lb_address_format(&model->tunnels[i], text);
		fprintf(out, "%s\n", text);
	}
}

/* @member of the dump, or its lines. */
static int list_member(const struct program_context *ctx, const char *member,
		       void (*print)(FILE *, const struct lb_model *))
{
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct slot_reason why;
	json_t *whole, *list;

	if (lb_open(ctx->map_dir, false, &why, &lb))
		return program_fail(&why);
	if (!ctx->json) {
		print(ctx->out, &lb.model);
		return PROGRAM_OK;
	}
	whole = lb_file_format(&lb.model);
	list = json_pack("{s:O?}", member, json_object_get(whole, member));
	json_decref(whole);
	return program_json_print(ctx, list);
}

/* add with @add_args words, del with one, list. */
static int run_list_command(const struct program_context *ctx, const lb_cli_edit edits[2],
			    int add_args, int argc, char **argv)
{
	if (argc == add_args + 1 && !strcmp(argv[0], "add"))
		return lb_cli_change(ctx, edits[0], argc - 1, argv + 1);
	if (argc == 2 && !strcmp(argv[0], "del"))
		return lb_cli_change(ctx, edits[1], argc - 1, argv + 1);
	return PROGRAM_USAGE;
}

int lb_cmd_server_id(const struct program_context *ctx, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_member(ctx, "server_ids", print_ids);
	return run_list_command(ctx, (const lb_cli_edit[]){ add_id, del_id }, 2, argc, argv);
}

int lb_cmd_source(const struct program_context *ctx, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_member(ctx, "sources", print_sources);
	return run_list_command(ctx, (const lb_cli_edit[]){ add_source, del_source }, 2, argc,
				argv);
}

int lb_cmd_tunnel(const struct program_context *ctx, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "list"))
		return list_member(ctx, "tunnels", print_tunnels);
	return run_list_command(ctx, (const lb_cli_edit[]){ add_tunnel, del_tunnel }, 1, argc,
				argv);
}
