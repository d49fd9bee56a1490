/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/sl_words.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/endpoint.h"

#define BITS_MAX (SL_CID_LEN_MAX * 8)

/* mvfst's versions, the id's first two bits; version 0 is none. */
static const struct sl_cid_variant mvfst[4] = {
	[1] = { .len = 4, .worker_bit = 18, .worker_bits = 8, .process_bit = 26 },
	[2] = { .len = 6, .worker_bit = 32, .worker_bits = 8, .process_bit = 40 },
	[3] = { .len = 7, .worker_bit = 40, .worker_bits = 8, .process_bit = 48 },
};

static const char *const modes[SL_MODES] = {
	[SL_TCP] = "tcp",
	[SL_FLOW] = "flow",
	[SL_QUIC] = "quic",
};

static const char *const states[SL_STATES] = {
	[SL_FREE] = "free",
	[SL_FILLING] = "filling",
	[SL_SERVING] = "serving",
};

static const char *const policies[SL_POLICIES] = {
	[SL_BY_HASH] = "hash",
	[SL_BY_CPU] = "cpu",
	[SL_BY_NUMA] = "numa",
};

/* parse_number - decimal digits alone, at most @max; *text is moved behind them. */
static bool parse_number(const char **text, unsigned long max, unsigned long *ret_number)
{
	unsigned long number = 0;
	const char *at = *text;

	for (; *at >= '0' && *at <= '9' && number <= max; at++)
		number = number * 10 + (unsigned long)(*at - '0');
	if (at == *text || number > max)
		return false;
	*text = at;
	*ret_number = number;
	return true;
}

/* --- VIPs ------------------------------------------------------------------------------------ */

int sl_vip_parse(const char *text, struct slot_reason *why, struct sl_vip_key *ret_key)
{
	struct slot_endpoint bound;

	if (slot_endpoint_parse(text, &bound))
		return slot_reason_set(
			why, -EINVAL,
			"VIP '%.80s': expected what the sockets are bound to, as "
			"tcp/203.0.113.80:80, udp/[2001:db8::80]:443 or udp/0.0.0.0:53, port 1 to 65535",
			text);
	*ret_key = (struct sl_vip_key){
		.port = htons(bound.port),
		.proto = bound.proto,
		.family = bound.family,
	};
	memcpy(ret_key->addr, bound.addr, sizeof(ret_key->addr));
	return 0;
}

void sl_vip_format(const struct sl_vip_key *key, char ret_text[SL_VIP_TEXT_MAX])
{
	struct slot_endpoint bound = {
		.family = key->family,
		.proto = key->proto,
		.port = ntohs(key->port),
	};

	memcpy(bound.addr, key->addr, sizeof(bound.addr));
	slot_endpoint_format(&bound, ret_text);
}

/* --- layouts --------------------------------------------------------------------------------- */

static int refuse_layout(const char *text, struct slot_reason *why)
{
	return slot_reason_set(
		why, -EINVAL,
		"layout '%.80s': expected mvfst, "
		"quic-lb:SERVER_ID_LEN (1 to 15)[:CONFIG (0 to 6)...], or "
		"custom:PROCESS_BIT[:WORKER_BIT:WORKER_BITS (1 to 8)], bits 0 to 159",
		text);
}

static int parse_quic_lb(const char *at, struct sl_vip *vip)
{
	unsigned long server = 0, config = 0;
	struct sl_cid_variant variant;
	bool is_any = true;

	if (!parse_number(&at, 15, &server) || !server)
		return -EINVAL;
	variant = (struct sl_cid_variant){
		.len = (__u8)(3 + server),
		.worker_bit = (__u8)(8 + 8 * server),
		.worker_bits = 8,
		.process_bit = (__u8)(16 + 8 * server),
	};
	for (; *at == ':'; is_any = false) {
		at++;
		if (!parse_number(&at, SL_CID_VARIANTS - 2, &config))
			return -EINVAL;
		vip->cid[config] = variant;
	}
	for (config = 0; is_any && config < SL_CID_VARIANTS - 1; config++)
		vip->cid[config] = variant;
	return *at ? -EINVAL : 0;
}

