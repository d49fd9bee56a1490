/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_VALUES_MAX 1000 /* of one list: libconfuse grows it one by one */

struct slot_config_reader *slot_config_reading;

const char *const slot_config_section_names[SLOT_LEVEL_COUNT] = {
	[SLOT_LEVEL_ROOT] = "file",
	[SLOT_LEVEL_CHAIN] = "chain",
	[SLOT_LEVEL_SLOT] = "slot",
	[SLOT_LEVEL_SETTINGS] = "settings",
};

static void stop(struct slot_config_reader *reader)
{
	reader->is_stopped = true;
	reader->is_told = true;
}

static bool is_over(const struct slot_config_reader *reader)
{
	return reader->is_stopped || reader->no_memory || reader->errors->is_full;
}

static struct slot_config_value make_value(struct slot_config_reader *reader, unsigned int line,
					   const char *text)
{
	return (struct slot_config_value){
		.world = reader->world,
		.errors = reader->errors,
		.chain = &reader->config->chains[reader->config->count - 1],
		.slot = reader->slot,
		.line = line,
		.text = text,
	};
}

enum slot_config_level slot_config_level_find(const struct slot_config_reader *reader,
					      const cfg_t *cfg)
{
	enum slot_config_level level = SLOT_LEVEL_ROOT;

	while (level < SLOT_LEVEL_COUNT && reader->open[level] != cfg)
		level++;
	return level;
}

void slot_config_unknown_add(struct slot_config_reader *reader, enum slot_config_level level,
			     unsigned int line, const char *name)
{
	static const char *const accepted[] = {
		[SLOT_LEVEL_ROOT] = "chain",
		[SLOT_LEVEL_CHAIN] =
			"one of hook, netns, cgroup, members, mode, order, engine, counters, slot",
		[SLOT_LEVEL_SLOT] =
			"one of name, owner, object, program, continue_on, allow, denied_as, helpers, maps_of, map_memory, require_signature, enabled, settings",
		[SLOT_LEVEL_SETTINGS] = "a key of letters, digits, _ and .",
	};

	slot_config_errors_add(reader->errors, line, name, "unknown key", "%s", accepted[level]);
}

/* --- sections open: a failure in these would be an abort() of libconfuse ------------------- */

static bool has_opened(struct slot_config_reader *reader, enum slot_config_level level, cfg_t *cfg,
		       cfg_opt_t *opt)
{
	enum slot_config_level known = slot_config_level_find(reader, cfg);

	if (known < SLOT_LEVEL_COUNT) /* a key of the name that opens sections, or a path to it */
		slot_config_unknown_add(reader, known, cfg->line, cfg_opt_name(opt));
	if (known < SLOT_LEVEL_COUNT || !reader->open[level - 1])
		return false;
	reader->open[level] = cfg;
	/* a section that opens again (settings) still has the line where it closed */
	reader->open_line[level] = reader->open[level - 1]->line;
	if (strcmp(cfg->name, slot_config_section_names[level]) != 0)
		slot_config_unknown_add(reader, level - 1, reader->open_line[level], cfg->name);
	return true;
}

static void open_chain(struct slot_config_reader *reader, cfg_t *cfg)
{
	struct slot_config *config = reader->config;
	struct slot_chain_config *chains;

	chains = reallocarray(config->chains, config->count + 1, sizeof(*chains));
	if (!chains) {
		reader->no_memory = true;
		reader->open[SLOT_LEVEL_CHAIN] = NULL;
		return;
	}
	config->chains = chains;
	chains[config->count++] = (struct slot_chain_config){
		.line = cfg->line,
		.counters = true,
	};
	memset(reader->lines, 0, sizeof(reader->lines));
}

