/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/world.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <net/if.h>

#include <bpf/libbpf.h>

#include "loader/lib/host/pins.h"
#include "loader/lib/host/xdp.h"
#include "tests/support/tap.h"

struct slot_host world_host;
struct slot_chain_config world_config;
struct slot_reason world_why;

void world_must(const char *command)
{
	if (system(command))
		fail_msg("'%s' failed", command);
}

void world_enter(void)
{
	int lock_fd;

	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/tmp", "tmpfs", 0, "size=64m") || mkdir(WORLD, 0755) ||
	    mkdir(WORLD "/state", 0755) || mount("tmpfs", WORLD "/state", "tmpfs", 0, "size=4m") ||
	    slot_pins_open(WORLD "/bpf", &world_why, &lock_fd, world_host.root) ||
	    slot_store_open(WORLD "/state", &world_why, &world_host.store)) {
		perror("cannot make a world");
		exit(EXIT_FAILURE);
	}
}

void world_add_interface(void)
{
	world_must("ip link add eth0 type veth peer name eth1 && "
		   "ip link set eth0 up && ip link set eth1 up");
}

void world_name(const char *interface)
{
	snprintf(world_config.interface, sizeof(world_config.interface), "%s", interface);
	snprintf(world_config.place.interface, sizeof(world_config.place.interface), "%s",
		 interface);
}

struct slot_chain *world_open(void)
{
	struct slot_chain *chain;

	if (slot_chain_open(&world_host, &world_config, &world_why, &chain))
		fail_msg("%s", world_why.text);
	return chain;
}

int world_start(void **state)
{
	world_name("eth0");
	world_add_interface();
	*state = world_open();
	return 0;
}

int world_end(void **state)
{
	slot_chain_detach(*state, false, &world_why);
	slot_chain_free(*state);
	world_must("ip link del eth1 2>/dev/null; rm -rf " WORLD "/state/*/* " WORLD
		   "/bpf/slotd/*");
	return 0;
}

void world_add_program(struct slot_chain_state *state, unsigned int slot, const char *object)
{
	const char *build = getenv("SLOTD_BUILD");
	struct slot_state *s = &state->slots[slot];
	struct slot_blob blob;
	char path[256];

	snprintf(path, sizeof(path), "%s/tests/bpf/progs/%s.bpf.o", build ? build : "build",
		 object);
	if (slot_blob_read(path, &world_why, &blob) ||
	    slot_store_put(&world_host.store, &blob, &world_why))
		fail_msg("%s", world_why.text);
	state->counters = true;
	s->reserved = true;
	s->enabled = true;
	s->has_object = true;
	s->rules = ROOT_RULES_DEFAULT;
	snprintf(s->name, sizeof(s->name), "slot%u", slot);
	snprintf(s->object.name, sizeof(s->object.name), "%s", object);
	memcpy(s->object.sha256, blob.sha256, sizeof(s->object.sha256));
	slot_blob_free(&blob);
}

int world_apply(struct slot_chain *chain, const struct slot_chain_state *state)
{
	struct slot_overrides overrides = { 0 };
	struct slot_change change = { .desired = state, .overrides = &overrides, .reason = "test" };
	struct slot_outcome outcome;

	return slot_chain_apply(chain, &change, &world_why, &outcome);
}

void world_must_apply(struct slot_chain *chain, const char *object)
{
	struct slot_chain_state state = { 0 };

	world_add_program(&state, 2, object);
	if (world_apply(chain, &state))
		fail_msg("%s", world_why.text);
}

__u32 world_attached_id(void)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)if_nametoindex("eth0"), 0, &query))
		return 0;
	return query.prog_id;
}
