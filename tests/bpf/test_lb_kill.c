/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control plane of the load balancer killed before each of its writes, and refused
 * room for some: every VIP is then as before or as it was to be, and the next command
 * finds nothing left over.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/ptrace.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "programs/lb/lb.h"
#include "programs/lb/model/lb_file.h"
#include "programs/lb/maps/lb_pages.h"
#include "tests/support/mapcall.h"
#include "tests/support/lb_bed.h"
#include "tests/support/lb_texts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define A "tcp/192.0.2.1:80"
#define B "tcp/192.0.2.2:80"
#define C "tcp/192.0.2.3:80"
/* How many writes of ring pages are between two kills; LB_KILL_STEP says otherwise. */
#define PAGES_APART 80

static void edit_ok(int err, const struct slot_reason *why)
{
	if (err)
		print_error("%s\n", why->text);
	assert_int_equal(err, 0);
}

static struct lb_real_spec real_spec(const char *text)
{
	return (struct lb_real_spec){ .host = lb_host_of(text), .weight = 1 };
}

static void add_vip(struct lb_model *model, const char *text, const char *first, const char *second)
{
	struct lb_vip_settings set = { .table = LB_TABLE_TRANSITIONS, .window = 60 };
	struct lb_real_spec specs[] = { real_spec(first), real_spec(second) };
	struct lb_vip_name name = lb_vip_of(text);
	struct slot_reason why;

	edit_ok(lb_vip_add(model, &name, &set, &why), &why);
	edit_ok(lb_real_add(model, &name, &specs[0], &why), &why);
	edit_ok(lb_real_add(model, &name, &specs[1], &why), &why);
}

static void set_before(struct lb_model *model)
{
	model->settings.gateway[5] = 1;
	add_vip(model, A, "203.0.113.1", "203.0.113.2");
}

/* A gets other reals, B comes, an id and a source as well. */
static void set_after(struct lb_model *model)
{
	struct lb_real_spec gone = real_spec("203.0.113.2"), come = real_spec("203.0.113.3");
	struct lb_vip_name name = lb_vip_of(A);
	struct lb_prefix prefix;
	struct slot_reason why;

	model->settings.gateway[5] = 2;
	edit_ok(lb_real_del(model, &name, &gone.host, &why), &why);
	edit_ok(lb_real_add(model, &name, &come, &why), &why);
	add_vip(model, B, "203.0.113.4", "203.0.113.1");
	edit_ok(lb_server_id_add(model, 7, &come.host, &why), &why);
	edit_ok(lb_prefix_parse("198.51.100.0/24", &why, &prefix), &why);
	edit_ok(lb_source_add(model, &prefix, &come.host, &why), &why);
}

/* ... and all of that goes again. */
static void set_back(struct lb_model *model)
{
	struct lb_real_spec gone = real_spec("203.0.113.3"), come = real_spec("203.0.113.2");
	struct lb_vip_name name = lb_vip_of(A), other = lb_vip_of(B);
	struct slot_reason why;

	model->settings.gateway[5] = 1;
	edit_ok(lb_vip_del(model, &other, &why), &why);
	edit_ok(lb_real_del(model, &name, &gone.host, &why), &why);
	edit_ok(lb_real_add(model, &name, &come, &why), &why);
	edit_ok(lb_server_id_del(model, 7, &why), &why);
	model->source_count = 0;
}

static void set_fresh(struct lb_model *model)
{
	struct slot_reason why;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		struct lb_vip_name name = model->vips[n].name;

		if (model->vips[n].is_used)
			edit_ok(lb_vip_del(model, &name, &why), &why);
	}
	model->id_count = 0;
	model->source_count = 0;
	set_before(model);
}

static void open_lb(bool is_writer, struct lb *ret_lb)
{
	struct slot_reason why;

	edit_ok(lb_open(PROGRAM_BED_DIR, is_writer, &why, ret_lb), &why);
}

static void commit(void (*edit)(struct lb_model *))
{
	struct slot_reason why;
	struct lb lb;

	open_lb(true, &lb);
	edit(&lb.model);
	edit_ok(lb_commit(&lb, &why), &why);
	lb_close(&lb);
}

/* The writes of one commit that are worth a kill: of a ring's pages one is as good as the next. */
struct writes {
	int step; /* that many of pages are one */
	int pages, count;
};

static bool is_worth_it(struct writes *writes, pid_t child, const struct ptrace_syscall_info *info)
{
	__u32 id;

	if (!mapcall_is_write(info))
		return false;
	id = mapcall_map(child, info);
	if ((id == mapcall_id(lb_bed.object, LB_RINGS_NAME) ||
	     id == mapcall_id(lb_bed.object, LB_PREVIOUS_NAME)) &&
	    writes->pages++ % writes->step)
		return false;
	writes->count++;
	return true;
}

