/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/limits.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/pairs.h"
#include "loader/slotctl/view.h"

static void add_program(struct slot_table *table, const json_t *slot)
{
	if (!json_object_get(slot, "program")) {
		slot_pairs_add(table, "program", "none: nothing is deployed");
		return;
	}
	slot_pairs_add(table, "program", "%s %s", slot_answer_text(slot, "program"),
		       slot_answer_text(slot, "version"));
	if (slot_answer_is_true(slot, "adopted")) {
		slot_pairs_add(table, "object", "none: adopted from libxdp as a loaded program");
		return;
	}
	slot_pairs_add_text(table, slot, "sha256");
	slot_pairs_add(table, "object", "%s",
		       slot_answer_is_true(slot, "deployed") ?
			       "deployed, in place of slots.conf's" :
			       "as slots.conf says");
}

static void add_version(struct slot_table *table, const json_t *slot, const char *key)
{
	const json_t *object = json_object_get(slot, key);
	const char *gets = json_string_value(json_object_get(object, "gets"));

	if (object)
		slot_pairs_add(table, key, "%s %s (%.8s)%s%s", slot_answer_text(object, "program"),
			       slot_answer_text(object, "version"),
			       slot_answer_text(object, "sha256"), gets ? ", gets " : "",
			       gets ? gets : "");
}

static void add_watch(struct slot_table *table, const json_t *slot)
{
	const json_t *watch = json_object_get(slot, "watch");
	char seen[SLOT_COUNT_SIZE], left[SLOT_COUNT_SIZE];

	if (watch)
		slot_pairs_add(table, "watch", "the %s, %s s to go, %s packets so far",
			       slot_answer_is_true(watch, "canary") ? "canary" : "new version",
			       slot_answer_count(watch, "left", left),
			       slot_answer_count(watch, "seen", seen));
}

static void add_settings(struct slot_table *table, const json_t *settings)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)settings, key, value)
		slot_pairs_add(table, "setting", "%s = %s", key,
			       json_is_string(value) ? json_string_value(value) : "-");
}

static void add_map_memory(struct slot_table *table, const json_t *slot, const json_t *bound)
{
	char used[SLOT_SIZE_TEXT_MAX];
	char granted[SLOT_SIZE_TEXT_MAX];

	slot_size_format((__u64)json_integer_value(json_object_get(slot, "map_memory")), used);
	slot_size_format((__u64)json_integer_value(bound), granted);
	slot_pairs_add(table, "map_memory", "%s%s%s", used, bound ? " of " : "",
		       bound ? granted : "");
}

static int add_limits(struct slot_table *table, const json_t *slot)
{
	const json_t *limits = json_object_get(slot, "limits");
	const json_t *key = json_object_get(limits, "require_signature");
	int err = 0;

	if (json_object_get(limits, "helpers"))
		err = slot_pairs_add_list(table, limits, "helpers");
	if (json_object_get(limits, "maps_of"))
		slot_pairs_add_text(table, limits, "maps_of");
	add_map_memory(table, slot, json_object_get(limits, "map_memory"));
	if (json_is_string(key))
		slot_pairs_add(table, "signature", "by %s", json_string_value(key));
	return err;
}

static void add_packets(struct slot_table *table, const json_t *packets)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)packets, key, value)
		slot_pairs_add_count(table, packets, key);
}

static int add_reservation(struct slot_table *table, const json_t *slot)
{
	int err;

	slot_pairs_add_text(table, slot, "name");
	slot_pairs_add_text(table, slot, "owner");
	add_program(table, slot);
	add_version(table, slot, "canary");
	add_version(table, slot, "former");
	add_watch(table, slot);
	err = slot_pairs_add_run_config(table, slot);
	if (!err)
		err = slot_pairs_add_list(table, slot, "continue_on");
	if (!err)
		err = slot_pairs_add_list(table, slot, "allow");
	if (err)
		return err;
	slot_pairs_add_text(table, slot, "denied_as");
	err = add_limits(table, slot);
	if (err)
		return err;
	add_settings(table, json_object_get(slot, "settings"));
	slot_pairs_add_text(table, slot, "map_dir");
	add_packets(table, json_object_get(slot, "packets"));
	return 0;
}

int slot_view_slot(const json_t *slot, const struct slot_look *look, FILE *out)
{
	_cleanup_(slot_table_cleanup) struct slot_table *table = NULL;
	int err;

	err = slot_pairs_new(&table);
	if (err)
		return err;
	slot_pairs_add(table, "chain", "%s", slot_answer_text(slot, "interface"));
	slot_pairs_add_count(table, slot, "slot");
	slot_pairs_add(table, "state", "%s", slot_view_state(slot));
	if (slot_answer_is_true(slot, "reserved"))
		err = add_reservation(table, slot);
	if (!err)
		err = slot_table_print(table, look, out);
	return err ? err : slot_pairs_print_maps(slot, look, out);
}
