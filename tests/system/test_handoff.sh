#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 900
#
# Live connections move between three hosts under load: home gives them, others send them home or
# on, and every byte is held against what was sent. Then either side is killed at each step.

# shellcheck source=tests/support/bed.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/bed.sh"
# shellcheck source=tests/support/handoff.sh
. "$BED_ROOT/tests/support/handoff.sh"

WANTED=200
[[ ${SLOTD_FAULTS:-} != all ]] || WANTED=10000

stop_nodes() {
	local host

	for host in "${!NODE[@]}"; do
		is_gone "${NODE[$host]}" || stop "${NODE[$host]}" KILL
	done
	NODE=()
}

has_given() {
	(($(count home given) >= $1))
}

test_moves_under_load() {
	local words

	node_other near every=20000
	node_other far every=20000 
	node_home every=20000 next=near next=far
	wait_for 5 is_linked near || bail "home is linked to near" "$(cat "$BED/log/home" "$BED/log/near")"
	wait_for 5 is_linked far || bail "home is linked to far"
	load_start 16 600 5000
	in_time "$WANTED connections were given" 30 has_given "$WANTED"
	words=$(load_end)
	tap_note <<<"$words"
	[[ -z ${HANDOFF_NODE_SAYS:-} ]] || grep -hE "^(kept|refused|lost)" "$BED"/log/{home,near,far} | sort | uniq -c | tap_note
	tap_note < <(for host in home near far; do count "$host" taken >/dev/null; tail -n 1 "$BED/log/$host"; done)
	is "nothing is corrupt" "$(value_of corrupt "$words")" 0
	is "nothing hangs" "$(value_of hung "$words")" 0
	is "no connection is reset" "$(value_of reset "$words")" 0
	is "or ended" "$(value_of ended "$words")" 0
	stop_nodes
}

handoff_start
test_moves_under_load
done_testing
