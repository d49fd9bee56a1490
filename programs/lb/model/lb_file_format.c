/* SPDX-License-Identifier: GPL-2.0-only */
#include <string.h>

#include "programs/lb/model/lb_file.h"

static bool is_zero(const __u8 *bytes, size_t size)
{
	while (size && !bytes[size - 1])
		size--;
	return !size;
}

static json_t *host_json(const struct lb_host *host)
{
	char text[LB_WORDS_MAX];

	lb_address_format(host, text);
	return json_string(text);
}

static json_t *real_name(const struct lb_model *model, __u32 index)
{
	struct lb_host host = lb_model_host(&model->reals[index]);

	return host_json(&host);
}

json_t *lb_file_own(const struct lb_model *model, const struct lb_own *own)
{
	return json_pack("{s:o, s:I, s:b, s:b}", "real", real_name(model, own->real), "weight",
			 (json_int_t)own->weight, "drained", !!(own->flags & LB_MEMBER_DRAINED),
			 "down", !!(own->flags & LB_MEMBER_DOWN));
}

static json_t *flags_json(__u32 flags)
{
	json_t *list = json_array();

	for (unsigned int i = 0; lb_flag_name(i); i++)
		if (flags >> i & 1)
			json_array_append_new(list, json_string(lb_flag_name(i)));
	return list;
}

json_t *lb_file_vip(const struct lb_model *model, const struct lb_model_vip *vip)
{
	json_t *reals = json_array();
	char name[LB_WORDS_MAX];

	lb_vip_name_format(&vip->name, name);
	for (size_t i = 0; i < vip->count; i++)
		json_array_append_new(reals, lb_file_own(model, &vip->reals[i]));
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:o, s:o}", "vip", name, "encap",
			 lb_encap_words.words[vip->set.encap], "table",
			 lb_table_words.words[vip->set.table], "ring",
			 lb_ring_words.words[vip->set.ring_kind], "window",
			 (json_int_t)vip->set.window, "flags", flags_json(vip->set.flags), "reals",
			 reals);
}

/* Empty text: none. */
static json_t *mac_json(const __u8 mac[6])
{
	char text[LB_MAC_MAX] = "";

	if (!is_zero(mac, 6))
		lb_mac_format(mac, text);
	return json_string(text);
}

static json_t *source_json(const struct lb_host *host)
{
	return is_zero(host->bytes, sizeof(host->bytes)) ? json_string("") : host_json(host);
}

json_t *lb_file_settings(const struct lb_settings *settings)
{
	return json_pack("{s:o, s:I, s:o, s:o, s:I}", "gateway", mac_json(settings->gateway),
			 "gue_port", (json_int_t)settings->gue_port, "source4",
			 source_json(&settings->source4), "source6",
			 source_json(&settings->source6), "new_flows",
			 (json_int_t)settings->new_flows_max);
}

/* In the order of their indexes, in which a restore to an empty load balancer gives them again. */
static json_t *reals_json(const struct lb_model *model)
{
	json_t *list = json_array();

	for (__u32 i = 1; i < LB_REAL_INDEXES; i++) {
		const struct lb_real *real = &model->reals[i];

		if (real->flags & LB_REAL_USED)
			json_array_append_new(list, json_pack("{s:o, s:o, s:b}", "real",
							      real_name(model, i), "mac",
							      mac_json(real->mac), "local",
							      !!(real->flags & LB_REAL_LOCAL)));
	}
	return list;
}

static json_t *vips_json(const struct lb_model *model)
{
	json_t *list = json_array();

	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		if (model->vips[n].is_used)
			json_array_append_new(list, lb_file_vip(model, &model->vips[n]));
	return list;
}

static json_t *ids_json(const struct lb_model *model)
{
	json_t *list = json_array();

	for (size_t i = 0; i < model->id_count; i++)
		json_array_append_new(list,
				      json_pack("{s:I, s:o}", "id", (json_int_t)model->ids[i].id,
						"real", real_name(model, model->ids[i].real)));
	return list;
}

static json_t *sources_json(const struct lb_model *model)
{
	json_t *list = json_array();
	char text[LB_WORDS_MAX];

	for (size_t i = 0; i < model->source_count; i++) {
		lb_prefix_format(&model->sources[i].prefix, text);
		json_array_append_new(list, json_pack("{s:s, s:o}", "prefix", text, "real",
						      real_name(model, model->sources[i].real)));
	}
	return list;
}

static json_t *tunnels_json(const struct lb_model *model)
{
	json_t *list = json_array();

	for (size_t i = 0; i < model->tunnel_count; i++)
		json_array_append_new(list, host_json(&model->tunnels[i]));
	return list;
}

json_t *lb_file_format(const struct lb_model *model)
{
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}", "version", LB_FILE_VERSION,
			 "settings", lb_file_settings(&model->settings), "reals", reals_json(model),
			 "vips", vips_json(model), "server_ids", ids_json(model), "sources",
			 sources_json(model), "tunnels", tunnels_json(model));
}
