/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>

#include "loader/lib/base/cleanup.h"
#include "programs/shared/counts.h"

_Static_assert(LB_HC_IPIP == (int)LB_IPIP && LB_HC_GUE == (int)LB_GUE && LB_HC_L2 == (int)LB_L2,
	       "both count encapsulations alike");

static const struct program_map counts_map = {
	.name = LB_HC_COUNTS_NAME,
	.type = BPF_MAP_TYPE_PERCPU_ARRAY,
	.key_size = sizeof(__u32),
	.value_size = sizeof(struct slot_count),
	.max_entries = LB_HC_COUNTS_SIZE,
};

void lb_health_view_free(struct lb_health_view *view)
{
	free(view->seen);
	free(view->marks);
	*view = (struct lb_health_view){};
}

/* A rewritten packet needs no tunnel and finds no VIP there; what is this host needs no way. */
static bool has_mark(const struct lb_model *model, const struct lb_model_vip *vip, __u32 real)
{
	return vip->set.encap != LB_REWRITE && !(model->reals[real].flags & LB_REAL_LOCAL);
}

static __u32 make_mark(const struct lb_health_file *file, const struct lb_model_vip *vip,
		       __u32 real)
{
	return file->marks + (real - 1) * LB_ENCAPS + vip->set.encap;
}

static void add_mark(const struct lb_model *model, const struct lb_model_vip *vip, __u32 index,
		     __u32 mark, struct lb_health_view *view)
{
	const struct lb_real *real = &model->reals[index];
	struct lb_hc_mark *entry = &view->marks[view->mark_count++];

	*entry = (struct lb_hc_mark){
		.mark = mark,
		.real = { .encap = vip->set.encap, .is_ip6 = !!(real->flags & LB_REAL_IP6) },
	};
	memcpy(entry->real.addr, real->addr, entry->real.is_ip6 ? 16 : 4);
	if (vip->set.encap == LB_L2)
		memcpy(entry->real.mac, real->mac, sizeof(entry->real.mac));
}

/*
 * What a rewritten real answers goes to a client with the VIP's address, but for what it
 * answers to the balancer's own addresses: no probe from another one would be answered.
 */
static void set_source(const struct lb_model *model, struct lb_health_seen *seen)
{
	static const struct lb_host none;
	const struct lb_settings *settings = &model->settings;

	seen->source = seen->host.is_ip6 ? settings->source6 : settings->source4;
	seen->has_source = memcmp(seen->source.bytes, none.bytes, sizeof(none.bytes)) != 0;
}

static void add_seen(const struct lb_model *model, const struct lb_model_vip *vip,
		     const struct lb_own *own, const struct lb_health_seen *like,
		     struct lb_health_view *view)
{
	const struct lb_real *real = &model->reals[own->real];
	struct lb_health_seen *seen = &view->seen[view->count++];

	*seen = *like;
	seen->host = lb_model_host(real);
	seen->is_direct = vip->set.encap == LB_REWRITE && !(real->flags & LB_REAL_LOCAL);
	if (seen->is_direct)
		set_source(model, seen);
	view->sourceless += seen->is_direct && !seen->has_source;
	seen->is_drained = own->flags & LB_MEMBER_DRAINED;
	seen->is_down = own->flags & LB_MEMBER_DOWN;
	seen->is_failed = own->flags & LB_MEMBER_FAILED;
	view->needs_marks |= !!seen->mark;
}

static void view_vip(const struct lb_model *model, const struct lb_model_vip *vip,
		     const struct lb_health_file *file, struct lb_health_view *view)
{
	struct lb_health_seen like = { .vip = vip->name };

	like.check = lb_health_file_find(file, &vip->name);
	view->unasked += !like.check && lb_health_file_has_default(file);
	if (like.check && like.check->kind == LB_HEALTH_NONE)
		like.check = NULL;
	for (size_t i = 0; i < vip->count; i++) {
		const struct lb_own *own = &vip->reals[i];

		like.mark = 0;
		if (has_mark(model, vip, own->real)) {
			like.mark = make_mark(file, vip, own->real);
			add_mark(model, vip, own->real, like.mark, view);
		}
		view->orphans += !like.check && own->flags & LB_MEMBER_FAILED;
		if (like.check)
			add_seen(model, vip, own, &like, view);
	}
	view->has_transitions |= vip->set.table == LB_TABLE_TRANSITIONS;
}

static void view_strays(const struct lb_model *model, const struct lb_health_file *file,
			struct lb_health_view *view)
{
	for (size_t i = 0; i < file->count; i++) {
		const struct lb_health_check *check = &file->checks[i];

		if (check->is_default || lb_model_vip_find(model, &check->vip))
			continue;
		if (!view->strays++)
			view->stray = check;
	}
}

static int compare_marks(const void *a, const void *b)
{
	const struct lb_hc_mark *one = a, *other = b;

	return (one->mark > other->mark) - (one->mark < other->mark);
}

/* By mark, each once: VIPs share reals. */
static void sort_marks(struct lb_health_view *view)
{
	size_t kept = 0;

	qsort(view->marks, view->mark_count, sizeof(*view->marks), compare_marks);
	for (size_t i = 0; i < view->mark_count; i++)
		if (!kept || view->marks[kept - 1].mark != view->marks[i].mark)
			view->marks[kept++] = view->marks[i];
	view->mark_count = kept;
}

