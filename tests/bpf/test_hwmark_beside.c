/* SPDX-License-Identifier: GPL-2.0-only */
/* The agent of hwmark beside commands, and when the slots get other maps or settings. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <net/if.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/manifest.h"
#include "loader/lib/program/map_tags.h"
#include "loader/lib/base/cleanup.h"
#include "tests/support/agent_bed.h"
#include "tests/support/tap.h"

static struct slot_reason why;

static __u64 get_flushed(void)
{
	struct hwmark_agent agent;

	assert_int_equal(hwmark_agent_get(&agent_bed->maps, &why, &agent), 0);
	return agent.flushed;
}

static void a_flush_that_an_agent_did_not_live_to_see_is_the_next_ones(void **state)
{
	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	assert_int_equal(hwmark_flush_set(&agent_bed->maps, 3, &why), 0);
	agent_bed_stop();
	agent_bed_start(HWMARK_DESTINATION);
	assert_int_equal(get_flushed(), 0);
	for (int i = 0; i < 100 && get_flushed() < 3; i++)
		assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(get_flushed(), 3);
	assert_int_equal(agent_bed->agent.flushing, 3);
}

static void an_agent_starts_while_somebody_looks_whether_there_is_one(void **state)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	int fd = open(AGENT_BED_DIR, O_RDONLY | O_DIRECTORY);
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
	agent_bed_start(HWMARK_DESTINATION);
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
		PROGRAM_BED_DIR "/" LB_GENERATION_NAME,	  PROGRAM_BED_DIR "/" LB_MARK_POOL_NAME,
		PROGRAM_BED_DIR "/" LB_MARKS_WANTED_NAME, AGENT_BED_DIR "/" HWMARK_ENTRIES_NAME,
		AGENT_BED_DIR "/" HWMARK_AGENT_NAME,	  AGENT_BED_DIR "/" HWMARK_FLUSH_NAME,
		AGENT_BED_DIR "/" LB_GENERATION_NAME,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		const char *name = strrchr(pins[i], '/') + 1;
		int fd = bpf_obj_get(pins[i]);

		assert_true(fd >= 0);
		agent_bed_start(HWMARK_FLOW);
		assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
		pin_other(pins[i], name);
		agent_bed->lent_ms = 0;
		assert_int_equal(hwmark_offload_step(agent_bed, &why), -ENOENT);
		assert_string_equal(why.text,
				    "the slot's maps are others now: start the agent again");
		agent_bed_stop();
		assert_int_equal(unlink(pins[i]), 0);
		assert_int_equal(bpf_obj_pin(fd, pins[i]), 0);
		assert_int_equal(close(fd), 0);
	}
}

static void what_the_agent_and_commands_tell_each_other_begins_anew_with_the_entries(void **state)
{
	static const char *const names[] = { HWMARK_ENTRIES_NAME, HWMARK_AGENT_NAME,
					     HWMARK_FLUSH_NAME };
	const struct btf *btf = bpf_object__btf(agent_bed_object);

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *group = slot_map_tag_get(btf, names[i], SLOT_TOGETHER_TAG);

		assert_non_null(group);
		assert_string_equal(group, "agent");
	}
}

/* Whoever is asked for the mode may be slow: it is not asked all the while. */
static bool is_slow(void *context)
{
	const struct timespec pause = { .tv_nsec = 900 * 1000 * 1000 };

	++*(unsigned int *)context;
	nanosleep(&pause, NULL);
	return true;
}

static void an_agent_that_waited_for_the_mode_asks_again_after_its_time(void **state)
{
	unsigned int asked = 0;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	agent_bed->set.is_mode = is_slow;
	agent_bed->set.context = &asked;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(asked, 1);
	assert_in_range(agent_bed->lent_ms, hwmark_offload_now() + 4500,
			hwmark_offload_now() + 5000);
}

/* Rules of the first one mark still: their marks mean what they did. */
static void an_agent_of_another_netns_leaves_entries_and_marks_alone(void **state)
{
	struct hwmark_entry entry = { .generation = 1, .proto = 6 };
	_cleanup_free_ struct hwmark_offload *other = calloc(1, sizeof(*other));
	struct hwmark_offload_settings set;
	struct slot_device_settings device;

	(void)state;
	assert_non_null(other);
	agent_bed_start(HWMARK_DESTINATION);
	assert_int_equal(hwmark_entry_write(&agent_bed->maps, 5, &entry, &why), 0);
	set = agent_bed->set;
	device = agent_bed->device.set;
	agent_bed_stop();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	other->set = set;
	other->device.set = device;
	assert_int_equal(hwmark_offload_open(other, &why), -EXDEV);
	assert_non_null(strstr(why.text, "the slot's rules are at lo in another netns"));
	assert_int_equal(hwmark_entry_get(&other->maps, 5, &why, &entry), 0);
	assert_int_equal(entry.generation, 1);
	hwmark_offload_close(other);
}

/* No descriptor can be had. */
static void an_agent_that_cannot_see_its_maps_goes_on(void **state)
{
	struct rlimit before, none;

	(void)state;
	agent_bed_start(HWMARK_FLOW);
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ 3, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	agent_bed->lent_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_non_null(strstr(agent_bed->troubles[HWMARK_TROUBLE_MAPS].text,
			       "cannot see whether the slot's maps are still the same"));
}

static bool is_so(void *context)
{
	return *(const bool *)context;
}

static void rename_device(const char *from, const char *to)
{
	struct ifreq request = {};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", from);
	snprintf(request.ifr_newname, sizeof(request.ifr_newname), "%s", to);
	assert_int_equal(ioctl(fd, SIOCSIFNAME, &request), 0);
	assert_int_equal(close(fd), 0);
}

static void an_agent_says_what_its_device_is_called_now(void **state)
{
	struct hwmark_agent told;

	(void)state;
	agent_bed_start(HWMARK_DESTINATION);
	rename_device("lo", "other");
	agent_bed->tell_ms = agent_bed->find_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	assert_int_equal(hwmark_agent_get(&agent_bed->maps, &why, &told), 0);
	rename_device("other", "lo");
	assert_string_equal(told.device, "other");
	assert_int_equal(told.ifindex, if_nametoindex("lo"));
}

static void an_agent_of_another_mode_than_the_slots_ends(void **state)
{
	bool is_mode = true;

	(void)state;
	agent_bed_start(HWMARK_FLOW);
	agent_bed->set.is_mode = is_so;
	agent_bed->set.context = &is_mode;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), 0);
	is_mode = false;
	agent_bed->lent_ms = 0;
	assert_int_equal(hwmark_offload_step(agent_bed, &why), -ESTALE);
	assert_string_equal(why.text,
			    "the slot's setting mode is another one now: start the agent again");
}

#define ADD(fn) TAP_ADD(&plan, fn, agent_bed_set_up, agent_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_flush_that_an_agent_did_not_live_to_see_is_the_next_ones);
	ADD(an_agent_starts_while_somebody_looks_whether_there_is_one);
	ADD(an_agent_whose_maps_are_others_now_ends);
	ADD(what_the_agent_and_commands_tell_each_other_begins_anew_with_the_entries);
	ADD(an_agent_that_waited_for_the_mode_asks_again_after_its_time);
	ADD(an_agent_of_another_netns_leaves_entries_and_marks_alone);
	ADD(an_agent_that_cannot_see_its_maps_goes_on);
	ADD(an_agent_says_what_its_device_is_called_now);
	ADD(an_agent_of_another_mode_than_the_slots_ends);
	return tap_run(&plan, "hwmark_beside", 1);
}
