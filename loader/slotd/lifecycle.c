/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/lifecycle.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/adopt.h"
#include "loader/lib/chain/leftover.h"
#include "loader/lib/chain/seat.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/config_load.h"
#include "loader/slotd/links.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

static int load_config(struct daemon *daemon)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	int err = config_load(daemon, &errors, &daemon->config);
	size_t i;

	for (i = 0; i < errors.count; i++)
		log_error("%s", errors.lines[i]);
	return err;
}

/*
 * An interface that was moved here from another netns brings along the chain
 * that it had there. That one lets go where this netns has a chain for it.
 */
static void release_strays(struct daemon *daemon, const struct slot_chain *chain)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++) {
		struct slot_chain *other = daemon->chains[i];

		if (!other || other == chain || other->hook != chain->hook ||
		    !slot_chain_runs_at(other, &chain->place) || !slot_chain_has_strayed(other))
			continue;
		log_warning("%s: its interface was moved and is '%s' now, which has a chain of its "
			    "own; this one waits for another interface",
			    other->interface, chain->interface);
		slot_chain_release(other);
	}
}

/*
 * The root of an older slotd gives way to one of this version, under the same
 * programs. Where that fails the old one runs on, and each change tries again.
 */
static void renew_root(struct daemon *daemon, struct slot_chain *chain)
{
	struct audit_deed deed = { .what = "renew root", .chain = chain->interface };
	struct audit_entry *entry = NULL;
	struct slot_outcome outcome = { 0 };
	struct slot_reason why = { 0 };
	int err;

	if (slot_chain_is_newer(chain))
		log_warning(
			"%s: a newer slotd built generation %u, which runs on untouched; changes "
			"are refused until that slotd is back",
			chain->interface, chain->current->number);
	if (!slot_chain_is_older(chain))
		return;
	if (audit_begin(daemon, &deed, NULL, &entry))
		entry = NULL;
	err = slot_chain_renew(chain, &why, &outcome);
	slot_store_sweep(&daemon->host.store);
	audit_end(entry, err ? why.text : NULL);
	if (err)
		log_warning("%s: cannot renew the root: %s; generation %u runs on",
			    chain->interface, why.text, chain->current->number);
	else
		op_log_outcome(chain, &outcome, "renew root");
}

/* Other chains start all the same: a kernel without one chain is better than one without any. */
static void say_unserved(const struct slot_chain *chain)
{
	if (slot_chain_is_unserved(chain))
		log_error("%s; nothing runs on '%s'", chain->unserved.text, chain->interface);
	else if (chain->unserved.text[0])
		log_warning("%s; generation %u runs on", chain->unserved.text,
			    chain->current->number);
}

/* A chain that runs is left exactly as it is; one that does not is attached as it is built, or built. */
static int start_chain(struct daemon *daemon, struct slot_chain *chain, struct op_error *error)
{
	struct slot_outcome outcome = { 0 };
	bool was_attached = slot_chain_is_attached(chain);
	int err;

	if (chain->lost.text[0])
		log_warning("%s: %s", chain->interface, chain->lost.text);
	if (chain->unfolded_reason.text[0])
		log_warning("%s: %s", chain->interface, chain->unfolded_reason.text);
	release_strays(daemon, chain);
	err = slot_chain_follow(chain, &error->why);

	if (err)
		return op_fail(error, err, chain);
	say_unserved(chain);
	if (slot_chain_is_unserved(chain))
		return 0;
	if (slot_chain_is_attached(chain)) {
		log_info("%s: adopted generation %u as it %s (engine %s)", chain->interface,
			 chain->current->number, was_attached ? "runs" : "was built",
			 chain->current->engine->name);
		return 0;
	}
	if (chain->is_detached) {
		log_warning("%s: was detached and stays so until the next apply", chain->interface);
		return 0;
	}
	if (!chain->ifindex) {
		log_warning("%s: the %s is not there; its chain waits for it", chain->interface,
			    slot_hook_noun(chain->hook));
		return 0;
	}
	if (slot_chain_has_dispatcher(chain)) {
		log_warning("%s: the interface runs a libxdp dispatcher, which was left alone: "
			    "slotctl adopt takes its programs over",
			    chain->interface);
		return 0;
	}
	log_info("%s: engine %s: %s", chain->interface, chain->engine->name,
		 chain->engine_reason.text);
	return op_start(daemon, chain, "slotd", error, &outcome);
}

