/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/handoff/agent/handoff_agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "loader/lib/base/fault.h"
#include "programs/shared/maps.h"
#include "programs/shared/signals.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define LOOK_NS NS_PER_S
#define ASK_NS (HANDOFF_TURNS_ROUNDS * LOOK_NS)
#define FOLLOW_MS 20 /* between looks at connections that a device sends on, 1024 at each */

static void say(struct handoff_agent *agent, const char *what, int err)
{
	struct slot_reason why;

	slot_reason_set(&why, err, "cannot %s the maps in '%s': %s; it is tried again", what,
			agent->set.map_dir, strerror(-err));
	program_say_trouble(&agent->trouble, why.text, slot_clock_ns() / NS_PER_MS);
}

/* --- begin and end ---------------------------------------------------------------------------- */

static int lock_maps(struct handoff_agent *agent, struct slot_reason *why)
{
	const char *dir = agent->set.map_dir;

	agent->lock_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (agent->lock_fd < 0)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", dir, strerror(errno));
	if (!flock(agent->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return slot_reason_set(why, -EBUSY,
				       "'%s': an agent runs already; each slot has one", dir);
	return slot_reason_set(why, -errno, "cannot lock '%s': %s", dir, strerror(errno));
}

static int open_asking(struct handoff_agent *agent, struct slot_reason *why)
{
	int err;

	agent->asking.rules = &agent->rules;
	err = handoff_asking_open(&agent->asking);
	return err ? slot_reason_set(why, err, "cannot ask clients: %s", strerror(-err)) : 0;
}

int handoff_agent_open(struct handoff_agent *agent, struct slot_reason *why)
{
	const char *dir = agent->set.map_dir;
	int err;

	agent->rules = (struct handoff_rules)HANDOFF_RULES_CLOSED;
	agent->offloads = (struct handoff_offloads)HANDOFF_OFFLOADS_CLOSED;
	agent->lock_fd = agent->signal_fd = agent->device.at.event_fd = -1;
	err = lock_maps(agent, why);
	err = err ? err : program_signals_open(0, why, &agent->signal_fd);
	err = err ? err : handoff_rules_open(dir, true, why, &agent->rules);
	if (!err)
		err = open_asking(agent, why);
	err = err ? err : handoff_offloads_open(dir, true, why, &agent->offloads);
	agent->device.set = agent->set.device;
	agent->device.rules = &agent->rules;
	agent->device.offloads = &agent->offloads;
	agent->device.told = &agent->told;
	err = err ? err : handoff_device_open(&agent->device, dir, why);
	if (err)
		return err;
	/* before anything is asked of a device, so that the next agent knows of which */
	err = SLOT_STEP("handoff.told", handoff_told_set(&agent->offloads, &agent->told));
	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", HANDOFF_TOLD_NAME,
				     strerror(-err)) :
		     0;
}

void handoff_agent_close(struct handoff_agent *agent)
{
	handoff_device_close(&agent->device);
	handoff_asking_close(&agent->asking);
	handoff_rules_close(&agent->rules);
	handoff_offloads_close(&agent->offloads);
	slot_cleanup_close(&agent->signal_fd);
	slot_cleanup_close(&agent->lock_fd);
}

/* --- step by step ----------------------------------------------------------------------------- */

struct look {
	struct handoff_agent *agent;
	__u64 now_ns;
	__u32 rules, removed, late;
};

static void count_over(struct handoff_told *told, enum handoff_over over)
{
	__u64 *const counts[HANDOFF_OVER_COUNT] = {
		[HANDOFF_ENDED] = &told->ended,
		[HANDOFF_HALF] = &told->half,
		[HANDOFF_IDLE] = &told->idle,
		[HANDOFF_EXPIRED] = &told->expired,
	};

	++*counts[over];
}

/* Of a block whose deadline is over: whether its client is still to be asked. */
static bool has_turns(const struct look *look, const struct handoff_rule *rule)
{
	return rule->deadline_ns >= handoff_turns_since(&look->agent->turns);
}

/* A block does not expire before its client was asked: the reset that this one gets goes by it. */
static enum handoff_over judge(const struct look *look, const struct handoff_key *key,
			       const struct handoff_rule *rule, __u64 now_ns)
{
	const struct handoff_agent *agent = look->agent;
	enum handoff_over over = handoff_sweep_judge(
		&agent->set.sweep, rule, handoff_device_last(&agent->device, key), now_ns);

	return over == HANDOFF_EXPIRED && has_turns(look, rule) ? HANDOFF_NOT_OVER : over;
}

/* How long before a rule is over its client is asked: longer where many are to be asked. */
static __u64 time_to_ask(const struct look *look)
{
	__u64 since_ns = handoff_turns_since(&look->agent->turns);

	return since_ns && look->now_ns - since_ns > ASK_NS ? look->now_ns - since_ns : ASK_NS;
}

/*
 * Nobody may have the connection, as a block of packets has just ended, or did so before there was
 * an agent; or it soon is over by what one side said, which others may have said in its name.
 */
static bool is_doubtful(const struct look *look, const struct handoff_key *key,
			const struct handoff_rule *rule)
{
	if (rule->ingress == HANDOFF_BLOCK && rule->deadline_ns)
		return look->now_ns > rule->deadline_ns && has_turns(look, rule);
	return judge(look, key, rule, look->now_ns) == HANDOFF_NOT_OVER &&
	       judge(look, key, rule, look->now_ns + time_to_ask(look)) == HANDOFF_HALF;
}

/* What was read with many others may be another by now. */
static int remove_over(struct look *look, const struct handoff_key *key)
{
	struct handoff_agent *agent = look->agent;
	struct handoff_rule rule;
	enum handoff_over over;
	int err = handoff_rules_get(&agent->rules, key, &rule);

	if (err)
		return err == -ENOENT ? 0 : err;
	over = judge(look, key, &rule, look->now_ns);
	if (over == HANDOFF_NOT_OVER)
		return 0;
	err = SLOT_STEP("handoff.remove", handoff_rules_remove_over(&agent->rules, key, &rule));
	if (err)
		return err == -ESTALE || err == -ENOENT ? 0 : err;
	count_over(&agent->told, over);
	look->removed++;
	return 0;
}

/* Amid a look as well, as it may take longer than a step of a connection is to wait. */
static void follow_device(struct handoff_agent *agent, __u64 now_ns)
{
	if (now_ns - agent->followed_ns < FOLLOW_MS * NS_PER_MS)
		return;
	agent->followed_ns = now_ns;
	handoff_device_follow(&agent->device, now_ns);
}

static int see_rule(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	struct look *look = data;
	struct handoff_agent *agent = look->agent;

	look->rules++;
	follow_device(agent, slot_clock_ns());
	if (is_doubtful(look, key, rule) && handoff_turns_take(&agent->turns))
		handoff_asking_send(&agent->asking, key, rule);
	if (judge(look, key, rule, look->now_ns) == HANDOFF_NOT_OVER) {
		handoff_device_want(&agent->device, key, rule, look->now_ns);
		return 0;
	}
	if (look->removed < agent->set.rate)
		return remove_over(look, key);
	look->late++;
	return 0;
}

static void look_at_rules(struct handoff_agent *agent)
{
	struct look look = { .agent = agent, .now_ns = slot_clock_ns() };
	int err;

	handoff_asking_tell(&agent->asking, &agent->told);
	handoff_turns_begin(&agent->turns, handoff_asking_room(&agent->asking), look.now_ns);
	handoff_device_look(&agent->device, look.now_ns);
	/* As at the beginning, where the device is another one by now. */
	err = handoff_told_set(&agent->offloads, &agent->told);
	err = err ? err : handoff_rules_each(&agent->rules, see_rule, &look);
	/* Not all had a turn. */
	agent->turns.is_late |= err != 0;
	agent->told.looks++;
	agent->told.rules = look.rules - look.removed;
	agent->told.late = look.late;
	err = err ? err : handoff_told_set(&agent->offloads, &agent->told);
	if (err)
		say(agent, "read or write", err);
	else
		program_say_over(&agent->trouble);
}

/* How long nothing is due, ms. */
static int get_pause(const struct handoff_agent *agent, __u64 now_ns)
{
	__u64 pause_ms = now_ns < agent->look_ns ? (agent->look_ns - now_ns) / NS_PER_MS + 1 : 0;

	return (int)(agent->device.flows.count && pause_ms > FOLLOW_MS ? FOLLOW_MS : pause_ms);
}

/* Detached and applied, or a map begun anew: rules are made elsewhere by now. */
static int check_maps(struct handoff_agent *agent, struct slot_reason *why)
{
	const char *dir = agent->set.map_dir;
	const struct program_map_use used[] = {
		{ agent->rules.table, dir, HANDOFF_RULES_NAME },
		{ agent->offloads.table, dir, HANDOFF_OFFLOADS_NAME },
		{ agent->offloads.told, dir, HANDOFF_TOLD_NAME },
	};
	int err = program_maps_check(used, sizeof(used) / sizeof(used[0]));

	if (err == -ENOENT || err == -ESTALE)
		return slot_reason_set(why, -ENOENT,
				       "the slot's maps are others now: start the agent again");
	if (err)
		say(agent, "find", err);
	return 0;
}

int handoff_agent_step(struct handoff_agent *agent, struct slot_reason *why)
{
	struct pollfd fds[] = {
		{ .fd = agent->signal_fd, .events = POLLIN },
	};
	__u64 now = slot_clock_ns();
	int err;

	agent->followed_ns = now;
	handoff_device_follow(&agent->device, now);
	if (now >= agent->look_ns) {
		agent->look_ns = now + LOOK_NS;
		err = check_maps(agent, why);
		if (err)
			return err;
		look_at_rules(agent);
	}
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), get_pause(agent, slot_clock_ns())) < 0 &&
	    errno != EINTR)
		return slot_reason_set(why, -errno, "poll: %s", strerror(errno));
	agent->is_over = fds[0].revents & POLLIN;
	return 0;
}
