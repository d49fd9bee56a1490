#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays that the device marked, and one that it did not: guest instructions in a
# VM on kernel 6.12, nanoseconds on this kernel. Writes build/bench/hwmark.json and prints it
# as tables. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

report() {
	local from=$out/hwmark.json

	printf '\nA packet, in instructions (kernel %s) and nanoseconds (kernel %s, %s)\n' \
		"$(jq -r '.clocks[0].kernel' "$from")" "$(jq -r '.clocks[1].kernel' "$from")" \
		"$(jq -r '.clocks[1] | "median and minimum of \(.trials) trials"' "$from")"
	filter -r row_lines <"$from" | columns
	filter -r goal_lines <"$from"
}

bench_run hwmark 3 --size-max 10000
report