/* What a start took over or built is in the log, slot by slot. */
static int audited_start(struct daemon *daemon, struct slot_chain *chain, struct op_error *error)
{
	struct audit_deed deed = { .what = "start", .chain = chain->interface, .is_start = true };
	struct audit_entry *entry = NULL;
	int err = audit_begin(daemon, &deed, &error->why, &entry);

	if (err)
		return op_fail(error, err, chain);
	err = start_chain(daemon, chain, error);
	audit_end(entry, err ? error->why.text : NULL);
	if (!err && chain->current && slot_chain_is_attached(chain))
		renew_root(daemon, chain);
	return err;
}

static int open_chains(struct daemon *daemon, struct slot_reason *why)
{
	size_t i;
	int err = 0;

	daemon->chains = calloc(SLOT_CONFIG_CHAINS_MAX, sizeof(struct slot_chain *));
	if (!daemon->chains)
		return -ENOMEM;
	for (i = 0; i < daemon->config.count && !err; i++) {
		const struct slot_chain_config *config = &daemon->config.chains[i];

		err = config_check_interface(daemon, config, why);
		if (!err)
			err = slot_chain_open(&daemon->host, config, why, &daemon->chains[i]);
	}
	if (err)
		log_error("%s", why->text);
	return err;
}

/* One that another's program keeps off its interface waits for that, unless all do. */
static int start_all(struct daemon *daemon)
{
	size_t refused = 0;
	size_t i;
	int err = 0;

	for (i = 0; i < daemon->config.count && !err; i++) {
		struct slot_chain *chain = daemon->chains[i];
		struct op_error error = { 0 };

		err = audited_start(daemon, chain, &error);
		op_error_free(&error);
		if (!err || !slot_chain_is_blocked(chain, NULL))
			continue;
		if (++refused == daemon->config.count)
			return err;
		log_warning(
			"%s: refused, and tried again once that program is gone, or by an apply; "
			"other chains do not wait for it",
			chain->interface);
		err = 0;
	}
	return err;
}

static int start_chains(struct daemon *daemon)
{
	struct audit_deed deed = { .what = "start", .is_start = true };
	struct op_error error = { 0 };
	int err = open_chains(daemon, &error.why);

	if (err)
		audit_refuse(daemon, &deed, error.why.text);
	else
		err = start_all(daemon);
	/* What a change that was interrupted kept or no longer needs. */
	if (!err)
		slot_store_sweep(&daemon->host.store);
	if (!err)
		slot_seat_sweep(&daemon->host, &daemon->config);
	op_error_free(&error);
	return err;
}

/* Functions are verified and linked by their types, for which the kernel wants its own. */
static int check_kernel(void)
{
	if (!access(KERNEL_BTF, R_OK))
		return 0;
	log_error("this kernel has no BTF ('%s': %s), which slotd needs: run one built with "
		  "CONFIG_DEBUG_INFO_BTF=y",
		  KERNEL_BTF, strerror(errno));
	return -ENOTSUP;
}

int lifecycle_start(struct daemon *daemon)
{
	struct slot_reason why;
	int err = check_kernel();

	if (err)
		return err;
	err = slot_store_open(daemon->options.state_dir, &why, &daemon->host.store);
	if (!err)
		err = slot_pins_open(daemon->options.bpffs, &why, &daemon->lock_fd,
				     daemon->host.root);
	if (!err)
		err = audit_open(daemon->options.state_dir, &why, &daemon->audit);
	if (err) {
		log_error("%s", why.text);
		return err;
	}
	err = load_config(daemon);
	if (err)
		return err;
	/* Before the first look at their interfaces, so that nothing in between is missed. */
	links_watch(&daemon->config);
	return start_chains(daemon);
}

