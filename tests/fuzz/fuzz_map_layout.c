/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Types made of any bytes, as an object could bring them, with loops too: a layout is read
 * or refused, in bounded time; it is equal to itself, and what is told of a difference is
 * terminated.
 */
#include <stdio.h>
#include <string.h>

#include <bpf/btf.h>

#include "loader/lib/program/map_layout.h"
#include "tests/fuzz/fuzz.h"

#define TYPES_MAX 64
#define TEXT_SIZE 300

/* What three bytes say: a kind, and two numbers for it. Types may name types that come later, or none. */
static void add_type(struct btf *btf, const uint8_t *bytes)
{
	char name[8];

	snprintf(name, sizeof(name), "n%u", bytes[1] % 8U);
	switch (bytes[0] % 10) {
	case 0:
		btf__add_int(btf, name, 1U << (bytes[1] % 5), bytes[2] % 8);
		break;
	case 1:
		btf__add_ptr(btf, bytes[1] % TYPES_MAX);
		break;
	case 2:
		btf__add_array(btf, 1, bytes[1] % TYPES_MAX, bytes[2]);
		break;
	case 3:
		btf__add_struct(btf, name, bytes[2]);
		break;
	case 4:
		btf__add_union(btf, name, bytes[2]);
		break;
	case 5:
		btf__add_typedef(btf, name, bytes[1] % TYPES_MAX);
		break;
	case 6:
		btf__add_var(btf, name, BTF_VAR_STATIC, bytes[2] % TYPES_MAX);
		break;
	case 7:
		btf__add_datasec(btf, name, bytes[2]);
		break;
	case 8:
		btf__add_datasec_var_info(btf, bytes[1] % TYPES_MAX, bytes[2], 4);
		break;
	default:
		/* of the last type, if that is a struct or union; refused by libbpf if not */
		btf__add_field(btf, bytes[1] % 4 ? name : "", bytes[2] % TYPES_MAX, bytes[1] * 4U,
			       bytes[1] % 16 == 15 ? 3 : 0);
	}
}

static void check_pair(const struct slot_layout *a, const struct slot_layout *b)
{
	char text[TEXT_SIZE];

	require(slot_layout_is_equal(a, a), "a layout is equal to itself");
	slot_layout_diff(a, b, 24, text, sizeof(text));
	require(memchr(text, '\0', sizeof(text)) != NULL, "the difference is terminated");
	require(slot_layout_is_equal(a, b) || text[0], "what differs is told");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_layout first = { 0 };
	struct btf *btf = btf__new_empty();
	__u32 id;
	size_t i;

	if (!btf)
		return 0;
	for (i = 0; i + 3 <= size && btf__type_cnt(btf) < TYPES_MAX; i += 3)
		add_type(btf, data + i);
	for (id = 1; id < btf__type_cnt(btf); id++) {
		struct slot_layout layout = { 0 };

		if (slot_layout_read(btf, id, &layout)) {
			require(!layout.count && !layout.members, "a refusal leaves nothing");
			continue;
		}
		check_pair(&first, &layout);
		slot_layout_free(&first);
		first = layout;
	}
	slot_layout_free(&first);
	btf__free(btf);
	return 0;
}
