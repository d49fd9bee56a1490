/* SPDX-License-Identifier: GPL-2.0-only */
/* What is done to one slot, without bringing anything along. */
#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/slotctl.h"

int slot_ctl_change_slot(struct slot_ctl *ctl, const char *text, const char *method,
			 const char *verb, const char *doing)
{
	struct slot_request request = { .method = method, .doing = doing };
	_cleanup_free_ char *noun = NULL;
	json_auto_t *result = NULL;
	int err = slot_ctl_add_generation(ctl, verb, &noun);

	if (!err)
		err = slot_ctl_call_slot(ctl, &request, text, noun, &result);
	return err ? err : slot_ctl_print_result(ctl, result);
}

int cmd_enable(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return slot_ctl_change_slot(ctl, argv[0], "POST", "/enable", "enabling");
}

int cmd_disable(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return slot_ctl_change_slot(ctl, argv[0], "POST", "/disable", "disabling");
}

int cmd_undeploy(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return slot_ctl_change_slot(ctl, argv[0], "DELETE", "/object", "undeploying");
}

int cmd_promote(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return slot_ctl_change_slot(ctl, argv[0], "POST", "/promote", "promoting the canary");
}

int cmd_abort(struct slot_ctl *ctl, int argc, char **argv)
{
	(void)argc;
	return slot_ctl_change_slot(ctl, argv[0], "POST", "/abort", "aborting the canary");
}
