/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall check, load, show and trace, on the pinned maps of a loaded firewall. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "tests/support/firewall_case.h"
#include "tests/support/packet.h"
#include "tests/support/program_bed.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define NOBODY 65534
#define SYN 0x02
#define ACK 0x10
#define LARGE 3000
#define KILLS 40

static struct program_bed bed;
static char path[64];
static char line[1024];

static int set_up(void **state)
{
	int fd = mkstemp(strcpy(path, "/tmp/slotd-ruleset-XXXXXX"));

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
	program_bed_open(&bed, &firewall_cli, firewall_case_open(NULL));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	program_bed_close(&bed);
	unlink(path);
	return 0;
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int load(const char *text)
{
	write_file(text);
	snprintf(line, sizeof(line), "load %s", path);
	return program_bed_run(&bed, line);
}

static void load_all_right(const char *text)
{
	if (load(text) != PROGRAM_OK)
		fail_msg("%s", bed.err);
}

static struct packet make_tcp(const char *src, uint16_t port, uint8_t flags)
{
	struct packet p;

	packet_start(&p, "x", 1);
	packet_tcp(&p, 40000, port, flags);
	packet_ip4(&p, &(struct packet_ip4){ .src = src, .dst = "192.0.2.1" });
	packet_eth(&p);
	return p;
}

static uint32_t send_packet(struct packet p)
{
	struct progrun result;

	assert_int_equal(progrun_packet(progrun_fd(bed.object, "firewall"), &p, &result), 0);
	return result.verdict;
}

static void the_first_rule_that_matches_decides(void **state)
{
	(void)state;
	load_all_right("policy drop\n"
		       "ip saddr 203.0.113.66 drop\n"
		       "ip saddr 203.0.113.0/24 tcp dport { 80, 443 } accept\n");
	program_bed_assert_said(
		&bed,
		"in force: 2 rules, 0 of them with a limit, 0 presets, policy drop; "
		"3 matches of IPv4 and 0 of IPv6\n",
		"");
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, SYN)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 443, ACK)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 22, SYN)), XDP_DROP);
	assert_int_equal(send_packet(make_tcp("203.0.113.66", 80, SYN)), XDP_DROP);
	assert_int_equal(send_packet(make_tcp("198.51.100.1", 80, SYN)), XDP_DROP);
}

static void lists_come_before_the_ruleset(void **state)
{
	(void)state;
	load_all_right("policy drop\ntcp dport 80 accept\n");
	program_bed_assert_runs(&bed, "deny add 203.0.113.66",
				"1 added, 0 moved to another list, 0 deleted\n");
	program_bed_assert_runs(&bed, "allow add tcp/22",
				"1 added, 0 moved to another list, 0 deleted\n");
	assert_int_equal(send_packet(make_tcp("203.0.113.66", 80, SYN)), XDP_DROP);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, SYN)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 22, SYN)), XDP_PASS);
	program_bed_assert_runs(&bed, "trace ip saddr 203.0.113.66 tcp dport 80",
				"drop: its source is on the deny list\n");
	program_bed_assert_runs(&bed, "trace ip saddr 203.0.113.7 tcp dport 22",
				"accept: its port is on the allow list\n");
}

static void a_file_of_lists_leaves_the_ruleset_alone(void **state)
{
	(void)state;
	load_all_right("policy drop\ntcp dport 80 accept\n");
	assert_int_equal(load("deny 203.0.113.0/24\n"), PROGRAM_OK);
	program_bed_assert_said(&bed, "1 added, 0 moved to another list, 0 deleted\n", "");
	program_bed_assert_runs(&bed, "show", "policy drop\ntcp dport 80 accept\n");
	load_all_right("policy accept\n");
	program_bed_assert_runs(&bed, "list", "deny 203.0.113.0/24\n");
}

static void show_nothing(void)
{
	assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
	program_bed_assert_said(&bed, "",
				"no ruleset is loaded: lists and the slot's settings decide\n");
}

static void show_prints_the_text_as_it_was_loaded(void **state)
{
	static const char text[] = "# of the web\n\ndefine w = { 80,\n\t443 }\n"
				   "policy drop   # all else\ntcp dport $w accept";

	(void)state;
	show_nothing();
	load_all_right(text);
	program_bed_assert_runs(&bed, "show", text);
	load_all_right("policy default\n");
	program_bed_assert_runs(&bed, "show", "policy default\n");
}

