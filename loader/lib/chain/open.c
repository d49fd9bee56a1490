/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Taking over a chain: what runs is adopted untouched, what an interrupted
 * change left is finished or undone. The kernel's own state decides: the
 * generation that the link runs is the current one, whatever a record says.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/chain/internal.h"
#include "loader/lib/chain/record.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/pins.h"
#include "loader/lib/host/target.h"
#include "loader/lib/host/xdp.h"

static void cleanup_closedir(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static void cleanup_chain(struct slot_chain **chain)
{
	slot_chain_free(*chain);
}

/* Whether the link pinned in @dir still holds an interface. */
static bool is_link_alive(const char *dir)
{
	_cleanup_close_ int fd = slot_pin_open(dir, SLOT_PIN_LINK);
	unsigned int ifindex = 0;
	__u32 prog_id;

	return fd >= 0 && !slot_xdp_link_get(fd, &prog_id, &ifindex) && ifindex;
}

/*
 * The folder of a chain whose interface went away, to be taken along when an
 * interface of that name comes back under another ifindex.
 */
static int find_orphan(const char *root, const char *wanted, char *ret_dir)
{
	_cleanup_(cleanup_closedir) DIR *dir = opendir(root);
	const char *cookie_end = strchr(strrchr(wanted, '/') + 1, '-');
	const char *name = strchr(cookie_end + 1, '-');
	size_t cookie_len = (size_t)(cookie_end - strrchr(wanted, '/'));
	const struct dirent *entry;
	char path[PATH_MAX];

	while (dir && (entry = readdir(dir))) {
		const char *end = strchr(entry->d_name, '-');

		if (strncmp(entry->d_name, strrchr(wanted, '/') + 1, cookie_len) != 0 || !end ||
		    !strchr(end + 1, '-') || strcmp(strchr(end + 1, '-'), name) != 0)
			continue;
		if (slot_pin_path(path, root, "%s", entry->d_name) || is_link_alive(path))
			continue;
		memcpy(ret_dir, path, sizeof(path));
		return 0;
	}
	return -ENOENT;
}

static int find_dir(struct slot_chain *chain, struct slot_reason *why)
{
	struct slot_target target = { 0 };
	char orphan[PATH_MAX];
	int err = slot_target_find(chain->interface, &target);

	if (err)
		return slot_reason_set(why, err, "cannot look up '%s': %s", chain->interface,
				       strerror(-err));
	chain->ifindex = target.ifindex;
	err = slot_pins_chain_dir(chain->host->root, &target, chain->dir);
	if (err != -ENOENT)
		return err ? slot_reason_set(why, err, "interface name too long") : 0;
	if (find_orphan(chain->host->root, chain->dir, orphan))
		return 0;
	if (chain->ifindex && rename(orphan, chain->dir))
		return slot_reason_set(why, -errno, "cannot move '%s' to '%s': %s", orphan,
				       chain->dir, strerror(errno));
	if (!chain->ifindex)
		memcpy(chain->dir, orphan, sizeof(orphan));
	return 0;
}

/* The link as pinned; one whose interface is gone holds nothing and is let go. */
static int open_link(struct slot_chain *chain, __u32 *ret_prog_id, struct slot_reason *why)
{
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
	err = slot_xdp_link_get(fd, &prog_id, &ifindex);
	if (err)
		return slot_reason_set(why, err, "'%s/" SLOT_PIN_LINK "' is no XDP link",
				       chain->dir);
	if (!ifindex) {
		slot_chain_unlink(chain);
		return 0;
	}
	chain->mode = slot_xdp_mode_get(ifindex);
	*ret_prog_id = prog_id;
	return 0;
}

/* The numbers of the generations that have pins, unordered. */
static size_t list_generations(const struct slot_chain *chain, unsigned int *ret_numbers,
			       size_t max)
{
	_cleanup_(cleanup_closedir) DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	size_t count = 0;

	if (slot_pin_path(path, chain->dir, "gen"))
		return 0;
	dir = opendir(path);
	while (dir && count < max && (entry = readdir(dir))) {
		char *end;
		unsigned long number = strtoul(entry->d_name, &end, 10);

		if (!*end && number && number <= 0xffffffffUL)
			ret_numbers[count++] = (unsigned int)number;
	}
	return count;
}

/* Keep @generation if it is the current or the previous one; else its place is not here. */
static bool has_place(struct slot_chain *chain, struct slot_generation *generation,
		      const struct slot_chain_record *record, __u32 prog_id)
{
	bool is_current = prog_id ? generation->root_id == prog_id :
				    generation->number == record->current;
	unsigned int previous = record->previous;

	if (is_current) {
		chain->current = generation;
		return true;
	}
	/* A swap that was not recorded any more: what was current then is the way back. */
	if (generation->number == previous || generation->number == record->current) {
		if (chain->previous && chain->previous->number > generation->number)
			return false;
		slot_chain_retire(chain, chain->previous);
		chain->previous = generation;
		return true;
	}
	return false;
}

/* A generation that was never swapped in counted nothing but its preflight. */
static void drop_generation(struct slot_chain *chain, unsigned int number,
			    struct slot_generation *generation,
			    const struct slot_chain_record *record)
{
	if (generation && number < record->next) {
		slot_chain_retire(chain, generation);
		return;
	}
	slot_generation_free(generation);
	slot_generation_remove(chain->dir, number, &chain->host->store, chain->interface);
}

static void open_generations(struct slot_chain *chain, const struct slot_chain_record *record,
			     __u32 prog_id)
{
	unsigned int numbers[64];
	size_t count = list_generations(chain, numbers, 64);
	size_t i;

	for (i = 0; i < count; i++) {
		struct slot_generation *generation = NULL;

		slot_generation_open(chain->dir, numbers[i], &chain->host->store, chain->interface,
				     NULL, &generation);
		if (!generation || !has_place(chain, generation, record, prog_id))
			drop_generation(chain, numbers[i], generation, record);
		if (numbers[i] >= chain->next_number)
			chain->next_number = numbers[i] + 1;
	}
}

static int check_current(const struct slot_chain *chain, __u32 prog_id, struct slot_reason *why)
{
	if (!prog_id || chain->current)
		return 0;
	return slot_reason_set(why, -EEXIST,
			       "the link of '%s' runs program %u, which is no generation that "
			       "slotd knows; it was left alone (to start over: rm -r '%s')",
			       chain->interface, prog_id, chain->dir);
}

/* A change that was swapped in but not recorded: record it now. */
static int finish_change(struct slot_chain *chain, const struct slot_chain_record *record,
			 struct slot_reason *why)
{
	unsigned int previous = chain->previous ? chain->previous->number : 0;
	int err;

	if (!chain->current)
		return 0;
	err = slot_chain_settle_maps(chain, why);
	if (err || (chain->current->number == record->current && previous == record->previous))
		return err;
	if (chain->current->number != record->current)
		chain->overrides = chain->current->overrides;
	chain->is_detached = false;
	return slot_chain_save(chain, why);
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
	chain->is_detached = record.is_detached;
	chain->next_number = record.next;
	chain->totals_fd = slot_pin_open(chain->dir, SLOT_PIN_TOTALS);
	open_generations(chain, &record, prog_id);
	err = check_current(chain, prog_id, why);
	return err ? err : finish_change(chain, &record, why);
}

int slot_chain_configure(struct slot_chain *chain, const struct slot_chain_config *config,
			 struct slot_reason *why)
{
	const struct slot_engine *engine = chain->engine;
	int err;

	err = slot_engine_choose(config->engine, why, &engine, &chain->engine_reason);
	if (err)
		return err;
	/* A program is loaded for one engine. */
	if (engine != chain->engine)
		slot_program_cache_clear(&chain->cache);
	chain->engine = engine;
	chain->wanted_mode = config->mode;
	return 0;
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
	chain->totals_fd = -1;
	memcpy(chain->interface, config->interface, sizeof(chain->interface));
	err = find_dir(chain, why);
	if (!err)
		err = slot_chain_configure(chain, config, why);
	if (!err)
		err = take_over(chain, why);
	if (err)
		return err;
	*ret_chain = TAKE_PTR(chain);
	return 0;
}
