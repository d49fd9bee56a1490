/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Packets at random for each kind of VIP (lb_random.scenario), with everything in lb_config
 * off and on: nothing is aborted, nothing comes out that is no packet, all is counted once.
 *
 * SLOTD_SEED draws others. A million for each kind with SLOTD_FAULTS=all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "tests/support/draw.h"
#include "tests/support/lb_random.h"
#include "tests/support/lb_scenario.h"
#include "tests/support/tap.h"

#define SCENARIO "tests/bpf/lb_random.scenario"
#define ROWS_MAX (2 * LB_SETUP_VIPS)
#define PACKETS_ALL 500000 /* with each of the two settings */
#define PACKETS_SOME 40000
#define PACKETS_VM 1000
#define ETH_LEN 14
#define VERDICTS 4

static const struct lb_config configs[2] = {
	{ .tcp_option_kind = 0xb7, .mtu = 1500 },
	{ .too_big = true,
	  .decap = true,
	  .tcp_server_id = true,
	  .tcp_option_kind = 0xb7,
	  .mtu = 1500 },
};

struct row {
	const char *name;
	char title[128];
	unsigned int config; /* of configs */
	unsigned int vip;
};

/* The load balancer with one of the settings, whose scenario is set up. */
static struct place {
	const struct lb_config *config;
	struct lb_case lb;
	struct lb_scenario scenario;
	int prog_fd;
} place;

static unsigned int get_packets(void)
{
	const char *tier = getenv("SLOTD_TIER"), *faults = getenv("SLOTD_FAULTS");

	if (tier && !strcmp(tier, "vm"))
		return PACKETS_VM;
	return faults && !strcmp(faults, "all") ? PACKETS_ALL : PACKETS_SOME;
}

static void leave_place(void)
{
	if (!place.config)
		return;
	lb_scenario_close(&place.scenario);
	lb_case_close(&place.lb);
	place.config = NULL;
}

static void enter_place(const struct lb_config *config)
{
	if (place.config == config)
		return;
	leave_place();
	lb_scenario_read(&place.scenario, SCENARIO);
	lb_case_open(&place.lb);
	lb_case_load(&place.lb, config);
	lb_scenario_start(&place.scenario, place.lb.object);
	place.prog_fd = progrun_fd(place.lb.object, "lb");
	place.config = config;
}

/* --- what is counted ------------------------------------------------------------------------- */

struct tally {
	__u64 verdicts[VERDICTS];
	__u64 long_ones; /* sent, and longer than the way to the reals */
};

static __u64 count_from_to(int from, int to)
{
	__u64 sum = 0;

	for (; from < to; from++)
		sum += lb_case_count(&place.lb, (enum lb_counter)from);
	return sum;
}

static struct tally get_tally(void)
{
	return (struct tally){
		.verdicts[XDP_PASS] = count_from_to(0, LB_FIRST_SENT),
		.verdicts[XDP_TX] = count_from_to(LB_FIRST_SENT, LB_FIRST_DROP),
		.verdicts[XDP_DROP] = count_from_to(LB_FIRST_DROP, LB_TABLE_PACKETS),
		.long_ones = lb_case_count(&place.lb, LB_SENT_LONG),
	};
}

/* --- what comes out -------------------------------------------------------------------------- */

static bool is_packet(const struct progrun *run)
{
	unsigned int type = (unsigned int)run->bytes[12] << 8 | run->bytes[13];

	return (type == 0x0800 && run->len >= ETH_LEN + 20) ||
	       (type == 0x86dd && run->len >= ETH_LEN + 40);
}

/* What is wrong with it, or NULL. */
static const char *judge(struct packet *in, bool is_whole, const struct progrun *run)
{
	switch (run->verdict) {
	case XDP_DROP:
		return NULL;
	case XDP_PASS:
		if (run->len == in->len && !memcmp(run->bytes, packet_bytes(in), in->len))
			return NULL;
		if (!place.config->decap || run->len >= in->len)
			return "what passes was changed";
		break;
	case XDP_TX:
		break;
	default:
		return "this verdict is none";
	}
	if (!is_packet(run))
		return "what comes out has no header";
	if (is_whole && !lb_random_is_sound(run->bytes + ETH_LEN, run->len - ETH_LEN))
		return "what comes out of a sound packet is not sound";
	return NULL;
}

