/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ports of a bond, team or bridge, as rtnetlink tells them. All of this thread's netns. */
#ifndef SLOT_PORTS_H
#define SLOT_PORTS_H

#include <stddef.h>

#include <net/if.h>

struct slot_port {
	unsigned int ifindex;
	char interface[IFNAMSIZ];
};

struct slot_ports {
	struct slot_port *items;
	size_t count;
};

/*
 * slot_ports_list - the ports of @master, in the order of their ifindexes; none
 * where there is no such interface. @ret_ports: slot_ports_free. Returns 0 or -errno.
 */
int slot_ports_list(const char *master, struct slot_ports *ret_ports);
void slot_ports_free(struct slot_ports *ports);

/* slot_port_check - whether interface number @ifindex is a port of @master now: 1, 0 or -errno. */
int slot_port_check(unsigned int ifindex, const char *master);

#endif
