/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/compile/fw_compile.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "programs/firewall/rules/fw_names.h"

#define NS_PER_S 1000000000ULL

_Static_assert(2 * (FW_AMPLIFIERS + 1) <= FW_GUARDS_MAX, "all presets at once");

/* What a rule is multiplied out by. */
enum dimension {
	INTERFACES,
	SOURCES,
	DESTS,
	PROTOS,
	SPORTS,
	DPORTS,
	TYPES,
	CODES,
	FLAGS,
	DIMENSIONS,
};

struct prefix_list {
	const struct fw_prefix **items;
	size_t count;
};

/* A rule in one family. */
struct product {
	const struct fw_ruleset *set;
	const struct fw_rule *rule;
	bool is_ip6;
	struct prefix_list sources, dests;
	size_t counts[DIMENSIONS]; /* 0: the rule does not ask */
};

void fw_build_free(struct fw_build *build)
{
	free(build->entries4.items);
	free(build->entries6.items);
	free(build->actions);
	fw_forest_free(&build->forest4);
	fw_forest_free(&build->forest6);
	*build = (struct fw_build){};
}

static void set_bits(struct fw_bits *bits, unsigned int shift, __u64 mask, __u64 value)
{
	bits->mask |= mask << shift;
	bits->value |= value << shift;
}

static __u64 read_word(const __u8 *bytes, size_t len)
{
	__u64 word = 0;
	size_t i;

	for (i = 0; i < len; i++)
		word = word << 8 | bytes[i];
	return word;
}

static __u64 get_mask(unsigned int len, unsigned int bits)
{
	__u64 all = bits == 64 ? ~0ULL : (1ULL << bits) - 1;

	return len >= bits ? all : len ? all & ~(all >> len) : 0;
}

/* @is_dest: the address that comes second in the key. */
static void set_prefix(struct fw_entry *entry, const struct fw_prefix *prefix, bool is_dest)
{
	struct fw_bits *bits = entry->bits + 1;

	if (!prefix->is_ip6) {
		set_bits(bits, is_dest ? 0 : 32, get_mask(prefix->len, 32),
			 read_word(prefix->addr, 4));
		return;
	}
	bits += is_dest ? 2 : 0;
	set_bits(&bits[0], 0, get_mask(prefix->len, 64), read_word(prefix->addr, 8));
	set_bits(&bits[1], 0, get_mask(prefix->len > 64 ? prefix->len - 64U : 0, 64),
		 read_word(prefix->addr + 8, 8));
}

static void set_frag(struct fw_bits *bits, enum fw_frag frag)
{
	if (frag == FW_FRAG_NO)
		set_bits(bits, FW_PART_SHIFT, 1, 0);
	if (frag == FW_FRAG_ANY || frag == FW_FRAG_FIRST)
		set_bits(bits, FW_PART_SHIFT, 1, 1);
	if (frag == FW_FRAG_FIRST || frag == FW_FRAG_LATER)
		set_bits(bits, FW_LATER_SHIFT, 1, frag == FW_FRAG_LATER);
}

static const struct fw_span *get_span(const struct product *product, const struct fw_values *values,
				      size_t at)
{
	return &product->set->spans[values->first + at];
}

/* The interface that is the @at'th of the rule's. */
static unsigned int get_interface(__u16 interfaces, size_t at)
{
	unsigned int number = 0;

	while (!(interfaces >> number & 1) || at--)
		number++;
	return number;
}

static void set_ports(struct fw_entry *entry, const struct product *product, const size_t *at)
{
	const struct fw_rule *rule = product->rule;
	const struct fw_span *span;

	entry->ports = (struct fw_port_ranges){ .dport_span = 0xffff, .sport_span = 0xffff };
	if (product->counts[SPORTS]) {
		span = get_span(product, &rule->sports, at[SPORTS]);
		entry->ports.sport_lo = span->lo;
		entry->ports.sport_span = span->hi - span->lo;
	}
	if (product->counts[DPORTS]) {
		span = get_span(product, &rule->dports, at[DPORTS]);
		entry->ports.dport_lo = span->lo;
		entry->ports.dport_span = span->hi - span->lo;
	}
	if (product->counts[TYPES]) {
		struct fw_span code = { .lo = 0, .hi = 0xff };

		span = get_span(product, &rule->types, at[TYPES]);
		if (product->counts[CODES])
			code = *get_span(product, &rule->codes, at[CODES]);
		entry->ports.dport_lo = (__u16)(span->lo << 8 | code.lo);
		entry->ports.dport_span =
			(__u16)((span->hi << 8 | code.hi) - entry->ports.dport_lo);
	}
}

