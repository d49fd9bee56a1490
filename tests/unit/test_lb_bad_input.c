/* SPDX-License-Identifier: GPL-2.0-only */
/* What the load balancer refuses: lists of Katran's that cannot be, and too many of each thing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "programs/lb/model/lb_file.h"

static struct lb_model model;
static struct slot_reason why;

static int set_up(void **state)
{
	(void)state;
	why = (struct slot_reason){};
	return lb_model_new(&model);
}

static int tear_down(void **state)
{
	(void)state;
	lb_model_free(&model);
	return 0;
}

static void assert_says(const char *words)
{
	if (!strstr(why.text, words))
		fail_msg("'%s' is not in '%s'", words, why.text);
}

/* --- Katran's lists -------------------------------------------------------------------------- */

#define VIP(addr, more)                                                                            \
	"{\"vip\": {\"address\": \"" addr "\", \"port\": 80, \"protocol\": 6}" more "}"
#define REALS(list) ", \"reals\": [" list "]"
#define REAL(more) "{\"address\": \"203.0.113.1\"" more "}"
#define WEIGHED(more) REAL(", \"weight\": 1" more)
#define QUIC(list) "{\"vips\": [], \"qreals\": [" list "]}"

static int import(const char *text)
{
	int err = lb_katran_parse(text, strlen(text), &model, &why);

	if (err)
		return err;
	lb_model_settle(&model);
	return lb_model_check(&model, &why);
}

struct row {
	const char *name;
	const char *text;
	const char *says;
};

static const struct row rows[] = {
	{ "prefixes that overlap",
	  "[" VIP("198.51.100.0/24", "") ", " VIP("198.51.100.128/25", "") "]",
	  "VIPs tcp/198.51.100.0/24:80 and tcp/198.51.100.128/25:80 overlap" },
	{ "a prefix with bits behind it", "[" VIP("198.51.100.1/24", "") "]", "198.51.100.1/24" },
	{ "a VIP twice", "[" VIP("192.0.2.1", "") ", " VIP("192.0.2.1", "") "]",
	  "item 2: VIP tcp/192.0.2.1:80 is there already" },
	{ "a real twice", "[" VIP("192.0.2.1", REALS(WEIGHED("") ", " REAL(", \"weight\": 2"))) "]",
	  "item 1: real 2: VIP tcp/192.0.2.1:80 has the real 203.0.113.1 already" },
	{ "a real without a weight", "[" VIP("192.0.2.1", REALS(REAL(""))) "]",
	  "item 1: real 1: 'weight' is missing" },
	{ "a huge weight", "[" VIP("192.0.2.1", REALS(REAL(", \"weight\": 65536"))) "]",
	  "item 1: real 1: 'weight': a number from 0 to 65535 expected" },
	{ "a weight below 0", "[" VIP("192.0.2.1", REALS(REAL(", \"weight\": -1"))) "]",
	  "item 1: real 1: 'weight': a number from 0 to 65535 expected" },
	{ "a weight that is no number",
	  "[" VIP("192.0.2.1", REALS(REAL(", \"weight\": \"1\""))) "]",
	  "item 1: real 1: 'weight'" },
	{ "flags that nobody knows", "[" VIP("192.0.2.1", ", \"flags\": 1024") "]",
	  "item 1: 'flags': 1024 has flags that are not known" },
	{ "a real's flags that nobody knows",
	  "[" VIP("192.0.2.1", REALS(WEIGHED(", \"flags\": 4"))) "]",
	  "item 1: real 1: 'flags': 4 has flags that are not known" },
	{ "a protocol that is not balanced",
	  "[{\"vip\": {\"address\": \"192.0.2.1\", \"port\": 80, \"protocol\": 1}}]",
	  "item 1: 'protocol': 6 (TCP) or 17 (UDP) expected" },
	{ "a port that is none",
	  "[{\"vip\": {\"address\": \"192.0.2.1\", \"port\": 65536, \"protocol\": 6}}]",
	  "item 1: 'port'" },
	{ "an address that is none", "[" VIP("192.0.2", "") "]", "'192.0.2'" },
	{ "an IPv4 real for an IPv6 VIP", "[" VIP("2001:db8::1", REALS(WEIGHED(""))) "]",
	  "an IPv6 VIP cannot have an IPv4 real" },
	{ "a VIP without an address", "[{\"vip\": {\"port\": 80, \"protocol\": 6}}]",
	  "item 1: 'address' is missing" },
	{ "a member that nobody knows", "[" VIP("192.0.2.1", ", \"colour\": 1") "]",
	  "item 1: 'colour': no such member is known" },
	{ "id 0", QUIC(REAL(", \"id\": 0")), "qreals, item 1: server id 0: ids begin with 1" },
	{ "an id twice", QUIC(REAL(", \"id\": 7") ", " REAL(", \"id\": 7")),
	  "server id 7: a real has it already" },
	{ "an id without a number", QUIC(REAL("")), "qreals, item 1: 'id' is missing" },
	{ "a MAC address that is none", "{\"mac\": \"02:00\", \"vips\": []}", "'02:00'" },
	{ "what is no JSON", "[", "line 1" },
	{ "what is no list", "7", "" },
};

