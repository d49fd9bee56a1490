/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb check: the checker, and one look at all reals. */
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/cli/lb_cli.h"
#include "programs/lb/health/lb_health_checker.h"
#include "programs/shared/json.h"

static const char *state_name(const struct lb_health_seen *seen)
{
	if (seen->is_down)
		return "down";
	if (seen->is_failed)
		return "failed";
	return seen->is_drained ? "drained" : "active";
}

/* What came of its probe, which counts nothing if lb_hc did not send it. */
static bool is_answered(const struct lb_checker *checker, const struct lb_health_target *target)
{
	return target->last.outcome == LB_HEALTH_ANSWERED &&
	       !(checker->is_blind && target->seen.mark);
}

static const char *error_text(const struct lb_checker *checker,
			      const struct lb_health_target *target)
{
	if (is_answered(checker, target))
		return "";
	if (checker->is_blind && target->seen.mark)
		return "lb_hc did not send the probe";
	return target->last.error;
}

static json_t *results_to_json(const struct lb_checker *checker)
{
	json_t *list = json_array();
	char vip[LB_WORDS_MAX], host[LB_WORDS_MAX];

	for (size_t i = 0; i < checker->health.count; i++) {
		const struct lb_health_target *target = checker->health.targets[i];

		lb_vip_name_format(&target->seen.vip, vip);
		lb_address_format(&target->seen.host, host);
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:b, s:I, s:s}", "vip", vip,
						"real", host, "state", state_name(&target->seen),
						"answers", is_answered(checker, target), "ms",
						(json_int_t)target->took_ms, "error",
						error_text(checker, target)));
	}
	return json_pack("{s:o}", "reals", list);
}

static void print_results(FILE *out, const struct lb_checker *checker)
{
	char vip[LB_WORDS_MAX], host[LB_WORDS_MAX];

	fprintf(out, "%-40s  %-39s  %-7s  %6s  %s\n", "vip", "real", "state", "ms", "answers");
	for (size_t i = 0; i < checker->health.count; i++) {
		const struct lb_health_target *target = checker->health.targets[i];
		const char *error = error_text(checker, target);

		lb_vip_name_format(&target->seen.vip, vip);
		lb_address_format(&target->seen.host, host);
		fprintf(out, "%-40s  %-39s  %-7s  %6llu  %s%s\n", vip, host,
			state_name(&target->seen), target->took_ms, *error ? "no: " : "yes", error);
	}
}

/* What an operator took out may be as it likes. */
static bool are_well(const struct lb_checker *checker)
{
	for (size_t i = 0; i < checker->health.count; i++) {
		const struct lb_health_target *target = checker->health.targets[i];

		if (!is_answered(checker, target) && !target->seen.is_down &&
		    !target->seen.is_drained)
			return false;
	}
	return true;
}

static int run_once(struct lb_checker *checker, const struct program_context *ctx)
{
	struct slot_reason why;
	int status = PROGRAM_OK;

	while (!checker->is_over && !lb_checker_is_done(checker))
		if (lb_checker_step(checker, &why))
			return program_fail(&why);
	if (checker->is_over)
		return PROGRAM_FAILED;
	lb_checker_look(checker);
	if (ctx->json)
		status = program_json_print(ctx, results_to_json(checker));
	else
		print_results(ctx->out, checker);
	return status || !are_well(checker) ? PROGRAM_FAILED : PROGRAM_OK;
}

/* What others left behind, and what is not as one may think. */
static void greet(const struct lb_checker *checker)
{
	size_t failed = 0;

	for (size_t i = 0; i < checker->health.count; i++)
		failed += checker->health.targets[i]->seen.is_failed;
	fprintf(stderr, "%zu reals are checked, %zu of them are out\n", checker->health.count,
		failed);
}

static int run(struct lb_checker *checker)
{
	struct slot_reason why;

	greet(checker);
	while (!checker->is_over)
		if (lb_checker_step(checker, &why))
			return program_fail(&why);
	fputs("the checker ends; what is out stays out\n", stderr);
	return PROGRAM_OK;
}

int lb_cmd_check(const struct program_context *ctx, int argc, char **argv)
{
	_cleanup_(lb_checker_close) struct lb_checker checker = LB_CHECKER_CLOSED;
	struct slot_reason why;

	if (argc != 1)
		return PROGRAM_USAGE;
	if (curl_global_init(CURL_GLOBAL_NOTHING)) {
		slot_reason_set(&why, -1, "libcurl cannot be used");
		return program_fail(&why);
	}
	checker.map_dir = ctx->map_dir;
	checker.path = argv[0];
	checker.is_once = ctx->once;
	if (lb_checker_open(&checker, &why))
		return program_fail(&why);
	return ctx->once ? run_once(&checker, ctx) : run(&checker);
}
