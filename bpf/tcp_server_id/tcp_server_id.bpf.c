/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tcp_server_id: servers tell clients who they are, in a TCP option, and clients say it back in
 * every segment, so that a load balancer can lead a segment to its server without any memory of
 * the connection. Both ends are this program, on sockets of a cgroup.
 *
 *	client			server
 *	SYN		->		or, with an option that says no, nothing of what follows
 *			<-	SYN-ACK, id
 *	ACK, id		->		whose id is right: the server reads no more
 *	data, id	->
 *
 * Without an id the client asks, with id 0, by its first segments. Who asks, or has another
 * host's id, is told by the server's next segment.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "bpf/count.h"
#include "bpf/manifest.h"
#include "bpf/tcp_server_id/option.bpf.h"

SLOT_NAME("tcp_server_id");
SLOT_VERSION(SLOT_PROGRAM_VERSION);
SLOT_HOOK("sock_ops");
SLOT_MAP_ABI(1);

#define GO_ON 1

/* Written by the control plane, read here for what servers say and hear. One element. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tsi_ids);
} tsi_ids SEC(".maps");

/* Written here, read by the control plane; per CPU, so that no CPU waits for another. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TSI_COUNTS_SIZE);
	__type(key, __u32);
	__type(value, struct slot_count);
} tsi_counts SEC(".maps");

/* Written and read here, under the socket's lock; it ends with its socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct tsi_socket);
} tsi_sockets SEC(".maps");

/*
 * Written and read here: whether the SYN-ACK that is being made has room, as its socket has no
 * storage yet. Per CPU: from the one to the other the kernel does nothing else on it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tsi_room SEC(".maps");

static __always_inline void count(enum tsi_counter counter)
{
	count_event(&tsi_counts, counter);
}

/* --- callbacks of a socket ------------------------------------------------------------------- */

#define WRITE BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG
/* Called for options alone that the kernel does not know: not at all, as a rule. */
#define READ BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG

/* The flags are all programs' together. */
static __always_inline void want(struct bpf_sock_ops *skops, __u32 flags)
{
	if ((skops->bpf_sock_ops_cb_flags & flags) != flags)
		bpf_sock_ops_cb_flags_set(skops, skops->bpf_sock_ops_cb_flags | flags);
}

/* So whether another one wants them is not to be known. */
static __always_inline void want_no_more(struct bpf_sock_ops *skops, __u32 flags)
{
	if (tcp_server_id_config.alone)
		bpf_sock_ops_cb_flags_set(skops, skops->bpf_sock_ops_cb_flags & ~flags);
}

static __always_inline struct tsi_socket *find_socket(struct bpf_sock_ops *skops)
{
	struct bpf_sock *sk = skops->sk;

	return sk ? bpf_sk_storage_get(&tsi_sockets, sk, NULL, 0) : NULL;
}

static __always_inline struct tsi_socket *make_socket(struct bpf_sock_ops *skops,
						      const struct tsi_socket *start)
{
	struct bpf_sock *sk = skops->sk;
	struct tsi_socket *socket = NULL;

	if (sk)
		socket = bpf_sk_storage_get(&tsi_sockets, sk, (void *)start,
					    BPF_SK_STORAGE_GET_F_CREATE);
	if (!socket)
		count(TSI_NO_STORAGE);
	return socket;
}

/* --- what servers hear ----------------------------------------------------------------------- */

static __always_inline const struct tsi_ids *get_ids(void)
{
	__u32 key = 0;

	return bpf_map_lookup_elem(&tsi_ids, &key);
}

static __always_inline void confirm(struct bpf_sock_ops *skops, struct tsi_socket *socket,
				    enum tsi_counter counter)
{
	if (!socket->is_confirmed)
		count(counter);
	socket->is_confirmed = true;
	socket->is_telling = false;
	want_no_more(skops, READ | WRITE);
}

/* hear - what a client's segment says. */
static __always_inline enum reading hear(struct bpf_sock_ops *skops, struct tsi_socket *socket)
{
	const struct tsi_ids *ids = get_ids();
	__u32 id = 0;
	enum reading reading = read_option(skops, client_kind(), 0, &id);

	if (reading == READ_BAD)
		count(TSI_BAD_OPTION);
	if (reading != READ_ID || !ids)
		return reading;
	if (id && id == ids->primary) {
		confirm(skops, socket, TSI_CONFIRMED);
	} else if (id && id == ids->fallback) {
		confirm(skops, socket, TSI_CONFIRMED_OLD);
	} else {
		count(id ? TSI_WRONG : TSI_ASKED);
		socket->is_telling = true;
		want(skops, READ | WRITE);
	}
	return reading;
}

