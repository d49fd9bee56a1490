/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "loader/lib/config/text.h"
#include "loader/lib/config/verdict.h"

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
#define VERDICTS "aborted, drop, pass, tx, redirect"
#define SETTING_MAX 1024 /* bytes of a key or a value, with its NUL */

struct key {
	const char *name;
	bool is_list;
	int (*set)(const struct slot_config_value *value, const char *key);
};

static void refuse(const struct slot_config_value *value, const char *key, const char *accepted)
{
	slot_config_errors_add_value(value->errors, value->line, key, value->text, "%s", accepted);
}

static bool is_made_of(const char *text, const char *chars, size_t size)
{
	size_t len = strlen(text);

	return len && len < size && strspn(text, chars) == len;
}

/* The index of @value among @count @words, or -1 with an error. */
static int choose_word(const struct slot_config_value *value, const char *key,
		       const char *const *words, int count)
{
	char accepted[128] = "one of ";

	for (int i = 0; i < count; i++) {
		if (!strcmp(value->text, words[i]))
			return i;
		if (i)
			strcat(accepted, ", ");
		strcat(accepted, words[i]);
	}
	refuse(value, key, count == 1 ? words[0] : accepted);
	return -1;
}

static int set_hook(const struct slot_config_value *value, const char *key)
{
	const char *words[SLOT_HOOK_COUNT];
	int word;

	for (word = 0; word < SLOT_HOOK_COUNT; word++)
		words[word] = slot_hook_name(word);
	word = choose_word(value, key, words, SLOT_HOOK_COUNT);
	if (word >= 0)
		value->chain->hook = word;
	return 0;
}

/* A name becomes part of the chain's, of paths and of addresses. */
static bool is_netns_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < SLOT_NETNS_NAME_MAX && name[0] != '.' &&
	       strspn(name, WORD_CHARS ".-") == len;
}

static int set_netns(const struct slot_config_value *value, const char *key)
{
	const char *slash = strrchr(value->text, '/');
	char *netns = value->chain->place.netns;

	if (strlen(value->text) >= SLOT_NETNS_PATH_MAX - sizeof(SLOT_NETNS_DIR) ||
	    !slot_config_text_is_valid(value->text) || (slash && value->text[0] != '/') ||
	    !is_netns_name(slash ? slash + 1 : value->text))
		refuse(value, key,
		       "a network namespace: the name of one in " SLOT_NETNS_DIR
		       ", 1 to 47 letters, digits, _, . and -, or an absolute path that ends so");
	else if (slash)
		strcpy(netns, value->text);
	else
		snprintf(netns, SLOT_NETNS_PATH_MAX, SLOT_NETNS_DIR "/%s", value->text);
	return 0;
}

/* Written in one way only, so that two sections of one cgroup can be told by their paths. */
static bool is_cgroup_path(const char *path)
{
	size_t len = strlen(path);

	if (strncmp(path, SLOT_CGROUP_DIR, strlen(SLOT_CGROUP_DIR)) != 0 ||
	    len >= SLOT_CGROUP_PATH_MAX || !slot_config_text_is_valid(path))
		return false;
	path += strlen(SLOT_CGROUP_DIR);
	return !*path || (*path == '/' && path[strlen(path) - 1] != '/' && !strstr(path, "//") &&
			  !strstr(path, "/."));
}

static int set_cgroup(const struct slot_config_value *value, const char *key)
{
	if (is_cgroup_path(value->text))
		strcpy(value->chain->place.cgroup, value->text);
	else
		refuse(value, key,
		       "the path of a cgroup: " SLOT_CGROUP_DIR
		       " or a folder below it, of at most 255 bytes");
	return 0;
}

static int set_mode(const struct slot_config_value *value, const char *key)
{
	static const char *const words[] = {
		[SLOT_ATTACH_AUTO] = "auto",
		[SLOT_ATTACH_NATIVE] = "native",
		[SLOT_ATTACH_GENERIC] = "generic",
	};
	int word = choose_word(value, key, words, SLOT_ATTACH_COUNT);

	if (word >= 0)
		value->chain->mode = word;
	return 0;
}

