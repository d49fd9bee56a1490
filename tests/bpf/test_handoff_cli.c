/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules of handoff: whose they are, what a step leaves of the one before, and the commands. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "loader/lib/base/clock.h"
#include "programs/handoff/maps/handoff_address.h"
#include "programs/handoff/maps/handoff_moves.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "tests/support/handoff_case.h"
#include "tests/support/program_bed.h"
#include "tests/support/tap.h"

#define ID 0xabc1
#define OTHER_ID 0xabc2
#define CLIENT "198.51.100.7:40000"
#define LOCAL "203.0.113.80:443"
#define MANY 1000
#define NS_PER_S 1000000000ULL

static struct program_bed bed;
static struct handoff_rules rules;

static const struct handoff_spec conn4 = { .src = "198.51.100.7",
					   .dst = "203.0.113.80",
					   .sport = 40000,
					   .dport = 443 };
static const struct handoff_spec conn6 = { .src = "2001:db8:7::7",
					   .dst = "2001:db8:80::80",
					   .sport = 40000,
					   .dport = 443,
					   .is_ip6 = true };

static int set_up(void **state)
{
	struct slot_reason why = {};

	(void)state;
	program_bed_open(&bed, &handoff_cli, progrun_open("bpf/handoff.bpf.o"));
	assert_int_equal(handoff_rules_open(PROGRAM_BED_DIR, true, &why, &rules), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	handoff_rules_close(&rules);
	program_bed_close(&bed);
	return 0;
}

static struct handoff_target get_target(const char *address, uint16_t port)
{
	struct handoff_target target = {};

	handoff_address(address, port, target.address, &target.port);
	return target;
}

static struct handoff_source get_source(const char *address, uint16_t port)
{
	struct handoff_source source = {};

	handoff_address(address, port, source.address, &source.port);
	return source;
}

static struct handoff_rule get_rule(const struct handoff_key *key)
{
	struct handoff_rule rule = {};

	assert_int_equal(handoff_rules_get(&rules, key, &rule), 0);
	return rule;
}

static void a_step_keeps_the_other_direction(void **state)
{
	const struct handoff_source source = get_source("203.0.113.80", 443);
	const struct handoff_target target = get_target("192.0.2.33", 40001);
	const struct handoff_key key = handoff_spec_key(&conn4);
	struct handoff_rule rule;

	(void)state;
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 5 * NS_PER_S), 0);
	assert_int_equal(handoff_rules_rewrite(&rules, &key, ID, &source, HANDOFF_BLOCK), 0);
	rule = get_rule(&key);
	assert_int_equal(rule.ingress, HANDOFF_BLOCK);
	assert_int_equal(rule.deadline_ns, 5 * NS_PER_S);
	assert_int_equal(rule.egress, HANDOFF_REWRITE);
	assert_int_equal(handoff_rules_redirect(&rules, &key, ID, &target), 0);
	rule = get_rule(&key);
	assert_int_equal(rule.ingress, HANDOFF_REDIRECT);
	assert_int_equal(rule.deadline_ns, 0);
	assert_memory_equal(&rule.source, &source, sizeof(source));
	assert_int_equal(handoff_rules_rewrite(&rules, &key, ID, &source, HANDOFF_BLOCK), -EINVAL);
	assert_int_equal(handoff_rules_rewrite(&rules, &key, ID, &source, HANDOFF_PASS), 0);
	assert_int_equal(get_rule(&key).ingress, HANDOFF_PASS);
}

static void a_rule_of_another_handoff_is_left_alone(void **state)
{
	const struct handoff_source source = get_source("203.0.113.80", 443);
	const struct handoff_target target = get_target("192.0.2.33", 40001);
	const struct handoff_key key = handoff_spec_key(&conn4);

	(void)state;
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	assert_int_equal(handoff_rules_block(&rules, &key, OTHER_ID, 0), -ESTALE);
	assert_int_equal(handoff_rules_redirect(&rules, &key, OTHER_ID, &target), -ESTALE);
	assert_int_equal(handoff_rules_rewrite(&rules, &key, OTHER_ID, &source, HANDOFF_PASS),
			 -ESTALE);
	assert_int_equal(handoff_rules_remove(&rules, &key, OTHER_ID), -ESTALE);
	assert_int_equal(get_rule(&key).id, ID);
	assert_int_equal(handoff_rules_remove(&rules, &key, ID), 0);
	assert_int_equal(handoff_rules_remove(&rules, &key, ID), 0);
	assert_int_equal(handoff_rules_block(&rules, &key, OTHER_ID, 0), 0);
}

