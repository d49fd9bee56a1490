/* SPDX-License-Identifier: GPL-2.0-only */
/* tcp_server_id on sockets that connect: what they say back, to whom, and where there is no room. */
#include <string.h>
#include <unistd.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include "bpf/tcp_id_abi.h"
#include "tests/support/tsi_case.h"

#define KIND TCP_ID_EXPERIMENT
#define MSS 1460 /* of a TUN device's 1500 bytes */
#define TCP_HEADERS 40

static const struct tcp_server_id_config config = TSI_CONFIG;

static void start_as(enum tsi_client client)
{
	struct tcp_server_id_config other = config;

	other.client = client;
	tsi_case_restart(&other);
}

/* The ACK that ends the handshake. */
static void receive(void)
{
	assert_true(tcp_peer_receive(tsi.peer, &tsi.segment));
}

static void client_echoes_the_id_in_every_segment(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_connect(&id);
	tsi_case_assert_none(KIND);
	receive();
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_say();
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_hear(NULL);
	tsi_case_assert_id(KIND, TSI_ID);
	assert_int_equal(shutdown(tsi.socket, SHUT_WR), 0);
	receive();
	assert_true(tsi.segment.flags & TCP_FIN);
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_LEARNED, 1);
	assert_counted(TSI_ECHOED, 4);
	assert_counted(TSI_UNKNOWN, 0);
}

static void client_that_is_told_nothing_asks_by_its_first_segments(void **state)
{
	(void)state;
	tsi_case_connect(NULL);
	receive();
	tsi_case_assert_id(KIND, 0);
	tsi_case_say();
	tsi_case_assert_id(KIND, 0);
	tsi_case_say();
	tsi_case_assert_id(KIND, 0);
	tsi_case_say();
	tsi_case_assert_none(KIND);
	assert_counted(TSI_UNKNOWN, 1);
	assert_counted(TSI_ASKS_SENT, TSI_ASKS);
}

static void client_learns_the_id_later_too(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_connect(NULL);
	for (int i = 0; i <= TSI_ASKS; i++)
		tsi_case_say();
	tsi_case_hear(&id);
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_LEARNED_LATER, 1);
}

static void client_takes_over_another_id(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID), other = tsi_option_id(TSI_OTHER_ID),
			  none = tsi_option_id(0);

	(void)state;
	tsi_case_connect(&id);
	receive();
	tsi_case_hear(&other);
	tsi_case_assert_id(KIND, TSI_OTHER_ID);
	/* None is no id to go by. */
	tsi_case_hear(&none);
	tsi_case_assert_id(KIND, TSI_OTHER_ID);
	assert_counted(TSI_REPLACED, 1);
}

/* The next server's SYN-ACK tells none: the one before is not to be named to it. */
static void socket_that_connects_again_forgets_the_id(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID);

	(void)state;
	tsi_case_connect(&id);
	receive();
	tsi_case_assert_id(KIND, TSI_ID);
	tsi_case_dial_again();
	tsi_case_answer(NULL);
	receive();
	tsi_case_assert_id(KIND, 0);
	assert_counted(TSI_UNKNOWN, 1);
	for (int i = 0; i <= TSI_ASKS; i++)
		tsi_case_say();
	tsi_case_assert_none(KIND);
	/* Nor does it ask less often than one that is new. */
	tsi_case_dial_again();
	tsi_case_answer(NULL);
	receive();
	tsi_case_assert_id(KIND, 0);
}

/* Out of the window; what it acknowledges again has the id that it had. */
static void segment_of_another_connection_changes_nothing(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID), other = tsi_option_id(TSI_OTHER_ID);

	(void)state;
	tsi_case_connect(&id);
	receive();
	tsi.peer->seq += 1 << 30;
	tsi_case_hear(&other);
	tsi_case_assert_id(KIND, TSI_ID);
	tsi.peer->seq -= (1 << 30) + 1;
	tsi_case_say();
	tsi_case_assert_id(KIND, TSI_ID);
	assert_counted(TSI_REPLACED, 0);
}

static void silent_client_says_nothing(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID);

	(void)state;
	start_as(TSI_SILENT);
	tsi_case_connect(&id);
	tsi_case_assert_none(KIND);
	receive();
	tsi_case_assert_none(KIND);
	tsi_case_say();
	tsi_case_assert_none(KIND);
}

static void client_that_declines_says_so_once(void **state)
{
	const struct tsi_option no = tsi_option_none(KIND);
	struct tsi_option id = tsi_option_id(TSI_ID);

	(void)state;
	start_as(TSI_DECLINE);
	tsi_case_connect(&id);
	assert_memory_equal(tsi.segment.options + tsi.segment.options_len - no.len, no.bytes,
			    no.len);
	receive();
	tsi_case_assert_none(KIND);
	tsi_case_hear(&id);
	tsi_case_assert_none(KIND);
	assert_counted(TSI_DECLINES, 1);
	assert_counted(TSI_LEARNED, 0);
}

