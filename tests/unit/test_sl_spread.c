/* SPDX-License-Identifier: GPL-2.0-only */
/* socket_lb: how an instance's sockets share what is new. */
#include <errno.h>
#include <string.h>

#include "bpf/socket_lb/maps/sl_spread.h"
#include "tests/support/tap.h"

static const struct sl_cpus one_node = { .count = 4 };
/* CPUs 0, 2, 4, 6 of node 0, the odd ones of node 1. */
static const struct sl_cpus two_nodes = { .count = 8, .node = { 0, 1, 0, 1, 0, 1, 0, 1 } };

static struct sl_instance make(__u8 policy, __u16 sockets)
{
	struct sl_instance instance = { .policy = policy, .sockets = sockets };

	memset(instance.weights, 1, sizeof(instance.weights));
	return instance;
}

static unsigned int share_of(const struct sl_instance *instance, __u8 position)
{
	unsigned int count = 0;

	for (int i = 0; i < SL_STEER_SIZE; i++)
		count += instance->steer[i] == position;
	return count;
}

static void spread(struct sl_instance *instance, const struct sl_cpus *cpus)
{
	struct slot_reason why;

	if (sl_spread(instance, cpus, &why))
		fail_msg("%s", why.text);
}

static void equal_weights_share_evenly(void **state)
{
	(void)state;
	for (__u16 sockets = 1; sockets <= SL_SOCKETS_MAX; sockets++) {
		struct sl_instance instance = make(SL_BY_HASH, sockets);

		spread(&instance, &one_node);
		for (__u32 p = 0; p < sockets; p++)
			assert_in_range(share_of(&instance, (__u8)p), SL_STEER_SIZE / sockets,
					SL_STEER_SIZE / sockets + 1);
	}
}

static void weights_are_shares(void **state)
{
	struct sl_instance instance = make(SL_BY_HASH, 4);

	(void)state;
	memcpy(instance.weights, (const __u8[]){ 4, 0, 2, 2 }, 4);
	spread(&instance, &one_node);
	assert_int_equal(share_of(&instance, 0), 128);
	assert_int_equal(share_of(&instance, 1), 0);
	assert_int_equal(share_of(&instance, 2), 64);
	assert_int_equal(share_of(&instance, 3), 64);
}

static void the_largest_weights_do_not_overflow(void **state)
{
	struct sl_instance instance = make(SL_BY_HASH, SL_SOCKETS_MAX);

	(void)state;
	memset(instance.weights, 255, sizeof(instance.weights));
	spread(&instance, &one_node);
	for (__u8 p = 0; p < SL_SOCKETS_MAX; p++)
		assert_int_equal(share_of(&instance, p), 4);
}

static void each_cpu_has_its_socket(void **state)
{
	struct sl_instance instance = make(SL_BY_CPU, 4);

	(void)state;
	instance.weights[2] = 0;
	spread(&instance, &one_node);
	assert_int_equal(instance.steer[0], 0);
	assert_int_equal(instance.steer[1], 1);
	assert_int_equal(instance.steer[2], 3);
	assert_int_equal(instance.steer[3], 0);
}

static void each_node_has_the_sockets_of_its_cpus(void **state)
{
	struct sl_instance instance = make(SL_BY_NUMA, 8);

	(void)state;
	spread(&instance, &two_nodes);
	for (int i = 0; i < SL_STEER_PER_NODE; i++) {
		assert_int_equal(instance.steer[i] % 2, 0);
		assert_int_equal(instance.steer[SL_STEER_PER_NODE + i] % 2, 1);
	}
	assert_int_equal(share_of(&instance, 0), share_of(&instance, 2));
}

static void a_node_without_a_socket_shares_those_of_all(void **state)
{
	struct sl_instance instance = make(SL_BY_NUMA, 2);

	(void)state;
	spread(&instance, &one_node);
	assert_int_equal(instance.steer[SL_STEER_PER_NODE], 0);
	assert_int_equal(instance.steer[SL_STEER_PER_NODE + 1], 1);
}

static void nobody_who_takes_anything_is_refused(void **state)
{
	struct sl_instance none = make(SL_BY_HASH, 0), weightless = make(SL_BY_CPU, 2);
	struct sl_instance many = make(SL_BY_HASH, SL_SOCKETS_MAX + 1);
	struct slot_reason why;

	(void)state;
	memset(weightless.weights, 0, sizeof(weightless.weights));
	assert_int_equal(sl_spread(&none, &one_node, &why), -EINVAL);
	assert_int_equal(sl_spread(&weightless, &one_node, &why), -EINVAL);
	assert_int_equal(sl_spread(&many, &one_node, &why), -EINVAL);
}

static void workers_have_the_first_of_their_sockets(void **state)
{
	static const __u8 workers[] = { 7, 7, 0, 255 };
	struct sl_instance instance = make(SL_BY_HASH, 4);

	(void)state;
	sl_spread_workers(&instance, workers);
	assert_int_equal(instance.workers, 3);
	assert_int_equal(instance.by_worker[7], 0);
	assert_int_equal(instance.by_worker[0], 2);
	assert_int_equal(instance.by_worker[255], 3);
	assert_int_equal(instance.by_worker[1], SL_NO_WORKER);
	sl_spread_workers(&instance, NULL);
	assert_int_equal(instance.workers, 4);
	assert_int_equal(instance.by_worker[3], 3);
	assert_int_equal(instance.by_worker[7], SL_NO_WORKER);
}

static void this_host_has_cpus(void **state)
{
	struct sl_cpus cpus;

	(void)state;
	sl_cpus_get(&cpus);
	assert_in_range(cpus.count, 1, SL_STEER_SIZE);
	for (__u32 i = 0; i < SL_STEER_SIZE; i++)
		assert_in_range(cpus.node[i], 0, SL_STEER_NODES - 1);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, equal_weights_share_evenly, NULL, NULL);
	TAP_ADD(&plan, weights_are_shares, NULL, NULL);
	TAP_ADD(&plan, the_largest_weights_do_not_overflow, NULL, NULL);
	TAP_ADD(&plan, each_cpu_has_its_socket, NULL, NULL);
	TAP_ADD(&plan, each_node_has_the_sockets_of_its_cpus, NULL, NULL);
	TAP_ADD(&plan, a_node_without_a_socket_shares_those_of_all, NULL, NULL);
	TAP_ADD(&plan, nobody_who_takes_anything_is_refused, NULL, NULL);
	TAP_ADD(&plan, workers_have_the_first_of_their_sockets, NULL, NULL);
	TAP_ADD(&plan, this_host_has_cpus, NULL, NULL);
	return tap_run(&plan, "sl_spread", 0);
}
