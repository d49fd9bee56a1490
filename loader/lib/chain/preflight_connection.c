/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of a process in a cgroup of its own, for chains of sock_ops programs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/chain/preflight_probe.h"
#include "loader/lib/host/loopback.h"
#include "loader/lib/host/trial_cgroup.h"

#define STEP_MS 200 /* more than loopback takes; a program may well have slowed the connection */

/* Made, used for a byte in each direction, and closed: that it does not get so far is no failure. */
static void talk(int client, int listener)
{
	_cleanup_close_ int server = -1;
	char byte = 0;

	if (slot_loopback_await(listener, STEP_MS))
		return;
	server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (server < 0 || send(client, &byte, 1, MSG_NOSIGNAL) != 1 ||
	    slot_loopback_await(server, STEP_MS) || recv(server, &byte, 1, 0) != 1)
		return;
	if (send(server, &byte, 1, MSG_NOSIGNAL) == 1)
		slot_loopback_await(client, STEP_MS);
}

static int connect_in_cgroup(void *data)
{
	struct sockaddr_in address = { 0 };
	_cleanup_close_ int listener = -1;
	_cleanup_close_ int client = -1;
	/* The cgroup of a socket is that of who makes it. */
	int err = slot_trial_cgroup_enter(data);

	if (err)
		return err;
	listener = slot_loopback_bind(SOCK_STREAM, -1, &address);
	if (listener < 0)
		return listener;
	client = slot_loopback_connect(SOCK_STREAM, &address);
	if (client < 0)
		return client;
	talk(client, listener);
	return slot_loopback_settle();
}

static int attach_and_connect(const struct slot_generation *generation,
			      struct slot_trial_cgroup *cgroup, struct slot_reason *why)
{
	const char *path = cgroup->path;
	_cleanup_close_ int cgroup_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int link_fd = -1;

	if (cgroup_fd < 0)
		return slot_reason_set(why, -errno, "cannot open '%s': %s", path, strerror(errno));
	link_fd = bpf_link_create(generation->root_fd, cgroup_fd, BPF_CGROUP_SOCK_OPS, NULL);
	if (link_fd < 0)
		return slot_reason_set(why, link_fd, "cannot attach to '%s': %s", path,
				       strerror(-link_fd));
	return slot_loopback_run(connect_in_cgroup, cgroup, -1, why);
}

static int run_connection(const struct slot_preflight_probe *probe,
			  const struct slot_generation *generation, struct slot_reason *note,
			  struct slot_reason *why)
{
	_cleanup_(slot_trial_cgroup_del) struct slot_trial_cgroup cgroup = { 0 };
	struct slot_reason failed;

	(void)probe;
	(void)why;
	/* Nobody could tell what it answered. */
	if (generation->counters_fd < 0)
		return 0;
	if (slot_trial_cgroup_add(&failed, &cgroup) ||
	    attach_and_connect(generation, &cgroup, &failed))
		slot_reason_set(note, 0,
				"preflight could not try generation %u on a connection here: %s",
				generation->number, failed.text);
	return 0;
}

const struct slot_preflight_probe slot_probes_connection[SLOT_PROBES_MAX + 1] = {
	{ "an ordinary connection", 0, run_connection },
};