static void open_slot(struct slot_config_reader *reader, cfg_t *cfg)
{
	struct slot_config_value title = make_value(reader, cfg->line, cfg->title);
	int number = slot_config_slot_parse(&title);
	struct slot_reservation *slot = &reader->refused;

	if (number >= 0 && !title.chain->slots[number].present)
		slot = &title.chain->slots[number];
	else if (number >= 0)
		slot_config_errors_add_value(reader->errors, cfg->line, "slot", cfg->title,
					     "a slot other than that of line %u",
					     title.chain->slots[number].line);
	*slot = (struct slot_reservation){
		.present = true,
		.line = cfg->line,
		.owner = "root",
		.rules = ROOT_RULES_DEFAULT,
		.enabled = true,
	};
	reader->slot = slot;
	memset(reader->lines + SLOT_KEY_NAME, 0,
	       (SLOT_KEY_COUNT - SLOT_KEY_NAME) * sizeof(reader->lines[0]));
	reader->open_line[SLOT_LEVEL_SETTINGS] = 0;
}

static int open_chain_section(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	*(const char **)result = text;
	if (has_opened(slot_config_reading, SLOT_LEVEL_CHAIN, cfg, opt))
		open_chain(slot_config_reading, cfg);
	return 0;
}

static int open_slot_section(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	*(const char **)result = text;
	if (has_opened(slot_config_reading, SLOT_LEVEL_SLOT, cfg, opt))
		open_slot(slot_config_reading, cfg);
	return 0;
}

static int open_settings_section(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct slot_config_reader *reader = slot_config_reading;
	unsigned int earlier = reader->open_line[SLOT_LEVEL_SETTINGS];

	*(const char **)result = text;
	if (!has_opened(reader, SLOT_LEVEL_SETTINGS, cfg, opt))
		return 0;
	reader->setting_count = 0;
	if (earlier)
		slot_config_errors_add(reader->errors, reader->open_line[SLOT_LEVEL_SETTINGS],
				       "settings", "given twice", "one section (line %u has it)",
				       earlier);
	return 0;
}

const cfg_callback_t slot_config_open[SLOT_LEVEL_COUNT] = {
	[SLOT_LEVEL_CHAIN] = open_chain_section,
	[SLOT_LEVEL_SLOT] = open_slot_section,
	[SLOT_LEVEL_SETTINGS] = open_settings_section,
};

/* --- sections close ------------------------------------------------------------------------ */

static int close_chain_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct slot_config_reader *reader = slot_config_reading;
	cfg_t *section = reader->open[SLOT_LEVEL_CHAIN];
	struct slot_config_value value;

	(void)cfg;
	(void)opt;
	reader->open[SLOT_LEVEL_CHAIN] = NULL;
	if (section) {
		value = make_value(reader, reader->open_line[SLOT_LEVEL_CHAIN], section->title);
		slot_config_chain_check(&value, reader->config->chains, reader->config->count - 1);
	}
	if (reader->config->count > SLOT_CONFIG_CHAINS_MAX) {
		slot_config_errors_add(reader->errors, reader->open_line[SLOT_LEVEL_CHAIN], "chain",
				       "too many", "at most %d", SLOT_CONFIG_CHAINS_MAX);
		stop(reader);
	}
	return is_over(reader) ? -1 : 0;
}

static void free_refused(struct slot_config_reader *reader)
{
	free(reader->refused.object);
	free(reader->refused.program);
	slot_settings_free(&reader->refused.settings);
	reader->refused = (struct slot_reservation){ 0 };
}

/* `allow = {}`: no value arrives, yet the key was given. */
static bool is_given_empty(cfg_t *section, enum slot_config_key key)
{
	const cfg_opt_t *opt = cfg_getopt(section, slot_config_key_name(key));

	return opt->flags & CFGF_MODIFIED && !opt->nvalues;
}

static int close_slot_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct slot_config_reader *reader = slot_config_reading;
	cfg_t *section = reader->open[SLOT_LEVEL_SLOT];
	struct slot_config_value value;

	(void)cfg;
	(void)opt;
	reader->open[SLOT_LEVEL_SLOT] = NULL;
	if (is_over(reader) || !section)
		return -1;
	if (is_given_empty(section, SLOT_KEY_CONTINUE_ON)) {
		reader->slot->rules.continue_on = 0;
		reader->slot->has_continue_on = true;
	}
	if (is_given_empty(section, SLOT_KEY_HELPERS))
		reader->slot->limits.has_helpers = true;
	value = make_value(reader, reader->open_line[SLOT_LEVEL_SLOT], section->title);
	slot_config_slot_check(&value, reader->lines, is_given_empty(section, SLOT_KEY_ALLOW));
	free_refused(reader);
	return is_over(reader) ? -1 : 0;
}

