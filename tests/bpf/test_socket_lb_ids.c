/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socket_lb: packets of QUIC, drawn and spoiled, against a plain reference of each layout of
 * connection ids; and Initials, which no id tells apart.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/draw.h"
#include "tests/support/sl_bed.h"
#include "tests/support/tap.h"

#define PACKETS 3000
#define PACKETS_VM 300 /* the emulation is slow */
#define PACKET_MAX 64
#define VIP "udp/203.0.113.80:443"
#define OLD_SOCKETS 4
#define NEW_SOCKETS 5

/* Workers of the new instance's sockets: one has two, two have none. */
static const __u8 new_workers[NEW_SOCKETS] = { 0, 1, 1, 2, 9 };

/* --- reference: what an id says, bit by bit --------------------------------------------------- */

struct said {
	bool is_there;
	unsigned int process, worker;
	bool has_worker;
};

static unsigned int bits(const uint8_t *id, unsigned int first, unsigned int count)
{
	unsigned int number = 0;

	for (unsigned int bit = first; bit < first + count; bit++)
		number = number * 2 + (id[bit / 8] >> (7 - bit % 8) & 1);
	return number;
}

static struct said read_mvfst(const uint8_t *id, size_t len)
{
	static const struct {
		size_t len;
		unsigned int worker, process;
	} versions[4] = { { 99, 0, 0 }, { 4, 18, 26 }, { 6, 32, 40 }, { 7, 40, 48 } };
	unsigned int version = len ? bits(id, 0, 2) : 0;

	if (len < versions[version].len)
		return (struct said){};
	return (struct said){ true, bits(id, versions[version].process, 1),
			      bits(id, versions[version].worker, 8), true };
}

/* A server id of 3 bytes; configs 1 and 4 alone. */
static struct said read_quic_lb(const uint8_t *id, size_t len)
{
	if (len < 6 || (bits(id, 0, 3) != 1 && bits(id, 0, 3) != 4))
		return (struct said){};
	return (struct said){ true, id[5] >> 7, id[4], true };
}

static struct said read_custom(const uint8_t *id, size_t len)
{
	if (len < 19)
		return (struct said){};
	return (struct said){ true, bits(id, 3, 1), bits(id, 141, 5), true };
}

static struct said read_process(const uint8_t *id, size_t len)
{
	if (len < 20)
		return (struct said){};
	return (struct said){ true, bits(id, 159, 1), 0, false };
}

/* Whether version and type may begin a connection (RFC 9000, 9369). */
static bool may_begin(const uint8_t *packet)
{
	uint32_t version = (uint32_t)packet[1] << 24 | packet[2] << 16 | packet[3] << 8 | packet[4];
	unsigned int type = packet[0] >> 4 & 3;

	if (version == 0x6b3343cf)
		return type == 1 || type == 2;
	if (version == 1 || version >> 8 == 0xff0000 || version >> 8 == 0xfaceb0)
		return type == 0 || type == 1;
	return true;
}

/* --- what is expected ------------------------------------------------------------------------ */

struct id_case {
	const char *name, *layout;
	struct said (*read)(const uint8_t *id, size_t len);
};

struct trial {
	const struct id_case *row;
	struct sl_server *servers[2]; /* NULL: gone */
	struct sl_server *active;
	__u64 counts[SL_COUNTER_COUNT];
};

struct expected {
	const struct sl_server *server;
	int position; /* -1: any */
};

static struct expected expect_active(struct trial *trial, enum sl_counter counter)
{
	trial->counts[counter]++;
	return (struct expected){ trial->active, -1 };
}

static int position_of(const struct trial *trial, const struct sl_server *server,
		       unsigned int worker)
{
	if (server == trial->servers[0])
		return worker < OLD_SOCKETS ? (int)worker : -1;
	for (int i = 0; i < NEW_SOCKETS; i++)
		if (new_workers[i] == worker)
			return i;
	return -1;
}

static struct expected expect_said(struct trial *trial, const struct said *said)
{
	struct expected expected = { .position = -1 };

	if (!said->is_there) {
		trial->counts[SL_BAD_ID]++;
		return expect_active(trial, SL_UNKNOWN);
	}
	expected.server = trial->servers[said->process];
	if (!expected.server) {
		trial->counts[SL_STALE_ID]++;
		return expect_active(trial, SL_UNKNOWN);
	}
	trial->counts[SL_BY_ID]++;
	if (!said->has_worker)
		return expected;
	expected.position = position_of(trial, expected.server, said->worker);
	trial->counts[SL_BAD_WORKER] += expected.position < 0;
	return expected;
}

static struct expected expect(struct trial *trial, const uint8_t *packet, size_t len)
{
	struct said said = {};

