/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotd/api_filters.h"

static json_t *describe_filter(const struct slot_filter *filter, bool is_before)
{
	json_t *json = json_pack("{s:s, s:s, s:b}", "attached", slot_tc_way_name(filter->way),
				 "kind", filter->kind, "before", (int)is_before);

	if (filter->prog_id)
		json_object_set_new(json, "program_id", json_integer(filter->prog_id));
	if (filter->name[0])
		json_object_set_new(json, "name", json_string(filter->name));
	if (filter->way != SLOT_TC_CLSACT)
		return json;
	json_object_set_new(json, "pref", json_integer(filter->pref));
	json_object_set_new(json, "handle", json_integer(filter->handle));
	json_object_set_new(json, "protocol", json_integer(filter->protocol));
	json_object_set_new(json, "chain", json_integer(filter->chain));
	return json;
}

json_t *api_filters(const struct slot_chain *chain)
{
	struct slot_filters filters = { 0 };
	json_t *list = NULL;
	size_t own;
	size_t i;

	if (!slot_chain_filters(chain, &filters, &own))
		list = json_array();
	for (i = 0; list && i < filters.count; i++)
		if (i != own)
			json_array_append_new(list, describe_filter(&filters.items[i], i < own));
	slot_filters_free(&filters);
	return list;
}
