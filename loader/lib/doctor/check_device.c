/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What interfaces do to their chains: XDP in the driver, large frames, merged packets. */
#include "loader/lib/doctor/check.h"

/* More does not fit a page of 4096 bytes beside XDP's headroom and the kernel's own part of it. */
#define PAGE_MTU 3498

struct device {
	const struct slot_picture_netns *netns;
	const struct slot_picture_chain *chain;
	const struct slot_picture_link *link;
	struct slot_findings *findings;
};

static bool has_feature(const struct slot_picture_link *link, enum slot_xdp_feature feature)
{
	return link->knows_xdp != SLOT_YES || link->xdp_features & feature;
}

static void for_each_device(const struct slot_picture *picture, struct slot_findings *findings,
			    void (*check)(const struct device *device))
{
	for (size_t i = 0; i < picture->chain_count; i++) {
		struct device device = { .chain = &picture->chains[i], .findings = findings };

		device.netns = slot_picture_chain_netns(picture, device.chain);
		device.link = slot_picture_chain_link(picture, device.chain);
		if (device.link)
			check(&device);
	}
}

static void check_attached(const struct slot_picture *picture,
			   const struct slot_picture_chain *chain, struct slot_findings *findings)
{
	const char *noun = slot_hook_noun(chain->hook);
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = slot_hook_is_sock(chain->hook) ?
			       "sockets meet none of the programs that its slots are reserved for: "
			       "the kernel does with them what it does by itself" :
			       "packets meet none of the programs that its slots are reserved for: "
			       "nothing is filtered, balanced or taken out of tunnels"
	};

	if (chain->is_attached)
		return;
	/* slots.conf may name an interface that comes later, as those of containers do */
	if (chain->is_waiting)
		finding.severity = SLOT_NOTE;
	slot_finding_at(&finding, slot_picture_chain_netns(picture, chain),
			slot_picture_chain_link(picture, chain), chain, NULL);
	if (chain->is_waiting) {
		slot_finding_set_next(
			&finding,
			"slotd attaches it when the %s comes; else take %s out of slots.conf", noun,
			chain->name);
		slot_findings_add(findings, &finding, "the chain '%s' has no %s", chain->name,
				  noun);
		return;
	}
	if (*chain->refused) {
		slot_finding_set_next(
			&finding,
			"take that program off: ip link set dev ... xdp off, or, where a bpf_link "
			"holds it (EBUSY), end who has that or remove its pin (bpftool link); "
			"within a second slotd attaches '%s'",
			chain->name);
		slot_findings_add(findings, &finding, "the chain '%s' is refused: %s", chain->name,
				  chain->refused);
		return;
	}
	slot_finding_set_next(&finding, "slotctl status tells why; slotctl -c %s apply attaches it",
			      chain->name);
	slot_findings_add(findings, &finding, "the chain '%s' is not attached", chain->name);
}

void slot_check_detached(const struct slot_picture *picture, struct slot_findings *findings)
{
	for (size_t i = 0; i < picture->chain_count; i++)
		check_attached(picture, &picture->chains[i], findings);
}

static void check_ethernet(const struct device *device)
{
	struct slot_finding finding = {
		.severity = SLOT_ERROR,
		.why = "programs that look for an Ethernet header, as all of slotd's own do, take "
		       "the first bytes of IP for one, and misread or miss every packet"
	};

	if (!device->link->has_no_ethernet)
		return;
	slot_finding_at(&finding, device->netns, device->link, device->chain, NULL);
	slot_finding_set_next(&finding,
			      "put the chain on the interface that the packets come by before or "
			      "leave by after this one; it is right here for programs that begin "
			      "with the IP header");
	slot_findings_add(device->findings, &finding, "frames of '%s' have no Ethernet header",
			  device->link->name);
}

void slot_check_ethernet(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_device(picture, findings, check_ethernet);
}

static void check_native(const struct device *device)
{
	const struct slot_picture_link *link = device->link;
	bool has_native = has_feature(link, SLOT_XDP_BASIC);
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "the chain runs behind the driver, on a packet that the kernel has made a "
		       "buffer for: each costs several times more"
	};

	if (device->chain->hook != SLOT_HOOK_XDP || (has_native && !device->chain->is_generic))
		return;
	slot_finding_at(&finding, device->netns, link, device->chain, NULL);
	if (!has_native) {
		slot_finding_set_next(&finding, "put the chain on an interface whose driver has "
						"native XDP: below a bond (members = true), a "
						"bridge or a VLAN its ports may have");
		slot_findings_add(device->findings, &finding,
				  "the driver of '%s' has no native XDP", link->name);
		return;
	}
	slot_finding_set_next(&finding,
			      "see why in slotctl status: mode = \"generic\" in "
			      "slots.conf, or what the driver refused at the attach (MTU, "
			      "LRO, queues); mend it, then slotctl detach and apply");
	slot_findings_add(device->findings, &finding, "the chain of '%s' runs in generic mode",
			  link->name);
}

void slot_check_xdp_native(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_device(picture, findings, check_native);
}

static void check_jumbo(const struct device *device)
{
	const struct slot_picture_link *link = device->link;
	bool can_attach = has_feature(link, SLOT_XDP_RX_SG);
	struct slot_finding finding = {
		.severity = SLOT_WARNING,
		.why = "such frames are in several buffers: drivers refuse programs that do not "
		       "say that they can read them (xdp.frags)"
	};

	if (device->chain->hook != SLOT_HOOK_XDP || link->mtu <= PAGE_MTU ||
	    !has_feature(link, SLOT_XDP_BASIC) ||
	    (device->chain->is_attached && !device->chain->is_generic))
		return;
	slot_finding_at(&finding, device->netns, link, device->chain, NULL);
	slot_finding_set_next(
		&finding,
		can_attach ? "have SEC(\"xdp.frags\") in the programs of all slots (slotctl "
			     "verify OBJECT tells), or lower the MTU: ip link set %s mtu %u" :
			     "lower the MTU: ip link set %s mtu %u",
		link->name, PAGE_MTU);
	slot_findings_add(device->findings, &finding,
			  can_attach ? "'%s' has an MTU of %u, and its chain is not attached "
				       "natively" :
				       "'%s' has an MTU of %u, and its driver no XDP for frames in "
				       "several buffers",
			  link->name, link->mtu);
}

void slot_check_jumbo(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_device(picture, findings, check_jumbo);
}

static void tell_merged(const struct device *device, enum slot_severity severity, const char *name,
			const char *word)
{
	struct slot_finding finding = {
		.severity = severity,
		.why = "the device merges packets of a flow before the chain sees them: drivers "
		       "refuse native XDP with it, and what is merged no longer fits where it is "
		       "sent on"
	};

	slot_finding_at(&finding, device->netns, device->link, device->chain, NULL);
	slot_finding_set_next(&finding, "ethtool -K %s %s off", device->link->name, word);
	slot_findings_add(device->findings, &finding, "%s is on for '%s'", name,
			  device->link->name);
}

static void check_merge(const struct device *device)
{
	bool is_native = device->chain->is_attached && !device->chain->is_generic;

	if (device->link->lro == SLOT_YES)
		tell_merged(device, SLOT_WARNING, "LRO", "lro");
	/* a driver that runs the program natively has settled it */
	if (device->link->gro_hw == SLOT_YES && device->chain->hook == SLOT_HOOK_XDP)
		tell_merged(device, is_native ? SLOT_NOTE : SLOT_WARNING, "GRO in hardware",
			    "rx-gro-hw");
}

void slot_check_merge(const struct slot_picture *picture, struct slot_findings *findings)
{
	for_each_device(picture, findings, check_merge);
}
