/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets that programs choose: where there is none, and where another one is beside them. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/doctor/check.h"
#include "loader/lib/doctor/service.h"

/* --- led ------------------------------------------------------------------------------------- */

#define ENDPOINT_MAX (SLOT_ENDPOINT_TEXT_MAX + 16)

/* "tcp/192.0.2.0/24:80-89" */
static void format_led(const struct slot_picture_claim *claim, char ret_text[ENDPOINT_MAX])
{
	bool is_ip6 = claim->addr.is_ip6;
	char prefix[SLOT_ADDR_TEXT_MAX];
	int len;

	slot_addr_format(&claim->addr, claim->len, prefix);
	len = snprintf(ret_text, ENDPOINT_MAX, "%s/%s%s%s:%u",
		       claim->proto == IPPROTO_UDP ? "udp" : "tcp", is_ip6 ? "[" : "", prefix,
		       is_ip6 ? "]" : "", claim->port);
	if (claim->last_port > claim->port && len > 0 && len < ENDPOINT_MAX)
		snprintf(ret_text + len, ENDPOINT_MAX - (size_t)len, "-%u", claim->last_port);
}

/* Whether the netns takes packets to some of the prefix for its own, which are all it looks up. */
static bool is_taken(const struct slot_picture_netns *netns, const struct slot_picture_claim *claim)
{
	for (size_t i = 0; i < netns->address_count; i++) {
		const struct slot_picture_address *address = &netns->addresses[i];

		if (slot_addr_is_in(&address->addr, &claim->addr, claim->len) ||
		    (address->is_route && address->len <= claim->len &&
		     slot_addr_is_in(&claim->addr, &address->addr, address->len)))
			return true;
	}
	return false;
}

static void tell_no_socket(const struct slot_picture_claim *claim, struct slot_finding finding,
			   struct slot_findings *findings)
{
	char text[ENDPOINT_MAX];

	format_led(claim, text);
	finding.severity = SLOT_WARNING;
	finding.why = claim->is_refused ? "its clients are refused" :
					  "its clients get whatever the host's own sockets are";
	slot_finding_set_next(
		&finding,
		"start the server, and slotctl %s socket add puts its socket into the "
		"group; or slotctl %s rule del",
		claim->program, claim->program);
	slot_findings_add(findings, &finding, "%s leads %s to no socket", claim->program, text);
}

static void tell_not_taken(const struct slot_picture_claim *claim,
			   const struct slot_picture_netns *netns, struct slot_finding finding,
			   struct slot_findings *findings)
{
	char text[SLOT_ADDR_TEXT_MAX];

	slot_addr_format(&claim->addr, claim->len, text);
	finding.severity = SLOT_WARNING;
	finding.why = "packets to it are routed on or dropped: no socket is looked up for them";
	slot_finding_set_next(&finding, "ip route add local %s dev lo", text);
	slot_findings_add(findings, &finding,
			  "%s leads %s to sockets, and netns '%s' does not take it for its own",
			  claim->program, text, netns->name);
}

void slot_check_led(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];
		const struct slot_picture_chain *chain = &picture->chains[claim->chain];
		const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);
		struct slot_finding finding = {};

		if (claim->kind != SLOT_CLAIM_LED)
			continue;
		slot_finding_at(&finding, netns, NULL, chain, &claim->addr);
		finding.place.port = claim->port;
		if (!claim->sockets)
			tell_no_socket(claim, finding, findings);
		else if (netns && netns->is_seen && !is_taken(netns, claim))
			tell_not_taken(claim, netns, finding, findings);
	}
}

/* --- shared ---------------------------------------------------------------------------------- */

static bool is_bound_to(const struct slot_picture_listener *listener,
			const struct slot_picture_claim *claim)
{
	return listener->proto == claim->proto && listener->port == claim->port &&
	       slot_addr_is_equal(&listener->addr, &claim->addr);
}

/* By any program: a socket that leads others' traffic into the group is one of no instance. */
static bool is_known(const struct slot_picture *picture, const struct slot_picture_listener *socket)
{
	for (size_t i = 0; i < picture->claim_count; i++)
		if (picture->claims[i].kind == SLOT_CLAIM_SOCKET &&
		    picture->claims[i].cookie == socket->cookie)
			return true;
	return false;
}

/* Whether a socket of @netns is bound there that a program knows. */
static bool is_shared_in(const struct slot_picture *picture, const struct slot_picture_netns *netns,
			 const struct slot_picture_claim *claim)
{
	for (size_t i = 0; i < netns->listener_count; i++)
		if (is_bound_to(&netns->listeners[i], claim) &&
		    is_known(picture, &netns->listeners[i]))
			return true;
	return false;
}

/* A trouble of the VIP that @claim is of; @ret_text: what that is called. */
static struct slot_finding begin_vip(const struct slot_picture_claim *claim,
				     const struct slot_picture_chain *chain,
				     const struct slot_picture_netns *netns,
				     char ret_text[SLOT_ENDPOINT_TEXT_MAX])
{
	struct slot_finding finding = { .severity = SLOT_WARNING };

	slot_finding_at(&finding, netns, NULL, chain, &claim->addr);
	finding.place.port = claim->port;
	slot_service_format(&claim->addr, claim->proto, claim->port, ret_text);
	return finding;
}

