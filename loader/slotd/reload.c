/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading slots.conf again and bringing chains to it: one, or all of them or none. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"

/* What slots.conf, as read now, desires of every chain. */
struct reload {
	struct slot_config config;
	struct slot_chain **chains;
	struct slot_chain_state *desired;
	struct slot_outcome *outcomes;
};

static void reload_free(struct reload *reload)
{
	size_t i;

	for (i = 0; reload->desired && i < reload->config.count; i++)
		slot_chain_state_free(&reload->desired[i]);
	free(reload->desired);
	free(reload->outcomes);
	free(reload->chains);
	slot_config_free(&reload->config);
}

/* The chains of the new configuration: those at hand, and new ones opened. */
static int open_chains(struct daemon *daemon, struct reload *reload, struct op_error *error)
{
	size_t i;
	int err = 0;

	for (i = 0; i < reload->config.count && !err; i++) {
		const struct slot_chain_config *config = &reload->config.chains[i];

		reload->chains[i] = daemon_find_chain(daemon, config->interface, NULL);
		if (reload->chains[i])
			err = slot_chain_configure(reload->chains[i], config, &error->why);
		else
			err = slot_chain_open(&daemon->host, config, &error->why,
					      &reload->chains[i]);
	}
	return err ? op_fail(error, err, NULL) : 0;
}

static void close_new_chains(const struct daemon *daemon, struct reload *reload)
{
	size_t i;

	for (i = 0; reload->chains && i < reload->config.count; i++)
		if (reload->chains[i] &&
		    !daemon_find_chain(daemon, reload->chains[i]->interface, NULL))
			slot_chain_free(reload->chains[i]);
}

static int reload_prepare(struct daemon *daemon, struct reload *reload, struct op_error *error)
{
	size_t i;
	int err = config_load(daemon, &error->details, &reload->config);

	if (err)
		return op_fail_config(daemon, error, err, NULL);
	reload->chains = calloc(reload->config.count, sizeof(struct slot_chain *));
	reload->desired = calloc(reload->config.count, sizeof(*reload->desired));
	reload->outcomes = calloc(reload->config.count, sizeof(*reload->outcomes));
	if (!reload->chains || !reload->desired || !reload->outcomes) {
		slot_reason_set(&error->why, 0, "out of memory");
		return op_fail(error, -ENOMEM, NULL);
	}
	err = open_chains(daemon, reload, error);
	for (i = 0; i < reload->config.count && !err; i++)
		err = config_resolve(daemon, &reload->config.chains[i],
				     &reload->chains[i]->overrides, &error->details,
				     &reload->desired[i]);
	return err && error->details.count ? op_fail_config(daemon, error, err, NULL) : err;
}

/* Chains changed before another failed go back to the generation they ran. */
static void reload_undo(struct reload *reload, size_t count)
{
	struct slot_outcome outcome;
	struct slot_reason why;
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_chain *chain = reload->chains[i];
		int err;

		if (!reload->outcomes[i].is_changed)
			continue;
		if (chain->previous)
			err = slot_chain_rollback(chain, &chain->previous->overrides, &why,
						  &outcome);
		else
			err = slot_chain_detach(chain, false, &why);
		if (err)
			log_error("%s: cannot go back: %s", chain->interface, why.text);
		else
			log_info("%s: went back, since another chain could not be changed",
				 chain->interface);
	}
}

/* The new configuration is in force from here on. */
static void reload_commit(struct daemon *daemon, struct reload *reload)
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
	free(daemon->chains);
	slot_config_free(&daemon->config);
	daemon->chains = TAKE_PTR(reload->chains);
	daemon->config = reload->config;
	for (i = 0; i < daemon->config.count; i++)
		slot_chain_state_free(&reload->desired[i]);
	reload->config = (struct slot_config){ 0 };
}

/* Apply to the chain of @only, or to all chains where it is NULL. */
static int reload_run(struct daemon *daemon, struct reload *reload, const char *only,
		      const char *who, struct op_error *error)
{
	char what[96];
	size_t i;
	int err = reload_prepare(daemon, reload, error);

	snprintf(what, sizeof(what), "apply by %s", who);
	for (i = 0; i < reload->config.count && !err; i++) {
		struct slot_chain *chain = reload->chains[i];

		if (only && strcmp(only, chain->interface) != 0)
			continue;
		err = op_change_chain(daemon, chain, &reload->desired[i], &chain->overrides, what,
				      error, &reload->outcomes[i]);
		if (err)
			reload_undo(reload, i);
	}
	if (err) {
		close_new_chains(daemon, reload);
		return err;
	}
	reload_commit(daemon, reload);
	return 0;
}

int op_reload(struct daemon *daemon, const char *who, struct op_error *error,
	      struct slot_outcome **ret_outcomes)
{
	struct reload reload = { 0 };
	int err = reload_run(daemon, &reload, NULL, who, error);

	if (!err)
		*ret_outcomes = TAKE_PTR(reload.outcomes);
	reload_free(&reload);
	return err;
}

static size_t find_index(const struct daemon *daemon, const char *interface)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++)
		if (!strcmp(daemon->config.chains[i].interface, interface))
			break;
	return i;
}

int op_apply(struct daemon *daemon, const char *interface, const char *who, struct op_error *error,
	     struct slot_outcome *ret_outcome)
{
	struct reload reload = { 0 };
	int err = reload_run(daemon, &reload, interface, who, error);
	size_t i = find_index(daemon, interface);

	if (!err && i < daemon->config.count)
		*ret_outcome = reload.outcomes[i];
	reload_free(&reload);
	return err;
}
