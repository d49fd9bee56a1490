/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loader/lib/config/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No file can hold this key unquoted; its default value is read when the section opens. */
#define OPEN_KEY "\001"

/* The keys, the unknown ones, OPEN_KEY, the end of the text, a section and the end of the list. */
#define OPTIONS_MAX (SLOT_KEY_COUNT + SLOT_CONFIG_UNKNOWN_MAX + 4)

#define NOT_READ "key = value, or key { ... } (the rest was not read)"

struct grammar {
	cfg_opt_t options[SLOT_LEVEL_COUNT][OPTIONS_MAX];
};

/* --- what libconfuse complains about ------------------------------------------------------- */

static struct slot_config_unknown *find_unknown(struct slot_config_reader *reader,
						enum slot_config_level level, const char *name)
{
	for (size_t i = 0; i < reader->unknown_count; i++) {
		struct slot_config_unknown *unknown = &reader->unknown[i];

		if (unknown->level == level && !strcmp(unknown->name, name))
			return unknown;
	}
	return NULL;
}

static void note_unknown(struct slot_config_reader *reader, enum slot_config_level level,
			 unsigned int line, const char *name)
{
	struct slot_config_unknown unknown = { .level = level, .line = line };

	reader->is_told = true;
	slot_config_unknown_add(reader, level, line, name);
	/* libconfuse takes a key with these for a path, and may call its end unknown forever */
	if (reader->unknown_count == SLOT_CONFIG_UNKNOWN_MAX || strpbrk(name, "|=") ||
	    find_unknown(reader, level, name)) {
		slot_config_errors_add(reader->errors, line, "syntax",
				       "an unknown key that cannot be passed over", NOT_READ);
		return;
	}
	unknown.name = strdup(name);
	if (!unknown.name) {
		reader->no_memory = true;
		return;
	}
	reader->unknown[reader->unknown_count++] = unknown;
	reader->is_retry = true;
}

/* In `settings` every key is unknown to libconfuse, which then takes it all the same. */
static void note_setting(struct slot_config_reader *reader, cfg_t *cfg, const char *name)
{
	if (reader->setting_count < SLOT_CONFIG_SETTINGS_MAX) {
		reader->setting_lines[reader->setting_count++] = cfg->line;
		return;
	}
	slot_config_errors_add(reader->errors, cfg->line, name, "too many settings",
			       "at most %d for one slot", SLOT_CONFIG_SETTINGS_MAX);
	cfg->flags &= ~CFGF_KEYSTRVAL; /* so that it is not taken */
	reader->is_stopped = true;
	reader->is_told = true;
}

/* An unknown key without "=" may be a section whose name is misspelt. */
static bool has_become_section(struct slot_config_reader *reader, enum slot_config_level level,
			       const char *name)
{
	struct slot_config_unknown *unknown = find_unknown(reader, level, name);

	/* closing a section of the name "root" would end libconfuse's lexer */
	if (!unknown || unknown->is_section || !strcmp(name, "root"))
		return false;
	unknown->is_section = true;
	reader->is_retry = true;
	return true;
}

static void note_syntax(struct slot_config_reader *reader, const cfg_t *cfg, const char *text)
{
	char shown[SLOT_CONFIG_SHOWN_MAX];

	if ((unsigned int)cfg->line <= reader->text->lines) {
		slot_config_escape(text, shown);
		slot_config_errors_add(reader->errors, cfg->line, "syntax", shown, NOT_READ);
	} else if (!reader->text->is_cut) {
		slot_config_errors_add(reader->errors, reader->text->lines, "syntax",
				       "the text ends too early", NOT_READ);
	}
}

static void note_error(cfg_t *cfg, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));

static void note_error(cfg_t *cfg, const char *fmt, va_list args)
{
	struct slot_config_reader *reader = slot_config_reading;
	enum slot_config_level level = slot_config_level_find(reader, cfg);
	bool is_unknown = !strcmp(fmt, "no such option '%s'");
	bool is_unassigned = !strcmp(fmt, "missing equal sign after option '%s'");
	char text[256];

	if (level < SLOT_LEVEL_COUNT && (is_unknown || is_unassigned)) {
		va_list copy;
		const char *name;

		va_copy(copy, args);
		name = va_arg(copy, const char *);
		va_end(copy);
		if (is_unknown && level == SLOT_LEVEL_SETTINGS) {
			note_setting(reader, cfg, name);
			return;
		}
		if (is_unknown) {
			note_unknown(reader, level, cfg->line, name);
			return;
		}
		if (has_become_section(reader, level, name))
			return;
	}
	vsnprintf(text, sizeof(text), fmt, args);
	if (!reader->is_told)
		note_syntax(reader, cfg, text);
	reader->is_told = true;
}

/* --- options ------------------------------------------------------------------------------- */

static cfg_opt_t make_key(const char *name, bool is_list, cfg_callback_t read)
{
	return (cfg_opt_t){
		.name = name,
		.type = CFGT_STR,
		.flags = CFGF_NODEFAULT | (is_list ? CFGF_LIST : CFGF_NONE),
		.parsecb = read,
	};
}

