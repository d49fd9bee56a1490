/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as the state of a connection: refused, or the same bytes when written again. */
#include <string.h>

#include "programs/handoff/lib/handoff_state.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handoff_state *state = NULL;
	uint8_t *again;

	if (handoff_state_parse(data, size, &state))
		return 0;
	require(handoff_state_size(state) == size, "it is as long as what it was read from");
	again = malloc(size);
	require(again, "there is memory");
	require(!handoff_state_format(state, again, size), "it can be written");
	require(!memcmp(again, data, size), "it is written as it was read");
	require(state->unsent <= state->send.len, "what is not sent is queued");
	free(again);
	handoff_state_free(state);
	return 0;
}
