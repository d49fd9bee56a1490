/* SPDX-License-Identifier: GPL-2.0-only */
#include <errno.h>

#include "loader/lib/host/blob.h"
#include "loader/lib/base/cleanup.h"
#include "loader/slotctl/slotctl.h"

static int deploy_blob(struct slot_ctl *ctl, const char *text, const struct slot_blob *blob)
{
	struct slot_request request = {
		.method = "PUT", .doing = "deploying", .body = blob->bytes, .size = blob->size
	};
	_cleanup_free_ char *name = slot_client_escape(blob->name);
	_cleanup_free_ char *noun = NULL;
	json_auto_t *result = NULL;
	int err;

	if (!name || asprintf(&noun, "/object?name=%s", name) < 0) {
		noun = NULL;
		return slot_reason_set(&ctl->failure.why, -ENOMEM, "out of memory");
	}
	err = slot_ctl_call_slot(ctl, &request, text, noun, &result);
	return err ? err : slot_ctl_print_result(ctl, result);
}

int cmd_deploy(struct slot_ctl *ctl, int argc, char **argv)
{
	struct slot_blob blob;
	int err;

	(void)argc;
	err = slot_blob_read(argv[1], &ctl->failure.why, &blob);
	if (err)
		return err;
	err = deploy_blob(ctl, argv[0], &blob);
	slot_blob_free(&blob);
	return err;
}
