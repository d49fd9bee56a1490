/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The keys of kTLS: what the kernel gives of them is what it takes. */
#include <errno.h>
#include <string.h>

#include <linux/tcp.h>
#include <linux/tls.h>

#include "loader/lib/base/cleanup.h"
#include "programs/handoff/lib/handoff_socket.h"

/* The kernel's struct for any cipher: a head, and as many bytes as the cipher has. */
struct crypto_info {
	struct tls_crypto_info head;
	uint8_t rest[HANDOFF_TLS_MAX];
};

static void wipe_info(struct crypto_info *info)
{
	explicit_bzero(info, sizeof(*info));
}

static int take_direction(int fd, int name, struct handoff_tls *tls, struct slot_reason *why)
{
	const char *way = name == TLS_TX ? "sending" : "receiving";
	_cleanup_(wipe_info) struct crypto_info info = {};
	socklen_t len = sizeof(info.head);

	/* With room for the head alone it tells the cipher; the rest wants its exact length. */
	if (getsockopt(fd, SOL_TLS, name, &info, &len))
		return errno == EBUSY ?
			       slot_reason_set(why, -EOPNOTSUPP,
					       "kTLS is not set for %s: only both "
					       "directions can be captured",
					       way) :
			       slot_reason_set(why, -errno, "cannot read the key for %s: %s", way,
					       strerror(errno));
	tls->version = info.head.version;
	tls->cipher = info.head.cipher_type;
	tls->len = handoff_tls_size(tls->version, tls->cipher);
	if (!tls->len)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "kTLS version 0x%04x with cipher %u cannot be captured: "
				       "only 1.2 and 1.3 with AES-GCM or ChaCha20-Poly1305",
				       tls->version, tls->cipher);
	len = (socklen_t)(sizeof(info.head) + tls->len);
	if (getsockopt(fd, SOL_TLS, name, &info, &len))
		return slot_reason_set(why, -errno, "cannot read the key for %s: %s", way,
				       strerror(errno));
	memcpy(tls->rest, info.rest, tls->len);
	return 0;
}

int handoff_tls_take(int fd, struct handoff_state *state, struct slot_reason *why)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp) - 1;
	int err;

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len))
		return slot_reason_set(why, -errno, "cannot read the socket's ULP: %s",
				       strerror(errno));
	if (!len || !*ulp)
		return 0;
	if (strcmp(ulp, "tls") != 0)
		return slot_reason_set(why, -EOPNOTSUPP,
				       "the socket has ULP '%s': only tls can be captured", ulp);
	err = take_direction(fd, TLS_TX, &state->tx, why);
	err = err ? err : take_direction(fd, TLS_RX, &state->rx, why);
	if (!err)
		state->has_tls = 1;
	return err;
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
