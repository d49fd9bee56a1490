/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules and frames at random, sound and spoiled: the program's verdict, and the rule that it
 * counts, are those of the reference, which reads frames and asks rules by itself.
 * SLOTD_FAULTS=all compares a million frames.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/fw_case.h"
#include "tests/support/fw_draw.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define RULES_MAX 2000
/* BPF_PROG_TEST_RUN takes what it is given for packets of lo. */
#define IFINDEX 1

struct row {
	const char *name;
	size_t rules;
	bool is_policy_accept;
	bool is_spoiled;
	int frames;
};

struct ruleset {
	struct fw_reference_rule rules[RULES_MAX];
	struct fw_entry entries4[RULES_MAX], entries6[RULES_MAX];
	size_t count, count4, count6;
};

static void ask(struct fw_entry *entry, unsigned int shift, __u64 value, __u64 mask)
{
	entry->bits[0].value |= (value & mask) << shift;
	entry->bits[0].mask |= mask << shift;
}

static void set_ports(const struct fw_reference_ports *ports, __u16 *lo, __u16 *span)
{
	*lo = ports->lo < 0 ? 0 : (__u16)ports->lo;
	*span = ports->lo < 0 ? 65535 : (__u16)(ports->hi - ports->lo);
}

static void set_transport(const struct fw_reference_rule *rule, struct fw_entry *entry)
{
	set_ports(&rule->dport, &entry->ports.dport_lo, &entry->ports.dport_span);
	set_ports(&rule->sport, &entry->ports.sport_lo, &entry->ports.sport_span);
	if (rule->proto >= 0)
		ask(entry, FW_PROTO_SHIFT, (__u64)rule->proto, 0xff);
	if (rule->dport.lo >= 0 || rule->sport.lo >= 0 || rule->flags_mask ||
	    rule->icmp_type >= 0 || rule->icmp_code >= 0)
		ask(entry, FW_PORTS_SHIFT, 1, 1);
	ask(entry, FW_FLAGS_SHIFT, rule->flags, rule->flags_mask);
	if (rule->icmp_type >= 0)
		ask(entry, FW_DPORT_SHIFT + 8, (__u64)rule->icmp_type, 0xff);
	if (rule->icmp_code >= 0)
		ask(entry, FW_DPORT_SHIFT, (__u64)rule->icmp_code, 0xff);
}

static void set_place(const struct fw_reference_rule *rule, struct fw_entry *entry)
{
	static const struct {
		__u64 value, mask;
	} parts[] = {
		[FW_NO_PART] = { 0, 1 }, [FW_FIRST_PART] = { 1, 3 }, [FW_LATER_PART] = { 3, 3 }
	};

	_Static_assert(FW_LATER_SHIFT == FW_PART_SHIFT + 1, "parts are two bits in a row");
	ask(entry, FW_PART_SHIFT, parts[rule->part].value, parts[rule->part].mask);
	if (rule->ifindex) /* keys number the one interface that a ruleset here names */
		ask(entry, FW_IFACE_SHIFT, rule->ifindex == IFINDEX ? 1 : 2, 0xff);
}

/* Bits of the prefix from @first on, as a word of @count of them. */
static struct fw_bits get_bits(const struct fw_reference_prefix *prefix, int first, int count)
{
	struct fw_bits bits = {};
	int bit;

	for (bit = first; bit < first + count; bit++) {
		bool is_asked = bit < prefix->len;

		bits.mask = bits.mask << 1 | is_asked;
		bits.value = bits.value << 1 |
			     (is_asked && (prefix->addr[bit / 8] >> (7 - bit % 8) & 1));
	}
	return bits;
}

static void add_entry(struct ruleset *set, const struct fw_reference_rule *rule, bool is_ip4)
{
	struct fw_entry *entry = is_ip4 ? &set->entries4[set->count4++] :
					  &set->entries6[set->count6++];
	int word;

	*entry = (struct fw_entry){ .rule = (__u32)(rule - set->rules),
				    .answer = rule->is_accept ? FW_ACCEPT : FW_DROP };
	set_transport(rule, entry);
	set_place(rule, entry);
	if (is_ip4) {
		struct fw_bits src = get_bits(&rule->src, 0, 32), dst = get_bits(&rule->dst, 0, 32);

		entry->bits[1].value = src.value << 32 | dst.value;
		entry->bits[1].mask = src.mask << 32 | dst.mask;
		return;
	}
	for (word = 0; word < 2; word++) {
		entry->bits[1 + word] = get_bits(&rule->src, word * 64, 64);
		entry->bits[3 + word] = get_bits(&rule->dst, word * 64, 64);
	}
}

