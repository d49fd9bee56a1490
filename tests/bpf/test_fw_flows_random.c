/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random frames, sound and spoiled, through fw_egress, and what would answer them through a
 * firewall that denies all but replies: beside a plain reference. Nothing is changed or
 * dropped on its way out, and nothing passes that the reference drops.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include "bpf/fw_egress/fw_egress_abi.h"
#include "programs/shared/counts.h"
#include "tests/support/draw.h"
#include "tests/support/fw_case.h"
#include "tests/support/fw_draw.h"
#include "tests/support/fw_flow_case.h"
#include "tests/support/fw_reading.h"
#include "tests/support/fw_reference_flows.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define PACKETS 4000
#define ALL 5 /* times as many in make test-all */
#define REPLY_SECONDS 3600
/* Test runs of TC programs take no IP packet without a whole header. */
#define SHORTEST 54

struct bed {
	struct fw_flow_case programs;
	struct fw_reference_flows flows;
	struct fw_draw draw;
	unsigned int replies, others;
};

static __u64 count_flow_packets(struct bed *bed)
{
	int fd = fw_flow_case_map(bed->programs.egress, FW_EGRESS_COUNTS_NAME);
	struct slot_count counts[FW_EGRESS_COUNTS_SIZE];
	struct slot_reason why = {};

	assert_int_equal(program_counts_get(fd, FW_EGRESS_COUNTS_SIZE, &why, counts), 0);
	return counts[FW_EGRESS_NEW].packets + counts[FW_EGRESS_KNOWN].packets;
}

static void send_out(struct bed *bed, const uint8_t *frame, size_t len)
{
	__u64 before = count_flow_packets(bed), flows;
	bool is_in_flow;
	struct packet p;

	if (len < SHORTEST)
		return;
	packet_start(&p, frame, len);
	fw_flow_case_out(&bed->programs, &p);
	flows = count_flow_packets(bed) - before;
	is_in_flow = fw_reference_sent(&bed->flows, frame, len);
	if (flows != is_in_flow)
		print_error("sent, %zu bytes: %llu in a flow, wanted %d\n", len, flows, is_in_flow);
	assert_int_equal(flows, is_in_flow);
}

/* Errors may quote a known flow, which is for test_fw_flows. */
static bool is_icmp_error(const uint8_t *frame, size_t len)
{
	struct fw_reading r;

	if (fw_reading_read(frame, len, false, &r) != FW_READ || r.icmp_type < 0)
		return false;
	return r.proto == FW_READING_ICMP6 ?
		       r.icmp_type >= 1 && r.icmp_type <= 4 :
		       r.icmp_type == 3 || r.icmp_type == 11 || r.icmp_type == 12;
}

static void bring_in(struct bed *bed, const uint8_t *frame, size_t len)
{
	bool is_reply = fw_reference_is_reply(&bed->flows, frame, len);
	struct progrun run = {};
	struct packet p;
	uint32_t wanted;
	long rule;

	if (len < SHORTEST || is_icmp_error(frame, len))
		return;
	wanted = is_reply || fw_reference_judge(NULL, 0, false, frame, len, 1, &rule) ==
					 FW_REFERENCE_PASS ?
			 XDP_PASS :
			 XDP_DROP;
	packet_start(&p, frame, len);
	assert_int_equal(progrun_packet(bed->programs.firewall_fd, &p, &run), 0);
	if (run.verdict != wanted)
		print_error("came in, %zu bytes: verdict %u, wanted %u, seed %llu\n", len,
			    run.verdict, wanted, (unsigned long long)draw_told());
	assert_int_equal(run.verdict, wanted);
	bed->replies += is_reply;
	bed->others += wanted == XDP_DROP;
}

static void send_and_answer(struct bed *bed, bool is_spoiled)
{
	uint8_t frame[FW_DRAW_FRAME_MAX];
	struct fw_reference_rule rule;
	size_t len;

	fw_draw_rule(&bed->draw, &rule);
	len = fw_draw_frame(&bed->draw, &rule, is_spoiled, frame);
	send_out(bed, frame, len);
	fw_reference_turn(frame, len);
	bring_in(bed, frame, len);
	frame[fw_draw_below(&bed->draw, (uint32_t)len)] ^=
		(uint8_t)(1 << fw_draw_below(&bed->draw, 8));
	bring_in(bed, frame, len);
}

static void run_frames(bool is_spoiled)
{
	struct bed bed = {
		.programs = fw_flow_case_open(REPLY_SECONDS),
		.draw.seed = draw_seed(is_spoiled),
	};
	unsigned int i, packets = PACKETS * (unsigned int)fw_case_scale(ALL);

	for (i = 0; i < packets; i++)
		send_and_answer(&bed, is_spoiled);
	/* Both happen often, or the frames show nothing. */
	assert_true(bed.replies > packets / 10);
	assert_true(bed.others > packets / 10);
	fw_flow_case_close(&bed.programs);
	fw_reference_flows_free(&bed.flows);
}

static void sound_frames_and_their_answers(void **state)
{
	(void)state;
	run_frames(false);
}

static void spoiled_frames_and_their_answers(void **state)
{
	(void)state;
	run_frames(true);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, sound_frames_and_their_answers, NULL, NULL);
	TAP_ADD(&plan, spoiled_frames_and_their_answers, NULL, NULL);
	return tap_run(&plan, "fw_flows_random", 1);
}
