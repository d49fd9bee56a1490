/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/lib/base/cleanup.h"
#include "loader/lib/engine/verify.h"
#include "loader/lib/registry/object_json.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/progress.h"
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/view.h"

static json_t *list_maps(const struct slot_verify_report *report)
{
	json_t *maps = json_array();

	for (unsigned int i = 0; i < report->map_count; i++) {
		const struct slot_verify_map *map = &report->maps[i];

		json_array_append_new(maps, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I}", "name",
						      map->name, "type", map->type, "key_size",
						      (json_int_t)map->key_size, "value_size",
						      (json_int_t)map->value_size, "max_entries",
						      (json_int_t)map->max_entries, "memory",
						      (json_int_t)map->memory));
	}
	return maps;
}

static json_t *list_helpers(const struct slot_verify_report *report)
{
	json_t *helpers = json_array();

	for (unsigned int i = 0; i < report->helpers.count; i++)
		json_array_append_new(helpers, json_string(report->helpers.items[i].name));
	return helpers;
}

/* What `helpers` of a reservation would have to grant, each class once. */
static json_t *list_classes(const struct slot_verify_report *report)
{
	json_t *classes = json_array();
	__u32 needed = 0;

	for (unsigned int i = 0; i < report->helpers.count; i++)
		needed |= 1U << report->helpers.items[i].kind;
	for (int kind = SLOT_HELPER_BASIC + 1; kind < SLOT_HELPER_CLASSES; kind++)
		if (needed & 1U << kind)
			json_array_append_new(classes, json_string(slot_helper_class_name(kind)));
	return classes;
}

static json_t *list_functions(const struct slot_verify_report *report)
{
	json_t *functions = json_array();

	for (unsigned int i = 0; i < report->function_count; i++)
		json_array_append_new(functions, json_string(report->functions[i]));
	return functions;
}

static json_t *describe_engine(const char *name, bool is_ok, const struct slot_reason *reason)
{
	return is_ok ? json_pack("{s:s, s:b}", "engine", name, "ok", 1) :
		       json_pack("{s:s, s:b, s:s}", "engine", name, "ok", 0, "reason",
				 reason->text);
}

static json_t *describe_report(const struct slot_verify_report *report)
{
	const struct slot_manifest *manifest = &report->manifest;
	json_t *json = json_pack(
		"{s:s, s:s, s:b, s:s, s:I, s:s, s:o, s:s, s:I, s:I, s:I, s:b, s:o, s:I, s:o, s:o, s:[o, o]}",
		"name", manifest->name, "version", manifest->version, "manifest",
		(int)manifest->present, "hook", report->hook, "map_abi",
		(json_int_t)manifest->map_abi, "entry", report->entry, "functions",
		list_functions(report), "sha256", report->sha256, "insns",
		(json_int_t)report->insns, "verified_insns", (json_int_t)report->verified_insns,
		"jited_bytes", (json_int_t)report->jited_bytes, "frags", (int)report->has_frags,
		"maps", list_maps(report), "map_memory", (json_int_t)report->map_memory, "helpers",
		list_helpers(report), "helper_classes", list_classes(report), "engines",
		describe_engine("freplace", report->freplace_ok, &report->freplace_reason),
		describe_engine("fused", report->fused_ok, &report->fused_reason));

	if (json && manifest->migrate[0])
		json_object_set_new(json, "migrate", json_string(manifest->migrate));
	if (json && report->run.present)
		json_object_set_new(json, "run_config", slot_run_config_to_json(&report->run));
	return json;
}

int cmd_verify(struct slot_ctl *ctl, int argc, char **argv)
{
	_cleanup_free_ struct slot_verify_report *report = calloc(1, sizeof(*report));
	struct slot_progress progress;
	json_auto_t *json = NULL;
	int err;

	if (!report)
		return -ENOMEM;
	slot_progress_open(&progress, "verifying");
	err = slot_verify(argv[0], argc > 1 ? argv[1] : "", &ctl->failure.why, report);
	slot_progress_close(&progress);
	if (err)
		return err;
	json = describe_report(report);
	if (!json)
		return -ENOMEM;
	if (ctl->json)
		slot_ctl_print_json(ctl, json);
	else
		err = slot_view_verify(json, &ctl->look, stdout);
	if (err || report->freplace_ok || report->fused_ok)
		return err;
	return slot_reason_set(&ctl->failure.why, -ENOTSUP,
			       "'%s' passes the verifier, but no engine can run it here", argv[0]);
}
