/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "programs/firewall/rules/fw_parse.h"

struct condition {
	const char *word, *field; /* field: NULL for conditions of one word */
	int (*parse)(struct fw_parser *p, struct fw_draft *draft, const struct condition *c);
	__u8 families;	    /* that it is about; 0: both */
	unsigned int needs; /* protocols that it is about; 0: all */
	size_t values;	    /* struct fw_values within the rule */
	__u32 max;	    /* of numbers */
	const struct fw_name *names;
	const char *kind;	     /* what numbers are */
	enum fw_direction direction; /* of an interface */
};

/* Values on their way into a rule. */
struct taking {
	const struct condition *c;
	struct fw_values *values;
	__u16 interfaces;
};

static int check_room(struct fw_parser *p, struct taking *taking, size_t used)
{
	if (used >= FW_VALUES_MAX)
		return fw_parse_refuse(p, &p->token, "expected at most %d values in all",
				       FW_VALUES_MAX);
	if (!taking->values->count++)
		taking->values->first = (__u32)used;
	return 0;
}

static bool has_host_bits(const __u8 *addr, size_t size, __u32 len)
{
	size_t i;

	for (i = len / 8; i < size; i++)
		if (addr[i] & (i == len / 8 ? 0xff >> len % 8 : 0xff))
			return true;
	return false;
}

int fw_parse_prefix(const char *text, size_t len, struct slot_reason *why,
		    struct fw_prefix *ret_prefix)
{
	const char *slash = memchr(text, '/', len);
	size_t addr_len = slash ? (size_t)(slash - text) : len;
	struct fw_prefix prefix = { .is_ip6 = memchr(text, ':', len) };
	__u32 bits = prefix.is_ip6 ? 128 : 32;
	char addr[INET6_ADDRSTRLEN];

	if (addr_len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, addr_len);
	addr[addr_len] = '\0';
	if (inet_pton(prefix.is_ip6 ? AF_INET6 : AF_INET, addr, prefix.addr) != 1)
		return slot_reason_set(why, -EINVAL,
				       "expected an address or a prefix, such as "
				       "192.0.2.0/24 or 2001:db8::/32");
	if (slash && !fw_parse_number(slash + 1, len - addr_len - 1, bits, &bits))
		return slot_reason_set(why, -EINVAL, "expected a length from 0 to %u behind the /",
				       bits);
	if (has_host_bits(prefix.addr, prefix.is_ip6 ? 16 : 4, bits))
		return slot_reason_set(why, -EINVAL,
				       "expected no bits set behind the first %u of the address",
				       bits);
	prefix.len = (__u8)bits;
	*ret_prefix = prefix;
	return 0;
}

static int take_prefix(struct fw_parser *p, void *to)
{
	struct taking *taking = to;
	const struct condition *c = taking->c;
	struct slot_reason why = { "expected an address or a prefix" };
	struct fw_prefix prefix;
	int err;

	if (p->token.kind != FW_TOKEN_WORD ||
	    fw_parse_prefix(p->token.text, p->token.len, &why, &prefix))
		return fw_parse_refuse(p, &p->token, "%s", why.text);
	if (c->families && c->families != (prefix.is_ip6 ? FW_IP6 : FW_IP4))
		return fw_parse_refuse(p, &p->token,
				       "expected IPv%d behind %s (%s alone takes both)",
				       c->families == FW_IP4 ? 4 : 6, c->word, c->field);
	err = check_room(p, taking, p->set->prefix_count);
	return err ? err : fw_ruleset_add_prefix(p->set, &prefix);
}

/* A name, a number, or two numbers with - between. */
static bool read_span(const struct fw_token *token, const struct condition *c,
		      struct fw_span *ret_span)
{
	const char *dash = memchr(token->text, '-', token->len);
	size_t len = dash ? (size_t)(dash - token->text) : token->len;
	int named = fw_name_find(c->names, token->text, token->len);
	__u32 lo, hi;

	if (named >= 0) {
		*ret_span = (struct fw_span){ .lo = (__u16)named, .hi = (__u16)named };
		return true;
	}
	if (!fw_parse_number(token->text, len, c->max, &lo))
		return false;
	hi = lo;
	if (dash && !fw_parse_number(dash + 1, token->len - len - 1, c->max, &hi))
		return false;
	*ret_span = (struct fw_span){ .lo = (__u16)lo, .hi = (__u16)hi };
	return lo <= hi;
}

