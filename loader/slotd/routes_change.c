/* SPDX-License-Identifier: GPL-2.0-only */
/* Requests that change chains. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotd/api_json.h"
#include "loader/slotd/deploy.h"
#include "loader/slotd/routes_internal.h"

/* Common end of the changes of one chain. */
static int answer_outcome(struct call *call, int err, struct slot_outcome *outcome)
{
	if (err)
		return err;
	slot_loans_check(&call->loans, &outcome->warning);
	call->answer = api_outcome(call->chain, outcome);
	return 0;
}

/* ?generation=N: only where that one runs. */
static int check_generation(struct call *call)
{
	const char *text = call->request->generation;
	unsigned long long number;
	char *end;

	if (!text)
		return 0;
	number = strtoull(text, &end, 10);
	if (*end || *text < '0' || *text > '9' || number > 0xffffffffULL)
		return slot_reason_set(&call->error.why, -EINVAL,
				       "generation '%.32s': a number expected; nothing was changed",
				       text);
	return op_check_generation(call->chain, (unsigned int)number, &call->error);
}

/* By the names of the chains of which something would stay, what that is. */
static json_t *list_stays(const struct daemon *daemon)
{
	json_t *stays = json_object();

	for (size_t i = 0; i < daemon->config.count; i++) {
		const char *text = op_what_stays(daemon->chains[i]);

		if (text)
			json_object_set_new(stays, daemon->chains[i]->interface, json_string(text));
	}
	return stays;
}

/* A warning for each of @stays that slots.conf has not. */
static json_t *warn_of_left(const struct daemon *daemon, json_t *stays)
{
	json_t *warnings = json_array(), *text;
	const char *name;

	json_object_foreach(stays, name, text) {
		if (slot_config_find(&daemon->config, name))
			continue;
		json_array_append_new(warnings, json_sprintf("slots.conf no longer names '%s': %s; "
							     "to take it off, name it again and "
							     "detach it",
							     name, json_string_value(text)));
	}
	return warnings;
}

int route_reload(struct call *call)
{
	json_auto_t *stays = list_stays(call->daemon);
	struct slot_outcome *outcomes = NULL;
	json_t *results = json_array();
	size_t i;
	int err = op_reload(call->daemon, call->who, &call->error, &outcomes);

	for (i = 0; !err && i < call->daemon->config.count; i++)
		json_array_append_new(results, api_outcome(call->daemon->chains[i], &outcomes[i]));
	free(outcomes);
	if (err)
		json_decref(results);
	else
		call->answer = json_pack("{s:o, s:o}", "results", results, "warnings",
					 warn_of_left(call->daemon, stays));
	return err;
}

/* ?reset_maps=2:seen,2:flows: what new settings give another size cannot be carried over. */
int route_apply(struct call *call)
{
	struct slot_map_orders maps[ROOT_SLOTS] = { 0 };
	const char *resets = call->request->reset_maps;
	struct slot_outcome outcome = { 0 };
	unsigned int slot;
	int err = resets ? slot_map_resets_parse(resets, &call->error.why, maps) : 0;

	if (err)
		slot_reason_append(&call->error.why, err, "; nothing was changed");
	else
		err = check_generation(call);
	if (!err)
		err = op_apply(call->daemon, call->chain, maps, call->who, &call->error, &outcome);
	for (slot = 0; slot < ROOT_SLOTS; slot++)
		slot_map_orders_free(&maps[slot]);
	return answer_outcome(call, err, &outcome);
}

int route_rollback(struct call *call)
{
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (!err)
		err = op_rollback(call->daemon, call->chain, call->who, &call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

int route_rollback_slot(struct call *call)
{
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (!err)
		err = op_check_former(call->daemon, call->chain, call->slot, &call->error);
	if (!err)
		err = op_rollback_slot(call->daemon, call->chain, call->slot, call->who,
				       &call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

static int end_canary(struct call *call, bool is_promoted)
{
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (!err)
		err = op_canary_end(call->daemon, call->chain, call->slot, is_promoted, call->who,
				    &call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

int route_promote(struct call *call)
{
	return end_canary(call, true);
}

int route_abort(struct call *call)
{
	return end_canary(call, false);
}

int route_detach(struct call *call)
{
	struct slot_outcome outcome = { 0 };

	return answer_outcome(call, op_detach(call->chain, &call->error, &outcome), &outcome);
}

int route_adopt(struct call *call)
{
	struct slot_outcome outcome = { 0 };

	return answer_outcome(
		call, op_adopt(call->daemon, call->chain, call->who, &call->error, &outcome),
		&outcome);
}

int route_deploy(struct call *call)
{
	_cleanup_(op_deploys_free) struct op_deploys deploys = { 0 };
	_cleanup_(slot_deploy_free) struct slot_deploy asked = { 0 };
	struct slot_outcome outcome = { 0 };
	int err = deploy_read(call->request, call->slots, &call->error.why, &asked, &deploys);

	if (err)
		return slot_reason_append(&call->error.why, err, "; nothing was changed");
	deploys.who = call->who;
	deploys.watch = asked.has_watch ? &asked.watch : NULL;
	for (size_t i = 0; i < deploys.count; i++)
		audit_offer(call->audit, deploys.items[i].slot, &deploys.items[i].blob);
	if (asked.has_generation)
		err = op_check_generation(call->chain, asked.generation, &call->error);
	if (!err)
		err = op_deploy(call->daemon, call->chain, &deploys, &call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

/* One object as the whole body: what curl can do without a form. */
int route_put(struct call *call)
{
	_cleanup_(op_deploys_free) struct op_deploys deploys = { .who = call->who };
	const struct http_request *request = call->request;
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (err)
		return err;
	deploys.items[0].slot = call->slot;
	err = slot_blob_copy(request->body ? request->body : "", request->body_size,
			     request->name ? request->name : "object", &deploys.items[0].blob);
	if (err)
		return slot_reason_set(&call->error.why, err,
				       "cannot take the object: %s; nothing was changed",
				       strerror(-err));
	deploys.count = 1;
	audit_offer(call->audit, call->slot, &deploys.items[0].blob);
	err = op_deploy(call->daemon, call->chain, &deploys, &call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

int route_undeploy(struct call *call)
{
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (!err)
		err = op_undeploy(call->daemon, call->chain, call->slot, call->who, &call->error,
				  &outcome);
	return answer_outcome(call, err, &outcome);
}

static int set_enabled(struct call *call, bool is_enabled)
{
	struct slot_outcome outcome = { 0 };
	int err = check_generation(call);

	if (!err)
		err = op_enable(call->daemon, call->chain, call->slot, is_enabled, call->who,
				&call->error, &outcome);
	return answer_outcome(call, err, &outcome);
}

int route_enable(struct call *call)
{
	return set_enabled(call, true);
}

int route_disable(struct call *call)
{
	return set_enabled(call, false);
}
