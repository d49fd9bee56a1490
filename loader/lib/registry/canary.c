/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/registry/canary.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/lib/base/json.h"
#include "loader/lib/registry/object_json.h"

bool slot_canary_is_equal(const struct slot_canary *a, const struct slot_canary *b)
{
	if (!a->present || !b->present)
		return a->present == b->present;
	return slot_object_id_is_equal(&a->object, &b->object) && a->share_ppm == b->share_ppm &&
	       a->cpus == b->cpus;
}

void slot_canary_format(const struct slot_canary *canary, char ret_text[SLOT_CANARY_TEXT_MAX])
{
	unsigned int rest = canary->share_ppm % 10000;
	char cpus[SLOT_CANARY_TEXT_MAX];
	char fraction[8] = "";
	size_t len;

	if (canary->cpus) {
		slot_cpus_format(canary->cpus, cpus);
		snprintf(ret_text, SLOT_CANARY_TEXT_MAX, "CPU%s %.200s",
			 canary->cpus & (canary->cpus - 1) ? "s" : "", cpus);
		return;
	}
	if (rest) {
		snprintf(fraction, sizeof(fraction), ".%04u", rest);
		for (len = strlen(fraction); fraction[len - 1] == '0'; len--)
			fraction[len - 1] = '\0';
	}
	snprintf(ret_text, SLOT_CANARY_TEXT_MAX, "%u%s%% of flows", canary->share_ppm / 10000,
		 fraction);
}

/* --- lists of CPUs ------------------------------------------------------------------------- */

static int parse_cpu(const char **text, unsigned int *ret_cpu)
{
	unsigned int cpu = 0;
	const char *c = *text;

	while (*c >= '0' && *c <= '9' && cpu < SLOT_CANARY_CPUS)
		cpu = cpu * 10 + (unsigned int)(*c++ - '0');
	if (c == *text || cpu >= SLOT_CANARY_CPUS)
		return -EINVAL;
	*text = c;
	*ret_cpu = cpu;
	return 0;
}

int slot_cpus_parse(const char *text, __u64 *ret_cpus)
{
	__u64 cpus = 0;

	for (;;) {
		unsigned int first;
		unsigned int last;

		if (parse_cpu(&text, &first))
			return -EINVAL;
		last = first;
		if (*text == '-') {
			text++;
			if (parse_cpu(&text, &last) || last < first)
				return -EINVAL;
		}
		for (; first <= last; first++)
			cpus |= 1ULL << first;
		if (!*text)
			break;
		if (*text++ != ',')
			return -EINVAL;
	}
	*ret_cpus = cpus;
	return 0;
}

void slot_cpus_format(__u64 cpus, char ret_text[SLOT_CANARY_TEXT_MAX])
{
	unsigned int first = 0;
	size_t used = 0;

	ret_text[0] = '\0';
	while (first < SLOT_CANARY_CPUS) {
		unsigned int end = first;

		while (end < SLOT_CANARY_CPUS && cpus & 1ULL << end)
			end++;
		if (end > first)
			used += (size_t)snprintf(ret_text + used, SLOT_CANARY_TEXT_MAX - used,
						 end - first > 1 ? "%s%u-%u" : "%s%u",
						 used ? "," : "", first, end - 1);
		first = end + 1;
	}
}

/* --- JSON ---------------------------------------------------------------------------------- */

json_t *slot_canary_to_json(const struct slot_canary *canary)
{
	char cpus[SLOT_CANARY_TEXT_MAX];

	slot_cpus_format(canary->cpus, cpus);
	if (canary->cpus)
		return json_pack("{s:o, s:s}", "object", slot_object_id_to_json(&canary->object),
				 "cpus", cpus);
	return json_pack("{s:o, s:I}", "object", slot_object_id_to_json(&canary->object),
			 "share_ppm", (json_int_t)canary->share_ppm);
}

static int read_packets(const json_t *json, struct slot_reason *why, struct slot_canary *canary)
{
	char cpus[SLOT_CANARY_TEXT_MAX];
	int err;

	if (json_object_get(json, "cpus")) {
		err = slot_json_get_text(json, "cpus", sizeof(cpus), why, cpus);
		if (!err && slot_cpus_parse(cpus, &canary->cpus))
			err = slot_reason_set(why, -EINVAL,
					      "'cpus': a list like 0-3,7 of CPUs 0 to 63 expected");
		return err;
	}
	err = slot_json_get_number(json, "share_ppm", SLOT_SHARE_PPM_MAX, why, &canary->share_ppm);
	if (!err && !canary->share_ppm)
		err = slot_reason_set(why, -EINVAL, "'share_ppm': a share above 0 expected");
	return err;
}

int slot_canary_from_json(const json_t *json, struct slot_reason *why,
			  struct slot_canary *ret_canary)
{
	struct slot_canary canary = { 0 };
	json_t *member;
	int err;

	if (!json_object_get(json, "canary")) {
		*ret_canary = canary;
		return 0;
	}
	err = slot_json_get(json, "canary", JSON_OBJECT, why, &member);
	if (!err)
		err = slot_object_id_from_json(member, "object", why, &canary.present,
					       &canary.object);
	if (!err && !canary.present)
		err = slot_reason_set(why, -EINVAL, "'object' is missing");
	if (!err)
		err = read_packets(member, why, &canary);
	if (err)
		return err;
	*ret_canary = canary;
	return 0;
}
