/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/model/lb_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* For one item more of @size in @items, which has @count of @room. Returns 0 or -ENOMEM. */
static int make_room(void **items, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 16;
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*items, more, size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*room = more;
	return 0;
}

int lb_model_new(struct lb_model *ret_model)
{
	struct lb_model model = {
		.settings = {
			.gue_port = LB_GUE_PORT,
			.new_flows_max = LB_NEW_FLOWS,
			.source6.is_ip6 = true,
		},
		.vips = calloc(LB_VIPS_MAX, sizeof(*model.vips)),
		.reals = calloc(LB_REAL_INDEXES, sizeof(*model.reals)),
		.guesses = calloc(LB_GUESSES, sizeof(*model.guesses)),
	};

	if (!model.vips || !model.reals || !model.guesses) {
		lb_model_free(&model);
		return -ENOMEM;
	}
	*ret_model = model;
	return 0;
}

void lb_model_free(struct lb_model *model)
{
	for (size_t i = 0; model->vips && i < LB_VIPS_MAX; i++)
		free(model->vips[i].reals);
	free(model->vips);
	free(model->reals);
	free(model->guesses);
	free(model->ids);
	free(model->sources);
	free(model->tunnels);
	*model = (struct lb_model){};
}

/* @ret_items: NULL for none. */
static int copy_items(const void *items, size_t count, size_t size, void **ret_items)
{
	void *copy;

	*ret_items = NULL;
	if (!count)
		return 0;
	copy = calloc(count, size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, items, count * size);
	*ret_items = copy;
	return 0;
}

static int copy_vip(const struct lb_model_vip *from, struct lb_model_vip *to)
{
	*to = *from;
	to->room = from->count;
	return copy_items(from->reals, from->count, sizeof(*from->reals), (void **)&to->reals);
}

int lb_model_copy(const struct lb_model *from, struct lb_model *ret_to)
{
	struct lb_model to;
	int err = lb_model_new(&to);

	if (err)
		return err;
	to.settings = from->settings;
	memcpy(to.reals, from->reals, LB_REAL_INDEXES * sizeof(*to.reals));
	for (size_t i = 0; !err && i < LB_VIPS_MAX; i++)
		err = copy_vip(&from->vips[i], &to.vips[i]);
	to.id_count = to.id_room = from->id_count;
	to.source_count = to.source_room = from->source_count;
	to.tunnel_count = to.tunnel_room = from->tunnel_count;
	err = err ? err : copy_items(from->ids, from->id_count, sizeof(*to.ids), (void **)&to.ids);
	err = err ? err :
		    copy_items(from->sources, from->source_count, sizeof(*to.sources),
			       (void **)&to.sources);
	err = err ? err :
		    copy_items(from->tunnels, from->tunnel_count, sizeof(*to.tunnels),
			       (void **)&to.tunnels);
	if (err) {
		lb_model_free(&to);
		return err;
	}
	*ret_to = to;
	return 0;
}

static __u32 last_freed(const struct lb_model *model)
{
	__u32 last = 0;

	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		if (model->reals[i].freed > last)
			last = model->reals[i].freed;
	return last;
}

static void count_users(struct lb_model *model)
{
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		model->reals[i].users = 0;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		for (size_t i = 0; model->vips[n].is_used && i < model->vips[n].count; i++)
			model->reals[model->vips[n].reals[i].real].users++;
	for (size_t i = 0; i < model->id_count; i++)
		model->reals[model->ids[i].real].users++;
	for (size_t i = 0; i < model->source_count; i++)
		model->reals[model->sources[i].real].users++;
}

int lb_server_id_compare(const void *a, const void *b)
{
	const struct lb_server_id *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

int lb_source_compare(const void *a, const void *b)
{
	const struct lb_source *x = a, *y = b;

	return lb_prefix_compare(&x->prefix, &y->prefix);
}

int lb_tunnel_compare(const void *a, const void *b)
{
	return lb_address_compare(a, b);
}

static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	if (count)
		qsort(items, count, size, compare);
}

void lb_model_sort(struct lb_model *model)
{
	sort(model->ids, model->id_count, sizeof(*model->ids), lb_server_id_compare);
	sort(model->sources, model->source_count, sizeof(*model->sources), lb_source_compare);
	sort(model->tunnels, model->tunnel_count, sizeof(*model->tunnels), lb_tunnel_compare);
}

void lb_model_settle(struct lb_model *model)
{
	__u32 freed = last_freed(model);

	count_users(model);
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++) {
		struct lb_real *real = &model->reals[i];

		if (!(real->flags & LB_REAL_USED) || real->users)
			continue;
		/* The address stays, so that the next one can be told from it. */
		real->flags &= LB_REAL_IP6;
		real->freed = ++freed;
	}
	lb_model_sort(model);
}

struct lb_model_vip *lb_model_vip_find(const struct lb_model *model, const struct lb_vip_name *name)
{
	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].is_used && !lb_vip_name_compare(&model->vips[n].name, name))
			return &model->vips[n];
	return NULL;
}

