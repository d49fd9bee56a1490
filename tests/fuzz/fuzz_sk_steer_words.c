/* SPDX-License-Identifier: GPL-2.0-only */
/* Any bytes as a file of rules and as the name of a socket: refused, or the same when read again. */
#include <string.h>

#include "bpf/sk_steer/sk_steer.h"
#include "tests/fuzz/words.h"

static void check_rule(const struct sk_steer_line *line)
{
	struct sk_steer_lines again = {};
	struct slot_reasons errors = {};
	char match[SK_STEER_MATCH_TEXT_MAX], text[128];
	int len;

	sk_steer_match_format(&line->rule, match);
	len = snprintf(text, sizeof(text), "%s %s%s%s", match, line->group,
		       line->rule.flags & SK_STEER_DROP ? " drop" : "",
		       line->rule.flags & SK_STEER_EXACT ? " exact" : "");
	require(!sk_steer_file_parse("again", text, (size_t)len, &errors, &again) &&
			again.count == 1,
		"it can be read again");
	require(!memcmp(line, again.lines, sizeof(*line)), "it is the same rule");
	sk_steer_lines_free(&again);
}

static void check_file(const char *text, size_t len)
{
	struct slot_reasons errors = {};
	struct sk_steer_lines lines = {};
	int err = sk_steer_file_parse("rules", text, len, &errors, &lines);

	require(!err == !errors.count, "what is refused is told");
	for (size_t i = 0; i < lines.count; i++)
		check_rule(&lines.lines[i]);
	slot_reasons_free(&errors);
	sk_steer_lines_free(&lines);
}

static void check_source(const char *text)
{
	struct sk_steer_source source, same;
	char again[SK_STEER_MATCH_TEXT_MAX];

	if (sk_steer_source_parse(text, NULL, &source))
		return;
	if (source.pid)
		snprintf(again, sizeof(again), "%d:%d", source.pid, source.fd);
	else
		slot_endpoint_format(&source.bound, again);
	require(!sk_steer_source_parse(again, NULL, &same), "it can be read again");
	require(!memcmp(&source, &same, sizeof(source)), "it is the same socket");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[FUZZ_WORD_MAX];
	__u64 cookie = 0;

	fuzz_word_get(data, size, text);
	check_source(text);
	if (!sk_steer_cookie_parse(text, NULL, &cookie))
		require(cookie, "a cookie is not 0");
	check_file((const char *)data, size);
	return 0;
}
