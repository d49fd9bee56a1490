/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A slots.conf in a test, read in a small world: interfaces eth*, the users root
 * and netsec, the group lb, and every object whose path does not say "missing".
 */
#ifndef CONFIG_CASE_H
#define CONFIG_CASE_H

#include "loader/lib/config/config.h"

/* The text starts on line 2, inside the chain; on line 4, inside the slot. */
#define IN_CHAIN(text) "chain eth0 {\n" text "}\n"
#define IN_SLOT(text) "chain eth0 {\nslot 2 {\nname = firewall\n" text "}\n}\n"

extern const struct slot_config_world config_case_world;

/* config_case_good - what @text says; an error in it is shown and fails the test. */
struct slot_config config_case_good(const char *text);

/*
 * config_case_bad - the errors of @text, a line each (free). Fails the test
 * where the parser does not return @expected.
 */
char *config_case_bad(const char *text, size_t len, int expected);

#endif
