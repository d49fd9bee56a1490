/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What libhandoff needs to take a connection and to make a socket of it, with kTLS and without, and
 * how long a rule of flower for it takes through the queue. One JSON object on stdout; what this
 * kernel has no part for is in `left_out`. See docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "loader/lib/offload/flower_request.h"
#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/flower_bed.h"
#include "tests/support/handoff_bed.h"
#include "tests/support/tap.h"
#include "tests/support/tls_session.h"

#define CIPHER "TLS_AES_128_GCM_SHA256"
#define PREF 1100
#define OWNER 0x62656e63682d686fULL /* "bench-ho" */
#define DRAIN_MS 10000
#define PART_MOST 99

enum step {
	STEP_CAPTURE,
	STEP_RESTORE,
	STEP_THAW,
	STEPS,
};

static const char *const step_words[STEPS] = { "capture", "restore", "thaw" };

struct bench {
	struct bench_settings settings;
	struct handoff_bed bed;
	struct tls_session session;
	double *took_ns[STEPS];
	json_t *steps, *left_out;
};

static void add_row(struct bench *b, const char *step, const char *of, double *took_ns)
{
	unsigned int count = b->settings.repeat;
	char name[64];

	snprintf(name, sizeof(name), "%s%s", step, of);
	bench_sort(took_ns, count);
	json_array_append_new(
		b->steps,
		json_pack("{s:s, s:o, s:o}", "step", name, "median_us",
			  bench_number(took_ns[count / 2] / 1e3, 10), "p99_us",
			  bench_number(took_ns[(size_t)count * PART_MOST / 100] / 1e3, 10)));
}

static void leave_out(struct bench *b, const char *step, const char *why)
{
	json_array_append_new(b->left_out, json_pack("{s:s, s:s}", "step", step, "why", why));
}

/* --- sockets ----------------------------------------------------------------------------------- */

/* A request that is not read yet and nothing that is not acknowledged, as a frontend has it. */
static void ask(struct bench *b, bool has_tls)
{
	static const char request[] = "GET /object HTTP/1.1\r\nHost: server\r\n\r\n";

	if (!has_tls) {
		handoff_bed_say(b->bed.client, b->bed.server, request);
		handoff_bed_say(b->bed.server, b->bed.client, "HTTP/1.1 200 OK\r\n\r\n");
	} else {
		char heard[sizeof(request)];

		tls_session_write(&b->session, request, sizeof(request), 3);
		if (recv(b->bed.server, heard, sizeof(request), MSG_WAITALL) != sizeof(request) ||
		    send(b->bed.server, "fine", 4, MSG_NOSIGNAL) != 4)
			fail_msg("no talk under kTLS: %s", strerror(errno));
		tls_session_expect(&b->session, "fine");
	}
	handoff_bed_wait(b->bed.server, SIOCOUTQ, 0);
}

static double must(struct bench *b, int err, double began_ns)
{
	double took_ns = bench_clock_ns() - began_ns;

	if (err)
		fail_msg("%s", handoff_error(b->bed.handoff));
	return took_ns;
}

/* @at: 0 is to get warm, from 1 on it counts. */
static void move(struct bench *b, unsigned int at)
{
	struct handoff *h = b->bed.handoff;
	struct handoff_state *state = NULL;
	double took_ns[STEPS], began_ns;

	handoff_bed_shut(&b->bed, true);
	began_ns = bench_clock_ns();
	took_ns[STEP_CAPTURE] = must(b, handoff_capture(h, b->bed.server, &state), began_ns);
	close(b->bed.server);
	state = handoff_bed_copy(state);
	began_ns = bench_clock_ns();
	took_ns[STEP_RESTORE] = must(b, handoff_restore(h, state, NULL, &b->bed.server), began_ns);
	handoff_bed_shut(&b->bed, false);
	began_ns = bench_clock_ns();
	took_ns[STEP_THAW] = must(b, handoff_resume(h, state, b->bed.server), began_ns);
	handoff_state_free(state);
	for (int i = 0; at && i < STEPS; i++)
		b->took_ns[i][at - 1] = took_ns[i];
}

static void measure_moves(struct bench *b, bool has_tls)
{
	handoff_bed_open(&b->bed, AF_INET, NULL);
	handoff_bed_connect(&b->bed);
	if (has_tls)
		tls_session_open(&b->session, b->bed.client, b->bed.server, TLS1_3_VERSION, CIPHER);
	for (unsigned int i = 0; i <= b->settings.repeat; i++) {
		ask(b, has_tls);
		move(b, i);
	}
	for (int i = 0; i < STEPS; i++)
		add_row(b, step_words[i], has_tls ? " (TLS)" : "", b->took_ns[i]);
	if (has_tls)
		tls_session_close(&b->session);
	handoff_bed_close(&b->bed);
}

/* ENOENT: no kTLS; ENOTCONN: there is, but this socket has no peer. */
static bool has_ktls(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has;

	(void)!system("modprobe -q -a tls gcm ghash_generic");
	has = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) && errno == ENOTCONN;
	close(fd);
	return has;
}

