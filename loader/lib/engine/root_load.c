/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/engine/root_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/fault.h"
#include "loader/lib/program/verifier_log.h"

static void cleanup_btf(struct btf **btf)
{
	btf__free(*btf);
}

static int load_again_for_log(const struct root_image *image, const struct slot_root_kind *kind,
			      struct bpf_prog_load_opts *opts, int err, struct slot_reason *why)
{
	_cleanup_free_ char *log = slot_verifier_log_new();
	int fd;

	if (!log)
		return err;
	opts->log_buf = log;
	opts->log_size = SLOT_VERIFIER_LOG_SIZE;
	opts->log_level = 1;
	fd = bpf_prog_load(kind->type, ROOT_PROG_NAME, kind->license ? kind->license : "GPL",
			   image->insns, image->count, opts);
	if (fd >= 0)
		close(fd);
	if (*log)
		return slot_verifier_log_reason(log, ROOT_PROG_NAME, kind->log_dir, err, why);
	return slot_reason_set(why, err, "%s", strerror(-err));
}

int slot_root_load(const struct root_image *image, const struct slot_root_kind *kind,
		   struct slot_reason *why, int *ret_fd)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	_cleanup_free_ struct bpf_func_info *info = NULL;
	_cleanup_(cleanup_btf) struct btf *btf = NULL;
	int err;
	int fd;

	err = slot_root_btf(image, &btf, &info);
	if (!err)
		err = btf__load_into_kernel(btf);
	if (err)
		return slot_reason_set(why, err, "cannot load the root's types: %s",
				       strerror(-err));
	opts.prog_btf_fd = (__u32)btf__fd(btf);
	opts.func_info = info;
	opts.func_info_cnt = (__u32)image->func_count;
	opts.func_info_rec_size = sizeof(*info);
	opts.expected_attach_type = kind->attach;
	opts.prog_flags = kind->has_frags ? BPF_F_XDP_HAS_FRAGS : 0;
	if (kind->type == BPF_PROG_TYPE_EXT) {
		opts.attach_prog_fd = (__u32)kind->target_fd;
		opts.attach_btf_id = (__u32)kind->target_btf_id;
	}
	fd = SLOT_STEP("root.load", bpf_prog_load(kind->type, ROOT_PROG_NAME,
						  kind->license ? kind->license : "GPL",
						  image->insns, image->count, &opts));
	/* Without a log first: one that is too small for a success is a failure (ENOSPC). */
	if (fd < 0)
		return load_again_for_log(image, kind, &opts, fd, why);
	*ret_fd = fd;
	return 0;
}

int slot_root_func_id(int fd, const char *name)
{
	_cleanup_(cleanup_btf) struct btf *btf = NULL;
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_prog_get_info_by_fd(fd, &info, &len))
		return -errno;
	btf = btf__load_from_kernel_by_id(info.btf_id);
	if (!btf)
		return -errno;
	return btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
}
