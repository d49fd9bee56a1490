/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a packet costs on its whole way from a device to the inner packet's routing, by who
 * takes it out of its tunnel: XDP, TC, and where the kernel has them its own tunnel device
 * and FOU. One JSON object on stdout; see docs/benchmarks.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>

#include <linux/bpf.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "tests/bench/parts/bed.h"
#include "tests/bench/parts/course.h"
#include "tests/bench/parts/decap_restore_abi.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/decap_case.h"
#include "tests/support/progrun.h"

/* BPF_TCX_INGRESS, of headers from Linux 6.6 on */
#define ATTACH_TCX_INGRESS ((enum bpf_attach_type)46)

#define TRIALS_MAX 100
#define BATCH 64 /* as many as a driver hands over at once */
/* Nobody has the inner address: each way ends where its packet is routed. */
#define INNER "203.0.113.80"
/* Devices that a packet without a program goes through, and the address of tunnels. */
#define BED                                                                                        \
	"ip link set bench1 address 02:00:00:00:00:02 && ip addr add 192.0.2.1/24 dev bench1 && "  \
	"ethtool -K bench1 gro on && sysctl -qw net.ipv4.conf.all.rp_filter=0 "                    \
	"net.ipv4.conf.default.rp_filter=0 net.ipv4.conf.bench1.rp_filter=0"
#define DEVICE                                                                                     \
	"modprobe -q ipip; ip link add k4 type ipip local 192.0.2.1 remote any 2>/dev/null && "    \
	"ip link set k4 up && sysctl -qw net.ipv4.conf.k4.rp_filter=0"
#define FOU "modprobe -q fou; ip fou add port 6080 gue 2>/dev/null"

enum frame {
	FRAME_PLAIN,
	FRAME_IPIP,
	FRAME_GUE,
	FRAMES,
};

static const char *const frame_names[FRAMES] = { "none", "ip4_in_ip4", "gue4_in_ip4" };

struct bench;

struct way {
	const char *path;
	enum frame frame;
	int (*open)(struct bench *b); /* -ENOENT: this kernel has it not */
	void (*close)(struct bench *b);
};

struct bench {
	struct bench_settings settings;
	unsigned int from, to; /* ifindexes */
	struct bpf_object *sender, *xdp, *tc;
	int link_fd;
};

static void build(enum frame frame, struct packet *p)
{
	static const struct packet_ip4 inner = { .src = "203.0.113.7", .dst = INNER, .ttl = 17 };

	packet_start(p, "hello", 5);
	packet_udp(p, 40000, 53);
	packet_ip4(p, &inner);
	if (frame == FRAME_GUE)
		packet_udp(p, 50000, DECAP_GUE_PORT);
	if (frame == FRAME_PLAIN)
		packet_eth(p);
	else
		decap_finish4(p);
	packet_pad(p, 128);
}

static int open_none(struct bench *b)
{
	(void)b;
	return 0;
}

static void close_link(struct bench *b)
{
	if (b->link_fd >= 0)
		close(b->link_fd);
	b->link_fd = -1;
}

static int open_xdp(struct bench *b)
{
	return bench_attach(b->to, progrun_fd(b->xdp, "decap"), &b->link_fd);
}

static int open_tc(struct bench *b)
{
	int fd = bpf_link_create(progrun_fd(b->tc, "tc_decap"), (int)b->to, ATTACH_TCX_INGRESS,
				 NULL);

	if (fd < 0)
		return fd;
	b->link_fd = fd;
	return 0;
}

static int open_device(struct bench *b)
{
	(void)b;
	return system(DEVICE) ? -ENOENT : 0;
}

static int open_fou(struct bench *b)
{
	int err = open_device(b);

	return err ? err : system(FOU) ? -ENOENT : 0;
}

static void close_device(struct bench *b)
{
	(void)b;
	(void)!system("ip fou del port 6080 2>/dev/null; ip link del k4 2>/dev/null");
}

