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

int op_fail_batch(struct op_error *error, int err, const struct slot_batch *batch)
{
	size_t i;

	for (i = 0; i < batch->count && batch->count > 1; i++) {
		const char *name = batch->items[i].chain->interface;
		const char *became = slot_batch_describe(&batch->items[i]);

		slot_reasons_add(&error->details, "%s: %s", name, became);
		log_error("%s: %s", name, became);
	}
	if (!slot_batch_has_stuck(batch))
		return op_fail(error, err, NULL);
	error->err = err;
	slot_reason_append(&error->why, err, "; not every chain could go back, see below");
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

int op_fail_idle(struct op_error *error, const struct slot_chain *chain)
{
	const char *name = chain->interface;

	error->err = -ENOTCONN;
	if (slot_chain_is_blocked(chain, &error->why))
		return slot_reason_prefix(&error->why, error->err, "no chain runs on '%s': ", name);
	if (slot_chain_is_out_of_reach(chain))
		return slot_reason_set(&error->why, error->err,
				       "the network namespace of '%s' cannot be entered now: what "
				       "runs there is left as it is",
				       name);
	if (chain->ifindex)
		return slot_reason_set(&error->why, error->err,
				       "no chain runs on '%s': apply slots.conf first", name);
	return slot_reason_set(&error->why, error->err,
			       "no chain runs on '%s': the %s is not there", name,
			       slot_chain_absent_noun(chain));
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
	if (chain->current)
		log_info("%s: %s: generation %u is active after %lld us (swap %lld us)",
			 chain->interface, what, chain->current->number, outcome->timing.total_us,
			 outcome->timing.swap_us);
	else
		log_info("%s: the chain is off, until the next apply", chain->interface);
	if (outcome->warning.text[0])
		log_warning("%s", outcome->warning.text);
}

int op_check_generation(const struct slot_chain *chain, unsigned int generation,
			struct op_error *error)
{
	unsigned int runs = chain->current ? chain->current->number : 0;

	if (runs == generation)
		return 0;
	slot_reason_set(&error->why, 0,
			"generation %u was meant, but '%s' has %u by now: someone else changed it; "
			"look again, then ask again",
			generation, chain->interface, runs);
	return op_fail(error, -EBUSY, chain);
}

int op_change_chain(struct daemon *daemon, struct slot_chain *chain,
		    const struct slot_change *change, struct op_error *error,
		    struct slot_outcome *ret_outcome)
{
	int err;

	if (daemon->batch) {
		err = slot_batch_prepare(daemon->batch, chain, change, &error->why);
		return err ? op_fail_batch(error, err, daemon->batch) : 0;
	}
	err = slot_chain_apply(chain, change, &error->why, ret_outcome);
	slot_store_sweep(&daemon->host.store);
	if (err)
		return op_fail(error, err, chain);
	op_log_outcome(chain, ret_outcome, change->reason);
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

	err = slot_engine_choose(config->hook, config->engine, &error->why, &engine, &reason);
	if (err)
		return op_fail(error, err, chain);
	err = config_resolve(daemon, config, &chain->overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	slot_chain_plan(chain, engine, &desired, ret_plan);
	return 0;
}

static void add_name(struct slot_reason *warning, bool is_first, const char *name)
{
	if (is_first)
		slot_reason_append(warning, 0,
				   "%sslots.conf has chains that slotd does not run yet: ",
				   warning->text[0] ? "; " : "");
	slot_reason_append(warning, 0, "%s%s", is_first ? "" : ", ", name);
}

/* Ports come and go without a reload; the interface that they are ports of does not. */
void op_warn_of_new(const struct daemon *daemon, const struct slot_config *config,
		    struct slot_reason *warning)
{
	size_t count = 0;
	size_t i;

	for (i = 0; i < config->count; i++) {
		const struct slot_chain_config *chain = &config->chains[i];

		if (!chain->place.master[0] && !slot_config_find(&daemon->config, chain->interface))
			add_name(warning, !count++, chain->interface);
	}
	for (i = 0; i < config->master_count; i++)
		if (!slot_config_find_master(&daemon->config, config->masters[i].interface))
			add_name(warning, !count++, config->masters[i].interface);
	if (count)
		slot_reason_append(warning, 0, "; slotctl reload takes them");
}

int op_plan(const struct daemon *daemon, const struct slot_chain *chain, struct op_error *error,
	    struct slot_plan *ret_plan, struct slot_reason *ret_warning)
{
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	const struct slot_chain_config *chain_config;
	int err = config_load(daemon, &error->details, &config);

	if (err)
		return op_fail_config(daemon, error, err, chain);
	chain_config = slot_config_find(&config, chain->interface);
	if (!chain_config)
		return op_fail_unnamed(error, chain);
	ret_warning->text[0] = '\0';
	op_warn_of_new(daemon, &config, ret_warning);
	return resolve_plan(daemon, chain, chain_config, error, ret_plan);
}

int op_detach(struct slot_chain *chain, struct op_error *error, struct slot_outcome *ret_outcome)
{
	int err = slot_chain_detach(chain, true, &error->why);

	if (err)
		return op_fail(error, err, chain);
	slot_store_sweep(&chain->host->store);
	*ret_outcome = (struct slot_outcome){ .is_changed = true, .warning = chain->left };
	op_log_outcome(chain, ret_outcome, "detach");
	return 0;
}
