/* SPDX-License-Identifier: GPL-2.0-only */
/* Connection ids of libsocketlb: every length, every layout, against bits written one by one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf/socket_lb/lib/socketlb_cid.h"
#include "bpf/socket_lb/sl_words.h"
#include "tests/support/draw.h"
#include "tests/support/tap.h"

#define DRAWS 200

static uint64_t drawn;

static uint32_t draw(uint32_t below)
{
	return draw_below(&drawn, below);
}

static const struct layout_case {
	const char *name;
	const char *words;
	size_t shortest;
	unsigned int workers; /* that the layout has room for */
} layouts[] = {
	{ "mvfst's ids of every length", "mvfst", 4, 256 },
	{ "QUIC-LB's ids of every length", "quic-lb:4", 7, 256 },
	{ "QUIC-LB's ids of one config of every length", "quic-lb:8:2", 11, 256 },
	{ "own ids of every length", "custom:9:10:6", 2, 64 },
	{ "own ids without a worker of every length", "custom:0", 1, 0 },
};

static struct sl_vip parse_layout(const char *words)
{
	struct sl_vip vip = { .mode = SL_QUIC };
	struct slot_reason why;

	if (sl_layout_parse(words, &why, &vip))
		fail_msg("%s", why.text);
	return vip;
}

/* Bit by bit, as a plain reading of the layout has it. */
static bool read_plain(const struct sl_vip *vip, const uint8_t *id, size_t len,
		       unsigned int *process, unsigned int *worker)
{
	const struct sl_cid_variant *variant = &vip->cid[id[0] >> 5];

	if (!variant->len || variant->len > len)
		return false;
	*process = id[variant->process_bit / 8] >> (7 - variant->process_bit % 8) & 1;
	*worker = 0;
	for (unsigned int i = 0; i < variant->worker_bits; i++) {
		unsigned int bit = variant->worker_bit + i;

		*worker = *worker * 2 + (id[bit / 8] >> (7 - bit % 8) & 1);
	}
	return true;
}

/* How many bits of @a differ from @b. */
static unsigned int count_changed(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned int count = 0;

	for (size_t i = 0; i < len; i++)
		count += (unsigned int)__builtin_popcount(a[i] ^ b[i]);
	return count;
}

static void check_id(const struct layout_case *row, const struct sl_vip *vip, size_t len,
		     unsigned int number)
{
	unsigned int worker = row->workers ? draw(row->workers) : 0, process = number & 1, got[4];
	uint8_t before[SL_CID_LEN_MAX + 1], id[SL_CID_LEN_MAX + 1];
	struct socketlb_cid cid;
	int err;

	for (size_t i = 0; i < sizeof(id); i++)
		before[i] = id[i] = (uint8_t)draw(256);
	socketlb_cid_set(vip, process, &cid);
	err = socketlb_cid_write(&cid, worker, id, len);
	if (len < row->shortest) {
		assert_int_equal(err, -EINVAL);
		assert_memory_equal(id, before, sizeof(id));
		return;
	}
	assert_int_equal(err, 0);
	assert_memory_equal(id + len, before + len, sizeof(id) - len);
	/* the version, the process bit and the worker */
	assert_true(count_changed(id, before, len) <= 3 + 1 + 8);
	assert_true(read_plain(vip, id, len, &got[0], &got[1]));
	assert_int_equal(got[0], process);
	assert_int_equal(got[1], worker);
	assert_int_equal(socketlb_cid_parse(&cid, id, len, &got[2], &got[3]), 0);
	assert_int_equal(got[2], process);
	assert_int_equal(got[3], worker);
}

static void ids_say_what_was_written(void **state)
{
	const struct layout_case *row = *state;
	struct sl_vip vip = parse_layout(row->words);
	struct socketlb_cid cid;

	socketlb_cid_set(&vip, 0, &cid);
	assert_int_equal(socketlb_cid_length(&cid), row->shortest);
	for (size_t len = 0; len <= SL_CID_LEN_MAX; len++)
		for (unsigned int i = 0; i < DRAWS; i++)
			check_id(row, &vip, len, i);
}