static int set_order(const struct slot_config_value *value, const char *key)
{
	static const char *const words[] = {
		[SLOT_TC_LAST] = "last",
		[SLOT_TC_FIRST] = "first",
	};
	int word = choose_word(value, key, words, SLOT_TC_ORDER_COUNT);

	if (word >= 0)
		value->chain->order = word;
	return 0;
}

static int set_engine(const struct slot_config_value *value, const char *key)
{
	static const char *const words[] = {
		[SLOT_ENGINE_AUTO] = "auto",
		[SLOT_ENGINE_FREPLACE] = "freplace",
		[SLOT_ENGINE_FUSED] = "fused",
	};
	int word = choose_word(value, key, words, SLOT_ENGINE_COUNT);

	if (word >= 0)
		value->chain->engine = word;
	return 0;
}

static void parse_bool(const struct slot_config_value *value, const char *key, bool *ret_bool)
{
	static const char *const words[] = { "false", "true", "no", "yes", "off", "on" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcasecmp(value->text, words[i])) {
			*ret_bool = i % 2;
			return;
		}
	}
	refuse(value, key, "true or false");
}

static int set_members(const struct slot_config_value *value, const char *key)
{
	parse_bool(value, key, &value->chain->has_members);
	return 0;
}

static int set_counters(const struct slot_config_value *value, const char *key)
{
	parse_bool(value, key, &value->chain->counters);
	return 0;
}

static int set_enabled(const struct slot_config_value *value, const char *key)
{
	parse_bool(value, key, &value->slot->enabled);
	return 0;
}

static int set_name(const struct slot_config_value *value, const char *key)
{
	if (!is_made_of(value->text, NAME_CHARS, SLOT_NAME_MAX)) {
		refuse(value, key, "1 to 31 of a-z, 0-9, _ and -");
		return 0;
	}
	for (unsigned int i = 0; i < ROOT_SLOTS; i++) {
		const struct slot_reservation *other = &value->chain->slots[i];

		if (other == value->slot || !other->present ||
		    strcmp(other->name, value->text) != 0)
			continue;
		slot_config_errors_add_value(value->errors, value->line, key, value->text,
					     "a name that slot %u (line %u) does not have", i,
					     other->line);
		return 0;
	}
	strcpy(value->slot->name, value->text);
	return 0;
}

static int set_owner(const struct slot_config_value *value, const char *key)
{
	const struct slot_config_world *world = value->world;
	bool is_group = value->text[0] == '@';
	size_t len = strlen(value->text);

	if (len <= (is_group ? 1 : 0) || len >= SLOT_OWNER_MAX ||
	    !slot_config_text_is_valid(value->text) || strpbrk(value->text, " \t:/")) {
		refuse(value, key, "a user, or @group, of at most 63 characters");
		return 0;
	}
	if (world && world->has_owner && !world->has_owner(value->text, world->data)) {
		refuse(value, key, is_group ? "a group of this machine" : "a user of this machine");
		return 0;
	}
	strcpy(value->slot->owner, value->text);
	return 0;
}

/* A name with a slash is a path from the folder of the file; one without is left to the caller. */
static char *resolve_object(const char *file, const char *object)
{
	const char *slash = strrchr(file, '/');
	char *path;

	if (object[0] == '/' || !strchr(object, '/') || !slash)
		return strdup(object);
	if (asprintf(&path, "%.*s/%s", (int)(slash - file), file, object) < 0)
		return NULL;
	return path;
}

