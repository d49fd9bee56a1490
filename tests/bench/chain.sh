#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for a chain: guest instructions in a VM on kernel 6.12, nanoseconds on
# this kernel. Writes build/bench/chain.json and prints it as tables; then what an upgrade
# takes. See docs/benchmarks.md.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/tests/bench
out=$root/build/bench
chain=build/tests/bench/chain
kernel=${SLOTD_BENCH_KERNEL:-6.12}

die() {
	printf 'bench-chain: %s\n' "$*" >&2
	exit 1
}

# filter OPTION EXPRESSION: jq on stdin, with what tests/bench/chain.jq defines
filter() {
	jq -L "$here" "$1" "include \"chain\"; $2"
}

columns() {
	column -t -s $'\t' | sed 's/^/  /'
}

# Runs that end before the guest's next timer tick, whose instructions would count as well.
measure_instructions() {
	local results=$root/build/vm/$kernel/results

	# shellcheck disable=SC2016 # the guest knows where its results go
	"$root/tests/vm/boot.sh" --icount "$kernel" sh -c \
		"$chain --instructions --repeat 1000 --trials 5 >\"\$SLOTD_VM_RESULTS/chain-$$.json\"" ||
		die "no instruction counts: the VM run failed"
	mv "$results/chain-$$.json" "$out/instructions.json"
}

measure_ns() {
	"$root/$chain" >"$out/ns.json" || die "no native run"
}

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

[[ $EUID -eq 0 ]] || die "needs root, for network namespaces and XDP: sudo make bench-chain"
[[ -x $root/$chain ]] || die "build/tests/bench/chain is not there: run make bench-chain"
cd "$root"
mkdir -p "$out"
measure_instructions
measure_ns
cat "$out/ns.json" "$out/instructions.json" | filter -s merge >"$out/chain.json"
report
"$here/upgrade.sh"