static int take_span(struct fw_parser *p, void *to)
{
	struct taking *taking = to;
	const struct condition *c = taking->c;
	struct fw_span span;
	char list[384];
	int err;

	if (p->token.kind != FW_TOKEN_WORD || !read_span(&p->token, c, &span)) {
		fw_name_list(c->names, sizeof(list), list);
		return fw_parse_refuse(p, &p->token,
				       "expected %s from 0 to %u, two with - between%s%s", c->kind,
				       c->max, *list ? ", or one of " : "", list);
	}
	if (c->names == fw_protos && span.lo != span.hi)
		return fw_parse_refuse(p, &p->token, "expected single protocols");
	err = check_room(p, taking, p->set->span_count);
	return err ? err : fw_ruleset_add_span(p->set, &span);
}

static int parse_values(struct fw_parser *p, struct fw_draft *draft, const struct condition *c,
			fw_value_fn take)
{
	struct taking taking = { .c = c };
	struct fw_token start = p->token;

	taking.values = (struct fw_values *)((char *)&draft->rule + c->values);
	if (taking.values->count)
		return fw_parse_refuse(p, &start,
				       "expected no second condition of the same kind; a set "
				       "{ A, B } is any of its values");
	return fw_parse_values(p, take, &taking);
}

static int parse_prefixes(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	return parse_values(p, draft, c, take_prefix);
}

static int parse_spans(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	return parse_values(p, draft, c, take_span);
}

static int take_interface(struct fw_parser *p, void *to)
{
	const struct fw_token *token = &p->token;
	struct taking *taking = to;
	char name[IFNAMSIZ];
	int number;

	if ((token->kind != FW_TOKEN_WORD && token->kind != FW_TOKEN_STRING) || !token->len ||
	    token->len >= IFNAMSIZ || memchr(token->text, '/', token->len) ||
	    memchr(token->text, ' ', token->len))
		return fw_parse_refuse(p, token, "expected an interface's name");
	memcpy(name, token->text, token->len);
	name[token->len] = '\0';
	number = fw_ruleset_interface(p->set, name);
	if (number < 0)
		return fw_parse_refuse(p, token, "expected at most %d interfaces in a ruleset",
				       FW_INTERFACES_MAX);
	taking->interfaces |= (__u16)(1 << number);
	return 0;
}

static int parse_interfaces(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	struct taking taking = { .c = c };
	int err;

	if (draft->rule.interfaces)
		return fw_parse_refuse(p, &p->token, "expected no second condition of interfaces");
	err = fw_parse_values(p, take_interface, &taking);
	draft->rule.interfaces = taking.interfaces;
	draft->rule.direction = c->direction;
	return err;
}

static int parse_family(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	(void)c;
	if (fw_token_is(&p->token, "ipv4"))
		draft->rule.families &= FW_IP4;
	else if (fw_token_is(&p->token, "ipv6"))
		draft->rule.families &= FW_IP6;
	else
		return fw_parse_refuse(p, &p->token, "expected ipv4 or ipv6");
	fw_parse_next(p);
	return 0;
}

static int parse_frag(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	int frag = -1;

	(void)c;
	if (p->token.kind == FW_TOKEN_WORD)
		frag = fw_name_find(fw_frags, p->token.text, p->token.len);
	if (frag < 0 || draft->rule.frag)
		return fw_parse_refuse(p, &p->token, "expected, once, no, any, first or later");
	draft->rule.frag = (enum fw_frag)frag;
	fw_parse_next(p);
	return 0;
}

static int parse_flags(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	(void)c;
	return fw_parse_flags(p, &draft->rule);
}

static const struct fw_name no_names[] = { { NULL, 0 } };

#define AT(member) .values = offsetof(struct fw_rule, member)
#define PORTS .max = 65535, .names = fw_ports_of, .kind = "a port", .parse = parse_spans
#define BYTE .max = 255, .parse = parse_spans

