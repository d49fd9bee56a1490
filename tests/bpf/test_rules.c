/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The return contract of a slot against a model of it written in C: the rules
 * under test belong to slot RULED, behind which slot LATER has the default ones.
 * Every root is loaded by the running kernel, and every frame is counted.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "dispatcher/insn.h"
#include "dispatcher/root.h"
#include "loader/lib/chain/counters.h"
#include "loader/lib/engine/root_load.h"
#include "tests/support/tap.h"

#define RULED 3
#define LATER 9
#define STUB_VERDICT 255 /* of a stub that no extension replaced */
#define FRAME_SIZE 60
#define COUNTED (1 << 0)
#define BY_PACKET (1 << 1) /* bodies return a byte of the packet; else a constant */

static const unsigned int verdicts[] = { 0, 1, 2, 3, 4, 5, 255 };
static const unsigned int later_verdicts[] = { ROOT_COL_PASS, ROOT_COL_DROP };

#define ALL ROOT_VERDICT_ALL
#define BIT(verdict) (1U << ROOT_COL_##verdict)

/* For roots of constants, which are loaded for each verdict anew. */
static const __u8 some_allows[] = {
	ALL, BIT(DROP), BIT(PASS), BIT(PASS) | BIT(DROP), BIT(TX) | BIT(REDIRECT), BIT(ABORTED),
};

struct row {
	const char *name;
	unsigned int flags;
	__u8 denied_as;
};

struct answer {
	unsigned int verdict;
	struct slot_counters counters;
};

static int counters_fd = -1;
static unsigned int cpu_max;

/* One slot, in the words of root.h. Returns whether the chain goes on. */
static bool model_slot(const struct root_rules *rules, unsigned int verdict,
		       struct slot_packets *packets, unsigned int *ret_verdict)
{
	bool is_allowed = verdict < ROOT_VERDICTS && rules->allow & 1U << verdict;

	packets->seen = 1;
	packets->verdicts[is_allowed ? verdict : ROOT_COL_DENIED] = 1;
	*ret_verdict = is_allowed ? verdict : rules->denied_as;
	if (!is_allowed && rules->denied_as != ROOT_DENIED_AS_PASS)
		return false;
	return rules->continue_on & 1U << *ret_verdict;
}

static struct answer model_chain(const struct root_rules *rules, unsigned int ruled,
				 unsigned int later)
{
	struct root_rules usual = ROOT_RULES_DEFAULT;
	struct answer answer = { .counters.packets = 1 };

	if (!model_slot(rules, ruled, &answer.counters.slots[RULED], &answer.verdict))
		return answer;
	if (!model_slot(&usual, later, &answer.counters.slots[LATER], &answer.verdict))
		return answer;
	answer.counters.passed = 1;
	return answer;
}

static const char *describe(const struct root_rules *rules, unsigned int ruled, unsigned int later)
{
	static char text[128];

	snprintf(text, sizeof(text),
		 "continue_on %#x, allow %#x, denied_as %u, slot %d answers %u, slot %d answers %u",
		 rules->continue_on, rules->allow, rules->denied_as, RULED, ruled, LATER, later);
	return text;
}

static int load_root(struct root_spec *spec, const char *what)
{
	struct slot_root_kind kind = { .type = BPF_PROG_TYPE_XDP, .attach = BPF_XDP };
	struct root_image image;
	struct slot_reason why;
	int fd = -1;

	assert_int_equal(slot_root_emit(spec, &image), 0);
	if (slot_root_load(&image, &kind, &why, &fd))
		fail_msg("%s: %s", what, why.text);
	slot_root_image_free(&image);
	return fd;
}

static struct root_spec spec_of(const struct root_rules *rules, unsigned int flags)
{
	struct root_spec spec = {
		.counters_fd = flags & COUNTED ? counters_fd : -1,
		.cpu_max = cpu_max,
	};

	spec.slots[RULED] = (struct root_slot){ .taken = true, .rules = *rules };
	spec.slots[LATER] = (struct root_slot){ .taken = true, .rules = ROOT_RULES_DEFAULT };
	return spec;
}

/* Frames bring both verdicts in their first bytes. */
static void check_frame(int fd, const struct root_rules *rules, unsigned int flags,
			unsigned int ruled, unsigned int later)
{
	unsigned char frame[FRAME_SIZE] = { (unsigned char)ruled, (unsigned char)later };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame));
	struct answer expected = model_chain(rules, ruled, later);
	struct slot_lineup lineup = { .running = 1U << RULED | 1U << LATER };
	struct slot_counters counted = { 0 };

	assert_int_equal(bpf_prog_test_run_opts(fd, &opts), 0);
	if (opts.retval != expected.verdict)
		fail_msg("%s: returned %u instead of %u", describe(rules, ruled, later),
			 opts.retval, expected.verdict);
	if (!(flags & COUNTED))
		return;
	assert_int_equal(slot_counters_add(counters_fd, &lineup, &counted), 0);
	if (memcmp(&counted, &expected.counters, sizeof(counted)))
		fail_msg("%s: counted something else", describe(rules, ruled, later));
	assert_int_equal(slot_counters_clear(counters_fd), 0);
}

