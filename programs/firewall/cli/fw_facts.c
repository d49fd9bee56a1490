/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/cli/fw_facts.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/clock.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/firewall/firewall.h"
#include "programs/firewall/rules/fw_flow.h"

#define NS_PER_S 1000000000LL

/* A number, or a truth as slots.conf writes it; without a word for it @value stays. */
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

static int read_config(const struct program_slot *slot, struct firewall_config *ret_config)
{
	__u32 deny = 0, fragments = 0, proto = 0, port = 0;
	__u32 tcp_seconds = FIREWALL_REPLY_TCP_SECONDS, seconds = FIREWALL_REPLY_SECONDS;

	if (get_setting(slot, "default_deny", &deny) ||
	    get_setting(slot, "drop_fragments", &fragments) ||
	    get_setting(slot, "static_deny_proto", &proto) ||
	    get_setting(slot, "static_deny_port", &port) ||
	    get_setting(slot, "reply_tcp_seconds", &tcp_seconds) ||
	    get_setting(slot, "reply_seconds", &seconds))
		return -ENOENT;
	*ret_config = (struct firewall_config){
		.default_deny = deny,
		.drop_fragments = fragments,
		.static_deny_proto = (__u8)proto,
		.static_deny_port = (__u16)port,
		.reply_tcp_seconds = tcp_seconds,
		.reply_seconds = seconds,
	};
	return 0;
}

static bool is_too_old(const struct fw_packet *packet, const struct firewall_config *config,
		       __u64 seen)
{
	__s64 age_max = packet->proto == IPPROTO_TCP ? config->reply_tcp_seconds :
						       config->reply_seconds;

	return (__s64)(slot_clock_ns() - seen) >= age_max * NS_PER_S;
}

/* The map of flows is another slot's, which only root opens by its number. */
static enum fw_reply find_reply(const char *map_dir, const struct fw_packet *packet,
				const struct fw_facts *facts)
{
	_cleanup_close_ int replies_fd = -1, flows_fd = -1;
	struct fw_flow flow = fw_flow_get(packet);
	struct slot_reason why;
	__u64 seen = 0;
	__u32 zero = 0, id;

	if (!fw_flow_is_known(packet))
		return FW_REPLY_NO;
	if (fw_cli_open_replies(map_dir, false, &why, &replies_fd))
		return fw_flow_is_error(packet) ? FW_REPLY_UNKNOWN_ERROR : FW_REPLY_UNKNOWN;
	if (bpf_map_lookup_elem(replies_fd, &zero, &id))
		return FW_REPLY_NO;
	if (fw_flow_is_error(packet))
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
	facts.has_config = ctx->slot && !read_config(ctx->slot, &facts.config);
	facts.reply = find_reply(ctx->map_dir, packet, &facts);
	*ret_facts = facts;
	return 0;
}
