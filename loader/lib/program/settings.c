/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* A field of read-only data: its type, and where its bytes are. */
struct field {
	const struct btf *btf;
	__u32 type;
	unsigned char *bytes;
	size_t room; /* bytes from there to the end of the map */
};

struct search {
	const char *key;
	struct field *found;
	char known[512]; /* names met on the way, for the message */
	bool is_found;
};

static __u32 skip_modifiers(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (btf_is_mod(t) || btf_is_typedef(t)) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	return id;
}

static bool has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text);
	size_t tail = strlen(suffix);

	return len >= tail && !strcmp(text + len - tail, suffix);
}

static void note_known(struct search *search, const char *name)
{
	size_t used = strlen(search->known);

	if (*name && used + strlen(name) + 3 < sizeof(search->known))
		snprintf(search->known + used, sizeof(search->known) - used, "%s%s",
			 used ? ", " : "", name);
}

static void match_field(struct search *search, const char *name, const struct field *field)
{
	if (strncmp(name, "pad", 3) != 0)
		note_known(search, name);
	if (search->is_found || strcmp(name, search->key) != 0)
		return;
	*search->found = *field;
	search->is_found = true;
}

static void search_variable(struct search *search, const struct btf *btf,
			    const struct btf_var_secinfo *info, unsigned char *data, size_t size)
{
	const struct btf_type *var = btf__type_by_id(btf, info->type);
	const char *name = btf__name_by_offset(btf, var->name_off);
	__u32 type = skip_modifiers(btf, var->type);
	const struct btf_type *t = btf__type_by_id(btf, type);
	struct field field = { .btf = btf, .type = type };
	int i;

	if (info->offset > size)
		return;
	field.bytes = data + info->offset;
	field.room = size - info->offset;
	if (!btf_is_struct(t) || !has_suffix(name, "_config")) {
		match_field(search, name, &field);
		return;
	}
	for (i = 0; i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		size_t offset = btf_member_bit_offset(t, (__u32)i) / 8;

		if (btf_member_bitfield_size(t, (__u32)i) || offset > size - info->offset)
			continue;
		field.type = skip_modifiers(btf, m->type);
		field.bytes = data + info->offset + offset;
		field.room = size - info->offset - offset;
		match_field(search, btf__name_by_offset(btf, m->name_off), &field);
	}
}

static void search_section(struct search *search, const struct btf *btf, struct bpf_map *map)
{
	size_t size;
	unsigned char *data = bpf_map__initial_value(map, &size);
	const char *dot = strchr(bpf_map__name(map), '.');
	__s32 id = dot ? btf__find_by_name_kind(btf, dot, BTF_KIND_DATASEC) : -1;
	const struct btf_type *section = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
	int i;

	if (!data || !section)
		return;
	for (i = 0; i < btf_vlen(section); i++)
		search_variable(search, btf, &btf_var_secinfos(section)[i], data, size);
}

static bool is_read_only_data(const struct bpf_map *map)
{
	return bpf_map__is_internal(map) && strstr(bpf_map__name(map), ".rodata");
}

static int find_field(struct bpf_object *object, const char *key, struct slot_reason *why,
		      struct field *ret_field)
{
	const struct btf *btf = bpf_object__btf(object);
	struct search search = { .key = key, .found = ret_field };
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (btf && is_read_only_data(map))
			search_section(&search, btf, map);
	if (search.is_found)
		return 0;
	slot_reason_set(why, -ENOENT, "settings: %s: the object has no such setting; it has: %s",
			key, search.known[0] ? search.known : "none");
	return -ENOENT;
}

