/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl lb, on the pinned maps of a loaded load balancer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "programs/lb/lb.h"
#include "tests/support/lb_bed.h"
#include "tests/support/packet.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define NOBODY 65534
#define REALS "203.0.113."
#define TCP_SYN 2
#define TCP_ACK 16

static int map_fd(const char *name)
{
	int fd = bpf_object__find_map_fd_by_name(lb_bed.object, name);

	assert_true(fd >= 0);
	return fd;
}

static __u32 count_elements(const char *name, size_t key_size)
{
	unsigned char key[64], next[64];
	__u32 count = 0;
	int err;

	assert_true(key_size <= sizeof(key));
	for (err = bpf_map_get_next_key(map_fd(name), NULL, next); !err;
	     err = bpf_map_get_next_key(map_fd(name), key, next)) {
		memcpy(key, next, key_size);
		count++;
	}
	return count;
}

static void set_up_vip(void)
{
	lb_bed_runs("set gateway=02:00:00:00:00:fe");
	lb_bed_runs("vip add tcp/192.0.2.1:80");
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "1");
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "2 weight=3");
}

/* The verdict for a TCP packet with @flags to @dst, and where its tunnel leads. */
static int send_flags(const char *dst, uint16_t sport, __u8 flags, __u32 *ret_real)
{
	struct progrun result = {};
	struct packet p;

	packet_start(&p, "hello", 5);
	packet_tcp(&p, sport, 80, flags);
	packet_ip4(&p, &(struct packet_ip4){ .src = "198.51.100.7", .dst = dst });
	packet_eth(&p);
	assert_int_equal(progrun_packet(progrun_fd(lb_bed.object, "lb"), &p, &result), 0);
	if (result.verdict == XDP_TX)
		memcpy(ret_real, result.bytes + 14 + 16, 4);
	return result.verdict;
}

static int send_packet(const char *dst, uint16_t sport, __u32 *ret_real)
{
	return send_flags(dst, sport, TCP_SYN, ret_real);
}

/* The last byte of the real that the packet of VIP A goes to. */
static int real_of(uint16_t sport, __u8 flags)
{
	__u32 real = 0;

	assert_int_equal(send_flags("192.0.2.1", sport, flags, &real), XDP_TX);
	return ((unsigned char *)&real)[3];
}

static void an_added_vip_leads_to_its_reals(void **state)
{
	__u32 real, first = 0, last = 0;

	(void)state;
	assert_int_equal(send_packet("192.0.2.1", 1024, &real), XDP_PASS);
	set_up_vip();
	for (uint16_t port = 1024; port < 1088; port++) {
		assert_int_equal(send_packet("192.0.2.1", port, &real), XDP_TX);
		first += ((unsigned char *)&real)[3] == 1;
		last += ((unsigned char *)&real)[3] == 2;
	}
	assert_true(first > 0 && last > 0);
	assert_int_equal(first + last, 64);
	assert_int_equal(send_packet("192.0.2.2", 1024, &real), XDP_PASS);
}

/* Between the bits by which the data plane turns it there are always some that are set. */
static void a_seed_is_no_plain_multiple_of_itself(void **state)
{
	static const unsigned int turns[] = { 0, 9, 22, 35, 48, 64 };
	struct lb_control control[2];

	(void)state;
	set_up_vip();
	for (__u32 i = 0; i < 2; i++)
		assert_int_equal(bpf_map_lookup_elem(map_fd(LB_CONTROL_NAME), &i, &control[i]), 0);
	for (int i = 0; i < 2; i++)
		for (size_t k = 0; k + 1 < sizeof(turns) / sizeof(turns[0]); k++)
			assert_true(control[1].seed[i] << turns[k] >>
				    (64 - (turns[k + 1] - turns[k])));
	assert_memory_equal(control[0].seed, control[1].seed, sizeof(control[0].seed));
}

