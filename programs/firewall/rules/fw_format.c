/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_format.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "programs/firewall/rules/fw_names.h"

static void print_begin(FILE *out, __u32 count)
{
	if (count > 1)
		fputs("{ ", out);
}

static void print_end(FILE *out, __u32 count)
{
	fputs(count > 1 ? " } " : " ", out);
}

static void print_prefix(FILE *out, const struct fw_prefix *prefix)
{
	char text[INET6_ADDRSTRLEN];

	inet_ntop(prefix->is_ip6 ? AF_INET6 : AF_INET, prefix->addr, text, sizeof(text));
	fputs(text, out);
	if (prefix->len != (prefix->is_ip6 ? 128 : 32))
		fprintf(out, "/%u", prefix->len);
}

/* As `ip saddr 192.0.2.0/24`. */
static void print_prefixes(FILE *out, const struct fw_ruleset *set, const struct fw_values *values,
			   const char *field)
{
	__u8 families = fw_ruleset_families(set, values);
	__u32 i;

	if (!values->count)
		return;
	fprintf(out, "%s%s ", families == FW_IP4 ? "ip " : families == FW_IP6 ? "ip6 " : "", field);
	print_begin(out, values->count);
	for (i = 0; i < values->count; i++) {
		if (i)
			fputs(", ", out);
		print_prefix(out, &set->prefixes[values->first + i]);
	}
	print_end(out, values->count);
}

static void print_span(FILE *out, const struct fw_span *span, const struct fw_name *names)
{
	const char *name = names && span->lo == span->hi ? fw_name_of(names, span->lo) : NULL;

	if (name)
		fputs(name, out);
	else if (span->lo == span->hi)
		fprintf(out, "%u", span->lo);
	else
		fprintf(out, "%u-%u", span->lo, span->hi);
}

static void print_spans(FILE *out, const struct fw_ruleset *set, const struct fw_values *values,
			const char *what, const struct fw_name *names)
{
	__u32 i;

	if (!values->count)
		return;
	fprintf(out, "%s ", what);
	print_begin(out, values->count);
	for (i = 0; i < values->count; i++) {
		if (i)
			fputs(", ", out);
		print_span(out, &set->spans[values->first + i], names);
	}
	print_end(out, values->count);
}

static void print_interfaces(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule)
{
	__u32 count = (__u32)__builtin_popcount(rule->interfaces), i;
	const char *comma = "";

	if (!count)
		return;
	fprintf(out, "%s ", fw_interface_word(rule->direction));
	print_begin(out, count);
	for (i = 0; i < FW_INTERFACES_MAX; i++) {
		if (!(rule->interfaces >> i & 1))
			continue;
		fprintf(out, "%s\"%s\"", comma, set->interfaces[i]);
		comma = ", ";
	}
	print_end(out, count);
}

static void print_bits(FILE *out, __u8 flags, const char *between)
{
	const struct fw_name *name;
	const char *sign = "";

	if (!flags)
		fputc('0', out);
	for (name = fw_tcp_flags; name->name; name++) {
		if (!(flags & name->number))
			continue;
		fprintf(out, "%s%s", sign, name->name);
		sign = between;
	}
}

/* One alternative is printed as it is; several are one flag each. */
static void print_flags(FILE *out, const struct fw_rule *rule)
{
	__u8 i, any = 0;

	if (!rule->flag_count)
		return;
	fputs("tcp flags ", out);
	for (i = 0; i < rule->flag_count; i++)
		any |= rule->flags[i].value;
	if (rule->flag_count > 1) {
		print_bits(out, any, ",");
	} else {
		fputs("& (", out);
		print_bits(out, rule->flags[0].mask, "|");
		fputs(") == ", out);
		print_bits(out, any, "|");
	}
	fputc(' ', out);
}

/* The word before ports, flags and types: of the rule's protocols, which are in fixed order. */
static const char *get_transport(const struct fw_ruleset *set, const struct fw_rule *rule)
{
	const struct fw_span *protos = set->spans + rule->protos.first;

	if (rule->protos.count != 1)
		return "th";
	return protos->lo == 6 ? "tcp" : protos->lo == 17 ? "udp" : "th";
}

