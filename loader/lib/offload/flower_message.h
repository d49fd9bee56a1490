/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules of flower as messages of rtnetlink, written and read: no system call. */
#ifndef SLOT_FLOWER_MESSAGE_H
#define SLOT_FLOWER_MESSAGE_H

#include <sys/socket.h>

#include "loader/lib/host/netlink.h"
#include "loader/lib/offload/flower.h"

/* FIN, SYN, RST: the kernel has those of a TCP header's flags in their order there. */
#define SLOT_FLOWER_TCP_ENDS 0x7

/*
 * slot_flower_put_add - write a message that adds @rule to @place to @buffer of
 * SLOT_NETLINK_SIZE bytes, which is enough. Returns it.
 */
struct nlmsghdr *slot_flower_put_add(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule);

/* slot_flower_put_actions - write what @rule does into @request, where its actions are listed. */
void slot_flower_put_actions(struct nlmsghdr *request, const struct slot_flower_rule *rule);

/* slot_flower_put_del - the same, to take off the rule of @rule's family and handle. */
struct nlmsghdr *slot_flower_put_del(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule);

/* slot_flower_put_get - the same, to be shown that rule, as it is there. */
struct nlmsghdr *slot_flower_put_get(void *buffer, const struct slot_flower_place *place,
				     const struct slot_flower_rule *rule);

/* slot_flower_put_list - the same, to be shown the rules of @family. */
struct nlmsghdr *slot_flower_put_list(void *buffer, const struct slot_flower_place *place,
				      __u8 family);

/*
 * slot_flower_read - what @message, of the answer to the last two, tells of a rule. Returns false
 * where it is not about a rule of flower, at @place.
 */
bool slot_flower_read(const struct nlmsghdr *message, const struct slot_flower_place *place,
		      struct slot_flower_seen *ret_seen);

#endif
