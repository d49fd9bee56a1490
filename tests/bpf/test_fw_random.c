/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rulesets and packets at random: the program's answer is that of asking every rule in
 * turn. SLOTD_FAULTS=all compares a million packets.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/fw_case.h"
#include "tests/support/fw_entries.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

struct row {
	const char *name;
	size_t count;
	unsigned int words;
	__u32 networks;
	int packets;
};

static void load_rules(struct bpf_object *object, const struct fw_entries *entries)
{
	struct fw_case_rules rules = { .policy = FW_DROP, .rules = (__u32)entries->count };

	if (entries->words == FW_WORDS4) {
		rules.entries4 = entries->items;
		rules.count4 = entries->count;
	} else {
		rules.entries6 = entries->items;
		rules.count6 = entries->count;
	}
	fw_case_load(object, &rules);
}

static void put(unsigned char *at, __u64 value, int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		at[bytes - 1] = (unsigned char)value;
}

/* A frame with the key's header fields; bits that no such frame has are cleared in the key. */
static size_t make_frame(const struct fw_entries *entries, __u64 *key, unsigned char *frame)
{
	static const __u8 protos[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };
	__u8 proto = (__u8)(key[0] >> FW_PROTO_SHIFT), flags = (__u8)(key[0] >> FW_FLAGS_SHIFT);
	bool is_ip4 = entries->words == FW_WORDS4, is_part = key[0] >> FW_PART_SHIFT & 1;
	bool is_later = is_part && (key[0] >> FW_LATER_SHIFT & 1), has_ports;
	__u16 sport = (__u16)(key[0] >> FW_SPORT_SHIFT), dport = (__u16)(key[0] >> FW_DPORT_SHIFT);
	unsigned char *ip = frame + 14, *transport = ip + (is_ip4 ? 20 : 40);
	int i;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_ICMP)
		proto = protos[proto % 4];
	memset(frame, 0, 128);
	put(frame + 12, is_ip4 ? 0x0800 : 0x86dd, 2);
	if (is_ip4) {
		ip[0] = 0x45;
		put(ip + 2, 60, 2);
		put(ip + 6, (is_part ? 0x2000 : 0) | (is_later ? 100 : 0), 2);
		ip[9] = proto;
		put(ip + 12, key[1], 8);
	} else {
		is_part = is_later = false;
		ip[0] = 0x60;
		put(ip + 4, 40, 2);
		ip[6] = proto;
		for (i = 0; i < 4; i++)
			put(ip + 8 + i * 8, key[1 + i], 8);
	}
	put(transport, proto == IPPROTO_ICMP ? dport : sport, 2);
	put(transport + 2, dport, 2);
	transport[13] = flags;

	has_ports = !is_later && proto != IPPROTO_SCTP;
	key[0] = (__u64)proto << FW_PROTO_SHIFT | (__u64)is_part << FW_PART_SHIFT |
		 (__u64)is_later << FW_LATER_SHIFT | (__u64)has_ports << FW_PORTS_SHIFT;
	if (has_ports)
		key[0] |= (__u64)dport << FW_DPORT_SHIFT |
			  (proto == IPPROTO_ICMP ? 0 : (__u64)sport << FW_SPORT_SHIFT);
	if (has_ports && proto == IPPROTO_TCP)
		key[0] |= (__u64)flags << FW_FLAGS_SHIFT;
	return 14 + (is_ip4 ? 60 : 80);
}

static void compare_packet(struct fw_entries *entries, int prog_fd, int *found)
{
	const struct fw_entry *entry = &entries->items[fw_entries_draw(entries) % entries->count];
	LIBBPF_OPTS(bpf_test_run_opts, run);
	unsigned char frame[128];
	__u64 key[FW_WORDS6];
	__u32 wanted = XDP_DROP;
	long rule;

	fw_entries_key(entries, entry, fw_entries_draw(entries) % 4, key);
	run.data_size_in = (__u32)make_frame(entries, key, frame);
	run.data_in = frame;
	rule = fw_entries_find(entries, key);
	if (rule >= 0 && entries->items[rule].answer == FW_ACCEPT)
		wanted = XDP_PASS;
	*found += rule >= 0;
	assert_int_equal(bpf_prog_test_run_opts(prog_fd, &run), 0);
	if (run.retval != wanted)
		fail_msg("rule %ld: verdict %u, wanted %u", rule, run.retval, wanted);
}

static void answers_as_asking_every_rule(void **state)
{
	const struct row *row = *state;
	struct bpf_object *object = fw_case_open(row->count);
	struct fw_entries entries = {
		.seed = row->count * 104729 + row->words,
		.words = row->words,
		.networks = row->networks,
	};
	int i, round, prog_fd, found = 0, packets = row->packets * fw_case_scale(24);

	prog_fd = progrun_fd(object, "firewall");
	/* Each round is another ruleset, in the other bank. */
	for (round = 0; round < 3; round++) {
		fw_entries_make(&entries, row->count);
		load_rules(object, &entries);
		for (i = 0; i < packets / 3; i++)
			compare_packet(&entries, prog_fd, &found);
		fw_entries_free(&entries);
	}
	assert_in_range(found, packets / 4, packets);
	bpf_object__close(object);
}

static const struct row rows[] = {
	{ "answers_by_ten_rules", 10, FW_WORDS4, 4096, 6000 },
	{ "answers_by_ten_rules_of_ip6", 10, FW_WORDS6, 4096, 6000 },
	{ "answers_by_a_thousand_rules", 1000, FW_WORDS4, 4096, 12000 },
	{ "answers_by_a_thousand_rules_of_few_networks", 1000, FW_WORDS6, 16, 12000 },
	{ "answers_by_ten_thousand_rules", 10000, FW_WORDS4, 4096, 6000 },
};

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, answers_as_asking_every_rule, rows);
	return tap_run(&plan, "fw_random", 1);
}