static void show_counts_by_rule(void **state)
{
	int i;

	(void)state;
	load_all_right("policy drop\nudp dport 1 drop\ntcp dport 80 accept\n"
		       "priority -1 tcp dport 443 drop comment \"no\"\n");
	for (i = 0; i < 3; i++)
		send_packet(make_tcp("203.0.113.7", 80, SYN));
	send_packet(make_tcp("203.0.113.7", 443, SYN));
	assert_int_equal(program_bed_run(&bed, "show --counters"), PROGRAM_OK);
	assert_int_equal(strncmp(bed.out, "# loaded 2", 10), 0);
	assert_string_equal(strchr(bed.out, '\n') + 1,
			    "policy drop\n"
			    "priority -1 tcp dport 443 counter packets 1 bytes 55 drop comment "
			    "\"no\"\n"
			    "udp dport 1 counter packets 0 bytes 0 drop\n"
			    "tcp dport 80 counter packets 3 bytes 165 accept\n");
	/* What it prints can be loaded, and counts anew. */
	load_all_right(bed.out);
	assert_int_equal(program_bed_run(&bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "tcp dport 80 counter packets 0 bytes 0 accept\n"));
}

static void show_as_json_has_text_rules_and_counters(void **state)
{
	const char *text;
	json_t *root, *rule;

	(void)state;
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_true(json_is_null(json_object_get(root, "loaded")));
	json_decref(root);
	load_all_right("policy drop\n\ntcp dport 80 accept\n");
	send_packet(make_tcp("203.0.113.7", 80, SYN));
	assert_int_equal(program_bed_run_json(&bed, "show"), PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_non_null(root);
	text = json_string_value(json_object_get(root, "text"));
	assert_string_equal(text, "policy drop\n\ntcp dport 80 accept\n");
	rule = json_array_get(json_object_get(root, "rules"), 0);
	assert_int_equal(json_integer_value(json_object_get(rule, "number")), 1);
	assert_int_equal(json_integer_value(json_object_get(rule, "line")), 3);
	assert_int_equal(json_integer_value(json_object_get(rule, "packets")), 1);
	assert_int_equal(json_integer_value(json_object_get(rule, "bytes")), 55);
	json_decref(root);
}

static void wrong_files_change_nothing_and_say_all_that_is_wrong(void **state)
{
	char expected[512];

	(void)state;
	load_all_right("policy drop\ntcp dport 80 accept\n");
	assert_int_equal(load("policy drop\ntcp dport 80 allow_it\n"), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected), "%s:2: 'allow_it': expected accept, drop, ", path);
	assert_int_equal(strncmp(bed.err, expected, strlen(expected)), 0);
	assert_int_equal(load("policy drop\ntcp foo\nip saddr 10.1.1.1/8 drop\n"), PROGRAM_FAILED);
	snprintf(expected, sizeof(expected),
		 "%s:2: 'foo': expected one of sport, dport, flags behind tcp\n"
		 "%s:3: '10.1.1.1/8': expected no bits set behind the first 8 of the address\n"
		 "cannot load '%s'; the rules from before stay in force\n",
		 path, path, path);
	program_bed_assert_said(&bed, "", expected);
	assert_int_equal(load("iifname nosuch0 drop\n"), PROGRAM_FAILED);
	assert_non_null(strstr(bed.err, "iifname \"nosuch0\": no such interface is here"));
	program_bed_assert_runs(&bed, "show", "policy drop\ntcp dport 80 accept\n");
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, SYN)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 81, SYN)), XDP_DROP);
}

static void check_needs_no_maps(void **state)
{
	struct program_context ctx = { .map_dir = NULL, .out = tmpfile() };
	char *argv[] = { path };
	const struct program_command *command = firewall_cli.commands;

	(void)state;
	while (strcmp(command->name, "check") != 0)
		command++;
	assert_string_equal(firewall_cli.offline_command, "check");
	write_file("policy drop\npreset syn-flood 10/second\nlimit rate 1/second accept\n");
	assert_non_null(ctx.out);
	assert_int_equal(command->run(&ctx, 1, argv), PROGRAM_OK);
	fclose(ctx.out);
	snprintf(line, sizeof(line), "check %s", path);
	program_bed_assert_runs(&bed, line,
				"can be loaded: 1 rules, 1 of them with a limit, 1 presets, policy "
				"drop; 1 matches of IPv4 and 1 of IPv6\n");
	write_file("deny 192.0.2.0/24\nallow tcp/80\n");
	program_bed_assert_runs(&bed, line, "can be loaded: lists of 2 sources and ports\n");
	write_file("policy drop\nfoo\n");
	assert_int_equal(program_bed_run(&bed, line), PROGRAM_FAILED);
	assert_non_null(strstr(bed.err, ":2: 'foo': expected policy, define, preset, priority, "));
	show_nothing();
}

