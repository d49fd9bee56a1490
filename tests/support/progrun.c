/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/progrun.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "loader/lib/program/map_sizes.h"
#include "loader/lib/program/settings.h"
#include "tests/support/tap.h"

/* More is more than the kernel takes. */

/* What libbpf finds remarkable but goes on with would drown the test's own words. */
static int print_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, format, args) : 0;
}

struct bpf_object *progrun_open(const char *name)
{
	const char *build = getenv("SLOTD_BUILD");
	char path[PATH_MAX];

	libbpf_set_print(print_warnings);
	snprintf(path, sizeof(path), "%s/%s", build ? build : "build", name);
	return bpf_object__open_file(path, NULL);
}

int progrun_set(struct bpf_object *object, const char *map, const void *config, size_t size)
{
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, map);
	size_t room = 0;
	void *data;

	data = rodata ? bpf_map__initial_value(rodata, &room) : NULL;
	if (!data || room < size)
		return -ENOENT;
	memcpy(data, config, size);
	return 0;
}

int progrun_apply(struct bpf_object *object, const struct slot_settings *settings,
		  struct slot_reason *why)
{
	int err = slot_settings_apply(object, settings, why);

	return err ? err : slot_map_sizes_apply(object, why);
}

void progrun_share(struct bpf_object *object, const struct bpf_object *lender)
{
	struct bpf_map *map;
	int fd;

	bpf_object__for_each_map(map, object) {
		fd = bpf_object__find_map_fd_by_name(lender, bpf_map__name(map));
		if (fd >= 0 && !bpf_map__is_internal(map))
			assert_int_equal(bpf_map__reuse_fd(map, fd), 0);
	}
}

/* Of a set with one CPU that there is nothing can be refused. */
void progrun_stay(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int progrun_packet(int prog_fd, struct packet *p, struct progrun *ret_run)
{
	struct progrun run = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet_bytes(p),
		    .data_size_in = (__u32)p->len, .data_out = run.bytes,
		    .data_size_out = sizeof(run.bytes), .repeat = 1);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		return err;
	run.verdict = opts.retval;
	run.len = opts.data_size_out;
	*ret_run = run;
	return 0;
}

int progrun_meta(int prog_fd, const void *meta, size_t meta_len, struct packet *p,
		 struct progrun *ret_run)
{
	unsigned char in[PACKET_SIZE_MAX + PROGRUN_META_MAX], out[sizeof(in)];
	struct xdp_md ctx = { .data = (__u32)meta_len, .data_end = (__u32)(meta_len + p->len) };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = ctx.data_end,
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = 1);
	struct progrun run = {};
	int err;

	if (meta_len > PROGRUN_META_MAX)
		return -EINVAL;
	memcpy(in, meta, meta_len);
	memcpy(in + meta_len, packet_bytes(p), p->len);
	err = bpf_prog_test_run_opts(prog_fd, &opts);
	if (err)
		return err;
	run.verdict = opts.retval;
	run.len = opts.data_size_out - meta_len;
	memcpy(run.meta, out, meta_len);
	memcpy(run.bytes, out + meta_len, run.len);
	*ret_run = run;
	return 0;
}

int progrun_skb(int prog_fd, struct packet *p, uint32_t mark, struct progrun *ret_run)
{
	struct __sk_buff before = { .mark = mark }, after = {};
	struct progrun run = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet_bytes(p),
		    .data_size_in = (__u32)p->len, .data_out = run.bytes,
		    .data_size_out = sizeof(run.bytes), .ctx_in = &before,
		    .ctx_size_in = sizeof(before), .ctx_out = &after, .ctx_size_out = sizeof(after),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(prog_fd, &opts);

	if (err)
		return err;
	run.verdict = opts.retval;
	run.len = opts.data_size_out;
	run.mark = after.mark;
	*ret_run = run;
	return 0;
}

int progrun_fd(const struct bpf_object *object, const char *name)
{
	const struct bpf_program *prog = bpf_object__find_program_by_name(object, name);

	return prog ? bpf_program__fd(prog) : -1;
}
