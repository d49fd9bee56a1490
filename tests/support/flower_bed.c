/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/flower_bed.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "tests/support/tap.h"

#define TOLD_SIZE (1 << 20)

void flower_bed_must(const char *command)
{
	if (system(command)) /* NOLINT(bugprone-command-processor): the test's own words */
		fail_msg("failed: %s", command);
}

int flower_bed_start(void **state)
{
	(void)state;
	/* a case that failed in its middle left its own */
	flower_bed_must("ip link del v0 2>/dev/null || true");
	flower_bed_must("ip link add v0 address 02:00:00:00:00:01 type veth peer name v1 "
			"address 02:00:00:00:00:02 && ip link set v0 up && ip link set v1 up");
	return 0;
}

int flower_bed_end(void **state)
{
	(void)state;
	flower_bed_must("ip link del v0");
	return 0;
}

struct slot_flower_place flower_bed_place(const char *device, enum slot_hook hook)
{
	struct slot_flower_place place = {
		.ifindex = if_nametoindex(device),
		.hook = hook,
		.pref = FLOWER_PREF,
	};

	assert_int_equal(slot_flower_open(&place), 0);
	return place;
}

bool flower_bed_enter(const char **ret_why)
{
	static char why[300];
	const struct flower_flow flow = { AF_INET, IPPROTO_UDP, 1, 1, 0 };
	struct slot_flower_rule rule = flower_bed_rule(&flow, 1);
	const struct slot_flower_rule *rules = &rule;
	struct slot_flower_place place;
	struct slot_answer answer;
	int err;

	if (geteuid() || unshare(CLONE_NEWNET)) {
		*ret_why = "needs root, for a netns";
		return false;
	}
	flower_bed_start(NULL);
	place = flower_bed_place("v0", SLOT_HOOK_TC_INGRESS);
	err = slot_flower_add(&place, &rules, 1, &answer);
	flower_bed_end(NULL);
	if (err != -ENOENT)
		return true;
	snprintf(why, sizeof(why), "this kernel has no cls_flower or act_skbedit (%s)",
		 answer.text);
	*ret_why = why;
	return false;
}

static struct slot_flower_end end_of(__u8 family, const char *ip4, const char *ip6, __u16 port)
{
	struct slot_flower_end end = { .port = htons(port) };

	assert_int_equal(inet_pton(family, family == AF_INET ? ip4 : ip6, end.address), 1);
	return end;
}

struct slot_flower_rule flower_bed_rule(const struct flower_flow *flow, __u32 id)
{
	return (struct slot_flower_rule){
		.match = {
			.family = flow->family,
			.proto = flow->proto,
			.no_fragments = true,
			.source = end_of(flow->family, FLOWER_SRC4, FLOWER_SRC6, flow->sport),
			.destination = end_of(flow->family, FLOWER_DST4, FLOWER_DST6, flow->dport),
		},
		.actions = { { .kind = SLOT_FLOWER_MARK, .mark = FLOWER_MARK } },
		.action_count = 1,
		.handle = id,
		.owner = FLOWER_OWNER,
		.id = id,
	};
}

void flower_bed_add(const struct slot_flower_place *place, const struct slot_flower_rule *rule)
{
	struct slot_answer answer;

	if (slot_flower_add(place, &rule, 1, &answer))
		fail_msg("not added: %d %s", answer.err, answer.text);
}

static int count_rule(const struct slot_flower_seen *seen, void *data)
{
	struct flower_tally *tally = data;

	if (seen->rule.owner != FLOWER_OWNER) {
		tally->others++;
		return 0;
	}
	tally->own++;
	tally->last = *seen;
	return 0;
}

struct flower_tally flower_bed_list(const struct slot_flower_place *place)
{
	struct flower_tally tally = { 0 };

	assert_int_equal(slot_flower_list(place, count_rule, &tally), 0);
	return tally;
}

static void build_packet(struct packet *p, const struct flower_flow *flow)
{
	packet_start(p, "through the rules", 17);
	if (flow->proto == IPPROTO_UDP)
		packet_udp(p, flow->sport, flow->dport);
	else
		packet_tcp(p, flow->sport, flow->dport, 0x10);
	if (flow->family == AF_INET) {
		packet_ip4(p, &(struct packet_ip4){ .src = FLOWER_SRC4,
						    .dst = FLOWER_DST4,
						    .fragment = flow->fragment });
	} else {
		if (flow->fragment)
			packet_ip6_fragment(p, 0, true);
		packet_ip6(p, &(struct packet_ip6){ .src = FLOWER_SRC6, .dst = FLOWER_DST6 });
	}
	packet_eth(p);
}

void flower_bed_send(const struct flower_flow *flow, unsigned int count)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_ifindex = (int)if_nametoindex("v0"),
		.sll_protocol = htons(flow->family == AF_INET ? ETH_P_IP : ETH_P_IPV6),
		.sll_halen = ETH_ALEN,
	};
	struct packet p;

	assert_true(fd >= 0);
	build_packet(&p, flow);
	while (count--)
		assert_int_equal(sendto(fd, packet_bytes(&p), p.len, 0, (struct sockaddr *)&to,
					sizeof(to)),
				 p.len);
	close(fd);
}

const char *flower_bed_told(const char *place)
{
	static char told[TOLD_SIZE];
	char command[128];
	size_t len;
	FILE *out;

	snprintf(command, sizeof(command), "tc -j -s filter show dev %s", place);
	out = popen(command, "r"); /* NOLINT(bugprone-command-processor) */
	assert_non_null(out);
	len = fread(told, 1, sizeof(told) - 1, out);
	told[len] = '\0';
	assert_int_equal(pclose(out), 0);
	return told;
}
