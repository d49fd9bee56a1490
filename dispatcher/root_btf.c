/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Types for an emitted root: the kernel links extensions by function type, and wants
 * types for callbacks.
 */
#include <errno.h>
#include <stdlib.h>

#include <bpf/btf.h>

#include "dispatcher/root_kind.h"

/* int (struct xdp_md *ctx), or another kind's context. Returns the type id or -errno. */
static int add_prototype(struct btf *btf, enum root_kind kind)
{
	const struct root_kind_facts *facts = slot_root_kind_get(kind);
	int int_id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	int ctx_id = btf__add_struct(btf, facts->context, (__u32)facts->context_size);
	int ptr_id = btf__add_ptr(btf, ctx_id);
	int proto_id = btf__add_func_proto(btf, int_id);
	int err;

	if (int_id < 0 || ctx_id < 0 || ptr_id < 0 || proto_id < 0)
		return -ENOMEM;
	err = btf__add_func_param(btf, "ctx", ptr_id);
	return err ? err : proto_id;
}

static int add_functions(struct btf *btf, const struct root_image *image,
			 struct bpf_func_info *info)
{
	int proto_id = add_prototype(btf, image->kind);
	size_t i;

	if (proto_id < 0)
		return proto_id;
	for (i = 0; i < image->func_count; i++) {
		const struct root_func *func = &image->funcs[i];
		int id;

		info[i].insn_off = (__u32)func->start;
		if (func->btf)
			continue;
		id = btf__add_func(btf, func->name,
				   func->is_global ? BTF_FUNC_GLOBAL : BTF_FUNC_STATIC, proto_id);
		if (id < 0)
			return id;
		info[i].type_id = (__u32)id;
	}
	return 0;
}

/*
 * The types of programs follow the root's, whose names are found first. One program's
 * functions stand together, so its types come once.
 */
static int add_programs(struct btf *btf, const struct root_image *image, struct bpf_func_info *info)
{
	const struct btf *latest = NULL;
	int first = 0;
	size_t i;

	for (i = 0; i < image->func_count; i++) {
		const struct root_func *func = &image->funcs[i];

		if (!func->btf)
			continue;
		if (func->btf != latest)
			first = btf__add_btf(btf, func->btf);
		if (first < 0)
			return first;
		latest = func->btf;
		/* Type 0 is void everywhere; the first type of a program has number 1. */
		info[i].type_id = (__u32)first + func->type_id - 1;
	}
	return 0;
}

int slot_root_btf(const struct root_image *image, struct btf **ret_btf,
		  struct bpf_func_info **ret_info)
{
	struct bpf_func_info *info = calloc(image->func_count, sizeof(*info));
	struct btf *btf = btf__new_empty();
	int err;

	if (!info || !btf) {
		free(info);
		btf__free(btf);
		return -ENOMEM;
	}
	err = add_functions(btf, image, info);
	if (!err)
		err = add_programs(btf, image, info);
	if (err) {
		free(info);
		btf__free(btf);
		return err;
	}
	*ret_btf = btf;
	*ret_info = info;
	return 0;
}
