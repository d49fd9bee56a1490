#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for the load balancer: guest instructions in a VM on kernel 6.12,
# nanoseconds on this kernel, and beside that what rings and maps cost. Writes
# build/bench/lb.json and prints it as tables. See docs/benchmarks.md.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/bench
out=$root/build/bench
lb=build/tests/bench/lb
kernel=${SLOTD_BENCH_KERNEL:-6.12}

die() {
	printf 'bench-lb: %s\n' "$*" >&2
	exit 1
}

# filter OPTION EXPRESSION: jq on stdin, with what tests/bench/lb.jq defines
filter() {
	jq -L "$here" "$1" "include \"lb\"; $2"
}

columns() {
	column -t -s $'\t' | sed 's/^/  /'
}

# Runs that end before the guest's next timer tick, whose instructions would count as well.
measure_instructions() {
	local results=$root/build/vm/$kernel/results

	# shellcheck disable=SC2016 # the guest knows where its results go
	"$root/tests/vm/boot.sh" --icount "$kernel" sh -c \
		"$lb --instructions --repeat 1000 --trials 3 >\"\$SLOTD_VM_RESULTS/lb-$$.json\"" ||
		die "no instruction counts: the VM run failed"
	mv "$results/lb-$$.json" "$out/lb-instructions.json"
}

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

[[ $EUID -eq 0 ]] || die "needs root, for network namespaces and XDP: sudo make bench-lb"
[[ -x $root/$lb ]] || die "build/tests/bench/lb is not there: run make bench-lb"
cd "$root"
mkdir -p "$out"
measure_instructions
"$lb" >"$out/lb-ns.json" || die "no native run"
cat "$out/lb-ns.json" "$out/lb-instructions.json" | filter -s merge >"$out/lb.json"
report