static void a_rule_that_was_judged_goes_only_as_it_was(void **state)
{
	const struct handoff_key key = handoff_spec_key(&conn4);
	struct handoff_rule judged, rule;

	(void)state;
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	judged = get_rule(&key);
	/* another step of the same handoff */
	assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	assert_int_equal(handoff_rules_remove_over(&rules, &key, &judged), -ESTALE);
	/* another packet */
	judged = rule = get_rule(&key);
	rule.use.last_ns++;
	assert_int_equal(bpf_map_update_elem(rules.table, &key, &rule, BPF_EXIST), 0);
	assert_int_equal(handoff_rules_remove_over(&rules, &key, &judged), -ESTALE);
	judged = get_rule(&key);
	assert_int_equal(handoff_rules_remove_over(&rules, &key, &judged), 0);
	assert_int_equal(handoff_rules_remove_over(&rules, &key, &judged), -ENOENT);
}

static void families_are_not_mixed(void **state)
{
	const struct handoff_source source = get_source("2001:db8::1", 443);
	const struct handoff_target target = get_target("192.0.2.33", 40001);
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct handoff_key key4 = handoff_spec_key(&conn4), key6 = handoff_spec_key(&conn6);
	struct handoff_key key;

	(void)state;
	assert_int_equal(handoff_rules_redirect(&rules, &key6, ID, &target), -EAFNOSUPPORT);
	assert_int_equal(handoff_rules_rewrite(&rules, &key4, ID, &source, HANDOFF_PASS),
			 -EAFNOSUPPORT);
	assert_int_equal(handoff_key_set((struct sockaddr *)&in, (struct sockaddr *)&in6, &key),
			 -EAFNOSUPPORT);
	in.sin_family = AF_UNIX;
	assert_int_equal(handoff_key_set((struct sockaddr *)&in, (struct sockaddr *)&in6, &key),
			 -EAFNOSUPPORT);
}

static int remove_each(const struct handoff_key *key, const struct handoff_rule *rule, void *data)
{
	++*(size_t *)data;
	return handoff_rules_remove(&rules, key, rule->id);
}

static void all_of_many_rules_are_seen_and_may_be_removed(void **state)
{
	struct handoff_spec spec = conn4;
	size_t seen = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		struct handoff_key key;

		spec.sport = (uint16_t)(1024 + i);
		key = handoff_spec_key(&spec);
		assert_int_equal(handoff_rules_block(&rules, &key, ID, 0), 0);
	}
	assert_int_equal(handoff_rules_each(&rules, remove_each, &seen), 0);
	assert_int_equal(seen, MANY);
	seen = 0;
	assert_int_equal(handoff_rules_each(&rules, remove_each, &seen), 0);
	assert_int_equal(seen, 0);
}

static void add_rules(void)
{
	const struct handoff_source source = get_source("2001:db8:1::1", 80);
	const struct handoff_target target = get_target("192.0.2.33", 40001);
	const struct handoff_key key4 = handoff_spec_key(&conn4), key6 = handoff_spec_key(&conn6);

	assert_int_equal(handoff_rules_redirect(&rules, &key4, ID, &target), 0);
	assert_int_equal(handoff_rules_rewrite(&rules, &key6, OTHER_ID, &source, HANDOFF_PASS), 0);
}