struct lb_own *lb_model_own_find(const struct lb_model_vip *vip, __u32 real)
{
	for (size_t i = 0; i < vip->count; i++)
		if (vip->reals[i].real == real)
			return &vip->reals[i];
	return NULL;
}

int lb_model_own_add(struct lb_model_vip *vip, const struct lb_own *own)
{
	size_t i;

	if (make_room((void **)&vip->reals, &vip->room, vip->count, sizeof(*vip->reals)))
		return -ENOMEM;
	for (i = vip->count; i && vip->reals[i - 1].real > own->real; i--)
		vip->reals[i] = vip->reals[i - 1];
	vip->reals[i] = *own;
	vip->count++;
	return 0;
}

struct lb_host lb_model_host(const struct lb_real *real)
{
	struct lb_host host = { .is_ip6 = real->flags & LB_REAL_IP6 };

	memcpy(host.bytes, real->addr, sizeof(host.bytes));
	return host;
}

static bool has_address(const struct lb_real *real, const struct lb_host *host)
{
	return !!(real->flags & LB_REAL_IP6) == host->is_ip6 &&
	       !memcmp(real->addr, host->bytes, sizeof(real->addr));
}

static bool is_real_with(const struct lb_real *real, const struct lb_host *host)
{
	return real->flags & LB_REAL_USED && has_address(real, host);
}

static __u32 *guess_of(const struct lb_model *model, const struct lb_host *host)
{
	__u64 words[2], hash;

	memcpy(words, host->bytes, sizeof(words));
	hash = (words[0] ^ words[1] * 0x9e3779b97f4a7c15ULL) * 0xff51afd7ed558ccdULL;
	return &model->guesses[hash >> 32 & (LB_GUESSES - 1)];
}

/* A million source prefixes are a million questions, so most have to be short. */
__u32 lb_model_real_find(const struct lb_model *model, const struct lb_host *host)
{
	__u32 *guess = guess_of(model, host);

	if (*guess && is_real_with(&model->reals[*guess], host))
		return *guess;
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		if (is_real_with(&model->reals[i], host))
			return *guess = i;
	return 0;
}

/* Records of the flow table are good for the same address only. */
static void take_real(struct lb_real *real, const struct lb_host *host)
{
	if (!has_address(real, host))
		real->epoch++;
	memcpy(real->addr, host->bytes, sizeof(real->addr));
	memset(real->mac, 0, sizeof(real->mac));
	real->flags = LB_REAL_USED | (host->is_ip6 ? LB_REAL_IP6 : 0);
	real->freed = 0;
	real->users = 0;
}

int lb_model_real_get(struct lb_model *model, const struct lb_host *host, struct slot_reason *why,
		      __u32 *ret_real)
{
	__u32 index = lb_model_real_find(model, host);

	for (__u32 i = 1; !index && i < LB_REAL_INDEXES; i++)
		if (!(model->reals[i].flags & LB_REAL_USED) && !model->reals[i].freed)
			index = i;
	if (index)
		goto found;
	for (__u32 i = 1; i < LB_REAL_INDEXES; i++)
		if (!(model->reals[i].flags & LB_REAL_USED) &&
		    (!index || model->reals[i].freed < model->reals[index].freed))
			index = i;
	if (!index)
		return slot_reason_set(why, -E2BIG, "there are %d reals, more do not fit",
				       LB_REALS_MAX);
found:
	if (!(model->reals[index].flags & LB_REAL_USED))
		take_real(&model->reals[index], host);
	*ret_real = index;
	return 0;
}

int lb_model_number_get(const struct lb_model *model, struct slot_reason *why, __u32 *ret_number)
{
	const struct lb_model_vip *vips = model->vips;
	__u32 number = LB_VIPS_MAX;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (!vips[n].is_used &&
		    (number == LB_VIPS_MAX || vips[n].freed < vips[number].freed))
			number = n;
	if (number == LB_VIPS_MAX)
		return slot_reason_set(why, -E2BIG, "there are %d VIPs, more do not fit",
				       LB_VIPS_MAX);
	*ret_number = number;
	return 0;
}

int lb_model_id_add(struct lb_model *model, const struct lb_server_id *id)
{
	if (make_room((void **)&model->ids, &model->id_room, model->id_count, sizeof(*id)))
		return -ENOMEM;
	model->ids[model->id_count++] = *id;
	return 0;
}

int lb_model_source_add(struct lb_model *model, const struct lb_source *source)
{
	if (make_room((void **)&model->sources, &model->source_room, model->source_count,
		      sizeof(*source)))
		return -ENOMEM;
	model->sources[model->source_count++] = *source;
	return 0;
}

int lb_model_tunnel_add(struct lb_model *model, const struct lb_host *tunnel)
{
	if (make_room((void **)&model->tunnels, &model->tunnel_room, model->tunnel_count,
		      sizeof(*tunnel)))
		return -ENOMEM;
	model->tunnels[model->tunnel_count++] = *tunnel;
	return 0;
}
