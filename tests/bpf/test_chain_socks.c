/* SPDX-License-Identifier: GPL-2.0-only */
/* What a chain of socket programs promises, whatever its hook; and selections of sockets. */
#include <errno.h>
#include <stdio.h>

#include <linux/bpf.h>
#include <sys/socket.h>

#include "bpf/skip_abi.h"
#include "tests/support/sockbed.h"

#define PICK_PORT 4242 /* where nobody listens */
#define PROCESSES 4
#define DATAGRAMS 5000

struct sock_case {
	const char *name;
	enum root_kind kind;
	void (*run)(struct sockbed *bed, const struct sock_case *row);
	int number; /* what a program answers, or a slot */
	enum root_column column;
};

/* Of a connection the lookup and the group's choice see the first segment alone. */
static void serve(struct sockbed *bed)
{
	sockbed_serve(bed, bed->kind == ROOT_KIND_SK_REUSEPORT ? SOCK_DGRAM : SOCK_STREAM, 1);
}

/* One who asks. A verdict of sock_ops means nothing to the connection. */
static struct slot_counters ask(struct sockbed *bed, bool is_passed)
{
	bool is_told = bed->kind == ROOT_KIND_SOCK_OPS;
	struct slot_counters counters;

	serve(bed);
	assert_int_equal(sockbed_ask(bed), is_passed || is_told ? 0 : -1);
	counters = chainrun_counters(&bed->chain);
	/* Both ends' windows and timeouts are asked about, and both are told of the connection. */
	assert_in_range(counters.packets, is_told ? 4 : 1, is_told ? 100 : 1);
	return counters;
}

static void run_answer(struct sockbed *bed, const struct sock_case *row)
{
	bool is_pass = row->column == ROOT_COL_PASS;
	struct slot_counters counters;

	sockbed_add(bed, 4, row->number);
	if (row->column == ROOT_COL_DENIED)
		bed->chain.state.slots[4].rules.allow = 1U << ROOT_COL_PASS;
	counters = ask(bed, is_pass);
	assert_int_equal(counters.slots[4].verdicts[row->column], counters.packets);
	assert_int_equal(counters.passed, is_pass ? counters.packets : 0);
}

/* With the rules as they are by default. */
static void run_default(struct sockbed *bed, const struct sock_case *row)
{
	sockbed_add(bed, 4, row->number);
	assert_int_equal(ask(bed, false).slots[4].verdicts[row->column], 1);
	assert_int_equal(chainrun_counters(&bed->chain).passed, 0);
}

static void run_empty(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters = ask(bed, true);

	(void)row;
	assert_int_equal(counters.passed, counters.packets);
}

static void run_twenty(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;
	unsigned int slot;

	(void)row;
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		sockbed_add(bed, slot, SK_PASS);
	counters = ask(bed, true);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		assert_int_equal(counters.slots[slot].verdicts[ROOT_COL_PASS], counters.packets);
}

static void run_drop(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	sockbed_add(bed, 1, SK_PASS);
	sockbed_add(bed, 2, SK_DROP);
	sockbed_add(bed, 7, SK_DROP);
	sockbed_add(bed, 9, SK_PASS);
	bed->chain.state.slots[2].rules.continue_on |= 1U << ROOT_COL_DROP;
	counters = ask(bed, false);
	assert_int_equal(counters.slots[1].verdicts[ROOT_COL_PASS], counters.packets);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[7].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[9].seen, 0);
}

static void run_last(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	sockbed_add(bed, 2, SK_PASS);
	sockbed_add(bed, 3, SK_DROP);
	bed->chain.state.slots[2].rules.continue_on = 0;
	counters = ask(bed, true);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_PASS], counters.packets);
	assert_int_equal(counters.slots[3].seen, 0);
}

static void run_canary(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	sockbed_add(bed, 2, SK_PASS);
	sockbed_add_canary(bed, 2, SK_DROP, ~0ULL);
	counters = ask(bed, false);
	assert_int_equal(counters.canaries[2].verdicts[ROOT_COL_DROP], counters.packets);
}

static void run_canary_elsewhere(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	sockbed_add(bed, 2, SK_PASS);
	sockbed_add_canary(bed, 2, SK_DROP, 1ULL << 63);
	counters = ask(bed, true);
	assert_int_equal(counters.slots[2].verdicts[ROOT_COL_PASS], counters.packets);
	assert_int_equal(counters.canaries[2].seen, 0);
}

static void run_canary_by_flow(struct sockbed *bed, const struct sock_case *row)
{
	(void)row;
	sockbed_add(bed, 2, SK_PASS);
	sockbed_add_canary(bed, 2, SK_DROP, 0);
	bed->chain.state.slots[2].canary.share_ppm = ROOT_SHARE_ALL / 2;
	assert_int_equal(chainrun_build(&bed->chain), -EINVAL);
}

/* --- selections ------------------------------------------------------------------------------ */

