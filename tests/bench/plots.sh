#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pictures of what benchmarks left in build/bench, for each that tests/bench/NAME.jq can draw.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
drawn=0
for from in build/bench/*.json; do
	name=$(basename "$from" .json)
	grep -qs '^def svg:' "tests/bench/$name.jq" || continue
	jq -r -L tests/bench "include \"$name\"; svg" "$from" >"build/bench/$name.svg"
	echo "  build/bench/$name.svg"
	drawn=$((drawn + 1))
done
[[ $drawn -gt 0 ]] || {
	echo "bench-plots: nothing to draw in build/bench: run make bench-decap" >&2
	exit 1
}
