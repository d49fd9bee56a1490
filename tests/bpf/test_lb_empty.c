/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb: what goes, or is taken back, leaves nothing in the maps. */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/lb.h"
#include "tests/support/lb_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define TCP4 "tcp/192.0.2.1:80"
#define TCP6 "tcp/[2001:db8::1]:80"
#define UDP4 "udp/192.0.2.1:443"
#define PREFIX "tcp/198.51.100.0/24"

/* Maps whose elements come and go; the others are arrays. */
static const char *const names[] = {
	LB_VIPS4_NAME,	  LB_VIPS6_NAME,    LB_CIDRS4_NAME,	LB_RINGS_NAME, LB_PREVIOUS_NAME,
	LB_SOURCES4_NAME, LB_SOURCES6_NAME, LB_SERVER_IDS_NAME, LB_DOWN_NAME,  LB_RETURNS4_NAME,
	LB_RETURNS6_NAME, LB_TUNNELS_NAME,  LB_MEMBERS_NAME,
};

/* One of everything. */
static const char *const all[] = {
	"set gateway=02:00:00:00:00:fe source4=192.0.2.254",
	"vip add " TCP4 " encap=rewrite",
	"real add " TCP4 " 203.0.113.1",
	"vip add " TCP6 " encap=rewrite table=transitions",
	"real add " TCP6 " 2001:db8:1::1",
	"real add " TCP6 " 2001:db8:1::2",
	"real drain " TCP6 " 2001:db8:1::2",
	"vip add " UDP4 " flags=flow-migration",
	"real add " UDP4 " 203.0.113.1",
	"real down " UDP4 " 203.0.113.1",
	"vip add tcp/198.51.100.0/24",
	"server-id add 7 203.0.113.9",
	"source add 10.0.0.0/8 203.0.113.8",
	"source add 2001:db8:5::/48 2001:db8:1::8",
	"tunnel add 192.0.2.9",
	"tunnel add 2001:db8::9",
};

static void run_all(const char *const *lines, size_t count)
{
	for (size_t i = 0; i < count; i++)
		program_bed_assert_runs(&lb_bed, lines[i], "");
}

#define RUN_ALL(lines) run_all(lines, sizeof(lines) / sizeof((lines)[0]))

static int set_up(void **state)
{
	lb_bed_set_up(state);
	RUN_ALL(all);
	return 0;
}

static bool is_empty(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lb_bed.object, name);
	unsigned char key[64];

	assert_true(fd >= 0);
	return bpf_map_get_next_key(fd, NULL, key) != 0;
}

static void assert_empty(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!is_empty(names[i]))
			fail_msg("%s has elements", names[i]);
}

static void every_map_has_something_to_begin_with(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (is_empty(names[i]))
			fail_msg("%s has no elements", names[i]);
}

static void what_is_deleted_leaves_nothing(void **state)
{
	static const char *const lines[] = {
		"vip del " TCP4 " " TCP6 " " UDP4 " " PREFIX,
		"server-id del 7",
		"source del 10.0.0.0/8",
		"source del 2001:db8:5::/48",
		"tunnel del 192.0.2.9",
		"tunnel del 2001:db8::9",
	};

	(void)state;
	RUN_ALL(lines);
	assert_empty();
}

/* The VIPs stay: what follows from how they are goes all the same. */
static void what_is_taken_back_leaves_nothing(void **state)
{
	static const char *const lines[] = {
		"vip set " TCP4 " encap=ipip",
		"real del " TCP6 " 2001:db8:1::1",
		"vip set " TCP6 " encap=ipip table=flows",
		"real up " UDP4 " 203.0.113.1",
	};

	(void)state;
	RUN_ALL(lines);
	assert_true(is_empty(LB_RETURNS4_NAME));
	assert_true(is_empty(LB_RETURNS6_NAME));
	assert_true(is_empty(LB_DOWN_NAME));
	assert_true(is_empty(LB_PREVIOUS_NAME));
	assert_false(is_empty(LB_RINGS_NAME));
}

static void an_empty_file_leaves_nothing(void **state)
{
	FILE *file = fopen("build/lb_empty.json", "w");

	(void)state;
	assert_non_null(file);
	fputs("{\"version\": 1, \"settings\": {\"gateway\": \"\", \"gue_port\": 6080, "
	      "\"source4\": \"\", \"source6\": \"\", \"new_flows\": 1}, \"reals\": [], "
	      "\"vips\": [], \"server_ids\": [], \"sources\": [], \"tunnels\": []}",
	      file);
	assert_int_equal(fclose(file), 0);
	program_bed_assert_runs(&lb_bed, "restore build/lb_empty.json", "");
	assert_empty();
	remove("build/lb_empty.json");
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, lb_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(every_map_has_something_to_begin_with);
	ADD(what_is_deleted_leaves_nothing);
	ADD(what_is_taken_back_leaves_nothing);
	ADD(an_empty_file_leaves_nothing);
	return tap_run(&plan, "lb_empty", 1);
}
