/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes, by their folders in /proc. */
#ifndef SLOT_PROCESS_H
#define SLOT_PROCESS_H

#define SLOT_PROCESS_TEXT_MAX 64
#define SLOT_PROCESSES_MAX 65536 /* more are not looked at */

#define SLOT_PROCESS_NAME_MAX 32 /* the kernel's are shorter but for its own threads */

/* slot_process_name - as the kernel calls it, "nginx"; "?" where that cannot be read. */
void slot_process_name(const char *pid, char ret_name[SLOT_PROCESS_NAME_MAX]);

/* slot_process_format - "pid 12 (nginx)". @pid: as its folder is called. */
void slot_process_format(const char *pid, char ret_text[SLOT_PROCESS_TEXT_MAX]);

/* slot_process_each - @look at each, until it says 1, or there are too many. Returns whether all were. */
int slot_process_each(int (*look)(const char *pid, void *data), void *data);

#endif