static void is_refused(void **state)
{
	const struct row *row = *state;

	assert_int_not_equal(import(row->text), 0);
	assert_says(row->says);
}

static void a_list_says_what_katran_says(void **state)
{
	const struct lb_model_vip *vip = &model.vips[0];

	(void)state;
	assert_int_equal(
		import("[" VIP(
			"192.0.2.1",
			", \"flags\": \"36\", \"setFlag\": true" REALS(WEIGHED(
				", \"flags\": 2") ", {\"address\": \"203.0.113.2\", \"weight\": 0}, "
						  "{\"address\": \"2001:db8::3\", \"weight\": 65535, \"flags\": 1}")) "]"),
		0);
	assert_int_equal(vip->set.flags, LB_QUIC | LB_LOCAL_VIP);
	assert_int_equal(vip->set.window, LB_WINDOW);
	assert_int_equal(vip->count, 3);
	assert_int_equal(vip->reals[0].weight, 1);
	assert_int_equal(model.reals[1].flags & LB_REAL_LOCAL, LB_REAL_LOCAL);
	assert_int_equal(vip->reals[1].flags, LB_MEMBER_DRAINED);
	assert_int_equal(model.reals[2].flags & LB_REAL_LOCAL, 0);
	assert_int_equal(vip->reals[2].weight, 65535);
	assert_int_equal(vip->reals[2].flags, 0);
}

/* --- too many -------------------------------------------------------------------------------- */

static struct lb_host host_number(__u32 number)
{
	struct lb_host host = { .bytes = { 10, (__u8)(number >> 16), (__u8)(number >> 8),
					   (__u8)number } };

	return host;
}

static struct lb_vip_name vip_number(__u32 number)
{
	return (struct lb_vip_name){
		.prefix = { .addr = host_number(number), .len = 32 },
		.proto = 6,
		.port = 80,
	};
}

static int add_vip(__u32 number)
{
	struct lb_vip_name name = vip_number(number);

	return lb_vip_add(&model, &name, &(struct lb_vip_settings){}, &why);
}

static int add_real(__u32 vip, __u32 number)
{
	struct lb_real_spec spec = { .host = host_number(number), .weight = 1 };
	struct lb_vip_name name = vip_number(vip);

	return lb_real_add(&model, &name, &spec, &why);
}

static void one_vip_too_many(void **state)
{
	char words[64];

	(void)state;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		assert_int_equal(add_vip(n), 0);
	assert_int_equal(lb_model_check(&model, &why), 0);
	assert_int_equal(add_vip(LB_VIPS_MAX), -E2BIG);
	snprintf(words, sizeof(words), "there are %d VIPs, more do not fit", LB_VIPS_MAX);
	assert_says(words);
}

