/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/server_ids.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "loader/lib/base/cleanup.h"
#include "loader/lib/base/number.h"

#define LINE_SIZE 256
#define BLANKS " \t\r"

static int parse_address(const char *text, struct program_id *id)
{
	memset(id->addr, 0, sizeof(id->addr));
	id->is_ip6 = strchr(text, ':') != NULL;
	return inet_pton(id->is_ip6 ? AF_INET6 : AF_INET, text, id->addr) == 1 ? 0 : -EINVAL;
}

const char *slot_server_id_real(const struct program_id *id, char ret_text[SLOT_REAL_SIZE])
{
	inet_ntop(id->is_ip6 ? AF_INET6 : AF_INET, id->addr, ret_text, SLOT_REAL_SIZE);
	return ret_text;
}

static bool is_same_real(const struct program_id *a, const struct program_id *b)
{
	return a->is_ip6 == b->is_ip6 && !memcmp(a->addr, b->addr, sizeof(a->addr));
}

static int add_id(struct slot_server_ids *ids, const struct program_id *id, const char *path,
		  struct slot_reason *why)
{
	struct program_id *list;

	if (ids->count == SLOT_SERVER_IDS_MAX)
		return slot_reason_set(why, -E2BIG, "%s%s: %d ids are all that fit", path,
				       id->where, SLOT_SERVER_IDS_MAX);
	if (!(ids->count & (ids->count - 1))) {
		size_t room = ids->count ? ids->count * 2 : 1;

		list = reallocarray(ids->list, room, sizeof(*list));
		if (!list)
			return slot_reason_set(why, -ENOMEM, "out of memory");
		ids->list = list;
	}
	ids->list[ids->count++] = *id;
	return 0;
}

/* --- lines ----------------------------------------------------------------------------------- */

/* ID REAL [fallback]; @line is cut up. */
static int parse_line(char *line, const char *path, struct slot_reason *why, struct program_id *id)
{
	char *rest = line, *number = strtok_r(line, BLANKS, &rest);
	char *real = strtok_r(NULL, BLANKS, &rest), *word = strtok_r(NULL, BLANKS, &rest);

	if (slot_number_parse(number, 1, UINT32_MAX, &id->id))
		return slot_reason_set(why, -EINVAL,
				       "%s%s: '%.40s': expected an id from 1 to 4294967295", path,
				       id->where, number);
	if (!real || parse_address(real, id))
		return slot_reason_set(why, -EINVAL,
				       "%s%s: '%.60s': expected the address of a real", path,
				       id->where, real ? real : "");
	if (word && (strcmp(word, "fallback") != 0 || strtok_r(NULL, BLANKS, &rest)))
		return slot_reason_set(why, -EINVAL,
				       "%s%s: '%.40s': expected 'fallback' or nothing", path,
				       id->where, word);
	id->role = word ? PROGRAM_ID_FALLBACK : PROGRAM_ID_PRIMARY;
	return 0;
}

static int parse_lines(const char *path, const char *text, size_t len, struct slot_reason *why,
		       struct slot_server_ids *ids)
{
	const char *end = text + len;
	int err = 0;

	for (unsigned int number = 1; !err && text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t size = (size_t)((newline ? newline : end) - text);
		struct program_id id = {};
		char line[LINE_SIZE];

		snprintf(id.where, sizeof(id.where), ":%u", number);
		if (size >= sizeof(line) || memchr(text, '\0', size))
			return slot_reason_set(why, -EINVAL, "%s%s: this is no line of text", path,
					       id.where);
		memcpy(line, text, size);
		line[size] = '\0';
		line[strcspn(line, "#")] = '\0';
		text += size + 1;
		if (!line[strspn(line, BLANKS)])
			continue;
		err = parse_line(line, path, why, &id);
		err = err ? err : add_id(ids, &id, path, why);
	}
	return err;
}

/* --- JSON ------------------------------------------------------------------------------------ */

static int parse_member(const json_t *member, const char *path, struct slot_reason *why,
			struct program_id *id)
{
	const char *real = NULL;
	json_int_t number = 0;
	json_error_t error;
	int is_fallback = 0;

