/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/plan.h"

#include <stdio.h>
#include <string.h>

#include "loader/lib/config/verdict.h"
#include "loader/lib/registry/canary.h"

#define OBJECT_TEXT_MAX (2 * SLOT_NAME_MAX + 16)
#define MASK_TEXT_MAX 40

static const char *const action_names[SLOT_ACTION_COUNT] = {
	[SLOT_ACTION_LOAD] = "load",	 [SLOT_ACTION_REPLACE] = "replace",
	[SLOT_ACTION_RELINK] = "relink", [SLOT_ACTION_UNLINK] = "unlink",
	[SLOT_ACTION_CANARY] = "canary", [SLOT_ACTION_KEEP] = "keep",
};

const char *slot_action_name(enum slot_action action)
{
	return action < SLOT_ACTION_COUNT ? action_names[action] : "?";
}

/* "firewall 1.0.0 (ab12cd34)" */
static void format_id(const struct slot_object_id *object, char ret[OBJECT_TEXT_MAX])
{
	if (object->is_adopted)
		snprintf(ret, OBJECT_TEXT_MAX, "%s (adopted, tag %s)", object->name,
			 object->version);
	else
		snprintf(ret, OBJECT_TEXT_MAX, "%s %s (%.8s)", object->name, object->version,
			 object->sha256);
}

static void format_object(const struct slot_state *slot, char ret[OBJECT_TEXT_MAX])
{
	format_id(&slot->object, ret);
}

static bool is_same_object(const struct slot_state *a, const struct slot_state *b)
{
	return !strcmp(a->object.sha256, b->object.sha256);
}

/* The name counts too: a program's maps are pinned under it. */
static bool is_same_program(const struct slot_state *a, const struct slot_state *b)
{
	return is_same_object(a, b) && !strcmp(a->name, b->name) &&
	       !strcmp(a->program, b->program) &&
	       slot_settings_is_equal(&a->settings, &b->settings);
}

static bool is_same_rules(const struct root_rules *a, const struct root_rules *b)
{
	return a->continue_on == b->continue_on && a->allow == b->allow &&
	       a->denied_as == b->denied_as;
}

static bool is_same_terms(const struct slot_state *a, const struct slot_state *b)
{
	return is_same_rules(&a->rules, &b->rules) && a->has_continue_on == b->has_continue_on &&
	       slot_limits_is_equal(&a->limits, &b->limits) && !strcmp(a->owner, b->owner);
}

static enum slot_action choose_action(const struct slot_state *before,
				      const struct slot_state *after)
{
	if (!slot_state_is_running(before))
		return SLOT_ACTION_LOAD;
	if (!slot_state_is_running(after))
		return SLOT_ACTION_UNLINK;
	if (!is_same_program(before, after))
		return SLOT_ACTION_REPLACE;
	if (!is_same_terms(before, after))
		return SLOT_ACTION_RELINK;
	return slot_canary_is_equal(&before->canary, &after->canary) ? SLOT_ACTION_KEEP :
								       SLOT_ACTION_CANARY;
}

static void format_replace(const struct slot_state *before, const struct slot_state *after,
			   struct slot_step *step)
{
	char old_text[OBJECT_TEXT_MAX];
	char new_text[OBJECT_TEXT_MAX];

	format_object(before, old_text);
	format_object(after, new_text);
	if (!is_same_object(before, after))
		snprintf(step->text, sizeof(step->text), "replace %s by %s", old_text, new_text);
	else if (strcmp(before->program, after->program) != 0 && after->program[0])
		snprintf(step->text, sizeof(step->text), "replace %s: runs '%s' from now on",
			 old_text, after->program);
	else if (strcmp(before->program, after->program) != 0)
		snprintf(step->text, sizeof(step->text),
			 "replace %s: runs the object's own choice from now on", old_text);
	else if (strcmp(before->name, after->name) != 0)
		snprintf(step->text, sizeof(step->text), "replace %s: '%s' is now called '%s'",
			 old_text, before->name, after->name);
	else
		snprintf(step->text, sizeof(step->text), "replace %s: other settings", old_text);
}

