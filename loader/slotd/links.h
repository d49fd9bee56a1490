/* SPDX-License-Identifier: GPL-2.0-only */
/* News of interfaces that come, go or change their name, from rtnetlink. */
#ifndef SLOTD_LINKS_H
#define SLOTD_LINKS_H

struct mnl_socket;

/* links_open - subscribe to link messages. @ret_nl: links_close. Returns 0 or -errno. */
int links_open(struct mnl_socket **ret_nl);
void links_close(struct mnl_socket *nl);

/* links_fd - to wait on for reading. */
int links_fd(const struct mnl_socket *nl);

/* links_drain - read everything that is queued; what matters is that there was news. */
void links_drain(struct mnl_socket *nl);

#endif
