/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any layout of connection ids and any id, as they may stand in a map and in a packet: nothing is
 * read or written beyond the id, and what was written is read again.
 */
#include <string.h>

#include "bpf/socket_lb/lib/socketlb_cid.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int process, worker, again;
	struct socketlb_cid cid;
	struct sl_vip vip = {};
	uint8_t id[SL_CID_LEN_MAX + 4];
	size_t len;

	if (size < sizeof(vip.cid) + 4)
		return 0;
	vip.cid_kind = data[0];
	worker = data[1];
	memcpy(vip.cid, data + 4, sizeof(vip.cid));
	len = size - sizeof(vip.cid) - 4;
	if (len > sizeof(id))
		len = sizeof(id);
	memcpy(id, data + size - len, len);
	socketlb_cid_set(&vip, data[2] & 1, &cid);
	(void)socketlb_cid_parse(&cid, id, len, &process, &again);
	if (socketlb_cid_write(&cid, worker, id, len))
		return 0;
	require(len >= socketlb_cid_length(&cid) && len <= SL_CID_LEN_MAX, "there is room for it");
	if (socketlb_cid_parse(&cid, id, len, &process, &again))
		require(false, "it can be read again");
	return 0;
}