int lb_health_view_make(const struct lb_model *model, const struct lb_health_file *file,
			struct lb_health_view *ret_view)
{
	struct lb_health_view view = {};
	size_t room = 1;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		room += model->vips[n].is_used ? model->vips[n].count : 0;
	view.seen = calloc(room, sizeof(*view.seen));
	view.marks = calloc(room, sizeof(*view.marks));
	if (!view.seen || !view.marks) {
		lb_health_view_free(&view);
		return -ENOMEM;
	}
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].is_used)
			view_vip(model, &model->vips[n], file, &view);
	view_strays(model, file, &view);
	sort_marks(&view);
	*ret_view = view;
	return 0;
}

/* By its name, as an owner without root may pass through the folder of all chains, not list it. */
void lb_health_dir_find(const char *map_dir, struct lb_health_file *file)
{
	char copy[PATH_MAX], dir[LB_HEALTH_TEXT_MAX];
	const char *chain;
	size_t len = strlen(map_dir);

	if (*file->lb_hc_dir || len >= sizeof(copy))
		return;
	memcpy(copy, map_dir, len + 1);
	/* CHAIN/maps/lb */
	chain = dirname(dirname(copy));
	if (snprintf(dir, sizeof(dir), "%s:tc-egress/maps/lb_hc", chain) < (int)sizeof(dir) &&
	    !access(dir, F_OK))
		strcpy(file->lb_hc_dir, dir);
}

/* Who may list the folder of all chains, which is root, may give a pattern. */
static int find_dir(const struct lb_health_file *file, struct slot_reason *why,
		    char ret_dir[PATH_MAX])
{
	_cleanup_(globfree) glob_t found = {};
	int status = glob(file->lb_hc_dir, GLOB_NOSORT | GLOB_NOCHECK, NULL, &found);

	if (status || found.gl_pathc != 1 || strlen(found.gl_pathv[0]) >= PATH_MAX)
		return slot_reason_set(why, status ? -EIO : -EINVAL,
				       "'%s': expected the folder of lb_hc's maps, found %zu",
				       file->lb_hc_dir, status ? 0 : found.gl_pathc);
	strcpy(ret_dir, found.gl_pathv[0]);
	return 0;
}

/* Those that are of the block and not what they are to be; first those that go, to make room. */
static int write_marks(const struct lb_hc *hc, const struct lb_health_file *file,
		       const struct lb_health_view *view, struct slot_reason *why)
{
	_cleanup_free_ struct lb_hc_mark *found = NULL;
	size_t count = 0, i;
	int err = lb_hc_reals_get(hc, why, &found, &count);

	for (i = 0; !err && i < count; i++) {
		if (found[i].mark - file->marks < LB_HEALTH_MARKS &&
		    !bsearch(&found[i], view->marks, view->mark_count, sizeof(*view->marks),
			     compare_marks))
			err = lb_hc_real_del(hc, found[i].mark, why);
		if (err == -ENOENT) /* by another checker */
			err = 0;
	}
	for (i = 0; !err && i < view->mark_count; i++) {
		const struct lb_hc_mark *mark = &view->marks[i], *old;

		old = count ? bsearch(mark, found, count, sizeof(*found), compare_marks) : NULL;
		if (!old || memcmp(&old->real, &mark->real, sizeof(mark->real)) != 0)
			err = lb_hc_real_set(hc, mark, why);
	}
	return err;
}

int lb_health_marks_set(const struct lb_health_file *file, const struct lb_health_view *view,
			struct slot_reason *why)
{
	_cleanup_(lb_hc_close) struct lb_hc hc = { -1, -1 };
	char dir[PATH_MAX];
	int err;

	if (!*file->lb_hc_dir)
		return view->needs_marks ?
			       slot_reason_set(why, -EINVAL,
					       "reals are behind tunnels, and the file has no line "
					       "lb_hc with the folder of lb_hc's maps, "
					       "nor is there a slot lb_hc at this "
					       "interface's TC egress") :
			       0;
	err = find_dir(file, why, dir);
	err = err ? err : lb_hc_open(dir, true, why, &hc);
	return err ? err : write_marks(&hc, file, view, why);
}

int lb_health_sent_get(const struct lb_health_file *file, struct slot_reason *why, __u64 *ret_sent)
{
	struct slot_count counts[LB_HC_COUNTS_SIZE];
	_cleanup_close_ int fd = -1;
	char dir[PATH_MAX];
	__u64 sent = 0;
	int err = find_dir(file, why, dir);

	err = err ? err : program_map_open(dir, &counts_map, false, why, &fd);
	if (!err)
		err = program_counts_get(fd, LB_HC_COUNTS_SIZE, why, counts);
	for (size_t i = LB_HC_SENT_IPIP4; !err && i <= LB_HC_SENT_L2; i++)
		sent += counts[i].packets;
	if (!err)
		*ret_sent = sent;
	return err;
}

bool lb_health_is_busy(const char *map_dir)
{
	_cleanup_close_ int fd = open(map_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}
