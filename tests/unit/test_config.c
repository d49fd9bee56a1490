/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.conf: what is read from a good one, and what it costs to refuse a hostile one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "tests/support/config_case.h"

#define CHAIN_KEYS "one of hook, netns, cgroup, members, mode, order, engine, counters, slot"
#define NOT_READ "key = value, or key { ... } (the rest was not read)"

static void parse_fills_every_key_of_a_slot(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain \"eth0\" {\n"
				 "	hook = \"xdp\"\n"
				 "	mode = \"generic\"\n"
				 "	engine = \"fused\"\n"
				 "	counters = false\n"
				 "	slot 2 {\n"
				 "		name = \"firewall\"\n"
				 "		owner = \"netsec\"\n"
				 "		object = \"/opt/firewall.bpf.o\"\n"
				 "		program = \"xdp_firewall\"\n"
				 "		continue_on = { \"pass\", \"tx\" }\n"
				 "		allow = { \"drop\", \"pass\", \"tx\", \"skip\" }\n"
				 "		denied_as = \"drop\"\n"
				 "		enabled = false\n"
				 "		settings {\n"
				 "			default_deny = true\n"
				 "			motd = \"two words\"\n"
				 "		}\n"
				 "	}\n"
				 "}\n");
	const struct slot_chain_config *chain = slot_config_find(&config, "eth0");
	const struct slot_reservation *slot;

	(void)state;
	assert_non_null(chain);
	assert_int_equal(chain->line, 1);
	assert_int_equal(chain->hook, SLOT_HOOK_XDP);
	assert_int_equal(chain->mode, SLOT_ATTACH_GENERIC);
	assert_int_equal(chain->engine, SLOT_ENGINE_FUSED);
	assert_false(chain->counters);
	slot = &chain->slots[2];
	assert_true(slot->present);
	assert_int_equal(slot->line, 6);
	assert_string_equal(slot->name, "firewall");
	assert_string_equal(slot->owner, "netsec");
	assert_string_equal(slot->object, "/opt/firewall.bpf.o");
	assert_string_equal(slot->program, "xdp_firewall");
	assert_int_equal(slot->rules.continue_on, 1U << ROOT_COL_PASS | 1U << ROOT_COL_TX);
	assert_int_equal(slot->rules.allow, 1U << ROOT_COL_DROP | 1U << ROOT_COL_PASS |
						    1U << ROOT_COL_TX | ROOT_ALLOW_SKIP);
	assert_int_equal(slot->rules.denied_as, ROOT_DENIED_AS_DROP);
	assert_false(slot->enabled);
	assert_int_equal(slot->settings.count, 2);
	assert_string_equal(slot_settings_get(&slot->settings, "default_deny"), "true");
	assert_string_equal(slot_settings_get(&slot->settings, "motd"), "two words");
}

static void parse_gives_defaults_to_what_is_not_named(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth0 {\nslot 19 {\nname = capture\n}\n}\n");
	const struct slot_chain_config *chain = &config.chains[0];
	const struct slot_reservation *slot = &chain->slots[19];
	const struct root_rules rules = ROOT_RULES_DEFAULT;

	(void)state;
	assert_int_equal(chain->mode, SLOT_ATTACH_AUTO);
	assert_int_equal(chain->engine, SLOT_ENGINE_AUTO);
	assert_true(chain->counters);
	assert_string_equal(slot->owner, "root");
	assert_null(slot->object);
	assert_null(slot->program);
	assert_true(slot->enabled);
	assert_int_equal(slot->settings.count, 0);
	assert_memory_equal(&slot->rules, &rules, sizeof(rules));
	assert_false(chain->slots[0].present);
}

static void parse_keeps_chains_apart(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth0 { slot 2 { name = firewall } }\n"
				 "chain eth1 { slot 2 { name = firewall owner = \"@lb\" } }\n"
				 "chain eth2 { }\n");

	(void)state;
	assert_int_equal(config.count, 3);
	assert_string_equal(slot_config_find(&config, "eth0")->slots[2].owner, "root");
	assert_string_equal(slot_config_find(&config, "eth1")->slots[2].owner, "@lb");
	assert_int_equal(slot_config_find(&config, "eth2")->line, 3);
	assert_null(slot_config_find(&config, "eth3"));
}

