/* SPDX-License-Identifier: GPL-2.0-only */
/* Changes of single slots: they start from what runs, and nothing else changes. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/canary.h"
#include "loader/lib/registry/registry.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/ops_internal.h"
#include "loader/slotd/watch.h"
#include "loader/slotd/signatures.h"

/* The running state and overrides, to be changed in some slots. */
struct edit {
	struct slot_chain_state state;
	struct slot_overrides overrides;
	struct slot_map_orders maps[ROOT_SLOTS]; /* borrowed from who asks */
	struct slot_watches watches;
	__u32 slots; /* that are changed */
};

static void edit_free(struct edit *edit)
{
	slot_chain_state_free(&edit->state);
}

static int edit_start(const struct slot_chain *chain, struct op_error *error, struct edit *ret_edit)
{
	int err;

	if (!chain->current || !slot_chain_is_attached(chain))
		return op_fail_idle(error, chain);
	err = slot_chain_state_copy(&chain->current->state, &ret_edit->state);
	if (err) {
		slot_reason_set(&error->why, 0, "out of memory");
		return op_fail(error, err, chain);
	}
	ret_edit->overrides = chain->overrides;
	ret_edit->watches = chain->watches;
	slot_overrides_del_stale(&ret_edit->overrides, &ret_edit->state);
	return 0;
}

/* The slot as it is to be edited. */
static int edit_slot(const struct slot_chain *chain, struct edit *edit, unsigned int slot,
		     struct op_error *error, struct slot_state **ret_slot)
{
	if (!edit->state.slots[slot].reserved) {
		slot_reason_set(&error->why, 0,
				"slot %u of '%s' is not reserved: reserve it in slots.conf and "
				"apply that first",
				slot, chain->interface);
		return op_fail(error, -ENOENT, chain);
	}
	edit->slots |= 1U << slot;
	*ret_slot = &edit->state.slots[slot];
	return 0;
}

static int edit_one(const struct slot_chain *chain, unsigned int slot, struct op_error *error,
		    struct edit *edit, struct slot_state **ret_slot)
{
	int err = edit_start(chain, error, edit);

	return err ? err : edit_slot(chain, edit, slot, error, ret_slot);
}

#define DEED_SIZE 160

static void format_deed(const struct edit *edit, const char *verb, const char *who,
			char ret_text[DEED_SIZE])
{
	char list[SLOT_CANARY_TEXT_MAX];

	slot_cpus_format(edit->slots, list);
	snprintf(ret_text, DEED_SIZE, "%s slot%s %.60s by %s", verb,
		 edit->slots & (edit->slots - 1) ? "s" : "", list, who);
}

/* Carry the edit out; @verb and the slots' numbers are for the record. */
static int edit_apply(struct daemon *daemon, struct slot_chain *chain, const struct edit *edit,
		      const char *verb, const char *who, struct op_error *error,
		      struct slot_outcome *ret_outcome)
{
	char what[DEED_SIZE];
	struct slot_change change = {
		.desired = &edit->state,
		.overrides = &edit->overrides,
		.reason = what,
		.map_orders = edit->maps,
		.watches = &edit->watches,
	};

	format_deed(edit, verb, who, what);
	return op_change_chain(daemon, chain, &change, error, ret_outcome);
}

/* --- deploy -------------------------------------------------------------------------------- */

static int refuse_canary(const struct slot_chain *chain, unsigned int slot,
			 const struct slot_state *state, const char *what, struct op_error *error)
{
	slot_reason_set(&error->why, 0,
			"slot %u (%s) runs %s %s as a canary: promote or abort it before you %s",
			slot, state->name, state->canary.object.name, state->canary.object.version,
			what);
	return op_fail(error, -EBUSY, chain);
}

static int set_canary(const struct slot_chain *chain, const struct op_deploy *deploy,
		      const struct slot_object_id *id, struct edit *edit, struct op_error *error)
{
	struct slot_state *slot = &edit->state.slots[deploy->slot];

	if (!slot_state_is_running(slot)) {
		slot_reason_set(&error->why, 0,
				"slot %u (%s) runs nothing that a canary could run beside: deploy "
				"without --canary",
				deploy->slot, slot->name);
		return op_fail(error, -EINVAL, chain);
	}
	if (!strcmp(slot->object.sha256, id->sha256)) {
		slot_reason_set(&error->why, 0,
				"slot %u (%s) runs this very object: there is nothing to try",
				deploy->slot, slot->name);
		return op_fail(error, -EINVAL, chain);
	}
	slot->canary = deploy->canary;
	slot->canary.object = *id;
	slot_override_set_canary(&edit->overrides, slot->name, &slot->canary);
	return 0;
}

