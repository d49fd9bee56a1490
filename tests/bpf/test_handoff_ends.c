/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handoff: what is told of a connection's end by its packets, and that others who send some in
 * the client's name do not end it.
 */
#include <errno.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/clock.h"
#include "tests/support/handoff_case.h"
#include "tests/support/tap.h"

#define ID 0x1234
#define OTHER_ID 0x4321
#define NS_PER_S 1000000000LL
#define CLIENT "198.51.100.7"
#define LOCAL "203.0.113.80"
#define CLIENT_PORT 40000
#define LOCAL_PORT 443
#define TARGET "192.0.2.33"
#define STEPS_MAX 8
#define IN_USE (-60) /* for quiet_s: however slow the test is */

#define ACK HANDOFF_ACK
#define FIN (HANDOFF_ACK | HANDOFF_FIN)
#define RST HANDOFF_RST
#define SYN HANDOFF_SYN
#define ANSWER (HANDOFF_SYN | HANDOFF_ACK)

#define AT 0xfffffff0U /* the client's next number */
#define ELSE 0x5eed0000U
#define NEW 0x11220000U
#define OURS 0x33440000U

/* One packet, and what the rule remembers after it. */
struct step {
	uint8_t flags; /* 0: no more steps */
	uint32_t seq, ack;
	size_t payload;
	enum {
		SENT_ON,
		HERE,
		EARLY, /* dropped */
		OUT
	} where; /* it goes; OUT: it is this host's own */
	uint32_t seen;
	int quiet_s; /* before it */
};

struct row {
	const char *name;
	struct step steps[STEPS_MAX];
};

