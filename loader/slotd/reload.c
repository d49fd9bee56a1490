/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading slots.conf again and bringing chains to it: one, or all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/seat.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/links.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"

/* How a chain is built and attached, to be put back when a change is refused. */
struct setup {
	const struct slot_engine *engine;
	struct slot_reason engine_reason;
	enum slot_attach_mode wanted_mode;
	enum slot_tc_order order;
	char cgroup[SLOT_CGROUP_PATH_MAX];
	struct slot_reason unserved;
};

static struct setup setup_get(const struct slot_chain *chain)
{
	struct setup setup = {
		.engine = chain->engine,
		.engine_reason = chain->engine_reason,
		.wanted_mode = chain->wanted_mode,
		.order = chain->order,
		.unserved = chain->unserved,
	};

	memcpy(setup.cgroup, chain->place.cgroup, sizeof(setup.cgroup));
	return setup;
}

static void setup_set(struct slot_chain *chain, const struct setup *setup)
{
	chain->engine = setup->engine;
	chain->engine_reason = setup->engine_reason;
	chain->wanted_mode = setup->wanted_mode;
	chain->order = setup->order;
	memcpy(chain->place.cgroup, setup->cgroup, sizeof(setup->cgroup));
	chain->unserved = setup->unserved;
}

int op_start(struct daemon *daemon, struct slot_chain *chain, const char *who,
	     struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	const struct slot_chain_config *config = NULL;
	char what[96];
	struct slot_change change = { .reason = what };
	int err;

	if (slot_chain_is_blocked(chain, &error->why))
		return op_fail(error, -EBUSY, chain);
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

int op_apply(struct daemon *daemon, struct slot_chain *chain, const struct slot_map_orders *maps,
	     const char *who, struct op_error *error, struct slot_outcome *ret_outcome)
{
	_cleanup_(slot_chain_state_free) struct slot_chain_state desired = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	struct setup before = setup_get(chain);
	struct slot_chain_config *section;
	struct slot_chain_config *in_force;
	struct slot_chain_config swapped;
	char what[96];
	struct slot_change change = { .desired = &desired, .reason = what, .map_orders = maps };
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
	op_warn_of_new(daemon, &config, &ret_outcome->warning);
	return 0;
}

/* One chain of the new configuration on its way. */
struct part {
	struct slot_chain *chain;
	bool is_new; /* opened for this reload */
	struct setup before;
	struct slot_chain_state desired;
};

struct reload {
	struct slot_config config;
	struct part *parts;
	struct slot_chain **chains; /* of the parts, by the same index */
	struct slot_batch batch;
	struct slot_outcome *outcomes;
};

static void reload_free(struct reload *reload)
{
	size_t i;

	for (i = 0; reload->parts && i < reload->config.count; i++)
		slot_chain_state_free(&reload->parts[i].desired);
	slot_batch_close(&reload->batch);
	free(reload->parts);
	free(reload->chains);
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
		if (!err && part->chain->unserved.text[0])
			err = slot_reason_set(&error->why, -ENOTSUP, "%s",
					      part->chain->unserved.text);
		/* One that slotd runs waits instead, until the interface is free. */
		if (!err && slot_chain_is_blocked(part->chain, &error->why))
			err = -EBUSY;
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
	links_watch(&reload->config);
	reload->parts = calloc(reload->config.count, sizeof(*reload->parts));
	reload->outcomes = calloc(reload->config.count, sizeof(*reload->outcomes));
	reload->chains = calloc(SLOT_CONFIG_CHAINS_MAX, sizeof(struct slot_chain *));
	if (!reload->parts || !reload->outcomes || !reload->chains) {
		slot_reason_set(&error->why, 0, "out of memory");
		return op_fail(error, -ENOMEM, NULL);
	}
	for (i = 0; i < reload->config.count; i++) {
		err = part_open(daemon, &reload->parts[i], &reload->config.chains[i], error);
		if (err)
			return err;
		reload->chains[i] = reload->parts[i].chain;
	}
	for (i = 0, failed = 0; i < reload->config.count; i++) {
		err = config_resolve(daemon, &reload->config.chains[i],
				     &reload->parts[i].chain->overrides, &error->details,
				     &reload->parts[i].desired);
		failed = failed ? failed : err;
	}
	return failed ? op_fail_config(daemon, error, failed, NULL) : 0;
}

static int reload_change(struct reload *reload, const char *what, struct op_error *error)
{
	struct slot_batch *batch = &reload->batch;
	size_t i;
	int err = slot_batch_open(reload->chains, reload->config.count, batch);

	for (i = 0; i < reload->config.count && !err; i++) {
		struct slot_change change = {
			.desired = &reload->parts[i].desired,
			.overrides = &reload->chains[i]->overrides,
			.reason = what,
		};

		err = slot_batch_prepare(batch, reload->chains[i], &change, &error->why);
	}
	if (!err)
		err = slot_batch_commit(batch, &error->why);
	return err ? op_fail_batch(error, err, batch) : 0;
}

/* What was built, swapped or opened for a reload that is refused goes. */
static void reload_undo(struct reload *reload)
{
	size_t i;

	slot_batch_close(&reload->batch);
	for (i = 0; reload->parts && i < reload->config.count; i++) {
		struct part *part = &reload->parts[i];

		if (part->is_new && part->chain)
			slot_chain_free(part->chain);
		else if (part->before.engine)
			setup_set(part->chain, &part->before);
	}
}

const char *op_what_stays(const struct slot_chain *chain)
{
	if (slot_chain_is_attached(chain))
		return "its chain runs on, unattended";
	if (slot_chain_is_out_of_reach(chain))
		return "its chain may run on, unattended, in a network namespace that cannot be "
		       "entered now";
	return NULL;
}

static void let_go(struct slot_chain *chain)
{
	const char *stays = op_what_stays(chain);

	log_warning("slots.conf no longer names '%s': %s", chain->interface,
		    stays ? stays : "its chain waits no more");
	slot_chain_free(chain);
}

/* The new configuration is in force from here on. */
static void reload_finish(struct daemon *daemon, struct reload *reload, const char *what)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++)
		if (!slot_config_find(&reload->config, daemon->chains[i]->interface))
			let_go(daemon->chains[i]);
	for (i = 0; i < reload->config.count; i++) {
		const struct slot_batch_item *item = &reload->batch.items[i];

		slot_chain_state_free(&reload->parts[i].desired);
		reload->outcomes[i] = item->outcome;
		if (item->state == SLOT_BATCH_DONE)
			op_log_outcome(item->chain, &item->outcome, what);
	}
	free(daemon->chains);
	slot_config_free(&daemon->config);
	daemon->chains = TAKE_PTR(reload->chains);
	daemon->config = reload->config;
	slot_seat_sweep(&daemon->host, &daemon->config);
	reload->config = (struct slot_config){ 0 };
}

int op_reload(struct daemon *daemon, const char *who, struct op_error *error,
	      struct slot_outcome **ret_outcomes)
{
	struct reload reload = { 0 };
	char what[96];
	int err = reload_read(daemon, &reload, error);

	snprintf(what, sizeof(what), "apply by %s", who);
	if (!err)
		err = reload_change(&reload, what, error);
	if (err) {
		reload_undo(&reload);
	} else {
		reload_finish(daemon, &reload, what);
		*ret_outcomes = TAKE_PTR(reload.outcomes);
	}
	slot_store_sweep(&daemon->host.store);
	reload_free(&reload);
	return err;
}