static void parse_tells_interfaces_of_several_netns_apart(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth0 { slot 2 { name = firewall } }\n"
				 "chain eth0 { netns = blue slot 3 { name = firewall } }\n"
				 "chain wlan0 { netns = \"/var/run/x/red\" }\n");
	const struct slot_chain_config *chain = slot_config_find(&config, "blue:eth0");

	(void)state;
	assert_int_equal(config.count, 3);
	assert_string_equal(slot_config_find(&config, "eth0")->place.netns, "");
	assert_non_null(chain);
	assert_string_equal(chain->place.netns, SLOT_NETNS_DIR "/blue");
	assert_string_equal(chain->place.interface, "eth0");
	assert_true(chain->slots[3].present);
	chain = slot_config_find(&config, "red:wlan0");
	assert_non_null(chain);
	assert_string_equal(chain->place.netns, "/var/run/x/red");
}

static void a_section_with_members_is_no_chain_but_makes_them(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth1 { slot 5 { name = own } }\n"
				 "chain bond0 { netns = blue members = true mode = generic\n"
				 "slot 2 { name = firewall object = \"/a.o\" program = f\n"
				 "settings { x = 1 } } }\n"
				 "chain bond1 { members = yes }\n");
	const struct slot_chain_config *master = slot_config_find_master(&config, "blue:bond0");
	const struct slot_chain_config *chain;

	(void)state;
	assert_int_equal(config.count, 1);
	assert_int_equal(config.master_count, 2);
	assert_null(slot_config_find(&config, "blue:bond0"));
	assert_non_null(master);
	assert_int_equal(slot_config_add_member(&config, master, "eth1"), 0);
	chain = slot_config_find(&config, "blue:eth1");
	assert_non_null(chain);
	assert_string_equal(chain->place.interface, "eth1");
	assert_string_equal(chain->place.master, "bond0");
	assert_string_equal(chain->place.netns, SLOT_NETNS_DIR "/blue");
	assert_false(chain->has_members);
	assert_int_equal(chain->mode, SLOT_ATTACH_GENERIC);
	assert_string_equal(chain->slots[2].object, "/a.o");
	assert_string_equal(chain->slots[2].program, "f");
	assert_string_equal(slot_settings_get(&chain->slots[2].settings, "x"), "1");
}

static void a_port_with_a_section_of_its_own_keeps_that(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth1 { slot 5 { name = own } }\n"
				 "chain bond0 { members = true slot 2 { name = all } }\n");
	const struct slot_chain_config *master = slot_config_find_master(&config, "bond0");

	(void)state;
	assert_int_equal(slot_config_add_member(&config, master, "eth1"), 0);
	assert_int_equal(config.count, 1);
	assert_string_equal(config.chains[0].slots[5].name, "own");
	assert_int_equal(slot_config_add_member(&config, master, "eth2"), 0);
	assert_int_equal(slot_config_add_member(&config, master, "eth2"), 0);
	assert_int_equal(config.count, 2);
	slot_config_del(&config, 0);
	assert_int_equal(config.count, 1);
	assert_string_equal(config.chains[0].interface, "eth2");
}

static void members_have_a_limit(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain bond0 { members = true }\n");
	char port[IFNAMSIZ];

	(void)state;
	for (unsigned int i = 0; i < SLOT_CONFIG_CHAINS_MAX; i++) {
		snprintf(port, sizeof(port), "p%u", i);
		assert_int_equal(slot_config_add_member(&config, &config.masters[0], port), 0);
	}
	assert_int_equal(slot_config_add_member(&config, &config.masters[0], "more"), -E2BIG);
}

