/* SPDX-License-Identifier: GPL-2.0-only */
/* slots.conf: what is read from a good one, and the exact words about a bad one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/lib/cleanup.h"
#include "loader/lib/config.h"

#define VERDICTS "aborted, drop, pass, tx, redirect"
#define CHAIN_KEYS "one of hook, mode, engine, counters, slot"
#define SLOT_KEYS                                                                                  \
	"one of name, owner, object, program, continue_on, allow, denied_as, enabled, settings"
#define NOT_READ "key = value, or key { ... } (the rest was not read)"

/* The text starts on line 2, inside the chain; on line 4, inside the slot. */
#define IN_CHAIN(text) "chain eth0 {\n" text "}\n"
#define IN_SLOT(text) "chain eth0 {\nslot 2 {\nname = firewall\n" text "}\n}\n"

#define CHARS_16 "abcdefghijklmnop"
#define CHARS_32 CHARS_16 CHARS_16
#define CHARS_64 CHARS_32 CHARS_32

struct bad_config {
	const char *name;
	const char *text;
	const char *errors; /* a line each */
};

/* --- a small world ------------------------------------------------------------------------- */

static bool has_interface(const char *name, void *data)
{
	(void)data;
	return !strncmp(name, "eth", 3);
}

static bool has_owner(const char *owner, void *data)
{
	(void)data;
	return !strcmp(owner, "netsec") || !strcmp(owner, "@lb");
}

static bool has_object(const char *path, void *data)
{
	(void)data;
	return !strstr(path, "missing");
}

static const struct slot_config_world world = {
	.has_interface = has_interface,
	.has_owner = has_owner,
	.has_object = has_object,
};

static int parse(const char *text, struct slot_reasons *errors, struct slot_config *config)
{
	return slot_config_parse("slots.conf", text, strlen(text), &world, errors, config);
}

/* A configuration that must be good; what is wrong with it is shown. */
static struct slot_config parse_good(const char *text)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	struct slot_config config = { 0 };
	int err = parse(text, &errors, &config);

	for (size_t i = 0; i < errors.count; i++)
		print_message("# %s\n", errors.lines[i]);
	assert_int_equal(err, 0);
	return config;
}

/* The errors of @text, a line each; owned by the caller. */
static char *parse_bad(const char *text, size_t len, int expected)
{
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	struct slot_config config = { 0 };
	char *joined = NULL;
	size_t size;
	FILE *out = open_memstream(&joined, &size);

	assert_int_equal(slot_config_parse("slots.conf", text, len, &world, &errors, &config),
			 expected);
	assert_null(config.chains);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(out, "%s\n", errors.lines[i]);
	fclose(out);
	return joined;
}

/* --- good ones ----------------------------------------------------------------------------- */

static void parse_fills_every_key_of_a_slot(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config = parse_good(
		"chain \"eth0\" {\n"
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
		"		allow = { \"drop\", \"pass\", \"tx\" }\n"
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
	assert_int_equal(slot->rules.allow,
			 1U << ROOT_COL_DROP | 1U << ROOT_COL_PASS | 1U << ROOT_COL_TX);
	assert_int_equal(slot->rules.denied_as, ROOT_DENIED_AS_DROP);
	assert_false(slot->enabled);
	assert_int_equal(slot->settings.count, 2);
	assert_string_equal(slot_settings_get(&slot->settings, "default_deny"), "true");
	assert_string_equal(slot_settings_get(&slot->settings, "motd"), "two words");
}

static void parse_gives_defaults_to_what_is_not_named(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		parse_good("chain eth0 {\nslot 19 {\nname = capture\n}\n}\n");
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
		parse_good("chain eth0 { slot 2 { name = firewall } }\n"
			   "chain eth1 { slot 2 { name = firewall owner = \"@lb\" } }\n"
			   "chain eth2 { }\n");

	(void)state;
	assert_int_equal(config.count, 3);
	assert_string_equal(slot_config_find(&config, "eth0")->slots[2].owner, "root");
	assert_string_equal(slot_config_find(&config, "eth1")->slots[2].owner, "@lb");
	assert_int_equal(slot_config_find(&config, "eth2")->line, 3);
	assert_null(slot_config_find(&config, "eth3"));
}

static void parse_takes_a_relative_object_from_the_folder_of_the_file(void **state)
{
	static const char text[] = "chain eth0 { slot 1 { name = a object = \"own/a.bpf.o\" }\n"
				   "slot 2 { name = b object = \"b.bpf.o\" } }\n";
	_cleanup_(slot_reasons_free) struct slot_reasons errors = { 0 };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };

	(void)state;
	assert_int_equal(slot_config_parse("/etc/slotd/slots.conf", text, strlen(text), &world,
					   &errors, &config),
			 0);
	assert_string_equal(config.chains[0].slots[1].object, "/etc/slotd/own/a.bpf.o");
	assert_string_equal(config.chains[0].slots[2].object, "b.bpf.o");
}

