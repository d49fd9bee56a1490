/* SPDX-License-Identifier: GPL-2.0-only */
/* Files of health checks: what is read, and how each mistake is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "programs/lb/health/lb_health_file.h"
#include "tests/support/lb_texts.h"

static const struct lb_health_check *find(const struct lb_health_file *file, const char *vip)
{
	struct lb_vip_name name;

	assert_int_equal(lb_vip_name_parse(vip, NULL, &name), 0);
	return lb_health_file_find(file, &name);
}

static void a_file_is_read(void **state)
{
	struct lb_health_file file = lb_health_file_of(
		"# what all have\n"
		"lb_hc /sys/fs/bpf/lb_hc\r\n"
		"marks 0x20000\n"
		"source 192.0.2.1\n"
		"source 2001:db8::1\n"
		"probes 7\n"
		"refresh 10m\n\n"
		"check default tcp # of all others\n"
		"check tcp/198.51.100.1:80 http path=/up?a=b host=www.example.org "
		"status=204 interval=500ms timeout=200ms fall=1 rise=9 min-up=3\n"
		"check tcp/198.51.100.2 none\n"
		"\tcheck  udp/[2001:db8::2]:443 tcp port=80 address=2001:db8::2 min-up=75%");
	const struct lb_health_check *check = find(&file, "tcp/198.51.100.1:80");

	(void)state;
	assert_string_equal(file.lb_hc_dir, "/sys/fs/bpf/lb_hc");
	assert_int_equal(file.marks, 0x20000);
	assert_int_equal(file.probes_max, 7);
	assert_int_equal(file.refresh_s, 600);
	assert_int_equal(file.source4.bytes[0], 192);
	assert_int_equal(file.source6.bytes[15], 1);
	assert_string_equal(check->path, "/up?a=b");
	assert_string_equal(check->host, "www.example.org");
	assert_int_equal(check->status_from, 204);
	assert_int_equal(check->status_to, 204);
	assert_int_equal(check->interval_ms, 500);
	assert_int_equal(check->fall, 1);
	assert_int_equal(check->rise, 9);
	assert_int_equal(check->min_up, 3);
	assert_false(check->is_percent);
	assert_int_equal(find(&file, "tcp/198.51.100.2")->kind, LB_HEALTH_NONE);
	assert_int_equal(find(&file, "udp/[2001:db8::2]:443")->port, 80);
	assert_true(find(&file, "udp/[2001:db8::2]:443")->has_address);
	assert_true(find(&file, "tcp/203.0.113.9:1")->is_default);
	assert_null(find(&file, "udp/203.0.113.9:1"));
	assert_null(find(&file, "tcp/203.0.113.9"));
	assert_null(find(&file, "tcp/203.0.113.0/24:1"));
	lb_health_file_free(&file);
}

static void without_a_default_other_vips_are_not_checked(void **state)
{
	struct lb_health_file file = lb_health_file_of("check tcp/198.51.100.1:80 tcp");

	(void)state;
	assert_non_null(find(&file, "tcp/198.51.100.1:80"));
	assert_null(find(&file, "tcp/198.51.100.1:81"));
	lb_health_file_free(&file);
}

static void a_mistake_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "", "no check is in it" },
		{ "check default tcp\nchecks", "line 2: 'checks': expected check, lb_hc, marks" },
		{ "check default", "line 1: expected check VIP|default tcp|http|none" },
		{ "check default ftp", "line 1: 'ftp'" },
		{ "check tcp/x:80 tcp", "line 1: 'x'" },
		{ "check default tcp path=/", "path= means nothing to this kind" },
		{ "check default none fall=2", "fall= means nothing to this kind" },
		{ "check default tcp fall", "'fall': expected port=" },
		{ "check default tcp fall=0", "'0': fall is a number from 1 to 1000" },
		{ "check default tcp rise=1 rise=1", "rise= is there twice" },
		{ "check default tcp interval=1ms", "expected a time such as 500ms" },
		{ "check default tcp interval=9999999999", "expected a time such as 500ms" },
		{ "check default tcp interval=1 timeout=2", "timeout 2000 ms: expected at most" },
		{ "check default tcp min-up=101%", "min-up is a number from 1 to 100" },
		{ "check default tcp min-up=%", "min-up is a number" },
		{ "check default tcp address=192.0.2.1", "address= belongs to one VIP" },
		{ "check tcp/192.0.2.1 tcp", "the VIP has all ports: expected port=" },
		{ "check tcp/192.0.2.1:80 tcp address=2001:db8::1", "another family" },
		{ "check default http path=x", "'x': a path begins with /" },
		{ "check default http host=", "host of 0 characters" },
		{ "check default http status=300-200", "the last status is below the first" },
		{ "check default http status=2xx", "a status is a number from 100 to 599" },
		{ "check default tcp\n\ncheck default tcp", "line 3: this check is there already" },
		{ "marks 5", "'5': expected the first mark, a multiple of 0x4000" },
		{ "marks 0x100000000", "expected the first mark" },
		{ "lb_hc maps", "'maps': expected a path from / on" },
		{ "lb_hc", "expected lb_hc and one word" },
		{ "refresh 10ms", "expected 1s or more" },
		{ "refresh 2s\nrefresh 2s", "line 2: refresh is there twice" },
		{ "probes 0", "probes is a number from 1 to 4096" },
		{ "source 0.0.0.0", "'0.0.0.0'" },
		{ "check default http path=/\x01", "byte 0x01: expected plain text" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lb_health_file file = {};
		struct slot_reason why = {};

		assert_int_equal(lb_health_file_parse(cases[i].text, strlen(cases[i].text), &why,
						      &file),
				 -EINVAL);
		if (!strstr(why.text, cases[i].why))
			fail_msg("'%s': %s, not: %s", cases[i].text, why.text, cases[i].why);
		assert_null(file.checks);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(without_a_default_other_vips_are_not_checked),
		cmocka_unit_test(a_mistake_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
