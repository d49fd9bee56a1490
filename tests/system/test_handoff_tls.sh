#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 1200
#
# Live connections under kTLS move between three hosts under load: to home, away and on, between a
# request and its answer, every byte held against what was sent. The client's TLS is OpenSSL's own.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

SUITES=(1.2:ECDHE-ECDSA-AES128-GCM-SHA256 1.3:TLS_AES_256_GCM_SHA384)
WANTED=40
[[ ${SLOTD_FAULTS:-} != all ]] || {
	SUITES+=(1.2:ECDHE-ECDSA-AES256-GCM-SHA384 1.2:ECDHE-ECDSA-CHACHA20-POLY1305
		1.3:TLS_AES_128_GCM_SHA256 1.3:TLS_CHACHA20_POLY1305_SHA256)
	WANTED=1000
}
STALL_MS=30000 # a handshake takes its time where processors are emulated

stop_nodes() {
	local host

	for host in "${!NODE[@]}"; do
		is_gone "${NODE[$host]}" || stop "${NODE[$host]}" KILL
	done
	NODE=()
}

# start_nodes SUITE: all three, linked
start_nodes() {
	rm -f "$BED"/log/{home,near,far}
	node_other near every=20000 "tls=$1"
	node_other far every=20000 "tls=$1"
	node_home every=20000 next=near next=far "tls=$1"
	if ! wait_for 10 is_linked near || ! wait_for 10 is_linked far; then
		bail "home is linked to the others" "$(cat "$BED"/log/{home,near,far})"
	fi
}

moves_under_load() {
	local suite=$1 words host

	start_nodes "$suite"
	load_start 6 1000 $STALL_MS "$suite"
	in_time "$suite: $WANTED connections were given" 300 has_done home given "$WANTED"
	in_time "$suite: they come back" 60 has_done home home 5
	words=$(load_end)
	for host in home near far; do
		count "$host" given >/dev/null
		tap_note <<<"$host: $(grep '^accepted' "$BED/log/$host" | tail -n 1)"
	done
	tap_note <<<"$words"
	is "$suite: nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "$suite: nothing hangs" "$(value_of hung "$words")" 0
	is "$suite: no connection is reset" "$(value_of reset "$words")" 0
	is "$suite: or ended" "$(value_of ended "$words")" 0
	stop_nodes
}

modprobe -q tls 2>/dev/null
if ! grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp; then
	echo "1..0 # SKIP this kernel has no kTLS"
	exit 0
fi
handoff_start
for suite in "${SUITES[@]}"; do
	[[ ${SLOTD_TEST_ONLY:-$suite} == "$suite" ]] || continue
	moves_under_load "$suite"
done
done_testing
