#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# handoff_steps.sh FILE MOVES: one client's connection moves to another host with each request,
# and back home with the next one, until there were so many moves; when each step of them began
# and ended goes to FILE, a line for each (tests/bench/timed/handoff_times.c).

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/bench/parts/handoff_hosts.sh
. "$BED_ROOT/tests/bench/parts/handoff_hosts.sh"

FILE=$1
MOVES=$2
LIMIT=300
REQUESTS=1 # that a host serves before it gives the connection home

# http HOST WORD...
http() {
	local host=$1 tls=$BED/tls

	spawn "$host" "$BED/log/$host" env "HANDOFF_TIMES=$BED/times.$host" \
		"$BED_TOOLS/handoff_http_timed" "$host" "$(rules_dir "$host")" \
		"$tls/ca.pem" "$tls/$host.pem" "$tls/$host.key" "${@:2}"
	NODE[$host]=$BED_SPAWNED
}

moves() {
	tr -d '\0' <"$BED/times.home" | grep -c ' do_commit '
}

hosts_start
fronts=()
for host in "${BACKS[@]}"; do
	http "$host" back "${HOST4[$host]}:$LINK_PORT" home "$REQUESTS"
	fronts+=("$host@${HOST4[$host]}:$LINK_PORT")
done
http home front "${HOST4[home]}:$PORT" "${fronts[@]}"
for host in "${BACKS[@]}"; do
	wait_for 10 is_linked "$host" || die "the front is not linked to $host: $(cat "$BED/log/home")"
done
until (($(moves) >= MOVES)); do
	((SECONDS < LIMIT)) || die "$(moves) of $MOVES moves within $LIMIT seconds"
	in_ns client wrk -t 1 -c 1 -d 2 "http://${HOST4[home]}:$PORT/1000" >"$BED/log/wrk"
done
for host in home "${BACKS[@]}"; do
	tr -d '\0' <"$BED/times.$host"
done >"$FILE"
