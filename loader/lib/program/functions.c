/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/program/functions.h"

#include <errno.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "loader/lib/base/cleanup.h"

/* Records of a size of our own: the kernel's may have grown. */
static int read_records(int fd, struct bpf_func_info **ret_records, __u32 *ret_count)
{
	_cleanup_free_ struct bpf_func_info *records = NULL;
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	__u32 count;

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	count = info.nr_func_info;
	records = calloc((size_t)count + 1, sizeof(*records));
	if (!records)
		return -ENOMEM;
	len = sizeof(info);
	info = (struct bpf_prog_info){
		.nr_func_info = count,
		.func_info_rec_size = sizeof(*records),
		.func_info = (__u64)(unsigned long)records,
	};
	if (count && bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	*ret_records = TAKE_PTR(records);
	*ret_count = count;
	return 0;
}

/* A hidden function is static by now, by libbpf's hand. */
static bool is_global(const struct btf *btf, __u32 type_id)
{
	const struct btf_type *type = btf__type_by_id(btf, type_id);

	return type && btf_is_func(type) && btf_vlen(type) == BTF_FUNC_GLOBAL;
}

int slot_functions_get_global(const struct slot_program *program, __u32 **ret_types,
			      size_t *ret_count)
{
	const struct btf *btf = bpf_object__btf(program->object);
	_cleanup_free_ struct bpf_func_info *records = NULL;
	_cleanup_free_ __u32 *types = NULL;
	__u32 globals = 0, count = 0, i;
	int err;

	err = read_records(program->fd, &records, &count);
	if (err)
		return err;
	types = calloc((size_t)count + 1, sizeof(*types));
	if (!types)
		return -ENOMEM;
	/* The first is the entry. */
	for (i = 1; btf && i < count; i++) {
		if (!is_global(btf, records[i].type_id))
			continue;
		types[i] = records[i].type_id;
		globals++;
	}
	*ret_types = globals ? TAKE_PTR(types) : NULL;
	*ret_count = count;
	return 0;
}
