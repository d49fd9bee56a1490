/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The steps of a connection that moves, on its socket and on its rule. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include <linux/tcp.h>

#include "loader/lib/base/clock.h"
#include "loader/lib/base/fault.h"
#include "programs/handoff/lib/peer/handoff_own.h"
#include "programs/handoff/maps/handoff_sweep.h"

#define MS 1000000ULL /* ns */

/* --- what all share ---------------------------------------------------------------------------- */

static struct handoff_source source_of(const struct handoff_conn *conn)
{
	struct handoff_source source = { .port = htons(conn->home.port) };

	memcpy(source.address, conn->home.addr, sizeof(source.address));
	return source;
}

static int say_rule(struct handoff_conn *conn, int err, const char *what)
{
	if (err)
		slot_reason_set(conn->why, err, "the rule (%s): %s", what, strerror(-err));
	return err;
}

static int say_lib(struct handoff_host *host, struct handoff_conn *conn, int err)
{
	if (err)
		slot_reason_set(conn->why, err, "%s", handoff_error(host->lib));
	return err;
}

static int block(struct handoff_host *host, struct handoff_conn *conn, uint32_t lasts_ms)
{
	conn->deadline_ns = slot_clock_ns() + (lasts_ms + HANDOFF_GRACE_MS) * MS;
	return say_rule(conn,
			handoff_rules_block(&host->rules, &conn->key, conn->id, conn->deadline_ns),
			"block");
}

/* Not at home: packets come in again, and go out in home's name. */
static int open_rule(struct handoff_host *host, struct handoff_conn *conn)
{
	struct handoff_source source = source_of(conn);

	return say_rule(conn,
			handoff_rules_rewrite(&host->rules, &conn->key, conn->id, &source,
					      HANDOFF_PASS),
			"rewrite");
}

static int remove_rule(struct handoff_host *host, struct handoff_conn *conn)
{
	return say_rule(conn, handoff_rules_remove(&host->rules, &conn->key, conn->id), "remove");
}

/*
 * Another process may have it open for a moment more: without this its four numbers were taken
 * until then, and the connection could not come back. In repair nothing is sent (tcp_disconnect()).
 * Under kTLS the kernel refuses it since 2025, and had better before.
 */
static void end_quietly(int fd)
{
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);

	if (!getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len) && !*ulp)
		(void)!connect(fd, &nobody, sizeof(nobody));
	close(fd);
}

void handoff_step_close(struct handoff_host *host, struct handoff_conn *conn)
{
	handoff_table_clear_fd(host, conn);
	if (conn->fd >= 0)
		end_quietly(conn->fd);
	conn->fd = -1;
	conn->is_frozen = false;
}

static int count(int fd, struct handoff_traffic *ret_traffic)
{
	struct tcp_info info = {};
	socklen_t length = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		return -errno;
	*ret_traffic = (struct handoff_traffic){
		.received = info.tcpi_bytes_received,
		.sent = info.tcpi_bytes_sent,
		.state = info.tcpi_state,
	};
	return 0;
}

static bool is_same(const struct handoff_traffic *a, const struct handoff_traffic *b)
{
	return a->received == b->received && a->sent == b->sent && a->state == b->state;
}

/* --- the giver --------------------------------------------------------------------------------- */

/* Under kTLS there is no queue for them: they stay bytes of the application. */
static int put_back(struct handoff_conn *conn)
{
	int err = handoff_state_unread(conn->state, conn->app, conn->app_length);

	conn->is_unread = false;
	if (!err)
		handoff_conn_drop_app(conn);
	else if (err != -EOPNOTSUPP)
		return slot_reason_set(conn->why, err, "what was read: %s", strerror(-err));
	return 0;
}

/*
 * A packet that had passed the rule on another CPU when it began to block may still be received
 * while the socket is read out, or later: what came in before and at the commit differs then.
 * A timer of the frozen socket may send what its state has as unsent, and the client acknowledge
 * what the taker's socket then refuses to have sent: so what went out after and at the commit.
 */
static int capture(struct handoff_host *host, struct handoff_conn *conn)
{
	struct handoff_traffic before = {}, after = {};
	struct handoff_state *state;
	int err = count(conn->fd, &before);

	if (err)
		return slot_reason_set(conn->why, err, "TCP_INFO: %s", strerror(-err));
	err = handoff_capture(host->lib, conn->fd, &state);
	if (err)
		return say_lib(host, conn, err);
	handoff_state_free(conn->state);
	conn->state = state;
	conn->is_frozen = true;
	err = count(conn->fd, &after);
	if (err)
		return slot_reason_set(conn->why, err, "TCP_INFO: %s", strerror(-err));
	conn->traffic = before;
	conn->traffic.sent = after.sent;
	return conn->is_unread ? put_back(conn) : 0;
}

