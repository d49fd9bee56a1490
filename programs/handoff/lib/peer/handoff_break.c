/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A process has passed connections to another one, which died with them on their way. */
#include <errno.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_address.h"

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

/* Of both, what was found at first serves for all. */
struct breaker {
	const struct handoff_host_config *config;
	struct handoff_rules rules;
	struct handoff *lib; /* knows when the agent has been waited for in vain */
};

static int find_rules(struct breaker *breaker)
{
	struct slot_reason why = {};

	return breaker->rules.table >= 0 ?
		       0 :
		       handoff_rules_open(breaker->config->map_dir, false, &why, &breaker->rules);
}

static int thaw(struct breaker *breaker, int fd)
{
	const char *agent = breaker->config->agent;
	int err = 0;

	if (!breaker->lib) {
		breaker->lib = handoff_new();
		err = !breaker->lib ? -ENOMEM : agent ? handoff_set_agent(breaker->lib, agent) : 0;
	}
	return err ? err : handoff_undo(breaker->lib, fd);
}

static int break_off(struct breaker *breaker, int fd)
{
	const struct linger at_once = { .l_onoff = 1 };
	bool is_alone = false;
	int err = 0;

	if (handoff_is_frozen(fd)) {
		err = find_rules(breaker);
		err = err ? err : find_state(&breaker->rules, fd, &is_alone);
		if (err || !is_alone)
			return err;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)))
		return -errno;
	return is_alone ? thaw(breaker, fd) : 0;
}

int handoff_host_break_off(const struct handoff_host_config *config, const int *fds, size_t count)
{
	struct breaker breaker = { .config = config, .rules = HANDOFF_RULES_CLOSED };
	int err, first = 0;

	for (size_t i = 0; i < count; i++) {
		err = break_off(&breaker, fds[i]);
		first = first ? first : err;
	}
	handoff_rules_close(&breaker.rules);
	handoff_free(breaker.lib);
	return first;
}
