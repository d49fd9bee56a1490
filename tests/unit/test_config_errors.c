/* SPDX-License-Identifier: GPL-2.0-only */
/* The exact words about a bad slots.conf. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/lib/base/cleanup.h"
#include "tests/support/config_case.h"

#define VERDICTS "aborted, drop, pass, tx, redirect"
#define CGROUP "the path of a cgroup: /sys/fs/cgroup or a folder below it, of at most 255 bytes"
#define TITLE "a name for the chain, 1 to 15 letters, digits, _ and -"
#define CHAIN_KEYS "one of hook, netns, cgroup, members, mode, order, engine, counters, slot"
#define LENDER                                                                                     \
	"the name of another slot of the chain, or behind xdp:, tc-ingress: or tc-egress: of a "   \
	"section before for this interface, that has none itself"
#define SLOT_KEYS                                                                                  \
	"one of name, owner, object, program, continue_on, allow, denied_as, helpers, maps_of, "   \
	"map_memory, require_signature, enabled, settings"
#define NETNS                                                                                      \
	"a network namespace: the name of one in /run/netns, 1 to 47 letters, digits, _, . and "   \
	"-, or an absolute path that ends so"
#define NOT_READ "key = value, or key { ... } (the rest was not read)"

#define CHARS_16 "abcdefghijklmnop"
#define CHARS_32 CHARS_16 CHARS_16
#define CHARS_64 CHARS_32 CHARS_32

#define CLASSES                                                                                    \
	"redirect, adjust_head, adjust_tail, adjust_meta, tail_call, fib_lookup, socket, output, " \
	"probe_read, trace, timer, kfunc, other"
#define SIZE "bytes, or a number with K, M or G, more than 0"
#define KEY_PATH "the path of a minisign public key, of at most 255 bytes"

struct bad_config {
	const char *name;
	const char *text;
	const char *errors; /* a line each */
};