static int check_unchanged(struct handoff_conn *conn)
{
	struct handoff_traffic now = {};
	int err = count(conn->fd, &now);

	if (!err && !is_same(&now, &conn->traffic))
		err = -EAGAIN;
	if (!err && slot_clock_ns() >= conn->deadline_ns)
		err = -ETIMEDOUT;
	if (err)
		slot_reason_set(conn->why, err, "%s",
				err == -EAGAIN ?
					"a packet came in or went out while it was captured" :
				err == -ETIMEDOUT ? "its block has ended" :
						    strerror(-err));
	return err;
}

/* The rule is the point of no return. Packets may have passed it only if its time was over. */
static int commit(struct handoff_host *host, struct handoff_conn *conn)
{
	uint64_t deadline_ns = conn->deadline_ns;
	struct sockaddr_storage to;
	int err = check_unchanged(conn);

	if (!err && conn->machine.is_home) {
		handoff_place_get(&conn->there, &to);
		err = handoff_ways_find(&host->ways, (struct sockaddr *)&to, conn->why,
					&conn->target);
		if (err)
			return err;
		err = say_rule(conn,
			       handoff_rules_redirect(&host->rules, &conn->key, conn->id,
						      &conn->target),
			       "redirect");
	} else if (!err) {
		err = block(host, conn, host->times.done);
	}
	if (err)
		return err;
	SLOT_FAULT("handoff.redirect");
	if (slot_clock_ns() < deadline_ns)
		return 0;
	return slot_reason_set(conn->why, -ETIME, "its block had ended before it was redirected");
}

static int undo(struct handoff_host *host, struct handoff_conn *conn)
{
	struct slot_reason first = *conn->why;
	int first_err = conn->err;
	int err = conn->is_frozen ? handoff_undo(host->lib, conn->fd) : 0;

	if (err)
		return say_lib(host, conn, err);
	conn->is_frozen = false;
	handoff_state_free(conn->state);
	conn->state = NULL;
	/* Where this fails the block ends by itself. */
	if (conn->machine.is_home)
		remove_rule(host, conn);
	else
		open_rule(host, conn);
	/* What is of interest is why it was undone. */
	*conn->why = first;
	conn->err = first_err;
	return 0;
}

/* --- the taker --------------------------------------------------------------------------------- */

static const struct sockaddr *choose_local(const struct handoff_host *host, int family)
{
	for (int i = 0; i < 2; i++)
		if (host->local[i].ss_family == family)
			return (const struct sockaddr *)&host->local[i];
	return NULL;
}

static int restore(struct handoff_host *host, struct handoff_conn *conn)
{
	struct sockaddr_storage here = {};
	socklen_t length = sizeof(here);
	struct handoff_state_info info = {};
	struct handoff_place client = {};
	const struct sockaddr *local;
	int fd, err;

	handoff_state_get(conn->state, &info);
	if (handoff_place_set(&info.peer, &client) ||
	    memcmp(client.addr, conn->client.addr, sizeof(client.addr)) ||
	    client.port != conn->client.port)
		return slot_reason_set(conn->why, -EBADMSG, "its state is of another client");
	local = choose_local(host, info.peer.ss_family);
	if (conn->machine.is_home) {
		handoff_place_get(&conn->home, &here);
		local = (const struct sockaddr *)&here;
	}
	if (!local)
		return slot_reason_set(conn->why, -EADDRNOTAVAIL,
				       "'%s' has no address of this family for it", host->name);
	err = handoff_restore(host->lib, conn->state, local, &fd);
	if (err)
		return say_lib(host, conn, err);
	conn->fd = fd;
	conn->is_frozen = true;
	if (getsockname(fd, (struct sockaddr *)&here, &length) ||
	    handoff_place_set(&here, &conn->here) ||
	    (!conn->machine.is_home && handoff_table_set_fd(host, conn))) {
		handoff_step_close(host, conn);
		return slot_reason_set(conn->why, -ENOMEM, "no room for one more socket");
	}
	handoff_table_set_key(host, conn);
	return 0;
}

/* Past this host's program a device may send on what comes in: to where nobody has it then. */
static int check_device(struct handoff_host *host, struct handoff_conn *conn)
{
	struct handoff_offload offload;
	int err = handoff_offloads_get(&host->offloads, &conn->key, &offload);

	if (err == -ENOENT)
		return 0;
	handoff_moves_add(&host->moves, HANDOFF_MOVES_REFUSED_DEVICE);
	return slot_reason_set(conn->why, err ? err : -EAGAIN, "%s",
			       err ? strerror(-err) :
				     "a device still sends its packets on, for a moment more");
}

