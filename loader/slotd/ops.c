/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/ops_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/registry/registry.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/log.h"

void op_error_free(struct op_error *error)
{
	slot_reasons_free(&error->details);
}

int op_fail(struct op_error *error, int err, const struct slot_chain *chain)
{
	size_t used = strlen(error->why.text);

	error->err = err;
	if (chain && chain->current && slot_chain_is_attached(chain))
		snprintf(error->why.text + used, sizeof(error->why.text) - used,
			 "%sgeneration %u stays active",
			 strchr(error->why.text, '\n') ? "\n" : "; ", chain->current->number);
	else if (chain)
		snprintf(error->why.text + used, sizeof(error->why.text) - used,
			 "; nothing runs on '%s'", chain->interface);
	else
		snprintf(error->why.text + used, sizeof(error->why.text) - used,
			 "; nothing was changed");
	log_error("%s", error->why.text);
	return err;
}

int op_fail_config(const struct daemon *daemon, struct op_error *error, int err,
		   const struct slot_chain *chain)
{
	size_t i;

	if (error->details.count == 1)
		slot_reason_set(&error->why, err, "%s", error->details.lines[0]);
	else
		slot_reason_set(&error->why, err, "%s: %zu errors, see below",
				daemon->options.config_path, error->details.count);
	for (i = 0; i < error->details.count && error->details.count > 1; i++)
		log_error("%s", error->details.lines[i]);
	return op_fail(error, err, chain);
}

int op_fail_unnamed(struct op_error *error, const struct slot_chain *chain)
{
	slot_reason_set(&error->why, 0, "slots.conf no longer names a chain of '%s'",
			chain->interface);
	return op_fail(error, -ENOENT, chain);
}

void op_log_outcome(const struct slot_chain *chain, const struct slot_outcome *outcome,
		    const char *what)
{
	size_t i;

	if (!outcome->is_changed) {
		log_info("%s: %s: nothing to change, generation %u", chain->interface, what,
			 chain->current ? chain->current->number : 0);
		return;
	}
	for (i = 0; i < outcome->plan.count; i++)
		if (outcome->plan.steps[i].action != SLOT_ACTION_KEEP)
			log_info("%s: slot %u: %s", chain->interface, outcome->plan.steps[i].slot,
				 outcome->plan.steps[i].text);
	log_info("%s: %s: generation %u is active after %lld us (swap %lld us)", chain->interface,
		 what, chain->current->number, outcome->timing.total_us, outcome->timing.swap_us);
	if (outcome->warning.text[0])
		log_warning("%s", outcome->warning.text);
}

int op_change_chain(struct daemon *daemon, struct slot_chain *chain,
		    const struct slot_chain_state *desired, const struct slot_overrides *overrides,
		    const char *what, struct op_error *error, struct slot_outcome *ret_outcome)
{
	struct slot_change change = { .desired = desired, .overrides = overrides, .reason = what };
	int err = slot_chain_apply(chain, &change, &error->why, ret_outcome);

	slot_store_sweep(&daemon->host.store);
	if (err)
		return op_fail(error, err, chain);
	op_log_outcome(chain, ret_outcome, what);
	return 0;
}

static int resolve_plan(const struct daemon *daemon, const struct slot_chain *chain,
			const struct slot_chain_config *config, struct op_error *error,
			struct slot_plan *ret_plan)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	const struct slot_engine *engine;
	struct slot_reason reason;
	int err;

	err = slot_engine_choose(config->engine, &error->why, &engine, &reason);
	if (err)
		return op_fail(error, err, chain);
	err = config_resolve(daemon, config, &chain->overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	slot_chain_plan(chain, engine, &desired, ret_plan);
	return 0;
}

int op_plan(const struct daemon *daemon, const struct slot_chain *chain, struct op_error *error,
	    struct slot_plan *ret_plan)
{
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	const struct slot_chain_config *chain_config;
	int err = config_load(daemon, &error->details, &config);

	if (err)
		return op_fail_config(daemon, error, err, chain);
	chain_config = slot_config_find(&config, chain->interface);
	return chain_config ? resolve_plan(daemon, chain, chain_config, error, ret_plan) :
			      op_fail_unnamed(error, chain);
}

/* The running state and overrides, to be changed in one slot. */
struct edit {
	struct slot_chain_state state;
	struct slot_overrides overrides;
	struct slot_state *slot;
};