/* --- rules of flower --------------------------------------------------------------------------- */

static struct slot_flower_place place;
static double reported_ns;
static int reported_err;

static void install(void *context, struct slot_queue_request *const *requests, size_t count,
		    struct slot_answer *ret_answers)
{
	(void)context;
	slot_flower_install(&place, requests, count, ret_answers);
}

static void take_off(void *context, struct slot_queue_request *const *requests, size_t count,
		     struct slot_answer *ret_answers)
{
	(void)context;
	slot_flower_remove(&place, requests, count, ret_answers);
}

static void report(void *context, struct slot_queue_request *request, enum slot_queue_state state,
		   const struct slot_answer *answer)
{
	(void)context;
	(void)request;
	(void)state;
	reported_err = answer->err;
	reported_ns = bench_clock_ns();
}

/* As the agent's of a connection over IPv4. */
static struct slot_flower_request make_request(unsigned int number)
{
	const struct flower_flow flow = { AF_INET, IPPROTO_TCP, (__u16)(1024 + number),
					  FLOWER_DPORT, 0 };
	struct slot_flower_request request = { .rule = flower_bed_rule(&flow, number + 1) };
	struct slot_flower_rule *rule = &request.rule;

	rule->mode = SLOT_FLOWER_SKIP_HW;
	rule->owner = OWNER;
	rule->match.no_fragments = rule->match.no_ends = true;
	memset(rule->actions, 0, sizeof(rule->actions));
	rule->actions[0].kind = SLOT_FLOWER_READDRESS;
	rule->actions[0].address.next_hop_mac[5] = 2;
	rule->actions[0].address.own_mac[5] = 1;
	rule->actions[0].address.end.address[0] = htonl(0xc0000209);
	rule->actions[0].address.end.port = htons(8443);
	rule->actions[1].kind = SLOT_FLOWER_REDIRECT;
	rule->actions[1].ifindex = place.ifindex;
	rule->action_count = 2;
	return request;
}

/* *ret_queued_ns: what the caller's own time is, who does not wait. */
static int measure_rule(struct slot_queue *queue, unsigned int number, double *ret_ns,
			double *ret_queued_ns)
{
	struct slot_flower_request request = make_request(number);
	double began_ns = bench_clock_ns();
	int err = slot_queue_add(queue, &request.request);

	*ret_queued_ns = bench_clock_ns() - began_ns;
	err = err ? err : slot_queue_drain(queue, DRAIN_MS);
	err = err ? err : reported_err;
	*ret_ns = reported_ns - began_ns;
	if (!err)
		err = slot_queue_cancel(queue, &request.request);
	return err ? err : slot_queue_drain(queue, DRAIN_MS);
}

static int measure_rules(struct bench *b)
{
	static const struct slot_queue_ops ops = { install, take_off, report };
	const struct slot_queue_settings settings = { 1, 1, &ops, b };
	struct slot_queue *queue;
	int err = 0;

	/* A guest whose clock is instructions runs ahead while a file is read: past every limit. */
	(void)!system("modprobe -q -a act_pedit act_csum act_mirred");
	flower_bed_start(NULL);
	place = flower_bed_place("v0", SLOT_HOOK_TC_INGRESS);
	place.pref = PREF;
	err = slot_queue_new(&settings, &queue);
	if (!err)
		err = measure_rule(queue, b->settings.repeat, &b->took_ns[0][0], &b->took_ns[1][0]);
	for (unsigned int i = 0; !err && i < b->settings.repeat; i++)
		err = measure_rule(queue, i, &b->took_ns[0][i], &b->took_ns[1][i]);
	if (!err) {
		add_row(b, "hardware rule", "", b->took_ns[0]);
		add_row(b, "hardware rule", " (not waited for)", b->took_ns[1]);
	}
	slot_queue_free(queue);
	return err;
}

/* --- all of it --------------------------------------------------------------------------------- */

static int measure_all(struct bench *b)
{
	const char *why = NULL;

	b->steps = json_array();
	b->left_out = json_array();
	for (int i = 0; i < STEPS; i++) {
		b->took_ns[i] = calloc(b->settings.repeat, sizeof(double));
		if (!b->took_ns[i])
			return -ENOMEM;
	}
	measure_moves(b, false);
	if (has_ktls())
		measure_moves(b, true);
	else
		leave_out(b, "capture (TLS)", "this kernel has no kTLS");
	if (flower_bed_enter(&why))
		return measure_rules(b);
	leave_out(b, "hardware rule", why);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bench b = { .settings = { .repeat = 2000, .trials = 1 } };
	int err;

	if (bench_settings_parse(argc, argv, &b.settings))
		return 2;
	err = measure_all(&b);
	if (!err)
		err = bench_print(&b.settings, json_pack("{s:o, s:o}", "steps", b.steps, "left_out",
							 b.left_out));
	if (err)
		fprintf(stderr, "handoff: %s\n", strerror(-err));
	return err ? 1 : 0;
}