static int prepare(struct handoff_host *host, struct handoff_conn *conn)
{
	struct handoff_source source = source_of(conn);
	int err = block(host, conn, host->times.ready);

	if (err)
		return err;
	if (conn->machine.is_home)
		return check_device(host, conn);
	return say_rule(conn,
			handoff_rules_rewrite(&host->rules, &conn->key, conn->id, &source,
					      HANDOFF_BLOCK),
			"rewrite");
}

/* Packets first: what the socket sends when it is thawed is answered at once. */
static int start(struct handoff_host *host, struct handoff_conn *conn)
{
	int err = conn->machine.is_home ? remove_rule(host, conn) : open_rule(host, conn);

	err = err ? err : say_lib(host, conn, handoff_resume(host->lib, conn->state, conn->fd));
	if (err)
		return err;
	conn->is_frozen = false;
	handoff_state_free(conn->state);
	conn->state = NULL;
	return 0;
}

static int drop(struct handoff_host *host, struct handoff_conn *conn)
{
	handoff_step_close(host, conn);
	if (!conn->machine.is_home)
		return remove_rule(host, conn);
	return say_rule(conn,
			handoff_rules_redirect(&host->rules, &conn->key, conn->id, &conn->target),
			"redirect");
}

/* --- the end ----------------------------------------------------------------------------------- */

/* Of a live socket, in home's name as long as the rule is there. */
static int abort_live(struct handoff_conn *conn)
{
	if (conn->fd >= 0)
		(void)connect(conn->fd, &(struct sockaddr){ .sa_family = AF_UNSPEC },
			      sizeof(struct sockaddr));
	return 0;
}

/*
 * A client that waits for an answer sends nothing that could be answered by a reset. What is sent
 * is in order unless another socket has sent since: then that one's end has told the client.
 */
static int reset_client(struct handoff_host *host, struct handoff_conn *conn)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct sockaddr_storage here;
	int err = 0;

	if (!conn->state) {
		handoff_step_close(host, conn);
		return 0;
	}
	handoff_place_get(&conn->here, &here);
	if (!conn->is_frozen)
		err = handoff_restore(host->lib, conn->state, (struct sockaddr *)&here, &conn->fd);
	/* One that was thawed, and failed later, is reset all the same. */
	err = err ? err : handoff_resume(host->lib, conn->state, conn->fd);
	setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	handoff_step_close(host, conn);
	return err;
}

static int release(struct handoff_host *host, struct handoff_conn *conn)
{
	return conn->machine.is_home ? remove_rule(host, conn) : open_rule(host, conn);
}

/*
 * The application has closed its socket, and the kernel may still have bytes of it to deliver: to a
 * client that has ended its side long ago as well. No device sends packets on of what ends.
 */
static int sweep(struct handoff_host *host, struct handoff_conn *conn)
{
	const struct handoff_sweep after = {
		.linger_ns = host->times.linger * MS,
		.half_ns = host->times.idle * MS,
		.idle_ns = host->times.idle * MS,
	};
	struct handoff_rule rule;
	int err = handoff_rules_get(&host->rules, &conn->key, &rule);

	if (err == -ENOENT || (!err && rule.id != conn->id))
		return 0;
	if (err)
		return err;
	if (handoff_sweep_judge(&after, &rule, 0, slot_clock_ns()) == HANDOFF_NOT_OVER)
		return -EAGAIN;
	return remove_rule(host, conn);
}

int handoff_step_run(struct handoff_host *host, struct handoff_conn *conn,
		     enum handoff_action_kind kind)
{
	switch (kind) {
	case HANDOFF_DO_BLOCK:
		return SLOT_STEP("handoff.block", block(host, conn, host->times.ack));
	case HANDOFF_DO_CAPTURE:
		return SLOT_STEP("handoff.capture", capture(host, conn));
	case HANDOFF_DO_COMMIT:
		return SLOT_STEP("handoff.commit", commit(host, conn));
	case HANDOFF_DO_UNDO:
		return SLOT_STEP("handoff.undo", undo(host, conn));
	case HANDOFF_DO_RESTORE:
		return SLOT_STEP("handoff.restore", restore(host, conn));
	case HANDOFF_DO_PREPARE:
		return SLOT_STEP("handoff.prepare", prepare(host, conn));
	case HANDOFF_DO_START:
		return SLOT_STEP("handoff.start", start(host, conn));
	case HANDOFF_DO_SWEEP:
		return sweep(host, conn);
	case HANDOFF_DO_CLOSE:
		handoff_step_close(host, conn);
		SLOT_FAULT("handoff.close");
		return 0;
	case HANDOFF_DO_DROP:
		return drop(host, conn);
	case HANDOFF_DO_ABORT:
		return abort_live(conn);
	case HANDOFF_DO_RELEASE:
		return release(host, conn);
	case HANDOFF_DO_RESET:
		return reset_client(host, conn);
	case HANDOFF_DO_PROBE:
		handoff_nudge_begin(host, conn);
		return 0;
	default:
		return 0;
	}
}
