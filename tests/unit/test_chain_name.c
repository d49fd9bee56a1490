/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains by hook and netns, and what they are called. */
#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "tests/support/config_case.h"
#include "tests/support/tap.h"

static void parse_tells_hooks_of_an_interface_apart(void **state)
{
	static const struct {
		const char *name;
		enum slot_hook hook;
		bool has_netns;
	} chains[] = {
		{ "eth0", SLOT_HOOK_XDP, false },
		{ "eth0:tc-ingress", SLOT_HOOK_TC_INGRESS, false },
		{ "eth0:tc-egress", SLOT_HOOK_TC_EGRESS, false },
		{ "blue:eth0", SLOT_HOOK_XDP, true },
		{ "blue:eth0:tc-egress", SLOT_HOOK_TC_EGRESS, true },
	};
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain eth0 { }\n"
				 "chain eth0 { hook = tc-ingress }\n"
				 "chain eth0 { hook = tc-egress engine = fused }\n"
				 "chain eth0 { netns = blue }\n"
				 "chain eth0 { hook = tc-egress netns = blue }\n");
	size_t i;

	(void)state;
	assert_int_equal(config.count, 5);
	for (i = 0; i < 5; i++) {
		const struct slot_chain_config *chain = slot_config_find(&config, chains[i].name);

		assert_non_null(chain);
		assert_int_equal(chain->hook, chains[i].hook);
		assert_string_equal(chain->place.interface, "eth0");
		assert_int_equal(slot_chain_name_hook(chain->interface), chains[i].hook);
		assert_int_equal(slot_chain_name_has_netns(chain->interface), chains[i].has_netns);
	}
}

static void parse_tells_chains_of_sockets_apart(void **state)
{
	static const struct {
		const char *name;
		const char *title;
		enum slot_hook hook;
		bool has_netns;
	} chains[] = {
		{ "web:sock_ops", "web", SLOT_HOOK_SOCK_OPS, false },
		{ "web:sk_reuseport", "web", SLOT_HOOK_SK_REUSEPORT, false },
		{ "other-1:sk_reuseport", "other-1", SLOT_HOOK_SK_REUSEPORT, false },
		{ "host:sk_lookup", "host", SLOT_HOOK_SK_LOOKUP, false },
		{ "blue:host:sk_lookup", "host", SLOT_HOOK_SK_LOOKUP, true },
	};
	_cleanup_(slot_config_free) struct slot_config config = config_case_good(
		"chain web { hook = sock_ops cgroup = \"/sys/fs/cgroup/system.slice/web.service\" }\n"
		"chain web { hook = sk_reuseport }\n"
		"chain other-1 { hook = sk_reuseport }\n"
		"chain host { hook = sk_lookup }\n"
		"chain host { hook = sk_lookup netns = blue }\n");
	size_t i;

	(void)state;
	assert_int_equal(config.count, sizeof(chains) / sizeof(chains[0]));
	for (i = 0; i < config.count; i++) {
		const struct slot_chain_config *chain = slot_config_find(&config, chains[i].name);

		assert_non_null(chain);
		assert_int_equal(chain->hook, chains[i].hook);
		assert_string_equal(chain->place.interface, chains[i].title);
		assert_int_equal(slot_chain_name_hook(chain->interface), chains[i].hook);
		assert_int_equal(slot_chain_name_has_netns(chain->interface), chains[i].has_netns);
	}
	assert_string_equal(slot_config_find(&config, "web:sock_ops")->place.cgroup,
			    "/sys/fs/cgroup/system.slice/web.service");
	assert_string_equal(slot_config_find(&config, "web:sk_reuseport")->place.cgroup, "");
}

static void a_title_is_that_of_all_chains_of_sockets_that_have_it(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain web { hook = sock_ops cgroup = \"/sys/fs/cgroup/web\" }\n"
				 "chain web { hook = sk_reuseport }\n"
				 "chain host { hook = sk_lookup netns = blue }\n"
				 "chain eth0 { hook = tc-egress }\n");
	const char *names[SLOT_HOOK_COUNT];

	(void)state;
	assert_int_equal(slot_config_list_titled(&config, "web", names), 2);
	assert_string_equal(names[0], "web:sock_ops");
	assert_string_equal(names[1], "web:sk_reuseport");
	assert_int_equal(slot_config_list_titled(&config, "blue:host", names), 1);
	assert_string_equal(names[0], "blue:host:sk_lookup");
	assert_int_equal(slot_config_list_titled(&config, "host", names), 0);
	assert_int_equal(slot_config_list_titled(&config, "we", names), 0);
	assert_int_equal(slot_config_list_titled(&config, "eth0", names), 0);
}

static void programs_for_sockets_pass_or_drop_by_default(void **state)
{
	_cleanup_(slot_config_free) struct slot_config config =
		config_case_good("chain web {\n"
				 "slot 1 { name = a }\n"
				 "slot 2 { name = b allow = { pass } denied_as = pass }\n"
				 "hook = sk_reuseport }\n"
				 "chain eth0 { slot 1 { name = a } }\n");
	const struct slot_reservation *slots = slot_config_find(&config, "web:sk_reuseport")->slots;
	const struct slot_reservation *others = slot_config_find(&config, "eth0")->slots;

	(void)state;
	assert_int_equal(slots[1].rules.allow, 1U << ROOT_COL_PASS | 1U << ROOT_COL_DROP);
	assert_int_equal(slots[1].rules.continue_on, 1U << ROOT_COL_PASS);
	assert_int_equal(slots[1].rules.denied_as, ROOT_DENIED_AS_DROP);
	assert_int_equal(slots[2].rules.allow, 1U << ROOT_COL_PASS);
	assert_int_equal(slots[2].rules.denied_as, ROOT_DENIED_AS_PASS);
	assert_int_equal(others[1].rules.allow, ROOT_VERDICT_ALL);
	assert_int_equal(others[1].rules.denied_as, ROOT_DENIED_AS_ABORTED);
}

static void a_name_without_an_interface_before_it_is_no_hook(void **state)
{
	(void)state;
	assert_int_equal(slot_chain_name_hook("tc-egress"), SLOT_HOOK_XDP);
	assert_int_equal(slot_chain_name_hook("tc-egress:eth0"), SLOT_HOOK_XDP);
	assert_true(slot_chain_name_has_netns("tc-egress:eth0"));
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, parse_tells_hooks_of_an_interface_apart, NULL, NULL);
	TAP_ADD(&plan, parse_tells_chains_of_sockets_apart, NULL, NULL);
	TAP_ADD(&plan, a_title_is_that_of_all_chains_of_sockets_that_have_it, NULL, NULL);
	TAP_ADD(&plan, programs_for_sockets_pass_or_drop_by_default, NULL, NULL);
	TAP_ADD(&plan, a_name_without_an_interface_before_it_is_no_hook, NULL, NULL);
	return tap_run(&plan, "chain_name", 0);
}
