/* SPDX-License-Identifier: GPL-2.0-only */
/* What fw_egress reads, the firewall reads alike; and errors about the host's own packets. */
#include <netinet/in.h>
#include <string.h>

#include <linux/bpf.h>

#include "tests/support/fw_flow_case.h"
#include "tests/support/progrun.h"
#include "tests/support/tap.h"

#define HOST4 FW_HOST4
#define PEER4 FW_PEER4
#define HOST6 FW_HOST6
#define PEER6 FW_PEER6
#define ROUTER4 "198.51.100.9"
#define ROUTER6 "2001:db8:2::9"
#define ACK 0x10

struct headers {
	const char *name;
	uint8_t protos[8]; /* from the inside out; AH has a length of its own */
	bool is_ah, is_read;
};

static void put_headers(struct packet *p, const struct headers *row)
{
	size_t i;

	for (i = 0; i < sizeof(row->protos) && row->protos[i]; i++)
		packet_ip6_ext(p, row->protos[i], i % 2 ? 16 : 8);
	if (row->is_ah)
		packet_ip6_auth(p, 24);
}

/* The reply has none of them, or the same. */
static void headers_out_and_back(void **state)
{
	const struct headers *row = *state;
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	packet_start(&p, "hello", 5);
	packet_tcp(&p, 40000, 80, ACK);
	put_headers(&p, row);
	fw_flow_case_finish(&p, HOST6, PEER6);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(fw_flow_case_count(&bed), row->is_read);

	fw_flow_case_tcp(&p, PEER6, 80, HOST6, 40000, ACK);
	fw_flow_case_in(&bed, &p, row->is_read);
	packet_start(&p, "hello", 5);
	packet_tcp(&p, 80, 40000, ACK);
	put_headers(&p, row);
	fw_flow_case_finish(&p, PEER6, HOST6);
	fw_flow_case_in(&bed, &p, row->is_read);
	fw_flow_case_close(&bed);
}

static const struct headers headers[] = {
	{ "behind_hop_by_hop_options", { IPPROTO_HOPOPTS }, false, true },
	{ "behind_a_routing_header", { IPPROTO_ROUTING }, false, true },
	{ "behind_destination_options", { IPPROTO_DSTOPTS }, false, true },
	{ "behind_a_mobility_header", { 135 }, false, true },
	{ "behind_an_authentication_header", {}, true, true },
	{ "behind_five_and_authentication",
	  { IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS },
	  true,
	  true },
	{ "behind_six_and_authentication_nothing_is_read",
	  { IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_DSTOPTS,
	    IPPROTO_ROUTING },
	  true,
	  false },
};

static void first_parts_begin_a_flow_and_later_ones_none(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	packet_start(&p, "hellohello", 10);
	packet_udp(&p, 40001, 53);
	packet_ip6_fragment(&p, 8, true);
	fw_flow_case_finish(&p, HOST6, PEER6);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(fw_flow_case_count(&bed), 0);

	packet_start(&p, "hellohello", 10);
	packet_udp(&p, 40000, 53);
	packet_ip6_fragment(&p, 0, true);
	fw_flow_case_finish(&p, HOST6, PEER6);
	fw_flow_case_out(&bed, &p);
	packet_start(&p, "hellohello", 10);
	packet_udp(&p, 40000, 53);
	packet_ip4(&p, &(struct packet_ip4){ .src = HOST4, .dst = PEER4, .fragment = 0x2000 });
	packet_eth(&p);
	fw_flow_case_out(&bed, &p);
	assert_int_equal(fw_flow_case_count(&bed), 2);

	fw_flow_case_udp(&p, PEER6, 53, HOST6, 40000);
	fw_flow_case_in(&bed, &p, true);
	fw_flow_case_udp(&p, PEER4, 53, HOST4, 40000);
	fw_flow_case_in(&bed, &p, true);
	fw_flow_case_close(&bed);
}

