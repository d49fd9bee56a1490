#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Pictures of what benchmarks left in build/bench, by the svg of tests/bench/NAME.jq.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
drawn=0
for name in decap firewall; do
	[[ -e build/bench/$name.json ]] || continue
	jq -r -L tests/bench "include \"$name\"; svg" "build/bench/$name.json" >"build/bench/$name.svg"
	echo "  build/bench/$name.svg"
	drawn=$((drawn + 1))
done
[[ $drawn -gt 0 ]] || {
	echo "bench-plots: nothing to draw in build/bench: run make bench-decap or bench-firewall" >&2
	exit 1
}