static void parse_takes_a_relative_object_from_the_folder_of_the_file(void **state)
{
	static const char text[] = "chain eth0 { slot 1 { name = a object = \"own/a.bpf.o\" }\n"
				   "slot 2 { name = b object = \"b.bpf.o\" } }\n";
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };

	(void)state;
	assert_int_equal(slot_config_parse("/etc/slotd/slots.conf", text, strlen(text),
					   &config_case_world, &errors, &config),
			 0);
	assert_string_equal(config.chains[0].slots[1].object, "/etc/slotd/own/a.bpf.o");
	assert_string_equal(config.chains[0].slots[2].object, "b.bpf.o");
}

static void parse_reads_comments_anywhere_and_counts_their_lines_once(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("# don't \"count\" this\n"
				 "// nor /* this\n"
				 "/* nor\n"
				 "   these # two */ chain eth0 { # }\n"
				 "slot 2 { name = firewall # the \"first\n"
				 "allow = { drop, # what it is for\n"
				 "	pass } }\n"
				 "slot 3 { name = b } }\n");

	(void)state;
	assert_int_equal(config.chains[0].line, 4);
	assert_int_equal(config.chains[0].slots[2].line, 5);
	assert_int_equal(config.chains[0].slots[2].rules.allow,
			 1U << ROOT_COL_DROP | 1U << ROOT_COL_PASS);
	assert_int_equal(config.chains[0].slots[3].line, 8);
}

static void parse_leaves_the_environment_alone(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good(IN_SLOT("settings { home = \"${HOME}\" hash = \"a # b\" }\n"));
	const struct slot_settings *settings = &config.chains[0].slots[2].settings;

	(void)state;
	assert_string_equal(slot_settings_get(settings, "home"), "${HOME}");
	assert_string_equal(slot_settings_get(settings, "hash"), "a # b");
}

static void parse_takes_an_empty_continue_on_as_the_end_of_the_chain(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good(IN_SLOT("continue_on = { }\n"));

	(void)state;
	assert_int_equal(config.chains[0].slots[2].rules.continue_on, 0);
	assert_true(config.chains[0].slots[2].has_continue_on);
	assert_int_equal(config.chains[0].slots[2].rules.allow, ROOT_VERDICT_ALL);
}

static void parse_never_goes_on_after_pass_where_pass_is_not_allowed(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good(IN_SLOT("allow = { drop }\n"));

	(void)state;
	assert_int_equal(config.chains[0].slots[2].rules.continue_on, 0);
}

static void parse_asks_nothing_of_a_world_that_is_not_there(void **state)
{
	static const char text[] = "chain nowhere0 { slot 0 { name = a owner = nobody-knows\n"
				   "object = \"/missing.bpf.o\" } }\n";
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };

	(void)state;
	assert_int_equal(
		slot_config_parse("slots.conf", text, strlen(text), NULL, &errors, &config), 0);
	assert_string_equal(config.chains[0].slots[0].owner, "nobody-knows");
}

/* --- large and deep ones ------------------------------------------------------------------- */

static char *repeat(const char *head, const char *part, size_t size)
{
	size_t len = strlen(head);
	char *text = malloc(size + 1);

	assert_non_null(text);
	memcpy(text, head, len + 1);
	for (; len < size; len++)
		text[len] = part[(len - strlen(head)) % strlen(part)];
	text[len] = '\0';
	return text;
}

static void parse_refuses_a_text_of_10_megabytes(void **state)
{
	_cleanup_free_ char *text = repeat("", "#\n", 10U << 20);
	_cleanup_free_ char *errors = config_case_bad(text, strlen(text), -E2BIG);

	(void)state;
	assert_string_equal(errors, "slots.conf:524289: text: too long: at most 1048576 bytes\n");
}

static void parse_takes_a_text_of_the_largest_size(void **state)
{
	_cleanup_free_ char *text = repeat("chain eth0 { }\n", "# abc\n", SLOT_CONFIG_SIZE_MAX);
	_cleanup_(slot_config_free) struct slot_config config = config_case_good(text);

	(void)state;
	assert_int_equal(config.count, 1);
}

struct large {
	const char *head;
	const char *part;
};

