# SPDX-License-Identifier: GPL-2.0-only
#
# From two runs of the chain benchmark, one by the instruction clock and one in nanoseconds,
# to build/bench/chain.json (merge), and from that to what people read (report).

def round2: . * 100 | round / 100;

# Cost per program in each step of a series of chains with one program or more.
def steps:
	[.[] | select(.programs > 0)] | sort_by(.programs) |
	[.[:-1], .[1:]] | transpose |
	map((.[1].cost - .[0].cost) / (.[1].programs - .[0].programs));

# From the shortest chain with a program to the longest.
def slope:
	[.[] | select(.programs > 0)] | sort_by(.programs) |
	if length < 2 then null
	else (.[-1].cost - .[0].cost) / (.[-1].programs - .[0].programs) end;

def series($engine; $counters; $unit):
	map(select(.engine == $engine and .counters == $counters and .[$unit] != null) |
		{programs, cost: .[$unit]});

def cost_of($programs): map(select(.programs == $programs))[0].cost;

# What one engine costs, counters on where it counts at all.
def costs($all; $engine; $counters; $unit):
	# libxdp puts a single program in the place of its dispatcher: no chain to measure from
	($all.rows | series($engine; $counters; $unit)
		| map(select($engine != "libxdp" or .programs > 1))) as $chains |
	($all.spread | series($engine; $counters; $unit)) as $spread |
	($all.varied | series($engine; $counters; $unit)) as $varied |
	($all.rows | series("alone"; false; $unit) | cost_of(1)) as $alone |
	($all.varied | series("alone"; false; $unit) | cost_of(1)) as $varied_alone |
	if $chains == [] then null else {
		per_slot: ($chains | slope | round2),
		per_slot_max: ($chains | steps | max | round2),
		per_slot_verdict_unknown:
			(if $varied == [] then null
			else ($varied | slope) - ($varied_alone - $alone) | round2 end),
		fixed: (if $engine == "libxdp" then null
			else ($chains | cost_of(1)) - $alone | round2 end),
		empty_slot:
			(if $spread == [] then null
			else ($spread | cost_of(2)) - ($chains | cost_of(2)) | round2 end)
	} end;

# What a canary or a skip costs above the same chain without; leaving out all slots but the first
# is held against a chain of that one.
def extra_costs($all; $engine; $unit):
	($all.rows | series($engine; true; $unit) | cost_of(5)) as $plain |
	($all.varied | series($engine; true; $unit) | cost_of(1)) as $one |
	[$all.extras[] | select(.engine == $engine and .[$unit] != null)
		| {key: .with, value: (.[$unit] - (if .with == "skips" then $one else $plain end)
			| round2)}] | from_entries;

def all_costs($all; $unit): {
	freplace: costs($all; "freplace"; true; $unit),
	fused: costs($all; "fused"; true; $unit),
	libxdp: costs($all; "libxdp"; false; $unit),
	tailcall: costs($all; "tailcall"; false; $unit)
};

def bar($what; $limit; $measured): {$what, $limit, $measured, ok: ($measured <= $limit)};

def bars: [
	bar("freplace, instructions per added slot"; 22; .freplace.per_slot),
	bar("freplace, the same, its dearest step"; 22; .freplace.per_slot_max),
	bar("fused, instructions per added slot"; 11; .fused.per_slot),
	bar("fused, the same, its dearest step"; 11; .fused.per_slot_max),
	bar("freplace, chain of one above the program alone"; 25; .freplace.fixed),
	bar("fused, chain of one above the program alone"; 25; .fused.fixed),
	bar("freplace, 18 empty slots between two programs"; 0; .freplace.empty_slot),
	bar("fused, 18 empty slots between two programs"; 0; .fused.empty_slot)
];

def merge:
	. as [$native, $vm] |
	{
		rows: ($vm.rows + $native.rows),
		spread: ($vm.spread + $native.spread),
		varied: ($vm.varied + $native.varied),
		extras: ($vm.extras + $native.extras),
		left_out: map(.kernel as $kernel | .left_out[] + {$kernel}),
		clocks: [
			($vm | {kernel, unit: "instructions", repeat, trials}),
			($native | {kernel, unit: "ns", repeat, trials})
		]
	} |
	.summary = {instructions: all_costs(.; "instructions"), ns_min: all_costs(.; "ns_min")} |
	. as $all |
	.summary.extras = (["freplace", "fused"] | map({key: ., value:
		extra_costs($all; .; "instructions")}) | from_entries) |
	.summary.bars = (.summary.instructions | bars);

def cell($unit): if $unit == "ns" then "\(.ns) (\(.ns_min))" else "\(.[$unit])" end;

def cells($rows; $engine; $counters; $unit):
	[0, 1, 2, 5, 10, 20] | map(. as $n |
		[$rows[] | select(.engine == $engine and .counters == $counters and .programs == $n)
			| select(.[$unit] != null) | cell($unit)] | first // "-");

def table($rows; $unit):
	(["engine", "counters", "0", "1", "2", "5", "10", "20"] | join("\t")),
	(["alone", false], ["freplace", true], ["freplace", false], ["fused", true],
		["fused", false], ["libxdp", false], ["tailcall", false]
		| . as [$engine, $counters]
		| cells($rows; $engine; $counters; $unit)
		| select(any(. != "-"))
		| [$engine, if $counters then "on" else "-" end] + . | join("\t"));

def cost_lines:
	(["", "per slot", "verdict unknown", "chain of one", "18 empty slots"] | join("\t")),
	(to_entries[] | select(.value) | .key as $engine | .value |
		[$engine, .per_slot, .per_slot_verdict_unknown, .fixed, .empty_slot]
		| map(. // "-" | tostring) | join("\t"));

def extra_lines:
	(["", "freplace", "fused"] | join("\t")),
	(.summary.extras as $extras | $extras.fused | keys_unsorted[] |
		[., ($extras.freplace[.] // "-"), $extras.fused[.]] | map(tostring) | join("\t"));

def bar_lines:
	.summary.bars[] |
	[if .ok then "ok" else "MISSED" end, .what, "\(.measured) (at most \(.limit))"] | join("\t");

def left_out_lines: .left_out[] | "\(.engine) is left out on \(.kernel): \(.reason)";
