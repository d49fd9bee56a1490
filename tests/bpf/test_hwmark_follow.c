/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The agent of hwmark on the maps of a loaded load balancer, which its command line changes:
 * what becomes of marks. Whether the device takes rules makes no difference here.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/hwmark/agent/hwmark_offload.h"
#include "tests/support/lb_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

/* Beside the load balancer's. */
#define MARKS_DIR "/sys/fs/bpf/marks"
#define MARKS 64
#define VIP "tcp/192.0.2.1:80"

static struct bpf_object *object;
static struct hwmark_offload *offload;
static struct slot_reason why;

static void each_map(void (*call)(const struct bpf_map *map, const char *path))
{
	struct bpf_map *map;
	char path[256];

	bpf_object__for_each_map(map, object) {
		snprintf(path, sizeof(path), MARKS_DIR "/%s", bpf_map__name(map));
		if (!bpf_map__is_internal(map))
			call(map, path);
	}
}

static void pin(const struct bpf_map *map, const char *path)
{
	assert_int_equal(bpf_obj_pin(bpf_map__fd(map), path), 0);
}

static void unpin(const struct bpf_map *map, const char *path)
{
	(void)map;
	unlink(path);
}

static void load_marks(void)
{
	struct bpf_map *entries;

	object = progrun_open("bpf/hwmark.bpf.o");
	assert_non_null(object);
	progrun_share(object, lb_bed.object);
	entries = bpf_object__find_map_by_name(object, HWMARK_ENTRIES_NAME);
	assert_int_equal(bpf_map__set_max_entries(entries, MARKS), 0);
	assert_int_equal(bpf_object__load(object), 0);
	assert_int_equal(mkdir(MARKS_DIR, 0755), 0);
	each_map(pin);
}

static void start(enum hwmark_mode mode)
{
	offload = calloc(1, sizeof(*offload));
	assert_non_null(offload);
	offload->set.map_dir = MARKS_DIR;
	offload->set.mode = mode;
	offload->set.age_ms = 30000;
	offload->device.set = (struct hwmark_device_settings){
		.name = "lo", .pref = HWMARK_PREF, .batch = 4, .flows_max = 16
	};
	if (hwmark_offload_open(offload, &why))
		fail_msg("the agent starts: %s", why.text);
}

static void stop(void)
{
	hwmark_offload_close(offload);
	free(offload);
	offload = NULL;
}

static int set_up(void **state)
{
	static bool is_done;

	/* Rules stay away from everybody's. */
	if (!is_done)
		assert_int_equal(unshare(CLONE_NEWNET), 0);
	is_done = true;
	lb_bed_set_up(state);
	load_marks();
	lb_bed_runs("vip add " VIP);
	lb_bed_runs("real add " VIP " 203.0.113.1");
	lb_bed_runs("real add " VIP " 203.0.113.2");
	return 0;
}

static int tear_down(void **state)
{
	if (offload)
		stop();
	each_map(unpin);
	assert_int_equal(rmdir(MARKS_DIR), 0);
	bpf_object__close(object);
	return lb_bed_tear_down(state);
}

/* As the load balancer tells of it now: a client's flow to the first VIP's first real. */
static struct lb_mark_event make_event(__u16 sport, __u32 mark)
{
	const struct lb_model *model = &offload->view.model;
	struct lb_mark_event event = {
		.sport = htons(sport), .dport = htons(80), .proto = IPPROTO_TCP, .real = 1
	};

	assert_int_equal(hwmark_offload_sync(offload), 0);
	event.generation = offload->view.generation;
	event.life = model->vips[0].life;
	event.epoch = model->reals[1].epoch;
	event.mark = mark;
	assert_int_equal(inet_pton(AF_INET, "198.51.100.7", event.src), 1);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", event.dst), 1);
	return event;
}

static void tell(const struct lb_mark_event *event)
{
	struct lb_mark_event copy = *event;

	assert_int_equal(hwmark_offload_event(offload, &copy, sizeof(copy)), 0);
}

/* With HWMARK_FLOW a pool had it. */
static __u32 take_mark(void)
{
	return offload->set.mode == HWMARK_FLOW ? hwmark_marks_take(&offload->marks) : 0;
}

/* Returns its mark. */
static __u32 tell_of(__u16 sport)
{
	struct lb_mark_event event = make_event(sport, take_mark());
	__u64 taken = offload->agent.taken;

	tell(&event);
	assert_int_equal(offload->agent.taken, taken + 1);
	for (__u32 mark = 1; mark < MARKS; mark++)
		if (offload->marks.marks[mark].state == HWMARK_MARK_USED &&
		    !offload->marks.marks[mark].is_dead)
			return mark;
	return 0;
}

/* Whether packets with @mark are sent by it. */
static bool is_live(__u32 mark)
{
	struct hwmark_entry entry;
	__u32 generation;

	assert_int_equal(hwmark_entry_get(&offload->maps, mark, &why, &entry), 0);
	assert_int_equal(hwmark_generation_get(&offload->maps, &why, &generation), 0);
	return entry.generation == generation;
}

