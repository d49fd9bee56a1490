/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/maps/fw_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"

void fw_store_close(struct fw_store *store)
{
	enum fw_map map;

	for (map = 0; map < FW_MAP_COUNT; map++)
		slot_cleanup_close(&store->fds[map]);
	slot_cleanup_close(&store->lock_fd);
}

int fw_store_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct fw_store *ret_store)
{
	struct fw_store store = FW_STORE_CLOSED;
	enum fw_map map;
	int err = 0;

	if (is_writer)
		err = program_maps_lock(map_dir, why, &store.lock_fd);
	for (map = 0; !err && map < FW_MAP_COUNT; map++)
		err = program_map_open(map_dir, &fw_maps[map], is_writer, why, &store.fds[map]);
	if (err) {
		fw_store_close(&store);
		return err;
	}
	*ret_store = store;
	return 0;
}

static int deflate_text(const char *text, size_t len, struct slot_reason *why, __u8 **ret_bytes,
			__u32 *ret_len)
{
	uLongf room = compressBound(len);
	__u8 *bytes = malloc(room);

	if (!bytes || compress2(bytes, &room, (const Bytef *)text, len, Z_BEST_SPEED) != Z_OK) {
		free(bytes);
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	*ret_bytes = bytes;
	*ret_len = (__u32)room;
	return 0;
}

int fw_store_load(const struct fw_store *store, const struct fw_build *build, const char *text,
		  size_t len, struct slot_reason *why)
{
	struct fw_build whole = *build;
	_cleanup_free_ __u8 *bytes = NULL;
	int err;

	err = deflate_text(text, len, why, &bytes, &whole.head.text_len);
	if (err)
		return err;
	whole.text = bytes;
	whole.head.text_size = (__u32)len;
	whole.head.loaded_s = (__u64)time(NULL);
	return fw_bank_load(store->fds, &whole, why);
}

static int read_element(const struct fw_store *store, enum fw_map map, __u32 index, void *value,
			struct slot_reason *why)
{
	int err = bpf_map_lookup_elem(store->fds[map], &index, value);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", fw_maps[map].name,
				     strerror(-err)) :
		     0;
}

static int inflate_text(const __u8 *bytes, const struct fw_head *head, struct slot_reason *why,
			char **ret_text)
{
	uLongf size = head->text_size;
	char *text = malloc(size + 1);

	if (!text)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	if (uncompress((Bytef *)text, &size, bytes, head->text_len) != Z_OK ||
	    size != head->text_size) {
		free(text);
		return slot_reason_set(
			why, -EBADMSG,
			"map '%s' does not hold the text of the ruleset in force: it "
			"was emptied, and where others were, too, the rules match "
			"nothing; load it again",
			FW_TEXT_NAME);
	}
	text[size] = '\0';
	*ret_text = text;
	return 0;
}

static int get_text(const struct fw_store *store, const struct fw_loaded *loaded,
		    struct slot_reason *why, char **ret_text)
{
	const struct fw_head *head = &loaded->head;
	size_t i, count = (head->text_len + FW_TEXT_CHUNK - 1) / FW_TEXT_CHUNK;
	_cleanup_free_ struct fw_text_chunk *chunks = NULL;
	__u32 room;
	int err;

	if (head->text_len > FW_TEXT_SIZE_MAX || head->text_size > FW_TEXT_SIZE_MAX)
		return slot_reason_set(why, -EBADMSG, "map '%s' is damaged; load rules again",
				       FW_RULESETS_NAME);
	chunks = calloc(count + 1, sizeof(*chunks));
	if (!chunks)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = fw_map_room(store->fds[FW_MAP_TEXT], FW_MAP_TEXT, why, &room);
	for (i = 0; !err && i < count; i++)
		err = read_element(store, FW_MAP_TEXT, loaded->bank * room + (__u32)i, &chunks[i],
				   why);
	return err ? err : inflate_text(chunks->bytes, head, why, ret_text);
}

int fw_store_get(const struct fw_store *store, struct slot_reason *why,
		 struct fw_loaded *ret_loaded)
{
	struct fw_rulesets rulesets = {};
	struct fw_loaded loaded = {};
	int err;

	err = read_element(store, FW_MAP_RULESETS, 0, &rulesets, why);
	loaded.bank = rulesets.loads & (FW_BANKS - 1);
	loaded.head = rulesets.banks[loaded.bank];
	if (!err && loaded.head.text_len)
		err = get_text(store, &loaded, why, &loaded.text);
	if (!err)
		*ret_loaded = loaded;
	return err;
}

void fw_loaded_free(struct fw_loaded *loaded)
{
	free(loaded->text);
	*loaded = (struct fw_loaded){};
}

/* Adds up what @cpus have in one group of rules, up to @count of them. */
static void add_group(const struct fw_hits *hits, int cpus, __u32 count, struct fw_hit *sums)
{
	__u32 i;
	int cpu;

	for (cpu = 0; cpu < cpus; cpu++) {
		for (i = 0; i < count && i < FW_RULES_GROUP; i++) {
			sums[i].packets += hits[cpu].packets[i];
			sums[i].bytes += hits[cpu].bytes[i];
		}
	}
}

int fw_store_hits(const struct fw_store *store, const struct fw_head *head, struct slot_reason *why,
		  struct fw_hit **ret_hits)
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	_cleanup_free_ struct fw_hits *hits = NULL;
	__u32 first, group, count = head->rules;
	struct fw_hit *sums = calloc((size_t)count + 1, sizeof(*sums));

	hits = cpus > 0 ? calloc((size_t)cpus, sizeof(*hits)) : NULL;
	if (!hits || !sums) {
		free(sums);
		return slot_reason_set(why, -ENOMEM, "out of memory");
	}
	for (first = 0; !err && first < count; first += FW_RULES_GROUP) {
		group = head->hits + first / FW_RULES_GROUP;
		err = read_element(store, FW_MAP_HITS, group, hits, why);
		if (!err)
			add_group(hits, cpus, count - first, sums + first);
	}
	if (err) {
		free(sums);
		return err;
	}
	*ret_hits = sums;
	return 0;
}
