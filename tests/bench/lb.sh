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

	print_packets
	filter -r left_out_lines <"$from" | columns
	printf '\n%s\n' "$(jq -r '.bed | "The bed alone takes \(.ns) ns here, and took \(.katran_ns
		) where Katran was measured: paced ratios are divided by \(.pace)."' "$from")"
	printf '\nRings, milliseconds\n'
	filter -r cost_lines <"$from" | columns
	printf '\n%s\n' "$(filter -r memory_line <"$from")"
}

bench_run lb 3
report
