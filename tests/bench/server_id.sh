#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What servers' ids in TCP options save, and what they cost. Long-lived connections through two
# load balancers while rings change, tables are emptied and flows come to the other balancer: how
# many are reset, with ids and without. And iperf3 between a client and a server. Writes
# build/bench/server_id.json and prints it as tables. See docs/benchmarks.md.
#
# Environment: SERVER_ID_CHANGES (200), SERVER_ID_CONNECTIONS (60), SERVER_ID_TRIALS (5),
# SERVER_ID_SECONDS (2, of each trial), SERVER_ID_RATE (300, Mbit/s).

# shellcheck disable=SC2034 # read in lb.sh
HOSTS=(edge other r1 r2 r3) REALS=(r1 r2 r3)
# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/lb.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lb.sh"
# shellcheck source=tests/support/cgroup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/cgroup.sh"
# shellcheck source=tests/support/socks.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/socks.sh"
# shellcheck source=tests/support/server_id.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/server_id.sh"

OUT=$BED_ROOT/build/bench
CHANGES=${SERVER_ID_CHANGES:-200}
CONNECTIONS=${SERVER_ID_CONNECTIONS:-60}
TRIALS=${SERVER_ID_TRIALS:-5}
LENGTH=${SERVER_ID_SECONDS:-2}
RATE=${SERVER_ID_RATE:-300}
IPERF=$BED_ROOT/build/cache/iperf3
BED_ENGINE=fused

die() {
	printf 'bench-server-id: %s\n' "$*" >&2
	exit 1
}

# --- resets --------------------------------------------------------------------------------

# change_row MODE: prints a row
change_row() {
	local i

	keep_start "$CONNECTIONS" || die "connections are not answered: $(cat "$BED"/log/*.tcp_hold)"
	for ((i = 1; i <= CHANGES; i++)); do
		come_upon "$i" || die "$1: not every connection answers after change $i: $(cat "$KEPT")"
	done
	stop "$KEEPER"
	jq -cn --arg mode "$1" --argjson changes "$CHANGES" --argjson held "$CONNECTIONS" \
		--argjson connections "$(kept connections)" --argjson resets "$(kept resets)" \
		--argjson silent "$(kept silent)" \
		'{mode: $mode, changes: $changes, held: $held, connections: $connections,
			resets: $resets, silent: $silent}'
}

change_rows() {
	change_row without
	write_ids
	sync_ids "$BED/ids" >/dev/null || die "ids are not loaded"
	change_row with_id
}

# --- overhead ------------------------------------------------------------------------------


# set_mode HOST MODE: off, on, or alone: no other program of the cgroup writes options
set_mode() {
	local conf=$BED/hosts/$1/slots.conf ctl=(host_ctl "$1" --chain web:sock_ops) alone=false

	[[ $2 != off ]] || {
		"${ctl[@]}" detach >/dev/null
		return
	}
	[[ $2 != alone ]] || alone=true
	sed -i -E "s/settings \{ (alone = [a-z]+)? *\}/settings { alone = $alone }/" "$conf"
	"${ctl[@]}" apply >/dev/null && "${ctl[@]}" tcp_server_id set primary=111
}

is_serving() {
	in_ns r1 ss -Htln 'sport = :5201' | grep -q .
}

