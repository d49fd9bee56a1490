/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/hwmark/agent/hwmark_marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/hash.h"

void hwmark_marks_free(struct hwmark_marks *marks)
{
	free(marks->marks);
	free(marks->free);
	free(marks->resting);
	free(marks->chains);
	*marks = (struct hwmark_marks){};
}

int hwmark_marks_new(__u32 count, struct hwmark_marks *ret_marks)
{
	struct hwmark_marks marks = { .count = count, .chain_count = count };

	marks.marks = calloc(count, sizeof(*marks.marks));
	marks.free = calloc(count, sizeof(*marks.free));
	marks.resting = calloc(count, sizeof(*marks.resting));
	marks.chains = calloc(count, sizeof(*marks.chains));
	if (!marks.marks || !marks.free || !marks.resting || !marks.chains) {
		hwmark_marks_free(&marks);
		return -ENOMEM;
	}
	*ret_marks = marks;
	return 0;
}

static bool is_mark(const struct hwmark_marks *marks, __u32 mark)
{
	return mark && mark < marks->count;
}

enum hwmark_mark_state hwmark_marks_state(const struct hwmark_marks *marks, __u32 mark)
{
	return is_mark(marks, mark) ? marks->marks[mark].state : HWMARK_MARK_OUT;
}

static void set_free(struct hwmark_marks *marks, __u32 mark)
{
	marks->marks[mark].state = HWMARK_MARK_FREE;
	marks->free[(marks->free_first + marks->free_count++) % marks->count] = mark;
}

void hwmark_marks_give(struct hwmark_marks *marks, __u32 mark)
{
	if (is_mark(marks, mark) && marks->marks[mark].state == HWMARK_MARK_OUT)
		set_free(marks, mark);
}

__u32 hwmark_marks_take(struct hwmark_marks *marks)
{
	__u32 mark;

	if (!marks->free_count)
		return 0;
	mark = marks->free[marks->free_first];
	marks->free_first = (marks->free_first + 1) % marks->count;
	marks->free_count--;
	marks->marks[mark].state = HWMARK_MARK_OUT;
	return mark;
}

/* By all of it but the generation, which is its first word. */
static __u32 *find_chain(const struct hwmark_marks *marks, const struct hwmark_entry *entry)
{
	const size_t skip = sizeof(entry->generation);
	__u32 hash =
		slot_hash_add(SLOT_HASH_START, (const char *)entry + skip, sizeof(*entry) - skip);

	return &marks->chains[hash % marks->chain_count];
}

static bool is_same(const struct hwmark_entry *a, const struct hwmark_entry *b)
{
	struct hwmark_entry one = *a;

	one.generation = b->generation;
	return !memcmp(&one, b, sizeof(one));
}

__u32 hwmark_marks_find(const struct hwmark_marks *marks, const struct hwmark_entry *entry)
{
	__u32 mark = *find_chain(marks, entry);

	while (mark && (marks->marks[mark].is_dead || !is_same(&marks->marks[mark].entry, entry)))
		mark = marks->marks[mark].next;
	return mark;
}

void hwmark_marks_use(struct hwmark_marks *marks, __u32 mark, const struct hwmark_entry *entry)
{
	__u32 *chain = find_chain(marks, entry);

	marks->marks[mark] = (struct hwmark_mark){
		.state = HWMARK_MARK_USED,
		.users = 1,
		.next = *chain,
		.entry = *entry,
	};
	*chain = mark;
	marks->used++;
}

bool hwmark_marks_drop(struct hwmark_marks *marks, __u32 mark)
{
	struct hwmark_mark *used = &marks->marks[mark];
	__u32 *at;

	if (--used->users)
		return false;
	at = find_chain(marks, &used->entry);
	while (*at != mark)
		at = &marks->marks[*at].next;
	*at = used->next;
	used->state = HWMARK_MARK_RESTING;
	marks->used--;
	return true;
}

void hwmark_marks_rest(struct hwmark_marks *marks, __u32 mark, __u64 now_ms)
{
	enum hwmark_mark_state state = hwmark_marks_state(marks, mark);
	struct hwmark_mark *one;

	if (!is_mark(marks, mark) || state == HWMARK_MARK_FREE || state == HWMARK_MARK_USED)
		return;
	one = &marks->marks[mark];
	if (one->rest_ms)
		return;
	one->state = HWMARK_MARK_RESTING;
	one->rest_ms = now_ms;
	marks->resting[(marks->resting_first + marks->resting_count++) % marks->count] = mark;
}

void hwmark_marks_wake(struct hwmark_marks *marks, __u64 now_ms)
{
	while (marks->resting_count) {
		__u32 mark = marks->resting[marks->resting_first];

		if (now_ms - marks->marks[mark].rest_ms < HWMARK_REST_MS)
			return;
		marks->marks[mark].rest_ms = 0;
		marks->resting_first = (marks->resting_first + 1) % marks->count;
		marks->resting_count--;
		set_free(marks, mark);
	}
}
