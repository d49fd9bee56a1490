/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/routes.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/slotd/api_json.h"
#include "loader/slotd/audit.h"
#include "loader/slotd/deploy.h"
#include "loader/slotd/log.h"
#include "loader/slotd/ops_internal.h"
#include "loader/slotd/route_path.h"
#include "loader/slotd/routes_internal.h"
#include "loader/slotd/watch.h"

struct route {
	const char *method;
	const char *path; /* {chain} and {slot} stand for themselves */
	enum access_op op;
	int (*run)(struct call *call);
	struct http_body body; /* all zero: its body means nothing */
};

static bool is_owner(const struct call *call, unsigned int number)
{
	const struct slot_generation *current = call->chain->current;
	const struct slot_state *slot = current ? &current->state.slots[number] : NULL;

	return access_is_owner(&call->request->peer, slot && slot->reserved ? slot->owner : "root");
}

/* The first slot of those named that the peer does not own; ROOT_SLOTS: it owns them all. */
static unsigned int find_foreign(const struct call *call)
{
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++)
		if (call->slots & 1U << slot && !is_owner(call, slot))
			break;
	return slot;
}

static bool may(const struct call *call, enum access_op op)
{
	enum access_need need = access_rule_get(op)->need;

	return need == ACCESS_ANYONE || access_is_admin(&call->request->peer) ||
	       (need == ACCESS_OWNER && find_foreign(call) == ROOT_SLOTS);
}

static int run_status(struct call *call)
{
	call->answer = api_status(call->daemon);
	return 0;
}

static int run_slots(struct call *call)
{
	call->answer = api_slots(call->chain);
	return 0;
}

static int run_slot(struct call *call)
{
	call->answer = api_slot(call->chain, call->slot, may(call, ACCESS_SECRETS));
	return 0;
}

static int run_audit(struct call *call)
{
	const struct http_request *request = call->request;
	const char *chain = request->chain;
	json_t *lines;

	if (chain && daemon_name_chain(call->daemon, request->chain, &call->error.why, &chain))
		return -EINVAL;
	lines = audit_read(call->daemon, &request->peer, chain, request->lines);
	if (!lines) {
		slot_reason_set(&call->error.why, 0, "cannot read the audit log");
		return -EIO;
	}
	call->answer = json_pack("{s:o}", "lines", lines);
	return 0;
}

static int run_generations(struct call *call)
{
	call->answer = api_generations(call->chain);
	return 0;
}

static int run_stats(struct call *call)
{
	call->answer = api_stats(call->chain);
	return 0;
}

static int run_plan(struct call *call)
{
	struct slot_reason warning = { 0 };
	struct slot_plan plan;
	int err = op_plan(call->daemon, call->chain, &call->error, &plan, &warning);

	if (!err)
		call->answer = api_plan(call->chain, &plan, &warning);
	return err;
}

#define CHAIN "/v1/chains/{chain}/"
#define SLOT CHAIN "slots/{slot}"