static void parse_reads_comments_anywhere_and_counts_their_lines_once(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		parse_good("# don't \"count\" this\n"
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
		parse_good(IN_SLOT("settings { home = \"${HOME}\" hash = \"a # b\" }\n"));
	const struct slot_settings *settings = &config.chains[0].slots[2].settings;

	(void)state;
	assert_string_equal(slot_settings_get(settings, "home"), "${HOME}");
	assert_string_equal(slot_settings_get(settings, "hash"), "a # b");
}

static void parse_takes_an_empty_continue_on_as_the_end_of_the_chain(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		parse_good(IN_SLOT("continue_on = { }\n"));

	(void)state;
	assert_int_equal(config.chains[0].slots[2].rules.continue_on, 0);
	assert_int_equal(config.chains[0].slots[2].rules.allow, ROOT_VERDICT_ALL);
}

static void parse_never_goes_on_after_pass_where_pass_is_not_allowed(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		parse_good(IN_SLOT("allow = { drop }\n"));

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

/* --- bad ones ------------------------------------------------------------------------------ */

static const struct bad_config bad_configs[] = {
	{ "no_chain", "# nothing\n",
	  "slots.conf:1: chain: missing: at least one chain \"INTERFACE\" { ... }\n" },
	{ "empty_text", "",
	  "slots.conf:1: chain: missing: at least one chain \"INTERFACE\" { ... }\n" },
	{ "unknown_interface", "chain wlan0 { }\n",
	  "slots.conf:1: chain: \"wlan0\": an interface of this machine\n" },
	{ "interface_too_long", "\nchain \"eth" CHARS_16 "\" { }\n",
	  "slots.conf:2: chain: \"eth" CHARS_16
	  "\": the name of an interface, 1 to 15 characters\n" },
	{ "interface_without_name", "chain \"\" { }\n",
	  "slots.conf:1: chain: \"\": the name of an interface, 1 to 15 characters\n" },
	{ "interface_that_is_a_path", "chain \"eth/0\" { }\n",
	  "slots.conf:1: chain: \"eth/0\": the name of an interface, 1 to 15 characters\n" },
	{ "duplicate_chain", "chain eth0 { }\n\nchain eth0 { }\n",
	  "slots.conf:3: chain: \"eth0\": an interface other than that of line 1\n" },
	{ "unknown_hook", IN_CHAIN("hook = tc-ingress\n"),
	  "slots.conf:2: hook: \"tc-ingress\": xdp\n" },
	{ "unknown_mode", IN_CHAIN("mode = offload\n"),
	  "slots.conf:2: mode: \"offload\": one of auto, native, generic\n" },
	{ "unknown_engine", IN_CHAIN("engine = \"\"\n"),
	  "slots.conf:2: engine: \"\": one of auto, freplace, fused\n" },
	{ "counters_that_are_no_bool", IN_CHAIN("counters = 1\n"),
	  "slots.conf:2: counters: \"1\": true or false\n" },
	{ "chain_key_twice", IN_CHAIN("mode = auto\nmode = native\n"),
	  "slots.conf:3: mode: \"native\": given once (line 2 has it)\n" },
	{ "unknown_key_in_chain", IN_CHAIN("modes = auto\n"),
	  "slots.conf:2: modes: unknown key: " CHAIN_KEYS "\n" },
	{ "unknown_key_outside_a_chain", "hook = xdp\nchain eth0 { }\n",
	  "slots.conf:1: hook: unknown key: chain\n" },

	{ "slot_above_19", IN_CHAIN("slot 20 { name = a }\n"),
	  "slots.conf:2: slot: \"20\": a number from 0 to 19\n" },
	{ "slot_below_0", IN_CHAIN("slot -1 { name = a }\n"),
	  "slots.conf:2: slot: \"-1\": a number from 0 to 19\n" },
	{ "slot_that_is_no_number", IN_CHAIN("slot two { name = a }\n"),
	  "slots.conf:2: slot: \"two\": a number from 0 to 19\n" },
	{ "slot_with_a_number_far_too_long", IN_CHAIN("slot 4294967298 { name = a }\n"),
	  "slots.conf:2: slot: \"4294967298\": a number from 0 to 19\n" },
	{ "duplicate_slot", IN_CHAIN("slot 2 { name = a }\nslot 2 { name = b }\n"),
	  "slots.conf:3: slot: \"2\": a slot other than that of line 2\n" },
	{ "duplicate_slot_written_otherwise", IN_CHAIN("slot 2 { name = a }\nslot 02 { name = b }\n"),
	  "slots.conf:3: slot: \"02\": a slot other than that of line 2\n" },
	{ "duplicate_name", IN_CHAIN("slot 2 { name = a }\nslot 3 {\nname = a\n}\n"),
	  "slots.conf:4: name: \"a\": a name that slot 2 (line 2) does not have\n" },
	{ "slot_without_name", IN_CHAIN("slot 2 {\nowner = netsec\n}\n"),
	  "slots.conf:2: name: missing: a slot needs a name, 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "empty_slot", IN_CHAIN("slot 2 { }\n"),
	  "slots.conf:2: name: missing: a slot needs a name, 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "empty_name", IN_CHAIN("slot 2 { name = \"\" }\n"),
	  "slots.conf:2: name: \"\": 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "name_in_capitals", IN_CHAIN("slot 2 {\n\nname = Firewall }\n"),
	  "slots.conf:4: name: \"Firewall\": 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "name_too_long", IN_CHAIN("slot 2 { name = " CHARS_32 " }\n"),
	  "slots.conf:2: name: \"" CHARS_32 "\": 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "name_with_a_control_character", IN_CHAIN("slot 2 { name = \"a\\x1b[1m\" }\n"),
	  "slots.conf:2: name: \"a\\x1b[1m\": 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "name_twice", IN_SLOT("name = other\n"),
	  "slots.conf:4: name: \"other\": given once (line 3 has it)\n" },
	{ "unknown_user", IN_SLOT("owner = mallory\n"),
	  "slots.conf:4: owner: \"mallory\": a user of this machine\n" },
	{ "unknown_group", IN_SLOT("owner = \"@mallory\"\n"),
	  "slots.conf:4: owner: \"@mallory\": a group of this machine\n" },
	{ "group_without_name", IN_SLOT("owner = \"@\"\n"),
	  "slots.conf:4: owner: \"@\": a user, or @group, of at most 63 characters\n" },
	{ "owner_too_long", IN_SLOT("owner = " CHARS_64 "\n"),
	  "slots.conf:4: owner: \"" CHARS_32 CHARS_16 "abcdefghi"
	  "...\": a user, or @group, of at most 63 characters\n" },
	{ "missing_object", IN_SLOT("object = \"/usr/missing.bpf.o\"\n"),
	  "slots.conf:4: object: \"/usr/missing.bpf.o\": a file that can be read\n" },
	{ "empty_object", IN_SLOT("object = \"\"\n"),
	  "slots.conf:4: object: \"\": the path of a BPF object\n" },
	{ "object_that_is_not_utf8", IN_SLOT("object = \"/a\xff\"\n"),
	  "slots.conf:4: object: \"/a\\xff\": the path of a BPF object\n" },
	{ "program_that_is_no_function", IN_SLOT("program = \"2nd\"\n"),
	  "slots.conf:4: program: \"2nd\": the name of a function, of at most 63 characters\n" },
	{ "program_too_long", IN_SLOT("program = " CHARS_64 "\n"),
	  "slots.conf:4: program: \"" CHARS_32 CHARS_16 "abcdefghi"
	  "...\": the name of a function, of at most 63 characters\n" },
	{ "unknown_verdict_in_continue_on", IN_SLOT("continue_on = { pass,\n\"forward\" }\n"),
	  "slots.conf:5: continue_on: \"forward\": one of " VERDICTS "\n" },
	{ "unknown_verdict_in_allow", IN_SLOT("allow = { \"2\" }\n"),
	  "slots.conf:4: allow: \"2\": one of " VERDICTS "\n" },
	{ "verdict_twice", IN_SLOT("allow = { pass, XDP_PASS }\n"),
	  "slots.conf:4: allow: \"XDP_PASS\": each verdict once\n" },
	{ "allow_without_a_verdict", IN_SLOT("allow = { }\n"),
	  "slots.conf:2: allow: empty: at least one of " VERDICTS "\n" },
	{ "allow_twice", IN_SLOT("allow = { pass }\nallow = { pass, drop }\n"),
	  "slots.conf:5: allow: \"pass\": given once (line 4 has it)\n" },
	{ "continue_on_outside_allow", IN_SLOT("allow = { drop, pass }\ncontinue_on = { tx }\n"),
	  "slots.conf:5: continue_on: \"tx\": only what allow names: drop,pass\n" },
	{ "denied_as_that_is_a_way_out", IN_SLOT("denied_as = tx\n"),
	  "slots.conf:4: denied_as: \"tx\": one of aborted, drop, pass\n" },
	{ "enabled_that_is_no_bool", IN_SLOT("enabled = maybe\n"),
	  "slots.conf:4: enabled: \"maybe\": true or false\n" },
	{ "unknown_key_in_slot", IN_SLOT("onwer = netsec\n"),
	  "slots.conf:4: onwer: unknown key: " SLOT_KEYS "\n" },
	{ "unknown_key_each_time",
	  IN_CHAIN("slot 2 {\nname = a\nvip = x\n}\nslot 3 {\nvip = { y, z }\nvip = y\nname = b\n}\n"),
	  "slots.conf:4: vip: unknown key: " SLOT_KEYS "\n"
	  "slots.conf:7: vip: unknown key: " SLOT_KEYS "\n"
	  "slots.conf:8: vip: unknown key: " SLOT_KEYS "\n" },
	{ "unknown_key_with_an_empty_list", IN_SLOT("vips = { }\n"),
	  "slots.conf:4: vips: unknown key: " SLOT_KEYS "\n" },
	{ "unknown_section_judged_as_what_it_stands_for",
	  IN_CHAIN("slots 2 {\nname = Bad\n}\nslot 3 {\nname = b\nsetting { a = 1 }\n}\n"),
	  "slots.conf:2: slots: unknown key: " CHAIN_KEYS "\n"
	  "slots.conf:3: name: \"Bad\": 1 to 31 of a-z, 0-9, _ and -\n"
	  "slots.conf:7: setting: unknown key: " SLOT_KEYS "\n" },
	{ "unknown_section_of_the_name_root", "root eth0 { }\n",
	  "slots.conf:1: root: unknown key: chain\n"
	  "slots.conf:1: syntax: missing equal sign after option 'root': " NOT_READ "\n" },
	{ "settings_twice", IN_SLOT("settings { a = 1 }\nsettings { b = 2 }\n"),
	  "slots.conf:5: settings: given twice: one section (line 4 has it)\n" },
	{ "setting_with_a_bad_key", IN_SLOT("settings {\na-b = 1\n}\n"),
	  "slots.conf:5: settings: \"a-b\": a key of letters, digits, _ and .\n" },
	{ "setting_with_a_control_character", IN_SLOT("settings {\na = 1\nb = \"\\n\" }\n"),
	  "slots.conf:6: b: \"\\x0a\": at most 1023 bytes of UTF-8 without control characters\n" },
	{ "path_for_a_key", IN_CHAIN("slot 2 { name = a }\n\"slot=2|name\" = b\n"),
	  "slots.conf:3: syntax: a key that cannot be read: " NOT_READ "\n" },
	{ "empty_key", IN_CHAIN("\"\" = b\n"),
	  "slots.conf:2: syntax: a key that cannot be read: " NOT_READ "\n" },

	{ "value_missing", IN_SLOT("owner =\n"),
	  "slots.conf:5: syntax: unexpected token '}': " NOT_READ "\n" },
	{ "equals_missing", IN_SLOT("owner netsec\n"),
	  "slots.conf:4: syntax: missing equal sign after option 'owner': " NOT_READ "\n" },
	{ "list_where_one_value_belongs", IN_SLOT("owner = { netsec }\n"),
	  "slots.conf:4: syntax: unexpected token '{': " NOT_READ "\n" },
	{ "slot_without_number", IN_CHAIN("slot { name = a }\n"),
	  "slots.conf:2: syntax: missing title for section 'slot': " NOT_READ "\n" },
	{ "slot_without_brace", IN_CHAIN("slot 2 name = a\n"),
	  "slots.conf:2: syntax: missing opening brace for section 'slot': " NOT_READ "\n" },
	{ "brace_too_many", IN_CHAIN("slot 2 { name = a }\n}\n"),
	  "slots.conf:4: syntax: unexpected closing brace: " NOT_READ "\n" },
	{ "chain_without_end", "\nchain eth0 {\nslot 2 { name = a }\n",
	  "slots.conf:2: chain: a section without end: \"}\"\n" },
	{ "slot_without_end", "chain eth0 {\nslot 2 { name = a\n}\n\n",
	  "slots.conf:1: chain: a section without end: \"}\"\n" },
	{ "settings_without_end", "chain eth0 {\nslot 2 { name = a\nsettings {\nb = 1\n",
	  "slots.conf:3: settings: a section without end: \"}\"\n" },
	{ "list_without_end", "chain eth0 {\nslot 2 { name = a\nallow = { drop\n",
	  "slots.conf:4: syntax: the text ends too early: " NOT_READ "\n" },
	{ "text_that_ends_before_the_value", "chain eth0 {\nmode =\n",
	  "slots.conf:3: syntax: the text ends too early: " NOT_READ "\n" },
	{ "string_without_end", IN_SLOT("owner = \"netsec\nenabled = perhaps\n"),
	  "slots.conf:4: text: a string without end: a closing \" on the same line\n"
	  "slots.conf:5: enabled: \"perhaps\": true or false\n" },
	{ "string_without_end_in_the_last_line", "chain eth0 { }\nmode = 'native",
	  "slots.conf:2: text: a string without end: a closing ' on the same line\n"
	  "slots.conf:2: mode: unknown key: chain\n" },
	{ "comment_without_end", "chain eth0 {\nmode = fast\n/* the\nrest\n}\n",
	  "slots.conf:2: mode: \"fast\": one of auto, native, generic\n"
	  "slots.conf:3: text: a comment without end: \"*/\"\n" },
	{ "bad_escape", IN_SLOT("object = \"\\9\"\n"),
	  "slots.conf:4: syntax: bad escape sequence '\\9': " NOT_READ "\n" },
	{ "control_character", IN_SLOT("object = \"/a\aa\"\n"),
	  "slots.conf:4: text: \"\\x07\": text without control characters\n" },
	{ "append", IN_SLOT("allow += { drop }\n"), "slots.conf:4: text: \"+=\": \"=\"\n" },
	{ "star_without_quotes", IN_SLOT("settings {\na = *\n}\n"),
	  "slots.conf:5: text: \"*\": quotes around the value\n" },
	{ "variable_without_quotes", IN_SLOT("owner = ${USER}\n"),
	  "slots.conf:4: owner: \"$\": a user of this machine\n"
	  "slots.conf:4: syntax: unexpected token '{': " NOT_READ "\n" },

	{ "several_errors_in_the_order_of_their_lines",
	  "chain eth0 {\n"
	  "	mode = fast\n"
	  "	slot 2 {\n"
	  "		name = firewall\n"
	  "		owner = mallory\n"
	  "		object = \"/missing/firewall.bpf.o\"\n"
	  "		continue_on = { pass, go }\n"
	  "		colour = red\n"
	  "	}\n"
	  "	slot 99 {\n"
	  "		name = firewall\n"
	  "	}\n"
	  "	slot 3 {\n"
	  "		enabled = sometimes\n"
	  "	}\n"
	  "}\n"
	  "chain wlan0 {\n"
	  "	color = blue\n"
	  "}\n",
	  "slots.conf:2: mode: \"fast\": one of auto, native, generic\n"
	  "slots.conf:5: owner: \"mallory\": a user of this machine\n"
	  "slots.conf:6: object: \"/missing/firewall.bpf.o\": a file that can be read\n"
	  "slots.conf:7: continue_on: \"go\": one of " VERDICTS "\n"
	  "slots.conf:8: colour: unknown key: " SLOT_KEYS "\n"
	  "slots.conf:10: slot: \"99\": a number from 0 to 19\n"
	  "slots.conf:11: name: \"firewall\": a name that slot 2 (line 3) does not have\n"
	  "slots.conf:13: name: missing: a slot needs a name, 1 to 31 of a-z, 0-9, _ and -\n"
	  "slots.conf:14: enabled: \"sometimes\": true or false\n"
	  "slots.conf:17: chain: \"wlan0\": an interface of this machine\n"
	  "slots.conf:18: color: unknown key: " CHAIN_KEYS "\n" },
	{ "what_was_found_before_a_syntax_error",
	  "chain eth0 {\nmode = fast\nslot 20 { name = a }\n= 3\nengine = none\n}\n",
	  "slots.conf:2: mode: \"fast\": one of auto, native, generic\n"
	  "slots.conf:3: slot: \"20\": a number from 0 to 19\n"
	  "slots.conf:4: syntax: unexpected token '=': " NOT_READ "\n" },
};

static void parse_refuses_bad_config(void **state)
{
	const struct bad_config *bad = *state;
	_cleanup_free_ char *errors = parse_bad(bad->text, strlen(bad->text), -EINVAL);

	assert_string_equal(errors, bad->errors);
}

static void parse_refuses_nul_bytes_wherever_they_are(void **state)
{
	static const char text[] = "chain eth0 {\n# a\0b\nslot 2 { name = \"a\0\" }\n\0}\n";
	_cleanup_free_ char *errors = parse_bad(text, sizeof(text) - 1, -EINVAL);

	(void)state;
	assert_string_equal(errors,
			    "slots.conf:2: text: a NUL byte: text without NUL bytes\n"
			    "slots.conf:3: text: a NUL byte: text without NUL bytes\n"
			    "slots.conf:3: name: \"a \": 1 to 31 of a-z, 0-9, _ and -\n"
			    "slots.conf:4: text: a NUL byte: text without NUL bytes\n");
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
	_cleanup_free_ char *errors = parse_bad(text, strlen(text), -E2BIG);

	(void)state;
	assert_string_equal(errors,
			    "slots.conf:524289: text: too long: at most 1048576 bytes\n");
}

static void parse_takes_a_text_of_the_largest_size(void **state)
{
	_cleanup_free_ char *text = repeat("chain eth0 { }\n", "# abc\n", SLOT_CONFIG_SIZE_MAX);
	_cleanup_(slot_config_free) struct slot_config config = parse_good(text);

	(void)state;
	assert_int_equal(config.count, 1);
}

struct large {
	const char *head;
	const char *part;
};

/* In each of these something of libconfuse grows with the square of the input, or its stack does. */
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
		int err = parse(text, &errors, &config);

		assert_int_equal(err, errors.count ? -EINVAL : 0);
		assert_true(errors.count <= 101);
	}
}

