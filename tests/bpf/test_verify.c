/* SPDX-License-Identifier: GPL-2.0-only */
/* What `slotctl verify` finds out about objects of each kind. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/engine/verify.h"
#include "tests/support/tap.h"

static struct slot_reason why;
static struct slot_verify_report report;

static int verify(const char *object, const char *function)
{
	const char *build = getenv("SLOTD_BUILD");
	char path[256];

	snprintf(path, sizeof(path), "%s/tests/bpf/progs/%s.bpf.o", build ? build : "build",
		 object);
	memset(&report, 0, sizeof(report));
	return slot_verify(path, function, &why, &report);
}

struct hook_case {
	const char *name;
	const char *object;
	const char *hook;
	const char *function; /* the first, and its section */
	const char *unlinked; /* why not by freplace; NULL: that depends on the kernel */
};

static const struct hook_case hooks[] = {
	{ "xdp", "ret", "xdp", "ret (xdp)", NULL },
	{ "tc", "tc_ret", "tc", "tc_ret (tc)", "it is a TC program" },
	{ "sock_ops", "sock_ops_option", "sock_ops", "sock_ops_option (sockops)",
	  "it is a sock_ops program" },
	{ "sk_lookup", "sk_lookup_pick", "sk_lookup", "sk_lookup_pick (sk_lookup)",
	  "it is a sk_lookup program" },
	{ "sk_reuseport", "sk_reuseport_jump", "sk_reuseport", "jump_target (sk_reuseport)",
	  "it is a sk_reuseport program" },
};

static void run_hook(void **state)
{
	const struct hook_case *c = *state;

	if (verify(c->object, ""))
		fail_msg("%s", why.text);
	assert_string_equal(report.hook, c->hook);
	assert_string_equal(report.entry, c->object);
	assert_string_equal(report.functions[0], c->function);
	assert_true(report.fused_ok);
	if (!c->unlinked)
		return;
	assert_false(report.freplace_ok);
	assert_string_equal(report.freplace_reason.text, c->unlinked);
}

static void a_manifest_chooses_among_several_functions(void **state)
{
	(void)state;
	assert_int_equal(verify("sk_reuseport_jump", ""), 0);
	assert_int_equal(report.function_count, 2);
	assert_string_equal(report.functions[1], "sk_reuseport_jump (sk_reuseport/migrate)");
	assert_int_equal(verify("sk_reuseport_jump", "jump_target"), 0);
	assert_string_equal(report.entry, "jump_target");
}

static void what_no_chain_takes_is_refused_with_what_chains_take(void **state)
{
	(void)state;
	assert_int_equal(verify("socket", ""), -EINVAL);
	assert_non_null(strstr(why.text, "'socket.bpf.o' has no program that a chain takes: "
					 "SEC(\"xdp\"), SEC(\"xdp.frags\") or SEC(\"freplace\") "
					 "for XDP; SEC(\"tc\") for TC; SEC(\"sockops\") for "
					 "sock_ops; SEC(\"sk_lookup\") for sk_lookup; "));
	assert_int_equal(verify("socket", "socket_filter"), -EINVAL);
	assert_non_null(strstr(why.text, "is of no kind that a chain takes (socket)"));
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD_TABLE(&plan, run_hook, hooks);
	TAP_ADD(&plan, a_manifest_chooses_among_several_functions, NULL, NULL);
	TAP_ADD(&plan, what_no_chain_takes_is_refused_with_what_chains_take, NULL, NULL);
	return tap_run(&plan, "verify", 1);
}
