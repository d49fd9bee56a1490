/* SPDX-License-Identifier: GPL-2.0-only */
/* Any layout and any id: nothing is written beyond the id, and what was written is read again. */
#include <string.h>

#include "bpf/socket_lb/lib/socketlb_cid.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int process = 0, worker = 0, wanted;
	uint8_t *exact;
	struct socketlb_cid cid;
	size_t len;

	if (size < sizeof(cid) + 1)
		return 0;
	memcpy(cid.opaque, data, sizeof(cid));
	wanted = data[sizeof(cid)];
	data += sizeof(cid) + 1;
	size -= sizeof(cid) + 1;
	len = size < SL_CID_LEN_MAX ? size : SL_CID_LEN_MAX;
	/* of just this size, so that the sanitizer sees a byte too many */
	exact = malloc(len);
	require(!len || exact, "there is memory");
	if (len)
		memcpy(exact, data, len);
	if (!socketlb_cid_write(&cid, wanted, exact, len)) {
		require(!socketlb_cid_parse(&cid, exact, len, &process, &worker), "it can be read");
		require(process <= 1, "the process is a bit");
		require(!worker || worker == wanted, "the worker is the one written");
	}
	require(socketlb_cid_length(&cid) <= SL_CID_LEN_MAX, "no id is longer than 20 bytes");
	free(exact);
	return 0;
}
