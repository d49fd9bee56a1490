/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_trace.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "programs/firewall/rules/fw_names.h"

const char *fw_field_name(const struct fw_ruleset *set, enum fw_field field)
{
	static const char *const names[FW_FIELD_COUNT] = {
		[FW_FIELD_FAMILY] = "nfproto", [FW_FIELD_SOURCE] = "saddr",
		[FW_FIELD_DEST] = "daddr",     [FW_FIELD_PROTO] = "l4proto",
		[FW_FIELD_SPORT] = "sport",    [FW_FIELD_DPORT] = "dport",
		[FW_FIELD_FLAGS] = "flags",    [FW_FIELD_TYPE] = "type",
		[FW_FIELD_CODE] = "code",      [FW_FIELD_FRAG] = "frag",
	};

	return field == FW_FIELD_INTERFACE ? fw_ruleset_interface_word(set) : names[field];
}

static int refuse_many(struct slot_reason *why, const char *what)
{
	return slot_reason_set(why, -EINVAL, "%s: expected one value, as a packet has one", what);
}

static int read_address(const struct fw_ruleset *words, const struct fw_values *values,
			struct slot_reason *why, __u8 *ret_addr)
{
	const struct fw_prefix *prefix = &words->prefixes[values->first];

	if (!values->count)
		return 0;
	if (values->count > 1 || prefix->len != (prefix->is_ip6 ? 128 : 32))
		return refuse_many(why, "address");
	memcpy(ret_addr, prefix->addr, sizeof(prefix->addr));
	return 0;
}

static int read_number(const struct fw_ruleset *words, const struct fw_values *values,
		       struct slot_reason *why, const char *what, __u16 *ret_number)
{
	const struct fw_span *span = &words->spans[values->first];

	if (!values->count)
		return 0;
	if (values->count > 1 || span->lo != span->hi)
		return refuse_many(why, what);
	*ret_number = span->lo;
	return 0;
}

static int read_numbers(const struct fw_ruleset *words, struct slot_reason *why,
			struct fw_packet *packet)
{
	const struct fw_rule *rule = words->rules;
	__u16 proto = 0, type = 0, code = 0;
	int err = 0;

	/* Without another word for it, ports are TCP's. */
	if (rule->protos.count > 1 && (rule->sports.count || rule->dports.count))
		proto = IPPROTO_TCP;
	else
		err = read_number(words, &rule->protos, why, "protocol", &proto);
	err = err ? err : read_number(words, &rule->sports, why, "port", &packet->sport);
	err = err ? err : read_number(words, &rule->dports, why, "port", &packet->dport);
	err = err ? err : read_number(words, &rule->types, why, "type", &type);
	err = err ? err : read_number(words, &rule->codes, why, "code", &code);
	packet->proto = (__u8)proto;
	packet->type = (__u8)type;
	packet->code = (__u8)code;
	return err;
}

int fw_packet_read(const struct fw_ruleset *words, struct slot_reason *why,
		   struct fw_packet *ret_packet)
{
	const struct fw_rule *rule = words->rules;
	struct fw_packet packet = { .is_ip6 = rule->families == FW_IP6 };
	__u8 i;
	int err;

	err = read_address(words, &rule->sources, why, packet.source);
	err = err ? err : read_address(words, &rule->dests, why, packet.dest);
	err = err ? err : read_numbers(words, why, &packet);
	if (!err && words->interface_count > 1)
		err = refuse_many(why, "interface");
	if (err)
		return err;
	if (words->interface_count)
		memcpy(packet.interface, words->interfaces[0], sizeof(packet.interface));
	for (i = 0; i < rule->flag_count; i++)
		packet.flags |= rule->flags[i].value;
	packet.is_part = rule->frag > FW_FRAG_NO;
	packet.is_later = rule->frag == FW_FRAG_LATER;
	packet.has_ports = !packet.is_later &&
			   (packet.proto == IPPROTO_TCP || packet.proto == IPPROTO_UDP ||
			    packet.proto == IPPROTO_ICMP || packet.proto == IPPROTO_ICMPV6);
	*ret_packet = packet;
	return 0;
}

static bool has_prefix(const struct fw_prefix *prefix, bool is_ip6, const __u8 *addr)
{
	unsigned int bytes = prefix->len / 8, bits = prefix->len % 8;

	if (prefix->is_ip6 != is_ip6 || memcmp(prefix->addr, addr, bytes) != 0)
		return false;
	return !bits || !((prefix->addr[bytes] ^ addr[bytes]) & 0xff00 >> bits & 0xff);
}

static bool is_address(const struct fw_ruleset *set, const struct fw_values *values,
		       const struct fw_packet *packet, const __u8 *addr)
{
	__u32 i;

	for (i = 0; i < values->count; i++)
		if (has_prefix(&set->prefixes[values->first + i], packet->is_ip6, addr))
			return true;
	return !values->count;
}

static bool is_number(const struct fw_ruleset *set, const struct fw_values *values, __u16 number)
{
	const struct fw_span *span = &set->spans[values->first];
	__u32 i;

	for (i = 0; i < values->count; i++)
		if (span[i].lo <= number && number <= span[i].hi)
			return true;
	return !values->count;
}

