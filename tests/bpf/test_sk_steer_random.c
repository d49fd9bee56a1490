/* SPDX-License-Identifier: GPL-2.0-only */
/* Random rules, whose lookups have to end as one gets by reading all rules one after the other. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/draw.h"
#include "tests/support/steer_case.h"
#include "tests/support/tap.h"

#define LOOKUPS 2000
#define GROUPS 8
#define EMPTY_GROUPS 2 /* the last ones have no socket */

/* One for each group and protocol, bound to :: so that both families may reach it. */
static int tcp[GROUPS], udp[GROUPS];

static void fill_groups(void)
{
	for (int i = 0; i < GROUPS; i++) {
		struct steer_socket own = { "::", 0, IPPROTO_TCP, false, false };
		char name[SK_STEER_NAME_MAX], line[64];

		snprintf(name, sizeof(name), "group%d", i);
		snprintf(line, sizeof(line), "rule add 203.0.113.%d tcp 1 %s", i + 1, name);
		steer_assert_does(line);
		tcp[i] = udp[i] = -1;
		if (i >= GROUPS - EMPTY_GROUPS)
			continue;
		tcp[i] = steer_socket_open(&own);
		own.proto = IPPROTO_UDP;
		udp[i] = steer_socket_open(&own);
		steer_socket_add(name, tcp[i]);
		steer_socket_add(name, udp[i]);
	}
}

/* Once for all cases, none of which leaves anything to the next. */
static void open_bed(void)
{
	if (steer_bed.object)
		return;
	steer_set_up(NULL);
	fill_groups();
}

/* --- what is drawn --------------------------------------------------------------------------- */

/* Few addresses and few ports, so that rules meet. */
static void draw_addr(uint64_t *seed, uint8_t family, __u8 addr[16])
{
	memset(addr, 0, 16);
	if (family == 4) {
		memcpy(addr, (const __u8[]){ 192, 0, 2, (__u8)draw_below(seed, 16) }, 4);
		return;
	}
	memcpy(addr, (const __u8[]){ 0x20, 0x01, 0x0d, 0xb8 }, 4);
	addr[7] = (__u8)draw_below(seed, 4);
	addr[15] = (__u8)draw_below(seed, 8);
}

static uint16_t draw_port(uint64_t *seed)
{
	static const uint16_t ends[] = { 1, 65535, 65534, 255, 256 };
	uint32_t number = draw_below(seed, 40);

	return number < 5 ? ends[number] : (uint16_t)(60 + number);
}

static void cut_prefix(struct sk_steer_rule *rule)
{
	for (unsigned int bit = rule->len; bit < 128; bit++)
		rule->addr[bit / 8] &= (__u8) ~(0x80 >> bit % 8);
}

static struct sk_steer_rule draw_rule(uint64_t *seed)
{
	static const __u8 lens4[] = { 0, 24, 27, 28, 30, 31, 32, 32 };
	static const __u8 lens6[] = { 0, 32, 63, 64, 125, 127, 128, 128 };
	struct sk_steer_rule rule = {
		.family = draw_below(seed, 2) ? 4 : 6,
		.proto = draw_below(seed, 2) ? IPPROTO_TCP : IPPROTO_UDP,
		.flags = draw_below(seed, 2) ? SK_STEER_DROP : 0,
		.group = draw_below(seed, GROUPS),
		.first = draw_port(seed),
	};
	uint16_t last = draw_port(seed);

	rule.last = last;
	if (last < rule.first) {
		rule.last = rule.first;
		rule.first = last;
	}
	rule.len = rule.family == 4 ? lens4[draw_below(seed, 8)] : lens6[draw_below(seed, 8)];
	draw_addr(seed, rule.family, rule.addr);
	cut_prefix(&rule);
	return rule;
}

static bool is_there(const struct sk_steer_rules *rules, const struct sk_steer_rule *rule)
{
	for (size_t i = 0; i < SK_STEER_RULES_MAX; i++)
		if (sk_steer_rule_is_same(&rules->rules[i], rule))
			return true;
	return false;
}

/* --- the reference --------------------------------------------------------------------------- */

