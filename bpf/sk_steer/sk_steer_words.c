/* SPDX-License-Identifier: GPL-2.0-only */
/* Rules, groups and sockets, from words and back. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/sk_steer/sk_steer.h"
#include "loader/lib/base/endpoint.h"
#include "programs/shared/prefix.h"

/* Decimal digits and nothing else, up to @max, which end at one of @ends. */
static int read_number(const char **text, const char *ends, __u64 max, __u64 *ret_number)
{
	__u64 number = 0;
	const char *digit = *text;

	if (!isdigit((unsigned char)*digit))
		return -EINVAL;
	for (; isdigit((unsigned char)*digit); digit++) {
		__u64 value = (__u64)(*digit - '0');

		if (number > (max - value) / 10)
			return -EINVAL;
		number = number * 10 + value;
	}
	if (*digit && !strchr(ends, *digit))
		return -EINVAL;
	*text = digit;
	*ret_number = number;
	return 0;
}

const char *sk_steer_proto_name(__u8 proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "unknown";
}

static int parse_proto(const char *text, __u8 *ret_proto)
{
	if (!strcmp(text, "tcp"))
		*ret_proto = IPPROTO_TCP;
	else if (!strcmp(text, "udp"))
		*ret_proto = IPPROTO_UDP;
	else
		return -EINVAL;
	return 0;
}

static int parse_ports(const char *text, __u16 *ret_first, __u16 *ret_last)
{
	__u64 first = 1, last = UINT16_MAX;
	int err = 0;

	if (strcmp(text, "any") != 0) {
		err = read_number(&text, "-", UINT16_MAX, &first);
		last = first;
		if (!err && *text++)
			err = read_number(&text, "", UINT16_MAX, &last);
	}
	if (err || !first || first > last)
		return -EINVAL;
	*ret_first = (__u16)first;
	*ret_last = (__u16)last;
	return 0;
}

int sk_steer_match_parse(char **argv, struct slot_reason *why, struct sk_steer_rule *ret_rule)
{
	struct sk_steer_rule rule = {};
	struct slot_prefix prefix;
	int err = program_prefix_parse(argv[0], why, &prefix);

	if (err)
		return err;
	rule.family = (__u8)prefix.family;
	rule.len = (__u8)(prefix.len - SLOT_PREFIX_FAMILY_BITS);
	memcpy(rule.addr, prefix.addr, sizeof(rule.addr));
	if (parse_proto(argv[1], &rule.proto))
		return slot_reason_set(why, -EINVAL, "'%.80s': expected tcp or udp", argv[1]);
	if (parse_ports(argv[2], &rule.first, &rule.last))
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a port of 1 to 65535 such as 80, a range "
				       "such as 8000-8099, or any",
				       argv[2]);
	*ret_rule = rule;
	return 0;
}

int sk_steer_group_parse(const char *text, struct slot_reason *why,
			 char ret_name[SK_STEER_NAME_MAX])
{
	size_t len = strlen(text);
	bool is_name = len > 0 && len < SK_STEER_NAME_MAX && isalpha((unsigned char)*text);

	for (size_t i = 0; is_name && i < len; i++)
		is_name = isalnum((unsigned char)text[i]) || strchr("_-.", text[i]);
	if (!is_name)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a group's name, a letter and up to %d "
				       "letters, digits, '_', '-' or '.'",
				       text, SK_STEER_NAME_MAX - 2);
	memset(ret_name, 0, SK_STEER_NAME_MAX);
	memcpy(ret_name, text, len);
	return 0;
}

static int parse_flag(const char *text, struct slot_reason *why, __u8 *flags)
{
	if (!strcmp(text, "drop"))
		*flags |= SK_STEER_DROP;
	else if (!strcmp(text, "exact"))
		*flags |= SK_STEER_EXACT;
	else
		return slot_reason_set(why, -EINVAL, "'%.80s': expected drop or exact", text);
	return 0;
}

int sk_steer_line_parse(int argc, char **argv, struct slot_reason *why,
			struct sk_steer_line *ret_line)
{
	struct sk_steer_line line = {};
	int err;

	if (argc < 4 || argc > SK_STEER_LINE_WORDS)
		return slot_reason_set(why, -EINVAL,
				       "expected PREFIX tcp|udp PORTS GROUP [drop] [exact]");
	err = sk_steer_match_parse(argv, why, &line.rule);
	err = err ? err : sk_steer_group_parse(argv[3], why, line.group);
	for (int i = 4; !err && i < argc; i++)
		err = parse_flag(argv[i], why, &line.rule.flags);
	if (!err)
		*ret_line = line;
	return err;
}

