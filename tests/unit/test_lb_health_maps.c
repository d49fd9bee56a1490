/* SPDX-License-Identifier: GPL-2.0-only */
/* What the checker makes of the load balancer's maps: reals, sources and marks of their probes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "programs/lb/model/lb_edit.h"
#include "programs/lb/health/lb_health_maps.h"
#include "tests/support/lb_texts.h"

static void add(struct lb_model *model, const char *vip, enum lb_encap encap, const char *real)
{
	struct lb_vip_settings set = { .encap = (__u8)encap };
	struct lb_vip_name name = lb_vip_of(vip);
	struct lb_real_spec spec = { .host = lb_host_of(real), .weight = 1 };

	if (!lb_model_vip_find(model, &name))
		assert_int_equal(lb_vip_add(model, &name, &set, NULL), 0);
	assert_int_equal(lb_real_add(model, &name, &spec, NULL), 0);
}

/* @host: asked from @source of the settings; NULL: it cannot be. */
static void assert_source(struct lb_model *model, const char *host, const char *source)
{
	struct lb_health_file file = lb_health_file_of("source 203.0.113.254\nsource 2001:db8::fe\n"
						       "check default tcp");
	const char *vip = strchr(host, ':') ? "tcp/[2001:db8:80::1]:80" : "tcp/198.51.100.1:80";
	struct lb_health_view view = {};
	struct lb_host expected;

	add(model, vip, LB_REWRITE, host);
	lb_model_settle(model);
	assert_int_equal(lb_health_view_make(model, &file, &view), 0);
	assert_int_equal(view.count, 1);
	assert_int_equal(view.seen[0].has_source, source != NULL);
	assert_int_equal(view.sourceless, !source);
	if (source) {
		expected = lb_host_of(source);
		assert_int_equal(lb_address_compare(&view.seen[0].source, &expected), 0);
	}
	lb_health_view_free(&view);
	lb_health_file_free(&file);
}

static void rewritten_reals_are_asked_from_the_balancers_own_addresses(void **state)
{
	static const struct {
		const char *host, *source;
	} rows[] = {
		{ "203.0.113.1", "203.0.113.10" },
		{ "2001:db8::1", "2001:db8::10" },
		{ "203.0.113.1", NULL },
		{ "2001:db8::1", NULL },
	};
	struct lb_model model;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lb_model_new(&model), 0);
		if (rows[i].source) {
			model.settings.source4 = lb_host_of("203.0.113.10");
			model.settings.source6 = lb_host_of("2001:db8::10");
		}
		assert_source(&model, rows[i].host, rows[i].source);
		lb_model_free(&model);
	}
}

static void marks_follow_from_reals_and_encapsulations(void **state)
{
	struct lb_health_file file =
		lb_health_file_of("marks 0x8000\ncheck tcp/198.51.100.1:80 tcp\n"
				  "check tcp/198.51.100.3:80 tcp\n"
				  "check tcp/198.51.100.2:80 none\n"
				  "check udp/198.51.100.9:80 none\n"
				  "check tcp/198.51.100.9:80 tcp\n"
				  "check default http");
	struct lb_health_view view = {};
	struct lb_model model;

	(void)state;
	assert_int_equal(lb_model_new(&model), 0);
	add(&model, "tcp/198.51.100.1:80", LB_IPIP, "203.0.113.1");
	add(&model, "tcp/198.51.100.1:80", LB_IPIP, "203.0.113.2");
	add(&model, "tcp/198.51.100.2:80", LB_GUE, "203.0.113.1");
	add(&model, "tcp/198.51.100.2:80", LB_GUE, "2001:db8::1");
	add(&model, "udp/198.51.100.1:80", LB_IPIP, "203.0.113.1");
	add(&model, "tcp/198.51.100.3:80", LB_REWRITE, "203.0.113.2");
	add(&model, "tcp/198.51.100.4:80", LB_IPIP, "203.0.113.3");
	lb_model_settle(&model);
	assert_int_equal(lb_health_view_make(&model, &file, &view), 0);
	assert_int_equal(view.count, 4);
	assert_int_equal(view.unasked, 1); /* the one of UDP */
	assert_int_equal(view.strays, 2);
	assert_int_equal(view.stray->vip.port, 80);
	assert_int_equal(view.stray->vip.prefix.addr.bytes[3], 9);
	assert_int_equal(view.seen[0].mark, 0x8000);
	assert_int_equal(view.seen[1].mark, 0x8000 + LB_ENCAPS);
	assert_true(view.seen[2].is_direct);
	assert_int_equal(view.seen[2].mark, 0);
	assert_false(view.seen[2].has_source);
	assert_int_equal(view.sourceless, 1);
	/* of all VIPs, each real and encapsulation once */
	assert_int_equal(view.mark_count, 5);
	assert_int_equal(view.marks[1].mark, 0x8000 + LB_GUE);
	assert_int_equal(view.marks[1].real.encap, LB_HC_GUE);
	assert_int_equal(view.marks[3].real.is_ip6, 1);
	lb_health_view_free(&view);
	lb_model_free(&model);
	lb_health_file_free(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rewritten_reals_are_asked_from_the_balancers_own_addresses),
		cmocka_unit_test(marks_follow_from_reals_and_encapsulations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