static void trace_names_the_rule_and_what_was_missed(void **state)
{
	(void)state;
	load_all_right("policy drop\n"
		       "ip saddr 10.0.0.0/8 tcp dport 80 drop\n"
		       "udp dport 53 accept\n"
		       "tcp dport 80 tcp flags syn limit rate 5/second accept\n");
	program_bed_assert_runs(
		&bed, "trace ip saddr 192.0.2.1 tcp dport 80 tcp flags syn",
		"rule 1 (line 2) differs in saddr: ip saddr 10.0.0.0/8 tcp dport 80 drop\n"
		"rule 2 (line 3) differs in l4proto, dport: udp dport 53 accept\n"
		"rule 3 (line 4) matches: tcp dport 80 tcp flags & (syn) == syn limit rate 5/second "
		"burst 5 packets accept\n"
		"accept: the first rule that matches; within the rule's limit, beyond it drop\n");
	program_bed_assert_runs(
		&bed, "trace icmpv6 type nd-neighbor-solicit",
		"rule 1 (line 2) differs in nfproto, saddr, l4proto, dport: ip saddr 10.0.0.0/8 tcp "
		"dport 80 drop\n"
		"rule 2 (line 3) differs in l4proto, dport: udp dport 53 accept\n"
		"rule 3 (line 4) differs in l4proto, dport, flags: tcp dport 80 tcp flags & (syn) == "
		"syn limit rate 5/second burst 5 packets accept\n"
		"drop: no rule matches; neighbour discovery with hop limit 255 passes\n");
	program_bed_assert_fails(&bed, "trace tcp dport 80 accept",
				 "'accept': expected iifname, ip saddr, ip daddr, ip protocol, ip6 "
				 "saddr, ip6 daddr, saddr, daddr, tcp sport, tcp dport, tcp flags, "
				 "udp sport, udp dport, th sport, th dport, icmp type, icmp code, "
				 "icmpv6 type, icmpv6 code, frag, meta l4proto, meta nfproto, meta "
				 "iifname\n");
	program_bed_assert_fails(&bed, "trace ip saddr 192.0.2.0/24",
				 "address: expected one value, as a packet has one\n");
	assert_int_equal(program_bed_run(&bed, "trace"), PROGRAM_USAGE);
}

static void trace_knows_when_nothing_is_loaded(void **state)
{
	(void)state;
	program_bed_assert_runs(
		&bed, "trace ip saddr 192.0.2.1",
		"accept or drop: no ruleset is loaded; default_deny of the slot decides\n");
}

static void trace_as_json_has_the_verdict_and_the_misses(void **state)
{
	json_t *root, *misses;

	(void)state;
	load_all_right("udp dport 53 accept\ntcp dport 80 drop\npreset syn-flood 1/second\n");
	assert_int_equal(program_bed_run_json(&bed, "trace ip saddr 192.0.2.1 tcp dport 80"),
			 PROGRAM_OK);
	root = json_loads(bed.out, 0, NULL);
	assert_non_null(root);
	assert_string_equal(json_string_value(json_object_get(root, "verdict")), "drop");
	assert_string_equal(json_string_value(json_object_get(root, "by")), "rule");
	assert_int_equal(json_integer_value(json_object_get(root, "asked")), 2);
	misses = json_object_get(root, "misses");
	assert_int_equal(json_array_size(misses), 1);
	assert_int_equal(json_array_size(json_object_get(json_array_get(misses, 0), "differs")), 2);
	json_decref(root);
}

static void sampled_packets_are_read_once(void **state)
{
	(void)state;
	load_all_right("udp dport 1 drop\ntcp dport 80 sample 1/1 drop\n");
	program_bed_assert_runs(&bed, "samples", "");
	send_packet(make_tcp("203.0.113.7", 80, SYN));
	send_packet(make_tcp("203.0.113.7", 81, SYN));
	assert_int_equal(program_bed_run(&bed, "samples"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, " rule 2 55 bytes 020000000002020000000001080045"));
	assert_ptr_equal(strchr(bed.out, '\n') + 1, bed.out + strlen(bed.out));
	program_bed_assert_runs(&bed, "samples", "");
	send_packet(make_tcp("203.0.113.7", 80, SYN));
	assert_int_equal(program_bed_run_json(&bed, "samples"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "\"rule\": 2"));
	assert_non_null(strstr(bed.out, "\"ruleset\": 1"));
}

