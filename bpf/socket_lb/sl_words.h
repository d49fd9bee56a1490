/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VIPs and layouts of connection ids in words. Pure. */
#ifndef SL_WORDS_H
#define SL_WORDS_H

#include "bpf/socket_lb/socket_lb_abi.h"
#include "loader/lib/base/endpoint.h"
#include "loader/lib/base/reason.h"

#define SL_VIP_TEXT_MAX SLOT_ENDPOINT_TEXT_MAX
#define SL_LAYOUT_TEXT_MAX 160

/*
 * sl_vip_parse - "tcp/203.0.113.80:80", "udp/[2001:db8::1]:443"; 0.0.0.0 and [::] are sockets
 * that are bound to any address. Returns 0, or -EINVAL and says what would be accepted.
 */
int sl_vip_parse(const char *text, struct slot_reason *why, struct sl_vip_key *ret_key);
void sl_vip_format(const struct sl_vip_key *key, char ret_text[SL_VIP_TEXT_MAX]);

/*
 * sl_layout_parse - fill cid_kind and cid of @vip:
 *   "mvfst"                                  mvfst's versions 1, 2 and 3
 *   "quic-lb:SERVER_ID_LEN[:CONFIG...]"      configs 0 to 6, all where none is given; the worker's
 *                                            byte and the byte of the process bit follow the id
 *   "custom:PROCESS_BIT[:WORKER_BIT:WORKER_BITS]"  in every id
 * Returns 0, or -EINVAL and says what would be accepted.
 */
int sl_layout_parse(const char *text, struct slot_reason *why, struct sl_vip *vip);
void sl_layout_format(const struct sl_vip *vip, char ret_text[SL_LAYOUT_TEXT_MAX]);

/* "tcp", "flow", "quic"; "free", "filling", "serving"; "hash", "cpu", "numa"; "unknown" beyond. */
const char *sl_mode_name(__u8 mode);
const char *sl_state_name(__u8 state);
const char *sl_policy_name(__u8 policy);
int sl_mode_parse(const char *text, struct slot_reason *why, __u8 *ret_mode);
int sl_policy_parse(const char *text, struct slot_reason *why, __u8 *ret_policy);

#endif
