/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals by name. */
#ifndef SL_RUN_SIGNAL_H
#define SL_RUN_SIGNAL_H

#define SL_RUN_SIGNAL_TEXT_MAX 16

/*
 * sl_run_signal_parse - the signal that is called @text: "QUIT", "SIGQUIT", "3", "RTMIN+1", in capitals
 * or not. 0: none is. Pure.
 */
int sl_run_signal_parse(const char *text);

/* sl_run_signal_format - "SIGQUIT", "SIGRTMIN+1", or its number. Pure. */
void sl_run_signal_format(int number, char ret_text[SL_RUN_SIGNAL_TEXT_MAX]);

#endif