/* The first of the limits that differ. */
static void format_limits(const struct slot_limits *before, const struct slot_limits *after,
			  const char *object, struct slot_step *step)
{
	char text[SLOT_LIMITS_TEXT_MAX] = "unlimited";

	if (before->has_helpers != after->has_helpers || before->helpers != after->helpers) {
		slot_limits_format_helpers(after, text);
		snprintf(step->text, sizeof(step->text), "relink %s: helpers %s", object, text);
	} else if (strcmp(before->maps_of, after->maps_of) != 0) {
		snprintf(step->text, sizeof(step->text), "relink %s: maps_of %s", object,
			 after->maps_of[0] ? after->maps_of : "none");
	} else if (before->map_memory != after->map_memory) {
		if (after->map_memory)
			slot_size_format(after->map_memory, text);
		snprintf(step->text, sizeof(step->text), "relink %s: map_memory %s", object, text);
	} else {
		snprintf(step->text, sizeof(step->text), "relink %s: require_signature %s", object,
			 after->signature_key[0] ? after->signature_key : "none");
	}
}

/* Another object may bring another run config along. */
static void add_continue_on(const struct slot_state *before, const struct slot_state *after,
			    struct slot_step *step)
{
	size_t used = strlen(step->text);
	char mask[MASK_TEXT_MAX];

	if (before->rules.continue_on == after->rules.continue_on)
		return;
	slot_verdict_mask_format(after->rules.continue_on, mask, sizeof(mask));
	snprintf(step->text + used, sizeof(step->text) - used, ", continue_on %s", mask);
}

static void format_relink(const struct slot_state *before, const struct slot_state *after,
			  struct slot_step *step)
{
	const struct root_rules *a = &before->rules;
	const struct root_rules *b = &after->rules;
	char text[OBJECT_TEXT_MAX];
	char mask[MASK_TEXT_MAX];

	format_object(after, text);
	if (a->continue_on != b->continue_on) {
		slot_verdict_mask_format(b->continue_on, mask, sizeof(mask));
		snprintf(step->text, sizeof(step->text), "relink %s: continue_on %s", text, mask);
	} else if (a->allow != b->allow) {
		slot_verdict_mask_format(b->allow, mask, sizeof(mask));
		snprintf(step->text, sizeof(step->text), "relink %s: allow %s", text, mask);
	} else if (a->denied_as != b->denied_as) {
		snprintf(step->text, sizeof(step->text), "relink %s: denied_as %s", text,
			 slot_verdict_name(b->denied_as));
	} else if (strcmp(before->owner, after->owner) != 0) {
		snprintf(step->text, sizeof(step->text), "relink %s: owner %s", text, after->owner);
	} else if (before->has_continue_on != after->has_continue_on) {
		snprintf(step->text, sizeof(step->text), "relink %s: continue_on as %s says", text,
			 after->has_continue_on ? "slots.conf" : "the object");
	} else {
		format_limits(&before->limits, &after->limits, text, step);
	}
}

static const char *find_unlink_reason(const struct slot_state *after)
{
	if (!after->reserved)
		return "no longer reserved";
	return after->enabled ? "has no object any more" : "disabled";
}

/* What becomes of the slot's canary, behind what becomes of its program. */
static void add_canary(const struct slot_state *before, const struct slot_state *after,
		       struct slot_step *step)
{
	const struct slot_canary *old_canary = &before->canary;
	const struct slot_canary *new_canary = &after->canary;
	size_t used = strlen(step->text);
	char packets[SLOT_CANARY_TEXT_MAX];
	char text[OBJECT_TEXT_MAX];

	if (new_canary->present) {
		format_id(&new_canary->object, text);
		slot_canary_format(new_canary, packets);
		snprintf(step->text + used, sizeof(step->text) - used, "; canary %s gets %s", text,
			 packets);
	} else if (old_canary->present &&
		   !strcmp(old_canary->object.sha256, after->object.sha256)) {
		snprintf(step->text + used, sizeof(step->text) - used, "; the canary is promoted");
	} else {
		format_id(&old_canary->object, text);
		snprintf(step->text + used, sizeof(step->text) - used, "; canary %s ends", text);
	}
}

static bool has_canary_news(const struct slot_state *before, const struct slot_state *after,
			    enum slot_action action)
{
	static const struct slot_canary none;
	const struct slot_canary *old_canary = slot_state_is_running(before) ? &before->canary :
									       &none;

	if (action == SLOT_ACTION_UNLINK)
		return false;
	return !slot_canary_is_equal(old_canary, &after->canary);
}

