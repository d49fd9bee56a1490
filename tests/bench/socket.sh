#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Servers that restart under load, by how they share their port with the one before, and UDP
# through so many sockets. Writes build/bench/socket.json and prints it as tables. See
# docs/benchmarks.md.
#
# Environment: SOCKET_RESTARTS (100), SOCKET_TRIALS (5), SOCKET_SECONDS (2, of each trial),
# SOCKET_ONLY (some of: flow quic nginx throughput lookup).

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/restarts.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restarts.sh"
# shellcheck source=tests/support/restart_quic.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/restart_quic.sh"
# shellcheck source=tests/bench/parts/restart_nginx.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/restart_nginx.sh"

OUT=$BED_ROOT/build/bench
RESTARTS=${SOCKET_RESTARTS:-100}
TRIALS=${SOCKET_TRIALS:-5}
LENGTH=${SOCKET_SECONDS:-2}
ONLY=${SOCKET_ONLY:-flow quic nginx throughput lookup}
# Flows of the client, endless, with so many datagrams at once.
THROUGHPUT_LOAD=(64 0 0 8)
# What an answer costs the server beyond receiving and sending, nanoseconds.
WORKS=(0 5000)

die() {
	printf 'bench-socket: %s\n' "$*" >&2
	exit 1
}

wants() {
	[[ " $ONLY " == *" $1 "* ]]
}

# --- restarts ------------------------------------------------------------------------------

# restart_rows KIND MODE...: "socket_lb:flow" is socket_lb with that mode of its VIP
restart_rows() {
	local mode row

	for mode in "${@:2}"; do
		[[ $mode != *:quic && $mode != *:flow ]] ||
			restart_ctl vip set "udp/$RESTART_IP:$RESTART_PORT" "${mode#*:}" >&2 ||
			die "socket_lb keeps the VIP's mode"
		row=$(restart_series "$1" "${mode%:*}" "$RESTARTS") ||
			die "$1 does not restart by $mode"
		jq -c --arg mode "$mode" '.mode = $mode' <<<"$row"
	done
}

# --- throughput ----------------------------------------------------------------------------

# Ticks of all CPUs that were idle.
idle_ticks() {
	awk '$1 == "cpu" { print $5 }' /proc/stat
}

# throughput_trial MODE SOCKETS WORK IS_DRAINING: prints a row. Where it is draining, all flows
# belong to the process before the one that new traffic comes to.
throughput_trial() {
	local servers load idle
	local -x FLOW_WORK_NS=$3

	RESTART_DIR=$(mktemp -d "$BED/run/trial.XXXXXX")
	FLOW_SOCKETS=$2
	flow_start "$1" 1
	servers=("$BED_SPAWNED")
	wait_for 10 flow_is_ready 1 || die "no server by $1: $(tail -n 3 "$RESTART_DIR/server.1")"
	idle=$(idle_ticks)
	spawn client "$RESTART_DIR/load" "$BED_TOOLS/flow_client" "$RESTART_IP" "$RESTART_PORT" \
		"${THROUGHPUT_LOAD[@]}" "$LENGTH"
	load=$BED_SPAWNED
	[[ $4 != true ]] || {
		wait_for 10 flow_has_begun
		flow_start "$1" 2
		servers+=("$BED_SPAWNED")
		wait_for 10 flow_is_ready 2 || die "no second server by $1"
	}
	wait "$load"
	idle=$(($(idle_ticks) - idle))
	stop_all "${servers[@]}"
	trial_row "$@" "$idle"
	rm -r "$RESTART_DIR"
}

stop_all() {
	local pid

	kill "$@"
	for pid; do
		stop "$pid"
	done
}

# trial_row MODE SOCKETS WORK IS_DRAINING IDLE
trial_row() {
	grep -h '^{' "$RESTART_DIR"/server.* | jq -cs --arg mode "$1" --argjson sockets "$2" \
		--argjson work "$3" --argjson draining "$4" --argjson idle "$5" \
		--argjson ticks "$(($(getconf CLK_TCK) * $(nproc)))" \
		--argjson load "$(grep '^{' "$RESTART_DIR/load")" '
		(map(.cpu_s) | add) as $cpu | (map(.answered) | add) as $answered | $load
		| {mode: $mode, server: "flow", sockets: $sockets, work_ns: $work,
			draining: $draining, restarts: 0, failed, misrouted, reset, pps,
			cpu_ns: ($cpu * 1e9 / $answered | round),
			idle_percent: ($idle * 100 / (.seconds * $ticks) | round)}'
}

