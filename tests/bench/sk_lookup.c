/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What finding a socket costs, by who chooses it: the kernel, a program of sk_reuseport or one
 * of sk_lookup. One JSON object on stdout; see docs/benchmarks.md.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <jansson.h>

#include "tests/bench/parts/clock.h"
#include "tests/bench/parts/course.h"
#include "tests/bench/parts/figures.h"
#include "tests/bench/parts/settings.h"
#include "tests/support/progrun.h"
#include "tests/support/steer_case.h"

#define TRIALS_MAX 101
#define PORT 8000
#define MEMBERS 4      /* sockets of a group */
#define ANSWER_MS 1000 /* until a connection or datagram is taken for lost */
#define DATAGRAMS 8    /* for each connection */
#define STEER "bpf/sk_steer.bpf.o"
#define LOOKUP "tests/bpf/progs/sk_lookup_pick.bpf.o"
#define REUSEPORT "tests/bpf/progs/sk_reuseport_pick.bpf.o"
#define BED                                                                                        \
	"ip link set lo up && ip route add local 192.0.2.0/24 dev lo && "                          \
	"ip route add local 198.51.100.0/24 dev lo"

enum proto {
	TCP,
	UDP,
	PROTOS,
};

static const char *const proto_names[PROTOS] = { "tcp", "udp" };
static const __u8 proto_numbers[PROTOS] = { IPPROTO_TCP, IPPROTO_UDP };

enum chooser {
	BY_KERNEL,
	BY_REUSEPORT = 1 << 0, /* the program of the group */
	BY_LOOKUP = 1 << 1,    /* a program of sk_lookup that does nothing else */
	BY_STEER = 1 << 2,
	BY_BOTH = BY_STEER | BY_REUSEPORT,
	BY_NOBODY = 1 << 3, /* sk_steer, whose rules are all about something else */
};

