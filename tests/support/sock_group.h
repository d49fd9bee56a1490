/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup of the test's own, for programs that are attached to the sockets of one. */
#ifndef TEST_SOCK_GROUP_H
#define TEST_SOCK_GROUP_H

/*
 * sock_group_open - make a cgroup and go there: sockets from now on are its. Returns its
 * folder's descriptor, which is sock_group_close's, or -errno where there is no cgroup2 tree.
 */
int sock_group_open(void);
/* sock_group_close - go back, and remove it. */
void sock_group_close(int fd);

#endif
