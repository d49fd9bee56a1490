/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Services in each other's way: addresses that swallow traffic, ports that open by accident. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

/* "tcp/192.0.2.1:80" */
#define ENDPOINT_MAX (SLOT_ADDR_TEXT_MAX + 16)

static void format_endpoint(const struct slot_addr *addr, __u8 proto, __u16 port,
			    char ret_text[ENDPOINT_MAX])
{
	char text[SLOT_ADDR_TEXT_MAX];
	const char *name = slot_service_proto_name(proto);

	slot_addr_format(addr, slot_addr_bits(addr), text);
	if (!port)
		snprintf(ret_text, ENDPOINT_MAX, "%s/%s", name, text);
	else
		snprintf(ret_text, ENDPOINT_MAX, addr->is_ip6 ? "%s/[%s]:%u" : "%s/%s:%u", name,
			 text, port);
}

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
		slot_finding_set_next(&finding,
				      "take the local route of %u bits away (ip route "
				      "del local ...), or serve the VIP here on purpose "
				      "(flags=local-vip, real ... local=yes)",
				      address->len);
	else
		slot_finding_set_next(&finding,
				      "ip address del %s/%u dev %s, or serve the VIP here on "
				      "purpose (flags=local-vip, real ... local=yes)",
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

struct served {
	const struct slot_picture *picture;
	const struct slot_picture_netns *netns;
	const struct slot_picture_address *address;
	const struct slot_picture_link *link;
	struct slot_findings *findings;
};

static void tell_hole(const struct served *served, enum slot_severity severity, const char *what)
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

/* In the balancer's own netns the address is the trouble, unless it is to be served there. */
static bool is_served_by(const struct served *served, const struct slot_picture_claim *claim)
{
	const struct slot_picture *picture = served->picture;

	return claim->kind == SLOT_CLAIM_VIP &&
	       slot_addr_is_in(&served->address->addr, &claim->addr, claim->len) &&
	       (claim->is_local ||
		slot_picture_chain_netns(picture, &picture->chains[claim->chain]) != served->netns);
}

static void check_hole(const struct served *served)
{
	const struct slot_addr *addr = &served->address->addr;
	char text[ENDPOINT_MAX];

	if (!slot_service_is_vip(served->picture, addr)) {
		slot_addr_format(addr, slot_addr_bits(addr), text);
		if (!slot_service_find(served->netns, addr, 0, 0))
			tell_hole(served, SLOT_WARNING, text);
		return;
	}
	for (size_t i = 0; i < served->picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &served->picture->claims[i];

		if (!is_served_by(served, claim) ||
		    slot_service_find(served->netns, addr, claim->proto, claim->port) ||
		    slot_picture_is_repeated(served->picture, i, true))
			continue;
		format_endpoint(addr, claim->proto, claim->port, text);
		tell_hole(served, SLOT_ERROR, text);
	}
}

static void for_each_served(const struct slot_picture *picture, struct slot_findings *findings,
			    void (*check)(const struct served *served))
{
	for (size_t i = 0; i < picture->netns_count; i++) {
		const struct slot_picture_netns *netns = &picture->netns[i];

		for (size_t n = 0; n < netns->address_count; n++) {
			struct served served = { picture, netns, &netns->addresses[n], NULL,
						 findings };

			served.link = slot_picture_link_find(netns, served.address->ifindex);
			if (slot_service_is_address(picture, netns, served.address))
				check(&served);
		}
	}
}

void slot_check_black_hole(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_served(picture, findings, check_hole);
}

/* --- wildcard ------------------------------------------------------------------------------ */

/* What another service has of a VIP that a socket on all addresses gets. */
enum exposure {
	EXPOSED_NOT,
	EXPOSED_BESIDE, /* a socket of its own at that port */
	EXPOSED_ALL,	/* all ports */
	EXPOSED_PORT,	/* that port, and no socket but this one */
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

static void tell_wildcard(const struct served *served, const struct slot_picture_listener *listener,
			  enum exposure exposure)
{
	struct slot_finding finding = { .severity = exposures[exposure].severity,
					.why = exposures[exposure].why };
	char text[ENDPOINT_MAX];

	slot_finding_at(&finding, served->netns, served->link, NULL, &served->address->addr);
	finding.place.port = listener->port;
	finding.place.socket = listener->inode;
	format_endpoint(&listener->addr, listener->proto, listener->port, text);
	slot_finding_set_next(&finding,
			      exposure == EXPOSED_PORT ?
				      "nothing if that is the VIP's service; else let it listen on "
				      "the address that it is meant for, or in a netns of its own" :
				      "let it listen on the address that it is meant for, or in a "
				      "netns of its own, or close the port in the firewall's slot");
	slot_findings_add(served->findings, &finding,
			  "%s of user %u listens on all addresses, among them %s, %s", text,
			  listener->uid, finding.place.address, exposures[exposure].what);
}

/* Whether the VIP is balanced with this port, or with all (0). */
static bool has_port(const struct served *served, __u8 proto, __u16 port)
{
	for (size_t i = 0; i < served->picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &served->picture->claims[i];

		if (claim->proto == proto && claim->port == port && is_served_by(served, claim))
			return true;
	}
	return false;
}

static enum exposure find_exposure(const struct served *served,
				   const struct slot_picture_listener *listener)
{
	const struct slot_picture_listener *service = slot_service_find_exact(
		served->netns, &served->address->addr, listener->proto, listener->port);

	if (service)
		return slot_service_is_same(service, listener) ? EXPOSED_NOT : EXPOSED_BESIDE;
	if (has_port(served, listener->proto, listener->port))
		return EXPOSED_PORT;
	return has_port(served, listener->proto, 0) ? EXPOSED_ALL : EXPOSED_NOT;
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

static void check_listener(const struct served *served, size_t number)
{
	const struct slot_picture_listener *listener = &served->netns->listeners[number];
	enum exposure exposure;

	if (!slot_picture_is_wildcard(listener) ||
	    !slot_picture_accepts(listener, &served->address->addr, listener->port))
		return;
	exposure = find_exposure(served, listener);
	if (exposure != EXPOSED_NOT && !is_repeated(served->netns, number))
		tell_wildcard(served, listener, exposure);
}

static void check_wildcard(const struct served *served)
{
	for (size_t i = 0; i < served->netns->listener_count; i++)
		check_listener(served, i);
}

void slot_check_wildcard(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_served(picture, findings, check_wildcard);
}
