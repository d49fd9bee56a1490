# SPDX-License-Identifier: GPL-2.0-only
#
# From two runs of the benchmark of marked packets, one in nanoseconds and one by the
# instruction clock, to build/bench/hwmark.json (merge), and from that to what people read.

def key: "\(.mode)/\(.flows)";

def round2: . * 100 | round / 100;

# What it costs in @rows, by mode and number of flows; null where that was not measured.
def cost($rows; $mode; $flows): [$rows[] | select(.mode == $mode and .flows == $flows) | .ns][0];

def ratio($rows; $a; $b): if $a and $b then $a / $b | round2 else null end;

def merge:
	. as [$native, $vm] |
	([$vm.rows[] | {key: key, value: .instructions}] | from_entries) as $counted |
	$native.rows as $rows |
	{
		rows: [$rows[] | . + {instructions: $counted[key]}],
		goals: [
			{
				goal: "flow, 100 flows: times faster than unmarked", at_least: 2,
				is: ratio($rows; cost($rows; "unmarked"; 100); cost($rows; "flow"; 100))
			},
			{
				goal: "destination, 100 flows: times faster than unmarked", at_least: 2,
				is: ratio($rows; cost($rows; "unmarked"; 100); cost($rows; "destination"; 100))
			},
			{
				goal: "destination: 1,000,000 flows over 100", at_most: 1.1,
				is: ratio($rows; cost($rows; "destination"; 1000000);
					cost($rows; "destination"; 100))
			}
		],
		clocks: [
			($vm | {kernel, unit: "instructions", repeat, trials}),
			($native | {kernel, unit: "ns", repeat, trials})
		]
	};

def row_lines:
	(["mode", "flows", "instructions", "ns", "(min)"] | join("\t")),
	(.rows[] | [.mode, .flows, (.instructions // "-"), .ns, "(\(.ns_min))"]
		| map(tostring) | join("\t"));

def goal_lines: .goals[] |
	"\(.goal): \(.is // "-") (\(if .at_least then "at least \(.at_least)" else "at most \(.at_most)" end))";
