/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Packets that a chain hands to a device, behind which nobody takes them. */
#include <string.h>

#include "loader/lib/doctor/check.h"

/* A claim while it is looked at. */
struct redirect {
	const struct slot_picture *picture;
	const struct slot_picture_claim *claim;
	const struct slot_picture_netns *netns; /* of the chain */
	const struct slot_picture_link *link;	/* NULL: the device is gone */
	struct slot_findings *findings;
	struct slot_finding finding; /* where it is */
	char prefix[SLOT_ADDR_TEXT_MAX];
};

static bool is_same_place(const struct slot_picture_claim *a, const struct slot_picture_claim *b)
{
	return slot_addr_is_in(&a->addr, &b->addr, b->len) ||
	       slot_addr_is_in(&b->addr, &a->addr, a->len);
}

/*
 * Which program takes tunnels to it apart in netns number @netns, NULL: none. XDP programs see
 * nothing of what enters a netns by bpf_redirect_peer().
 */
static const char *find_decap(const struct redirect *redirect, size_t netns, bool is_tc)
{
	const struct slot_picture *picture = redirect->picture;

	for (size_t i = 0; i < picture->claim_count; i++) {
		const struct slot_picture_claim *claim = &picture->claims[i];
		const struct slot_picture_chain *chain = &picture->chains[claim->chain];

		if (claim->kind == SLOT_CLAIM_TUNNEL && chain->netns == netns &&
		    (!is_tc || slot_hook_is_tc(chain->hook)) &&
		    is_same_place(claim, redirect->claim))
			return claim->program;
	}
	return NULL;
}

/* The kernel's own devices for tunnels of IP in IP. */
static bool has_tunnel_device(const struct slot_picture_netns *netns)
{
	static const char *const kinds[] = { "ipip", "ip6tnl", "sit" };

	for (size_t i = 0; i < netns->link_count; i++)
		for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!strcmp(netns->links[i].kind, kinds[k]))
				return true;
	return false;
}

static bool has_address(const struct slot_picture_netns *netns,
			const struct slot_picture_claim *claim)
{
	for (size_t i = 0; i < netns->address_count; i++)
		if (slot_addr_is_in(&netns->addresses[i].addr, &claim->addr, claim->len))
			return true;
	return slot_picture_address_find(netns, &claim->addr);
}

static void check_early(struct redirect *redirect)
{
	const char *decap = find_decap(
		redirect, redirect->picture->chains[redirect->claim->chain].netns, false);
	struct slot_finding finding = redirect->finding;

	if (!decap)
		return;
	finding.severity = SLOT_WARNING;
	finding.why = "a tunnel that is taken apart on the host is not handed over: its packets "
		      "go where the host's routes lead the VIP";
	slot_finding_set_next(&finding, "slotctl %s addr del %s, and take it apart behind '%s'",
			      decap, redirect->prefix, redirect->link->name);
	slot_findings_add(redirect->findings, &finding,
			  "%s takes tunnels to %s apart in netns '%s', before %s hands them over",
			  decap, redirect->prefix, redirect->netns->name, redirect->claim->program);
}

static void tell_gone(struct redirect *redirect)
{
	struct slot_finding finding = redirect->finding;

	finding.severity = SLOT_WARNING;
	finding.why = "its packets go by the host's routes, or nowhere where there are none";
	slot_finding_set_next(&finding,
			      "slotctl %s add %s with the device that is there now, or del",
			      redirect->claim->program, redirect->prefix);
	slot_findings_add(redirect->findings, &finding,
			  "%s leads %s to interface #%u, which netns '%s' does not have",
			  redirect->claim->program, redirect->prefix, redirect->claim->ifindex,
			  redirect->netns->name);
}

static void tell_dropped(struct redirect *redirect, const char *what)
{
	struct slot_finding finding = redirect->finding;

	finding.severity = SLOT_ERROR;
	finding.why = "the kernel drops what is handed to it, without an error";
	slot_finding_set_next(&finding,
			      "ip -d link show dev %s; slotctl %s del %s leaves it to the routes",
			      redirect->link->name, redirect->claim->program, redirect->prefix);
	slot_findings_add(redirect->findings, &finding, "%s leads %s to '%s', %s",
			  redirect->claim->program, redirect->prefix, redirect->link->name, what);
}

/* In the netns behind the device, which was seen: by root. */
static void check_behind(struct redirect *redirect)
{
	const struct slot_picture_netns *behind =
		&redirect->picture->netns[redirect->link->peer_netns];
	struct slot_finding finding = redirect->finding;
	bool is_there = has_address(behind, redirect->claim);

	if (find_decap(redirect, redirect->link->peer_netns, true) || has_tunnel_device(behind))
		return;
	finding.severity = is_there ? SLOT_NOTE : SLOT_ERROR;
	finding.why = is_there ? "tunnels to it are lost there; what else is sent to the address "
				 "is answered" :
				 "it is not an address of that netns either: all of it is lost";
	slot_finding_set_next(&finding,
			      "deploy tc_decap to a chain of netns '%s', and slotctl tc_decap "
			      "addr add %s",
			      behind->name, redirect->prefix);
	slot_findings_add(redirect->findings, &finding,
			  "%s leads %s to netns '%s', where nobody takes tunnels to it apart",
			  redirect->claim->program, redirect->prefix, behind->name);
}

static void check_claim(struct redirect *redirect)
{
	const struct slot_picture_link *link = redirect->link;

	if (!link) {
		tell_gone(redirect);
		return;
	}
	check_early(redirect);
	if (!link->is_up)
		tell_dropped(redirect, "which is down");
	else if (redirect->claim->is_peer && link->peer_nsid < 0)
		tell_dropped(redirect, "which has no other end in another netns");
	else if (redirect->claim->is_peer && link->peer_netns != SLOT_PICTURE_NOWHERE &&
		 redirect->picture->netns[link->peer_netns].is_seen)
		check_behind(redirect);
}

void slot_check_redirect(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->claim_count; i++) {
		struct redirect redirect = { picture, &picture->claims[i], .findings = findings };
		const struct slot_picture_chain *chain = &picture->chains[redirect.claim->chain];

		redirect.netns = slot_picture_chain_netns(picture, chain);
		if (redirect.claim->kind != SLOT_CLAIM_REDIRECT || !redirect.netns ||
		    !redirect.netns->is_seen || slot_picture_is_repeated(picture, i, false))
			continue;
		redirect.link = slot_picture_link_find(redirect.netns, redirect.claim->ifindex);
		slot_finding_at(&redirect.finding, redirect.netns, redirect.link, chain,
				&redirect.claim->addr);
		slot_addr_format(&redirect.claim->addr, redirect.claim->len, redirect.prefix);
		check_claim(&redirect);
	}
}
