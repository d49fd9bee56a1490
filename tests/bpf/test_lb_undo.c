/* SPDX-License-Identifier: GPL-2.0-only */
/* A change of the load balancer that fails, and cannot be taken back either. */
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/lb.h"
#include "tests/support/mapcall.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static struct program_bed bed;

static int set_up(void **state)
{
	(void)state;
	program_bed_open(&bed, &lb_cli, progrun_open("bpf/lb.bpf.o"));
	assert_int_equal(program_bed_run(&bed, "vip add tcp/192.0.2.1:80"), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

/* The VIP gets its first real; what is said of it goes to @out. Exits 0 where that fails. */
static void run_child(int out)
{
	struct lb_real_spec spec = { .weight = 1 };
	struct lb_vip_name name;
	struct slot_reason why;
	struct lb lb;

	if (lb_open(PROGRAM_BED_DIR, true, &why, &lb) ||
	    lb_vip_name_parse("tcp/192.0.2.1:80", &why, &name) ||
	    lb_address_parse("203.0.113.1", &why, &spec.host) ||
	    lb_real_add(&lb.model, &name, &spec, &why))
		_exit(2);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	if (!lb_commit(&lb, &why))
		_exit(3);
	_exit(write(out, why.text, strlen(why.text) + 1) <= 0);
}

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(bed.object, name);
}

/* Before @child writes the first member: nobody may write that map any more, nor @frozen. */
static void freeze_half_way(pid_t child, const char *frozen)
{
	struct ptrace_syscall_info info;
	bool is_frozen = false;
	int status;

	while (waitpid(child, &status, 0) == child && !WIFEXITED(status)) {
		memset(&info, 0, sizeof(info));
		ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
		if (!is_frozen && mapcall_is_write(&info) &&
		    mapcall_map(child, &info) == mapcall_id(bed.object, LB_MEMBERS_NAME)) {
			assert_int_equal(bpf_map_freeze(map_fd(LB_MEMBERS_NAME)), 0);
			if (frozen)
				assert_int_equal(bpf_map_freeze(map_fd(frozen)), 0);
			is_frozen = true;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	assert_true(is_frozen);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_said(const char *frozen, const char *expected)
{
	char said[sizeof(((struct slot_reason *)NULL)->text)] = "";
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (!child)
		run_child(ends[1]);
	freeze_half_way(child, frozen);
	assert_true(read(ends[0], said, sizeof(said)) > 0);
	assert_string_equal(said, expected);
	close(ends[0]);
	close(ends[1]);
}

static void what_was_taken_back_is_as_it_was(void **state)
{
	(void)state;
	assert_said(NULL, "cannot write map 'lb_members': Operation not permitted; "
			  "nothing was changed");
}

static void what_cannot_be_taken_back_is_told(void **state)
{
	struct lb_real real = {};
	__u32 first = 1;

	(void)state;
	assert_said(LB_REALS_NAME,
		    "cannot write map 'lb_members': Operation not permitted; taking it back failed "
		    "too (Operation not permitted): each VIP is as it was or as it was to be, and "
		    "the next command repairs what is left");
	assert_int_equal(bpf_map_lookup_elem(map_fd(LB_REALS_NAME), &first, &real), 0);
	assert_true(real.flags & LB_REAL_USED);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	ADD(what_was_taken_back_is_as_it_was);
	ADD(what_cannot_be_taken_back_is_told);
	return tap_run(&plan, "lb_undo", 1);
}