static void assert_no_rules(void)
{
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	program_bed_assert_said(&bed, "", "no rules\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	assert_string_equal(bed.err, "");
}

static void show_tells_of_rules_in_words(void **state)
{
	(void)state;
	assert_no_rules();
	add_rules();
	program_bed_assert_runs(&bed, "show " CLIENT " " LOCAL,
				CLIENT " " LOCAL "  id abc1  in redirect 192.0.2.33:40001  "
				       "packets 0 in 0 out 0 blocked\n");
	program_bed_assert_runs(&bed, "show [2001:db8:7::7]:40000 [2001:db8:80::80]:443",
				"[2001:db8:7::7]:40000 [2001:db8:80::80]:443  id abc2  in pass  "
				"out rewrite [2001:db8:1::1]:80  packets 0 in 0 out 0 blocked\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"target\": \"192.0.2.33:40001\""));
	assert_non_null(strstr(bed.out, "\"idle_s\": null"));
	program_bed_assert_fails(&bed, "show 198.51.100.7:1 " LOCAL,
				 "this connection has no rule\n");
	program_bed_assert_fails(&bed, "show 198.51.100.7 " LOCAL,
				 "'198.51.100.7': expected an address and a port, 192.0.2.1:80 or "
				 "[2001:db8::1]:80\n");
	program_bed_assert_fails(&bed, "show [2001:db8::1]:1 " LOCAL,
				 "'[2001:db8::1]:1' and '" LOCAL
				 "': expected two addresses of one family\n");
	assert_int_equal(program_bed_run(&bed, "show " CLIENT), PROGRAM_USAGE);
}

/* As the agent writes it. */
static void show_tells_what_the_device_does(void **state)
{
	struct handoff_offloads offloads = HANDOFF_OFFLOADS_CLOSED;
	const struct handoff_key key4 = handoff_spec_key(&conn4), key6 = handoff_spec_key(&conn6);
	struct handoff_offload offload = { .id = ID, .packets = 5, .bytes = 600, .is_active = 1 };
	const struct handoff_told told = { .device = "eth7" };
	struct slot_reason why;

	(void)state;
	add_rules();
	assert_int_equal(handoff_offloads_open(PROGRAM_BED_DIR, true, &why, &offloads), 0);
	assert_int_equal(handoff_told_set(&offloads, &told), 0);
	assert_int_equal(handoff_offloads_set(&offloads, &key4, &offload), 0);
	program_bed_assert_runs(&bed, "show " CLIENT " " LOCAL,
				CLIENT " " LOCAL "  id abc1  in redirect 192.0.2.33:40001  "
				       "packets 0 in 0 out 0 blocked  device eth7 5 packets 600 "
				       "bytes\n");
	assert_int_equal(program_bed_run_json(&bed, "show " CLIENT " " LOCAL), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"name\": \"eth7\""));
	assert_non_null(strstr(bed.out, "\"active\": true"));
	offload.is_active = 0;
	assert_int_equal(handoff_offloads_set(&offloads, &key6, &offload), 0);
	assert_int_equal(handoff_offloads_del(&offloads, &key4), 0);
	assert_int_equal(handoff_rules_remove(&rules, &key6, OTHER_ID), 0);
	program_bed_assert_runs(&bed, "show",
				CLIENT " " LOCAL "  id abc1  in redirect 192.0.2.33:40001  "
				       "packets 0 in 0 out 0 blocked\n"
				       "[2001:db8:7::7]:40000 [2001:db8:80::80]:443  no rule  "
				       "device eth7 changing 5 packets 600 bytes\n");
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"device\": null"));
	assert_non_null(strstr(bed.out, "\"active\": false"));
	assert_int_equal(handoff_offloads_clear(&offloads), 0);
	handoff_offloads_close(&offloads);
}

static int add_claim(const struct program_claims *claims, const struct program_claim *claim)
{
	assert_int_equal(claim->kind, PROGRAM_CLAIM_MUTE);
	*(__u32 *)claims->data += claim->connections;
	return 0;
}

static __u32 count_claimed(void)
{
	__u32 count = 0;
	const struct program_claims claims = { .map_dir = PROGRAM_BED_DIR,
					       .add = add_claim,
					       .data = &count };
	struct slot_reason why = {};

	assert_int_equal(handoff_cli.claim(&claims, &why), 0);
	return count;
}

