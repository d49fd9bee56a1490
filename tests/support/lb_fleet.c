/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "programs/lb/ring/lb_flow_hash.h"
#include "programs/lb/ring/lb_ring.h"
#include "programs/lb/ring/lb_transition.h"
#include "tests/support/lb_fleet.h"
#include "tests/support/tap.h"

#define CHANGES LB_FLEET_CHANGES
#define FLOWS_MAX LB_FLEET_FLOWS
#define WINDOWS_MAX LB_FLEET_WINDOWS
#define REALS 50
#define INSTANCES 4

struct record {
	__u32 real;
	__u32 era;
};

/* What instances that hear of changes at the same time know. */
static struct knowledge {
	__u32 ring[LB_RING_SIZE];
	struct view {
		__u32 entries[LB_RING_SIZE];
		struct lb_previous previous[LB_RING_SIZE];
		__u64 previous_until;
	} views[WINDOWS_MAX]; /* one for each window */
} early, late;

static __u8 rings[CHANGES + 1][LB_RING_SIZE];

static struct instance {
	bool is_up;
	struct knowledge *knowledge;
	struct record table[FLOWS_MAX * 2]; /* struct flow's slot */
	struct record watched[WINDOWS_MAX][FLOWS_MAX * 2];
} instances[INSTANCES];

static struct flow {
	__u32 tuple;
	__u32 slot; /* in the tables: twice the flow's number, 1 more for the tuple that returns */
	__u32 position;
	__u32 real;
	__u32 instance;
	__u32 pause;
	__u32 began, last, gap, changed; /* steps; its first change, 0: none */
	bool was_moved, is_new_here;
	__u32 young, late, lost; /* masks of strategies */
} flows[FLOWS_MAX];

static struct world {
	const struct lb_fleet_scenario *scenario;
	__u64 random;
	__u32 now; /* steps */
	__u32 changes, last_change;
	struct lb_fleet_result result;
} world;

static __u32 draw(__u32 below)
{
	world.random = world.random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (world.random >> 32) * below >> 32;
}

static __u32 seconds(__u32 steps)
{
	return steps * world.scenario->step;
}

static __u64 now_ns(void)
{
	return (__u64)seconds(world.now) * 1000000000ULL;
}

/* --- the ring -------------------------------------------------------------------------------- */

static void build_ring(const __u32 *weights, __u8 *ret_ring)
{
	static __u32 ring[LB_RING_SIZE];
	struct lb_ring_real reals[REALS] = {};

	for (__u32 i = 0; i < REALS; i++)
		reals[i] = (struct lb_ring_real){
			.addr = { 192, 0, 2, i },
			.weight = weights[i],
			.index = i + 1,
		};
	assert_int_equal(lb_ring_build(LB_MAGLEV2, reals, REALS, ring), 0);
	for (__u32 i = 0; i < LB_RING_SIZE; i++)
		ret_ring[i] = ring[i];
}

/* All scenarios go through the same rings. One real changes as a rule, five now and then. */
int lb_fleet_build_rings(void **state)
{
	__u32 weights[REALS];

	(void)state;
	world.random = 1;
	for (__u32 i = 0; i < REALS; i++)
		weights[i] = 10;
	build_ring(weights, rings[0]);
	for (__u32 change = 1; change <= CHANGES; change++) {
		for (__u32 reals = draw(10) ? 1 : 5; reals; reals--) {
			__u32 *weight = &weights[draw(REALS / 2) * 2];

			*weight = *weight && draw(2) ? 0 : 5 + draw(15);
		}
		build_ring(weights, rings[change]);
	}
	return 0;
}

static void tell(struct knowledge *knowledge)
{
	for (__u32 i = 0; i < LB_RING_SIZE; i++)
		knowledge->ring[i] = rings[world.changes][i];
	for (__u32 i = 0; i < WINDOWS_MAX && world.scenario->windows[i]; i++) {
		struct view *view = &knowledge->views[i];
		struct lb_transition change = {
			.entries = view->entries,
			.previous = view->previous,
			.ring = knowledge->ring,
			.previous_until = view->previous_until,
			.now = now_ns(),
			.window = world.scenario->windows[i],
		};

		lb_transition_plan(&change, view->entries, view->previous, &view->previous_until);
	}
}

/* --- what the data plane does ---------------------------------------------------------------- */

