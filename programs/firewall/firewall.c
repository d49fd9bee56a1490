/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/cleanup.h"
#include "programs/shared/maps.h"

/* By enum firewall_kind. */
static const struct program_map maps[] = {
	[FIREWALL_KIND_SOURCE4] = {
		.name = FIREWALL_SOURCES4_NAME,
		.type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = sizeof(struct firewall_source4),
		.value_size = sizeof(__u32),
		.max_entries = FIREWALL_TRIE_SIZE,
	},
	[FIREWALL_KIND_SOURCE6] = {
		.name = FIREWALL_SOURCES6_NAME,
		.type = BPF_MAP_TYPE_LPM_TRIE,
		.key_size = sizeof(struct firewall_source6),
		.value_size = sizeof(__u32),
		.max_entries = FIREWALL_TRIE_SIZE,
	},
	[FIREWALL_KIND_PORT] = {
		.name = FIREWALL_PORTS_NAME,
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(__u32),
		.value_size = sizeof(__u32),
		.max_entries = FIREWALL_PORTS_SIZE,
	},
};

static void close_maps(struct firewall *firewall)
{
	enum firewall_kind kind;

	for (kind = 0; kind < FIREWALL_KIND_COUNT; kind++)
		slot_cleanup_close(&firewall->fds[kind]);
}

void firewall_close(struct firewall *firewall)
{
	close_maps(firewall);
	slot_cleanup_close(&firewall->lock_fd);
	*firewall = FIREWALL_CLOSED;
}

int firewall_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct firewall *ret_firewall)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	enum firewall_kind kind;
	int err = 0;

	if (is_writer)
		err = program_maps_lock(map_dir, why, &firewall.lock_fd);
	for (kind = 0; !err && kind < FIREWALL_KIND_COUNT; kind++)
		err = program_map_open(map_dir, &maps[kind], is_writer, why, &firewall.fds[kind]);
	if (err)
		return err;
	*ret_firewall = firewall;
	firewall = FIREWALL_CLOSED;
	return 0;
}

/* The key of @rule's map within @rule: the union, whichever member is meant. */
static void *get_key(const struct firewall_rule *rule)
{
	return (void *)&rule->source4;
}

static int add_entries(enum firewall_kind kind, const unsigned char *keys, const __u32 *values,
		       __u32 count, struct firewall_rules *rules)
{
	struct firewall_rule rule = { .kind = kind };
	__u32 i;
	int err;

	for (i = 0; i < count; i++) {
		if (!values[i])
			continue; /* a port that no rule names */
		memcpy(get_key(&rule), keys + (size_t)i * maps[kind].key_size, maps[kind].key_size);
		rule.lists = values[i];
		err = firewall_rules_add(rules, &rule);
		if (err)
			return err;
	}
	return 0;
}

/* The whole map by one call; there is nobody but us to change it meanwhile. */
static int get_map(int fd, enum firewall_kind kind, struct slot_reason *why,
		   struct firewall_rules *rules)
{
	const struct program_map *map = &maps[kind];
	_cleanup_free_ unsigned char *keys = calloc(map->max_entries, map->key_size);
	_cleanup_free_ __u32 *values = calloc(map->max_entries, sizeof(*values));
	struct firewall_source6 next; /* the largest of keys */
	__u32 count = map->max_entries;
	int err;

	if (!keys || !values)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = bpf_map_lookup_batch(fd, NULL, &next, keys, values, &count, NULL);
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", map->name,
				       strerror(-err));
	if (add_entries(kind, keys, values, count, rules))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	return 0;
}

int firewall_get(const struct firewall *firewall, struct slot_reason *why,
		 struct firewall_rules *ret_rules)
{
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};
	enum firewall_kind kind;
	int err;

	for (kind = 0; kind < FIREWALL_KIND_COUNT; kind++) {
		err = get_map(firewall->fds[kind], kind, why, &rules);
		if (err)
			return err;
	}
	firewall_rules_sort(&rules);
	*ret_rules = rules;
	rules = (struct firewall_rules){};
	return 0;
}

/* Elements of an array cannot be deleted; a port on no list is one that no rule names. */
static int apply_rule(const struct firewall *firewall, const struct firewall_rule *rule,
		      bool is_deleted)
{
	int fd = firewall->fds[rule->kind];
	__u32 lists = is_deleted ? 0 : rule->lists;

	if (is_deleted && rule->kind != FIREWALL_KIND_PORT)
		return bpf_map_delete_elem(fd, get_key(rule));
	return bpf_map_update_elem(fd, get_key(rule), &lists, BPF_ANY);
}

static int apply_rules(const struct firewall *firewall, const struct firewall_rules *rules,
		       bool is_deleted, struct slot_reason *why)
{
	char text[FIREWALL_RULE_TEXT_MAX];
	size_t i;
	int err;

	for (i = 0; i < rules->count; i++) {
		err = apply_rule(firewall, &rules->items[i], is_deleted);
		if (!err)
			continue;
		firewall_rule_format(&rules->items[i], text);
		return slot_reason_set(why, err, "cannot %s '%s': %s; the %zu rules before it are %s",
				       is_deleted ? "delete" : "set", text, strerror(-err), i,
				       is_deleted ? "deleted" : "set");
	}
	return 0;
}

int firewall_apply(const struct firewall *firewall, const struct firewall_change *change,
		   struct slot_reason *why)
{
	int err = apply_rules(firewall, &change->set, false, why);

	return err ? err : apply_rules(firewall, &change->del, true, why);
}
