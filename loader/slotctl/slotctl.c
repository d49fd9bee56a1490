/* SPDX-License-Identifier: GPL-2.0-only */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dispatcher/root_abi.h"
#include "loader/lib/base/cleanup.h"
#include "loader/lib/config/config.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/text.h"
#include "loader/slotctl/view.h"

int slot_ctl_send(struct slot_ctl *ctl, const struct slot_request *request, json_t **ret_answer)
{
	return slot_client_send(ctl->socket, request, &ctl->failure, ret_answer);
}

static int refuse_choice(struct slot_ctl *ctl, const json_t *chains, const char *config)
{
	char names[1024] = "";
	size_t used = 0, i;
	const json_t *chain;

	if (!json_array_size(chains))
		return slot_reason_set(&ctl->failure.why, -ENOENT,
				       "slotd has no chain; '%s' configures them", config);
	json_array_foreach(chains, i, chain) {
		if (used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 i ? ", " : "",
						 slot_answer_text(chain, "interface"));
	}
	return slot_ctl_refuse(ctl, "there are several chains: %s; name one with --chain", names);
}

/* The chain's name, for the whole run: --chain, or the only one that slotd has. */
static int choose_chain(struct slot_ctl *ctl)
{
	static char chosen[SLOT_CHAIN_NAME_MAX];
	struct slot_request request = { .method = "GET", .path = "/v1/status" };
	json_auto_t *status = NULL;
	const json_t *chains;
	int err;

	if (ctl->chain)
		return 0;
	err = slot_ctl_send(ctl, &request, &status);
	if (err)
		return err;
	chains = json_object_get(status, "chains");
	if (json_array_size(chains) != 1)
		return refuse_choice(ctl, chains, slot_answer_text(status, "config"));
	snprintf(chosen, sizeof(chosen), "%s",
		 slot_answer_text(json_array_get(chains, 0), "interface"));
	ctl->chain = chosen;
	return 0;
}

int slot_ctl_call(struct slot_ctl *ctl, const struct slot_request *request, const char *noun,
		  json_t **ret_answer)
{
	struct slot_request copy = *request;
	_cleanup_free_ char *escaped = NULL, *path = NULL;
	int err;

	err = choose_chain(ctl);
	if (err)
		return err;
	escaped = slot_client_escape(ctl->chain);
	if (!escaped || asprintf(&path, "/v1/chains/%s/%s", escaped, noun) < 0) {
		path = NULL;
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	}
	copy.path = path;
	return slot_ctl_send(ctl, &copy, ret_answer);
}

int slot_ctl_get(struct slot_ctl *ctl, const char *noun, json_t **ret_answer)
{
	struct slot_request request = { .method = "GET" };

	return slot_ctl_call(ctl, &request, noun, ret_answer);
}

bool slot_ctl_blame_absence(struct slot_ctl *ctl, const json_t *answer)
{
	const char *name = slot_answer_text(answer, "interface");
	const char *what = json_string_value(json_object_get(answer, "waits_for"));
	const char *refused = json_string_value(json_object_get(answer, "refused"));

	if (what)
		slot_reason_set(&ctl->failure.why, 0,
				"'%s' waits for %s, which is not there: none of its slots runs yet",
				name, what);
	else if (refused)
		slot_reason_set(&ctl->failure.why, 0, "none of the slots of '%s' runs: %s", name,
				refused);
	return what || refused;
}

static int refuse_name(struct slot_ctl *ctl, const char *name, const json_t *answer)
{
	char names[1024] = "";
	const json_t *slot;
	size_t used = 0, i;

	json_array_foreach(json_object_get(answer, "slots"), i, slot) {
		if (slot_answer_is_true(slot, "reserved") && used < sizeof(names))
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s",
						 used ? ", " : "", slot_answer_text(slot, "name"));
	}
	slot_reason_set(&ctl->failure.why, -ENOENT,
			"no slot of '%s' is reserved as '%s'; reserved: %s", ctl->chain, name,
			used ? names : "none");
	if (!used)
		slot_ctl_blame_absence(ctl, answer);
	return -ENOENT;
}

