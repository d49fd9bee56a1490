/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of servers' ids: both forms, what each id is to its real, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/slotctl/server_ids.h"
#include "tests/support/tap.h"

#define JSON "{ \"server_ids\": ["

static struct slot_reason why;
static struct slot_server_ids ids;

static int parse(const char *text)
{
	slot_server_ids_free(&ids);
	why = (struct slot_reason){};
	return slot_server_ids_parse("ids", text, strlen(text), &why, &ids);
}

static void assert_id(size_t at, __u32 id, const char *real, enum program_id_role role)
{
	char text[SLOT_REAL_SIZE];

	assert_in_range(at, 0, ids.count - 1);
	assert_int_equal(ids.list[at].id, id);
	assert_string_equal(slot_server_id_real(&ids.list[at], text), real);
	assert_int_equal(ids.list[at].role, role);
}

static void lines_are_read(void **state)
{
	(void)state;
	assert_int_equal(parse("# of our hosts\n\n"
			       "0x14\t2001:db8::2   # six\r\n"
			       "  017 198.51.100.11\n"
			       "9 198.51.100.11 fallback"),
			 0);
	assert_int_equal(ids.count, 3);
	assert_id(0, 9, "198.51.100.11", PROGRAM_ID_FALLBACK);
	assert_id(1, 17, "198.51.100.11", PROGRAM_ID_PRIMARY);
	assert_id(2, 20, "2001:db8::2", PROGRAM_ID_PRIMARY);
	assert_string_equal(ids.list[0].where, ":5");
}

static void dump_of_a_balancer_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse(" {\"version\": 1, \"server_ids\": ["
			       "{\"id\": 2, \"real\": \"198.51.100.12\"},"
			       "{\"id\": 1, \"real\": \"198.51.100.11\", \"fallback\": true}]}"),
			 0);
	assert_id(0, 1, "198.51.100.11", PROGRAM_ID_FALLBACK);
	assert_id(1, 2, "198.51.100.12", PROGRAM_ID_PRIMARY);
}

static void first_id_of_a_real_is_its_primary_one(void **state)
{
	(void)state;
	assert_int_equal(parse("30 198.51.100.11\n10 198.51.100.11\n20 198.51.100.11\n"), 0);
	assert_id(0, 10, "198.51.100.11", PROGRAM_ID_SPARE);
	assert_id(1, 20, "198.51.100.11", PROGRAM_ID_SPARE);
	assert_id(2, 30, "198.51.100.11", PROGRAM_ID_PRIMARY);
}

static void ids_of_a_real_are_claimed(void **state)
{
	(void)state;
	assert_int_equal(parse("1 198.51.100.11\n2 198.51.100.12\n3 198.51.100.12\n"), 0);
	assert_int_equal(slot_server_ids_claim(&ids, "198.51.100.12", &why), 0);
	assert_false(slot_server_ids_find(&ids, 1)->is_here);
	assert_true(slot_server_ids_find(&ids, 2)->is_here);
	assert_true(slot_server_ids_find(&ids, 3)->is_here);
	assert_int_equal(slot_server_ids_claim(&ids, "198.51.100.13", &why), -ENOENT);
	assert_string_equal(why.text, "real '198.51.100.13': the file has no id of it");
	assert_int_equal(slot_server_ids_claim(&ids, "web", &why), -EINVAL);
	assert_string_equal(why.text, "real 'web': expected an address, or none");
}

/* Each slot asks anew, and what one is the next one is not. */
static void claim_is_in_place_of_the_one_before(void **state)
{
	size_t claimed = 9;

	(void)state;
	assert_int_equal(parse("1 198.51.100.11\n2 127.0.0.1\n"), 0);
	assert_int_equal(slot_server_ids_claim(&ids, "198.51.100.11", &why), 0);
	assert_int_equal(slot_server_ids_claim(&ids, "127.0.0.1", &why), 0);
	assert_false(slot_server_ids_find(&ids, 1)->is_here);
	assert_true(slot_server_ids_find(&ids, 2)->is_here);
	assert_int_equal(slot_server_ids_claim(&ids, "none", &why), 0);
	assert_false(slot_server_ids_find(&ids, 2)->is_here);
	assert_int_equal(slot_server_ids_claim(&ids, "198.51.100.11", &why), 0);
	assert_int_equal(slot_server_ids_claim_local(&ids, &why, &claimed), 0);
	assert_int_equal(claimed, slot_server_ids_find(&ids, 2)->is_here);
	assert_false(slot_server_ids_find(&ids, 1)->is_here);
}