static void vips_and_reals_are_shown(void **state)
{
	(void)state;
	set_up_vip();
	assert_int_equal(program_bed_run(&lb_bed, "vip show"), 0);
	assert_non_null(strstr(lb_bed.out, "tcp/192.0.2.1:80"));
	assert_int_equal(program_bed_run(&lb_bed, "real list tcp/192.0.2.1:80"), 0);
	assert_non_null(strstr(lb_bed.out, REALS "1 "));
	assert_non_null(strstr(lb_bed.out, REALS "2 "));
	assert_int_equal(program_bed_run_json(&lb_bed, "real list"), 0);
	assert_non_null(strstr(lb_bed.out, "\"weight\": 3"));
	lb_bed_runs("real set " REALS "1 mac=02:00:00:00:00:01");
	assert_int_equal(program_bed_run(&lb_bed, "real list"), 0);
	assert_non_null(strstr(lb_bed.out, "  02:00:00:00:00:01\n"));
	assert_int_equal(program_bed_run_json(&lb_bed, "real list"), 0);
	assert_non_null(strstr(lb_bed.out, "\"mac\": \"02:00:00:00:00:01\""));
	assert_int_equal(program_bed_run(&lb_bed, "show"), 0);
	assert_non_null(strstr(lb_bed.out, "02:00:00:00:00:fe"));
}

static void a_drained_real_gets_no_new_flows(void **state)
{
	__u32 real;

	(void)state;
	set_up_vip();
	lb_bed_runs("real drain tcp/192.0.2.1:80 " REALS "1");
	for (uint16_t port = 1024; port < 1088; port++) {
		assert_int_equal(send_packet("192.0.2.1", port, &real), XDP_TX);
		assert_int_equal(((unsigned char *)&real)[3], 2);
	}
}

/*
 * A connection is recorded for real 2, as the ring changed. Then @lines leave the VIP with a
 * first ring of real 1 alone: another connection of the same client and port stays there.
 */
static void assert_no_record_counts(const char *const *lines)
{
	uint16_t port = 1024;

	lb_bed_runs("set gateway=02:00:00:00:00:fe");
	lb_bed_runs("vip add tcp/192.0.2.2:80");
	lb_bed_runs("real add tcp/192.0.2.2:80 " REALS "2");
	lb_bed_runs("vip add tcp/192.0.2.1:80 table=transitions");
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "1");
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "2");
	while (real_of(port, TCP_SYN) != 2)
		port++;
	assert_int_equal(real_of(port, TCP_ACK), 2);
	for (; *lines; lines++)
		lb_bed_runs(*lines);
	assert_int_equal(real_of(port, TCP_SYN), 1);
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "2");
	assert_int_equal(real_of(port, TCP_ACK), 1);
	assert_int_equal(real_of(port, TCP_SYN), 2);
	assert_int_equal(real_of(port, TCP_ACK), 2);
}

static void a_vip_without_reals_forgets_its_records(void **state)
{
	(void)state;
	assert_no_record_counts((const char *const[]){
		"real del tcp/192.0.2.1:80 " REALS "1", "real del tcp/192.0.2.1:80 " REALS "2",
		"real add tcp/192.0.2.1:80 " REALS "1", NULL });
}

static void a_vip_that_comes_back_has_no_records(void **state)
{
	(void)state;
	assert_no_record_counts((const char *const[]){
		"vip del tcp/192.0.2.1:80", "vip add tcp/192.0.2.1:80 table=transitions",
		"real add tcp/192.0.2.1:80 " REALS "1", NULL });
}

static void only_the_ring_that_counts_is_kept(void **state)
{
	(void)state;
	set_up_vip();
	assert_int_equal(count_elements(LB_RINGS_NAME, sizeof(__u32)), LB_RING_PAGES);
	lb_bed_runs("vip set tcp/192.0.2.1:80 ring=hrw table=transitions");
	lb_bed_runs("real add tcp/192.0.2.1:80 " REALS "3");
	assert_int_equal(count_elements(LB_RINGS_NAME, sizeof(__u32)), LB_RING_PAGES);
	assert_true(count_elements(LB_PREVIOUS_NAME, sizeof(__u32)) > 0);
	lb_bed_runs("vip del tcp/192.0.2.1:80");
	assert_int_equal(count_elements(LB_RINGS_NAME, sizeof(__u32)), 0);
	assert_int_equal(count_elements(LB_PREVIOUS_NAME, sizeof(__u32)), 0);
	assert_int_equal(count_elements(LB_MEMBERS_NAME, sizeof(struct lb_member_key)), 0);
}

