/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * flow_server MODE ADDRESS PORT SOCKETS GENERATION DIR: answers flow_client, until SIGTERM; then
 * it goes on until its flows have ended, DRAIN_MS at most (FLOW_SCALE in the environment times that). Says "ready" when new flows come to it,
 * and at the end a line of JSON. MODE is how it shares the port with the generation before it:
 *
 *   reuseport  its own sockets, one thread each; the kernel spreads packets over all processes
 *   socket_lb  its own sockets, one thread each; the chain that libsocketlb finds by DIR
 *   forwarder  one socket, which the process before hands over by a Unix socket in DIR; what
 *              belongs to the other process is forwarded to it (flow_pass.h)
 *
 * FLOW_WORK_NS in the environment is what each answer costs it beyond that, as decryption would.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sys/resource.h>

#include "bpf/socket_lb/lib/socketlb.h"
#include "tests/support/flow_pass.h"
#include "tests/support/sock_flow.h"

#define SOCKETS_MAX 64
#define BATCH 32
#define WAIT_MS 20
#define DRAIN_MS 800
#define QUIET_MS 60 /* no packet of its own for so long, and no flow: it is done */
#define RECEIVE_BYTES (4 << 20)

static struct {
	const char *dir;
	unsigned int process;
	uint32_t generation;
	struct sockaddr_storage address;
	socklen_t address_len;
	long scale;   /* of times to wait */
	long work_ns; /* for each answer */
	bool has_cid;
	struct socketlb_cid cid; /* how ids name this process, with socket_lb */
	int forward_fd;		 /* to the other process, -1 where there is none */
	atomic_int reading;	 /* the UDP socket is read here */
	atomic_int is_over;
	atomic_long open;    /* flows */
	atomic_long last_ms; /* when one of them was heard of */
	atomic_ulong received, answered, unknown, forwarded, moved;
} server = { .forward_fd = -1, .reading = 1 };

struct worker {
	pthread_t thread;
	unsigned int number;
	int fd;		   /* what it reads */
	int answer_fd;	   /* what it answers through */
	bool is_forwarded; /* packets come with the client's address in front */
};

struct batch {
	struct mmsghdr messages[BATCH];
	struct iovec pieces[BATCH][2];
	struct flow_forwarded heads[BATCH];
	uint8_t packets[BATCH][FLOW_PACKET_MAX];
};

/* What is sent for a batch: answers to clients, and packets to the other process. */
struct reply {
	unsigned int answers, forwards;
	struct flow_message texts[BATCH];
	struct iovec text_pieces[BATCH];
	struct mmsghdr to_clients[BATCH], to_other[BATCH];
};

static volatile sig_atomic_t is_ended;

static void end(int signal_number)
{
	(void)signal_number;
	is_ended = 1;
}

