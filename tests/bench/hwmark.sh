#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays that the device marked, and one that it did not: guest instructions in a
# VM on kernel 6.12, nanoseconds on this kernel; and in that VM how fast rules come and go.
# Writes build/bench/hwmark.json and prints it as tables. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

# add_rules: into what is there
add_rules() {
	in_guest hwmark-rules.json flower
	cat "$out/hwmark.json" "$out/hwmark-rules.json" | filter -s add_rules \
		>"$out/hwmark-whole.json"
	mv "$out/hwmark-whole.json" "$out/hwmark.json"
}

report() {
	local from=$out/hwmark.json

	print_packets
	printf '\nTimes faster, with the slot that makes the packets and without it\n'
	filter -r goal_lines <"$from" | columns
	printf '\nRules of flower on a veth (kernel %s), a nanosecond an instruction\n' \
		"$(jq -r .rules_kernel "$from")"
	filter -r rule_lines <"$from" | columns
}

bench_run hwmark 3 --size-max 10000
add_rules
report
