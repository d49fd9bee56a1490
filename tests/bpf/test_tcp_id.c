/* SPDX-License-Identifier: GPL-2.0-only */
/* The TCP option with a server's id (bpf/tcp_id.h): both forms of it, at each place, and spoiled. */
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/tcp_id_abi.h"
#include "tests/support/draw.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"
#include "tests/support/tcp_id_reference.h"

#define HEADER 20
#define OPTIONS 40
#define ID 0x11223344U
#define DRAWS 40000
/* BPF_PROG_TEST_RUN takes no less. */
#define FRAME_MIN 14

/* As in tests/bpf/progs/tcp_id.bpf.c. */
struct form {
	uint16_t magic;
	uint8_t kind;
};

static const struct form magic_form = { TCP_ID_MAGIC, TCP_ID_EXPERIMENT };
static const struct form katran_form = { TCP_ID_MAGIC, TCP_ID_KATRAN };

struct reader {
	struct bpf_object *object;
	const struct form *form;
};

static struct reader reader_open(const struct form *form)
{
	struct reader reader = { progrun_open("tests/bpf/progs/tcp_id.bpf.o"), form };

	assert_non_null(reader.object);
	assert_int_equal(progrun_set(reader.object, "tcp_id.rodata", form, sizeof(*form)), 0);
	assert_int_equal(bpf_object__load(reader.object), 0);
	return reader;
}

static uint32_t reader_run(const struct reader *reader, const uint8_t *tcp, size_t len)
{
	struct progrun run = {};
	struct packet p;

	packet_start(&p, tcp, len);
	assert_int_equal(progrun_packet(progrun_fd(reader->object, "tcp_id"), &p, &run), 0);
	return run.verdict;
}

/* The reference and the program agree, and say @id. */
static void assert_id(const struct reader *reader, const uint8_t *tcp, size_t len, uint32_t id)
{
	assert_int_equal(tcp_id_reference(tcp, len, reader->form->kind, reader->form->magic), id);
	assert_int_equal(reader_run(reader, tcp, len), id);
}

/* A header with all the options there can be, all of them NOPs. */
static void start_header(uint8_t tcp[HEADER + OPTIONS])
{
	memset(tcp, 0, HEADER);
	tcp[12] = (HEADER + OPTIONS) / 4 << 4;
	memset(tcp + HEADER, 1, OPTIONS);
}

/* Returns the length of the option. */
static size_t put_option(const struct form *form, uint8_t *at, uint32_t id)
{
	bool has_magic = form->kind == TCP_ID_EXPERIMENT;
	size_t len = has_magic ? TCP_ID_MAGIC_LEN : TCP_ID_LEN;

	at[0] = form->kind;
	at[1] = (uint8_t)len;
	if (has_magic) {
		at[2] = (uint8_t)(form->magic >> 8);
		at[3] = (uint8_t)form->magic;
	}
	memcpy(at + len - sizeof(id), &id, sizeof(id));
	return len;
}

/* In front of it one option of another kind, so that rounds do not end the search. */
static void is_found_at(const struct form *form)
{
	struct reader reader = reader_open(form);
	size_t len = form->kind == TCP_ID_EXPERIMENT ? TCP_ID_MAGIC_LEN : TCP_ID_LEN;
	uint8_t tcp[HEADER + OPTIONS];

	for (size_t at = 0; at + len <= OPTIONS; at++) {
		start_header(tcp);
		if (at >= 2) {
			tcp[HEADER] = 200;
			tcp[HEADER + 1] = (uint8_t)at;
		}
		put_option(form, tcp + HEADER + at, ID);
		assert_id(&reader, tcp, sizeof(tcp), ID);
		/* Of a header that says it ends one word sooner. */
		tcp[12] = (uint8_t)((HEADER + (at + len - 1) / 4 * 4) / 4 << 4);
		assert_id(&reader, tcp, sizeof(tcp), 0);
	}
	bpf_object__close(reader.object);
}

static void is_found_at_each_place(void **state)
{
	(void)state;
	is_found_at(&magic_form);
	is_found_at(&katran_form);
}

static void is_none_where_the_packet_ends(void **state)
{
	struct reader reader = reader_open(&magic_form);
	uint8_t tcp[HEADER + OPTIONS];

	(void)state;
	start_header(tcp);
	put_option(&magic_form, tcp + HEADER, ID);
	for (size_t len = FRAME_MIN; len <= sizeof(tcp); len++)
		assert_id(&reader, tcp, len, len >= HEADER + TCP_ID_MAGIC_LEN ? ID : 0);
	bpf_object__close(reader.object);
}

