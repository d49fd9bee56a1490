#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# handoff_service.sh FILE TRIALS SECONDS: objects for clients that keep their connections, through
# frontends that relay them and one that gives the connections away; a JSON row for each trial
# goes to FILE.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/bench/parts/handoff_hosts.sh
. "$BED_ROOT/tests/bench/parts/handoff_hosts.sh"
# shellcheck source=tests/bench/parts/handoff_servers.sh
. "$BED_ROOT/tests/bench/parts/handoff_servers.sh"

FILE=$1
TRIALS=$2
LENGTH=$3
SETUPS=(nginx haproxy haproxy-splice handoff handoff-1)
SIZES=(1024 65536 4194304)
declare -A CLIENTS=([1024]=16 [65536]=8 [4194304]=4)

# frontend_of SETUP
frontend_of() {
	[[ $1 == handoff* ]] && echo home || echo relay
}

is_answered() {
	in_ns client curl -fsS -m 2 -o /dev/null "http://$1:$PORT/1024"
}

# trial SETUP SIZE: prints a row
trial() {
	local host cpu bytes words

	host=$(frontend_of "$1")
	cpu=$(cpu_ns "$host")
	bytes=$(device_bytes "$host")
	words=$(in_ns client wrk -t 1 -c "${CLIENTS[$2]}" -d "$LENGTH" --timeout 30 \
		"http://${HOST4[$host]}:$PORT/$2") || die "wrk fails: $words"
	cpu=$(($(cpu_ns "$host") - cpu))
	bytes=$(($(device_bytes "$host") - bytes))
	jq -cRn --arg setup "$1" --argjson size "$2" --argjson cpu "$cpu" --argjson bytes "$bytes" '
		[inputs] | join(" ")
		| (capture("(?<n>[0-9]+) requests in") | .n | tonumber) as $requests
		| {setup: $setup, object_bytes: $size, requests: $requests,
			requests_per_s: (capture("Requests/sec: +(?<n>[0-9.]+)") | .n | tonumber),
			frontend_cpu_us_per_request: ($cpu / 1000 / $requests),
			frontend_bytes_per_request: ($bytes / $requests),
			errors: ([scan("(?:connect|read|write|timeout) ([0-9]+)|Non-2xx or 3xx responses: ([0-9]+)")
				| map(tonumber? // 0) | add] | add // 0)}' <<<"$words"
}

# All in turn, so that a slow moment of the machine hits all alike.
trials() {
	local i setup size

	for ((i = 0; i < TRIALS; i++)); do
		for setup in "${SETUPS[@]}"; do
			[[ $setup != haproxy* || -x $HAPROXY/usr/sbin/haproxy ]] || continue
			"start_${setup//-/_}"
			wait_for 10 is_answered "${HOST4[$(frontend_of "$setup")]}" || die "$setup does not answer"
			for size in "${SIZES[@]}"; do
				trial "$setup" "$size"
			done
			servers_stop
		done
	done
}

hosts_start
mkdir "$BED/www/objects"
for size in "${SIZES[@]}"; do head -c "$size" /dev/urandom >"$BED/www/objects/$size"; done
trials >"$FILE"
