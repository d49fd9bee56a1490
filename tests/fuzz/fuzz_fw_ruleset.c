/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Any bytes as a ruleset, and as a packet's words: either what is printed of it is read the
 * same again and compiles or is refused in words, or there are errors that can be shown on a
 * terminal.
 */
#include <errno.h>
#include <string.h>

#include "programs/firewall/compile/fw_compile.h"
#include "programs/firewall/rules/fw_format.h"
#include "programs/firewall/rules/fw_trace.h"
#include "tests/fuzz/fuzz.h"

/* Beyond that, trees of it take the fuzzer too long. */
#define ENTRIES_MAX 2000

static void check_text(const char *text)
{
	for (; *text; text++)
		require(*text >= 0x20 && *text < 0x7f, "an error is printable");
}

static char *print(const struct fw_ruleset *set)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	require(out, "there is memory");
	fw_ruleset_print(out, set, NULL);
	fclose(out);
	return text;
}

static void check_again(const struct fw_ruleset *set)
{
	struct slot_reasons errors = {};
	struct fw_ruleset again;
	char *text = print(set), *second;

	require(!fw_ruleset_parse("again", text, strlen(text), &errors, &again),
		"what is printed can be read");
	second = print(&again);
	require(!strcmp(text, second), "it is the same ruleset");
	require(again.rule_count == set->rule_count, "it has the same rules");
	fw_ruleset_free(&again);
	free(text);
	free(second);
}

static bool is_small(const struct fw_ruleset *set)
{
	return set->rule_count * (set->prefix_count + 1) * (set->span_count + 1) < ENTRIES_MAX;
}

static void check_compile(const struct fw_ruleset *set)
{
	struct fw_build build;
	struct slot_reason why;
	int err = is_small(set) ? fw_compile(set, &why, &build) : -EAGAIN;

	require(!err || err == -E2BIG || err == -EAGAIN, "what does not fit is -E2BIG");
	if (err == -E2BIG)
		check_text(why.text);
	if (!err)
		fw_build_free(&build);
}

static void check_packet(const char *data, size_t size, const struct fw_ruleset *set)
{
	struct slot_reason why;
	struct fw_ruleset words;
	struct fw_packet packet;
	struct fw_trace trace;
	int err = fw_ruleset_parse_packet(data, size, &why, &words);

	if (err) {
		check_text(why.text);
		return;
	}
	err = fw_packet_read(&words, &why, &packet);
	if (err)
		check_text(why.text);
	else
		fw_trace_packet(set, &packet, &trace);
	fw_ruleset_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slot_reasons errors = {};
	struct fw_ruleset set = {};
	int err;

	err = fw_ruleset_parse("fuzz", (const char *)data, size, &errors, &set);
	fw_ruleset_is_list((const char *)data, size);
	if (err) {
		require(err == -EINVAL, "a refusal is -EINVAL");
		require(!set.rules && errors.count > 0 && errors.count <= 21, "a refusal says why");
		for (size_t i = 0; i < errors.count; i++)
			check_text(errors.lines[i]);
	} else {
		require(!errors.count, "success has no errors");
		check_again(&set);
		check_compile(&set);
	}
	check_packet((const char *)data, size, &set);
	slot_reasons_free(&errors);
	fw_ruleset_free(&set);
	return 0;
}
