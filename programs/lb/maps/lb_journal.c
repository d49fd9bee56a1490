/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/maps/lb_journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"

struct lb_journal_entry {
	enum lb_map map;
	bool had_value;
	unsigned char bytes[]; /* the key, then the old value */
};

static unsigned char *old_value(struct lb_journal_entry *entry)
{
	return entry->bytes + lb_map_shape(entry->map)->key_size;
}

/* What is there now. @entry has the key already. */
static int get_old(const struct lb_journal *journal, const struct lb_element *element,
		   struct lb_journal_entry *entry)
{
	const struct program_map *shape = lb_map_shape(entry->map);
	int err;

	if (shape->type == BPF_MAP_TYPE_LPM_TRIE) {
		entry->had_value = element->old;
		if (element->old)
			memcpy(old_value(entry), element->old, shape->value_size);
		return 0;
	}
	err = bpf_map_lookup_elem(journal->maps->fds[entry->map], entry->bytes, old_value(entry));
	entry->had_value = !err;
	return err == -ENOENT ? 0 : err;
}

static bool is_so_already(const struct lb_element *element, struct lb_journal_entry *entry)
{
	if (!element->value || !entry->had_value)
		return !element->value && !entry->had_value;
	return !memcmp(old_value(entry), element->value, lb_map_shape(entry->map)->value_size);
}

static int write_element(int fd, const void *key, const void *value)
{
	int err;

	if (value)
		return bpf_map_update_elem(fd, key, value, BPF_ANY);
	err = bpf_map_delete_elem(fd, key);
	return err == -ENOENT ? 0 : err;
}

/*
 * A hash table gives the memory of an element that was replaced or deleted to the next one
 * (docs/kernel-notes.md). A packet that found a VIP just before would read another one's
 * there, so packets are through before the next VIP is written.
 */
static void wait_for_packets(struct lb_journal *journal, const struct lb_element *element,
			     bool is_there)
{
	bool *is_freed = is_there ? &journal->is_vip_replaced : &journal->is_vip_deleted;

	if (element->map != LB_MAP_VIPS4 && element->map != LB_MAP_VIPS6)
		return;
	if (element->value && *is_freed) {
		lb_grace(journal->maps);
		journal->is_vip_replaced = false;
		journal->is_vip_deleted = false;
	}
	journal->is_vip_replaced |= is_there && element->value;
	journal->is_vip_deleted |= is_there && !element->value;
}

/* Before the write: what cannot be noted is not done. */
static int make_room(struct lb_journal *journal)
{
	size_t room = journal->room ? journal->room * 2 : 64;
	struct lb_journal_entry **entries;

	if (journal->count < journal->room)
		return 0;
	entries = reallocarray(journal->entries, room, sizeof(struct lb_journal_entry *));
	if (!entries)
		return -ENOMEM;
	journal->entries = entries;
	journal->room = room;
	return 0;
}

int lb_journal_write(struct lb_journal *journal, const struct lb_element *element,
		     struct slot_reason *why)
{
	const struct program_map *shape = lb_map_shape(element->map);
	_cleanup_free_ struct lb_journal_entry *entry =
		calloc(1, sizeof(*entry) + shape->key_size + shape->value_size);
	bool is_full;
	int err;

	if (!entry || make_room(journal))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	entry->map = element->map;
	memcpy(entry->bytes, element->key, shape->key_size);
	err = get_old(journal, element, entry);
	if (!err && is_so_already(element, entry))
		return 0;
	if (!err) {
		wait_for_packets(journal, element, entry->had_value);
		err = write_element(journal->maps->fds[element->map], element->key, element->value);
	}
	is_full = err == -E2BIG || err == -ENOSPC; /* hash tables, tries */
	if (err)
		return slot_reason_set(why, err, "cannot write map '%s': %s", shape->name,
				       is_full ? "it is full; what comes has to fit beside what "
						 "goes" :
						 strerror(-err));
	journal->entries[journal->count++] = TAKE_PTR(entry);
	return 0;
}

/*
 * Pages go when no packet can read them, which those written may have been for a moment,
 * and VIPs as in wait_for_packets(). One that cannot be taken back still needs its pages.
 */
int lb_journal_undo(struct lb_journal *journal)
{
	bool is_waited = false;
	int err = 0;

	while (!err && journal->count) {
		struct lb_journal_entry *entry = journal->entries[--journal->count];
		bool is_page = entry->map == LB_MAP_RINGS || entry->map == LB_MAP_PREVIOUS;
		bool is_vip = entry->map == LB_MAP_VIPS4 || entry->map == LB_MAP_VIPS6;

		if (is_vip || (is_page && !is_waited)) {
			lb_grace(journal->maps);
			is_waited = is_page;
		}
		err = write_element(journal->maps->fds[entry->map], entry->bytes,
				    entry->had_value ? old_value(entry) : NULL);
		free(entry);
	}
	/* What was written before the pages is taken back after them. */
	lb_maps_raise(journal->maps);
	return err;
}

void lb_journal_free(struct lb_journal *journal)
{
	while (journal->count)
		free(journal->entries[--journal->count]);
	free(journal->entries);
	*journal = (struct lb_journal){ .maps = journal->maps };
}
