/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl socket_lb: what it says of VIPs, instances, flows and counters, and what it refuses. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define VIP "udp/203.0.113.80:53"

/* What @line says with --json; the caller's to release. */
static json_t *ask(const char *line)
{
	json_t *said;

	assert_int_equal(program_bed_run_json(&sl_bed.program, line), PROGRAM_OK);
	said = json_loads(sl_bed.program.out, 0, NULL);
	assert_non_null(said);
	return said;
}

struct refusal {
	const char *line, *why;
};

#define LAYOUTS                                                                                    \
	"expected mvfst, quic-lb:SERVER_ID_LEN (1 to 15)[:CONFIG (0 to 6)...], or "                \
	"custom:PROCESS_BIT[:WORKER_BIT:WORKER_BITS (1 to 8)], bits 0 to 159\n"

#define VIPS                                                                                       \
	"expected what the sockets are bound to, as tcp/203.0.113.80:80, "                         \
	"udp/[2001:db8::80]:443 or udp/0.0.0.0:53, port 1 to 65535\n"

static const struct refusal refusals[] = {
	{ "vip add " VIP " tcp", "mode 'tcp' is not for UDP: expected flow or quic\n" },
	{ "vip add tcp/203.0.113.80:80 quic", "mode 'quic' is not for TCP: expected tcp\n" },
	{ "vip add " VIP " best", "mode 'best': expected tcp, flow or quic\n" },
	{ "vip add " VIP " flow memory=65536", "memory '65536': expected 0 to 65535 seconds\n" },
	{ "vip add " VIP " flow memory=-1", "memory '-1': expected 0 to 65535 seconds\n" },
	{ "vip add " VIP " flow layout=mvfst", "layout= is for mode quic alone\n" },
	{ "vip add tcp/203.0.113.80:80 tcp memory=3", "memory= is for UDP alone\n" },
	{ "vip add " VIP " quic layout=x", "layout 'x': " LAYOUTS },
	{ "vip add " VIP " quic more", "'more': expected layout=LAYOUT or memory=SECONDS\n" },
	{ "vip add here flow", "VIP 'here': " VIPS },
	{ "vip add udp/203.0.113.80:0 flow", "VIP 'udp/203.0.113.80:0': " VIPS },
	{ "vip add " VIP " quic layout=mvfst layout=quic-lb:3", "layout= is named twice\n" },
	{ "vip add " VIP " flow memory=1 memory=1", "memory= is named twice\n" },
	{ "active " VIP " 2", "instance '2': expected 0 or 1\n" },
	{ "policy " VIP " 0 random", "policy 'random': expected hash, cpu or numa\n" },
	{ "policy " VIP " 0 hash 1,,2",
	  "weights '1,,2': expected up to 64 numbers from 0 to 255 with commas between\n" },
	{ "policy " VIP " 0 hash 256",
	  "weights '256': expected up to 64 numbers from 0 to 255 with commas between\n" },
	{ "vip show here", "VIP 'here': " VIPS },
	{ "vip del here", "VIP 'here': " VIPS },
	{ "free here 0", "VIP 'here': " VIPS },
	{ "instances here", "VIP 'here': " VIPS },
	{ "flows here", "VIP 'here': " VIPS },
	{ "stats here", "VIP 'here': " VIPS },
};

static void bad_words_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		int status = program_bed_run(&sl_bed.program, refusals[i].line);

		program_bed_assert_said(&sl_bed.program, "", refusals[i].why);
		assert_int_equal(status, PROGRAM_USAGE);
	}
}

