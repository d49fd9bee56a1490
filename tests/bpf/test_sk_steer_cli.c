/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl sk_steer, on the pinned maps of a loaded sk_steer. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "tests/support/steer_case.h"
#include "tests/support/tap.h"

#define RULE_HEAD                                                                                  \
	"rule                                              group            flags            "     \
	"lookups\n"

/* --- rules ----------------------------------------------------------------------------------- */

static void rules_are_listed_in_the_order_in_which_they_decide(void **state)
{
	int web = steer_web_open(0);

	(void)state;
	program_bed_assert_runs(&steer_bed, "rule list", RULE_HEAD);
	steer_assert_does("rule add 192.0.2.0/24 tcp any web");
	steer_assert_does("rule add 2001:db8::/32 udp 53 dns drop exact");
	steer_assert_does("rule add 192.0.2.0/24 tcp 80-90 web exact");
	steer_assert_does("rule add 192.0.2.1 tcp 80 web drop");
	steer_socket_add("web", web);
	steer_assert_web_finds(web);
	program_bed_assert_runs(
		&steer_bed, "rule list",
		RULE_HEAD
		"192.0.2.1 tcp 80                                  web              drop        "
		"           1\n"
		"192.0.2.0/24 tcp 80-90                            web              exact       "
		"           0\n"
		"192.0.2.0/24 tcp any                              web              -           "
		"           0\n"
		"2001:db8::/32 udp 53                              dns              drop exact  "
		"           0\n");
	close(web);
}

static void a_rule_said_again_moves_and_goes_on_counting(void **state)
{
	int web = steer_web_open(0);

	(void)state;
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_assert_web_finds(-1);
	steer_assert_does("rule add 192.0.2.1 tcp 80 other");
	steer_socket_add("other", web);
	steer_assert_web_finds(web);
	assert_int_equal(program_bed_run_json(&steer_bed, "rule list"), PROGRAM_OK);
	program_bed_assert_said(&steer_bed,
				"{\n  \"rules\": [\n    {\n      \"prefix\": \"192.0.2.1\",\n"
				"      \"protocol\": \"tcp\",\n      \"first_port\": 80,\n"
				"      \"last_port\": 80,\n      \"group\": \"other\",\n"
				"      \"drop\": false,\n      \"exact\": false,\n"
				"      \"lookups\": 2\n    }\n  ]\n}\n",
				"");
	program_bed_assert_runs(&steer_bed, "rule del 192.0.2.1 tcp 80", "");
	steer_assert_does("rule add 192.0.2.1 tcp 80 other");
	assert_int_equal(program_bed_run(&steer_bed, "rule list"), PROGRAM_OK);
	assert_non_null(strstr(steer_bed.out, "           0\n"));
	close(web);
}

/* A name that was mistyped makes a group, and leads to nobody. */
static void new_groups_are_told(void **state)
{
	int web = steer_web_open(0);
	char line[128];

	(void)state;
	assert_int_equal(program_bed_run(&steer_bed, "rule add 192.0.2.1 tcp 80 web"), PROGRAM_OK);
	program_bed_assert_said(&steer_bed, "", "note: new group without a socket yet: web\n");
	program_bed_assert_runs(&steer_bed, "rule add 192.0.2.2 tcp 80 web", "");
	snprintf(line, sizeof(line), "socket add web %d:%d", getpid(), web);
	program_bed_assert_runs(&steer_bed, line, "");
	snprintf(line, sizeof(line), "socket set wbe %d:%d", getpid(), web);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_OK);
	program_bed_assert_said(&steer_bed, "", "note: new group without a rule yet: wbe\n");
	close(web);
}

