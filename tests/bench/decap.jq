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

def row_lines:
	(["path", "kind", "ns", "instructions", "rtt us", "in the VM"] | @tsv),
	(.rows[] | [.path, .kind, .ns, .instructions, .rtt_us, .vm_rtt_us] |
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

def svg:
	[.rows[] | select(.ns and .ns > 0) | {label: "\(.path) \(.kind)", value: .ns}] as $ns |
	[.rows[] | select(.vm_rtt_us) | {label: "\(.path) \(.kind)", value: .vm_rtt_us}] as $vm |
	[.rows[] | select(.rtt_us) | {label: "\(.path) \(.kind)", value: .rtt_us}] as $rtt |
	(30 + ($ns | length) * 22 + 40) as $second |
	($second + ($rtt | length) * 22 + 40) as $third |
	"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"\($third +
		($vm | length) * 22 + 30)\" font-family=\"sans-serif\" font-size=\"12\">",
	"<style>rect { fill: #4a7ab5 }</style><rect width=\"100%\" height=\"100%\" style=\"fill: #fff\"/>",
	bars(24; "Nanoseconds a packet (\(.kernel))"; $ns),
	bars($second; "Round trip of TCP, microseconds (\(.kernel))"; $rtt),
	(if ($vm | length) > 0 then
		bars($third; "Round trip of TCP in the VM, microseconds (\(.vm_kernel))"; $vm)
	else empty end),
	"</svg>";
