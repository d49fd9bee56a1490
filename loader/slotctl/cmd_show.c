/* SPDX-License-Identifier: GPL-2.0-only */
#include "loader/slotctl/slotctl.h"
#include "loader/slotctl/view.h"

static int print_show(struct slot_ctl *ctl, const json_t *answer)
{
	return slot_view_slot(answer, &ctl->look, stdout);
}

int cmd_show(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_request request = { .method = "GET" };
	json_auto_t *answer = NULL;
	int err;

	(void)argc;
	err = slot_ctl_call_slot(ctl, &request, argv[0], "", &answer);
	if (err)
		return err;
	if (!ctl->json)
		return slot_ctl_print_each(ctl, answer, print_show);
	slot_ctl_print_json(ctl, answer);
	return 0;
}
