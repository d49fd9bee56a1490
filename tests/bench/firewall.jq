# SPDX-License-Identifier: GPL-2.0-only
#
# From two runs of the benchmark of rulesets, one in nanoseconds and one by the instruction
# clock, to build/bench/firewall.json (merge), and from that to what people read.

include "parts/plot";

def matches: ["first", "middle", "last", "none"];

# {MATCH: ns} of a ruleset of that size; null: it was not measured.
def costs($rows; $implementation; $rules):
	[$rows[] | select(.implementation == $implementation and .rules == $rules)
		| {(.match): .ns}] | add;

# The worst kind of packet counts. Of nft those that ask more than one rule: the first is
# within what its figures are good to.
def goals($rows):
	costs($rows; "slotd"; 10) as $few | costs($rows; "slotd"; 100000) as $many |
	costs($rows; "slotd"; 1000) as $own | costs($rows; "nft"; 1000) as $nft |
	[
		(if $few and $many then {
			what: "100,000 rules against 10, at most", limit: 1.5,
			measured: ([matches[] | $many[.] / $few[.]] | max * 100 | round / 100)
		} | .ok = (.measured <= .limit) else empty end),
		(if $own and $nft then {
			what: "nftables against slotd at 1,000 rules, at least", limit: 10,
			measured: ([matches[1:][] | $nft[.] / $own[.]] | min | round)
		} | .ok = (.measured >= .limit) else empty end)
	];

def merge:
	. as [$native, $vm] |
	$native + {
		vm_kernel: $vm.kernel,
		instructions: [$vm.rows[] | {rules, match, instructions: (.ns | round)}],
		goals: goals($native.rows)
	};

def table_lines($rows; $cost):
	(["", "rules"] + matches | @tsv),
	($rows | group_by([.implementation, .rules])[] | . as $row |
		[$row[0].implementation // "slotd", $row[0].rules] +
		[matches[] as $match | $row[] | select(.match == $match)[$cost]] | @tsv);

def load_lines:
	(["", "rules", "compile", "swap"] | @tsv),
	(.loads[] | [.implementation, .rules, .compile_ms // "-", .swap_ms // .load_ms] | @tsv);

def goal_lines:
	.goals[] | [if .ok then "ok" else "MISSED" end, "\(.what) \(.limit): \(.measured)"] | @tsv;

def last_rows($implementation):
	[.rows[] | select(.implementation == $implementation and .match == "last")
		| {label: "\(.rules) rules", value: .ns}];

def svg: plot([
	{title: "slotd, nanoseconds for a packet that meets a late rule (\(.kernel))",
		rows: last_rows("slotd")},
	{title: "nft, the same", rows: last_rows("nft")}
]);