static void follow(void)
{
	assert_int_equal(hwmark_offload_sync(offload), 0);
}

static void a_mark_ends_when_its_ring_changes_and_no_other(void **state)
{
	const enum hwmark_mode modes[] = { HWMARK_FLOW, HWMARK_DESTINATION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		__u32 mark;

		start(modes[i]);
		mark = tell_of(1000);
		assert_true(is_live(mark));
		lb_bed_runs("vip add tcp/192.0.2.9:80");
		assert_false(is_live(mark));
		follow();
		assert_true(is_live(mark));
		/* The real stays, and has less of the ring. */
		lb_bed_runs("real add " VIP " 203.0.113.3");
		follow();
		assert_false(is_live(mark));
		assert_int_equal(offload->agent.outdated, 1);
		lb_bed_runs("real del " VIP " 203.0.113.3");
		lb_bed_runs("vip del tcp/192.0.2.9:80");
		follow();
		assert_false(is_live(mark));
		stop();
	}
}

static void a_ring_that_changed_back_before_anybody_looked_is_another_one(void **state)
{
	__u32 mark;

	(void)state;
	start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	lb_bed_runs("real down " VIP " 203.0.113.1");
	lb_bed_runs("real up " VIP " 203.0.113.1");
	follow();
	assert_false(is_live(mark));
	/* Its flows come again, with another mark. */
	assert_int_not_equal(tell_of(1001), mark);
}

static void a_real_that_is_down_is_nobodys(void **state)
{
	struct lb_mark_event event;

	(void)state;
	start(HWMARK_DESTINATION);
	lb_bed_runs("real down " VIP " 203.0.113.1");
	event = make_event(1000, 0);
	tell(&event);
	assert_int_equal(offload->agent.refused, 1);
}

static void what_was_told_of_before_the_ring_changed_is_refused(void **state)
{
	struct lb_mark_event event;

	(void)state;
	start(HWMARK_FLOW);
	event = make_event(1000, take_mark());
	lb_bed_runs("real add " VIP " 203.0.113.3");
	tell(&event);
	assert_int_equal(offload->agent.refused, 1);
	assert_int_equal(offload->agent.taken, 0);
	assert_int_equal(hwmark_marks_state(&offload->marks, event.mark), HWMARK_MARK_FREE);
	event = make_event(1000, take_mark());
	lb_bed_runs("vip add tcp/192.0.2.9:80");
	tell(&event);
	assert_int_equal(offload->agent.taken, 1);
	assert_true(is_live(event.mark));
}

static void what_waits_when_an_agent_starts_is_forgotten(void **state)
{
	const enum hwmark_mode modes[] = { HWMARK_FLOW, HWMARK_DESTINATION };

	(void)state;
	for (int i = 0; i < 2; i++) {
		bool is_in[MARKS] = { [7] = true, [8] = true };
		struct lb_mark_event event;

		start(modes[i]);
		event = make_event(1000, 7);
		offload->drain = is_in;
		tell(&event);
		event.mark = MARKS + 8;
		tell(&event);
		offload->drain = NULL;
		assert_false(is_in[7]);
		assert_true(is_in[8]);
		assert_int_equal(offload->agent.events, 0);
		stop();
	}
}

static void a_vip_that_takes_the_port_of_a_flow_ends_its_mark(void **state)
{
	struct lb_mark_event event;
	__u32 mark;

	(void)state;
	lb_bed_runs("vip del " VIP);
	lb_bed_runs("vip add tcp/192.0.2.1");
	lb_bed_runs("real add tcp/192.0.2.1 203.0.113.1");
	start(HWMARK_DESTINATION);
	event = make_event(1000, 0);
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (offload->view.model.vips[n].is_used)
			event.vip = n;
	event.life = offload->view.model.vips[event.vip].life;
	event.real = offload->view.model.vips[event.vip].reals[0].real;
	event.epoch = offload->view.model.reals[event.real].epoch;
	tell(&event);
	assert_int_equal(offload->agent.taken, 1);
	mark = 1;
	assert_true(is_live(mark));
	lb_bed_runs("vip add tcp/192.0.2.1:81");
	follow();
	assert_true(is_live(mark));
	lb_bed_runs("vip add tcp/192.0.2.0/24:80");
	follow();
	assert_false(is_live(mark));
}

static void what_an_agent_left_is_not_known_to_hold_in_another_generation(void **state)
{
	struct hwmark_entry entry;
	__u32 mark;

	(void)state;
	start(HWMARK_DESTINATION);
	mark = tell_of(1000);
	stop();
	lb_bed_runs("vip add tcp/192.0.2.9:80");
	start(HWMARK_DESTINATION);
	assert_int_equal(hwmark_entry_get(&offload->maps, mark, &why, &entry), 0);
	assert_int_equal(entry.generation, 0);
	/* Packets may have it still: another one is the first to be used. */
	assert_int_equal(hwmark_marks_state(&offload->marks, mark), HWMARK_MARK_RESTING);
	assert_int_not_equal(tell_of(1000), mark);
}

