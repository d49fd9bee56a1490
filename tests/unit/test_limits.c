/* SPDX-License-Identifier: GPL-2.0-only */
/* What a reservation grants and bounds: classes of helpers, sizes, and their way through JSON. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "loader/lib/config/config.h"
#include "loader/lib/config/limits.h"
#include "loader/lib/registry/limits_json.h"
#include "tests/support/config_case.h"

/* --- classes ------------------------------------------------------------------------------- */

static void every_class_is_found_again_by_its_name(void **state)
{
	(void)state;
	for (int kind = SLOT_HELPER_BASIC + 1; kind < SLOT_HELPER_CLASSES; kind++)
		assert_int_equal(slot_helper_class_parse(slot_helper_class_name(kind)), kind);
}

static void basic_helpers_need_not_and_cannot_be_named(void **state)
{
	(void)state;
	assert_int_equal(slot_helper_class_parse("basic"), -EINVAL);
	assert_int_equal(slot_helper_class_parse(""), -EINVAL);
	assert_int_equal(slot_helper_class_parse("Redirect"), -EINVAL);
}

static void the_list_of_classes_is_whole(void **state)
{
	char text[SLOT_LIMITS_TEXT_MAX];

	(void)state;
	slot_helper_class_list(text);
	assert_string_equal(text, "redirect, adjust_head, adjust_tail, adjust_meta, tail_call, "
				  "fib_lookup, socket, output, probe_read, trace, timer, kfunc, "
				  "other");
}

static void helpers_belong_to_their_classes(void **state)
{
	(void)state;
	assert_int_equal(slot_helper_class_find(BPF_FUNC_map_lookup_elem), SLOT_HELPER_BASIC);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_csum_diff), SLOT_HELPER_BASIC);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_redirect_map), SLOT_HELPER_REDIRECT);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_xdp_adjust_head), SLOT_HELPER_ADJUST_HEAD);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_probe_read_kernel),
			 SLOT_HELPER_PROBE_READ);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_sk_release), SLOT_HELPER_SOCKET);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_store_hdr_opt), SLOT_HELPER_SOCKET);
	assert_int_equal(slot_helper_class_find(BPF_FUNC_trace_printk), SLOT_HELPER_TRACE);
}

static void what_the_table_does_not_name_is_other(void **state)
{
	static const __s32 ids[] = { INT32_MIN,
				     -1,
				     0,
				     BPF_FUNC_override_return,
				     BPF_FUNC_probe_write_user,
				     211,
				     212,
				     100000,
				     INT32_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(slot_helper_class_find(ids[i]), SLOT_HELPER_OTHER);
}

static void without_the_key_everything_is_granted(void **state)
{
	struct slot_limits limits = { 0 };
	char text[SLOT_LIMITS_TEXT_MAX];

	(void)state;
	for (int kind = 0; kind < SLOT_HELPER_CLASSES; kind++)
		assert_true(slot_limits_is_granted(&limits, kind));
	slot_limits_format_helpers(&limits, text);
	assert_string_equal(text, "all");
}

static void an_empty_list_grants_only_the_basic_ones(void **state)
{
	struct slot_limits limits = { .has_helpers = true };
	char text[SLOT_LIMITS_TEXT_MAX];

	(void)state;
	assert_true(slot_limits_is_granted(&limits, SLOT_HELPER_BASIC));
	for (int kind = SLOT_HELPER_BASIC + 1; kind < SLOT_HELPER_CLASSES; kind++)
		assert_false(slot_limits_is_granted(&limits, kind));
	slot_limits_format_helpers(&limits, text);
	assert_string_equal(text, "only the basic ones");
}

static void a_list_grants_what_it_names(void **state)
{
	struct slot_limits limits = {
		.has_helpers = true,
		.helpers = 1U << SLOT_HELPER_REDIRECT | 1U << SLOT_HELPER_OTHER,
	};
	char text[SLOT_LIMITS_TEXT_MAX];

	(void)state;
	assert_true(slot_limits_is_granted(&limits, SLOT_HELPER_REDIRECT));
	assert_true(slot_limits_is_granted(&limits, SLOT_HELPER_OTHER));
	assert_false(slot_limits_is_granted(&limits, SLOT_HELPER_KFUNC));
	slot_limits_format_helpers(&limits, text);
	assert_string_equal(text, "redirect, other");
}

static void limits_differ_in_any_member(void **state)
{
	struct slot_limits a = { 0 };
	struct slot_limits b = { .has_helpers = true };
	struct slot_limits c = { .map_memory = 1 };
	struct slot_limits d = { .signature_key = "/etc/slotd/team.pub" };
	struct slot_limits e = { .maps_of = "lb" };

	(void)state;
	assert_true(slot_limits_is_equal(&a, &a));
	assert_false(slot_limits_is_equal(&a, &b));
	assert_false(slot_limits_is_equal(&a, &c));
	assert_false(slot_limits_is_equal(&a, &d));
	assert_false(slot_limits_is_equal(&a, &e));
	a = b;
	a.helpers = 1U << SLOT_HELPER_TIMER;
	assert_false(slot_limits_is_equal(&a, &b));
}

/* --- sizes --------------------------------------------------------------------------------- */

static void sizes_come_in_bytes_or_units(void **state)
{
	static const struct {
		const char *text;
		__u64 bytes;
	} sizes[] = {
		{ "1", 1 },	      { "4096", 4096 },
		{ "64K", 64 << 10 },  { "64M", 64 << 20 },
		{ "3G", 3ULL << 30 }, { "3g", 3ULL << 30 },
		{ "0001k", 1024 },    { "9223372036854775807", INT64_MAX },
	};
	__u64 bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(slot_size_parse(sizes[i].text, &bytes), 0);
		assert_true(bytes == sizes[i].bytes);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" 1",
		"1 ",
		"-1",
		"+1",
		"0",
		"0K",
		"K",
		"1KB",
		"1T",
		"1.5M",
		"0x10",
		"1M1",
		"9223372036854775808",
		"9007199254740992K",
		"99999999999999999999",
	};
	__u64 bytes = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(slot_size_parse(texts[i], &bytes), -EINVAL);
	assert_true(bytes == 7);
}

