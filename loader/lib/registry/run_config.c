/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/run_config.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <bpf/btf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/verdict.h"

#define SECTION ".xdp_run_config"
#define PRIORITY_DEFAULT 50

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

static const struct btf_type *skip_modifiers(const struct btf *btf, __u32 id)
{
	int resolved = btf__resolve_type(btf, id);

	return resolved < 0 ? NULL : btf__type_by_id(btf, (__u32)resolved);
}

static const char *name_of(const struct btf *btf, __u32 offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name ? name : "";
}

/* The variable of @function, "_" and its name, in @section; of whichever function where @function is "". */
static const struct btf_type *find_variable(const struct btf *btf, const struct btf_type *section,
					    const char *function, const char **ret_name)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section);
	unsigned int count = btf_vlen(section);

	if (!*function && count != 1)
		return NULL;
	for (unsigned int i = 0; i < count; i++) {
		const struct btf_type *var = btf__type_by_id(btf, info[i].type);
		const char *name;

		if (!var || !btf_is_var(var))
			continue;
		name = name_of(btf, var->name_off);
		if (*name == '_' && (!*function || !strcmp(name + 1, function))) {
			*ret_name = name + 1;
			return skip_modifiers(btf, var->type);
		}
	}
	return NULL;
}

/* __uint(name, value) declares int (*name)[value]. */
static int read_value(const struct btf *btf, const struct btf_member *member, __u32 *ret_value)
{
	const struct btf_type *type = skip_modifiers(btf, member->type);

	if (type && btf_is_ptr(type))
		type = skip_modifiers(btf, type->type);
	else
		type = NULL;
	if (!type || !btf_is_array(type))
		return -EINVAL;
	*ret_value = btf_array(type)->nelems;
	return 0;
}

static int set_member(const char *name, __u32 value, struct slot_run_config *run)
{
	int verdict;

	if (!strcmp(name, "priority")) {
		run->priority = value;
		return 0;
	}
	verdict = strncmp(name, "XDP_", 4) ? -EINVAL : slot_verdict_parse(name);
	if (verdict < 0)
		return -EINVAL;
	if (value)
		run->continue_on |= 1U << verdict;
	else
		run->continue_on &= ~(1U << verdict);
	return 0;
}

static int read_members(const struct btf *btf, const struct btf_type *type, const char *function,
			struct slot_reason *why, struct slot_run_config *run)
{
	const struct btf_member *member = btf_members(type);

	for (unsigned int i = 0; i < btf_vlen(type); i++, member++) {
		const char *name = name_of(btf, member->name_off);
		__u32 value;

		if (read_value(btf, member, &value) || set_member(name, value, run))
			return slot_reason_set(why, -EINVAL,
					       "XDP_RUN_CONFIG(%s): '%s': __uint of priority or of "
					       "a verdict such as XDP_PASS expected",
					       function, name);
	}
	return 0;
}

int slot_run_config_read(const void *bytes, size_t size, const char *function,
			 struct slot_reason *why, struct slot_run_config *ret_run)
{
	struct slot_run_config run = {
		.present = true,
		.priority = PRIORITY_DEFAULT,
		.continue_on = 1U << ROOT_COL_PASS,
	};
	_cleanup_(cleanup_btf) struct btf *btf = NULL;
	const struct btf_type *type;
	const char *name = function;
	int section;
	int err;

	if (!size) {
		*ret_run = (struct slot_run_config){ 0 };
		return 0;
	}
	btf = size > UINT32_MAX ? NULL : btf__new(bytes, (__u32)size);
	if (!btf)
		return slot_reason_set(why, -EINVAL, "its types (BTF) cannot be read: %s",
				       strerror(errno));
	section = btf__find_by_name_kind(btf, SECTION, BTF_KIND_DATASEC);
	type = section < 0 ?
		       NULL :
		       find_variable(btf, btf__type_by_id(btf, (__u32)section), function, &name);
	if (!type) {
		*ret_run = (struct slot_run_config){ 0 };
		return 0;
	}
	if (!btf_is_struct(type))
		return slot_reason_set(why, -EINVAL, "XDP_RUN_CONFIG(%s): a struct expected", name);
	err = read_members(btf, type, name, why, &run);
	if (!err)
		*ret_run = run;
	return err;
}
