/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bpf/socket_lb/lib/socketlb_cid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define BYTE_BITS 8

/* Which of an id's first bits choose the variant. */
static unsigned int variant_bits(const struct cid_layout *layout)
{
	switch (layout->kind) {
	case SL_CID_MVFST:
		return 2;
	case SL_CID_QUIC_LB:
		return 3;
	default:
		return 0;
	}
}

static unsigned int get_bits(const uint8_t *id, unsigned int first, unsigned int count)
{
	unsigned int value = 0;

	for (unsigned int bit = first; bit < first + count; bit++)
		value = value << 1 | (id[bit / BYTE_BITS] >> (BYTE_BITS - 1 - bit % BYTE_BITS) & 1);
	return value;
}

static void set_bits(uint8_t *id, unsigned int first, unsigned int count, unsigned int value)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int bit = first + i;
		uint8_t mask = (uint8_t)(1U << (BYTE_BITS - 1 - bit % BYTE_BITS));

		id[bit / BYTE_BITS] = (uint8_t)(value >> (count - 1 - i) & 1 ?
							id[bit / BYTE_BITS] | mask :
							id[bit / BYTE_BITS] & ~mask);
	}
}

/* Layouts come out of a map: what does not fit into its own length is none. */
static bool is_usable(const struct sl_cid_variant *variant, size_t len)
{
	unsigned int bits = variant->len * BYTE_BITS;

	return variant->len && variant->len <= len && variant->len <= SL_CID_LEN_MAX &&
	       variant->process_bit < bits && variant->worker_bits <= BYTE_BITS &&
	       variant->worker_bit + variant->worker_bits <= bits;
}

static const struct cid_layout *read_layout(const struct socketlb_cid *cid,
					    struct cid_layout *layout)
{
	memcpy(layout, cid->opaque, sizeof(*layout));
	return layout;
}

void socketlb_cid_set(const struct sl_vip *vip, unsigned int process, struct socketlb_cid *ret_cid)
{
	struct cid_layout layout = { .kind = vip->cid_kind, .process = (__u8)process };

	memcpy(layout.variants, vip->cid, sizeof(layout.variants));
	memcpy(ret_cid->opaque, &layout, sizeof(layout));
}

size_t socketlb_cid_length(const struct socketlb_cid *cid)
{
	struct cid_layout layout;
	size_t shortest = 0;

	read_layout(cid, &layout);
	for (int i = 0; i < SL_CID_VARIANTS; i++) {
		const struct sl_cid_variant *variant = &layout.variants[i];

		if (is_usable(variant, SL_CID_LEN_MAX) && (!shortest || variant->len < shortest))
			shortest = variant->len;
	}
	return shortest;
}

/* The variant that the id names, else the first that fits; only bits that choose it are written. */
static const struct sl_cid_variant *choose_variant(const struct cid_layout *layout, uint8_t *id,
						   size_t len)
{
	unsigned int chosen = variant_bits(layout), own = SL_CID_VARIANT(id[0]);
	unsigned int rest = own & ((SL_CID_VARIANTS - 1) >> chosen);

	if (is_usable(&layout->variants[own], len))
		return &layout->variants[own];
	for (unsigned int i = 0; i < 1U << chosen; i++) {
		unsigned int number = i << (3 - chosen) | rest;

		if (!is_usable(&layout->variants[number], len))
			continue;
		set_bits(id, 0, chosen, i);
		return &layout->variants[number];
	}
	return NULL;
}

int socketlb_cid_write(const struct socketlb_cid *cid, unsigned int worker, uint8_t *id, size_t len)
{
	unsigned int read_process = 0, read_worker = 0;
	const struct sl_cid_variant *variant;
	struct cid_layout layout;
	uint8_t written[SL_CID_LEN_MAX];

	if (!len || len > SL_CID_LEN_MAX)
		return -EINVAL;
	memcpy(written, id, len);
	variant = choose_variant(read_layout(cid, &layout), written, len);
	if (!variant)
		return -EINVAL;
	if (variant->worker_bits && worker >> variant->worker_bits)
		return -ERANGE;
	set_bits(written, variant->worker_bit, variant->worker_bits, worker);
	set_bits(written, variant->process_bit, 1, layout.process);
	/* of a layout whose fields lie over each other nothing is written */
	if (socketlb_cid_parse(cid, written, len, &read_process, &read_worker) ||
	    read_process != layout.process || read_worker != (variant->worker_bits ? worker : 0))
		return -EINVAL;
	memcpy(id, written, len);
	return 0;
}

int socketlb_cid_parse(const struct socketlb_cid *cid, const uint8_t *id, size_t len,
		       unsigned int *ret_process, unsigned int *ret_worker)
{
	const struct sl_cid_variant *variant;
	struct cid_layout layout;

	if (!len || len > SL_CID_LEN_MAX)
		return -EINVAL;
	read_layout(cid, &layout);
	variant = &layout.variants[SL_CID_VARIANT(id[0])];
	if (!is_usable(variant, len))
		return -EINVAL;
	*ret_process = get_bits(id, variant->process_bit, 1);
	*ret_worker = get_bits(id, variant->worker_bit, variant->worker_bits);
	return 0;
}
