/* SPDX-License-Identifier: GPL-2.0-only */
#include "bpf/socket_lb/run/sl_run_serving.h"

#include "bpf/socket_lb/run/sl_run_others.h"
#include "bpf/socket_lb/run/sl_run_strays.h"

static void add_line(struct slot_reasons *lines, const char *text)
{
	if (*text)
		slot_reasons_add(lines, "%s", text);
}

void sl_run_serving_tell(const struct sl_run_sockets *sockets, pid_t except, const char *chain,
			 struct slot_reasons *ret_lines)
{
	struct slot_reason text;

	sl_run_sockets_tell(sockets, &text);
	slot_reasons_add(ret_lines, "serving, with %s", text.text);
	add_line(ret_lines, sockets->advice.text);
	sl_run_strays_tell(sockets, except, chain, &text);
	add_line(ret_lines, text.text);
	sl_run_others_left(sockets->lb, &text);
	add_line(ret_lines, text.text);
}
