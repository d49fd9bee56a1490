/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a chain of TC programs comes among the programs that others attached to its hook. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "loader/lib/host/hook.h"
#include "loader/lib/host/xdp.h"

#define LOOPBACK 1

static int load_program(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = -1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", insns, 2, NULL);

	assert_true(fd >= 0);
	return fd;
}

static __u32 id_of(int prog_fd)
{
	__u32 id;

	assert_int_equal(slot_xdp_prog_id(prog_fd, &id), 0);
	return id;
}

/* Which place the program has that comes last, beside one that was there. */
static size_t attach_beside(enum slot_tc_order order)
{
	__u32 ids[SLOT_TC_PROGRAMS_MAX];
	int other = load_program();
	int own = load_program();
	size_t count = 0;
	size_t place;
	int links[2];

	links[0] = slot_tc_attach(SLOT_HOOK_TC_INGRESS, LOOPBACK, other, SLOT_TC_LAST);
	links[1] = slot_tc_attach(SLOT_HOOK_TC_INGRESS, LOOPBACK, own, order);
	assert_true(links[0] >= 0);
	assert_true(links[1] >= 0);
	assert_int_equal(slot_tc_query(SLOT_HOOK_TC_INGRESS, SLOT_TC_TCX, LOOPBACK, ids, &count),
			 0);
	assert_int_equal(count, 2);
	place = ids[0] == id_of(own) ? 0 : 1;
	assert_int_equal(ids[place], id_of(own));
	close(links[1]);
	close(links[0]);
	close(own);
	close(other);
	return place;
}

static void what_comes_last_is_behind_others(void **state)
{
	(void)state;
	assert_int_equal(attach_beside(SLOT_TC_LAST), 1);
}

static void what_comes_first_is_before_others(void **state)
{
	(void)state;
	assert_int_equal(attach_beside(SLOT_TC_FIRST), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_last_is_behind_others),
		cmocka_unit_test(what_comes_first_is_before_others),
	};

	if (!slot_tcx_is_known()) {
		puts("1..0 # SKIP this kernel has no tcx (Linux 6.6)");
		return 0;
	}
	if (unshare(CLONE_NEWNET)) {
		puts("1..0 # SKIP no network namespace can be made here");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