static const struct refusal {
	const char *name, *text, *why;
} refusals[] = {
	{ "id_of_two_reals_is_refused", "1 198.51.100.11\n\n1 198.51.100.12\n",
	  "ids:3: id 1 is in use by 198.51.100.11 (ids:1): expected an id for one real alone" },
	{ "id_that_is_there_twice_is_refused", "1 198.51.100.11\n1 198.51.100.11\n",
	  "ids:2: id 1 is in use by 198.51.100.11 (ids:1): expected an id for one real alone" },
	{ "second_fallback_is_refused",
	  "1 198.51.100.11 fallback\n2 198.51.100.12 fallback\n3 198.51.100.11 fallback\n",
	  "ids:3: the real has a fallback already, id 1 (ids:1)" },
	{ "file_without_ids_is_refused", "# none\n\n",
	  "ids: there are no ids in it: nobody's are taken away by that (a host's: real=none; a "
	  "balancer's: lb server-id del)" },
	{ "json_with_an_empty_list_is_refused", JSON "]}",
	  "ids: there are no ids in it: nobody's are taken away by that (a host's: real=none; a "
	  "balancer's: lb server-id del)" },
	{ "octal_digits_are_decimal", "08 web1\n",
	  "ids:1: 'web1': expected the address of a real" },
	{ "id_0_is_refused", "0 198.51.100.11\n",
	  "ids:1: '0': expected an id from 1 to 4294967295" },
	{ "id_of_33_bits_is_refused", "4294967296 198.51.100.11\n",
	  "ids:1: '4294967296': expected an id from 1 to 4294967295" },
	{ "negative_id_is_refused", "-1 198.51.100.11\n",
	  "ids:1: '-1': expected an id from 1 to 4294967295" },
	{ "id_without_a_real_is_refused", "1\n", "ids:1: '': expected the address of a real" },
	{ "name_of_a_real_is_refused", "1 web1\n",
	  "ids:1: 'web1': expected the address of a real" },
	{ "other_word_is_refused", "1 198.51.100.11 backup\n",
	  "ids:1: 'backup': expected 'fallback' or nothing" },
	{ "fourth_word_is_refused", "1 198.51.100.11 fallback too\n",
	  "ids:1: 'fallback': expected 'fallback' or nothing" },
	{ "json_that_is_none_is_refused", "{\n\"server_ids\": [,]}",
	  "ids:2: unexpected token near ','" },
	{ "json_without_ids_is_refused", "{}",
	  "ids: expected \"server_ids\", a list of ids and reals" },
	{ "unknown_member_is_refused",
	  JSON "{\"id\": 1, \"real\": \"198.51.100.11\", \"reel\": 1}]}",
	  "ids: server_ids[0]: 1 object item(s) left unpacked: reel: expected \"id\", \"real\" "
	  "and, if so, \"fallback\"" },
	{ "negative_id_in_json_is_refused", JSON "{\"id\": -1, \"real\": \"198.51.100.11\"}]}",
	  "ids: server_ids[0]: id -1: expected one from 1 to 4294967295" },
	{ "bad_real_in_json_is_refused", JSON "{\"id\": 1, \"real\": \"198.51.100.300\"}]}",
	  "ids: server_ids[0]: '198.51.100.300': expected the address of a real" },
	{ "id_of_two_reals_in_json_is_refused",
	  JSON "{\"id\": 1, \"real\": \"::1\"}, {\"id\": 1, \"real\": \"198.51.100.11\"}]}",
	  "ids: server_ids[1]: id 1 is in use by ::1 (ids: server_ids[0]): expected an id for "
	  "one real alone" },
};

static void is_refused(void **state)
{
	const struct refusal *refusal = *state;

	assert_int_equal(parse(refusal->text),
			 strstr(refusal->why, "there are no ids") ? -ENODATA : -EINVAL);
	assert_string_equal(why.text, refusal->why);
}

static void more_ids_than_fit_are_refused(void **state)
{
	static char text[(SLOT_SERVER_IDS_MAX + 1) * 24];
	size_t len = 0;

	(void)state;
	for (unsigned int id = 1; id <= SLOT_SERVER_IDS_MAX + 1; id++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%u 198.51.100.11\n", id);
	assert_int_equal(parse(text), -E2BIG);
	assert_string_equal(why.text, "ids:65537: 65536 ids are all that fit");
}

static int tear_down(void **state)
{
	(void)state;
	slot_server_ids_free(&ids);
	return 0;
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, lines_are_read, NULL, tear_down);
	TAP_ADD(&plan, dump_of_a_balancer_is_read, NULL, tear_down);
	TAP_ADD(&plan, first_id_of_a_real_is_its_primary_one, NULL, tear_down);
	TAP_ADD(&plan, ids_of_a_real_are_claimed, NULL, tear_down);
	TAP_ADD(&plan, claim_is_in_place_of_the_one_before, NULL, tear_down);
	TAP_ADD_TABLE(&plan, is_refused, refusals);
	TAP_ADD(&plan, more_ids_than_fit_are_refused, NULL, tear_down);
	return tap_run(&plan, "server_ids", 0);
}