/* In each of these something of libconfuse would grow with the square of the input. */
static void parse_bears_a_megabyte_of_anything(void **state)
{
	static const struct large larges[] = {
		{ "", "{" },
		{ "", "chain eth0 {" },
		{ "", "chain eth0 { }" },
		{ "chain eth0 { ", "slot 2 { } " },
		{ "chain eth0 { slot 2 { name = a allow = { ", "pass, " },
		{ "chain eth0 { slot 2 { name = a allow = { ", "{ " },
		{ "chain eth0 { colour = { ", "red, " },
		{ "chain eth0 { slot 2 { settings { ", "a = 1 " },
		{ "chain eth0 { slot 2 { name = \"", "abc" },
		{ "chain eth0 { slot 2 { name = ", "abc" },
		{ "chain eth0 { } # ", "abc" },
		{ "chain eth0 { } /* ", "abc" },
		{ "chain eth0 { } ", "/**/" },
		{ "", "${" },
		{ "", "\"" },
		{ "", "\"chain|a\" = 1 " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(larges) / sizeof(larges[0]); i++) {
		_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
		_cleanup_(slot_config_free) struct slot_config config = { 0 };
		_cleanup_free_ char *text =
			repeat(larges[i].head, larges[i].part, SLOT_CONFIG_SIZE_MAX);
		int err =
			slot_config_parse("slots.conf", text, strlen(text), NULL, &errors, &config);

		assert_int_equal(err, errors.count ? -EINVAL : 0);
		assert_true(errors.count <= 101);
	}
}

#define X_14 "xxxxxxxxxxxxxx"
#define X_56 X_14 X_14 X_14 X_14

static void parse_refuses_a_string_or_word_over_4096_bytes(void **state)
{
	static const char *const heads[] = { "chain eth0 { slot 2 { name = a\nobject = \"/",
					     "chain eth0 { slot 2 { name = a\nobject = /" };
	static const char *const tails[] = { "\"\n} }\n", "\n} }\n" };
	static const char *const words[] = {
		"slots.conf:2: text: too long: expected at most 4096 bytes in one string or word\n"
		"slots.conf:2: object: \"/" X_56 "...\": "
		"expected the path of a BPF object\n",
		"slots.conf:2: object: \"/" X_56 "...\": "
		"expected the path of a BPF object\n",
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const char *head = heads[i % 2];
		bool is_long = i < 2;
		/* the slash in front counts, the quotes do not */
		_cleanup_free_ char *body =
			repeat(head, "x", strlen(head) + (is_long ? 4096 : 4095));
		_cleanup_free_ char *text = NULL;
		_cleanup_free_ char *errors = NULL;

		assert_true(asprintf(&text, "%s%s", body, tails[i % 2]) > 0);
		errors = config_case_bad(text, strlen(text), -EINVAL);
		assert_string_equal(errors, words[!is_long]);
	}
}

static void parse_stops_at_a_hundred_errors(void **state)
{
	_cleanup_free_ char *text = repeat("chain eth0 {\n", "mode = x\n", 4096);
	_cleanup_free_ char *errors = config_case_bad(text, strlen(text), -EINVAL);
	static const char last[] =
		"slots.conf:52: text: more than 100 errors: these mended first\n";

	(void)state;
	assert_true(strlen(errors) > sizeof(last));
	assert_string_equal(errors + strlen(errors) - strlen(last), last);
}

static void parse_counts_settings(void **state)
{
	char text[4096] = "chain eth0 { slot 2 { name = a settings {\n";

	(void)state;
	for (unsigned int i = 0; i < 65; i++)
		sprintf(text + strlen(text), "key%u = 1\n", i);
	strcat(text, "} } }\n");
	_cleanup_free_ char *errors = config_case_bad(text, strlen(text), -EINVAL);
	assert_string_equal(errors,
			    "slots.conf:66: key64: too many settings: expected at most 64 for one "
			    "slot\n");
}

static void parse_counts_unknown_keys(void **state)
{
	char text[4096] = "chain eth0 {\n";
	static const char last[] = "slots.conf:34: key32: unknown key: expected " CHAIN_KEYS "\n"
				   "slots.conf:34: syntax: an unknown key that cannot be passed "
				   "over: expected " NOT_READ "\n";

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		sprintf(text + strlen(text), "key%u = 1\n", i);
	strcat(text, "}\n");
	_cleanup_free_ char *errors = config_case_bad(text, strlen(text), -EINVAL);
	assert_string_equal(errors + strlen(errors) - strlen(last), last);
}

/* --- what else must hold ------------------------------------------------------------------- */

static void the_slots_conf_of_the_repository_is_good(void **state)
{
	_cleanup_fclose_ FILE *file = fopen("slots.conf", "r");
	static char text[1U << 16];
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	const struct slot_chain_config *chain;

	(void)state;
	assert_non_null(file); /* tests run in the top folder */
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	config = config_case_good(text);
	chain = slot_config_find(&config, "eth0");
	assert_non_null(chain);
	assert_string_equal(chain->slots[2].name, "firewall");
	assert_string_equal(chain->slots[2].object, "firewall.bpf.o");
	assert_string_equal(chain->slots[12].name, "decap");
	assert_string_equal(chain->slots[12].object, "decap.bpf.o");
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (chain->slots[slot].present)
			assert_string_equal(chain->slots[slot].owner, "root");
	}
}

