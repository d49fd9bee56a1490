/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/program/settings.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct bpf_object *open_object(const char *name, size_t rules_max)
{
	struct bpf_object *object = progrun_open(name);
	struct slot_setting setting = { .key = (char *)"rules_max" };
	const struct slot_settings settings = { .items = &setting, .count = 1 };
	struct slot_reason why = {};
	char number[16];

	assert_non_null(object);
	snprintf(number, sizeof(number), "%zu", rules_max);
	setting.value = number;
	if (progrun_apply(object, &settings, &why))
		fail_msg("%s", why.text);
	assert_int_equal(bpf_object__load(object), 0);
	return object;
}

struct bpf_object *fw_case_open(size_t rules_max)
{
	return open_object("bpf/firewall.bpf.o", rules_max);
}

struct bpf_object *fw_case_open_egress(size_t rules_max)
{
	return open_object("bpf/fw_egress.bpf.o", rules_max);
}

static int find_map(struct bpf_object *object, const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	assert_true(fd >= 0);
	return fd;
}

static void get_maps(struct bpf_object *object, int fds[FW_MAP_COUNT])
{
	enum fw_map map;

	for (map = 0; map < FW_MAP_COUNT; map++)
		fds[map] = find_map(object, fw_maps[map].name);
}

static void *copy(const void *items, size_t count, size_t size)
{
	void *copies = calloc(count + 1, size);

	assert_non_null(copies);
	if (count)
		memcpy(copies, items, count * size);
	return copies;
}

static struct fw_entry_list build_entries(const struct fw_entry *entries, size_t count,
					  unsigned int words, struct fw_forest *ret_forest)
{
	struct slot_reason why = {};

	if (fw_forest_build(entries, count, words, &why, ret_forest))
		fail_msg("%s", why.text);
	return (struct fw_entry_list){ copy(entries, count, sizeof(*entries)), count, count };
}

void fw_case_load(struct bpf_object *object, const struct fw_case_rules *rules)
{
	struct slot_reason why = {};
	struct fw_build build = {
		.actions = copy(rules->actions, rules->action_count, sizeof(*rules->actions)),
		.action_count = rules->action_count,
		.head = {
			.policy = rules->policy,
			.rules = rules->rules,
		},
	};
	int fds[FW_MAP_COUNT];

	get_maps(object, fds);
	build.entries4 = build_entries(rules->entries4, rules->count4, FW_WORDS4, &build.forest4);
	build.entries6 = build_entries(rules->entries6, rules->count6, FW_WORDS6, &build.forest6);
	if (fw_bank_load(fds, &build, &why))
		fail_msg("%s", why.text);
	fw_build_free(&build);
}

static __u32 find_interface(const struct fw_case_interface *interfaces, const char *name)
{
	while (interfaces->name && strcmp(interfaces->name, name) != 0)
		interfaces++;
	return interfaces->ifindex;
}

void fw_case_text(struct bpf_object *object, const char *text,
		  const struct fw_case_interface *interfaces)
{
	struct slot_reasons errors = {};
	struct slot_reason why = {};
	int fds[FW_MAP_COUNT];
	struct fw_ruleset set;
	struct fw_build build;
	size_t i;

	get_maps(object, fds);
	if (fw_ruleset_parse("ruleset", text, strlen(text), &errors, &set))
		fail_msg("%s", errors.count ? errors.lines[0] : "out of memory");
	if (fw_compile(&set, &why, &build))
		fail_msg("%s", why.text);
	build.head.interface_count = (__u32)set.interface_count;
	for (i = 0; i < set.interface_count; i++)
		build.head.interfaces[i] = find_interface(interfaces, set.interfaces[i]);
	if (fw_bank_load(fds, &build, &why))
		fail_msg("%s", why.text);
	fw_build_free(&build);
	fw_ruleset_free(&set);
}

void fw_case_hits(struct bpf_object *object, __u32 rule, __u64 *ret_packets, __u64 *ret_bytes)
{
	int cpu, cpus = libbpf_num_possible_cpus();
	struct fw_hits *hits;
	struct fw_rulesets rulesets;
	__u32 zero = 0, group;

	assert_true(cpus > 0);
	hits = calloc((size_t)cpus, sizeof(*hits));
	assert_non_null(hits);
	assert_int_equal(bpf_map_lookup_elem(find_map(object, FW_RULESETS_NAME), &zero, &rulesets),
			 0);
	group = rulesets.banks[rulesets.loads & (FW_BANKS - 1)].hits + rule / FW_RULES_GROUP;
	assert_int_equal(bpf_map_lookup_elem(find_map(object, FW_HITS_NAME), &group, hits), 0);
	*ret_packets = *ret_bytes = 0;
	for (cpu = 0; cpu < cpus; cpu++) {
		*ret_packets += hits[cpu].packets[rule % FW_RULES_GROUP];
		*ret_bytes += hits[cpu].bytes[rule % FW_RULES_GROUP];
	}
	free(hits);
}

int fw_case_scale(int all)
{
	const char *tier = getenv("SLOTD_TIER"), *faults = getenv("SLOTD_FAULTS");
	bool is_vm = tier && !strcmp(tier, "vm");

	return !is_vm && faults && !strcmp(faults, "all") ? all : 1;
}