static void a_vip_that_is_not_there_is_no_wrong_word(void **state)
{
	static const char *const lines[] = {
		"vip set " VIP " memory=3", "vip del " VIP, "vip show " VIP, "active " VIP,
		"free " VIP " 0",	    "stats " VIP
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		program_bed_assert_fails(&sl_bed.program, lines[i],
					 "there is no VIP 'udp/203.0.113.80:53'; slotctl "
					 "socket_lb vip add\n");
}

static void missing_words_show_the_usage(void **state)
{
	static const char *const lines[] = { "vip",	      "vip add",      "vip add " VIP,
					     "vip twist a b", "vip show a b", "active",
					     "policy " VIP,   "free " VIP,    "flows a b",
					     "stats a b",     "instances a b" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(program_bed_run(&sl_bed.program, lines[i]), PROGRAM_USAGE);
}

static void vips_are_shown_as_they_were_given(void **state)
{
	(void)state;
	sl_bed_vip("udp/[2001:db8::80]:443 quic layout=quic-lb:3:1 memory=7");
	sl_bed_vip("tcp/203.0.113.80:80 tcp");
	program_bed_assert_runs(
		&sl_bed.program, "vip show",
		"vip                                       mode   active   memory  layout\n"
		"tcp/203.0.113.80:80                       tcp    none         0s  -\n"
		"udp/[2001:db8::80]:443                    quic   none         7s  quic-lb:3:1\n");
	program_bed_assert_runs(&sl_bed.program, "vip set udp/[2001:db8::80]:443 layout=mvfst", "");
	program_bed_assert_runs(
		&sl_bed.program, "vip show udp/[2001:db8::80]:443",
		"vip                                       mode   active   memory  layout\n"
		"udp/[2001:db8::80]:443                    quic   none         7s  mvfst\n");
	program_bed_assert_runs(&sl_bed.program, "vip set udp/[2001:db8::80]:443 flow", "");
	program_bed_assert_runs(&sl_bed.program, "vip add tcp/203.0.113.80:80 tcp", "");
	program_bed_assert_runs(&sl_bed.program, "vip add udp/[2001:db8::80]:443 flow", "");
	program_bed_assert_fails(&sl_bed.program, "vip add udp/[2001:db8::80]:443 flow memory=3",
				 "VIP 'udp/[2001:db8::80]:443' is there already, and otherwise: "
				 "slotctl socket_lb vip set changes it\n");
	program_bed_assert_fails(&sl_bed.program, "vip add udp/[2001:db8::80]:443 quic",
				 "VIP 'udp/[2001:db8::80]:443' is there already, and otherwise: "
				 "slotctl socket_lb vip set changes it\n");
	program_bed_assert_runs(&sl_bed.program,
				"vip del tcp/203.0.113.80:80 udp/[2001:db8::80]:443", "");
	program_bed_assert_runs(
		&sl_bed.program, "vip show",
		"vip                                       mode   active   memory  layout\n");
}

static void there_are_64_vips(void **state)
{
	char line[64];

	(void)state;
	for (int i = 1; i <= SL_VIPS_MAX; i++) {
		snprintf(line, sizeof(line), "udp/203.0.113.80:%d flow", i);
		sl_bed_vip(line);
	}
	program_bed_assert_fails(&sl_bed.program, "vip add udp/203.0.113.80:100 flow",
				 "64 VIPs are all that fit\n");
	program_bed_assert_runs(&sl_bed.program, "vip del udp/203.0.113.80:9", "");
	program_bed_assert_runs(&sl_bed.program, "vip add udp/203.0.113.80:100 flow", "");
}

static json_t *instance_of(json_t *said, size_t number)
{
	json_t *instance = json_array_get(json_object_get(said, "instances"), number);

	assert_non_null(instance);
	return instance;
}

static void assert_text(json_t *object, const char *key, const char *text)
{
	assert_string_equal(json_string_value(json_object_get(object, key)), text);
}

static void assert_number(json_t *object, const char *key, long long number)
{
	assert_int_equal(json_integer_value(json_object_get(object, key)), number);
}

static void instances_tell_who_serves(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow");
	struct sl_server old, new, *one[] = { &old };
	int client = sl_bed_client(&vip.key);
	json_t *said;

	(void)state;
	sl_server_start(&old, &vip.key, 3, NULL);
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(one, 1).server, &old);
	sl_server_start(&new, &vip.key, 2, NULL);
	said = ask("instances " VIP);
	assert_text(instance_of(said, 0), "state", "draining");
	assert_text(instance_of(said, 0), "process", "alive");
	assert_number(instance_of(said, 0), "sockets", 3);
	assert_number(instance_of(said, 0), "flows", 1);
	assert_number(instance_of(said, 0), "pid", getpid());
	assert_text(instance_of(said, 1), "state", "active");
	assert_number(instance_of(said, 1), "workers", 2);
	assert_number(instance_of(said, 1), "flows", 0);
	json_decref(said);

	said = ask("flows");
	assert_int_equal(json_array_size(json_object_get(said, "flows")), 1);
	assert_number(json_array_get(json_object_get(said, "flows"), 0), "instance", 0);
	assert_text(json_array_get(json_object_get(said, "flows"), 0), "server", SL_BED_ADDR4);
	json_decref(said);
	program_bed_assert_fails(&sl_bed.program, "vip del " VIP,
				 "instance 0 of VIP '" VIP
				 "' has 3 sockets: stop it first, or say force\n");
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
	said = ask("instances");
	assert_text(instance_of(said, 0), "state", "free");
	json_decref(said);
}

static void an_operator_turns_back_a_takeover(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow");
	struct sl_server old, new, *both[] = { &old, &new };
	int client = sl_bed_client(&vip.key);

	(void)state;
	program_bed_assert_runs(&sl_bed.program, "active " VIP, "none\n");
	program_bed_assert_fails(&sl_bed.program, "active " VIP " 0",
				 "instance 0 cannot take traffic: it is free and has 0 sockets\n");
	sl_server_start(&old, &vip.key, 1, NULL);
	sl_server_start(&new, &vip.key, 1, NULL);
	program_bed_assert_runs(&sl_bed.program, "active " VIP, "1\n");
	program_bed_assert_runs(&sl_bed.program, "active " VIP " 0", "");
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(both, 2).server, &old);
	program_bed_assert_runs(&sl_bed.program, "active " VIP " none", "");
	close(client);
	client = sl_bed_client(&vip.key);
	assert_false(sl_bed_send(client, "x", 1));
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void weights_hold_at_once(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow");
	struct sl_server server, *one[] = { &server };
	json_t *said, *weights;

	(void)state;
	sl_server_start(&server, &vip.key, 3, NULL);
	program_bed_assert_runs(&sl_bed.program, "policy " VIP " 0 hash 0,0,1", "");
	for (int i = 0; i < 32; i++) {
		int client = sl_bed_client(&vip.key);

		send(client, "x", 1, 0);
		assert_int_equal(sl_bed_arrived(one, 1).position, 2);
		close(client);
	}
	program_bed_assert_fails(
		&sl_bed.program, "policy " VIP " 0 cpu 0,0,0",
		"every weight is 0: at least one socket has to take what is new\n");
	program_bed_assert_fails(&sl_bed.program, "policy " VIP " 1 cpu", "instance 1 is free\n");
	program_bed_assert_fails(&sl_bed.program, "policy " VIP " 0 hash 1,1,1,1",
				 "4 weights for the 3 sockets of instance 0\n");
	program_bed_assert_fails(&sl_bed.program, "free " VIP " 1", "instance 1 is free\n");
	assert_int_equal(program_bed_run(&sl_bed.program, "instances " VIP), PROGRAM_OK);
	assert_non_null(strstr(sl_bed.program.out, "  hash         32  0,0,1\n"));
	assert_non_null(strstr(sl_bed.program.out, "  hash          0  -\n"));
	said = ask("instances " VIP);
	weights = json_object_get(instance_of(said, 0), "weights");
	assert_int_equal(json_array_size(weights), 3);
	assert_int_equal(json_integer_value(json_array_get(weights, 2)), 1);
	json_decref(said);
	sl_server_stop(&server);
}

/* All sockets but that of the CPU that sends are for others. */
static void by_cpu_the_socket_is_the_cpus_own(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow memory=0");
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), sent = 0;
	struct sl_server server, *one[] = { &server };
	cpu_set_t before, only;

	(void)state;
	sched_getaffinity(0, sizeof(before), &before);
	sl_server_start(&server, &vip.key, (__u32)cpus, NULL);
	program_bed_assert_runs(&sl_bed.program, "policy " VIP " 0 cpu", "");
	for (int cpu = 0; cpu < cpus; cpu++) {
		int client = sl_bed_client(&vip.key);

		CPU_ZERO(&only);
		CPU_SET(cpu, &only);
		if (sched_setaffinity(0, sizeof(only), &only) == 0) {
			send(client, "x", 1, 0);
			assert_int_equal(sl_bed_arrived(one, 1).position, cpu);
			sent++;
		}
		close(client);
	}
	assert_true(sent > 0);
	sched_setaffinity(0, sizeof(before), &before);
	sl_server_stop(&server);
}

