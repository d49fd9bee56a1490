# SPDX-License-Identifier: GPL-2.0-only
#
# From two runs of the load balancer's benchmark, one in nanoseconds and one by the instruction
# clock, to build/bench/lb.json (merge), and from that to what people read.

# Katran's own cost, nanoseconds a packet, in a quiet hour of this kind of machine.
def katran: {
	ipip: {
		"v4 hit": 45, "v4 hit, 65,536 flows": 99, "v4 new": 374, "v4 SYN of one flow": 135,
		"v4 SYN flood": 73, "v4 UDP hit": 70, "v4 QUIC by id": 41, "v4 not a VIP": 21,
		"v6 new": 729
	},
	gue: {
		"v4 hit": 85, "v4 hit, 65,536 flows": 142, "v4 UDP hit": 117, "v4 QUIC by id": 89
	}
};
# What its bed, the wrapper and a program that passes, took in that hour.
def katran_bed: 8;

def goal: if (.case | endswith("new")) and .table == "transitions" then 0.2 else 0.8 end;

def key: [.case, .encap, .hash, .table];

def round2: . * 100 | round / 100;

# The measured minimum against Katran's, as it is and at the pace of that hour.
def add_ratio($pace):
	katran[.encap][.case] as $bar |
	if $bar and .ns_min then . + {
		katran_ns: $bar, goal: goal, ratio: (.ns_min / $bar | round2),
		ratio_paced: (.ns_min / $pace / $bar | round2)
	} else . end;

def merge:
	. as [$native, $vm] |
	([$vm.rows[] | {key: (key | join("/")), value: .instructions}] | from_entries) as $counted |
	([$native.rows[] | select(.case == "v4 not a VIP") | .stub_ns_min] | min) as $bed |
	($bed / katran_bed) as $pace |
	{
		rows: [$native.rows[] | . + {instructions: $counted[key | join("/")]}
			| add_ratio($pace)],
		costs: $native.costs,
		left_out: $native.left_out,
		bed: {ns: $bed, katran_ns: katran_bed, pace: ($pace | round2)},
		clocks: [
			($vm | {kernel, unit: "instructions", repeat, trials}),
			($native | {kernel, unit: "ns", repeat, trials})
		]
	};

def row_lines:
	(["case", "encap", "hash", "table", "instructions", "ns", "(min)", "Katran's", "ratio",
		"paced", "goal"] | join("\t")),
	(.rows[] | [.case, .encap, .hash, .table, (.instructions // "-"), .ns, "(\(.ns_min))",
		(.katran_ns // "-"), (.ratio // "-"), (.ratio_paced // "-"), (.goal // "-")]
		| map(tostring) | join("\t"));

def cost_lines:
	(["", "ring", "reals", "ms", "(min)"] | join("\t")),
	(.costs.rings[] | [.case, .ring, .reals, (.ms | round2), "(\(.ms_min | round2))"]
		| map(tostring) | join("\t"));

def memory_line: .costs.memory |
	"\(.vips) VIPs, \(.reals) reals: \(.bytes / 1048576 | round2) MB locked (bar: 64)";

def left_out_lines: .left_out[] |
	"\(.case), \(.encap), \(.hash), \(.table): left out, its packets do not go that way";
