/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/lb_hc/lb_hc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/maps.h"

#define GUE_PORT 6080 /* IANA's, and Katran's default */

static const struct program_map reals_map = {
	.name = LB_HC_REALS_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct lb_hc_real),
	.max_entries = LB_HC_REALS_MAX,
};

static const struct program_map control_map = {
	.name = LB_HC_CONTROL_NAME,
	.type = BPF_MAP_TYPE_HASH,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct lb_hc_control),
	.max_entries = 1,
};

int lb_hc_open(const char *map_dir, bool is_writer, struct slot_reason *why, struct lb_hc *ret_hc)
{
	_cleanup_close_ int reals_fd = -1, control_fd = -1;
	int err;

	err = program_map_open(map_dir, &reals_map, is_writer, why, &reals_fd);
	if (!err)
		err = program_map_open(map_dir, &control_map, is_writer, why, &control_fd);
	if (err)
		return err;
	ret_hc->reals_fd = TAKE_FD(reals_fd);
	ret_hc->control_fd = TAKE_FD(control_fd);
	return 0;
}

void lb_hc_close(struct lb_hc *hc)
{
	slot_cleanup_close(&hc->reals_fd);
	slot_cleanup_close(&hc->control_fd);
}

int lb_hc_control_get(const struct lb_hc *hc, struct slot_reason *why,
		      struct lb_hc_control *ret_control)
{
	struct lb_hc_control control = { .gue_port = htons(GUE_PORT) };
	__u32 zero = 0;
	int err = bpf_map_lookup_elem(hc->control_fd, &zero, &control);

	if (err && err != -ENOENT)
		return slot_reason_set(why, err, "cannot read map '%s': %s", control_map.name,
				       strerror(-err));
	*ret_control = control;
	return 0;
}

int lb_hc_control_set(const struct lb_hc *hc, const struct lb_hc_control *control,
		      struct slot_reason *why)
{
	__u32 zero = 0;
	int err = bpf_map_update_elem(hc->control_fd, &zero, control, BPF_ANY);

	return err ? slot_reason_set(why, err, "cannot write map '%s': %s", control_map.name,
				     strerror(-err)) :
		     0;
}

int lb_hc_real_set(const struct lb_hc *hc, const struct lb_hc_mark *mark, struct slot_reason *why)
{
	int err = bpf_map_update_elem(hc->reals_fd, &mark->mark, &mark->real, BPF_ANY);

	if (!err)
		return 0;
	if (err == -E2BIG)
		return slot_reason_set(why, err, "%d marks are all that fit", LB_HC_REALS_MAX);
	return slot_reason_set(why, err, "cannot set mark %u: %s", mark->mark, strerror(-err));
}

int lb_hc_real_del(const struct lb_hc *hc, __u32 mark, struct slot_reason *why)
{
	int err = bpf_map_delete_elem(hc->reals_fd, &mark);

	if (!err)
		return 0;
	if (err == -ENOENT)
		return slot_reason_set(why, err, "mark %u stands for no real", mark);
	return slot_reason_set(why, err, "cannot delete mark %u: %s", mark, strerror(-err));
}

static int compare_marks(const void *a, const void *b)
{
	__u32 one = ((const struct lb_hc_mark *)a)->mark,
	      other = ((const struct lb_hc_mark *)b)->mark;

	return (one > other) - (one < other);
}

int lb_hc_reals_get(const struct lb_hc *hc, struct slot_reason *why, struct lb_hc_mark **ret_marks,
		    size_t *ret_count)
{
	_cleanup_free_ struct lb_hc_mark *marks = calloc(LB_HC_REALS_MAX, sizeof(*marks));
	_cleanup_free_ struct lb_hc_real *reals = calloc(LB_HC_REALS_MAX, sizeof(*reals));
	_cleanup_free_ __u32 *keys = calloc(LB_HC_REALS_MAX, sizeof(*keys));
	__u32 next, count = LB_HC_REALS_MAX, i;
	int err;

	if (!marks || !reals || !keys)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	err = bpf_map_lookup_batch(hc->reals_fd, NULL, &next, keys, reals, &count, NULL);
	if (err && err != -ENOENT) /* which means: no more than these */
		return slot_reason_set(why, err, "cannot read map '%s': %s", reals_map.name,
				       strerror(-err));
	for (i = 0; i < count; i++)
		marks[i] = (struct lb_hc_mark){ keys[i], reals[i] };
	qsort(marks, count, sizeof(*marks), compare_marks);
	*ret_marks = TAKE_PTR(marks);
	*ret_count = count;
	return 0;
}
