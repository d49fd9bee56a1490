/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/firewall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
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
		.value_size = sizeof(struct firewall_ports),
		.max_entries = FIREWALL_PORT_GROUPS,
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

/* The key of @rule's trie within @rule: the union, whichever member is meant. */
static void *get_key(struct firewall_rule *rule)
{
	return &rule->source4;
}

/* A whole map: @keys and @values hold as much as it can. */
static int read_map(int fd, enum firewall_kind kind, void *keys, void *values,
		    struct slot_reason *why, __u32 *ret_count)
{
	struct firewall_source6 next; /* the largest of keys */
	__u32 count = maps[kind].max_entries;
	int err;

	err = bpf_map_lookup_batch(fd, NULL, &next, keys, values, &count, NULL);
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", maps[kind].name,
				       strerror(-err));
	*ret_count = count;
	return 0;
}

static int get_sources(int fd, enum firewall_kind kind, struct slot_reason *why,
		       struct firewall_rules *rules)
{
	const struct program_map *map = &maps[kind];
	_cleanup_free_ unsigned char *keys = calloc(map->max_entries, map->key_size);
	_cleanup_free_ __u32 *values = calloc(map->max_entries, map->value_size);
	struct firewall_rule rule = { .kind = kind };
	__u32 i, count = 0;
	int err;

	if (!keys || !values)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = read_map(fd, kind, keys, values, why, &count);
	for (i = 0; !err && i < count; i++) {
		memcpy(get_key(&rule), keys + (size_t)i * map->key_size, map->key_size);
		rule.lists = values[i];
		if (firewall_rules_add(rules, &rule))
			err = slot_reason_set(why, -ENOMEM, "out of memory");
	}
	return err;
}

static int get_ports(int fd, struct slot_reason *why, struct firewall_rules *rules)
{
	struct firewall_rule rule = { .kind = FIREWALL_KIND_PORT };
	struct firewall_ports groups[FIREWALL_PORT_GROUPS];
	__u32 i, count = 0, keys[FIREWALL_PORT_GROUPS];
	int err;

	err = read_map(fd, FIREWALL_KIND_PORT, keys, groups, why, &count);
	for (i = 0; !err && i < FIREWALL_PORT_INDEXES; i++) {
		rule.port_index = i;
		rule.lists = groups[i / FIREWALL_PORT_GROUP].lists[i % FIREWALL_PORT_GROUP];
		if (rule.lists && firewall_rules_add(rules, &rule))
			err = slot_reason_set(why, -ENOMEM, "out of memory");
	}
	return err;
}

int firewall_get(const struct firewall *firewall, struct slot_reason *why,
		 struct firewall_rules *ret_rules)
{
	_cleanup_(firewall_rules_free) struct firewall_rules rules = {};
	enum firewall_kind kind;
	int err;

	err = get_ports(firewall->fds[FIREWALL_KIND_PORT], why, &rules);
	for (kind = FIREWALL_KIND_SOURCE4; !err && kind <= FIREWALL_KIND_SOURCE6; kind++)
		err = get_sources(firewall->fds[kind], kind, why, &rules);
	if (err)
		return err;
	firewall_rules_sort(&rules);
	*ret_rules = rules;
	rules = (struct firewall_rules){};
	return 0;
}

/* One byte of a group changes, the others are written as they are. */
static int set_port(int fd, __u32 index, __u8 lists)
{
	__u32 group = index / FIREWALL_PORT_GROUP;
	struct firewall_ports ports;
	int err;

	err = bpf_map_lookup_elem(fd, &group, &ports);
	if (err)
		return err;
	ports.lists[index % FIREWALL_PORT_GROUP] = lists;
	return bpf_map_update_elem(fd, &group, &ports, BPF_ANY);
}

static int apply_rule(const struct firewall *firewall, struct firewall_rule *rule, bool is_deleted)
{
	int fd = firewall->fds[rule->kind];

	if (rule->kind == FIREWALL_KIND_PORT)
		return set_port(fd, rule->port_index, is_deleted ? 0 : (__u8)rule->lists);
	if (is_deleted)
		return bpf_map_delete_elem(fd, get_key(rule));
	return bpf_map_update_elem(fd, get_key(rule), &rule->lists, BPF_ANY);
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
		return slot_reason_set(why, err,
				       "cannot %s '%s': %s; the %zu rules before it are %s",
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
