/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of kTLS: what the kernel gives of them is what it takes. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/tls.h>
#include <sys/ioctl.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_socket.h"

/*
 * A record that has no room in the receive buffer is taken out of it part by part (copy mode of
 * net/tls/tls_strp.c, 6.0), and no number tells of a part that is there: so one of 16 KiB has
 * to have room, however small its segments.
 */
#define TLS_ROOM_MIN 65536

#define TYPE_DATA 23 /* application_data (RFC 8446, B.1) */

/* The kernel's struct for any cipher: a head, and as many bytes as the cipher has. */
struct crypto_info {
	struct tls_crypto_info head;
	uint8_t rest[HANDOFF_TLS_MAX];
};

static void wipe_info(struct crypto_info *info)
{
	explicit_bzero(info, sizeof(*info));
}

static int read_info(int fd, int name, struct crypto_info *info, size_t size,
		     struct slot_reason *why)
{
	const char *way = name == TLS_TX ? "sending" : "receiving";
	socklen_t len = (socklen_t)size;

	if (!getsockopt(fd, SOL_TLS, name, info, &len))
		return 0;
	if (errno == EBUSY)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "kTLS is not set for %s: only both directions can be "
				       "captured",
				       way);
	return slot_reason_set(why, -errno, "cannot read the key for %s: %s", way, strerror(errno));
}

/* With room for the head alone it tells the cipher; the rest wants its exact length. */
static int take_cipher(int fd, struct handoff_tls *tls, struct slot_reason *why)
{
	struct crypto_info info = {};
	int err = read_info(fd, TLS_TX, &info, sizeof(info.head), why);

	if (err)
		return err;
	tls->version = info.head.version;
	tls->cipher = info.head.cipher_type;
	tls->len = handoff_tls_size(tls->version, tls->cipher);
	if (!tls->len)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "kTLS version 0x%04x with cipher %u cannot be captured: "
				       "only 1.2 and 1.3 with AES-GCM or ChaCha20-Poly1305",
				       tls->version, tls->cipher);
	return 0;
}

static int take_key(int fd, int name, struct handoff_tls *tls, struct slot_reason *why)
{
	_cleanup_(wipe_info) struct crypto_info info = {};
	int err = read_info(fd, name, &info, sizeof(info.head) + tls->len, why);

	if (!err)
		memcpy(tls->rest, info.rest, tls->len);
	return err;
}

static int find_ulp(int fd, struct handoff_state *state, struct slot_reason *why)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp) - 1;

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len))
		return slot_reason_set(why, -errno, "cannot read the socket's ULP: %s",
				       strerror(errno));
	if (len && *ulp && strcmp(ulp, "tls") != 0)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "the socket has ULP '%s': only tls can be captured", ulp);
	state->has_tls = len && *ulp;
	return 0;
}

static int check_room(int fd, struct slot_reason *why)
{
	int room = 0;

	if (!handoff_socket_get(fd, SOL_SOCKET, SO_RCVBUF, &room) && room >= TLS_ROOM_MIN)
		return 0;
	return slot_reason_set(why, -EOPNOTSUPP,
			       "a receive buffer of %d bytes is too small for kTLS: where a "
			       "record ends cannot be told below %d",
			       room, TLS_ROOM_MIN);
}

/*
 * Queues under kTLS cannot be read, and a record that is there in part is of no use: its other
 * part comes to a socket that has not seen this one. What the kernel has decrypted and nobody
 * read shows in poll() alone.
 */
int handoff_tls_records(int fd, int outstanding, int unread, struct slot_reason *why)
{
	struct pollfd readable = { .fd = fd, .events = POLLIN };

	if (outstanding)
		return slot_reason_set(why, -EAGAIN,
				       "%d bytes of kTLS are not acknowledged: try again",
				       outstanding);
	if (unread)
		return slot_reason_set(
			why, -EAGAIN,
			"%d bytes of kTLS are not read, or are no whole record: read, "
			"and try again",
			unread);
	if (poll(&readable, 1, 0) && readable.revents & POLLIN)
		return slot_reason_set(
			why, -EAGAIN,
			"a record of kTLS is not read to its end: read, and try again");
	return 0;
}

/*
 * A record that was begun (MSG_MORE) is in no queue and has no number, and what sets a type of
 * record ends it before, even without a record to send.
 */
static int end_record(int fd, struct slot_reason *why)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(uint8_t))];
	} control = {};
	struct msghdr nothing = {
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *type = CMSG_FIRSTHDR(&nothing);

	type->cmsg_level = SOL_TLS;
	type->cmsg_type = TLS_SET_RECORD_TYPE;
	type->cmsg_len = CMSG_LEN(sizeof(uint8_t));
	*CMSG_DATA(type) = TYPE_DATA;
	if (sendmsg(fd, &nothing, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return slot_reason_set(why, errno == EAGAIN ? -EAGAIN : -errno,
				       "cannot end a record that was begun: %s", strerror(errno));
	return 0;
}

int handoff_tls_check(int fd, struct handoff_state *state, struct slot_reason *why)
{
	int err = find_ulp(fd, state, why), outstanding, unread;

	if (err || !state->has_tls)
		return err;
	if (state->is_peer_closed)
		return slot_reason_set(why, -ESHUTDOWN,
				       "the peer has closed its side: under kTLS that cannot be "
				       "captured");
	err = check_room(fd, why);
	err = err ? err : end_record(fd, why);
	if (err)
		return err;
	if (ioctl(fd, SIOCOUTQ, &outstanding) || ioctl(fd, SIOCINQ, &unread))
		return slot_reason_set(why, -errno, "cannot tell how much is queued: %s",
				       strerror(errno));
	return handoff_tls_records(fd, outstanding, unread, why);
}

int handoff_tls_take(int fd, struct handoff_state *state, struct slot_reason *why)
{
	int err = 0;

	if (!state->has_tls)
		return 0;
	err = take_cipher(fd, &state->tx, why);
	err = err ? err : take_key(fd, TLS_TX, &state->tx, why);
	if (err)
		return err;
	/* The kernel takes no other cipher for one direction than for the other. */
	state->rx = (struct handoff_tls){ .version = state->tx.version,
					  .cipher = state->tx.cipher,
					  .len = state->tx.len };
	return take_key(fd, TLS_RX, &state->rx, why);
}

static int put_direction(int fd, int name, const struct handoff_tls *tls, struct slot_reason *why)
{
	_cleanup_(wipe_info) struct crypto_info info = {
		.head = { .version = tls->version, .cipher_type = tls->cipher },
	};
	int err;

	memcpy(info.rest, tls->rest, tls->len);
	if (!setsockopt(fd, SOL_TLS, name, &info, (socklen_t)(sizeof(info.head) + tls->len)))
		return 0;
	/* EINVAL, ENOENT: a cipher that this kernel was built without */
	err = errno == EINVAL || errno == ENOENT ? -EOPNOTSUPP : -errno;
	return slot_reason_set(why, err,
			       "this kernel takes no key of version 0x%04x, cipher %u: %s",
			       tls->version, tls->cipher, strerror(errno));
}

int handoff_tls_put(int fd, const struct handoff_state *state, struct slot_reason *why)
{
	int err;

	if (!state->has_tls)
		return 0;
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return slot_reason_set(why, errno == ENOENT ? -EOPNOTSUPP : -errno,
				       "this kernel has no kTLS (modprobe tls): %s",
				       strerror(errno));
	err = put_direction(fd, TLS_TX, &state->tx, why);
	return err ? err : put_direction(fd, TLS_RX, &state->rx, why);
}
