/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a slots.conf: either a configuration whose every part keeps what
 * config.h promises, or errors that name lines in ascending order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/config/config.h"
#include "tests/fuzz/fuzz.h"

#define FILE_NAME "fuzz.conf"

static void check_errors(const struct slot_reasons *errors)
{
	unsigned long earlier = 1;

	require(errors->count > 0, "a refusal says why");
	for (size_t i = 0; i < errors->count; i++) {
		const char *line = errors->lines[i];
		unsigned long number;
		char *end;

		require(!strncmp(line, FILE_NAME ":", sizeof(FILE_NAME)),
			"an error names the file");
		number = strtoul(line + sizeof(FILE_NAME), &end, 10);
		require(*end == ':' && number >= earlier, "errors come in the order of lines");
		for (; *line; line++)
			require(*line >= 0x20 && *line < 0x7f, "an error is printable");
		earlier = number;
	}
}

static void check_slot(const struct slot_reservation *slot)
{
	const struct root_rules *rules = &slot->rules;

	require(slot->name[0] && slot->owner[0] && slot->line > 0, "a slot has name, owner, line");
	require(rules->allow && !(rules->allow & ~(ROOT_VERDICT_ALL | ROOT_ALLOW_SKIP)),
		"allow holds verdicts");
	require(!(rules->continue_on & ~rules->allow), "continue_on lies within allow");
	require(rules->denied_as <= ROOT_DENIED_AS_PASS, "denied_as is one of three");
	for (size_t i = 0; i < slot->settings.count; i++)
		require(slot->settings.items[i].key && slot->settings.items[i].value,
			"a setting has key and value");
}

static void check_chain(const struct slot_chain_config *chain)
{
	char name[SLOT_CHAIN_NAME_MAX];

	require(chain->interface[0] && chain->place.interface[0], "a chain has an interface");
	require(!chain->place.netns[0] || chain->place.netns[0] == '/', "a netns is a path");
	slot_chain_name_format(chain->hook, chain->place.netns, chain->place.interface, name);
	require(!strcmp(name, chain->interface) && !strchr(name, '/'), "a chain has its name");
	for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++) {
		if (chain->slots[slot].present)
			check_slot(&chain->slots[slot]);
	}
}

static void check_config(struct slot_config *config)
{
	require(config->count + config->master_count > 0, "a configuration has a chain");
	for (size_t i = 0; i < config->count; i++) {
		const struct slot_chain_config *chain = &config->chains[i];

		require(slot_config_find(config, chain->interface) == chain, "a chain is found");
		require(!chain->has_members, "a chain has no members");
		check_chain(chain);
	}
	for (size_t i = 0; i < config->master_count; i++) {
		int err = slot_config_add_member(config, &config->masters[i], "port0");

		require(config->masters[i].has_members, "a master has members");
		check_chain(&config->masters[i]);
		require(!err || err == -E2BIG, "a member can be made");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_reasons errors = { 0 };
	struct slot_config config = { 0 };
	int err;

	err = slot_config_parse(FILE_NAME, (const char *)data, size, NULL, &errors, &config);
	if (err) {
		require(err == -EINVAL || err == -E2BIG, "a refusal is -EINVAL or -E2BIG");
		require(!config.chains, "a refusal returns no configuration");
		check_errors(&errors);
	} else {
		require(!errors.count, "success has no errors");
		check_config(&config);
	}
	slot_reasons_free(&errors);
	slot_config_free(&config);
	return 0;
}
