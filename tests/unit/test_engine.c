/* SPDX-License-Identifier: GPL-2.0-only */
/* Which engine a chain gets, where that does not depend on the kernel. */
#include <errno.h>
#include <string.h>

#include "loader/lib/engine/engine.h"
#include "tests/support/tap.h"

static struct slot_reason why;
static struct slot_reason reason;

struct hook_case {
	const char *name; /* of the engine */
	enum slot_hook hook;
	enum bpf_prog_type type;
	const char *reason;
};

static const struct hook_case hooks[] = {
	{ "fused-tc", SLOT_HOOK_TC_INGRESS, BPF_PROG_TYPE_SCHED_CLS, "of TC programs" },
	{ "fused-tc", SLOT_HOOK_TC_EGRESS, BPF_PROG_TYPE_SCHED_CLS, "of TC programs" },
	{ "fused-sock_ops", SLOT_HOOK_SOCK_OPS, BPF_PROG_TYPE_SOCK_OPS, "of sock_ops programs" },
	{ "fused-sk_lookup", SLOT_HOOK_SK_LOOKUP, BPF_PROG_TYPE_SK_LOOKUP,
	  "of sk_lookup programs" },
	{ "fused-sk_reuseport", SLOT_HOOK_SK_REUSEPORT, BPF_PROG_TYPE_SK_REUSEPORT,
	  "of sk_reuseport programs" },
};

static void run_hook(void **state)
{
	static const enum slot_engine_choice choices[] = { SLOT_ENGINE_AUTO, SLOT_ENGINE_FUSED };
	const struct hook_case *c = *state;
	const struct slot_engine *engine = NULL;
	size_t i;

	for (i = 0; i < 2; i++) {
		assert_int_equal(slot_engine_choose(c->hook, choices[i], &why, &engine, &reason),
				 0);
		assert_string_equal(engine->name, c->name);
		assert_int_equal(engine->kind, slot_hook_kind(c->hook));
		assert_int_equal(engine->type, c->type);
		assert_non_null(strstr(reason.text, c->reason));
		assert_ptr_equal(slot_engine_find(engine->name), engine);
	}
	assert_int_equal(slot_engine_choose(c->hook, SLOT_ENGINE_FREPLACE, &why, &engine, &reason),
			 -ENOTSUP);
	assert_non_null(strstr(why.text, "engine 'freplace' runs chains of XDP programs only"));
}

static void fused_is_to_be_had_everywhere(void **state)
{
	const struct slot_engine *engine = NULL;

	(void)state;
	assert_int_equal(
		slot_engine_choose(SLOT_HOOK_XDP, SLOT_ENGINE_FUSED, &why, &engine, &reason), 0);
	assert_string_equal(engine->name, "fused");
	assert_ptr_equal(slot_engine_find("freplace"), &slot_engine_freplace);
	assert_null(slot_engine_find("fused-netfilter"));
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD_TABLE(&plan, run_hook, hooks);
	TAP_ADD(&plan, fused_is_to_be_had_everywhere, NULL, NULL);
	return tap_run(&plan, "engine", 0);
}
