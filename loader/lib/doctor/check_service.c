/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses that swallow traffic. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

/* --- vip-local ----------------------------------------------------------------------------- */

/* Whether the netns takes some of the VIP's addresses for its own. */
static bool is_taken(const struct slot_picture_claim *claim,
		     const struct slot_picture_address *address)
{
	return slot_addr_is_in(&address->addr, &claim->addr, claim->len) ||
	       (address->is_route && slot_addr_is_in(&claim->addr, &address->addr, address->len));
}

static void tell_local(const struct slot_picture *picture, const struct slot_picture_claim *claim,
		       const struct slot_picture_address *address, struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[claim->chain];
	const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
	const struct slot_picture_link *link = slot_picture_link_find(netns, address->ifindex);
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "what the program passes (other ports, ICMP) and what this host itself sends "
		       "to the VIP ends here and never reaches a real: a black hole for them"
	};

	slot_finding_at(&finding, netns, link, chain,
			address->is_route ? &claim->addr : &address->addr);
	if (address->is_route)
		slot_finding_set_next(
			&finding,
			"take the local route of %u bits away (ip route "
			"del local ...), or serve the VIP here on purpose "
			"(slotctl lb vip set ... flags=local, lb real set ... local=yes)",
			address->len);
	else
		slot_finding_set_next(
			&finding,
			"ip address del %s/%u dev %s, or serve the VIP here on "
			"purpose (slotctl lb vip set ... flags=local, lb real set ... local=yes)",
			finding.place.address, address->len, link ? link->name : "?");
	slot_findings_add(findings, &finding,
			  "%s is a VIP that %s balances over other hosts, and an address of this "
			  "one on '%s'",
			  finding.place.address, claim->program, link ? link->name : "?");
}

void slot_check_vip_local(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];
		const struct slot_picture_netns *netns =
			slot_picture_chain_netns(picture, &picture->chains[claim->chain]);

		if (claim->kind != SLOT_CLAIM_VIP || claim->is_local || !netns ||
		    slot_picture_is_repeated(picture, i, false))
			continue;
		for (size_t n = 0; n < netns->address_count; n++)
			if (is_taken(claim, &netns->addresses[n]))
				tell_local(picture, claim, &netns->addresses[n], findings);
	}
}

/* --- black-hole ---------------------------------------------------------------------------- */

static void tell_hole(const struct slot_served *served, enum slot_severity severity,
		      const char *what)
{
	struct slot_finding finding = {
		.severity = severity,
		.why = "the netns takes packets to the address for its own and refuses every one: "
		       "clients that are led here get no service"
	};

	slot_finding_at(&finding, served->netns, served->link, NULL, &served->address->addr);
	slot_finding_set_next(&finding,
			      "start the service in this netns, or take the address away until it "
			      "runs (ip address del %s/%u dev %s)",
			      finding.place.address, served->address->len,
			      served->link ? served->link->name : "?");
	slot_findings_add(served->findings, &finding, "nothing listens on %s in netns '%s'", what,
			  served->netns->name);
}

/* Whether sockets that are bound elsewhere get what is sent there. */
static bool is_led(const struct slot_served *served)
{
	const struct slot_picture *picture = served->picture;

	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];

		if (claim->kind == SLOT_CLAIM_LED && claim->sockets &&
		    slot_picture_chain_netns(picture, &picture->chains[claim->chain]) ==
			    served->netns &&
		    slot_addr_is_in(&served->address->addr, &claim->addr, claim->len))
			return true;
	}
	return false;
}

static void check_hole(const struct slot_served *served)
{
	const struct slot_addr *addr = &served->address->addr;
	char text[SLOT_ENDPOINT_TEXT_MAX];

	if (!slot_service_is_vip(served->picture, addr)) {
		slot_addr_format(addr, slot_addr_bits(addr), text);
		if (!slot_service_find(served->picture, served->netns, addr, 0, 0) &&
		    !is_led(served))
			tell_hole(served, SLOT_WARNING, text);
		return;
	}
	for (size_t i = 0; i < served->picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &served->picture->claims[i];

		if (!slot_served_is_claimed(served, claim) ||
		    slot_service_find(served->picture, served->netns, addr, claim->proto,
				      claim->port) ||
		    slot_picture_is_repeated(served->picture, i, true))
			continue;
		slot_service_format(addr, claim->proto, claim->port, text);
		tell_hole(served, SLOT_ERROR, text);
	}
}

void slot_check_black_hole(const struct slot_picture *picture, struct slot_findings *findings)
{
	slot_served_each(picture, findings, check_hole);
}

/* --- mute ---------------------------------------------------------------------------------- */

static void tell_mute(const struct slot_picture *picture, const struct slot_picture_claim *claim,
		      struct slot_findings *findings)
{
	const struct slot_picture_chain *chain = &picture->chains[claim->chain];
	struct slot_finding finding = {
		.severity = SLOT_ERROR,
		.why = "they leave with an address that these clients know nothing of: the "
		       "connections hang, or are reset"
	};

	slot_finding_at(&finding, slot_picture_chain_netns(picture, chain),
			slot_picture_chain_link(picture, chain), chain, NULL);
	slot_finding_set_next(
		&finding,
		"have %s_out run where they leave: slotctl --chain %s:tc-egress slots "
		"tells whether it does; slotctl --chain %s handoff show, which connections",
		claim->program, chain->name, chain->name);
	slot_findings_add(findings, &finding,
			  "answers of %u connections that came from other hosts do not pass %s_out",
			  claim->connections, claim->program);
}

void slot_check_mute(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_MUTE)
			tell_mute(picture, &picture->claims[i], findings);
}