static void sizes_are_shown_in_the_largest_unit_that_fits(void **state)
{
	static const struct {
		__u64 bytes;
		const char *text;
	} sizes[] = {
		{ 0, "0" },	      { 1023, "1023" },	       { 1024, "1K" },
		{ 1536, "1.5K" },     { 64 << 20, "64M" },     { (64 << 20) + 1, "64.0M" },
		{ 3ULL << 30, "3G" }, { 5ULL << 40, "5120G" },
	};
	char text[SLOT_SIZE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		slot_size_format(sizes[i].bytes, text);
		assert_string_equal(text, sizes[i].text);
	}
}

/* --- slots.conf --------------------------------------------------------------------------- */

static void parse_reads_limits(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config = config_case_good(
		"chain eth0 { slot 1 { name = a }\n"
		"slot 2 { name = b helpers = { redirect, adjust_head } map_memory = 64M }\n"
		"slot 3 { name = c helpers = { } map_memory = 4096 } }\n");
	const struct slot_reservation *slots = config.chains[0].slots;

	(void)state;
	assert_false(slots[1].limits.has_helpers);
	assert_true(slots[1].limits.map_memory == 0);
	assert_true(slots[2].limits.has_helpers);
	assert_int_equal(slots[2].limits.helpers,
			 1U << SLOT_HELPER_REDIRECT | 1U << SLOT_HELPER_ADJUST_HEAD);
	assert_true(slots[2].limits.map_memory == 64 << 20);
	assert_true(slots[3].limits.has_helpers);
	assert_int_equal(slots[3].limits.helpers, 0);
	assert_true(slots[3].limits.map_memory == 4096);
}

static void parse_takes_a_relative_key_from_the_folder_of_the_file(void **state)
{
	static const char text[] = "chain eth0 { slot 1 { name = a require_signature = team.pub }\n"
				   "slot 2 { name = b require_signature = \"/srv/b.pub\" }\n"
				   "slot 3 { name = c } }\n";
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };

	(void)state;
	assert_int_equal(slot_config_parse("/etc/slotd/slots.conf", text, strlen(text),
					   &config_case_world, &errors, &config),
			 0);
	assert_string_equal(config.chains[0].slots[1].limits.signature_key, "/etc/slotd/team.pub");
	assert_string_equal(config.chains[0].slots[2].limits.signature_key, "/srv/b.pub");
	assert_string_equal(config.chains[0].slots[3].limits.signature_key, "");
}

