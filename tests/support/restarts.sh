# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Servers that restart under load, again and again. Source it after bed.sh. The server is at the
# edge (192.0.2.1), the load comes from the client; a kind of server is a set of functions:
#
#   KIND_start MODE GENERATION   its process is $BED_SPAWNED
#   KIND_is_ready GENERATION     new traffic comes to it
#   KIND_stop PID GENERATION     the one before: drains and ends
#   KIND_load, KIND_load_end     begins and ends the load
#   KIND_row                     what became of it, as JSON
#
# Here is the kind `flow`: tests/support/tools/flow_server and flow_client.

RESTART_IP=192.0.2.1
RESTART_PORT=7443
# Sockets of a server, flows of the client at a time, requests of a flow, microseconds between them.
FLOW_SOCKETS=2
FLOW_LOAD=(32 50 4000 1)
[[ ${SLOTD_TIER:-} != vm ]] || FLOW_LOAD=(8 20 20000 1)
export FLOW_SCALE=$TAP_SCALE
# What a series leaves: logs of the servers and of the load.
RESTART_DIR=
RESTART_LOAD=
RESTART_MS=
# The chain of socket_lb.
RESTART_CHAIN=web

# restart_series KIND MODE COUNT: a server under load is restarted so many times. Prints a row.
restart_series() {
	local kind=$1 mode=$2 count=$3 generation old new since

	RESTART_DIR=$(mktemp -d "$BED/run/restarts.XXXXXX")
	"${kind}_start" "$mode" 1
	old=$BED_SPAWNED
	wait_for 10 "${kind}_is_ready" 1 || restart_failed || return 1
	since=${EPOCHREALTIME/./}
	"${kind}_load"
	for ((generation = 2; generation <= count + 1; generation++)); do
		"${kind}_start" "$mode" "$generation"
		new=$BED_SPAWNED
		wait_for 10 "${kind}_is_ready" "$generation" || restart_failed || return 1
		"${kind}_stop" "$old" "$((generation - 1))"
		old=$new
	done
	"${kind}_load_end"
	RESTART_MS=$(((${EPOCHREALTIME/./} - since) / 1000))
	"${kind}_stop" "$old" "$generation"
	"${kind}_row" | jq -c --arg mode "$mode" --arg server "$kind" --argjson restarts "$count" \
		'{mode: $mode, server: $server, restarts: $restarts} + .'
	rm -r "$RESTART_DIR"
}

# What the servers said last.
restart_failed() {
	tail -n 3 "$RESTART_DIR"/{server,words}.* 2>/dev/null | cat >&2
	return 1
}

flow_start() {
	local dir=$RESTART_DIR

	[[ $1 != socket_lb ]] || dir=$RESTART_CHAIN
	spawn edge "$RESTART_DIR/server.$2" "$BED_TOOLS/flow_server" "$1" "$RESTART_IP" \
		"$RESTART_PORT" "$FLOW_SOCKETS" "$2" "$dir"
}

flow_is_ready() {
	grep -q ready "$RESTART_DIR/server.$1"
}

flow_stop() {
	stop "$1"
}

flow_load() {
	spawn client "$RESTART_DIR/load" "$BED_TOOLS/flow_client" "$RESTART_IP" "$RESTART_PORT" \
		"${FLOW_LOAD[@]}" 600
	RESTART_LOAD=$BED_SPAWNED
}

flow_has_begun() {
	grep -q begun "$RESTART_DIR/load"
}

flow_load_end() {
	stop "$RESTART_LOAD"
}

flow_row() {
	local servers

	servers=$(grep -h '^{' "$RESTART_DIR"/server.* | jq -cs '{
		forwarded: (map(.forwarded) | add), moved: (map(.moved) | add)}')
	grep '^{' "$RESTART_DIR/load" | jq -c --argjson servers "$servers" \
		'{failed, misrouted, reset, pps, requests, flows, seconds} + $servers'
}

# Unix datagram sockets queue ten packets as a rule, too few for a forwarder.
restart_bed() {
	make_namespaces client edge || bail "the bed is there"
	copy_build || bail "slotd, its programs and the test tools are built" "run make checks first"
	make_client_wire || bail "the bed is there"
	in_ns edge sh -c 'echo 512 >/proc/sys/net/unix/max_dgram_qlen'
	wait_for 10 in_ns client ping -c 1 -W 1 "$RESTART_IP" || bail "client and server reach each other"
}

# restart_socket_lb: a slotd with socket_lb in the chain that servers find by $RESTART_CHAIN
restart_socket_lb() {
	export SOCKETLB_BPFFS=$BED/bpf
	cat >"$BED/slots.conf" <<-END
		chain "$RESTART_CHAIN" { hook = "sk_reuseport" slot 0 { name = "socket_lb" object = "socket_lb.bpf.o" } }
	END
	bed_slotd_fresh
}

restart_ctl() {
	bed_ctl --chain "$RESTART_CHAIN:sk_reuseport" socket_lb "$@"
}
