/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to a chain as a whole. */
#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/slotctl.h"

static int change_chain(struct slot_ctl *ctl, const char *verb, const char *doing)
{
	struct slot_request request = { .method = "POST", .doing = doing };
	_cleanup_free_ char *noun = NULL;
	json_auto_t *result = NULL;
	int err = slot_ctl_add_generation(ctl, verb, &noun);

	if (!err)
		err = slot_ctl_call(ctl, &request, noun, &result);
	return err ? err : slot_ctl_print_result(ctl, result);
}

int cmd_apply(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc, (void)argv;
	return change_chain(ctl, "apply", "applying slots.conf");
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

int cmd_detach(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc, (void)argv;
	return change_chain(ctl, "detach", "detaching");
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
