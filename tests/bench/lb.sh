#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for the load balancer: guest instructions in a VM on kernel 6.12,
# nanoseconds on this kernel, and beside that what rings and maps cost. Writes
# build/bench/lb.json and prints it as tables. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

report() {
	local from=$out/lb.json

	printf '\nA packet, in instructions (kernel %s) and nanoseconds (kernel %s, %s)\n' \
		"$(jq -r '.clocks[0].kernel' "$from")" "$(jq -r '.clocks[1].kernel' "$from")" \
		"$(jq -r '.clocks[1] | "median and minimum of \(.trials) trials"' "$from")"
	filter -r row_lines <"$from" | columns
	filter -r left_out_lines <"$from" | columns
	printf '\n%s\n' "$(jq -r '.bed | "The bed alone takes \(.ns) ns here, and took \(.katran_ns
		) where Katran was measured: paced ratios are divided by \(.pace)."' "$from")"
	printf '\nRings, milliseconds\n'
	filter -r cost_lines <"$from" | columns
	printf '\n%s\n' "$(filter -r memory_line <"$from")"
}

bench_run lb 3
report
