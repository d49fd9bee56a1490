/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading slots.conf again and bringing chains to it: one, or all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/lifecycle.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"

/* How a chain is built and attached, to be put back when a change is refused. */
struct setup {
	const struct slot_engine *engine;
	struct slot_reason engine_reason;
	enum slot_attach_mode wanted_mode;
};

static struct setup setup_get(const struct slot_chain *chain)
{
	return (struct setup){
		.engine = chain->engine,
		.engine_reason = chain->engine_reason,
		.wanted_mode = chain->wanted_mode,
	};
}

static void setup_set(struct slot_chain *chain, const struct setup *setup)
{
	chain->engine = setup->engine;
	chain->engine_reason = setup->engine_reason;
	chain->wanted_mode = setup->wanted_mode;
}

int op_start(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	const struct slot_chain_config *config = NULL;
	char what[96];
	struct slot_change change = { .reason = what };
	int err;

	daemon_find_chain(daemon, chain->interface, &config);
	err = config_resolve_start(daemon, config, &chain->overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	snprintf(what, sizeof(what), "start by %s", who);
	change.desired = &desired;
	change.overrides = &chain->overrides;
	return op_change_chain(daemon, chain, &change, error, ret_outcome);
}

/* The section of @interface in @config, to be exchanged for another. */
static struct slot_chain_config *find_section(struct slot_config *config, const char *interface)
{
	return (struct slot_chain_config *)slot_config_find(config, interface);
}

int op_apply(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	struct setup before = setup_get(chain);
	struct slot_chain_config *section;
	struct slot_chain_config *in_force;
	struct slot_chain_config swapped;
	char what[96];
	struct slot_change change = { .desired = &desired, .reason = what };
	int err = config_load(daemon, &error->details, &config);

	if (err)
		return op_fail_config(daemon, error, err, chain);
	section = find_section(&config, chain->interface);
	if (!section)
		return op_fail_unnamed(error, chain);
	err = config_resolve(daemon, section, &chain->overrides, &error->details, &desired);
	if (err)
		return op_fail_config(daemon, error, err, chain);
	err = slot_chain_configure(chain, section, &error->why);
	if (err)
		return op_fail(error, err, chain);
	snprintf(what, sizeof(what), "apply by %s", who);
	change.overrides = &chain->overrides;
	err = op_change_chain(daemon, chain, &change, error, ret_outcome);
	if (err) {
		setup_set(chain, &before);
		return err;
	}
	in_force = find_section(&daemon->config, chain->interface);
	swapped = *in_force;
	*in_force = *section;
	*section = swapped;
	return 0;
}

/* One chain of the new configuration on its way. */
struct part {
	struct slot_chain *chain;
	bool is_new; /* opened for this reload */
	struct setup before;
	struct slot_chain_state desired;
	struct slot_attempt *attempt;
};

struct reload {
	struct slot_config config;
	struct part *parts;
	struct slot_outcome *outcomes;
};

static void reload_free(struct reload *reload)
{
	size_t i;

	for (i = 0; reload->parts && i < reload->config.count; i++)
		slot_chain_state_free(&reload->parts[i].desired);
	free(reload->parts);
	free(reload->outcomes);
	slot_config_free(&reload->config);
}

static int part_open(struct daemon *daemon, struct part *part,
		     const struct slot_chain_config *config, struct op_error *error)
{
	int err;

	part->chain = daemon_find_chain(daemon, config->interface, NULL);
	part->is_new = !part->chain;
	if (part->is_new) {
		err = config_check_interface(daemon, config, &error->why);
		if (!err)
			err = slot_chain_open(&daemon->host, config, &error->why, &part->chain);
	} else {
		part->before = setup_get(part->chain);
		err = slot_chain_configure(part->chain, config, &error->why);
	}
	return err ? op_fail(error, err, NULL) : 0;
}

/* Everything that can be wrong with the file is found before anything is built. */
static int reload_read(struct daemon *daemon, struct reload *reload, struct op_error *error)
{
	size_t i;
	int err = config_load(daemon, &error->details, &reload->config);
	int failed;

	if (err)
		return op_fail_config(daemon, error, err, NULL);
	lifecycle_watch(&reload->config);
	reload->parts = calloc(reload->config.count, sizeof(*reload->parts));
	reload->outcomes = calloc(reload->config.count, sizeof(*reload->outcomes));
	if (!reload->parts || !reload->outcomes) {
		slot_reason_set(&error->why, 0, "out of memory");
		return op_fail(error, -ENOMEM, NULL);
	}
	for (i = 0; i < reload->config.count; i++) {
		err = part_open(daemon, &reload->parts[i], &reload->config.chains[i], error);
		if (err)
			return err;
	}
	for (i = 0, failed = 0; i < reload->config.count; i++) {
		err = config_resolve(daemon, &reload->config.chains[i],
				     &reload->parts[i].chain->overrides, &error->details,
				     &reload->parts[i].desired);
		failed = failed ? failed : err;
	}
	return failed ? op_fail_config(daemon, error, failed, NULL) : 0;
}

/* Build for all chains; a chain whose interface is away waits for it. */
static int reload_build(struct reload *reload, const char *what, struct op_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < reload->config.count && !err; i++) {
		struct part *part = &reload->parts[i];
		struct slot_change change = {
			.desired = &part->desired,
			.overrides = &part->chain->overrides,
			.reason = what,
		};

		if (part->chain->ifindex)
			err = slot_chain_prepare(part->chain, &change, &error->why, &part->attempt);
	}
	return err ? op_fail(error, err, NULL) : 0;
}

