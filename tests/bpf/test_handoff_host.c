/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process of libhandoff_host, with real sockets and rules, and what the test says to it as the
 * other hosts: what it holds on to, for how long, and what it lets go.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_moves.h"
#include "programs/handoff/maps/handoff_offloads.h"
#include "tests/support/handoff_others.h"

static struct handoff_others *const at = &handoff_others;

/* --- rules of what has ended ------------------------------------------------------------------- */

/* As the programs do, of a packet that comes or goes now. */
static void see(uint32_t seen)
{
	struct handoff_others_rule one = handoff_others_rule();

	assert_true(one.is_there);
	one.rule.use.seen |= seen;
	one.rule.use.last_ns = slot_clock_ns();
	assert_int_equal(bpf_map_update_elem(at->rules.table, &one.key, &one.rule, BPF_EXIST), 0);
}

static void a_rule_stays_until_both_ends_are_seen(void **data)
{
	(void)data;
	handoff_others_take();
	see(HANDOFF_CLIENT_FIN);
	handoff_host_close(at->host, at->taken_fd);
	at->taken_fd = -1;
	handoff_other_hear(&at->first, HANDOFF_GONE);
	handoff_others_run(4 * handoff_others_times.linger);
	assert_true(handoff_others_rule().is_there);
	see(HANDOFF_LOCAL_FIN);
	handoff_other_hear(&at->first, HANDOFF_OVER);
	assert_false(handoff_others_rule().is_there);
}

static int open_forgetful(void **data)
{
	struct handoff_host_times times = handoff_others_times;

	(void)data;
	times.abandon = 3000;
	times.idle = 3500;
	times.beat = times.abandon / HANDOFF_SILENT_BEATS;
	handoff_others_open_with(&times);
	return 0;
}

/* A link that is silent would be over before. */
static bool is_rule_gone(void)
{
	handoff_other_word(&at->first, HANDOFF_BEAT, 0, 0);
	return !handoff_others_rule().is_there;
}

static void a_rule_that_no_packet_met_goes_at_last(void **data)
{
	(void)data;
	handoff_others_take();
	handoff_host_close(at->host, at->taken_fd);
	at->taken_fd = -1;
	HANDOFF_OTHERS_UNTIL(is_rule_gone());
	handoff_other_hear(&at->first, HANDOFF_OVER);
	assert_false(handoff_others_rule().is_there);
}

/* Nothing else wakes it: no link, no beat. */
static void what_is_closed_between_two_runs_wakes_it(void **data)
{
	(void)data;
	handoff_others_take();
	close(at->first.fd);
	at->first.fd = -1;
	HANDOFF_OTHERS_UNTIL(!handoff_host_is_linked(at->host, "first"));
	see(HANDOFF_CLIENT_FIN | HANDOFF_LOCAL_FIN);
	handoff_host_close(at->host, at->taken_fd);
	at->taken_fd = -1;
	HANDOFF_OTHERS_UNTIL(!handoff_others_rule().is_there);
}

/* --- descriptors ------------------------------------------------------------------------------- */

static void one_that_is_given_by_another_descriptor_forgets_the_first(void **data)
{
	int other_fd, first_fd;

	(void)data;
	handoff_others_take();
	first_fd = at->taken_fd;
	other_fd = dup(first_fd);
	assert_int_equal(handoff_host_send(at->host, other_fd, NULL, NULL, NULL, 0), 0);
	handoff_other_say(&at->first, &(struct handoff_message){ .type = HANDOFF_REFUSE,
								 .id = HANDOFF_OTHERS_ID,
								 .turn = 2,
								 .why = "full" });
	HANDOFF_OTHERS_UNTIL(at->kept_fd >= 0);
	assert_int_equal(at->kept_fd, other_fd);
	assert_int_equal(handoff_host_lend(at->host, first_fd, NULL), -ENOENT);
	assert_int_equal(handoff_host_lend(at->host, other_fd, NULL), 0);
	close(other_fd);
}

static bool may_send_again;
static char kept_why[200];

static void on_kept(void *data, void *tag, int fd, const char *why)
{
	may_send_again = !data && !tag && why && handoff_host_may_send_again(at->host);
	snprintf(kept_why, sizeof(kept_why), "%s", why);
	at->kept_fd = fd;
}

