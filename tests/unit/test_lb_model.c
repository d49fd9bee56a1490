/* SPDX-License-Identifier: GPL-2.0-only */
/* The load balancer's model: numbers, edits, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "programs/lb/model/lb_edit.h"
#include "programs/lb/model/lb_file.h"
#include "tests/support/lb_texts.h"

static struct lb_model model;

static int set_up(void **state)
{
	(void)state;
	return lb_model_new(&model);
}

static int tear_down(void **state)
{
	(void)state;
	lb_model_free(&model);
	return 0;
}

static int add_vip(const char *text, enum lb_encap encap, struct slot_reason *why)
{
	struct lb_vip_settings set = { .encap = (__u8)encap };
	struct lb_vip_name name = lb_vip_of(text);

	return lb_vip_add(&model, &name, &set, why);
}

static int add_real(const char *vip, const char *real, __u32 weight, struct slot_reason *why)
{
	struct lb_real_spec spec = { .host = lb_host_of(real), .weight = weight };
	struct lb_vip_name name = lb_vip_of(vip);

	return lb_real_add(&model, &name, &spec, why);
}

static void del_real(const char *vip, const char *real)
{
	struct lb_vip_name name = lb_vip_of(vip);
	struct lb_host host = lb_host_of(real);

	assert_int_equal(lb_real_del(&model, &name, &host, NULL), 0);
	lb_model_settle(&model);
}

static __u32 index_of(const char *real)
{
	struct lb_host host = lb_host_of(real);

	return lb_model_real_find(&model, &host);
}

static __u32 number_of(const char *vip)
{
	struct lb_vip_name name = lb_vip_of(vip);

	return (__u32)(lb_model_vip_find(&model, &name) - model.vips);
}

/* Settles and judges; the reason has to say @words. NULL: it is fine. */
static void assert_judged(const char *words)
{
	struct slot_reason why = {};
	int err;

	lb_model_settle(&model);
	err = lb_model_check(&model, &why);
	assert_int_equal(!!err, !!words);
	if (words && !strstr(why.text, words))
		fail_msg("'%s' is not in '%s'", words, why.text);
}

static void names_read_as_they_are_written(void **state)
{
	static const char *const names[] = { "tcp/192.0.2.1:80",    "udp/[2001:db8::1]:443",
					     "tcp/198.51.100.0/24", "udp/[2001:db8::/32]:53",
					     "tcp/[2001:db8::1]",   "tcp/[2001:db8::/32]",
					     "tcp/0.0.0.0/0:80" };
	char text[LB_WORDS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct lb_vip_name name = lb_vip_of(names[i]);

		lb_vip_name_format(&name, text);
		assert_string_equal(text, names[i]);
	}
}

static void names_that_make_no_sense_are_refused(void **state)
{
	static const char *const names[] = {
		"",
		"192.0.2.1:80",
		"sctp/192.0.2.1:80",
		"tcp/192.0.2.1:0",
		"tcp/192.0.2.1:65536",
		"tcp/192.0.2.1:",
		"tcp/192.0.2.1:8x",
		"tcp/192.0.2.1/33",
		"tcp/192.0.2.1/24",
		"tcp/2001:db8::1",
		"tcp/2001:db8::1:80",
		"tcp/2001:db8::/32",
		"tcp/[2001:db8::1",
		"tcp/[2001:db8::1]80",
		"tcp/0.0.0.0:80",
		"tcp/[::ffff:1.2.3.4]",
		"tcp/[]:80",
		"tcp/192.0.2.1:80:80",
	};
	struct lb_vip_name name;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct slot_reason why = {};

		assert_int_equal(lb_vip_name_parse(names[i], &why, &name), -EINVAL);
		assert_true(*why.text);
	}
}

static void the_real_freed_first_is_given_first(void **state)
{
	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	for (int i = 1; i < LB_REAL_INDEXES; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250 + 1);
		assert_int_equal(add_real("tcp/192.0.2.1:80", text, 1, NULL), 0);
		assert_int_equal(index_of(text), i);
	}
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.1.0.1", 1, NULL), -E2BIG);
	del_real("tcp/192.0.2.1:80", "10.0.0.10");
	del_real("tcp/192.0.2.1:80", "10.0.0.5");
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.1.0.1", 1, NULL), 0);
	assert_int_equal(index_of("10.1.0.1"), 9);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.1.0.2", 1, NULL), 0);
	assert_int_equal(index_of("10.1.0.2"), 4);
}

