/* SPDX-License-Identifier: GPL-2.0-only */
/* The doctor's check of packets that are handed to devices, over hosts that are made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/doctor_case.h"

#define ADDRESS "203.0.113.21"

/* A host that leads ADDRESS to eth0's other end, in the netns "container". */
static struct slot_picture new_redirect(void)
{
	struct slot_picture picture = case_new();
	size_t behind = case_add_netns(&picture, "container");
	struct slot_picture_link *link = &picture.netns[0].links[1];
	struct slot_picture_claim *claim = case_add_claim(&picture, SLOT_CLAIM_REDIRECT, ADDRESS);

	link->peer_nsid = 0;
	link->peer_netns = behind;
	claim->ifindex = CASE_LINK;
	claim->is_peer = true;
	return picture;
}

/* A chain of netns @netns, in which tunnels to @prefix end. */
static void add_decap(struct slot_picture *picture, size_t netns, enum slot_hook hook,
		      const char *prefix)
{
	struct slot_picture_chain chain = picture->chains[0];

	chain.netns = netns;
	chain.hook = hook;
	assert_int_equal(slot_picture_add(&picture->chains, &picture->chain_count, &chain), 0);
	case_add_claim(picture, SLOT_CLAIM_TUNNEL, prefix)->chain = picture->chain_count - 1;
}

static void what_is_taken_apart_behind_the_device_is_no_finding(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	add_decap(&picture, 1, SLOT_HOOK_TC_INGRESS, ADDRESS);
	case_assert_clean(slot_check_redirect, &picture);
	picture = new_redirect();
	add_decap(&picture, 1, SLOT_HOOK_TC_INGRESS, "203.0.113.16/28");
	case_assert_clean(slot_check_redirect, &picture);
	picture = new_redirect();
	strcpy(picture.netns[1].links[1].kind, "ipip");
	case_assert_clean(slot_check_redirect, &picture);
}

static void where_nobody_takes_it_apart_is_told(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	case_assert_finding(slot_check_redirect, &picture, SLOT_ERROR,
			    "leads " ADDRESS " to netns 'container', where nobody");
	picture = new_redirect();
	add_decap(&picture, 1, SLOT_HOOK_TC_INGRESS, "203.0.113.22");
	case_assert_finding(slot_check_redirect, &picture, SLOT_ERROR, "where nobody");
	picture = new_redirect();
	add_decap(&picture, 1, SLOT_HOOK_XDP, ADDRESS);
	case_assert_finding(slot_check_redirect, &picture, SLOT_ERROR, "where nobody");
	picture = new_redirect();
	case_add_address(&picture, 1, CASE_LINK, ADDRESS "/32");
	case_assert_finding(slot_check_redirect, &picture, SLOT_NOTE, "where nobody");
}

static void a_netns_that_was_not_seen_is_no_finding(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	picture.netns[1].is_seen = false;
	case_assert_clean(slot_check_redirect, &picture);
	picture = new_redirect();
	picture.netns[0].links[1].peer_netns = SLOT_PICTURE_NOWHERE;
	case_assert_clean(slot_check_redirect, &picture);
	picture = new_redirect();
	picture.chains[0].netns = SLOT_PICTURE_NOWHERE;
	case_assert_clean(slot_check_redirect, &picture);
}

static void a_device_that_is_gone_is_told(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	picture.claims[0].ifindex = 7;
	case_assert_finding(slot_check_redirect, &picture, SLOT_WARNING,
			    "to interface #7, which netns 'host' does not have");
}

static void a_device_that_drops_is_told(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	picture.netns[0].links[1].is_up = false;
	case_assert_finding(slot_check_redirect, &picture, SLOT_ERROR, "'eth0', which is down");
	picture = new_redirect();
	picture.netns[0].links[1].peer_nsid = -1;
	case_assert_finding(slot_check_redirect, &picture, SLOT_ERROR, "no other end");
	picture = new_redirect();
	picture.netns[0].links[1].peer_nsid = -1;
	picture.claims[0].is_peer = false;
	case_assert_clean(slot_check_redirect, &picture);
}

static void what_the_host_takes_apart_first_is_told(void **state)
{
	struct slot_picture picture = new_redirect();

	(void)state;
	add_decap(&picture, 1, SLOT_HOOK_TC_INGRESS, ADDRESS);
	add_decap(&picture, 0, SLOT_HOOK_XDP, ADDRESS);
	case_assert_finding(slot_check_redirect, &picture, SLOT_WARNING, "before lb hands them");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken_apart_behind_the_device_is_no_finding),
		cmocka_unit_test(where_nobody_takes_it_apart_is_told),
		cmocka_unit_test(a_netns_that_was_not_seen_is_no_finding),
		cmocka_unit_test(a_device_that_is_gone_is_told),
		cmocka_unit_test(a_device_that_drops_is_told),
		cmocka_unit_test(what_the_host_takes_apart_first_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