/* An echo's reply is known by its type alone, which a later part has not. */
static void later_parts_are_no_replies(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	packet_start(&p, "hello", 5);
	packet_icmp(&p, 8, 0);
	fw_flow_case_finish(&p, HOST4, PEER4);
	fw_flow_case_out(&bed, &p);
	packet_start(&p, "hellohello", 10);
	packet_ip4(&p, &(struct packet_ip4){
			       .src = PEER4, .dst = HOST4, .proto = IPPROTO_ICMP, .fragment = 10 });
	packet_eth(&p);
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

static void tags_among_the_bytes_are_looked_behind(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	struct packet p;

	(void)state;
	packet_start(&p, "hello", 5);
	packet_tcp(&p, 40000, 80, ACK);
	packet_ip4(&p, &(struct packet_ip4){ .src = HOST4, .dst = PEER4 });
	packet_vlan(&p, 7, 0x8100);
	packet_vlan(&p, 8, 0x88a8);
	packet_eth(&p);
	fw_flow_case_out(&bed, &p);
	fw_flow_case_tcp(&p, PEER4, 80, HOST4, 40000, ACK);
	fw_flow_case_in(&bed, &p, true);
	fw_flow_case_close(&bed);
}

struct error {
	const char *name;
	const char *about;  /* its destination; the host has sent it, or something like it */
	uint8_t proto;	    /* of what is quoted */
	uint16_t dport;	    /* the host's flow has 80 */
	uint8_t type;	    /* of the error */
	size_t ext_len;	    /* of the quoted packet's destination options */
	size_t cut;	    /* bytes of the quoted packet that are there; 0: all */
	bool is_from_other; /* the quoted packet is not of the host */
	bool passes;
};

static void put_quoted(struct packet *p, const struct error *row)
{
	bool is_ip6 = strchr(row->about, ':');
	const char *host = is_ip6 ? HOST6 : HOST4;

	if (row->is_from_other)
		host = is_ip6 ? "2001:db8::2" : "192.0.2.2";
	packet_start(p, "hello", 5);
	if (row->proto == IPPROTO_TCP)
		packet_tcp(p, 40000, row->dport, ACK);
	if (row->proto == IPPROTO_UDP)
		packet_udp(p, 40000, row->dport);
	if (row->proto == IPPROTO_ICMP)
		packet_icmp(p, 8, 0);
	if (row->proto == IPPROTO_ICMPV6)
		packet_icmp6(p, 128, 0);
	if (row->ext_len)
		packet_ip6_ext(p, IPPROTO_DSTOPTS, row->ext_len);
	if (is_ip6)
		packet_ip6(p, &(struct packet_ip6){ .src = host, .dst = row->about });
	else
		packet_ip4(p, &(struct packet_ip4){ .src = host, .dst = row->about });
}

/* What the host has sent comes back in an error of a router that it never talked to. */
static void errors_about_the_hosts_packets(void **state)
{
	const struct error *row = *state;
	struct error sent = { .about = strchr(row->about, ':') ? PEER6 : PEER4,
			      .proto = row->proto,
			      .dport = 80 };
	struct fw_flow_case bed = fw_flow_case_open(60);
	bool is_ip6 = strchr(row->about, ':');
	unsigned char quoted[PACKET_SIZE_MAX];
	struct packet p;
	size_t len;

	put_quoted(&p, &sent);
	packet_eth(&p);
	fw_flow_case_out(&bed, &p);

	put_quoted(&p, row);
	len = row->cut ? row->cut : p.len;
	memcpy(quoted, packet_bytes(&p), len);
	packet_start(&p, quoted, len);
	if (is_ip6)
		packet_icmp6(&p, row->type, 0);
	else
		packet_icmp(&p, row->type, 0);
	fw_flow_case_finish(&p, is_ip6 ? ROUTER6 : ROUTER4, is_ip6 ? HOST6 : HOST4);
	fw_flow_case_in(&bed, &p, row->passes);
	fw_flow_case_close(&bed);
}

#define TCP IPPROTO_TCP
#define UDP IPPROTO_UDP

static const struct error errors[] = {
	{ "unreachable_about_tcp", PEER4, TCP, 80, 3, 0, 0, false, true },
	{ "unreachable_about_udp", PEER4, UDP, 80, 3, 0, 0, false, true },
	{ "eight_bytes_behind_the_header_are_enough", PEER4, TCP, 80, 3, 0, 28, false, true },
	{ "seven_are_not", PEER4, TCP, 80, 3, 0, 27, false, false },
	{ "half_an_ip_header_is_not", PEER4, TCP, 80, 3, 0, 12, false, false },
	{ "time_exceeded", PEER4, UDP, 80, 11, 0, 0, false, true },
	{ "parameter_problem", PEER4, UDP, 80, 12, 0, 0, false, true },
	{ "a_redirect_is_no_error", PEER4, UDP, 80, 5, 0, 0, false, false },
	{ "source_quench_is_not_either", PEER4, UDP, 80, 4, 0, 0, false, false },
	{ "errors_about_an_echo", PEER4, IPPROTO_ICMP, 0, 11, 0, 0, false, true },
	{ "about_another_port", PEER4, UDP, 81, 3, 0, 0, false, false },
	{ "about_another_peer", "203.0.113.8", UDP, 80, 3, 0, 0, false, false },
	{ "about_what_another_host_sent", PEER4, UDP, 80, 3, 0, 0, true, false },
	{ "unreachable6_about_tcp", PEER6, TCP, 80, 1, 0, 0, false, true },
	{ "too_big6", PEER6, TCP, 80, 2, 0, 0, false, true },
	{ "time_exceeded6", PEER6, UDP, 80, 3, 0, 0, false, true },
	{ "parameter_problem6", PEER6, UDP, 80, 4, 0, 0, false, true },
	{ "too_big6_behind_options", PEER6, UDP, 80, 2, 16, 0, false, true },
	{ "eight_bytes_behind_the_header_are_enough6", PEER6, TCP, 80, 2, 0, 48, false, true },
	{ "seven_are_not6", PEER6, TCP, 80, 2, 0, 47, false, false },
	{ "errors_about_an_echo6", PEER6, IPPROTO_ICMPV6, 0, 3, 0, 0, false, true },
	{ "a_redirect_is_no_error6", PEER6, UDP, 80, 137, 0, 0, false, false },
	{ "about_another_port6", PEER6, UDP, 81, 2, 0, 0, false, false },
	{ "about_another_peer6", "2001:db8:1::8", UDP, 80, 2, 0, 0, false, false },
	{ "about_what_another_host_sent6", PEER6, UDP, 80, 2, 0, 0, true, false },
};

/* Errors in the host's name would open its door to whoever knows one of its flows. */
static void an_error_goes_to_who_sent_what_it_quotes(void **state)
{
	struct fw_flow_case bed = fw_flow_case_open(60);
	unsigned char quoted[PACKET_SIZE_MAX];
	struct packet p;
	size_t len;

	(void)state;
	fw_flow_case_udp(&p, HOST4, 40000, PEER4, 80);
	fw_flow_case_out(&bed, &p);
	len = p.len - 14;
	memcpy(quoted, packet_bytes(&p) + 14, len);
	packet_start(&p, quoted, len);
	packet_icmp(&p, 3, 1);
	fw_flow_case_finish(&p, ROUTER4, "192.0.2.2");
	fw_flow_case_in(&bed, &p, false);
	fw_flow_case_close(&bed);
}

int main(void)
{
	struct tap_plan plan = {};

	TAP_ADD_TABLE(&plan, headers_out_and_back, headers);
	TAP_ADD(&plan, first_parts_begin_a_flow_and_later_ones_none, NULL, NULL);
	TAP_ADD(&plan, later_parts_are_no_replies, NULL, NULL);
	TAP_ADD(&plan, tags_among_the_bytes_are_looked_behind, NULL, NULL);
	TAP_ADD_TABLE(&plan, errors_about_the_hosts_packets, errors);
	TAP_ADD(&plan, an_error_goes_to_who_sent_what_it_quotes, NULL, NULL);
	return tap_run(&plan, "fw_flows", 1);
}