static int close_settings_section(cfg_t *cfg, cfg_opt_t *opt)
{
	struct slot_config_reader *reader = slot_config_reading;
	cfg_t *section = reader->open[SLOT_LEVEL_SETTINGS];
	size_t index = 0;

	(void)cfg;
	(void)opt;
	reader->open[SLOT_LEVEL_SETTINGS] = NULL;
	if (is_over(reader) || !section)
		return -1;
	for (unsigned int i = 0; i < cfg_num(section) && index < reader->setting_count; i++) {
		cfg_opt_t *item = cfg_getnopt(section, i);
		const char *text = cfg_opt_getnstr(item, 0);
		struct slot_config_value value;

		if (item->parsecb) /* ours, not the file's */
			continue;
		value = make_value(reader, reader->setting_lines[index++], text ? text : "");
		if (slot_config_value_add_setting(&value, item->name))
			reader->no_memory = true;
	}
	return is_over(reader) ? -1 : 0;
}

const cfg_validate_callback_t slot_config_close[SLOT_LEVEL_COUNT] = {
	[SLOT_LEVEL_CHAIN] = close_chain_section,
	[SLOT_LEVEL_SLOT] = close_slot_section,
	[SLOT_LEVEL_SETTINGS] = close_settings_section,
};

void slot_config_reader_close(struct slot_config_reader *reader)
{
	free_refused(reader);
	memset(reader->open, 0, sizeof(reader->open));
}

/* --- keys ---------------------------------------------------------------------------------- */

int slot_config_read_key(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct slot_config_reader *reader = slot_config_reading;
	bool is_in_slot = slot_config_level_find(reader, cfg) == SLOT_LEVEL_SLOT;
	enum slot_config_key key = is_in_slot ? SLOT_KEY_NAME : SLOT_KEY_HOOK;
	enum slot_config_key end = is_in_slot ? SLOT_KEY_COUNT : SLOT_KEY_NAME;
	struct slot_config_value value;

	*(const char **)result = text;
	if ((unsigned int)cfg->line > reader->text->lines) /* its "=" is the next to be refused */
		return 0;
	while (key < end && strcmp(slot_config_key_name(key), opt->name) != 0)
		key++;
	if (is_over(reader) || key == end || !reader->open[SLOT_LEVEL_CHAIN])
		return -1;
	value = make_value(reader, cfg->line, text);
	value.is_first = cfg_opt_size(opt) == 1;
	if (reader->lines[key] && value.is_first)
		slot_config_errors_add_value(reader->errors, cfg->line, opt->name, text,
					     "given once (line %u has it)", reader->lines[key]);
	if (slot_config_value_set(&value, key))
		reader->no_memory = true;
	reader->lines[key] = cfg->line;
	return is_over(reader) ? -1 : 0;
}

int slot_config_read_unknown(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct slot_config_reader *reader = slot_config_reading;
	enum slot_config_level level = slot_config_level_find(reader, cfg);

	if (level == SLOT_LEVEL_COUNT || cfg_opt_size(opt) > UNKNOWN_VALUES_MAX)
		return -1;
	if (cfg_opt_size(opt) == 1)
		slot_config_unknown_add(reader, level, cfg->line, opt->name);
	*(const char **)result = text;
	return is_over(reader) ? -1 : 0;
}

int slot_config_read_end(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result)
{
	struct slot_config_reader *reader = slot_config_reading;
	enum slot_config_level level = slot_config_level_find(reader, cfg);

	(void)opt;
	*(const char **)result = text;
	reader->is_whole = level == SLOT_LEVEL_ROOT;
	if (reader->is_whole)
		return 0;
	if (!reader->text->is_cut && level < SLOT_LEVEL_COUNT)
		slot_config_errors_add(reader->errors, reader->open_line[level],
				       slot_config_section_names[level], "a section without end",
				       "\"}\"");
	stop(reader);
	return -1;
}
