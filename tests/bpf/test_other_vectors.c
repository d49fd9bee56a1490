/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Katran's fixtures for what stands beside its load balancer, where they are at hand:
 * health checks' probes through lb_hc, tunnels through decap.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/libbpf.h>

#include "bpf/lb_hc/lb_hc.h"
#include "tests/support/decap_case.h"
#include "tests/support/tap.h"
#include "tests/support/vectors.h"

/* What lb_hc was set up with there. */
static const char *const marks[] = { "10.0.0.1", "10.0.0.2", "fc00::1" };
static const __u8 gateway[6] = { 0x00, 0x00, 0xde, 0xad, 0xbe, 0xaf };
static const __u8 own_mac[6] = { 0x00, 0xff, 0xde, 0xad, 0xbe, 0xaf };

/* Where that decap takes tunnels to any address apart, ours has a list. */
static const char *const tunnel_ends[] = { "172.16.100.1", "100::2" };

static const struct decap_config decap_config = { .drop_fragments = true };

static void open_vectors(const char *name, struct vectors *ret_vectors)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s.tsv", vectors_others(), name);
	if (vectors_open(ret_vectors, path))
		return;
	print_message("# SKIP %s is not here\n", path);
	skip();
}

static struct bpf_object *load(const char *name, const struct decap_config *config)
{
	struct bpf_object *object = progrun_open(name);

	assert_non_null(object);
	if (config)
		assert_int_equal(progrun_set(object, "decap.rodata", config, sizeof(*config)), 0);
	assert_int_equal(bpf_object__load(object), 0);
	return object;
}

/* --- lb_hc ----------------------------------------------------------------------------------- */

static void set_up_probes(const struct bpf_object *object)
{
	const struct lb_hc hc = {
		.reals_fd = bpf_object__find_map_fd_by_name(object, LB_HC_REALS_NAME),
		.control_fd = bpf_object__find_map_fd_by_name(object, LB_HC_CONTROL_NAME),
	};
	struct lb_hc_control control = {};
	struct slot_reason why;
	bool is_ip6;
	__u32 i;

	memcpy(control.gateway, gateway, sizeof(gateway));
	memcpy(control.mac, own_mac, sizeof(own_mac));
	assert_int_equal(inet_pton(AF_INET, "10.0.13.37", control.source4), 1);
	assert_int_equal(inet_pton(AF_INET6, "fc00:2307::1337", control.source6), 1);
	assert_int_equal(lb_hc_control_set(&hc, &control, &why), 0);

	for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct lb_hc_mark mark = { .mark = i + 1, .real = { .encap = LB_HC_IPIP } };

		assert_int_equal(lb_hc_address_parse(marks[i], &why, mark.real.addr, &is_ip6), 0);
		mark.real.is_ip6 = is_ip6;
		assert_int_equal(lb_hc_real_set(&hc, &mark, &why), 0);
	}
}

static const char *tc_name(unsigned int verdict)
{
	if (verdict == (unsigned int)TC_ACT_UNSPEC)
		return "TC_ACT_UNSPEC";
	return verdict == TC_ACT_REDIRECT ? "TC_ACT_REDIRECT" : "another verdict";
}

static void probes_leave_as_katrans_do(void **state)
{
	unsigned int failed = 0, count = 0;
	struct bpf_object *object;
	struct vectors vectors;
	struct vector vector;
	struct progrun run;

	(void)state;
	open_vectors("hc_ipip", &vectors);
	object = load("bpf/lb_hc.bpf.o", NULL);
	set_up_probes(object);
	for (; vectors_next(&vectors, &vector); count++) {
		assert_int_equal(
			progrun_skb(progrun_fd(object, "lb_hc"), &vector.in, vector.mark, &run), 0);
		failed += !vector_is_met(&vector, tc_name(run.verdict), &run);
	}
	assert_int_equal(failed, 0);
	assert_true(count);
	vectors_close(&vectors);
	bpf_object__close(object);
}

/* --- decap ----------------------------------------------------------------------------------- */

static void set_up_tunnels(struct bpf_object *object)
{
	const struct decap_maps maps = decap_case_maps(object);

	for (size_t i = 0; i < sizeof(tunnel_ends) / sizeof(tunnel_ends[0]); i++)
		decap_case_add(&maps, tunnel_ends[i]);
}

static void tunnels_are_taken_apart_as_katran_does(void **state)
{
	unsigned int failed = 0, count = 0;
	struct bpf_object *object;
	struct vectors vectors;
	struct vector vector;
	struct progrun run;

	(void)state;
	open_vectors("decap_ipip", &vectors);
	object = load("bpf/decap.bpf.o", &decap_config);
	set_up_tunnels(object);
	for (; vectors_next(&vectors, &vector); count++) {
		assert_int_equal(progrun_packet(progrun_fd(object, "decap"), &vector.in, &run), 0);
		failed += !vector_is_met(&vector, run.verdict == XDP_PASS ? "XDP_PASS" : "XDP_DROP",
					 &run);
	}
	assert_int_equal(failed, 0);
	assert_true(count);
	vectors_close(&vectors);
	bpf_object__close(object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, probes_leave_as_katrans_do, NULL, NULL);
	TAP_ADD(&plan, tunnels_are_taken_apart_as_katran_does, NULL, NULL);
	return tap_run(&plan, "other_vectors", 1);
}
