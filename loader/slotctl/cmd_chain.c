/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to a chain as a whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/answer.h"
#include "loader/slotctl/cmd_program.h"
#include "loader/slotctl/slotctl.h"

#define MAP_NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."

static int call_chain(struct slot_ctl *ctl, const char *noun, const char *doing)
{
	struct slot_request request = { .method = "POST", .doing = doing };
	json_auto_t *result = NULL;
	int err = slot_ctl_call(ctl, &request, noun, &result);

	return err ? err : slot_ctl_print_result(ctl, result);
}

static int change_chain(struct slot_ctl *ctl, const char *verb, const char *doing)
{
	_cleanup_free_ char *noun = NULL;
	int err = slot_ctl_add_generation(ctl, verb, &noun);

	return err ? err : call_chain(ctl, noun, doing);
}

/* SLOT:MAP of --reset-map behind *@noun, which becomes another string. */
static int add_reset(struct slot_ctl *ctl, const char *text, bool is_first, char **noun)
{
	const char *map = strchr(text, ':');
	_cleanup_free_ char *name = map ? strndup(text, (size_t)(map - text)) : NULL;
	const char *mark = strchr(*noun, '?') ? "&" : "?";
	unsigned int slot = 0;
	char *longer;
	int err;

	if (!map || !map[1] || map[1 + strspn(map + 1, MAP_NAME_CHARS)])
		return slot_ctl_refuse(ctl, "--reset-map '%s': SLOT:MAP expected", text);
	if (!name)
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	err = slot_ctl_find_slot(ctl, name, &slot);
	if (err)
		return err;
	if (asprintf(&longer, "%s%s%s%u%s", *noun, is_first ? mark : ",",
		     is_first ? "reset_maps=" : "", slot, map) < 0)
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	free(*noun);
	*noun = longer;
	return 0;
}

int cmd_apply(struct slot_ctl *ctl, int argc, char **argv)
{
	const struct slot_ctl_change *change = &ctl->change;
	_cleanup_free_ char *noun = NULL;
	int err = slot_ctl_add_generation(ctl, "apply", &noun);

	(void)argc, (void)argv;
	for (size_t i = 0; i < change->reset_count && !err; i++)
		err = add_reset(ctl, change->reset_maps[i], !i, &noun);
	return err ? err : call_chain(ctl, noun, "applying slots.conf");
}

int cmd_rollback(struct slot_ctl *ctl, int argc, char **argv)
{
	if (argc)
		return slot_ctl_change_slot(ctl, argv[0], "POST", "/rollback", "rolling back");
	return change_chain(ctl, "rollback", "rolling back");
}

int cmd_adopt(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc, (void)argv;
	return change_chain(ctl, "adopt", "adopting what libxdp runs");
}

static const char *get_no_setting(const struct program_claims *claims, const char *name)
{
	(void)claims, (void)name;
	return NULL;
}

static int count_socket(const struct program_claims *claims, const struct program_claim *claim)
{
	size_t *count = claims->data;

	*count += claim->kind == PROGRAM_CLAIM_SOCKET;
	return 0;
}

/* Of servers, that @slot's program may choose; 0 where that cannot be known. */
static size_t count_sockets(const struct program_cli *cli, const json_t *slot)
{
	size_t count = 0;
	struct program_claims claims = {
		.map_dir = json_string_value(json_object_get(slot, "map_dir")),
		.setting = get_no_setting,
		.add = count_socket,
		.data = &count,
	};
	struct slot_reason why;

	return cli && cli->claim && claims.map_dir && !cli->claim(&claims, &why) ? count : 0;
}

/* Servers are not asked: whoever takes the chain off shall know of them. */
static void add_sockets(const json_t *slots, struct slot_reasons *warnings)
{
	const json_t *slot;
	size_t i;

	json_array_foreach(json_object_get(slots, "slots"), i, slot) {
		const struct program_cli *cli = slot_cli_find(slot_answer_text(slot, "program"));
		size_t count = count_sockets(cli, slot);

		if (count && cli->anew)
			slot_reasons_add(warnings,
					 "'%s' knew %zu socket%s of servers, and is gone with its "
					 "maps: the kernel chooses now, and after the next apply "
					 "%s",
					 slot_answer_text(slot, "name"), count,
					 count == 1 ? "" : "s", cli->anew);
	}
}

int cmd_detach(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_reasons warnings = { 0 };
	json_auto_t *slots = NULL;
	int err = slot_ctl_get(ctl, "slots", &slots);

	(void)argc, (void)argv;
	if (!err)
		add_sockets(slots, &warnings);
	err = err ? err : change_chain(ctl, "detach", "detaching");
	for (size_t i = 0; !err && i < warnings.count; i++)
		slot_ctl_warn("slotctl: warning: ", warnings.lines[i]);
	slot_reasons_free(&warnings);
	return err;
}

int cmd_reload(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "POST",
					.path = "/v1/reload",
					.doing = "reloading slots.conf" };
	json_auto_t *answer = NULL;
	int err;

	(void)argc, (void)argv;
	if (ctl->chain)
		return slot_ctl_refuse(
			ctl, "reload is for all chains; for '%s' alone there is apply", ctl->chain);
	err = slot_ctl_send(ctl, &request, &answer);
	if (err)
		return err;
	return slot_ctl_print_result(ctl, answer);
}