/* Kills @child before the write number @kill_at of these. Returns whether it came to that. */
static bool trace_until(pid_t child, int kill_at)
{
	const char *env = getenv("LB_KILL_STEP");
	struct writes writes = { .step = env ? atoi(env) : PAGES_APART };
	struct ptrace_syscall_info info;
	int status;

	while (waitpid(child, &status, 0) == child && !WIFEXITED(status) && !WIFSIGNALED(status)) {
		memset(&info, 0, sizeof(info));
		ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
		if (is_worth_it(&writes, child, &info) && writes.count == kill_at + 1) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return true;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

#define FLOWS 64

static bool is_member(const struct lb *lb, __u8 last)
{
	struct lb_vip_name name = lb_vip_of(A);
	const struct lb_model_vip *vip = lb_model_vip_find(&lb->current, &name);

	for (size_t i = 0; i < vip->count; i++)
		if (lb->current.reals[vip->reals[i].real].addr[3] == last)
			return true;
	return false;
}

/* Packets to A: none is dropped, and all go to members, where @lb says which those are. */
static void send_flows(const struct lb *lb)
{
	struct progrun run;
	struct packet p;

	for (uint16_t port = 1; port <= FLOWS; port++) {
		packet_start(&p, "hello", 5);
		packet_tcp(&p, port, 80, 0);
		packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.9", .dst = "192.0.2.1" });
		packet_eth(&p);
		assert_int_equal(progrun_packet(progrun_fd(lb_bed.object, "lb"), &p, &run), 0);
		assert_int_equal(run.verdict, XDP_TX);
		assert_true(!lb || is_member(lb, run.bytes[14 + 19]));
	}
}

/* A child that commits @edit, once whoever traces it lets it. */
static pid_t fork_commit(void (*edit)(struct lb_model *))
{
	struct slot_reason why;
	struct lb lb;
	pid_t child = fork();

	if (child)
		return child;
	if (ptrace(PTRACE_TRACEME, 0, 0, 0) || raise(SIGSTOP))
		_exit(1);
	if (lb_open(PROGRAM_BED_DIR, true, &why, &lb))
		_exit(2);
	edit(&lb.model);
	_exit(lb_commit(&lb, &why) ? 3 : 0);
}

/* Once packets made this CPU keep what it looks up. */
static bool commit_killed(void (*edit)(struct lb_model *), int kill_at)
{
	send_flows(NULL);
	return trace_until(fork_commit(edit), kill_at);
}

static char *dump_vip(const struct lb *lb, const char *text)
{
	struct lb_vip_name name = lb_vip_of(text);
	const struct lb_model_vip *vip = lb_model_vip_find(&lb->current, &name);
	json_t *json = vip ? lb_file_vip(&lb->current, vip) : json_null();
	char *dump = json_dumps(json, JSON_ENCODE_ANY);

	json_decref(json);
	assert_non_null(dump);
	return dump;
}

/* What packets are told by the ring, each entry's real. */
static void assert_ring_is_the_members(const struct lb *lb, __u32 number)
{
	const struct lb_model_vip *vip = &lb->current.vips[number];
	struct lb_pages *pages = calloc(1, sizeof(*pages));
	__u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring));
	struct slot_reason why;

	assert_true(pages && ring);
	edit_ok(lb_pages_read(&lb->maps, number, vip->ring, &why, pages), &why);
	edit_ok(lb_pages_build(&lb->current, vip, &why, ring), &why);
	for (__u32 i = 0; i < LB_RING_SIZE; i++)
		assert_int_equal(pages->entries[i] & LB_ENTRY_REAL, ring[i]);
	assert_false(lb_pages_exist(&lb->maps, number, !vip->ring));
	free(pages);
	free(ring);
}

static void assert_maps_are_whole(const struct lb *lb)
{
	struct lb_elements members = {};
	struct slot_reason why;
	size_t count = 0;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		if (lb->current.vips[n].is_used)
			assert_ring_is_the_members(lb, n);
		else
			assert_false(lb_pages_exist(&lb->maps, n, 0) ||
				     lb_pages_exist(&lb->maps, n, 1));
		count += lb->current.vips[n].count;
	}
	edit_ok(lb_elements_read(&lb->maps, LB_MAP_MEMBERS, &why, &members), &why);
	assert_int_equal(members.count, count);
	for (__u32 i = 0; i < members.count; i++)
		assert_int_equal(((struct lb_member *)members.values)[i].flags & LB_MEMBER_CHANGING,
				 0);
	lb_elements_free(&members);
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		assert_int_equal(!!(lb->current.reals[i].flags & LB_REAL_USED),
				 lb->current.reals[i].users > 0);
}

struct states {
	char *a[2], *b[2]; /* before, after */
};

static void look(struct states *states, int which)
{
	struct lb lb;

	open_lb(false, &lb);
	states->a[which] = dump_vip(&lb, A);
	states->b[which] = dump_vip(&lb, B);
	lb_close(&lb);
}

static bool is_one_of(const char *text, char *const both[2])
{
	return !strcmp(text, both[0]) || !strcmp(text, both[1]);
}