static void print_bytes(const char *what, const unsigned char *bytes, size_t len)
{
	print_message("#   %s ", what);
	for (size_t i = 0; i < len; i++)
		print_message("%02x", bytes[i]);
	print_message("\n");
}

static void run_packet(struct lb_random *random, const struct lb_setup_vip *vip, const char *real,
		       struct tally *tally)
{
	struct progrun run;
	const char *wrong;
	struct packet p;
	bool is_whole;

	is_whole = lb_random_packet(random, &vip->spec, real, &p);
	assert_int_equal(progrun_packet(place.prog_fd, &p, &run), 0);
	wrong = judge(&p, is_whole, &run);
	if (wrong) {
		print_bytes("packet", packet_bytes(&p), p.len);
		print_bytes("found ", run.bytes, run.len);
		fail_msg("%s (verdict %u, seed %llu)", wrong, run.verdict,
			 (unsigned long long)draw_told());
	}
	tally->verdicts[run.verdict]++;
	tally->long_ones += run.verdict == XDP_TX && run.len > (size_t)ETH_LEN + place.config->mtu;
}

/* The first real of the VIP, as a text of the VIP's family. */
static const char *find_real(const struct lb_setup_vip *vip)
{
	bool is_ip6 = strchr(vip->addr, ':'), is_rewriting = vip->spec.vip.encap == LB_REWRITE;

	if (is_rewriting)
		return is_ip6 ? "2001:db8:f::11" : "192.0.2.11";
	return is_ip6 ? "2001:db8:f::1" : "192.0.2.1";
}

static void run_row(void **state)
{
	const struct row *row = *state;
	struct lb_random random = { .state = draw_told() + row->vip + row->config * 1000 };
	unsigned int i, packets = get_packets();
	const struct lb_setup_vip *vip;
	struct tally tally = {}, before, after;

	enter_place(&configs[row->config]);
	vip = &place.scenario.setup.vips[row->vip];
	before = get_tally();
	for (i = 0; i < packets; i++)
		run_packet(&random, vip, find_real(vip), &tally);
	after = get_tally();
	for (i = XDP_DROP; i < VERDICTS; i++)
		assert_int_equal(after.verdicts[i] - before.verdicts[i], tally.verdicts[i]);
	assert_int_equal(after.long_ones - before.long_ones, tally.long_ones);
	/* A draw that nothing comes of would test nothing. */
	assert_true(tally.verdicts[XDP_PASS] && tally.verdicts[XDP_DROP]);
	assert_true(!vip->count || tally.verdicts[XDP_TX] > packets / 16);
}

/* --- which rows ------------------------------------------------------------------------------ */

/* A row for each VIP of the scenario, named by its line. */
static size_t add_rows(struct row *rows, size_t count, unsigned int config)
{
	struct lb_scenario *scenario = &place.scenario;
	unsigned int i, vip = 0;

	lb_scenario_read(scenario, SCENARIO);
	for (i = 0; i < scenario->count; i++) {
		struct row *row = &rows[count];

		if (strncmp(scenario->lines[i], "vip ", 4) != 0)
			continue;
		assert_true(count++ < ROWS_MAX);
		snprintf(row->title, sizeof(row->title), "settings %s: %s", config ? "on" : "off",
			 scenario->lines[i] + 4);
		row->name = row->title;
		row->config = config;
		row->vip = vip++;
	}
	lb_scenario_close(scenario);
	return count;
}

int main(void)
{
	static struct row rows[ROWS_MAX];
	struct tap_plan plan = {};
	size_t count;
	int status;

	count = add_rows(rows, 0, 0);
	count = add_rows(rows, count, 1);
	print_message("# %u packets each, seed %llu\n", get_packets(),
		      (unsigned long long)draw_told());
	tap_add_table(&plan, &(struct CMUnitTest){ .test_func = run_row }, rows, count,
		      sizeof(*rows));
	status = tap_run(&plan, "lb random", 1);
	leave_place();
	return status;
}