/* Of the own node's row all but what a CPU would have taken; in the other rows nothing. */
static void steer_by_node(__u32 vip, unsigned int cpu, unsigned int node)
{
	struct sl_instance instance;
	struct slot_reason why;

	assert_int_equal(sl_instance_get(&sl_bed.maps, vip, 0, &why, &instance), 0);
	assert_int_equal(instance.policy, SL_BY_NUMA);
	memset(instance.steer, 0, sizeof(instance.steer));
	memset(instance.steer + (node * SL_STEER_PER_NODE) % SL_STEER_SIZE, 1, SL_STEER_PER_NODE);
	instance.steer[cpu % SL_STEER_SIZE] = 0;
	assert_int_equal(sl_instance_write(&sl_bed.maps, vip, 0, &instance, &why), 0);
}

/* As the host may have one node only, the rows of others are told by what is never taken. */
static void by_numa_the_row_is_the_nodes_own(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow memory=0");
	struct sl_server server, *one[] = { &server };
	unsigned int cpu = 0, node = 0;
	int at_node = 0;

	(void)state;
	assert_int_equal(getcpu(&cpu, &node), 0);
	sl_server_start(&server, &vip.key, 2, NULL);
	program_bed_assert_runs(&sl_bed.program, "policy " VIP " 0 numa", "");
	steer_by_node(vip.vip.index, cpu, node);
	for (int i = 0; i < 64; i++) {
		int client = sl_bed_client(&vip.key);

		send(client, "x", 1, 0);
		at_node += sl_bed_arrived(one, 1).position == 1;
		close(client);
	}
	/* by CPU it would be none, by hash an eighth */
	assert_in_range(at_node, 48, 64);
	sl_server_stop(&server);
}

