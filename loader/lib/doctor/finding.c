/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_same_place(const struct slot_finding_place *a, const struct slot_finding_place *b)
{
	return a->port == b->port && a->socket == b->socket && !strcmp(a->netns, b->netns) &&
	       !strcmp(a->interface, b->interface) && !strcmp(a->chain, b->chain) &&
	       !strcmp(a->address, b->address);
}

/* Two VIPs may say the same of one address. */
static bool is_told(const struct slot_findings *findings, const struct slot_finding *finding)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!strcmp(findings->items[i].what, finding->what) &&
		    is_same_place(&findings->items[i].place, &finding->place))
			return true;
	return false;
}

void slot_findings_add(struct slot_findings *findings, const struct slot_finding *finding,
		       const char *fmt, ...)
{
	struct slot_finding copy = *finding;
	va_list args;

	va_start(args, fmt);
	vsnprintf(copy.what, sizeof(copy.what), fmt, args);
	va_end(args);
	if (is_told(findings, &copy))
		return;
	if (slot_picture_add(&findings->items, &findings->count, &copy))
		findings->is_short = true;
}

/* Of which @finding says the same, but for the socket; or NULL. Who is not known may be several. */
static struct slot_finding *find_same(struct slot_finding *items, size_t count,
				      const struct slot_finding *finding)
{
	for (size_t i = 0; i < count; i++) {
		struct slot_finding_place place = items[i].place;

		place.socket = finding->place.socket;
		if (*finding->place.process && finding->place.socket && items[i].place.socket &&
		    !strcmp(items[i].check, finding->check) &&
		    !strcmp(items[i].what, finding->what) &&
		    !strcmp(place.process, finding->place.process) &&
		    is_same_place(&place, &finding->place))
			return &items[i];
	}
	return NULL;
}

void slot_findings_merge(struct slot_findings *findings)
{
	size_t kept = 0;

	for (size_t i = 0; i < findings->count; i++) {
		struct slot_finding *same = find_same(findings->items, kept, &findings->items[i]);

		if (!same)
			findings->items[kept++] = findings->items[i];
		else
			same->place.sockets = same->place.sockets ? same->place.sockets + 1 : 2;
	}
	findings->count = kept;
}

void slot_findings_free(struct slot_findings *findings)
{
	free(findings->items);
	*findings = (struct slot_findings){ 0 };
}

void slot_finding_set_next(struct slot_finding *finding, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(finding->next, sizeof(finding->next), fmt, args);
	va_end(args);
}

void slot_finding_at(struct slot_finding *finding, const struct slot_picture_netns *netns,
		     const struct slot_picture_link *link, const struct slot_picture_chain *chain,
		     const struct slot_addr *addr)
{
	struct slot_finding_place *place = &finding->place;

	memset(place, 0, sizeof(*place));
	if (netns)
		memcpy(place->netns, netns->name, sizeof(place->netns));
	if (link)
		memcpy(place->interface, link->name, sizeof(place->interface));
	if (chain)
		memcpy(place->chain, chain->name, sizeof(place->chain));
	if (addr)
		slot_addr_format(addr, slot_addr_bits(addr), place->address);
}

const char *slot_severity_name(enum slot_severity severity)
{
	static const char *const names[SLOT_SEVERITIES] = {
		[SLOT_NOTE] = "note",
		[SLOT_WARNING] = "warning",
		[SLOT_ERROR] = "error",
	};

	return names[severity];
}

bool slot_findings_has(const struct slot_findings *findings, enum slot_severity severity)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].severity >= severity)
			return true;
	return false;
}