static void set_entry(struct fw_entry *entry, const struct product *product, const size_t *at)
{
	const struct fw_rule *rule = product->rule;
	struct fw_bits *bits = entry->bits;

	if (product->counts[INTERFACES])
		set_bits(bits, FW_IFACE_SHIFT, 0xff,
			 get_interface(rule->interfaces, at[INTERFACES]) + 1);
	if (product->counts[SOURCES])
		set_prefix(entry, product->sources.items[at[SOURCES]], false);
	if (product->counts[DESTS])
		set_prefix(entry, product->dests.items[at[DESTS]], true);
	if (product->counts[PROTOS])
		set_bits(bits, FW_PROTO_SHIFT, 0xff,
			 get_span(product, &rule->protos, at[PROTOS])->lo);
	if (product->counts[FLAGS])
		set_bits(bits, FW_FLAGS_SHIFT, rule->flags[at[FLAGS]].mask,
			 rule->flags[at[FLAGS]].value);
	if (product->counts[SPORTS] || product->counts[DPORTS] || product->counts[TYPES] ||
	    product->counts[FLAGS])
		set_bits(bits, FW_PORTS_SHIFT, 1, 1);
	set_frag(bits, rule->frag);
	set_ports(entry, product, at);
}

static int add_room(struct fw_entry_list *list, size_t count, struct slot_reason *why)
{
	size_t room = list->room ? list->room : 64;
	struct fw_entry *larger;

	while (room < list->count + count)
		room *= 2;
	if (room == list->room)
		return 0;
	larger = reallocarray(list->items, room, sizeof(*larger));
	if (!larger)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	list->items = larger;
	list->room = room;
	return 0;
}

/* Those of @values that are of the family. */
static int get_prefixes(const struct product *product, const struct fw_values *values,
			struct prefix_list *ret_list)
{
	const struct fw_prefix *prefix;
	__u32 i;

	*ret_list = (struct prefix_list){ .items = calloc(values->count + 1, sizeof(void *)) };
	if (!ret_list->items)
		return -ENOMEM;
	for (i = 0; i < values->count; i++) {
		prefix = &product->set->prefixes[values->first + i];
		if (prefix->is_ip6 == product->is_ip6)
			ret_list->items[ret_list->count++] = prefix;
	}
	return 0;
}

static void set_counts(struct product *product)
{
	const struct fw_rule *rule = product->rule;

	product->counts[INTERFACES] = (size_t)__builtin_popcount(rule->interfaces);
	product->counts[SOURCES] = product->sources.count;
	product->counts[DESTS] = product->dests.count;
	product->counts[PROTOS] = rule->protos.count;
	product->counts[SPORTS] = rule->sports.count;
	product->counts[DPORTS] = rule->dports.count;
	product->counts[TYPES] = rule->types.count;
	product->counts[CODES] = rule->codes.count;
	product->counts[FLAGS] = rule->flag_count;
}

/* All combinations; more than fit are too many to be counted. */
static size_t count_entries(const struct product *product)
{
	size_t total = 1;
	int i;

	for (i = 0; i < DIMENSIONS && total <= FW_RULES_MAX; i++)
		if (product->counts[i])
			total *= product->counts[i];
	return total;
}

static int add_entries(const struct product *product, const struct fw_entry *like,
		       struct fw_entry_list *list, struct slot_reason *why)
{
	size_t total = count_entries(product), n, left, at[DIMENSIONS] = {};
	int err, i;

	if (list->count + total > FW_RULES_MAX)
		return slot_reason_set(
			why, -E2BIG,
			"line %u: with all combinations of the rule's sets there are "
			"%zu%s matches of IPv%d, there is room for %d",
			product->rule->line, list->count + total,
			total > FW_RULES_MAX ? " or more" : "", product->is_ip6 ? 6 : 4,
			FW_RULES_MAX);
	err = add_room(list, total, why);
	if (err)
		return err;
	for (n = 0; n < total; n++) {
		struct fw_entry *entry = &list->items[list->count++];

		for (i = 0, left = n; i < DIMENSIONS; i++) {
			if (!product->counts[i])
				continue;
			at[i] = left % product->counts[i];
			left /= product->counts[i];
		}
		*entry = *like;
		set_entry(entry, product, at);
	}
	return 0;
}

static int add_family(const struct fw_ruleset *set, const struct fw_rule *rule, bool is_ip6,
		      const struct fw_entry *like, struct fw_build *build, struct slot_reason *why)
{
	struct product product = { .set = set, .rule = rule, .is_ip6 = is_ip6 };
	int err;

	if (!(rule->families & (is_ip6 ? FW_IP6 : FW_IP4)))
		return 0;
	err = get_prefixes(&product, &rule->sources, &product.sources);
	if (!err)
		err = get_prefixes(&product, &rule->dests, &product.dests);
	if (err)
		slot_reason_set(why, err, "out of memory");
	set_counts(&product);
	if (!err)
		err = add_entries(&product, like, is_ip6 ? &build->entries6 : &build->entries4,
				  why);
	free(product.sources.items);
	free(product.dests.items);
	return err;
}