static __u32 route_recorded(struct instance *instance, __u32 at, bool is_syn)
{
	struct record *record = &instance->table[flows[at].slot];

	if (is_syn || !record->real)
		record->real = instance->knowledge->ring[flows[at].position];
	return record->real;
}

static __u32 route_transitions(struct instance *instance, __u32 window, __u32 at, bool is_syn)
{
	const struct view *view = &instance->knowledge->views[window];
	struct record *record = &instance->watched[window][flows[at].slot];
	__u32 position = flows[at].position, entry = view->entries[position];
	__u32 real = entry & LB_ENTRY_REAL;

	if (!(entry & LB_ENTRY_TABLE))
		return real;
	if (!is_syn && record->real && record->era == (entry & LB_ENTRY_ERA))
		return record->real;
	if (!is_syn && entry & LB_ENTRY_PREVIOUS && now_ns() < view->previous_until)
		real = view->previous[position].real;
	*record = (struct record){ real, entry & LB_ENTRY_ERA };
	return real;
}

static __u32 route(enum lb_fleet_strategy strategy, __u32 at, bool is_syn)
{
	struct instance *instance = &instances[flows[at].instance];

	if (strategy == PLAIN)
		return instance->knowledge->ring[flows[at].position];
	if (strategy == RECORDED)
		return route_recorded(instance, at, is_syn);
	return route_transitions(instance, strategy - TRANSITIONS, at, is_syn);
}

/* --- flows ----------------------------------------------------------------------------------- */

bool lb_fleet_has(const struct lb_fleet_scenario *scenario, enum lb_fleet_strategy strategy)
{
	return strategy < TRANSITIONS || scenario->windows[strategy - TRANSITIONS];
}

static bool has_strategy(enum lb_fleet_strategy strategy)
{
	return lb_fleet_has(world.scenario, strategy);
}

static __u32 find_instance(__u32 tuple)
{
	__u32 up[INSTANCES], count = 0;

	for (__u32 i = 0; i < INSTANCES; i++)
		if (instances[i].is_up)
			up[count++] = i;
	return up[hash_murmur3(&tuple, 1, world.result.routes) % count];
}

static bool is_window_open(const struct knowledge *knowledge, __u32 window, __u32 position)
{
	const struct view *view = &knowledge->views[window];

	return view->entries[position] & LB_ENTRY_PREVIOUS && now_ns() < view->previous_until;
}

static bool is_young(enum lb_fleet_strategy strategy, __u32 position)
{
	if (strategy < TRANSITIONS || world.now - world.last_change < 2)
		return true;
	return is_window_open(&early, strategy - TRANSITIONS, position) ||
	       is_window_open(&late, strategy - TRANSITIONS, position);
}

static void forget_slot(__u32 slot)
{
	for (__u32 i = 0; i < INSTANCES; i++) {
		instances[i].table[slot].real = 0;
		for (__u32 w = 0; w < WINDOWS_MAX; w++)
			instances[i].watched[w][slot].real = 0;
	}
}

static void begin_flow(__u32 at)
{
	struct flow *flow = &flows[at];
	bool returns = !draw(5);
	__u32 slot = at * 2 + returns, tuple = returns ? at : draw(~0U);

	if (!returns)
		forget_slot(slot);
	*flow = (struct flow){
		.tuple = tuple,
		.slot = slot,
		.position = lb_flow_hash4(LB_JHASH, tuple, 443) % LB_RING_SIZE,
		.instance = find_instance(tuple),
		.pause = draw(10) ? world.scenario->pause : world.scenario->silence,
		.began = world.now,
		.last = world.now,
	};
	flow->real = instances[flow->instance].knowledge->ring[flow->position];
	for (enum lb_fleet_strategy s = 0; s < STRATEGIES; s++)
		if (has_strategy(s)) {
			assert_int_equal(route(s, at, true), flow->real);
			flow->young |= (__u32)is_young(s, flow->position) << s;
		}
	world.result.flows++;
}

static __u32 window_of(enum lb_fleet_strategy strategy)
{
	return strategy < TRANSITIONS ? ~0U : world.scenario->windows[strategy - TRANSITIONS];
}

