/* SPDX-License-Identifier: GPL-2.0-only */
/* Chains that are not slotd's: a tail-call chain, and libxdp's dispatcher. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "tests/bench/parts/roots.h"

#define TAIL_ENTRIES 32 /* of tail_chain, in tail.bpf.c */

/* Load one link that goes on to @next. Returns its descriptor or -errno. */
static int load_tail(int chain_fd, __u32 next)
{
	struct bpf_object *object = bpf_object__open(bench_object_path("tail"));
	struct bpf_map *rodata;
	struct bpf_map *chain;
	int err;

	if (!object)
		return -errno;
	rodata = bpf_object__find_map_by_name(object, "tail.rodata");
	chain = bpf_object__find_map_by_name(object, "tail_chain");
	if (!rodata || !chain)
		return -ENOENT;
	err = bpf_map__set_initial_value(rodata, &next, sizeof(next));
	if (!err)
		err = bpf_map__reuse_fd(chain, chain_fd);
	if (!err)
		err = bpf_object__load(object);
	return err ? err : bpf_program__fd(bpf_object__find_program_by_name(object, "tail"));
}

int bench_tailcall_load(unsigned int programs, struct slot_reason *why)
{
	int chain_fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "tail_chain", sizeof(__u32),
				      sizeof(__u32), TAIL_ENTRIES, NULL);
	int first = chain_fd;
	__u32 index;
	int err = 0;

	for (index = 0; index < programs && first >= 0 && !err; index++) {
		int fd = load_tail(chain_fd, index + 1);

		if (!index || fd < 0)
			first = fd;
		else
			err = bpf_map_update_elem(chain_fd, &index, &fd, BPF_ANY);
	}
	if (first < 0 || err)
		return slot_reason_set(why, err ? err : first, "cannot make a tail-call chain: %s",
				       strerror(-(err ? err : first)));
	return first;
}

static char libxdp_said[512];

static int keep_warning(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level == LIBXDP_WARN && !*libxdp_said)
		return vsnprintf(libxdp_said, sizeof(libxdp_said), format, args);
	return 0;
}

/*
 * A descriptor of the dispatcher, and nothing attached any more: its pins and
 * the descriptor keep the links of its programs alive.
 */
static int take_dispatcher(int ifindex)
{
	struct xdp_multiprog *running = xdp_multiprog__get_from_ifindex(ifindex);
	int err = (int)libxdp_get_error(running);
	int fd;

	if (err)
		return err;
	if (xdp_multiprog__is_legacy(running))
		fd = -EOPNOTSUPP;
	else
		fd = fcntl(xdp_program__fd(xdp_multiprog__main_prog(running)), F_DUPFD_CLOEXEC, 0);
	err = bpf_xdp_detach(ifindex, XDP_FLAGS_DRV_MODE, NULL);
	xdp_multiprog__close(running);
	return err ? err : fd;
}

int bench_libxdp_load(unsigned int programs, unsigned int ifindex, struct slot_reason *why)
{
	struct xdp_program *members[BENCH_LIBXDP_MAX];
	unsigned int i;
	int err = programs > BENCH_LIBXDP_MAX ? -E2BIG : 0;

	libxdp_set_print(keep_warning);
	for (i = 0; i < programs && !err; i++) {
		members[i] = xdp_program__open_file(bench_object_path("trivial"), NULL, NULL);
		err = (int)libxdp_get_error(members[i]);
	}
	if (!err)
		err = xdp_program__attach_multi(members, programs, (int)ifindex, XDP_MODE_NATIVE,
						0);
	if (!err)
		err = take_dispatcher((int)ifindex);
	if (err < 0)
		return slot_reason_set(why, err, "cannot make a libxdp chain of %u: %s: %s",
				       programs, strerror(-err), libxdp_said);
	return err;
}
