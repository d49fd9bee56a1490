/* SPDX-License-Identifier: GPL-2.0-only */
/* The maps, and a change of the rules in them. */
#include "bpf/sk_steer/sk_steer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/grace.h"
#include "programs/shared/maps.h"

static const struct program_map control_map = {
	.name = SK_STEER_CONTROL_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sk_steer_control),
	.max_entries = 1,
};

static const struct program_map rules_map = {
	.name = SK_STEER_RULES_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sk_steer_rule),
	.max_entries = SK_STEER_BANKS * SK_STEER_RULES_MAX,
};

static const struct program_map prefixes_map = {
	.name = SK_STEER_PREFIXES_NAME,
	.type = BPF_MAP_TYPE_LPM_TRIE,
	.key_size = sizeof(struct sk_steer_prefix),
	.value_size = sizeof(struct sk_steer_spans),
	.max_entries = SK_STEER_BANKS * SK_STEER_RULES_MAX,
};

static const struct program_map spans_map = {
	.name = SK_STEER_SPANS_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sk_steer_span),
	.max_entries = SK_STEER_BANKS * SK_STEER_SPANS_MAX,
};

static const struct program_map groups_map = {
	.name = SK_STEER_GROUPS_NAME,
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct sk_steer_group),
	.max_entries = SK_STEER_GROUPS_MAX,
};

static const struct program_map sockets_map = {
	.name = SK_STEER_SOCKETS_NAME,
	.type = BPF_MAP_TYPE_SOCKMAP,
	.key_size = sizeof(__u32),
	.value_size = sizeof(__u64),
	.max_entries = SK_STEER_GROUPS_MAX * SK_STEER_PLACES_MAX,
};

static const struct program_map hits_map = {
	.name = SK_STEER_HITS_NAME,
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct slot_count),
	.max_entries = SK_STEER_RULES_MAX,
};

int sk_steer_open(const char *map_dir, bool is_writer, struct slot_reason *why,
		  struct sk_steer_maps *ret_maps)
{
	struct sk_steer_maps maps = SK_STEER_MAPS_CLOSED;
	const struct program_map_fd all[] = {
		{ &control_map, &maps.control },   { &rules_map, &maps.rules },
		{ &prefixes_map, &maps.prefixes }, { &spans_map, &maps.spans },
		{ &groups_map, &maps.groups },	   { &sockets_map, &maps.sockets },
		{ &hits_map, &maps.hits },
	};
	int err = program_maps_open(map_dir, all, sizeof(all) / sizeof(all[0]), is_writer, why);

	if (!err)
		*ret_maps = maps;
	return err;
}

void sk_steer_close(struct sk_steer_maps *maps)
{
	slot_cleanup_close(&maps->control);
	slot_cleanup_close(&maps->rules);
	slot_cleanup_close(&maps->prefixes);
	slot_cleanup_close(&maps->spans);
	slot_cleanup_close(&maps->groups);
	slot_cleanup_close(&maps->sockets);
	slot_cleanup_close(&maps->hits);
}

static int cannot(const char *what, const struct program_map *map, int err, struct slot_reason *why)
{
	return slot_reason_set(why, err, "cannot %s map '%s': %s", what, map->name, strerror(-err));
}

static int get_bank(const struct sk_steer_maps *maps, struct slot_reason *why, __u32 *ret_bank)
{
	struct sk_steer_control control;
	const __u32 zero = 0;
	int err = bpf_map_lookup_elem(maps->control, &zero, &control);

	if (err)
		return cannot("read", &control_map, err, why);
	*ret_bank = control.bank & 1;
	return 0;
}

int sk_steer_rules_get(const struct sk_steer_maps *maps, struct slot_reason *why,
		       struct sk_steer_rules *ret_rules)
{
	__u32 bank = 0, key;
	int err = get_bank(maps, why, &bank);

	for (__u32 i = 0; !err && i < SK_STEER_RULES_MAX; i++) {
		key = bank * SK_STEER_RULES_MAX + i;
		err = bpf_map_lookup_elem(maps->rules, &key, &ret_rules->rules[i]);
		if (err)
			cannot("read", &rules_map, err, why);
	}
	return err;
}

int sk_steer_hits_clear(const struct sk_steer_maps *maps, __u32 number, struct slot_reason *why)
{
	return program_map_clear(maps->hits, &hits_map, number, 1, why);
}

/* --- a bank ---------------------------------------------------------------------------------- */