/* A number that only some packets have. */
static bool is_port(const struct fw_ruleset *set, const struct fw_values *values,
		    const struct fw_packet *packet, __u16 number)
{
	return !values->count || (packet->has_ports && is_number(set, values, number));
}

static bool is_interface(const struct fw_ruleset *set, const struct fw_rule *rule,
			 const struct fw_packet *packet)
{
	size_t i;

	for (i = 0; i < set->interface_count; i++)
		if (rule->interfaces >> i & 1 && !strcmp(set->interfaces[i], packet->interface))
			return true;
	return !rule->interfaces;
}

static bool has_flags(const struct fw_rule *rule, const struct fw_packet *packet)
{
	__u8 i;

	for (i = 0; packet->has_ports && i < rule->flag_count; i++)
		if ((packet->flags & rule->flags[i].mask) == rule->flags[i].value)
			return true;
	return !rule->flag_count;
}

static bool is_frag(enum fw_frag frag, const struct fw_packet *packet)
{
	switch (frag) {
	case FW_FRAG_NO:
		return !packet->is_part;
	case FW_FRAG_ANY:
		return packet->is_part;
	case FW_FRAG_FIRST:
		return packet->is_part && !packet->is_later;
	case FW_FRAG_LATER:
		return packet->is_later;
	default:
		return true;
	}
}

__u32 fw_rule_ask(const struct fw_ruleset *set, const struct fw_rule *rule,
		  const struct fw_packet *packet)
{
	const bool is_met[FW_FIELD_COUNT] = {
		[FW_FIELD_INTERFACE] = is_interface(set, rule, packet),
		[FW_FIELD_FAMILY] = rule->families & (packet->is_ip6 ? FW_IP6 : FW_IP4),
		[FW_FIELD_SOURCE] = is_address(set, &rule->sources, packet, packet->source),
		[FW_FIELD_DEST] = is_address(set, &rule->dests, packet, packet->dest),
		[FW_FIELD_PROTO] = is_number(set, &rule->protos, packet->proto),
		[FW_FIELD_SPORT] = is_port(set, &rule->sports, packet, packet->sport),
		[FW_FIELD_DPORT] = is_port(set, &rule->dports, packet, packet->dport),
		[FW_FIELD_FLAGS] = has_flags(rule, packet),
		[FW_FIELD_TYPE] = is_port(set, &rule->types, packet, packet->type),
		[FW_FIELD_CODE] = is_port(set, &rule->codes, packet, packet->code),
		[FW_FIELD_FRAG] = is_frag(rule->frag, packet),
	};
	__u32 fields = 0;
	int i;

	for (i = 0; i < FW_FIELD_COUNT; i++)
		fields |= (__u32)!is_met[i] << i;
	return fields;
}

bool fw_preset_is_for(enum fw_preset preset, const struct fw_packet *packet)
{
	size_t i;

	if (!packet->has_ports)
		return false;
	if (preset == FW_PRESET_SYN_FLOOD)
		return packet->proto == IPPROTO_TCP && (packet->flags & FW_SYN_MASK) == FW_SYN;
	for (i = 0; packet->proto == IPPROTO_UDP && i < FW_AMPLIFIERS; i++)
		if (packet->sport == fw_amplifiers[i])
			return true;
	return false;
}

/* Keeps the misses with the fewest fields; of as many, those that came first. */
static void add_miss(struct fw_trace *trace, struct fw_miss miss)
{
	size_t i, worst = 0;

	trace->asked++;
	if (trace->miss_count < FW_MISSES_MAX) {
		trace->misses[trace->miss_count++] = miss;
		return;
	}
	for (i = 1; i < FW_MISSES_MAX; i++)
		if (__builtin_popcount(trace->misses[i].fields) >=
		    __builtin_popcount(trace->misses[worst].fields))
			worst = i;
	if (__builtin_popcount(trace->misses[worst].fields) <= __builtin_popcount(miss.fields))
		return;
	memmove(&trace->misses[worst], &trace->misses[worst + 1],
		(FW_MISSES_MAX - 1 - worst) * sizeof(miss));
	trace->misses[FW_MISSES_MAX - 1] = miss;
}

void fw_trace_packet(const struct fw_ruleset *set, const struct fw_packet *packet,
		     struct fw_trace *ret_trace)
{
	const struct fw_rule *rule;
	struct fw_miss miss;
	__u32 i;

	*ret_trace = (struct fw_trace){ .rule = -1 };
	for (i = 0; i < set->rule_count; i++) {
		rule = &set->rules[i];
		if (rule->preset) {
			if (fw_preset_is_for(rule->preset, packet) &&
			    ret_trace->guard_count < FW_GUARDS_OF_PACKET)
				ret_trace->guards[ret_trace->guard_count++] = i;
			continue;
		}
		if (ret_trace->rule >= 0)
			continue;
		miss = (struct fw_miss){ .rule = i, .fields = fw_rule_ask(set, rule, packet) };
		if (miss.fields)
			add_miss(ret_trace, miss);
		else
			ret_trace->rule = i;
	}
}