static int edit_start(const struct slot_chain *chain, unsigned int slot, struct op_error *error,
		      struct edit *ret_edit)
{
	int err;

	if (!chain->current || !slot_chain_is_attached(chain)) {
		slot_reason_set(&error->why, 0, "no chain runs on '%s': apply slots.conf first",
				chain->interface);
		error->err = -ENOTCONN;
		return error->err;
	}
	if (!chain->current->state.slots[slot].reserved) {
		slot_reason_set(&error->why, 0,
				"slot %u of '%s' is not reserved: reserve it in slots.conf and "
				"apply that first",
				slot, chain->interface);
		return op_fail(error, -ENOENT, chain);
	}
	err = slot_chain_state_copy(&chain->current->state, &ret_edit->state);
	if (err) {
		slot_reason_set(&error->why, 0, "out of memory");
		return op_fail(error, err, chain);
	}
	ret_edit->overrides = chain->overrides;
	slot_overrides_del_stale(&ret_edit->overrides, &ret_edit->state);
	ret_edit->slot = &ret_edit->state.slots[slot];
	return 0;
}

static void edit_free(struct edit *edit)
{
	slot_chain_state_free(&edit->state);
}

/* Carry the edit out; @verb and the slot's number are for the record. */
static int edit_apply(struct daemon *daemon, struct slot_chain *chain, const struct edit *edit,
		      const char *verb, const char *who, struct op_error *error,
		      struct slot_outcome *ret_outcome)
{
	unsigned int slot = (unsigned int)(edit->slot - edit->state.slots);
	char what[96];

	snprintf(what, sizeof(what), "%s slot %u by %s", verb, slot, who);
	return op_change_chain(daemon, chain, &edit->state, &edit->overrides, what, error,
			       ret_outcome);
}

int op_deploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
	      const struct slot_blob *blob, const char *who, struct op_error *error,
	      struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	struct slot_object_id id;
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	err = config_identify(daemon, blob, edit.slot->program, &error->why, &id);
	if (err)
		return op_fail(error, err, chain);
	slot_state_set_object(edit.slot, &id);
	slot_override_set_object(&edit.overrides, edit.slot->name, &id);
	return edit_apply(daemon, chain, &edit, "deploy", who, error, ret_outcome);
}

int op_undeploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	const struct slot_chain_config *config = NULL;
	struct slot_object_id id = { 0 };
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	daemon_find_chain(daemon, chain->interface, &config);
	if (strcmp(config->slots[slot].name, edit.slot->name) != 0) {
		slot_reason_set(&error->why, 0,
				"slots.conf reserves slot %u for another: apply it first", slot);
		return op_fail(error, -ENOENT, chain);
	}
	err = config_import_slot(daemon, &config->slots[slot], &error->why, &id);
	if (err)
		return op_fail(error, err, chain);
	slot_state_set_object(edit.slot, &id);
	edit.slot->has_object = id.sha256[0] != '\0';
	slot_override_set_object(&edit.overrides, edit.slot->name, NULL);
	return edit_apply(daemon, chain, &edit, "undeploy", who, error, ret_outcome);
}

int op_enable(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, bool is_enabled,
	      const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(edit_free) struct edit edit = { 0 };
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	edit.slot->enabled = is_enabled;
	slot_override_set_enabled(&edit.overrides, edit.slot->name, is_enabled);
	return edit_apply(daemon, chain, &edit, is_enabled ? "enable" : "disable", who, error,
			  ret_outcome);
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

int op_rollback(struct daemon *daemon, struct slot_chain *chain, struct op_error *error,
		struct slot_outcome *ret_outcome)
{
	struct slot_overrides overrides = { 0 };
	int err = chain->previous ? find_return(daemon, chain, &overrides) : 0;

	if (!err)
		err = slot_chain_rollback(chain, &overrides, &error->why, ret_outcome);
	if (err)
		return op_fail(error, err, chain);
	op_log_outcome(chain, ret_outcome, "rollback");
	return 0;
}

int op_detach(struct slot_chain *chain, struct op_error *error)
{
	int err = slot_chain_detach(chain, true, &error->why);

	if (err)
		return op_fail(error, err, chain);
	slot_store_sweep(&chain->host->store);
	log_info("%s: the chain is off the interface, until the next apply", chain->interface);
	return 0;
}