static void one_real_too_many(void **state)
{
	char words[64];

	(void)state;
	assert_int_equal(add_vip(0), 0);
	for (__u32 i = 1; i <= LB_REALS_MAX; i++)
		assert_int_equal(add_real(0, i), 0);
	assert_int_equal(lb_model_check(&model, &why), 0);
	assert_int_equal(add_real(0, LB_REALS_MAX + 1), -E2BIG);
	snprintf(words, sizeof(words), "there are %d reals, more do not fit", LB_REALS_MAX);
	assert_says(words);
}

static void one_member_too_many(void **state)
{
	const __u32 vips = LB_MEMBERS_MAX / LB_REALS_MAX;

	(void)state;
	for (__u32 n = 0; n <= vips; n++) {
		assert_int_equal(add_vip(n), 0);
		for (__u32 i = 1; i <= (n < vips ? LB_REALS_MAX : 0); i++)
			assert_int_equal(
				lb_model_own_add(&model.vips[n],
						 &(struct lb_own){ .real = i, .weight = 1 }),
				0);
	}
	assert_int_equal(lb_model_check(&model, &why), 0);
	assert_int_equal(add_real(vips, 1), 0);
	assert_int_equal(lb_model_check(&model, &why), -E2BIG);
	assert_says("262145 reals of VIPs are more than the 262144 that fit");
}

static void one_server_id_too_many(void **state)
{
	struct lb_host host = host_number(1);

	(void)state;
	for (__u32 id = 1; id <= LB_SERVER_IDS_MAX; id++)
		assert_int_equal(lb_server_id_add(&model, id, &host, &why), 0);
	assert_int_equal(lb_model_check(&model, &why), 0);
	assert_int_equal(lb_server_id_add(&model, LB_SERVER_IDS_MAX + 1, &host, &why), 0);
	assert_int_equal(lb_model_check(&model, &why), -E2BIG);
	assert_says("65537 server ids are more than the 65536 that fit");
}

static void one_source_too_many(void **state)
{
	struct lb_source source = { .prefix.len = 32, .real = 1 };

	(void)state;
	for (__u32 i = 0; i < LB_SOURCES_MAX; i++) {
		source.prefix.addr = host_number(i);
		assert_int_equal(lb_model_source_add(&model, &source), 0);
	}
	assert_int_equal(lb_model_check(&model, &why), 0);
	source.prefix.addr = host_number(LB_SOURCES_MAX);
	assert_int_equal(lb_model_source_add(&model, &source), 0);
	assert_int_equal(lb_model_check(&model, &why), -E2BIG);
	assert_says("more than the 1000000 source prefixes that fit");
}

static void one_tunnel_too_many(void **state)
{
	struct lb_host host;

	(void)state;
	for (__u32 i = 0; i <= LB_TUNNELS_MAX; i++) {
		assert_int_equal(lb_model_check(&model, &why), 0);
		host = host_number(i);
		assert_int_equal(lb_tunnel_add(&model, &host, &why), 0);
	}
	assert_int_equal(lb_model_check(&model, &why), -E2BIG);
	assert_says("65 tunnels are more than the 64 that fit");
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
#define ROWS (sizeof(rows) / sizeof(rows[0]))

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_list_says_what_katran_says),
		CASE(one_vip_too_many),
		CASE(one_real_too_many),
		CASE(one_member_too_many),
		CASE(one_server_id_too_many),
		CASE(one_source_too_many),
		CASE(one_tunnel_too_many),
	};
	struct CMUnitTest refusals[ROWS];

	for (size_t i = 0; i < ROWS; i++)
		refusals[i] = (struct CMUnitTest){ rows[i].name, is_refused, set_up, tear_down,
						   (void *)&rows[i] };
	return cmocka_run_group_tests(refusals, NULL, NULL) +
	       cmocka_run_group_tests(tests, NULL, NULL);
}
