/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health_say.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_SIZE (2 * LB_WORDS_MAX + 8)
#define CLOCK_SIZE 16

void lb_say_trouble(struct lb_troubles *troubles, enum lb_trouble which, const char *text,
		    __u64 now_ms)
{
	program_say_trouble(&troubles->of[which], text, now_ms);
}

void lb_say_over(struct lb_troubles *troubles, enum lb_trouble which)
{
	program_say_over(&troubles->of[which]);
}

/* @text: what @count of them are; none: it is over. */
static void say_count(struct lb_troubles *troubles, enum lb_trouble which, size_t count,
		      const char *text, __u64 now_ms)
{
	char line[320];

	if (!count) {
		lb_say_over(troubles, which);
		return;
	}
	snprintf(line, sizeof(line), "%zu %s", count, text);
	lb_say_trouble(troubles, which, line, now_ms);
}

static void say_strays(struct lb_troubles *troubles, const struct lb_health_view *view,
		       __u64 now_ms)
{
	char vip[LB_WORDS_MAX] = "", text[256];

	if (view->stray)
		lb_vip_name_format(&view->stray->vip, vip);
	snprintf(text, sizeof(text), "checks are of VIPs that do not exist, the first of %s", vip);
	say_count(troubles, LB_TROUBLE_STRAYS, view->strays, text, now_ms);
}

void lb_say_view(struct lb_troubles *troubles, const struct lb_health_view *view, __u64 now_ms)
{
	say_count(troubles, LB_TROUBLE_UNASKED, view->unasked,
		  "VIPs of UDP, with all ports or of a prefix are not checked: they need lines of "
		  "their own",
		  now_ms);
	say_strays(troubles, view, now_ms);
	say_count(troubles, LB_TROUBLE_SOURCE, view->sourceless,
		  "reals of rewrite cannot be asked: what they answer to any address but source4 "
		  "and source6 of 'slotctl lb set', of which theirs is not set, is taken for a "
		  "client's; they stay as they are",
		  now_ms);
	say_count(troubles, LB_TROUBLE_ORPHANS, view->orphans,
		  "reals are out by an earlier check, of VIPs that have none now; slotctl lb real "
		  "up brings them in",
		  now_ms);
}

static void format_name(const struct lb_health_target *target, char ret_text[NAME_SIZE])
{
	char vip[LB_WORDS_MAX], host[LB_WORDS_MAX];

	lb_vip_name_format(&target->seen.vip, vip);
	lb_address_format(&target->seen.host, host);
	snprintf(ret_text, NAME_SIZE, "%s: %s", vip, host);
}

/* The time of day @ago_ms ago. */
static void format_clock(__u64 ago_ms, char ret_text[CLOCK_SIZE])
{
	time_t then = time(NULL) - (time_t)(ago_ms / 1000);
	struct tm tm = {};

	localtime_r(&then, &tm);
	if (!strftime(ret_text, CLOCK_SIZE, "%H:%M:%S", &tm))
		*ret_text = '\0';
}

/* Of the VIP's reals that no operator took out: how many there are, and how many are in. */
static void count_group(const struct lb_health *health, const struct lb_vip_name *vip,
			size_t *ret_candidates, size_t *ret_up)
{
	size_t candidates = 0, up = 0;

	for (size_t i = 0; i < health->count; i++) {
		const struct lb_health_seen *seen = &health->targets[i]->seen;

		if (seen->is_drained || seen->is_down || lb_vip_name_compare(&seen->vip, vip))
			continue;
		candidates++;
		up += !seen->is_failed;
	}
	*ret_candidates = candidates;
	*ret_up = up;
}

static const char *operators(const struct lb_health_seen *seen)
{
	if (seen->is_down)
		return "; an operator has it down";
	return seen->is_drained ? "; an operator has it drained" : "";
}

void lb_say_change(const struct lb_health_change *change, const struct lb_health *health,
		   __u64 now_ms)
{
	const struct lb_health_target *target = change->target;
	char name[NAME_SIZE], since[CLOCK_SIZE];
	size_t candidates, up;

	format_name(target, name);
	format_clock(now_ms - target->since_ms, since);
	count_group(health, &target->seen.vip, &candidates, &up);
	if (change->is_out)
		fprintf(stderr, "%s is out: %s, %u times since %s%s; %zu of %zu are in\n", name,
			target->last.error, target->fails, since, operators(&target->seen), up,
			candidates);
	else if (change->is_forced)
		fprintf(stderr,
			"%s is in although it fails: too few were left of the VIP's reals; %zu "
			"of %zu are in\n",
			name, up, candidates);
	else
		fprintf(stderr, "%s is in: answered %u times since %s%s; %zu of %zu are in\n", name,
			target->successes, since, operators(&target->seen), up, candidates);
}

void lb_say_left(const struct lb_health_target *target, const struct lb_health *health,
		 __u64 now_ms)
{
	const struct lb_health_check *check = target->seen.check;
	char name[NAME_SIZE], since[CLOCK_SIZE];
	size_t candidates, up;

	format_name(target, name);
	format_clock(now_ms - target->since_ms, since);
	count_group(health, &target->seen.vip, &candidates, &up);
	if (target->is_kept)
		fprintf(stderr,
			"%s FAILS BUT STAYS IN: %s, %u times since %s; %zu of %zu are in, and no "
			"fewer may be (min-up=%u%s)\n",
			name, target->last.error, target->fails, since, up, candidates,
			check->min_up, check->is_percent ? "%" : "");
	else
		fprintf(stderr, "%s fails: %s, %u times since %s%s, and so it stays\n", name,
			target->last.error, target->fails, since, operators(&target->seen));
}

void lb_say_answers(const struct lb_health_target *target)
{
	char name[NAME_SIZE];

	format_name(target, name);
	fprintf(stderr, "%s answers again\n", name);
}
