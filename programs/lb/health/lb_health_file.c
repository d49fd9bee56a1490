/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/lb/health/lb_health_file.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"

#define LINE_SIZE 1024
#define MARKS 0x10000
#define MARKS_LAST (0x100000000ULL - LB_HEALTH_MARKS)
#define REFRESH_S 3600
#define PROBES 1024
#define TIME_MIN_MS 10
#define TIME_MAX_MS (24U * 3600 * 1000)

static const char blanks[] = " \t\r";

static const struct lb_health_check check_defaults = {
	.status_from = 200,
	.status_to = 399,
	.interval_ms = 2000,
	.timeout_ms = 1000,
	.fall = 3,
	.rise = 2,
	.min_up = 50,
	.is_percent = true,
	.path = "/",
};

void lb_health_file_free(struct lb_health_file *file)
{
	free(file->checks);
	*file = (struct lb_health_file){};
}

/* The default first, as no VIP has protocol 0. */
static int compare_checks(const void *a, const void *b)
{
	const struct lb_health_check *one = a, *other = b;

	return lb_vip_name_compare(&one->vip, &other->vip);
}

const struct lb_health_check *lb_health_file_find(const struct lb_health_file *file,
						  const struct lb_vip_name *vip)
{
	struct lb_health_check key = { .vip = *vip };
	const struct lb_health_check *found = NULL;

	if (file->count)
		found = bsearch(&key, file->checks, file->count, sizeof(*file->checks),
				compare_checks);
	if (!found && lb_health_file_has_default(file) && vip->port && vip->proto == IPPROTO_TCP &&
	    lb_prefix_is_address(&vip->prefix))
		found = &file->checks[0];
	return found;
}

bool lb_health_file_has_default(const struct lb_health_file *file)
{
	return file->count && file->checks[0].is_default && file->checks[0].kind != LB_HEALTH_NONE;
}

/* --- values ------------------------------------------------------------------------------- */

static int parse_range(const char *text, const char *what, const __u32 range[2],
		       struct slot_reason *why, __u16 *ret_number)
{
	__u32 number = 0;
	int err = lb_number_parse(text, what, range, why, &number);

	if (!err)
		*ret_number = (__u16)number;
	return err;
}

static int refuse_time(const char *text, struct slot_reason *why)
{
	return slot_reason_set(why, -EINVAL,
			       "'%.80s': expected a time such as 500ms, 2s or 1m, %dms to 24h",
			       text, TIME_MIN_MS);
}

/* Digits and a unit; without one, seconds. */
static int parse_time(const char *text, struct slot_reason *why, __u32 *ret_ms)
{
	static const struct {
		const char *name;
		__u32 ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "", 1000 }, { "m", 60000 }, { "h", 3600000 } };
	size_t digits = strspn(text, "0123456789");
	__u64 number;

	if (!digits || digits > 9)
		return refuse_time(text, why);
	number = strtoul(text, NULL, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(text + digits, units[i].name) != 0)
			continue;
		number *= units[i].ms;
		if (number < TIME_MIN_MS || number > TIME_MAX_MS)
			break;
		*ret_ms = (__u32)number;
		return 0;
	}
	return refuse_time(text, why);
}

/* It becomes part of an address or of a line of HTTP: nothing that could end either. */
static int copy_text(const char *text, const char *what, struct slot_reason *why,
		     char ret_text[LB_HEALTH_TEXT_MAX])
{
	size_t len = strlen(text);

	if (!len || len >= LB_HEALTH_TEXT_MAX)
		return slot_reason_set(why, -EINVAL, "%s of %zu characters: expected 1 to %d", what,
				       len, LB_HEALTH_TEXT_MAX - 1);
	memcpy(ret_text, text, len + 1);
	return 0;
}

static int set_path(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	if (*text != '/')
		return slot_reason_set(why, -EINVAL, "'%.80s': a path begins with /", text);
	return copy_text(text, "path", why, check->path);
}

