/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What befalls tunnel packets on their way: MTUs and reverse path filters. */
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

#define CLIENT_MTU 1500 /* what clients send, unless they are told otherwise */
#define TCP4_HEADERS 40
#define TCP6_HEADERS 60
#define STRICT 1

/* The claim that asks for most room among those of @kind of one chain; NULL: none. */
static const struct slot_picture_claim *find_widest(const struct slot_picture *picture,
						    size_t chain, enum slot_claim_kind kind)
{
	const struct slot_picture_claim *found = NULL;

	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];

		if (claim->chain == chain && claim->kind == kind &&
		    (!found || claim->overhead > found->overhead))
			found = claim;
	}
	return found;
}

static const char mtu_why[] = "full-sized packets of clients do not fit once the outer headers "
			      "are around them: short answers work, and transfers hang";

static void check_sender(const struct slot_picture *picture, size_t number,
			 struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[number];
	const struct slot_picture_link *link = slot_picture_chain_link(picture, chain);
	const struct slot_picture_claim *real = find_widest(picture, number, SLOT_CLAIM_REAL);
	struct slot_finding finding = { .severity = SLOT_WARNING, .why = mtu_why };
	unsigned int wanted;

	if (!link || !real || !real->overhead)
		return;
	wanted = CLIENT_MTU + real->overhead;
	slot_finding_at(&finding, slot_picture_chain_netns(picture, chain), link, chain, NULL);
	slot_finding_set_next(&finding,
			      "give the way to the reals an MTU of %u or more (ip link set %s mtu "
			      "%u, and settings { mtu = %u } of the slot), or have the reals "
			      "announce a smaller MSS (ip route ... advmss %u)",
			      wanted, link->name, wanted, wanted,
			      CLIENT_MTU - real->overhead - TCP4_HEADERS);
	if (link->mtu < wanted)
		slot_findings_add(findings, &finding,
				  "%s sends packets with %u bytes of outer headers out of '%s', "
				  "whose MTU is %u",
				  real->program, real->overhead, link->name, link->mtu);
	else if (real->mtu && real->mtu < wanted)
		slot_findings_add(findings, &finding,
				  "%s sends no packet over %u bytes (its setting mtu), and %u of "
				  "them are outer headers",
				  real->program, real->mtu, real->overhead);
}

/* Whether clients are told to send packets that fit the tunnel, by all ways back to them. */
static bool is_announced(const struct slot_picture_netns *netns, unsigned int room)
{
	bool is_found = false;

	for (size_t i = 0; i < netns->route_count; i++) {
		const struct slot_picture_route *route = &netns->routes[i];
		unsigned int headers = route->prefix.is_ip6 ? TCP6_HEADERS : TCP4_HEADERS;

		if (route->is_discard)
			continue;
		if ((!route->mtu || route->mtu > room) &&
		    (!route->advmss || route->advmss + headers > room))
			return false;
		is_found = true;
	}
	return is_found;
}

static bool has_services(const struct slot_picture *picture, size_t number)
{
	const struct slot_picture_netns *netns = &picture->netns[number];

	for (size_t i = 0; i < netns->address_count; i++)
		if (slot_service_is_address(picture, netns, &netns->addresses[i]))
			return true;
	return false;
}

/* By those who answer clients: the services in this netns and in those joined to it, if any. */
static bool is_room_told(const struct slot_picture *picture, size_t own, unsigned int room)
{
	bool has_any = false;

	for (size_t i = 0; i < picture->netns_count; i++) {
		if ((i != own && !slot_picture_is_joined(&picture->netns[own], i)) ||
		    !has_services(picture, i))
			continue;
		if (!is_announced(&picture->netns[i], room))
			return false;
		has_any = true;
	}
	return has_any || is_announced(&picture->netns[own], room);
}

static void check_receiver(const struct slot_picture *picture, size_t number,
			   struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[number];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	const struct slot_picture_link *link = slot_picture_chain_link(picture, chain);
	const struct slot_picture_claim *tunnel = find_widest(picture, number, SLOT_CLAIM_TUNNEL);
	struct slot_finding finding = { .severity = SLOT_WARNING, .why = mtu_why };
	unsigned int wanted;

	if (!link || !tunnel || !tunnel->overhead)
		return;
	wanted = CLIENT_MTU + tunnel->overhead;
	if (link->mtu >= wanted ||
	    (link->mtu > tunnel->overhead &&
	     is_room_told(picture, chain->netns, link->mtu - tunnel->overhead)))
		return;
	slot_finding_at(&finding, netns, link, chain, NULL);
	slot_finding_set_next(
		&finding,
		"raise the MTU (ip link set %s mtu %u), or announce a smaller MSS: "
		"mtu or advmss on all default routes of who answers (ip route change default ... "
		"advmss %u)",
		link->name, wanted, CLIENT_MTU - tunnel->overhead - TCP4_HEADERS);
	slot_findings_add(findings, &finding,
			  "%s takes packets out of %u bytes of outer headers on '%s', whose MTU is "
			  "%u",
			  tunnel->program, tunnel->overhead, link->name, link->mtu);
}

void slot_check_mtu(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->chain_count; i++) {
		check_sender(picture, i, findings);
		check_receiver(picture, i, findings);
	}
}

/* Whether answers to IPv4 clients leave by @link. */
static bool is_way_back(const struct slot_picture_netns *netns,
			const struct slot_picture_link *link)
{
	for (size_t i = 0; i < netns->route_count; i++)
		if (!netns->routes[i].prefix.is_ip6 && !netns->routes[i].is_discard &&
		    netns->routes[i].ifindex == link->ifindex)
			return true;
	return false;
}

/* The interface that IP sees of packets that come in by @link: the bond or bridge it is a port of. */
static const struct slot_picture_link *find_receiver(const struct slot_picture_netns *netns,
						     const struct slot_picture_link *link)
{
	const struct slot_picture_link *master =
		link && link->master ? slot_picture_link_find(netns, link->master) : NULL;

	return master && strcmp(master->kind, "vrf") != 0 ? master : link;
}

static void check_filter(const struct slot_picture *picture, size_t number,
			 struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[number];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	const struct slot_picture_link *link =
		find_receiver(netns, slot_picture_chain_link(picture, chain));
	const struct slot_picture_claim *tunnel = find_widest(picture, number, SLOT_CLAIM_TUNNEL);
	struct slot_finding finding = {
		.why = "packets out of tunnels have clients' addresses; where no route to a client "
		       "leaves by this interface the kernel drops them, and counts nothing but "
		       "IPReversePathFilter"
	};
	bool is_back;

	if (!link || !tunnel || link->rp_filter != STRICT)
		return;
	is_back = is_way_back(netns, link);
	finding.severity = is_back ? SLOT_NOTE : SLOT_ERROR;
	slot_finding_at(&finding, netns, link, chain, NULL);
	slot_finding_set_next(&finding,
			      "sysctl -w net.ipv4.conf.%s.rp_filter=2 (loose) or 0; the larger of "
			      "this and net.ipv4.conf.all.rp_filter counts",
			      link->name);
	slot_findings_add(findings, &finding,
			  is_back ?
				  "rp_filter is strict on '%s', where tunnels end: clients that "
				  "are not reached by it are not heard" :
				  "rp_filter is strict on '%s', where tunnels end, and answers to "
				  "clients leave elsewhere",
			  link->name);
}

void slot_check_rp_filter(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->chain_count; i++)
		check_filter(picture, i, findings);
}