static void katran_client_reads_both_kinds_of_servers(void **state)
{
	static const uint8_t kinds[] = { TCP_ID_KATRAN_SERVER, TCP_ID_KATRAN };
	static const struct tcp_server_id_config katran = { .preset = TSI_KATRAN };

	(void)state;
	tsi_case_restart(&katran);
	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct tsi_option id = tsi_option_make(kinds[i], TSI_ID);

		tsi_case_connect(&id);
		receive();
		tsi_case_assert_id(TCP_ID_KATRAN, TSI_ID);
		assert_int_equal(tsi.segment.options_len, 8);
	}
	assert_counted(TSI_LEARNED, 2);
}

/* With an MSS that left no room for the option the kernel would send more than the device takes. */
static void full_segments_leave_room_for_the_id(void **state)
{
	static const uint8_t mss[] = { 2, 4, MSS >> 8, MSS & 0xff };
	struct tsi_option id = tsi_option_id(TSI_ID);
	char data[3 * MSS] = {};
	size_t longest = 0;

	(void)state;
	memcpy(id.bytes + id.len, mss, sizeof(mss));
	id.len += sizeof(mss);
	tsi_case_connect(&id);
	receive();
	assert_int_equal(write(tsi.socket, data, sizeof(data)), sizeof(data));
	for (size_t got = 0; got < sizeof(data); got += tsi.segment.payload_len) {
		receive();
		tsi_case_assert_id(KIND, TSI_ID);
		longest = tsi.segment.payload_len > longest ? tsi.segment.payload_len : longest;
		tcp_peer_send(tsi.peer, TCP_ACK, NULL, 0, 0);
	}
	assert_int_equal(longest, MSS - TCP_ID_MAGIC_LEN);
}

/* Selective acknowledgments permitted, and a timestamp that answers the last segment's. */
static struct tsi_option make_stamps(void)
{
	static const uint8_t head[] = { 4, 2, 8, 10, 0, 0, 0, 1 };
	struct tsi_option stamps = { .len = sizeof(head) };
	const uint8_t *options = tsi.segment.options;
	size_t at = 0;

	while (at < tsi.segment.options_len && options[at] != 8)
		at += options[at] == 1 ? 1 : options[at + 1];
	assert_true(at + 10 <= tsi.segment.options_len);
	memcpy(stamps.bytes, head, sizeof(head));
	memcpy(stamps.bytes + stamps.len, options + at + 2, 4);
	stamps.len += 4;
	return stamps;
}

/*
 * Three ranges of what came out of order and the timestamps take 40 bytes, all there are: the
 * program is not asked, and cannot count it.
 */
static void acknowledgment_of_many_gaps_has_no_room(void **state)
{
	struct tsi_option id = tsi_option_id(TSI_ID), stamps;
	uint32_t next;

	(void)state;
	tsi_case_dial();
	stamps = make_stamps();
	memcpy(id.bytes + id.len, stamps.bytes, stamps.len);
	id.len += stamps.len;
	tsi_case_answer(&id);
	receive();
	tsi_case_assert_id(KIND, TSI_ID);
	next = tsi.peer->seq;
	for (unsigned int i = 1; i <= 3; i++) {
		/* Without the permission, which is a SYN's. */
		stamps = make_stamps();
		stamps.bytes[0] = stamps.bytes[1] = 1;
		tsi.peer->seq = next + i * 10;
		tsi_case_hear(&stamps);
		if (i < 3)
			tsi_case_assert_id(KIND, TSI_ID);
		else
			tsi_case_assert_none(KIND);
	}
	assert_counted(TSI_NOT_STORED, 0);
}

static void spoiled_options_teach_nothing(void **state)
{
	struct tsi_option option = tsi_option_id(TSI_OTHER_ID);

	(void)state;
	for (unsigned int len = 0; len <= 40; len++) {
		if (len == option.len)
			continue;
		option.bytes[1] = (uint8_t)len;
		tsi_case_connect(&option);
		receive();
		tsi_case_assert_id(KIND, 0);
		tsi_case_hear(&option);
		tsi_case_assert_id(KIND, 0);
	}
	assert_counted(TSI_LEARNED, 0);
	assert_counted(TSI_LEARNED_LATER, 0);
	assert_true(tsi_case_count(TSI_BAD_OPTION) > 0);
}

#define ADD(test) TAP_ADD(&plan, test, tsi_case_set_up, tsi_case_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ADD(client_echoes_the_id_in_every_segment);
	ADD(client_that_is_told_nothing_asks_by_its_first_segments);
	ADD(client_learns_the_id_later_too);
	ADD(client_takes_over_another_id);
	ADD(socket_that_connects_again_forgets_the_id);
	ADD(segment_of_another_connection_changes_nothing);
	ADD(silent_client_says_nothing);
	ADD(client_that_declines_says_so_once);
	ADD(katran_client_reads_both_kinds_of_servers);
	ADD(full_segments_leave_room_for_the_id);
	ADD(acknowledgment_of_many_gaps_has_no_room);
	ADD(spoiled_options_teach_nothing);
	return tsi_case_run(&plan, "tsi_client");
}