/* The number of a new action plus 1; 0: the rule needs none. */
static int add_action(const struct fw_rule *rule, struct fw_build *build, struct slot_reason *why,
		      __u32 *ret_action)
{
	const struct fw_rate *rate = &rule->rate;
	struct fw_action *action = &build->actions[build->action_count];

	*ret_action = 0;
	if (!rate->packets && !rule->sample_every)
		return 0;
	if (build->action_count == FW_ACTIONS_MAX)
		return slot_reason_set(why, -E2BIG,
				       "line %u: more than %d rules have a limit or a sample",
				       rule->line, FW_ACTIONS_MAX);
	action->sample_every = rule->sample_every;
	if (rate->packets) {
		action->limit = rate->is_by_source ? FW_LIMIT_SOURCE : FW_LIMIT_RULE;
		action->packet_ns = rate->seconds * NS_PER_S / rate->packets;
		action->burst_ns = (rate->burst - 1) * action->packet_ns;
		action->source_len4 = rate->len4;
		action->source_len6 = rate->len6;
	}
	*ret_action = (__u32)++build->action_count;
	return 0;
}

static void add_guard(struct fw_head *head, __u32 rule, __u32 action, struct fw_bits bits)
{
	set_bits(&bits, FW_PORTS_SHIFT, 1, 1);
	head->guards[head->guard_count++] =
		(struct fw_guard){ .bits = bits, .rule = rule, .action = action - 1 };
}

static void add_preset(struct fw_build *build, const struct fw_rule *rule, __u32 number,
		       __u32 action)
{
	struct fw_bits bits = {};
	size_t i;

	if (rule->preset == FW_PRESET_SYN_FLOOD) {
		set_bits(&bits, FW_PROTO_SHIFT, 0xff, IPPROTO_TCP);
		set_bits(&bits, FW_FLAGS_SHIFT, FW_SYN_MASK, FW_SYN);
		add_guard(&build->head, number, action, bits);
		return;
	}
	for (i = 0; i < FW_AMPLIFIERS; i++) {
		bits = (struct fw_bits){};
		set_bits(&bits, FW_PROTO_SHIFT, 0xff, IPPROTO_UDP);
		set_bits(&bits, FW_SPORT_SHIFT, 0xffff, fw_amplifiers[i]);
		add_guard(&build->head, number, action, bits);
	}
}

static int add_rule(const struct fw_ruleset *set, __u32 number, struct fw_build *build,
		    struct slot_reason *why)
{
	const struct fw_rule *rule = &set->rules[number];
	struct fw_entry like = { .rule = number };
	__u32 action;
	int err;

	if (rule->preset)
		return 0;
	err = add_action(rule, build, why, &action);
	if (err)
		return err;
	like.answer = FW_ANSWER(rule->verdict, action);
	err = add_family(set, rule, false, &like, build, why);
	return err ? err : add_family(set, rule, true, &like, build, why);
}

/* Each source's own first, so that what one sends too much of is nobody else's loss. */
static int add_presets(const struct fw_ruleset *set, bool is_by_source, struct fw_build *build,
		       struct slot_reason *why)
{
	const struct fw_rule *rule;
	__u32 i, action = 0;
	int err;

	for (i = 0; i < set->rule_count; i++) {
		rule = &set->rules[i];
		if (!rule->preset || rule->rate.is_by_source != is_by_source)
			continue;
		err = add_action(rule, build, why, &action);
		if (err)
			return err;
		add_preset(build, rule, i, action);
	}
	return 0;
}

static int build_rules(const struct fw_ruleset *set, struct slot_reason *why,
		       struct fw_build *build)
{
	struct fw_entry_list *list4 = &build->entries4, *list6 = &build->entries6;
	__u32 i;
	int err;

	build->actions = calloc(FW_ACTIONS_MAX + 1, sizeof(*build->actions));
	if (!build->actions)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	build->head.policy = set->policy;
	build->head.rules = (__u32)set->rule_count;
	for (i = 0; i < set->rule_count; i++) {
		err = add_rule(set, i, build, why);
		if (err)
			return err;
	}
	err = add_presets(set, true, build, why);
	if (!err)
		err = add_presets(set, false, build, why);
	if (err)
		return err;
	err = fw_forest_build(list4->items, list4->count, FW_WORDS4, why, &build->forest4);
	if (err)
		return slot_reason_prefix(why, err, "IPv4: ");
	err = fw_forest_build(list6->items, list6->count, FW_WORDS6, why, &build->forest6);
	return err ? slot_reason_prefix(why, err, "IPv6: ") : 0;
}

int fw_compile(const struct fw_ruleset *set, struct slot_reason *why, struct fw_build *ret_build)
{
	struct fw_build build = {};
	int err = build_rules(set, why, &build);

	if (err) {
		fw_build_free(&build);
		return err;
	}
	*ret_build = build;
	return 0;
}
