/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ports that are open by accident: sockets on all addresses, where some are there for others. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

#define SERVICES_MAX 16 /* told of at one VIP with all ports */

/* What another service has of an address that a socket on all addresses gets. */
enum exposure {
	EXPOSED_BESIDE, /* a socket of its own at that port */
	EXPOSED_ALL,	/* a VIP's ports, all of them */
	EXPOSED_PORT,	/* a VIP's port, and no socket but this one */
};

static const struct {
	enum slot_severity severity;
	const char *what;
	const char *why;
} exposures[] = {
	[EXPOSED_BESIDE] = { SLOT_WARNING, "where another service has the same port",
			     "when the service on the address stops, if only for a restart, its "
			     "clients are answered by the other one" },
	[EXPOSED_ALL] = { SLOT_WARNING, "a VIP that has all ports open",
			  "what was meant for this host alone is open to all clients of the VIP" },
	[EXPOSED_PORT] = { SLOT_NOTE, "a VIP with that port, and is what serves it",
			   "whoever listens on all addresses gets a VIP's clients, be it meant for "
			   "them or not" },
};

/* @more: as many other sockets of that service are open likewise. */
static void tell(const struct slot_served *served, const struct slot_picture_listener *listener,
		 enum exposure exposure, size_t more)
{
	struct slot_finding finding = { .severity = exposures[exposure].severity,
					.why = exposures[exposure].why };
	char text[SLOT_ENDPOINT_TEXT_MAX];
	char others[48] = "";

	slot_finding_at(&finding, served->netns, served->link, NULL, &served->address->addr);
	finding.place.port = listener->port;
	finding.place.socket = listener->inode;
	slot_service_format(&listener->addr, listener->proto, listener->port, text);
	if (more)
		snprintf(others, sizeof(others), " (and %zu more of that user)", more);
	slot_finding_set_next(&finding,
			      exposure == EXPOSED_PORT ?
				      "nothing if that is the VIP's service; else let it listen on "
				      "the address that it is meant for, or in a netns of its own" :
				      "let it listen on the address that it is meant for, or in a "
				      "netns of its own, or close the port in the firewall's slot");
	slot_findings_add(served->findings, &finding,
			  "%s of user %u%s listens on all addresses, among them %s, %s", text,
			  listener->uid, others, finding.place.address, exposures[exposure].what);
}

static bool is_wildcard_over(const struct slot_served *served,
			     const struct slot_picture_listener *listener)
{
	return slot_picture_is_wildcard(listener) &&
	       slot_picture_accepts(listener, &served->address->addr, listener->port) &&
	       slot_service_is_reached(served->picture, served->netns, listener);
}

/* Many sockets of one service share a port: it is told once. */
static bool is_repeated(const struct slot_picture_netns *netns, size_t number)
{
	const struct slot_picture_listener *own = &netns->listeners[number];

	for (size_t i = 0; i < number; i++) {
		const struct slot_picture_listener *other = &netns->listeners[i];

		if (other->proto == own->proto && other->port == own->port &&
		    slot_addr_is_equal(&other->addr, &own->addr) &&
		    slot_service_is_same(other, own))
			return true;
	}
	return false;
}

/* Others that get the clients of the socket number @number, of the address alone. */
static void check_beside(const struct slot_served *served, size_t number)
{
	const struct slot_picture_netns *netns = served->netns;
	const struct slot_picture_listener *service = &netns->listeners[number];

	if (!slot_addr_is_equal(&service->addr, &served->address->addr) ||
	    is_repeated(netns, number))
		return;
	for (size_t i = 0; i < netns->listener_count; i++) {
		const struct slot_picture_listener *other = &netns->listeners[i];

		if (other->port == service->port && other->proto == service->proto &&
		    is_wildcard_over(served, other) && !slot_service_is_same(other, service) &&
		    !is_repeated(netns, i))
			tell(served, other, EXPOSED_BESIDE, 0);
	}
}

/* Whether the VIP is to be served at that port by itself, or somebody does. */
static bool has_port(const struct slot_served *served, const struct slot_picture_listener *listener)
{
	for (size_t i = 0; i < served->picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &served->picture->claims[i];

		if (claim->proto == listener->proto && claim->port == listener->port &&
		    slot_served_is_claimed(served, claim))
			return true;
	}
	return slot_service_find_exact(served->netns, &served->address->addr, listener->proto,
				       listener->port);
}

static void check_port(const struct slot_served *served, const struct slot_picture_claim *claim)
{
	const struct slot_picture_netns *netns = served->netns;

	for (size_t i = 0; i < netns->listener_count; i++) {
		const struct slot_picture_listener *listener = &netns->listeners[i];

		if (listener->port == claim->port && listener->proto == claim->proto &&
		    is_wildcard_over(served, listener) &&
		    !slot_service_find_exact(netns, &served->address->addr, claim->proto,
					     claim->port) &&
		    !is_repeated(netns, i))
			tell(served, listener, EXPOSED_PORT, 0);
	}
}

struct open_service {
	const struct slot_picture_listener *first;
	size_t more;
};

static void count_open(struct open_service services[SERVICES_MAX],
		       const struct slot_picture_listener *listener)
{
	size_t i = 0;

	while (i < SERVICES_MAX && services[i].first &&
	       !slot_service_is_same(services[i].first, listener))
		i++;
	if (i == SERVICES_MAX)
		return;
	if (services[i].first)
		services[i].more++;
	else
		services[i].first = listener;
}

/* One finding for each service, however many ports it has. */
static void check_all_ports(const struct slot_served *served,
			    const struct slot_picture_claim *claim)
{
	struct open_service services[SERVICES_MAX] = { 0 };
	size_t i;

	for (i = 0; i < served->netns->listener_count; i++) {
		const struct slot_picture_listener *listener = &served->netns->listeners[i];

		if (listener->proto == claim->proto && is_wildcard_over(served, listener) &&
		    !has_port(served, listener))
			count_open(services, listener);
	}
	for (i = 0; i < SERVICES_MAX && services[i].first; i++)
		tell(served, services[i].first, EXPOSED_ALL, services[i].more);
}

static void check_served(const struct slot_served *served)
{
	const struct slot_picture *picture = served->picture;
	size_t i;

	for (i = 0; i < served->netns->listener_count; i++)
		check_beside(served, i);
	for (i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];

		if (!slot_served_is_claimed(served, claim) ||
		    slot_picture_is_repeated(picture, i, true))
			continue;
		if (claim->port)
			check_port(served, claim);
		else
			check_all_ports(served, claim);
	}
}

void slot_check_wildcard(const struct slot_picture *picture, struct slot_findings *findings)
{
	slot_served_each(picture, findings, check_served);
}
