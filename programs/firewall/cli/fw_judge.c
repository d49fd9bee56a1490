/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/cli/fw_judge.h"

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
#include "programs/firewall/rules/fw_names.h"

#define NS_PER_S 1000000000LL

const char *const fw_outcome_names[FW_OUTCOME_COUNT] = {
	[FW_OUTCOME_NONE] = "",
	[FW_OUTCOME_ACCEPT] = "accept",
	[FW_OUTCOME_DROP] = "drop",
	[FW_OUTCOME_SETTINGS] = "settings",
};

enum reply {
	NO_REPLY,
	IS_REPLY,
	MAY_BE_REPLY, /* whether it is one is not to be known */
};

struct judge {
	const struct fw_question *of;
	const struct fw_packet *packet;
	struct firewall_config config; /* the slot's, where they are known */
	bool has_config;
	enum reply reply;
	struct fw_judgement verdict;
};

static void decide(struct judge *j, enum fw_outcome outcome, const char *by, const char *why)
{
	j->verdict.outcome = outcome;
	j->verdict.by = by;
	j->verdict.why = why;
}

static void add_note(struct judge *j, const char *note)
{
	size_t len = strlen(j->verdict.also);

	snprintf(j->verdict.also + len, sizeof(j->verdict.also) - len, "%s%s", len ? "; " : "",
		 note);
}

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