static void parse_reads_whose_maps_a_slot_may_use(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config = config_case_good(
		"chain eth0 { slot 1 { name = a } slot 2 { name = b maps_of = a } }\n"
		"chain eth0 { hook = tc-egress slot 3 { name = c maps_of = \"xdp:a\" } }\n");
	enum slot_hook hook = SLOT_HOOK_COUNT;
	const char *maps_of = config.chains[0].slots[2].limits.maps_of;

	(void)state;
	assert_string_equal(slot_lender_split(maps_of, SLOT_HOOK_XDP, &hook), "a");
	assert_int_equal(hook, SLOT_HOOK_XDP);
	maps_of = config.chains[1].slots[3].limits.maps_of;
	assert_string_equal(slot_lender_split(maps_of, SLOT_HOOK_TC_EGRESS, &hook), "a");
	assert_int_equal(hook, SLOT_HOOK_XDP);
	assert_null(slot_lender_split("sk_lookup:a", SLOT_HOOK_XDP, &hook));
	assert_null(slot_lender_split("tc:a", SLOT_HOOK_XDP, &hook));
	assert_null(slot_lender_split(maps_of, SLOT_HOOK_XDP, &hook));
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void limits_come_back_from_json_as_they_were(void **state)
{
	struct slot_limits limits = {
		.has_helpers = true,
		.helpers = 1U << SLOT_HELPER_ADJUST_HEAD | 1U << SLOT_HELPER_KFUNC,
		.map_memory = 64 << 20,
		.maps_of = "lb",
		.signature_key = "/etc/slotd/team.pub",
	};
	_cleanup_json_ json_t *json = json_pack("{s:o}", "limits", slot_limits_to_json(&limits));
	struct slot_limits back = { 0 };
	struct slot_reason why = { "" };

	(void)state;
	assert_non_null(json);
	assert_int_equal(slot_limits_from_json(json, &why, &back), 0);
	assert_true(slot_limits_is_equal(&limits, &back));
}

static void an_empty_list_of_helpers_is_not_an_absent_one(void **state)
{
	struct slot_limits limits = { .has_helpers = true };
	_cleanup_json_ json_t *json = json_pack("{s:o}", "limits", slot_limits_to_json(&limits));
	_cleanup_json_ json_t *without = json_object();
	struct slot_limits back = { 0 };

	(void)state;
	assert_int_equal(slot_limits_from_json(json, NULL, &back), 0);
	assert_true(back.has_helpers);
	assert_int_equal(slot_limits_from_json(without, NULL, &back), 0);
	assert_false(back.has_helpers);
}

static void limits_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} bad[] = {
		{ "{\"limits\": []}", "'limits': an object expected" },
		{ "{\"limits\": {\"helpers\": 1}}", "'helpers': an array expected" },
		{ "{\"limits\": {\"helpers\": [1]}}", "'helpers': names of classes expected" },
		{ "{\"limits\": {\"helpers\": [\"basic\"]}}",
		  "'helpers': names of classes expected" },
		{ "{\"limits\": {\"map_memory\": \"64M\"}}", "'map_memory': a number expected" },
		{ "{\"limits\": {\"map_memory\": 0}}",
		  "'map_memory': bytes, more than 0, expected" },
		{ "{\"limits\": {\"map_memory\": -1}}",
		  "'map_memory': bytes, more than 0, expected" },
		{ "{\"limits\": {\"maps_of\": 1}}", "'maps_of': a string expected" },
		{ "{\"limits\": {\"require_signature\": 1}}",
		  "'require_signature': a string expected" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		_cleanup_json_ json_t *json = json_loads(bad[i].text, 0, NULL);
		struct slot_limits limits;
		struct slot_reason why = { "" };

		assert_int_equal(slot_limits_from_json(json, &why, &limits), -EINVAL);
		assert_string_equal(why.text, bad[i].error);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_is_found_again_by_its_name),
		cmocka_unit_test(basic_helpers_need_not_and_cannot_be_named),
		cmocka_unit_test(the_list_of_classes_is_whole),
		cmocka_unit_test(helpers_belong_to_their_classes),
		cmocka_unit_test(what_the_table_does_not_name_is_other),
		cmocka_unit_test(without_the_key_everything_is_granted),
		cmocka_unit_test(an_empty_list_grants_only_the_basic_ones),
		cmocka_unit_test(a_list_grants_what_it_names),
		cmocka_unit_test(limits_differ_in_any_member),
		cmocka_unit_test(sizes_come_in_bytes_or_units),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(sizes_are_shown_in_the_largest_unit_that_fits),
		cmocka_unit_test(parse_reads_limits),
		cmocka_unit_test(parse_reads_whose_maps_a_slot_may_use),
		cmocka_unit_test(parse_takes_a_relative_key_from_the_folder_of_the_file),
		cmocka_unit_test(limits_come_back_from_json_as_they_were),
		cmocka_unit_test(an_empty_list_of_helpers_is_not_an_absent_one),
		cmocka_unit_test(limits_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
