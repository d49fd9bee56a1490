/* SPDX-License-Identifier: GPL-2.0-only */
#include "tests/support/fw_bed.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/firewall_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define TEMPLATE "/tmp/slotd-ruleset-XXXXXX"

struct program_bed fw_bed;
char fw_bed_path[sizeof(TEMPLATE)];

static const struct fw_bed_setting no_settings[] = { { NULL, NULL } };

const struct fw_bed_setting *fw_bed_settings = no_settings;

static int get_setting(const struct program_slot *slot, const char *name, const char **ret_value)
{
	const struct fw_bed_setting *setting = fw_bed_settings;

	(void)slot;
	while (setting->name && strcmp(setting->name, name) != 0)
		setting++;
	*ret_value = setting->value;
	return 0;
}

static int find_interface(const struct program_slot *slot, const char *name,
			  struct slot_reason *why, __u32 *ret_ifindex)
{
	__u32 ifindex = if_nametoindex(name);

	(void)slot;
	if (!ifindex)
		return slot_reason_set(why, -ENODEV, "no such interface is here");
	*ret_ifindex = ifindex;
	return 0;
}

static const struct program_slot slot = { .setting = get_setting,
					  .find_interface = find_interface };

static void make_file(void)
{
	int fd = mkstemp(strcpy(fw_bed_path, TEMPLATE));

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	close(fd);
}

static void open_bed(const struct program_cli *cli, struct bpf_object *object)
{
	make_file();
	program_bed_open(&fw_bed, cli, object);
	fw_bed.slot = &slot;
	fw_bed_settings = no_settings;
}

void fw_bed_open(const struct firewall_config *config)
{
	open_bed(&firewall_cli, firewall_case_open(config));
}

int fw_bed_set_up(void **state)
{
	(void)state;
	fw_bed_open(NULL);
	return 0;
}

int fw_bed_set_up_egress(void **state)
{
	(void)state;
	open_bed(&fw_egress_cli, progrun_open("bpf/fw_egress.bpf.o"));
	return 0;
}

int fw_bed_tear_down(void **state)
{
	(void)state;
	program_bed_close(&fw_bed);
	unlink(fw_bed_path);
	return 0;
}

void fw_bed_write(const char *text)
{
	FILE *file = fopen(fw_bed_path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

int fw_bed_try(const char *text)
{
	char line[64];

	fw_bed_write(text);
	snprintf(line, sizeof(line), "load %s", fw_bed_path);
	return program_bed_run(&fw_bed, line);
}

void fw_bed_load(const char *text)
{
	if (fw_bed_try(text) != PROGRAM_OK)
		fail_msg("%s", fw_bed.err);
}

struct packet fw_bed_tcp(const char *src, uint16_t port, uint8_t flags)
{
	struct packet p;

	packet_start(&p, "x", 1);
	packet_tcp(&p, 40000, port, flags);
	packet_ip4(&p, &(struct packet_ip4){ .src = src, .dst = "192.0.2.1" });
	packet_eth(&p);
	return p;
}

uint32_t fw_bed_send(struct packet p)
{
	struct progrun result;

	assert_int_equal(progrun_packet(progrun_fd(fw_bed.object, "firewall"), &p, &result), 0);
	return result.verdict;
}