static int parse_custom(const char *at, struct sl_vip *vip)
{
	unsigned long process = 0, worker = 0, bits = 0, last;

	if (!parse_number(&at, BITS_MAX - 1, &process))
		return -EINVAL;
	last = process;
	if (*at == ':') {
		at++;
		if (!parse_number(&at, BITS_MAX - 1, &worker) || *at++ != ':' ||
		    !parse_number(&at, 8, &bits) || !bits || worker + bits > BITS_MAX ||
		    (process >= worker && process < worker + bits))
			return -EINVAL;
		if (worker + bits - 1 > last)
			last = worker + bits - 1;
	}
	if (*at)
		return -EINVAL;
	for (int i = 0; i < SL_CID_VARIANTS; i++)
		vip->cid[i] = (struct sl_cid_variant){
			.len = (__u8)(last / 8 + 1),
			.worker_bit = (__u8)worker,
			.worker_bits = (__u8)bits,
			.process_bit = (__u8)process,
		};
	return 0;
}

int sl_layout_parse(const char *text, struct slot_reason *why, struct sl_vip *vip)
{
	struct sl_vip layout = {};
	int err = -EINVAL;

	if (!strcmp(text, "mvfst")) {
		layout.cid_kind = SL_CID_MVFST;
		for (int i = 0; i < SL_CID_VARIANTS; i++)
			layout.cid[i] = mvfst[i / 2];
		err = 0;
	} else if (!strncmp(text, "quic-lb:", 8)) {
		layout.cid_kind = SL_CID_QUIC_LB;
		err = parse_quic_lb(text + 8, &layout);
	} else if (!strncmp(text, "custom:", 7)) {
		layout.cid_kind = SL_CID_CUSTOM;
		err = parse_custom(text + 7, &layout);
	}
	if (err)
		return refuse_layout(text, why);
	vip->cid_kind = layout.cid_kind;
	memcpy(vip->cid, layout.cid, sizeof(vip->cid));
	return 0;
}

static void format_quic_lb(const struct sl_vip *vip, char *ret_text)
{
	bool is_any = true;
	__u8 len = 3;
	int used;

	for (int i = 0; i < SL_CID_VARIANTS - 1; i++) {
		is_any = is_any && vip->cid[i].len;
		len = vip->cid[i].len ? vip->cid[i].len : len;
	}
	used = snprintf(ret_text, SL_LAYOUT_TEXT_MAX, "quic-lb:%d", len - 3);
	for (int i = 0; !is_any && i < SL_CID_VARIANTS - 1; i++)
		if (vip->cid[i].len)
			used += snprintf(ret_text + used, SL_LAYOUT_TEXT_MAX - (size_t)used, ":%d",
					 i);
}

void sl_layout_format(const struct sl_vip *vip, char ret_text[SL_LAYOUT_TEXT_MAX])
{
	const struct sl_cid_variant *cid = &vip->cid[0];

	if (vip->cid_kind == SL_CID_MVFST)
		snprintf(ret_text, SL_LAYOUT_TEXT_MAX, "mvfst");
	else if (vip->cid_kind == SL_CID_QUIC_LB)
		format_quic_lb(vip, ret_text);
	else if (cid->worker_bits)
		snprintf(ret_text, SL_LAYOUT_TEXT_MAX, "custom:%u:%u:%u", cid->process_bit,
			 cid->worker_bit, cid->worker_bits);
	else
		snprintf(ret_text, SL_LAYOUT_TEXT_MAX, "custom:%u", cid->process_bit);
}

/* --- names ----------------------------------------------------------------------------------- */

static const char *name_of(const char *const *names, __u8 count, __u8 value)
{
	return value < count ? names[value] : "unknown";
}

const char *sl_mode_name(__u8 mode)
{
	return name_of(modes, SL_MODES, mode);
}

const char *sl_state_name(__u8 state)
{
	return name_of(states, SL_STATES, state);
}

const char *sl_policy_name(__u8 policy)
{
	return name_of(policies, SL_POLICIES, policy);
}

static bool find_name(const char *const *names, __u8 count, const char *text, __u8 *ret_value)
{
	for (__u8 i = 0; i < count; i++) {
		if (!strcmp(names[i], text)) {
			*ret_value = i;
			return true;
		}
	}
	return false;
}

int sl_mode_parse(const char *text, struct slot_reason *why, __u8 *ret_mode)
{
	if (find_name(modes, SL_MODES, text, ret_mode))
		return 0;
	return slot_reason_set(why, -EINVAL, "mode '%.80s': expected tcp, flow or quic", text);
}

int sl_policy_parse(const char *text, struct slot_reason *why, __u8 *ret_policy)
{
	if (find_name(policies, SL_POLICIES, text, ret_policy))
		return 0;
	return slot_reason_set(why, -EINVAL, "policy '%.80s': expected hash, cpu or numa", text);
}
