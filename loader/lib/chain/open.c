/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over a chain: what runs is adopted untouched, what an interrupted
 * change left is finished or undone. The kernel's own state decides: the
 * generation that the link runs is the current one, whatever a record says.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/record.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/base/json.h"
#include "loader/lib/host/clsact.h"
#include "loader/lib/host/hook.h"
#include "loader/lib/host/netns.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "loader/lib/registry/adoption.h"

#define KEPT_MAX (2 + SLOT_UNFOLDED_MAX)

static void cleanup_chain(struct slot_chain **chain)
{
	slot_chain_free(*chain);
}

/* The link as pinned; one whose interface is gone holds nothing and is let go. */
static int open_link(struct slot_chain *chain, __u32 *ret_prog_id, struct slot_reason *why)
{
	_cleanup_(slot_netns_leave) int home = -1;
	unsigned int ifindex = 0;
	__u32 prog_id = 0;
	int fd = slot_pin_open(chain->dir, SLOT_PIN_LINK);
	int err;

	*ret_prog_id = 0;
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return slot_reason_set(why, fd, "cannot open '%s/" SLOT_PIN_LINK "': %s",
				       chain->dir, strerror(-fd));
	chain->link_fd = fd;
	err = slot_hook_link_get(chain->hook, fd, chain->ifindex, &prog_id, &ifindex);
	if (err)
		return slot_reason_set(why, err, "'%s/" SLOT_PIN_LINK "' is no link of the hook %s",
				       chain->dir, slot_hook_name(chain->hook));
	if (!ifindex) {
		slot_chain_unlink(chain);
		return 0;
	}
	if (chain->hook == SLOT_HOOK_XDP &&
	    !slot_netns_enter(chain->place.netns, chain->netns_cookie, &home))
		chain->mode = slot_xdp_mode_get(ifindex);
	*ret_prog_id = prog_id;
	return 0;
}

/*
 * The current generation: the one that the link runs, or the recorded one where
 * no link is. Nothing is touched before this is known, and what runs but cannot
 * be understood is left alone.
 */
static int open_current(struct slot_chain *chain, const struct slot_chain_record *record,
			__u32 prog_id, const unsigned int *numbers, size_t count,
			struct slot_reason *why)
{
	unsigned int number = prog_id ? 0 : record->current;
	size_t i;
	int err;

	for (i = 0; prog_id && i < count; i++)
		if (slot_generation_root_id(chain->dir, numbers[i]) == prog_id)
			number = numbers[i];
	if (prog_id && !number)
		return slot_reason_set(
			why, -EEXIST,
			"the link of '%s' runs program %u, which is no generation "
			"that slotd knows; it was left alone (to start over: rm -r '%s')",
			chain->interface, prog_id, chain->dir);
	if (!number)
		return 0;
	err = slot_generation_open(chain->dir, number, &chain->host->store, chain->interface, why,
				   &chain->current);
	if (!err || !prog_id)
		return 0;
	return slot_reason_prefix(why, err,
				  "'%s' runs generation %u, which cannot be taken over and was "
				  "left alone (to start over: rm -r '%s'): ",
				  chain->interface, number, chain->dir);
}

/* The way back: as recorded, or what was current when a swap was not recorded any more. */
static void open_previous(struct slot_chain *chain, const struct slot_chain_record *record)
{
	const unsigned int numbers[] = { record->current, record->previous };
	unsigned int current = chain->current ? chain->current->number : 0;
	size_t i;

	for (i = 0; i < 2 && !chain->previous; i++)
		if (numbers[i] && numbers[i] != current)
			slot_generation_open(chain->dir, numbers[i], &chain->host->store,
					     chain->interface, NULL, &chain->previous);
}

/* Everything else goes; what was swapped in once has counted packets. */
static void drop_generation(struct slot_chain *chain, unsigned int number,
			    const struct slot_chain_record *record)
{
	struct slot_generation *generation = NULL;
	struct slot_reason why;
	int err;

	if (number < record->next)
		slot_generation_open(chain->dir, number, &chain->host->store, chain->interface,
				     NULL, &generation);
	if (!generation) {
		slot_generation_remove(chain->dir, number, &chain->host->store, chain->interface);
		return;
	}
	err = slot_chain_retire(chain, generation, &why);
	if (err && err != -EAGAIN)
		chain->lost = why;
}