static cfg_opt_t make_section(struct grammar *grammar, const char *name,
			      enum slot_config_level level)
{
	return (cfg_opt_t){
		.name = name,
		.type = CFGT_SEC,
		.flags = level == SLOT_LEVEL_SETTINGS ? CFGF_KEYSTRVAL | CFGF_NODEFAULT :
							CFGF_MULTI | CFGF_TITLE,
		.subopts = grammar->options[level],
		.validcb = slot_config_close[level],
	};
}

static cfg_opt_t *add_unknown(const struct slot_config_reader *reader, struct grammar *grammar,
			      enum slot_config_level level, cfg_opt_t *opt)
{
	for (size_t i = 0; i < reader->unknown_count; i++) {
		const struct slot_config_unknown *unknown = &reader->unknown[i];

		if (unknown->level != level)
			continue;
		if (unknown->is_section)
			*opt++ = make_section(grammar, unknown->name, level + 1);
		else
			*opt++ = make_key(unknown->name, true, slot_config_read_unknown);
	}
	return opt;
}

static void fill_level(const struct slot_config_reader *reader, struct grammar *grammar,
		       enum slot_config_level level)
{
	cfg_opt_t *opt = grammar->options[level];
	enum slot_config_key key = level == SLOT_LEVEL_CHAIN ? SLOT_KEY_HOOK :
				   level == SLOT_LEVEL_SLOT  ? SLOT_KEY_NAME :
							       SLOT_KEY_COUNT;
	enum slot_config_key end = level == SLOT_LEVEL_CHAIN ? SLOT_KEY_NAME : SLOT_KEY_COUNT;
	static char open_value[] = "-";

	if (level != SLOT_LEVEL_ROOT) {
		*opt = make_key(OPEN_KEY, false, slot_config_open[level]);
		opt->flags = CFGF_NONE;
		opt++->def.parsed = open_value;
	}
	*opt++ = make_key(SLOT_CONFIG_END_KEY, false, slot_config_read_end);
	for (; key < end; key++)
		*opt++ = make_key(slot_config_key_name(key), slot_config_key_is_list(key),
				  slot_config_read_key);
	if (level != SLOT_LEVEL_SETTINGS) {
		*opt++ = make_section(grammar, slot_config_section_names[level + 1], level + 1);
		opt = add_unknown(reader, grammar, level, opt);
	}
	*opt = (cfg_opt_t)CFG_END();
}

/* --- passes -------------------------------------------------------------------------------- */

static void parse_text(struct slot_config_reader *reader, cfg_t *cfg)
{
	enum slot_config_level level = SLOT_LEVEL_SETTINGS;
	bool is_read;

	is_read = cfg_parse_buf(cfg, reader->text->text) == CFG_SUCCESS && reader->is_whole;
	if (is_read || reader->is_told || reader->errors->is_full)
		return;
	/* libconfuse gave up without a word, as on an empty key */
	while (!reader->open[level])
		level--;
	note_syntax(reader, reader->open[level], "a key that cannot be read");
}

static int read_pass(struct slot_config_reader *reader)
{
	struct grammar grammar;
	cfg_t *cfg;

	for (enum slot_config_level level = 0; level < SLOT_LEVEL_COUNT; level++)
		fill_level(reader, &grammar, level);
	cfg = cfg_init(grammar.options[SLOT_LEVEL_ROOT], CFGF_NONE);
	if (!cfg)
		return -ENOMEM;
	cfg_set_error_function(cfg, note_error);
	reader->is_whole = reader->is_told = reader->is_stopped = reader->is_retry = false;
	reader->open[SLOT_LEVEL_ROOT] = cfg;
	slot_config_reading = reader;
	parse_text(reader, cfg);
	slot_config_reading = NULL;
	slot_config_reader_close(reader);
	cfg_free(cfg);
	return reader->no_memory ? -ENOMEM : 0;
}

/* Each once more than its occurrences: an empty list leaves no trace once its key is declared. */
static void report_unknown(struct slot_config_reader *reader)
{
	for (size_t i = 0; i < reader->unknown_count; i++) {
		const struct slot_config_unknown *unknown = &reader->unknown[i];

		slot_config_unknown_add(reader, unknown->level, unknown->line, unknown->name);
	}
}

static void free_unknown(struct slot_config_reader *reader)
{
	for (size_t i = 0; i < reader->unknown_count; i++)
		free(reader->unknown[i].name);
}

int slot_config_read(const struct slot_config_text *text, const struct slot_config_world *world,
		     struct slot_config_errors *errors, struct slot_config *ret_config)
{
	struct slot_config config = { 0 };
	struct slot_config_reader reader = {
		.text = text,
		.world = world,
		.errors = errors,
		.config = &config,
	};
	size_t before = errors->count;
	int err;

	do {
		slot_config_errors_del_from(errors, before);
		slot_config_free(&config);
		report_unknown(&reader);
		err = read_pass(&reader);
	} while (!err && reader.is_retry && !errors->is_full);
	free_unknown(&reader);
	if (err) {
		slot_config_free(&config);
		return err;
	}
	*ret_config = config;
	return 0;
}