static int find_name(struct slot_ctl *ctl, const char *name, unsigned int *ret_slot)
{
	json_auto_t *answer = NULL;
	const json_t *first, *slot;
	size_t i;
	int err;

	err = slot_ctl_get(ctl, "slots", &answer);
	if (err)
		return err;
	/* the chains on the ports of one interface are made from one section */
	first = json_array_get(json_object_get(answer, "results"), 0);
	json_array_foreach(json_object_get(first ? first : answer, "slots"), i, slot) {
		if (slot_answer_is_true(slot, "reserved") &&
		    !strcmp(slot_answer_text(slot, "name"), name)) {
			*ret_slot = (unsigned int)slot_answer_number(slot, "slot");
			return 0;
		}
	}
	return refuse_name(ctl, name, first ? first : answer);
}

int slot_ctl_find_slot(struct slot_ctl *ctl, const char *text, unsigned int *ret_slot)
{
	unsigned long number;
	char *end;

	if (!isdigit((unsigned char)*text))
		return find_name(ctl, text, ret_slot);
	errno = 0;
	number = strtoul(text, &end, 10);
	if (*end)
		return find_name(ctl, text, ret_slot);
	if (errno || number >= ROOT_SLOTS)
		return slot_ctl_refuse(ctl, "slot '%s': a slot is 0 to %d, or a reservation's name",
				       text, ROOT_SLOTS - 1);
	*ret_slot = (unsigned int)number;
	return 0;
}

int slot_ctl_call_slot(struct slot_ctl *ctl, const struct slot_request *request, const char *text,
		       const char *noun, json_t **ret_answer)
{
	_cleanup_free_ char *path = NULL;
	unsigned int slot = 0;
	int err;

	err = slot_ctl_find_slot(ctl, text, &slot);
	if (err)
		return err;
	if (asprintf(&path, "slots/%u%s", slot, noun) < 0) {
		path = NULL;
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	}
	return slot_ctl_call(ctl, request, path, ret_answer);
}

int slot_ctl_add_generation(struct slot_ctl *ctl, const char *noun, char **ret_noun)
{
	const char *text = ctl->change.generation;
	char *made = NULL;

	if (text && (!*text || text[strspn(text, "0123456789")]))
		return slot_ctl_refuse(ctl, "--generation '%s': a number expected", text);
	if (asprintf(&made, "%s%s%s", noun, text ? "?generation=" : "", text ? text : "") < 0)
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	*ret_noun = made;
	return 0;
}

void slot_ctl_print_json(const struct slot_ctl *ctl, const json_t *json)
{
	size_t flags = JSON_ENCODE_ANY | (ctl->watch_s > 0 ? JSON_COMPACT : JSON_INDENT(2));

	json_dumpf(json, stdout, flags);
	putchar('\n');
}

static void print_line(const char *prefix, const char *line)
{
	_cleanup_free_ char *clean = slot_text_clean(line, NULL);

	fprintf(stderr, "%s%s\n", prefix, clean ? clean : "out of memory");
}

void slot_ctl_warn(const char *prefix, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *line = strsep(&rest, "\n");

	print_line(prefix, line ? line : "out of memory");
	while ((line = strsep(&rest, "\n"))) {
		if (*line)
			print_line("  ", line);
	}
}

int slot_ctl_print_each(struct slot_ctl *ctl, const json_t *answer,
			int (*print)(struct slot_ctl *ctl, const json_t *one))
{
	const json_t *results = json_object_get(answer, "results"), *result;
	size_t i;
	int err;

	if (!results)
		return print(ctl, answer);
	json_array_foreach(results, i, result) {
		err = print(ctl, result);
		if (err)
			return err;
	}
	return 0;
}

void slot_ctl_print_warnings(const json_t *answer)
{
	const json_t *warning;
	size_t i;

	json_array_foreach(json_object_get(answer, "warnings"), i, warning) {
		if (json_is_string(warning))
			slot_ctl_warn("slotctl: warning: ", json_string_value(warning));
	}
}

static int print_result(struct slot_ctl *ctl, const json_t *result)
{
	slot_ctl_print_warnings(result);
	return ctl->json ? 0 : slot_view_result(result, &ctl->look, stdout);
}

int slot_ctl_print_result(struct slot_ctl *ctl, const json_t *answer)
{
	int err = slot_ctl_print_each(ctl, answer, print_result);

	if (!err && json_object_get(answer, "results"))
		slot_ctl_print_warnings(answer);
	if (!err && ctl->json)
		slot_ctl_print_json(ctl, answer);
	return err;
}
