/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a VIP and as a layout of connection ids: refused, or the same when read again. */
#include <string.h>

#include "bpf/socket_lb/sl_words.h"
#include "tests/fuzz/words.h"

static void check_vip(const char *text)
{
	struct sl_vip_key key, same;
	char again[SL_VIP_TEXT_MAX];
	struct slot_reason why;

	if (sl_vip_parse(text, &why, &key))
		return;
	sl_vip_format(&key, again);
	require(!sl_vip_parse(again, &why, &same), "it can be read again");
	require(!memcmp(&key, &same, sizeof(key)), "it is the same VIP");
}

/* The program reads a worker id from two bytes, and believes what it is told of an id's length. */
static void check_variant(const struct sl_cid_variant *cid)
{
	unsigned int last = cid->worker_bit + cid->worker_bits;

	require(cid->len <= SL_CID_LEN_MAX, "an id has room for it");
	require(cid->process_bit < cid->len * 8, "the process bit is in the id");
	require(cid->worker_bits <= 8 && (!cid->worker_bits || last <= cid->len * 8U),
		"the worker is in the id");
}

static void check_layout(const char *text)
{
	struct sl_vip vip = {}, same = {};
	char again[SL_LAYOUT_TEXT_MAX];
	struct slot_reason why;

	if (sl_layout_parse(text, &why, &vip))
		return;
	for (int i = 0; i < SL_CID_VARIANTS; i++)
		if (vip.cid[i].len)
			check_variant(&vip.cid[i]);
	sl_layout_format(&vip, again);
	require(!sl_layout_parse(again, &why, &same), "it can be read again");
	require(!memcmp(&vip, &same, sizeof(vip)), "it is the same layout");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FUZZ_WORD_MAX];

	fuzz_word_get(data, size, text);
	check_vip(text);
	check_layout(text);
	return 0;
}