static void detach_all(struct daemon *daemon)
{
	struct audit_deed deed = { .what = "detach", .cause = "slotd stops" };
	struct audit_entry *entry = NULL;
	struct slot_reason why = { 0 };
	size_t i;

	audit_begin(daemon, &deed, NULL, &entry);
	for (i = 0; i < daemon->config.count; i++) {
		struct slot_chain *chain = daemon->chains[i];

		if (chain && slot_chain_detach(chain, false, &why))
			log_error("%s", why.text);
		else if (chain && chain->left.text[0])
			log_warning("%s", chain->left.text);
	}
	audit_end(entry, why.text[0] ? why.text : NULL);
}

void lifecycle_stop(struct daemon *daemon)
{
	size_t i;

	if (daemon->options.detach_on_exit && daemon->is_started)
		detach_all(daemon);
	for (i = 0; daemon->chains && i < daemon->config.count; i++)
		slot_chain_free(daemon->chains[i]);
	free(daemon->chains);
	slot_config_free(&daemon->config);
	audit_close(daemon->audit);
	if (daemon->lock_fd >= 0)
		close(daemon->lock_fd);
}

/* A port that joins late gets what was deployed to the others meanwhile. */
static void follow_siblings(const struct daemon *daemon, struct slot_chain *chain)
{
	size_t i;

	for (i = 0; chain->place.master[0] && i < daemon->config.count; i++) {
		const struct slot_chain *other = daemon->chains[i];

		if (other && other != chain && slot_chain_is_attached(other) &&
		    !strcmp(other->place.master, chain->place.master) &&
		    !strcmp(other->place.netns, chain->place.netns)) {
			chain->overrides = other->overrides;
			return;
		}
	}
}

static void say_gone(const struct slot_chain *chain)
{
	if (chain->place.master[0])
		log_warning("%s: no port of '%s' any more; its chain waits for that",
			    chain->interface, chain->place.master);
	else
		log_warning("%s: the %s is gone; its chain waits for it", chain->interface,
			    slot_hook_noun(chain->hook));
}

/* Whether a change passed the chain by, and it can be asked again. */
static bool is_behind(const struct slot_chain *chain)
{
	return chain->has_missed && !slot_chain_is_out_of_reach(chain);
}

static void learn_place(struct slot_chain *chain)
{
	struct slot_reason why;

	if (slot_chain_follow(chain, &why))
		log_warning("%s", why.text);
}

static void follow_detached(struct slot_chain *chain)
{
	if (slot_chain_remove_leftover(chain))
		log_info("%s: the filter that its detach could not reach is off", chain->interface);
	learn_place(chain);
}

static void follow_link(struct daemon *daemon, struct slot_chain *chain)
{
	const char *noun = slot_hook_noun(chain->hook);
	char cause[64];
	char who[64];
	struct audit_deed deed = { .what = "follow", .cause = cause, .chain = chain->interface };
	struct audit_entry *entry = NULL;
	bool was_there = chain->ifindex != 0;
	struct slot_outcome outcome = { 0 };
	struct op_error error = { 0 };

	if (chain->is_detached) {
		follow_detached(chain);
		return;
	}
	if (slot_chain_is_home(chain) && !is_behind(chain))
		return;
	if (slot_chain_is_unserved(chain)) {
		learn_place(chain);
		return;
	}
	if (slot_chain_is_blocked(chain, NULL) && !slot_chain_has_moved(chain))
		return;
	snprintf(cause, sizeof(cause), "%s %s came or went",
		 slot_hook_is_sock(chain->hook) ? "a" : "an", noun);
	audit_begin(daemon, &deed, NULL, &entry);
	release_strays(daemon, chain);
	if (slot_chain_follow(chain, &error.why)) {
		op_fail(&error, -ENODEV, chain);
	} else if (chain->ifindex) {
		if (slot_chain_is_attached(chain))
			log_info("%s: the %s is back; generation %u runs on it again",
				 chain->interface, noun, chain->current->number);
		follow_siblings(daemon, chain);
		/* What slots.conf came to say while it was away counts now. */
		chain->has_missed = false;
		snprintf(who, sizeof(who), "slotd, as the %s came", noun);
		if (!slot_chain_has_dispatcher(chain))
			op_start(daemon, chain, who, &error, &outcome);
	} else if (was_there) {
		say_gone(chain);
	}
	audit_end_if_changed(entry, error.err ? error.why.text : NULL);
	op_error_free(&error);
}

