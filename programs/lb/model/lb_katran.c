/* SPDX-License-Identifier: GPL-2.0-only */
/* VIPs and reals in the words of Katran's example services (katran.proto, as JSON). */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/json.h"
#include "programs/lb/model/lb_file.h"

/* Flags of a real; IPv6 is seen by the address. */
#define KATRAN_REAL_IP6 1
#define KATRAN_REAL_LOCAL 2

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* An int64 of protobuf is a number or, as its JSON has it, a string of digits. */
static int get_flags(const json_t *item, __u32 known, struct slot_reason *why, __u32 *ret_flags)
{
	const json_t *member = json_object_get(item, "flags");
	json_int_t number = json_integer_value(member);
	__u32 flags = 0;

	if (json_is_string(member)) {
		int err = lb_number_parse(json_string_value(member), "flags",
					  (const __u32[2]){ 0, known }, why, &flags);

		number = flags;
		if (err)
			return err;
	} else if (member && !json_is_integer(member)) {
		return slot_reason_set(why, -EINVAL, "'flags': a number expected");
	}
	if (number < 0 || number & ~(json_int_t)known)
		return slot_reason_set(why, -EINVAL, "'flags': %lld has flags that are not known",
				       (long long)number);
	*ret_flags = (__u32)number;
	return 0;
}

/* {"address": "192.0.2.1", "port": 80, "protocol": 6}; without a port all. */
static int get_name(const json_t *vip, struct slot_reason *why, struct lb_vip_name *ret_name)
{
	struct lb_vip_name name = {};
	unsigned int port = 0, proto = 0;
	char text[LB_WORDS_MAX];
	int err = lb_json_known(vip, NAMES("address", "port", "protocol"), why);

	err = err ? err : slot_json_get_text(vip, "address", sizeof(text), why, text);
	err = err ? err : lb_prefix_parse(text, why, &name.prefix);
	if (!err && json_object_get(vip, "port"))
		err = slot_json_get_number(vip, "port", 65536, why, &port);
	err = err ? err : slot_json_get_number(vip, "protocol", 256, why, &proto);
	if (!err && proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		err = slot_reason_set(why, -EINVAL, "'protocol': 6 (TCP) or 17 (UDP) expected");
	if (err)
		return err;
	name.port = (__u16)port;
	name.proto = (__u8)proto;
	*ret_name = name;
	return 0;
}

static int get_real(const json_t *item, struct slot_reason *why, struct lb_real_spec *ret_spec,
		    __u32 *ret_flags)
{
	const __u32 known = KATRAN_REAL_IP6 | KATRAN_REAL_LOCAL;
	struct lb_real_spec spec = {};
	char text[LB_WORDS_MAX];
	int err = lb_json_known(item, NAMES("address", "weight", "flags"), why);

	err = err ? err : slot_json_get_text(item, "address", sizeof(text), why, text);
	err = err ? err : lb_address_parse(text, why, &spec.host);
	/* 1 would let in again what is drained there. */
	if (!err && !json_object_get(item, "weight"))
		err = slot_reason_set(why, -EINVAL,
				      "'weight' is missing; where it was left out for being 0, as "
				      "protobuf's JSON may, write 0, which drains the real");
	err = err ? err :
		    slot_json_get_number(item, "weight", LB_WEIGHT_MAX + 1, why, &spec.weight);
	err = err ? err : get_flags(item, known, why, ret_flags);
	if (!err)
		*ret_spec = spec;
	return err;
}

/* Katran has no ring entry for weight 0: such a real is drained here. */
static int add_real(const json_t *item, const struct lb_vip_name *name, struct lb_model *model,
		    struct slot_reason *why)
{
	struct lb_real_traits traits = { .is_local = true };
	struct lb_real_spec spec;
	__u32 flags = 0;
	int err = get_real(item, why, &spec, &flags);

	if (err)
		return err;
	if (!spec.weight) {
		spec.weight = 1;
		spec.flags = LB_MEMBER_DRAINED;
	}
	traits.has_local = flags & KATRAN_REAL_LOCAL;
	err = lb_real_add(model, name, &spec, why);
	return err ? err : lb_real_set(model, &spec.host, &traits, why);
}

static int add_vip(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	struct lb_vip_settings set = { .window = LB_WINDOW };
	json_t *vip = NULL, *reals = json_object_get(item, "reals"), *real;
	struct lb_vip_name name;
	size_t i;
	int err = lb_json_known(item, NAMES("vip", "flags", "setFlag", "reals"), why);

	err = err ? err : slot_json_get(item, "vip", JSON_OBJECT, why, &vip);
	err = err ? err : get_name(vip, why, &name);
	err = err ? err : get_flags(item, LB_VIP_FLAGS, why, &set.flags);
	if (!err && reals && !json_is_array(reals))
		err = slot_reason_set(why, -EINVAL, "'reals': an array expected");
	err = err ? err : lb_vip_add(model, &name, &set, why);
	json_array_foreach(reals, i, real) {
		if (err)
			break;
		err = add_real(real, &name, model, why);
		if (err)
			slot_reason_prefix(why, err, "real %zu: ", i + 1);
	}
	return err;
}

static int add_quic(const json_t *item, struct lb_model *model, struct slot_reason *why)
{
	struct lb_host host;
	char text[LB_WORDS_MAX];
	unsigned int id = 0;
	int err = lb_json_known(item, NAMES("address", "id"), why);

	err = err ? err : slot_json_get_text(item, "address", sizeof(text), why, text);
	err = err ? err : lb_address_parse(text, why, &host);
	err = err ? err : slot_json_get_number(item, "id", 0xffffffffU, why, &id);
	return err ? err : lb_server_id_add(model, id, &host, why);
}

/* Each item of the list @name, if there is one. */
static int add_items(const json_t *root, const char *name,
		     int (*add)(const json_t *, struct lb_model *, struct slot_reason *),
		     struct lb_model *model, struct slot_reason *why)
{
	json_t *list = json_is_array(root) ? (json_t *)root : json_object_get(root, name), *item;
	size_t i;

	if (list && !json_is_array(list))
		return slot_reason_set(why, -EINVAL, "'%s': an array expected", name);
	json_array_foreach(list, i, item) {
		int err = add(item, model, why);

		if (err)
			return slot_reason_prefix(why, err, "%s, item %zu: ", name, i + 1);
	}
	return 0;
}

static int add_all(const json_t *root, struct lb_model *model, struct slot_reason *why)
{
	char mac[LB_MAC_MAX];
	int err;

	if (json_is_array(root))
		return add_items(root, "vips", add_vip, model, why);
	err = lb_json_known(root, NAMES("mac", "vips", "qreals"), why);
	if (!err && json_object_get(root, "mac")) {
		err = slot_json_get_text(root, "mac", sizeof(mac), why, mac);
		err = err ? err : lb_mac_parse(mac, why, model->settings.gateway);
	}
	err = err ? err : add_items(root, "vips", add_vip, model, why);
	return err ? err : add_items(root, "qreals", add_quic, model, why);
}

int lb_katran_parse(const char *text, size_t len, struct lb_model *model, struct slot_reason *why)
{
	_cleanup_json_ json_t *root = NULL;
	int err = lb_json_load(text, len, why, &root);

	err = err ? err : add_all(root, model, why);
	return lb_json_refuse(why, err);
}
