/* SPDX-License-Identifier: GPL-2.0-only */
/* slotctl firewall samples: the packets that rules have sampled. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/libbpf.h>
#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "programs/firewall/fw_cli.h"
#include "programs/shared/json.h"
#include "programs/shared/maps.h"

#define NS_PER_S 1000000000LL

struct reader {
	FILE *out;
	json_t *samples; /* NULL: as text */
	__s64 offset_ns; /* from the packets' clock to the time of day */
};

static __s64 get_offset(void)
{
	struct timespec day, up;

	clock_gettime(CLOCK_REALTIME, &day);
	clock_gettime(CLOCK_MONOTONIC, &up);
	return (day.tv_sec - up.tv_sec) * NS_PER_S + day.tv_nsec - up.tv_nsec;
}

static void format_bytes(const struct fw_sample *sample, char ret_text[2 * FW_SAMPLE_BYTES + 1])
{
	__u32 i;

	for (i = 0; i < sample->caught && i < FW_SAMPLE_BYTES; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", sample->bytes[i]);
	ret_text[2 * i] = '\0';
}

static int take_sample(void *ctx, void *data, size_t size)
{
	char time[40], bytes[2 * FW_SAMPLE_BYTES + 1];
	struct reader *reader = ctx;
	struct fw_sample sample;
	struct tm tm;
	time_t at;

	if (size < sizeof(sample))
		return 0;
	memcpy(&sample, data, sizeof(sample));
	at = (time_t)(((__s64)sample.time_ns + reader->offset_ns) / NS_PER_S);
	if (!gmtime_r(&at, &tm) || !strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return 0;
	format_bytes(&sample, bytes);
	if (!reader->samples) {
		fprintf(reader->out, "%s ruleset %u rule %u %u bytes %s\n", time, sample.load,
			sample.rule + 1, sample.len, bytes);
		return 0;
	}
	json_array_append_new(reader->samples, json_pack("{s:s, s:I, s:I, s:I, s:s}", "time", time,
							 "ruleset", (json_int_t)sample.load, "rule",
							 (json_int_t)sample.rule + 1, "len",
							 (json_int_t)sample.len, "bytes", bytes));
	return 0;
}

/* All that wait; each is read once, whoever does it. */
static int read_samples(int fd, struct reader *reader, struct slot_reason *why)
{
	struct ring_buffer *ring = ring_buffer__new(fd, take_sample, reader, NULL);
	int err = ring ? 0 : -errno;

	if (!err)
		err = ring_buffer__consume(ring);
	ring_buffer__free(ring);
	return err < 0 ? slot_reason_set(why, err, "cannot read map '%s': %s", FW_SAMPLES_NAME,
					 strerror(-err)) :
			 0;
}

int fw_cli_samples(const struct program_context *ctx, int argc, char **argv)
{
	static const struct program_map map = {
		.name = FW_SAMPLES_NAME,
		.type = BPF_MAP_TYPE_RINGBUF,
		.max_entries = FW_SAMPLES_SIZE,
	};
	struct reader reader = { .out = ctx->out, .offset_ns = get_offset() };
	_cleanup_close_ int fd = -1;
	struct slot_reason why;

	(void)argv;
	if (argc)
		return PROGRAM_USAGE;
	if (program_map_open(ctx->map_dir, &map, true, &why, &fd))
		return fw_cli_fail(&why);
	reader.samples = ctx->json ? json_array() : NULL;
	if (read_samples(fd, &reader, &why)) {
		json_decref(reader.samples);
		return fw_cli_fail(&why);
	}
	if (ctx->json)
		return program_json_print(ctx, json_pack("{s:o}", "samples", reader.samples));
	return PROGRAM_OK;
}