static void drop_records(const struct slot_chain *chain)
{
	const struct slot_generation *kept[KEPT_MAX] = { chain->current, chain->previous };
	const char *keep[KEPT_MAX + 1] = { SLOT_CHAIN_RECORD_NAME };
	char names[KEPT_MAX][48] = { "" };
	size_t i;

	memcpy(kept + 2, chain->unfolded, sizeof(chain->unfolded));
	for (i = 0; i < KEPT_MAX; i++) {
		if (kept[i])
			slot_generation_name(kept[i]->number, names[i], sizeof(names[i]));
		keep[i + 1] = names[i];
	}
	slot_store_sweep_records(&chain->host->store, chain->interface, keep, KEPT_MAX + 1);
}

/* Of a generation whose pins are gone its record still says what it ran. */
static void recall(struct slot_chain *chain, const struct slot_chain_record *record)
{
	_cleanup_json_ json_t *json = NULL;
	char name[48];

	if (chain->current || !record->current)
		return;
	slot_generation_name(record->current, name, sizeof(name));
	if (!slot_store_read(&chain->host->store, chain->interface, name, NULL, &json))
		slot_chain_state_from_json(json_object_get(json, "state"), NULL, &chain->recalled);
}

static int open_generations(struct slot_chain *chain, const struct slot_chain_record *record,
			    __u32 prog_id, struct slot_reason *why)
{
	unsigned int numbers[SLOT_GENERATIONS_MAX];
	size_t count = slot_generation_list(chain->dir, numbers, SLOT_GENERATIONS_MAX);
	size_t i;
	int err = open_current(chain, record, prog_id, numbers, count, why);

	if (err)
		return err;
	open_previous(chain, record);
	for (i = 0; i < count; i++) {
		bool is_current = chain->current && chain->current->number == numbers[i];
		bool is_previous = chain->previous && chain->previous->number == numbers[i];

		if (!is_current && !is_previous)
			drop_generation(chain, numbers[i], record);
		if (numbers[i] >= chain->next_number)
			chain->next_number = numbers[i] + 1;
	}
	recall(chain, record);
	drop_records(chain);
	return 0;
}

/* A change that was swapped in but not recorded: record it now. */
static int finish_change(struct slot_chain *chain, const struct slot_chain_record *record,
			 struct slot_reason *why)
{
	unsigned int previous = chain->previous ? chain->previous->number : 0;
	int err;

	/* After a reboot nothing is left of what a watch would compare. */
	if (!chain->current)
		chain->watches = (struct slot_watches){ 0 };
	if (!chain->current)
		return 0;
	err = slot_chain_settle_maps(chain, why);
	if (!err && slot_chain_repair_maps(chain))
		err = slot_chain_settle_maps(chain, why);
	if (err || (chain->current->number == record->current && previous == record->previous))
		return err;
	if (chain->current->number != record->current) {
		chain->overrides = chain->current->overrides;
		chain->watches = chain->current->watches;
	}
	chain->is_detached = false;
	return slot_chain_save(chain, why);
}

/* A record without a generation, while an old one runs or its maps are still pinned. */
static bool is_detach_unfinished(const struct slot_chain *chain,
				 const struct slot_chain_record *record)
{
	if (record->current)
		return false;
	if (chain->current)
		return chain->current->number < record->next;
	return record->next > 1 && !access(chain->dir, F_OK);
}

/* Programs that were adopted live in generations only: without one they are gone. */
static void forget_adopted(struct slot_chain *chain)
{
	char names[256];

	if (chain->current)
		return;
	slot_adoption_forget(&chain->overrides, names, sizeof(names));
	if (names[0])
		slot_reason_set(&chain->lost, 0,
				"programs adopted from libxdp did not outlive the kernel that ran "
				"them, and run no longer: %s; reserve slots for their objects",
				names);
}

/* Applications would not find what runs. */
static void repair_seat(struct slot_chain *chain)
{
	int err;

	if (chain->hook != SLOT_HOOK_SK_REUSEPORT || chain->link_fd < 0)
		return;
	err = slot_chain_seat_pin(chain, chain->link_fd);
	if (err)
		slot_reason_set(&chain->lost, err,
				"the jump that sockets attach cannot be pinned: %s",
				strerror(-err));
}

