/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program that slotd runs for somebody may do: scripts of the shell's own commands. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/host/confined.h"
#include "tests/support/tap.h"

#define ROOM "/mnt/room" /* a tmpfs of this process's own */
#define SCRIPT ROOM "/script"
#define NOBODY 65534

static struct slot_identity somebody = { .uid = 4711,
					 .gid = 4712,
					 .groups = { 4713 },
					 .group_count = 1 };
static struct slot_reason why;

static void must(bool done, const char *what)
{
	if (!done)
		fail_msg("%s: %s", what, strerror(errno));
}

static void write_script(const char *body, mode_t mode)
{
	_cleanup_fclose_ FILE *file = fopen(SCRIPT, "w");

	must(file && fprintf(file, "#!/bin/sh\n%s\n", body) > 0, "write " SCRIPT);
	must(!fchmod(fileno(file), mode), "chmod " SCRIPT);
}

static int run(int ms)
{
	_cleanup_close_ int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int second = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct slot_confined confined = {
		.path = SCRIPT,
		.argument = "flows",
		.fds = { first, second },
		.identity = &somebody,
		.deadline_ms = slot_confined_now_ms() + ms,
	};

	return slot_confined_run(&confined, &why);
}

/* Runs @body, which is to fail with @said as its last words. */
static void assert_says(const char *body, const char *said)
{
	const char *end;

	write_script(body, 0755);
	assert_int_equal(run(10000), -EPROTO);
	end = strstr(why.text, "exit status 3: ");
	if (!end || strcmp(end + strlen("exit status 3: "), said) != 0)
		fail_msg("'%s' instead of '%s'", why.text, said);
}

static int start(void **state)
{
	(void)state;
	return mkdir(ROOM, 0755) ? -1 : 0;
}

static int end(void **state)
{
	(void)state;
	return system("rm -r " ROOM);
}

static void a_program_that_ends_well_is_all_right(void **state)
{
	(void)state;
	write_script("[ \"$1 $2 $3\" = 'flows 3 4' ]", 0755);
	assert_int_equal(run(10000), 0);
}

static void a_failure_is_told_with_its_last_words(void **state)
{
	(void)state;
	assert_says("echo first; echo 'second\033[2J'; echo; exit 3", "second?[2J");
	write_script("kill -SEGV $$", 0755);
	assert_int_equal(run(10000), -EPROTO);
	assert_non_null(strstr(why.text, "died of signal 11"));
}

static void it_runs_as_somebody_without_capabilities(void **state)
{
	(void)state;
	assert_says(
		"while read -r k v; do\n"
		"	case $k in Uid:|Gid:|Groups:|CapInh:|CapPrm:|CapEff:|CapBnd:|CapAmb:|NoNewPrivs:)\n"
		"		set -- $v; all=\"$all$k$1 \"\n"
		"	esac\n"
		"done </proc/self/status\n"
		"echo $all; exit 3",
		"Uid:4711 Gid:4712 Groups:4713 CapInh:0000000000000000 "
		"CapPrm:0000000000000000 CapEff:0000000000000000 CapBnd:0000000000000000 "
		"CapAmb:0000000000000000 NoNewPrivs:1");
}

static void it_has_no_capabilities_as_root_either(void **state)
{
	struct slot_identity before = somebody;

	(void)state;
	somebody = (struct slot_identity){ 0 };
	assert_says("while read -r k v; do case $k in Uid:|CapPrm:|CapEff:)\n"
		    "	set -- $v; all=\"$all$k$1 \"; esac; done </proc/self/status\n"
		    "echo $all; exit 3",
		    "Uid:0 CapPrm:0000000000000000 CapEff:0000000000000000");
	somebody = before;
}

static void it_gets_two_descriptors_and_no_environment(void **state)
{
	_cleanup_close_ int secret = open(ROOM, O_RDONLY | O_DIRECTORY); /* without O_CLOEXEC */

	(void)state;
	must(secret >= 0, "open " ROOM);
	setenv("SECRET", "leaks", 1);
	assert_says("cd /proc/self/fd; for f in *; do all=\"$all$f \"; done\n"
		    "echo \"$all$SECRET\"; exit 3",
		    /* 5 is the folder that is listed, 10 the script that is read */
		    "0 1 10 2 3 4 5");
	assert_says("echo $PWD; exit 3", "/");
}

