/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of slots.conf that say what a reservation grants its programs. */
#include <stdio.h>
#include <string.h>

#include "loader/lib/config/text.h"
#include "loader/lib/config/value.h"

static void refuse(const struct slot_config_value *value, const char *key, const char *accepted)
{
	slot_config_errors_add_value(value->errors, value->line, key, value->text, "%s", accepted);
}

int slot_config_helpers_add(const struct slot_config_value *value, const char *key)
{
	struct slot_limits *limits = &value->slot->limits;
	int kind = slot_helper_class_parse(value->text);
	char accepted[SLOT_LIMITS_TEXT_MAX];

	if (value->is_first)
		limits->helpers = 0;
	limits->has_helpers = true;
	if (kind < 0) {
		slot_helper_class_list(accepted);
		slot_config_errors_add_value(value->errors, value->line, key, value->text,
					     "one of %s", accepted);
	} else if (limits->helpers & 1U << kind) {
		refuse(value, key, "each class once");
	} else {
		limits->helpers |= 1U << kind;
	}
	return 0;
}

int slot_config_map_memory_set(const struct slot_config_value *value, const char *key)
{
	if (slot_size_parse(value->text, &value->slot->limits.map_memory))
		refuse(value, key, "bytes, or a number with K, M or G, more than 0");
	return 0;
}

/* Whether the key can be read is found out when it is needed: its loss must stop no start. */
int slot_config_signature_set(const struct slot_config_value *value, const char *key)
{
	const char *file = value->errors->file;
	const char *slash = value->text[0] == '/' ? NULL : strrchr(file, '/');
	char path[SLOT_KEY_PATH_MAX];
	int len = snprintf(path, sizeof(path), "%.*s%s", slash ? (int)(slash - file) + 1 : 0, file,
			   value->text);

	if (!value->text[0] || len >= (int)sizeof(path) || !slot_config_text_is_valid(value->text))
		refuse(value, key, "the path of a minisign public key, of at most 255 bytes");
	else
		strcpy(value->slot->limits.signature_key, path);
	return 0;
}

/* Whether the chain has such a reservation shows when its section is over. */
int slot_config_lender_set(const struct slot_config_value *value, const char *key)
{
	if (!value->text[0] || strlen(value->text) >= SLOT_LENDER_MAX)
		refuse(value, key, "the name of another slot of the chain");
	else
		strcpy(value->slot->limits.maps_of, value->text);
	return 0;
}