/* --- beside commands --------------------------------------------------------------------------- */

static __u64 get_flushed(void)
{
	struct hwmark_agent agent;

	assert_int_equal(hwmark_agent_get(&offload->maps, &why, &agent), 0);
	return agent.flushed;
}

static void a_flush_that_an_agent_did_not_live_to_see_is_the_next_ones(void **state)
{
	(void)state;
	start(HWMARK_DESTINATION);
	assert_int_equal(hwmark_flush_set(&offload->maps, 3, &why), 0);
	stop();
	start(HWMARK_DESTINATION);
	assert_int_equal(get_flushed(), 0);
	for (int i = 0; i < 100 && get_flushed() < 3; i++)
		assert_int_equal(hwmark_offload_step(offload, &why), 0);
	assert_int_equal(get_flushed(), 3);
}

static void an_agent_starts_while_somebody_looks_whether_there_is_one(void **state)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	int fd = open(MARKS_DIR, O_RDONLY | O_DIRECTORY);
	pid_t child;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_SH | LOCK_NB), 0);
	child = fork();
	if (!child) {
		nanosleep(&pause, NULL);
		_exit(0);
	}
	assert_int_equal(close(fd), 0);
	start(HWMARK_DESTINATION);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void pin_other(const char *path, const char *name)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	bool is_ring = !strcmp(name, LB_MARKS_WANTED_NAME);
	int fd = bpf_map_create(is_ring ? BPF_MAP_TYPE_RINGBUF : BPF_MAP_TYPE_ARRAY, name,
				is_ring ? 0 : 4, is_ring ? 0 : 64, is_ring ? 4096 : 1,
				is_ring ? NULL : &opts);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(bpf_obj_pin(fd, path), 0);
	assert_int_equal(close(fd), 0);
}

static void an_agent_whose_maps_are_others_now_ends(void **state)
{
	static const char *const pins[] = {
		PROGRAM_BED_DIR "/" LB_GENERATION_NAME,
		PROGRAM_BED_DIR "/" LB_MARK_POOL_NAME,
		PROGRAM_BED_DIR "/" LB_MARKS_WANTED_NAME,
		MARKS_DIR "/" HWMARK_ENTRIES_NAME,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		const char *name = strrchr(pins[i], '/') + 1;
		int fd = bpf_obj_get(pins[i]);

		assert_true(fd >= 0);
		start(HWMARK_FLOW);
		assert_int_equal(hwmark_offload_step(offload, &why), 0);
		pin_other(pins[i], name);
		offload->lent_ms = 0;
		assert_int_equal(hwmark_offload_step(offload, &why), -ENOENT);
		assert_string_equal(why.text,
				    "the slot's maps are others now: start the agent again");
		stop();
		assert_int_equal(unlink(pins[i]), 0);
		assert_int_equal(bpf_obj_pin(fd, pins[i]), 0);
		assert_int_equal(close(fd), 0);
	}
}

static bool is_so(void *context)
{
	return *(const bool *)context;
}

static void an_agent_of_another_mode_than_the_slots_ends(void **state)
{
	bool is_mode = true;

	(void)state;
	start(HWMARK_FLOW);
	offload->set.is_mode = is_so;
	offload->set.context = &is_mode;
	assert_int_equal(hwmark_offload_step(offload, &why), 0);
	is_mode = false;
	offload->lent_ms = 0;
	assert_int_equal(hwmark_offload_step(offload, &why), -ESTALE);
	assert_string_equal(why.text,
			    "the slot's setting mode is another one now: start the agent again");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_mark_ends_when_its_ring_changes_and_no_other, set_up, tear_down);
	TAP_ADD(&plan, a_ring_that_changed_back_before_anybody_looked_is_another_one, set_up,
		tear_down);
	TAP_ADD(&plan, a_real_that_is_down_is_nobodys, set_up, tear_down);
	TAP_ADD(&plan, what_was_told_of_before_the_ring_changed_is_refused, set_up, tear_down);
	TAP_ADD(&plan, what_waits_when_an_agent_starts_is_forgotten, set_up, tear_down);
	TAP_ADD(&plan, a_vip_that_takes_the_port_of_a_flow_ends_its_mark, set_up, tear_down);
	TAP_ADD(&plan, what_an_agent_left_is_not_known_to_hold_in_another_generation, set_up,
		tear_down);
	TAP_ADD(&plan, a_flush_that_an_agent_did_not_live_to_see_is_the_next_ones, set_up,
		tear_down);
	TAP_ADD(&plan, an_agent_starts_while_somebody_looks_whether_there_is_one, set_up,
		tear_down);
	TAP_ADD(&plan, an_agent_whose_maps_are_others_now_ends, set_up, tear_down);
	TAP_ADD(&plan, an_agent_of_another_mode_than_the_slots_ends, set_up, tear_down);
	return tap_run(&plan, "hwmark_follow", 1);
}