static void any_id_is_read_as_the_layout_has_it(void **state)
{
	(void)state;
	for (size_t row = 0; row < sizeof(layouts) / sizeof(layouts[0]); row++) {
		struct sl_vip vip = parse_layout(layouts[row].words);
		struct socketlb_cid cid;

		socketlb_cid_set(&vip, 0, &cid);
		for (unsigned int i = 0; i < 20 * DRAWS; i++) {
			unsigned int process = 5, worker = 5, plain_process, plain_worker;
			uint8_t id[SL_CID_LEN_MAX];
			size_t len = 1 + draw(SL_CID_LEN_MAX);
			bool is_known;

			for (size_t byte = 0; byte < sizeof(id); byte++)
				id[byte] = (uint8_t)draw(256);
			is_known = read_plain(&vip, id, len, &plain_process, &plain_worker);
			assert_int_equal(socketlb_cid_parse(&cid, id, len, &process, &worker),
					 is_known ? 0 : -EINVAL);
			assert_int_equal(process, is_known ? plain_process : 5);
			assert_int_equal(worker, is_known ? plain_worker : 5);
		}
	}
}

static void an_id_of_a_version_that_fits_keeps_it(void **state)
{
	struct sl_vip vip = parse_layout("mvfst");
	uint8_t id[8] = { 0x80 | 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct socketlb_cid cid;

	(void)state;
	socketlb_cid_set(&vip, 0, &cid);
	assert_int_equal(socketlb_cid_write(&cid, 0, id, 8), 0);
	assert_int_equal(id[0] >> 6, 2);
	/* its host id, 24 bits behind the version's first byte, stays */
	assert_int_equal(id[1], 0xff);
	assert_int_equal(id[3], 0xff);
	/* too short for version 3, so it becomes one of version 1 */
	id[0] = 0xff;
	assert_int_equal(socketlb_cid_write(&cid, 0, id, 6), 0);
	assert_int_equal(id[0] >> 6, 1);
}

static void what_does_not_fit_is_refused(void **state)
{
	struct sl_vip vip = parse_layout("custom:9:10:6");
	uint8_t id[32] = { 0 };
	unsigned int process, worker;
	struct socketlb_cid cid;

	(void)state;
	socketlb_cid_set(&vip, 1, &cid);
	assert_int_equal(socketlb_cid_write(&cid, 64, id, 8), -ERANGE);
	assert_int_equal(socketlb_cid_write(&cid, 63, id, 21), -EINVAL);
	assert_int_equal(socketlb_cid_write(&cid, 63, id, 0), -EINVAL);
	assert_int_equal(id[1], 0);
	assert_int_equal(socketlb_cid_parse(&cid, id, 21, &process, &worker), -EINVAL);
	assert_int_equal(socketlb_cid_parse(&cid, id, 0, &process, &worker), -EINVAL);
}

static void a_layout_of_nonsense_writes_nothing_beyond_the_id(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 100 * DRAWS; i++) {
		uint8_t id[SL_CID_LEN_MAX + 12], guard[12];
		struct socketlb_cid cid;
		unsigned int process, worker;
		size_t len = draw(SL_CID_LEN_MAX + 1);

		for (size_t byte = 0; byte < sizeof(cid.opaque); byte++)
			cid.opaque[byte] = (uint8_t)draw(i & 1 ? 256 : 24);
		memset(id, 0x5a, sizeof(id));
		memset(guard, 0x5a, sizeof(guard));
		socketlb_cid_write(&cid, draw(300), id, len);
		socketlb_cid_parse(&cid, id, len, &process, &worker);
		assert_memory_equal(id + SL_CID_LEN_MAX, guard, sizeof(guard));
	}
}

int main(void)
{
	struct tap_plan plan = {};

	drawn = draw_seed(0);
	TAP_ADD_TABLE(&plan, ids_say_what_was_written, layouts);
	TAP_ADD(&plan, any_id_is_read_as_the_layout_has_it, NULL, NULL);
	TAP_ADD(&plan, an_id_of_a_version_that_fits_keeps_it, NULL, NULL);
	TAP_ADD(&plan, what_does_not_fit_is_refused, NULL, NULL);
	TAP_ADD(&plan, a_layout_of_nonsense_writes_nothing_beyond_the_id, NULL, NULL);
	return tap_run(&plan, "connection ids", 0);
}
