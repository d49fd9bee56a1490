/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of slots.conf that are one of a few words, the load balancer's hash, and those
 * that maps' sizes follow from, the firewall's.
 */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "loader/lib/program/settings.h"
#include "programs/lb/lb_abi.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

/* The hash that the object has after `hash = @word`, or the error. */
static int set_hash(const char *word, struct slot_reason *ret_why)
{
	struct slot_setting setting = { .key = (char *)"hash", .value = (char *)word };
	const struct slot_settings settings = { .items = &setting, .count = 1 };
	struct bpf_object *object = progrun_open("bpf/lb.bpf.o");
	const struct lb_config *config;
	size_t size;
	int ret;

	assert_non_null(object);
	ret = slot_settings_apply(object, &settings, ret_why);
	config = bpf_map__initial_value(bpf_object__find_map_by_name(object, "lb.rodata"), &size);
	assert_non_null(config);
	if (!ret)
		ret = config->hash;
	bpf_object__close(object);
	return ret;
}

static void a_constant_is_known_by_its_word_and_its_number(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_hash("murmur3", &why), LB_MURMUR3);
	assert_int_equal(set_hash("XXHASH", &why), LB_XXHASH);
	assert_int_equal(set_hash("jhash", &why), LB_JHASH);
	assert_int_equal(set_hash("2", &why), LB_MURMUR3);
}

static void a_word_that_is_none_of_them_is_refused_with_those_that_are(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_hash("sha256", &why), -EINVAL);
	assert_string_equal(why.text, "settings: hash: 'sha256' is none of JHASH, XXHASH, MURMUR3 "
				      "(or its number)");
}

static void a_number_that_is_none_of_them_is_refused(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_hash("3", &why), -EINVAL);
	assert_int_equal(set_hash("-1", &why), -EINVAL);
	assert_int_equal(set_hash("", &why), -EINVAL);
}

/* Entries of @file's map @name after `@key = @value`, or the error. */
static long set_size_of(const char *file, const char *key, const char *value, const char *name,
			struct slot_reason *ret_why)
{
	struct slot_setting setting = { .key = (char *)key, .value = (char *)value };
	const struct slot_settings settings = { .items = &setting, .count = key ? 1 : 0 };
	struct bpf_object *object = progrun_open(file);
	const struct bpf_map *map;
	long ret;

	assert_non_null(object);
	map = bpf_object__find_map_by_name(object, name);
	assert_non_null(map);
	ret = progrun_apply(object, &settings, ret_why);
	if (!ret)
		ret = bpf_map__max_entries(map);
	bpf_object__close(object);
	return ret;
}

static long set_size(const char *key, const char *value, const char *name,
		     struct slot_reason *ret_why)
{
	return set_size_of("bpf/firewall.bpf.o", key, value, name, ret_why);
}

static void maps_have_the_size_that_a_setting_gives_them(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_size("rules_max", "131072", "fw_nodes", &why), 131072 * 8);
	assert_int_equal(set_size("rules_max", "131072", "fw_matches", &why), 131072 * 6);
	assert_int_equal(set_size("rules_max", "131072", "fw_buckets", &why), 16384);
	assert_int_equal(set_size("limited_sources_max", "100", "fw_buckets", &why), 100);
}

static void sizes_are_divided_upwards(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_size("rules_max", "1", "fw_hits", &why), 2);
	assert_int_equal(set_size("rules_max", "1024", "fw_hits", &why), 2);
	assert_int_equal(set_size("rules_max", "1025", "fw_hits", &why), 4);
}

static void compare_sizes(const char *file)
{
	struct bpf_object *object = progrun_open(file);
	struct slot_reason why = {};
	const struct bpf_map *map;

	assert_non_null(object);
	bpf_object__for_each_map(map, object) {
		const char *name = bpf_map__name(map);
		long size = set_size_of(file, NULL, NULL, name, &why);

		if (size != bpf_map__max_entries(map))
			print_error("%s: %s: %s\n", file, name, why.text);
		assert_int_equal(size, bpf_map__max_entries(map));
	}
	bpf_object__close(object);
}

/* Where nobody applies settings the object's own sizes hold. */
static void sizes_of_the_defaults_are_those_of_every_object(void **state)
{
	const char *build = getenv("SLOTD_BUILD");
	char pattern[PATH_MAX];
	glob_t files;
	size_t i;

	(void)state;
	snprintf(pattern, sizeof(pattern), "%s/bpf/*.bpf.o", build ? build : "build");
	assert_int_equal(glob(pattern, 0, NULL, &files), 0);
	for (i = 0; i < files.gl_pathc; i++)
		compare_sizes(strrchr(files.gl_pathv[i], '/') - strlen("bpf"));
	assert_true(files.gl_pathc > 5);
	globfree(&files);
}

static void a_setting_that_leaves_a_map_without_entries_is_refused(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_size("limited_sources_max", "0", "fw_buckets", &why), -EINVAL);
	assert_string_equal(why.text, "settings: limited_sources_max: 0 gives map 'fw_buckets' a "
				      "number of entries (limited_sources_max) that is not "
				      "between 1 and 2^32 - 1");
}

static void a_setting_that_makes_a_map_too_large_is_refused(void **state)
{
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(set_size("rules_max", "4294967295", "fw_nodes", &why), -EINVAL);
	assert_non_null(strstr(why.text, "not between 1 and 2^32 - 1"));
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_constant_is_known_by_its_word_and_its_number, NULL, NULL);
	TAP_ADD(&plan, a_word_that_is_none_of_them_is_refused_with_those_that_are, NULL, NULL);
	TAP_ADD(&plan, a_number_that_is_none_of_them_is_refused, NULL, NULL);
	TAP_ADD(&plan, maps_have_the_size_that_a_setting_gives_them, NULL, NULL);
	TAP_ADD(&plan, sizes_are_divided_upwards, NULL, NULL);
	TAP_ADD(&plan, sizes_of_the_defaults_are_those_of_every_object, NULL, NULL);
	TAP_ADD(&plan, a_setting_that_leaves_a_map_without_entries_is_refused, NULL, NULL);
	TAP_ADD(&plan, a_setting_that_makes_a_map_too_large_is_refused, NULL, NULL);
	return tap_run(&plan, "settings", 1);
}
