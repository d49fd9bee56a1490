/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/doctor/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct slot_check slot_checks[] = {
	{ "kernel", slot_check_kernel },
	{ "detached", slot_check_detached },
	{ "ethernet", slot_check_ethernet },
	{ "xdp-native", slot_check_xdp_native },
	{ "jumbo", slot_check_jumbo },
	{ "merge", slot_check_merge },
	{ "mtu", slot_check_mtu },
	{ "rp-filter", slot_check_rp_filter },
	{ "vip-local", slot_check_vip_local },
	{ "black-hole", slot_check_black_hole },
	{ "wildcard", slot_check_wildcard },
	{ "tunnel-address", slot_check_tunnel_address },
	{ "real-address", slot_check_real_address },
	{ "address-twice", slot_check_address_twice },
	{ "route-discard", slot_check_route_discard },
	{ "vip-route", slot_check_vip_route },
	{ "redirect", slot_check_redirect },
	{ "mute", slot_check_mute },
	{ "led", slot_check_led },
	{ "shared", slot_check_shared },
	{ "lookup", slot_check_lookup },
	{ "cgroup", slot_check_cgroup },
	{ NULL, NULL },
};

/* Each check names what it adds. */
static void run_check(const struct slot_check *check, const struct slot_picture *picture,
		      struct slot_findings *findings)
{
	size_t i = findings->count;

	check->run(picture, findings);
	for (; i < findings->count; i++)
		findings->items[i].check = check->name;
}

/* Of the same severity as they were found: each by its place. */
static int sort_findings(struct slot_findings *findings)
{
	struct slot_finding *sorted = reallocarray(NULL, findings->count, sizeof(*sorted));
	size_t count = 0, i;

	if (!sorted)
		return -ENOMEM;
	for (int severity = SLOT_SEVERITIES - 1; severity >= 0; severity--)
		for (i = 0; i < findings->count; i++)
			if (findings->items[i].severity == (enum slot_severity)severity)
				sorted[count++] = findings->items[i];
	free(findings->items);
	findings->items = sorted;
	return 0;
}

int slot_checks_run(const struct slot_picture *picture, struct slot_findings *ret_findings)
{
	struct slot_findings findings = { 0 };

	for (const struct slot_check *check = slot_checks; check->name; check++)
		run_check(check, picture, &findings);
	if (findings.is_short || (findings.count && sort_findings(&findings))) {
		slot_findings_free(&findings);
		return -ENOMEM;
	}
	*ret_findings = findings;
	return 0;
}
