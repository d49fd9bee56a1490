/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs/handoff/probe/handoff_probe.h"

#include <errno.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/maps/handoff_address.h"

int handoff_probe_send(struct handoff *h, const struct handoff_rules *rules,
		       const struct handoff_probe *probe)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_storage here = {};
	socklen_t len = sizeof(here);
	struct handoff_state_info info;
	struct handoff_key key;
	int err;

	handoff_state_get(probe->state, &info);
	err = handoff_restore(h, probe->state, (const struct sockaddr *)&probe->here, &fd);
	if (err)
		return err;
	if (getsockname(fd, (struct sockaddr *)&here, &len))
		return -errno;
	err = handoff_key_set((const struct sockaddr *)&info.peer, (const struct sockaddr *)&here,
			      &key);
	if (!err)
		err = handoff_rules_rewrite(rules, &key, probe->id, &probe->source, HANDOFF_PASS);
	if (err)
		return err;
	err = handoff_probe(h, fd);
	handoff_rules_remove(rules, &key, probe->id);
	return err;
}