static void first_of_two_counts(void **state)
{
	struct reader reader = reader_open(&magic_form);
	uint8_t tcp[HEADER + OPTIONS];
	size_t at = HEADER;

	(void)state;
	start_header(tcp);
	at += put_option(&magic_form, tcp + at, ID);
	put_option(&magic_form, tcp + at, ID + 1);
	assert_id(&reader, tcp, sizeof(tcp), ID);
	bpf_object__close(reader.object);
}

static void wrong_length_is_none(void **state)
{
	static const struct form *const forms[] = { &magic_form, &katran_form };
	uint8_t tcp[HEADER + OPTIONS];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct reader reader = reader_open(forms[i]);

		for (unsigned int len = 0; len < 256; len++) {
			start_header(tcp);
			if (put_option(forms[i], tcp + HEADER, ID) == len)
				continue;
			tcp[HEADER + 1] = (uint8_t)len;
			assert_id(&reader, tcp, sizeof(tcp), 0);
		}
		bpf_object__close(reader.object);
	}
}

/* Such as TCP Fast Open's, had it taken this kind. */
static void experiment_of_others_is_passed_over(void **state)
{
	struct reader reader = reader_open(&magic_form);
	const struct form other = { 0xf989, TCP_ID_EXPERIMENT };
	uint8_t tcp[HEADER + OPTIONS];
	size_t at = HEADER;

	(void)state;
	start_header(tcp);
	at += put_option(&other, tcp + at, ID + 1);
	put_option(&magic_form, tcp + at, ID);
	assert_id(&reader, tcp, sizeof(tcp), ID);
	put_option(&other, tcp + at, ID);
	assert_id(&reader, tcp, sizeof(tcp), 0);
	bpf_object__close(reader.object);
}

/* As in the kernel: what is behind it is nobody's option. A length of 1 would be a NOP, too. */
static void option_too_short_to_be_one_ends_it(void **state)
{
	struct reader reader = reader_open(&magic_form);
	uint8_t tcp[HEADER + OPTIONS];

	(void)state;
	for (uint8_t len = 0; len <= 2; len++) {
		start_header(tcp);
		tcp[HEADER] = 200;
		tcp[HEADER + 1] = len;
		put_option(&magic_form, tcp + HEADER + 2, ID);
		assert_id(&reader, tcp, sizeof(tcp), len < 2 ? 0 : ID);
	}
	bpf_object__close(reader.object);
}

/* Options of a kind and of lengths that mean something more often than not. */
static size_t draw_header(uint64_t *state, const struct form *form, uint8_t *tcp)
{
	size_t at = HEADER;

	for (size_t i = 0; i < HEADER + OPTIONS; i++)
		tcp[i] = (uint8_t)draw_number(state);
	if (draw_below(state, 8))
		tcp[12] = (uint8_t)((HEADER / 4 + draw_below(state, OPTIONS / 4 + 1)) << 4);
	while (at + TCP_ID_LEN_MAX <= HEADER + OPTIONS) {
		switch (draw_below(state, 4)) {
		case 0:
			at += put_option(form, tcp + at, draw_number(state));
			break;
		case 1:
			tcp[at++] = 1;
			break;
		case 2:
			tcp[at] = form->kind;
			at += 1 + draw_below(state, 8);
			break;
		default:
			tcp[at] = 200;
			tcp[at + 1] = (uint8_t)(2 + draw_below(state, 10));
			at += tcp[at + 1];
		}
	}
	return FRAME_MIN + draw_below(state, HEADER + OPTIONS - FRAME_MIN + 1);
}

static void any_header_reads_as_the_reference_does(void **state)
{
	static const struct form *const forms[] = { &magic_form, &katran_form };
	uint64_t random = draw_seed(1);
	uint8_t tcp[HEADER + OPTIONS];
	unsigned int found = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct reader reader = reader_open(forms[i]);

		for (unsigned int draw = 0; draw < DRAWS; draw++) {
			size_t len = draw_header(&random, forms[i], tcp);
			uint32_t id = tcp_id_reference(tcp, len, forms[i]->kind, forms[i]->magic);

			assert_int_equal(reader_run(&reader, tcp, len), id);
			found += id != 0;
		}
		bpf_object__close(reader.object);
	}
	assert_in_range(found, DRAWS / 10, DRAWS);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD(&plan, is_found_at_each_place, NULL, NULL);
	TAP_ADD(&plan, is_none_where_the_packet_ends, NULL, NULL);
	TAP_ADD(&plan, first_of_two_counts, NULL, NULL);
	TAP_ADD(&plan, wrong_length_is_none, NULL, NULL);
	TAP_ADD(&plan, experiment_of_others_is_passed_over, NULL, NULL);
	TAP_ADD(&plan, option_too_short_to_be_one_ends_it, NULL, NULL);
	TAP_ADD(&plan, any_header_reads_as_the_reference_does, NULL, NULL);
	return tap_run(&plan, "tcp_id", 1);
}