static const struct bad_config bad_configs[] = {
	{ "parse_refuses_no_chain", "# nothing\n",
	  "slots.conf:1: chain: missing: expected at least one chain \"INTERFACE\" { ... }\n" },
	{ "parse_refuses_empty_text", "",
	  "slots.conf:1: chain: missing: expected at least one chain \"INTERFACE\" { ... }\n" },
	{ "parse_refuses_unknown_interface", "chain wlan0 { }\n",
	  "slots.conf:1: chain: \"wlan0\": expected an interface of this machine\n" },
	{ "parse_refuses_interface_too_long", "\nchain \"eth" CHARS_16 "\" { }\n",
	  "slots.conf:2: chain: \"eth" CHARS_16
	  "\": expected the name of an interface, 1 to 15 characters\n" },
	{ "parse_refuses_interface_without_name", "chain \"\" { }\n",
	  "slots.conf:1: chain: \"\": expected the name of an interface, 1 to 15 characters\n" },
	{ "parse_refuses_interface_that_is_a_path", "chain \"eth/0\" { }\n",
	  "slots.conf:1: chain: \"eth/0\": expected the name of an interface, 1 to 15 characters\n" },
	{ "parse_refuses_duplicate_chain", "chain eth0 { }\n\nchain eth0 { }\n",
	  "slots.conf:3: chain: \"eth0\": expected an interface and hook other than those of line 1\n" },
	{ "parse_refuses_duplicate_chain_of_a_netns",
	  "chain eth0 { netns = blue }\nchain eth0 { netns = \"/x/blue\" }\n",
	  "slots.conf:2: chain: \"eth0\": expected an interface and hook other than those of line 1\n" },
	{ "parse_refuses_netns_of_a_bad_name",
	  "chain eth0 { netns = \"a:b\" }\nchain eth1 { netns = \"../x\" }\n"
	  "chain eth2 { netns = \"/a/..\" }\nchain eth3 { netns = \"\" }\n",
	  "slots.conf:1: netns: \"a:b\": expected " NETNS "\n"
	  "slots.conf:2: netns: \"../x\": expected " NETNS "\n"
	  "slots.conf:3: netns: \"/a/..\": expected " NETNS "\n"
	  "slots.conf:4: netns: \"\": expected " NETNS "\n" },
	{ "parse_refuses_members_that_are_no_truth_value", "chain eth0 { members = all }\n",
	  "slots.conf:1: members: \"all\": expected true or false\n" },
	{ "parse_refuses_unknown_hook", IN_CHAIN("hook = tc\n"),
	  "slots.conf:2: hook: \"tc\": expected one of xdp, tc-ingress, tc-egress, sock_ops, sk_lookup, sk_reuseport\n" },
	{ "parse_refuses_duplicate_chain_of_a_hook",
	  "chain eth0 { hook = tc-egress }\nchain eth0 { }\nchain eth0 { hook = tc-egress }\n",
	  "slots.conf:3: chain: \"eth0\": expected an interface and hook other than those of line 1\n" },
	{ "parse_refuses_what_only_xdp_chains_have",
	  "chain eth0 { hook = tc-egress mode = native engine = freplace members = true }\n",
	  "slots.conf:1: mode: not at the hook tc-egress: expected auto, or none\n"
	  "slots.conf:1: engine: not at the hook tc-egress: expected fused, auto, or none\n"
	  "slots.conf:1: members: not at the hook tc-egress: expected false, or none\n" },
	{ "parse_refuses_what_only_tc_chains_have", "chain eth0 { order = first }\n",
	  "slots.conf:1: order: not at the hook xdp: expected last, or none\n" },
	{ "parse_refuses_unknown_order", IN_CHAIN("hook = tc-egress order = middle\n"),
	  "slots.conf:2: order: \"middle\": expected one of last, first\n" },
	{ "parse_refuses_an_interface_called_like_a_hook", "chain tc-egress { }\n",
	  "slots.conf:1: chain: \"tc-egress\": expected an interface that is not called like a hook\n" },
	{ "parse_refuses_what_chains_of_sockets_do_not_have",
	  "chain web { hook = sk_reuseport mode = native engine = freplace members = true order = first\n"
	  "netns = blue cgroup = \"/sys/fs/cgroup/a\" }\n",
	  "slots.conf:1: order: not at the hook sk_reuseport: expected last, or none\n"
	  "slots.conf:1: cgroup: not at the hook sk_reuseport: expected none\n"
	  "slots.conf:1: netns: not at the hook sk_reuseport: expected none: sockets of any attach the program\n"
	  "slots.conf:1: mode: not at the hook sk_reuseport: expected auto, or none\n"
	  "slots.conf:1: engine: not at the hook sk_reuseport: expected fused, auto, or none\n"
	  "slots.conf:1: members: not at the hook sk_reuseport: expected false, or none\n" },
	{ "parse_refuses_netns_of_a_cgroup",
	  "chain web { hook = sock_ops cgroup = \"/sys/fs/cgroup\" netns = blue }\n",
	  "slots.conf:1: netns: not at the hook sock_ops: expected none: a cgroup has sockets of any\n" },
	{ "parse_refuses_sock_ops_without_a_cgroup", "\nchain web { hook = sock_ops }\n",
	  "slots.conf:2: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n" },
	{ "parse_refuses_a_cgroup_of_packets", "chain eth0 { cgroup = \"/sys/fs/cgroup/a\" }\n",
	  "slots.conf:1: cgroup: not at the hook xdp: expected none\n" },
	{ "parse_refuses_a_path_that_is_no_cgroup",
	  "chain a { hook = sock_ops\ncgroup = \"web.service\" }\n"
	  "chain b { hook = sock_ops\ncgroup = \"/sys/fs/cgroups\" }\n"
	  "chain c { hook = sock_ops\ncgroup = \"/sys/fs/cgroup/\" }\n"
	  "chain d { hook = sock_ops\ncgroup = \"/sys/fs/cgroup/a/../b\" }\n"
	  "chain e { hook = sock_ops\ncgroup = \"/sys/fs/cgroup//a\" }\n",
	  "slots.conf:1: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n"
	  "slots.conf:2: cgroup: \"web.service\": expected " CGROUP "\n"
	  "slots.conf:3: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n"
	  "slots.conf:4: cgroup: \"/sys/fs/cgroups\": expected " CGROUP "\n"
	  "slots.conf:5: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n"
	  "slots.conf:6: cgroup: \"/sys/fs/cgroup/\": expected " CGROUP "\n"
	  "slots.conf:7: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n"
	  "slots.conf:8: cgroup: \"/sys/fs/cgroup/a/../b\": expected " CGROUP "\n"
	  "slots.conf:9: cgroup: missing: expected the path of a cgroup, at the hook sock_ops\n"
	  "slots.conf:10: cgroup: \"/sys/fs/cgroup//a\": expected " CGROUP "\n" },
	{ "parse_refuses_two_chains_of_one_cgroup",
	  "chain a { hook = sock_ops cgroup = \"/sys/fs/cgroup/web\" }\n"
	  "chain b { hook = sock_ops cgroup = \"/sys/fs/cgroup/web\" }\n",
	  "slots.conf:2: chain: \"b\": expected a cgroup other than that of line 1, which has its chain of sock_ops there\n" },
	{ "parse_refuses_two_chains_of_sk_lookup_in_one_netns",
	  "chain a { hook = sk_lookup }\nchain b { hook = sk_lookup netns = blue }\n"
	  "chain c { hook = sk_lookup }\nchain d { hook = sk_lookup netns = blue }\n",
	  "slots.conf:3: chain: \"c\": expected a network namespace other than that of line 1, which has its chain of sk_lookup there\n"
	  "slots.conf:4: chain: \"d\": expected a network namespace other than that of line 2, which has its chain of sk_lookup there\n" },
	{ "parse_refuses_duplicate_chain_of_sockets",
	  "chain a { hook = sk_reuseport }\nchain b { hook = sk_reuseport }\nchain a { hook = sk_reuseport }\n",
	  "slots.conf:3: chain: \"a\": expected a name and hook other than those of line 1\n" },
	{ "parse_refuses_a_title_that_is_none",
	  "chain \"a.b\" { hook = sk_lookup }\nchain \"\" { hook = sk_reuseport }\n"
	  "chain \"a:b\" { hook = sk_reuseport }\nchain " CHARS_16 " { hook = sk_reuseport }\n"
	  "chain sk_lookup { hook = sk_reuseport }\nchain sock_ops { }\n",
	  "slots.conf:1: chain: \"a.b\": expected " TITLE "\n"
	  "slots.conf:2: chain: \"\": expected " TITLE "\n"
	  "slots.conf:3: chain: \"a:b\": expected " TITLE "\n"
	  "slots.conf:4: chain: \"" CHARS_16 "\": expected " TITLE "\n"
	  "slots.conf:5: chain: \"sk_lookup\": expected a name that is not a hook's\n"
	  "slots.conf:6: chain: \"sock_ops\": expected an interface that is not called like a hook\n" },
	{ "parse_refuses_verdicts_of_packets_for_sockets",
	  "chain a {\nslot 1 {\nname = a\nallow = { pass,\ntx } }\n"
	  "slot 2 { name = b continue_on = { pass, redirect } }\n"
	  "slot 3 { name = c\ndenied_as = aborted }\nslot 4 { name = d allow = { pass, skip } }\n"
	  "slot 5 { name = e allow = { drop, pass } continue_on = { drop } denied_as = pass }\n"
	  "hook = sk_reuseport }\n",
	  "slots.conf:5: allow: \"tx\": expected pass or drop, at the hook sk_reuseport\n"
	  "slots.conf:6: continue_on: \"redirect\": expected pass or drop, at the hook sk_reuseport\n"
	  "slots.conf:8: denied_as: \"aborted\": expected pass or drop, at the hook sk_reuseport\n"
	  "slots.conf:9: allow: \"skip\": expected pass or drop, at the hook sk_reuseport\n" },
	{ "parse_refuses_unknown_mode", IN_CHAIN("mode = offload\n"),
	  "slots.conf:2: mode: \"offload\": expected one of auto, native, generic\n" },
	{ "parse_refuses_unknown_engine", IN_CHAIN("engine = \"\"\n"),
	  "slots.conf:2: engine: \"\": expected one of auto, freplace, fused\n" },
	{ "parse_refuses_counters_that_are_no_bool", IN_CHAIN("counters = 1\n"),
	  "slots.conf:2: counters: \"1\": expected true or false\n" },
	{ "parse_refuses_chain_key_twice", IN_CHAIN("mode = auto\nmode = native\n"),
	  "slots.conf:3: mode: \"native\": expected given once (line 2 has it)\n" },
	{ "parse_refuses_unknown_key_in_chain", IN_CHAIN("modes = auto\n"),
	  "slots.conf:2: modes: unknown key: expected " CHAIN_KEYS "\n" },
	{ "parse_refuses_unknown_key_outside_a_chain", "hook = xdp\nchain eth0 { }\n",
	  "slots.conf:1: hook: unknown key: expected chain\n" },

	{ "parse_refuses_slot_above_19", IN_CHAIN("slot 20 { name = a }\n"),
	  "slots.conf:2: slot: \"20\": expected a number from 0 to 19\n" },
	{ "parse_refuses_slot_below_0", IN_CHAIN("slot -1 { name = a }\n"),
	  "slots.conf:2: slot: \"-1\": expected a number from 0 to 19\n" },
	{ "parse_refuses_slot_that_is_no_number", IN_CHAIN("slot two { name = a }\n"),
	  "slots.conf:2: slot: \"two\": expected a number from 0 to 19\n" },
	{ "parse_refuses_slot_with_a_number_far_too_long",
	  IN_CHAIN("slot 4294967298 { name = a }\n"),
	  "slots.conf:2: slot: \"4294967298\": expected a number from 0 to 19\n" },
	{ "parse_refuses_duplicate_slot", IN_CHAIN("slot 2 { name = a }\nslot 2 { name = b }\n"),
	  "slots.conf:3: slot: \"2\": expected a slot other than that of line 2\n" },
	{ "parse_refuses_duplicate_slot_written_otherwise",
	  IN_CHAIN("slot 2 { name = a }\nslot 02 { name = b }\n"),
	  "slots.conf:3: slot: \"02\": expected a slot other than that of line 2\n" },
	{ "parse_refuses_duplicate_name", IN_CHAIN("slot 2 { name = a }\nslot 3 {\nname = a\n}\n"),
	  "slots.conf:4: name: \"a\": expected a name that slot 2 (line 2) does not have\n" },
	{ "parse_refuses_slot_without_name", IN_CHAIN("slot 2 {\nowner = netsec\n}\n"),
	  "slots.conf:2: name: missing: expected a name for the slot, 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_empty_slot", IN_CHAIN("slot 2 { }\n"),
	  "slots.conf:2: name: missing: expected a name for the slot, 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_empty_name", IN_CHAIN("slot 2 { name = \"\" }\n"),
	  "slots.conf:2: name: \"\": expected 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_name_in_capitals", IN_CHAIN("slot 2 {\n\nname = Firewall }\n"),
	  "slots.conf:4: name: \"Firewall\": expected 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_name_too_long", IN_CHAIN("slot 2 { name = " CHARS_32 " }\n"),
	  "slots.conf:2: name: \"" CHARS_32 "\": expected 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_name_with_a_control_character",
	  IN_CHAIN("slot 2 { name = \"a\\x1b[1m\" }\n"),
	  "slots.conf:2: name: \"a\\x1b[1m\": expected 1 to 31 of a-z, 0-9, _ and -\n" },
	{ "parse_refuses_name_twice", IN_SLOT("name = other\n"),
	  "slots.conf:4: name: \"other\": expected given once (line 3 has it)\n" },
	{ "parse_refuses_unknown_user", IN_SLOT("owner = mallory\n"),
	  "slots.conf:4: owner: \"mallory\": expected a user of this machine\n" },
	{ "parse_refuses_unknown_group", IN_SLOT("owner = \"@mallory\"\n"),
	  "slots.conf:4: owner: \"@mallory\": expected a group of this machine\n" },
	{ "parse_refuses_group_without_name", IN_SLOT("owner = \"@\"\n"),
	  "slots.conf:4: owner: \"@\": expected a user, or @group, of at most 63 characters\n" },
	{ "parse_refuses_owner_too_long", IN_SLOT("owner = " CHARS_64 "\n"),
	  "slots.conf:4: owner: \"" CHARS_32 CHARS_16 "abcdefghi"
	  "...\": expected a user, or @group, of at most 63 characters\n" },
	{ "parse_refuses_missing_object", IN_SLOT("object = \"/usr/missing.bpf.o\"\n"),
	  "slots.conf:4: object: \"/usr/missing.bpf.o\": expected a file that can be read\n" },
	{ "parse_refuses_empty_object", IN_SLOT("object = \"\"\n"),
	  "slots.conf:4: object: \"\": expected the path of a BPF object\n" },
	{ "parse_refuses_object_that_is_not_utf8", IN_SLOT("object = \"/a\xff\"\n"),
	  "slots.conf:4: object: \"/a\\xff\": expected the path of a BPF object\n" },
	{ "parse_refuses_program_that_is_no_function", IN_SLOT("program = \"2nd\"\n"),
	  "slots.conf:4: program: \"2nd\": expected the name of a function, of at most 63 characters\n" },
	{ "parse_refuses_program_too_long", IN_SLOT("program = " CHARS_64 "\n"),
	  "slots.conf:4: program: \"" CHARS_32 CHARS_16 "abcdefghi"
	  "...\": expected the name of a function, of at most 63 characters\n" },
	{ "parse_refuses_unknown_verdict_in_continue_on",
	  IN_SLOT("continue_on = { pass,\n\"forward\" }\n"),
	  "slots.conf:5: continue_on: \"forward\": expected one of " VERDICTS "\n" },
	{ "parse_refuses_unknown_verdict_in_allow", IN_SLOT("allow = { \"2\" }\n"),
	  "slots.conf:4: allow: \"2\": expected one of " VERDICTS ", skip\n" },
	{ "parse_refuses_skip_in_continue_on", IN_SLOT("continue_on = { pass, skip }\n"),
	  "slots.conf:4: continue_on: \"skip\": expected one of " VERDICTS "\n" },
	{ "parse_refuses_allow_of_nothing_but_skip", IN_SLOT("allow = { skip }\n"),
	  "slots.conf:4: allow: skip: expected a verdict beside skip: at least one of " VERDICTS
	  "\n" },
	{ "parse_refuses_verdict_twice", IN_SLOT("allow = { pass, XDP_PASS }\n"),
	  "slots.conf:4: allow: \"XDP_PASS\": expected each verdict once\n" },
	{ "parse_refuses_allow_without_a_verdict", IN_SLOT("allow = { }\n"),
	  "slots.conf:2: allow: empty: expected at least one of " VERDICTS "\n" },
	{ "parse_refuses_allow_twice", IN_SLOT("allow = { pass }\nallow = { pass, drop }\n"),
	  "slots.conf:5: allow: \"pass\": expected given once (line 4 has it)\n" },
	{ "parse_refuses_unknown_class_of_helpers", IN_SLOT("helpers = { redirect, basic }\n"),
	  "slots.conf:4: helpers: \"basic\": expected one of " CLASSES "\n" },
	{ "parse_refuses_class_of_helpers_twice", IN_SLOT("helpers = { trace, trace }\n"),
	  "slots.conf:4: helpers: \"trace\": expected each class once\n" },
	{ "parse_refuses_the_maps_of_a_slot_without_a_name", IN_SLOT("maps_of = \"\"\n"),
	  "slots.conf:4: maps_of: \"\": expected the name of another slot of the chain\n" },
	{ "parse_refuses_the_maps_of_a_slot_that_is_not_there", IN_SLOT("maps_of = lb\n"),
	  "slots.conf:2: maps_of: \"lb\": expected " LENDER "\n" },
	{ "parse_refuses_a_slots_own_maps", IN_CHAIN("slot 2 { name = a maps_of = a }\n"),
	  "slots.conf:2: maps_of: \"a\": expected " LENDER "\n" },
	{ "parse_refuses_maps_that_are_lent_on",
	  IN_CHAIN("slot 2 { name = a maps_of = b }\nslot 3 { name = b maps_of = c }\n"
		   "slot 4 { name = c }\n"),
	  "slots.conf:2: maps_of: \"b\": expected " LENDER "\n" },
	{ "parse_refuses_the_maps_of_a_chain_that_comes_later",
	  "chain eth0 {\nhook = tc-egress\nslot 2 { name = a maps_of = \"xdp:b\" }\n}\n"
	  "chain eth0 {\nslot 3 { name = b }\n}\n",
	  "slots.conf:3: maps_of: \"xdp:b\": expected " LENDER "\n" },
	{ "parse_refuses_the_maps_of_another_interfaces_chain",
	  "chain eth1 {\nslot 3 { name = b }\n}\n"
	  "chain eth0 {\nhook = tc-egress\nslot 2 { name = a maps_of = \"xdp:b\" }\n}\n",
	  "slots.conf:6: maps_of: \"xdp:b\": expected " LENDER "\n" },
	{ "parse_refuses_a_chains_own_hook_before_a_slot",
	  IN_CHAIN("slot 2 { name = a maps_of = \"xdp:b\" }\nslot 3 { name = b }\n"),
	  "slots.conf:2: maps_of: \"xdp:b\": expected " LENDER "\n" },
	{ "parse_refuses_the_maps_of_a_chain_of_sockets",
	  IN_CHAIN("slot 2 { name = a maps_of = \"sk_lookup:b\" }\n"),
	  "slots.conf:2: maps_of: \"sk_lookup:b\": expected " LENDER "\n" },
	{ "parse_refuses_map_memory_of_nothing", IN_SLOT("map_memory = 0\n"),
	  "slots.conf:4: map_memory: \"0\": expected " SIZE "\n" },
	{ "parse_refuses_map_memory_in_unknown_units", IN_SLOT("map_memory = 64MB\n"),
	  "slots.conf:4: map_memory: \"64MB\": expected " SIZE "\n" },
	{ "parse_refuses_signature_key_without_a_name", IN_SLOT("require_signature = \"\"\n"),
	  "slots.conf:4: require_signature: \"\": expected " KEY_PATH "\n" },
	{ "parse_refuses_signature_key_too_long",
	  IN_SLOT("require_signature = " CHARS_64 CHARS_64 CHARS_64 CHARS_64 "\n"),
	  "slots.conf:4: require_signature: \"" CHARS_32 CHARS_16
	  "abcdefghi...\": expected " KEY_PATH "\n" },
	{ "parse_refuses_continue_on_outside_allow",
	  IN_SLOT("allow = { drop, pass }\ncontinue_on = { tx }\n"),
	  "slots.conf:5: continue_on: \"tx\": expected only what allow names: drop,pass\n" },
	{ "parse_refuses_denied_as_that_is_a_way_out", IN_SLOT("denied_as = tx\n"),
	  "slots.conf:4: denied_as: \"tx\": expected one of aborted, drop, pass\n" },
	{ "parse_refuses_enabled_that_is_no_bool", IN_SLOT("enabled = maybe\n"),
	  "slots.conf:4: enabled: \"maybe\": expected true or false\n" },
	{ "parse_refuses_unknown_key_in_slot", IN_SLOT("onwer = netsec\n"),
	  "slots.conf:4: onwer: unknown key: expected " SLOT_KEYS "\n" },
	{ "parse_refuses_unknown_key_each_time",
	  IN_CHAIN("slot 2 {\nname = a\nvip = x\n}\n"
		   "slot 3 {\nvip = { y, z }\nvip = y\nname = b\n}\n"),
	  "slots.conf:4: vip: unknown key: expected " SLOT_KEYS "\n"
	  "slots.conf:7: vip: unknown key: expected " SLOT_KEYS "\n"
	  "slots.conf:8: vip: unknown key: expected " SLOT_KEYS "\n" },
	{ "parse_refuses_unknown_key_with_an_empty_list", IN_SLOT("vips = { }\n"),
	  "slots.conf:4: vips: unknown key: expected " SLOT_KEYS "\n" },
	{ "parse_refuses_unknown_section_judged_as_what_it_stands_for",
	  IN_CHAIN("slots 2 {\nname = Bad\n}\nslot 3 {\nname = b\nsetting { a = 1 }\n}\n"),
	  "slots.conf:2: slots: unknown key: expected " CHAIN_KEYS "\n"
	  "slots.conf:3: name: \"Bad\": expected 1 to 31 of a-z, 0-9, _ and -\n"
	  "slots.conf:7: setting: unknown key: expected " SLOT_KEYS "\n" },
	{ "parse_refuses_unknown_section_of_the_name_root", "root eth0 { }\n",
	  "slots.conf:1: root: unknown key: expected chain\n"
	  "slots.conf:1: syntax: missing equal sign after option 'root': expected " NOT_READ "\n" },
	{ "parse_refuses_settings_twice", IN_SLOT("settings { a = 1 }\nsettings { b = 2 }\n"),
	  "slots.conf:5: settings: given twice: expected one section (line 4 has it)\n" },
	{ "parse_refuses_setting_with_a_bad_key", IN_SLOT("settings {\na-b = 1\n}\n"),
	  "slots.conf:5: settings: \"a-b\": expected a key of letters, digits, _ and .\n" },
	{ "parse_refuses_setting_with_a_control_character",
	  IN_SLOT("settings {\na = 1\nb = \"\\n\" }\n"),
	  "slots.conf:6: b: \"\\x0a\": expected at most 1023 bytes of UTF-8 without control characters\n" },
	{ "parse_refuses_path_for_a_key", IN_CHAIN("slot 2 { name = a }\n\"slot=2|name\" = b\n"),
	  "slots.conf:3: syntax: a key that cannot be read: expected " NOT_READ "\n" },
	{ "parse_refuses_empty_key", IN_CHAIN("\"\" = b\n"),
	  "slots.conf:2: syntax: a key that cannot be read: expected " NOT_READ "\n" },

	{ "parse_refuses_value_missing", IN_SLOT("owner =\n"),
	  "slots.conf:5: syntax: unexpected token '}': expected " NOT_READ "\n" },
	{ "parse_refuses_equals_missing", IN_SLOT("owner netsec\n"),
	  "slots.conf:4: syntax: missing equal sign after option 'owner': expected " NOT_READ
	  "\n" },
	{ "parse_refuses_list_where_one_value_belongs", IN_SLOT("owner = { netsec }\n"),
	  "slots.conf:4: syntax: unexpected token '{': expected " NOT_READ "\n" },
	{ "parse_refuses_slot_without_number", IN_CHAIN("slot { name = a }\n"),
	  "slots.conf:2: syntax: missing title for section 'slot': expected " NOT_READ "\n" },
	{ "parse_refuses_slot_without_brace", IN_CHAIN("slot 2 name = a\n"),
	  "slots.conf:2: syntax: missing opening brace for section 'slot': expected " NOT_READ
	  "\n" },
	{ "parse_refuses_brace_too_many", IN_CHAIN("slot 2 { name = a }\n}\n"),
	  "slots.conf:4: syntax: unexpected closing brace: expected " NOT_READ "\n" },
	{ "parse_refuses_chain_without_end", "\nchain eth0 {\nslot 2 { name = a }\n",
	  "slots.conf:2: chain: a section without end: expected \"}\"\n" },
	{ "parse_refuses_slot_without_end", "chain eth0 {\nslot 2 { name = a\n}\n\n",
	  "slots.conf:1: chain: a section without end: expected \"}\"\n" },
	{ "parse_refuses_settings_without_end",
	  "chain eth0 {\nslot 2 { name = a\nsettings {\nb = 1\n",
	  "slots.conf:3: settings: a section without end: expected \"}\"\n" },
	{ "parse_refuses_list_without_end", "chain eth0 {\nslot 2 { name = a\nallow = { drop\n",
	  "slots.conf:4: syntax: the text ends too early: expected " NOT_READ "\n" },
	{ "parse_refuses_text_that_ends_before_the_value", "chain eth0 {\nmode =\n",
	  "slots.conf:3: syntax: the text ends too early: expected " NOT_READ "\n" },
	{ "parse_refuses_string_without_end", IN_SLOT("owner = \"netsec\nenabled = perhaps\n"),
	  "slots.conf:4: text: a string without end: expected a closing \" on the same line\n"
	  "slots.conf:5: enabled: \"perhaps\": expected true or false\n" },
	{ "parse_refuses_string_without_end_in_the_last_line", "chain eth0 { }\nmode = 'native",
	  "slots.conf:2: text: a string without end: expected a closing ' on the same line\n"
	  "slots.conf:2: mode: unknown key: expected chain\n" },
	{ "parse_refuses_comment_without_end", "chain eth0 {\nmode = fast\n/* the\nrest\n}\n",
	  "slots.conf:2: mode: \"fast\": expected one of auto, native, generic\n"
	  "slots.conf:3: text: a comment without end: expected \"*/\"\n" },
	{ "parse_refuses_bad_escape", IN_SLOT("object = \"\\9\"\n"),
	  "slots.conf:4: syntax: bad escape sequence '\\9': expected " NOT_READ "\n" },
	{ "parse_refuses_control_character", IN_SLOT("object = \"/a\aa\"\n"),
	  "slots.conf:4: text: \"\\x07\": expected text without control characters\n" },
	{ "parse_refuses_append", IN_SLOT("allow += { drop }\n"),
	  "slots.conf:4: text: \"+=\": expected \"=\"\n" },
	{ "parse_refuses_star_without_quotes", IN_SLOT("settings {\na = *\n}\n"),
	  "slots.conf:5: text: \"*\": expected quotes around the value\n" },
	{ "parse_refuses_variable_without_quotes", IN_SLOT("owner = ${USER}\n"),
	  "slots.conf:4: owner: \"$\": expected a user of this machine\n"
	  "slots.conf:4: syntax: unexpected token '{': expected " NOT_READ "\n" },

	{ "parse_refuses_several_errors_in_the_order_of_their_lines",
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
	  "slots.conf:2: mode: \"fast\": expected one of auto, native, generic\n"
	  "slots.conf:5: owner: \"mallory\": expected a user of this machine\n"
	  "slots.conf:6: object: \"/missing/firewall.bpf.o\": expected a file that can be read\n"
	  "slots.conf:7: continue_on: \"go\": expected one of " VERDICTS "\n"
	  "slots.conf:8: colour: unknown key: expected " SLOT_KEYS "\n"
	  "slots.conf:10: slot: \"99\": expected a number from 0 to 19\n"
	  "slots.conf:11: name: \"firewall\": expected a name that slot 2 (line 3) does not have\n"
	  "slots.conf:13: name: missing: expected a name for the slot, 1 to 31 of a-z, 0-9, _ and -\n"
	  "slots.conf:14: enabled: \"sometimes\": expected true or false\n"
	  "slots.conf:17: chain: \"wlan0\": expected an interface of this machine\n"
	  "slots.conf:18: color: unknown key: expected " CHAIN_KEYS "\n" },
	{ "parse_refuses_what_was_found_before_a_syntax_error",
	  "chain eth0 {\nmode = fast\nslot 20 { name = a }\n= 3\nengine = none\n}\n",
	  "slots.conf:2: mode: \"fast\": expected one of auto, native, generic\n"
	  "slots.conf:3: slot: \"20\": expected a number from 0 to 19\n"
	  "slots.conf:4: syntax: unexpected token '=': expected " NOT_READ "\n" },
};