	if (json_unpack_ex((json_t *)member, &error, JSON_STRICT, "{s:I, s:s, s?b}", "id", &number,
			   "real", &real, "fallback", &is_fallback))
		return slot_reason_set(why, -EINVAL,
				       "%s%s: %s: expected \"id\", \"real\" and, if so, "
				       "\"fallback\"",
				       path, id->where, error.text);
	if (number < 1 || number > UINT32_MAX)
		return slot_reason_set(why, -EINVAL,
				       "%s%s: id %" JSON_INTEGER_FORMAT
				       ": expected one from 1 to 4294967295",
				       path, id->where, number);
	if (parse_address(real, id))
		return slot_reason_set(why, -EINVAL,
				       "%s%s: '%.60s': expected the address of a real", path,
				       id->where, real);
	id->id = (__u32)number;
	id->role = is_fallback ? PROGRAM_ID_FALLBACK : PROGRAM_ID_PRIMARY;
	return 0;
}

static int parse_json(const char *path, const char *text, size_t len, struct slot_reason *why,
		      struct slot_server_ids *ids)
{
	json_error_t error;
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
	const json_t *list = json_object_get(root, "server_ids"), *member;
	int err = 0;
	size_t i;

	if (!root)
		return slot_reason_set(why, -EINVAL, "%s:%d: %s", path, error.line, error.text);
	if (!json_is_array(list))
		return slot_reason_set(
			why, -EINVAL, "%s: expected \"server_ids\", a list of ids and reals", path);
	json_array_foreach(list, i, member) {
		struct program_id id = {};

		snprintf(id.where, sizeof(id.where), ": server_ids[%u]", (unsigned int)i);
		err = parse_member(member, path, why, &id);
		err = err ? err : add_id(ids, &id, path, why);
		if (err)
			break;
	}
	return err;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
	const struct program_id *one = a, *other = b;

	return one->id < other->id ? -1 : one->id > other->id;
}

/* Of pointers into the list as it was read: what is alike stays in the order of the file. */
static int compare_places(const struct program_id *one, const struct program_id *other)
{
	return one < other ? -1 : one > other;
}

static int compare_by_id(const void *a, const void *b)
{
	const struct program_id *one = *(struct program_id *const *)a;
	const struct program_id *other = *(struct program_id *const *)b;
	int order = compare_ids(one, other);

	return order ? order : compare_places(one, other);
}

static int compare_by_real(const void *a, const void *b)
{
	const struct program_id *one = *(struct program_id *const *)a;
	const struct program_id *other = *(struct program_id *const *)b;
	int order = memcmp(one->addr, other->addr, sizeof(one->addr));

	if (one->is_ip6 != other->is_ip6)
		return one->is_ip6 ? 1 : -1;
	return order ? order : compare_places(one, other);
}

/* A real's first id is its primary one, the next ones are spare. */
static int set_roles(struct program_id **list, size_t count, const char *path,
		     struct slot_reason *why)
{
	const struct program_id *roles[PROGRAM_ID_SPARE] = {};

	qsort(list, count, sizeof(void *), compare_by_real);
	for (size_t i = 0; i < count; i++) {
		struct program_id *id = list[i];
		const struct program_id *before;

		if (i && !is_same_real(id, list[i - 1]))
			memset(roles, 0, sizeof(roles));
		before = roles[id->role];
		if (!before) {
			roles[id->role] = id;
			continue;
		}
		if (id->role == PROGRAM_ID_FALLBACK)
			return slot_reason_set(
				why, -EINVAL, "%s%s: the real has a fallback already, id %u (%s%s)",
				path, id->where, before->id, path, before->where);
		id->role = PROGRAM_ID_SPARE;
	}
	return 0;
}

static int check_unique(struct program_id **list, size_t count, const char *path,
			struct slot_reason *why)
{
	char real[SLOT_REAL_SIZE];

	qsort(list, count, sizeof(void *), compare_by_id);
	for (size_t i = 1; i < count; i++) {
		const struct program_id *one = list[i - 1], *other = list[i];

		if (one->id == other->id)
			return slot_reason_set(why, -EINVAL,
					       "%s%s: id %u is in use by %s (%s%s): expected an id "
					       "for one real alone",
					       path, other->where, other->id,
					       slot_server_id_real(one, real), path, one->where);
	}
	return 0;
}

