/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/agent_bed.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/progrun.h"
#include "tests/support/tap.h"

struct bpf_object *agent_bed_object;
struct hwmark_offload *agent_bed;

static void each_map(void (*call)(const struct bpf_map *map, const char *path))
{
	struct bpf_map *map;
	char path[256];

	bpf_object__for_each_map(map, agent_bed_object) {
		snprintf(path, sizeof(path), AGENT_BED_DIR "/%s", bpf_map__name(map));
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

/* Each flow is told of at its first packet, with a mark. */
static void load_lb(void)
{
	const struct lb_config config = { .mtu = 1500,
					  .hwmark = MARKS_FLOW,
					  .hwmark_packets = 1,
					  .hwmark_seconds = 4,
					  .hwmark_rate = 1000000 };
	struct bpf_object *object = progrun_open("bpf/lb.bpf.o");

	assert_non_null(object);
	assert_int_equal(progrun_set(object, "lb.rodata", &config, sizeof(config)), 0);
	program_bed_open(&lb_bed, &lb_cli, object);
}

static void load_marks(void)
{
	/* No packet goes the long way because it is its turn. */
	const struct hwmark_config config = { .mark_from = HWMARK_META,
					      .mode = HWMARK_DESTINATION,
					      .mtu = 1500,
					      .marks = AGENT_BED_MARKS };
	struct bpf_map *entries;

	agent_bed_object = progrun_open("bpf/hwmark.bpf.o");
	assert_non_null(agent_bed_object);
	progrun_share(agent_bed_object, lb_bed.object);
	entries = bpf_object__find_map_by_name(agent_bed_object, HWMARK_ENTRIES_NAME);
	assert_int_equal(bpf_map__set_max_entries(entries, AGENT_BED_MARKS), 0);
	assert_int_equal(progrun_set(agent_bed_object, "hwmark.rodata", &config, sizeof(config)),
			 0);
	assert_int_equal(bpf_object__load(agent_bed_object), 0);
	assert_int_equal(mkdir(AGENT_BED_DIR, 0755), 0);
	each_map(pin);
}

void agent_bed_start(enum hwmark_mode mode)
{
	struct slot_reason why;

	agent_bed = calloc(1, sizeof(*agent_bed));
	assert_non_null(agent_bed);
	agent_bed->set.map_dir = AGENT_BED_DIR;
	agent_bed->set.mode = mode;
	agent_bed->set.age_ms = 30000;
	agent_bed->device.set = (struct slot_device_settings){
		.name = "lo", .pref = HWMARK_PREF, .batch = 4, .flows_max = 16
	};
	if (hwmark_offload_open(agent_bed, &why))
		fail_msg("the agent starts: %s", why.text);
}

void agent_bed_stop(void)
{
	hwmark_offload_close(agent_bed);
	free(agent_bed);
	agent_bed = NULL;
}

int agent_bed_set_up(void **state)
{
	static bool is_done;

	/* Rules stay away from everybody's. */
	if (!is_done)
		assert_int_equal(unshare(CLONE_NEWNET), 0);
	is_done = true;
	(void)state;
	load_lb();
	load_marks();
	lb_bed_runs("vip add " AGENT_BED_VIP);
	lb_bed_runs("real add " AGENT_BED_VIP " 203.0.113.1");
	lb_bed_runs("real add " AGENT_BED_VIP " 203.0.113.2");
	return 0;
}

int agent_bed_tear_down(void **state)
{
	if (agent_bed)
		agent_bed_stop();
	each_map(unpin);
	assert_int_equal(rmdir(AGENT_BED_DIR), 0);
	bpf_object__close(agent_bed_object);
	return lb_bed_tear_down(state);
}

struct lb_mark_event agent_bed_event(__u16 sport, __u32 mark)
{
	const struct lb_model *model = &agent_bed->view.model;
	struct lb_mark_event event = {
		.sport = htons(sport), .dport = htons(80), .proto = IPPROTO_TCP, .real = 1
	};

	assert_int_equal(hwmark_offload_sync(agent_bed), 0);
	event.generation = agent_bed->view.generation;
	event.life = model->vips[0].life;
	event.epoch = model->reals[1].epoch;
	event.mark = mark;
	assert_int_equal(inet_pton(AF_INET, "198.51.100.7", event.src), 1);
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", event.dst), 1);
	return event;
}

void agent_bed_tell(const struct lb_mark_event *event)
{
	struct lb_mark_event copy = *event;

	assert_int_equal(hwmark_offload_event(agent_bed, &copy, sizeof(copy)), 0);
}
