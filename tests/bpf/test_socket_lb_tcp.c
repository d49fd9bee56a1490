/* SPDX-License-Identifier: GPL-2.0-only */
/* socket_lb: connections of TCP, through takeovers and crashes. */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/lib/host/loopback.h"
#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define CONNECTIONS 64

struct tcp_case {
	const char *name, *vip;
};

static void syns_go_to_the_active_one(void **state)
{
	const struct tcp_case *row = *state;
	struct sl_vip_entry vip = sl_bed_vip(row->vip);
	struct sl_server old, new, *both[] = { &old, &new };
	int queued, client, fd = -1;

	sl_server_start(&old, &vip.key, 2, NULL);
	queued = sl_bed_client(&vip.key);
	sl_server_start(&new, &vip.key, 3, NULL);
	for (int i = 0; i < CONNECTIONS; i++) {
		client = sl_bed_client(&vip.key);
		assert_true(client >= 0);
		assert_ptr_equal(sl_bed_accepted(&both[1], 1, NULL).server, &new);
		close(client);
	}
	/* What was queued before is still the old one's. */
	assert_ptr_equal(sl_bed_accepted(both, 2, &fd).server, &old);
	close(fd);
	close(queued);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_SYN), CONNECTIONS + 1);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static const struct tcp_case tcp_cases[] = {
	{ "SYNs go to the active instance: IPv4", "tcp/203.0.113.80:80 tcp" },
	{ "SYNs go to the active instance: IPv6", "tcp/[2001:db8::80]:80 tcp" },
	{ "SYNs go to the active instance: any IPv6", "tcp/[::]:80 tcp" },
};

/* Connections nobody accepted yet; the server closes its listeners, or dies. */
static void queued_connections_migrate(void **state)
{
	const struct tcp_case *row = *state;
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old, new, *both[] = { &old, &new };
	bool is_old_active = strstr(row->vip, "active");
	int clients[8], fd = -1;

	sl_server_start(&old, &vip.key, 2, NULL);
	if (is_old_active)
		sl_server_start(&new, &vip.key, 2, NULL);
	if (is_old_active)
		sl_server_announce(&old);
	for (int i = 0; i < 8; i++)
		clients[i] = sl_bed_client(&vip.key);
	if (!is_old_active)
		sl_server_start(&new, &vip.key, 2, NULL);
	if (strstr(row->vip, "crash"))
		sl_server_crash(&old);
	else
		sl_server_stop(&old);
	for (int i = 0; i < 8; i++)
		assert_int_equal(send(clients[i], "x", 1, MSG_NOSIGNAL), 1);
	for (int i = 0; i < 8; i++) {
		char byte;

		assert_ptr_equal(sl_bed_accepted(&both[1], 1, &fd).server, &new);
		assert_int_equal(recv(fd, &byte, 1, 0), 1);
		close(fd);
	}
	for (int i = 0; i < 8; i++)
		close(clients[i]);
	assert_true(sl_bed_count(vip.vip.index, SL_MIGRATED) >= 8);
	sl_server_stop(&new);
}

static const struct tcp_case migrations[] = {
	{ "queued connections migrate from an instance that drains and leaves", "leave" },
	{ "queued connections migrate from an instance that drains and dies", "crash" },
	{ "queued connections migrate from the active instance that leaves", "active leave" },
	{ "queued connections migrate from the active instance that dies", "active crash" },
};

/* By migration alone: not by a SYN that was sent again, nor by what a cookie proves. */
static void assert_migrated_one(__u32 vip)
{
	__u64 syn = sl_bed_count(vip, SL_SYN), segment = sl_bed_count(vip, SL_SEGMENT);
	__u64 migrated = sl_bed_count(vip, SL_MIGRATED), lost = sl_bed_count(vip, SL_NO_SOCKET);

	if (migrated != 1 || syn != 1 || segment || lost)
		fail_msg("migrated %llu, syn %llu, segment %llu, no_socket %llu: expected 1 1 0 0",
			 migrated, syn, segment, lost);
}

static void half_open_connections_migrate(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server old, new, *both[] = { &old, &new };
	int client, fd = -1, defer = 30;

	(void)state;
	sl_server_start(&old, &vip.key, 1, NULL);
	/* The listener waits for data, so that the connection stays half open for it. */
	assert_int_equal(
		setsockopt(old.fds[0], IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer)), 0);
	client = sl_bed_client(&vip.key);
	assert_true(client >= 0);
	/* On a busy machine the handshake's last segment is on its way still: it is the old one's. */
	assert_int_equal(slot_loopback_settle(), 0);
	sl_server_start(&new, &vip.key, 1, NULL);
	sl_server_stop(&old);
	assert_int_equal(send(client, "x", 1, MSG_NOSIGNAL), 1);
	assert_ptr_equal(sl_bed_accepted(&both[1], 1, &fd).server, &new);
	assert_migrated_one(vip.vip.index);
	close(fd);
	close(client);
	sl_server_stop(&new);
}

static void syn_cookies_are_answered_by_the_active_one(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip("tcp/203.0.113.80:80 tcp");
	struct sl_server server, *one[] = { &server };
	int client;

	(void)state;
	if (system("echo 2 >/proc/sys/net/ipv4/tcp_syncookies")) {
		print_message("# SKIP this kernel has no SYN cookies\n");
		skip();
	}
	sl_server_start(&server, &vip.key, 4, NULL);
	for (int i = 0; i < 16; i++) {
		client = sl_bed_client(&vip.key);
		assert_true(client >= 0);
		assert_ptr_equal(sl_bed_accepted(one, 1, NULL).server, &server);
		close(client);
	}
	assert_int_equal(system("echo 1 >/proc/sys/net/ipv4/tcp_syncookies"), 0);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_SYN), 16);
	/* No cookie for whose port is that of a connection in TIME_WAIT. */
	assert_true(sl_bed_count(vip.vip.index, SL_SEGMENT) >= 8);
	sl_server_stop(&server);
}

#define ADD(test) TAP_ADD(&plan, test, sl_bed_set_up, sl_bed_tear_down)
#define ROWS(test, rows) TAP_ADD_ROWS(&plan, test, rows, sl_bed_set_up, sl_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ROWS(syns_go_to_the_active_one, tcp_cases);
	ROWS(queued_connections_migrate, migrations);
	ADD(half_open_connections_migrate);
	ADD(syn_cookies_are_answered_by_the_active_one);
	return tap_run(&plan, "socket_lb_tcp", 1);
}
