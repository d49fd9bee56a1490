/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* strtoul() would take a sign and blanks as well, and by base 0 a leading zero for octal. */
static int parse_digits(const char *digits, bool is_hex, __u32 max, __u32 *ret_number)
{
	size_t len = strspn(digits, is_hex ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long long number;

	if (!len || len > 10 || digits[len])
		return -EINVAL;
	number = strtoull(digits, NULL, is_hex ? 16 : 10);
	if (number > max)
		return -EINVAL;
	*ret_number = (__u32)number;
	return 0;
}

int slot_number_parse(const char *text, __u32 min, __u32 max, __u32 *ret_number)
{
	bool is_hex = !strncmp(text, "0x", 2);
	__u32 number;

	if (parse_digits(is_hex ? text + 2 : text, is_hex, max, &number) || number < min)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int slot_digits_parse(const char *text, __u32 max, __u32 *ret_number)
{
	return parse_digits(text, false, max, ret_number);
}

int slot_seconds_parse(const char *text, __u32 min, __u32 max, __u32 *ret_seconds)
{
	static const struct {
		const char *name;
		__u32 seconds;
	} units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	size_t len = strspn(text, "0123456789");
	char digits[11] = "";
	__u64 seconds;
	__u32 number;

	if (len >= sizeof(digits))
		return -EINVAL;
	memcpy(digits, text, len);
	if (parse_digits(digits, false, max, &number))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		seconds = (__u64)number * units[i].seconds;
		if (strcmp(text + len, units[i].name) || seconds < min || seconds > max)
			continue;
		*ret_seconds = (__u32)seconds;
		return 0;
	}
	return -EINVAL;
}