static void parse_stops_at_a_hundred_errors(void **state)
{
	_cleanup_free_ char *text = repeat("chain eth0 {\n", "mode = x\n", 4096);
	_cleanup_free_ char *errors = parse_bad(text, strlen(text), -EINVAL);
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
	_cleanup_free_ char *errors = parse_bad(text, strlen(text), -EINVAL);
	assert_string_equal(errors, "slots.conf:66: key64: too many settings: at most 64 for one "
				    "slot\n");
}

static void parse_counts_unknown_keys(void **state)
{
	char text[4096] = "chain eth0 {\n";
	static const char last[] = "slots.conf:34: key32: unknown key: " CHAIN_KEYS "\n"
				   "slots.conf:34: syntax: an unknown key that cannot be passed "
				   "over: " NOT_READ "\n";

	(void)state;
	for (unsigned int i = 0; i < 40; i++)
		sprintf(text + strlen(text), "key%u = 1\n", i);
	strcat(text, "}\n");
	_cleanup_free_ char *errors = parse_bad(text, strlen(text), -EINVAL);
	assert_string_equal(errors + strlen(errors) - strlen(last), last);
}

/* --- what else must hold ------------------------------------------------------------------- */

static void parse_writes_nothing_to_the_terminal(void **state)
{
	char path[] = "/tmp/slotd-test-config-XXXXXX";
	int file = mkstemp(path);
	int out = dup(STDOUT_FILENO);
	int err = dup(STDERR_FILENO);
	off_t written;

	(void)state;
	assert_true(file >= 0);
	unlink(path);
	fflush(stdout);
	dup2(file, STDOUT_FILENO);
	dup2(file, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(bad_configs) / sizeof(bad_configs[0]); i++)
		free(parse_bad(bad_configs[i].text, strlen(bad_configs[i].text), -EINVAL));
	fflush(stdout);
	written = lseek(file, 0, SEEK_END);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(file);
	close(out);
	close(err);
	assert_int_equal(written, 0);
}

