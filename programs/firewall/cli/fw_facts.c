/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/cli/fw_facts.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/icmp.h>

#include <bpf/bpf.h>

#include "bpf/fw_flow_abi.h"
#include "loader/lib/base/cleanup.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/firewall/firewall.h"

#define NS_PER_S 1000000000LL

/* A number, or a truth as slots.conf writes it. */
static int get_setting(const struct program_slot *slot, const char *name, __u32 *value)
{
	static const char *const yes[] = { "true", "yes", "on" };
	const char *text = NULL;
	int err = slot->setting(slot, name, &text);
	size_t i;

	if (err || !text)
		return err;
	*value = (__u32)strtoul(text, NULL, 0);
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (!strcmp(text, yes[i]))
			*value = 1;
	return 0;
}

static void get_config(const struct program_slot *slot, struct fw_facts *facts)
{
	struct {
		const char *name;
		__u32 value;
	} all[] = {
		{ "default_deny", 0 },
		{ "drop_fragments", 0 },
		{ "static_deny_proto", 0 },
		{ "static_deny_port", 0 },
		{ "reply_tcp_seconds", FIREWALL_REPLY_TCP_SECONDS },
		{ "reply_seconds", FIREWALL_REPLY_SECONDS },
	};
	size_t i;

	if (!slot)
		return;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (get_setting(slot, all[i].name, &all[i].value))
			return;
	facts->has_config = true;
	facts->config.default_deny = all[0].value;
	facts->config.drop_fragments = all[1].value;
	facts->config.static_deny_proto = (__u8)all[2].value;
	facts->config.static_deny_port = (__u16)all[3].value;
	facts->config.reply_tcp_seconds = all[4].value;
	facts->config.reply_seconds = all[5].value;
}

static bool is_icmp(const struct fw_packet *p)
{
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

/* As in data/flow.h: later parts lack the ports to tell. */
static bool has_flow(const struct fw_packet *p)
{
	return p->has_ports || (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP && !is_icmp(p));
}

/* As in data/reply.h: what matters is the packet that it quotes. */
static bool is_icmp_error(const struct fw_packet *p)
{
	if (p->proto == IPPROTO_ICMPV6)
		return p->type >= ICMP6_DST_UNREACH && p->type <= ICMP6_PARAM_PROB;
	return p->proto == IPPROTO_ICMP &&
	       (p->type == ICMP_DEST_UNREACH || p->type == ICMP_TIME_EXCEEDED ||
		p->type == ICMP_PARAMETERPROB);
}

static __u64 read_word(const __u8 *bytes, int len)
{
	__u64 word = 0;

	while (len--)
		word = word << 8 | *bytes++;
	return word;
}

static struct fw_flow get_flow(const struct fw_packet *p)
{
	struct fw_flow flow = { .proto = p->proto, .is_ip6 = p->is_ip6 };

	if (p->is_ip6) {
		flow.addr[0] = read_word(p->source, 8);
		flow.addr[1] = read_word(p->source + 8, 8);
		flow.addr[2] = read_word(p->dest, 8);
		flow.addr[3] = read_word(p->dest + 8, 8);
	} else {
		flow.addr[0] = read_word(p->source, 4) << 32 | read_word(p->dest, 4);
	}
	if (p->has_ports && is_icmp(p))
		flow.ports = (__u32)p->type << 8 | p->code;
	else if (p->has_ports)
		flow.ports = (__u32)p->sport << 16 | p->dport;
	return flow;
}

static __u64 now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (__u64)(now.tv_sec * NS_PER_S) + (__u64)now.tv_nsec;
}

static bool is_too_old(const struct fw_packet *packet, const struct firewall_config *config,
		       __u64 seen)
{
	__s64 age_max = packet->proto == IPPROTO_TCP ? config->reply_tcp_seconds :
						       config->reply_seconds;

	return (__s64)(now_ns() - seen) >= age_max * NS_PER_S;
}

/* The map of flows is another slot's, which only root opens by its number. */
static enum fw_reply find_reply(const char *map_dir, const struct fw_packet *packet,
				const struct fw_facts *facts)
{
	_cleanup_close_ int replies_fd = -1, flows_fd = -1;
	struct fw_flow flow = get_flow(packet);
	struct slot_reason why;
	__u64 seen = 0;
	__u32 zero = 0, id;

	if (!has_flow(packet))
		return FW_REPLY_NO;
	if (fw_cli_open_replies(map_dir, false, &why, &replies_fd))
		return is_icmp_error(packet) ? FW_REPLY_UNKNOWN_ERROR : FW_REPLY_UNKNOWN;
	if (bpf_map_lookup_elem(replies_fd, &zero, &id))
		return FW_REPLY_NO;
	if (is_icmp_error(packet))
		return FW_REPLY_UNKNOWN_ERROR;
	flows_fd = bpf_map_get_fd_by_id(id);
	if (flows_fd < 0)
		return FW_REPLY_UNKNOWN;
	if (bpf_map_lookup_elem(flows_fd, &flow, &seen))
		return FW_REPLY_NO;
	if (!facts->has_config)
		return FW_REPLY_UNKNOWN;
	return is_too_old(packet, &facts->config, seen) ? FW_REPLY_NO : FW_REPLY_YES;
}

/* The lists that name the packet's source, 0: none. */
static int get_source_lists(const struct firewall *firewall, const struct fw_packet *packet,
			    __u32 *ret_lists)
{
	struct firewall_source4 source4 = { .prefix_len = 32 };
	struct firewall_source6 source6 = { .prefix_len = 128 };
	int err;

	memcpy(source4.addr, packet->source, sizeof(source4.addr));
	memcpy(source6.addr, packet->source, sizeof(source6.addr));
	*ret_lists = 0;
	if (packet->is_ip6)
		err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_SOURCE6], &source6,
					  ret_lists);
	else
		err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_SOURCE4], &source4,
					  ret_lists);
	return err == -ENOENT ? 0 : err;
}

static int get_port_lists(const struct firewall *firewall, const struct fw_packet *packet,
			  __u32 *ret_lists)
{
	__u32 index = FIREWALL_PORT_INDEX(packet->proto == IPPROTO_UDP, packet->dport);
	__u32 group = index / FIREWALL_PORT_GROUP;
	struct firewall_ports ports;
	int err;

	err = bpf_map_lookup_elem(firewall->fds[FIREWALL_KIND_PORT], &group, &ports);
	if (!err)
		*ret_lists = ports.lists[index % FIREWALL_PORT_GROUP];
	return err;
}

int fw_facts_get(const struct program_context *ctx, const struct fw_packet *packet,
		 struct slot_reason *why, struct fw_facts *ret_facts)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	struct fw_facts facts = { 0 };
	int err = firewall_open(ctx->map_dir, false, why, &firewall);

	if (err)
		return err;
	err = get_source_lists(&firewall, packet, &facts.source_lists);
	if (!err && packet->has_ports &&
	    (packet->proto == IPPROTO_TCP || packet->proto == IPPROTO_UDP))
		err = get_port_lists(&firewall, packet, &facts.port_lists);
	if (err)
		return slot_reason_set(why, err, "cannot read the lists: %s", strerror(-err));
	get_config(ctx->slot, &facts);
	facts.reply = find_reply(ctx->map_dir, packet, &facts);
	*ret_facts = facts;
	return 0;
}