	if (len && !(packet[0] & 0x80)) {
		said = trial->row->read(packet + 1, len - 1 > 20 ? 20 : len - 1);
	} else if (len > 5 && packet[5] <= 20 && len - 6 >= packet[5]) {
		if (may_begin(packet))
			return expect_active(trial, SL_NEW);
		said = trial->row->read(packet + 6, packet[5]);
	}
	return expect_said(trial, &said);
}

/* --- packets --------------------------------------------------------------------------------- */

static void draw_version(uint64_t *draw, uint8_t *packet)
{
	static const uint32_t versions[] = { 1, 1, 1, 0x6b3343cf, 0xff00001d, 0xfaceb002, 0, 2 };
	uint32_t version = versions[draw_below(draw, 8)];

	for (int i = 0; i < 4; i++)
		packet[1 + i] = (uint8_t)(version >> (24 - 8 * i));
}

/* Mostly headers as they should be, with small workers; each may be cut short anywhere. */
static size_t draw_packet(uint64_t *draw, uint8_t packet[PACKET_MAX])
{
	size_t len = 1 + draw_below(draw, PACKET_MAX), id;

	for (size_t i = 0; i < PACKET_MAX; i++)
		packet[i] = (uint8_t)draw_number(draw);
	if (draw_below(draw, 10) == 0)
		return draw_below(draw, 30);
	if (draw_below(draw, 2))
		packet[0] &= 0x7f;
	else
		packet[0] |= 0x80;
	id = packet[0] & 0x80 ? 6 : 1;
	if (id == 6) {
		draw_version(draw, packet);
		packet[5] = (uint8_t)draw_below(draw, 24);
	}
	/* Worker ids below 16 in each of the layouts, every other time. */
	if (draw_below(draw, 2)) {
		packet[id + 2] &= 0xc3;
		packet[id + 4] &= 0x0f;
		packet[id + 5] &= 0x8f;
		packet[id + 17] &= 0xfb;
	}
	return len > 30 ? 30 + len % 8 : len;
}

static void send_drawn(struct trial *trial, int client, uint64_t *draw, int count)
{
	for (int i = 0; i < count; i++) {
		struct sl_server *there[2];
		uint8_t packet[PACKET_MAX];
		size_t len = draw_packet(draw, packet), servers = 0;
		struct expected expected = expect(trial, packet, len);
		struct sl_arrival arrival;

		for (int s = 0; s < 2; s++)
			if (trial->servers[s])
				there[servers++] = trial->servers[s];
		assert_int_equal(send(client, packet, len, 0), len);
		arrival = sl_bed_arrived(there, servers);
		if (arrival.server == expected.server &&
		    (expected.position < 0 || expected.position == (int)arrival.position))
			continue;
		for (size_t byte = 0; byte < len; byte++)
			print_message("%s%02x", byte ? "" : "# ", packet[byte]);
		fail_msg(
			"\n# packet %d of SLOTD_SEED=%llu: at instance %d, socket %u; expected %d, %d",
			i, (unsigned long long)draw_told(),
			arrival.server ? (int)arrival.server->place.instance : -1, arrival.position,
			expected.server ? (int)expected.server->place.instance : -1,
			expected.position);
	}
}

static void check_counts(const struct trial *trial, __u32 vip)
{
	for (int i = 0; i < SL_COUNTER_COUNT; i++)
		if (sl_bed_count(vip, (enum sl_counter)i) != trial->counts[i])
			fail_msg("counter %d is %llu, expected %llu", i,
				 (unsigned long long)sl_bed_count(vip, (enum sl_counter)i),
				 (unsigned long long)trial->counts[i]);
}

static void packets_go_where_their_ids_say(void **state)
{
	const struct id_case *row = *state;
	const struct sl_share share = { .policy = SL_BY_HASH, .workers = new_workers };
	uint64_t draw = draw_seed((uint64_t)row->layout[0]);
	int count = getenv("SLOTD_TIER") ? PACKETS_VM : PACKETS;
	struct trial trial = { .row = row };
	struct sl_server old, new;
	struct sl_vip_entry vip;
	char words[128];
	int client;

	snprintf(words, sizeof(words), VIP " quic memory=0 layout=%s", row->layout);
	vip = sl_bed_vip(words);
	client = sl_bed_client(&vip.key);
	sl_server_start(&old, &vip.key, OLD_SOCKETS, NULL);
	trial.servers[0] = trial.active = &old;
	send_drawn(&trial, client, &draw, count / 3);
	sl_server_start(&new, &vip.key, NEW_SOCKETS, &share);
	trial.servers[1] = trial.active = &new;
	send_drawn(&trial, client, &draw, count);
	sl_server_stop(&old);
	trial.servers[0] = NULL;
	send_drawn(&trial, client, &draw, count / 3);
	check_counts(&trial, vip.vip.index);
	close(client);
	sl_server_stop(&new);
}

