# SPDX-License-Identifier: GPL-2.0-only
#
# From two runs of the benchmark of marked packets, one in nanoseconds and one by the
# instruction clock, to build/bench/hwmark.json (merge), with a run of the benchmark of rules
# (add_rules), and from that to what people read.

def key: "\(.mode)/\(.flows)";

def round2: . * 100 | round / 100;

# The figure @name of a row of @rows; null where that was not measured.
def figure($rows; $mode; $flows; $name):
	[$rows[] | select(.mode == $mode and .flows == $flows) | .[$name]][0];

# By all figures: [mode, flows] of @over to that of @under.
def ratios($rows; $over; $under):
	{
		is: "ns", least: "ns_min", instructions: "instructions",
		whole: "whole_ns", whole_least: "whole_ns_min", whole_instructions: "whole"
	} | map_values(. as $name |
		figure($rows; $over[0]; $over[1]; $name) as $a |
		figure($rows; $under[0]; $under[1]; $name) as $b |
		if $a and $b then $a / $b | round2 else null end);

def faster($rows; $than; $mode; $flows):
	{goal: "\($mode), \($flows) flows: times faster than \($than)"}
	+ (if $than == "unmarked" and $flows == 100 then {at_least: 2} else {} end)
	+ ratios($rows; [$than, $flows]; [$mode, $flows]);

def merge:
	. as [$native, $vm] |
	([$vm.rows[] | {key: key, value: {instructions, whole}}] | from_entries) as $counted |
	[$native.rows[] | . + {instructions: null, whole: null} + $counted[key]] as $rows |
	{
		rows: $rows,
		goals: [
			(100, 10000 | . as $flows | "flow", "destination" | . as $mode |
				"unmarked", "lb" | faster($rows; .; $mode; $flows)),
			{goal: "destination: 1,000,000 flows over 100", at_most: 1.1}
			+ ratios($rows; ["destination", 1000000]; ["destination", 100])
		],
		clocks: [
			($vm | {kernel, unit: "instructions", repeat, trials}),
			($native | {kernel, unit: "ns", repeat, trials})
		]
	};

def add_rules: .[0] + {rules: .[1].rules, rules_kernel: .[1].kernel};

def line: map(. // "-" | tostring) | join("\t");

def row_lines:
	(["mode", "flows", "instructions", "whole", "ns", "(min)", "whole", "(min)"] | line),
	(.rows[] | [.mode, .flows, .instructions, .whole, .ns, "(\(.ns_min))", .whole_ns,
		"(\(.whole_ns_min))"] | line);

def goal_lines:
	(["", "goal", "ns", "(min)", "instructions", "whole ns", "(min)", "instructions"] | line),
	(.goals[] | [.goal, if .at_least then "\(.at_least)" elif .at_most then "at most \(.at_most)" else null end,
		.is, "(\(.least))", .instructions, .whole, "(\(.whole_least))", .whole_instructions]
		| line);

def rule_lines:
	(["", "", "rules", "a second", "p50 us", "p99 us"] | line),
	(.rules[] | [.what, .how, .rules, .per_s, .p50_us, .p99_us] | line);
