/* SPDX-License-Identifier: GPL-2.0-only */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "loader/slotctl/view.h"

static const struct slot_look ascii;

/* JSON as the API sends it, with ' for ". */
static json_t *parse(const char *text)
{
	char *copy = strdup(text);
	json_error_t error;
	json_t *json;

	assert_non_null(copy);
	for (char *c = copy; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	json = json_loads(copy, 0, &error);
	if (!json)
		fail_msg("%s in %s", error.text, copy);
	free(copy);
	return json;
}

struct output {
	char *text;
	size_t size;
	FILE *out;
};

static void open_output(struct output *output)
{
	output->out = open_memstream(&output->text, &output->size);
	assert_non_null(output->out);
}

static void assert_output(struct output *output, const char *expected)
{
	fclose(output->out);
	assert_string_equal(output->text, expected);
	free(output->text);
}

static const char chain_text[] =
	"{'interface': 'eth0', 'attached': true, 'engine': 'fused', 'mode': 'native',"
	" 'generation': 41, 'passed': 6, 'slots': ["
	"{'slot': 0, 'reserved': false},"
	"{'slot': 2, 'reserved': true, 'name': 'firewall', 'owner': 'root', 'enabled': true,"
	" 'running': true, 'program': 'firewall', 'version': '1.0.0', 'packets': {'seen': 10,"
	" 'aborted': 1, 'drop': 3, 'pass': 6, 'tx': 0, 'redirect': 0, 'denied': 0}},"
	"{'slot': 5, 'reserved': true, 'name': 'lb', 'owner': '@edge', 'enabled': false,"
	" 'running': false, 'program': 'lb', 'version': '2'}]}";

static void assert_chain(const char *text, bool all, const struct slot_look *look,
			 const char *expected)
{
	json_t *answer = parse(text);
	struct output output;

	open_output(&output);
	assert_int_equal(slot_view_chain(answer, all, look, output.out), 0);
	assert_output(&output, expected);
	json_decref(answer);
}

static void a_chain_leaves_free_slots_out_and_ends_in_what_passed(void **state)
{
	(void)state;
	assert_chain(
		chain_text, false, &ascii,
		"eth0: generation 41, engine fused, native\n"
		"   slot  name      owner  version  state     seen  pass  drop  tx  redirect  aborted  denied\n"
		"|     2  firewall  root   1.0.0    running     10     6     3   0         0        1       0\n"
		":     5  lb        @edge  2        disabled     -     -     -   -         -        -       -\n"
		"v  passed 6\n");
}

static void a_program_that_is_not_called_as_its_slot_is_named(void **state)
{
	(void)state;
	assert_chain(
		"{'interface': 'eth0', 'attached': true, 'engine': 'fused', 'mode': 'native',"
		" 'generation': 1, 'passed': 9, 'slots': [{'slot': 2, 'reserved': true,"
		" 'name': 'decap', 'owner': 'root', 'enabled': true, 'running': true,"
		" 'program': 'firewall', 'version': '1.1.0'}]}",
		false, &ascii,
		"eth0: generation 1, engine fused, native\n"
		"   slot  name              owner  version  state    seen  pass  drop  tx  redirect"
		"  aborted  denied\n"
		"|     2  decap (firewall)  root   1.1.0    running     -     -     -   -         -"
		"        -       -\n"
		"v  passed 9\n");
}

static void what_skipped_is_shown_where_a_slot_may_leave_out_others(void **state)
{
	(void)state;
	assert_chain(
		"{'interface': 'eth0', 'attached': true, 'engine': 'fused', 'mode': 'native',"
		" 'generation': 1, 'passed': 9, 'slots': [{'slot': 2, 'reserved': true,"
		" 'name': 'vip', 'owner': 'root', 'enabled': true, 'running': true,"
		" 'program': 'vip', 'version': '1', 'allow': ['pass', 'skip'], 'packets':"
		" {'seen': 9, 'aborted': 0, 'drop': 0, 'pass': 5, 'tx': 0, 'redirect': 0,"
		" 'denied': 0, 'skipped': 4}}]}",
		false, &ascii,
		"eth0: generation 1, engine fused, native\n"
		"   slot  name  owner  version  state    seen  pass  drop  tx  redirect  aborted  "
		"denied  skipped\n"
		"|     2  vip   root   1        running     9     5     0   0         0        0  "
		"     0        4\n"
		"v  passed 9\n");
}

static void all_slots_are_shown_when_asked_for(void **state)
{
	(void)state;
	assert_chain(
		"{'interface': 'eth0', 'attached': true, 'engine': 'fused', 'mode': 'generic',"
		" 'generation': 1, 'passed': 0, 'slots': [{'slot': 0, 'reserved': false}]}",
		true, &ascii,
		"eth0: generation 1, engine fused, generic\n"
		"   slot  name  owner  version  state  seen  pass  drop  tx  redirect  aborted  denied\n"
		":     0  -     -      -        free      -     -     -   -         -        -       -\n"
		"v  passed 0\n");
}

static void a_chain_that_is_off_its_interface_says_so(void **state)
{
	(void)state;
	assert_chain(
		"{'interface': 'eth0', 'attached': false, 'slots': []}", false, &ascii,
		"eth0: not attached\n"
		"   slot  name  owner  version  state  seen  pass  drop  tx  redirect  aborted  "
		"denied\n"
		"v  passed -\n");
}

static void the_line_is_drawn_in_utf8_where_that_can_be_shown(void **state)
{
	static const struct slot_look utf8 = { .utf8 = true };
	json_t *answer = parse(chain_text);
	struct output output;

	(void)state;
	assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
	open_output(&output);
	assert_int_equal(slot_view_chain(answer, false, &utf8, output.out), 0);
	fclose(output.out);
	assert_non_null(strstr(output.text, "\n\u2502     2  firewall"));
	assert_non_null(strstr(output.text, "\n\u250a     5  lb"));
	assert_non_null(strstr(output.text, "\n\u25bc  passed 6\n"));
	free(output.text);
	json_decref(answer);
	assert_non_null(setlocale(LC_ALL, "C"));
}

static void members_of_another_type_show_as_a_dash(void **state)
{
	(void)state;
	assert_chain(
		"{'interface': 5, 'attached': 'yes', 'passed': '6', 'slots':"
		" [1, null, {'slot': 'x', 'reserved': true, 'name': null, 'packets': []}]}",
		false, &ascii,
		"-: not attached\n"
		"   slot  name  owner  version  state     seen  pass  drop  tx  redirect  aborted "
		" denied\n"
		":     -  -     -      -        disabled     -     -     -   -         -        - "
		"      -\n"
		"v  passed -\n");
}

static void a_state_is_told_in_one_word(void **state)
{
	static const struct {
		const char *slot;
		const char *word;
	} cases[] = {
		{ "{'reserved': false}", "free" },
		{ "{'reserved': true, 'enabled': true, 'running': true}", "running" },
		{ "{'reserved': true, 'enabled': true, 'running': false}", "empty" },
		{ "{'reserved': true, 'enabled': true, 'program': 'lb'}", "pending" },
		{ "{'reserved': true, 'enabled': false, 'program': 'lb'}", "disabled" },
		{ "{'reserved': true, 'enabled': false}", "disabled" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *slot = parse(cases[i].slot);

		assert_string_equal(slot_view_state(slot), cases[i].word);
		json_decref(slot);
	}
}

#define STATS(time_ns, packets, seen, drop)                                                        \
	"{'interface': 'eth0', 'generation': 41, 'time_ns': " time_ns ", 'packets': " packets      \
	", 'passed': 0, 'slots': [{'slot': 2, 'name': 'firewall', 'seen': " seen                   \
	", 'pass': 0, 'drop': " drop                                                               \
	", 'tx': 0, 'redirect': 0, 'skipped': 1, 'aborted': 0, 'denied': 0}]}"

static void assert_rates(const char *now, const char *before, const char *expected)
{
	json_t *answer = parse(now), *past = before ? parse(before) : NULL;
	struct output output;

	open_output(&output);
	assert_int_equal(slot_view_stats(answer, past, true, &ascii, output.out), 0);
	assert_output(&output, expected);
	json_decref(answer);
	json_decref(past);
}

#define RATE_TITLES                                                                                \
	"slot  name      seen  seen/s  pass/s  drop/s  tx/s  redirect/s  skipped/s  aborted/s  denied/s\n"

static void rates_are_per_second_of_the_chains_own_clock(void **state)
{
	(void)state;
	assert_rates(
		STATS("4000000000", "3000", "2000", "5"), STATS("2000000000", "1000", "0", "0"),
		"eth0: generation 41, packets 3000, passed 0, packets/s 1000, passed/s 0\n" RATE_TITLES
		"   2  firewall  2000    1000       0     2.5     0           0          0          0         0\n");
}

static void a_first_look_has_no_rates(void **state)
{
	(void)state;
	assert_rates(
		STATS("4000000000", "30", "20", "5"), NULL,
		"eth0: generation 41, packets 30, passed 0, packets/s -, passed/s -\n" RATE_TITLES
		"   2  firewall    20       -       -       -     -           -          -          -         -\n");
}

static void a_counter_that_started_again_has_no_rate(void **state)
{
	(void)state;
	assert_rates(
		STATS("4000000000", "30", "20", "5"), STATS("3000000000", "90", "90", "0"),
		"eth0: generation 41, packets 30, passed 0, packets/s -, passed/s 0\n" RATE_TITLES
		"   2  firewall    20       -       0     5.0     0           0          0          0         0\n");
}

static void a_clock_that_stands_still_gives_no_rate(void **state)
{
	(void)state;
	assert_rates(
		STATS("4000000000", "30", "20", "5"), STATS("4000000000", "20", "10", "0"),
		"eth0: generation 41, packets 30, passed 0, packets/s -, passed/s -\n" RATE_TITLES
		"   2  firewall    20       -       -       -     -           -          -          -         -\n");
}

static void totals_are_shown_as_they_are(void **state)
{
	json_t *answer = parse(STATS("1", "30", "20", "5"));
	struct output output;

	(void)state;
	open_output(&output);
	assert_int_equal(slot_view_stats(answer, NULL, false, &ascii, output.out), 0);
	assert_output(&output,
		      "eth0: generation 41, packets 30, passed 0\n"
		      "slot  name      seen  pass  drop  tx  redirect  skipped  aborted  denied\n"
		      "   2  firewall    20     0     5   0         0        1        0       0\n");
	json_decref(answer);
}

static void assert_plan(const char *text, const char *expected)
{
	json_t *plan = parse(text);
	struct output output;

	open_output(&output);
	assert_int_equal(slot_view_plan(plan, &ascii, output.out), 0);
	assert_output(&output, expected);
	json_decref(plan);
}

static void a_plan_says_what_changes_with_the_chain_as_a_whole(void **state)
{
	(void)state;
	assert_plan("{'has_changes': true, 'has_root_change': true, 'has_engine_change': true,"
		    " 'steps': [{'slot': 5, 'action': 'keep', 'text': 'keep lb 1'}]}",
		    "renew the root: it is of an older version\nbuild with another engine\n");
}

static void a_plan_lists_what_changes_and_counts_what_stays(void **state)
{
	(void)state;
	assert_plan("{'has_changes': true, 'steps': ["
		    "{'slot': 2, 'action': 'replace', 'text': 'replace firewall 1 by firewall 2'},"
		    "{'slot': 5, 'action': 'keep', 'text': 'keep lb 1'},"
		    "{'slot': 12, 'action': 'unlink', 'text': 'unlink decap 1'}]}",
		    "slot   2  replace firewall 1 by firewall 2\n"
		    "slot  12  unlink decap 1\n"
		    "keep 1 other\n");
}

static void a_plan_without_changes_says_so(void **state)
{
	(void)state;
	assert_plan("{'has_changes': false, 'steps': [{'slot': 5, 'action': 'keep', 'text': 'x'}]}",
		    "no changes\n");
}

static void a_plan_that_only_rebuilds_says_so(void **state)
{
	(void)state;
	assert_plan("{'has_changes': true, 'steps': [{'slot': 5, 'action': 'keep', 'text': 'x'}]}",
		    "rebuild the chain with the programs it has\n");
}

static void assert_result(const char *text, const char *expected)
{
	json_t *result = parse(text);
	struct output output;

	open_output(&output);
	assert_int_equal(slot_view_result(result, &ascii, output.out), 0);
	assert_output(&output, expected);
	json_decref(result);
}

static void a_result_tells_steps_generation_and_time(void **state)
{
	(void)state;
	assert_result("{'interface': 'eth0', 'changed': true, 'generation': 42, 'previous': 41,"
		      " 'steps': [{'slot': 2, 'action': 'load', 'text': 'load firewall 1'}],"
		      " 'timing_us': {'swap': 15, 'total': 3800}}",
		      "slot  2  load firewall 1\n"
		      "eth0: generation 42 is active (was 41); took 3.8 ms, swap 15 us\n");
}

static void a_result_that_changed_nothing_says_so(void **state)
{
	(void)state;
	assert_result("{'interface': 'eth0', 'changed': false, 'generation': 41, 'steps': []}",
		      "eth0: no changes, generation 41 stays\n");
}

static void a_result_without_a_generation_is_a_detach(void **state)
{
	(void)state;
	assert_result("{'interface': 'eth0', 'changed': true, 'generation': 0, 'steps': [],"
		      " 'timing_us': {'swap': 0, 'total': 0}}",
		      "eth0: detached\n");
}

static void assert_view(int (*view)(const json_t *json, const struct slot_look *look, FILE *out),
			const char *text, const char *expected)
{
	json_t *json = parse(text);
	struct output output;

	open_output(&output);
	assert_int_equal(view(json, &ascii, output.out), 0);
	assert_output(&output, expected);
	json_decref(json);
}

static void a_slot_is_shown_with_settings_packets_and_maps(void **state)
{
	(void)state;
	assert_view(
		slot_view_slot,
		"{'interface': 'eth0', 'slot': 2, 'reserved': true, 'name': 'fw', 'owner': 'root',"
		" 'enabled': true, 'running': true, 'program': 'firewall', 'version': '1.0.0',"
		" 'sha256': 'ab', 'deployed': true, 'continue_on': ['pass'], 'allow': [],"
		" 'denied_as': 'drop', 'map_memory': 4096,"
		" 'limits': {'helpers': ['redirect', 'kfunc'], 'map_memory': 8192,"
		" 'require_signature': '/etc/slotd/team.pub'}, 'map_dir': '/m', 'settings': {'default_deny': 'true'},"
		" 'packets': {'seen': 3, 'drop': 1}, 'maps': [{'name': 'deny', 'type': 'hash',"
		" 'id': 7, 'key_size': 4, 'value_size': 8, 'max_entries': 100}]}",
		"chain        eth0\n"
		"slot         2\n"
		"state        running\n"
		"name         fw\n"
		"owner        root\n"
		"program      firewall 1.0.0\n"
		"sha256       ab\n"
		"object       deployed, in place of slots.conf's\n"
		"continue_on  pass\n"
		"allow        none\n"
		"denied_as    drop\n"
		"helpers      redirect, kfunc\n"
		"map_memory   4K of 8K\n"
		"signature    by /etc/slotd/team.pub\n"
		"setting      default_deny = true\n"
		"map_dir      /m\n"
		"seen         3\n"
		"drop         1\n"
		"\n"
		"map   type  key  value  max  id\n"
		"deny  hash    4      8  100   7\n");
}

static void a_free_slot_is_three_lines(void **state)
{
	(void)state;
	assert_view(slot_view_slot, "{'interface': 'eth0', 'slot': 3, 'reserved': false}",
		    "chain  eth0\nslot   3\nstate  free\n");
}

static void a_verified_object_is_told_with_the_engines_that_run_it(void **state)
{
	(void)state;
	assert_view(slot_view_verify,
		    "{'name': 'fw', 'version': '1', 'manifest': true, 'hook': 'xdp', 'map_abi': 1,"
		    " 'entry': 'fw_main', 'sha256': 'ab', 'insns': 10, 'verified_insns': 20,"
		    " 'jited_bytes': 30, 'frags': false, 'map_memory': 66560, 'helpers': ['bpf_a',"
		    " 'bpf_b'], 'helper_classes': ['redirect'], 'engines':"
		    " [{'engine': 'freplace', 'ok': false, 'reason': 'refused here'},"
		    "  {'engine': 'fused', 'ok': true}], 'maps': [{'name': 'm', 'type': 'array',"
		    " 'key_size': 4, 'value_size': 8, 'max_entries': 1}]}",
		    "program          fw 1\n"
		    "manifest         in the object\n"
		    "verifier         accepted\n"
		    "hook             xdp\n"
		    "entry            fw_main\n"
		    "map_abi          1\n"
		    "sha256           ab\n"
		    "insns            10\n"
		    "verified_insns   20\n"
		    "jited_bytes      30\n"
		    "frags            no\n"
		    "map_memory       65K\n"
		    "helpers          bpf_a, bpf_b\n"
		    "helper_classes   redirect\n"
		    "engine freplace  refused here\n"
		    "engine fused     runs here\n"
		    "\n"
		    "map  type   key  value  max\n"
		    "m    array    4      8    1\n");
}

static void programs_of_others_are_told_by_where_packets_meet_them(void **state)
{
	json_t *chain = parse(
		"{'interface': 'eth0:tc-egress', 'others': ["
		"{'attached': 'tcx', 'kind': 'bpf', 'name': 'a', 'program_id': 12, 'before': true},"
		"{'attached': 'clsact', 'kind': 'flower', 'pref': 49152, 'handle': 26,"
		" 'before': false}, 7]}");
	struct output output;

	(void)state;
	open_output(&output);
	slot_view_others(chain, output.out);
	assert_output(&output, "eth0:tc-egress: before it: tcx program 'a' (id 12)\n"
			       "eth0:tc-egress: behind it: filter of clsact, pref 49152, "
			       "handle 0x1a, flower\n"
			       "eth0:tc-egress: behind it: - program\n");
	json_decref(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_leaves_free_slots_out_and_ends_in_what_passed),
		cmocka_unit_test(a_program_that_is_not_called_as_its_slot_is_named),
		cmocka_unit_test(what_skipped_is_shown_where_a_slot_may_leave_out_others),
		cmocka_unit_test(all_slots_are_shown_when_asked_for),
		cmocka_unit_test(a_chain_that_is_off_its_interface_says_so),
		cmocka_unit_test(the_line_is_drawn_in_utf8_where_that_can_be_shown),
		cmocka_unit_test(members_of_another_type_show_as_a_dash),
		cmocka_unit_test(a_state_is_told_in_one_word),
		cmocka_unit_test(rates_are_per_second_of_the_chains_own_clock),
		cmocka_unit_test(a_first_look_has_no_rates),
		cmocka_unit_test(a_counter_that_started_again_has_no_rate),
		cmocka_unit_test(a_clock_that_stands_still_gives_no_rate),
		cmocka_unit_test(totals_are_shown_as_they_are),
		cmocka_unit_test(a_plan_lists_what_changes_and_counts_what_stays),
		cmocka_unit_test(a_plan_says_what_changes_with_the_chain_as_a_whole),
		cmocka_unit_test(a_plan_without_changes_says_so),
		cmocka_unit_test(a_plan_that_only_rebuilds_says_so),
		cmocka_unit_test(a_result_tells_steps_generation_and_time),
		cmocka_unit_test(a_result_that_changed_nothing_says_so),
		cmocka_unit_test(a_result_without_a_generation_is_a_detach),
		cmocka_unit_test(a_slot_is_shown_with_settings_packets_and_maps),
		cmocka_unit_test(a_free_slot_is_three_lines),
		cmocka_unit_test(programs_of_others_are_told_by_where_packets_meet_them),
		cmocka_unit_test(a_verified_object_is_told_with_the_engines_that_run_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