/* A lookup may find a socket for a port where nobody is; a group is where its sockets are. */
static void pick(struct sockbed *bed, unsigned int slot, unsigned int index)
{
	bool is_lookup = bed->kind == ROOT_KIND_SK_LOOKUP;
	char settings[64];

	if (is_lookup)
		bed->asked = (struct sockaddr_in){ .sin_family = AF_INET,
						   .sin_port = htons(PICK_PORT),
						   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	snprintf(settings, sizeof(settings), is_lookup ? "index=%u port=%d" : "index=%u", index,
		 PICK_PORT);
	assert_int_equal(chainrun_add(&bed->chain, slot,
				      is_lookup ? "sk_lookup_pick" : "sk_reuseport_pick", settings),
			 0);
}

static void put(struct sockbed *bed, unsigned int slot, unsigned int index)
{
	sockrun_put(&bed->chain, slot, "pick_socks", index, bed->socks[index]);
}

/* Each slot's own map has one of the two sockets. */
static void run_selections(struct sockbed *bed, const struct sock_case *row)
{
	unsigned int first = (unsigned int)row->number, second = 11 - first;

	pick(bed, first, 0);
	pick(bed, second, 1);
	sockbed_serve(bed, bed->kind == ROOT_KIND_SK_LOOKUP ? SOCK_STREAM : SOCK_DGRAM, 2);
	put(bed, first, 0);
	put(bed, second, 1);
	assert_int_equal(sockbed_ask(bed), second > first);
}

static void run_dropped_selection(struct sockbed *bed, const struct sock_case *row)
{
	(void)row;
	pick(bed, 3, 0);
	sockbed_add(bed, 4, SK_DROP);
	serve(bed);
	put(bed, 3, 0);
	assert_int_equal(sockbed_ask(bed), -1);
}

/* --- load ------------------------------------------------------------------------------------ */

/* Lookups are made where packets arrive and, by others, in processes: none may be lost or counted twice. */
static void run_lookups(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	pick(bed, 2, 0);
	sockbed_add(bed, 5, SK_PASS);
	sockbed_serve(bed, SOCK_DGRAM, 1);
	put(bed, 2, 0);
	sockrun_send_many(&bed->asked, PROCESSES, DATAGRAMS);
	counters = chainrun_counters(&bed->chain);
	/* Each process settles with a datagram of its own. */
	assert_int_equal(counters.packets, PROCESSES * (DATAGRAMS + 1));
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_PASS], counters.packets);
}

/* Counted where packets arrive, in softirq on each CPU at once. */
static void run_datagrams(struct sockbed *bed, const struct sock_case *row)
{
	struct slot_counters counters;

	(void)row;
	sockbed_add(bed, 2, SK_PASS);
	sockbed_add(bed, 5, SK_DROP);
	sockbed_add(bed, 6, SK_DROP);
	bed->chain.state.slots[5].rules.continue_on |= 1U << ROOT_COL_DROP;
	serve(bed);
	sockrun_send_many(&bed->asked, PROCESSES, DATAGRAMS);
	counters = chainrun_counters(&bed->chain);
	assert_int_equal(counters.packets, PROCESSES * DATAGRAMS);
	assert_int_equal(counters.slots[5].verdicts[ROOT_COL_DROP], counters.packets);
	assert_int_equal(counters.slots[6].verdicts[ROOT_COL_DROP], counters.packets);
}

/* --- cases ----------------------------------------------------------------------------------- */

/* Behind the sentence what runs, and with which number and column. */
#define AT(at, of, sentence, ...) { .name = at ": " sentence, .kind = of, .run = __VA_ARGS__ }
#define AT_LOOKUP(...) AT("sk_lookup", ROOT_KIND_SK_LOOKUP, __VA_ARGS__)
#define AT_GROUP(...) AT("sk_reuseport", ROOT_KIND_SK_REUSEPORT, __VA_ARGS__)
#define AT_BOTH(...) AT_LOOKUP(__VA_ARGS__), AT_GROUP(__VA_ARGS__)
#define AT_ALL(...) AT_BOTH(__VA_ARGS__), AT("sock_ops", ROOT_KIND_SOCK_OPS, __VA_ARGS__)

static const struct sock_case cases[] = {
	AT_ALL("one is a pass", run_answer, SK_PASS, ROOT_COL_PASS),
	AT_ALL("zero is a drop", run_answer, SK_DROP, ROOT_COL_DROP),
	AT_ALL("what may not be returned is denied", run_answer, SK_DROP, ROOT_COL_DENIED),
	AT_GROUP("two is denied", run_default, 2, ROOT_COL_DENIED),
	AT_GROUP("a negative number is denied", run_default, -1, ROOT_COL_DENIED),
	AT_GROUP("what is no verdict to the root is denied", run_default, 255, ROOT_COL_DENIED),
	AT_GROUP("a skip without a grant is denied", run_default, SLOT_SKIP_TO(9), ROOT_COL_DENIED),
	AT_ALL("an empty chain leaves all to the kernel", run_empty),
	AT_ALL("twenty slots all run", run_twenty),
	AT_ALL("a drop ends the chain unless continue_on has it", run_drop),
	AT_ALL("a slot that ends every chain still passes", run_last),
	AT_ALL("a canary is chosen by CPU", run_canary),
	AT_ALL("a canary of CPUs that are not here meets nothing", run_canary_elsewhere),
	AT_ALL("a canary by flow is refused", run_canary_by_flow),
	AT_BOTH("the last selection wins, of slots in order", run_selections, 3),
	AT_BOTH("the last selection wins, of slots added the other way round", run_selections, 8),
	AT_BOTH("a selection of a chain that drops means nothing", run_dropped_selection),
	AT_LOOKUP("counters are exact under load", run_lookups),
	AT_GROUP("counters are exact under load", run_datagrams),
};

static void run_case(void **state)
{
	const struct sock_case *row = *state;
	struct sockbed bed;

	sockbed_start(&bed, row->kind);
	row->run(&bed, row);
	sockbed_end(&bed);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, run_case, cases);
	return sockbed_run(&plan, "chain_socks");
}