static void settings_are_equal_in_any_order(void **state)
{
	_cleanup_(slot_settings_free) struct slot_settings a = { 0 };
	_cleanup_(slot_settings_free) struct slot_settings b = { 0 };
	_cleanup_(slot_settings_free) struct slot_settings copy = { 0 };

	(void)state;
	assert_int_equal(slot_settings_add(&a, "x", "1"), 0);
	assert_int_equal(slot_settings_add(&a, "y", "2"), 0);
	assert_int_equal(slot_settings_add(&b, "y", "2"), 0);
	assert_false(slot_settings_is_equal(&a, &b));
	assert_int_equal(slot_settings_add(&b, "x", "1"), 0);
	assert_true(slot_settings_is_equal(&a, &b));
	assert_int_equal(slot_settings_copy(&a, &copy), 0);
	assert_true(slot_settings_is_equal(&a, &copy));
	free(copy.items[0].value);
	copy.items[0].value = strdup("2");
	assert_false(slot_settings_is_equal(&a, &copy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_fills_every_key_of_a_slot),
		cmocka_unit_test(parse_gives_defaults_to_what_is_not_named),
		cmocka_unit_test(parse_keeps_chains_apart),
		cmocka_unit_test(parse_tells_interfaces_of_several_netns_apart),
		cmocka_unit_test(a_section_with_members_is_no_chain_but_makes_them),
		cmocka_unit_test(a_port_with_a_section_of_its_own_keeps_that),
		cmocka_unit_test(members_have_a_limit),
		cmocka_unit_test(parse_takes_a_relative_object_from_the_folder_of_the_file),
		cmocka_unit_test(parse_reads_comments_anywhere_and_counts_their_lines_once),
		cmocka_unit_test(parse_leaves_the_environment_alone),
		cmocka_unit_test(parse_takes_an_empty_continue_on_as_the_end_of_the_chain),
		cmocka_unit_test(parse_never_goes_on_after_pass_where_pass_is_not_allowed),
		cmocka_unit_test(parse_asks_nothing_of_a_world_that_is_not_there),
		cmocka_unit_test(parse_refuses_a_text_of_10_megabytes),
		cmocka_unit_test(parse_takes_a_text_of_the_largest_size),
		cmocka_unit_test(parse_bears_a_megabyte_of_anything),
		cmocka_unit_test(parse_refuses_a_string_or_word_over_4096_bytes),
		cmocka_unit_test(parse_stops_at_a_hundred_errors),
		cmocka_unit_test(parse_counts_settings),
		cmocka_unit_test(parse_counts_unknown_keys),
		cmocka_unit_test(the_slots_conf_of_the_repository_is_good),
		cmocka_unit_test(settings_are_equal_in_any_order),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
