/* SPDX-License-Identifier: GPL-2.0-only */
/* tcp_server_id on sockets that listen: whom they tell their id, when, and when no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bpf/tcp_id_abi.h"
#include "tests/support/tsi_case.h"

#define KIND TCP_ID_EXPERIMENT

static const struct tcp_server_id_config config = TSI_CONFIG;

static void server_tells_its_id_on_the_syn_ack(void **state)
{
	struct tsi_option right = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_serve(NULL, &right);
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_TOLD, 1);
	assert_counted(TSI_TOLD_COOKIE, 0);
	assert_counted(TSI_CONFIRMED, 1);
	assert_counted(TSI_NOT_ECHOED, 0);
}

static void server_says_no_more_to_who_knows(void **state)
{
	struct tsi_option right = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_serve(NULL, &right);
	for (int i = 0; i < 3; i++) {
		tsi_case_say();
		tsi_case_assert_none(KIND);
		tsi_case_hear(&right);
		tsi_case_assert_none(KIND);
	}
	assert_counted(TSI_CONFIRMED, 1);
	assert_counted(TSI_TOLD_LATER, 0);
}

static void fallback_id_is_right_as_well(void **state)
{
	struct tsi_option old = tsi_option_id(TSI_OLD_ID);

	(void)state;
	tsi_case_serve(NULL, &old);
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	assert_counted(TSI_CONFIRMED_OLD, 1);
	assert_counted(TSI_WRONG, 0);
}

static void fallback_id_is_told_where_there_is_no_other(void **state)
{
	struct tsi_option old = tsi_option_id(TSI_OLD_ID);

	(void)state;
	tsi_case_ids(0, TSI_OLD_ID);
	tsi_case_serve(NULL, &old);
	tsi_case_assert_id(KIND, TSI_OLD_ID);
	assert_counted(TSI_CONFIRMED_OLD, 1);
}

static void server_without_ids_tells_nothing(void **state)
{
	struct tsi_option ask = tsi_option_id(0);

	(void)state;
	tsi_case_ids(0, 0);
	tsi_case_serve(NULL, &ask);
	tsi_case_assert_none(KIND);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	assert_counted(TSI_NO_IDS, 1);
	assert_counted(TSI_TOLD, 0);
}

static void wrong_id_is_answered_by_the_next_segment(void **state)
{
	struct tsi_option wrong = tsi_option_id(TSI_OTHER_ID), right = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_serve(NULL, &wrong);
	tsi_case_say();
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_WRONG, 1);
	assert_counted(TSI_TOLD_LATER, 1);
	tsi_case_hear(&wrong);
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_hear(&right);
	tsi_case_assert_none(KIND);
	assert_counted(TSI_CONFIRMED, 1);
}

static void who_asks_is_told(void **state)
{
	struct tsi_option ask = tsi_option_id(0);

	(void)state;
	tsi_case_serve(NULL, NULL);
	tsi_case_hear(&ask);
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	assert_counted(TSI_ASKED, 1);
}

static void others_are_left_alone_after_the_syn_ack(void **state)
{
	(void)state;
	tsi_case_serve(NULL, NULL);
	for (int i = 0; i < 3; i++) {
		tsi_case_say();
		tsi_case_assert_none(KIND);
		tsi_case_hear(NULL);
		tsi_case_assert_none(KIND);
	}
	assert_counted(TSI_NOT_ECHOED, 1);
	assert_counted(TSI_TOLD, 1);
}

static void who_declines_is_told_nothing(void **state)
{
	struct tsi_option no = tsi_option_none(KIND);

	(void)state;
	tsi_case_serve(&no, NULL);
	tsi_case_assert_none(KIND);
	assert_counted(TSI_DECLINED, 1);
	assert_counted(TSI_TOLD, 0);
	/* The option of another experiment declines nothing. */
	no.bytes[2]++;
	tsi_case_serve(&no, NULL);
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_DECLINED, 1);
}

static void set_cookies(int mode)
{
	char line[64];

	snprintf(line, sizeof(line), "echo %d >/proc/sys/net/ipv4/tcp_syncookies", mode);
	assert_int_equal(system(line), 0);
}

static void syn_cookies_tell_the_id_too(void **state)
{
	struct tsi_option right = tsi_option_id(TSI_ID), wrong = tsi_option_id(TSI_OTHER_ID);

	(void)state;
	set_cookies(2); /* always */
	tsi_case_serve(NULL, &right);
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	tsi_case_serve(NULL, &wrong);
	tsi_case_say();
	tsi_case_assert_id(KIND, TSI_ID);
	set_cookies(1);
	assert_counted(TSI_TOLD_COOKIE, 2);
	assert_counted(TSI_CONFIRMED, 1);
	assert_counted(TSI_WRONG, 1);
}

/* Of such a socket the kernel has said nothing to the program. */
static void socket_that_listened_before_tells_who_asks(void **state)
{
	struct tsi_option ask = tsi_option_id(0);

	(void)state;
	tsi_case_listen_before();
	tsi_case_serve(NULL, &ask);
	tsi_case_assert_none(KIND);
	tsi_case_say();
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_TOLD, 0);
	assert_counted(TSI_TOLD_LATER, 1);
}