static const struct route routes[] = {
	{ "GET", "/v1/status", ACCESS_STATUS, run_status, { 0 } },
	{ "GET", "/v1/audit", ACCESS_AUDIT, run_audit, { 0 } },
	{ "POST", "/v1/reload", ACCESS_RELOAD, route_reload, { 0 } },
	{ "GET", CHAIN "slots", ACCESS_SLOTS, run_slots, { 0 } },
	{ "GET", SLOT, ACCESS_SLOT, run_slot, { 0 } },
	{ "GET", CHAIN "plan", ACCESS_PLAN, run_plan, { 0 } },
	{ "GET", CHAIN "generations", ACCESS_GENERATIONS, run_generations, { 0 } },
	{ "GET", CHAIN "stats", ACCESS_STATS, run_stats, { 0 } },
	{ "POST", CHAIN "apply", ACCESS_APPLY, route_apply, { 0 } },
	{ "POST", CHAIN "rollback", ACCESS_ROLLBACK, route_rollback, { 0 } },
	{ "POST", CHAIN "detach", ACCESS_DETACH, route_detach, { 0 } },
	{ "POST", CHAIN "adopt", ACCESS_ADOPT, route_adopt, { 0 } },
	{ "POST", CHAIN "deploy", ACCESS_DEPLOY, route_deploy, { DEPLOY_SIZE_MAX, true } },
	{ "PUT", SLOT "/object", ACCESS_DEPLOY, route_put, { SLOT_BLOB_SIZE_MAX, false } },
	{ "DELETE", SLOT "/object", ACCESS_UNDEPLOY, route_undeploy, { 0 } },
	{ "POST", SLOT "/enable", ACCESS_ENABLE, route_enable, { 0 } },
	{ "POST", SLOT "/disable", ACCESS_DISABLE, route_disable, { 0 } },
	{ "POST", SLOT "/rollback", ACCESS_ROLLBACK_SLOT, route_rollback_slot, { 0 } },
	{ "POST", SLOT "/promote", ACCESS_PROMOTE, route_promote, { 0 } },
	{ "POST", SLOT "/abort", ACCESS_ABORT, route_abort, { 0 } },
};

static const struct route *find_route(const struct http_request *request,
				      struct route_match *ret_match, unsigned int *ret_status)
{
	size_t i;

	*ret_status = 404;
	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		*ret_match = (struct route_match){ 0 };
		if (!route_path_match(routes[i].path, request->path, ret_match))
			continue;
		if (!strcmp(routes[i].method, request->method))
			return &routes[i];
		*ret_status = 405;
	}
	return NULL;
}

