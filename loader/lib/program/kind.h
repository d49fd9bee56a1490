/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of programs that a chain can have, as the kernel loads them and as people call them. */
#ifndef SLOT_PROGRAM_KIND_H
#define SLOT_PROGRAM_KIND_H

#include <linux/bpf.h>

#include "loader/lib/config/config.h"

struct bpf_program;

struct slot_program_kind {
	const char *name;     /* "XDP", for messages */
	const char *sections; /* of an object's source, for messages */
	enum bpf_prog_type type;
	enum bpf_attach_type attach; /* expected_attach_type, of roots and programs alike */
};

/* slot_program_kind_get - of @kind; lives as long as the process. */
const struct slot_program_kind *slot_program_kind_get(enum root_kind kind);

/*
 * slot_program_kind_of - what @prog, of an open object, could run as: not one of a cpumap or
 * devmap. An extension counts as XDP. Returns ROOT_KIND_COUNT for what no chain takes.
 */
enum root_kind slot_program_kind_of(const struct bpf_program *prog);

#endif
