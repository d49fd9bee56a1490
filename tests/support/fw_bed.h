/* SPDX-License-Identifier: GPL-2.0-only */
/* A firewall whose rulesets are loaded by command, and packets for it. */
#ifndef TEST_FW_BED_H
#define TEST_FW_BED_H

#include "programs/firewall/firewall_abi.h"
#include "tests/support/packet.h"
#include "tests/support/program_bed.h"

#define FW_BED_SYN 0x02
#define FW_BED_ACK 0x10

extern struct program_bed fw_bed;
/* The file that rulesets are loaded from, which everybody may read. */
extern char fw_bed_path[];

/* What the slot's settings are said to be, up to one without a name; none at first. */
struct fw_bed_setting {
	const char *name, *value;
};
extern const struct fw_bed_setting *fw_bed_settings;

/* Before and after a cmocka test. */
int fw_bed_set_up(void **state);
int fw_bed_tear_down(void **state);
/* fw_bed_open - as fw_bed_set_up(), of a firewall with @config; NULL: as its object has it. */
void fw_bed_open(const struct firewall_config *config);
/* The same with fw_egress, the firewall of packets that go out. */
int fw_bed_set_up_egress(void **state);

/* fw_bed_write - @text into the file. */
void fw_bed_write(const char *text);
/* fw_bed_try - load @text by command. Returns its exit status. */
int fw_bed_try(const char *text);
/* fw_bed_load - the same, which has to work. */
void fw_bed_load(const char *text);

/* fw_bed_tcp - a packet from @src to 192.0.2.1 and @port. */
struct packet fw_bed_tcp(const char *src, uint16_t port, uint8_t flags);
/* fw_bed_send - through the firewall; returns its verdict. */
uint32_t fw_bed_send(struct packet p);

#endif
