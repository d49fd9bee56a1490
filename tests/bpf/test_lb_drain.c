/* SPDX-License-Identifier: GPL-2.0-only */
/* What becomes of a real's flows when it is drained, marked down and deleted, in every mode. */
#include <stdio.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/support/packet.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define SYN 2
#define ACK 16
#define REALS "203.0.113."
/* Of each row's own, as the flow table lives on; the program takes its time to load. */
#define PORTS_FIRST 1024
#define PORTS_A_ROW 2000

enum kind {
	TCP,
	UDP,
	QUIC, /* with the server id of real 1, but for the first packet */
};

struct row {
	const char *name;
	const char *settings; /* of the VIP */
	enum kind kind;
	const char *command; /* about real 1 */
	int old;	     /* the real of a flow that began before, at real 1 */
	const char *then;    /* a second command; NULL: none */
	int last;	     /* the old flow's real after that */
};

#define DRAIN "drain"
#define DOWN "down"
#define DEL "del"

static const struct row rows[] = {
	{ "drain, flows, TCP", "", TCP, DRAIN, 1, DEL, 2 },
	{ "drain, flows, UDP", "", UDP, DRAIN, 1, DEL, 2 },
	{ "drain, transitions, TCP", "table=transitions", TCP, DRAIN, 1, DEL, 2 },
	{ "drain, transitions, UDP", "table=transitions", UDP, DRAIN, 1, DEL, 2 },
	{ "drain, no window, TCP", "table=transitions window=0", TCP, DRAIN, 2, NULL, 0 },
	{ "drain, no table, TCP", "flags=no-table", TCP, DRAIN, 2, NULL, 0 },
	{ "drain, no table, UDP", "flags=no-table", UDP, DRAIN, 2, NULL, 0 },
	{ "drain, QUIC id", "flags=quic", QUIC, DRAIN, 1, DEL, 1 },
	{ "down, flows, TCP", "", TCP, DOWN, 1, DEL, 2 },
	{ "down, flows, UDP", "", UDP, DOWN, 1, DEL, 2 },
	{ "down, flow migration, UDP", "flags=flow-migration", UDP, DOWN, 2, NULL, 0 },
	{ "down, flow migration, TCP", "flags=flow-migration", TCP, DOWN, 1, NULL, 0 },
	{ "down, transitions, TCP", "table=transitions", TCP, DOWN, 2, NULL, 0 },
	{ "down, QUIC id", "flags=quic", QUIC, DOWN, 1, NULL, 0 },
	{ "del, flows, TCP", "", TCP, DEL, 2, NULL, 0 },
	{ "del, flows, UDP", "", UDP, DEL, 2, NULL, 0 },
	{ "del, transitions, TCP", "table=transitions", TCP, DEL, 2, NULL, 0 },
	{ "drain and back, transitions, TCP", "table=transitions", TCP, DRAIN, 1, "undrain", 1 },
};

static struct program_bed bed;

static void run(const char *command, const char *vip, const char *rest)
{
	char line[160];

	snprintf(line, sizeof(line), "%s %s %s", command, vip, rest);
	program_bed_assert_runs(&bed, line, "");
}

/* The last byte of the real that a packet of the flow goes to: its first one, or a later one. */
static int real_of(const struct row *row, uint16_t sport, bool is_first)
{
	static const unsigned char initial[20] = { 0xc0 }, with_id[20] = { 0x40, 0x80, 0, 0, 7 };
	struct progrun result = {};
	struct packet p;

	packet_start(&p, row->kind == QUIC && !is_first ? with_id : initial, sizeof(initial));
	if (row->kind == TCP)
		packet_tcp(&p, sport, 443, is_first ? SYN : ACK);
	else
		packet_udp(&p, sport, 443);
	packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.7", .dst = "192.0.2.1" });
	packet_eth(&p);
	assert_int_equal(progrun_packet(progrun_fd(bed.object, "lb"), &p, &result), 0);
	assert_int_equal(result.verdict, XDP_TX);
	return result.bytes[14 + 19];
}

static void run_row(void **state)
{
	const struct row *row = *state;
	const char *vip = row->kind == TCP ? "tcp/192.0.2.1:443" : "udp/192.0.2.1:443";
	uint16_t port = PORTS_FIRST + PORTS_A_ROW * (uint16_t)(row - rows), other = port + 1000;
	char command[32];

	if (!bed.object)
		program_bed_open(&bed, &lb_cli, progrun_open("bpf/lb.bpf.o"));
	run("set", "gateway=02:00:00:00:00:fe", "");
	run("vip add", vip, row->settings);
	run("real add", vip, REALS "1");
	run("real add", vip, REALS "2");
	if (row->kind == QUIC)
		run("server-id add", "7", REALS "1");
	while (real_of(row, port, true) != 1)
		port++;
	assert_int_equal(real_of(row, port, false), 1);

	snprintf(command, sizeof(command), "real %s", row->command);
	run(command, vip, REALS "1");
	assert_int_equal(real_of(row, port, false), row->old);
	for (int i = 0; i < 64; i++)
		assert_int_equal(real_of(row, other++, true), 2);
	if (row->then) {
		snprintf(command, sizeof(command), "real %s", row->then);
		run(command, vip, REALS "1");
		assert_int_equal(real_of(row, port, false), row->last);
	}
	run("vip del", vip, "");
	if (row->kind == QUIC)
		run("server-id del", "7", "");
}

int main(void)
{
	struct tap_plan plan = {};

	int status;

	TAP_ADD_TABLE(&plan, run_row, rows);
	status = tap_run(&plan, "lb_drain", 1);
	if (bed.object)
		program_bed_close(&bed);
	return status;
}
