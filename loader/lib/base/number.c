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