static void what_cannot_be_is_refused_with_the_reason(void **state)
{
	(void)state;
	set_up_vip();
	program_bed_assert_fails(&lb_bed, "vip add tcp/192.0.2.1:80",
				 "VIP tcp/192.0.2.1:80 is there already; nothing was changed\n");
	program_bed_assert_fails(&lb_bed, "real add tcp/192.0.2.1:80 " REALS "1",
				 "VIP tcp/192.0.2.1:80 has the real " REALS
				 "1 already; nothing was "
				 "changed\n");
	program_bed_assert_fails(&lb_bed, "real add tcp/192.0.2.1:80 " REALS "4 weight=0",
				 "'0': a weight is a number from 1 to 65535; nothing was "
				 "changed\n");
	lb_bed_runs("vip add tcp/198.51.100.0/24:80");
	program_bed_assert_fails(&lb_bed, "vip add tcp/198.51.100.128/25:80",
				 "VIPs tcp/198.51.100.0/24:80 and tcp/198.51.100.128/25:80 "
				 "overlap; nothing was changed\n");
	lb_bed_runs("vip add tcp/[2001:db8::1]:80");
	program_bed_assert_fails(&lb_bed, "real add tcp/[2001:db8::1]:80 " REALS "1",
				 "VIP tcp/[2001:db8::1]:80, real " REALS "1: an IPv6 VIP cannot "
				 "have an IPv4 real; nothing was changed\n");
}

static void keep_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* What the last command said, as a file. */
static void keep_output(const char *path)
{
	keep_text(path, lb_bed.out);
}

static void set_up_all(void)
{
	set_up_vip();
	lb_bed_runs("set source4=192.0.2.254 source6=2001:db8::fe gue-port=9886 new-flows=7");
	lb_bed_runs("vip add udp/[2001:db8::1]:443 encap=gue table=transitions ring=hrw window=60 "
		    "flags=quic,flow-migration");
	lb_bed_runs("real add udp/[2001:db8::1]:443 2001:db8:1::1 mac=02:00:00:00:00:01 weight=9");
	lb_bed_runs("real add udp/[2001:db8::1]:443 2001:db8:1::2 local=yes");
	lb_bed_runs("real down udp/[2001:db8::1]:443 2001:db8:1::2");
	lb_bed_runs("real drain tcp/192.0.2.1:80 " REALS "1");
	lb_bed_runs("real weight tcp/192.0.2.1:80 " REALS "2 65535");
	lb_bed_runs("vip add tcp/198.51.100.0/24");
	lb_bed_runs("server-id add 1022 " REALS "1");
	lb_bed_runs("server-id add 4294967295 " REALS "3");
	lb_bed_runs("source add 10.0.0.0/8 " REALS "2");
	lb_bed_runs("source add 10.1.0.0/16 " REALS "1");
	lb_bed_runs("source add 2001:db8:5::/48 2001:db8:1::1");
	lb_bed_runs("tunnel add 192.0.2.9");
	lb_bed_runs("tunnel add 2001:db8::9");
}

