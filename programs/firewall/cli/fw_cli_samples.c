/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall samples: the packets that rules have sampled. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/cli/fw_cli.h"
#include "programs/shared/fail.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

#define NS_PER_S 1000000000LL

/* From the packets' clock to the time of day. */
static __s64 get_offset(void)
{
	struct timespec day, up;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_MONOTONIC, &up);
	return (day.tv_sec - up.tv_sec) * NS_PER_S + day.tv_nsec - up.tv_nsec;
}

/* @time_ns: of the packets' clock. */
static void format_time(__u64 time_ns, size_t size, char *ret_text)
{
	fw_cli_format_time((__u64)(((__s64)time_ns + get_offset()) / NS_PER_S), size, ret_text);
}

static void format_bytes(const struct fw_sample *sample, char ret_text[2 * FW_SAMPLE_BYTES + 1])
{
	__u32 i;

	for (i = 0; i < sample->caught && i < FW_SAMPLE_BYTES; i++)
		snprintf(ret_text + (size_t)2 * i, 3, "%02x", sample->bytes[i]);
	ret_text[2 * i] = '\0';
}

static void print_sample(FILE *out, const struct fw_sample *sample)
{
	char time[32], bytes[2 * FW_SAMPLE_BYTES + 1];

	format_time(sample->time_ns, sizeof(time), time);
	format_bytes(sample, bytes);
	fprintf(out, "%llu %s ruleset %u rule %u %u bytes %s\n", (unsigned long long)sample->number,
		time, sample->load, sample->rule + 1, sample->len, bytes);
}

static json_t *sample_to_json(const struct fw_sample *sample)
{
	char time[32], bytes[2 * FW_SAMPLE_BYTES + 1];

	format_time(sample->time_ns, sizeof(time), time);
	format_bytes(sample, bytes);
	return json_pack("{s:I, s:s, s:I, s:I, s:I, s:s}", "number", (json_int_t)sample->number,
			 "time", time, "ruleset", (json_int_t)sample->load, "rule",
			 (json_int_t)sample->rule + 1, "len", (json_int_t)sample->len, "bytes",
			 bytes);
}

static int read_sample(int fd, __u32 index, struct slot_reason *why, struct fw_sample *ret_sample)
{
	int err = bpf_map_lookup_elem(fd, &index, ret_sample);

	return err ? slot_reason_set(why, err, "cannot read map '%s': %s", FW_SAMPLES_NAME,
				     strerror(-err)) :
		     0;
}

/* The oldest first; what is written meanwhile is left out. @list: NULL for text. */
static int show_samples(const struct program_context *ctx, int fd, json_t *list,
			struct slot_reason *why)
{
	struct fw_sample sample, latest;
	__u64 number;
	int err = read_sample(fd, FW_SAMPLES, why, &latest);

	if (err)
		return err;
	number = latest.number > FW_SAMPLES ? latest.number - FW_SAMPLES + 1 : 1;
	for (; !err && number <= latest.number; number++) {
		err = read_sample(fd, number % FW_SAMPLES, why, &sample);
		if (err || sample.number != number || sample.again != number)
			continue;
		if (list)
			json_array_append_new(list, sample_to_json(&sample));
		else
			print_sample(ctx->out, &sample);
	}
	return err;
}

int fw_cli_samples(const struct program_context *ctx, int argc, char **argv)
{
	static const struct program_map map = {
		.name = FW_SAMPLES_NAME,
		.type = BPF_MAP_TYPE_ARRAY,
		.key_size = sizeof(__u32),
		.value_size = sizeof(struct fw_sample),
		.max_entries = FW_SAMPLES + 1,
	};
	_cleanup_close_ int fd = -1;
	struct slot_reason why;
	json_t *list;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (program_map_open(ctx->map_dir, &map, false, &why, &fd))
		return program_fail(&why);
	list = ctx->json ? json_array() : NULL;
	if (show_samples(ctx, fd, list, &why)) {
		json_decref(list);
		return program_fail(&why);
	}
	return ctx->json ? program_json_print(ctx, json_pack("{s:o}", "samples", list)) :
			   PROGRAM_OK;
}