static int parse_bool(const char *text, uint64_t *ret_value)
{
	static const char *const yes[] = { "true", "yes", "on", "1" };
	static const char *const no[] = { "false", "no", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*ret_value = !strcmp(text, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static int set_bool(const struct field *field, const struct slot_setting *setting,
		    struct slot_reason *why)
{
	uint64_t value;

	if (parse_bool(setting->value, &value))
		return slot_reason_set(why, -EINVAL, "settings: %s: '%s' is neither true nor false",
				       setting->key, setting->value);
	field->bytes[0] = (unsigned char)value;
	return 0;
}

static void write_number(const struct field *field, uint32_t size, uint64_t value)
{
	switch (size) {
	case 1:
		memcpy(field->bytes, &(uint8_t){ (uint8_t)value }, 1);
		return;
	case 2:
		memcpy(field->bytes, &(uint16_t){ (uint16_t)value }, 2);
		return;
	case 4:
		memcpy(field->bytes, &(uint32_t){ (uint32_t)value }, 4);
		return;
	default:
		memcpy(field->bytes, &value, 8);
	}
}

static int set_int(const struct field *field, const struct btf_type *t,
		   const struct slot_setting *setting, struct slot_reason *why)
{
	bool is_signed = btf_is_int(t) && btf_int_encoding(t) & BTF_INT_SIGNED;
	unsigned int bits = t->size * 8;
	char *end;
	uint64_t value;
	bool fits;

	errno = 0;
	if (is_signed)
		value = (uint64_t)strtoll(setting->value, &end, 0);
	else
		value = strtoull(setting->value, &end, 0);
	if (is_signed)
		fits = bits >= 64 || ((int64_t)value >= -(INT64_C(1) << (bits - 1)) &&
				      (int64_t)value < INT64_C(1) << (bits - 1));
	else
		fits = setting->value[0] != '-' && (bits >= 64 || value >> bits == 0);
	if (errno || end == setting->value || *end || !fits)
		return slot_reason_set(why, -EINVAL,
				       "settings: %s: '%s' is no %s number of %u bits",
				       setting->key, setting->value,
				       is_signed ? "signed" : "unsigned", bits);
	write_number(field, t->size, value);
	return 0;
}

/* The word for a constant: LB_MURMUR3 is murmur3. */
static const char *constant_word(const char *name)
{
	const char *prefix_end = strchr(name, '_');

	return prefix_end ? prefix_end + 1 : name;
}

/* One of the constants of an enum of up to 4 bytes, by its word or its number. */
static int set_enum(const struct field *field, const struct btf_type *t,
		    const struct slot_setting *setting, struct slot_reason *why)
{
	const struct btf_enum *constants = btf_enum(t);
	char known[256] = "", *end;
	long number = strtol(setting->value, &end, 0);
	bool is_number = end != setting->value && !*end;
	size_t used;
	int i;

	for (i = 0; i < btf_vlen(t); i++) {
		const char *word =
			constant_word(btf__name_by_offset(field->btf, constants[i].name_off));

		if (is_number ? number == constants[i].val : !strcasecmp(word, setting->value)) {
			write_number(field, t->size, (uint64_t)(int64_t)constants[i].val);
			return 0;
		}
		used = strlen(known);
		snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", word);
	}
	return slot_reason_set(why, -EINVAL, "settings: %s: '%s' is none of %s (or its number)",
			       setting->key, setting->value, known);
}

static int set_string(const struct field *field, const struct btf_type *t,
		      const struct slot_setting *setting, struct slot_reason *why)
{
	const struct btf_array *array = btf_array(t);
	const struct btf_type *item =
		btf__type_by_id(field->btf, skip_modifiers(field->btf, array->type));

	if (!btf_is_int(item) || item->size != 1 || array->nelems > field->room)
		return slot_reason_set(why, -ENOTSUP,
				       "settings: %s: its type cannot be set from a file",
				       setting->key);
	if (strlen(setting->value) >= array->nelems)
		return slot_reason_set(why, -EINVAL,
				       "settings: %s: '%s' is longer than %u characters",
				       setting->key, setting->value, array->nelems - 1);
	memset(field->bytes, 0, array->nelems);
	memcpy(field->bytes, setting->value, strlen(setting->value));
	return 0;
}

static int set_field(const struct field *field, const struct slot_setting *setting,
		     struct slot_reason *why)
{
	const struct btf_type *t = btf__type_by_id(field->btf, field->type);
	bool is_number = (btf_is_int(t) || btf_is_any_enum(t)) && t->size <= 8 &&
			 t->size <= field->room;

	if (btf_is_array(t))
		return set_string(field, t, setting, why);
	if (!is_number)
		return slot_reason_set(why, -ENOTSUP,
				       "settings: %s: its type cannot be set from a file",
				       setting->key);
	if (btf_is_int(t) && btf_int_encoding(t) & BTF_INT_BOOL)
		return set_bool(field, setting, why);
	return btf_is_enum(t) ? set_enum(field, t, setting, why) : set_int(field, t, setting, why);
}

int slot_settings_apply(struct bpf_object *object, const struct slot_settings *settings,
			struct slot_reason *why)
{
	struct field field;
	size_t i;
	int err;

	for (i = 0; i < settings->count; i++) {
		err = find_field(object, settings->items[i].key, why, &field);
		if (!err)
			err = set_field(&field, &settings->items[i], why);
		if (err)
			return err;
	}
	return 0;
}

int slot_settings_read_number(struct bpf_object *object, const char *key, struct slot_reason *why,
			      __u32 *ret_value)
{
	const struct btf_type *t;
	struct field field;
	int err = find_field(object, key, why, &field);

	if (err)
		return err;
	t = btf__type_by_id(field.btf, field.type);
	if (!btf_is_int(t) || btf_int_encoding(t) || t->size != sizeof(*ret_value) ||
	    t->size > field.room)
		return slot_reason_set(why, -ENOTSUP,
				       "settings: %s: it is no unsigned number of 32 bits", key);
	memcpy(ret_value, field.bytes, sizeof(*ret_value));
	return 0;
}