static void the_slots_conf_of_the_repository_is_good(void **state)
{
	_cleanup_fclose_ FILE *file = fopen("slots.conf", "r");
	static char text[1U << 16];
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	const struct slot_chain_config *chain;

	(void)state;
	assert_non_null(file); /* tests run in the top folder */
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	config = parse_good(text);
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

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(parse_fills_every_key_of_a_slot),
	cmocka_unit_test(parse_gives_defaults_to_what_is_not_named),
	cmocka_unit_test(parse_keeps_chains_apart),
	cmocka_unit_test(parse_takes_a_relative_object_from_the_folder_of_the_file),
	cmocka_unit_test(parse_reads_comments_anywhere_and_counts_their_lines_once),
	cmocka_unit_test(parse_leaves_the_environment_alone),
	cmocka_unit_test(parse_takes_an_empty_continue_on_as_the_end_of_the_chain),
	cmocka_unit_test(parse_never_goes_on_after_pass_where_pass_is_not_allowed),
	cmocka_unit_test(parse_asks_nothing_of_a_world_that_is_not_there),
	cmocka_unit_test(parse_refuses_nul_bytes_wherever_they_are),
	cmocka_unit_test(parse_refuses_a_text_of_10_megabytes),
	cmocka_unit_test(parse_takes_a_text_of_the_largest_size),
	cmocka_unit_test(parse_bears_a_megabyte_of_anything),
	cmocka_unit_test(parse_stops_at_a_hundred_errors),
	cmocka_unit_test(parse_counts_settings),
	cmocka_unit_test(parse_counts_unknown_keys),
	cmocka_unit_test(parse_writes_nothing_to_the_terminal),
	cmocka_unit_test(the_slots_conf_of_the_repository_is_good),
	cmocka_unit_test(settings_are_equal_in_any_order),
};

#define TESTS (sizeof(tests) / sizeof(tests[0]))
#define BADS (sizeof(bad_configs) / sizeof(bad_configs[0]))

int main(void)
{
	static struct CMUnitTest all[TESTS + BADS];
	static char names[BADS][96];

	memcpy(all, tests, sizeof(tests));
	for (size_t i = 0; i < BADS; i++) {
		snprintf(names[i], sizeof(names[i]), "parse_refuses_%s", bad_configs[i].name);
		all[TESTS + i] = (struct CMUnitTest){
			.name = names[i],
			.test_func = parse_refuses_bad_config,
			.initial_state = (void *)&bad_configs[i],
		};
	}
	return cmocka_run_group_tests_name("config", all, NULL, NULL);
}
