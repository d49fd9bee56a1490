#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for the firewall's ruleset by its size: guest instructions in a VM on
# kernel 6.12, nanoseconds on this kernel, there beside nftables with the same rules. Writes
# build/bench/firewall.json and prints it as tables. See docs/benchmarks.md.

# shellcheck source=tests/bench/parts/bench.sh
. "$(dirname "${BASH_SOURCE[0]}")/parts/bench.sh"

report() {
	local from=$out/firewall.json

	printf '\nA packet, in nanoseconds (kernel %s), by the rule that it meets first\n' \
		"$(jq -r .kernel "$from")"
	filter -r 'table_lines(.rows; "ns")' <"$from" | columns
	printf '\nIn instructions (kernel %s)\n' "$(jq -r .vm_kernel "$from")"
	filter -r 'table_lines(.instructions; "instructions")' <"$from" | columns
	printf '\nLoading, in milliseconds\n'
	filter -r load_lines <"$from" | columns
	printf '\n'
	filter -r goal_lines <"$from" | columns
}

# nft would ask 100,000 rules for each of the guest's packets.
bench_run firewall 2 --only slotd
report
