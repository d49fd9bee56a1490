/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers that have names in rulesets: protocols, ICMP types, TCP flags. Pure. */
#ifndef FW_NAMES_H
#define FW_NAMES_H

#include <stddef.h>

#include <linux/types.h>

struct fw_name {
	const char *name;
	__u16 number;
};

/* Each ends with a name that is NULL. */
extern const struct fw_name fw_protos[];
extern const struct fw_name fw_icmp4_types[];
extern const struct fw_name fw_icmp6_types[];
extern const struct fw_name fw_tcp_flags[];
extern const struct fw_name fw_ports_of[]; /* services */
extern const struct fw_name fw_units[];	   /* of time, in seconds, up to an hour */
extern const struct fw_name fw_frags[];	   /* enum fw_frag */
extern const struct fw_name fw_presets[];  /* enum fw_preset */

/*
 * Ports of services that answer with more than they were asked, to whoever seems to
 * have asked.
 */
#define FW_AMPLIFIERS 7
extern const __u16 fw_amplifiers[FW_AMPLIFIERS];

/* FIN, SYN, RST and ACK; of them SYN alone asks for a connection. */
#define FW_SYN_MASK 0x17
#define FW_SYN 0x02

/* fw_name_find - the number of the @len bytes at @text, or -1. */
int fw_name_find(const struct fw_name *names, const char *text, size_t len);

/* fw_name_of - the first name that @number has, or NULL. */
const char *fw_name_of(const struct fw_name *names, unsigned int number);

/* fw_name_list - all names, with commas between, cut to @size. */
void fw_name_list(const struct fw_name *names, size_t size, char *ret_text);

#endif