/* Packets of one CPU come faster than the buckets fill. */
static void a_guard_limits_what_passes_and_opens_nothing(void **state)
{
	int passed = 0, i;

	(void)state;
	load_all_right("policy drop\npreset syn-flood 5/hour burst 5 packets per saddr\n"
		       "tcp dport 80 accept\n");
	for (i = 0; i < 20; i++)
		passed += send_packet(make_tcp("203.0.113.7", 80, SYN)) == XDP_PASS;
	assert_int_equal(passed, 5);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, ACK)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.8", 80, SYN)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.9", 22, SYN)), XDP_DROP);
	assert_int_equal(program_bed_run(&bed, "show --counters"), PROGRAM_OK);
	assert_non_null(strstr(bed.out, "preset syn-flood 5/hour burst 5 packets per saddr/32,64 "
					"counter packets 15 bytes 825\n"));
	assert_non_null(strstr(bed.out, "tcp dport 80 counter packets 22 bytes 1210 accept\n"));
	program_bed_assert_runs(
		&bed, "trace ip saddr 203.0.113.7 tcp dport 80 tcp flags syn",
		"rule 2 (line 3) matches: tcp dport 80 accept\n"
		"preset 1 (line 2) limits what passes: preset syn-flood 5/hour burst 5 packets per "
		"saddr/32,64\n"
		"accept: the first rule that matches; within the preset's limit, beyond it drop\n");
}

static void amplified_answers_are_limited(void **state)
{
	int passed = 0, i;
	struct packet p;

	(void)state;
	load_all_right("preset udp-amplification 3/hour\n");
	for (i = 0; i < 10; i++) {
		packet_start(&p, "x", 1);
		packet_udp(&p, i % 2 ? 123 : 53, 40000);
		packet_ip4(&p, &(struct packet_ip4){ .src = "203.0.113.7", .dst = "192.0.2.1" });
		packet_eth(&p);
		passed += send_packet(p) == XDP_PASS;
	}
	assert_int_equal(passed, 5); /* the burst */
	packet_start(&p, "x", 1);
	packet_udp(&p, 54, 40000);
	packet_ip4(&p, &(struct packet_ip4){ .src = "203.0.113.7", .dst = "192.0.2.1" });
	packet_eth(&p);
	assert_int_equal(send_packet(p), XDP_PASS);
}

/* All that the owner has are the pins. */
static int run_as_owner(const char *command)
{
	struct bpf_map *map;
	char pin[256];
	pid_t child;
	int status;

	bpf_object__for_each_map(map, bed.object) {
		snprintf(pin, sizeof(pin), PROGRAM_BED_DIR "/%s", bpf_map__name(map));
		if (!bpf_map__is_internal(map))
			assert_int_equal(chown(pin, NOBODY, NOBODY), 0);
	}
	child = fork();
	if (!child) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(program_bed_run(&bed, command));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_owner_of_the_pins_needs_no_root(void **state)
{
	(void)state;
	write_file("policy drop\ntcp dport 80 accept\n");
	snprintf(line, sizeof(line), "check %s", path);
	assert_int_equal(run_as_owner(line), PROGRAM_OK);
	snprintf(line, sizeof(line), "load %s", path);
	assert_int_equal(run_as_owner(line), PROGRAM_OK);
	assert_int_equal(run_as_owner("show --counters"), PROGRAM_OK);
	assert_int_equal(run_as_owner("trace tcp dport 80"), PROGRAM_OK);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, SYN)), XDP_PASS);
	assert_int_equal(send_packet(make_tcp("203.0.113.7", 81, SYN)), XDP_DROP);
}

/* Many rules that say nothing of the packets sent, and in a line @port that is accepted. */
static char *make_large(unsigned int port)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned int i;

	assert_non_null(out);
	fprintf(out, "policy drop\n# %u\n", port);
	for (i = 0; i < LARGE; i++)
		fprintf(out, "ip saddr 10.%u.%u.0/24 udp dport %u drop\n", i >> 8, i & 255,
			1000 + i);
	fprintf(out, "ip saddr 203.0.113.0/24 tcp dport { 80, %u } accept\n", port);
	fclose(out);
	return text;
}