static void deleted_rules_no_longer_decide(void **state)
{
	int web = steer_web_open(0);

	(void)state;
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_socket_add("web", web);
	steer_assert_web_finds(web);
	program_bed_assert_runs(&steer_bed, "rule del 192.0.2.1 tcp 80", "");
	steer_assert_web_finds(-1);
	program_bed_assert_runs(&steer_bed, "rule list", RULE_HEAD);
	program_bed_assert_fails(&steer_bed, "rule del 192.0.2.1 tcp 80",
				 "cannot delete '192.0.2.1 tcp 80': there is no such rule\n");
	close(web);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void a_file_replaces_all_rules_or_none(void **state)
{
	char path[] = "/tmp/steer_rules_XXXXXX", line[64], words[512];
	int fd = mkstemp(path), web = steer_web_open(0);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	snprintf(line, sizeof(line), "rule load %s", path);
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_socket_add("web", web);
	write_file(path, "192.0.2.2 tcp 80 web\n192.0.2.3 sctp 80 web\n\n"
			 "192.0.2.4 tcp 80\n192.0.2.2 tcp 80 other # again\n");
	snprintf(words, sizeof(words),
		 "%s:2: 'sctp': expected tcp or udp\n"
		 "%s:4: expected PREFIX tcp|udp PORTS GROUP [drop] [exact]\n"
		 "%s:5: a line before has the same prefix, protocol and ports\n",
		 path, path, path);
	program_bed_assert_fails(&steer_bed, line, words);
	steer_assert_web_finds(web);
	write_file(path, "# all of them\n192.0.2.0/24 tcp 80 web\n");
	steer_assert_does(line);
	steer_assert_web_finds(web);
	assert_int_equal(program_bed_run(&steer_bed, "rule list"), PROGRAM_OK);
	assert_null(strstr(steer_bed.out, "192.0.2.1 "));
	write_file(path, "");
	steer_assert_does(line);
	program_bed_assert_runs(&steer_bed, "rule list", RULE_HEAD);
	steer_assert_web_finds(-1);
	unlink(path);
	close(web);
}

static void wrong_words_are_told_and_change_nothing(void **state)
{
	(void)state;
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1/24 tcp 80 web",
				 "'192.0.2.1/24': bits are set behind the prefix's length\n");
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1 icmp 80 web",
				 "'icmp': expected tcp or udp\n");
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1 tcp 90-80 web",
				 "'90-80': expected a port of 1 to 65535 such as 80, a range such "
				 "as 8000-8099, or any\n");
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1 tcp 80 9lives",
				 "'9lives': expected a group's name, a letter and up to 14 "
				 "letters, digits, '_', '-' or '.'\n");
	program_bed_assert_fails(&steer_bed, "rule add 192.0.2.1 tcp 80 web reset",
				 "'reset': expected drop or exact\n");
	program_bed_assert_fails(&steer_bed, "socket add web tcp/192.0.2.1",
				 "'tcp/192.0.2.1': expected PID:FD, or where a socket is bound, "
				 "such as tcp/192.0.2.1:80 or udp/[::]:53\n");
	program_bed_assert_fails(&steer_bed, "socket del web 1", "no group is called 'web'\n");
	program_bed_assert_fails(&steer_bed, "socket del web some",
				 "'some': expected a socket's cookie, a number\n");
	program_bed_assert_runs(&steer_bed, "rule list", RULE_HEAD);
	program_bed_assert_runs(&steer_bed, "socket list", STEER_SOCKET_HEAD);
}

static void commands_that_make_no_sense_ask_for_usage(void **state)
{
	static const char *const lines[] = {
		"rule",
		"rule add",
		"rule add 192.0.2.1 tcp 80",
		"rule list all",
		"rule load",
		"rule change",
		"rule del 192.0.2.1 tcp",
		"socket",
		"socket add",
		"socket add web",
		"socket set web",
		"socket del web",
		"socket list web",
		"stats all",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&steer_bed, lines[i]), PROGRAM_USAGE);
}

/* --- sockets --------------------------------------------------------------------------------- */

static void sockets_are_named_by_their_process_or_by_where_they_are_bound(void **state)
{
	struct steer_socket dns = { "::1", 53, IPPROTO_UDP, true, false };
	int web = steer_web_open(8080), one = steer_socket_open(&dns),
	    other = steer_socket_open(&dns);
	char wanted[512];

	(void)state;
	steer_assert_does("socket add web tcp/127.0.0.1:8080");
	steer_assert_does("socket add dns udp/[::1]:53");
	steer_socket_add("web", web); /* once more */
	assert_int_equal(program_bed_run(&steer_bed, "socket list"), PROGRAM_OK);
	/* of two at one address the kernel does not say which it lists first */
	snprintf(wanted, sizeof(wanted), "%-15s  %20" PRIu64 "  tcp/127.0.0.1:8080\n", "web",
		 steer_cookie(web));
	assert_non_null(strstr(steer_bed.out, wanted));
	snprintf(wanted, sizeof(wanted), "%-15s  %20" PRIu64 "  udp/[::1]:53\n", "dns",
		 steer_cookie(one));
	assert_non_null(strstr(steer_bed.out, wanted));
	snprintf(wanted, sizeof(wanted), "%-15s  %20" PRIu64 "  udp/[::1]:53\n", "dns",
		 steer_cookie(other));
	assert_non_null(strstr(steer_bed.out, wanted));
	close(web);
	close(one);
	close(other);
	program_bed_assert_runs(&steer_bed, "socket list",
				STEER_SOCKET_HEAD "web                                 -  none\n"
						  "dns                                 -  none\n");
}

