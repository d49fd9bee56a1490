/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_judge.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

const char *const fw_outcome_names[FW_OUTCOME_COUNT] = {
	[FW_OUTCOME_NONE] = "",
	[FW_OUTCOME_ACCEPT] = "accept",
	[FW_OUTCOME_DROP] = "drop",
	[FW_OUTCOME_SETTINGS] = "settings",
};

struct judge {
	const struct fw_question *of;
	const struct fw_facts *facts;
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

static void judge_lists(struct judge *j, __u32 lists, const char *allow, const char *deny)
{
	bool is_allowed = lists & FIREWALL_ALLOW;

	if (lists)
		decide(j, is_allowed ? FW_OUTCOME_ACCEPT : FW_OUTCOME_DROP, "list",
		       is_allowed ? allow : deny);
}

static void judge_static(struct judge *j)
{
	const struct firewall_config *config = &j->facts->config;

	if (!j->facts->has_config)
		add_note(j, "unless static_deny_port of the slot's settings denies it");
	else if (config->static_deny_port && config->static_deny_port == j->of->packet.dport &&
		 config->static_deny_proto == j->of->packet.proto)
		decide(j, FW_OUTCOME_DROP, "settings", "static_deny_port of the slot's settings");
}

static void judge_port(struct judge *j)
{
	const struct fw_facts *facts = j->facts;
	const struct fw_packet *packet = &j->of->packet;

	if (packet->is_later && facts->has_config && facts->config.drop_fragments)
		decide(j, FW_OUTCOME_DROP, "settings", "drop_fragments of the slot's settings");
	else if (packet->is_later && !facts->has_config)
		add_note(j, "unless drop_fragments of the slot's settings drops it");
	if (packet->is_later || (packet->proto != IPPROTO_TCP && packet->proto != IPPROTO_UDP))
		return;
	if (packet->is_cut) {
		decide(j, FW_OUTCOME_DROP, "frame", "its TCP or UDP header is not whole");
		return;
	}
	judge_lists(j, facts->port_lists, "its port is on the allow list",
		    "its port is on the deny list");
	if (!j->verdict.outcome)
		judge_static(j);
}

/* What comes before the ruleset: where a list names the packet, that is it. */
static void judge_before(struct judge *j)
{
	judge_lists(j, j->facts->source_lists, "its source is on the allow list",
		    "its source is on the deny list");
	if (!j->verdict.outcome)
		judge_port(j);
}

static bool is_neighbour(const struct fw_packet *packet)
{
	return packet->is_ip6 && packet->proto == IPPROTO_ICMPV6 && packet->has_ports &&
	       packet->type >= FW_NEIGHBOUR_FIRST && packet->type <= FW_NEIGHBOUR_LAST &&
	       (!packet->is_frame || packet->is_from_link);
}

static void judge_denied(struct judge *j)
{
	if (j->facts->reply == FW_REPLY_YES) {
		decide(j, FW_OUTCOME_ACCEPT, "reply", "a reply to what the host has sent");
		return;
	}
	if (is_neighbour(&j->of->packet) && j->of->packet.is_frame) {
		decide(j, FW_OUTCOME_ACCEPT, "neighbour", "neighbour discovery from the link");
		return;
	}
	if (is_neighbour(&j->of->packet))
		add_note(j, "neighbour discovery with hop limit 255 passes");
	if (j->facts->reply == FW_REPLY_UNKNOWN_ERROR)
		add_note(j, "an error about what the host has sent passes");
	if (j->facts->reply == FW_REPLY_UNKNOWN)
		add_note(j,
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

	if (is_settings && j->facts->has_config)
		is_denied = j->facts->config.default_deny;
	decide(j, is_denied ? FW_OUTCOME_DROP : FW_OUTCOME_ACCEPT,
	       is_settings ? "settings" : "policy", why);
	if (is_settings && !j->facts->has_config) {
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

	if (trace->rule >= 0)
		judge_rule(j);
	else if (goes_out)
		judge_policy_out(j);
	else
		judge_policy(j);
	if (j->verdict.outcome == FW_OUTCOME_DROP || !trace->guard_count)
		return;
	if (j->facts->reply == FW_REPLY_YES) {
		add_note(j, "it is a reply to what the host has sent, which presets do not limit");
		return;
	}
	add_note(j, trace->guard_count > 1 ? "within the presets' limits, beyond them drop" :
					     "within the preset's limit, beyond it drop");
	if (j->facts->reply == FW_REPLY_UNKNOWN || j->facts->reply == FW_REPLY_UNKNOWN_ERROR)
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
	else if (j->of->packet.is_cut && !j->of->packet.is_later &&
		 (j->of->packet.proto == IPPROTO_TCP || j->of->packet.proto == IPPROTO_UDP))
		decide(j, FW_OUTCOME_DROP, "frame", "its TCP or UDP header is not whole");
}

void fw_judge(struct fw_question *question, const struct fw_facts *facts,
	      struct fw_judgement *ret_judgement)
{
	struct judge j = { .of = question, .facts = facts };

	if (question->direction == FW_OUTGOING)
		judge_before_out(&j);
	if (!j.verdict.outcome)
		judge_reading(&j);
	if (!j.verdict.outcome && question->direction == FW_INCOMING)
		judge_before(&j);
	if (!j.verdict.outcome) {
		fw_trace_packet(&question->set, &question->packet, &question->trace);
		judge_ruleset(&j);
	}
	*ret_judgement = j.verdict;
}
