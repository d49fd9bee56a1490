/* SPDX-License-Identifier: GPL-2.0-only */
/* What the id in a TCP header is, read plainly. */
#ifndef TEST_TCP_ID_REFERENCE_H
#define TEST_TCP_ID_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

/*
 * tcp_id_reference - the id in the option @kind of the TCP header in the @len bytes at
 * @tcp, 0 where there is none; @magic as in tcp_id_find().
 */
uint32_t tcp_id_reference(const uint8_t *tcp, size_t len, uint8_t kind, uint16_t magic);

#endif
