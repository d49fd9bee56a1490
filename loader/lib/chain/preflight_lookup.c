/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Test lookups, for chains of sk_lookup programs. */
#include <errno.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <bpf/bpf.h>

#include "loader/lib/chain/preflight_probe.h"

#define PORT_FROM 49152 /* the first that nobody is given (RFC 6335) */
#define PORT_TO 9	/* discard */

/* Fields that the kernel fills in itself have to be empty. */
static int run_lookup(const struct slot_generation *generation, struct bpf_sk_lookup *lookup,
		      struct slot_reason *why)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = lookup, .ctx_size_in = sizeof(*lookup),
		    .repeat = 1);
	int err = bpf_prog_test_run_opts(generation->root_fd, &opts);

	/* What a program that selects a socket of a SO_REUSEPORT group comes back with: it ran. */
	if (err && err != -EOPNOTSUPP)
		return slot_reason_set(why, err, "preflight: cannot run generation %u: %s",
				       generation->number, strerror(-err));
	return 0;
}

static int run_ip4(const struct slot_preflight_probe *probe,
		   const struct slot_generation *generation, struct slot_reason *note,
		   struct slot_reason *why)
{
	struct bpf_sk_lookup lookup = { .family = AF_INET,
					.protocol = IPPROTO_TCP,
					.local_port = PORT_TO,
					.remote_port = htons(PORT_FROM) };

	(void)probe;
	(void)note;
	inet_pton(AF_INET, "192.0.2.1", &lookup.remote_ip4);
	inet_pton(AF_INET, "192.0.2.2", &lookup.local_ip4);
	return run_lookup(generation, &lookup, why);
}

static int run_ip6(const struct slot_preflight_probe *probe,
		   const struct slot_generation *generation, struct slot_reason *note,
		   struct slot_reason *why)
{
	struct bpf_sk_lookup lookup = { .family = AF_INET6,
					.protocol = IPPROTO_UDP,
					.local_port = PORT_TO,
					.remote_port = htons(PORT_FROM) };

	(void)probe;
	(void)note;
	inet_pton(AF_INET6, "2001:db8::1", lookup.remote_ip6);
	inet_pton(AF_INET6, "2001:db8::2", lookup.local_ip6);
	return run_lookup(generation, &lookup, why);
}

const struct slot_preflight_probe slot_probes_lookup[SLOT_PROBES_MAX + 1] = {
	{ "an ordinary lookup for a connection", 0, run_ip4 },
	{ "an ordinary lookup for a datagram", 0, run_ip6 },
};