/*
 * The SYN-ACK went without this socket's storage: its own was a request's, which has none, and
 * under SYN cookies there was not even that.
 */
static __always_inline void start_server(struct bpf_sock_ops *skops)
{
	const struct tsi_socket start = { .is_server = true };
	struct tsi_socket *socket;

	if (!tcp_server_id_config.server)
		return;
	socket = make_socket(skops, &start);
	if (!socket)
		return;
	want(skops, READ | WRITE);
	if (hear(skops, socket) == READ_ID)
		return;
	count(TSI_NOT_ECHOED);
	want_no_more(skops, WRITE);
}

/* --- what clients hear ----------------------------------------------------------------------- */

static __always_inline void start_client(struct bpf_sock_ops *skops)
{
	const struct tsi_socket start = { .asks = TSI_ASKS };
	struct tsi_socket *socket;

	if (tcp_server_id_config.client == TSI_SILENT)
		return;
	socket = make_socket(skops, &start);
	if (!socket)
		return;
	/* A socket may connect again after it was disconnected: what it knew is of another server. */
	*socket = start;
	want(skops, tcp_server_id_config.client == TSI_ECHO ? READ | WRITE : WRITE);
}

/* learn - the id that a server's segment tells, if it does. */
static __always_inline void learn(struct bpf_sock_ops *skops, struct tsi_socket *socket,
				  enum tsi_counter counter)
{
	__u32 id = 0;
	enum reading reading = read_option(skops, server_kind(), 0, &id);

	/* Katran's servers of old have one kind for both. */
	if (reading == READ_NOTHING && server_kind() != client_kind())
		reading = read_option(skops, client_kind(), 0, &id);
	if (reading == READ_BAD)
		count(TSI_BAD_OPTION);
	if (reading != READ_ID || !id || id == socket->id)
		return;
	count(socket->id ? TSI_REPLACED : counter);
	socket->id = id;
	want(skops, WRITE);
}

/* The SYN-ACK is at hand here, and not before. */
static __always_inline void start_echo(struct bpf_sock_ops *skops)
{
	struct tsi_socket *socket = find_socket(skops);

	if (!socket || socket->is_server)
		return;
	if (tcp_server_id_config.client != TSI_ECHO) {
		want_no_more(skops, WRITE);
		return;
	}
	learn(skops, socket, TSI_LEARNED);
	if (!socket->id)
		count(TSI_UNKNOWN);
}

static __always_inline void parse(struct bpf_sock_ops *skops)
{
	struct tsi_socket *socket = find_socket(skops);

	if (!socket)
		return;
	if (socket->is_server)
		hear(skops, socket);
	else if (tcp_server_id_config.client == TSI_ECHO)
		learn(skops, socket, TSI_LEARNED_LATER);
}

/* --- what both say --------------------------------------------------------------------------- */

/* What a segment gets. */
struct writing {
	__u8 kind;
	bool has_id;
	__u32 id;
	enum tsi_counter counter;
};

static __always_inline bool choose_own(struct writing *writing, enum tsi_counter counter)
{
	const struct tsi_ids *ids = get_ids();

	writing->kind = server_kind();
	writing->has_id = true;
	writing->counter = counter;
	writing->id = ids ? ids->primary ?: ids->fallback : 0;
	return writing->id;
}

/* Whether the SYN that is answered says no: has an option of that kind, or one without an id. */
static __always_inline bool is_declined(struct bpf_sock_ops *skops)
{
	__u32 id = 0;
	enum reading reading = read_option(skops, none_kind(), BPF_LOAD_HDR_OPT_TCP_SYN, &id);

	return none_kind() == client_kind() ? reading == READ_NONE : reading != READ_NOTHING;
}

static __always_inline bool choose_syn_ack(struct bpf_sock_ops *skops, struct writing *writing)
{
	if (!choose_own(writing, TSI_TOLD)) {
		count(TSI_NO_IDS);
		return false;
	}
	if (!is_declined(skops))
		return true;
	count(TSI_DECLINED);
	return false;
}

static __always_inline bool choose_syn(struct writing *writing)
{
	writing->kind = none_kind();
	writing->has_id = false;
	writing->counter = TSI_DECLINES;
	return tcp_server_id_config.client == TSI_DECLINE;
}

