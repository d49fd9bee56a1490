/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/doctor_case.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void require(bool is_true, const char *what)
{
	if (is_true)
		return;
	fprintf(stderr, "doctor_case: %s\n", what);
	abort();
}

struct slot_addr case_address(const char *text, unsigned int *ret_len)
{
	char copy[SLOT_ADDR_TEXT_MAX];
	struct slot_addr addr = { .is_ip6 = strchr(text, ':') };
	char *slash;

	snprintf(copy, sizeof(copy), "%s", text);
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	require(inet_pton(addr.is_ip6 ? AF_INET6 : AF_INET, copy, addr.bytes) == 1, text);
	if (ret_len)
		*ret_len = slash ? (unsigned int)atoi(slash + 1) : slot_addr_bits(&addr);
	return addr;
}

size_t case_add_netns(struct slot_picture *picture, const char *name)
{
	struct slot_picture_netns netns = { .is_seen = true };
	struct slot_picture_link links[] = {
		{ .ifindex = CASE_LOOPBACK, .name = "lo", .mtu = 65536, .is_loopback = true },
		{ .ifindex = CASE_LINK, .name = "eth0", .mtu = 1600 },
	};

	snprintf(netns.name, sizeof(netns.name), "%s", name);
	for (size_t i = 0; i < 2; i++) {
		links[i].is_up = true;
		links[i].peer_nsid = -1;
		links[i].peer_netns = SLOT_PICTURE_NOWHERE;
		require(!slot_picture_add(&netns.links, &netns.link_count, &links[i]), "memory");
	}
	require(!slot_picture_add(&picture->netns, &picture->netns_count, &netns), "memory");
	return picture->netns_count - 1;
}

struct slot_picture case_new(void)
{
	struct slot_picture picture = { 0 };
	struct slot_picture_chain chain = { .name = "eth0",
					    .ifindex = CASE_LINK,
					    .is_attached = true };

	case_add_netns(&picture, "host");
	require(!slot_picture_add(&picture.chains, &picture.chain_count, &chain), "memory");
	return picture;
}

void case_add_address(struct slot_picture *picture, size_t netns, unsigned int ifindex,
		      const char *prefix)
{
	struct slot_picture_netns *place = &picture->netns[netns];
	struct slot_picture_address address = { .ifindex = ifindex };

	address.addr = case_address(prefix, &address.len);
	require(!slot_picture_add(&place->addresses, &place->address_count, &address), "memory");
}

void case_add_route(struct slot_picture *picture, size_t netns,
		    const struct slot_picture_route *route)
{
	struct slot_picture_netns *place = &picture->netns[netns];

	require(!slot_picture_add(&place->routes, &place->route_count, route), "memory");
}

void case_add_listener(struct slot_picture *picture, size_t netns, const char *address,
		       const struct slot_picture_listener *listener)
{
	struct slot_picture_netns *place = &picture->netns[netns];
	struct slot_picture_listener copy = *listener;

	copy.addr = case_address(address, NULL);
	if (!copy.proto)
		copy.proto = IPPROTO_TCP;
	require(!slot_picture_add(&place->listeners, &place->listener_count, &copy), "memory");
}

struct slot_picture_claim *case_add_claim(struct slot_picture *picture, enum slot_claim_kind kind,
					  const char *prefix)
{
	struct slot_picture_claim claim = { .kind = kind, .program = "lb" };

	claim.addr = case_address(prefix, &claim.len);
	require(!slot_picture_add(&picture->claims, &picture->claim_count, &claim), "memory");
	return &picture->claims[picture->claim_count - 1];
}

struct slot_picture_claim *case_add_vip(struct slot_picture *picture, const char *prefix,
					__u16 port)
{
	struct slot_picture_claim *claim = case_add_claim(picture, SLOT_CLAIM_VIP, prefix);

	claim->proto = IPPROTO_TCP;
	claim->port = port;
	return claim;
}

/* How many there are; the first of them. */
static size_t run_check(case_check check, const struct slot_picture *picture,
			struct slot_finding *ret_first)
{
	struct slot_findings findings = { 0 };
	size_t count;

	check(picture, &findings);
	require(!findings.is_short, "memory");
	count = findings.count;
	*ret_first = count ? findings.items[0] : (struct slot_finding){ 0 };
	slot_findings_free(&findings);
	return count;
}

void case_assert_finding(case_check check, struct slot_picture *picture,
			 enum slot_severity severity, const char *part)
{
	struct slot_finding first;
	size_t count = run_check(check, picture, &first);

	slot_picture_free(picture);
	if (count != 1 || first.severity != severity || !strstr(first.what, part))
		fail_msg("%zu findings, the first a %s: '%s', not one with '%s'", count,
			 slot_severity_name(first.severity), first.what, part);
	assert_true(*first.next && first.why && *first.why);
}

void case_assert_clean(case_check check, struct slot_picture *picture)
{
	struct slot_finding first;
	size_t count = run_check(check, picture, &first);

	slot_picture_free(picture);
	if (count)
		fail_msg("found: %s", first.what);
}
