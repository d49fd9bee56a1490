/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_asking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sys/random.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_state.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/handoff/probe/handoff_probe.h"

#define MSS 536	      /* any that a socket takes: it sends no data */
#define WINDOW 0x4000 /* any but none */

/* The queue's, and gone with its report. */
struct question {
	struct slot_queue_request request; /* first */
	struct handoff_key key;
	__u64 id;
	struct handoff_source source;
};

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

/* --- the queue's thread ----------------------------------------------------------------------- */

static int ask(const struct handoff_asking *asking, const struct question *question)
{
	_cleanup_(handoff_state_cleanup) struct handoff_state *state = make_state(&question->key);
	struct handoff_probe probe = { .id = question->id,
				       .source = question->source,
				       .state = state };

	if (!state)
		return -ENOMEM;
	handoff_address_get(question->key.local, 0, &probe.here);
	return handoff_probe_send(asking->lib, asking->rules, &probe);
}

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	for (size_t i = 0; i < count; i++)
		ret_answers[i].err = ask(context, (const struct question *)requests[i]);
}

/* Who was asked was: nothing is left of it. */
static void forget(void *context, struct slot_queue_request *const *requests, size_t count,
		   struct slot_answer *ret_answers)
{
	(void)context;
	(void)requests;
	(void)count;
	(void)ret_answers;
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	const struct handoff_asking *asking = context;

	(void)answer;
	if (state == SLOT_QUEUE_ACTIVE)
		slot_queue_cancel(asking->queue, request);
	else
		free(request);
}

/* --- whoever looks at the rules --------------------------------------------------------------- */

int handoff_asking_open(struct handoff_asking *asking)
{
	static const struct slot_queue_ops ops = { install, forget, report };
	const struct slot_queue_settings settings = {
		.pending_max = HANDOFF_ASKING_MAX,
		.batch_max = 1,
		.ops = &ops,
		.context = asking,
	};

	asking->lib = handoff_new();
	return asking->lib ? slot_queue_new(&settings, &asking->queue) : -ENOMEM;
}

void handoff_asking_close(struct handoff_asking *asking)
{
	slot_queue_free(asking->queue);
	handoff_free(asking->lib);
	asking->queue = NULL;
	asking->lib = NULL;
}

size_t handoff_asking_room(const struct handoff_asking *asking)
{
	struct slot_queue_stats stats;

	slot_queue_stats(asking->queue, &stats);
	return HANDOFF_ASKING_MAX - stats.pending;
}

static struct question *make_question(const struct handoff_key *key,
				      const struct handoff_rule *rule)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		return NULL;
	question->key = *key;
	question->id = rule->id;
	question->source = rule->source;
	if (rule->egress != HANDOFF_REWRITE) {
		memcpy(question->source.address, key->local, sizeof(key->local));
		question->source.port = key->local_port;
	}
	return question;
}

void handoff_asking_send(struct handoff_asking *asking, const struct handoff_key *key,
			 const struct handoff_rule *rule)
{
	struct question *question = make_question(key, rule);

	if (question && !slot_queue_add(asking->queue, &question->request))
		return;
	free(question);
	asking->dropped++;
}

void handoff_asking_tell(const struct handoff_asking *asking, struct handoff_told *told)
{
	struct slot_queue_stats stats;

	slot_queue_stats(asking->queue, &stats);
	told->asked = stats.installed;
	told->not_asked = stats.failed + asking->dropped;
}
