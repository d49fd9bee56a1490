/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as the JSON of a deploy: a refusal says why, and what is taken keeps its bounds. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/deploy.h"
#include "tests/fuzz/fuzz.h"

static void check_names(char *const *names, size_t count)
{
	require(count <= SLOT_ORDER_MAPS_MAX, "lists of maps are bounded");
	for (size_t i = 0; i < count; i++)
		require(*names[i] && !strchr(names[i], '/'), "a map's name is no path");
}

static void check_order(const struct slot_order *order)
{
	const struct slot_canary *canary = &order->canary;

	require(order->slot < ROOT_SLOTS, "a slot is one of the chain");
	require(*order->name && !strchr(order->name, '/'), "a file's name is no path");
	if (canary->present)
		require(canary->cpus ? !canary->share_ppm :
				       canary->share_ppm && canary->share_ppm < SLOT_SHARE_PPM_MAX,
			"a canary gets some packets, but not all flows");
	check_names(order->maps.reset, order->maps.reset_count);
	check_names(order->maps.migrate, order->maps.migrate_count);
}

static void check_deploy(const struct slot_deploy *deploy)
{
	require(deploy->order_count && deploy->order_count <= ROOT_SLOTS, "there are orders");
	require((size_t)__builtin_popcount(slot_deploy_slots(deploy)) == deploy->order_count,
		"each slot is there once");
	for (size_t i = 0; i < deploy->order_count; i++)
		check_order(&deploy->orders[i]);
	if (!deploy->has_watch)
		return;
	require(deploy->watch.seconds && deploy->watch.seconds <= SLOT_WATCH_SECONDS_MAX,
		"a watch has an end");
	require(deploy->watch.has_drop || deploy->watch.has_abort, "a watch has terms");
	require(deploy->watch.max_drop_ppm <= SLOT_SHARE_PPM_MAX, "a ratio is at most 1");
}

/* The same bytes as the query of an apply. */
static void check_query(const uint8_t *data, size_t size)
{
	struct slot_map_orders maps[ROOT_SLOTS] = { 0 };
	char *text = strndup((const char *)data, size);
	struct slot_reason why = { "" };
	size_t count = 0;
	int err;

	require(text, "there is memory");
	err = slot_map_resets_parse(text, &why, maps);
	require(!err || (err == -EINVAL && why.text[0]), "a refusal says why");
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		check_names(maps[slot].reset, maps[slot].reset_count);
		count += maps[slot].reset_count;
		slot_map_orders_free(&maps[slot]);
	}
	require(err || count, "what is taken names maps");
	require(count <= SLOT_ORDER_MAPS_MAX, "and no more than a deploy");
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_reason why = { "" };
	struct slot_deploy deploy;
	int err = slot_deploy_parse((const char *)data, size, &why, &deploy);

	check_query(data, size);
	if (err) {
		require(err == -EINVAL, "a refusal is -EINVAL");
		require(why.text[0], "a refusal says why");
		return 0;
	}
	check_deploy(&deploy);
	slot_deploy_free(&deploy);
	return 0;
}