static void parse_refuses_bad_config(void **state)
{
	const struct bad_config *bad = *state;
	_cleanup_free_ char *errors = config_case_bad(bad->text, strlen(bad->text), -EINVAL);

	assert_string_equal(errors, bad->errors);
}

static void parse_refuses_nul_bytes_wherever_they_are(void **state)
{
	static const char text[] = "chain eth0 {\n# a\0b\nslot 2 { name = \"a\0\" }\n\0}\n";
	_cleanup_free_ char *errors = config_case_bad(text, sizeof(text) - 1, -EINVAL);

	(void)state;
	assert_string_equal(errors,
			    "slots.conf:2: text: a NUL byte: expected text without NUL bytes\n"
			    "slots.conf:3: text: a NUL byte: expected text without NUL bytes\n"
			    "slots.conf:3: name: \"a \": expected 1 to 31 of a-z, 0-9, _ and -\n"
			    "slots.conf:4: text: a NUL byte: expected text without NUL bytes\n");
}

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
		free(config_case_bad(bad_configs[i].text, strlen(bad_configs[i].text), -EINVAL));
	fflush(stdout);
	written = lseek(file, 0, SEEK_END);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(file);
	close(out);
	close(err);
	assert_int_equal(written, 0);
}

#define ROWS (sizeof(bad_configs) / sizeof(bad_configs[0]))

int main(void)
{
	static struct CMUnitTest tests[ROWS + 2] = {
		[ROWS] = cmocka_unit_test(parse_refuses_nul_bytes_wherever_they_are),
		[ROWS + 1] = cmocka_unit_test(parse_writes_nothing_to_the_terminal),
	};

	for (size_t i = 0; i < ROWS; i++)
		tests[i] = (struct CMUnitTest){
			.name = bad_configs[i].name,
			.test_func = parse_refuses_bad_config,
			.initial_state = (void *)&bad_configs[i],
		};
	return cmocka_run_group_tests_name("config_errors", tests, NULL, NULL);
}
