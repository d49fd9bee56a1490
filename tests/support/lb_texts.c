/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/lb_texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct lb_vip_name lb_vip_of(const char *text)
{
	struct slot_reason why = {};
	struct lb_vip_name name;

	if (lb_vip_name_parse(text, &why, &name))
		fail_msg("%s", why.text);
	return name;
}

struct lb_host lb_host_of(const char *text)
{
	struct slot_reason why = {};
	struct lb_host host;

	if (lb_address_parse(text, &why, &host))
		fail_msg("%s", why.text);
	return host;
}

struct lb_health_file lb_health_file_of(const char *text)
{
	struct lb_health_file file = {};
	struct slot_reason why = {};

	if (lb_health_file_parse(text, strlen(text), &why, &file))
		fail_msg("%s", why.text);
	return file;
}
