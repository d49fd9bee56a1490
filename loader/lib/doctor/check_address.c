/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses that are missing, twice there, or led to the wrong place. */
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

/* An address of the netns in the claim's prefix, or over it. */
static const struct slot_picture_address *find_claimed(const struct slot_picture_netns *netns,
						       const struct slot_picture_claim *claim)
{
	for (size_t i = 0; i < netns->address_count; i++)
		if (slot_addr_is_in(&netns->addresses[i].addr, &claim->addr, claim->len))
			return &netns->addresses[i];
	return slot_picture_address_find(netns, &claim->addr);
}

/* --- tunnel-address ------------------------------------------------------------------------ */

static const struct slot_picture_netns *find_elsewhere(const struct slot_picture *picture,
						       const struct slot_picture_claim *claim)
{
	for (size_t i = 0; i < picture->netns_count; i++)
		if (find_claimed(&picture->netns[i], claim))
			return &picture->netns[i];
	return NULL;
}

static void check_tunnel(const struct slot_picture *picture, const struct slot_picture_claim *claim,
			 struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[claim->chain];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	const struct slot_picture_link *link = slot_picture_chain_link(picture, chain);
	const struct slot_picture_way *way = slot_picture_way_find(netns, &claim->addr);
	const struct slot_picture_netns *other;
	char text[SLOT_ADDR_TEXT_MAX];
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "nobody answers for the address on the wire, so tunnel packets to it come "
		       "only where a router was told to send them here"
	};

	if (!netns || !link || find_claimed(netns, claim) || (way && way->is_local))
		return;
	slot_addr_format(&claim->addr, claim->len, text);
	slot_finding_at(&finding, netns, link, chain, &claim->addr);
	other = find_elsewhere(picture, claim);
	if (other)
		slot_finding_set_next(&finding,
				      "netns '%s' has it: take the tunnels apart there (a chain "
				      "with netns), or move the address here",
				      other->name);
	else
		slot_finding_set_next(&finding, "ip address add %s dev %s, or take it out of %s",
				      text, link->name, claim->program);
	slot_findings_add(findings, &finding,
			  "%s takes tunnels to %s apart, which is no address of netns '%s'",
			  claim->program, text, netns->name);
}

void slot_check_tunnel_address(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_TUNNEL &&
		    !slot_picture_is_repeated(picture, i, false))
			check_tunnel(picture, &picture->claims[i], findings);
}

/* --- real-address -------------------------------------------------------------------------- */

static bool is_own_vip(const struct slot_picture *picture, const struct slot_picture_claim *real)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_VIP &&
		    picture->claims[i].chain == real->chain &&
		    slot_addr_is_in(&real->addr, &picture->claims[i].addr, picture->claims[i].len))
			return true;
	return false;
}

static void check_real(const struct slot_picture *picture, const struct slot_picture_claim *real,
		       struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[real->chain];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	const struct slot_picture_address *own = slot_picture_address_find(netns, &real->addr);
	struct slot_finding finding = { .severity = SLOT_WARNING };

	slot_finding_at(&finding, netns, NULL, chain, &real->addr);
	if (is_own_vip(picture, real) && !real->is_local) {
		finding.severity = SLOT_ERROR;
		finding.why = "a packet that is sent to it is a VIP's again: it is balanced once "
			      "more, or goes round until its TTL is over";
		slot_finding_set_next(&finding, "give the real an address of its own: slotctl lb "
						"real del, real add");
		slot_findings_add(findings, &finding, "the real %s of %s is one of its VIPs",
				  finding.place.address, real->program);
	} else if (own && !real->is_local) {
		finding.why = "packets for it leave for the gateway, which has to send them back, "
			      "and arrive in a tunnel that nobody may take apart";
		slot_finding_set_next(&finding,
				      "slotctl lb real set %s local=yes, and slotctl lb "
				      "vip set ... flags=local; or another real",
				      finding.place.address);
		slot_findings_add(findings, &finding,
				  "the real %s of %s is an address of this host",
				  finding.place.address, real->program);
	}
}

void slot_check_real_address(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_REAL &&
		    !slot_picture_is_repeated(picture, i, false))
			check_real(picture, &picture->claims[i], findings);
}

/* --- address-twice ------------------------------------------------------------------------- */

/* The bridge that an interface is on, directly or by its other end. */
struct segment {
	size_t netns;
	unsigned int ifindex; /* 0: none */
};

static struct segment find_segment(const struct slot_picture *picture, size_t netns,
				   const struct slot_picture_link *link)
{
	struct segment segment = { .netns = netns, .ifindex = link->ifindex };
	const struct slot_picture_link *peer;

	if (link->kind[0] && !strcmp(link->kind, "bridge"))
		return segment;
	if (link->peer_netns >= picture->netns_count)
		return (struct segment){ 0 };
	peer = slot_picture_link_find(&picture->netns[link->peer_netns], link->peer);
	segment = (struct segment){ .netns = link->peer_netns, .ifindex = peer ? peer->master : 0 };
	return segment;
}

static void check_pair(const struct slot_picture *picture, const size_t netns[2],
		       const struct slot_picture_address *const addresses[2],
		       struct slot_findings *findings)
{
	struct slot_finding finding = {
		.severity = SLOT_ERROR,
		.why = "both answer for it on one wire: neighbours reach the one or the other, and "
		       "change their mind in the middle of a connection"
	};
	const struct slot_picture_link *links[2];
	struct segment segments[2];

	for (size_t i = 0; i < 2; i++) {
		links[i] = slot_picture_link_find(&picture->netns[netns[i]], addresses[i]->ifindex);
		if (!links[i] || !links[i]->is_up)
			return;
		segments[i] = find_segment(picture, netns[i], links[i]);
	}
	if (!segments[0].ifindex || segments[0].netns != segments[1].netns ||
	    segments[0].ifindex != segments[1].ifindex)
		return;
	slot_finding_at(&finding, &picture->netns[netns[0]], links[0], NULL, &addresses[0]->addr);
	slot_finding_set_next(&finding, "give one of them another address");
	slot_findings_add(
		findings, &finding,
		"%s is an address of '%s' in netns '%s', and of '%s' in netns '%s' on the "
		"same bridge",
		finding.place.address, links[0]->name, picture->netns[netns[0]].name,
		links[1]->name, picture->netns[netns[1]].name);
}

static void compare_netns(const struct slot_picture *picture, const size_t netns[2],
			  struct slot_findings *findings)
{
	const struct slot_picture_netns *a = &picture->netns[netns[0]];
	const struct slot_picture_netns *b = &picture->netns[netns[1]];

	for (size_t i = 0; i < a->address_count; i++)
		for (size_t n = 0; n < b->address_count; n++) {
			const struct slot_picture_address *pair[2] = { &a->addresses[i],
								       &b->addresses[n] };

			if (!pair[0]->is_route && !pair[1]->is_route &&
			    !slot_addr_is_own(&pair[0]->addr) &&
			    slot_addr_is_equal(&pair[0]->addr, &pair[1]->addr))
				check_pair(picture, netns, pair, findings);
		}
}

void slot_check_address_twice(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->netns_count; i++)
		for (size_t n = i + 1; n < picture->netns_count; n++)
			compare_netns(picture, (const size_t[2]){ i, n }, findings);
}