/* The other host's answer awaits the commit; @is_heard: the client says a byte before. */
static void send_and_answer(enum handoff_message_type type, bool is_heard)
{
	struct handoff_message answer = { .type = type, .turn = 1, .why = "full" };
	struct sockaddr_storage there = handoff_others_address(HANDOFF_OTHERS_TAKER, 443);

	at->kept_fd = -1;
	assert_int_equal(handoff_host_send(at->host, at->bed.server, "first", NULL, NULL, 0), 0);
	answer.id = handoff_other_hear(&at->first, HANDOFF_REQUEST).id;
	if (type == HANDOFF_ACK)
		answer.place = handoff_others_place(&there);
	if (is_heard) {
		assert_int_equal(send(at->bed.client, "a", 1, 0), 1);
		handoff_bed_wait(at->bed.server, SIOCINQ, 1);
	}
	handoff_other_say(&at->first, &answer);
	HANDOFF_OTHERS_UNTIL(at->kept_fd >= 0);
	assert_int_equal(at->kept_fd, at->bed.server);
}

/* A frozen socket hears a neighbour whose packets begin with the largest TTL. */
static void who_is_kept_as_a_packet_came_in_may_be_sent_again(void **data)
{
	int ttl = 255;

	(void)data;
	at->host->events.kept = on_kept;
	handoff_bed_connect(&at->bed);
	assert_int_equal(setsockopt(at->bed.client, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	handoff_other_greet(&at->first, "first");
	send_and_answer(HANDOFF_ACK, true);
	assert_true(may_send_again);
	send_and_answer(HANDOFF_REFUSE, false);
	assert_false(may_send_again);
	assert_string_equal(kept_why, "'first' says: full");
}

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

#define NEXT_ID (HANDOFF_OTHERS_ID + 1)
#define STRANGERS 100

static void strangers_use_up_no_descriptors(void **data)
{
	int strangers[STRANGERS], before = count_fds();

	(void)data;
	for (int i = 0; i < STRANGERS; i++) {
		strangers[i] = handoff_other_dial();
		handoff_others_run(1);
	}
	handoff_others_run(50);
	/* one for each of them here, and of their other ends a few */
	assert_in_range(count_fds() - before, STRANGERS + 1, STRANGERS + 30);
	handoff_other_greet(&at->first, "first");
	for (int i = 0; i < STRANGERS; i++)
		close(strangers[i]);
}

static void without_room_for_a_link_it_waits(void **data)
{
	struct rlimit had, none;
	int stranger = handoff_other_dial();
	int64_t before;
	int wakes = 0;

	(void)data;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &had), 0);
	none = had;
	/* the next one */
	none.rlim_cur = (rlim_t)dup(stranger);
	close((int)none.rlim_cur);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (before = slot_clock_ms(); slot_clock_ms() < before + 300; wakes++) {
		struct pollfd wake = { .fd = handoff_host_fd(at->host), .events = POLLIN };

		if (poll(&wake, 1, 20) > 0)
			handoff_host_run(at->host);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &had), 0);
	assert_true(wakes < 100);
	handoff_other_greet(&at->first, "first");
	close(stranger);
}

/* As if another id had it. */
static void turn_rule(void)
{
	struct handoff_others_rule one = handoff_others_rule();

	one.rule.id = ~one.rule.id;
	assert_int_equal(bpf_map_update_elem(at->rules.table, &one.key, &one.rule, BPF_EXIST), 0);
}

static void fail_to_give(int fd)
{
	turn_rule();
	assert_int_equal(handoff_host_send(at->host, fd, NULL, NULL, NULL, 0), -ESTALE);
	turn_rule();
	close(fd);
}

static void what_cannot_be_given_is_as_before(void **data)
{
	(void)data;
	handoff_others_take();
	fail_to_give(dup(at->taken_fd));
	handoff_host_close(at->host, at->taken_fd);
	at->taken_fd = -1;
	handoff_other_hear(&at->first, HANDOFF_GONE);
}

static void what_is_lent_and_cannot_be_given_is_lent(void **data)
{
	(void)data;
	handoff_others_take();
	assert_int_equal(handoff_host_lend(at->host, at->taken_fd, NULL), 0);
	fail_to_give(at->taken_fd);
	at->taken_fd = -1;
	handoff_host_ended(at->host, HANDOFF_OTHERS_ID);
	handoff_other_hear(&at->first, HANDOFF_GONE);
}

