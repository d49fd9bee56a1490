/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

#define COUNT_MAX 1000000 /* of a row: enough to tell */
#define DELAY_MS 20

/* --- the queue ---------------------------------------------------------------------------- */

static void put(struct lb_health *health, size_t place, struct lb_health_target *target)
{
	health->queue[place] = target;
	target->place = place;
}

/* Up or down to where it belongs, after its time has changed. */
static void settle(struct lb_health *health, struct lb_health_target *target)
{
	size_t place = target->place;

	while (place && health->queue[(place - 1) / 2]->due_ms > target->due_ms) {
		put(health, place, health->queue[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * place + 1;

		if (child + 1 < health->queued &&
		    health->queue[child + 1]->due_ms < health->queue[child]->due_ms)
			child++;
		if (child >= health->queued || health->queue[child]->due_ms >= target->due_ms)
			break;
		put(health, place, health->queue[child]);
		place = child;
	}
	put(health, place, target);
}

static void enqueue(struct lb_health *health, struct lb_health_target *target)
{
	put(health, health->queued++, target);
	settle(health, target);
}

static void dequeue(struct lb_health *health, const struct lb_health_target *target)
{
	struct lb_health_target *last = health->queue[--health->queued];

	if (last == target)
		return;
	put(health, target->place, last);
	settle(health, last);
}

__u64 lb_health_next(const struct lb_health *health)
{
	return health->queued ? health->queue[0]->due_ms : LB_HEALTH_NEVER;
}

struct lb_health_target *lb_health_due(const struct lb_health *health, __u64 now_ms)
{
	return health->queued && health->queue[0]->due_ms <= now_ms ? health->queue[0] : NULL;
}

/* --- probes ------------------------------------------------------------------------------- */

/* xorshift64*, below @bound. */
static __u64 draw(struct lb_health *health, __u64 bound)
{
	health->random ^= health->random >> 12;
	health->random ^= health->random << 25;
	health->random ^= health->random >> 27;
	return bound ? (health->random * 0x2545f4914f6cdd1dULL >> 32) % bound : 0;
}

void lb_health_start(struct lb_health *health, struct lb_health_target *target, __u64 now_ms)
{
	target->is_running = true;
	target->is_astray = false;
	target->started_ms = now_ms;
	target->due_ms = now_ms + target->seen.check->timeout_ms;
	settle(health, target);
}

void lb_health_delay(struct lb_health *health, struct lb_health_target *target, __u64 now_ms)
{
	target->due_ms = now_ms + DELAY_MS;
	settle(health, target);
}

static void count_result(struct lb_health_target *target, const struct lb_health_result *result,
			 __u64 now_ms)
{
	bool is_failure = result->outcome == LB_HEALTH_FAILED;
	__u32 *row = is_failure ? &target->fails : &target->successes;

	target->last = *result;
	target->took_ms = now_ms - target->started_ms;
	if (result->outcome == LB_HEALTH_UNASKED || target->is_astray)
		return;
	if (!*row)
		target->since_ms = now_ms;
	if (*row < COUNT_MAX)
		++*row;
	*(is_failure ? &target->successes : &target->fails) = 0;
	if (!target->seen.is_failed && now_ms - target->changed_ms >= LB_HEALTH_CALM_MS)
		target->level = 0;
}

void lb_health_forget(struct lb_health *health)
{
	for (size_t i = 0; i < health->count; i++)
		if (health->targets[i]->seen.mark)
			health->targets[i]->fails = health->targets[i]->successes = 0;
}

/* Up to a tenth sooner than the interval, never later, so that nothing stays in step. */
void lb_health_end(struct lb_health *health, struct lb_health_target *target,
		   const struct lb_health_result *result, __u64 now_ms)
{
	__u64 interval;

	target->is_running = false;
	if (target->is_gone) {
		dequeue(health, target);
		free(target);
		return;
	}
	count_result(target, result, now_ms);
	interval = target->seen.check->interval_ms;
	target->due_ms = target->started_ms + interval - draw(health, interval / 10);
	if (target->due_ms < now_ms)
		target->due_ms = now_ms;
	settle(health, target);
}

void lb_health_pass(struct lb_health *health, struct lb_health_target *target, const char *error,
		    __u64 now_ms)
{
	struct lb_health_result result = { .outcome = LB_HEALTH_UNASKED };

	snprintf(result.error, sizeof(result.error), "%s", error);
	target->fails = target->successes = 0;
	lb_health_start(health, target, now_ms);
	lb_health_end(health, target, &result, now_ms);
}

/* --- who is there ------------------------------------------------------------------------- */

void lb_health_new(__u64 seed, struct lb_health *ret_health)
{
	*ret_health = (struct lb_health){ .random = seed | 1 };
}

void lb_health_free(struct lb_health *health)
{
	for (size_t i = 0; i < health->queued; i++)
		free(health->queue[i]);
	free(health->queue);
	free(health->targets);
	*health = (struct lb_health){};
}

static int compare_seen(const void *a, const void *b)
{
	const struct lb_health_seen *one = a, *other = b;
	int order = lb_vip_name_compare(&one->vip, &other->vip);

	return order ? order : lb_address_compare(&one->host, &other->host);
}

static void retire(struct lb_health *health, struct lb_health_target *target)
{
	target->is_gone = true;
	if (target->is_running)
		return;
	dequeue(health, target);
	free(target);
}

/* Room for all that may be in the queue, and @ret_fresh for those that are new. */
static int make_room(struct lb_health *health, const struct lb_health_seen *seen, size_t count,
		     struct lb_health_target ***ret_targets)
{
	_cleanup_free_ struct lb_health_target **targets = calloc(count + 1, sizeof(void *));
	size_t room = health->queued + count, i = 0, k;
	struct lb_health_target **queue;

	if (room > health->room) {
		queue = reallocarray(health->queue, room, sizeof(void *));
		if (!queue)
			return -ENOMEM;
		health->queue = queue;
		health->room = room;
	}
	for (k = 0; targets && k < count; k++) {
		while (i < health->count && compare_seen(&health->targets[i]->seen, &seen[k]) < 0)
			i++;
		if (i < health->count && !compare_seen(&health->targets[i]->seen, &seen[k]))
			continue;
		targets[k] = calloc(1, sizeof(*targets[k]));
		if (!targets[k])
			break;
	}
	if (targets && k == count) {
		*ret_targets = TAKE_PTR(targets);
		return 0;
	}
	for (i = 0; targets && i < k; i++)
		free(targets[i]);
	return -ENOMEM;
}

/*
 * What an operator or another checker did since is a change as well. Where the source is
 * another one, answers to the one before went elsewhere: they say nothing of the real.
 */
static void update(struct lb_health_target *target, const struct lb_health_seen *seen, __u64 now_ms)
{
	if (target->seen.is_failed != seen->is_failed)
		target->changed_ms = now_ms;
	if (target->seen.has_source != seen->has_source ||
	    lb_address_compare(&target->seen.source, &seen->source)) {
		target->fails = target->successes = 0;
		target->is_astray = target->is_running;
	}
	target->seen = *seen;
}

int lb_health_merge(struct lb_health *health, struct lb_health_seen *seen, size_t count,
		    __u64 now_ms)
{
	struct lb_health_target **targets = NULL;
	size_t i = 0, k, fresh = 0, nth = 0;

	qsort(seen, count, sizeof(*seen), compare_seen);
	if (make_room(health, seen, count, &targets))
		return -ENOMEM;
	for (k = 0; k < count; k++)
		fresh += !!targets[k];
	for (k = 0; k < count; k++) {
		while (i < health->count && compare_seen(&health->targets[i]->seen, &seen[k]) < 0)
			retire(health, health->targets[i++]);
		if (!targets[k]) {
			targets[k] = health->targets[i++];
			update(targets[k], &seen[k], now_ms);
			continue;
		}
		targets[k]->seen = seen[k];
		targets[k]->due_ms = now_ms;
		if (!health->is_at_once)
			targets[k]->due_ms += seen[k].check->interval_ms * nth++ / fresh;
		enqueue(health, targets[k]);
	}
	while (i < health->count)
		retire(health, health->targets[i++]);
	free(health->targets);
	health->targets = targets;
	health->count = count;
	return 0;
}

/* --- what follows ------------------------------------------------------------------------- */

size_t lb_health_floor(const struct lb_health_check *check, size_t count)
{
	size_t floor = check->is_percent ? count * check->min_up / 100 : check->min_up;

	if (!floor)
		floor = 1;
	return floor < count ? floor : count;
}

/* How many answers in a row bring it in. */
static __u32 get_rise(const struct lb_health_target *target)
{
	return (__u32)target->seen.check->rise << target->level;
}

/* The reals of one VIP, and how many of those that an operator left in are in. */
struct group {
	struct lb_health_target **targets;
	size_t count;
	size_t candidates, up;
};

static bool is_candidate(const struct lb_health_target *target)
{
	return !target->seen.is_drained && !target->seen.is_down;
}

static bool is_falling(const struct lb_health_target *target)
{
	return !target->seen.is_failed && !target->seen.is_down &&
	       target->fails >= target->seen.check->fall;
}

static bool is_rising(const struct lb_health_target *target)
{
	return target->seen.is_failed && target->successes >= get_rise(target);
}

bool lb_health_is_ripe(const struct lb_health_target *target)
{
	return is_falling(target) || is_rising(target);
}

static void decide_in(struct group *group, struct lb_health_change *changes, size_t *count)
{
	for (size_t i = 0; i < group->count; i++) {
		struct lb_health_target *target = group->targets[i];

		if (!is_rising(target))
			continue;
		changes[(*count)++] = (struct lb_health_change){ .target = target };
		group->up += is_candidate(target);
	}
}

/* By when the row began. */
static int compare_since(const void *a, const void *b)
{
	const struct lb_health_change *one = a, *other = b;
	__u64 since = one->target->since_ms, other_since = other->target->since_ms;

	return (since > other_since) - (since < other_since);
}

static int compare_latest(const void *a, const void *b)
{
	return compare_since(b, a);
}

/* Those that have failed for the longest time first, down to the floor; the others are kept. */
static void decide_out(struct group *group, struct lb_health_change *changes, size_t *count)
{
	size_t floor = lb_health_floor(group->targets[0]->seen.check, group->candidates);
	size_t first = *count, falling = first;

	for (size_t i = 0; i < group->count; i++) {
		group->targets[i]->is_kept = false;
		if (is_falling(group->targets[i]))
			changes[falling++] = (struct lb_health_change){
				.target = group->targets[i],
				.is_out = true,
			};
	}
	qsort(changes + first, falling - first, sizeof(*changes), compare_since);
	for (; first < falling; first++) {
		struct lb_health_target *target = changes[first].target;

		target->is_kept = is_candidate(target) && group->up <= floor;
		if (target->is_kept)
			continue;
		group->up -= is_candidate(target);
		changes[(*count)++] = changes[first];
	}
}

/* When an operator takes out what served: of those that fail, the ones that began last. */
static void decide_forced(struct group *group, struct lb_health_change *changes, size_t *count)
{
	size_t floor = lb_health_floor(group->targets[0]->seen.check, group->candidates);
	size_t first = *count, failed = first;

	for (size_t i = 0; group->up < floor && i < group->count; i++) {
		struct lb_health_target *target = group->targets[i];

		if (is_candidate(target) && target->seen.is_failed && !is_rising(target) &&
		    (target->fails || target->successes))
			changes[failed++] =
				(struct lb_health_change){ .target = target, .is_forced = true };
	}
	qsort(changes + first, failed - first, sizeof(*changes), compare_latest);
	for (; group->up < floor && first < failed; first++) {
		group->up++;
		++*count;
	}
}

size_t lb_health_decide(struct lb_health *health, struct lb_health_change *ret_changes)
{
	size_t count = 0, i = 0;

	while (i < health->count) {
		struct group group = { .targets = &health->targets[i] };

		do {
			const struct lb_health_target *target = health->targets[i++];

			group.count++;
			group.candidates += is_candidate(target);
			group.up += is_candidate(target) && !target->seen.is_failed;
		} while (i < health->count && !lb_vip_name_compare(&health->targets[i]->seen.vip,
								   &group.targets[0]->seen.vip));
		decide_in(&group, ret_changes, &count);
		decide_out(&group, ret_changes, &count);
		decide_forced(&group, ret_changes, &count);
	}
	return count;
}

void lb_health_changed(const struct lb_health_change *change, __u64 now_ms)
{
	struct lb_health_target *target = change->target;

	if (change->is_out && target->changed_ms &&
	    now_ms - target->changed_ms < LB_HEALTH_CALM_MS && target->level < LB_HEALTH_LEVEL_MAX)
		target->level++;
	target->seen.is_failed = change->is_out;
	target->changed_ms = now_ms;
}