static int set_object(const struct slot_config_value *value, const char *key)
{
	const struct slot_config_world *world = value->world;
	char *path;

	if (!value->text[0] || strlen(value->text) >= PATH_MAX ||
	    !slot_config_text_is_valid(value->text)) {
		refuse(value, key, "the path of a BPF object");
		return 0;
	}
	path = resolve_object(value->errors->file, value->text);
	if (!path)
		return -ENOMEM;
	if (world && world->has_object && !world->has_object(path, world->data)) {
		slot_config_errors_add_value(value->errors, value->line, key, path,
					     "a file that can be read");
		free(path);
		return 0;
	}
	free(value->slot->object);
	value->slot->object = path;
	return 0;
}

static int set_program(const struct slot_config_value *value, const char *key)
{
	char *program;

	if (!is_made_of(value->text, WORD_CHARS, SLOT_FUNCTION_MAX) ||
	    isdigit((unsigned char)value->text[0])) {
		refuse(value, key, "the name of a function, of at most 63 characters");
		return 0;
	}
	program = strdup(value->text);
	if (!program)
		return -ENOMEM;
	free(value->slot->program);
	value->slot->program = program;
	return 0;
}

/* The hook may be named behind it: whether it is one of packets is known when the section is over. */
static void note_verdict(const struct slot_config_value *value, const char *key, int bit)
{
	struct slot_verdict_use *use = &value->slot->packet_verdict;

	if (use->line || bit == ROOT_COL_PASS || bit == ROOT_COL_DROP)
		return;
	*use = (struct slot_verdict_use){
		.line = value->line,
		.key = key,
		.verdict = slot_allow_name((unsigned int)bit),
	};
}

static void add_verdict(const struct slot_config_value *value, const char *key, __u8 *mask)
{
	int verdict = slot_verdict_parse(value->text);

	if (value->is_first)
		*mask = 0;
	if (verdict < 0)
		refuse(value, key, "one of " VERDICTS);
	else if (*mask & 1U << verdict)
		refuse(value, key, "each verdict once");
	else
		*mask |= 1U << verdict;
	if (verdict >= 0)
		note_verdict(value, key, verdict);
}

static int set_continue_on(const struct slot_config_value *value, const char *key)
{
	add_verdict(value, key, &value->slot->rules.continue_on);
	return 0;
}

static int set_allow(const struct slot_config_value *value, const char *key)
{
	__u8 *allow = &value->slot->rules.allow;
	int bit = slot_allow_parse(value->text);

	if (value->is_first)
		*allow = 0;
	if (bit < 0)
		refuse(value, key, "one of " VERDICTS ", skip");
	else if (*allow & 1U << bit)
		refuse(value, key, "each verdict once");
	else
		*allow |= 1U << bit;
	if (bit >= 0)
		note_verdict(value, key, bit);
	return 0;
}

static int set_denied_as(const struct slot_config_value *value, const char *key)
{
	int verdict = slot_verdict_parse(value->text);

	if (verdict < 0 || verdict > ROOT_DENIED_AS_PASS)
		refuse(value, key, "one of aborted, drop, pass");
	else
		value->slot->rules.denied_as = verdict;
	if (verdict == ROOT_COL_ABORTED)
		note_verdict(value, key, verdict);
	return 0;
}

