/* SPDX-License-Identifier: GPL-2.0-only */
#include "programs/firewall/rules/fw_names.h"

#include <stdio.h>
#include <string.h>

#include "programs/firewall/rules/fw_ruleset.h"

const struct fw_name fw_protos[] = {
	{ "icmp", 1 },	 { "igmp", 2 },	   { "ipip", 4 },      { "tcp", 6 },
	{ "udp", 17 },	 { "ipv6", 41 },   { "gre", 47 },      { "esp", 50 },
	{ "ah", 51 },	 { "icmpv6", 58 }, { "ospf", 89 },     { "pim", 103 },
	{ "vrrp", 112 }, { "sctp", 132 },  { "udplite", 136 }, { NULL, 0 },
};

const struct fw_name fw_icmp4_types[] = {
	{ "echo-reply", 0 },	       { "destination-unreachable", 3 },
	{ "source-quench", 4 },	       { "redirect", 5 },
	{ "echo-request", 8 },	       { "router-advertisement", 9 },
	{ "router-solicitation", 10 }, { "time-exceeded", 11 },
	{ "parameter-problem", 12 },   { "timestamp-request", 13 },
	{ "timestamp-reply", 14 },     { "info-request", 15 },
	{ "info-reply", 16 },	       { "address-mask-request", 17 },
	{ "address-mask-reply", 18 },  { NULL, 0 },
};

const struct fw_name fw_icmp6_types[] = {
	{ "destination-unreachable", 1 }, { "packet-too-big", 2 },
	{ "time-exceeded", 3 },		  { "parameter-problem", 4 },
	{ "echo-request", 128 },	  { "echo-reply", 129 },
	{ "mld-listener-query", 130 },	  { "mld-listener-report", 131 },
	{ "mld-listener-done", 132 },	  { "nd-router-solicit", 133 },
	{ "nd-router-advert", 134 },	  { "nd-neighbor-solicit", 135 },
	{ "nd-neighbor-advert", 136 },	  { "nd-redirect", 137 },
	{ "mld2-listener-report", 143 },  { NULL, 0 },
};

const struct fw_name fw_tcp_flags[] = {
	{ "fin", 1 },  { "syn", 2 },  { "rst", 4 },   { "psh", 8 }, { "ack", 16 },
	{ "urg", 32 }, { "ecn", 64 }, { "cwr", 128 }, { NULL, 0 },
};

const struct fw_name fw_ports_of[] = {
	{ "ftp", 21 },	  { "ssh", 22 },    { "telnet", 23 }, { "smtp", 25 },	{ "domain", 53 },
	{ "bootps", 67 }, { "bootpc", 68 }, { "tftp", 69 },   { "http", 80 },	{ "ntp", 123 },
	{ "snmp", 161 },  { "bgp", 179 },   { "ldap", 389 },  { "https", 443 }, { "syslog", 514 },
	{ "ldaps", 636 }, { "imaps", 993 }, { NULL, 0 },
};

const struct fw_name fw_units[] = {
	{ "second", 1 },
	{ "minute", 60 },
	{ "hour", 3600 },
	{ NULL, 0 },
};

const struct fw_name fw_frags[] = {
	{ "no", FW_FRAG_NO },
	{ "any", FW_FRAG_ANY },
	{ "first", FW_FRAG_FIRST },
	{ "later", FW_FRAG_LATER },
	{ NULL, 0 },
};

const struct fw_name fw_presets[] = {
	{ "syn-flood", FW_PRESET_SYN_FLOOD },
	{ "udp-amplification", FW_PRESET_UDP_AMPLIFICATION },
	{ NULL, 0 },
};

const __u16 fw_amplifiers[FW_AMPLIFIERS] = { 19, 53, 123, 161, 389, 1900, 11211 };

int fw_name_find(const struct fw_name *names, const char *text, size_t len)
{
	for (; names->name; names++)
		if (strlen(names->name) == len && !memcmp(names->name, text, len))
			return names->number;
	return -1;
}

const char *fw_name_of(const struct fw_name *names, unsigned int number)
{
	for (; names->name; names++)
		if (names->number == number)
			return names->name;
	return NULL;
}

void fw_name_list(const struct fw_name *names, size_t size, char *ret_text)
{
	size_t len = 0;

	*ret_text = '\0';
	for (; names->name && len < size; names++)
		len += (size_t)snprintf(ret_text + len, size - len, "%s%s", len ? ", " : "",
					names->name);
}
