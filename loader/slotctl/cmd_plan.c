/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/view.h"

static int print_plan(struct slot_ctl *ctl, const json_t *answer)
{
	slot_ctl_print_warnings(answer);
	return slot_view_plan(answer, &ctl->look, stdout);
}

int cmd_plan(struct slot_ctl *ctl, int argc, char **argv)
{
	json_auto_t *answer = NULL;
	int err;

	(void)argc, (void)argv;
	err = slot_ctl_get(ctl, "plan", &answer);
	if (err)
		return err;
	if (!ctl->json)
		return slot_ctl_print_each(ctl, answer, print_plan);
	slot_ctl_print_json(ctl, answer);
	return 0;
}
