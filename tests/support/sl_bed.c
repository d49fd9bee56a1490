/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/sl_bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/count_abi.h"
#include "bpf/socket_lb/sl_words.h"
#include "loader/lib/host/loopback.h"
#include "programs/shared/counts.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define BACKLOG 128
#define ACCEPT_MS 2000
#define CPUS_MAX 512

struct sl_bed sl_bed;

static void enter_netns(void)
{
	static bool is_done;

	if (!is_done &&
	    (unshare(CLONE_NEWNET) || system("ip link set lo up; "
					     "ip address add " SL_BED_ADDR4 "/32 dev lo; "
					     "ip address add " SL_BED_OTHER4 "/32 dev lo; "
					     "ip address add " SL_BED_ADDR6 "/128 dev lo nodad")))
		fail_msg("cannot make a netns: %s", strerror(errno));
	/* Packets are looked at on the CPU that sends them. */
	progrun_stay();
	is_done = true;
}

int sl_bed_set_up(void **state)
{
	struct slot_reason why;

	(void)state;
	enter_netns();
	program_bed_open(&sl_bed.program, &socket_lb_cli, progrun_open("bpf/socket_lb.bpf.o"));
	sl_bed.prog = progrun_fd(sl_bed.program.object, "socket_lb");
	assert_true(sl_bed.prog >= 0);
	if (sl_maps_open(PROGRAM_BED_DIR, true, &why, &sl_bed.maps))
		fail_msg("%s", why.text);
	return 0;
}

int sl_bed_tear_down(void **state)
{
	(void)state;
	sl_maps_close(&sl_bed.maps);
	program_bed_close(&sl_bed.program);
	return 0;
}

struct sl_vip_entry sl_bed_vip(const char *words)
{
	struct sl_vip_entry entry = {};
	struct slot_reason why = {};
	char line[256], name[SL_VIP_TEXT_MAX];

	snprintf(line, sizeof(line), "vip add %s", words);
	if (program_bed_run(&sl_bed.program, line))
		fail_msg("%s", sl_bed.program.err);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(words, " "), words);
	if (sl_vip_parse(name, &why, &entry.key) ||
	    sl_vip_get(&sl_bed.maps, &entry.key, &why, &entry.vip))
		fail_msg("%s", why.text);
	return entry;
}

__u64 sl_bed_count(__u32 row, enum sl_counter counter)
{
	struct slot_count percpu[CPUS_MAX];
	__u32 index = SL_COUNT_INDEX(row, counter);
	int cpus = libbpf_num_possible_cpus();
	__u64 packets = 0;

	assert_in_range(cpus, 1, CPUS_MAX);
	assert_int_equal(bpf_map_lookup_elem(sl_bed.maps.counts, &index, percpu), 0);
	for (int i = 0; i < cpus; i++)
		packets += percpu[i].packets;
	return packets;
}

/* --- sockets --------------------------------------------------------------------------------- */

socklen_t sl_bed_address(const struct sl_vip_key *vip, bool is_client,
			 struct sockaddr_storage *ret_address)
{
	static const __u8 any[16];
	bool is_any = is_client && !memcmp(vip->addr, any, sizeof(any));
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret_address;
	struct sockaddr_in *four = (struct sockaddr_in *)ret_address;

