/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_setup.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "programs/lb/ring/lb_ring.h"
#include "tests/support/tap.h"

#define NSEC_PER_SEC 1000000000ULL

static void set_element(const struct lb_setup *setup, const char *name, const void *key,
			const void *value)
{
	assert_int_equal(bpf_map_update_elem(lb_case_map(&setup->lb, name), key, value, BPF_ANY),
			 0);
	lb_case_raise(&setup->lb);
}

static void clear_map(const struct lb_setup *setup, const char *name)
{
	int fd = lb_case_map(&setup->lb, name);
	char key[64];

	while (!bpf_map_get_next_key(fd, NULL, key))
		assert_int_equal(bpf_map_delete_elem(fd, key), 0);
	lb_case_raise(&setup->lb);
}

/* Flows of another seed are none, so the table needs not be emptied. */
void lb_setup_start(struct lb_setup *setup, struct bpf_object *object)
{
	static const char *const names[] = {
		LB_VIPS4_NAME,	  LB_VIPS6_NAME,    LB_CIDRS4_NAME,	LB_CIDRS6_NAME,
		LB_SOURCES4_NAME, LB_SOURCES6_NAME, LB_SERVER_IDS_NAME, LB_DOWN_NAME,
		LB_RETURNS4_NAME, LB_RETURNS6_NAME, LB_TUNNELS_NAME,	LB_PREVIOUS_NAME,
	};
	static __u64 seed = 0x0123456789abcdefULL;
	size_t i;

	setup->lb.object = object;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		clear_map(setup, names[i]);
	seed += 0x9e3779b97f4a7c15ULL;
	setup->lb.control = (struct lb_control){
		.gue_port = htons(6080),
		.new_flows_max = 125000,
		.seed = { seed, seed ^ 0xfedcba9876543211ULL },
	};
}

/* --- reals ----------------------------------------------------------------------------------- */

__u32 lb_setup_real(struct lb_setup *setup, const char *addr)
{
	struct lb_real real = {};
	unsigned int i;

	if (inet_pton(AF_INET, addr, real.addr) != 1) {
		assert_int_equal(inet_pton(AF_INET6, addr, real.addr), 1);
		real.flags = LB_REAL_IP6;
	}
	for (i = 0; i < setup->real_count; i++) {
		struct lb_real *known = &setup->reals[i].real;

		if (!memcmp(known->addr, real.addr, sizeof(real.addr)) &&
		    (known->flags & LB_REAL_IP6) == real.flags)
			return i + 1;
	}
	assert_true(i < LB_SETUP_REALS);
	setup->reals[i].real = real;
	setup->real_count++;
	return i + 1;
}

/* An index that nobody names is free; what the flow table has of it is stale from then on. */
static void commit_reals(struct lb_setup *setup, __u64 *ret_gone)
{
	unsigned int i, m;

	for (i = 0; i < setup->real_count; i++)
		setup->reals[i].real.users = setup->reals[i].is_pinned;
	for (i = 0; i < setup->vip_count; i++)
		for (m = 0; m < setup->vips[i].count; m++)
			setup->reals[setup->vips[i].members[m].index - 1].real.users++;

	*ret_gone = 0;
	for (i = 0; i < setup->real_count; i++) {
		struct lb_real *real = &setup->reals[i].real;
		__u32 index = i + 1;

		if (real->users) {
			real->flags |= LB_REAL_USED;
		} else {
			if (real->flags & LB_REAL_USED)
				real->epoch++;
			real->flags &= ~LB_REAL_USED;
			*ret_gone |= 1ULL << index % 64;
		}
		set_element(setup, LB_REALS_NAME, &index, real);
	}
}

/* --- VIPs ------------------------------------------------------------------------------------ */

struct lb_setup_vip *lb_setup_vip_new(struct lb_setup *setup)
{
	struct lb_setup_vip *vip = &setup->vips[setup->vip_count];

	assert_true(setup->vip_count < LB_SETUP_VIPS);
	*vip = (struct lb_setup_vip){
		.spec.addr = vip->addr,
		.spec.vip.number = setup->vip_count++,
		.entries = calloc(LB_RING_SIZE, sizeof(*vip->entries)),
		.previous = calloc(LB_RING_SIZE, sizeof(*vip->previous)),
	};
	assert_non_null(vip->entries);
	assert_non_null(vip->previous);
	return vip;
}

struct lb_setup_vip *lb_setup_vip_get(struct lb_setup *setup, const struct lb_case_vip *spec)
{
	unsigned int i;

	for (i = 0; i < setup->vip_count; i++) {
		struct lb_setup_vip *vip = &setup->vips[i];

		if (!strcmp(vip->addr, spec->addr) && vip->spec.prefix_len == spec->prefix_len &&
		    vip->spec.port == spec->port && vip->spec.proto == spec->proto)
			return vip;
	}
	fail_msg("no VIP %s", spec->addr);
	return NULL;
}

void lb_setup_member(struct lb_setup_vip *vip, __u32 index, __u32 weight)
{
	unsigned int i;

	for (i = 0; i < vip->count; i++)
		if (vip->members[i].index == index)
			break;
	assert_true(i < LB_SETUP_MEMBERS);
	vip->members[i] = (struct lb_member_weight){ index, weight };
	if (i == vip->count)
		vip->count++;
	vip->has_changed = true;
}