static void open_member(struct daemon *daemon, size_t index)
{
	const struct slot_chain_config *config = &daemon->config.chains[index];
	struct slot_reason why;
	int err = config_check_interface(daemon, config, &why);

	if (!err)
		err = slot_chain_open(&daemon->host, config, &why, &daemon->chains[index]);
	if (err) {
		log_error("%s; '%s' has no chain", why.text, config->interface);
		return;
	}
	log_info("%s: a port of '%s' now", config->interface, config->place.master);
	say_unserved(daemon->chains[index]);
	daemon->chains[index]->ifindex = 0; /* it is followed like one that came back */
}

/* New ports of interfaces with members get their chains. */
static void add_members(struct daemon *daemon)
{
	size_t before = daemon->config.count;
	size_t i;
	int err = config_expand(daemon, &daemon->config);

	if (err)
		log_error("cannot look up the ports of interfaces: %s", strerror(-err));
	for (i = before; i < daemon->config.count; i++)
		open_member(daemon, i);
	/* Those that could not be opened are tried again with the next news. */
	for (i = daemon->config.count; i-- > before;) {
		if (daemon->chains[i])
			continue;
		slot_config_del(&daemon->config, i);
		memmove(&daemon->chains[i], &daemon->chains[i + 1],
			(daemon->config.count - i) * sizeof(struct slot_chain *));
		daemon->chains[daemon->config.count] = NULL;
	}
}

void lifecycle_follow_filters(struct daemon *daemon)
{
	size_t i;

	for (i = 0; i < daemon->config.count; i++)
		if (slot_chain_has_lost_filter(daemon->chains[i]))
			follow_link(daemon, daemon->chains[i]);
}

void lifecycle_follow_links(struct daemon *daemon)
{
	size_t i;

	slot_leftover_sweep(&daemon->host);
	add_members(daemon);
	for (i = 0; i < daemon->config.count; i++)
		follow_link(daemon, daemon->chains[i]);
}

static bool has_member_cgroup(const struct slot_config *config)
{
	size_t i;

	for (i = 0; i < config->master_count; i++)
		if (slot_netns_is_of_cgroup(config->masters[i].place.netns))
			return true;
	return false;
}

void lifecycle_follow_quiet(struct daemon *daemon)
{
	size_t i;

	slot_leftover_sweep(&daemon->host);
	if (has_member_cgroup(&daemon->config))
		add_members(daemon);
	for (i = 0; i < daemon->config.count; i++)
		if (daemon->chains[i]->was_blocked || links_is_of_cgroup(&daemon->chains[i]->place))
			follow_link(daemon, daemon->chains[i]);
}

bool lifecycle_has_quiet(struct daemon *daemon)
{
	bool has_any = links_has_cgroups(&daemon->config);
	size_t i;

	for (i = 0; i < daemon->config.count; i++) {
		struct slot_chain *chain = daemon->chains[i];

		chain->was_blocked = slot_chain_is_blocked(chain, NULL);
		has_any |= chain->was_blocked;
	}
	return has_any;
}
