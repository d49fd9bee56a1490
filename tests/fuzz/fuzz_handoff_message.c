/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as messages of handoff: what is read is written again as it was. */
#include <errno.h>
#include <string.h>

#include "programs/handoff/lib/peer/handoff_message.h"
#include "tests/fuzz/fuzz.h"

static void check_round(const struct handoff_message *message, const uint8_t *data, size_t len)
{
	uint8_t *again = malloc(len);
	size_t written = 0;

	require(again, "there is memory");
	require(!handoff_message_format(message, again, len, &written), "it can be written");
	require(written == len, "it is as long as it was");
	require(!memcmp(again, data, len), "it is as it was");
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct handoff_message message;
	size_t len = 0;
	int err = 0;

	while (size && !err) {
		err = handoff_message_parse(data, size, &message, &len);
		if (err == -EAGAIN)
			require(len > size, "more is asked for than there is");
		if (err)
			break;
		require(len <= size, "no byte is used that is not there");
		check_round(&message, data, len);
		data += len;
		size -= len;
	}
	return 0;
}
