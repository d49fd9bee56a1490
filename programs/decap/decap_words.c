/* SPDX-License-Identifier: GPL-2.0-only */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/number.h"
#include "programs/decap/decap.h"
#include "programs/shared/tcp_option.h"

bool decap_prefix_to_address(const struct slot_prefix *prefix, struct decap_address *ret_address)
{
	if (prefix->len != SLOT_PREFIX_FAMILY_BITS + program_prefix_bits(prefix))
		return false;
	memcpy(ret_address->addr, program_prefix_mapped, sizeof(program_prefix_mapped));
	if (prefix->family == 4)
		memcpy(ret_address->addr + sizeof(program_prefix_mapped), prefix->addr, 4);
	else
		memcpy(ret_address->addr, prefix->addr, sizeof(prefix->addr));
	return true;
}

static int set_gue_port(const char *value, struct slot_reason *why, struct decap_control *control)
{
	__u32 port = 0;

	if (strcmp(value, "off") != 0 && (slot_digits_parse(value, UINT16_MAX, &port) || !port))
		return slot_reason_set(why, -EINVAL,
				       "gue-port '%.80s': expected a port, 1 to 65535, or 'off'",
				       value);
	control->gue_port = htons((__u16)port);
	return 0;
}

static int set_strict(const char *value, struct slot_reason *why, struct decap_control *control)
{
	bool is_yes = !strcmp(value, "yes");

	if (!is_yes && strcmp(value, "no") != 0)
		return slot_reason_set(why, -EINVAL, "strict '%.80s': expected 'yes' or 'no'",
				       value);
	if (is_yes)
		control->flags |= DECAP_STRICT;
	else
		control->flags &= (__u8)~DECAP_STRICT;
	return 0;
}

static int set_tcp_option(const char *value, struct slot_reason *why, struct decap_control *control)
{
	__u32 kind = 0;

	if (slot_number_parse(value, 0, UINT8_MAX, &kind) || !program_option_is_free(kind))
		return slot_reason_set(why, -EINVAL,
				       "tcp-option '%.80s': expected an option's kind up to 255, "
				       "such as 0xb7, and none of TCP's own, " PROGRAM_OPTION_TAKEN,
				       value);
	control->tcp_option = (__u8)kind;
	return 0;
}

int decap_control_parse(const char *text, struct slot_reason *why, struct decap_control *control)
{
	static const struct {
		const char *key;
		int (*set)(const char *value, struct slot_reason *why,
			   struct decap_control *control);
	} settings[] = {
		{ "gue-port=", set_gue_port },
		{ "strict=", set_strict },
		{ "tcp-option=", set_tcp_option },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		size_t len = strlen(settings[i].key);

		if (!strncmp(text, settings[i].key, len))
			return settings[i].set(text + len, why, control);
	}
	return slot_reason_set(why, -ENOENT,
			       "'%.80s': expected gue-port=, strict= or tcp-option=", text);
}