/* A body that returns byte @at of the packet: no verdict is known beforehand. */
#define BODY_BY_PACKET(at)                                                                         \
	{                                                                                          \
		insn_load32(BPF_REG_2, BPF_REG_1, offsetof(struct xdp_md, data)),                  \
		insn_load32(BPF_REG_3, BPF_REG_1, offsetof(struct xdp_md, data_end)),              \
		insn_mov(BPF_REG_4, BPF_REG_2),                                                    \
		insn_alu_imm(BPF_ADD, BPF_REG_4, (at) + 1),                                        \
		insn_mov_imm(BPF_REG_0, ROOT_COL_ABORTED),                                         \
		insn_make(BPF_JMP | BPF_JGT | BPF_X, BPF_REG_4, BPF_REG_3, 1, 0),                  \
		insn_make(BPF_LDX | BPF_MEM | BPF_B, BPF_REG_0, BPF_REG_2, at, 0),                 \
		insn_exit(),                                                                       \
	}
#define BODY(body)                                                                                 \
	((struct root_body){ .insns = (body), .count = sizeof(body) / sizeof((body)[0]) })

static void check_by_packet(const struct root_rules *rules, unsigned int flags)
{
	const struct bpf_insn ruled[] = BODY_BY_PACKET(0);
	const struct bpf_insn later[] = BODY_BY_PACKET(1);
	struct root_spec spec = spec_of(rules, flags);
	size_t v;
	size_t l;
	int fd;

	spec.slots[RULED].body = BODY(ruled);
	spec.slots[LATER].body = BODY(later);
	fd = load_root(&spec, describe(rules, 256, 256));
	for (v = 0; v < sizeof(verdicts) / sizeof(verdicts[0]); v++)
		for (l = 0; l < 2; l++)
			check_frame(fd, rules, flags, verdicts[v], later_verdicts[l]);
	close(fd);
}

/* The verifier knows the verdict of a constant, and removes the ways that it rules out. */
static void check_constant(const struct root_rules *rules, unsigned int flags, unsigned int verdict,
			   unsigned int later_verdict)
{
	const struct bpf_insn ruled[] = { insn_mov_imm(BPF_REG_0, (__s32)verdict), insn_exit() };
	const struct bpf_insn later[] = { insn_mov_imm(BPF_REG_0, (__s32)later_verdict),
					  insn_exit() };
	struct root_spec spec = spec_of(rules, flags);
	int fd;

	spec.slots[RULED].body = BODY(ruled);
	spec.slots[LATER].body = BODY(later);
	fd = load_root(&spec, describe(rules, verdict, later_verdict));
	check_frame(fd, rules, flags, verdict, later_verdict);
	close(fd);
}

static void check_constants(const struct root_rules *rules, unsigned int flags)
{
	size_t v;

	for (v = 0; v < sizeof(verdicts) / sizeof(verdicts[0]); v++)
		check_constant(rules, flags, verdicts[v],
			       later_verdicts[(v + rules->continue_on) % 2]);
}

static void a_chain_does_what_the_rules_say(void **state)
{
	const struct row *row = *state;
	struct root_rules rules = { .denied_as = row->denied_as };
	size_t i;

	assert_int_equal(slot_counters_clear(counters_fd), 0);
	for (rules.continue_on = 0; rules.continue_on <= ALL; rules.continue_on++) {
		if (row->flags & BY_PACKET) {
			for (rules.allow = 1; rules.allow <= ALL; rules.allow++)
				check_by_packet(&rules, row->flags);
			continue;
		}
		for (i = 0; i < sizeof(some_allows); i++) {
			rules.allow = some_allows[i];
			check_constants(&rules, row->flags);
		}
	}
}

/* An extension is linked to a stub by its record among the functions that the kernel kept. */
static void no_rules_take_a_stub_away(void **state)
{
	const struct row *row = *state;
	struct root_rules rules = { .denied_as = row->denied_as };

	assert_int_equal(slot_counters_clear(counters_fd), 0);
	for (rules.continue_on = 0; rules.continue_on <= ALL; rules.continue_on++)
		for (rules.allow = 1; rules.allow <= ALL; rules.allow++) {
			struct root_spec spec = spec_of(&rules, COUNTED);
			struct bpf_prog_info info = { 0 };
			__u32 len = sizeof(info);
			int fd = load_root(&spec, describe(&rules, STUB_VERDICT, STUB_VERDICT));

			assert_int_equal(bpf_prog_get_info_by_fd(fd, &info, &len), 0);
			if (info.nr_func_info != 3)
				fail_msg("%s: %u functions left of 3",
					 describe(&rules, STUB_VERDICT, STUB_VERDICT),
					 info.nr_func_info);
			check_frame(fd, &rules, COUNTED, STUB_VERDICT, STUB_VERDICT);
			close(fd);
		}
}

#define ROWS(what, bits)                                                                           \
	{ what ", denied_as aborted", bits, ROOT_DENIED_AS_ABORTED },                              \
		{ what ", denied_as drop", bits, ROOT_DENIED_AS_DROP },                            \
	{                                                                                          \
		what ", denied_as pass", bits, ROOT_DENIED_AS_PASS                                 \
	}

static const struct row chain_rows[] = {
	ROWS("any rules, any verdict", BY_PACKET | COUNTED),
	ROWS("any rules, any verdict, without counters", BY_PACKET),
	ROWS("rules and verdicts known to the verifier", COUNTED),
};

static const struct row stub_rows[] = {
	ROWS("any rules keep both stubs", 0),
};

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid()) {
		counters_fd = slot_counters_new(&cpu_max);
		assert_true(counters_fd >= 0);
	}
	TAP_ADD_TABLE(&plan, a_chain_does_what_the_rules_say, chain_rows);
	TAP_ADD_TABLE(&plan, no_rules_take_a_stub_away, stub_rows);
	return tap_run(&plan, "rules", 1);
}