# All in turn, so that a slow moment of the machine hits all alike.
throughput_trials() {
	local trial mode sockets work

	restart_ctl vip set "udp/$RESTART_IP:$RESTART_PORT" quic >&2 || die "no VIP of ids"
	for ((trial = 0; trial < TRIALS; trial++)); do
		for work in "${WORKS[@]}"; do
			for mode in reuseport socket_lb; do
				for sockets in 1 2 4 8; do
					throughput_trial "$mode" "$sockets" "$work" false
				done
			done
			throughput_trial forwarder 1 "$work" false
			throughput_trial forwarder 1 "$work" true
			throughput_trial socket_lb 8 "$work" true
		done
	done
}

# What finding a socket costs, by who chooses it.
lookup_rows() {
	"$BED_ROOT/build/tests/bench/sk_lookup" | jq -c '.rows[] | {lookup: .}'
}

# --- report --------------------------------------------------------------------------------

# Trials of one kind become one row, of medians; ratio is to the forwarder with the same work.
write_report() {
	jq -s --arg kernel "$(uname -r)" --argjson cpus "$(nproc)" '
		def median: sort | .[(length - 1) / 2 | floor];
		map(.lookup // empty) as $lookups
		| map(select(.lookup | not)) | map(select(.restarts == 0)) as $trials
		| [$trials | group_by([.work_ns, .draining, .mode, .sockets])[]
			| .[0] + {trials: length, pps: (map(.pps) | median),
				cpu_ns: (map(.cpu_ns) | median),
				idle_percent: (map(.idle_percent) | median),
				failed: (map(.failed) | add), misrouted: (map(.misrouted) | add),
				reset: (map(.reset) | add)}] as $medians
		| ($medians | map(select(.mode == "forwarder"))) as $bases
		| [$medians[] | . as $row
			| ($bases[] | select(.work_ns == $row.work_ns and .draining == $row.draining))
				as $base
			| . + {ratio: (.pps / $base.pps * 100 | round / 100),
				ratio_per_cpu: ($base.cpu_ns / .cpu_ns * 100 | round / 100)}] as $rows
		| {kernel: $kernel, cpus: $cpus, rows: map(select(.restarts > 0)), throughput: $rows,
			lookups: $lookups}'
}

table() {
	jq -r "$2"' | (.[0] // {} | keys_unsorted | join("\t")), (.[] | map(tostring) | join("\t"))' \
		"$1" | column -t -s $'\t' | sed 's/^/  /'
}

report() {
	local from=$OUT/socket.json

	printf '\nRestarts under load\n'
	table "$from" '.rows | map({server, mode, restarts, requests, failed, misrouted, reset, pps,
		seconds})'
	printf '\nUDP, datagrams answered a second\n'
	table "$from" '.throughput | map({work_ns, draining, mode, sockets, pps, ratio, cpu_ns,
		ratio_per_cpu, idle_percent, failed})'
	printf '\nFinding a socket, for a connection or a datagram\n'
	table "$from" '.lookups'
}

# add_vip PROTOCOL PORT MODE
add_vip() {
	restart_ctl vip add "$1/$RESTART_IP:$2" "$3" >&2 || die "socket_lb takes no VIP"
}

# Rows go to stdout; what the bed has to say does not belong there.
main() {
	restart_bed >&2
	restart_socket_lb >&2 || die "no chain: $(bed_log)"
	quic_prepare || die "no certificate"
	nginx_prepare
	add_vip udp "$RESTART_PORT" quic
	add_vip tcp "$NGINX_PORT" tcp
	! wants flow || restart_rows flow reuseport forwarder socket_lb:quic socket_lb:flow
	! wants quic || restart_rows quic reuseport forwarder socket_lb:quic socket_lb:flow
	! wants nginx || restart_rows nginx reuseport handover socket_lb
	! wants throughput || throughput_trials
	! wants lookup || lookup_rows
}

mkdir -p "$OUT"
main >"$OUT/socket.rows" || exit 1
write_report <"$OUT/socket.rows" >"$OUT/socket.json"
report
