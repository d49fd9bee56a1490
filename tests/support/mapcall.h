/* SPDX-License-Identifier: GPL-2.0-only */
/* The bpf() calls of a child that a test traces: which of them write to which map. */
#ifndef TEST_MAPCALL_H
#define TEST_MAPCALL_H

#include <stdbool.h>
#include <stddef.h>

#include <sys/ptrace.h>
#include <sys/types.h>

#include <linux/ptrace.h>
#include <linux/types.h>

struct bpf_object;

/* mapcall_is_write - whether the call that begins sets an element or deletes one. */
bool mapcall_is_write(const struct ptrace_syscall_info *info);

/* mapcall_map - the id of the map that the call which @child begins is about. */
__u32 mapcall_map(pid_t child, const struct ptrace_syscall_info *info);

/* mapcall_id - the id of @object's map @name. */
__u32 mapcall_id(const struct bpf_object *object, const char *name);

#endif