static unsigned int fail(struct call *call, unsigned int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static unsigned int fail(struct call *call, unsigned int status, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	call->answer = http_error_new(text, NULL);
	return status;
}

/* ?slots=2,7: whose they are is judged before the body that names them again is kept. */
static unsigned int find_slots(struct call *call)
{
	const char *text = call->request->slots;

	if (!text)
		return fail(call, 400, "which slots? the query has to name them: ?slots=2,7");
	if (slot_slots_parse(text, &call->slots))
		return fail(call, 400, "slots '%.64s': a list like 2,7 of slots 0 to %d expected",
			    text, ROOT_SLOTS - 1);
	return 200;
}

static unsigned int find_target(struct call *call, const struct route_match *match)
{
	const char *name = match->chain;
	struct slot_reason why;
	char *end;

	if (!*name)
		return 200;
	if (daemon_name_chain(call->daemon, match->chain, &why, &name))
		return fail(call, 404, "%s", why.text);
	call->chain = daemon_find_chain(call->daemon, name, NULL);
	call->member_count = daemon_list_members(call->daemon, name, call->members);
	if (call->member_count)
		call->chain = call->members[0];
	if (!call->chain && slot_config_find_master(&call->daemon->config, name))
		return fail(call, 409, "no chain runs on a port of '%s'", name);
	if (!call->chain)
		return fail(call, 404,
			    "slots.conf, as slotd read it last, names no chain of '%s'; "
			    "slotctl reload reads it again",
			    name);
	if (!match->slot[0])
		return 200;
	call->slot = (unsigned int)strtoul(match->slot, &end, 10);
	if (*end || match->slot[0] < '0' || match->slot[0] > '9' || call->slot >= ROOT_SLOTS)
		return fail(call, 404, "no slot '%s': slots are 0 to %d", match->slot,
			    ROOT_SLOTS - 1);
	call->slots = 1U << call->slot;
	return 200;
}

/* What is asked of several chains has to be allowed on each; call->chain is the one it fails on. */
static bool may_all(struct call *call, enum access_op op)
{
	size_t i;

	for (i = 0; i < call->member_count; i++) {
		call->chain = call->members[i];
		if (!may(call, op))
			return false;
	}
	return may(call, op);
}

static unsigned int check_access(struct call *call, enum access_op op)
{
	if (may_all(call, op))
		return 200;
	log_warning("%s was refused: %s %s", call->who, call->request->method, call->request->path);
	if (access_rule_get(op)->need == ACCESS_OWNER)
		return fail(call, 403, "%s does not own slot %u of '%s'; nothing was changed",
			    call->who, find_foreign(call), call->chain->interface);
	return fail(call, 403, "only root may do this, not %s; nothing was changed", call->who);
}

static unsigned int status_of(int err)
{
	switch (-err) {
	case ENOENT:
	case EINVAL:
	case EEXIST:
	case ENOTSUP:
	case EACCES:
	case EPROTO:
	case EFBIG:
	case E2BIG:
		return 422;
	case ENODEV:
	case EBUSY:
	case EPERM:
	case ENOTCONN:
		return 409;
	default:
		return 500;
	}
}

static unsigned int answer_error(struct call *call, int err)
{
	const struct slot_reasons *details = &call->error.details;

	/* A single one is the error itself. */
	call->answer = http_error_new(call->error.why.text, details->count > 1 ? details : NULL);
	return status_of(err);
}

/* --- several chains ------------------------------------------------------------------------ */

/* Run @route for each chain; its answers are collected in @results. */
static int run_members(struct call *call, const struct route *route, json_t *results)
{
	size_t i;
	int err = 0;

	for (i = 0; i < call->member_count && !err; i++) {
		call->chain = call->members[i];
		err = route->run(call);
		if (!err)
			json_array_append_new(results, call->answer);
		call->answer = NULL;
	}
	return err;
}

/* What is swapped in for none before it was prepared for each. */
static int change_together(struct call *call, const struct route *route, struct slot_batch *batch,
			   json_t *results)
{
	int err;

	call->daemon->batch = batch;
	err = run_members(call, route, results);
	call->daemon->batch = NULL;
	json_array_clear(results); /* they tell of what was not swapped in yet */
	if (err)
		return err;
	err = slot_batch_commit(batch, &call->error.why);
	return err ? op_fail_batch(&call->error, err, batch) : 0;
}

static int detach_together(struct call *call, struct slot_batch *batch)
{
	int err = slot_batch_detach(batch, &call->error.why);

	return err ? op_fail_batch(&call->error, err, batch) : 0;
}

/* Changes, which happen on all of them or on none. */
static int run_together(struct call *call, const struct route *route, json_t *results)
{
	struct slot_batch batch;
	size_t i;
	int err = slot_batch_open(call->members, call->member_count, &batch);

	if (err)
		return slot_reason_set(&call->error.why, err, "out of memory");
	err = route->op == ACCESS_DETACH ? detach_together(call, &batch) :
					   change_together(call, route, &batch, results);
	for (i = 0; i < batch.count && !err; i++) {
		const struct slot_batch_item *item = &batch.items[i];

		if (route->op == ACCESS_DEPLOY && item->outcome.is_changed)
			watch_start(item->chain);
		op_log_outcome(item->chain, &item->outcome, access_rule_get(route->op)->name);
		json_array_append_new(results, api_outcome(item->chain, &item->outcome));
	}
	slot_batch_close(&batch);
	slot_store_sweep(&call->daemon->host.store);
	return err;
}

/* What was asked of an interface with members is asked of the chains on its ports. */
static int run_group(struct call *call, const struct route *route)
{
	json_t *results = json_array();
	int err;

	if (route->op == ACCESS_ADOPT)
		err = slot_reason_set(&call->error.why, -EINVAL,
				      "adopt takes one port at a time; nothing was changed");
	else if (route->op == ACCESS_APPLY)
		err = slot_reason_set(&call->error.why, -EINVAL,
				      "what slots.conf says of several chains is put in force by "
				      "reload; nothing was changed");
	else if (access_rule_get(route->op)->is_change)
		err = run_together(call, route, results);
	else
		err = run_members(call, route, results);
	if (err) {
		json_decref(results);
		return err;
	}
	call->answer = json_pack("{s:o}", "results", results);
	return 0;
}

/* Find what is asked for, and whether the peer may. Returns 200, or why not. */
static unsigned int judge(struct call *call, const struct route **ret_route)
{
	const struct http_request *request = call->request;
	struct route_match match;
	unsigned int status;

	access_name(&request->peer, call->who, sizeof(call->who));
	*ret_route = find_route(request, &match, &status);
	if (!*ret_route)
		return fail(call, status,
			    status == 405 ? "%s is not for '%s'" : "nothing answers %s '%s'",
			    request->method, request->path);
	status = find_target(call, &match);
	if (status == 200 && !match.slot[0] &&
	    access_rule_get((*ret_route)->op)->need == ACCESS_OWNER)
		status = find_slots(call);
	return status == 200 ? check_access(call, (*ret_route)->op) : status;
}

static struct audit_deed make_deed(const struct call *call, const struct route *route)
{
	return (struct audit_deed){
		.what = access_rule_get(route->op)->name,
		.peer = &call->request->peer,
		.chain = call->chain ? call->chain->interface : NULL,
		.slots = call->slots,
	};
}

/* Who may not do what they asked for is on record with that, unless it was only to read. */
static void record_refusal(const struct call *call, const struct route *route)
{
	struct audit_deed deed;

	if (!route || !access_rule_get(route->op)->is_change)
		return;
	deed = make_deed(call, route);
	audit_refuse(call->daemon, &deed,
		     json_string_value(json_object_get(call->answer, "error")));
}

/* Carry it out; a change is announced to the audit log before, and told of after. */
static unsigned int run(struct call *call, const struct route *route)
{
	struct audit_deed deed = make_deed(call, route);
	unsigned int status;
	int err = 0;

	if (access_rule_get(route->op)->is_change)
		err = audit_begin(call->daemon, &deed, &call->error.why, &call->audit);
	if (!err && call->audit && call->chain)
		err = slot_loans_find(call->chain, call->daemon->chains, call->daemon->config.count,
				      &call->loans);
	if (err)
		op_fail(&call->error, err, call->chain);
	else
		err = call->member_count ? run_group(call, route) : route->run(call);
	status = err ? answer_error(call, err) : 200;
	audit_end(call->audit, err ? call->error.why.text : NULL);
	slot_loans_free(&call->loans);
	return status;
}

static unsigned int admit(void *data, const struct http_request *request,
			  struct http_body *ret_body, json_t **ret_answer)
{
	struct call call = { .daemon = data, .request = request };
	const struct route *route;
	unsigned int status = judge(&call, &route);

	if (status == 200)
		*ret_body = route->body;
	else
		record_refusal(&call, route);
	*ret_answer = call.answer;
	return status;
}

/* Judged again: chains and owners may be others than when the request began. */
static unsigned int handle(void *data, const struct http_request *request, json_t **ret_answer)
{
	struct call call = { .daemon = data, .request = request };
	const struct route *route;
	unsigned int status = judge(&call, &route);

	if (status == 200)
		status = run(&call, route);
	else
		record_refusal(&call, route);
	op_error_free(&call.error);
	*ret_answer = call.answer;
	return status;
}

/* Admitted by its headers, and refused for its body: that is on record as well. */
static void refuse(void *data, const struct http_request *request, const json_t *answer)
{
	struct call call = { .daemon = data, .request = request };
	const struct route *route;

	judge(&call, &route);
	json_decref(call.answer);
	call.answer = json_incref((json_t *)answer);
	record_refusal(&call, route);
	json_decref(call.answer);
}

const struct http_handler *const routes_handle = &(const struct http_handler){
	.admit = admit,
	.handle = handle,
	.refuse = refuse,
};