static void stats_are_of_one_vip_or_of_all(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow");
	struct sl_vip_entry other = sl_bed_vip("udp/203.0.113.81:53 flow");
	struct sl_server server, second;
	int client = sl_bed_client(&vip.key), next = sl_bed_client(&other.key);
	json_t *said;

	(void)state;
	sl_server_start(&server, &vip.key, 1, NULL);
	sl_server_start(&second, &other.key, 1, NULL);
	send(client, "x", 1, 0);
	send(next, "x", 1, 0);
	sl_bed_arrived((struct sl_server *[]){ &server, &second }, 2);
	said = ask("stats " VIP);
	assert_text(json_array_get(json_object_get(said, "counters"), SL_NEW), "name", "new");
	assert_number(json_array_get(json_object_get(said, "counters"), SL_NEW), "packets", 1);
	assert_number(json_array_get(json_object_get(said, "counters"), SL_NEW), "bytes", 9);
	json_decref(said);
	said = ask("stats");
	assert_number(json_array_get(json_object_get(said, "counters"), SL_NEW), "packets", 2);
	json_decref(said);
	close(client);
	close(next);
	sl_server_stop(&server);
	sl_server_stop(&second);
}

/* A VIP that is added anew begins at 0, and its index is nobody else's. */
static void a_vip_made_again_begins_anew(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " flow"), again;
	struct sl_server server, *one[] = { &server };
	int client = sl_bed_client(&vip.key);

	(void)state;
	sl_server_start(&server, &vip.key, 1, NULL);
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(one, 1).server, &server);
	program_bed_assert_runs(&sl_bed.program, "vip del " VIP " force", "");
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(one, 1).server, &server);
	assert_int_equal(sl_bed_count(SL_NO_VIP, SL_NOT_OURS), 1);
	sl_server_crash(&server);

	again = sl_bed_vip(VIP " flow");
	assert_int_equal(sl_bed_count(again.vip.index, SL_NEW), 0);
	sl_server_start(&server, &vip.key, 1, NULL);
	send(client, "x", 1, 0);
	assert_ptr_equal(sl_bed_arrived(one, 1).server, &server);
	assert_int_equal(sl_bed_count(again.vip.index, SL_STALE_FLOW), 1);
	close(client);
	sl_server_stop(&server);
}

#define ADD(test) TAP_ADD(&plan, test, sl_bed_set_up, sl_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(bad_words_are_refused);
	ADD(a_vip_that_is_not_there_is_no_wrong_word);
	ADD(missing_words_show_the_usage);
	ADD(vips_are_shown_as_they_were_given);
	ADD(there_are_64_vips);
	ADD(instances_tell_who_serves);
	ADD(an_operator_turns_back_a_takeover);
	ADD(weights_hold_at_once);
	ADD(by_cpu_the_socket_is_the_cpus_own);
	ADD(by_numa_the_row_is_the_nodes_own);
	ADD(stats_are_of_one_vip_or_of_all);
	ADD(a_vip_made_again_begins_anew);
	return tap_run(&plan, "socket_lb_cli", 1);
}
