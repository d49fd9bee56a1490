/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb ring: how a VIP's ring is shared, and what a change would move. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/maps/lb_pages.h"
#include "programs/shared/json.h"

/* By index; 0: no real. */
struct share {
	__u32 now;
	__u32 next;
	__u32 lost; /* positions that are another's next */
};

struct shares {
	struct share *items; /* LB_REAL_INDEXES */
	bool has_next;
	__u32 moved;
};

static void free_model(struct lb_model *model)
{
	lb_model_free(model);
}

static int count_now(const struct lb *lb, __u32 number, struct lb_pages *pages,
		     struct shares *shares, struct slot_reason *why)
{
	int err = lb_pages_read(&lb->maps, number, lb->current.vips[number].ring, why, pages);

	for (__u32 i = 0; !err && i < LB_RING_SIZE; i++) {
		pages->entries[i] &= LB_ENTRY_REAL;
		if (pages->entries[i] >= LB_REAL_INDEXES)
			pages->entries[i] = 0;
		shares->items[pages->entries[i]].now++;
	}
	return err;
}

/* Against the VIP of the same name in @model, if it is there. */
static int count_next(const struct lb_model *model, const struct lb_vip_name *name,
		      const struct lb_pages *pages, struct shares *shares, struct slot_reason *why)
{
	_cleanup_free_ __u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring));
	const struct lb_model_vip *vip = lb_model_vip_find(model, name);
	int err = ring ? 0 : slot_reason_set(why, -ENOMEM, "out of memory");

	if (!err && vip)
		err = lb_pages_build(model, vip, why, ring);
	for (__u32 i = 0; !err && i < LB_RING_SIZE; i++) {
		bool is_moved = ring[i] != pages->entries[i];

		shares->items[ring[i]].next++;
		shares->items[pages->entries[i]].lost += is_moved;
		shares->moved += is_moved;
	}
	shares->has_next = true;
	return err;
}

static int count_shares(const struct lb *lb, const struct lb_vip_name *name, struct lb_model *next,
			struct shares *shares, struct slot_reason *why)
{
	_cleanup_free_ struct lb_pages *pages = calloc(1, sizeof(*pages));
	struct lb_model_vip *vip = NULL;
	int err = lb_vip_get(&lb->current, name, why, &vip);

	if (err)
		return err;
	if (!pages)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = count_now(lb, (__u32)(vip - lb->current.vips), pages, shares, why);
	return err || !next->vips ? err : count_next(next, name, pages, shares, why);
}

static void name_real(const struct lb_model *model, __u32 index, char ret_text[LB_WORDS_MAX])
{
	struct lb_host host = lb_model_host(&model->reals[index]);

	strcpy(ret_text, "-");
	if (index)
		lb_address_format(&host, ret_text);
}

static void print_shares(FILE *out, const struct lb_model *model, const struct shares *shares)
{
	char name[LB_WORDS_MAX];

	fprintf(out, "%-39s  %9s  %7s", "real", "positions", "share");
	fputs(shares->has_next ? "       next     lost   gained\n" : "\n", out);
	for (__u32 i = 0; i < LB_REAL_INDEXES; i++) {
		const struct share *share = &shares->items[i];

		if (!share->now && !share->next)
			continue;
		name_real(model, i, name);
		fprintf(out, "%-39s  %9u  %6.2f%%", name, share->now,
			100.0 * share->now / LB_RING_SIZE);
		if (shares->has_next)
			fprintf(out, "  %9u  %7u  %7u", share->next, share->lost,
				share->next + share->lost - share->now);
		fputc('\n', out);
	}
	if (shares->has_next)
		fprintf(out, "%u of %u positions would move (%.2f%%)\n", shares->moved,
			LB_RING_SIZE, 100.0 * shares->moved / LB_RING_SIZE);
}

static json_t *shares_to_json(const struct lb_model *model, const struct shares *shares)
{
	json_t *list = json_array(), *data;
	char name[LB_WORDS_MAX];

	for (__u32 i = 0; i < LB_REAL_INDEXES; i++) {
		const struct share *share = &shares->items[i];
		json_t *item;

		if (!share->now && !share->next)
			continue;
		name_real(model, i, name);
		item = json_pack("{s:s, s:I}", "real", name, "positions", (json_int_t)share->now);
		if (shares->has_next) {
			json_object_set_new(item, "next", json_integer(share->next));
			json_object_set_new(item, "lost", json_integer(share->lost));
		}
		json_array_append_new(list, item);
	}
	data = json_pack("{s:i, s:o}", "size", LB_RING_SIZE, "reals", list);
	if (shares->has_next)
		json_object_set_new(data, "moved", json_integer(shares->moved));
	return data;
}

static int show_ring(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(free_model) struct lb_model next = {};
	_cleanup_(lb_close) struct lb lb = LB_CLOSED;
	struct shares shares = {};
	_cleanup_free_ struct share *items = calloc(LB_REAL_INDEXES, sizeof(*items));
	struct lb_vip_name name;
	struct slot_reason why = { "out of memory" };
	int err;

	if (argc != 1)
		return PROGRAM_USAGE;
	shares.items = items;
	if (!items || lb_vip_name_parse(argv[0], &why, &name) ||
	    lb_open(ctx->map_dir, false, &why, &lb))
		return program_fail(&why);
	err = ctx->diff ? lb_model_copy(&lb.current, &next) : 0;
	if (!err && ctx->diff)
		err = lb_cli_load(ctx->diff, &next, &why);
	if (!err)
		err = count_shares(&lb, &name, &next, &shares, &why);
	if (err)
		return program_fail(&why);
	if (ctx->json)
		return program_json_print(ctx, shares_to_json(next.reals ? &next : &lb.current,
							      &shares));
	print_shares(ctx->out, next.reals ? &next : &lb.current, &shares);
	return PROGRAM_OK;
}

static int refresh(struct lb *lb, int argc, char **argv, struct slot_reason *why)
{
	(void)argc;
	(void)argv;
	(void)why;
	lb_refresh(lb);
	return 0;
}

int lb_cmd_ring(const struct program_context *ctx, int argc, char **argv)
{
	if (argc == 1 && !strcmp(argv[0], "refresh"))
		return lb_cli_change(ctx, refresh, 0, NULL);
	if (argc > 1 && !strcmp(argv[0], "show"))
		return show_ring(ctx, argc - 1, argv + 1);
	return PROGRAM_USAGE;
}
