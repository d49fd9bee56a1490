/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How far the verifier walks each program. A fused chain is verified as a whole at each
 * upgrade of any of its slots, which takes a millisecond for about 1,000 instructions.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/progrun.h"
#include "tests/support/tap.h"

/* What the worst of Linux 6.1, 6.12 and 6.18 walks, and a quarter more. */
static const struct bound {
	const char *name, *object;
	unsigned int insns;
} bounds[] = {
	{ "decap", "bpf/decap.bpf.o", 8800 },
	{ "tc_decap", "bpf/tc_decap.bpf.o", 8800 },
	{ "lb", "bpf/lb.bpf.o", 39000 },
	{ "hwmark", "bpf/hwmark.bpf.o", 4600 },
	{ "handoff", "bpf/handoff.bpf.o", 6200 },
	{ "handoff_out", "bpf/handoff_out.bpf.o", 5200 },
	{ "tcp_server_id", "bpf/tcp_server_id.bpf.o", 1900 },
	{ "firewall", "bpf/firewall.bpf.o", 14600 },
	{ "fw_egress", "bpf/fw_egress.bpf.o", 15500 },
	{ "socket_lb", "bpf/socket_lb.bpf.o", 9300 },
	{ "sk_steer", "bpf/sk_steer.bpf.o", 4500 },
};

static void is_walked_within_its_bound(void **state)
{
	const struct bound *bound = *state;
	struct bpf_object *object = progrun_open(bound->object);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	assert_non_null(object);
	assert_int_equal(bpf_object__load(object), 0);
	assert_int_equal(bpf_obj_get_info_by_fd(progrun_fd(object, bound->name), &info, &len), 0);
	print_message("# %s: %u of %u\n", bound->name, info.verified_insns, bound->insns);
	assert_in_range(info.verified_insns, 1, bound->insns);
	bpf_object__close(object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, is_walked_within_its_bound, bounds);
	return tap_run(&plan, "verified", 1);
}