	memset(ret_address, 0, sizeof(*ret_address));
	if (vip->family == 6) {
		six->sin6_family = AF_INET6;
		six->sin6_port = vip->port;
		memcpy(&six->sin6_addr, vip->addr, 16);
		if (is_any)
			inet_pton(AF_INET6, SL_BED_ADDR6, &six->sin6_addr);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = vip->port;
	memcpy(&four->sin_addr, vip->addr, 4);
	if (is_any)
		inet_pton(AF_INET, SL_BED_ADDR4, &four->sin_addr);
	return sizeof(*four);
}

static int type_of(const struct sl_vip_key *vip)
{
	return vip->proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
}

int sl_bed_bind(const struct sl_vip_key *vip)
{
	int fd = socket(vip->family == 6 ? AF_INET6 : AF_INET, type_of(vip) | SOCK_CLOEXEC, 0);
	struct sockaddr_storage address;
	socklen_t len = sl_bed_address(vip, false, &address);
	int on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	if (vip->proto == IPPROTO_TCP)
		assert_int_equal(listen(fd, BACKLOG), 0);
	/* Before listen() it would look like a conflict with the others. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, &sl_bed.prog,
				    sizeof(sl_bed.prog)),
			 0);
	return fd;
}

void sl_server_fill(struct sl_server *server, const struct sl_vip_key *vip, __u32 count)
{
	struct sl_process process;
	struct slot_reason why;
	__u32 position;

	*server = (struct sl_server){ .vip = *vip };
	assert_int_equal(sl_process_get(0, &process), 0);
	if (sl_instance_take(&sl_bed.maps, vip, &process, &why, &server->place))
		fail_msg("%s", why.text);
	for (; server->count < count; server->count++) {
		int fd = sl_bed_bind(vip);

		server->fds[server->count] = fd;
		if (sl_socket_add(&sl_bed.maps, &server->place, fd, &why, &position))
			fail_msg("%s", why.text);
		assert_int_equal(position, server->count);
	}
}

void sl_server_start(struct sl_server *server, const struct sl_vip_key *vip, __u32 count,
		     const struct sl_share *share)
{
	struct sl_share all = share ? *share : (struct sl_share){ .policy = SL_BY_HASH };
	struct slot_reason why;

	sl_server_fill(server, vip, count);
	all.sockets = (__u16)count;
	if (sl_instance_serve(&sl_bed.maps, &server->place, &all, &why))
		fail_msg("%s", why.text);
	sl_server_announce(server);
}

void sl_server_announce(struct sl_server *server)
{
	struct slot_reason why;

	if (sl_announce(&sl_bed.maps, &server->place, &why))
		fail_msg("%s", why.text);
}

void sl_server_crash(struct sl_server *server)
{
	while (server->count)
		close(server->fds[--server->count]);
}

void sl_server_stop(struct sl_server *server)
{
	struct slot_reason why;

	if (sl_instance_leave(&sl_bed.maps, &server->place, &why))
		fail_msg("%s", why.text);
	sl_server_crash(server);
}

/* --- clients --------------------------------------------------------------------------------- */

int sl_bed_client(const struct sl_vip_key *vip)
{
	int fd = socket(vip->family == 6 ? AF_INET6 : AF_INET, type_of(vip) | SOCK_CLOEXEC, 0);
	struct sockaddr_storage address;
	socklen_t len = sl_bed_address(vip, true, &address);

	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&address, len))
		return fd;
	close(fd);
	return -1;
}

bool sl_bed_send(int client, const void *bytes, size_t len)
{
	ssize_t sent = send(client, bytes, len, 0);

	assert_int_equal(slot_loopback_settle(), 0);
	/* A refusal is told by the next call. */
	if (sent == (ssize_t)len)
		sent = recv(client, &(char){ 0 }, 1, MSG_DONTWAIT);
	return errno != ECONNREFUSED || sent >= 0;
}

struct sl_arrival sl_bed_arrived(struct sl_server *const *servers, size_t count)
{
	struct sl_arrival arrival = {};
	char bytes[2048];

	assert_int_equal(slot_loopback_settle(), 0);
	for (size_t i = 0; i < count; i++)
		for (__u32 p = 0; p < servers[i]->count; p++)
			if (recv(servers[i]->fds[p], bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
				arrival = (struct sl_arrival){ servers[i], p };
	return arrival;
}

struct sl_arrival sl_bed_accepted(struct sl_server *const *servers, size_t count, int *ret_fd)
{
	struct pollfd polled[2 * SL_SOCKETS_MAX];
	struct sl_arrival who[2 * SL_SOCKETS_MAX];
	nfds_t waiting = 0;

	for (size_t i = 0; i < count; i++)
		for (__u32 p = 0; p < servers[i]->count; p++) {
			who[waiting] = (struct sl_arrival){ servers[i], p };
			polled[waiting++] = (struct pollfd){ servers[i]->fds[p], POLLIN, 0 };
		}
	if (poll(polled, waiting, ACCEPT_MS) < 1)
		return (struct sl_arrival){};
	for (nfds_t i = 0; i < waiting; i++) {
		int fd = polled[i].revents ? accept(polled[i].fd, NULL, NULL) : -1;

		if (fd < 0)
			continue;
		if (ret_fd)
			*ret_fd = fd;
		else
			close(fd);
		return who[i];
	}
	return (struct sl_arrival){};
}
