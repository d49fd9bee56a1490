/* SPDX-License-Identifier: GPL-2.0-only */
/* pass: the program that others start from. */
#include <linux/bpf.h>

#include <bpf/libbpf.h>

#include "tests/support/packet.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

static void pass_lets_a_packet_through_as_it_came(void **state)
{
	struct bpf_object *object = progrun_open("bpf/pass.bpf.o");
	struct progrun run = {};
	struct packet p;

	(void)state;
	assert_non_null(object);
	assert_int_equal(bpf_object__load(object), 0);
	packet_start(&p, "hello", 5);
	packet_udp(&p, 40000, 53);
	packet_ip6(&p, &(struct packet_ip6){ .src = "2001:db8::7", .dst = "2001:db8::1" });
	packet_eth(&p);

	assert_int_equal(progrun_packet(progrun_fd(object, "pass"), &p, &run), 0);
	assert_int_equal(run.verdict, XDP_PASS);
	assert_int_equal(run.len, p.len);
	assert_memory_equal(run.bytes, packet_bytes(&p), p.len);
	bpf_object__close(object);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, pass_lets_a_packet_through_as_it_came, NULL, NULL);
	return tap_run(&plan, "pass", 1);
}
