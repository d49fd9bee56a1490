/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of `slotctl handoff agent`. Pure. */
#ifndef HANDOFF_AGENT_WORDS_H
#define HANDOFF_AGENT_WORDS_H

#include "loader/lib/base/reason.h"
#include "programs/handoff/agent/handoff_agent.h"

/*
 * handoff_agent_words_parse - @argc words KEY=VALUE, as settings; what is not said is by default.
 * Returns 0, or -EINVAL and says what would be accepted. map_dir stays NULL.
 */
int handoff_agent_words_parse(int argc, char *const *argv, struct slot_reason *why,
			      struct handoff_agent_settings *ret_set);

#endif