static void a_dump_restores_all_of_it(void **state)
{
	char *before;

	(void)state;
	set_up_all();
	assert_int_equal(program_bed_run(&lb_bed, "dump"), 0);
	before = strdup(lb_bed.out);
	keep_output("build/lb_dump.json");
	lb_bed_runs("restore build/lb_dump.json");
	program_bed_assert_runs(&lb_bed, "dump", before);

	lb_bed_runs("vip del tcp/192.0.2.1:80 udp/[2001:db8::1]:443");
	lb_bed_runs("vip add tcp/192.0.2.77:77 encap=l2");
	lb_bed_runs("source del 10.0.0.0/8");
	lb_bed_runs("server-id del 1022");
	lb_bed_runs("tunnel del 192.0.2.9");
	lb_bed_runs("restore build/lb_dump.json");
	assert_int_equal(program_bed_run(&lb_bed, "vip show tcp/192.0.2.77:77"), PROGRAM_FAILED);
	assert_int_equal(program_bed_run(&lb_bed, "real list tcp/192.0.2.1:80"), 0);
	assert_non_null(strstr(lb_bed.out, REALS "2 "));
	assert_int_equal(unlink("build/lb_dump.json"), 0);

	/* Into maps that know nothing, it is the same again to the last byte. */
	lb_bed_tear_down(NULL);
	lb_bed_set_up(NULL);
	keep_text("build/lb_dump.json", before);
	lb_bed_runs("restore build/lb_dump.json");
	program_bed_assert_runs(&lb_bed, "dump", before);
	assert_int_equal(unlink("build/lb_dump.json"), 0);
	free(before);
}

static void a_ring_shows_its_shares_and_what_a_file_would_move(void **state)
{
	(void)state;
	set_up_vip();
	assert_int_equal(program_bed_run(&lb_bed, "dump"), 0);
	keep_output("build/lb_ring.json");
	assert_int_equal(program_bed_run(&lb_bed,
					 "ring show tcp/192.0.2.1:80 --diff build/lb_ring.json"),
			 0);
	assert_non_null(strstr(lb_bed.out, "0 of 65537 positions would move"));
	lb_bed_runs("real del tcp/192.0.2.1:80 " REALS "2");
	assert_int_equal(program_bed_run(&lb_bed, "ring show tcp/192.0.2.1:80"), 0);
	assert_non_null(strstr(lb_bed.out, "100.00%"));
	assert_int_equal(program_bed_run_json(
				 &lb_bed, "ring show tcp/192.0.2.1:80 --diff build/lb_ring.json"),
			 0);
	assert_non_null(strstr(lb_bed.out, "\"moved\": 3"));
	assert_int_equal(unlink("build/lb_ring.json"), 0);
}

static void stats_count_by_vip_and_real(void **state)
{
	__u32 real;

	(void)state;
	set_up_vip();
	for (uint16_t port = 1; port < 11; port++)
		assert_int_equal(send_packet("192.0.2.1", port, &real), XDP_TX);
	assert_int_equal(program_bed_run_json(&lb_bed, "stats"), 0);
	assert_non_null(
		strstr(lb_bed.out, "\"vip\": \"tcp/192.0.2.1:80\",\n      \"packets\": 10"));
	assert_non_null(strstr(lb_bed.out, "\"katran\": \"remote_encap.v1\""));
	assert_int_equal(program_bed_run(&lb_bed, "stats"), 0);
	assert_non_null(strstr(lb_bed.out, "sent4 "));
}

/* Numbers are given in turn, so it takes all of them until one is given again. */
static void a_vip_with_a_number_of_another_one_counts_from_0(void **state)
{
	struct lb_vip_settings set = {};
	struct lb_vip_name name;
	struct slot_reason why;
	struct lb lb;
	char text[32];
	__u32 real;

	(void)state;
	set_up_vip();
	assert_int_equal(send_packet("192.0.2.1", 1024, &real), XDP_TX);
	assert_int_equal(program_bed_run_json(&lb_bed, "stats"), 0);
	assert_non_null(strstr(lb_bed.out, "\"packets\": 1,"));
	lb_bed_runs("vip del tcp/192.0.2.1:80");
	assert_int_equal(lb_open(PROGRAM_BED_DIR, true, &why, &lb), 0);
	for (int n = 0; n < LB_VIPS_MAX; n++) {
		snprintf(text, sizeof(text), "tcp/10.0.%d.%d:80", n >> 8, n & 255);
		assert_int_equal(lb_vip_name_parse(text, &why, &name), 0);
		assert_int_equal(lb_vip_add(&lb.model, &name, &set, &why), 0);
	}
	assert_true(lb.model.vips[0].is_used);
	assert_int_equal(lb_commit(&lb, &why), 0);
	lb_close(&lb);
	assert_int_equal(program_bed_run_json(&lb_bed, "stats"), 0);
	assert_null(strstr(lb_bed.out, "\"bytes\": 45"));
}