static int edit_deploy(const struct daemon *daemon, const struct slot_chain *chain,
		       const struct op_deploy *deploy, struct edit *edit, struct op_error *error)
{
	struct slot_state *slot = NULL;
	struct slot_object_id id;
	int err = edit_slot(chain, edit, deploy->slot, error, &slot);

	if (!slot)
		return err;
	if (slot->canary.present && !deploy->canary.present)
		return refuse_canary(chain, deploy->slot, slot, "deploy another version", error);
	err = signature_admit(daemon, &deploy->blob, &deploy->signing, &slot->limits, slot->program,
			      &error->why, &id);
	if (err) {
		slot_reason_prefix(&error->why, 0, "slot %u (%s): ", deploy->slot, slot->name);
		return op_fail(error, err, chain);
	}
	if (deploy->canary.present)
		return set_canary(chain, deploy, &id, edit, error);
	slot_state_set_object(slot, &id);
	slot_override_set_object(&edit->overrides, slot->name, &id);
	edit->maps[deploy->slot] = deploy->maps;
	return 0;
}

static int edit_watch(const struct slot_chain *chain, unsigned int slot,
		      const struct slot_watch_terms *terms, struct edit *edit,
		      struct op_error *error)
{
	struct slot_watch watch;
	int err = watch_begin(chain, &edit->state.slots[slot], slot, terms, &error->why, &watch);

	if (!err)
		err = slot_watches_set(&edit->watches, &watch);
	return err ? op_fail(error, err, chain) : 0;
}

/* What no step tells of: a version that waits, a watch that nothing had to be built for. */
static void tell_more(const struct slot_chain *chain, const struct edit *edit,
		      const struct op_deploys *deploys, struct slot_outcome *outcome)
{
	if (outcome->warning.text[0])
		return;
	if (deploys->watch && !outcome->is_changed)
		slot_reason_set(&outcome->warning, 0,
				"'%s' runs this already; it is on trial from now on",
				chain->interface);
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
		if (edit->slots & 1U << slot && !edit->state.slots[slot].enabled)
			slot_reason_set(&outcome->warning, 0,
					"slot %u (%s) is disabled: what was deployed runs once it "
					"is enabled",
					slot, edit->state.slots[slot].name);
}

int op_deploy(struct daemon *daemon, struct slot_chain *chain, const struct op_deploys *deploys,
	      struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	int err = edit_start(chain, error, &edit);

	for (size_t i = 0; i < deploys->count && !err; i++)
		err = edit_deploy(daemon, chain, &deploys->items[i], &edit, error);
	/* Whose version another takes the place of is no longer on trial. */
	if (!err)
		slot_watches_del_over(&edit.watches, &edit.state);
	for (size_t i = 0; i < deploys->count && deploys->watch && !err; i++)
		err = edit_watch(chain, deploys->items[i].slot, deploys->watch, &edit, error);
	if (err) {
		slot_store_sweep(&daemon->host.store);
		return err;
	}
	err = edit_apply(daemon, chain, &edit, "deploy", deploys->who, error, ret_outcome);
	/* With several chains the swap is still to come. */
	if (err || daemon->batch)
		return err;
	if (deploys->watch)
		watch_start(chain);
	tell_more(chain, &edit, deploys, ret_outcome);
	return 0;
}

void op_deploys_free(struct op_deploys *deploys)
{
	for (size_t i = 0; i < deploys->count; i++) {
		slot_blob_free(&deploys->items[i].blob);
		slot_map_orders_free(&deploys->items[i].maps);
	}
	deploys->count = 0;
}

/* What was deployed earlier and shall run from now on, against the key as it is now. */
static int check_signed(const struct daemon *daemon, const struct slot_chain *chain,
			const struct slot_state *slot, const struct slot_object_id *object,
			struct op_error *error)
{
	int err = signature_check_kept(daemon, object, &slot->limits, &error->why);

