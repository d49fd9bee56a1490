/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A process has passed connections to the one that moves them, which died: their clients are reset,
 * but not where another host may have them by now.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sys/un.h>

#include "programs/handoff/lib/peer/handoff_host.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/handoff/maps/handoff_rules.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define ID 7
#define SILENT_MS 200
#define WAIT_MS 60000
#define AGENT "/tmp/handoff_break.agent"
#define MANY 8 /* that would each call the agent and wait for it */

static struct handoff_bed bed;
static struct program_bed maps;
static struct handoff_rules rules;

static int block(const struct handoff_key *key)
{
	return handoff_rules_block(&rules, key, ID, 0);
}

static int redirect(const struct handoff_key *key)
{
	struct handoff_target target = { .port = htons(8080) };

	memcpy(target.address, key->local, sizeof(target.address));
	return handoff_rules_redirect(&rules, key, ID, &target);
}

static int rewrite(const struct handoff_key *key, enum handoff_ingress ingress)
{
	struct handoff_source source = { .port = htons(80) };

	memcpy(source.address, key->local, sizeof(source.address));
	return handoff_rules_rewrite(&rules, key, ID, &source, ingress);
}

static int let_pass(const struct handoff_key *key)
{
	return rewrite(key, HANDOFF_PASS);
}

static int block_there(const struct handoff_key *key)
{
	int err = block(key);

	return err ? err : rewrite(key, HANDOFF_BLOCK);
}

static const struct row {
	const char *name;
	int (*make_rule)(const struct handoff_key *key); /* NULL: none */
	bool is_live;					 /* not frozen */
	bool is_reset;
} rows[] = {
	{ "home, blocked", block, false, true },
	{ "home, redirected", redirect, false, false },
	{ "another host, blocked", block_there, false, false },
	{ "another host, let in", let_pass, false, false },
	{ "no rule any more", NULL, false, false },
	{ "never frozen", NULL, true, true },
	{ "never frozen, blocked", block, true, true },
};

static int set_up(void **state)
{
	struct slot_reason why = {};

	(void)state;
	handoff_bed_open(&bed, AF_INET, NULL);
	handoff_bed_connect(&bed);
	program_bed_open(&maps, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_rules_close(&rules);
	program_bed_close(&maps);
	handoff_bed_close(&bed);
	return 0;
}

/* Packets of the client's would find no socket. */
static void freeze(void)
{
	struct handoff_state *state;

	handoff_bed_shut(&bed, true);
	assert_int_equal(handoff_capture(bed.handoff, bed.server, &state), 0);
	handoff_state_free(state);
}

static void client_is_reset_or_hears_nothing(void **state)
{
	const struct handoff_host_config config = { .map_dir = PROGRAM_BED_DIR };
	const struct row *row = *state;
	struct pollfd client = { .fd = bed.client, .events = POLLIN };
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	struct handoff_key key;
	char byte;

	assert_int_equal(getpeername(bed.server, (struct sockaddr *)&from, &length), 0);
	assert_int_equal(handoff_key_set((struct sockaddr *)&from, (struct sockaddr *)&bed.address,
					 &key),
			 0);
	if (!row->is_live)
		freeze();
	if (row->make_rule)
		assert_int_equal(row->make_rule(&key), 0);
	assert_int_equal(handoff_host_break_off(&config, &bed.server, 1), 0);
	close(bed.server);
	bed.server = -1;
	assert_int_equal(poll(&client, 1, row->is_reset ? WAIT_MS : SILENT_MS), row->is_reset);
	if (!row->is_reset)
		return;
	assert_int_equal(recv(bed.client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ECONNRESET);
}

static void silent_without_rules(void **state)
{
	const struct handoff_host_config config = { .map_dir = PROGRAM_BED_DIR "/none" };

	(void)state;
	freeze();
	assert_int_equal(handoff_host_break_off(&config, &bed.server, 1), -ENOENT);
}

/* One that is blocked at home, so that only the agent is missing. */
static int make_blocked(int *ret_client)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	struct handoff_key key;

	handoff_bed_connect(&bed);
	assert_int_equal(getpeername(bed.server, (struct sockaddr *)&from, &length), 0);
	assert_int_equal(handoff_key_set((struct sockaddr *)&from, (struct sockaddr *)&bed.address,
					 &key),
			 0);
	freeze();
	assert_int_equal(block(&key), 0);
	handoff_bed_shut(&bed, false);
	*ret_client = bed.client;
	return bed.server;
}

/* Who has waited for an answer in vain calls anew for the next one. */
static int count_calls(int agent)
{
	int calls = 0, fd;

	for (; (fd = accept(agent, NULL, NULL)) >= 0; calls++)
		close(fd);
	return calls;
}

static void silent_agent_is_waited_for_once(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = AGENT };
	const struct handoff_host_config config = { .map_dir = PROGRAM_BED_DIR, .agent = AGENT };
	int agent = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int servers[MANY], clients[MANY];

	(void)state;
	unlink(AGENT);
	assert_int_equal(bind(agent, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(agent, MANY), 0);
	close(bed.server);
	close(bed.client);
	for (int i = 0; i < MANY; i++)
		servers[i] = make_blocked(&clients[i]);
	assert_int_equal(handoff_host_break_off(&config, servers, MANY), -ETIMEDOUT);
	assert_in_range(count_calls(agent), 1, MANY / 2 - 1);
	for (int i = 0; i < MANY - 1; i++) {
		close(servers[i]);
		close(clients[i]);
	}
	close(agent);
	unlink(AGENT);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_ROWS(&plan, client_is_reset_or_hears_nothing, rows, set_up, tear_down);
	TAP_ADD(&plan, silent_without_rules, set_up, tear_down);
	TAP_ADD(&plan, silent_agent_is_waited_for_once, set_up, tear_down);
	return tap_run(&plan, "connections of a mover that died", 0);
}
