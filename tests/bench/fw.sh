#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What a packet pays for the firewall's ruleset by its size, beside nftables with the same
# rules. Writes build/bench/firewall.json and prints it as tables. See docs/benchmarks.md.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
out=$root/build/bench
fw=build/tests/bench/fw

die() {
	printf 'bench-firewall: %s\n' "$*" >&2
	exit 1
}

columns() {
	column -t -s $'\t' | sed 's/^/  /'
}

report() {
	local from=$out/firewall.json

	printf '\nA packet, in nanoseconds (kernel %s), by the rule that it meets first\n' \
		"$(jq -r .kernel "$from")"
	jq -r '["", "rules", "first", "middle", "last", "none"], (.rows
		| group_by([.implementation, .rules])[]
		| [.[0].implementation, .[0].rules]
			+ [.[] | select(.match == ("first", "middle", "last", "none")) | .ns])
		| @tsv' "$from" | columns
	printf '\nLoading, in milliseconds\n'
	jq -r '["", "rules", "compile", "swap"], (.loads[]
		| [.implementation, .rules, .compile_ms // "-", .swap_ms // .load_ms]) | @tsv' \
		"$from" | columns
	printf '\n%s\n' "$(jq -r '.goals | to_entries[] | "\(.key): \(.value)"' "$from")"
}

[[ $EUID -eq 0 ]] || die "needs root, for network namespaces and XDP: sudo make bench-firewall"
[[ -x $root/$fw ]] || die "build/tests/bench/fw is not there: run make bench-firewall"
cd "$root"
mkdir -p "$out"
"$fw" "$@" >"$out/firewall-rows.json" || die "no run"
# The worst kind of packet counts.
jq 'def ns($i; $n): [.rows[] | select(.implementation == $i and .rules == $n)]
		| map({(.match): .ns}) | add;
	ns("slotd"; 10) as $few | ns("slotd"; 100000) as $many
	| ns("slotd"; 1000) as $own | ns("nft"; 1000) as $nft
	| . + {goals: ({}
		+ (if $few and $many then
			{"100,000 rules against 10, at most 1.5":
				([$few | keys[] | $many[.] / $few[.]] | max * 100 | round / 100)}
			else {} end)
		+ (if $own and $nft then
			{"nftables against slotd at 1,000 rules, at least 10":
				(["middle", "last", "none"] | map($nft[.] / $own[.]) | min | round)}
			else {} end))}' "$out/firewall-rows.json" >"$out/firewall.json"
report
