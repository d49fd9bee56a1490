# SPDX-License-Identifier: GPL-2.0-only
#
# From the runs of the benchmark of decap, in nanoseconds and by the instruction clock, and
# from round trips, to build/bench/decap.json, and from that to what people read.

def is_row($row): .path == $row.path and .kind == $row.kind;

def merge:
	. as [$native, $vm] |
	{
		kernel: $native.kernel, vm_kernel: $vm.kernel, trials: $native.trials,
		rows: [$native.rows[] | . as $row |
			. + {instructions: first($vm.rows[] | select(is_row($row)) | .ns | round)}]
	};

# The guest's round trips are emulated: only to be held against each other.
def add_round_trips($all; $here; $guest):
	def rtt($rows; $row): first($rows[] | select(is_row($row)) | .rtt_us) // null;
	$all + {
		rows: [
			($all.rows[] | . + {rtt_us: rtt($here; .), vm_rtt_us: rtt($guest; .)}),
			($here[] | select(.path == "pass") |
				. + {ns: 0, vm_rtt_us: rtt($guest; .)}),
			($here[] | select(.path | startswith("container")) |
				. + {ns: null, vm_rtt_us: null}),
			($guest[] | select(.path == "device" or .path == "fou") |
				{path, kind, ns: null, rtt_us: null, vm_rtt_us: .rtt_us})
		]
	};

# The whole way of a packet, by the same method for all; that of pass has no tunnel.
def add_ways($here; $guest):
	def way($rows; $row): first($rows[] |
		select(.path == $row.path and (.kind == $row.kind or .path == "pass")) | .ns) // null;
	.rows |= map(. + {way_ns: way($here.rows; .), vm_way_ns: way($guest.rows; .)});

def row_lines:
	(["path", "kind", "ns", "instructions", "way ns", "in the VM", "rtt us", "in the VM"] | @tsv),
	(.rows[] | [.path, .kind, .ns, .instructions, .way_ns, .vm_way_ns, .rtt_us, .vm_rtt_us] |
		map(. // "-") | @tsv);

# --- a picture --------------------------------------------------------------------------------

def bar($y; $name; $value; $most):
	"<text x=\"190\" y=\"\($y + 13)\" text-anchor=\"end\">\($name)</text>" +
	"<rect x=\"200\" y=\"\($y)\" width=\"\($value / $most * 400 | floor)\" height=\"16\"/>" +
	"<text x=\"\(206 + ($value / $most * 400 | floor))\" y=\"\($y + 13)\">\($value)</text>";

def bars($top; $title; $rows):
	([$rows[].value] | max) as $most |
	"<text x=\"10\" y=\"\($top)\" font-weight=\"bold\">\($title)</text>",
	($rows | to_entries[] | bar($top + 10 + .key * 22; .value.label; .value.value; $most));

# What each row has of @key, and under what title.
def chart($key; $title): {
	title: $title,
	rows: [.rows[] | select(.[$key] and .[$key] > 0) |
		{label: "\(.path) \(.kind)", value: .[$key]}]
};

# Charts, each below the one before it.
def stacked: reduce .[] as $chart ([]; . + [$chart + {
	top: (if length == 0 then 24 else last.top + (last.rows | length) * 22 + 40 end)}]);

def svg:
	([chart("ns"; "Nanoseconds a packet, of the program (\(.kernel))"),
		chart("way_ns"; "Nanoseconds a packet, from device to routing (\(.kernel))"),
		chart("vm_way_ns"; "The same in the VM, instructions (\(.vm_kernel))"),
		chart("rtt_us"; "Round trip of TCP, microseconds (\(.kernel))"),
		chart("vm_rtt_us"; "Round trip of TCP in the VM, microseconds (\(.vm_kernel))")] |
		map(select(.rows | length > 0)) | stacked) as $charts |
	($charts[-1] | .top + (.rows | length) * 22 + 30) as $height |
	"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"\($height)\" font-family=\"sans-serif\" font-size=\"12\">",
	"<style>rect { fill: #4a7ab5 }</style><rect width=\"100%\" height=\"100%\" style=\"fill: #fff\"/>",
	($charts[] | bars(.top; .title; .rows)),
	"</svg>";
