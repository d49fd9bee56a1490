/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a process does that has passed a connection to another one, which died with it on its way. */
#include <errno.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_address.h"

static bool is_frozen(int fd)
{
	int is_on = 0;
	socklen_t length = sizeof(is_on);

	return !getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &is_on, &length) && is_on;
}

/*
 * Home's block becomes a redirect before anybody else may have the connection. Another host's
 * stays a block until it is over: what was said meanwhile cannot be told from it.
 */
static int find_state(const struct handoff_rules *rules, int fd, bool *ret_is_alone)
{
	struct sockaddr_storage client, here;
	socklen_t client_length = sizeof(client), here_length = sizeof(here);
	struct handoff_rule rule;
	struct handoff_key key;
	int err;

	if (getpeername(fd, (struct sockaddr *)&client, &client_length) ||
	    getsockname(fd, (struct sockaddr *)&here, &here_length))
		return -errno;
	err = handoff_key_set((struct sockaddr *)&client, (struct sockaddr *)&here, &key);
	err = err ? err : handoff_rules_get(rules, &key, &rule);
	if (err)
		return err == -ENOENT ? 0 : err;
	*ret_is_alone = rule.ingress == HANDOFF_BLOCK && rule.egress == HANDOFF_NONE;
	return 0;
}

static int thaw(const char *agent, int fd)
{
	struct handoff *lib = handoff_new();
	int err = lib ? 0 : -ENOMEM;

	if (!err && agent)
		err = handoff_set_agent(lib, agent);
	err = err ? err : handoff_undo(lib, fd);
	handoff_free(lib);
	return err;
}

int handoff_host_break_off(const struct handoff_host_config *config, int fd)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct handoff_rules rules = HANDOFF_RULES_CLOSED;
	struct slot_reason why = {};
	bool is_alone = false;
	int err = 0;

	if (is_frozen(fd)) {
		err = handoff_rules_open(config->map_dir, false, &why, &rules);
		err = err ? err : find_state(&rules, fd, &is_alone);
		handoff_rules_close(&rules);
		if (err || !is_alone)
			return err;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)))
		return -errno;
	return is_alone ? thaw(config->agent, fd) : 0;
}