static void it_starts_nobody_and_writes_no_file(void **state)
{
	(void)state;
	must(!chmod(ROOM, 01777), "chmod " ROOM);
	write_script("(:)", 0755);
	assert_int_equal(run(10000), -EPROTO);
	assert_non_null(strstr(why.text, "Cannot fork"));
	write_script("echo x >" ROOM "/made", 0755);
	assert_int_equal(run(10000), -EPROTO);
	assert_non_null(strstr(why.text, "signal 25"));
}

static void it_may_not_open_what_its_user_may_not(void **state)
{
	_cleanup_close_ int fd = open(ROOM "/roots", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	must(fd >= 0, "make " ROOM "/roots");
	assert_says("read -r x <" ROOM "/roots || exit 3",
		    SCRIPT ": 2: cannot open " ROOM "/roots: Permission denied");
}

/* A root-owned shell with the setuid bit: no_new_privs leaves it without effect. */
static void a_setuid_bit_gives_nothing(void **state)
{
	(void)state;
	must(!system("cp /bin/sh " ROOM "/rootsh && chmod 04755 " ROOM "/rootsh"), "copy sh");
	assert_says("exec " ROOM "/rootsh -p -c 'while read -r k v; do case $k in Uid:)\n"
		    "set -- $v; echo $1 $2; esac; done </proc/self/status; exit 3'",
		    "4711 4711");
}

static void what_never_ends_is_killed(void **state)
{
	long long before = slot_confined_now_ms();

	(void)state;
	write_script("echo thinking; while :; do :; done", 0755);
	assert_int_equal(run(300), -EPROTO);
	assert_non_null(strstr(why.text, "did not end in time and was killed: thinking"));
	assert_true(slot_confined_now_ms() - before < 5000);
}

static void what_never_stops_talking_is_killed(void **state)
{
	(void)state;
	write_script("while :; do echo and another thing; done", 0755);
	assert_int_equal(run(300), -EPROTO);
	assert_non_null(strstr(why.text, "was killed: and another thing"));
}

static void files_that_others_may_write_are_not_run(void **state)
{
	(void)state;
	write_script("exit 0", 0775);
	assert_int_equal(run(10000), -EACCES);
	assert_non_null(strstr(why.text, "may be written by others than its owner (mode 0775)"));
	write_script("exit 0", 0755);
	must(!chown(SCRIPT, NOBODY, 0), "chown " SCRIPT);
	assert_int_equal(run(10000), -EACCES);
	assert_non_null(strstr(why.text, "belongs to uid 65534: it must be root's or uid 4711's"));
	must(!chown(SCRIPT, somebody.uid, 0), "chown " SCRIPT);
	assert_int_equal(run(10000), 0);
	must(!chmod(ROOM, 0777), "chmod " ROOM);
	assert_int_equal(run(10000), -EACCES);
	assert_non_null(strstr(why.text, "'" ROOM "' may be written by others"));
}

static void what_is_not_there_or_cannot_be_run_is_named(void **state)
{
	(void)state;
	assert_int_equal(run(10000), -ENOENT);
	assert_non_null(strstr(why.text, "there is no '" SCRIPT "'"));
	write_script("exit 0", 0644);
	assert_int_equal(run(10000), -EPROTO);
	assert_non_null(strstr(why.text, "cannot be run: Permission denied"));
	must(!unlink(SCRIPT) && !mkdir(SCRIPT, 0755), "make a folder");
	assert_int_equal(run(10000), -EACCES);
}

#define ADD(fn) TAP_ADD(&plan, fn, start, end)

int main(void)
{
	struct tap_plan plan = { 0 };

	if (!geteuid() &&
	    (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	     mount("tmpfs", "/mnt", "tmpfs", 0, "mode=0755"))) {
		perror("cannot make a room");
		return EXIT_FAILURE;
	}
	ADD(a_program_that_ends_well_is_all_right);
	ADD(a_failure_is_told_with_its_last_words);
	ADD(it_runs_as_somebody_without_capabilities);
	ADD(it_has_no_capabilities_as_root_either);
	ADD(it_gets_two_descriptors_and_no_environment);
	ADD(it_starts_nobody_and_writes_no_file);
	ADD(it_may_not_open_what_its_user_may_not);
	ADD(a_setuid_bit_gives_nothing);
	ADD(what_never_ends_is_killed);
	ADD(what_never_stops_talking_is_killed);
	ADD(files_that_others_may_write_are_not_run);
	ADD(what_is_not_there_or_cannot_be_run_is_named);
	return tap_run(&plan, "confined", 1);
}
