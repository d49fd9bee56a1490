/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A world for chains: a netns with a veth called eth0, a bpffs and a small state
 * folder, all of this process's own. What is in it disappears with the process.
 */
#ifndef TEST_WORLD_H
#define TEST_WORLD_H

#include "loader/lib/chain/chain.h"

#define WORLD "/tmp/slotd-world" /* folders: bpf, state */

extern struct slot_host world_host;
extern struct slot_chain_config world_config; /* of eth0 */
extern struct slot_reason world_why;

/* world_enter - once, before the first case; needs root. */
void world_enter(void);

/* world_start, world_end - for a case: the interface and its chain, opened, at *state; and all of it gone again. */
int world_start(void **state);
int world_end(void **state);

/* world_must - run a shell command that must succeed. */
void world_must(const char *command);
void world_add_interface(void);

/* world_name - let world_config be of @interface. */
void world_name(const char *interface);

/* world_open - open the chain of world_config. */
struct slot_chain *world_open(void);

/* world_add_program - put the test program @object ("ret") into @slot of @state. */
void world_add_program(struct slot_chain_state *state, unsigned int slot, const char *object);

/* world_apply - bring the chain to @state. Returns 0 or -errno, world_why says why. */
int world_apply(struct slot_chain *chain, const struct slot_chain_state *state);

/* world_must_apply - bring the chain to @object alone, in slot 2. */
void world_must_apply(struct slot_chain *chain, const char *object);

/* world_attached_id - the program that eth0 runs, by the kernel's word; 0 for none. */
__u32 world_attached_id(void);

#endif
