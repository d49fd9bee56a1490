/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/deploy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

static const struct form_part *find_numbered(const struct form *form, const char *name,
					     unsigned int slot)
{
	char full[FORM_NAME_MAX];

	snprintf(full, sizeof(full), "%s-%u", name, slot);
	return form_find(form, full);
}

static int read_object(const struct form *form, const struct slot_order *order,
		       struct slot_reason *why, struct op_deploy *deploy)
{
	const struct form_part *object = find_numbered(form, "object", order->slot);
	int err;

	if (!object)
		return slot_reason_set(why, -EINVAL, "the form has no part 'object-%u'",
				       order->slot);
	err = slot_blob_copy(object->bytes ? object->bytes : "", object->size, order->name,
			     &deploy->blob);
	return err ? slot_reason_set(why, err, "cannot take the object of slot %u: %s", order->slot,
				     strerror(-err)) :
		     0;
}

static int read_item(const struct http_request *request, struct slot_order *order,
		     struct slot_reason *why, struct op_deploys *deploys)
{
	struct op_deploy *deploy = &deploys->items[deploys->count];
	const struct form_part *signature = find_numbered(request->form, "signature", order->slot);
	int err = read_object(request->form, order, why, deploy);

	if (err)
		return err;
	deploy->slot = order->slot;
	deploy->canary = order->canary;
	deploy->maps = order->maps;
	deploy->maps.uid = request->peer.uid;
	deploy->maps.gid = request->peer.gid;
	order->maps = (struct slot_map_orders){ 0 };
	if (signature)
		deploy->signing = (struct slot_signing){
			.text = signature->bytes ? signature->bytes : "",
			.size = signature->size,
		};
	deploys->count++;
	return 0;
}

/* A part that nobody asked for is a mistake of who sent it. */
static int check_parts(const struct form *form, const struct op_deploys *deploys,
		       struct slot_reason *why)
{
	for (size_t i = 0; i < form->count; i++) {
		const struct form_part *part = &form->parts[i];
		bool is_known = !strcmp(part->name, "change");

		for (size_t k = 0; k < deploys->count && !is_known; k++) {
			unsigned int slot = deploys->items[k].slot;

			is_known = find_numbered(form, "object", slot) == part ||
				   find_numbered(form, "signature", slot) == part;
		}
		if (!is_known)
			return slot_reason_set(why, -EINVAL,
					       "the form's part '%s' belongs to no slot of its "
					       "change",
					       part->name);
	}
	return 0;
}

static int read_form(const struct http_request *request, struct slot_deploy *asked,
		     struct slot_reason *why, struct op_deploys *deploys)
{
	int err = 0;

	for (size_t i = 0; i < asked->order_count && !err; i++)
		err = read_item(request, &asked->orders[i], why, deploys);
	return err ? err : check_parts(request->form, deploys, why);
}

int deploy_read(const struct http_request *request, __u32 slots, struct slot_reason *why,
		struct slot_deploy *ret_asked, struct op_deploys *ret_deploys)
{
	_cleanup_(slot_deploy_free) struct slot_deploy asked = { 0 };
	_cleanup_(op_deploys_free) struct op_deploys deploys = { 0 };
	const struct form_part *change = form_find(request->form, "change");
	int err;

	if (!change || !change->size)
		return slot_reason_set(why, -EINVAL, "the form has no part 'change'");
	err = slot_deploy_parse(change->bytes, change->size, why, &asked);
	if (err)
		return err;
	if (slot_deploy_slots(&asked) != slots)
		return slot_reason_set(why, -EINVAL,
				       "the change names other slots than the query does");
	err = read_form(request, &asked, why, &deploys);
	if (err)
		return err;
	*ret_asked = asked;
	*ret_deploys = deploys;
	asked = (struct slot_deploy){ 0 };
	deploys.count = 0;
	return 0;
}