static int set_host(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return copy_text(text, "host", why, check->host);
}

static int set_port(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return parse_range(text, "a port", (const __u32[2]){ 1, 65535 }, why, &check->port);
}

static int set_address(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	check->has_address = true;
	return lb_address_parse(text, why, &check->address);
}

/* One status, or the first and the last. */
static int set_status(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	static const __u32 range[2] = { 100, 599 };
	const char *last = strchr(text, '-');
	char first[8] = "";
	size_t len = last ? (size_t)(last - text) : strlen(text);
	int err;

	memcpy(first, text, len < sizeof(first) ? len : 0);
	err = parse_range(first, "a status", range, why, &check->status_from);
	if (!err)
		err = parse_range(last ? last + 1 : first, "a status", range, why,
				  &check->status_to);
	if (!err && check->status_from > check->status_to)
		err = slot_reason_set(why, -EINVAL, "'%.80s': the last status is below the first",
				      text);
	return err;
}

static int set_interval(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return parse_time(text, why, &check->interval_ms);
}

static int set_timeout(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return parse_time(text, why, &check->timeout_ms);
}

static int set_fall(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return parse_range(text, "fall", (const __u32[2]){ 1, 1000 }, why, &check->fall);
}

static int set_rise(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	return parse_range(text, "rise", (const __u32[2]){ 1, 1000 }, why, &check->rise);
}

/* So many reals, or so many of a hundred. */
static int set_min_up(struct lb_health_check *check, const char *text, struct slot_reason *why)
{
	size_t len = strlen(text);
	char digits[8] = "";

	check->is_percent = len && text[len - 1] == '%';
	len -= check->is_percent;
	memcpy(digits, text, len < sizeof(digits) ? len : 0);
	return parse_range(digits, "min-up", (const __u32[2]){ 1, check->is_percent ? 100 : 65535 },
			   why, &check->min_up);
}

static const struct {
	const char *name;
	bool is_http; /* of no use to others */
	int (*set)(struct lb_health_check *check, const char *text, struct slot_reason *why);
} keys[] = {
	{ "port", false, set_port },	   { "address", false, set_address },
	{ "path", true, set_path },	   { "host", true, set_host },
	{ "status", true, set_status },	   { "interval", false, set_interval },
	{ "timeout", false, set_timeout }, { "fall", false, set_fall },
	{ "rise", false, set_rise },	   { "min-up", false, set_min_up },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* --- lines -------------------------------------------------------------------------------- */

struct parsing {
	struct lb_health_file *file;
	unsigned int seen; /* of enum setting, bit by bit */
	size_t room;
};

static int parse_key(char *word, unsigned int *seen, struct lb_health_check *check,
		     struct slot_reason *why)
{
	char *value = strchr(word, '=');
	size_t i = 0;

	if (value)
		*value++ = '\0';
	while (i < KEYS && strcmp(keys[i].name, word) != 0)
		i++;
	if (!value || i == KEYS)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected port=, address=, path=, host=, status=, "
				       "interval=, timeout=, fall=, rise= or min-up=",
				       word);
	if (*seen & 1U << i)
		return slot_reason_set(why, -EINVAL, "%s= is there twice", keys[i].name);
	*seen |= 1U << i;
	if (check->kind == LB_HEALTH_NONE || (keys[i].is_http && check->kind != LB_HEALTH_HTTP))
		return slot_reason_set(why, -EINVAL, "%s= means nothing to this kind of check",
				       keys[i].name);
	return keys[i].set(check, value, why);
}

static int parse_subject(const char *vip, const char *kind, struct lb_health_check *check,
			 struct slot_reason *why)
{
	static const char *const words[LB_HEALTH_KINDS] = { "none", "tcp", "http" };
	static const struct lb_choice_of kinds = { "check", words, LB_HEALTH_KINDS };