# Bytes of the TCP header of the client's segments: its length is in the first digit of byte 32.
read_header() {
	in_ns client timeout 5 tcpdump -i c0 -nntx -c 10 \
		'tcp dst port 5201 and tcp[tcpflags] & tcp-syn = 0' 2>/dev/null |
		awk '$1 == "0x0020:" { digit = substr($2, 1, 1) } END { print digit }' |
		{ read -r digit && echo $((4 * 16#$digit)); }
}

# Segments that the host has sent and taken, as TCP counts them.
read_segments() {
	in_ns "$1" cat /proc/net/snmp | awk '$1 == "Tcp:" && !n++ { for (i = 2; i <= NF; i++) at[$i] = i; next }
		$1 == "Tcp:" { print $at["InSegs"] + $at["OutSegs"] }'
}

is_counting() {
	grep -qx counting "$BED/log/runs"
}

# begin_runs: from here on runs of the programs at both ends are counted
begin_runs() {
	: >"$BED/log/runs"
	spawn client "$BED/log/runs" "$BED_TOOLS/sock_ops_runs" "$GROUP/client" "$GROUP/r1"
	COUNTING=$BED_SPAWNED
	wait_for 5 is_counting || die "runs are not counted: $(cat "$BED/log/runs")"
	BEFORE=("$(read_segments client)" "$(read_segments r1)")
}

# end_runs: sets RUNS to [[RUNS, NS, SEGMENTS], ...] of client and server
end_runs() {
	local after=("$(read_segments client)" "$(read_segments r1)")

	stop "$COUNTING" >/dev/null || die "runs were not counted: $(cat "$BED/log/runs")"
	RUNS=$(jq -cRn --argjson segments "[$((after[0] - BEFORE[0])), $((after[1] - BEFORE[1]))]" \
		'[inputs | select(. != "counting") | split(" ") | map(tonumber)]
		| [.[0] + [$segments[0]], .[1] + [$segments[1]]]' "$BED/log/runs")
}

# iperf_trial MODE up|down: prints a row
iperf_trial() {
	local reverse=() server header

	[[ $2 != down ]] || reverse=(-R)
	set_mode client "$1" && set_mode r1 "$1" || die "no mode $1"
	spawn_in_group r1 "$BED/iperf" -s -1
	server=$BED_SPAWNED
	wait_for 5 is_serving || die "iperf3 does not serve: $(cat "$BED"/log/r1.iperf)"
	: >"$BED/log/client.iperf"
	begin_runs
	spawn_in_group client "$BED/iperf" -c "$(host4 r1)" -t "$LENGTH" -b "${RATE}M" -J "${reverse[@]}"
	header=$(read_header) || die "nothing is sent: $(cat "$BED"/log/client.iperf)"
	wait_for $((LENGTH + 10)) is_gone "$BED_SPAWNED"
	stop "$server" >/dev/null
	end_runs
	jq -c --argjson runs "$RUNS" --arg mode "$1" --arg way "$2" --argjson header "$header" '."end" as $sums
		| $sums.sum_received as $got | ($got.bytes / 1e9) as $gb
		| $sums.cpu_utilization_percent as $cpu
		| def runs: {ns_per_run: (if .[0] > 0 then .[1] / .[0] else null end),
			runs_per_segment: (.[0] / .[2]), ms_per_gb: (.[1] / 1e6 / $gb)};
		{mode: $mode, way: $way, header: $header, gbit_s: ($got.bits_per_second / 1e9),
			client_s_per_gb: ($cpu.host_total / 100 * $got.seconds / $gb),
			server_s_per_gb: ($cpu.remote_total / 100 * $got.seconds / $gb),
			client: ($runs[0] | runs), server: ($runs[1] | runs)}
		' "$BED/log/client.iperf"
}

# All in turn, so that a slow moment of the machine hits all alike.
iperf_rows() {
	local trial mode way

	# the libraries go with it into another namespace and cgroup
	printf '#!/bin/sh\nexport LD_LIBRARY_PATH=%s\nexec %s "$@"\n' \
		"$(echo "$IPERF"/usr/lib/*/)" "$IPERF/usr/bin/iperf3" >"$BED/iperf"
	chmod +x "$BED/iperf"
	for ((trial = 0; trial < TRIALS; trial++)); do
		for mode in off on alone; do
			for way in up down; do
				iperf_trial "$mode" "$way"
			done
		done
	done
}

# --- the figures -----------------------------------------------------------------------------

report() {
	jq -n --arg kernel "$(uname -r)" --slurpfile rows "$BED/rows" --slurpfile trials "$BED/trials" '
		def median: sort | .[(length - 1) / 2 | floor];
		def about($digits): . * pow(10; $digits) | round / pow(10; $digits);
		def about_if($digits): if . == null then . else about($digits) end;
		($trials | group_by([.mode, .way]) | map({
			mode: .[0].mode, way: .[0].way, trials: length,
			header: (map(.header) | median), gbit_s: (map(.gbit_s) | median | about(2)),
			client_s_per_gb: (map(.client_s_per_gb) | median | about(3)),
			server_s_per_gb: (map(.server_s_per_gb) | median | about(3)),
			client_ns_per_run: (map(.client.ns_per_run) | median | about_if(0)),
			client_runs_per_segment: (map(.client.runs_per_segment) | median | about(3)),
			client_run_ms_per_gb: (map(.client.ms_per_gb) | median | about(1)),
			server_ns_per_run: (map(.server.ns_per_run) | median | about_if(0)),
			server_runs_per_segment: (map(.server.runs_per_segment) | median | about(3)),
			server_run_ms_per_gb: (map(.server.ms_per_gb) | median | about(1))})) as $all
		| {kernel: $kernel, rows: $rows, overhead: ($all | map(.way as $way
			| ($all[] | select(.mode == "off" and .way == $way)) as $off
			| . + {client_ratio: (.client_s_per_gb / $off.client_s_per_gb | about(2)),
				server_ratio: (.server_s_per_gb / $off.server_s_per_gb | about(2)),
				bytes_per_packet: (.header - $off.header)}))}
		' >"$OUT/server_id.json"
	printf '\nConnections that are held through changes of rings, tables and routes\n'
	print_rows .rows
	printf '\niperf3 between a client and a server, no balancer: medians; CPU seconds for a gigabyte\n'
	print_rows .overhead
}

print_rows() {
	jq -r "$1"' | (.[0] | keys_unsorted | join("\t")), (.[] | map(tostring) | join("\t"))' \
		"$OUT/server_id.json" | column -t -s $'\t' | sed 's/^/  /'
}

find_group2 || die "no cgroup v2 can be made here"
trap 'bed_stop; drop_group' EXIT
mkdir -p "$OUT"
bed_start
start_all
change_rows >"$BED/rows" || exit 1
iperf_rows >"$BED/trials" || exit 1
report