static void fail(const char *what, int error)
{
	fprintf(stderr, "flow_server: %s: %s\n", what, strerror(error));
	exit(1);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void work(void)
{
	struct timespec now;
	long until_ns;

	if (!server.work_ns)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	until_ns = now.tv_sec * 1000000000L + now.tv_nsec + server.work_ns;
	while (now.tv_sec * 1000000000L + now.tv_nsec < until_ns)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

/* --- packets --------------------------------------------------------------------------------- */

/* Returns whether @text is to be sent: the answer to @ask, whose flow's id is @id. */
static bool write_answer(const struct worker *worker, const struct flow_message *ask,
			 const uint8_t *id, struct flow_message *text)
{
	bool is_own = !id || flow_id_generation(id) == server.generation;

	*text = (struct flow_message){
		.magic = FLOW_MAGIC,
		.kind = is_own ? FLOW_ANSWER : FLOW_UNKNOWN,
		.sequence = ask->sequence,
		.generation = server.generation,
	};
	if (!is_own) {
		server.unknown++;
		return ask->kind != FLOW_BYE;
	}
	work();
	server.last_ms = now_ms();
	server.moved += id && flow_id_worker(id) != worker->number && !worker->is_forwarded;
	if (ask->kind == FLOW_BYE) {
		server.open--;
		return false;
	}
	if (ask->kind == FLOW_HELLO) {
		server.open++;
		text->kind = FLOW_WELCOME;
		flow_id_write(text->id, server.process, worker->number, server.generation);
		if (server.has_cid)
			socketlb_cid_write(&server.cid, worker->number, text->id, FLOW_ID_SIZE);
	}
	return true;
}

static void add_forward(struct reply *reply, struct batch *batch, unsigned int i)
{
	struct iovec *pieces = batch->pieces[i];

	batch->heads[i].from_len = batch->messages[i].msg_hdr.msg_namelen;
	pieces[0] = (struct iovec){ &batch->heads[i], sizeof(batch->heads[i]) };
	pieces[1].iov_len = batch->messages[i].msg_len;
	reply->to_other[reply->forwards++].msg_hdr = (struct msghdr){
		.msg_iov = pieces,
		.msg_iovlen = 2,
	};
}

static void add_answer(struct reply *reply, struct batch *batch, unsigned int i)
{
	const struct msghdr *from = &batch->messages[i].msg_hdr;
	unsigned int n = reply->answers++;

	reply->text_pieces[n] = (struct iovec){ &reply->texts[n], sizeof(reply->texts[n]) };
	reply->to_clients[n].msg_hdr = (struct msghdr){
		.msg_name = &batch->heads[i].from,
		.msg_namelen = from->msg_name ? from->msg_namelen : batch->heads[i].from_len,
		.msg_iov = &reply->text_pieces[n],
		.msg_iovlen = 1,
	};
}

static void take_packet(struct worker *worker, struct batch *batch, unsigned int i,
			struct reply *reply)
{
	size_t len = batch->messages[i].msg_len;
	struct flow_message ask;
	const uint8_t *id;

	if (worker->is_forwarded)
		len = len > sizeof(batch->heads[i]) ? len - sizeof(batch->heads[i]) : 0;
	if (!is_flow_request(batch->packets[i], len, &id, &ask))
		return;
	server.received++;
	if (id && server.forward_fd >= 0 && !worker->is_forwarded &&
	    flow_id_process(id) != server.process) {
		server.forwarded++;
		add_forward(reply, batch, i);
	} else if (write_answer(worker, &ask, id, &reply->texts[reply->answers])) {
		server.answered++;
		add_answer(reply, batch, i);
	}
}

static void prepare(const struct worker *worker, struct batch *batch)
{
	for (int i = 0; i < BATCH; i++) {
		struct msghdr *message = &batch->messages[i].msg_hdr;
		struct iovec *pieces = batch->pieces[i];

		pieces[0] = (struct iovec){ &batch->heads[i], sizeof(batch->heads[i]) };
		pieces[1] = (struct iovec){ batch->packets[i], sizeof(batch->packets[i]) };
		*message = (struct msghdr){
			.msg_iov = worker->is_forwarded ? pieces : pieces + 1,
			.msg_iovlen = worker->is_forwarded ? 2 : 1,
			.msg_name = worker->is_forwarded ? NULL : &batch->heads[i].from,
			.msg_namelen = sizeof(batch->heads[i].from),
		};
	}
}

/* A peer that has gone takes its packets with it; what is left of a batch may be for another. */
static void send_all(int fd, struct mmsghdr *messages, unsigned int count)
{
	unsigned int sent = 0;

	while (sent < count) {
		int now = sendmmsg(fd, messages + sent, count - sent, 0);

		sent += now > 0 ? (unsigned int)now : 1;
	}
}

static void serve_batch(struct worker *worker, struct batch *batch, struct reply *reply)
{
	int count;

	prepare(worker, batch);
	count = recvmmsg(worker->fd, batch->messages, BATCH, MSG_WAITFORONE, NULL);
	reply->answers = reply->forwards = 0;
	for (int i = 0; i < count; i++)
		take_packet(worker, batch, (unsigned int)i, reply);
	send_all(worker->answer_fd, reply->to_clients, reply->answers);
	send_all(server.forward_fd, reply->to_other, reply->forwards);
}

static void *run_worker(void *data)
{
	struct worker *worker = data;
	struct batch *batch = calloc(1, sizeof(*batch));
	struct reply *reply = calloc(1, sizeof(*reply));

	while (batch && reply && !server.is_over && (server.reading || worker->is_forwarded))
		serve_batch(worker, batch, reply);
	free(batch);
	free(reply);
	return NULL;
}

/* --- sockets --------------------------------------------------------------------------------- */

/* Bounds each wait for a packet, so that workers see what happens beside. */
static void tune_socket(int fd)
{
	const struct timeval wait = { .tv_usec = WAIT_MS * 1000 };
	const int bytes = RECEIVE_BYTES;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
}

static int open_socket(bool is_shared)
{
	const int on = 1;
	int fd = socket(server.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket", errno);
	if (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)))
		fail("SO_REUSEPORT", errno);
	if (bind(fd, (struct sockaddr *)&server.address, server.address_len))
		fail("bind", errno);
	tune_socket(fd);
	return fd;
}

static void start_worker(struct worker *worker)
{
	int err = pthread_create(&worker->thread, NULL, run_worker, worker);

	if (err)
		fail("pthread_create", err);
}

static void say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Until the signal, and then until the last flow has ended. */
static void wait_for_end(void)
{
	long until_ms;

	while (!is_ended)
		poll(NULL, 0, WAIT_MS);
	until_ms = now_ms() + DRAIN_MS * server.scale;
	while (now_ms() < until_ms &&
	       (server.open > 0 || now_ms() - server.last_ms < QUIET_MS * server.scale))
		poll(NULL, 0, 1);
}

static void join_workers(struct worker *workers, unsigned int count)
{
	server.is_over = 1;
	for (unsigned int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
}

/* --- modes ----------------------------------------------------------------------------------- */

static void open_workers(struct worker *workers, unsigned int sockets)
{
	for (unsigned int i = 0; i < sockets; i++) {
		int fd = open_socket(true);

		workers[i] = (struct worker){ .number = i, .fd = fd, .answer_fd = fd };
	}
}

static void serve_reuseport(struct worker *workers, unsigned int sockets)
{
	open_workers(workers, sockets);
	for (unsigned int i = 0; i < sockets; i++)
		start_worker(&workers[i]);
	say_ready();
	wait_for_end();
	join_workers(workers, sockets);
}

/* Both instances may be in use for a moment: the one that left is still being taken down. */
static int add_socket(struct socketlb *lb, const struct worker *worker)
{
	long until_ms = now_ms() + DRAIN_MS * server.scale;
	int err;

	do {
		err = socketlb_add(lb, worker->fd, worker->number);
	} while (err == -EBUSY && now_ms() < until_ms && !poll(NULL, 0, 1));
	return err;
}

static void serve_socket_lb(struct worker *workers, unsigned int sockets)
{
	struct socketlb *lb = socketlb_new();
	int err = lb ? socketlb_open(lb, server.dir) : -ENOMEM;

	open_workers(workers, sockets);
	for (unsigned int i = 0; i < sockets && !err; i++)
		err = add_socket(lb, &workers[i]);
	if (!err)
		err = socketlb_cid_get(lb, workers[0].fd, &server.cid);
	/* a VIP by flows has no layout of ids */
	server.has_cid = !err;
	if (!err || err == -ENOTSUP) {
		for (unsigned int i = 0; i < sockets; i++)
			start_worker(&workers[i]);
		err = socketlb_announce(lb);
	}
	if (err)
		fail(socketlb_error(lb), -err);
	say_ready();
	wait_for_end();
	socketlb_leave(lb);
	join_workers(workers, sockets);
	socketlb_free(lb);
}

/*
 * The process before, if there is one, has stopped reading when its socket arrives; what
 * comes meanwhile waits in the socket.
 */
static int take_socket(void)
{
	unsigned int other;
	int fd, err;

	err = flow_pass_take(server.dir, &other, &fd);
	if (err == -ENOENT || err == -ECONNREFUSED)
		return open_socket(false);
	if (err)
		fail("taking the socket", -err);
	if (other == server.process)
		fail("the process before has the same process bit", EEXIST);
	err = flow_forward_connect(server.dir, other, &server.forward_fd);
	if (err)
		fail("forwarding", -err);
	return fd;
}

/* Hands the socket to the next process, once, when it asks. */
static void wait_for_next(struct worker *reader, int listen_fd)
{
	int peer;

	while (!is_ended) {
		if (flow_pass_accept(listen_fd, WAIT_MS, &peer))
			continue;
		server.reading = 0;
		pthread_join(reader->thread, NULL);
		if (flow_pass_give(peer, server.process, reader->fd))
			fail("handing the socket over", EPIPE);
		return;
	}
}

static void serve_forwarder(struct worker *workers)
{
	int fd = take_socket(), forwarded_fd = -1, listen_fd = -1;
	int err = flow_forward_bind(server.dir, server.process, &forwarded_fd);

	if (!err)
		err = flow_pass_listen(server.dir, &listen_fd);
	if (err)
		fail(server.dir, -err);
	tune_socket(forwarded_fd);
	workers[0] = (struct worker){ .fd = fd, .answer_fd = fd };
	workers[1] = (struct worker){
		.fd = forwarded_fd,
		.answer_fd = fd,
		.is_forwarded = true,
	};
	start_worker(&workers[0]);
	start_worker(&workers[1]);
	say_ready();
	wait_for_next(&workers[0], listen_fd);
	wait_for_end();
	/* the reader has been joined where the socket went on */
	join_workers(server.reading ? workers : workers + 1, server.reading ? 2 : 1);
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void report(void)
{
	printf("{\"generation\":%u,\"received\":%lu,\"answered\":%lu,\"unknown\":%lu,"
	       "\"forwarded\":%lu,\"moved\":%lu,\"open\":%ld,\"cpu_s\":%.3f}\n",
	       server.generation, server.received, server.answered, server.unknown,
	       server.forwarded, server.moved, server.open, cpu_seconds());
}

static void find_address(const char *address, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *at;

	if (getaddrinfo(address, port, &hints, &at)) {
		fprintf(stderr, "flow_server: '%s' port '%s' is no address\n", address, port);
		exit(2);
	}
	memcpy(&server.address, at->ai_addr, at->ai_addrlen);
	server.address_len = at->ai_addrlen;
	freeaddrinfo(at);
}

static long get_number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text ? atol(text) : otherwise;
}

int main(int argc, char **argv)
{
	static struct worker workers[SOCKETS_MAX];
	int sockets = argc == 7 ? atoi(argv[4]) : 0;

	if (sockets < 1 || sockets > SOCKETS_MAX) {
		fputs("usage: flow_server MODE ADDRESS PORT SOCKETS GENERATION DIR\n", stderr);
		return 2;
	}
	signal(SIGTERM, end);
	find_address(argv[2], argv[3]);
	server.generation = (uint32_t)atoi(argv[5]);
	server.process = server.generation & 1;
	server.dir = argv[6];
	server.work_ns = get_number("FLOW_WORK_NS", 0);
	server.scale = get_number("FLOW_SCALE", 1);
	if (!strcmp(argv[1], "forwarder"))
		serve_forwarder(workers);
	else if (!strcmp(argv[1], "socket_lb"))
		serve_socket_lb(workers, (unsigned int)sockets);
	else
		serve_reuseport(workers, (unsigned int)sockets);
	report();
	return 0;
}