static int check_ids(struct slot_server_ids *ids, const char *path, struct slot_reason *why)
{
	_cleanup_free_ struct program_id **list = calloc(ids->count + 1, sizeof(void *));
	int err;

	if (!ids->count) {
		slot_reason_set(why, -ENODATA,
				"%s: there are no ids in it: nobody's are taken away by that "
				"(a host's: real=none; a balancer's: lb server-id del)",
				path);
		return -ENODATA;
	}
	if (!list)
		return slot_reason_set(why, -ENOMEM, "out of memory");
	for (size_t i = 0; i < ids->count; i++)
		list[i] = &ids->list[i];
	err = set_roles(list, ids->count, path, why);
	return err ? err : check_unique(list, ids->count, path, why);
}

int slot_server_ids_parse(const char *path, const char *text, size_t len, struct slot_reason *why,
			  struct slot_server_ids *ret_ids)
{
	_cleanup_(slot_server_ids_free) struct slot_server_ids ids = {};
	size_t at = 0;
	int err;

	while (at < len && isspace((unsigned char)text[at]))
		at++;
	err = at < len && text[at] == '{' ? parse_json(path, text, len, why, &ids) :
					    parse_lines(path, text, len, why, &ids);
	err = err ? err : check_ids(&ids, path, why);
	if (err)
		return err;
	qsort(ids.list, ids.count, sizeof(*ids.list), compare_ids);
	*ret_ids = ids;
	ids = (struct slot_server_ids){};
	return 0;
}

void slot_server_ids_free(struct slot_server_ids *ids)
{
	free(ids->list);
	*ids = (struct slot_server_ids){};
}

const struct program_id *slot_server_ids_find(const struct slot_server_ids *ids, __u32 id)
{
	const struct program_id key = { .id = id };

	return ids->count ? bsearch(&key, ids->list, ids->count, sizeof(key), compare_ids) : NULL;
}

/* --- which are this host's ------------------------------------------------------------------- */

static void claim_none(struct slot_server_ids *ids)
{
	for (size_t i = 0; i < ids->count; i++)
		ids->list[i].is_here = false;
}

static size_t claim_real(struct slot_server_ids *ids, const struct program_id *real)
{
	size_t claimed = 0;

	for (size_t i = 0; i < ids->count; i++) {
		if (!is_same_real(&ids->list[i], real))
			continue;
		ids->list[i].is_here = true;
		claimed++;
	}
	return claimed;
}

int slot_server_ids_claim(struct slot_server_ids *ids, const char *text, struct slot_reason *why)
{
	struct program_id real = {};

	claim_none(ids);
	if (!strcmp(text, "none"))
		return 0;
	if (parse_address(text, &real))
		return slot_reason_set(why, -EINVAL, "real '%.60s': expected an address, or none",
				       text);
	if (!claim_real(ids, &real))
		return slot_reason_set(why, -ENOENT, "real '%.60s': the file has no id of it",
				       text);
	return 0;
}

int slot_server_ids_claim_local(struct slot_server_ids *ids, struct slot_reason *why,
				size_t *ret_count)
{
	struct ifaddrs *list = NULL;

	claim_none(ids);
	*ret_count = 0;
	if (getifaddrs(&list))
		return slot_reason_set(why, -errno, "cannot tell the addresses that are here: %s",
				       strerror(errno));
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		const struct sockaddr *addr = entry->ifa_addr;
		struct program_id real = { .is_ip6 = addr && addr->sa_family == AF_INET6 };

		if (!addr || (addr->sa_family != AF_INET && !real.is_ip6))
			continue;
		if (real.is_ip6)
			memcpy(real.addr, &((const struct sockaddr_in6 *)addr)->sin6_addr, 16);
		else
			memcpy(real.addr, &((const struct sockaddr_in *)addr)->sin_addr, 4);
		*ret_count += claim_real(ids, &real);
	}
	freeifaddrs(list);
	return 0;
}