	if (!vip || !kind)
		return slot_reason_set(why, -EINVAL,
				       "expected check VIP|default tcp|http|none [KEY=VALUE...]");
	check->is_default = !strcmp(vip, "default");
	if (!check->is_default && lb_vip_name_parse(vip, why, &check->vip))
		return -EINVAL;
	return lb_choice_parse(&kinds, kind, why, &check->kind);
}

static int judge_check(const struct lb_health_check *check, struct slot_reason *why)
{
	const struct lb_vip_name *vip = &check->vip;

	if (check->kind == LB_HEALTH_NONE)
		return 0;
	if (check->timeout_ms > check->interval_ms)
		return slot_reason_set(why, -EINVAL,
				       "timeout %u ms: expected at most the interval, %u ms",
				       check->timeout_ms, check->interval_ms);
	if (check->has_address && check->is_default)
		return slot_reason_set(why, -EINVAL, "address= belongs to one VIP");
	if (check->has_address && check->address.is_ip6 != vip->prefix.addr.is_ip6)
		return slot_reason_set(why, -EINVAL, "address= is of another family than the VIP");
	if (!check->is_default && !vip->port && !check->port)
		return slot_reason_set(why, -EINVAL,
				       "the VIP has all ports: expected port= with one of them");
	return 0;
}

static int add_check(struct parsing *parsing, const struct lb_health_check *check,
		     struct slot_reason *why)
{
	struct lb_health_file *file = parsing->file;
	size_t room = parsing->room ? parsing->room * 2 : 16;
	struct lb_health_check *checks;

	for (size_t i = 0; i < file->count; i++)
		if (!compare_checks(&file->checks[i], check))
			return slot_reason_set(why, -EINVAL, "this check is there already");
	if (file->count == LB_HEALTH_CHECKS_MAX)
		return slot_reason_set(why, -EINVAL, "more than %d checks", LB_HEALTH_CHECKS_MAX);
	if (file->count == parsing->room) {
		checks = reallocarray(file->checks, room, sizeof(*checks));
		if (!checks)
			return slot_reason_set(why, -ENOMEM, "out of memory");
		file->checks = checks;
		parsing->room = room;
	}
	file->checks[file->count++] = *check;
	return 0;
}

static int parse_check(struct parsing *parsing, char **rest, struct slot_reason *why)
{
	struct lb_health_check check = check_defaults;
	char *vip = strtok_r(NULL, blanks, rest), *kind = strtok_r(NULL, blanks, rest), *word;
	unsigned int seen = 0;
	int err = parse_subject(vip, kind, &check, why);

	while (!err && (word = strtok_r(NULL, blanks, rest)))
		err = parse_key(word, &seen, &check, why);
	err = err ? err : judge_check(&check, why);
	return err ? err : add_check(parsing, &check, why);
}

static int set_lb_hc(struct lb_health_file *file, const char *text, struct slot_reason *why)
{
	if (*text != '/')
		return slot_reason_set(why, -EINVAL, "'%.80s': expected a path from / on", text);
	return copy_text(text, "path", why, file->lb_hc_dir);
}

static int set_marks(struct lb_health_file *file, const char *text, struct slot_reason *why)
{
	char *end = NULL;
	unsigned long long marks;

	errno = 0;
	marks = isdigit((unsigned char)*text) ? strtoull(text, &end, 0) : 0;
	if (!end || *end || errno || !marks || marks % LB_HEALTH_MARKS || marks > MARKS_LAST)
		return slot_reason_set(why, -EINVAL,
				       "'%.80s': expected the first mark, a multiple of 0x%x such "
				       "as 0x%x",
				       text, LB_HEALTH_MARKS, MARKS);
	file->marks = (__u32)marks;
	return 0;
}

static int set_refresh(struct lb_health_file *file, const char *text, struct slot_reason *why)
{
	__u32 ms = 0;
	int err = parse_time(text, why, &ms);

	if (!err && ms < 1000)
		err = slot_reason_set(why, -EINVAL, "'%.80s': expected 1s or more", text);
	if (!err)
		file->refresh_s = ms / 1000;
	return err;
}

