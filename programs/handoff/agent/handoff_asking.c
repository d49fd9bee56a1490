/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_asking.h"

#include <errno.h>
#include <string.h>

#include <sys/random.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_state.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/handoff/maps/handoff_probe.h"

#define ASK_MAX 1000  /* at one look */
#define MSS 536	      /* any that a socket takes: it sends no data */
#define WINDOW 0x4000 /* any but none */

static void cleanup_state(struct handoff_state **state)
{
	handoff_state_free(*state);
}

int handoff_asking_open(struct handoff_asking *asking)
{
	asking->lib = handoff_new();
	return asking->lib ? 0 : -ENOMEM;
}

void handoff_asking_close(struct handoff_asking *asking)
{
	handoff_free(asking->lib);
	asking->lib = NULL;
}

/* What was agreed on went with the process: any numbers, as the client answers to most of them. */
static struct handoff_state *make_state(const struct handoff_key *key)
{
	struct handoff_state *state = handoff_state_new();
	uint32_t any[2] = { 0 };

	if (!state || getrandom(any, sizeof(any), 0) != sizeof(any)) {
		handoff_state_free(state);
		return NULL;
	}
	handoff_address_get(key->local, 0, &state->local);
	handoff_address_get(key->client, key->client_port, &state->peer);
	state->send_seq = any[0];
	state->recv_seq = state->window_from = state->recv_window_from = any[1];
	state->recv_window = WINDOW;
	state->mss = MSS;
	return state;
}

static int ask(struct handoff_asking *asking, const struct handoff_rules *rules,
	       const struct handoff_key *key, const struct handoff_rule *rule)
{
	_cleanup_(cleanup_state) struct handoff_state *state = make_state(key);
	struct handoff_probe probe = { .id = rule->id, .source = rule->source, .state = state };

	if (!state)
		return -ENOMEM;
	handoff_address_get(key->local, 0, &probe.here);
	if (rule->egress != HANDOFF_REWRITE) {
		memcpy(probe.source.address, key->local, sizeof(key->local));
		probe.source.port = key->local_port;
	}
	return handoff_probe_send(asking->lib, rules, &probe);
}

void handoff_asking_send(struct handoff_asking *asking, const struct handoff_rules *rules,
			 const struct handoff_key *key, const struct handoff_rule *rule,
			 struct handoff_told *told)
{
	if (!asking->left)
		return;
	asking->left--;
	if (ask(asking, rules, key, rule))
		told->not_asked++;
	else
		told->asked++;
}

void handoff_asking_begin(struct handoff_asking *asking)
{
	asking->left = ASK_MAX;
}
