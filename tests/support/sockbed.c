/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/sockbed.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "loader/lib/host/loopback.h"
#include "tests/support/cgroup_own.h"

#define ACCEPT_MS 1000

static const char *const programs[ROOT_KIND_COUNT] = {
	[ROOT_KIND_SOCK_OPS] = "sock_ops_ret",
	[ROOT_KIND_SK_LOOKUP] = "sk_lookup_ret",
	[ROOT_KIND_SK_REUSEPORT] = "sk_reuseport_ret",
};

static int group_fd; /* or why there is none */

int sockbed_run(struct tap_plan *plan, const char *name)
{
	int status;

	if (geteuid())
		return tap_run(plan, name, 1);
	sockrun_enter();
	group_fd = cgroup_own_open();
	status = tap_run(plan, name, 1);
	if (group_fd >= 0)
		cgroup_own_close(group_fd);
	return status;
}

void sockbed_start(struct sockbed *bed, enum root_kind kind)
{
	if (kind == ROOT_KIND_SOCK_OPS && group_fd < 0) {
		print_message("# SKIP no cgroup v2 can be made here: %s\n", strerror(-group_fd));
		skip();
	}
	*bed = (struct sockbed){
		.kind = kind, .socks = { -1, -1 }, .link_fd = -1, .client = -1, .server = -1
	};
	chainrun_start(&bed->chain, &slot_engines_fused[kind]);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_connection(struct sockbed *bed)
{
	close_fd(&bed->client);
	close_fd(&bed->server);
}

void sockbed_end(struct sockbed *bed)
{
	close_connection(bed);
	close_fd(&bed->link_fd);
	for (unsigned int i = 0; i < SOCKBED_SOCKS; i++)
		close_fd(&bed->socks[i]);
	chainrun_end(&bed->chain);
}

void sockbed_add(struct sockbed *bed, unsigned int slot, int answer)
{
	sockrun_add(&bed->chain, slot, programs[bed->kind], answer);
}

void sockbed_add_canary(struct sockbed *bed, unsigned int slot, int answer, __u64 cpus)
{
	struct slot_canary *canary = &bed->chain.state.slots[slot].canary;
	char settings[32];

	snprintf(settings, sizeof(settings), "answer=%d", answer);
	assert_int_equal(chainrun_add_canary(&bed->chain, slot, programs[bed->kind], settings), 0);
	canary->share_ppm = 0;
	canary->cpus = cpus;
}

static void attach(struct sockbed *bed)
{
	bool is_cgroup = bed->kind == ROOT_KIND_SOCK_OPS;
	int netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(netns >= 0);
	bed->link_fd = bpf_link_create(bed->chain.root_fd, is_cgroup ? group_fd : netns,
				       is_cgroup ? BPF_CGROUP_SOCK_OPS : BPF_SK_LOOKUP, NULL);
	close(netns);
	assert_true(bed->link_fd >= 0);
}

void sockbed_serve(struct sockbed *bed, int type, unsigned int count)
{
	bool is_group = bed->kind == ROOT_KIND_SK_REUSEPORT;

	bed->type = type;
	sockrun_build(&bed->chain);
	for (unsigned int i = 0; i < count; i++) {
		struct sockaddr_in other = {};

		bed->socks[i] = slot_loopback_bind(type, is_group ? bed->chain.root_fd : -1,
						   is_group || !i ? &bed->address : &other);
		assert_true(bed->socks[i] >= 0);
	}
	if (!bed->asked.sin_port)
		bed->asked = bed->address;
	/* Last, so that the chain meets none of what was done here. */
	if (!is_group)
		attach(bed);
}

int sockbed_ask(struct sockbed *bed)
{
	struct pollfd waits[SOCKBED_SOCKS];
	bool is_stream = bed->type == SOCK_STREAM;
	char byte;

	close_connection(bed);
	if (is_stream && !sockrun_connect(&bed->asked, &bed->client))
		return -1;
	if (!is_stream) {
		sockrun_send(&bed->asked);
		assert_int_equal(slot_loopback_settle(), 0);
	}
	for (unsigned int i = 0; i < SOCKBED_SOCKS; i++)
		waits[i] = (struct pollfd){ .fd = bed->socks[i], .events = POLLIN };
	if (poll(waits, SOCKBED_SOCKS, is_stream ? ACCEPT_MS : 0) < 1)
		return -1;
	for (int i = 0; i < SOCKBED_SOCKS; i++) {
		if (!waits[i].revents)
			continue;
		if (is_stream)
			bed->server = accept(bed->socks[i], NULL, NULL);
		assert_true(is_stream ? bed->server >= 0 : recv(bed->socks[i], &byte, 1, 0) == 1);
		return i;
	}
	return -1;
}
