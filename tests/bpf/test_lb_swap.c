/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rings change while packets go through, on another CPU where there is one: each packet is sent
 * by the ring before the change or by the one after it, and none is dropped.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/bpf.h>

#include "programs/lb/lb.h"
#include "tests/support/packet.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define VIPS 3
#define SECONDS 3
#define CHANGES_MIN 10

/* Its reals are 203.0.113.(10 N) and the one after it, one of them at a time. */
struct traffic {
	struct packet packet;
	unsigned long seen[2];
	unsigned long lost; /* neither of them */
};

static struct program_bed bed;
static struct traffic traffic[VIPS];
static bool is_over;

static int set_up(void **state)
{
	(void)state;
	program_bed_open(&bed, &lb_cli, progrun_open("bpf/lb.bpf.o"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	return 0;
}

static void add_vip(int vip, const char *settings)
{
	char line[160];

	snprintf(line, sizeof(line), "vip add tcp/192.0.2.%d:80 %s", vip, settings);
	program_bed_assert_runs(&bed, line, "");
	snprintf(line, sizeof(line), "real add tcp/192.0.2.%d:80 203.0.113.%d", vip, 10 * vip);
	program_bed_assert_runs(&bed, line, "");
}

static void send_one(int fd, struct traffic *one, int vip)
{
	struct progrun result = {};
	int real;

	if (progrun_packet(fd, &one->packet, &result) || result.verdict != XDP_TX) {
		one->lost++;
		return;
	}
	real = result.bytes[14 + 19] - 10 * vip;
	if (real == 0 || real == 1)
		one->seen[real]++;
	else
		one->lost++;
}

static void *send_packets(void *arg)
{
	int fd = progrun_fd(bed.object, "lb");

	(void)arg;
	while (!__atomic_load_n(&is_over, __ATOMIC_RELAXED))
		for (int n = 0; n < VIPS; n++)
			send_one(fd, &traffic[n], n + 1);
	return NULL;
}

static void build_packets(void)
{
	char vip[32];

	memset(traffic, 0, sizeof(traffic));
	is_over = false;
	for (int n = 0; n < VIPS; n++) {
		struct packet *p = &traffic[n].packet;

		snprintf(vip, sizeof(vip), "192.0.2.%d", n + 1);
		packet_start(p, "hello", 5);
		packet_tcp(p, 1024, 80, 2);
		packet_ip4(p, &(struct packet_ip4){ .src = "198.51.100.7", .dst = vip });
		packet_eth(p);
	}
}

/* All VIPs in one commit: the real that each has goes, the other one comes. */
static void swap_reals(bool is_back)
{
	struct lb_real_spec specs[2] = { { .weight = 1 }, { .weight = 1 } };
	struct lb lb = LB_CLOSED;
	struct lb_vip_name name;
	struct slot_reason why;
	char text[32];

	assert_int_equal(lb_open(PROGRAM_BED_DIR, true, &why, &lb), 0);
	for (int n = 1; n <= VIPS; n++) {
		snprintf(text, sizeof(text), "tcp/192.0.2.%d:80", n);
		assert_int_equal(lb_vip_name_parse(text, &why, &name), 0);
		for (int i = 0; i < 2; i++) {
			snprintf(text, sizeof(text), "203.0.113.%d", 10 * n + i);
			assert_int_equal(lb_address_parse(text, &why, &specs[i].host), 0);
		}
		assert_int_equal(lb_real_add(&lb.model, &name, &specs[!is_back], &why), 0);
		assert_int_equal(lb_real_del(&lb.model, &name, &specs[is_back].host, &why), 0);
	}
	assert_int_equal(lb_commit(&lb, &why), 0);
	lb_close(&lb);
}

static void assert_swaps_lose_nothing(const char *settings)
{
	time_t until = time(NULL) + SECONDS;
	pthread_t sender;
	int changes = 0;

	program_bed_assert_runs(&bed, "set gateway=02:00:00:00:00:fe", "");
	for (int n = 1; n <= VIPS; n++)
		add_vip(n, settings);
	build_packets();
	assert_int_equal(pthread_create(&sender, NULL, send_packets, NULL), 0);
	for (; time(NULL) < until || changes < CHANGES_MIN; changes++)
		swap_reals(changes % 2);
	__atomic_store_n(&is_over, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	for (int n = 0; n < VIPS; n++) {
		print_message("# %d changes, %lu and %lu packets by each real\n", changes,
			      traffic[n].seen[0], traffic[n].seen[1]);
		assert_true(traffic[n].seen[0] && traffic[n].seen[1]);
		assert_int_equal(traffic[n].lost, 0);
	}
}

static void by_the_ring_alone(void **state)
{
	(void)state;
	assert_swaps_lose_nothing("flags=no-table");
}

static void by_the_table(void **state)
{
	(void)state;
	assert_swaps_lose_nothing("table=flows");
}

static void by_transitions(void **state)
{
	(void)state;
	assert_swaps_lose_nothing("table=transitions");
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(by_the_ring_alone);
	ADD(by_the_table);
	ADD(by_transitions);
	return tap_run(&plan, "lb_swap", 1);
}