/* As the program of handoff counts, and that of handoff_out does not. */
static void show_says_what_handoff_out_does_not_send(void **state)
{
	const struct handoff_key key4 = handoff_spec_key(&conn4), key6 = handoff_spec_key(&conn6);
	struct handoff_rule rule;

	(void)state;
	add_rules();
	assert_int_equal(handoff_rules_get(&rules, &key4, &rule), 0);
	rule.use.in_packets = 3;
	assert_int_equal(bpf_map_update_elem(rules.table, &key4, &rule, BPF_EXIST), 0);
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	assert_null(strstr(bed.err, "handoff_out"));
	assert_int_equal(count_claimed(), 0);
	assert_int_equal(handoff_rules_get(&rules, &key6, &rule), 0);
	rule.use.in_packets = 3;
	assert_int_equal(bpf_map_update_elem(rules.table, &key6, &rule, BPF_EXIST), 0);
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	assert_string_equal(bed.err,
			    "connections whose answers do not pass handoff_out: 1; does it run?\n");
	assert_int_equal(count_claimed(), 0);
	rule.use.last_ns = slot_clock_ns();
	assert_int_equal(bpf_map_update_elem(rules.table, &key6, &rule, BPF_EXIST), 0);
	assert_int_equal(count_claimed(), 1);
	rule.use.out_packets = 1;
	assert_int_equal(bpf_map_update_elem(rules.table, &key6, &rule, BPF_EXIST), 0);
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	assert_string_equal(bed.err, "");
}

static void drop_takes_rules_away(void **state)
{
	(void)state;
	add_rules();
	program_bed_assert_fails(&bed, "drop id=7",
				 "this handoff has no rule; nothing was changed\n");
	program_bed_assert_fails(
		&bed, "drop id=0x7",
		"'0x7': expected the id of a handoff, 1 to 16 hexadecimal digits\n");
	program_bed_assert_runs(&bed, "drop id=abc1", "dropped 1\n");
	program_bed_assert_fails(&bed, "drop " CLIENT " " LOCAL,
				 "this connection has no rule; nothing was changed\n");
	assert_int_equal(program_bed_run_json(&bed, "drop all"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"dropped\": 1"));
	assert_no_rules();
	assert_int_equal(program_bed_run(&bed, "drop some"), PROGRAM_USAGE);
	assert_int_equal(program_bed_run(&bed, "drop"), PROGRAM_USAGE);
}

/* As two processes of libhandoff_host have it. */
static void stats_tells_what_moved(void **state)
{
	struct handoff_moves one = {}, other = {};
	struct slot_reason why;

	(void)state;
	assert_int_equal(handoff_moves_open(PROGRAM_BED_DIR, &why, &one), 0);
	assert_int_equal(handoff_moves_open(PROGRAM_BED_DIR, &why, &other), 0);
	handoff_moves_add(&one, HANDOFF_MOVES_GIVEN);
	handoff_moves_add(&other, HANDOFF_MOVES_GIVEN);
	handoff_moves_add(&other, HANDOFF_MOVES_ASKED);
	handoff_moves_close(&one);
	handoff_moves_close(&other);
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\ngiven                        2\n"));
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"given\": 2"));
	assert_non_null(strstr(bed.out, "\"asked\": 1"));
	assert_non_null(strstr(bed.out, "\"lost\": 0"));
}

/* A slot whose program is older: connections move all the same. */
static void without_a_map_nothing_is_counted(void **state)
{
	struct handoff_moves moves = {};
	struct slot_reason why;

	(void)state;
	assert_int_equal(unlink(PROGRAM_BED_DIR "/" HANDOFF_MOVES_NAME), 0);
	assert_int_equal(handoff_moves_open(PROGRAM_BED_DIR, &why, &moves), 0);
	handoff_moves_add(&moves, HANDOFF_MOVES_GIVEN);
	handoff_moves_close(&moves);
	assert_int_not_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
}

