/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/rules/fw_parse.h"

#define PACKETS_MAX 100000000
#define BURST_MAX 1000000
#define BURST 5
#define SAMPLE_MAX 1000000000
#define PRIORITY_MAX 1000000
/* Of sources that a limit is for, unless it says other ones: a host, a subscriber. */
#define SOURCE_LEN4 32
#define SOURCE_LEN6 64

/* The two parts of a word with a / in it. */
static bool split_word(const struct fw_token *token, struct fw_token *ret_left,
		       struct fw_token *ret_right)
{
	const char *slash = token->kind == FW_TOKEN_WORD ? memchr(token->text, '/', token->len) :
							   NULL;

	if (!slash)
		return false;
	*ret_left = *ret_right = *token;
	ret_left->len = (size_t)(slash - token->text);
	ret_right->text = slash + 1;
	ret_right->len = token->len - ret_left->len - 1;
	return true;
}

static int parse_burst(struct fw_parser *p, struct fw_rate *rate)
{
	fw_parse_next(p);
	if (p->token.kind != FW_TOKEN_WORD ||
	    !fw_parse_number(p->token.text, p->token.len, BURST_MAX, &rate->burst) || !rate->burst)
		return fw_parse_refuse(p, &p->token, "expected packets, from 1 to %d", BURST_MAX);
	fw_parse_next(p);
	if (fw_token_is(&p->token, "packets"))
		fw_parse_next(p);
	return 0;
}

/* saddr, saddr/24, or saddr/24,64: bits of IPv4's and of IPv6's. */
static int parse_source(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_token word, len;

	fw_parse_next(p);
	draft->rule.rate.is_by_source = true;
	draft->prefix_len = SOURCE_LEN4;
	draft->prefix_len6 = SOURCE_LEN6;
	draft->has_prefix_len = split_word(&p->token, &word, &len);
	if (!draft->has_prefix_len)
		return fw_parse_skip(p, "saddr");
	if (!fw_token_is(&word, "saddr") ||
	    !fw_parse_number(len.text, len.len, 128, &draft->prefix_len))
		return fw_parse_refuse(p, &p->token,
				       "expected saddr, or saddr/24 for all sources "
				       "with the same first 24 bits");
	fw_parse_next(p);
	if (!fw_token_is(&p->token, ","))
		return 0;
	fw_parse_next(p);
	if (p->token.kind != FW_TOKEN_WORD ||
	    !fw_parse_number(p->token.text, p->token.len, 128, &draft->prefix_len6))
		return fw_parse_refuse(p, &p->token, "expected bits of IPv6 sources, 0 to 128");
	fw_parse_next(p);
	return 0;
}

int fw_parse_rate(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rate *rate = &draft->rule.rate;
	struct fw_token packets, unit;
	int seconds = -1, err = 0;

	if (split_word(&p->token, &packets, &unit))
		seconds = fw_name_find(fw_units, unit.text, unit.len);
	if (seconds < 0 ||
	    !fw_parse_number(packets.text, packets.len, PACKETS_MAX, &rate->packets) ||
	    !rate->packets)
		return fw_parse_refuse(p, &p->token,
				       "expected packets (1 to %d) by time, such as 100/second, "
				       "20/minute or 5/hour",
				       PACKETS_MAX);
	rate->seconds = (__u32)seconds;
	rate->burst = draft->rule.preset && rate->packets > BURST ? rate->packets : BURST;
	if (rate->burst > BURST_MAX)
		rate->burst = BURST_MAX;
	fw_parse_next(p);
	if (fw_token_is(&p->token, "burst"))
		err = parse_burst(p, rate);
	if (!err && fw_token_is(&p->token, "per"))
		err = parse_source(p, draft);
	return err;
}

static int parse_limit(struct fw_parser *p, struct fw_draft *draft)
{
	fw_parse_next(p);
	if (draft->rule.rate.packets)
		return fw_parse_refuse(p, &p->token, "expected one limit in a rule");
	if (fw_token_is(&p->token, "rate"))
		fw_parse_next(p);
	if (fw_token_is(&p->token, "over"))
		return fw_parse_refuse(p, &p->token,
				       "expected what may pass: limit rate N/second accept; "
				       "what is more is dropped");
	return fw_parse_rate(p, draft);
}

static int parse_sample(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_token one, every;

	fw_parse_next(p);
	if (draft->rule.sample_every || !split_word(&p->token, &one, &every) ||
	    !fw_token_is(&one, "1") ||
	    !fw_parse_number(every.text, every.len, SAMPLE_MAX, &draft->rule.sample_every) ||
	    !draft->rule.sample_every)
		return fw_parse_refuse(p, &p->token, "expected, once, a share such as 1/1000");
	fw_parse_next(p);
	return 0;
}

