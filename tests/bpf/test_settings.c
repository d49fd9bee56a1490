/* SPDX-License-Identifier: GPL-2.0-only */
/* Settings of slots.conf that are one of a few words: the load balancer's hash. */
#include <errno.h>
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

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_constant_is_known_by_its_word_and_its_number, NULL, NULL);
	TAP_ADD(&plan, a_word_that_is_none_of_them_is_refused_with_those_that_are, NULL, NULL);
	TAP_ADD(&plan, a_number_that_is_none_of_them_is_refused, NULL, NULL);
	return tap_run(&plan, "settings", 1);
}