void lb_setup_member_gone(struct lb_setup_vip *vip, __u32 index)
{
	unsigned int i;

	for (i = 0; i < vip->count; i++)
		if (vip->members[i].index == index)
			break;
	assert_true(i < vip->count);
	vip->members[i] = vip->members[--vip->count];
	vip->has_changed = true;
}

/* --- rings ----------------------------------------------------------------------------------- */

static void build_ring(const struct lb_setup *setup, const struct lb_setup_vip *vip, __u32 *ring)
{
	struct lb_ring_real reals[LB_SETUP_MEMBERS];
	unsigned int i;

	for (i = 0; i < vip->count; i++) {
		const struct lb_real *real = &setup->reals[vip->members[i].index - 1].real;

		reals[i] = (struct lb_ring_real){
			.is_ip6 = real->flags & LB_REAL_IP6,
			.weight = vip->members[i].weight,
			.index = vip->members[i].index,
		};
		memcpy(reals[i].addr, real->addr, sizeof(real->addr));
	}
	assert_int_equal(lb_ring_build(vip->kind, reals, vip->count, ring), 0);
}

static void plan_transition(struct lb_setup_vip *vip, const __u32 *ring, const __u64 *gone)
{
	struct timespec now;
	struct lb_transition change = {
		.entries = vip->entries,
		.previous = vip->previous,
		.ring = ring,
		.gone = gone,
		.previous_until = vip->spec.vip.previous_until,
		.window = vip->window,
	};
	__u64 until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	change.now = (__u64)now.tv_sec * NSEC_PER_SEC + (__u64)now.tv_nsec;
	lb_transition_plan(&change, vip->entries, vip->previous, &until);
	vip->spec.vip.previous_until = until;
}

static void write_previous(const struct lb_setup *setup, const struct lb_setup_vip *vip)
{
	struct lb_previous_page page;
	__u32 i, key, first, left;

	for (i = 0; i < LB_PREVIOUS_PAGES; i++) {
		first = i * LB_PREVIOUS_ENTRIES;
		left = LB_RING_SIZE - first;
		memset(&page, 0, sizeof(page));
		memcpy(page.entries, vip->previous + first,
		       (left < LB_PREVIOUS_ENTRIES ? left : LB_PREVIOUS_ENTRIES) *
			       sizeof(page.entries[0]));
		key = LB_PREVIOUS_KEY(vip->spec.vip.number, vip->spec.vip.ring, i);
		set_element(setup, LB_PREVIOUS_NAME, &key, &page);
	}
}

/* What a real answers from becomes the VIP's, where it has the VIP's packets as its own. */
static void write_returns(struct lb_setup *setup, const struct lb_setup_vip *vip)
{
	struct lb_return4_key key4 = { .port = htons(vip->spec.port), .proto = vip->spec.proto };
	struct lb_return6_key key6 = { .port = key4.port, .proto = key4.proto };
	__u8 addr[16];
	unsigned int i;

	setup->lb.control.flags |= LB_HAS_RETURNS;
	for (i = 0; i < vip->count; i++) {
		const struct lb_real *real = &setup->reals[vip->members[i].index - 1].real;

		memcpy(&key4.addr, real->addr, sizeof(key4.addr));
		memcpy(key6.addr, real->addr, sizeof(key6.addr));
		if (inet_pton(AF_INET, vip->addr, addr) == 1) {
			set_element(setup, LB_RETURNS4_NAME, &key4, addr);
		} else {
			assert_int_equal(inet_pton(AF_INET6, vip->addr, addr), 1);
			set_element(setup, LB_RETURNS6_NAME, &key6, addr);
		}
	}
}

static void commit_vip(struct lb_setup *setup, struct lb_setup_vip *vip, const __u64 *gone)
{
	struct lb_vip *value = &vip->spec.vip;
	__u32 *ring = calloc(LB_RING_SIZE, sizeof(*ring));

	assert_non_null(ring);
	build_ring(setup, vip, ring);
	if (vip->is_there && value->table == LB_TABLE_TRANSITIONS) {
		plan_transition(vip, ring, gone);
		value->ring ^= 1;
		write_previous(setup, vip);
	} else {
		memcpy(vip->entries, ring, LB_RING_SIZE * sizeof(*ring));
		value->ring ^= vip->is_there;
	}
	lb_case_ring(&setup->lb, value->number, value->ring, vip->entries);
	value->has_ring = ring[0] != 0;
	if (value->encap == LB_REWRITE)
		write_returns(setup, vip);
	lb_case_vip(&setup->lb, &vip->spec);
	free(ring);
	vip->is_there = true;
	vip->has_changed = false;
}

void lb_setup_commit(struct lb_setup *setup)
{
	__u64 gone;
	unsigned int i;

	commit_reals(setup, &gone);
	for (i = 0; i < setup->vip_count; i++)
		if (setup->vips[i].has_changed || !setup->vips[i].is_there)
			commit_vip(setup, &setup->vips[i], &gone);
	lb_case_control(&setup->lb);
}

void lb_setup_close(struct lb_setup *setup)
{
	unsigned int i;

	for (i = 0; i < setup->vip_count; i++) {
		free(setup->vips[i].entries);
		free(setup->vips[i].previous);
	}
}