static enum lb_fleet_cause find_cause(const struct flow *flow, enum lb_fleet_strategy strategy)
{
	if (seconds(flow->gap) >= window_of(strategy))
		return QUIET;
	if (seconds(world.now - flow->began) > LB_TRANSITION_KEEP)
		return OLD;
	if (!flow->was_moved)
		return UNEXPLAINED;
	if (flow->slot % 2)
		return REUSED;
	if (flow->young & 1U << strategy)
		return YOUNG;
	return flow->late & 1U << strategy ? LATE : UNEXPLAINED;
}

static void note_packet(struct flow *flow)
{
	__u32 since = flow->changed ? seconds(world.now - flow->changed) : 0;
	__u32 silent_since = flow->last > flow->changed ? flow->last : flow->changed;

	if (flow->changed && world.now - silent_since > flow->gap)
		flow->gap = world.now - silent_since;
	flow->last = world.now;
	for (enum lb_fleet_strategy s = TRANSITIONS; s < STRATEGIES; s++)
		if (flow->is_new_here && since >= window_of(s))
			flow->late |= 1U << s;
	flow->is_new_here = false;
}

static void send_packet(__u32 at)
{
	struct flow *flow = &flows[at];

	note_packet(flow);
	for (enum lb_fleet_strategy s = 0; s < STRATEGIES; s++) {
		if (!has_strategy(s) || flow->lost & 1U << s || route(s, at, false) == flow->real)
			continue;
		flow->lost |= 1U << s;
		world.result.lost[s]++;
		world.result.causes[s][find_cause(flow, s)]++;
	}
}

/* Also when the last instance hears of it: flows may have begun there meanwhile. */
static void note_change(void)
{
	for (__u32 at = 0; at < world.scenario->flows; at++) {
		__u32 position = flows[at].position;

		if (!flows[at].changed &&
		    rings[world.changes][position] != rings[world.changes - 1][position])
			flows[at].changed = world.now;
	}
}

/* An instance goes or comes back, without its table; all flows are sent elsewhere. */
static void change_routes(void)
{
	struct instance *instance = &instances[draw(INSTANCES)];
	__u32 up = 0;

	for (__u32 i = 0; i < INSTANCES; i++)
		up += instances[i].is_up;
	if (up < INSTANCES)
		for (instance = instances; instance->is_up; instance++)
			;
	instance->is_up = !instance->is_up;
	memset(instance->table, 0, sizeof(instance->table));
	memset(instance->watched, 0, sizeof(instance->watched));

	world.result.routes++;
	for (__u32 at = 0; at < world.scenario->flows; at++) {
		__u32 to = find_instance(flows[at].tuple);

		flows[at].is_new_here |= to != flows[at].instance;
		flows[at].was_moved |= flows[at].is_new_here;
		flows[at].instance = to;
	}
}

static void step_flows(void)
{
	for (__u32 at = 0; at < world.scenario->flows; at++) {
		if (!draw(world.scenario->life))
			begin_flow(at);
		else if (!draw(flows[at].pause))
			send_packet(at);
	}
}

/* --- scenarios ------------------------------------------------------------------------------- */

static void start_world(const struct lb_fleet_scenario *scenario)
{
	memset(&world, 0, sizeof(world));
	memset(flows, 0, sizeof(flows));
	memset(instances, 0, sizeof(instances));
	memset(&early, 0, sizeof(early));
	memset(&late, 0, sizeof(late));
	world.scenario = scenario;
	world.random = 7;
	tell(&early);
	tell(&late);
	for (__u32 i = 0; i < INSTANCES; i++) {
		instances[i].is_up = true;
		instances[i].knowledge = i < INSTANCES - 1 ? &early : &late;
	}
	for (__u32 at = 0; at < scenario->flows; at++)
		begin_flow(at);
}

void lb_fleet_run(const struct lb_fleet_scenario *scenario, struct lb_fleet_result *ret_result)
{
	bool is_told = true;

	start_world(scenario);
	while (world.changes < CHANGES) {
		world.now++;
		if (!is_told) {
			tell(&late);
			note_change();
		}
		is_told = draw(scenario->interval);
		if (!is_told) {
			world.changes++;
			world.last_change = world.now;
			note_change();
			tell(&early);
		}
		if (scenario->shuffle ? !draw(scenario->shuffle) : !is_told)
			change_routes();
		step_flows();
	}
	world.result.seconds = seconds(world.now);
	*ret_result = world.result;
}
