/* SPDX-License-Identifier: GPL-2.0-only */
/* Preflight of chains of sockets: what it finds, what it takes for no fault, and what it leaves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>

#include "loader/lib/chain/preflight.h"
#include "loader/lib/host/loopback.h"
#include "tests/support/sockrun.h"
#include "tests/support/tap.h"

static struct slot_reason note;
static struct slot_reason why;

static void start(struct chainrun *chain, enum root_kind kind)
{
	chainrun_start(chain, &slot_engines_fused[kind]);
}

/* Of the chain, built or not yet, as the generation to be. */
static int run(struct chainrun *chain, bool counts)
{
	struct slot_generation *generation = slot_generation_new(7);
	struct slot_generation mine;
	int err;

	assert_non_null(generation);
	mine = *generation;
	slot_generation_free(generation);
	if (chain->root_fd < 0)
		sockrun_build(chain);
	mine.number = 7;
	mine.engine = chain->engine;
	mine.state = chain->state;
	mine.root_fd = chain->root_fd;
	mine.counters_fd = counts ? chain->build.counters_fd : -1;
	mine.canary_since[2] = chain->state.slots[2].canary.present;
	note.text[0] = why.text[0] = '\0';
	err = slot_preflight_run(&mine, &note, &why);
	if (!err && counts)
		assert_int_equal(chainrun_counters(chain).packets, 0);
	return err;
}

/* This host may have no cgroup to try in: then nothing can be found. */
static void skip_without_place(void)
{
	if (note.text[0]) {
		print_message("# SKIP %s\n", note.text);
		skip();
	}
}

struct kind_case {
	const char *name;
	enum root_kind kind;
	const char *program;
	const char *met; /* what the chain meets first */
};

static const struct kind_case kinds[] = {
	{ "sock_ops", ROOT_KIND_SOCK_OPS, "sock_ops_ret", "an ordinary connection" },
	{ "sk_lookup", ROOT_KIND_SK_LOOKUP, "sk_lookup_ret",
	  "an ordinary lookup for a connection" },
	{ "sk_reuseport", ROOT_KIND_SK_REUSEPORT, "sk_reuseport_ret", "an ordinary datagram" },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void check_kind(const struct kind_case *c)
{
	struct chainrun chain;
	char said[128];

	start(&chain, c->kind);
	sockrun_add(&chain, 4, c->program, SK_PASS);
	sockrun_add(&chain, 5, c->program, SK_DROP);
	/* Nothing but answers that are allowed. */
	assert_int_equal(run(&chain, true), 0);
	skip_without_place();
	chainrun_end(&chain);

	start(&chain, c->kind);
	sockrun_add(&chain, 4, c->program, SK_DROP);
	chain.state.slots[4].rules.allow = 1U << ROOT_COL_PASS;
	chain.state.slots[4].rules.denied_as = ROOT_DENIED_AS_PASS;
	assert_int_equal(run(&chain, false), 0);
	assert_int_equal(run(&chain, true), -EPROTO);
	snprintf(said, sizeof(said),
		 "preflight: slot 4 (test4) answers %s with a verdict it may not return", c->met);
	assert_string_equal(why.text, said);
	chainrun_end(&chain);
}

static void a_drop_is_an_answer_and_what_is_not_allowed_is_none(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++)
		check_kind(&kinds[i]);
}

static void a_canary_is_met_on_one_of_its_cpus(void **state)
{
	struct chainrun chain;
	size_t i;

	(void)state;
	for (i = 0; i < KINDS; i++) {
		start(&chain, kinds[i].kind);
		sockrun_add(&chain, 2, kinds[i].program, SK_PASS);
		chain.state.slots[2].rules.allow = 1U << ROOT_COL_PASS;
		assert_int_equal(chainrun_add_canary(&chain, 2, kinds[i].program, "answer=0"), 0);
		chain.state.slots[2].canary.share_ppm = 0;
		chain.state.slots[2].canary.cpus = 1;
		assert_int_equal(run(&chain, true), -EPROTO);
		assert_non_null(strstr(why.text, "slot 2 (test2, canary) answers"));
		chainrun_end(&chain);
	}
}

static void check_only(int only)
{
	struct chainrun chain;
	char settings[32];

	start(&chain, ROOT_KIND_SK_REUSEPORT);
	snprintf(settings, sizeof(settings), "answer=2 only=%d", only);
	assert_int_equal(chainrun_add(&chain, 4, "sk_reuseport_ret", settings), 0);
	assert_int_equal(run(&chain, true), -EPROTO);
	assert_string_equal(why.text, "preflight: slot 4 (test4) answers an ordinary connection "
				      "with a verdict it may not return");
	chainrun_end(&chain);
}

static void a_group_meets_a_connection_and_its_migration_too(void **state)
{
	(void)state;
	check_only(1);
	check_only(2);
}

/* The kernel then has no cookie to hand out, and says EOPNOTSUPP. */
static void selecting_a_socket_of_a_group_is_no_fault(void **state)
{
	struct sockaddr_in address = { 0 };
	struct chainrun chain, group;
	int fd;

	(void)state;
	start(&group, ROOT_KIND_SK_REUSEPORT);
	sockrun_build(&group);
	fd = slot_loopback_bind(SOCK_STREAM, group.root_fd, &address);
	assert_true(fd >= 0);
	start(&chain, ROOT_KIND_SK_LOOKUP);
	assert_int_equal(chainrun_add(&chain, 4, "sk_lookup_pick", "port=9"), 0);
	sockrun_build(&chain);
	sockrun_put(&chain, 4, "pick_socks", 0, fd);
	if (run(&chain, true))
		fail_msg("%s", why.text);
	close(fd);
	chainrun_end(&chain);
	chainrun_end(&group);
}

/* Last: this process has no cgroups any more. */
static void without_cgroups_the_change_is_told_so(void **state)
{
	struct chainrun chain;

	(void)state;
	start(&chain, ROOT_KIND_SOCK_OPS);
	sockrun_add(&chain, 4, "sock_ops_ret", SK_PASS);
	/* The mounts are this process's own since the first chain. */
	assert_int_equal(system("umount -R /sys/fs/cgroup"), 0);
	assert_int_equal(run(&chain, true), 0);
	assert_string_equal(note.text, "preflight could not try generation 7 on a connection here: "
				       "there is no cgroup2: No such file or directory");
	chainrun_end(&chain);
}

#define ADD(test) TAP_ADD(&plan, test, NULL, NULL)

int main(void)
{
	struct tap_plan plan = {};

	if (!geteuid())
		sockrun_enter();
	ADD(a_drop_is_an_answer_and_what_is_not_allowed_is_none);
	ADD(a_canary_is_met_on_one_of_its_cpus);
	ADD(a_group_meets_a_connection_and_its_migration_too);
	ADD(selecting_a_socket_of_a_group_is_no_fault);
	ADD(without_cgroups_the_change_is_told_so);
	return tap_run(&plan, "preflight_sock", 1);
}