static void draw_ruleset(struct fw_draw *draw, const struct row *row, struct ruleset *set)
{
	size_t i;

	memset(set, 0, sizeof(*set));
	set->count = row->rules;
	for (i = 0; i < set->count; i++) {
		fw_draw_rule(draw, &set->rules[i]);
		if (set->rules[i].family != 6)
			add_entry(set, &set->rules[i], true);
		if (set->rules[i].family != 4)
			add_entry(set, &set->rules[i], false);
	}
}

static void load_ruleset(struct bpf_object *object, const struct row *row,
			 const struct ruleset *set)
{
	fw_case_load(object, &(struct fw_case_rules){
				     .entries4 = set->entries4,
				     .entries6 = set->entries6,
				     .count4 = set->count4,
				     .count6 = set->count6,
				     .policy = row->is_policy_accept ? FW_ACCEPT : FW_DROP,
				     .rules = (__u32)set->count,
				     .interface = IFINDEX,
			     });
}

static void dump_frame(const uint8_t *frame, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		print_error("%02x", frame[i]);
	print_error("\n");
}

/* Returns the rule that decided, or -1. */
static long compare_frame(struct fw_draw *draw, const struct row *row, const struct ruleset *set,
			  int prog_fd)
{
	const struct fw_reference_rule *about =
		&set->rules[fw_draw_below(draw, (uint32_t)set->count)];
	uint8_t frame[FW_DRAW_FRAME_MAX];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame);
	enum fw_reference_verdict wanted;
	long rule;

	run.data_size_in = (__u32)fw_draw_frame(draw, about, row->is_spoiled, frame);
	wanted = fw_reference_judge(set->rules, set->count, row->is_policy_accept, frame,
				    run.data_size_in, IFINDEX, &rule);
	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &run), 0);
	if (run.retval == (wanted == FW_REFERENCE_PASS ? XDP_PASS : XDP_DROP))
		return rule;
	dump_frame(frame, run.data_size_in);
	fail_msg("rule %ld by the reference: verdict %u", rule, run.retval);
	return -1;
}

/* The rules that decided, each as often as the reference says. */
static void compare_hits(struct bpf_object *object, const struct ruleset *set,
			 const unsigned long *wanted)
{
	__u64 packets, bytes;
	__u32 i;

	for (i = 0; i < set->count; i++) {
		fw_case_hits(object, i, &packets, &bytes);
		if (packets != wanted[i])
			fail_msg("rule %u: %llu packets counted, wanted %lu", i, packets,
				 wanted[i]);
		assert_true(packets ? bytes >= packets * 14 : !bytes);
	}
}

static void judges_as_the_reference(void **state)
{
	static struct ruleset set;
	static unsigned long wanted[RULES_MAX];
	const struct row *row = *state;
	struct fw_draw draw = { .seed = row->rules * 7919 + (row->is_spoiled ? 3 : 1) };
	struct bpf_object *object = fw_case_open(4 * RULES_MAX);
	int i, round, prog_fd = progrun_fd(object, "firewall"), decided = 0;
	int rounds = fw_case_scale(16) * 2, frames = row->frames * fw_case_scale(26) / rounds;
	long rule;

	for (round = 0; round < rounds; round++) {
		memset(wanted, 0, sizeof(wanted));
		draw_ruleset(&draw, row, &set);
		load_ruleset(object, row, &set);
		for (i = 0; i < frames; i++) {
			rule = compare_frame(&draw, row, &set, prog_fd);
			if (rule >= 0)
				wanted[rule]++;
			decided += rule >= 0;
		}
		compare_hits(object, &set, wanted);
	}
	/* Neither all nor nothing matched, or little was compared. */
	assert_in_range(decided, rounds * frames / 10, rounds * frames * 9 / 10);
	bpf_object__close(object);
}

static const struct row rows[] = {
	{ "one_rule", 1, true, false, 4000 },
	{ "ten_rules", 10, false, false, 8000 },
	{ "a_hundred_rules", 100, true, false, 8000 },
	{ "two_thousand_rules", 2000, false, false, 8000 },
	{ "spoiled_frames_and_ten_rules", 10, true, true, 8000 },
	{ "spoiled_frames_and_a_thousand_rules", 1000, false, true, 8000 },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, judges_as_the_reference, rows);
	return tap_run(&plan, "fw_reference", 1);
}
