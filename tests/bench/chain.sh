#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for a chain: guest instructions in a VM on kernel 6.12, nanoseconds on
# this kernel. Writes build/bench/chain.json and prints it as tables; then what an upgrade
# takes. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

report() {
	local from=$out/chain.json

	printf '\nInstructions a packet, by programs in the chain, kernel %s\n' \
		"$(jq -r '.clocks[0].kernel' "$from")"
	filter -r 'table(.rows; "instructions")' <"$from" | columns
	printf '\nNanoseconds a packet, %s, kernel %s\n' \
		"$(jq -r '.clocks[1] | "median (and minimum) of \(.trials) trials"' "$from")" \
		"$(jq -r '.clocks[1].kernel' "$from")"
	filter -r 'table(.rows; "ns")' <"$from" | columns
	filter -r left_out_lines <"$from" | columns
	printf '\nCosts in instructions, with counters where there are any\n'
	filter -r '.summary.instructions | cost_lines' <"$from" | columns
	printf '\nA canary or a skip in the first of 5 slots, instructions more\n'
	filter -r extra_lines <"$from" | columns
	printf '\n'
	filter -r bar_lines <"$from" | columns
}

bench_run chain 5
report
"$here/upgrade.sh"
