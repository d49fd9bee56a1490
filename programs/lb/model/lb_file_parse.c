/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "programs/lb/model/lb_file.h"

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

int lb_json_load(const char *text, size_t len, struct slot_reason *why, json_t **ret_root)
{
	json_error_t error;
	json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);

	if (!root)
		return slot_reason_set(why, -EINVAL, "line %d, column %d: %s", error.line,
				       error.column, error.text);
	*ret_root = root;
	return 0;
}

int lb_json_refuse(struct slot_reason *why, int err)
{
	for (char *c = why ? why->text : NULL; err && c && *c; c++)
		if (*c < 0x20 || *c == 0x7f)
			*c = '?';
	return err;
}

int lb_json_known(const json_t *object, const char *const *names, struct slot_reason *why)
{
	const char *key;
	json_t *member;

	/* jansson's iterators do not change what they walk over. */
	json_object_foreach((json_t *)object, key, member) {
		size_t i = 0;

		while (names[i] && strcmp(names[i], key) != 0)
			i++;
		if (!names[i])
			return slot_reason_set(why, -EINVAL, "'%.80s': no such member is known",
					       key);
	}
	return 0;
}

static int get_host(const json_t *object, const char *name, struct slot_reason *why,
		    struct lb_host *ret_host)
{
	char text[LB_WORDS_MAX];
	int err = slot_json_get_text(object, name, sizeof(text), why, text);

	return err ? err : lb_address_parse(text, why, ret_host);
}

static int get_choice(const json_t *object, const struct lb_choice_of *choice,
		      struct slot_reason *why, __u8 *ret_value)
{
	char text[LB_WORDS_MAX];
	int err = slot_json_get_text(object, choice->what, sizeof(text), why, text);

	return err ? err : lb_choice_parse(choice, text, why, ret_value);
}

static int get_mac(const json_t *object, const char *name, struct slot_reason *why, __u8 ret_mac[6])
{
	char text[LB_MAC_MAX];
	int err = slot_json_get_text(object, name, sizeof(text), why, text);

	if (err || *text)
		return err ? err : lb_mac_parse(text, why, ret_mac);
	memset(ret_mac, 0, 6);
	return 0;
}

static int get_source(const json_t *object, bool is_ip6, struct slot_reason *why,
		      struct lb_host *ret_host)
{
	const char *name = is_ip6 ? "source6" : "source4";
	struct lb_host host = { .is_ip6 = is_ip6 };
	char text[LB_WORDS_MAX];
	int err = slot_json_get_text(object, name, sizeof(text), why, text);

	if (!err && *text)
		err = lb_address_parse(text, why, &host);
	if (!err && host.is_ip6 != is_ip6)
		err = slot_reason_set(why, -EINVAL, "'%s': an IPv%d address expected", name,
				      is_ip6 ? 6 : 4);
	if (!err)
		*ret_host = host;
	return err;
}

static int parse_settings(const json_t *root, struct lb_settings *settings, struct slot_reason *why)
{
	unsigned int port = 0, flows = 0;
	json_t *object = NULL;
	int err = slot_json_get(root, "settings", JSON_OBJECT, why, &object);

	err = err ? err :
		    lb_json_known(object,
				  NAMES("gateway", "gue_port", "source4", "source6", "new_flows"),
				  why);
	err = err ? err : get_mac(object, "gateway", why, settings->gateway);
	err = err ? err : slot_json_get_number(object, "gue_port", 65536, why, &port);
	err = err ? err : get_source(object, false, why, &settings->source4);
	err = err ? err : get_source(object, true, why, &settings->source6);
	err = err ? err : slot_json_get_number(object, "new_flows", 1000000001, why, &flows);
	if (!err && !port)
		err = slot_reason_set(why, -EINVAL,
				      "'gue_port': a number from 1 to 65535 expected");
	if (err)
		return slot_reason_prefix(why, err, "settings: ");
	settings->gue_port = (__u16)port;
	settings->new_flows_max = flows;
	return 0;
}

static int parse_flags(const json_t *vip, struct slot_reason *why, __u32 *ret_flags)
{
	json_t *list = NULL, *item;
	__u32 flags = 0, flag = 0;
	size_t i;
	int err = slot_json_get(vip, "flags", JSON_ARRAY, why, &list);

	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		err = text ? lb_flag_parse(text, why, &flag) :
			     slot_reason_set(why, -EINVAL, "'flags': strings expected");
		if (err)
			return err;
		flags |= flag;
	}
	if (!err)
		*ret_flags = flags;
	return err;
}

static int get_vip_name(const json_t *vip, struct slot_reason *why, struct lb_vip_name *ret_name)
{
	char text[LB_WORDS_MAX];
	int err = slot_json_get_text(vip, "vip", sizeof(text), why, text);

	return err ? err : lb_vip_name_parse(text, why, ret_name);
}