static const struct way {
	const char *mode;
	unsigned int chooser;
	int members; /* 1: a socket that shares its port with none */
	__u32 rules; /* of sk_steer */
} ways[] = {
	{ "plain", BY_KERNEL, 1, 0 },
	{ "reuseport", BY_KERNEL, MEMBERS, 0 },
	{ "sk_reuseport", BY_REUSEPORT, MEMBERS, 0 },
	{ "sk_lookup", BY_LOOKUP, 1, 0 },
	{ "sk_steer", BY_STEER, 1, 1 },
	{ "sk_steer", BY_STEER, 1, 10 },
	{ "sk_steer", BY_STEER, 1, 100 },
	{ "sk_steer", BY_STEER, 1, 1000 },
	{ "sk_steer+sk_reuseport", BY_BOTH, MEMBERS, 100 },
	{ "plain_beside_sk_steer", BY_NOBODY, 1, 1000 },
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

/* A way while it is measured: everything but the link stays open from the first round on. */
struct bed {
	/* the one behind the members is for lookups: the kernel keeps it in no other kind of map */
	int sockets[PROTOS][MEMBERS + 1];
	struct bpf_object *lookups[PROTOS]; /* at sk_lookup, one after the other */
	const char *program;
	struct sockaddr_in dest;
	unsigned long failed[PROTOS];
};

struct bench {
	struct bench_settings settings;
	struct bed beds[WAYS];
	double results[WAYS][PROTOS][TRIALS_MAX];
};

static int map_of(const struct bpf_object *object, const char *name)
{
	return bpf_object__find_map_fd_by_name(object, name);
}

/* --- sockets --------------------------------------------------------------------------------- */

static int open_sockets(const struct way *way, struct bed *bed, enum proto proto)
{
	/* what is led there by a lookup is bound elsewhere */
	bool is_led = way->chooser & (BY_LOOKUP | BY_STEER);
	char text[INET_ADDRSTRLEN];
	struct steer_socket wanted = {
		.addr = text,
		.port = PORT,
		.proto = proto_numbers[proto],
		.is_shared = way->members > 1,
	};
	struct in_addr addr = bed->dest.sin_addr;

	if (is_led)
		addr.s_addr ^= htonl(0xc0000200 ^ 0xc6336400); /* 192.0.2.n: 198.51.100.n */
	inet_ntop(AF_INET, &addr, text, sizeof(text));
	for (int i = 0; i < way->members + (way->chooser == BY_BOTH); i++) {
		bed->sockets[proto][i] = steer_socket_open(&wanted);
		if (fcntl(bed->sockets[proto][i], F_SETFL, O_NONBLOCK))
			return -errno;
	}
	return 0;
}

static int put_socket(const struct bpf_object *object, const char *map, int fd)
{
	const __u32 first = 0;
	const __u64 value = (__u64)fd;

	return bpf_map_update_elem(map_of(object, map), &first, &value, BPF_ANY);
}

static int choose_by_reuseport(struct bed *bed, enum proto proto)
{
	struct bpf_object *object = progrun_open(REUSEPORT);
	int err = object ? bpf_object__load(object) : -ENOENT, fd;

	for (__u32 i = 0; !err && i < MEMBERS; i++) {
		const __u64 value = (__u64)bed->sockets[proto][i];

		err = bpf_map_update_elem(map_of(object, "pick_socks"), &i, &value, BPF_ANY);
	}
	if (err)
		return err;
	fd = progrun_fd(object, "sk_reuseport_pick");
	return setsockopt(bed->sockets[proto][0], SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &fd,
			  sizeof(fd)) ?
		       -errno :
		       0;
}

/* --- programs -------------------------------------------------------------------------------- */

static int choose_by_lookup(struct bed *bed, enum proto proto)
{
	const __u32 settings[] = { PORT, 0 };
	struct bpf_object *object = progrun_open(LOOKUP);
	int err = object ? progrun_set(object, ".rodata", settings, sizeof(settings)) : -ENOENT;

	err = err ? err : bpf_object__load(object);
	bed->lookups[proto] = object;
	bed->program = "sk_lookup_pick";
	return err ? err : put_socket(object, "pick_socks", bed->sockets[proto][0]);
}

/* The last rule is the one that decides; others are about other addresses and ports. */
static struct sk_steer_rules *make_rules(const struct way *way, const struct bed *bed,
					 enum proto proto)
{
	struct sk_steer_rules *rules = calloc(1, sizeof(*rules));

	for (__u32 i = 0; rules && i < way->rules; i++) {
		__be32 addr = htonl(0xcb007100 | (i & 0xff)); /* 203.0.113.i */
		struct sk_steer_rule *rule = &rules->rules[i];

		*rule = (struct sk_steer_rule){
			.family = 4,
			.proto = proto_numbers[proto],
			.len = 32,
			.first = (__u16)(PORT + i / 256),
			.last = (__u16)(PORT + i / 256),
		};
		if (i + 1 == way->rules && way->chooser != BY_NOBODY) {
			addr = bed->dest.sin_addr.s_addr;
			rule->first = rule->last = PORT;
		}
		memcpy(rule->addr, &addr, sizeof(addr));
	}
	return rules;
}

static int choose_by_steer(const struct way *way, struct bed *bed, enum proto proto)
{
	const struct sk_steer_group group = { .name = "bench", .places = 1 };
	struct sk_steer_rules *rules = make_rules(way, bed, proto);
	struct bpf_object *object = progrun_open(STEER);
	int err = object && rules ? bpf_object__load(object) : -ENOENT;
	struct slot_reason why = {};
	const __u32 first = 0;

	bed->lookups[proto] = object;
	bed->program = "sk_steer";
	err = err ? err :
		    sk_steer_rules_set(
			    &(struct sk_steer_maps){
				    .control = map_of(object, SK_STEER_CONTROL_NAME),
				    .rules = map_of(object, SK_STEER_RULES_NAME),
				    .prefixes = map_of(object, SK_STEER_PREFIXES_NAME),
				    .spans = map_of(object, SK_STEER_SPANS_NAME),
			    },
			    rules, &why);
	free(rules);
	err = err ? err :
		    bpf_map_update_elem(map_of(object, SK_STEER_GROUPS_NAME), &first, &group,
					BPF_ANY);
	return err ? err :
		     put_socket(object, SK_STEER_SOCKETS_NAME,
				bed->sockets[proto][way->chooser == BY_BOTH ? MEMBERS : 0]);
}

static int open_way(const struct way *way, struct bed *bed)
{
	int err = 0;

	for (int proto = 0; !err && proto < PROTOS; proto++) {
		err = open_sockets(way, bed, (enum proto)proto);
		if (!err && way->chooser & BY_REUSEPORT)
			err = choose_by_reuseport(bed, (enum proto)proto);
		if (!err && way->chooser & BY_LOOKUP)
			err = choose_by_lookup(bed, (enum proto)proto);
		if (!err && way->chooser & (BY_STEER | BY_NOBODY))
			err = choose_by_steer(way, bed, (enum proto)proto);
	}
	return err;
}

static int open_bench(void *bench, unsigned int ifindex)
{
	struct bench *b = bench;
	int err = 0;

	(void)ifindex;
	if (system(BED))
		return -EINVAL;
	for (size_t i = 0; !err && i < WAYS; i++) {
		b->beds[i].dest = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_port = htons(PORT),
			.sin_addr.s_addr = htonl(0xc0000201 + (__u32)i),
		};
		err = open_way(&ways[i], &b->beds[i]);
	}
	return err;
}

/* --- measuring ------------------------------------------------------------------------------- */

