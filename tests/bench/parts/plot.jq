# SPDX-License-Identifier: GPL-2.0-only
#
# A picture of bars, for tests/bench/NAME.jq to draw what is in build/bench/NAME.json.

def bar($y; $row; $most):
	($row.value / $most * 400 | floor) as $width |
	"<text x=\"190\" y=\"\($y + 13)\" text-anchor=\"end\">\($row.label)</text>" +
	"<rect x=\"200\" y=\"\($y)\" width=\"\($width)\" height=\"16\"/>" +
	"<text x=\"\(206 + $width)\" y=\"\($y + 13)\">\($row.value)</text>";

# Each with a scale of its own.
def bars($top):
	([.rows[].value] | max) as $most |
	"<text x=\"10\" y=\"\($top)\" font-weight=\"bold\">\(.title)</text>",
	(.rows | to_entries[] | bar($top + 10 + .key * 22; .value; $most));

# plot([{title, rows: [{label, value}]}]): SVG, one chart below the other; empty ones are left out.
def plot($charts):
	reduce ($charts[] | select(.rows != [])) as $chart ({top: 24, lines: []};
		.top as $top |
		{top: ($top + ($chart.rows | length) * 22 + 40),
			lines: (.lines + [$chart | bars($top)])}) |
	"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"\(.top)\" " +
		"font-family=\"sans-serif\" font-size=\"12\">",
	"<style>rect { fill: #4a7ab5 }</style>" +
		"<rect width=\"100%\" height=\"100%\" style=\"fill: #fff\"/>",
	.lines[],
	"</svg>";