static const struct id_case cases[] = {
	{ "packets go where their ids say: mvfst", "mvfst", read_mvfst },
	{ "packets go where their ids say: QUIC-LB", "quic-lb:3:1:4", read_quic_lb },
	{ "packets go where their ids say: fields across bytes", "custom:3:141:5", read_custom },
	{ "packets go where their ids say: no worker, the last bit there can be", "custom:159",
	  read_process },
};

/* --- Initials -------------------------------------------------------------------------------- */

/* An Initial of version 1 with an id that the client made up. */
static struct sl_arrival send_initial(int client, struct sl_server *one, struct sl_server *other)
{
	static const uint8_t initial[40] = { 0xc0, 0, 0, 0, 1, 8, 0x40, 0, 0, 0, 0xff, 0xff, 0xff };
	struct sl_server *servers[] = { one, other };

	assert_int_equal(send(client, initial, sizeof(initial), 0), sizeof(initial));
	return sl_bed_arrived(servers, other ? 2 : 1);
}

static void initials_of_one_handshake_stay_together(void **state)
{
	struct sl_vip_entry vip = sl_bed_vip(VIP " quic");
	struct sl_server old, new;
	struct sl_arrival first, again;
	int client = sl_bed_client(&vip.key), later = sl_bed_client(&vip.key);

	(void)state;
	sl_server_start(&old, &vip.key, 8, NULL);
	first = send_initial(client, &old, NULL);
	sl_server_start(&new, &vip.key, 8, NULL);
	again = send_initial(client, &old, &new);
	assert_ptr_equal(again.server, first.server);
	assert_int_equal(again.position, first.position);
	assert_ptr_equal(send_initial(later, &old, &new).server, &new);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_NEW), 2);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_BY_FLOW), 1);
	close(client);
	close(later);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void ids_without_a_name_follow_their_flow(void **state)
{
	static const uint8_t nameless[20] = { 0x40, 0 };
	struct sl_vip_entry vip = sl_bed_vip(VIP " quic");
	struct sl_server old, new, *both[] = { &old, &new };
	int client = sl_bed_client(&vip.key), stranger = sl_bed_client(&vip.key);

	(void)state;
	sl_server_start(&old, &vip.key, 2, NULL);
	assert_ptr_equal(send_initial(client, &old, NULL).server, &old);
	sl_server_start(&new, &vip.key, 2, NULL);
	send(client, nameless, sizeof(nameless), 0);
	assert_ptr_equal(sl_bed_arrived(both, 2).server, &old);
	send(stranger, nameless, sizeof(nameless), 0);
	assert_ptr_equal(sl_bed_arrived(both, 2).server, &new);
	/* What began nothing is not remembered. */
	assert_int_equal(sl_bed_count(vip.vip.index, SL_UNKNOWN), 1);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_BAD_ID), 2);
	close(client);
	close(stranger);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

static void a_known_id_of_an_instance_that_lost_a_socket_stays_in_it(void **state)
{
	static const uint8_t worker1[] = { 0x40, 0x40, 0, 0, 0x40, 0, 0, 0, 0 };
	struct sl_vip_entry vip = sl_bed_vip(VIP " quic layout=mvfst");
	struct sl_server old, new, *both[] = { &old, &new };
	int client = sl_bed_client(&vip.key);

	(void)state;
	sl_server_start(&old, &vip.key, 3, NULL);
	sl_server_start(&new, &vip.key, 3, NULL);
	send(client, worker1, sizeof(worker1), 0);
	assert_int_equal(sl_bed_arrived(both, 2).position, 1);
	close(old.fds[1]);
	old.fds[1] = old.fds[--old.count];
	send(client, worker1, sizeof(worker1), 0);
	assert_ptr_equal(sl_bed_arrived(both, 2).server, &old);
	assert_int_equal(sl_bed_count(vip.vip.index, SL_OTHER_SOCKET), 1);
	close(client);
	sl_server_stop(&old);
	sl_server_stop(&new);
}

#define ADD(test) TAP_ADD(&plan, test, sl_bed_set_up, sl_bed_tear_down)
#define ROWS(test, rows) TAP_ADD_ROWS(&plan, test, rows, sl_bed_set_up, sl_bed_tear_down)

int main(void)
{
	struct tap_plan plan = {};

	ROWS(packets_go_where_their_ids_say, cases);
	ADD(initials_of_one_handshake_stay_together);
	ADD(ids_without_a_name_follow_their_flow);
	ADD(a_known_id_of_an_instance_that_lost_a_socket_stays_in_it);
	return tap_run(&plan, "socket_lb_ids", 1);
}
