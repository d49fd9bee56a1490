/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether TCP that came out of a tunnel names a server that this host is. */
#ifndef DECAP_DATA_IDS_H
#define DECAP_DATA_IDS_H

#include "bpf/tcp_id.h"
#include "programs/decap/data/maps.h"

/* ids_note - count the server's id @id, as read from inner TCP; 0: there was none. */
static __always_inline void ids_note(__u32 id, __u32 bytes)
{
	if (!id)
		return;
	count_packet(&decap_counts, DECAP_SERVER_ID, bytes);
	if (!bpf_map_lookup_elem(&decap_ids, &id))
		count_packet(&decap_counts, DECAP_MISROUTED, bytes);
}

/* ids_option - the kind of the TCP option, of what the settings say. */
static __always_inline __u8 ids_option(__u8 kind)
{
	return kind ?: DECAP_TCP_OPTION;
}

#endif