static const struct way ways[] = {
	{ "pass", FRAME_PLAIN, open_none, close_link },
	{ "xdp", FRAME_IPIP, open_xdp, close_link },
	{ "tc", FRAME_IPIP, open_tc, close_link },
	{ "device", FRAME_IPIP, open_device, close_device },
	{ "xdp", FRAME_GUE, open_xdp, close_link },
	{ "tc", FRAME_GUE, open_tc, close_link },
	{ "fou", FRAME_GUE, open_fou, close_device },
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static double results[WAYS][TRIALS_MAX];

/* Inner packets that came to their routing, and found no way. */
static long count_routed(void)
{
	char names[2048], values[2048], *name, *value, *at_names, *at_values;
	FILE *file = fopen("/proc/net/snmp", "re");
	long count = -1;

	if (!file)
		return -1;
	if (fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		count = 0;
		name = strtok_r(names, " \n", &at_names);
		value = strtok_r(values, " \n", &at_values);
		for (; name && value; name = strtok_r(NULL, " \n", &at_names),
				      value = strtok_r(NULL, " \n", &at_values))
			if (!strcmp(name, "InAddrErrors") || !strcmp(name, "OutNoRoutes"))
				count += strtol(value, NULL, 10);
	}
	(void)fclose(file);
	return count;
}

/* Pages come back as the packet before left them: its headers are put there again. */
static int set_head(const struct bench *b, struct packet *p)
{
	struct decap_bench_state state = { .len = (__u32)p->len };
	__u32 zero = 0;

	memcpy(state.head, packet_bytes(p), sizeof(state.head));
	return bpf_map_update_elem(bpf_object__find_map_fd_by_name(b->sender, "restore_state"),
				   &zero, &state, BPF_ANY);
}

/*
 * The frames leave one end of the veth and are received, driver and all, at the other.
 * @ret_ns: of each, without the pages' making and freeing, which take the call 20 ms.
 */
static int send_frames(struct bench *b, enum frame frame, double *ret_ns)
{
	struct xdp_md ctx = { .ingress_ifindex = b->from };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .repeat = (int)b->settings.repeat, .batch_size = BATCH,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx));
	struct packet p;
	int err;

	build(frame, &p);
	err = set_head(b, &p);
	if (err)
		return err;
	ctx.data_end = (__u32)p.len;
	opts.data_in = packet_bytes(&p);
	opts.data_size_in = (__u32)p.len;
	err = bpf_prog_test_run_opts(progrun_fd(b->sender, "send_xdp"), &opts);
	*ret_ns = opts.duration;
	return err;
}

/* -EBADMSG: not every packet came through. */
static int run(struct bench *b, const struct way *way, double *ret_ns)
{
	long before = count_routed();
	int err = send_frames(b, way->frame, ret_ns);

	if (err)
		return err;
	return count_routed() - before == (long)b->settings.repeat ? 0 : -EBADMSG;
}

static int run_way(struct bench *b, const struct way *way, double *ret_ns)
{
	int err = way->open(b);
	double ignored;

	if (!err)
		err = run(b, way, &ignored);
	if (!err)
		err = run(b, way, ret_ns);
	way->close(b);
	return err;
}

static int measure_round(void *bench, unsigned int trial)
{
	struct bench *b = bench;

	for (size_t i = 0; i < WAYS; i++) {
		int err = run_way(b, &ways[i], &results[i][trial]);

		if (err == -ENOENT)
			results[i][trial] = -1;
		else if (err) {
			fprintf(stderr, "decap_way: %s, %s: %s\n", ways[i].path,
				frame_names[ways[i].frame], strerror(-err));
			return err;
		}
	}
	return 0;
}

static struct bpf_object *open_decap(const char *name)
{
	struct bpf_object *object = progrun_open(name);
	struct decap_maps maps;

	if (!object)
		return NULL;
	decap_case_load(object);
	maps = decap_case_maps(object);
	decap_case_set(&maps, "gue-port=6080");
	return object;
}

static int open_bench(void *bench, unsigned int ifindex)
{
	struct bench *b = bench;

	b->from = ifindex;
	b->to = if_nametoindex("bench1");
	b->link_fd = -1;
	if (!b->from || !b->to || system(BED " >/dev/null"))
		return -EIO;
	b->sender = progrun_open("tests/bench/progs/decap_restore.bpf.o");
	b->xdp = open_decap("bpf/decap.bpf.o");
	b->tc = open_decap("bpf/tc_decap.bpf.o");
	if (!b->sender || !b->xdp || !b->tc)
		return -ENOENT;
	return bpf_object__load(b->sender);
}

static json_t *make_results(void *bench)
{
	const struct bench *b = bench;
	json_t *rows = json_array();

	for (size_t i = 0; i < WAYS; i++) {
		double ns = bench_least(results[i], b->settings.trials);

		if (ns >= 0)
			json_array_append_new(rows,
					      json_pack("{s:s, s:s, s:o}", "path", ways[i].path,
							"kind", frame_names[ways[i].frame], "ns",
							bench_number(ns, 10)));
	}
	return json_pack("{s:o}", "rows", rows);
}

int main(int argc, char **argv)
{
	static const struct bench_course course = { "decap_way", open_bench, measure_round,
						    make_results };
	static struct bench b = {
		.settings = { .repeat = 4000, .trials = 50, .trials_max = TRIALS_MAX }
	};

	return bench_course_run(&course, &b, &b.settings, argc, argv);
}