/* The next key is asked for before this one goes: a trie begins anew after one that is gone. */
static int clear_prefixes(const struct sk_steer_maps *maps, __u32 bank)
{
	struct sk_steer_prefix keys[2];
	int err = bpf_map_get_next_key(maps->prefixes, NULL, &keys[0]);

	for (int i = 0; !err; i = !i) {
		err = bpf_map_get_next_key(maps->prefixes, &keys[i], &keys[!i]);
		if (keys[i].bank == bank) {
			int gone = bpf_map_delete_elem(maps->prefixes, &keys[i]);

			err = gone && gone != -ENOENT ? gone : err;
		}
	}
	return err == -ENOENT ? 0 : err;
}

static int write_rules(const struct sk_steer_maps *maps, const struct sk_steer_rules *rules,
		       __u32 bank)
{
	int err = 0;

	for (__u32 i = 0; !err && i < SK_STEER_RULES_MAX; i++) {
		__u32 key = bank * SK_STEER_RULES_MAX + i;

		err = bpf_map_update_elem(maps->rules, &key, &rules->rules[i], BPF_ANY);
	}
	return err;
}

static int write_spans(const struct sk_steer_maps *maps, const struct sk_steer_plan *plan,
		       __u32 bank)
{
	int err = 0;

	for (__u32 i = 0; !err && i < plan->span_count; i++) {
		__u32 key = bank * SK_STEER_SPANS_MAX + i;

		err = bpf_map_update_elem(maps->spans, &key, &plan->spans[i], BPF_ANY);
	}
	return err;
}

static int write_prefixes(const struct sk_steer_maps *maps, const struct sk_steer_plan *plan,
			  __u32 bank)
{
	int err = 0;

	for (__u32 i = 0; !err && i < plan->prefix_count; i++) {
		struct sk_steer_prefix key = plan->prefixes[i].prefix;
		struct sk_steer_spans spans = plan->prefixes[i].spans;

		key.bank = (__u8)bank;
		spans.first += bank * SK_STEER_SPANS_MAX;
		err = bpf_map_update_elem(maps->prefixes, &key, &spans, BPF_ANY);
	}
	return err;
}

static int write_bank(const struct sk_steer_maps *maps, const struct sk_steer_rules *rules,
		      __u32 bank, struct slot_reason *why)
{
	_cleanup_free_ struct sk_steer_plan *plan = malloc(sizeof(*plan));
	int err = plan ? sk_steer_compile(rules, plan) : -ENOMEM;

	if (err == -E2BIG)
		return slot_reason_set(
			why, err, "the rules overlap in more than %d ways, which is all that fits",
			SK_STEER_SPANS_MAX);
	if (err)
		return slot_reason_set(why, err, "out of memory");
	err = clear_prefixes(maps, bank);
	err = err ? err : write_prefixes(maps, plan, bank);
	if (err)
		return cannot("write", &prefixes_map, err, why);
	err = write_spans(maps, plan, bank);
	if (err)
		return cannot("write", &spans_map, err, why);
	err = write_rules(maps, rules, bank);
	return err ? cannot("write", &rules_map, err, why) : 0;
}

int sk_steer_rules_set(const struct sk_steer_maps *maps, const struct sk_steer_rules *rules,
		       struct slot_reason *why)
{
	struct sk_steer_control control;
	const __u32 zero = 0;
	__u32 bank = 0;
	int err = get_bank(maps, why, &bank);

	control.bank = !bank;
	err = err ? err : write_bank(maps, rules, control.bank, why);
	if (err)
		return err;
	err = bpf_map_update_elem(maps->control, &zero, &control, BPF_ANY);
	if (err)
		return cannot("write", &control_map, err, why);
	/* The next change writes the bank that lookups may still be reading. */
	program_grace();
	return 0;
}

int sk_steer_change_begin(const char *map_dir, struct slot_reason *why,
			  struct sk_steer_change *change)
{
	int err;

	change->rules = calloc(1, sizeof(*change->rules));
	change->wanted = calloc(1, sizeof(*change->wanted));
	if (!change->rules || !change->wanted)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = program_maps_lock(map_dir, why, &change->lock);
	err = err ? err : sk_steer_open(map_dir, true, why, &change->maps);
	err = err ? err : sk_steer_rules_get(&change->maps, why, change->rules);
	if (!err)
		*change->wanted = *change->rules;
	return err;
}

void sk_steer_change_end(struct sk_steer_change *change)
{
	sk_steer_close(&change->maps);
	slot_cleanup_close(&change->lock);
	free(change->rules);
	free(change->wanted);
}