static __always_inline bool choose_client(const struct bpf_sock_ops *skops,
					  const struct tsi_socket *socket, struct writing *writing)
{
	if (skops->state == BPF_TCP_SYN_SENT)
		return choose_syn(writing);
	writing->kind = client_kind();
	writing->has_id = true;
	writing->id = socket->id;
	writing->counter = socket->id ? TSI_ECHOED : TSI_ASKS_SENT;
	return tcp_server_id_config.client == TSI_ECHO && (socket->id || socket->asks);
}

static __always_inline bool choose(struct bpf_sock_ops *skops, const struct tsi_socket *socket,
				   struct writing *writing)
{
	if (socket->is_server)
		return socket->is_telling && choose_own(writing, TSI_TOLD_LATER);
	return choose_client(skops, socket, writing);
}

/* Katran's option that says no has a length and nothing else. */
static __always_inline __u32 writing_len(const struct writing *writing)
{
	__u32 head = tcp_id_has_magic(writing->kind) ? TCP_ID_NONE_LEN : 2;

	return writing->has_id ? head + sizeof(writing->id) : head;
}

/* A request's socket is none yet. */
static __always_inline bool is_syn_ack(struct bpf_sock_ops *skops)
{
	return tcp_server_id_config.server && !skops->is_fullsock;
}

/* The kernel reserves whole words. Without a segment it asks for the sake of the MSS. */
static __always_inline bool reserve_room(struct bpf_sock_ops *skops, const struct writing *writing)
{
	if (!bpf_reserve_hdr_opt(skops, writing_len(writing), 0))
		return true;
	if (skops->args[0] != BPF_WRITE_HDR_TCP_CURRENT_MSS)
		count(TSI_NO_ROOM);
	return false;
}

static __always_inline void reserve_syn_ack(struct bpf_sock_ops *skops)
{
	__u32 key = 0, *room = bpf_map_lookup_elem(&tsi_room, &key);
	struct writing writing = {};

	if (room)
		*room = choose_syn_ack(skops, &writing) && reserve_room(skops, &writing);
}

static __always_inline void reserve(struct bpf_sock_ops *skops)
{
	struct writing writing = {};
	struct tsi_socket *socket;

	if (is_syn_ack(skops)) {
		reserve_syn_ack(skops);
		return;
	}
	socket = find_socket(skops);
	if (socket)
		socket->has_room = choose(skops, socket, &writing) && reserve_room(skops, &writing);
}

static __always_inline bool store(struct bpf_sock_ops *skops, const struct writing *writing)
{
	__u8 option[TCP_ID_LEN_MAX] = {};
	__u32 head = start_option(option, writing->kind);
	__u32 len = writing_len(writing);

	option[1] = len;
	if (writing->has_id && head > 2)
		*(__u32 *)(option + TCP_ID_NONE_LEN) = writing->id;
	else if (writing->has_id)
		__builtin_memcpy(option + 2, &writing->id, sizeof(writing->id));
	if (bpf_store_hdr_opt(skops, option, len, 0)) {
		count(TSI_NOT_STORED);
		return false;
	}
	count(writing->counter);
	return true;
}

static __always_inline void write_syn_ack(struct bpf_sock_ops *skops)
{
	__u32 key = 0, *room = bpf_map_lookup_elem(&tsi_room, &key);
	struct writing writing = {};

	if (!room || !*room || !choose_own(&writing, TSI_TOLD) || !store(skops, &writing))
		return;
	if (skops->args[0] == BPF_WRITE_HDR_TCP_SYNACK_COOKIE)
		count(TSI_TOLD_COOKIE);
}

/* Called where any program has reserved room: not always this one. */
static __always_inline void write(struct bpf_sock_ops *skops)
{
	struct writing writing = {};
	struct tsi_socket *socket;

	if (is_syn_ack(skops)) {
		write_syn_ack(skops);
		return;
	}
	socket = find_socket(skops);
	if (!socket || !socket->has_room || !choose(skops, socket, &writing) ||
	    !store(skops, &writing))
		return;
	socket->is_telling = false;
	if (writing.counter == TSI_ASKS_SENT && !--socket->asks)
		want_no_more(skops, WRITE);
}

SEC("sockops")
int tcp_server_id(struct bpf_sock_ops *skops)
{
	switch (skops->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		if (tcp_server_id_config.server)
			want(skops, WRITE);
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		start_client(skops);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		start_server(skops);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		start_echo(skops);
		break;
	case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
		parse(skops);
		break;
	case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
		reserve(skops);
		break;
	case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
		write(skops);
		break;
	}
	return GO_ON;
}

char LICENSE[] SEC("license") = "GPL";