static void connection_works_where_options_fill_the_room(void **state)
{
	struct tsi_option ask = tsi_option_id(0);

	(void)state;
	tsi_case_fill(34);
	tsi_case_listen();
	tsi_case_serve(NULL, &ask);
	tsi_case_assert_none(KIND);
	assert_counted(TSI_NO_ROOM, 1);
	assert_counted(TSI_TOLD, 0);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	assert_counted(TSI_NO_ROOM, 2);
	assert_counted(TSI_NOT_STORED, 0);
}

static void callbacks_of_other_programs_stay_on(void **state)
{
	struct tsi_option right = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_fill(4);
	tsi_case_listen();
	tsi_case_serve(NULL, &right);
	assert_counted(TSI_CONFIRMED, 1);
	tsi_case_say();
	assert_int_equal(tsi.segment.options[0], 200);
	tsi_case_say();
	assert_int_equal(tsi.segment.options[0], 200);
}

/* A header of @len bytes that are said to be the option, at the end of what there is. */
static void spoiled_options_are_no_ids(void **state)
{
	struct tsi_option option = tsi_option_id(TSI_OTHER_ID);

	(void)state;
	for (unsigned int len = 0; len <= 40; len++) {
		if (len == option.len)
			continue;
		option.bytes[1] = (uint8_t)len;
		tsi_case_serve(NULL, &option);
		tsi_case_hear(&option);
		tsi_case_assert_none(KIND);
	}
	assert_counted(TSI_WRONG, 0);
	assert_counted(TSI_ASKED, 0);
	assert_true(tsi_case_count(TSI_BAD_OPTION) > 0);
}

static void first_of_two_options_counts(void **state)
{
	struct tsi_option both = tsi_option_id(TSI_ID), other = tsi_option_id(TSI_OTHER_ID);

	(void)state;
	memcpy(both.bytes + both.len, other.bytes, other.len);
	both.len += other.len;
	tsi_case_serve(NULL, &both);
	assert_counted(TSI_CONFIRMED, 1);
	assert_counted(TSI_WRONG, 0);
}

static void katran_server_has_kinds_of_its_own(void **state)
{
	static const struct tcp_server_id_config katran = { .server = true, .preset = TSI_KATRAN };
	struct tsi_option right = tsi_option_make(TCP_ID_KATRAN, TSI_ID);
	struct tsi_option no = tsi_option_none(TCP_ID_KATRAN_NONE);

	(void)state;
	tsi_case_restart(&katran);
	tsi_case_serve(NULL, &right);
	tsi_case_assert_id(TCP_ID_KATRAN_SERVER, TSI_ID);
	assert_counted(TSI_CONFIRMED, 1);
	tsi_case_serve(&no, NULL);
	tsi_case_assert_none(TCP_ID_KATRAN_SERVER);
	/* Katran's clients add a zone behind it. */
	no.bytes[no.len++] = 7;
	no.bytes[1]++;
	tsi_case_serve(&no, NULL);
	tsi_case_assert_none(TCP_ID_KATRAN_SERVER);
	assert_counted(TSI_DECLINED, 2);
}

/* Alone, it turns off what costs, and on again who asks. */
static void alone_it_looks_no_more_at_who_knows(void **state)
{
	struct tcp_server_id_config alone = config;
	struct tsi_option right = tsi_option_id(TSI_ID), wrong = tsi_option_id(TSI_OTHER_ID),
			  ask = tsi_option_id(0);

	(void)state;
	alone.alone = true;
	tsi_case_restart(&alone);
	tsi_case_serve(NULL, &right);
	tsi_case_hear(&wrong);
	tsi_case_assert_none(KIND);
	assert_counted(TSI_WRONG, 0);
	tsi_case_serve(NULL, NULL);
	tsi_case_hear(&ask);
	tsi_case_assert_id(KIND, TSI_ID);
}

static void server_off_tells_nothing(void **state)
{
	struct tcp_server_id_config off = config;
	struct tsi_option ask = tsi_option_id(0);

	(void)state;
	off.server = false;
	tsi_case_restart(&off);
	tsi_case_serve(NULL, &ask);
	tsi_case_assert_none(KIND);
	tsi_case_say();
	tsi_case_assert_none(KIND);
}

#define ADD(test) TAP_ADD(&plan, test, tsi_case_set_up, tsi_case_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(server_tells_its_id_on_the_syn_ack);
	ADD(server_says_no_more_to_who_knows);
	ADD(fallback_id_is_right_as_well);
	ADD(fallback_id_is_told_where_there_is_no_other);
	ADD(server_without_ids_tells_nothing);
	ADD(wrong_id_is_answered_by_the_next_segment);
	ADD(who_asks_is_told);
	ADD(others_are_left_alone_after_the_syn_ack);
	ADD(who_declines_is_told_nothing);
	ADD(syn_cookies_tell_the_id_too);
	ADD(socket_that_listened_before_tells_who_asks);
	ADD(connection_works_where_options_fill_the_room);
	ADD(callbacks_of_other_programs_stay_on);
	ADD(spoiled_options_are_no_ids);
	ADD(first_of_two_options_counts);
	ADD(katran_server_has_kinds_of_its_own);
	ADD(alone_it_looks_no_more_at_who_knows);
	ADD(server_off_tells_nothing);
	return tsi_case_run(&plan, "tsi_server");
}
