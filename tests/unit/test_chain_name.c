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
	TAP_ADD(&plan, a_name_without_an_interface_before_it_is_no_hook, NULL, NULL);
	return tap_run(&plan, "chain_name", 0);
}