static void tell_stranger(const struct slot_picture_netns *netns,
			  const struct slot_picture_listener *listener,
			  const struct slot_picture_claim *claim,
			  const struct slot_picture_chain *chain, struct slot_findings *findings)
{
	char text[SLOT_ENDPOINT_TEXT_MAX];
	struct slot_finding finding = begin_vip(claim, chain, netns, text);

	finding.why =
		"it gets nothing while the group's program chooses, and a share of all as soon "
		"as the program is off the group";
	finding.place.socket = listener->inode;
	slot_finding_set_next(
		&finding,
		"where the maps were made anew (a detach, another layout) look again "
		"in a few seconds: servers may register by themselves; restart or end "
		"one that does not; slotctl %s instances has those who did",
		claim->program);
	slot_findings_add(findings, &finding,
			  "a process of user %u is bound to %s beside the sockets that %s knows",
			  listener->uid, text, claim->program);
}

static void tell_nobody(const struct slot_picture_claim *claim,
			const struct slot_picture_chain *chain,
			const struct slot_picture_netns *netns, struct slot_findings *findings)
{
	char text[SLOT_ENDPOINT_TEXT_MAX];
	struct slot_finding finding = begin_vip(claim, chain, netns, text);

	finding.why = "what is new is refused";
	slot_finding_set_next(
		&finding,
		"start the server; slotctl %s instances tells what is registered, and "
		"slotctl %s vip del forgets it",
		claim->program, claim->program);
	slot_findings_add(findings, &finding, "no instance serves %s, a VIP of %s", text,
			  claim->program);
}

static void tell_orphans(const struct slot_picture_claim *claim,
			 const struct slot_picture_chain *chain,
			 const struct slot_picture_netns *netns, struct slot_findings *findings)
{
	char text[SLOT_ENDPOINT_TEXT_MAX];
	struct slot_finding finding = begin_vip(claim, chain, netns, text);

	finding.why = "nobody ends its server, whose sockets are open still: the next one that "
		      "starts finds no place";
	slot_finding_set_next(&finding, "end that server, or slotctl %s free %s %u", claim->program,
			      text, claim->instance);
	slot_findings_add(
		findings, &finding,
		"instance %u of %s, a VIP of %s, drains, and the process that registered it is dead",
		claim->instance, text, claim->program);
}

/* Servers may be in other namespaces than slotd: where a socket that is known is bound there. */
static void check_strangers(const struct slot_picture *picture,
			    const struct slot_picture_claim *claim, struct slot_findings *findings)
{
	for (size_t n = 0; n < picture->netns_count; n++) {
		const struct slot_picture_netns *netns = &picture->netns[n];

		if (!is_shared_in(picture, netns, claim))
			continue;
		for (size_t i = 0; i < netns->listener_count; i++)
			if (is_bound_to(&netns->listeners[i], claim) &&
			    !is_known(picture, &netns->listeners[i]))
				tell_stranger(netns, &netns->listeners[i], claim,
					      &picture->chains[claim->chain], findings);
	}
}

void slot_check_shared(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];
		const struct slot_picture_chain *chain = &picture->chains[claim->chain];
		const struct slot_picture_netns *netns = slot_picture_chain_netns(picture, chain);

		if (claim->kind == SLOT_CLAIM_ORPHANS)
			tell_orphans(claim, chain, netns, findings);
		if (claim->kind != SLOT_CLAIM_SHARED)
			continue;
		if (!claim->sockets)
			tell_nobody(claim, chain, netns, findings);
		check_strangers(picture, claim, findings);
	}
}

/* --- lookup ---------------------------------------------------------------------------------- */

static bool has_slotd(const struct slot_picture_netns *netns)
{
	for (size_t i = 0; i < netns->lookup_count; i++)
		if (netns->lookups[i].is_slotd)
			return true;
	return false;
}

static void tell_foreign(const struct slot_picture_netns *netns,
			 const struct slot_picture_lookup *lookup, struct slot_findings *findings)
{
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "the kernel asks both, and the last one that selects a socket wins: either "
		       "may get what the other was meant to have, and a chain's drop holds only where "
		       "the other selects nothing"
	};

	slot_finding_at(&finding, netns, NULL, NULL, NULL);
	slot_finding_set_next(
		&finding,
		"bpftool link list tells who holds program %u: let it go, or reserve a "
		"slot for it",
		lookup->program);
	slot_findings_add(
		findings, &finding,
		"program '%s' (id %u) runs at sk_lookup of netns '%s' beside slotd's chain",
		lookup->name, lookup->program, netns->name);
}

void slot_check_lookup(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->netns_count; i++) {
		const struct slot_picture_netns *netns = &picture->netns[i];

		if (!has_slotd(netns))
			continue;
		for (size_t n = 0; n < netns->lookup_count; n++)
			if (!netns->lookups[n].is_slotd)
				tell_foreign(netns, &netns->lookups[n], findings);
	}
}

/* --- cgroup ---------------------------------------------------------------------------------- */

/* What the kernel does follows from the flags that the other was attached with (Linux 4.15). */
static void check_single(const struct slot_picture_chain *chain, struct slot_findings *findings)
{
	bool is_own = !strcmp(chain->single, chain->cgroup);
	bool is_overridden = chain->is_attached && !is_own;
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = is_overridden ?
			       "for sockets of this cgroup that program does not run while the "
			       "chain is attached" :
			       "the kernel attaches nothing else there or below: the chain's "
			       "programs do not run",
	};

	if (!chain->is_attached && chain->is_override && !is_own)
		return;
	/* a cgroup is of no netns */
	slot_finding_at(&finding, NULL, NULL, chain, NULL);
	slot_finding_set_next(&finding,
			      "bpftool cgroup show %.200s; attach that program with multi, or "
			      "reserve a slot for it",
			      chain->single);
	slot_findings_add(findings, &finding,
			  "cgroup '%.150s' has a program of sock_ops that %s the chain '%s'",
			  chain->single, is_overridden ? "gives way to" : "keeps out", chain->name);
}

void slot_check_cgroup(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->chain_count; i++)
		if (*picture->chains[i].single)
			check_single(&picture->chains[i], findings);
}
