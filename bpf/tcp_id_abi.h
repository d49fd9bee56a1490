/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The TCP option that carries a server's id, on the wire:
 *
 *	kind, 6, id		kinds that were agreed upon: 6 bytes, 8 with the padding
 *	kind, 8, magic, id	kinds for experiments (RFC 6994), told apart by their magic
 *
 * The magic is in network byte order, the id in that of the host that gave it out, as Katran has
 * it; all take it back as they find it. An id of 0 asks for one. Version rule: never changes.
 */
#ifndef SLOT_BPF_TCP_ID_ABI_H
#define SLOT_BPF_TCP_ID_ABI_H

#include <linux/types.h>

#define TCP_ID_LEN 6
#define TCP_ID_MAGIC_LEN 8
#define TCP_ID_LEN_MAX TCP_ID_MAGIC_LEN
/* Kind, length and magic alone: the host does not take part. */
#define TCP_ID_NONE_LEN 4

/* RFC 4727's two, which RFC 6994 gives a magic. */
#define TCP_ID_EXPERIMENT 253
#define TCP_ID_EXPERIMENT_2 254
/* "SI", which nobody has had IANA write down, as of what others use there. */
#define TCP_ID_MAGIC 0x5349

/* Katran's: of what servers send, of what clients send, and of clients that want no id. */
#define TCP_ID_KATRAN_SERVER 0xb6
#define TCP_ID_KATRAN 0xb7
#define TCP_ID_KATRAN_NONE 0xb8

#endif