	if (!err)
		return 0;
	slot_reason_prefix(&error->why, 0, "slot '%s': ", slot->name);
	return op_fail(error, err, chain);
}

/* --- what else an owner does --------------------------------------------------------------- */

int op_undeploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome)
{
	static const struct slot_canary none;
	_cleanup_(edit_free) struct edit edit = { 0 };
	const struct slot_chain_config *config = NULL;
	struct slot_object_id id = { 0 };
	struct slot_state *edited = NULL;
	int err = edit_one(chain, slot, error, &edit, &edited);

	if (!edited)
		return err;
	daemon_find_chain(daemon, chain->interface, &config);
	if (edited->is_adopted) {
		slot_override_set_object(&edit.overrides, edited->name, NULL);
		*edited = (struct slot_state){ 0 };
		return edit_apply(daemon, chain, &edit, "undeploy", who, error, ret_outcome);
	}
	if (strcmp(config->slots[slot].name, edited->name) != 0) {
		slot_reason_set(&error->why, 0,
				"slots.conf reserves slot %u for another: apply it first", slot);
		return op_fail(error, -ENOENT, chain);
	}
	err = config_import_slot(daemon, &config->slots[slot], &error->why, &id);
	if (err)
		return op_fail(error, err, chain);
	slot_state_set_object(edited, &id);
	edited->has_object = id.sha256[0] != '\0';
	edited->canary = none;
	slot_override_set_object(&edit.overrides, edited->name, NULL);
	slot_override_set_canary(&edit.overrides, edited->name, &none);
	return edit_apply(daemon, chain, &edit, "undeploy", who, error, ret_outcome);
}

/* What runs once the slot is enabled, a canary that waited with it included. */
static int check_waiting(const struct daemon *daemon, const struct slot_chain *chain,
			 const struct slot_state *slot, struct op_error *error)
{
	int err = slot->has_object ? check_signed(daemon, chain, slot, &slot->object, error) : 0;

	if (!err && slot->canary.present)
		err = check_signed(daemon, chain, slot, &slot->canary.object, error);
	return err;
}

int op_enable(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, bool is_enabled,
	      const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	struct slot_state *edited = NULL;
	int err = edit_one(chain, slot, error, &edit, &edited);

	if (!edited)
		return err;
	if (is_enabled && !edited->enabled)
		err = check_waiting(daemon, chain, edited, error);
	if (err)
		return err;
	edited->enabled = is_enabled;
	slot_override_set_enabled(&edit.overrides, edited->name, is_enabled);
	return edit_apply(daemon, chain, &edit, is_enabled ? "enable" : "disable", who, error,
			  ret_outcome);
}

static int edit_canary_end(const struct daemon *daemon, const struct slot_chain *chain,
			   unsigned int slot, bool is_promoted, struct edit *edit,
			   struct op_error *error)
{
	static const struct slot_canary none;
	struct slot_state *edited = NULL;
	int err = edit_slot(chain, edit, slot, error, &edited);

	if (!edited)
		return err;
	if (!edited->canary.present) {
		slot_reason_set(&error->why, 0, "no canary runs in slot %u (%s)", slot,
				edited->name);
		return op_fail(error, -EBUSY, chain);
	}
	if (is_promoted)
		err = check_signed(daemon, chain, edited, &edited->canary.object, error);
	if (err)
		return err;
	if (is_promoted) {
		slot_state_set_object(edited, &edited->canary.object);
		slot_override_set_object(&edit->overrides, edited->name, &edited->object);
	}
	edited->canary = none;
	slot_override_set_canary(&edit->overrides, edited->name, &none);
	return 0;
}

int op_canary_end(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
		  bool is_promoted, const char *who, struct op_error *error,
		  struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	int err = edit_start(chain, error, &edit);

	if (!err)
		err = edit_canary_end(daemon, chain, slot, is_promoted, &edit, error);
	if (err)
		return err;
	return edit_apply(daemon, chain, &edit,
			  is_promoted ? "promote canary of" : "abort canary of", who, error,
			  ret_outcome);
}

/* --- going back ---------------------------------------------------------------------------- */

/* Whether the previous generation is what the edit asks for: then one swap does it. */
static bool is_previous(const struct slot_chain *chain, const struct slot_chain_state *desired)
{
	struct slot_plan plan;

	if (!chain->previous || chain->previous->engine != chain->engine)
		return false;
	slot_plan_make(&chain->previous->state, desired, &plan);
	return !plan.has_changes;
}