static const struct key keys[SLOT_KEY_COUNT] = {
	[SLOT_KEY_HOOK] = { "hook", false, set_hook },
	[SLOT_KEY_NETNS] = { "netns", false, set_netns },
	[SLOT_KEY_CGROUP] = { "cgroup", false, set_cgroup },
	[SLOT_KEY_MEMBERS] = { "members", false, set_members },
	[SLOT_KEY_MODE] = { "mode", false, set_mode },
	[SLOT_KEY_ORDER] = { "order", false, set_order },
	[SLOT_KEY_ENGINE] = { "engine", false, set_engine },
	[SLOT_KEY_COUNTERS] = { "counters", false, set_counters },
	[SLOT_KEY_NAME] = { "name", false, set_name },
	[SLOT_KEY_OWNER] = { "owner", false, set_owner },
	[SLOT_KEY_OBJECT] = { "object", false, set_object },
	[SLOT_KEY_PROGRAM] = { "program", false, set_program },
	[SLOT_KEY_CONTINUE_ON] = { "continue_on", true, set_continue_on },
	[SLOT_KEY_ALLOW] = { "allow", true, set_allow },
	[SLOT_KEY_DENIED_AS] = { "denied_as", false, set_denied_as },
	[SLOT_KEY_HELPERS] = { "helpers", true, slot_config_helpers_add },
	[SLOT_KEY_MAPS_OF] = { "maps_of", false, slot_config_lender_set },
	[SLOT_KEY_MAP_MEMORY] = { "map_memory", false, slot_config_map_memory_set },
	[SLOT_KEY_REQUIRE_SIGNATURE] = { "require_signature", false, slot_config_signature_set },
	[SLOT_KEY_ENABLED] = { "enabled", false, set_enabled },
};

const char *slot_config_key_name(enum slot_config_key key)
{
	return keys[key].name;
}

bool slot_config_key_is_list(enum slot_config_key key)
{
	return keys[key].is_list;
}

int slot_config_value_set(const struct slot_config_value *value, enum slot_config_key key)
{
	return keys[key].set(value, keys[key].name);
}

int slot_config_value_add_setting(const struct slot_config_value *value, const char *key)
{
	if (!is_made_of(key, WORD_CHARS ".", SETTING_MAX)) {
		slot_config_errors_add_value(value->errors, value->line, "settings", key,
					     "a key of letters, digits, _ and .");
		return 0;
	}
	if (strlen(value->text) >= SETTING_MAX || !slot_config_text_is_valid(value->text)) {
		refuse(value, key, "at most 1023 bytes of UTF-8 without control characters");
		return 0;
	}
	return slot_settings_add(&value->slot->settings, key, value->text);
}

int slot_config_slot_parse(const struct slot_config_value *value)
{
	int number = atoi(value->text);

	if (is_made_of(value->text, "0123456789", 3) && number < ROOT_SLOTS)
		return number;
	refuse(value, "slot", "a number from 0 to 19");
	return -EINVAL;
}

static void check_continue_on(const struct slot_config_value *value, unsigned int line)
{
	struct root_rules *rules = &value->slot->rules;
	char allowed[64];

	slot_verdict_mask_format(rules->allow, allowed, sizeof(allowed));
	for (unsigned int verdict = 0; verdict < ROOT_VERDICTS; verdict++) {
		if (rules->continue_on & ~rules->allow & 1U << verdict)
			slot_config_errors_add_value(value->errors, line, "continue_on",
						     slot_verdict_name(verdict),
						     "only what allow names: %s", allowed);
	}
}

void slot_config_slot_check(const struct slot_config_value *value,
			    const unsigned int lines[SLOT_KEY_COUNT], bool is_allow_empty)
{
	struct root_rules *rules = &value->slot->rules;

	if (lines[SLOT_KEY_CONTINUE_ON])
		value->slot->has_continue_on = true;
	if (!lines[SLOT_KEY_NAME])
		slot_config_errors_add(value->errors, value->line, "name", "missing",
				       "a name for the slot, 1 to 31 of a-z, 0-9, _ and -");
	if (is_allow_empty)
		slot_config_errors_add(value->errors, value->line, "allow", "empty",
				       "at least one of " VERDICTS);
	else if (lines[SLOT_KEY_ALLOW] && rules->allow == ROOT_ALLOW_SKIP)
		slot_config_errors_add(value->errors, lines[SLOT_KEY_ALLOW], "allow", "skip",
				       "a verdict beside skip: at least one of " VERDICTS);
	else if (lines[SLOT_KEY_CONTINUE_ON] && rules->allow)
		check_continue_on(value, lines[SLOT_KEY_CONTINUE_ON]);
	else
		rules->continue_on &= rules->allow;
}