static void an_index_for_another_address_has_another_epoch(void **state)
{
	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	assert_int_equal(model.reals[1].epoch, 1);
	for (__u32 i = 2; i < LB_REAL_INDEXES; i++)
		model.reals[i].freed = 1000; /* so that 1 is the next */
	del_real("tcp/192.0.2.1:80", "10.0.0.1");
	model.reals[1].freed = 1;
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.2", 1, NULL), 0);
	assert_int_equal(index_of("10.0.0.2"), 1);
	assert_int_equal(model.reals[1].epoch, 2);
}

static void numbers_of_vips_go_round(void **state)
{
	struct lb_vip_name name = lb_vip_of("tcp/192.0.2.1:80");

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(number_of("tcp/192.0.2.1:80"), 0);
	assert_int_equal(lb_vip_del(&model, &name, NULL), 0);
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(number_of("tcp/192.0.2.1:80"), 1);
}

static void a_real_that_is_used_twice_stays(void **state)
{
	struct lb_host host = lb_host_of("10.0.0.1");

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	assert_int_equal(lb_server_id_add(&model, 7, &host, NULL), 0);
	del_real("tcp/192.0.2.1:80", "10.0.0.1");
	assert_int_equal(index_of("10.0.0.1"), 1);
	assert_int_equal(lb_server_id_del(&model, 7, NULL), 0);
	lb_model_settle(&model);
	assert_int_equal(index_of("10.0.0.1"), 0);
}

static void weights_and_ids_have_bounds(void **state)
{
	struct lb_host host = lb_host_of("10.0.0.1");
	struct slot_reason why = {};

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 0, &why), -EINVAL);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", LB_WEIGHT_MAX + 1, &why),
			 -EINVAL);
	assert_non_null(strstr(why.text, "from 1 to 65535"));
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", LB_WEIGHT_MAX, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, &why), -EEXIST);
	assert_int_equal(lb_server_id_add(&model, 0, &host, &why), -EINVAL);
	assert_int_equal(lb_server_id_add(&model, 1, &host, &why), 0);
	assert_int_equal(lb_server_id_add(&model, 1, &host, &why), 0);
	assert_judged("server id 1: a real has it already");
}