static int parse_own(const json_t *item, const struct lb_vip_name *name, struct lb_model *model,
		     struct slot_reason *why)
{
	struct lb_real_spec spec = {};
	bool is_drained = false, is_down = false;
	unsigned int weight = 0;
	int err = lb_json_known(item, NAMES("real", "weight", "drained", "down"), why);

	err = err ? err : get_host(item, "real", why, &spec.host);
	err = err ? err : slot_json_get_number(item, "weight", LB_WEIGHT_MAX + 1, why, &weight);
	err = err ? err : slot_json_get_bool(item, "drained", why, &is_drained);
	err = err ? err : slot_json_get_bool(item, "down", why, &is_down);
	if (err)
		return err;
	spec.weight = weight;
	spec.flags = (is_drained ? LB_MEMBER_DRAINED : 0U) | (is_down ? LB_MEMBER_DOWN : 0U);
	return lb_real_add(model, name, &spec, why);
}

static int parse_owns(const json_t *vip, const struct lb_vip_name *name, struct lb_model *model,
		      struct slot_reason *why)
{
	json_t *list = NULL, *item;
	size_t i;
	int err = slot_json_get(vip, "reals", JSON_ARRAY, why, &list);

	json_array_foreach(list, i, item) {
		err = parse_own(item, name, model, why);
		if (err)
			return slot_reason_prefix(why, err, "real %zu: ", i + 1);
	}
	return err;
}

static int parse_vip(const json_t *item, struct lb_model *model, bool *is_seen,
		     struct slot_reason *why)
{
	struct lb_vip_settings set = {};
	struct lb_model_vip *vip;
	struct lb_vip_name name;
	unsigned int window = 0;
	int err = lb_json_known(
		item, NAMES("vip", "encap", "table", "ring", "window", "flags", "reals"), why);

	err = err ? err : get_vip_name(item, why, &name);
	err = err ? err : get_choice(item, &lb_encap_words, why, &set.encap);
	err = err ? err : get_choice(item, &lb_table_words, why, &set.table);
	err = err ? err : get_choice(item, &lb_ring_words, why, &set.ring_kind);
	err = err ? err : slot_json_get_number(item, "window", 65536, why, &window);
	err = err ? err : parse_flags(item, why, &set.flags);
	if (err)
		return err;
	set.window = (__u16)window;
	vip = lb_model_vip_find(model, &name);
	err = vip ? lb_vip_set(model, &name, &set, why) : lb_vip_add(model, &name, &set, why);
	if (err)
		return err;
	vip = lb_model_vip_find(model, &name);
	if (is_seen[vip - model->vips])
		return slot_reason_set(why, -EEXIST, "'vip': this VIP is in the file already");
	is_seen[vip - model->vips] = true;
	return parse_owns(item, &name, model, why);
}

/* Those that the file does not have make room first. */
static int drop_others(const json_t *list, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_free_ bool *is_kept = calloc(LB_VIPS_MAX, sizeof(*is_kept));
	struct lb_model_vip *vip;
	struct lb_vip_name name;
	json_t *item;
	size_t i;
	int err = 0;

	if (!is_kept)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	json_array_foreach(list, i, item) {
		vip = get_vip_name(item, NULL, &name) ? NULL : lb_model_vip_find(model, &name);
		if (vip)
			is_kept[vip - model->vips] = true;
	}
	for (__u32 n = 0; !err && n < LB_VIPS_MAX; n++) {
		model->vips[n].count = 0;
		if (!model->vips[n].is_used || is_kept[n])
			continue;
		name = model->vips[n].name;
		err = lb_vip_del(model, &name, why);
	}
	return err;
}

/* A real that health checks took out: no part of the file, and not the file's to bring in. */
struct failed {
	struct lb_vip_name vip;
	struct lb_real_spec spec;
};