static void kill_load(const char *text, long after_ns)
{
	const struct timespec pause = { .tv_nsec = after_ns };
	int status;
	pid_t child;

	write_file(text);
	snprintf(line, sizeof(line), "load %s", path);
	child = fork();
	if (!child)
		_exit(program_bed_run(&bed, line));
	nanosleep(&pause, NULL);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
}

/* Whatever a load got to, rules and their text are those from before or the new ones. */
static void a_load_that_is_killed_leaves_the_old_or_the_new(void **state)
{
	char *texts[] = { make_large(81), make_large(82) };
	int i, in_force = 0, kept = 0;

	(void)state;
	load_all_right(texts[0]);
	for (i = 0; i < KILLS; i++) {
		kill_load(texts[!in_force], 1000000L * i);
		assert_int_equal(program_bed_run(&bed, "show"), PROGRAM_OK);
		assert_true(!strcmp(bed.out, texts[0]) || !strcmp(bed.out, texts[1]));
		kept += !strcmp(bed.out, texts[in_force]);
		in_force = !strcmp(bed.out, texts[1]);
		assert_int_equal(send_packet(make_tcp("203.0.113.7", 80, SYN)), XDP_PASS);
		assert_int_equal(send_packet(make_tcp("203.0.113.7", 81, SYN)),
				 in_force ? XDP_DROP : XDP_PASS);
		assert_int_equal(send_packet(make_tcp("203.0.113.7", 82, SYN)),
				 in_force ? XDP_PASS : XDP_DROP);
	}
	assert_true(kept > 0);
	load_all_right(texts[0]);
	program_bed_assert_runs(&bed, "show", texts[0]);
	free(texts[0]);
	free(texts[1]);
}

struct sender {
	int prog_fd;
	atomic_bool is_stopping;
	atomic_ulong sent;
	atomic_ulong wrong;
};

/* To a port that all rulesets accept, and to one that none does. */
static void *send_both(void *data)
{
	struct sender *sender = data;
	struct packet good = make_tcp("203.0.113.7", 80, SYN), bad;
	struct progrun result;

	bad = make_tcp("203.0.113.7", 99, SYN);
	while (!atomic_load(&sender->is_stopping)) {
		if (progrun_packet(sender->prog_fd, &good, &result) || result.verdict != XDP_PASS)
			atomic_fetch_add(&sender->wrong, 1);
		if (progrun_packet(sender->prog_fd, &bad, &result) || result.verdict != XDP_DROP)
			atomic_fetch_add(&sender->wrong, 1);
		atomic_fetch_add(&sender->sent, 2);
	}
	return NULL;
}

static void packets_meet_one_ruleset_or_the_other(void **state)
{
	char *texts[] = { make_large(81), make_large(82) };
	struct sender sender = { .prog_fd = progrun_fd(bed.object, "firewall") };
	pthread_t thread;
	int i;

	(void)state;
	load_all_right(texts[0]);
	assert_int_equal(pthread_create(&thread, NULL, send_both, &sender), 0);
	for (i = 0; i < 10 || atomic_load(&sender.sent) < 1000; i++)
		load_all_right(texts[(i + 1) % 2]);
	atomic_store(&sender.is_stopping, true);
	pthread_join(thread, NULL);
	assert_int_equal(sender.wrong, 0);
	free(texts[0]);
	free(texts[1]);
}

#define ADD(fn) TAP_ADD(&plan, fn, set_up, tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(the_first_rule_that_matches_decides);
	ADD(lists_come_before_the_ruleset);
	ADD(a_file_of_lists_leaves_the_ruleset_alone);
	ADD(show_prints_the_text_as_it_was_loaded);
	ADD(show_counts_by_rule);
	ADD(show_as_json_has_text_rules_and_counters);
	ADD(wrong_files_change_nothing_and_say_all_that_is_wrong);
	ADD(check_needs_no_maps);
	ADD(trace_names_the_rule_and_what_was_missed);
	ADD(trace_knows_when_nothing_is_loaded);
	ADD(trace_as_json_has_the_verdict_and_the_misses);
	ADD(sampled_packets_are_read_once);
	ADD(a_guard_limits_what_passes_and_opens_nothing);
	ADD(amplified_answers_are_limited);
	ADD(an_owner_of_the_pins_needs_no_root);
	ADD(a_load_that_is_killed_leaves_the_old_or_the_new);
	ADD(packets_meet_one_ruleset_or_the_other);
	return tap_run(&plan, "fw_cli", 1);
}