static void print_ports(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule)
{
	const char *transport = get_transport(set, rule);
	char what[16];

	snprintf(what, sizeof(what), "%s sport", transport);
	print_spans(out, set, &rule->sports, what, NULL);
	snprintf(what, sizeof(what), "%s dport", transport);
	print_spans(out, set, &rule->dports, what, NULL);
}

static void print_types(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule)
{
	bool is_icmp6 = rule->types.count && set->spans[rule->protos.first].lo == IPPROTO_ICMPV6;

	print_spans(out, set, &rule->types, is_icmp6 ? "icmpv6 type" : "icmp type",
		    is_icmp6 ? fw_icmp6_types : fw_icmp4_types);
	print_spans(out, set, &rule->codes, is_icmp6 ? "icmpv6 code" : "icmp code", NULL);
}

static void print_family(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule)
{
	__u8 implied = fw_ruleset_families(set, &rule->sources) &
		       fw_ruleset_families(set, &rule->dests);

	if (rule->types.count)
		implied &= set->spans[rule->protos.first].lo == IPPROTO_ICMPV6 ? FW_IP6 : FW_IP4;
	if (rule->families != implied)
		fprintf(out, "meta nfproto %s ", rule->families == FW_IP4 ? "ipv4" : "ipv6");
}

static void print_conditions(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule)
{
	bool has_transport = rule->sports.count || rule->dports.count || rule->flag_count ||
			     rule->types.count;

	print_interfaces(out, set, rule);
	print_family(out, set, rule);
	print_prefixes(out, set, &rule->sources, "saddr");
	print_prefixes(out, set, &rule->dests, "daddr");
	if (!has_transport)
		print_spans(out, set, &rule->protos, "meta l4proto", fw_protos);
	print_ports(out, set, rule);
	print_flags(out, rule);
	print_types(out, set, rule);
	if (rule->frag)
		fprintf(out, "frag %s ", fw_name_of(fw_frags, rule->frag));
}

static void print_rate(FILE *out, const struct fw_rule *rule)
{
	const struct fw_rate *rate = &rule->rate;

	fprintf(out, "%u/%s burst %u packets", rate->packets, fw_name_of(fw_units, rate->seconds),
		rate->burst);
	if (!rate->is_by_source)
		return;
	if (rule->families == (FW_IP4 | FW_IP6))
		fprintf(out, " per saddr/%u,%u", rate->len4, rate->len6);
	else
		fprintf(out, " per saddr/%u", rule->families == FW_IP4 ? rate->len4 : rate->len6);
}

static void print_hit(FILE *out, const struct fw_hit *hit)
{
	fprintf(out, "counter packets %llu bytes %llu", (unsigned long long)hit->packets,
		(unsigned long long)hit->bytes);
}

static void print_comment(FILE *out, const struct fw_rule *rule)
{
	if (rule->comment)
		fprintf(out, " comment \"%s\"", rule->comment);
}

void fw_rule_print(FILE *out, const struct fw_ruleset *set, const struct fw_rule *rule,
		   const struct fw_hit *hit)
{
	if (rule->preset) {
		fprintf(out, "preset %s ", fw_name_of(fw_presets, rule->preset));
		print_rate(out, rule);
		if (hit) {
			fputc(' ', out);
			print_hit(out, hit);
		}
		print_comment(out, rule);
		return;
	}
	if (rule->priority)
		fprintf(out, "priority %d ", rule->priority);
	print_conditions(out, set, rule);
	if (hit) {
		print_hit(out, hit);
		fputc(' ', out);
	}
	if (rule->rate.packets) {
		fputs("limit rate ", out);
		print_rate(out, rule);
		fputc(' ', out);
	}
	if (rule->sample_every)
		fprintf(out, "sample 1/%u ", rule->sample_every);
	fputs(rule->verdict == FW_DROP ? "drop" : "accept", out);
	print_comment(out, rule);
}

const char *fw_policy_name(enum fw_verdict policy)
{
	return policy == FW_ACCEPT ? "accept" : policy == FW_DROP ? "drop" : "default";
}

void fw_ruleset_print(FILE *out, const struct fw_ruleset *set, const struct fw_hit *hits)
{
	size_t i;

	fprintf(out, "policy %s\n", fw_policy_name(set->policy));
	for (i = 0; i < set->rule_count; i++) {
		fw_rule_print(out, set, &set->rules[i], hits ? &hits[i] : NULL);
		fputc('\n', out);
	}
}