/* Rules are counted anyway. What show prints, with numbers, can be loaded again. */
static int parse_counter(struct fw_parser *p)
{
	static const char *const words[] = { "packets", "bytes" };
	size_t i;

	fw_parse_next(p);
	for (i = 0; i < 2 && fw_token_is(&p->token, words[i]); i++) {
		fw_parse_next(p);
		if (p->token.kind != FW_TOKEN_WORD ||
		    strspn(p->token.text, "0123456789") < p->token.len)
			return fw_parse_refuse(p, &p->token, "expected a number");
		fw_parse_next(p);
	}
	return 0;
}

static int parse_comment(struct fw_parser *p, struct fw_draft *draft)
{
	fw_parse_next(p);
	if (p->token.kind != FW_TOKEN_STRING || p->token.len >= FW_COMMENT_MAX ||
	    draft->rule.comment)
		return fw_parse_refuse(p, &p->token,
				       "expected, once, a text in quotes of at most %d characters",
				       FW_COMMENT_MAX - 1);
	draft->rule.comment = strndup(p->token.text, p->token.len);
	if (!draft->rule.comment)
		return -ENOMEM;
	fw_parse_next(p);
	return 0;
}

static int parse_priority(struct fw_parser *p, struct fw_rule *rule)
{
	bool is_negative;
	__u32 number;

	fw_parse_next(p);
	is_negative = p->token.kind == FW_TOKEN_WORD && *p->token.text == '-';
	if (p->token.kind != FW_TOKEN_WORD ||
	    !fw_parse_number(p->token.text + is_negative, p->token.len - is_negative, PRIORITY_MAX,
			     &number))
		return fw_parse_refuse(p, &p->token,
				       "expected a number from -%d to %d, the lower comes first",
				       PRIORITY_MAX, PRIORITY_MAX);
	rule->priority = is_negative ? -(__s32)number : (__s32)number;
	fw_parse_next(p);
	return 0;
}

/* What people paste from nft, and what to do instead. */
static const char *get_hint(const struct fw_token *token)
{
	static const char *const frame[] = { "table", "chain", "flush", "add", "type" };
	size_t i;

	for (i = 0; i < sizeof(frame) / sizeof(frame[0]); i++)
		if (fw_token_is(token, frame[i]))
			return "expected rules, a line each, without table and chain around them";
	if (fw_token_is(token, "ct"))
		return "expected a condition on the packet itself: there is no connection tracking";
	if (fw_token_is(token, "reject"))
		return "expected accept or drop: programs answer no packet";
	if (fw_token_is(token, "log"))
		return "expected sample 1/N, which hands over packets instead of log lines";
	return NULL;
}

static int refuse_word(struct fw_parser *p, const struct fw_draft *draft)
{
	const char *hint = get_hint(&p->token);
	char list[512];

	if (hint)
		return fw_parse_refuse(p, &p->token, "%s", hint);
	if (p->token.kind == FW_TOKEN_LINE || p->token.kind == FW_TOKEN_END)
		return fw_parse_refuse(p, &p->token, "expected accept or drop");
	fw_parse_condition_list(sizeof(list), list);
	return fw_parse_refuse(
		p, &p->token,
		"expected %saccept, drop, counter, limit, sample, comment or a "
		"condition: %s",
		p->token.text == draft->first.text ? "policy, define, preset, priority, " : "",
		list);
}

static int parse_part(struct fw_parser *p, struct fw_draft *draft)
{
	int err;

	if (fw_token_is(&p->token, "limit"))
		return parse_limit(p, draft);
	if (fw_token_is(&p->token, "sample"))
		return parse_sample(p, draft);
	if (fw_token_is(&p->token, "counter"))
		return parse_counter(p);
	if (fw_token_is(&p->token, "comment"))
		return parse_comment(p, draft);
	err = fw_parse_condition(p, draft);
	return err > 0 ? refuse_word(p, draft) : err;
}

static int parse_end(struct fw_parser *p, struct fw_draft *draft)
{
	int err = 0;

	if (fw_token_is(&p->token, "comment"))
		err = parse_comment(p, draft);
	if (!err && p->token.kind != FW_TOKEN_LINE && p->token.kind != FW_TOKEN_END)
		err = fw_parse_refuse(p, &p->token, "expected the end of the line");
	return err;
}

int fw_parse_rule(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rule *rule = &draft->rule;
	int err = 0;

	if (fw_token_is(&p->token, "priority"))
		err = parse_priority(p, rule);
	while (!err && !fw_token_is(&p->token, "accept") && !fw_token_is(&p->token, "drop"))
		err = parse_part(p, draft);
	if (err)
		return err;
	rule->verdict = fw_token_is(&p->token, "drop") ? FW_DROP : FW_ACCEPT;
	if (rule->verdict == FW_DROP && rule->rate.packets)
		return fw_parse_refuse(p, &p->token,
				       "expected accept: beyond a limit all is "
				       "dropped anyway");
	fw_parse_next(p);
	return parse_end(p, draft);
}

