/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What every command of slotctl is given, and the commands.
 *
 * A command prints data to stdout and returns 0, or -errno with ctl->failure
 * filled in, which main() then prints; or a positive exit status when it has
 * said on its own what went wrong.
 */
#ifndef SLOTCTL_H
#define SLOTCTL_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "loader/slotctl/client.h"
#include "loader/slotctl/table.h"

#define SLOTCTL_EXIT_FAILURE 1
#define SLOTCTL_EXIT_USAGE 2

#define SLOTCTL_MAPS_MAX 64

/* What the options of a change say, as they were written; NULL: not given. */
struct slot_ctl_change {
	const char *generation;
	const char *canary;
	const char *signature;
	const char *watch;
	const char *max_drop_ratio;
	const char *max_abort;
	const char *reset_maps[SLOTCTL_MAPS_MAX]; /* NAME, or SLOT:NAME */
	size_t reset_count;
	const char *migrate_maps[SLOTCTL_MAPS_MAX];
	size_t migrate_count;
};

struct slot_ctl {
	const char *socket;
	const char *chain;   /* --chain, or NULL: the only one */
	const char *diff;    /* --diff, of a program's command */
	bool once;	     /* --once, of a program's command */
	bool counters;	     /* --counters, likewise */
	const char *map_dir; /* --map-dir, or NULL: as slotd says */
	double watch_s;	     /* between two looks; 0: one look */
	struct slot_ctl_change change;
	char *const *words; /* the whole command line, as it was given */
	const char *lines;  /* --lines, or NULL: as many as slotd thinks fit */
	bool json;
	bool all;
	struct slot_look look; /* of stdout */
	struct slot_failure failure;
	bool is_usage; /* the failure is in the command line */
};

/* slot_ctl_refuse - fail for what stands on the command line, printf-like: exit status 2. */
#define slot_ctl_refuse(ctl, ...)                                                                  \
	((ctl)->is_usage = true, slot_reason_set(&(ctl)->failure.why, -EINVAL, __VA_ARGS__),       \
	 -EINVAL)

/* slot_ctl_send - slot_client_send() to the socket and with the failure of @ctl. */
int slot_ctl_send(struct slot_ctl *ctl, const struct slot_request *request, json_t **ret_answer);

/*
 * slot_ctl_call - send @request for @noun of the chosen chain: --chain, or the only one there is.
 * slot_ctl_call_slot - the same for @noun of one of its slots: "", or "/" and what follows; @text is the
 * slot's number or the name of its reservation.
 * slot_ctl_get - slot_ctl_call with GET.
 *
 * request->path is made here. Return 0 with an answer to json_decref, -EINVAL for a
 * number beyond the last slot, -ENOENT for an unknown name, or the errors of
 * slot_client_send.
 */
int slot_ctl_call(struct slot_ctl *ctl, const struct slot_request *request, const char *noun,
		  json_t **ret_answer);
int slot_ctl_call_slot(struct slot_ctl *ctl, const struct slot_request *request, const char *text,
		       const char *noun, json_t **ret_answer);
int slot_ctl_get(struct slot_ctl *ctl, const char *noun, json_t **ret_answer);

/*
 * slot_ctl_find_slot - the number that @text gives, or that of the reservation
 * that it names. Returns 0, or the errors of slot_ctl_call_slot.
 */
int slot_ctl_find_slot(struct slot_ctl *ctl, const char *text, unsigned int *ret_slot);

/*
 * slot_ctl_blame_absence - where the chain of @answer waits for what it belongs to, or for another
 * program to leave that, it is why @ctl's command fails, whatever else it found. Returns whether
 * it waits.
 */
bool slot_ctl_blame_absence(struct slot_ctl *ctl, const json_t *answer);

/*
 * slot_ctl_add_generation - @noun, with ?generation=N behind it where --generation
 * was given. Returns 0, or -EINVAL for what is no number; @ret_noun: free.
 */
int slot_ctl_add_generation(struct slot_ctl *ctl, const char *noun, char **ret_noun);

/*
 * slot_ctl_change_slot - @method on "@verb" of the slot that @text names, and
 * print what it did. Returns 0 or the errors of slot_ctl_call_slot.
 */
int slot_ctl_change_slot(struct slot_ctl *ctl, const char *text, const char *method,
			 const char *verb, const char *doing);

/* slot_ctl_print_json - @json to stdout, indented; on one line while watching. */
void slot_ctl_print_json(const struct slot_ctl *ctl, const json_t *json);

/*
 * slot_ctl_print_each - @print one answer, or each of those that slotd gave for
 * the chains on the ports of an interface.
 */
int slot_ctl_print_each(struct slot_ctl *ctl, const json_t *answer,
			int (*print)(struct slot_ctl *ctl, const json_t *one));

/* slot_ctl_print_warnings - what @answer warns of, to stderr. */
void slot_ctl_print_warnings(const json_t *answer);

/* slot_ctl_print_result - what a change did: JSON or words to stdout, warnings to stderr. */
int slot_ctl_print_result(struct slot_ctl *ctl, const json_t *answer);

/*
 * slot_ctl_warn - @prefix and @text to stderr, made safe for the terminal. It is one
 * line, unless the text brings more, such as the end of a verifier's log: those
 * follow indented.
 */
void slot_ctl_warn(const char *prefix, const char *text);

int cmd_abort(struct slot_ctl *ctl, int argc, char **argv);
int cmd_adopt(struct slot_ctl *ctl, int argc, char **argv);
int cmd_apply(struct slot_ctl *ctl, int argc, char **argv);
int cmd_audit(struct slot_ctl *ctl, int argc, char **argv);
int cmd_deploy(struct slot_ctl *ctl, int argc, char **argv);
int cmd_detach(struct slot_ctl *ctl, int argc, char **argv);
int cmd_disable(struct slot_ctl *ctl, int argc, char **argv);
int cmd_doctor(struct slot_ctl *ctl, int argc, char **argv);
int cmd_enable(struct slot_ctl *ctl, int argc, char **argv);
int cmd_generations(struct slot_ctl *ctl, int argc, char **argv);
int cmd_plan(struct slot_ctl *ctl, int argc, char **argv);
int cmd_promote(struct slot_ctl *ctl, int argc, char **argv);
int cmd_reload(struct slot_ctl *ctl, int argc, char **argv);
int cmd_rollback(struct slot_ctl *ctl, int argc, char **argv);
int cmd_server_id(struct slot_ctl *ctl, int argc, char **argv);
int cmd_show(struct slot_ctl *ctl, int argc, char **argv);
int cmd_slots(struct slot_ctl *ctl, int argc, char **argv);
int cmd_socket(struct slot_ctl *ctl, int argc, char **argv);
int cmd_stats(struct slot_ctl *ctl, int argc, char **argv);
int cmd_status(struct slot_ctl *ctl, int argc, char **argv);
int cmd_undeploy(struct slot_ctl *ctl, int argc, char **argv);
int cmd_verify(struct slot_ctl *ctl, int argc, char **argv);

#endif
