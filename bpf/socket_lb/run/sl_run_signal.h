/* SPDX-License-Identifier: GPL-2.0-only */
/* Signals: by name, and through a descriptor. */
#ifndef SL_RUN_SIGNAL_H
#define SL_RUN_SIGNAL_H

#include <signal.h>

#define SL_RUN_SIGNAL_TEXT_MAX 16

/*
 * sl_run_signal_parse - the signal that is called @text: "QUIT", "SIGQUIT", "3", "RTMIN+1", in capitals
 * or not. 0: none is. Pure.
 */
int sl_run_signal_parse(const char *text);

/* sl_run_signal_format - "SIGQUIT", "SIGRTMIN+1", or its number. Pure. */
void sl_run_signal_format(int number, char ret_text[SL_RUN_SIGNAL_TEXT_MAX]);

/* sl_run_signal_format_end - what a process ended with, @status of wait(2): "SIGKILL", "status 3". Pure. */
void sl_run_signal_format_end(int status, char ret_text[SL_RUN_SIGNAL_TEXT_MAX]);

/*
 * sl_run_signal_take - let the signals that `socket run` acts on or passes on, and @reload (0: none),
 * come through @ret_fd, which is the caller's to close. Children are to have @ret_mask, which was
 * before, so that signals come to them as they did to this process. Returns 0 or -errno.
 */
int sl_run_signal_take(int reload, sigset_t *ret_mask, int *ret_fd);

#endif
