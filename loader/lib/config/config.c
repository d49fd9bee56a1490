/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/errors.h"
#include "loader/lib/config/reader.h"
#include "loader/lib/config/text.h"

static int refuse_size(const char *file, const char *text, struct slot_reasons *errors)
{
	unsigned int line = 1;

	for (size_t i = 0; i < SLOT_CONFIG_SIZE_MAX; i++)
		line += text[i] == '\n';
	if (slot_reasons_add(errors, "%s:%u: text: too long: at most %u bytes", file, line,
			     SLOT_CONFIG_SIZE_MAX))
		return -ENOMEM;
	return -E2BIG;
}

int slot_config_parse(const char *file, const char *text, size_t len,
		      const struct slot_config_world *world, struct slot_reasons *errors,
		      struct slot_config *ret_config)
{
	_cleanup_(slot_config_errors_free) struct slot_config_errors found = { .file = file };
	_cleanup_(slot_config_free) struct slot_config config = { 0 };
	struct slot_config_text copy;
	int err;

	if (len > SLOT_CONFIG_SIZE_MAX)
		return refuse_size(file, text, errors);
	err = slot_config_text_load(text, len, &found, &copy);
	if (err)
		return err;
	err = slot_config_read(&copy, world, &found, &config);
	free(copy.text);
	if (err)
		return err;
	if (!config.count && !found.count)
		slot_config_errors_add(&found, 1, "chain", "missing",
				       "at least one chain \"INTERFACE\" { ... }");
	err = slot_config_errors_format(&found, errors);
	if (err)
		return err;
	if (found.count)
		return -EINVAL;
	*ret_config = config;
	config = (struct slot_config){ 0 };
	return 0;
}

static void free_reservation(struct slot_reservation *slot)
{
	free(slot->object);
	free(slot->program);
	slot_settings_free(&slot->settings);
}

void slot_config_free(struct slot_config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->count; i++) {
		for (unsigned int slot = 0; slot < ROOT_SLOTS; slot++)
			free_reservation(&config->chains[i].slots[slot]);
	}
	free(config->chains);
	*config = (struct slot_config){ 0 };
}

const struct slot_chain_config *slot_config_find(const struct slot_config *config,
						 const char *interface)
{
	for (size_t i = 0; i < config->count; i++) {
		if (!strcmp(config->chains[i].interface, interface))
			return &config->chains[i];
	}
	return NULL;
}
