/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The root of a chain, emitted as instructions.
 *
 * A root compiled from C keeps the arithmetic of every test that its
 * configuration switches off, and pays for twenty slots even where two are
 * taken. So the root is generated for one exact chain: an empty slot leaves no
 * instruction behind, and the usual rule "go on after pass" is one compare.
 * Pure: nothing here makes a system call.
 */
#ifndef ROOT_H
#define ROOT_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include "dispatcher/root_abi.h"

struct btf;

/*
 * What the programs of a chain are. Only XDP programs answer with verdicts; other answers
 * the root turns into verdicts behind each slot, and back where the chain ends: rules,
 * counters and skips are the same (root_kind.c). Whatever has no meaning there is denied.
 *
 * TC: TC_ACT_OK, TC_ACT_UNSPEC and TC_ACT_PIPE are a pass, TC_ACT_SHOT a drop,
 * TC_ACT_REDIRECT a redirect. What passes the chain leaves it with TC_ACT_UNSPEC, so that
 * what others attached comes next; an abort drops.
 *
 * Sockets: SK_PASS is a pass, SK_DROP a drop, and so is an abort.
 */
enum root_kind {
	ROOT_KIND_XDP,
	ROOT_KIND_TC,
	ROOT_KIND_SOCK_OPS,
	ROOT_KIND_SK_LOOKUP,
	ROOT_KIND_SK_REUSEPORT,
	ROOT_KIND_COUNT,
};

/* What becomes of a packet whose program returned what it may not return. */
enum root_denied_as {
	ROOT_DENIED_AS_ABORTED = ROOT_COL_ABORTED,
	ROOT_DENIED_AS_DROP = ROOT_COL_DROP,
	ROOT_DENIED_AS_PASS = ROOT_COL_PASS,
};

/* The return contract of one slot; masks have bit 1 << verdict. */
struct root_rules {
	__u8 continue_on; /* verdicts after which the chain goes on */
	__u8 allow;	  /* verdicts that the program may return at all, ROOT_ALLOW_SKIP */
	__u8 denied_as;	  /* enum root_denied_as, for everything else */
};

/* The default contract: every verdict allowed but no skip, go on after pass, abort otherwise. */
#define ROOT_RULES_DEFAULT                                                                         \
	((struct root_rules){                                                                      \
		.continue_on = 1U << ROOT_COL_PASS,                                                \
		.allow = ROOT_VERDICT_ALL,                                                         \
		.denied_as = ROOT_DENIED_AS_ABORTED,                                               \
	})

/*
 * One program's verified instruction stream: the entry function first. Functions that are
 * global in it stay so where @func_types tells of each function, in the order of their
 * starts: the verifier walks these once, whoever calls them how often. The entry is the
 * root's, whatever it was.
 */
struct root_body {
	const struct bpf_insn *insns;
	size_t count;
	const struct btf *btf;	 /* the program's own types */
	const __u32 *func_types; /* FUNCs in it, 0: a static function; may be NULL */
	size_t func_count;
};

/* Which of a slot's programs. */
enum root_version {
	ROOT_STABLE, /* its own */
	ROOT_CANARY, /* the one beside it, where there is one */
	ROOT_VERSIONS,
};

/* All flows, in the unit of a canary's share. */
#define ROOT_SHARE_ALL 1000000U

/* The other version of a slot's program, and which packets go there. */
struct root_canary {
	bool present;
	unsigned int share_ppm; /* by flow: of ROOT_SHARE_ALL, at least 1 and less than all */
	__u64 cpus;		/* by CPU: a bit per CPU, 0 to 63; 0: by flow */
	struct root_body body;
};

/*
 * One slot of the chain to emit. Without a body (count 0) the root calls a
 * global stub named slot_NN, the target of an extension program; with one, the
 * body is placed behind the root and called directly. So with the canary, whose
 * stub is slot_NN_c. It has the slot's rules, and leaves no instruction behind
 * where there is none.
 */
struct root_slot {
	bool taken;
	struct root_rules rules;
	struct root_body body;
	struct root_canary canary;
};

struct root_spec {
	enum root_kind kind;
	struct root_slot slots[ROOT_SLOTS];
	int counters_fd;      /* map of struct root_counters; -1: count nothing */
	unsigned int cpu_max; /* CPUs the map has room for, a power of two */
};

/* A function of the emitted program, in order of its first instruction. */
struct root_func {
	size_t start; /* index of the first instruction */
	char name[24];
	bool is_global; /* the root, stubs, bodies with a tail call, a program's own; else static */
	const struct btf *btf; /* where its type is: a program's own; NULL: it gets the root's */
	__u32 type_id;	       /* its FUNC there */
};

struct root_image {
	enum root_kind kind;
	struct bpf_insn *insns;
	size_t count;
	struct root_func *funcs;
	size_t func_count;
};

/*
 * slot_root_emit - emit the root of @spec, with the bodies it names, as one
 * instruction stream.
 *
 * @ret_image is owned by the caller (slot_root_image_free). Bodies are copied,
 * but the map descriptors that they name must stay open until the image has
 * been loaded, and their types stay until slot_root_btf() has been. Returns 0, -ENOMEM, -E2BIG for a root too large for its jumps, or
 * -EINVAL for a body whose calls leave it, a cpu_max that is no power of two, a
 * contract that allows no verdict, a canary's share of nothing or all, and for any kind
 * but XDP a slot without a body or a canary by flow.
 * Rests on BPF-to-BPF calls (Linux 4.16) and direct map values (5.2).
 */
int slot_root_emit(const struct root_spec *spec, struct root_image *ret_image);
void slot_root_image_free(struct root_image *image);

/*
 * slot_root_btf - types for @image: one FUNC int (struct xdp_md *) per function, or of
 * its kind's context. A program's global functions have their own FUNCs, and all the
 * program's types come with these.
 *
 * @ret_btf (btf__free) is not yet loaded; @ret_info is an array of
 * image->func_count records for bpf_prog_load, owned by the caller (free).
 * Returns 0 or -errno from libbpf.
 */
int slot_root_btf(const struct root_image *image, struct btf **ret_btf,
		  struct bpf_func_info **ret_info);

#define ROOT_STUB_NAME_SIZE 16

/* The name of the stub of @slot, "slot_07", or of its canary's, "slot_07_c". */
void slot_root_stub_name(unsigned int slot, enum root_version version,
			 char ret_name[ROOT_STUB_NAME_SIZE]);

#endif
