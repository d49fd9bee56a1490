#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 3600
# timeout of all: 7200
#
# Live connections under kTLS move between three hosts under load: to home, away and on, between a
# request and its answer, every byte held against what was sent; make test-all has them move over
# wires that lose packets, and kills hosts, as well. The client's TLS is OpenSSL's own.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"
# shellcheck source=tests/support/handoff_held.sh
. "$BED_ROOT/tests/support/handoff_held.sh"

SUITES=(1.2:ECDHE-ECDSA-AES128-GCM-SHA256 1.3:TLS_AES_256_GCM_SHA384)
LOSSY_SUITES=("${SUITES[@]}")
WANTED=40
LOSSY_WANTED=200
TESTS=suites
[[ ${SLOTD_FAULTS:-} != all ]] || {
	SUITES+=(1.2:ECDHE-ECDSA-AES256-GCM-SHA384 1.2:ECDHE-ECDSA-CHACHA20-POLY1305
		1.3:TLS_AES_128_GCM_SHA256 1.3:TLS_CHACHA20_POLY1305_SHA256)
	WANTED=1000
	TESTS='suites kills who_is_told lossy_wires'
}
# Of the moves of one suite, of kills, and of all together: below the file's, so that it is told how
# far they came.
LIMIT=1200
KILLS_LIMIT=900
MOVES_UNTIL=3300
[[ ${SLOTD_FAULTS:-} != all ]] || MOVES_UNTIL=5400
TIMES=("${PATIENT_TIMES[@]}")
STALL_MS=$((20000 * TIMES_SCALE))

show_nodes() {
	local host

	for host in "${HOSTS[@]}"; do
		count "$host" given >/dev/null
		echo "$host: $(grep '^accepted' "$BED/log/$host" | tail -n 1)"
	done | tap_note
}

# move_many WHAT COUNT: under load, and nobody is told of an end
move_many() {
	local words limit=$((MOVES_UNTIL - SECONDS))

	((limit < LIMIT)) || limit=$LIMIT
	start_all_moving
	load_start 6 3000 "$STALL_MS" "$SUITE"
	in_time "$1: $2 connections were given" $((limit / TAP_SCALE)) has_done home given "$2"
	in_time "$1: they come back" 60 has_done home home 5
	words=$(load_end)
	show_nodes
	tap_note <<<"$words"
	expect_nothing "$words" "$1:"
	stop_nodes
}

test_suites() {
	for SUITE in "${SUITES[@]}"; do
		move_many "$SUITE" "$WANTED"
	done
}

# A record is whole again when what was lost of it came anew: only then its connection moves.
test_lossy_wires() {
	if ! has_netem; then
		skip "wires that lose packets" "this kernel has no netem"
		return
	fi
	succeeds "all wires lose, double and reorder packets" impair_wires
	for SUITE in "${LOSSY_SUITES[@]}"; do
		move_many "$SUITE, lossy" "$LOSSY_WANTED"
	done
	tap_note <<<"$(lost_at client c0) + $(lost_at edge eth0) packets lost at the client's wire"
	succeeds "packets were lost on the client's wire, either way" \
		eval '(($(lost_at client c0) && $(lost_at edge eth0)))'
	mend_wires
}

# Nobody is told twice, and the keys of who died go on nowhere.
test_kills() {
	local TIMES=("${SHORT_TIMES[@]}") NODE_BIN=$BED_TOOLS/handoff_node_faults SUITE=${SUITES[1]}
	local UNTIL=$((SECONDS + KILLS_LIMIT))

	kill_each 6 handoff.{capture,commit,restore,ready,start}
}

# Of four connections one moves, and only it, or what the host that dies has, is told.
test_who_is_told() {
	local TIMES=("${SHORT_TIMES[@]}") NODE_BIN=$BED_TOOLS/handoff_node_faults SUITE=${SUITES[1]}

	lose_one near home near start 1 1
	lose_one near near home commit 4 4
	lose_one home near far capture 1 1
}

modprobe -q tls 2>/dev/null
if ! grep -qw tls /proc/sys/net/ipv4/tcp_available_ulp; then
	echo "1..0 # SKIP this kernel has no kTLS"
	exit 0
fi
handoff_start
for name in ${SLOTD_TEST_ONLY:-$TESTS}; do
	"test_${name#test_}"
done
done_testing