static void get_config(struct judge *j)
{
	const struct program_slot *slot = j->of->ctx->slot;
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
	j->has_config = true;
	j->config.default_deny = all[0].value;
	j->config.drop_fragments = all[1].value;
	j->config.static_deny_proto = (__u8)all[2].value;
	j->config.static_deny_port = (__u16)all[3].value;
	j->config.reply_tcp_seconds = all[4].value;
	j->config.reply_seconds = all[5].value;
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

/* The map of flows is another slot's, which only root opens by its number. */
static enum reply find_reply(const struct judge *j)
{
	_cleanup_close_ int replies_fd = -1, flows_fd = -1;
	struct fw_flow flow = get_flow(j->packet);
	struct slot_reason why;
	__u64 seen = 0;
	__s64 age_max;
	__u32 zero = 0, id;

	if (!has_flow(j->packet))
		return NO_REPLY;
	if (fw_cli_open_replies(j->of->ctx->map_dir, false, &why, &replies_fd))
		return MAY_BE_REPLY;
	if (bpf_map_lookup_elem(replies_fd, &zero, &id))
		return NO_REPLY;
	flows_fd = is_icmp_error(j->packet) ? -1 : bpf_map_get_fd_by_id(id);
	if (flows_fd < 0)
		return MAY_BE_REPLY;
	if (bpf_map_lookup_elem(flows_fd, &flow, &seen))
		return NO_REPLY;
	if (!j->has_config)
		return MAY_BE_REPLY;
	age_max = j->packet->proto == IPPROTO_TCP ? j->config.reply_tcp_seconds :
						    j->config.reply_seconds;
	return (__s64)(now_ns() - seen) < age_max * NS_PER_S ? IS_REPLY : NO_REPLY;
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

static void judge_lists(struct judge *j, __u32 lists, const char *allow, const char *deny)
{
	bool is_allowed = lists & FIREWALL_ALLOW;

	if (lists)
		decide(j, is_allowed ? FW_OUTCOME_ACCEPT : FW_OUTCOME_DROP, "list",
		       is_allowed ? allow : deny);
}

static void judge_static(struct judge *j)
{
	const struct firewall_config *config = &j->config;

	if (!j->has_config)
		add_note(j, "unless static_deny_port of the slot's settings denies it");
	else if (config->static_deny_port && config->static_deny_port == j->packet->dport &&
		 config->static_deny_proto == j->packet->proto)
		decide(j, FW_OUTCOME_DROP, "settings", "static_deny_port of the slot's settings");
}

static int judge_port(struct judge *j, const struct firewall *firewall)
{
	const struct fw_packet *packet = j->packet;
	__u32 lists = 0;
	int err;

	if (packet->is_later && j->has_config && j->config.drop_fragments)
		decide(j, FW_OUTCOME_DROP, "settings", "drop_fragments of the slot's settings");
	else if (packet->is_later && !j->has_config)
		add_note(j, "unless drop_fragments of the slot's settings drops it");
	if (packet->is_later || (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP))
		return 0;
	if (packet->is_cut) {
		decide(j, FW_OUTCOME_DROP, "frame", "its TCP or UDP header is not whole");
		return 0;
	}
	err = get_port_lists(firewall, packet, &lists);
	judge_lists(j, lists, "its port is on the allow list", "its port is on the deny list");
	if (!err && !j->verdict.outcome)
		judge_static(j);
	return err;
}

/* What comes before the ruleset: where a list names the packet, that is it. */
static int judge_before(struct judge *j, struct slot_reason *why)
{
	_cleanup_(firewall_close) struct firewall firewall = FIREWALL_CLOSED;
	__u32 lists = 0;
	int err = firewall_open(j->of->ctx->map_dir, false, why, &firewall);

	if (err)
		return err;
	err = get_source_lists(&firewall, j->packet, &lists);
	judge_lists(j, lists, "its source is on the allow list", "its source is on the deny list");
	if (!err && !j->verdict.outcome)
		err = judge_port(j, &firewall);
	return err ? slot_reason_set(why, err, "cannot read the lists: %s", strerror(-err)) : 0;
}

static bool is_neighbour(const struct fw_packet *packet)
{
	return packet->is_ip6 && packet->proto == IPPROTO_ICMPV6 && packet->has_ports &&
	       packet->type >= FW_NEIGHBOUR_FIRST && packet->type <= FW_NEIGHBOUR_LAST &&
	       (!packet->is_frame || packet->is_from_link);
}

static void judge_denied(struct judge *j)
{
	if (j->reply == IS_REPLY) {
		decide(j, FW_OUTCOME_ACCEPT, "reply", "a reply to what the host has sent");
		return;
	}
	if (is_neighbour(j->packet) && j->packet->is_frame) {
		decide(j, FW_OUTCOME_ACCEPT, "neighbour", "neighbour discovery from the link");
		return;
	}
	if (is_neighbour(j->packet))
		add_note(j, "neighbour discovery with hop limit 255 passes");
	if (j->reply != MAY_BE_REPLY)
		return;
	add_note(j,
		 is_icmp_error(j->packet) ?
			 "an error about what the host has sent passes" :
			 "a reply to what the host has sent passes, which only root can look up");
}

/* The policy of what goes out leaves nothing to settings and knows no replies. */
static void judge_policy_out(struct judge *j)
{
	bool is_denied = j->of->set.policy == FW_DROP;

	decide(j, is_denied ? FW_OUTCOME_DROP : FW_OUTCOME_ACCEPT, "policy", "no rule matches");
	if (is_denied)
		judge_denied(j);
}

static void judge_policy(struct judge *j)
{
	enum fw_verdict policy = j->of->set.policy;
	bool is_settings = policy == FW_CONTINUE, is_denied = policy == FW_DROP;
	const char *why = j->of->has_ruleset ? "no rule matches" : "no ruleset is loaded";

	if (is_settings && j->has_config)
		is_denied = j->config.default_deny;
	decide(j, is_denied ? FW_OUTCOME_DROP : FW_OUTCOME_ACCEPT,
	       is_settings ? "settings" : "policy", why);
	if (is_settings && !j->has_config) {
		j->verdict.outcome = FW_OUTCOME_SETTINGS;
		add_note(j, "default_deny of the slot decides");
	}
	if (j->verdict.outcome != FW_OUTCOME_ACCEPT)
		judge_denied(j);
}

static void judge_rule(struct judge *j)
{
	const struct fw_rule *rule = &j->of->set.rules[j->of->trace.rule];

	decide(j, rule->verdict == FW_DROP ? FW_OUTCOME_DROP : FW_OUTCOME_ACCEPT, "rule",
	       "the first rule that matches");
	if (rule->rate.packets)
		add_note(j, "within the rule's limit, beyond it drop");
}

static void judge_ruleset(struct judge *j)
{
	const struct fw_trace *trace = &j->of->trace;

	bool goes_out = j->of->direction == FW_OUTGOING;

	j->reply = goes_out ? NO_REPLY : find_reply(j);
	if (trace->rule >= 0)
		judge_rule(j);
	else if (goes_out)
		judge_policy_out(j);
	else
		judge_policy(j);
	if (j->verdict.outcome == FW_OUTCOME_DROP || !trace->guard_count)
		return;
	if (j->reply == IS_REPLY) {
		add_note(j, "it is a reply to what the host has sent, which presets do not limit");
		return;
	}
	add_note(j, trace->guard_count > 1 ? "within the presets' limits, beyond them drop" :
					     "within the preset's limit, beyond it drop");
	if (j->reply == MAY_BE_REPLY)
		add_note(j, "presets do not limit replies to what the host has sent");
}

static void judge_reading(struct judge *j)
{
	static const char *const whys[FW_READ_COUNT] = {
		[FW_READ_NOT_IP] = "it is neither IPv4 nor IPv6",
		[FW_READ_BAD_ETHERNET] = "its Ethernet header or a VLAN tag is cut off",
		[FW_READ_BAD_IP4] = "version, header length or total length of IPv4 is wrong",
		[FW_READ_BAD_IP6] = "version, payload length or an extension header of IPv6 is "
				    "wrong",
		[FW_READ_TOO_DEEP] = "more VLAN tags or IPv6 extension headers than are looked "
				     "behind",
	};

	if (j->of->reading != FW_READ_WHOLE)
		decide(j, j->of->reading == FW_READ_NOT_IP ? FW_OUTCOME_ACCEPT : FW_OUTCOME_DROP,
		       "frame", whys[j->of->reading]);
}

/* What comes before the ruleset of packets that go out: without one they do. */
static void judge_before_out(struct judge *j)
{
	if (!j->of->has_ruleset)
		decide(j, FW_OUTCOME_ACCEPT, "policy", "no ruleset is loaded");
	else if (j->packet->is_cut && !j->packet->is_later &&
		 (j->packet->proto == IPPROTO_TCP || j->packet->proto == IPPROTO_UDP))
		decide(j, FW_OUTCOME_DROP, "frame", "its TCP or UDP header is not whole");
}

int fw_judge(struct fw_question *question, struct slot_reason *why,
	     struct fw_judgement *ret_judgement)
{
	struct judge j = { .of = question, .packet = &question->packet };
	int err = 0;

	if (question->direction == FW_OUTGOING)
		judge_before_out(&j);
	if (!j.verdict.outcome)
		judge_reading(&j);
	if (!j.verdict.outcome && question->direction == FW_INCOMING) {
		get_config(&j);
		err = judge_before(&j, why);
	}
	if (!err && !j.verdict.outcome) {
		fw_trace_packet(&question->set, &question->packet, &question->trace);
		judge_ruleset(&j);
	}
	if (!err)
		*ret_judgement = j.verdict;
	return err;
}
