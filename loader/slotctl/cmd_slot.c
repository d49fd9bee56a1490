/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to one slot, without bringing anything along. */
#include "loader/slotctl/slotctl.h"

static int change_slot(struct slot_ctl *ctl, const struct slot_request *request, const char *text,
		       const char *verb)
{
	json_auto_t *result = NULL;
	int err;

	err = slot_ctl_call_slot(ctl, request, text, verb, &result);
	return err ? err : slot_ctl_print_result(ctl, result);
}

int cmd_enable(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "POST", .doing = "enabling" };

	(void)argc;
	return change_slot(ctl, &request, argv[0], "/enable");
}

int cmd_disable(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "POST", .doing = "disabling" };

	(void)argc;
	return change_slot(ctl, &request, argv[0], "/disable");
}

int cmd_undeploy(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "DELETE", .doing = "undeploying" };

	(void)argc;
	return change_slot(ctl, &request, argv[0], "/object");
}
