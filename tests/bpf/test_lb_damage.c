/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb on maps with what no command wrote: whoever owns the pins can write anything there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/lb.h"
#include "tests/support/lb_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define VIP "tcp/192.0.2.1:80"

static int set_up(void **state)
{
	lb_bed_set_up(state);
	lb_bed_runs("vip add " VIP " table=transitions");
	lb_bed_runs("real add " VIP " 203.0.113.1");
	lb_bed_runs("real add " VIP " 203.0.113.2");
	lb_bed_runs("real drain " VIP " 203.0.113.2");
	return 0;
}

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lb_bed.object, name);

	assert_true(fd >= 0);
	return fd;
}

static struct lb_vip get_vip(struct lb_vip4_key *ret_key)
{
	struct lb_vip vip;

	*ret_key = (struct lb_vip4_key){ .port = htons(80), .proto = IPPROTO_TCP };
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &ret_key->addr), 1);
	assert_int_equal(bpf_map_lookup_elem(map_fd(LB_VIPS4_NAME), ret_key, &vip), 0);
	return vip;
}

static void assert_refused(const struct lb_vip4_key *key, const struct lb_vip *vip)
{
	static const char *const lines[] = {
		"vip show",
		"dump",
		"stats",
		"real drain " VIP " 203.0.113.1",
	};

	assert_int_equal(bpf_map_update_elem(map_fd(LB_VIPS4_NAME), key, vip, BPF_ANY), 0);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		program_bed_assert_fails(&lb_bed, lines[i],
					 "map 'lb_vips4': VIP " VIP " is in a mode that this "
					 "command does not know\n");
}

static void a_mode_that_is_not_known_is_refused(void **state)
{
	struct lb_vip4_key key;
	struct lb_vip vip = get_vip(&key), other = vip;

	(void)state;
	other.encap = LB_ENCAPS;
	assert_refused(&key, &other);
	other = vip;
	other.table = LB_TABLES;
	assert_refused(&key, &other);
	other = vip;
	other.ring_kind = LB_RING_KINDS;
	assert_refused(&key, &other);
	assert_int_equal(bpf_map_update_elem(map_fd(LB_VIPS4_NAME), &key, &vip, BPF_ANY), 0);
	lb_bed_runs("real undrain " VIP " 203.0.113.2");
}

/* Every element of @map becomes @value. */
static void fill(const char *name, const void *value)
{
	__u32 keys[LB_RING_PAGES + LB_PREVIOUS_PAGES], count = 0;

	while (!bpf_map_get_next_key(map_fd(name), count ? &keys[count - 1] : NULL, &keys[count]))
		assert_true(++count < sizeof(keys) / sizeof(keys[0]));
	assert_true(count > 0);
	while (count--)
		assert_int_equal(bpf_map_update_elem(map_fd(name), &keys[count], value, BPF_ANY),
				 0);
}

static void reals_that_cannot_be_are_none(void **state)
{
	struct lb_previous_page previous;
	struct lb_ring_page ring;
	char before[4096];

	(void)state;
	assert_int_equal(program_bed_run(&lb_bed, "ring show " VIP), PROGRAM_OK);
	snprintf(before, sizeof(before), "%s", lb_bed.out);
	memset(&previous, 0xff, sizeof(previous));
	memset(&ring, 0xff, sizeof(ring));
	fill(LB_PREVIOUS_NAME, &previous);
	fill(LB_RINGS_NAME, &ring);
	lb_bed_runs("ring refresh");
	program_bed_assert_runs(&lb_bed, "ring show " VIP, before);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, lb_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_mode_that_is_not_known_is_refused);
	ADD(reals_that_cannot_be_are_none);
	return tap_run(&plan, "lb_damage", 1);
}
