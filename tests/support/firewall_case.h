/* SPDX-License-Identifier: GPL-2.0-only */
/* One packet through a freshly loaded firewall, and what it must come to. */
#ifndef TEST_FIREWALL_CASE_H
#define TEST_FIREWALL_CASE_H

#include "programs/firewall/firewall.h"
#include "tests/support/packet.h"

struct bpf_object;

struct firewall_case {
	const char *name;
	void (*build)(struct packet *p);
	const char *rules; /* as `slotctl firewall load` takes them; NULL: none */
	const struct firewall_config *config; /* NULL: as the object has it */
	enum firewall_counter counter;	      /* the only one that counts the packet */
};

/* The headers of every case's packet: from 203.0.113.7 and 2001:db8:1::7. */
extern const struct packet_ip4 firewall_ip4;
extern const struct packet_ip6 firewall_ip6;

/* firewall_finish4 - put IPv4 and Ethernet in front of what is there; 6: IPv6. */
void firewall_finish4(struct packet *p);
void firewall_finish6(struct packet *p);
/* firewall_tcp4 - a whole packet, TCP from port 40000 to port 80; 6: on IPv6. */
void firewall_tcp4(struct packet *p);
void firewall_tcp6(struct packet *p);

/* firewall_case_open - the firewall with @config, unless it is NULL, not yet loaded. */
struct bpf_object *firewall_case_open(const struct firewall_config *config);

/* firewall_case_maps - the maps of the loaded @object for the control plane; not owned. */
struct firewall firewall_case_maps(struct bpf_object *object);

/* firewall_case_set_rules - make @rules, in the words of a file, the rules in force. */
void firewall_case_set_rules(const struct firewall *firewall, const char *rules);

/* firewall_case_count - packets counted by @counter so far. */
__u64 firewall_case_count(struct bpf_object *object, enum firewall_counter counter);

/* firewall_case_run - a cmocka test; its row is a struct firewall_case. */
void firewall_case_run(void **state);

#endif