static int reload_swap(struct reload *reload, struct op_error *error)
{
	struct slot_reason why;
	size_t done;
	size_t i;
	int err = 0;

	for (done = 0; done < reload->config.count && !err; done++)
		if (reload->parts[done].attempt)
			err = slot_chain_commit(reload->parts[done].attempt, &error->why);
	if (!err)
		return 0;
	for (i = 0; i < done; i++)
		if (reload->parts[i].attempt && slot_chain_revert(reload->parts[i].attempt, &why))
			log_error("%s", why.text);
	return op_fail(error, err, NULL);
}

/* What was built, swapped or opened for a reload that is refused goes. */
static void reload_undo(struct reload *reload)
{
	size_t i;

	for (i = 0; reload->parts && i < reload->config.count; i++) {
		struct part *part = &reload->parts[i];

		slot_chain_finish(part->attempt, NULL);
		if (part->is_new && part->chain)
			slot_chain_free(part->chain);
		else if (part->before.engine)
			setup_set(part->chain, &part->before);
	}
}

/* The new configuration is in force from here on. */
static void reload_finish(struct daemon *daemon, struct reload *reload, struct slot_chain **chains,
			  const char *what)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++) {
		struct slot_chain *chain = daemon->chains[i];

		if (slot_config_find(&reload->config, chain->interface))
			continue;
		log_warning("%s: slots.conf no longer names this chain; it runs on, unattended",
			    chain->interface);
		slot_chain_free(chain);
	}
	for (i = 0; i < reload->config.count; i++) {
		chains[i] = reload->parts[i].chain;
		slot_chain_state_free(&reload->parts[i].desired);
		if (!reload->parts[i].attempt)
			continue;
		slot_chain_finish(reload->parts[i].attempt, &reload->outcomes[i]);
		op_log_outcome(chains[i], &reload->outcomes[i], what);
	}
	free(daemon->chains);
	slot_config_free(&daemon->config);
	daemon->chains = chains;
	daemon->config = reload->config;
	reload->config = (struct slot_config){ 0 };
}

int op_reload(struct daemon *daemon, const char *who, struct op_error *error,
	      struct slot_outcome **ret_outcomes)
{
	struct slot_chain **chains = NULL;
	struct reload reload = { 0 };
	char what[96];
	int err = reload_read(daemon, &reload, error);

	snprintf(what, sizeof(what), "apply by %s", who);
	if (!err)
		chains = calloc(SLOT_CONFIG_CHAINS_MAX, sizeof(struct slot_chain *));
	if (!err && !chains) {
		slot_reason_set(&error->why, 0, "out of memory");
		err = op_fail(error, -ENOMEM, NULL);
	}
	if (!err)
		err = reload_build(&reload, what, error);
	if (!err)
		err = reload_swap(&reload, error);
	if (err) {
		reload_undo(&reload);
		free(chains);
	} else {
		reload_finish(daemon, &reload, chains, what);
		*ret_outcomes = TAKE_PTR(reload.outcomes);
	}
	slot_store_sweep(&daemon->host.store);
	reload_free(&reload);
	return err;
}
