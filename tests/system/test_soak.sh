#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# timeout: 600
#
# The short form of make soak: few operations, all of its figures.

# shellcheck source=tests/support/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/tap.sh"
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
OPS=${SOAK_OPS:-40}
[[ ${SLOTD_TIER:-} != vm ]] || OPS=12

[[ $EUID -eq 0 ]] || {
	echo "1..0 # SKIP needs root, for network namespaces and XDP"
	exit 0
}
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

list_engines() {
	[[ -z ${SLOTD_TEST_ENGINE:-} ]] || { echo "$SLOTD_TEST_ENGINE"; return; }
	"$ROOT/build/bin/slotctl" verify --json "$ROOT/build/bpf/pass.bpf.o" |
		jq -r '.engines[] | select(.ok) | .engine'
}

figure() {
	jq -r "$1" "$OUT/soak.json"
}

for engine in $(list_engines); do
	TAP_PREFIX="[$engine] "
	TAP_OUT=$OUT/words
	rm -f "$OUT/soak.json"
	succeeds "$OPS operations drawn at random, under full-rate traffic, do no harm" \
		env SOAK_ENGINE="$engine" SOAK_OPS="$OPS" SOAK_OUT="$OUT/soak.json" \
		"$ROOT/tests/soak/soak.sh"
	[[ -s $OUT/soak.json ]] || continue
	figure 'to_entries[] | "\(.key): \(.value)"' | tap_note
	is "all of them were carried out" "$(figure .operations)" "$OPS"
	matches "slotd was killed in some" "$(figure .kills)" '^[1-9]'
	matches "packets to be passed were sent" "$(figure .sent)" '^[1-9][0-9]{2,}$'
	is "none of them is lost" "$(figure .lost)" 0
	matches "packets to be dropped were sent" "$(figure .sent_to_be_dropped)" '^[1-9][0-9]{2,}$'
	is "none of them passes unfiltered" "$(figure .unfiltered)" 0
	is "none meets two generations" "$(figure .mixed)" 0
	is "nothing is leaked" "$(figure .leaked)" 0
done
done_testing