static const struct row rows[] = {
	{ "a_fin_ends_one_side",
	  { { ACK, AT, 0, 10, SENT_ON, 0, 0 },
	    { FIN, AT + 10, 0, 20, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT + 31, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { FIN, AT + 10, 0, 20, SENT_ON, HANDOFF_CLIENT_FIN, 0 } } },
	{ "what_was_sent_before_a_fin_may_come_after_it",
	  { { FIN, AT + 10, 0, 20, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT, 0, 10, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT + 30, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 } } },
	{ "a_rst_ends_it_after_a_fin_too",
	  { { FIN, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { RST, AT + 1, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_RST, 0 } } },
	{ "a_rst_is_forgotten_when_the_client_goes_on",
	  { { RST, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { RST | ACK, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { ACK, AT, 0, 0, SENT_ON, 0, 0 } } },
	{ "a_fin_is_forgotten_when_data_go_on_behind_it",
	  { { FIN, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT, 0, 100, SENT_ON, 0, 0 } } },
	{ "a_fin_of_other_numbers_is_forgotten",
	  { { FIN, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT, 0, 0, SENT_ON, 0, 0 } } },
	{ "a_fin_far_ahead_is_forgotten",
	  { { FIN, AT + (1 << 21), 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT, 0, 10, SENT_ON, 0, 0 } } },
	{ "the_clients_own_fin_counts_after_one_of_others",
	  { { FIN, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { FIN, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { ACK, AT + 1, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 } } },
	{ "a_syn_with_fin_ends_nothing", { { SYN | HANDOFF_FIN, AT, 0, 0, SENT_ON, 0, 0 } } },
	{ "a_syn_ends_nothing_of_a_connection_in_use",
	  { { ACK, AT, 0, 10, SENT_ON, 0, 0 },
	    { SYN, NEW, 0, 0, SENT_ON, 0, 60 },
	    { FIN, AT + 10, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { SYN, NEW, 0, 0, EARLY, HANDOFF_CLIENT_FIN, IN_USE },
	    { SYN | HANDOFF_ACK, NEW, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 } } },
	{ "one_that_comes_too_early_does_so_again",
	  { { RST, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { SYN, NEW, 0, 0, EARLY, HANDOFF_CLIENT_RST, IN_USE },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 2 } } },
	{ "a_client_that_begins_anew_is_served_here",
	  { { FIN, AT, 0, 0, SENT_ON, HANDOFF_CLIENT_FIN, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_SYN, 2 },
	    { ANSWER, OURS, NEW + 1, 0, OUT,
	      HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED, 0 },
	    { ACK, NEW + 1, OURS + 1, 0, HERE,
	      HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED | HANDOFF_REUSED, 0 },
	    { ACK, NEW + 1, OURS + 900, 100, HERE,
	      HANDOFF_CLIENT_FIN | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED | HANDOFF_REUSED, 0 } } },
	{ "a_rst_and_a_syn_of_others_end_nothing",
	  { { RST, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 2 },
	    { ANSWER, OURS, NEW + 1, 0, OUT,
	      HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED, 0 },
	    /* the client objects to the answer */
	    { ACK, AT, 77, 0, SENT_ON, 0, 0 },
	    { ACK, NEW + 1, OURS + 1, 0, SENT_ON, 0, 0 } } },
	{ "nor_does_what_follows_the_syn_without_the_answers_number",
	  { { RST, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 2 },
	    { ANSWER, OURS, NEW + 1, 0, OUT,
	      HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN | HANDOFF_ANSWERED, 0 },
	    { ACK, NEW + 1, ELSE, 0, SENT_ON, 0, 0 } } },
	{ "nor_what_follows_it_before_the_answer",
	  { { RST, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 2 },
	    { ACK, NEW + 1, 0, 0, SENT_ON, 0, 0 } } },
	{ "what_this_host_says_to_a_syn_is_not_of_the_connection",
	  { { RST, ELSE, 0, 0, SENT_ON, HANDOFF_CLIENT_RST, 0 },
	    { SYN, NEW, 0, 0, HERE, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 2 },
	    { RST | ACK, 0, NEW + 1, 0, OUT, HANDOFF_CLIENT_RST | HANDOFF_CLIENT_SYN, 0 } } },
	{ "an_answer_to_no_syn_is_nothing", { { ANSWER, OURS, NEW + 1, 0, OUT, 0, 0 } } },
};

static struct handoff_pair bed;
static struct handoff_key key;

static int set_up(void **state)
{
	struct handoff_target target = {};

	(void)state;
	handoff_pair_open(&bed);
	handoff_address(CLIENT, CLIENT_PORT, key.client, &key.client_port);
	handoff_address(LOCAL, LOCAL_PORT, key.local, &key.local_port);
	handoff_address(TARGET, LOCAL_PORT, target.address, &target.port);
	assert_int_equal(handoff_rules_redirect(&bed.rules, &key, ID, &target), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_pair_close(&bed);
	return 0;
}

static struct handoff_rule get_rule(void)
{
	struct handoff_rule rule = {};

	assert_int_equal(handoff_rules_get(&bed.rules, &key, &rule), 0);
	return rule;
}

/* As if the last packet of the connection had been @ns ago. Returns when that was. */
static uint64_t set_silent(int64_t ns)
{
	struct handoff_rule rule = get_rule();

	rule.use.last_ns = slot_clock_ns() - (uint64_t)ns;
	assert_int_equal(bpf_map_update_elem(bed.rules.table, &key, &rule, BPF_EXIST), 0);
	return rule.use.last_ns;
}

static void take(const struct step *step)
{
	bool is_out = step->where == OUT;
	const struct handoff_spec spec = {
		.src = is_out ? LOCAL : CLIENT,
		.dst = is_out ? CLIENT : LOCAL,
		.sport = is_out ? LOCAL_PORT : CLIENT_PORT,
		.dport = is_out ? CLIENT_PORT : LOCAL_PORT,
		.seq = step->seq,
		.ack = step->ack,
		.payload = step->payload,
		.flags = step->flags,
	};
	struct packet p;
	struct progrun out;
	int fd = is_out ? progrun_fd(bed.out, "handoff_out") : progrun_fd(bed.in, "handoff");

	if (step->quiet_s)
		set_silent(step->quiet_s * NS_PER_S);
	handoff_spec_build(&spec, &p);
	assert_int_equal(progrun_packet(fd, &p, &out), 0);
	if (!is_out)
		assert_int_equal(out.verdict, step->where == HERE  ? XDP_PASS :
					      step->where == EARLY ? XDP_DROP :
								     XDP_TX);
}

static void packets_end_a_connection_or_do_not(void **state)
{
	const struct row *row = *state;

	for (int i = 0; i < STEPS_MAX && row->steps[i].flags; i++) {
		take(&row->steps[i]);
		if (get_rule().use.seen != row->steps[i].seen)
			fail_msg("after step %d the rule has seen %#x, not %#x", i,
				 get_rule().use.seen, row->steps[i].seen);
	}
}

static const struct step anew[] = {
	{ FIN, AT, 0, 0, SENT_ON, 0, 0 },
	{ SYN, NEW, 0, 0, HERE, 0, 2 },
	{ ANSWER, OURS, NEW + 1, 0, OUT, 0, 0 },
	{ ACK, NEW + 1, OURS + 1, 0, HERE, 0, 0 },
};
#define ANEW_STEPS (sizeof(anew) / sizeof(anew[0]))

static void the_rule_of_one_that_began_anew_may_be_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ANEW_STEPS; i++) {
		assert_int_equal(handoff_rules_block(&bed.rules, &key, OTHER_ID, 0), -ESTALE);
		take(&anew[i]);
	}
	assert_int_equal(handoff_pair_count(&bed, false, HANDOFF_IN_REUSED), 2);
	assert_int_equal(handoff_rules_block(&bed.rules, &key, OTHER_ID, 0), 0);
	assert_int_equal(get_rule().id, OTHER_ID);
	assert_int_equal(get_rule().use.seen, 0);
}

/* Else it would stay for as long as the client talks, who is not its own. */
static void the_next_connection_keeps_no_rule(void **state)
{
	static const struct step next[] = {
		{ ACK, NEW + 1, OURS + 1, 100, HERE, 0, 0 },
		{ ACK, OURS + 1, NEW + 101, 100, OUT, 0, 0 },
		{ FIN, OURS + 101, NEW + 101, 0, OUT, 0, 0 },
		{ RST, OURS + 102, 0, 0, OUT, 0, 0 },
	};
	struct handoff_rule before, after;

	(void)state;
	for (size_t i = 0; i < ANEW_STEPS; i++)
		take(&anew[i]);
	set_silent(2 * NS_PER_S);
	before = get_rule();
	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		take(&next[i]);
	after = get_rule();
	assert_memory_equal(&after, &before, sizeof(after));
}

/* Else who is asked, and is gone, would keep its rule by its answers. */
static void only_the_first_rst_is_a_sign_of_life(void **state)
{
	static const struct step ack = { ACK, AT, 0, 0, SENT_ON, 0, 0 };
	static const struct step rst = { RST, AT, 0, 0, SENT_ON, 0, 0 };
	uint64_t last_ns;

	(void)state;
	take(&rst);
	last_ns = set_silent(2 * NS_PER_S);
	take(&rst);
	assert_int_equal(get_rule().use.last_ns, last_ns);
	take(&ack);
	assert_true(get_rule().use.last_ns > last_ns);
	last_ns = set_silent(2 * NS_PER_S);
	take(&rst);
	assert_true(get_rule().use.last_ns > last_ns);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, packets_end_a_connection_or_do_not, rows, set_up, tear_down);
	TAP_ADD(&plan, the_rule_of_one_that_began_anew_may_be_taken, set_up, tear_down);
	TAP_ADD(&plan, the_next_connection_keeps_no_rule, set_up, tear_down);
	TAP_ADD(&plan, only_the_first_rst_is_a_sign_of_life, set_up, tear_down);
	return tap_run(&plan, "handoff_ends", 1);
}