static void stats_tells_each_counter(void **state)
{
	(void)state;
	assert_int_equal(program_bed_run(&bed, "stats"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\nblocked           drop "));
	assert_non_null(strstr(bed.out, "\nredirect          tx "));
	assert_int_equal(program_bed_run_json(&bed, "stats"), PROGRAM_OK);
	assert_int_equal(program_bed_run(&bed, "stats all"), PROGRAM_USAGE);
}

static void a_table_that_is_full_refuses_more(void **state)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	struct handoff_rules small = {
		.table = bpf_map_create(BPF_MAP_TYPE_HASH, "small", sizeof(struct handoff_key),
					sizeof(struct handoff_rule), 1, &opts),
	};
	const struct handoff_key key4 = handoff_spec_key(&conn4), key6 = handoff_spec_key(&conn6);

	(void)state;
	assert_true(small.table >= 0);
	assert_int_equal(handoff_rules_block(&small, &key4, ID, 0), 0);
	assert_int_equal(handoff_rules_block(&small, &key6, ID, 0), -E2BIG);
	handoff_rules_close(&small);
}

static const char *args_of(const char *name)
{
	const struct program_command *command = handoff_cli.commands;

	while (command->name && strcmp(command->name, name) != 0)
		command++;
	assert_non_null(command->name);
	return command->args;
}

static void repair_says_which_words_it_takes(void **state)
{
	static const char *const words[] = { "user=", "port=", "socket=/" };
	static const char *const wrong[] = { "repair port=0", "repair port=65536", "repair usr=web",
					     "repair socket=near" };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_non_null(strstr(args_of("repair"), words[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(program_bed_run(&bed, wrong[i]), PROGRAM_USAGE);
	program_bed_assert_said(&bed, "",
				"'socket=near' is neither user=NAME, port=N nor socket=/PATH\n");
	assert_int_equal(program_bed_run(&bed, "repair user=n.o.b.o.d.y"), PROGRAM_FAILED);
}

static void set_effective(__u32 capability, bool is_effective)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
	__u32 *effective = &data[CAP_TO_INDEX(capability)].effective;

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	*effective &= ~CAP_TO_MASK(capability);
	*effective |= is_effective ? CAP_TO_MASK(capability) : 0;
	assert_int_equal(syscall(SYS_capset, &header, data), 0);
}

static void services_do_not_begin_what_they_may_not_do(void **state)
{
	(void)state;
	set_effective(CAP_NET_ADMIN, false);
	program_bed_assert_fails(&bed, "repair user=root socket=/nonexistent/repair",
				 "handoff repair needs CAP_NET_ADMIN\n");
	program_bed_assert_fails(&bed, "agent device=nosuch",
				 "device=nosuch: this needs CAP_NET_ADMIN\n");
	set_effective(CAP_NET_ADMIN, true);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, a_step_keeps_the_other_direction, set_up, tear_down);
	TAP_ADD(&plan, a_rule_of_another_handoff_is_left_alone, set_up, tear_down);
	TAP_ADD(&plan, a_rule_that_was_judged_goes_only_as_it_was, set_up, tear_down);
	TAP_ADD(&plan, families_are_not_mixed, set_up, tear_down);
	TAP_ADD(&plan, all_of_many_rules_are_seen_and_may_be_removed, set_up, tear_down);
	TAP_ADD(&plan, a_table_that_is_full_refuses_more, set_up, tear_down);
	TAP_ADD(&plan, show_tells_of_rules_in_words, set_up, tear_down);
	TAP_ADD(&plan, show_tells_what_the_device_does, set_up, tear_down);
	TAP_ADD(&plan, show_says_what_handoff_out_does_not_send, set_up, tear_down);
	TAP_ADD(&plan, services_do_not_begin_what_they_may_not_do, set_up, tear_down);
	TAP_ADD(&plan, drop_takes_rules_away, set_up, tear_down);
	TAP_ADD(&plan, stats_tells_each_counter, set_up, tear_down);
	TAP_ADD(&plan, stats_tells_what_moved, set_up, tear_down);
	TAP_ADD(&plan, repair_says_which_words_it_takes, set_up, tear_down);
	TAP_ADD(&plan, without_a_map_nothing_is_counted, set_up, tear_down);
	return tap_run(&plan, "handoff_cli", 1);
}