static int set_probes(struct lb_health_file *file, const char *text, struct slot_reason *why)
{
	return lb_number_parse(text, "probes", (const __u32[2]){ 1, 4096 }, why, &file->probes_max);
}

static int set_source(struct lb_health_file *file, const char *text, struct slot_reason *why)
{
	struct lb_host host;
	int err = lb_address_parse(text, why, &host);

	if (!err)
		*(host.is_ip6 ? &file->source6 : &file->source4) = host;
	return err;
}

static const struct {
	const char *name;
	bool is_many;
	int (*set)(struct lb_health_file *file, const char *text, struct slot_reason *why);
} settings[] = {
	{ "lb_hc", false, set_lb_hc },	 { "marks", false, set_marks },
	{ "source", true, set_source },	 { "refresh", false, set_refresh },
	{ "probes", false, set_probes },
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static int parse_setting(struct parsing *parsing, const char *name, char **rest,
			 struct slot_reason *why)
{
	char *value = strtok_r(NULL, blanks, rest), *extra = strtok_r(NULL, blanks, rest);
	size_t i = 0;

	while (i < SETTINGS && strcmp(settings[i].name, name) != 0)
		i++;
	if (i == SETTINGS)
		return slot_reason_set(
			why, -EINVAL,
			"'%.80s': expected check, lb_hc, marks, source, refresh or probes", name);
	if (!value || extra)
		return slot_reason_set(why, -EINVAL, "expected %s and one word behind it", name);
	if (parsing->seen & 1U << i && !settings[i].is_many)
		return slot_reason_set(why, -EINVAL, "%s is there twice", name);
	parsing->seen |= 1U << i;
	return settings[i].set(parsing->file, value, why);
}

static int parse_line(struct parsing *parsing, const char *text, size_t len,
		      struct slot_reason *why)
{
	const char *comment = memchr(text, '#', len);
	char line[LINE_SIZE], *rest, *word;

	if (comment)
		len = (size_t)(comment - text);
	if (len >= sizeof(line))
		return slot_reason_set(why, -EINVAL, "%zu characters: expected at most %zu", len,
				       sizeof(line) - 1);
	for (size_t i = 0; i < len; i++)
		if ((text[i] < 0x20 || text[i] > 0x7e) && !memchr(blanks, text[i], strlen(blanks)))
			return slot_reason_set(why, -EINVAL, "byte 0x%02x: expected plain text",
					       (unsigned char)text[i]);
	memcpy(line, text, len);
	line[len] = '\0';
	word = strtok_r(line, blanks, &rest);
	if (!word)
		return 0;
	return strcmp(word, "check") ? parse_setting(parsing, word, &rest, why) :
				       parse_check(parsing, &rest, why);
}

int lb_health_file_parse(const char *text, size_t len, struct slot_reason *why,
			 struct lb_health_file *ret_file)
{
	struct lb_health_file file = { .marks = MARKS,
				       .refresh_s = REFRESH_S,
				       .probes_max = PROBES };
	struct parsing parsing = { .file = &file };
	const char *end = text + len, *next;
	unsigned int number = 0;
	int err = 0;

	for (; !err && text < end; text = next) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));

		next = newline ? newline + 1 : end;
		number++;
		err = parse_line(&parsing, text, (size_t)((newline ? newline : end) - text), why);
		if (err)
			slot_reason_prefix(why, err, "line %u: ", number);
	}
	if (!err && !file.count)
		err = slot_reason_set(why, -EINVAL,
				      "no check is in it; expected a line such as: check default "
				      "tcp");
	if (err || !file.checks) {
		lb_health_file_free(&file);
		return err;
	}
	qsort(file.checks, file.count, sizeof(*file.checks), compare_checks);
	*ret_file = file;
	return 0;
}
