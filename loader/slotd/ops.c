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

static void log_outcome(const struct slot_chain *chain, const struct slot_outcome *outcome,
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

/* Objects that no chain runs, can go back to, or was told to run. */
static bool is_object_wanted(const char *sha256, void *data)
{
	const struct daemon *daemon = data;
	size_t i;

	for (i = 0; i < daemon->config.count; i++)
		if (daemon->chains[i] && slot_chain_has_object(daemon->chains[i], sha256))
			return true;
	return false;
}

int op_change_chain(struct daemon *daemon, struct slot_chain *chain,
		    const struct slot_chain_state *desired, const struct slot_overrides *overrides,
		    const char *what, struct op_error *error, struct slot_outcome *ret_outcome)
{
	struct slot_change change = { .desired = desired, .overrides = overrides, .reason = what };
	int err = slot_chain_apply(chain, &change, &error->why, ret_outcome);

	slot_store_sweep(&daemon->host.store, is_object_wanted, daemon);
	if (err)
		return op_fail(error, err, chain);
	log_outcome(chain, ret_outcome, what);
	return 0;
}

int op_plan(const struct daemon *daemon, const struct slot_chain *chain, struct op_error *error,
	    struct slot_plan *ret_plan)
{
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	const struct slot_chain_config *chain_config;
	int err = config_load(daemon, &error->details, &config);

	if (err)
		return op_fail_config(daemon, error, err, chain);
	chain_config = slot_config_find(&config, chain->interface);
	if (!chain_config) {
		slot_reason_set(&error->why, 0, "slots.conf no longer names a chain of '%s'",
				chain->interface);
		return op_fail(error, -ENOENT, chain);
	}
	err = config_resolve(daemon, chain_config, &chain->overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	slot_plan_make(slot_chain_is_attached(chain) ? &chain->current->state : NULL, &desired,
		       ret_plan);
	return 0;
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

int op_deploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot,
	      const struct slot_blob *blob, const char *who, struct op_error *error,
	      struct slot_outcome *ret_outcome)
{
	struct slot_object_id id;
	struct edit edit = { 0 };
	char what[96];
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	err = config_identify(daemon, blob, &error->why, &id);
	if (err) {
		slot_chain_state_free(&edit.state);
		return op_fail(error, err, chain);
	}
	edit.slot->object = id;
	edit.slot->has_object = true;
	slot_override_set_object(&edit.overrides, edit.slot->name, &id);
	snprintf(what, sizeof(what), "deploy slot %u by %s", slot, who);
	err = op_change_chain(daemon, chain, &edit.state, &edit.overrides, what, error,
			      ret_outcome);
	slot_chain_state_free(&edit.state);
	return err;
}

int op_undeploy(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, const char *who,
		struct op_error *error, struct slot_outcome *ret_outcome)
{
	const struct slot_chain_config *config = NULL;
	struct slot_object_id id = { 0 };
	struct edit edit = { 0 };
	char what[96];
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	daemon_find_chain(daemon, chain->interface, &config);
	err = config_import_slot(daemon, &config->slots[slot], &error->why, &id);
	if (err) {
		slot_chain_state_free(&edit.state);
		return op_fail(error, err, chain);
	}
	edit.slot->object = id;
	edit.slot->has_object = id.sha256[0] != '\0';
	slot_override_set_object(&edit.overrides, edit.slot->name, NULL);
	snprintf(what, sizeof(what), "undeploy slot %u by %s", slot, who);
	err = op_change_chain(daemon, chain, &edit.state, &edit.overrides, what, error,
			      ret_outcome);
	slot_chain_state_free(&edit.state);
	return err;
}

int op_enable(struct daemon *daemon, struct slot_chain *chain, unsigned int slot, bool is_enabled,
	      const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	struct edit edit = { 0 };
	char what[96];
	int err = edit_start(chain, slot, error, &edit);

	if (err)
		return err;
	edit.slot->enabled = is_enabled;
	slot_override_set_enabled(&edit.overrides, edit.slot->name, is_enabled);
	snprintf(what, sizeof(what), "%s slot %u by %s", is_enabled ? "enable" : "disable", slot,
		 who);
	err = op_change_chain(daemon, chain, &edit.state, &edit.overrides, what, error,
			      ret_outcome);
	slot_chain_state_free(&edit.state);
	return err;
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
	log_outcome(chain, ret_outcome, "rollback");
	return 0;
}

int op_detach(struct slot_chain *chain, struct op_error *error)
{
	int err = slot_chain_detach(chain, true, &error->why);

	if (err)
		return op_fail(error, err, chain);
	log_info("%s: the chain is off the interface, until the next apply", chain->interface);
	return 0;
}
