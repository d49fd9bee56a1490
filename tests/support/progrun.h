/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a loaded program on one packet, with BPF_PROG_TEST_RUN. */
#ifndef TEST_PROGRUN_H
#define TEST_PROGRUN_H

#include <stddef.h>
#include <stdint.h>

#include "tests/support/packet.h"

struct bpf_object;
struct slot_reason;
struct slot_settings;

#define PROGRUN_META_MAX 32

struct progrun {
	uint32_t verdict; /* what the program returned */
	unsigned char bytes[PACKET_SIZE_MAX];
	size_t len;
	uint32_t mark;			      /* of progrun_skb(): what the packet has afterwards */
	unsigned char meta[PROGRUN_META_MAX]; /* of progrun_meta(): likewise */
};

/* progrun_open - open an object of the build folder, "bpf/pass.bpf.o"; NULL if it cannot. */
struct bpf_object *progrun_open(const char *name);

/*
 * progrun_set - before @object is loaded, the settings at the start of its read-only
 * data, @map ("decap.rodata"), become the @size bytes at @config. 0, or -ENOENT: it has none, or fewer bytes.
 */
int progrun_set(struct bpf_object *object, const char *map, const void *config, size_t size);

/*
 * progrun_apply - @settings, and the maps' numbers of entries that follow from them, as slotd does
 * before it loads @object. Returns 0 or -errno and says why.
 */
int progrun_apply(struct bpf_object *object, const struct slot_settings *settings,
		  struct slot_reason *why);

/*
 * progrun_share - before @object is loaded, maps of @lender, which is, take the place of those
 * that it names alike; settings are no such maps.
 */
void progrun_share(struct bpf_object *object, const struct bpf_object *lender);

/* progrun_stay - all runs from now on on one CPU, for programs that keep things for each. */
void progrun_stay(void);

/* progrun_packet - run @prog_fd on @p once. Returns 0 or -errno. */
int progrun_packet(int prog_fd, struct packet *p, struct progrun *ret_run);

/*
 * progrun_meta - the same with @meta_len bytes at @meta, a multiple of 4, in front of the packet,
 * as a device's metadata; what they are afterwards is in @ret_run->meta, the rest of which is 0.
 */
int progrun_meta(int prog_fd, const void *meta, size_t meta_len, struct packet *p,
		 struct progrun *ret_run);

/* progrun_skb - as progrun_packet() for a TC program; the packet has @mark. */
int progrun_skb(int prog_fd, struct packet *p, uint32_t mark, struct progrun *ret_run);

/* progrun_fd - the loaded program @name of @object, or a negative number; owned by @object. */
int progrun_fd(const struct bpf_object *object, const char *name);

#endif