/* One address and port, as a rule of one address and one port. */
static bool applies(const struct sk_steer_rule *rule, const struct sk_steer_rule *dest)
{
	if (rule->family != dest->family || rule->proto != dest->proto)
		return false;
	for (unsigned int bit = 0; bit < rule->len; bit++)
		if ((rule->addr[bit / 8] ^ dest->addr[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return rule->first <= dest->first && dest->first <= rule->last;
}

static bool is_better(const struct sk_steer_rule *rule, const struct sk_steer_rule *best)
{
	int width = rule->last - rule->first, best_width = best->last - best->first;

	if (rule->len != best->len)
		return rule->len > best->len;
	return width != best_width ? width < best_width : rule->first < best->first;
}

static const struct sk_steer_rule *find_best(const struct sk_steer_rules *rules,
					     const struct sk_steer_rule *dest)
{
	const struct sk_steer_rule *best = NULL;

	for (size_t i = 0; i < SK_STEER_RULES_MAX; i++) {
		const struct sk_steer_rule *rule = &rules->rules[i];

		if (rule->family && applies(rule, dest) && (!best || is_better(rule, best)))
			best = rule;
	}
	return best;
}

/* --- comparison ------------------------------------------------------------------------------ */

static void compare(const struct sk_steer_rules *rules, const struct sk_steer_rule *dest)
{
	const struct sk_steer_rule *best = find_best(rules, dest);
	char text[INET6_ADDRSTRLEN];
	const struct steer_lookup lookup = { text, dest->first, dest->proto, 0 };
	int fd = !best ? -1 : dest->proto == IPPROTO_TCP ? tcp[best->group] : udp[best->group];

	inet_ntop(dest->family == 4 ? AF_INET : AF_INET6, dest->addr, text, sizeof(text));
	if (best && fd < 0 && best->flags & SK_STEER_DROP)
		steer_assert_drops(&lookup);
	else
		steer_assert_finds(&lookup, fd);
}

static const struct row {
	const char *name;
	size_t rules;
} rows[] = {
	{ "one_rule", 1 },
	{ "three_rules", 3 },
	{ "twenty_rules", 20 },
	{ "two_hundred_rules", 200 },
	{ "as_many_rules_as_fit", SK_STEER_RULES_MAX },
};

static int map_fd(const char *name)
{
	return bpf_object__find_map_fd_by_name(steer_bed.object, name);
}

static void write_rules(const struct sk_steer_rules *rules)
{
	const struct sk_steer_maps maps = {
		.control = map_fd(SK_STEER_CONTROL_NAME),
		.rules = map_fd(SK_STEER_RULES_NAME),
		.prefixes = map_fd(SK_STEER_PREFIXES_NAME),
		.spans = map_fd(SK_STEER_SPANS_NAME),
	};
	struct slot_reason why = {};

	if (sk_steer_rules_set(&maps, rules, &why))
		fail_msg("%s", why.text);
}

static void lookups_end_as_the_rules_say(void **state)
{
	const struct row *row = *state;
	uint64_t seed = draw_seed(row->rules);
	static struct sk_steer_rules rules;
	uint32_t first = draw_below(&seed, SK_STEER_RULES_MAX);

	open_bed();
	print_message("# SLOTD_SEED=%llu\n", (unsigned long long)draw_told());
	/* twice, as there are two banks */
	for (int round = 0; round < 2; round++) {
		memset(&rules, 0, sizeof(rules));
		for (size_t i = 0; i < row->rules; i++) {
			struct sk_steer_rule rule = draw_rule(&seed);

			if (!is_there(&rules, &rule))
				rules.rules[(first + i) % SK_STEER_RULES_MAX] = rule;
		}
		write_rules(&rules);
		for (int i = 0; i < LOOKUPS; i++) {
			struct sk_steer_rule dest = draw_rule(&seed);

			draw_addr(&seed, dest.family, dest.addr);
			dest.first = draw_port(&seed);
			compare(&rules, &dest);
		}
	}
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, lookups_end_as_the_rules_say, rows);
	return tap_run(&plan, "sk_steer_random", 1);
}
