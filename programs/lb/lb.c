/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/lb.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "loader/lib/base/cleanup.h"
#include "programs/lb/maps/lb_apply.h"
#include "programs/lb/maps/lb_load.h"

const struct lb lb_closed = {
	.maps = { .fds = { [0 ... LB_MAPS - 1] = -1 }, .lock_fd = -1 },
};

void lb_close(struct lb *lb)
{
	lb_maps_close(&lb->maps);
	lb_model_free(&lb->current);
	lb_model_free(&lb->model);
}

enum use {
	TO_LOOK,
	TO_READ,
	TO_WRITE,
};

/* Loads, repairs, and loads what that led to. */
static int load(struct lb *lb, enum use use, struct slot_reason *why)
{
	bool is_changed = false;
	int err = lb_load(&lb->maps, use != TO_LOOK, why, &lb->current);

	if (!err && use == TO_WRITE)
		err = lb_repair(&lb->maps, &lb->current, why, &is_changed);
	if (err || !is_changed)
		return err;
	lb_model_free(&lb->current);
	return lb_load(&lb->maps, true, why, &lb->current);
}

static int open_for(const char *map_dir, enum use use, struct slot_reason *why, struct lb *ret_lb)
{
	struct lb lb = LB_CLOSED;
	int err = lb_maps_open(map_dir, use == TO_WRITE, why, &lb.maps);

	if (!err)
		err = load(&lb, use, why);
	if (!err && lb_model_copy(&lb.current, &lb.model))
		err = slot_reason_set(why, -ENOMEM, "out of memory");
	if (err) {
		lb_close(&lb);
		return err;
	}
	*ret_lb = lb;
	return 0;
}

/* Readers keep writers away while they read the maps, not while what they read is shown. */
static int read_for(const char *map_dir, enum use use, struct slot_reason *why, struct lb *ret_lb)
{
	_cleanup_close_ int shared_fd = program_maps_share(map_dir);

	(void)shared_fd; /* held until this returns */
	return open_for(map_dir, use, why, ret_lb);
}

int lb_open(const char *map_dir, bool is_writer, struct slot_reason *why, struct lb *ret_lb)
{
	return is_writer ? open_for(map_dir, TO_WRITE, why, ret_lb) :
			   read_for(map_dir, TO_READ, why, ret_lb);
}

int lb_look(const char *map_dir, struct slot_reason *why, struct lb *ret_lb)
{
	return read_for(map_dir, TO_LOOK, why, ret_lb);
}

int lb_look_sure(const char *map_dir, unsigned int wait_ms, struct slot_reason *why,
		 struct lb *ret_lb)
{
	_cleanup_close_ int shared_fd = -1;
	int err = program_maps_share_sure(map_dir, wait_ms, why, &shared_fd);

	return err ? err : open_for(map_dir, TO_LOOK, why, ret_lb);
}

/*
 * A flow's tag is a sum of words times the seed turned by 0, 9, 22, 35 and 48 bits
 * (data/table.h). Where the bits between two of these are all 0, one of the numbers is a
 * plain multiple of the other, and flows with the same tag are easy to find without the seed.
 */
#define SEED_BITS (1ULL << 63 | 1ULL << 54 | 1ULL << 41 | 1ULL << 28 | 1)

/* Secret, so that nobody can choose flows that share a bucket of the table. */
static int make_seed(struct lb_settings *settings, struct slot_reason *why)
{
	if (settings->seed[0] || settings->seed[1])
		return 0;
	if (getrandom(settings->seed, sizeof(settings->seed), 0) != sizeof(settings->seed))
		return slot_reason_set(why, -EIO, "cannot get random numbers: %s", strerror(errno));
	settings->seed[0] |= SEED_BITS;
	settings->seed[1] |= SEED_BITS;
	return 0;
}

int lb_commit(struct lb *lb, struct slot_reason *why)
{
	struct lb_change change = {
		.journal.maps = &lb->maps,
		.current = &lb->current,
		.wanted = &lb->model,
	};
	struct lb_model model;
	int err;

	lb_model_settle(&lb->model);
	err = lb_model_check(&lb->model, why);
	if (err)
		return slot_reason_append(why, err, "; nothing was changed");
	err = make_seed(&lb->model.settings, why);
	if (!err)
		err = lb_apply(&change, why);
	lb_journal_free(&change.journal);
	if (err)
		return err;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		lb->model.vips[n].is_stale = false;
	if (lb_model_copy(&lb->model, &model))
		return slot_reason_set(why, -ENOMEM, "out of memory, after the change was made");
	lb_model_free(&lb->current);
	lb->current = model;
	return 0;
}

void lb_refresh(struct lb *lb)
{
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (lb->model.vips[n].is_used &&
		    lb->model.vips[n].set.table == LB_TABLE_TRANSITIONS)
			lb->model.vips[n].is_stale = true;
}