void sk_steer_match_format(const struct sk_steer_rule *rule, char ret_text[SK_STEER_MATCH_TEXT_MAX])
{
	struct slot_prefix prefix = { .family = rule->family,
				      .len = SLOT_PREFIX_FAMILY_BITS + rule->len };
	char text[PROGRAM_PREFIX_TEXT_MAX], ports[16] = "any";

	memcpy(prefix.addr, rule->addr, sizeof(prefix.addr));
	program_prefix_format(&prefix, text);
	if (rule->first == rule->last)
		snprintf(ports, sizeof(ports), "%u", rule->first);
	else if (rule->first != 1 || rule->last != UINT16_MAX)
		snprintf(ports, sizeof(ports), "%u-%u", rule->first, rule->last);
	snprintf(ret_text, SK_STEER_MATCH_TEXT_MAX, "%s %s %s", text,
		 sk_steer_proto_name(rule->proto), ports);
}

/* --- sockets --------------------------------------------------------------------------------- */

static int parse_pid(const char *text, struct sk_steer_source *source)
{
	__u64 pid = 0, fd = 0;

	if (read_number(&text, ":", INT_MAX, &pid) || *text++ != ':' || !pid ||
	    read_number(&text, "", INT_MAX, &fd))
		return -EINVAL;
	source->pid = (int)pid;
	source->fd = (int)fd;
	return 0;
}

int sk_steer_source_parse(const char *text, struct slot_reason *why,
			  struct sk_steer_source *ret_source)
{
	struct sk_steer_source source = {};
	int err = isdigit((unsigned char)*text) ? parse_pid(text, &source) :
						  slot_endpoint_parse(text, &source.bound);

	if (err)
		return slot_reason_set(why, err,
				       "'%.80s': expected PID:FD, or where a socket is bound, such "
				       "as tcp/192.0.2.1:80 or udp/[::]:53",
				       text);
	*ret_source = source;
	return 0;
}

int sk_steer_cookie_parse(const char *text, struct slot_reason *why, __u64 *ret_cookie)
{
	const char *rest = text;
	__u64 cookie = 0;

	if (read_number(&rest, "", UINT64_MAX, &cookie) || !cookie)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected a socket's cookie, a number", text);
	*ret_cookie = cookie;
	return 0;
}

/* --- files ----------------------------------------------------------------------------------- */

void sk_steer_lines_free(struct sk_steer_lines *lines)
{
	free(lines->lines);
	*lines = (struct sk_steer_lines){};
}

static int split_line(char *line, char *words[SK_STEER_LINE_WORDS + 1])
{
	char *rest = NULL;
	int count = 0;

	line[strcspn(line, "#")] = '\0';
	for (char *word = strtok_r(line, " \t\r", &rest); word;
	     word = strtok_r(NULL, " \t\r", &rest))
		if (count <= SK_STEER_LINE_WORDS)
			words[count++] = word;
	return count;
}

/* Two lines about the same leave open which of them was meant. */
static const struct sk_steer_line *find_same(const struct sk_steer_lines *lines,
					     const struct sk_steer_line *line)
{
	for (size_t i = 0; i < lines->count; i++)
		if (sk_steer_rule_is_same(&lines->lines[i].rule, &line->rule))
			return &lines->lines[i];
	return NULL;
}

static int parse_line(char *text, struct slot_reason *why, struct sk_steer_lines *lines)
{
	char *words[SK_STEER_LINE_WORDS + 1];
	struct sk_steer_line line;
	int count = split_line(text, words), err;

	if (!count)
		return 0;
	err = sk_steer_line_parse(count, words, why, &line);
	if (!err && find_same(lines, &line))
		err = slot_reason_set(why, -EINVAL,
				      "a line before has the same prefix, protocol and ports");
	if (!err && lines->count == SK_STEER_RULES_MAX)
		err = slot_reason_set(why, -E2BIG, "%d rules are all that fit", SK_STEER_RULES_MAX);
	if (!err)
		lines->lines[lines->count++] = line;
	return err;
}

int sk_steer_file_parse(const char *path, const char *text, size_t len, struct slot_reasons *errors,
			struct sk_steer_lines *ret_lines)
{
	struct sk_steer_lines lines = { .lines = calloc(SK_STEER_RULES_MAX, sizeof(*lines.lines)) };
	char *copy = strndup(text, len), *rest = copy, *line;
	int err = lines.lines && copy ? 0 : -ENOMEM;
	struct slot_reason why;
	size_t number = 0;

	while (err != -ENOMEM && (line = strsep(&rest, "\n"))) {
		number++;
		if (!parse_line(line, &why, &lines))
			continue;
		err = slot_reasons_add(errors, "%s:%zu: %s", path, number, why.text);
		err = err ? err : -EINVAL;
	}
	free(copy);
	if (err)
		sk_steer_lines_free(&lines);
	else
		*ret_lines = lines;
	return err;
}
