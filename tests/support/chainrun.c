/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/chainrun.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/host/pins.h"

/*
 * A bpffs of this process's own, for the links of the freplace engine: what is
 * not pinned is unlinked as soon as it was built. It goes with the process.
 */
static const char *private_bpffs(void)
{
	static char dir[] = "/tmp/slotd-chainrun-XXXXXX";
	static int is_mounted;

	if (is_mounted)
		return dir;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_int_equal(mount("tmpfs", "/tmp", "tmpfs", 0, NULL), 0);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("bpf", dir, "bpf", 0, NULL), 0);
	is_mounted = 1;
	return dir;
}

void chainrun_start(struct chainrun *chain, const struct slot_engine *engine)
{
	static unsigned int number;

	memset(chain, 0, sizeof(*chain));
	chain->engine = engine;
	chain->root_fd = -1;
	snprintf(chain->dir, sizeof(chain->dir), "%s/%u", private_bpffs(), number++);
	assert_int_equal(slot_pin_mkdir(chain->dir), 0);
	chain->build.dir = chain->dir;
	chain->build.state = &chain->state;
	chain->build.has_frags = true;
	chain->build.counters_fd = slot_counters_new(&chain->build.cpu_max);
	assert_true(chain->build.counters_fd >= 0);
}

void chainrun_end(struct chainrun *chain)
{
	unsigned int slot;

	if (chain->root_fd >= 0)
		close(chain->root_fd);
	if (chain->build.counters_fd >= 0)
		close(chain->build.counters_fd);
	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		slot_program_free(chain->build.programs[slot]);
		slot_program_free(chain->build.canaries[slot]);
	}
	slot_pin_remove_all(chain->dir);
}

/* "a=1 b=2" into @items, which point into @text. */
static size_t split_settings(char *text, struct slot_setting *items, size_t max)
{
	size_t count = 0;
	char *save;
	char *word;

	for (word = strtok_r(text, " ", &save); word && count < max;
	     word = strtok_r(NULL, " ", &save)) {
		char *equals = strchr(word, '=');

		assert_non_null(equals);
		*equals = '\0';
		items[count++] = (struct slot_setting){ .key = word, .value = equals + 1 };
	}
	return count;
}

static int open_program(struct chainrun *chain, const char *object, const char *settings,
			struct slot_program **ret_program)
{
	struct slot_setting items[8];
	struct slot_settings list = { .items = items };
	struct slot_blob blob;
	const char *build_dir = getenv("SLOTD_BUILD");
	char path[512];
	char text[256];
	int err;

	snprintf(path, sizeof(path), "%s/%s%s.bpf.o", build_dir ? build_dir : "build",
		 strchr(object, '/') ? "" : "tests/bpf/progs/", object);
	snprintf(text, sizeof(text), "%s", settings ? settings : "");
	list.count = split_settings(text, items, 8);
	err = slot_blob_read(path, &chain->why, &blob);
	if (err)
		return err;
	err = slot_program_open(&blob, "", &list, &chain->why, ret_program);
	slot_blob_free(&blob);
	if (!err && !(*ret_program)->has_frags)
		chain->build.has_frags = false;
	return err;
}

int chainrun_add(struct chainrun *chain, unsigned int slot, const char *object,
		 const char *settings)
{
	struct slot_state *state = &chain->state.slots[slot];
	int err = open_program(chain, object, settings, &chain->build.programs[slot]);

	if (err)
		return err;
	state->reserved = true;
	state->enabled = true;
	state->has_object = true;
	state->rules = ROOT_RULES_DEFAULT;
	snprintf(state->name, sizeof(state->name), "test%u", slot);
	return 0;
}

int chainrun_add_canary(struct chainrun *chain, unsigned int slot, const char *object,
			const char *settings)
{
	struct slot_canary *canary = &chain->state.slots[slot].canary;

	canary->present = true;
	canary->share_ppm = ROOT_SHARE_ALL / 2;
	return open_program(chain, object, settings, &chain->build.canaries[slot]);
}

void chainrun_share(struct chainrun *chain, unsigned int slot, const struct bpf_object *lender)
{
	progrun_share(chain->build.programs[slot]->object, lender);
}

int chainrun_build(struct chainrun *chain)
{
	return chain->engine->build(chain->engine, &chain->build, &chain->why, &chain->root_fd);
}

struct progrun chainrun_frame(struct chainrun *chain)
{
	struct progrun run;
	struct packet p;

	packet_start(&p, "", 0);
	p.ethertype = 0x88b5;
	packet_eth(&p);
	packet_pad(&p, 60);
	assert_int_equal(progrun_packet(chain->root_fd, &p, &run), 0);
	return run;
}

struct slot_counters chainrun_counters(const struct chainrun *chain)
{
	struct slot_counters counters = { 0 };
	struct slot_lineup lineup = { 0 };
	unsigned int slot;

	for (slot = 0; slot < ROOT_SLOTS; slot++) {
		if (chain->build.programs[slot])
			lineup.running |= 1U << slot;
		lineup.canary_since[slot] = chain->build.canaries[slot] != NULL;
	}
	slot_counters_choose(&counters, &lineup);
	assert_int_equal(slot_counters_add(chain->build.counters_fd, &lineup, &counters), 0);
	return counters;
}