static int list_failed(const struct lb_model *model, struct failed **ret_list, size_t *ret_count)
{
	_cleanup_free_ struct failed *list = NULL;
	size_t room = 0, count = 0;

	for (__u32 n = 0; n < LB_VIPS_MAX; n++)
		room += model->vips[n].is_used ? model->vips[n].count : 0;
	list = calloc(room + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	for (__u32 n = 0; n < LB_VIPS_MAX; n++) {
		const struct lb_model_vip *vip = &model->vips[n];

		for (size_t i = 0; vip->is_used && i < vip->count; i++) {
			if (!(vip->reals[i].flags & LB_MEMBER_FAILED))
				continue;
			list[count].vip = vip->name;
			list[count].spec.host = lb_model_host(&model->reals[vip->reals[i].real]);
			list[count++].spec.flags = LB_MEMBER_FAILED;
		}
	}
	*ret_list = TAKE_PTR(list);
	*ret_count = count;
	return 0;
}

static int parse_vips(const json_t *root, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_free_ struct failed *failed = NULL;
	size_t failed_count = 0;
	_cleanup_free_ bool *is_seen = calloc(LB_VIPS_MAX, sizeof(*is_seen));
	json_t *list = NULL, *item;
	size_t i;
	int err = slot_json_get(root, "vips", JSON_ARRAY, why, &list);

	if (!is_seen || list_failed(model, &failed, &failed_count))
		return slot_reason_set(why, -ENOMEM, "out of memory");
	if (!err)
		err = drop_others(list, model, why);
	if (err)
		return err;
	json_array_foreach(list, i, item) {
		err = parse_vip(item, model, is_seen, why);
		if (err)
			return slot_reason_prefix(why, err, "VIP %zu: ", i + 1);
	}
	/* Those that the file does not have are gone, and need no mark. */
	for (i = 0; i < failed_count; i++)
		lb_real_mark(model, &failed[i].vip, &failed[i].spec, true, NULL);
	return 0;
}

static int parse_real(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	struct lb_real_traits traits = { .has_mac = true, .has_local = true };
	struct lb_host host;
	__u32 index;
	int err = lb_json_known(item, NAMES("real", "mac", "local"), why);

	err = err ? err : get_host(item, "real", why, &host);
	err = err ? err : get_mac(item, "mac", why, traits.mac);
	err = err ? err : slot_json_get_bool(item, "local", why, &traits.is_local);
	err = err ? err : lb_model_real_get(model, &host, why, &index);
	return err ? err : lb_real_set(model, &host, &traits, why);
}

static int parse_id(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	struct lb_host host;
	json_int_t id = 0;
	json_t *number;
	int err = lb_json_known(item, NAMES("id", "real"), why);

	err = err ? err : slot_json_get(item, "id", JSON_INTEGER, why, &number);
	if (err)
		return err;
	id = json_integer_value(number);
	if (id < 1 || id > 0xffffffffLL)
		return slot_reason_set(why, -EINVAL, "'id': a number from 1 to %u expected",
				       0xffffffffU);
	err = get_host(item, "real", why, &host);
	return err ? err : lb_server_id_add(model, (__u32)id, &host, why);
}

static int parse_source(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	char text[LB_WORDS_MAX];
	struct lb_prefix prefix;
	struct lb_host host;
	int err = lb_json_known(item, NAMES("prefix", "real"), why);

	err = err ? err : slot_json_get_text(item, "prefix", sizeof(text), why, text);
	err = err ? err : lb_prefix_parse(text, why, &prefix);
	err = err ? err : get_host(item, "real", why, &host);
	return err ? err : lb_source_add(model, &prefix, &host, why);
}

static int parse_tunnel(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	const char *text = json_string_value(item);
	struct lb_host host;
	int err = text ? lb_address_parse(text, why, &host) :
			 slot_reason_set(why, -EINVAL, "a string expected");

	return err ? err : lb_tunnel_add(model, &host, why);
}

/* Every item of the list @name. */
static int parse_list(const json_t *root, const char *name,
		      int (*parse)(const json_t *, struct lb_model *, struct slot_reason *),
		      struct lb_model *model, struct slot_reason *why)
{
	json_t *list = NULL, *item;
	size_t i;
	int err = slot_json_get(root, name, JSON_ARRAY, why, &list);

	json_array_foreach(list, i, item) {
		err = parse(item, model, why);
		if (err)
			return slot_reason_prefix(why, err, "%s, item %zu: ", name, i + 1);
	}
	return err;
}

static int parse_root(const json_t *root, struct lb_model *model, struct slot_reason *why)
{
	unsigned int version = 0;
	int err = slot_json_get_number(root, "version", 1000, why, &version);

	if (!err && version != LB_FILE_VERSION)
		err = slot_reason_set(why, -EINVAL, "'version': %u expected", LB_FILE_VERSION);
	err = err ? err :
		    lb_json_known(root,
				  NAMES("version", "settings", "reals", "vips", "server_ids",
					"sources", "tunnels"),
				  why);
	err = err ? err : parse_settings(root, &model->settings, why);
	for (__u32 i = 1; !err && i < LB_REAL_INDEXES; i++) {
		memset(model->reals[i].mac, 0, sizeof(model->reals[i].mac));
		model->reals[i].flags &= (__u8)~LB_REAL_LOCAL;
	}
	model->id_count = model->source_count = model->tunnel_count = 0;
	err = err ? err : parse_list(root, "reals", parse_real, model, why);
	err = err ? err : parse_vips(root, model, why);
	err = err ? err : parse_list(root, "server_ids", parse_id, model, why);
	err = err ? err : parse_list(root, "sources", parse_source, model, why);
	return err ? err : parse_list(root, "tunnels", parse_tunnel, model, why);
}

int lb_file_parse(const char *text, size_t len, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_json_ json_t *root = NULL;
	int err = lb_json_load(text, len, why, &root);

	err = err ? err : parse_root(root, model, why);
	return lb_json_refuse(why, err);
}
