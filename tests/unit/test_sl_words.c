/* SPDX-License-Identifier: GPL-2.0-only */
/* socket_lb: VIPs and layouts of connection ids in words. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "bpf/socket_lb/sl_words.h"
#include "tests/support/tap.h"

struct word_case {
	const char *name, *text;
	const char *again; /* what it becomes when it is read and written; NULL: refused */
};

static const struct word_case vip_cases[] = {
	{ "reads TCP of IPv4", "tcp/203.0.113.80:80", "tcp/203.0.113.80:80" },
	{ "reads IPv6 in brackets", "udp/[2001:DB8:0::1]:443", "udp/[2001:db8::1]:443" },
	{ "reads any address of IPv6", "tcp/[::]:53", "tcp/[::]:53" },
	{ "refuses nothing", "", NULL },
	{ "refuses port 0", "tcp/203.0.113.80:0", NULL },
};

static void vip_in_words(void **state)
{
	const struct word_case *row = *state;
	struct sl_vip_key key = {}, same = {};
	char text[SL_VIP_TEXT_MAX];
	struct slot_reason why;

	if (!row->again) {
		assert_int_equal(sl_vip_parse(row->text, &why, &key), -EINVAL);
		assert_non_null(strstr(why.text, "expected"));
		return;
	}
	assert_int_equal(sl_vip_parse(row->text, &why, &key), 0);
	sl_vip_format(&key, text);
	assert_string_equal(text, row->again);
	assert_int_equal(sl_vip_parse(text, &why, &same), 0);
	assert_memory_equal(&key, &same, sizeof(key));
}

static void a_vip_is_what_sockets_are_bound_to(void **state)
{
	const struct sl_vip_key expected = {
		.addr = { 203, 0, 113, 80 },
		.port = htons(443),
		.proto = IPPROTO_UDP,
		.family = 4,
	};
	struct sl_vip_key key;
	struct slot_reason why;

	(void)state;
	assert_int_equal(sl_vip_parse("udp/203.0.113.80:443", &why, &key), 0);
	assert_memory_equal(&key, &expected, sizeof(key));
}

static const struct word_case layout_cases[] = {
	{ "layout: mvfst", "mvfst", "mvfst" },
	{ "layout: QUIC-LB, each config", "quic-lb:8", "quic-lb:8" },
	{ "layout: QUIC-LB, two configs", "quic-lb:15:6:0", "quic-lb:15:0:6" },
	{ "layout: the last bit", "custom:159", "custom:159" },
	{ "layout: worker before process", "custom:20:12:8", "custom:20:12:8" },
	{ "layout: worker in the last bits", "custom:0:152:8", "custom:0:152:8" },
	{ "layout: one bit of worker", "custom:0:1:1", "custom:0:1:1" },
	{ "layout refuses a word that is none", "mvfst2", NULL },
	{ "layout refuses a server id of nothing", "quic-lb:0", NULL },
	{ "layout refuses a server id that is too long", "quic-lb:16", NULL },
	{ "layout refuses config 7", "quic-lb:1:7", NULL },
	{ "layout refuses no config", "quic-lb:1:", NULL },
	{ "layout refuses a bit beyond", "custom:160", NULL },
	{ "layout refuses a worker without a width", "custom:0:8", NULL },
	{ "layout refuses a worker of no bits", "custom:0:8:0", NULL },
	{ "layout refuses a worker of nine bits", "custom:0:8:9", NULL },
	{ "layout refuses a worker that ends beyond", "custom:0:153:8", NULL },
	{ "layout refuses a process bit in the worker", "custom:9:8:8", NULL },
	{ "layout refuses more", "custom:0:8:8:8", NULL },
	{ "layout refuses nothing", "", NULL },
};

static void layout_in_words(void **state)
{
	const struct word_case *row = *state;
	struct sl_vip vip = { .memory_s = 7 }, same = { .memory_s = 7 };
	char text[SL_LAYOUT_TEXT_MAX];
	struct slot_reason why;

	if (!row->again) {
		assert_int_equal(sl_layout_parse(row->text, &why, &vip), -EINVAL);
		assert_non_null(strstr(why.text, "expected"));
		assert_int_equal(vip.cid[0].len, 0);
		return;
	}
	assert_int_equal(sl_layout_parse(row->text, &why, &vip), 0);
	sl_layout_format(&vip, text);
	assert_string_equal(text, row->again);
	assert_int_equal(sl_layout_parse(text, &why, &same), 0);
	assert_memory_equal(&vip, &same, sizeof(vip));
}

static void ids_are_as_long_as_their_fields_need(void **state)
{
	struct sl_vip vip = {};
	struct slot_reason why;

	(void)state;
	assert_int_equal(sl_layout_parse("mvfst", &why, &vip), 0);
	assert_int_equal(vip.cid[0].len, 0); /* version 0 */
	assert_int_equal(vip.cid[2].len, 4);
	assert_int_equal(vip.cid[5].len, 6);
	assert_int_equal(vip.cid[7].len, 7);
	assert_int_equal(sl_layout_parse("custom:15:0:8", &why, &vip), 0);
	assert_int_equal(vip.cid[0].len, 2);
	assert_int_equal(sl_layout_parse("custom:0:16:1", &why, &vip), 0);
	assert_int_equal(vip.cid[7].len, 3);
}

static void names_beyond_the_last_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(sl_mode_name(SL_QUIC), "quic");
	assert_string_equal(sl_mode_name(SL_MODES), "unknown");
	assert_string_equal(sl_state_name(255), "unknown");
	assert_string_equal(sl_policy_name(SL_POLICIES), "unknown");
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, vip_in_words, vip_cases);
	TAP_ADD(&plan, a_vip_is_what_sockets_are_bound_to, NULL, NULL);
	TAP_ADD_TABLE(&plan, layout_in_words, layout_cases);
	TAP_ADD(&plan, ids_are_as_long_as_their_fields_need, NULL, NULL);
	TAP_ADD(&plan, names_beyond_the_last_are_unknown, NULL, NULL);
	return tap_run(&plan, "sl_words", 0);
}
