/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sections and keys of a slots.conf, as libconfuse meets them: the events
 * (config_reader.c) and the grammar that raises them (config_grammar.c).
 *
 * libconfuse stops at the first key it does not know, and an empty section
 * leaves no trace of where it began. So each pass declares the unknown keys that
 * the passes before it met, and every section holds an option that nobody can
 * name, whose default value is read when the section opens.
 */
#ifndef SLOT_CONFIG_READER_H
#define SLOT_CONFIG_READER_H

#include <confuse.h>

#include "loader/lib/config/config.h"
#include "loader/lib/config/errors.h"
#include "loader/lib/config/text.h"
#include "loader/lib/config/value.h"

#define SLOT_CONFIG_UNKNOWN_MAX 32 /* different ones; each costs a pass */

enum slot_config_level {
	SLOT_LEVEL_ROOT,
	SLOT_LEVEL_CHAIN,
	SLOT_LEVEL_SLOT,
	SLOT_LEVEL_SETTINGS,
	SLOT_LEVEL_COUNT,
};

/* A key or section that means nothing at its level. */
struct slot_config_unknown {
	enum slot_config_level level;
	unsigned int line;
	char *name;
	bool is_section; /* judged as the section in whose place it stands */
};

struct slot_config_reader {
	const struct slot_config_text *text;
	const struct slot_config_world *world;
	struct slot_config_errors *errors;
	struct slot_config *config;
	struct slot_config_unknown unknown[SLOT_CONFIG_UNKNOWN_MAX];
	size_t unknown_count;

	cfg_t *open[SLOT_LEVEL_COUNT]; /* the open section of each level, or NULL */
	unsigned int open_line[SLOT_LEVEL_COUNT];
	struct slot_reservation *slot;	    /* of the open slot */
	struct slot_reservation refused;    /* what a slot of no use is judged in */
	unsigned int lines[SLOT_KEY_COUNT]; /* where the keys of the open sections were given */
	unsigned int setting_lines[SLOT_CONFIG_SETTINGS_MAX];
	size_t setting_count;

	bool is_whole;	 /* the end of the text was met where it belongs */
	bool is_told;	 /* why the parse fails has been said */
	bool is_stopped; /* nothing more can be judged */
	bool is_retry;	 /* another pass knows more */
	bool no_memory;
};

/*
 * The reader of the parse that runs: libconfuse's callbacks carry no pointer of
 * ours, and its lexer is global anyway.
 */
extern struct slot_config_reader *slot_config_reading;

/* Behaviour of each level when its section opens and closes; index 0 is not used. */
extern const cfg_callback_t slot_config_open[SLOT_LEVEL_COUNT];
extern const cfg_validate_callback_t slot_config_close[SLOT_LEVEL_COUNT];

/* The names of the sections, of their own level. */
extern const char *const slot_config_section_names[SLOT_LEVEL_COUNT];

/* The callbacks of keys: one that is known, one that is not, and the one behind the text. */
int slot_config_read_key(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result);
int slot_config_read_unknown(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result);
int slot_config_read_end(cfg_t *cfg, cfg_opt_t *opt, const char *text, void *result);

/*
 * slot_config_level_find - the level of an open section, SLOT_LEVEL_COUNT for
 * one that is not: a key such as "slot=2|name" reaches there.
 */
enum slot_config_level slot_config_level_find(const struct slot_config_reader *reader,
					      const cfg_t *cfg);

/* slot_config_unknown_add - the error for an unknown key; nothing else is noted. */
void slot_config_unknown_add(struct slot_config_reader *reader, enum slot_config_level level,
			     unsigned int line, const char *name);

/* slot_config_reader_close - free what an aborted parse left open. */
void slot_config_reader_close(struct slot_config_reader *reader);

/*
 * slot_config_read - read @text into @ret_config, every error into @errors.
 * @ret_config (slot_config_free) is also set when there were errors. Returns 0
 * or -ENOMEM.
 */
int slot_config_read(const struct slot_config_text *text, const struct slot_config_world *world,
		     struct slot_config_errors *errors, struct slot_config *ret_config);

#endif