/* preset NAME 1000/second burst 50 packets per saddr */
int fw_parse_preset(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rule *rule = &draft->rule;
	int preset = -1, err;

	fw_parse_next(p);
	if (p->token.kind == FW_TOKEN_WORD)
		preset = fw_name_find(fw_presets, p->token.text, p->token.len);
	if (preset < 0)
		return fw_parse_refuse(p, &p->token, "expected syn-flood or udp-amplification");
	rule->preset = (enum fw_preset)preset;
	rule->verdict = FW_ACCEPT;
	fw_parse_next(p);
	err = fw_parse_rate(p, draft);
	if (!err && fw_token_is(&p->token, "counter"))
		err = parse_counter(p);
	return err ? err : parse_end(p, draft);
}

static int finish_rate(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rate *rate = &draft->rule.rate;

	if (!rate->is_by_source)
		return 0;
	if (draft->has_prefix_len && draft->rule.families == FW_IP6)
		draft->prefix_len6 = draft->prefix_len;
	else if (draft->prefix_len > 32)
		return fw_parse_refuse(p, &draft->first,
				       "expected at most 32 bits of IPv4 sources in saddr/%u: "
				       "saddr/32,%u is for both families",
				       draft->prefix_len, draft->prefix_len);
	rate->len4 = draft->rule.families & FW_IP4 ? (__u8)draft->prefix_len : 0;
	rate->len6 = draft->rule.families & FW_IP6 ? (__u8)draft->prefix_len6 : 0;
	return 0;
}

static bool has_span(const struct fw_ruleset *set, const struct fw_values *values, __u16 number)
{
	__u32 i;

	for (i = 0; i < values->count; i++)
		if (set->spans[values->first + i].lo <= number &&
		    number <= set->spans[values->first + i].hi)
			return true;
	return !values->count;
}

/* Where conditions are about some protocols, they are the rule's, in this order. */
static int finish_protos(struct fw_parser *p, struct fw_draft *draft)
{
	static const __u16 numbers[] = { 6, 17, 1, 58 };
	struct fw_values protos = { .first = (__u32)p->set->span_count };
	size_t i;

	if (!draft->needs_proto)
		return 0;
	for (i = 0; i < 4; i++) {
		const struct fw_span span = { .lo = numbers[i], .hi = numbers[i] };

		if (!(draft->protos >> i & 1) || !has_span(p->set, &draft->rule.protos, numbers[i]))
			continue;
		protos.count++;
		if (fw_ruleset_add_span(p->set, &span))
			return -ENOMEM;
	}
	draft->rule.protos = protos;
	return protos.count ? 0 :
			      fw_parse_refuse(p, &draft->first,
					      "expected conditions that a packet can meet: ports, "
					      "flags or types are not of these protocols");
}

/* Of each preset there is one guard for all packets, and one for each source. */
static int check_preset(struct fw_parser *p, const struct fw_draft *draft)
{
	const struct fw_rule *rule = &draft->rule, *other;
	size_t i;

	for (i = 0; rule->preset && i < p->set->rule_count; i++) {
		other = &p->set->rules[i];
		if (other->preset == rule->preset &&
		    other->rate.is_by_source == rule->rate.is_by_source)
			return fw_parse_refuse(p, &draft->first,
					       "expected each preset once for all packets and once "
					       "per saddr, line %u has it already",
					       other->line);
	}
	return 0;
}

static bool is_single(const struct fw_span *span)
{
	return span->lo == span->hi;
}

int fw_parse_finish(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_rule *rule = &draft->rule;
	__u32 i;
	int err;

	err = check_preset(p, draft);
	if (err)
		return err;
	rule->families &= fw_ruleset_families(p->set, &rule->sources);
	rule->families &= fw_ruleset_families(p->set, &rule->dests);
	if (!rule->families)
		return fw_parse_refuse(p, &draft->first,
				       "expected addresses of one family in a "
				       "rule: no packet has IPv4 and IPv6");
	if (rule->codes.count && !rule->types.count)
		return fw_parse_refuse(p, &draft->first, "expected a type beside the code");
	for (i = 0; rule->codes.count && i < rule->types.count; i++)
		if (!is_single(&p->set->spans[rule->types.first + i]))
			return fw_parse_refuse(p, &draft->first,
					       "expected single types beside the code");
	if (rule->frag == FW_FRAG_LATER &&
	    (rule->sports.count || rule->dports.count || rule->types.count || rule->flag_count))
		return fw_parse_refuse(p, &draft->first,
				       "expected no ports, flags or types: later "
				       "parts of a packet have none");
	err = finish_protos(p, draft);
	return err ? err : finish_rate(p, draft);
}