static void prefixes_of_the_same_port_may_not_overlap(void **state)
{
	(void)state;
	assert_int_equal(add_vip("tcp/198.51.100.0/24:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_vip("tcp/198.51.100.0/25:81", LB_IPIP, NULL), 0);
	assert_int_equal(add_vip("udp/198.51.100.0/25:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_vip("tcp/198.51.100.7:80", LB_IPIP, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(add_vip("tcp/198.51.0.0/16:80", LB_IPIP, NULL), 0);
	assert_judged("overlap");
}

static void families_have_to_fit_the_encapsulation(void **state)
{
	struct lb_vip_name name = lb_vip_of("tcp/[2001:db8::1]:80");

	(void)state;
	assert_int_equal(add_vip("tcp/[2001:db8::1]:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/[2001:db8::1]:80", "10.0.0.1", 1, NULL), 0);
	assert_judged("an IPv6 VIP cannot have an IPv4 real");
	assert_int_equal(lb_vip_del(&model, &name, NULL), 0);
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_REWRITE, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "2001:db8::2", 1, NULL), 0);
	assert_judged("cannot change the address family");
}

static void gue_and_l2_need_what_they_write(void **state)
{
	struct lb_real_traits traits = { .has_mac = true, .mac = { 2 } };
	struct lb_host host = lb_host_of("10.0.0.1");

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_L2, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	assert_judged("needs the real's MAC address");
	assert_int_equal(lb_real_set(&model, &host, &traits, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(add_vip("tcp/192.0.2.2:80", LB_GUE, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.2:80", "10.0.0.1", 1, NULL), 0);
	assert_judged("gue needs a source address, see 'set source4'");
	model.settings.source4 = lb_host_of("192.0.2.254");
	assert_judged(NULL);
}

/* Packets of a VIP may be sent to reals that are none of its own: a prefix or an id says so. */
static void reals_that_a_prefix_or_an_id_names_need_the_same(void **state)
{
	struct lb_vip_settings set = { .encap = LB_L2, .flags = LB_SRC_ROUTING };
	struct lb_vip_name tcp = lb_vip_of("tcp/192.0.2.1:80"),
			   udp = lb_vip_of("udp/192.0.2.1:443");
	struct lb_real_traits traits = { .has_mac = true, .mac = { 2 } };
	struct lb_host host = lb_host_of("10.0.0.9"), other = lb_host_of("2001:db8::9");
	struct lb_prefix prefix = { .addr = lb_host_of("198.51.100.0"), .len = 24 };

	(void)state;
	assert_int_equal(lb_vip_add(&model, &tcp, &set, NULL), 0);
	assert_int_equal(lb_source_add(&model, &prefix, &host, NULL), 0);
	assert_judged("VIP tcp/192.0.2.1:80, real 10.0.0.9: l2 needs the real's MAC address");
	assert_int_equal(lb_real_set(&model, &host, &traits, NULL), 0);
	assert_judged(NULL);

	set = (struct lb_vip_settings){ .encap = LB_GUE, .flags = LB_QUIC };
	assert_int_equal(lb_vip_add(&model, &udp, &set, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(lb_server_id_add(&model, 7, &other, NULL), 0);
	assert_judged("VIP udp/192.0.2.1:443, real 2001:db8::9: gue needs a source address");
	model.settings.source6 = lb_host_of("2001:db8::1");
	assert_judged(NULL);

	set.encap = LB_REWRITE;
	assert_int_equal(lb_vip_set(&model, &udp, &set, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(lb_server_id_add(&model, 8, &host, NULL), 0);
	assert_judged("answers are rewritten only of a VIP's own reals");
	assert_int_equal(add_real("udp/192.0.2.1:443", "10.0.0.9", 1, NULL), 0);
	assert_judged(NULL);
}

static void answers_of_rewritten_vips_tell_which_they_are_of(void **state)
{
	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_REWRITE, NULL), 0);
	assert_int_equal(add_vip("tcp/192.0.2.2:81", LB_REWRITE, NULL), 0);
	assert_int_equal(add_vip("tcp/192.0.2.3:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.2:81", "10.0.0.1", 1, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.3:80", "10.0.0.1", 1, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(add_vip("tcp/192.0.2.4", LB_REWRITE, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.4", "10.0.0.1", 1, NULL), 0);
	assert_judged("both rewritten to the same real");
}

static void flags_that_are_unknown_are_refused(void **state)
{
	struct lb_vip_settings set = { .flags = 1 << 10 };
	struct lb_vip_name name = lb_vip_of("tcp/192.0.2.1:80");
	struct slot_reason why = {};
	__u32 flag;

	(void)state;
	assert_int_equal(lb_vip_add(&model, &name, &set, &why), -EINVAL);
	assert_int_equal(lb_flag_parse("quick", &why, &flag), -EINVAL);
	assert_non_null(strstr(why.text, "no-source-port, no-table, quic"));
	assert_int_equal(lb_flag_parse("QUIC_VIP", &why, &flag), 0);
	assert_int_equal(flag, LB_QUIC);
}

static const char empty_file[] =
	"{\"version\": 1, \"settings\": {\"gateway\": \"\", \"gue_port\": 6080, \"source4\": \"\", "
	"\"source6\": \"\", \"new_flows\": 5}, \"reals\": [], \"vips\": [%s], \"server_ids\": [], "
	"\"sources\": [], \"tunnels\": []}";

#define FILE_VIP(name, real)                                                                       \
	"{\"vip\": \"" name "\", \"encap\": \"ipip\", \"table\": \"flows\", \"ring\": \"hrw\", "   \
	"\"window\": 0, \"flags\": [], \"reals\": [" real "]}"
#define FILE_REAL(weight)                                                                          \
	"{\"real\": \"10.0.0.1\", \"weight\": " weight ", \"drained\": false, \"down\": false}"

static void a_file_says_what_is_wrong_and_where(void **state)
{
	static const char *const rows[][2] = {
		{ FILE_VIP("tcp/192.0.2.1:80", FILE_REAL("0")), "VIP 1: real 1: weight 0" },
		{ FILE_VIP("tcp/192.0.2.1:80", FILE_REAL("65536")), "VIP 1: real 1: 'weight'" },
		{ FILE_VIP("tcp/192.0.2.1:80", FILE_REAL("1") ", " FILE_REAL("2")),
		  "VIP 1: real 2: VIP tcp/192.0.2.1:80 has the real 10.0.0.1 already" },
		{ FILE_VIP("tcp/192.0.2.1:80", "") ", " FILE_VIP("tcp/192.0.2.1:80", ""),
		  "VIP 2: 'vip': this VIP is in the file already" },
		{ FILE_VIP("tcp/192.0.2.1", "{}"), "VIP 1: real 1: 'real' is missing" },
		{ "{\"vip\": \"tcp/192.0.2.1\", \"colour\": 1}",
		  "VIP 1: 'colour': no such member is known" },
		{ "7", "VIP 1: " },
	};
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slot_reason why = {};

		snprintf(text, sizeof(text), empty_file, rows[i][0]);
		assert_int_not_equal(lb_file_parse(text, strlen(text), &model, &why), 0);
		if (strncmp(why.text, rows[i][1], strlen(rows[i][1])) != 0)
			fail_msg("'%s' does not begin with '%s'", why.text, rows[i][1]);
		lb_model_free(&model);
		assert_int_equal(lb_model_new(&model), 0);
	}
}

static void a_file_keeps_numbers_of_what_stays(void **state)
{
	char text[2048];

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.9:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.9:80", "10.0.0.9", 1, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	snprintf(text, sizeof(text), empty_file, FILE_VIP("tcp/192.0.2.1:80", FILE_REAL("3")));
	assert_int_equal(lb_file_parse(text, strlen(text), &model, NULL), 0);
	assert_judged(NULL);
	assert_int_equal(number_of("tcp/192.0.2.1:80"), 1);
	assert_int_equal(index_of("10.0.0.1"), 2);
	assert_int_equal(index_of("10.0.0.9"), 0);
	assert_false(model.vips[0].is_used);
	assert_int_equal(model.settings.new_flows_max, 5);
}

static void a_file_leaves_out_what_health_checks_took_out(void **state)
{
	const struct lb_vip_name name = lb_vip_of("tcp/192.0.2.1:80");
	struct lb_real_spec spec = { .host = lb_host_of("10.0.0.1"), .flags = LB_MEMBER_FAILED };
	struct lb_model_vip *vip = NULL;
	char text[2048];

	(void)state;
	assert_int_equal(add_vip("tcp/192.0.2.1:80", LB_IPIP, NULL), 0);
	assert_int_equal(add_real("tcp/192.0.2.1:80", "10.0.0.1", 1, NULL), 0);
	assert_int_equal(lb_real_mark(&model, &name, &spec, true, NULL), 0);
	snprintf(text, sizeof(text), empty_file, FILE_VIP("tcp/192.0.2.1:80", FILE_REAL("3")));
	assert_int_equal(lb_file_parse(text, strlen(text), &model, NULL), 0);
	assert_int_equal(lb_vip_get(&model, &name, NULL, &vip), 0);
	assert_int_equal(vip->reals[0].weight, 3);
	assert_int_equal(vip->reals[0].flags, LB_MEMBER_FAILED);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_read_as_they_are_written),
		CASE(names_that_make_no_sense_are_refused),
		CASE(the_real_freed_first_is_given_first),
		CASE(an_index_for_another_address_has_another_epoch),
		CASE(numbers_of_vips_go_round),
		CASE(a_real_that_is_used_twice_stays),
		CASE(weights_and_ids_have_bounds),
		CASE(prefixes_of_the_same_port_may_not_overlap),
		CASE(families_have_to_fit_the_encapsulation),
		CASE(gue_and_l2_need_what_they_write),
		CASE(reals_that_a_prefix_or_an_id_names_need_the_same),
		CASE(answers_of_rewritten_vips_tell_which_they_are_of),
		CASE(flags_that_are_unknown_are_refused),
		CASE(a_file_says_what_is_wrong_and_where),
		CASE(a_file_keeps_numbers_of_what_stays),
		CASE(a_file_leaves_out_what_health_checks_took_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
