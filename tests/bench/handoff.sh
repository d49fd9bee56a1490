#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What each step of a connection's handoff takes, and what a frontend pays for a request that it
# relays or gives away with its connection. Writes build/bench/handoff.json and prints it as
# tables. See docs/benchmarks.md.
#
# Environment: HANDOFF_MOVES (2000), HANDOFF_GUEST_MOVES (2000, in the VM), HANDOFF_TRIALS (5),
# HANDOFF_SECONDS (2, of each trial), HANDOFF_ONLY (some of: steps guest service; what is not run
# anew is that of the last time).

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

name=handoff
only=${HANDOFF_ONLY:-steps guest service}

wants() {
	[[ " $only " == *" $1 "* ]]
}

# run PART FILE WORD...: what it has to say meanwhile does not belong to the results
run() {
	local words

	words=$("$here/parts/handoff_$1.sh" "${@:2}" 2>&1) || die "$1: $words"
}

report() {
	local from=$out/handoff.json

	printf '\nA connection goes from home to another host\n'
	filter -r 'step_lines("steps")' <"$from" | columns
	printf '\nand comes back\n'
	filter -r 'step_lines("steps_home")' <"$from" | columns
	jq -r '.left_out[] | "  left out: \(.step): \(.why)"' "$from"
	printf '\nObjects, by a frontend and three servers: medians of trials\n'
	filter -r service_lines <"$from" | columns
	printf '\nGoals\n'
	filter -r goal_lines <"$from" | columns
}

[[ $EUID -eq 0 ]] || die "needs root, for network namespaces and XDP: sudo make bench-handoff"
cd "$root"
mkdir -p "$out"
! wants guest || in_guest handoff-guest.json handoff --instructions \
	--repeat "${HANDOFF_GUEST_MOVES:-2000}" --trials 1
! wants steps || {
	run steps "$out/handoff-steps.txt" "${HANDOFF_MOVES:-2000}"
	filter -Rn steps <"$out/handoff-steps.txt" >"$out/handoff-steps.json"
}
! wants service || {
	run service "$out/handoff-service.rows" "${HANDOFF_TRIALS:-5}" "${HANDOFF_SECONDS:-2}"
	[[ -x build/cache/haproxy/usr/sbin/haproxy ]] ||
		echo "bench-handoff: no HAProxy in build/cache (tools/deps.sh --haproxy): it is left out"
}
for part in steps.json guest.json service.rows; do
	[[ -s $out/handoff-$part ]] || die "$part was never measured: run it without HANDOFF_ONLY"
done
jq -n -L "$here" --arg kernel "$(uname -r)" --argjson cpus "$(nproc)" \
	--slurpfile steps "$out/handoff-steps.json" --slurpfile guest "$out/handoff-guest.json" \
	--slurpfile rows "$out/handoff-service.rows" \
	'include "handoff"; merge($kernel; $cpus; $steps[0]; $guest[0]; $rows)' >"$out/handoff.json"
report
