/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* strtoul() would take a sign and blanks as well, and by base 0 a leading zero for octal. */
int slot_number_parse(const char *text, __u32 min, __u32 max, __u32 *ret_number)
{
	int base = strncmp(text, "0x", 2) ? 10 : 16;
	const char *digits = base == 16 ? text + 2 : text;
	size_t len = strspn(digits, base == 16 ? "0123456789abcdefABCDEF" : "0123456789");
	unsigned long long number;

	if (!len || len > 10 || digits[len])
		return -EINVAL;
	number = strtoull(digits, NULL, base);
	if (number < min || number > max)
		return -EINVAL;
	*ret_number = (__u32)number;
	return 0;
}
