/* SPDX-License-Identifier: GPL-2.0-only */
/* A cgroup of the test's own, for programs that are attached to the sockets of one. */
#ifndef TEST_CGROUP_OWN_H
#define TEST_CGROUP_OWN_H

/*
 * cgroup_own_open - make a cgroup and go there: sockets from now on are its. Returns its
 * folder's descriptor, which is cgroup_own_close's, or -errno where there is no cgroup2 tree.
 */
int cgroup_own_open(void);
/* cgroup_own_close - go back, and remove it. */
void cgroup_own_close(int fd);

#endif
