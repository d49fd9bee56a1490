/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a reservation grants its programs, and what it bounds: classes of BPF
 * helpers, another slot's maps, memory for maps, the key that must have signed them. Pure; looked at
 * where a program is loaded, and where an object comes in.
 */
#ifndef SLOT_CONFIG_LIMITS_H
#define SLOT_CONFIG_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define SLOT_LENDER_MAX 48	 /* of a hook and a reservation's name, with its NUL */
#define SLOT_KEY_PATH_MAX 256	 /* of a public key's file, with its NUL */
#define SLOT_LIMITS_TEXT_MAX 192 /* every class by name */
#define SLOT_SIZE_TEXT_MAX 24

/*
 * Helpers by what they let a program reach beyond the packet in its buffer and
 * its own maps. Those that reach no further are basic, and always granted.
 */
enum slot_helper_class {
	SLOT_HELPER_BASIC,
	SLOT_HELPER_REDIRECT,	 /* send the packet to another device, CPU or socket */
	SLOT_HELPER_ADJUST_HEAD, /* grow or shrink it at its front */
	SLOT_HELPER_ADJUST_TAIL, /* ... at its end */
	SLOT_HELPER_ADJUST_META, /* ... its metadata, which later slots see */
	SLOT_HELPER_TAIL_CALL,	 /* go on in another program */
	SLOT_HELPER_FIB_LOOKUP,	 /* ask for the host's routes and MTUs */
	SLOT_HELPER_SOCKET,	 /* look sockets up, make and check SYN cookies */
	SLOT_HELPER_OUTPUT,	 /* send data to user space: perf events, ring buffers */
	SLOT_HELPER_PROBE_READ,	 /* read memory of the kernel or of processes */
	SLOT_HELPER_TRACE,	 /* write to the kernel's trace pipe */
	SLOT_HELPER_TIMER,	 /* run code later, without a packet */
	SLOT_HELPER_KFUNC,	 /* call functions of the kernel itself */
	SLOT_HELPER_OTHER,	 /* anything else, also what this table does not know */
	SLOT_HELPER_CLASSES,
};

struct slot_limits {
	bool has_helpers;	       /* false: all classes are granted */
	__u32 helpers;		       /* granted beyond the basic ones, 1 << class */
	__u64 map_memory;	       /* bytes; 0: no bound */
	char maps_of[SLOT_LENDER_MAX]; /* whose maps it may use: slot_lender_split(); empty: none's */
	char signature_key[SLOT_KEY_PATH_MAX]; /* public key's file; empty: none is asked for */
};

/* slot_helper_class_name - "redirect", as slots.conf has it. */
const char *slot_helper_class_name(enum slot_helper_class kind);

/* slot_helper_class_parse - the class that slots.conf calls @name, or -EINVAL; never basic. */
int slot_helper_class_parse(const char *name);

/* slot_helper_class_list - the names that slots.conf may use, "redirect, adjust_head, ...". */
void slot_helper_class_list(char ret_text[SLOT_LIMITS_TEXT_MAX]);

/* slot_helper_class_find - of the helper with number @id (enum bpf_func_id). */
enum slot_helper_class slot_helper_class_find(__s32 id);

/* slot_limits_is_granted - whether a program may use helpers of @class. */
bool slot_limits_is_granted(const struct slot_limits *limits, enum slot_helper_class kind);

/* slot_limits_mask - the classes that are granted, 1 << class. */
__u32 slot_limits_mask(const struct slot_limits *limits);

/* slot_limits_format_helpers - "redirect, fib_lookup", "only the basic ones", "all". */
void slot_limits_format_helpers(const struct slot_limits *limits,
				char ret_text[SLOT_LIMITS_TEXT_MAX]);

bool slot_limits_is_equal(const struct slot_limits *a, const struct slot_limits *b);

/* slot_size_parse - "64M", "512K", "4096": bytes, more than 0. Returns 0 or -EINVAL. */
int slot_size_parse(const char *text, __u64 *ret_bytes);

/* slot_size_format - the same for readers: "64M" where it is that exactly, else "63.5M". */
void slot_size_format(__u64 bytes, char ret_text[SLOT_SIZE_TEXT_MAX]);

#endif
