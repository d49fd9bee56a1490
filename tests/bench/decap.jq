# SPDX-License-Identifier: GPL-2.0-only
#
# From the runs of the benchmark of decap, on this kernel and in the guest, and from round
# trips, to build/bench/decap.json (merge, whole), and from that to what people read.

include "parts/plot";

def host: {where: "host", clock: "cpu"};
# Not held against the host's: a nanosecond is an instruction there.
def vm: {where: "vm", clock: "instructions"};

def merge:
	. as [$native, $vm] |
	{
		kernel: $native.kernel, vm_kernel: $vm.kernel, trials: $native.trials,
		rows: [
			($native.rows[] | host + {by: "program"} + .),
			($vm.rows[] | vm + {by: "program"} + . | .ns |= round)
		]
	};

def tenths: . * 10 | round / 10;

# What a packet pays above one that came without a tunnel; of that there are round trips of
# each kind, as it went to the same ports.
def ways($place; $rows; $trips):
	first($rows[] | select(.path == "pass") | .ns) as $pass |
	($trips[] | select(.path == "pass") | {path, kind, ns: $pass}),
		($rows[] | select(.path != "pass")) |
	$place + {by: "way", path, kind, ns: (.ns - $pass | tenths), way_ns: .ns};

# Round trips are of no method: rows of both have them.
def add_trips($trips): . as $row | . + {
	rtt_us: (first($trips[] | select(.path == $row.path and .kind == $row.kind) | .rtt_us) // null)};

def whole($way; $vm_way; $trips; $vm_trips):
	(.rows + [ways(host; $way.rows; $trips), ways(vm; $vm_way.rows; $vm_trips)]) as $rows |
	. + {
		rows: [$rows[] | if .where == "vm" then add_trips($vm_trips) else add_trips($trips) end],
		containers: [$trips[] | select(.path | startswith("container"))]
	};

def row_lines:
	(["where", "clock", "by", "path", "kind", "ns", "way ns", "rtt us"] | @tsv),
	((.rows + .containers)[] | [.where, .clock, .by, .path, .kind, .ns, .way_ns, .rtt_us] |
		map(. // "-") | @tsv);

# --- a picture --------------------------------------------------------------------------------

def chart($title; $key; rows): {
	title: $title,
	rows: [rows | select(.[$key] and .[$key] > 0) | {label: "\(.path) \(.kind)", value: .[$key]}]
};

def of($where; $by): .rows[] | select(.where == $where and .by == $by);

def svg: plot([
	chart("Nanoseconds above pass, of the program (\(.kernel))"; "ns"; of("host"; "program")),
	chart("Nanoseconds above no tunnel, from device to routing (\(.kernel))"; "ns";
		of("host"; "way")),
	chart("The same in the VM, an instruction a nanosecond (\(.vm_kernel))"; "ns";
		of("vm"; "way")),
	chart("Round trip of TCP, microseconds (\(.kernel))"; "rtt_us";
		of("host"; "way"), .containers[]),
	chart("Round trip of TCP in the VM, microseconds (\(.vm_kernel))"; "rtt_us"; of("vm"; "way"))
]);