static const struct condition conditions[] = {
	{ "iifname", .parse = parse_interfaces, .direction = FW_INCOMING },
	{ "oifname", .parse = parse_interfaces, .direction = FW_OUTGOING },
	{ "ip", "saddr", parse_prefixes, FW_IP4, AT(sources) },
	{ "ip", "daddr", parse_prefixes, FW_IP4, AT(dests) },
	{ "ip", "protocol", .families = FW_IP4, BYTE, AT(protos), .names = fw_protos,
	  .kind = "a protocol" },
	{ "ip6", "saddr", parse_prefixes, FW_IP6, AT(sources) },
	{ "ip6", "daddr", parse_prefixes, FW_IP6, AT(dests) },
	{ "saddr", .parse = parse_prefixes, AT(sources) },
	{ "daddr", .parse = parse_prefixes, AT(dests) },
	{ "tcp", "sport", .needs = FW_NEED_TCP, PORTS, AT(sports) },
	{ "tcp", "dport", .needs = FW_NEED_TCP, PORTS, AT(dports) },
	{ "tcp", "flags", .parse = parse_flags, .needs = FW_NEED_TCP },
	{ "udp", "sport", .needs = FW_NEED_UDP, PORTS, AT(sports) },
	{ "udp", "dport", .needs = FW_NEED_UDP, PORTS, AT(dports) },
	{ "th", "sport", .needs = FW_NEED_TCP | FW_NEED_UDP, PORTS, AT(sports) },
	{ "th", "dport", .needs = FW_NEED_TCP | FW_NEED_UDP, PORTS, AT(dports) },
	{ "icmp", "type", .needs = FW_NEED_ICMP, .families = FW_IP4, BYTE, AT(types),
	  .names = fw_icmp4_types, .kind = "a type" },
	{ "icmp", "code", .needs = FW_NEED_ICMP, .families = FW_IP4, BYTE, AT(codes),
	  .names = no_names, .kind = "a code" },
	{ "icmpv6", "type", .needs = FW_NEED_ICMP6, .families = FW_IP6, BYTE, AT(types),
	  .names = fw_icmp6_types, .kind = "a type" },
	{ "icmpv6", "code", .needs = FW_NEED_ICMP6, .families = FW_IP6, BYTE, AT(codes),
	  .names = no_names, .kind = "a code" },
	{ "frag", .parse = parse_frag },
	{ "meta", "l4proto", BYTE, AT(protos), .names = fw_protos, .kind = "a protocol" },
	{ "meta", "nfproto", .parse = parse_family },
	{ "meta", "iifname", .parse = parse_interfaces, .direction = FW_INCOMING },
	{ "meta", "oifname", .parse = parse_interfaces, .direction = FW_OUTGOING },
};
#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

void fw_parse_condition_list(size_t size, char *ret_text)
{
	size_t i, len = 0;

	*ret_text = '\0';
	for (i = 0; i < CONDITIONS && len < size; i++)
		len += (size_t)snprintf(ret_text + len, size - len, "%s%s%s%s", i ? ", " : "",
					conditions[i].word, conditions[i].field ? " " : "",
					conditions[i].field ? conditions[i].field : "");
}

static int refuse_field(struct fw_parser *p, const char *word)
{
	char text[128] = "";
	size_t i, len = 0;

	for (i = 0; i < CONDITIONS && len < sizeof(text); i++)
		if (!strcmp(conditions[i].word, word))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
						len ? ", " : "", conditions[i].field);
	return fw_parse_refuse(p, &p->token, "expected one of %s behind %s", text, word);
}

/* Every condition is met at once, so that what a rule is about gets less with each. */
static int narrow(struct fw_parser *p, struct fw_draft *draft, const struct condition *c)
{
	if (c->families)
		draft->rule.families &= c->families;
	if (c->needs) {
		draft->needs_proto = true;
		draft->protos &= c->needs;
	}
	if (!draft->rule.families)
		return fw_parse_refuse(p, &p->token, "expected IPv4 or IPv6 in a rule, not both");
	if (!draft->protos)
		return fw_parse_refuse(p, &p->token,
				       "expected one protocol in a rule: no packet "
				       "has this one and the one before");
	return 0;
}

static bool is_condition(const struct fw_parser *p, const struct condition *c,
			 const struct fw_token *field)
{
	return fw_token_is(&p->token, c->word) && (!c->field || fw_token_is(field, c->field));
}

int fw_parse_condition(struct fw_parser *p, struct fw_draft *draft)
{
	struct fw_lexer ahead = p->lexer;
	struct fw_token field = fw_lexer_next(&ahead);
	const struct condition *c;
	int err;

	for (c = conditions; c < conditions + CONDITIONS; c++)
		if (is_condition(p, c, &field))
			break;
	if (c == conditions + CONDITIONS) {
		for (c = conditions; c < conditions + CONDITIONS; c++)
			if (fw_token_is(&p->token, c->word))
				break;
		if (c == conditions + CONDITIONS)
			return 1;
		fw_parse_next(p);
		return refuse_field(p, c->word);
	}
	err = narrow(p, draft, c);
	if (err)
		return err;
	fw_parse_next(p);
	if (c->field)
		fw_parse_next(p);
	if (fw_token_is(&p->token, "=="))
		fw_parse_next(p);
	if (fw_token_is(&p->token, "!="))
		return fw_parse_refuse(p, &p->token,
				       "expected no != (put a rule for these before "
				       "this one: the first that matches decides)");
	return c->parse(p, draft, c);
}