static void sockets_of_a_group_are_replaced_and_deleted(void **state)
{
	int old = steer_web_open(0), new = steer_web_open(0);
	char line[128], wanted[256];

	(void)state;
	steer_assert_does("rule add 192.0.2.1 tcp 80 web");
	steer_socket_add("web", old);
	steer_assert_web_finds(old);
	snprintf(line, sizeof(line), "socket set web %d:%d", getpid(), new);
	steer_assert_does(line);
	steer_assert_web_finds(new);
	assert_int_equal(program_bed_run_json(&steer_bed, "socket list"), PROGRAM_OK);
	snprintf(wanted, sizeof(wanted),
		 "{\n  \"groups\": [\n    {\n      \"group\": \"web\",\n      \"sockets\": [\n"
		 "        {\n          \"cookie\": %" PRIu64 ",\n"
		 "          \"bound\": \"tcp/127.0.0.1:%u\"\n        }\n      ]\n    }\n  ]\n}\n",
		 steer_cookie(new), steer_port(new));
	program_bed_assert_said(&steer_bed, wanted, "");
	snprintf(line, sizeof(line), "socket del web %" PRIu64, steer_cookie(new));
	steer_assert_does(line);
	steer_assert_web_finds(-1);
	assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
	assert_non_null(strstr(steer_bed.err, "it is not in the group\n"));
	close(old);
	close(new);
}

static void what_cannot_be_led_to_is_refused(void **state)
{
	int unbound = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int idle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), pipes[2];
	const struct {
		int fd;
		const char *why;
	} refused[] = {
		{ unbound, "it is not bound to a port" },
		{ idle, "it is no listening TCP and no UDP socket" },
		{ -1, "it is not a socket" },
		{ 9999, "it has no such descriptor" },
	};

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	for (size_t i = 0; i < 4; i++) {
		char line[128];

		snprintf(line, sizeof(line), "socket add web %d:%d", getpid(),
			 refused[i].fd < 0 ? pipes[0] : refused[i].fd);
		assert_int_equal(program_bed_run(&steer_bed, line), PROGRAM_FAILED);
		assert_non_null(strstr(steer_bed.err, refused[i].why));
	}
	program_bed_assert_fails(&steer_bed, "socket add web tcp/192.0.2.1:81",
				 "cannot take socket 'tcp/192.0.2.1:81': no socket of this network "
				 "namespace is bound there\n");
	close(unbound);
	close(idle);
	close(pipes[0]);
	close(pipes[1]);
}

/* --- owners ---------------------------------------------------------------------------------- */

#define OWNER 4242

static void give_to_owner(void)
{
	char path[256];
	struct bpf_map *map;

	assert_int_equal(chmod("/sys/fs/bpf", 0755), 0);
	bpf_object__for_each_map(map, steer_bed.object) {
		snprintf(path, sizeof(path), "%s/%s", PROGRAM_BED_DIR, bpf_map__name(map));
		assert_int_equal(chown(path, OWNER, OWNER), 0);
	}
}

/* As one who may neither load programs nor create maps. */
static int act_as_owner(void)
{
	char line[128];
	int web;

	if (setgid(OWNER) || setuid(OWNER))
		return 1;
	web = steer_web_open(0);
	snprintf(line, sizeof(line), "socket add web %d:%d", getpid(), web);
	if (program_bed_run(&steer_bed, "rule add 192.0.2.1 tcp 80 web") != PROGRAM_OK ||
	    program_bed_run(&steer_bed, line) != PROGRAM_OK) {
		fputs(steer_bed.err, stderr);
		return 1;
	}
	steer_assert_web_finds(web);
	return program_bed_run(&steer_bed, "socket add web 1:0") == PROGRAM_FAILED ? 0 : 1;
}

static void an_owner_needs_no_root(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	give_to_owner();
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(act_as_owner());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* its socket went with it, the rule did not */
	steer_assert_web_finds(-1);
	steer_assert_counted(SK_STEER_NO_SOCKET, 1);
}

/* Each on maps of its own. */
#define ADD(fn) TAP_ADD(&plan, fn, steer_set_up, steer_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(rules_are_listed_in_the_order_in_which_they_decide);
	ADD(a_rule_said_again_moves_and_goes_on_counting);
	ADD(new_groups_are_told);
	ADD(deleted_rules_no_longer_decide);
	ADD(a_file_replaces_all_rules_or_none);
	ADD(wrong_words_are_told_and_change_nothing);
	ADD(commands_that_make_no_sense_ask_for_usage);
	ADD(sockets_are_named_by_their_process_or_by_where_they_are_bound);
	ADD(sockets_of_a_group_are_replaced_and_deleted);
	ADD(what_cannot_be_led_to_is_refused);
	ADD(an_owner_needs_no_root);
	return tap_run(&plan, "sk_steer_cli", 1);
}
