/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sock_group serve PROTOCOL ADDRESS PORT WORD [JUMP [MAP INDEX]]: one socket of a group
 *	(SO_REUSEPORT) that answers with WORD until a signal. It attaches the program that is
 *	pinned at JUMP (- for none), and enters itself into the pinned MAP. A datagram is
 *	answered from the address that it was sent to.
 * sock_group ask PROTOCOL ADDRESS PORT COUNT: asks so often, from a socket of its own each
 *	time, and until SIGTERM where COUNT is 0; then says how often it got which answer,
 *	"none" for no answer in time.
 *
 * PROTOCOL is tcp or udp.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/time.h>

#include <bpf/bpf.h>

#define WORDS_MAX 16
#define WORD_SIZE 32
#define PAUSE_US 200

struct words {
	char text[WORDS_MAX][WORD_SIZE];
	unsigned long count[WORDS_MAX];
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
	(void)number;
	is_over = 1;
}

static int fail(const char *what)
{
	fprintf(stderr, "sock_group: %s: %s\n", what, strerror(errno));
	return 1;
}

static struct addrinfo *resolve(char **args)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
				  .ai_socktype = strcmp(args[0], "tcp") ? SOCK_DGRAM :
									  SOCK_STREAM };
	struct addrinfo *at = NULL;

	return getaddrinfo(args[1], args[2], &hints, &at) ? NULL : at;
}

/* --- serve ----------------------------------------------------------------------------------- */

static bool set_on(int fd, int level, int option)
{
	const int on = 1;

	return !setsockopt(fd, level, option, &on, sizeof(on));
}

/* Where datagrams were sent to is told, and may be answered from, if nobody is bound there. */
static bool set_asked(int fd, int family)
{
	if (family == AF_INET6)
		return set_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) &&
		       set_on(fd, IPPROTO_IPV6, IPV6_FREEBIND);
	return set_on(fd, IPPROTO_IP, IP_PKTINFO) && set_on(fd, IPPROTO_IP, IP_FREEBIND);
}

static int open_member(const struct addrinfo *at)
{
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd >= 0 && set_on(fd, SOL_SOCKET, SO_REUSEPORT) && set_asked(fd, at->ai_family) &&
	    !bind(fd, at->ai_addr, at->ai_addrlen) &&
	    (at->ai_socktype == SOCK_DGRAM || !listen(fd, 128)))
		return fd;
	return -1;
}

/* Everybody may read the jump, and nobody write it. */
static int attach(int fd, const char *jump)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	int program = bpf_obj_get_opts(jump, &opts);

	return program < 0 ||
	       setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &program, sizeof(program));
}

static int enter(int fd, const char *map, const char *index)
{
	uint32_t key = (uint32_t)atoi(index);
	uint64_t value = (uint64_t)fd;
	int map_fd = bpf_obj_get(map);

	return map_fd < 0 || bpf_map_update_elem(map_fd, &key, &value, BPF_ANY);
}

/* The answer leaves by the way that the routes know, not by where the question came in. */
static void forget_interface(struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			((struct in6_pktinfo *)CMSG_DATA(c))->ipi6_ifindex = 0;
		else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
			((struct in_pktinfo *)CMSG_DATA(c))->ipi_ifindex = 0;
	}
}

static void answer_datagram(int fd, const char *word)
{
	char question[WORD_SIZE], control[CMSG_SPACE(sizeof(struct in6_pktinfo)) * 2];
	struct iovec data = { .iov_base = question, .iov_len = sizeof(question) };
	struct sockaddr_storage from;
	struct msghdr message = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};

	if (recvmsg(fd, &message, 0) < 0)
		return;
	forget_interface(&message);
	data = (struct iovec){ .iov_base = (char *)word, .iov_len = strlen(word) };
	/* an answer that is lost is one that the asker misses */
	if (sendmsg(fd, &message, 0) < 0)
		fprintf(stderr, "sock_group: %s\n", strerror(errno));
}

static void answer(int fd, bool is_tcp, const char *word)
{
	int peer;

	if (!is_tcp) {
		answer_datagram(fd, word);
		return;
	}
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		return;
	send(peer, word, strlen(word), MSG_NOSIGNAL);
	close(peer);
}

static int serve(int argc, char **args)
{
	const struct addrinfo *at = resolve(args);
	int fd = at ? open_member(at) : -1;

	if (fd < 0)
		return fail(args[1]);
	if (argc > 4 && strcmp(args[4], "-") != 0 && attach(fd, args[4]))
		return fail(args[4]);
	if (argc > 6 && enter(fd, args[5], args[6]))
		return fail(args[5]);
	puts("ready");
	fflush(stdout);
	while (!is_over)
		answer(fd, at->ai_socktype == SOCK_STREAM, args[3]);
	return 0;
}

/* --- ask ------------------------------------------------------------------------------------- */

/* The answer into @ret_word, or "none". */
static void ask_once(const struct addrinfo *at, char *ret_word)
{
	int fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, 0);
	struct timeval patience = { .tv_sec = 2 };
	ssize_t size = -1;

	strcpy(ret_word, "none");
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (!connect(fd, at->ai_addr, at->ai_addrlen) && send(fd, "?", 1, MSG_NOSIGNAL) == 1)
		size = recv(fd, ret_word, WORD_SIZE - 1, 0);
	close(fd);
	if (size > 0)
		ret_word[size] = '\0';
	else
		strcpy(ret_word, "none");
}

static void count_word(struct words *words, const char *word)
{
	int i = 0;

	while (i < WORDS_MAX - 1 && words->text[i][0] && strcmp(words->text[i], word) != 0)
		i++;
	snprintf(words->text[i], WORD_SIZE, "%s", word);
	words->count[i]++;
}

static int ask(char **args)
{
	const struct addrinfo *at = resolve(args);
	unsigned long count = strtoul(args[3], NULL, 10);
	struct words words = { 0 };
	char word[WORD_SIZE];

	if (!at)
		return fail(args[1]);
	for (unsigned long i = 0; (!count || i < count) && !is_over; i++) {
		ask_once(at, word);
		/* the signal may have cut it short */
		if (!count && is_over)
			break;
		count_word(&words, word);
		if (!count)
			usleep(PAUSE_US);
	}
	for (int i = 0; i < WORDS_MAX && words.text[i][0]; i++)
		printf("%s %lu\n", words.text[i], words.count[i]);
	return 0;
}

int main(int argc, char **argv)
{
	struct sigaction on_end = { .sa_handler = on_signal };

	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGINT, &on_end, NULL);
	if (argc >= 6 && !strcmp(argv[1], "serve"))
		return serve(argc - 2, argv + 2);
	if (argc == 6 && !strcmp(argv[1], "ask"))
		return ask(argv + 2);
	fputs("usage: sock_group serve PROTOCOL ADDRESS PORT WORD [JUMP [MAP INDEX]]\n"
	      "       sock_group ask PROTOCOL ADDRESS PORT COUNT\n",
	      stderr);
	return 2;
}
