/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Routes that lead what a chain lets pass to nowhere, or to the wrong netns. */
#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

static bool has_tunnels(const struct slot_picture *picture, size_t netns)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_TUNNEL &&
		    picture->chains[picture->claims[i].chain].netns == netns)
			return true;
	return false;
}

/* Whether @link of the chain's netns leads to netns @other: itself, or as a bridge by a port. */
static bool is_way_to(const struct slot_picture_netns *own, const struct slot_picture_link *link,
		      size_t other)
{
	if (link->peer_netns == other)
		return true;
	for (size_t i = 0; i < own->link_count; i++)
		if (own->links[i].master == link->ifindex && own->links[i].peer_netns == other)
			return true;
	return false;
}

/* --- route-discard ------------------------------------------------------------------------- */

/* A route to nowhere that has no more specific one behind it, for all a VIP's addresses or some. */
static bool is_discarded(const struct slot_picture_netns *netns,
			 const struct slot_picture_claim *claim)
{
	const struct slot_picture_way *way = slot_picture_way_find(netns, &claim->addr);

	if (way && way->is_discard)
		return true;
	for (size_t i = 0; i < netns->route_count; i++)
		if (netns->routes[i].is_discard && netns->routes[i].len > claim->len &&
		    slot_addr_is_in(&netns->routes[i].prefix, &claim->addr, claim->len))
			return true;
	return false;
}

static void check_discard(const struct slot_picture *picture, size_t number,
			  struct slot_findings *findings)
{
	const struct slot_picture_claim *claim = &picture->claims[number];
	const struct slot_picture_chain *chain = &picture->chains[claim->chain];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	char text[SLOT_ADDR_TEXT_MAX];
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "what the program passes (other ports, ICMP, everything while its slot is "
		       "disabled) and what this host sends to the address is discarded"
	};

	if (!netns || (claim->kind != SLOT_CLAIM_VIP && claim->kind != SLOT_CLAIM_TUNNEL) ||
	    !is_discarded(netns, claim) || slot_picture_is_repeated(picture, number, false))
		return;
	slot_addr_format(&claim->addr, claim->len, text);
	slot_finding_at(&finding, netns, NULL, chain, &claim->addr);
	slot_finding_set_next(&finding,
			      "ip route get %s tells; take the blackhole, unreachable or "
			      "prohibit route away unless it is meant so",
			      finding.place.address);
	slot_findings_add(findings, &finding,
			  "a route of netns '%s' discards packets to %s, which %s %s", netns->name,
			  text, claim->program,
			  claim->kind == SLOT_CLAIM_VIP ? "balances" : "takes out of tunnels");
}

void slot_check_route_discard(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		check_discard(picture, i, findings);
}

/* --- vip-route ----------------------------------------------------------------------------- */

/* Packets out of tunnels in netns @own that are for a service in netns @other. */
struct delivery {
	const struct slot_picture *picture;
	size_t own, other;
	const struct slot_picture_address *service;
	struct slot_findings *findings;
};

static void tell_delivery(const struct delivery *delivery, enum slot_severity severity,
			  const char *what)
{
	const struct slot_picture_netns *own = &delivery->picture->netns[delivery->own];
	const struct slot_picture_netns *other = &delivery->picture->netns[delivery->other];
	struct slot_finding finding = {
		.severity = severity,
		.why = "where tunnels are taken apart before the netns of their service, routes "
		       "alone say which netns gets a VIP's packets, and one of them gets all"
	};

	slot_finding_at(&finding, own, NULL, NULL, &delivery->service->addr);
	slot_finding_set_next(
		&finding,
		"route %s to netns '%s', or take its tunnels apart in that netns, at a "
		"tunnel address of its own",
		finding.place.address, other->name);
	slot_findings_add(delivery->findings, &finding,
			  "%s is served in netns '%s', and in '%s', where tunnels are taken apart, "
			  "%s",
			  finding.place.address, other->name, own->name, what);
}

static void check_delivery(const struct delivery *delivery)
{
	const struct slot_picture_netns *own = &delivery->picture->netns[delivery->own];
	const struct slot_addr *addr = &delivery->service->addr;
	const struct slot_picture_way *way = slot_picture_way_find(own, addr);
	const struct slot_picture_link *link = way ? slot_picture_link_find(own, way->ifindex) :
						     NULL;

	if (!way)
		return;
	if (way->is_local)
		tell_delivery(delivery, SLOT_WARNING, "it is an address as well");
	else if (way->is_discard)
		tell_delivery(delivery, SLOT_ERROR, "a route discards it");
	else if (!way->ifindex)
		tell_delivery(delivery, SLOT_ERROR, "no route leads to it");
	else if (link && !is_way_to(own, link, delivery->other))
		tell_delivery(delivery, SLOT_WARNING, "its route leads elsewhere");
}

/* What a program of that netns sends on itself needs no route. */
static bool is_balanced(const struct slot_picture *picture, size_t netns,
			const struct slot_addr *addr)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_VIP &&
		    picture->chains[picture->claims[i].chain].netns == netns &&
		    slot_addr_is_in(addr, &picture->claims[i].addr, picture->claims[i].len))
			return true;
	return false;
}

static void check_netns(const struct slot_picture *picture, size_t own, size_t other,
			struct slot_findings *findings)
{
	const struct slot_picture_netns *netns = &picture->netns[other];

	for (size_t i = 0; i < netns->address_count; i++) {
		struct delivery delivery = { picture, own, other, &netns->addresses[i], findings };

		if (slot_service_is_address(picture, netns, delivery.service) &&
		    !is_balanced(picture, own, &delivery.service->addr))
			check_delivery(&delivery);
	}
}

/* Of namespaces that are joined to this one, and do not take their own tunnels apart. */
void slot_check_vip_route(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t own = 0; own < picture->netns_count; own++) {
		if (!has_tunnels(picture, own))
			continue;
		for (size_t other = 0; other < picture->netns_count; other++)
			if (other != own && !has_tunnels(picture, other) &&
			    slot_picture_is_joined(&picture->netns[own], other))
				check_netns(picture, own, other, findings);
	}
}