/* The socket of the group that has something to give; -1: none. */
static int find_ready(const struct way *way, const int *sockets)
{
	struct pollfd ready[MEMBERS];

	for (int i = 0; i < way->members; i++)
		ready[i] = (struct pollfd){ .fd = sockets[i], .events = POLLIN };
	if (poll(ready, (nfds_t)way->members, ANSWER_MS) <= 0)
		return -1;
	for (int i = 0; i < way->members; i++)
		if (ready[i].revents)
			return ready[i].fd;
	return -1;
}

/* On the loopback all of the handshake is within connect(). No end of it waits afterwards. */
static double measure_connection(const struct way *way, struct bed *bed)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), server, peer = -1;
	double since = bench_clock_ns(), ns;
	int err = connect(fd, (struct sockaddr *)&bed->dest, sizeof(bed->dest));

	ns = bench_clock_ns() - since;
	server = err ? -1 : find_ready(way, bed->sockets[TCP]);
	if (server >= 0)
		peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	if (peer < 0)
		bed->failed[TCP]++;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
	if (peer >= 0)
		close(peer);
	return ns;
}

static double measure_datagram(const struct way *way, struct bed *bed, int fd)
{
	char text[8] = "asking";
	double since = bench_clock_ns(), ns;
	ssize_t size =
		sendto(fd, text, sizeof(text), 0, (struct sockaddr *)&bed->dest, sizeof(bed->dest));
	int server;

	ns = bench_clock_ns() - since;
	server = size < 0 ? -1 : find_ready(way, bed->sockets[UDP]);
	if (server < 0 || recv(server, text, sizeof(text), 0) != sizeof(text))
		bed->failed[UDP]++;
	return ns;
}

/* A program of sk_lookup is met by all lookups of the netns: only one at a time is there. */
static int attach(const struct bed *bed, enum proto proto, int *ret_link)
{
	int netns, link;

	*ret_link = -1;
	if (!bed->lookups[proto])
		return 0;
	netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (netns < 0)
		return -errno;
	link = bpf_link_create(progrun_fd(bed->lookups[proto], bed->program), netns, BPF_SK_LOOKUP,
			       NULL);
	close(netns);
	if (link < 0)
		return link;
	*ret_link = link;
	return 0;
}

/* The median: a call that was interrupted says nothing of the others. */
static double measure_proto(struct bench *b, size_t number, enum proto proto)
{
	unsigned int repeat = b->settings.repeat * (proto == UDP ? DATAGRAMS : 1);
	double *times = calloc(repeat, sizeof(*times)), ns;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (!times || fd < 0)
		abort();
	for (unsigned int i = 0; i < repeat; i++)
		times[i] = proto == TCP ? measure_connection(&ways[number], &b->beds[number]) :
					  measure_datagram(&ways[number], &b->beds[number], fd);
	bench_sort(times, repeat);
	ns = times[repeat / 2];
	free(times);
	close(fd);
	return ns;
}

static int measure_round(void *bench, unsigned int trial)
{
	struct bench *b = bench;
	int err = 0;

	for (size_t i = 0; !err && i < WAYS; i++) {
		for (int proto = 0; !err && proto < PROTOS; proto++) {
			int link;

			err = attach(&b->beds[i], (enum proto)proto, &link);
			if (err)
				break;
			b->results[i][proto][trial] = measure_proto(b, i, (enum proto)proto);
			if (link >= 0)
				close(link);
		}
	}
	return err;
}

static double median_of(struct bench *b, size_t way, int proto)
{
	bench_sort(b->results[way][proto], b->settings.trials);
	return b->results[way][proto][b->settings.trials / 2];
}

static json_t *make_results(void *bench)
{
	struct bench *b = bench;
	json_t *rows = json_array();

	for (int proto = 0; proto < PROTOS; proto++) {
		double plain = median_of(b, 0, proto);

		for (size_t i = 0; i < WAYS; i++) {
			double ns = median_of(b, i, proto);

			json_array_append_new(
				rows,
				json_pack("{s:s, s:s, s:i, s:i, s:o, s:I, s:o, s:I}", "proto",
					  proto_names[proto], "mode", ways[i].mode, "sockets",
					  ways[i].members, "rules", (int)ways[i].rules, "ns",
					  bench_number(ns, 1), "per_second", (json_int_t)(1e9 / ns),
					  "ratio", bench_number(ns / plain, 1000), "failed",
					  (json_int_t)b->beds[i].failed[proto]));
		}
	}
	return json_pack("{s:o}", "rows", rows);
}

int main(int argc, char **argv)
{
	static const struct bench_course course = { "sk_lookup", open_bench, measure_round,
						    make_results };
	static struct bench b = { .settings = {
					  .repeat = 500, .trials = 51, .trials_max = TRIALS_MAX } };

	return bench_course_run(&course, &b, &b.settings, argc, argv);
}