static void format_step(const struct slot_state *before, const struct slot_state *after,
			struct slot_step *step)
{
	const struct slot_state *named = step->action == SLOT_ACTION_UNLINK ? before : after;
	char text[OBJECT_TEXT_MAX];

	format_object(named, text);
	if (step->action == SLOT_ACTION_REPLACE) {
		format_replace(before, after, step);
		add_continue_on(before, after, step);
	} else if (step->action == SLOT_ACTION_RELINK) {
		format_relink(before, after, step);
	} else if (step->action == SLOT_ACTION_UNLINK) {
		snprintf(step->text, sizeof(step->text), "unlink %s: %s", text,
			 find_unlink_reason(after));
	} else {
		snprintf(step->text, sizeof(step->text), "%s %s",
			 step->action == SLOT_ACTION_CANARY ? "keep" :
							      slot_action_name(step->action),
			 text);
	}
	if (has_canary_news(before, after, step->action))
		add_canary(before, after, step);
}

/* Of slots that do not run: what is recorded about them all the same. */
static bool is_same_reservation(const struct slot_state *a, const struct slot_state *b)
{
	if (!a->reserved || !b->reserved)
		return a->reserved == b->reserved;
	return is_same_program(a, b) && is_same_terms(a, b) && a->enabled == b->enabled &&
	       a->has_object == b->has_object && slot_canary_is_equal(&a->canary, &b->canary);
}

void slot_plan_make(const struct slot_chain_state *running, const struct slot_chain_state *desired,
		    struct slot_plan *ret_plan)
{
	static const struct slot_chain_state nothing;
	const struct slot_chain_state *before = running ? running : &nothing;
	struct slot_plan plan = { .has_changes = !running };

	plan.has_counters_change = running && running->counters != desired->counters;
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		const struct slot_state *old_slot = &before->slots[slot];
		const struct slot_state *new_slot = &desired->slots[slot];
		struct slot_step *step = &plan.steps[plan.count];

		if (!slot_state_is_running(old_slot) && !slot_state_is_running(new_slot)) {
			plan.has_reservations_change |= !is_same_reservation(old_slot, new_slot);
			continue;
		}
		step->slot = slot;
		step->action = choose_action(old_slot, new_slot);
		format_step(old_slot, new_slot, step);
		plan.has_changes |= step->action != SLOT_ACTION_KEEP;
		plan.count++;
	}
	plan.has_changes |= plan.has_counters_change || plan.has_reservations_change;
	*ret_plan = plan;
}

static void add_names(struct slot_step *step, const char *what, char *const *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		size_t used = strlen(step->text);

		snprintf(step->text + used, sizeof(step->text) - used, "; map %s %s", names[i],
			 what);
	}
}

void slot_plan_add_map_orders(struct slot_plan *plan, unsigned int slot,
			      const struct slot_map_orders *orders)
{
	size_t i;

	if (slot_map_orders_is_empty(orders))
		return;
	for (i = 0; i < plan->count; i++) {
		struct slot_step *step = &plan->steps[i];

		if (step->slot != slot || step->action == SLOT_ACTION_UNLINK)
			continue;
		if (step->action == SLOT_ACTION_KEEP)
			memcpy(step->text, "load", strlen("load")); /* as long as "keep" */
		if (step->action != SLOT_ACTION_LOAD)
			step->action = SLOT_ACTION_REPLACE;
		add_names(step, "starts empty", orders->reset, orders->reset_count);
		add_names(step, "is migrated", orders->migrate, orders->migrate_count);
		plan->has_changes = true;
	}
}

json_t *slot_plan_to_json(const struct slot_plan *plan)
{
	json_t *steps = json_array();

	for (size_t i = 0; steps && i < plan->count; i++) {
		const struct slot_step *step = &plan->steps[i];
		json_t *json = json_pack("{s:i, s:s, s:s}", "slot", (int)step->slot, "action",
					 slot_action_name(step->action), "text", step->text);

		if (json_array_append_new(steps, json)) {
			json_decref(steps);
			return NULL;
		}
	}
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:o}", "has_changes", plan->has_changes,
			 "has_counters_change", plan->has_counters_change, "has_engine_change",
			 plan->has_engine_change, "has_root_change", plan->has_root_change,
			 "has_reservations_change", plan->has_reservations_change, "steps", steps);
}