static int swap_back(struct slot_chain *chain, const struct slot_overrides *overrides,
		     const char *what, struct op_error *error, struct slot_outcome *ret_outcome)
{
	int err = slot_chain_rollback(chain, overrides, &error->why, ret_outcome);

	if (err)
		return op_fail(error, err, chain);
	op_log_outcome(chain, ret_outcome, what);
	return 0;
}

static int edit_rollback(const struct slot_chain *chain, unsigned int slot, struct edit *edit,
			 struct op_error *error)
{
	struct slot_state *edited = NULL;
	int err = edit_slot(chain, edit, slot, error, &edited);

	if (!edited)
		return err;
	if (edited->canary.present)
		return refuse_canary(chain, slot, edited, "roll back", error);
	if (!edited->has_former) {
		slot_reason_set(&error->why, 0, "slot %u (%s) has run nothing else before", slot,
				edited->name);
		return op_fail(error, -ENOENT, chain);
	}
	slot_state_set_object(edited, &edited->former);
	slot_override_set_object(&edit->overrides, edited->name, &edited->object);
	return 0;
}

/* One swap where the previous generation is just that. */
static int go_back(struct daemon *daemon, struct slot_chain *chain, const struct edit *edit,
		   const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	char what[DEED_SIZE];

	/* what several chains do together is built for each of them */
	if (daemon->batch || !is_previous(chain, &edit->state))
		return edit_apply(daemon, chain, edit, "rollback", who, error, ret_outcome);
	format_deed(edit, "rollback", who, what);
	return swap_back(chain, &edit->overrides, what, error, ret_outcome);
}

int op_rollback_slot(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
		     const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	int err = edit_start(chain, error, &edit);

	if (!err)
		err = edit_rollback(chain, slot, &edit, error);
	return err ? err : go_back(daemon, chain, &edit, who, error, ret_outcome);
}

int op_take_back(struct daemon *daemon, struct slot_chain *chain, __u32 slots, const char *who,
		 struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	int err = edit_start(chain, error, &edit);

	for (unsigned int slot = 0; slot < ROOT_SLOTS && !err; slot++) {
		if (!(slots & 1U << slot))
			continue;
		err = edit.state.slots[slot].canary.present ?
			      edit_canary_end(daemon, chain, slot, false, &edit, error) :
			      edit_rollback(chain, slot, &edit, error);
	}
	return err ? err : go_back(daemon, chain, &edit, who, error, ret_outcome);
}

int op_check_former(const struct daemon *daemon, const struct slot_chain *chain, unsigned int slot,
		    struct op_error *error)
{
	const struct slot_state *state = chain->current ? &chain->current->state.slots[slot] : NULL;

	if (!state || !state->has_former)
		return 0;
	return check_signed(daemon, chain, state, &state->former, error);
}

/* Overrides that keep what is brought back, whatever slots.conf and its files say meanwhile. */
static int find_return(const struct daemon *daemon, const struct slot_chain *chain,
		       struct slot_overrides *ret_overrides)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state plain = { 0 };
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	const struct slot_chain_config *config = NULL;
	struct slot_overrides none = { 0 };

	daemon_find_chain(daemon, chain->interface, &config);
	if (!config || config_resolve(daemon, config, &none, &errors, &plain)) {
		*ret_overrides = chain->previous->overrides;
		return 0;
	}
	return slot_registry_return(&plain, &chain->previous->state, ret_overrides);
}

int op_rollback(struct daemon *daemon, struct slot_chain *chain, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome)
{
	char what[DEED_SIZE];
	struct slot_overrides overrides = { 0 };
	struct slot_watches watches = chain->watches;
	struct slot_change change = {
		.overrides = &overrides,
		.reason = what,
		.watches = &watches,
	};
	int err = chain->previous ? find_return(daemon, chain, &overrides) : 0;

	if (err)
		return op_fail(error, err, chain);
	snprintf(what, sizeof(what), "rollback by %s", who);
	if (daemon->batch && chain->previous) {
		change.desired = &chain->previous->state;
		slot_watches_del_over(&watches, change.desired);
		return op_change_chain(daemon, chain, &change, error, ret_outcome);
	}
	return swap_back(chain, &overrides, what, error, ret_outcome);
}