/* The next one gets its descriptor. */
static void what_is_closed_without_a_word_has_ended(void **data)
{
	int closed_fd;

	(void)data;
	handoff_others_take();
	closed_fd = at->taken_fd;
	close(closed_fd);
	at->taken_fd = -1;
	handoff_other_offer(&at->first, HANDOFF_REQUEST, NEXT_ID, 1, "");
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_GONE).id, HANDOFF_OTHERS_ID);
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_ACK).id, NEXT_ID);
	handoff_other_word(&at->first, HANDOFF_READY, NEXT_ID, 1);
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	assert_int_equal(at->taken_fd, closed_fd);
	handoff_host_close(at->host, at->taken_fd);
	at->taken_fd = -1;
	assert_int_equal(handoff_other_hear(&at->first, HANDOFF_GONE).id, NEXT_ID);
}

/* --- a link that is slow ------------------------------------------------------------------------ */

#define BEAT_MS 250 /* silent after six */
#define PIECE 2
#define PIECES 10

static void who_is_amid_a_long_message_is_not_silent(void **data)
{
	const struct handoff_message message = { .type = HANDOFF_READY, .id = 1, .turn = 1 };
	uint8_t bytes[PIECE * PIECES];
	size_t length;

	(void)data;
	at->beat_ms = BEAT_MS;
	handoff_other_greet(&at->first, "first");
	assert_int_equal(handoff_message_format(&message, bytes, sizeof(bytes), &length), 0);
	assert_int_equal(length, sizeof(bytes));
	for (size_t i = 0; i < PIECES; i++) {
		poll(NULL, 0, BEAT_MS);
		assert_int_equal(send(at->first.fd, bytes + i * PIECE, PIECE, MSG_NOSIGNAL), PIECE);
		/* When the host looks at its clock the piece is there, however late that is. */
		handoff_bed_wait(at->first.fd, SIOCOUTQ, 0);
		handoff_others_run(0);
	}
	handoff_other_hear(&at->first, HANDOFF_RESET);
}

/* --- a connection that comes home -------------------------------------------------------------- */

static void come_back(uint64_t id, uint32_t turn, const char *onward)
{
	handoff_other_offer(&at->first, HANDOFF_BACK, id, turn, onward);
	handoff_other_hear(&at->first, HANDOFF_ACK);
	handoff_other_word(&at->first, HANDOFF_READY, id, turn);
	handoff_other_hear(&at->first, HANDOFF_DONE);
}

/* Home gives it, and gets it back in the second turn. Returns its id. */
static uint64_t come_home(const char *onward)
{
	uint64_t id = handoff_others_give();

	come_back(id, 2, onward);
	return id;
}

/* As if DONE had been lost with the link. */
static void ask_again(uint64_t id)
{
	handoff_other_word(&at->first, HANDOFF_READY, id, 2);
	handoff_other_hear(&at->first, HANDOFF_DONE);
}

static void who_gave_it_may_ask_for_as_long_as_it_waits(void **data)
{
	uint64_t id = come_home("");

	(void)data;
	handoff_others_run(handoff_others_times.linger);
	ask_again(id);
}

static void who_gave_what_is_passed_on_may_ask(void **data)
{
	uint64_t id = come_home("second");

	(void)data;
	handoff_other_hear(&at->second, HANDOFF_REQUEST);
	ask_again(id);
	assert_int_equal(at->taken_fd, -1);
	handoff_other_word(&at->second, HANDOFF_REFUSE, id, 3);
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	ask_again(id);
}

static void expect_moves(enum handoff_move move, __u64 expected)
{
	__u64 counts[HANDOFF_MOVES_SIZE];
	struct slot_reason why = {};

	assert_int_equal(handoff_moves_read(PROGRAM_BED_DIR, &why, counts), 0);
	assert_int_equal(counts[move], expected);
}

