/* SPDX-License-Identifier: GPL-2.0-only */
/* Which of handoff's rules are over, and which are not yet. */
#include "programs/handoff/maps/handoff_sweep.h"
#include "tests/support/tap.h"

#define S 1000000000ULL
#define NOW (100000 * S)
#define LINGER (60 * S)
#define HALF (120 * S)
#define IDLE (14400 * S)

struct row {
	const char *name;
	struct handoff_rule rule;
	__u64 device_ns;
	enum handoff_over over;
};

#define QUIET(ns, bits) .since_ns = NOW - 2 * IDLE, .use = { .last_ns = NOW - (ns), .seen = (bits) }
#define BLOCKED(ns) .ingress = HANDOFF_BLOCK, .deadline_ns = NOW - (ns), .since_ns = NOW - (ns)

static const struct row rows[] = {
	{ "a_connection_with_packets_stays", { QUIET(S, 0) }, 0, HANDOFF_NOT_OVER },
	{ "a_quiet_one_stays", { QUIET(IDLE - 1, 0) }, 0, HANDOFF_NOT_OVER },
	{ "one_that_is_quiet_for_long_is_idle", { QUIET(IDLE, 0) }, 0, HANDOFF_IDLE },
	{ "a_rule_without_packets_is_idle_by_its_last_step",
	  { .since_ns = NOW - IDLE },
	  0,
	  HANDOFF_IDLE },
	{ "a_rule_that_was_just_made_stays", { .since_ns = NOW }, 0, HANDOFF_NOT_OVER },
	{ "what_the_device_sends_on_is_not_idle", { QUIET(IDLE, 0) }, NOW - S, HANDOFF_NOT_OVER },
	{ "a_packet_after_the_clock_was_read_is_no_age",
	  { .since_ns = S, .use = { .last_ns = NOW + S } },
	  0,
	  HANDOFF_NOT_OVER },

	{ "a_reset_of_this_host_lingers",
	  { QUIET(LINGER - 1, HANDOFF_LOCAL_RST) },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_reset_of_the_client_lingers_for_longer",
	  { QUIET(HALF - 1, HANDOFF_CLIENT_RST) },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_reset_of_the_client_ends_it_after_all",
	  { QUIET(HALF, HANDOFF_CLIENT_RST) },
	  0,
	  HANDOFF_HALF },
	{ "what_may_be_a_new_one_does_not_end_it",
	  { QUIET(LINGER, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED) },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_reset_of_this_host_ends_it", { QUIET(LINGER, HANDOFF_LOCAL_RST) }, 0, HANDOFF_ENDED },
	{ "both_ends_said_end_it",
	  { QUIET(LINGER, HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN) },
	  0,
	  HANDOFF_ENDED },
	{ "one_end_said_stays_for_longer",
	  { QUIET(LINGER, HANDOFF_CLIENT_FIN) },
	  0,
	  HANDOFF_NOT_OVER },
	{ "one_end_said_ends_it_after_all", { QUIET(HALF, HANDOFF_CLIENT_FIN) }, 0, HANDOFF_HALF },
	{ "this_hosts_end_alone_is_the_same", { QUIET(HALF, HANDOFF_LOCAL_FIN) }, 0, HANDOFF_HALF },
	{ "a_port_that_is_used_again_ends_it",
	  { QUIET(LINGER, HANDOFF_CLIENT_RST | HANDOFF_REUSED) },
	  0,
	  HANDOFF_ENDED },

	{ "a_block_before_its_deadline_stays_whatever_was_seen",
	  { .ingress = HANDOFF_BLOCK, .deadline_ns = NOW, QUIET(IDLE, HANDOFF_CLIENT_RST) },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_block_lingers_after_its_deadline", { BLOCKED(LINGER - 1) }, 0, HANDOFF_NOT_OVER },
	{ "a_block_is_over_then", { BLOCKED(LINGER) }, 0, HANDOFF_EXPIRED },
	{ "what_passes_it_does_not_keep_it",
	  { BLOCKED(LINGER), .use = { .last_ns = NOW } },
	  0,
	  HANDOFF_EXPIRED },
	{ "what_is_rewritten_keeps_it",
	  { BLOCKED(LINGER), .egress = HANDOFF_REWRITE, .use = { .last_ns = NOW } },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_block_that_rewrites_is_over_when_quiet",
	  { BLOCKED(LINGER), .egress = HANDOFF_REWRITE },
	  0,
	  HANDOFF_EXPIRED },
	{ "a_block_without_a_deadline_stays",
	  { .ingress = HANDOFF_BLOCK, .since_ns = NOW - LINGER },
	  0,
	  HANDOFF_NOT_OVER },
	{ "a_block_without_a_deadline_is_idle_at_last",
	  { .ingress = HANDOFF_BLOCK, .since_ns = NOW - IDLE },
	  0,
	  HANDOFF_IDLE },
};

static void check_row(void **state)
{
	static const struct handoff_sweep sweep = { LINGER, HALF, IDLE };
	const struct row *row = *state;

	assert_int_equal(handoff_sweep_judge(&sweep, &row->rule, row->device_ns, NOW), row->over);
}

int main(void)
{
	struct tap_plan plan = { 0 };

	TAP_ADD_TABLE(&plan, check_row, rows);
	return tap_run(&plan, "handoff_sweep", 0);
}