static int take_over(struct slot_chain *chain, struct slot_reason *why)
{
	struct slot_chain_record record;
	__u32 prog_id;
	int err = slot_chain_record_read(&chain->host->store, chain->interface, why, &record);

	if (!err)
		err = open_link(chain, &prog_id, why);
	if (err)
		return err;
	chain->overrides = record.overrides;
	chain->watches = record.watches;
	memcpy(chain->watch_note, record.watch_note, sizeof(chain->watch_note));
	chain->is_detached = record.is_detached;
	chain->next_number = record.next;
	chain->totals_fd = slot_totals_open(chain->dir);
	chain->has_newer_totals = chain->totals_fd == -ENOTSUP;
	if (chain->totals_fd < 0 && chain->totals_fd != -ENOENT && !chain->has_newer_totals)
		return slot_reason_set(why, chain->totals_fd,
				       "cannot take over '%s/" SLOT_PIN_TOTALS "': %s", chain->dir,
				       strerror(-chain->totals_fd));
	if (chain->totals_fd < 0)
		chain->totals_fd = -1;
	/* Attached without a link: what runs is a root of this chain all the same. */
	if (!prog_id && chain->link_fd < 0)
		prog_id = slot_chain_unlinked_find(chain);
	err = open_generations(chain, &record, prog_id, why);
	if (err)
		return err;
	if (is_detach_unfinished(chain, &record))
		return slot_chain_detach(chain, record.is_detached, why);
	/* A kill may have left the qdisc of a filter that never came, or went. */
	if (slot_hook_is_tc(chain->hook) && chain->unlinked_fd < 0)
		slot_chain_clsact_sweep(chain);
	repair_seat(chain);
	err = finish_change(chain, &record, why);
	if (!err)
		err = slot_chain_finish_adoption(chain, why);
	forget_adopted(chain);
	return err;
}

int slot_chain_configure(struct slot_chain *chain, const struct slot_chain_config *config,
			 struct slot_reason *why)
{
	const struct slot_engine *engine = chain->engine;
	int err;

	err = slot_engine_choose(config->hook, config->engine, why, &engine, &chain->engine_reason);
	if (err)
		return err;
	if (config->order == SLOT_TC_FIRST && !slot_tcx_is_known())
		return slot_reason_set(why, -ENOTSUP,
				       "cannot attach to '%s' before others: this kernel has no "
				       "tcx (Linux 6.6), and filters go by their pref (order = "
				       "\"last\" takes pref %u)",
				       config->interface, SLOT_CLSACT_PREF);
	chain->engine = engine;
	memcpy(chain->place.cgroup, config->place.cgroup, sizeof(chain->place.cgroup));
	chain->wanted_mode = config->mode;
	chain->order = config->order;
	chain->unserved.text[0] = '\0';
	return 0;
}

/* What slots.conf asks for may be what the kernel of the last boot could do. */
static int configure_or_note(struct slot_chain *chain, const struct slot_chain_config *config,
			     struct slot_reason *why)
{
	struct slot_chain_config served = *config;
	struct slot_reason reason;
	int err = slot_chain_configure(chain, config, &reason);

	if (!err)
		return 0;
	if (err != -ENOTSUP)
		return slot_reason_set(why, err, "%s", reason.text);
	served.engine = SLOT_ENGINE_AUTO;
	served.order = SLOT_TC_LAST;
	err = slot_chain_configure(chain, &served, why);
	chain->unserved = reason;
	return err;
}

int slot_chain_open(struct slot_host *host, const struct slot_chain_config *config,
		    struct slot_reason *why, struct slot_chain **ret_chain)
{
	_cleanup_(cleanup_chain) struct slot_chain *chain = calloc(1, sizeof(*chain));
	int err;

	if (!chain)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	chain->host = host;
	chain->link_fd = -1;
	chain->unlinked_fd = -1;
	chain->totals_fd = -1;
	memcpy(chain->interface, config->interface, sizeof(chain->interface));
	chain->place = config->place;
	chain->hook = config->hook;
	err = slot_chain_find_dir(chain, why);
	if (!err)
		err = configure_or_note(chain, config, why);
	chain->running_order = chain->order;
	if (!err)
		err = take_over(chain, why);
	if (err)
		return err;
	*ret_chain = TAKE_PTR(chain);
	return 0;
}