/* As the agent has it do. */
static void home_takes_nothing_back_that_a_device_sends_on(void **data)
{
	struct handoff_offloads offloads = HANDOFF_OFFLOADS_CLOSED;
	struct handoff_offload offload = { .is_active = 1 };
	struct slot_reason why = {};
	struct handoff_others_rule one;
	uint64_t id = handoff_others_give();

	(void)data;
	one = handoff_others_rule();
	offload.id = id;
	assert_int_equal(handoff_offloads_open(PROGRAM_BED_DIR, true, &why, &offloads), 0);
	assert_int_equal(handoff_offloads_set(&offloads, &one.key, &offload), 0);
	handoff_other_offer(&at->first, HANDOFF_BACK, id, 2, "");
	handoff_other_hear(&at->first, HANDOFF_REFUSE);
	assert_int_equal(handoff_others_rule().rule.ingress, HANDOFF_REDIRECT);
	expect_moves(HANDOFF_MOVES_REFUSED, 1);
	expect_moves(HANDOFF_MOVES_REFUSED_DEVICE, 1);
	assert_int_equal(handoff_offloads_del(&offloads, &one.key), 0);
	handoff_offloads_close(&offloads);
	come_back(id, 3, "");
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	handoff_bed_say(at->bed.client, at->taken_fd, "at home");
	expect_moves(HANDOFF_MOVES_BEGUN, 1);
	expect_moves(HANDOFF_MOVES_GIVEN, 1);
	expect_moves(HANDOFF_MOVES_BACK, 1);
	expect_moves(HANDOFF_MOVES_REFUSED, 1);
}

/* As a worker has it, until it hears that its connection was given. */
static void one_that_another_process_has_open_still_comes_home(void **data)
{
	char byte;
	int other;

	(void)data;
	handoff_bed_connect(&at->bed);
	other = dup(at->bed.server);
	come_home("");
	HANDOFF_OTHERS_UNTIL(at->taken_fd >= 0);
	handoff_bed_say(at->bed.client, at->taken_fd, "there");
	close(other);
	handoff_bed_say(at->taken_fd, at->bed.client, "and back");
	assert_int_equal(recv(at->bed.client, &byte, 1, MSG_DONTWAIT), -1);
}

/* As another process's socket at the client's four numbers, it would be in the way of the next one. */
static void what_is_freed_amid_a_move_has_no_addresses(void **data)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);
	int other;

	(void)data;
	handoff_others_begin();
	other = dup(handoff_table_find_id(at->host, HANDOFF_OTHERS_ID)->fd);
	handoff_host_free(at->host);
	at->host = NULL;
	assert_int_equal(getsockopt(other, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	assert_int_equal(info.tcpi_state, TCP_CLOSE);
	close(other);
}

/* It is freed amid that. */
static void what_is_passed_on_ends_with_its_process(void **data)
{
	char byte;

	(void)data;
	come_home("second");
	handoff_other_hear(&at->second, HANDOFF_REQUEST);
	handoff_host_free(at->host);
	at->host = NULL;
	assert_int_equal(poll(&(struct pollfd){ .fd = at->bed.client, .events = POLLIN }, 1,
			      HANDOFF_OTHERS_WAIT_MS),
			 1);
	assert_true(recv(at->bed.client, &byte, 1, MSG_DONTWAIT) <= 0);
}

#define ADD(test) TAP_ADD(&plan, test, handoff_others_open, handoff_others_close)

int main(void)
{
	struct tap_plan plan = {};

	ADD(a_rule_stays_until_both_ends_are_seen);
	TAP_ADD(&plan, a_rule_that_no_packet_met_goes_at_last, open_forgetful,
		handoff_others_close);
	ADD(what_is_closed_between_two_runs_wakes_it);
	ADD(one_that_is_given_by_another_descriptor_forgets_the_first);
	ADD(who_is_kept_as_a_packet_came_in_may_be_sent_again);
	ADD(what_cannot_be_given_is_as_before);
	ADD(what_is_lent_and_cannot_be_given_is_lent);
	ADD(what_is_closed_without_a_word_has_ended);
	ADD(strangers_use_up_no_descriptors);
	ADD(without_room_for_a_link_it_waits);
	ADD(who_is_amid_a_long_message_is_not_silent);
	ADD(who_gave_it_may_ask_for_as_long_as_it_waits);
	ADD(who_gave_what_is_passed_on_may_ask);
	ADD(home_takes_nothing_back_that_a_device_sends_on);
	ADD(one_that_another_process_has_open_still_comes_home);
	ADD(what_is_freed_amid_a_move_has_no_addresses);
	ADD(what_is_passed_on_ends_with_its_process);
	return tap_run(&plan, "libhandoff_host, and other hosts", 1);
}