/* A reader sees it as packets do, and a writer that changes nothing puts it right. */
static void assert_killed_well(const struct states *states)
{
	struct slot_reason why;
	struct lb lb;
	char *a, *b;

	send_flows(NULL);
	open_lb(false, &lb);
	a = dump_vip(&lb, A);
	b = dump_vip(&lb, B);
	assert_true(is_one_of(a, states->a));
	assert_true(is_one_of(b, states->b));
	lb_close(&lb);

	open_lb(true, &lb);
	edit_ok(lb_commit(&lb, &why), &why);
	assert_maps_are_whole(&lb);
	send_flows(&lb);
	lb_close(&lb);
	open_lb(false, &lb);
	assert_string_equal(dump_vip(&lb, A), a);
	assert_string_equal(dump_vip(&lb, B), b);
	assert_maps_are_whole(&lb);
	lb_close(&lb);
	free(a);
	free(b);
}

/* Both ways, before every write but for most of those of pages. */
static void a_kill_leaves_each_vip_before_or_after(void **state)
{
	struct states states = {};
	int kills = 0;

	(void)state;
	commit(set_before);
	look(&states, 0);
	commit(set_after);
	look(&states, 1);
	commit(set_fresh);
	for (; commit_killed(set_after, kills); kills++) {
		assert_killed_well(&states);
		commit(set_fresh);
	}
	print_message("# %d kills one way\n", kills);
	assert_true(kills > 20);
	for (kills = 0; commit_killed(set_back, kills); kills++) {
		assert_killed_well(&states);
		commit(set_fresh);
		commit(set_after);
	}
	print_message("# %d kills back\n", kills);
	assert_true(kills > 20);
}

/* The members' map is full but for one: the second write of members is refused. */
static void a_failure_half_way_is_taken_back(void **state)
{
	struct lb_model_vip *vip;
	struct slot_reason why;
	struct states states = {};
	struct lb lb;
	int fd = bpf_object__find_map_fd_by_name(lb_bed.object, LB_MEMBERS_NAME);
	__u32 room = LB_MEMBERS_MAX - 2 - 1, i;
	struct lb_member_key *keys = calloc(room, sizeof(*keys));
	struct lb_member *values = calloc(room, sizeof(*values));

	(void)state;
	commit(set_before);
	look(&states, 0);
	open_lb(true, &lb);
	for (i = 0; i < room; i++) {
		keys[i] = (struct lb_member_key){ .vip = 1000 + i, .real = 1 };
		values[i].weight = 1;
	}
	i = room;
	assert_int_equal(bpf_map_update_batch(fd, keys, values, &i, NULL), 0);
	set_after(&lb.model);
	assert_int_equal(lb_commit(&lb, &why), -E2BIG);
	assert_string_equal(why.text, "cannot write map 'lb_members': it is full; what comes has "
				      "to fit beside what goes; nothing was changed");
	lb_close(&lb);

	/* The strangers are nobody's members, so the next writer throws them out. */
	open_lb(true, &lb);
	assert_maps_are_whole(&lb);
	assert_string_equal(dump_vip(&lb, A), states.a[0]);
	assert_string_equal(dump_vip(&lb, B), states.b[0]);
	vip = &lb.current.vips[0];
	assert_int_equal(vip->count, 2);
	assert_int_equal(lb.current.reals[3].flags & LB_REAL_USED, 0);
	lb_close(&lb);
	free(keys);
	free(values);
}

static void set_two(struct lb_model *model)
{
	set_before(model);
	add_vip(model, B, "203.0.113.4", "203.0.113.1");
	add_vip(model, C, "203.0.113.4", "203.0.113.1");
}

/* All three get other rings, so their elements are replaced. */
static void set_other_reals(struct lb_model *model)
{
	const char *const vips[] = { A, B, C };
	struct lb_real_spec come = real_spec("203.0.113.9");
	struct slot_reason why;

	for (size_t i = 0; i < 3; i++) {
		struct lb_vip_name name = lb_vip_of(vips[i]);

		edit_ok(lb_real_add(model, &name, &come, &why), &why);
	}
}

/* The kernel gives an element's memory to the next one at once; packets may still read it. */
static void packets_are_waited_for_between_two_vips(void **state)
{
	struct ptrace_syscall_info info;
	bool is_waited = true;
	int status, vips = 0;
	pid_t child;

	(void)state;
	commit(set_two);
	child = fork_commit(set_other_reals);
	while (waitpid(child, &status, 0) == child && !WIFEXITED(status)) {
		memset(&info, 0, sizeof(info));
		ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
		ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info);
		if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == SYS_membarrier)
			is_waited = true;
		if (mapcall_is_write(&info) &&
		    mapcall_map(child, &info) == mapcall_id(lb_bed.object, LB_VIPS4_NAME)) {
			vips++;
			assert_true(is_waited);
			is_waited = false;
		}
		ptrace(PTRACE_SYSCALL, child, 0, 0);
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(vips, 3);
}

#define ADD(fn) TAP_ADD(&plan, fn, lb_bed_set_up, lb_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	progrun_stay();
	ADD(a_kill_leaves_each_vip_before_or_after);
	ADD(packets_are_waited_for_between_two_vips);
	ADD(a_failure_half_way_is_taken_back);
	return tap_run(&plan, "lb_kill", 1);
}