static void katrans_lists_are_imported(void **state)
{
	FILE *file = fopen("build/lb_katran.json", "w");

	(void)state;
	assert_non_null(file);
	fputs("{\"mac\": \"02:00:00:00:00:fe\", \"vips\": [{\"vip\": {\"address\": "
	      "\"192.0.2.1\", \"port\": 80, \"protocol\": 6}, \"flags\": \"1\", \"reals\": "
	      "[{\"address\": \"203.0.113.1\", \"weight\": 10}, {\"address\": "
	      "\"203.0.113.2\", \"weight\": 0}]}], \"qreals\": [{\"address\": "
	      "\"203.0.113.1\", \"id\": 5}]}",
	      file);
	fclose(file);
	lb_bed_runs("import-katran build/lb_katran.json");
	assert_int_equal(program_bed_run(&lb_bed, "vip show"), 0);
	assert_non_null(strstr(lb_bed.out, "no-source-port"));
	assert_int_equal(program_bed_run(&lb_bed, "real list"), 0);
	assert_non_null(strstr(lb_bed.out, "drained"));
	program_bed_assert_fails(
		&lb_bed, "import-katran build/lb_katran.json",
		"build/lb_katran.json: vips, item 1: VIP tcp/192.0.2.1:80 is there "
		"already; nothing was changed\n");
	assert_int_equal(unlink("build/lb_katran.json"), 0);
}

/* Runs @line as a user who owns the pins and nothing else. */
static int run_as_nobody(const char *line)
{
	struct bpf_map *map;
	char path[256];
	pid_t child;
	int status;

	bpf_object__for_each_map(map, lb_bed.object) {
		snprintf(path, sizeof(path), PROGRAM_BED_DIR "/%s", bpf_map__name(map));
		if (!bpf_map__is_internal(map))
			assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	}
	child = fork();
	if (!child) {
		if (setgid(NOBODY) || setuid(NOBODY))
			_exit(99);
		_exit(program_bed_run(&lb_bed, line));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void an_owner_of_the_pins_needs_no_root(void **state)
{
	__u32 real;

	(void)state;
	assert_int_equal(run_as_nobody("set gateway=02:00:00:00:00:fe"), 0);
	assert_int_equal(run_as_nobody("vip add tcp/192.0.2.1:80"), 0);
	assert_int_equal(run_as_nobody("real add tcp/192.0.2.1:80 " REALS "9"), 0);
	assert_int_equal(run_as_nobody("vip set tcp/192.0.2.1:80 table=transitions"), 0);
	assert_int_equal(send_packet("192.0.2.1", 1024, &real), XDP_TX);
	assert_int_equal(((unsigned char *)&real)[3], 9);
}

#define ADD(fn) TAP_ADD(&plan, fn, lb_bed_set_up, lb_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(an_added_vip_leads_to_its_reals);
	ADD(a_seed_is_no_plain_multiple_of_itself);
	ADD(vips_and_reals_are_shown);
	ADD(a_drained_real_gets_no_new_flows);
	ADD(a_vip_without_reals_forgets_its_records);
	ADD(a_vip_that_comes_back_has_no_records);
	ADD(only_the_ring_that_counts_is_kept);
	ADD(what_cannot_be_is_refused_with_the_reason);
	ADD(a_dump_restores_all_of_it);
	ADD(a_ring_shows_its_shares_and_what_a_file_would_move);
	ADD(stats_count_by_vip_and_real);
	ADD(a_vip_with_a_number_of_another_one_counts_from_0);
	ADD(katrans_lists_are_imported);
	ADD(an_owner_of_the_pins_needs_no_root);
	return tap_run(&plan, "lb_cli", 1);
}
